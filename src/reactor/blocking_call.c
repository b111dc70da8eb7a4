/*
 * Blocking calls from a thread into the reactor.
 *
 * The call's record stands on the stack of the thread that waits. The reactor's thread has it from
 * the posting to the answer, the last thing it does with it. Where the function gives a deferred,
 * the record is in reactor->blocking_calls and a scope of its own holds what waits for that
 * deferred; ending that scope makes sure that nothing comes back to a record that was answered.
 *
 * A result that comes by a deferred is answered when the turn is over: by then the chain that
 * carried it has let go of it, and the waiting thread is its only holder.
 */
#include <torc/thread.h>

#include "base/abort.h"
#include "base/thread.h"
#include "reactor/reactor.h"

typedef struct blocking_call {
    torc__task arrival;
    torc__task departure;
    torc__list link;   /* in reactor->blocking_calls */
    torc_reactor *reactor;
    torc_scope *scope; /* of the wait for a deferred */
    torc_job *function;
    void *argument;
    torc_result result;
    bool has_result;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool answered;     /* under `lock` */
} blocking_call;

/* -- in the reactor's thread --------------------------------------------------------------- */

/* Signals with the lock held: afterwards the record may be gone at any moment. */
static void answer(blocking_call *self)
{
    pthread_mutex_lock(&self->lock);
    self->answered = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static void end_wait(blocking_call *self)
{
    torc__list_remove(&self->link);
    torc__cancel_task(&self->departure);
    torc_scope_end(self->scope);
    answer(self);
}

static void depart(torc__task *task)
{
    end_wait(TORC_CONTAINER_OF(task, blocking_call, departure));
}

static torc_result keep_result(void *argument, torc_result result)
{
    blocking_call *self = argument;

    self->result = torc_result_hold(result);
    self->has_result = true;
    torc__queue_after(self->reactor, &self->departure);
    return torc_nothing();
}

static torc_result go_on_to(void *deferred, torc_result nothing)
{
    (void)nothing;
    return torc_wait_for(deferred);
}

/* By a deferred of our own: it is told also when that one's scope ends. */
static void wait_for(blocking_call *self, torc_deferred *deferred)
{
    torc_deferred *waiting;

    self->scope = torc_scope_new(&self->reactor->root);
    if (self->scope == NULL) {
        torc_cancel(deferred);
        self->result = torc_fail_with(
            &torc_error_out_of_memory, "no memory to wait for the result of a call");
        answer(self);
        return;
    }
    torc__list_append(&self->reactor->blocking_calls, &self->link);
    waiting = torc_deferred_fired(self->scope, torc_nothing());
    torc_add_callback(waiting, go_on_to, deferred);
    torc_add_both(waiting, keep_result, self);
}

static void arrive(torc__task *task)
{
    blocking_call *self = TORC_CONTAINER_OF(task, blocking_call, arrival);
    torc_result result = self->function(self->argument);

    if (result.type == &torc_type_deferred) {
        wait_for(self, result.as.pointer);
        return;
    }
    self->result = result;
    answer(self);
}

static torc_result reactor_has_stopped(void)
{
    return torc_fail_with(&torc_error_cancelled, "the reactor has stopped");
}

void torc__blocking_calls_close(torc_reactor *reactor)
{
    while (!torc__list_is_empty(&reactor->blocking_calls)) {
        torc__list *first = reactor->blocking_calls.next;
        blocking_call *self = TORC_CONTAINER_OF(first, blocking_call, link);

        if (!self->has_result)
            self->result = reactor_has_stopped();
        end_wait(self);
    }
}

/* -- in the thread that waits -------------------------------------------------------------- */

static void wait_for_answer(blocking_call *self)
{
    pthread_mutex_lock(&self->lock);
    while (!self->answered)
        torc__condition_wait(&self->changed, &self->lock, TORC_NEVER);
    pthread_mutex_unlock(&self->lock);
}

torc_result torc_blocking_call_from_thread(
    torc_reactor *reactor, torc_job *function, void *argument)
{
    blocking_call self = {
        .arrival.run = arrive,
        .departure.run = depart,
        .reactor = reactor,
        .function = function,
        .argument = argument,
    };

    if (torc_is_reactor_thread(reactor))
        torc__abort("torc_blocking_call_from_thread was called from the reactor's own thread, "
                    "which would wait for itself; call the function, or add to its deferred");
    pthread_mutex_init(&self.lock, NULL);
    torc__condition_init(&self.changed);
    if (torc__post_task_from_thread(reactor, &self.arrival))
        wait_for_answer(&self);
    else
        self.result = reactor_has_stopped();
    pthread_cond_destroy(&self.changed);
    pthread_mutex_destroy(&self.lock);
    return self.result;
}

bool torc_is_reactor_thread(const torc_reactor *reactor)
{
    return reactor->thread == torc__thread_identity();
}
