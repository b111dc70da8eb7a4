/*
 * Retrying: one timer for the moment of the next attempt, one guard for the attempt under way.
 *
 * The delays are computed in a double, which neither overflows nor loses what a clock can show. The
 * chance comes from src/base/random.c, of which a simulation gives the seed; it is asked for only
 * when there is a delay to vary.
 */
#include <torc/jobs.h>
#include <torc/timer.h>

#include "base/memory.h"
#include "base/random.h"
#include "reactor/reactor.h"
#include "task/members.h"
#include "task/waiting.h"

#include <stdio.h>

typedef struct retrying {
    torc__grave grave; /* first */
    torc_scoped scoped;
    torc_timer timer;
    torc_reactor *reactor;
    torc_scope *scope;
    torc_deferred *done; /* NULL: it is over */
    torc_deferred *waiting;
    torc_retry_options options;
    torc_attempt *attempt;
    void *argument;
    double delay;        /* before the next attempt, without chance */
    unsigned attempts;   /* that were begun */
    bool has_random;
    torc__random random;
} retrying;

/* -- ending -------------------------------------------------------------------------------- */

static void free_retrying(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, retrying, grave));
}

static void close_retrying(retrying *self)
{
    if (self->done == NULL)
        return;
    self->done = NULL;
    torc_timer_cancel(&self->timer);
    torc_scope_remove(&self->scoped);
    torc__stop_waiting(&self->waiting);
    torc__bury(self->reactor, &self->grave, free_retrying);
}

static void scope_ended(torc_scoped *scoped)
{
    close_retrying(TORC_CONTAINER_OF(scoped, retrying, scoped));
}

static void cancelled(torc_deferred *deferred, void *argument)
{
    (void)deferred;
    close_retrying(argument);
}

static void finish(retrying *self, torc_result result)
{
    torc_deferred *done = self->done;

    close_retrying(self);
    torc_fire(done, result);
}

static void describe(const torc_scoped *scoped, char *text, size_t size)
{
    const retrying *self = TORC_CONTAINER_OF(scoped, retrying, scoped);

    snprintf(text, size, "%u of %u attempts begun", self->attempts, self->options.attempts_max);
}

const torc__member_kind torc__members_retry = {
    .end = scope_ended,
    .name = "retry",
    .describe = describe,
};

/* -- attempts ------------------------------------------------------------------------------ */

/* Even from 0 up to 1. */
static double chance(retrying *self)
{
    if (!self->has_random)
        torc__random_init(&self->random);
    self->has_random = true;
    return (double)(torc__random_next(&self->random) >> 11) / (double)(UINT64_C(1) << 53);
}

static torc_time take_delay(retrying *self)
{
    double longest = (double)self->options.delay_max;
    double delay = self->delay < longest ? self->delay : longest;

    self->delay = delay * self->options.factor;
    if (self->options.jitter > 0)
        delay -= delay * self->options.jitter * chance(self);
    return delay < (double)(TORC_NEVER / 2) ? (torc_time)delay : TORC_NEVER / 2;
}

static bool is_worth(const retrying *self, const torc_failure *failure)
{
    static const torc_failure_type *const hopeless[] = {
        &torc_error_cancelled, &torc_error_invalid_argument, NULL,
    };
    bool all_but = self->options.worth == NULL;
    const torc_failure_type *const *type = all_but ? hopeless : self->options.worth;

    while (*type != NULL && !torc_failure_is(failure, *type))
        type++;
    return (*type != NULL) != all_but;
}

static torc_failure *give_up(const retrying *self, const torc_failure *last)
{
    const char *text = torc_failure_text(last);
    torc_failure *failure = self->attempts == 1
        ? torc_failure_new(torc_failure_type_of(last), "gave up after 1 attempt: %s", text)
        : torc_failure_new(torc_failure_type_of(last), "gave up after %u attempts, the last: %s",
              self->attempts, text);

    return torc_failure_because(failure, torc_failure_hold(last));
}

static void try_once(void *argument);

static torc_result attempt_over(void *argument, torc_result result)
{
    retrying *self = argument;

    self->waiting = NULL;
    if (!torc_is_failure(result) || !is_worth(self, torc_result_failure(result)))
        finish(self, torc_result_hold(result));
    else if (self->attempts >= self->options.attempts_max)
        finish(self, torc_fail(give_up(self, torc_result_failure(result))));
    else
        torc_timer_set(&self->timer, self->scope, take_delay(self), try_once, self);
    return torc_nothing();
}

static void try_once(void *argument)
{
    retrying *self = argument;
    torc_deferred *attempt;

    self->attempts++;
    attempt = self->attempt(self->argument);
    if (self->done == NULL) {
        if (attempt != NULL)
            torc__abandon(torc_wait_for(attempt));
    } else if (attempt == NULL) {
        finish(self, torc_nothing());
    } else {
        torc__wait(&self->waiting, self->scope, attempt, attempt_over, self);
    }
}

/* -- starting ------------------------------------------------------------------------------ */

static void set_options(retrying *self, const torc_retry_options *options)
{
    torc_retry_options *own = &self->options;

    if (options != NULL)
        *own = *options;
    if (own->attempts_max == 0)
        own->attempts_max = 5;
    if (own->first_delay <= 0)
        own->first_delay = TORC_SECOND;
    if (!(own->factor >= 1))
        own->factor = 2;
    if (own->delay_max <= 0)
        own->delay_max = TORC_MINUTE;
    if (own->jitter == 0)
        own->jitter = 0.5;
    if (own->jitter > 1)
        own->jitter = 1;
    self->delay = (double)own->first_delay;
}

torc_deferred *torc_retry(torc_scope *scope, const torc_retry_options *options,
    torc_attempt *attempt, void *argument)
{
    retrying *self;

    torc__check_thread(scope->reactor, "torc_retry");
    if (scope->ended)
        return torc_deferred_new(scope, NULL, NULL);
    self = torc__allocate_zeroed(sizeof(*self));
    if (self == NULL)
        return torc_deferred_fired(
            scope, torc_fail_with(&torc_error_out_of_memory, "cannot try and try again"));
    self->reactor = scope->reactor;
    self->scope = scope;
    self->attempt = attempt;
    self->argument = argument;
    set_options(self, options);
    self->done = torc_deferred_new(scope, cancelled, self);
    torc_scope_add(scope, &self->scoped, scope_ended);
    torc_timer_set(&self->timer, scope, 0, try_once, self);
    return self->done;
}
