/*
 * Stopping in order: three phases of triggers, each waiting for the deferreds of its own.
 */
#include "reactor/reactor.h"

#include "base/memory.h"

#include <torc/log.h>

enum { PHASES = 3 };

typedef struct shutdown_trigger {
    torc_scoped scoped; /* first; linked only until it is called */
    torc__list link;    /* in reactor->triggers[phase], then in reactor->stopping */
    torc_reactor *reactor;
    torc_trigger *call;
    void *argument;
} shutdown_trigger;

static void forget(shutdown_trigger *trigger)
{
    torc__list_remove(&trigger->link);
    torc__free(trigger);
}

static void trigger_scope_ended(torc_scoped *scoped)
{
    forget(TORC_CONTAINER_OF(scoped, shutdown_trigger, scoped));
}

void torc_on_shutdown(torc_scope *scope, torc_phase phase, torc_trigger *trigger, void *argument)
{
    torc_reactor *reactor = scope->reactor;
    shutdown_trigger *made;

    torc__check_thread(reactor, "torc_on_shutdown");
    if (scope->ended)
        return;
    made = torc__allocate_zeroed(sizeof *made);
    if (made == NULL) {
        torc_log_error("out of memory: a shutdown trigger is not registered");
        return;
    }
    made->reactor = reactor;
    made->call = trigger;
    made->argument = argument;
    torc__list_append(&reactor->triggers[phase], &made->link);
    torc_scope_add(scope, &made->scoped, trigger_scope_ended);
}

/* -- the phases ---------------------------------------------------------------------------- */

static torc_result trigger_is_done(void *argument, torc_result result)
{
    shutdown_trigger *trigger = argument;
    torc_reactor *reactor = trigger->reactor;

    if (torc_is_failure(result))
        torc_log_describe(
            TORC_LOG_ERROR, "A shutdown trigger failed", torc_result_failure(result));
    forget(trigger);
    if (torc__list_is_empty(&reactor->stopping))
        torc__queue_task(reactor, &reactor->stop_task);
    return torc_nothing();
}

static torc_result go_on_to(void *deferred, torc_result nothing)
{
    (void)nothing;
    return torc_wait_for(deferred);
}

/*
 * By a deferred of the root's own: one in a narrower scope may end without running what was added
 * to it, but who waits for it is told.
 */
static void wait_for(shutdown_trigger *trigger, torc_deferred *deferred)
{
    torc_deferred *waiting = torc_deferred_fired(&trigger->reactor->root, torc_nothing());

    torc_add_callback(waiting, go_on_to, deferred);
    torc_add_both(waiting, trigger_is_done, trigger);
}

static void call_trigger(torc_reactor *reactor, shutdown_trigger *trigger)
{
    const torc__context *outer;
    torc_deferred *deferred;

    torc_scope_remove(&trigger->scoped);
    torc__list_append(&reactor->stopping, &trigger->link);
    outer = torc__enter(reactor, NULL);
    deferred = trigger->call(trigger->argument);
    torc__leave(reactor, outer);
    if (deferred == NULL)
        forget(trigger);
    else
        wait_for(trigger, deferred);
}

static void run_phase(torc_reactor *reactor)
{
    torc__list *triggers = &reactor->triggers[reactor->phase];
    torc__list *link;

    while ((link = torc__list_take_first(triggers)) != NULL)
        call_trigger(reactor, TORC_CONTAINER_OF(link, shutdown_trigger, link));
}

/* Whether a trigger was registered for the phase under way while it waited. */
static bool phase_has_more(const torc_reactor *reactor)
{
    return reactor->phase >= 0 && !torc__list_is_empty(&reactor->triggers[reactor->phase]);
}

/* Goes on from phase to phase until one has to wait; trigger_is_done queues this again. */
static void advance(torc__task *task)
{
    torc_reactor *reactor = TORC_CONTAINER_OF(task, torc_reactor, stop_task);

    while (torc__list_is_empty(&reactor->stopping) || reactor->hurried) {
        if (!phase_has_more(reactor)) {
            if (reactor->phase == PHASES - 1) {
                reactor->stopped = true;
                return;
            }
            reactor->phase++;
        }
        run_phase(reactor);
    }
}

void torc__shutdown_init(torc_reactor *reactor)
{
    for (size_t i = 0; i < PHASES; i++)
        torc__list_init(&reactor->triggers[i]);
    torc__list_init(&reactor->stopping);
    reactor->stop_task.run = advance;
    reactor->phase = -1;
}

void torc_stop_with(torc_reactor *reactor, int status)
{
    torc__check_thread(reactor, "torc_stop_with");
    if (reactor->status == 0)
        reactor->status = status;
    if (reactor->stop_asked)
        return;
    reactor->stop_asked = true;
    torc__queue_task(reactor, &reactor->stop_task);
}

void torc_stop(torc_reactor *reactor)
{
    torc__check_thread(reactor, "torc_stop");
    torc_stop_with(reactor, 0);
}

void torc__shutdown_hurry(torc_reactor *reactor)
{
    if (reactor->hurried)
        return;
    torc_log_warn("asked to stop a second time: stopping without waiting any longer");
    reactor->hurried = true;
    torc__queue_task(reactor, &reactor->stop_task);
}

void torc__shutdown_drop(torc_reactor *reactor)
{
    torc__list *link;

    while ((link = torc__list_take_first(&reactor->stopping)) != NULL)
        torc__free(TORC_CONTAINER_OF(link, shutdown_trigger, link));
}
