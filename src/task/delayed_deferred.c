/*
 * Delayed deferreds: a deferred, and the delayed call that fires it. For a handle on its call the
 * deferred has no room, and needs none: it knows the slot, which stays as long as the reactor does,
 * and the slot says whether it is still about this deferred.
 */
#include <torc/task.h>

#include "deferred/deferred.h"
#include "reactor/reactor.h"

static void fire(void *deferred)
{
    torc_fire(deferred, torc_nothing());
}

static void disarm(torc_deferred *deferred, void *slot)
{
    torc__delayed_drop(slot, fire, deferred);
}

torc_deferred *torc_after(torc_scope *scope, torc_time delay)
{
    torc_deferred *deferred;
    torc_delayed_call call;

    torc__check_thread(scope->reactor, "torc_after");
    deferred = torc_deferred_new(scope, disarm, NULL);
    if (scope->ended)
        return deferred;
    call = torc_call_later(scope, delay, fire, deferred);
    if (call.slot != NULL)
        deferred->argument = call.slot;
    else
        torc_fire(deferred, torc_fail_with(&torc_error_out_of_memory, "cannot wait for a while"));
    return deferred;
}

torc_deferred *torc_call_after(
    torc_scope *scope, torc_time delay, torc_callback *callback, void *self)
{
    torc_deferred *deferred = torc_after(scope, delay);

    torc_add_callback(deferred, callback, self);
    return deferred;
}
