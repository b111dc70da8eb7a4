/*
 * task: what runs again and again, later, or a little at a time.
 *
 * A looping call runs a function at fixed intervals, on the grid of its start:
 *
 *     static torc_result beat(void *argument)
 *     {
 *         torc_printf(argument, "still here\r\n");
 *         return torc_nothing();
 *     }
 *     ...
 *     torc_looping_call_start(&self->heart, torc_scope_of(self), 5 * TORC_SECOND, beat, self);
 *
 * A delayed deferred fires when its time has come:
 *
 *     torc_add_callback(torc_after(scope, TORC_SECOND), go_on, self);
 *
 * A cooperative task is a long job cut into steps, so that it shares the loop with all else:
 *
 *     static torc_result index_one(void *argument)
 *     {
 *         indexer *self = argument;
 *
 *         if (self->next == self->count)
 *             return torc_integer(self->words);
 *         add_words_of(self, self->files[self->next++]);
 *         return torc_go_on();
 *     }
 *     ...
 *     torc_deferred *words = torc_coiterate(&self->task, scope, index_one, self);
 *
 * Looping calls and cooperative tasks are structs that you embed in your own object: zeroed memory
 * is one that does not run. They need no memory of their own. Yours must stay until the deferred
 * of the start has fired, or the scope of the start has ended. None of your functions here is
 * called before the call that starts it has returned, and none after the scope has ended.
 *
 * All of it goes by the reactor's clock, so that a test moves it by hand.
 */
#ifndef TORC_TASK_H
#define TORC_TASK_H

#include <torc/deferred.h>
#include <torc/timer.h>

TORC_BEGIN_DECLS

/* -- looping calls ------------------------------------------------------------------------- */

/*
 * What is called. With torc_wait_for(deferred) the loop does not call again before that has fired;
 * with a failure, or when the deferred fails, it stops, and that is the result of the loop's own
 * deferred. Other values are let go of.
 */
typedef torc_result torc_loop_function(void *argument);

typedef struct torc_looping_call {
    /* private */
    torc_timer timer;
    torc_scoped scoped;
    torc_scope *scope;
    torc_loop_function *function;
    void *argument;
    torc_deferred *done;    /* what its start gave; NULL: it does not run */
    torc_deferred *waiting; /* for what the function gave */
    torc_time interval;
    torc_time started;      /* where the grid begins */
    int64_t index;          /* on the grid, of the latest call */
    uint64_t count;
    bool stopping;          /* once the call under way is over */
    bool *gone;             /* while the function is on the stack: to be told that it has ended */
} torc_looping_call;

/*
 * Calls function(argument) one interval from now, and then at each further interval. Calls that
 * cannot be made in time (because the last one took so long, or its deferred did) are left out and
 * counted, never made up for: the next is at the next interval since the start. An interval of 0
 * (or below) is once in each turn of the loop.
 *
 * The deferred fires with nothing when the loop was stopped, and with the failure that stopped it.
 * Cancelling it stops the loop, and cancels what it waits for. To start one that runs aborts.
 */
TORC_API torc_deferred *torc_looping_call_start(torc_looping_call *loop, torc_scope *scope,
    torc_time interval, torc_loop_function *function, void *argument);

/* As torc_looping_call_start, with a first call in the turn to come. */
TORC_API torc_deferred *torc_looping_call_start_now(torc_looping_call *loop, torc_scope *scope,
    torc_time interval, torc_loop_function *function, void *argument);

/*
 * No further call. Where one is under way, or its deferred has not fired, that goes on to its end
 * and the loop's deferred fires after it; else at once. Each of these three is a no-op on a loop
 * that does not run.
 */
TORC_API void torc_looping_call_stop(torc_looping_call *loop);

/* The grid begins anew: the next call is one interval from now. */
TORC_API void torc_looping_call_reset(torc_looping_call *loop);

/* As torc_looping_call_reset, with another interval. */
TORC_API void torc_looping_call_set_interval(torc_looping_call *loop, torc_time interval);

/* Whether there are calls to come. */
TORC_API bool torc_looping_call_is_running(const torc_looping_call *loop);

/*
 * For how many intervals the latest call stands: 1 where it came in time, 3 where the two before it
 * were left out. Never 0 in a call.
 */
TORC_API uint64_t torc_looping_call_count(const torc_looping_call *loop);

/* -- delayed deferreds --------------------------------------------------------------------- */

/*
 * Fires with nothing, `delay` from now; with a failure when memory is out. Cancelling it disarms
 * it. Allocates nothing once the reactor is warm.
 */
