/*
 * Looping calls: a timer that is set anew after each call, to the next point of a grid.
 *
 * The grid is numbered from its start: point k is at started + k * interval. A call stands for all
 * points since the last one's. The next point is looked for by the driver's clock and not by the
 * reactor's, which stands still while a function works: else one that works for two intervals would
 * be called again at once, and again soon after that.
 *
 * `done` is there from the start until the end. Whatever ends the loop goes through `forget`, and
 * after that, or a call of the program's that it ended in, the struct is not looked at any more: it
 * is the program's, and may be free.
 */
#include <torc/task.h>

#include "base/abort.h"
#include "reactor/reactor.h"
#include "task/members.h"
#include "task/waiting.h"

#include <stdio.h>

/* -- ending -------------------------------------------------------------------------------- */

static void forget(torc_looping_call *loop)
{
    if (loop->gone != NULL)
        *loop->gone = true;
    loop->gone = NULL;
    loop->done = NULL;
    loop->stopping = false;
    torc_timer_cancel(&loop->timer);
    torc_scope_remove(&loop->scoped);
    torc__stop_waiting(&loop->waiting);
}

static void scope_ended(torc_scoped *scoped)
{
    forget(TORC_CONTAINER_OF(scoped, torc_looping_call, scoped));
}

static void cancelled(torc_deferred *deferred, void *argument)
{
    torc_looping_call *loop = argument;

    /* Where the scope ends, the loop has been told before its deferred. */
    if (loop->done == deferred)
        forget(loop);
}

static void finish(torc_looping_call *loop, torc_result result)
{
    torc_deferred *done = loop->done;

    forget(loop);
    torc_fire(done, result);
}

static void describe(const torc_scoped *scoped, char *text, size_t size)
{
    const torc_looping_call *loop = TORC_CONTAINER_OF(scoped, torc_looping_call, scoped);

    snprintf(text, size, "every %.9g s%s", (double)loop->interval / (double)TORC_SECOND,
        loop->waiting != NULL ? ", waits for a deferred" : "");
}

const torc__member_kind torc__members_looping_call = {
    .end = scope_ended,
    .name = "looping call",
    .describe = describe,
};

/* -- calling ------------------------------------------------------------------------------- */

static void call_function(void *argument);

static void set_timer(torc_looping_call *loop, torc_time delay)
{
    torc_timer_set(&loop->timer, loop->scope, delay, call_function, loop);
}

static torc_time time_to_next(const torc_looping_call *loop)
{
    torc_reactor *reactor = loop->scope->reactor;
    torc_time now = reactor->driver->kind->now(reactor->driver);
    torc_time latest;

    if (loop->interval == 0)
        return 0;
    latest = now - (now - loop->started) % loop->interval;
    return torc_time_add(latest, loop->interval) - reactor->now;
}

static void go_on(torc_looping_call *loop)
{
    if (loop->stopping)
        finish(loop, torc_nothing());
    else
        set_timer(loop, time_to_next(loop));
}

static torc_result waited(void *self, torc_result result)
{
    torc_looping_call *loop = self;

    loop->waiting = NULL;
    if (torc_is_failure(result))
        finish(loop, torc_result_hold(result));
    else
        go_on(loop);
    return torc_nothing();
}

static void take(torc_looping_call *loop, torc_result result)
{
    if (result.type == &torc_type_deferred) {
        torc__wait(&loop->waiting, loop->scope, result.as.pointer, waited, loop);
    } else if (torc_is_failure(result)) {
        finish(loop, result);
    } else {
        torc_result_release(result);
        go_on(loop);
    }
}

static void count_intervals(torc_looping_call *loop)
{
    int64_t index = loop->index + 1;

    if (loop->interval != 0)
        index = (loop->scope->reactor->now - loop->started) / loop->interval;
    loop->count = (uint64_t)(index - loop->index);
    loop->index = index;
}

static void call_function(void *argument)
{
    torc_looping_call *loop = argument;
    bool gone = false;
    torc_result result;

    count_intervals(loop);
    loop->gone = &gone;
    result = loop->function(loop->argument);
    if (gone) {
        torc__abandon(result);
        return;
    }
    loop->gone = NULL;
    take(loop, result);
}

/* -- starting ------------------------------------------------------------------------------ */

static torc_deferred *start(torc_looping_call *loop, torc_scope *scope, torc_time interval,
    torc_loop_function *function, void *argument)
{
    if (loop->done != NULL)
        torc__abort("torc_looping_call_start: this loop runs already, or its last call is not "
                    "over; wait for the deferred of its start, or change its interval by "
                    "torc_looping_call_set_interval");
    loop->scope = scope;
    loop->interval = interval > 0 ? interval : 0;
    loop->function = function;
    loop->argument = argument;
    loop->started = torc_now(scope->reactor);
    loop->count = 0;
    if (scope->ended)
        return torc_deferred_new(scope, NULL, NULL);
    loop->done = torc_deferred_new(scope, cancelled, loop);
    torc_scope_add(scope, &loop->scoped, scope_ended);
    return loop->done;
}

torc_deferred *torc_looping_call_start(torc_looping_call *loop, torc_scope *scope,
    torc_time interval, torc_loop_function *function, void *argument)
{
    torc_deferred *done;

    torc__check_thread(scope->reactor, "torc_looping_call_start");
    done = start(loop, scope, interval, function, argument);
    loop->index = 0;
    set_timer(loop, loop->interval);
    return done;
}

torc_deferred *torc_looping_call_start_now(torc_looping_call *loop, torc_scope *scope,
    torc_time interval, torc_loop_function *function, void *argument)
{
    torc_deferred *done;

    torc__check_thread(scope->reactor, "torc_looping_call_start_now");
    done = start(loop, scope, interval, function, argument);
    loop->index = -1;
    set_timer(loop, 0);
    return done;
}

/* -- steering ------------------------------------------------------------------------------ */

/* Neither in its function nor waiting for what that gave. */
static bool is_between_calls(const torc_looping_call *loop)
{
    return loop->gone == NULL && loop->waiting == NULL;
}

void torc_looping_call_stop(torc_looping_call *loop)
{
    if (loop->done == NULL)
        return;
    torc__check_thread(loop->scope->reactor, "torc_looping_call_stop");
    if (is_between_calls(loop))
        finish(loop, torc_nothing());
    else
        loop->stopping = true;
}

void torc_looping_call_set_interval(torc_looping_call *loop, torc_time interval)
{
    if (loop->done == NULL)
        return;
    torc__check_thread(loop->scope->reactor, "torc_looping_call_set_interval");
    loop->interval = interval > 0 ? interval : 0;
    loop->started = torc_now(loop->scope->reactor);
    loop->index = 0;
    if (is_between_calls(loop))
        set_timer(loop, loop->interval);
}

void torc_looping_call_reset(torc_looping_call *loop)
{
    torc_looping_call_set_interval(loop, loop->interval);
}

bool torc_looping_call_is_running(const torc_looping_call *loop)
{
    return loop->done != NULL && !loop->stopping;
}

uint64_t torc_looping_call_count(const torc_looping_call *loop)
{
    return loop->count;
}
