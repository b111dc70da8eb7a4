/*
 * torc_maybe: what may or may not take time, made to look as if it did.
 *
 * The deferred is one of its own also where the action gave one, so that it belongs to the scope
 * that was asked for, wherever that one lives.
 */
#include "deferred/deferred.h"

torc_deferred *torc_maybe(torc_scope *scope, torc_action *action, void *argument)
{
    torc_deferred *outer;
    torc_result result;

    torc__check_thread(scope->reactor, "torc_maybe");
    result = action(scope, argument);
    if (result.type != &torc_type_deferred)
        return torc_deferred_fired(scope, result);
    outer = torc_deferred_new(scope, NULL, NULL);
    torc_chain(result.as.pointer, outer);
    return outer;
}
