/*
 * gather: one deferred for many.
 *
 *     torc_deferred *pages[3];
 *     ...
 *     torc_deferred *all = torc_gather(scope, pages, 3);
 *
 *     torc_add_callback(all, print_sum, NULL);      // gets a list: see torc_list_at
 *
 *     torc_gather           all of them; the first failure cancels the rest
 *     torc_gather_outcomes  all of them, whatever comes of each
 *     torc_first_success    the first that does not fail; cancels the rest
 *     torc_race             the first, whatever comes of it; cancels the rest
 *
 * Each takes the deferreds over: it is the last in their chains, waits for what stands there when it
 * is called, and leaves nothing to callbacks that are added later. What comes of those that were
 * cancelled, or come too late, is released and not logged. The array is only read during the call.
 *
 * The result lives in `scope`; the deferreds may live in others. Cancelling it cancels all of them,
 * and it fails with torc_error_cancelled. When its scope ends, they are cancelled by the end of the
 * turn. When the scope of one of them ends, that one has failed, with torc_error_cancelled.
 *
 * With a count of 0 there is a result at once: an empty list, or a failure where one was to win.
 * When memory is out, all are cancelled and the result is a failure that says so.
 *
 * A gather may be part of another; each level takes stack while results, or a cancellation, pass.
 *
 * Gathering a deferred twice, one that another waits for, or one of another reactor aborts. A
 * deferred whose chain waits for the gather that waits for it would wait for ever: cancel either.
 */
#ifndef TORC_GATHER_H
#define TORC_GATHER_H

#include <torc/deferred.h>

TORC_BEGIN_DECLS

/* Descends from torc_error: none succeeded. The message lists the failures; the cause is the first. */
extern TORC_API const torc_failure_type torc_error_all_failed;

/*
 * A list of their results, in the order of the array. When one fails, the others are cancelled, and
 * the result is a failure of the same type and code whose message says which one it was, and whose
 * cause is that one's failure.
 */
TORC_API torc_deferred *torc_gather(
    torc_scope *scope, torc_deferred *const *deferreds, size_t count);

/* A list of all outcomes, in the order of the array: values, and failures, which it takes over. */
TORC_API torc_deferred *torc_gather_outcomes(
    torc_scope *scope, torc_deferred *const *deferreds, size_t count);

/* The value of the first that succeeds. When all fail: a failure of type torc_error_all_failed. */
TORC_API torc_deferred *torc_first_success(
    torc_scope *scope, torc_deferred *const *deferreds, size_t count);

/*
 * The first that has an outcome. A value comes with its index, and the two functions below take
 * them apart; a failure is one as of torc_gather.
 */
TORC_API torc_deferred *torc_race(torc_scope *scope, torc_deferred *const *deferreds, size_t count);

static inline size_t torc_race_index(torc_result won)
{
    return (size_t)torc_result_integer(torc_list_at(won, 0));
}

/* Borrowed from `won`. */
static inline torc_result torc_race_value(torc_result won)
{
    return torc_list_at(won, 1);
}

TORC_END_DECLS

#endif /* TORC_GATHER_H */
