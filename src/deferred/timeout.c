/*
 * Timeouts of deferreds: a link of the chain and a delayed call that know each other. Whichever
 * comes first ends both: when the chain reaches the link there is a result and the call is
 * disarmed; when the call comes first the deferred is cancelled, and the link turns the
 * cancellation that reaches it into a timeout.
 *
 * The timer is armed in the root scope, because it needs no end of its own: a deferred whose scope
 * ends drops its links, and this one with them.
 */
#include "deferred/deferred.h"

#include "base/memory.h"

#include <torc/log.h>

#include <inttypes.h>

typedef struct timeout {
    torc__grave grave;
    torc_timer timer;
    torc_deferred *deferred;
    torc_time delay;
    bool expired;
} timeout;

static void free_timeout(torc__grave *grave)
{
    torc__free(grave);
}

/* The timer's own call may be on the stack: the memory stays until the turn is over. */
void torc__timeout_drop(void *dropped)
{
    timeout *self = dropped;

    torc_timer_cancel(&self->timer);
    torc__bury(self->deferred->reactor, &self->grave, free_timeout);
}

static torc_failure *timeout_failure(torc_time delay)
{
    return torc_failure_new(&torc_error_timeout, "no result within %" PRId64 ".%03d s",
        delay / TORC_SECOND, (int)(delay % TORC_SECOND / TORC_MILLISECOND));
}

torc_result torc__timeout_passed(void *passed, torc_result result)
{
    timeout *self = passed;
    bool expired = self->expired;
    torc_time delay = self->delay;

    torc__timeout_drop(self);
    if (!expired || !torc_is_failure(result) ||
        !torc_failure_is(result.as.pointer, &torc_error_cancelled))
        return result;
    return torc_fail(torc_failure_because(
        timeout_failure(delay), torc_failure_hold(result.as.pointer)));
}

static void expire(void *argument)
{
    timeout *self = argument;

    self->expired = true;
    torc_cancel(self->deferred);
}

void torc_set_timeout(torc_deferred *deferred, torc_time delay)
{
    timeout *self;

    torc__deferred_check(deferred, "torc_set_timeout");
    if (deferred->state.ended || torc__deferred_is_dry(deferred))
        return;
    self = torc__allocate_zeroed(sizeof(*self));
    if (self == NULL) {
        /* Better an early end than a wait without one. */
        torc_log_error("out of memory: a deferred is cancelled at once for want of its timeout");
        torc_cancel(deferred);
        return;
    }
    self->deferred = deferred;
    self->delay = delay > 0 ? delay : 0;
    torc_timer_set(&self->timer, &deferred->reactor->root, self->delay, expire, self);
    torc_add_both(deferred, torc__timeout_passed, self);
}
