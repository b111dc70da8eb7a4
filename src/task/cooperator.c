/*
 * Cooperators and their tasks: round robin, within a bound of time and of steps in each turn.
 *
 * A task under way is in one of two rings of its cooperator: `ready`, whose front is the next to
 * make a step, or `idle`, while it is paused or waits. One that was stopped inside of its own step
 * is in none, until the step is over. The bound of steps is what ends a turn's share where time
 * stands still (tests, simulations), and what keeps jobs of tiny steps from holding the loop for
 * the whole slice.
 *
 * Whatever ends a task goes through `forget`, and after that, or a step that it ended in, the
 * struct is not looked at any more: it is the program's, and may be free.
 */
#include <torc/task.h>

#include "base/abort.h"
#include "base/memory.h"
#include "reactor/reactor.h"
#include "task/members.h"
#include "task/waiting.h"

#include <stdio.h>

#define DEFAULT_SLICE (10 * TORC_MILLISECOND)

enum { DEFAULT_STEPS = 1024 };

/* ENDED: with its scope; its memory stays until the turn is over. */
typedef enum cooperator_state { WAITING, STARTED, STOPPED, ENDED } cooperator_state;

struct torc_cooperator {
    torc__grave grave; /* first */
    torc_scoped scoped;
    torc__task tick;
    torc_reactor *reactor;
    torc_cooperative_task *ready;
    torc_cooperative_task *idle;
    torc_time slice;
    unsigned steps;
    cooperator_state state;
};

const torc_type torc_type_go_on = { "go on", NULL, NULL };

/* -- rings --------------------------------------------------------------------------------- */

static void leave_ring(torc_cooperative_task *task)
{
    if (task->ring == NULL)
        return;
    if (*task->ring == task)
        *task->ring = task->next != task ? task->next : NULL;
    task->next->previous = task->previous;
    task->previous->next = task->next;
    task->ring = NULL;
}

/* At its end: behind all others. */
static void join_ring(torc_cooperative_task *task, torc_cooperative_task **ring)
{
    torc_cooperative_task *front = *ring;

    leave_ring(task);
    if (front == NULL) {
        task->next = task;
        task->previous = task;
        *ring = task;
    } else {
        task->next = front;
        task->previous = front->previous;
        front->previous->next = task;
        front->previous = task;
    }
    task->ring = ring;
}

static void schedule(torc_cooperator *cooperator)
{
    if (cooperator->ready != NULL && cooperator->state == STARTED)
        torc__queue_task(cooperator->reactor, &cooperator->tick);
}

static void sort_in(torc_cooperative_task *task)
{
    torc_cooperator *cooperator = task->cooperator;
    bool is_idle = task->pauses != 0 || task->waiting != NULL;
    torc_cooperative_task **ring = is_idle ? &cooperator->idle : &cooperator->ready;

    if (task->ring != ring)
        join_ring(task, ring);
    schedule(cooperator);
}

/* -- how a task ends ----------------------------------------------------------------------- */

static void forget(torc_cooperative_task *task, torc_task_status status)
{
    if (task->gone != NULL)
        *task->gone = true;
    task->gone = NULL;
    task->done = NULL;
    task->stopping = false;
    task->status = status;
    leave_ring(task);
    torc_scope_remove(&task->scoped);
    torc__stop_waiting(&task->waiting);
}

static void task_scope_ended(torc_scoped *scoped)
{
    forget(TORC_CONTAINER_OF(scoped, torc_cooperative_task, scoped), TORC_TASK_STOPPED);
}

static void cancelled(torc_deferred *deferred, void *argument)
{
    torc_cooperative_task *task = argument;

    /* Where the scope ends, the task has been told before its deferred. */
    if (task->done == deferred)
        forget(task, TORC_TASK_STOPPED);
}

static void finish(torc_cooperative_task *task, torc_result result)
{
    torc_deferred *done = task->done;

    forget(task, torc_is_failure(result) ? TORC_TASK_FAILED : TORC_TASK_DONE);
    torc_fire(done, result);
}

/* A step on the stack ends first: the program is about to use what the deferred's taker frees. */
static void stop(torc_cooperative_task *task, const char *what)
{
    torc_deferred *done = task->done;

    if (task->gone != NULL) {
        task->stopping = true;
        leave_ring(task);
        return;
    }
    forget(task, TORC_TASK_STOPPED);
    torc__fire_stopped(done, what);
}

