/*
 * Guards, on the inside of deferreds: a guard ends as the end of its scope would end it, and a
 * deferred is bereft as one is whose inner deferred has ended.
 */
#include "task/waiting.h"

#include "deferred/deferred.h"

static torc_result wait_for_inner(void *inner, torc_result nothing)
{
    (void)nothing;
    return torc_wait_for(inner);
}

void torc__wait(torc_deferred **guard, torc_scope *scope, torc_deferred *inner,
    torc_callback *over, void *self)
{
    torc_deferred *waiting = torc_deferred_fired(scope, torc_nothing());

    *guard = waiting;
    torc_add_callback(waiting, wait_for_inner, inner);
    torc_add_both(waiting, over, self);
}

void torc__stop_waiting(torc_deferred **guard)
{
    torc_deferred *waiting = *guard;

    *guard = NULL;
    if (waiting == NULL || waiting->state.ended)
        return;
    torc_scope_remove(&waiting->place.scoped);
    torc__deferred_end(&waiting->place.scoped);
}

static void abandon_deferred(torc_deferred *deferred)
{
    torc__deferred_check(deferred, "torc_wait_for");
    if (deferred->state.ended || deferred->waiter != NULL)
        return;
    deferred->state.cancel_due = true;
    torc__deferred_queue_due(deferred);
}

void torc__abandon(torc_result result)
{
    if (result.type == &torc_type_deferred)
        abandon_deferred(result.as.pointer);
    else
        torc_result_release(result);
}

void torc__bereave(torc_deferred *deferred)
{
    if (deferred->state.fired || deferred->state.ended)
        return;
    deferred->state.fired = true;
    deferred->state.bereft = true;
    deferred->state.quiet = true;
    torc__deferred_queue_due(deferred);
}

void torc__fire_stopped(torc_deferred *deferred, const char *what)
{
    deferred->state.quiet = true;
    torc_fire(deferred, torc__cancelled(what));
}
