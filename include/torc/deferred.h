/*
 * deferred: a promised result, and the chain of callbacks that wait for it.
 *
 * Who starts something gives back a torc_deferred; who wants the result adds callbacks. Each
 * callback's result is the next one's input. A failure skips to the next errback (optionally one
 * that takes only its type); an errback that returns something else puts the chain back on the
 * callbacks' side. A callback that returns a deferred (torc_wait_for) pauses the chain until that
 * one has its result.
 *
 *     torc_deferred *page = fetch(torc_scope_of(self), "index.html");
 *
 *     torc_add_callback(page, show, self);
 *     torc_add_errback(page, torc_log_failure, "fetching the index");
 *
 * When callbacks run: at once, inside torc_fire, and inside torc_add_... when the result is there
 * already. This is the one exception to the rule that no call of yours runs your code. A callback
 * added while the chain runs is appended, not nested.
 *
 * Life: the engine frees. A deferred belongs to the scope that it was made in; when that ends, it
 * is cancelled and none of its callbacks runs. Deferreds of other scopes that wait for it, or that
 * it waits for, are failed or cancelled by the end of the turn. One that has its result and no
 * callback left to run is freed at the end of the loop's turn; so add callbacks in the turn in
 * which you were handed it, or hold it (torc_deferred_hold). A failure that no errback took by
 * then is logged, once, with its trace. A value that nobody took is released. A deferred made in a
 * scope that has ended has failed, with torc_error_cancelled; firing it once is harmless.
 *
 * Firing twice, chaining one deferred to two, or using one that is gone aborts with a message that
 * says so; torc_set_deferred_debugging has it say where. Cancelling a deferred from inside its own
 * chain does nothing: it has fired. A chain may be of any length and depth: nothing here recurses.
 */
#ifndef TORC_DEFERRED_H
#define TORC_DEFERRED_H

#include <torc/result.h>
#include <torc/scope.h>
#include <torc/time.h>

TORC_BEGIN_DECLS

typedef torc_result torc_callback(void *self, torc_result result);

/*
 * Stops the work behind a deferred that has not fired. It may fire it (then that is the result) or
 * not (then the result is a failure of type torc_error_cancelled). After it returns, the deferred
 * must not be fired any more. Called at most once.
 */
typedef void torc_canceller(torc_deferred *deferred, void *argument);

/* -- for who makes the promise ------------------------------------------------------------- */

/*
 * A promise in `scope`. `cancel` may be NULL: then a cancelled deferred fails at once, and one
 * late torc_fire is swallowed. Never NULL: when memory is out the process ends with a message,
 * because a promise that cannot be made cannot be reported either (pools make this rare).
 */
TORC_API torc_deferred *torc_deferred_new(
    torc_scope *scope, torc_canceller *cancel, void *argument);

/* Already fired, with `result` (a value or a failure), which it takes over. */
TORC_API torc_deferred *torc_deferred_fired(torc_scope *scope, torc_result result);

/* Gives the result, which is taken over: a value or a failure, not a deferred. Runs the chain. */
TORC_API void torc_fire(torc_deferred *deferred, torc_result result);

/*
 * Fires `outer` with what comes of `inner`, once its chain has run dry; a failure is then `outer`'s
 * to handle. Until then cancelling `outer` cancels `inner`. Counts as the firing of `outer`, and as
 * waiting for `inner`; where `outer` was cancelled before, `inner` is.
 */
TORC_API void torc_chain(torc_deferred *inner, torc_deferred *outer);

/*
 * Something to be done, at once or in time: gives a value, a failure, or a deferred by
 * torc_wait_for. What it starts belongs to `scope`.
 */
typedef torc_result torc_action(torc_scope *scope, void *argument);

/* Calls action(scope, argument), now; whatever it gives, what you get is a deferred in `scope`. */
TORC_API torc_deferred *torc_maybe(torc_scope *scope, torc_action *action, void *argument);

/* -- for who waits ------------------------------------------------------------------------- */