TORC_API torc_deferred *torc_after(torc_scope *scope, torc_time delay);

/* As torc_after, and calls callback(self, nothing) then, whose result is the deferred's. */
TORC_API torc_deferred *torc_call_after(
    torc_scope *scope, torc_time delay, torc_callback *callback, void *self);

/* -- cooperative tasks --------------------------------------------------------------------- */

/*
 * A step of a long job. Gives torc_go_on() to be called again; torc_wait_for(deferred) to be called
 * again once that has fired (where it fails, so does the task); anything else is the end of the
 * task, and its result. A step should take a few milliseconds at most.
 */
typedef torc_result torc_step(void *argument);

extern TORC_API const torc_type torc_type_go_on;

static inline torc_result torc_go_on(void)
{
    return torc_value(&torc_type_go_on, NULL);
}

typedef enum torc_task_status {
    TORC_TASK_NOT_STARTED = 0,
    TORC_TASK_RUNNING, /* also while it is paused, or waits */
    TORC_TASK_DONE,
    TORC_TASK_FAILED,
    TORC_TASK_STOPPED, /* by one of the calls below, or by the end of its scope */
} torc_task_status;

typedef struct torc_cooperator torc_cooperator;

typedef struct torc_cooperative_task {
    /* private */
    torc_scoped scoped;
    torc_scope *scope;
    torc_step *step;
    void *argument;
    torc_deferred *done;    /* what its start gave; NULL: it is not under way */
    torc_deferred *waiting; /* for what a step gave */
    torc_cooperator *cooperator;
    struct torc_cooperative_task **ring; /* the cooperator's ready or idle ones */
    struct torc_cooperative_task *next;
    struct torc_cooperative_task *previous;
    torc_task_status status;
    unsigned pauses;
    bool stopping;          /* once the step under way is over */
    bool *gone;             /* while the step is on the stack: to be told that it has ended */
} torc_cooperative_task;

/*
 * Runs the steps of a job, in turns with those of all others: as many as fit into 10 ms (of all
 * jobs together) in each turn of the loop. The deferred fires with the task's result. Cancelling
 * it stops the task. To start a task that is under way aborts.
 */
TORC_API torc_deferred *torc_coiterate(
    torc_cooperative_task *task, torc_scope *scope, torc_step *step, void *argument);

/*
 * Each of these three gives the status that it found: where that is not TORC_TASK_RUNNING, the task
 * is not under way and the call was a no-op.
 *
 * Pauses are counted; to resume a task that runs and is not paused aborts. What a task waits for
 * goes on while it is paused.
 */
TORC_API torc_task_status torc_task_pause(torc_cooperative_task *task);
TORC_API torc_task_status torc_task_resume(torc_cooperative_task *task);

/*
 * No further step; the one under way ends first. What the task waits for is cancelled by the end of
 * the turn. Its deferred fails with torc_error_cancelled, which is not logged where nobody asks.
 */
TORC_API torc_task_status torc_task_stop(torc_cooperative_task *task);

TORC_API torc_task_status torc_task_status_of(const torc_cooperative_task *task);

/* -- cooperators of your own --------------------------------------------------------------- */

/*
 * Who hands out the steps. torc_coiterate uses the one that each reactor has; another has a share
 * of its own in each turn, and can be stopped as a whole.
 */
typedef struct torc_cooperator_options {
    torc_time slice; /* of each turn; 0: 10 ms */
    unsigned steps;  /* at most so many in a turn, however fast they are; 0: 1024 */
    bool waits;      /* takes tasks, and runs none before torc_cooperator_start */
} torc_cooperator_options;

/* Lives until `scope` ends. `options` may be NULL. NULL when memory is out or `scope` has ended. */
TORC_API torc_cooperator *torc_cooperator_new(
    torc_scope *scope, const torc_cooperator_options *options);

/*
 * As torc_coiterate, by this cooperator. The task may live in another scope. When the cooperator's
 * ends first, the deferred fails with torc_error_cancelled by the end of the turn.
 */
TORC_API torc_deferred *torc_cooperate(torc_cooperator *cooperator, torc_cooperative_task *task,
    torc_scope *scope, torc_step *step, void *argument);

/* Stops each of its tasks as by torc_task_stop; until it is started, new ones fail likewise. */
TORC_API void torc_cooperator_stop(torc_cooperator *cooperator);

/* A no-op where it runs. */
TORC_API void torc_cooperator_start(torc_cooperator *cooperator);

TORC_END_DECLS

#endif /* TORC_TASK_H */
