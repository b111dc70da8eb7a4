/*
 * jobs: much to do, and not all of it at once; again, where it may help; no faster than allowed.
 *
 * A thousand pages, eight at a time:
 *
 *     static torc_deferred *next_page(void *argument)
 *     {
 *         crawler *self = argument;
 *
 *         if (self->next == self->count)
 *             return NULL;
 *         return fetch(self->scope, self->pages[self->next++]);
 *     }
 *     ...
 *     torc_jobs_options options = { .next = next_page, .argument = self, .at_once = 8 };
 *     torc_deferred *all = torc_run_jobs(self->scope, &options);
 *
 * Something that may fail for a while:
 *
 *     torc_deferred *connection = torc_retry(self->scope, NULL, connect_to_server, self);
 *
 * At most ten a second, and five at a stroke:
 *
 *     torc_rate_limit_options rate = { .amount = 10, .burst = 5 };
 *     torc_rate_limit *limit = torc_rate_limit_new(scope, &rate);
 *     ...
 *     torc_add_callback(torc_rate_limit_take(limit, scope, 1), send_request, self);
 *
 * The three know nothing of each other, and fit together. Each ends with its scope, and goes by the
 * reactor's clock.
 */
#ifndef TORC_JOBS_H
#define TORC_JOBS_H

#include <torc/deferred.h>

#include <stddef.h>

TORC_BEGIN_DECLS

/* -- many jobs, some at once --------------------------------------------------------------- */

typedef struct torc_jobs_options {
    /*
     * Starts the next job and gives its deferred; NULL when there are no more. Called from the
     * loop's turn. Who wants each job's result adds callbacks to the deferred before returning it.
     */
    torc_deferred *(*next)(void *argument);
    void *argument;
    size_t at_once; /* 0: 10 */

    /* False: the first failure ends it all. True: failures are counted, and it goes on. */
    bool keeps_going;
} torc_jobs_options;

/* How it went. */
typedef struct torc_jobs_summary {
    size_t succeeded;
    size_t failed;
    const torc_failure *first_failure; /* NULL where none failed */
} torc_jobs_summary;

/*
 * Runs jobs until there are no more, each begun as soon as fewer than at_once are under way. Fires
 * with a summary (torc_result_jobs). Unless keeps_going is set, fires with the first failure
 * instead, as it is; then, and when it is cancelled, no further job begins and those under way are
 * cancelled by the end of the turn. Memory is for at_once jobs, however many there are.
 */
TORC_API torc_deferred *torc_run_jobs(torc_scope *scope, const torc_jobs_options *options);

/* Borrowed, as the result is. */
TORC_API const torc_jobs_summary *torc_result_jobs(torc_result result);

extern TORC_API const torc_type torc_type_jobs;

/* -- again, where it may help -------------------------------------------------------------- */

/* All zero is a sensible choice. */
typedef struct torc_retry_options {
    unsigned attempts_max;       /* 0: 5 */
    torc_time first_delay;       /* between the first two attempts; 0: 1 s */
    double factor;               /* each further delay is so much longer; below 1 (so 0): 2 */
    torc_time delay_max;         /* 0: 1 minute */

    /* The share of each delay that is left to chance, so that many do not come back at the same
       moment: up to 1, the whole; 0: a half; below 0: none. */
    double jitter;

    /* Which failures are worth another attempt, their descendants included; ended by NULL. NULL:
       all but torc_error_cancelled and torc_error_invalid_argument. */
    const torc_failure_type *const *worth;
} torc_retry_options;

/* Makes an attempt; NULL where there was nothing to wait for. */
typedef torc_deferred *torc_attempt(void *argument);

/*
 * Calls attempt(argument), from the turn to come on, until its deferred does not fail, and fires
 * with that result. A failure that is not worth another attempt is passed on as it is. That of the
 * last attempt is the cause of a failure of the same type, which says how many attempts there were.
 * Cancelling ends it, whether an attempt is under way (which is then cancelled by the end of the
 * turn) or it waits for the next. `options` may be NULL.
 */
TORC_API torc_deferred *torc_retry(torc_scope *scope, const torc_retry_options *options,
    torc_attempt *attempt, void *argument);

/* -- no faster than allowed ---------------------------------------------------------------- */

/*
 * A bucket of tokens that fills at a steady rate and is full at the start. Who takes more than is
 * there waits in line.
 */
typedef struct torc_rate_limit torc_rate_limit;

typedef struct torc_rate_limit_options {
    uint64_t amount;    /* so many tokens come in each `per`; 0: 1 */
    torc_time per;      /* 0: 1 s */
    uint64_t burst;     /* so many the bucket holds; 0: as `amount` */
    size_t waiters_max; /* 0: 1024 */
} torc_rate_limit_options;

/*
 * Lives until `scope` ends. `options` may be NULL. NULL when memory is out, when `scope` has ended,
 * or for numbers beyond all measure: a burst that takes two centuries to come, 90 tokens in each
 * nanosecond.
 */
TORC_API torc_rate_limit *torc_rate_limit_new(
    torc_scope *scope, const torc_rate_limit_options *options);

/*
 * Fires with nothing when `amount` tokens were there and have been taken: first come, first served,
 * so that who wants many is not passed by those who want few. Cancelling gives up the place in the
 * line. Fails at once with torc_error_invalid_argument for more than the bucket holds, and with
 * torc_error_limit where the line is full. When the limit's scope ends first, it fails with
 * torc_error_cancelled by the end of the turn.
 */
TORC_API torc_deferred *torc_rate_limit_take(
    torc_rate_limit *limit, torc_scope *scope, uint64_t amount);

/* Takes them if they are there and nobody waits, and tells whether it did. */
TORC_API bool torc_rate_limit_try(torc_rate_limit *limit, uint64_t amount);

TORC_END_DECLS

#endif /* TORC_JOBS_H */