/*
 * The first four callbacks need no memory. Where there is none for a further one, the process ends
 * with a message: a chain with a link missing would go wrong in silence.
 */
TORC_API void torc_add_callback(torc_deferred *deferred, torc_callback *callback, void *self);
TORC_API void torc_add_errback(torc_deferred *deferred, torc_callback *errback, void *self);

/* An errback for failures of `type` and its descendants; others pass by. */
TORC_API void torc_add_errback_for(
    torc_deferred *deferred, const torc_failure_type *type, torc_callback *errback, void *self);

/* One link of the chain: the errback does not see the callback's own failure. */
TORC_API void torc_add_callbacks(
    torc_deferred *deferred, torc_callback *callback, torc_callback *errback, void *self);

/* The same function for values and failures. */
TORC_API void torc_add_both(torc_deferred *deferred, torc_callback *both, void *self);

/*
 * Turns failures of type `from` and its descendants into those of type `to`, so that who waits need
 * not know how the work was done: their message is `text` and the failure's own, their cause is the
 * failure. Others pass by. The conversion must outlive the deferred: make it static.
 *
 *     static const torc_conversion no_mirror = {
 *         &torc_error_connection, &error_mirror, "the mirror cannot be reached" };
 *
 *     torc_add_conversion(page, &no_mirror);
 */
typedef struct torc_conversion {
    const torc_failure_type *from;
    const torc_failure_type *to;
    const char *text;
} torc_conversion;

TORC_API void torc_add_conversion(torc_deferred *deferred, const torc_conversion *conversion);

/*
 * Cancels: not fired: the canceller is asked, once. Waiting for another deferred: that one is
 * cancelled, however deep. Fired and finished: a no-op.
 */
TORC_API void torc_cancel(torc_deferred *deferred);

/*
 * Cancels unless there is a result within `delay`; the failure is then of type torc_error_timeout
 * and names the delay. What the canceller fires instead passes through as it is. Callbacks added
 * before this call see the cancellation, those added after it the timeout. When memory is out it
 * cancels at once.
 */
TORC_API void torc_set_timeout(torc_deferred *deferred, torc_time delay);

/* Stops the chain from running on, and lets it; counted, so that they nest. */
TORC_API void torc_deferred_pause(torc_deferred *deferred);
TORC_API void torc_deferred_unpause(torc_deferred *deferred);

/* Keeps the deferred and its result allocated after its chain has run dry; counted. */
TORC_API torc_deferred *torc_deferred_hold(torc_deferred *deferred);
TORC_API void torc_deferred_release(torc_deferred *deferred);

/* Whether torc_fire has been called. */
TORC_API bool torc_deferred_has_fired(const torc_deferred *deferred);

/*
 * Whether there is a result now with nothing left to run: then *ret_result is it, borrowed.
 */
TORC_API bool torc_deferred_result(const torc_deferred *deferred, torc_result *ret_result);

/* An errback that logs the failure under the name `what` (a C string) and goes on with nothing. */
TORC_API torc_result torc_log_failure(void *what, torc_result failed);

/*
 * A callback or errback that goes on with nothing; to be quiet about what one cancels oneself:
 *
 *     torc_add_errback_for(search, &torc_error_cancelled, torc_forget, NULL);
 */
TORC_API torc_result torc_forget(void *unused, torc_result result);

/* -- for who looks for a mistake ----------------------------------------------------------- */

/*
 * Whether deferreds that are made from now on remember where they were made, and where fired or
 * cancelled. Messages about firing twice, failures that nobody took, and what a test has left
 * pending then say so, innermost call first, as "main+0x2f (program+0x11f3)"; addr2line -e program
 * 0x11f3 tells the line. For the whole process, from any thread; on from the first reactor where
 * the environment has TORC_DEBUG=deferreds. Off, it costs nothing; on, an allocation for each.
 */
TORC_API void torc_set_deferred_debugging(bool on);

TORC_END_DECLS

#endif /* TORC_DEFERRED_H */