static void describe(const torc_scoped *scoped, char *text, size_t size)
{
    const torc_cooperative_task *task = TORC_CONTAINER_OF(scoped, torc_cooperative_task, scoped);
    const char *what = "ready";

    if (task->waiting != NULL)
        what = "waits for a deferred";
    else if (task->pauses != 0)
        what = "paused";
    else if (task->cooperator->state == WAITING)
        what = "its cooperator is not started";
    snprintf(text, size, "%s", what);
}

const torc__member_kind torc__members_cooperative_task = {
    .end = task_scope_ended,
    .name = "cooperative task",
    .describe = describe,
};

/* -- steps --------------------------------------------------------------------------------- */

static torc_result waited(void *self, torc_result result)
{
    torc_cooperative_task *task = self;

    task->waiting = NULL;
    if (torc_is_failure(result))
        finish(task, torc_result_hold(result));
    else
        sort_in(task);
    return torc_nothing();
}

static void take(torc_cooperative_task *task, torc_result result)
{
    if (result.type == &torc_type_deferred) {
        join_ring(task, &task->cooperator->idle);
        torc__wait(&task->waiting, task->scope, result.as.pointer, waited, task);
    } else if (result.type != &torc_type_go_on) {
        finish(task, result);
    }
}

static void make_next_step(torc_cooperator *self)
{
    torc_cooperative_task *task = self->ready;
    torc_reactor *reactor = self->reactor;
    const torc__context *outer = torc__enter(reactor, task->scope->context);
    bool gone = false;
    torc_result result;

    self->ready = task->next;
    task->gone = &gone;
    result = task->step(task->argument);
    torc__leave(reactor, outer);
    if (gone) {
        torc__abandon(result);
        return;
    }
    task->gone = NULL;
    if (task->stopping) {
        torc__abandon(result);
        stop(task, "the task was stopped in one of its steps");
    } else {
        take(task, result);
    }
}

static void tick(torc__task *queued)
{
    torc_cooperator *self = TORC_CONTAINER_OF(queued, torc_cooperator, tick);
    torc_driver *driver = self->reactor->driver;
    torc_time end = torc_time_add(driver->kind->now(driver), self->slice);
    unsigned steps = self->steps;

    while (self->state == STARTED && self->ready != NULL && steps-- > 0) {
        make_next_step(self);
        if (driver->kind->now(driver) >= end)
            break;
    }
    schedule(self);
}

/* -- starting and steering a task ---------------------------------------------------------- */

torc_deferred *torc_cooperate(torc_cooperator *cooperator, torc_cooperative_task *task,
    torc_scope *scope, torc_step *step, void *argument)
{
    torc_deferred *done;

    torc__check_thread(scope->reactor, "torc_cooperate");
    if (cooperator->reactor != scope->reactor)
        torc__abort("torc_cooperate: the cooperator belongs to another reactor than the scope");
    if (task->done != NULL)
        torc__abort("torc_cooperate: this task is under way; a further job needs one of its own");
    task->cooperator = cooperator;
    task->scope = scope;
    task->step = step;
    task->argument = argument;
    task->pauses = 0;
    task->status = TORC_TASK_STOPPED;
    done = torc_deferred_new(scope, cancelled, task);
    if (scope->ended)
        return done;
    if (cooperator->state >= STOPPED) {
        torc__fire_stopped(done, "the cooperator was stopped before the task was started");
        return done;
    }
    task->done = done;
    task->status = TORC_TASK_RUNNING;
    torc_scope_add(scope, &task->scoped, task_scope_ended);
    sort_in(task);
    return done;
}

torc_task_status torc_task_status_of(const torc_cooperative_task *task)
{
    return task->status;
}

torc_task_status torc_task_pause(torc_cooperative_task *task)
{
    if (task->status != TORC_TASK_RUNNING)
        return task->status;
    torc__check_thread(task->scope->reactor, "torc_task_pause");
    task->pauses++;
    if (!task->stopping)
        sort_in(task);
    return TORC_TASK_RUNNING;
}

torc_task_status torc_task_resume(torc_cooperative_task *task)
{
    if (task->status != TORC_TASK_RUNNING)
        return task->status;
    torc__check_thread(task->scope->reactor, "torc_task_resume");
    if (task->pauses == 0)
        torc__abort("torc_task_resume: this task is not paused; call it once for each "
                    "torc_task_pause");
    task->pauses--;
    if (!task->stopping)
        sort_in(task);
    return TORC_TASK_RUNNING;
}

torc_task_status torc_task_stop(torc_cooperative_task *task)
{
    if (task->status != TORC_TASK_RUNNING)
        return task->status;
    torc__check_thread(task->scope->reactor, "torc_task_stop");
    stop(task, "the task was stopped");
    return TORC_TASK_RUNNING;
}

/* -- cooperators --------------------------------------------------------------------------- */

static torc_cooperator *make_cooperator(
    torc_reactor *reactor, const torc_cooperator_options *options)
{
    torc_cooperator *self = torc__allocate_zeroed(sizeof(*self));

    if (self == NULL)
        return NULL;
    self->reactor = reactor;
    self->tick.run = tick;
    self->slice = options->slice > 0 ? options->slice : DEFAULT_SLICE;
    self->steps = options->steps != 0 ? options->steps : DEFAULT_STEPS;
    self->state = options->waits ? WAITING : STARTED;
    return self;
}

static void free_cooperator(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, torc_cooperator, grave));
}

static torc_cooperative_task *any_task(const torc_cooperator *self)
{
    return self->ready != NULL ? self->ready : self->idle;
}

/* What tasks of other scopes promised is told at the turn's end. */
static void cooperator_scope_ended(torc_scoped *scoped)
{
    torc_cooperator *self = TORC_CONTAINER_OF(scoped, torc_cooperator, scoped);
    torc_cooperative_task *task;

    self->state = ENDED;
    torc__cancel_task(&self->tick);
    while ((task = any_task(self)) != NULL) {
        torc_deferred *done = task->done;

        forget(task, TORC_TASK_STOPPED);
        torc__bereave(done);
    }
    torc__bury(self->reactor, &self->grave, free_cooperator);
}

const torc__member_kind torc__members_cooperator = { .end = cooperator_scope_ended };

torc_cooperator *torc_cooperator_new(torc_scope *scope, const torc_cooperator_options *options)
{
    static const torc_cooperator_options usual;
    torc_cooperator *self;

    torc__check_thread(scope->reactor, "torc_cooperator_new");
    if (scope->ended)
        return NULL;
    self = make_cooperator(scope->reactor, options != NULL ? options : &usual);
    if (self != NULL)
        torc_scope_add(scope, &self->scoped, cooperator_scope_ended);
    return self;
}

void torc_cooperator_stop(torc_cooperator *cooperator)
{
    torc_cooperative_task *task;

    torc__check_thread(cooperator->reactor, "torc_cooperator_stop");
    if (cooperator->state == ENDED)
        return;
    cooperator->state = STOPPED;
    torc__cancel_task(&cooperator->tick);
    while (cooperator->state == STOPPED && (task = any_task(cooperator)) != NULL)
        stop(task, "the cooperator was stopped");
}

void torc_cooperator_start(torc_cooperator *cooperator)
{
    torc__check_thread(cooperator->reactor, "torc_cooperator_start");
    if (cooperator->state == ENDED)
        return;
    cooperator->state = STARTED;
    schedule(cooperator);
}

/* Of no scope: its tasks have theirs, and it must be there for the last of them. */
torc_deferred *torc_coiterate(
    torc_cooperative_task *task, torc_scope *scope, torc_step *step, void *argument)
{
    static const torc_cooperator_options usual;
    torc_reactor *reactor = scope->reactor;

    torc__check_thread(reactor, "torc_coiterate");
    if (reactor->cooperator == NULL)
        reactor->cooperator = make_cooperator(reactor, &usual);
    if (reactor->cooperator != NULL)
        return torc_cooperate(reactor->cooperator, task, scope, step, argument);
    task->status = TORC_TASK_FAILED;
    return torc_deferred_fired(
        scope, torc_fail_with(&torc_error_out_of_memory, "cannot start a cooperative task"));
}
