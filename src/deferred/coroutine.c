/*
 * Coroutines: spawning, waiting, being cancelled, and their end.
 *
 * A coroutine is resumed by whoever gives it what it waits for, and comes back there when it waits
 * again. So those that run at a moment form a line: reactor->coroutine is the last, and each
 * `active` one stands in the midst of resuming the next.
 *
 * Invariants. Between torc_spawn and the function's return the promise is `running`, so nothing
 * runs its chain or frees it. What a coroutine waits for has been fired or cancelled when
 * torc_await returns: whatever its stack lent to that is its own again. The switch back from a
 * function that has returned is the last thing on its stack; all else is done on the other side.
 */
#include "deferred/coroutine.h"

#include "base/memory.h"
#include "deferred/deferred.h"

#include <torc/log.h>

#include <stdio.h>
#include <string.h>

#ifdef TORC__ASAN
# include <sanitizer/common_interface_defs.h>
#endif
#ifdef TORC__TSAN
# include <sanitizer/tsan_interface.h>
#endif

/* Who has been told so often that there is nothing to wait for will not hear it any more. */
enum { REFUSALS_MAX = 1000 };

/* -- switching, with word to the sanitizers ------------------------------------------------- */

static void switch_to_coroutine(torc__coroutine *self)
{
#ifdef TORC__ASAN
    __sanitizer_start_switch_fiber(&self->annotation.resumer_fake_stack,
        torc__stack_low(&self->stack), torc__stack_size(&self->stack));
#endif
#ifdef TORC__TSAN
    self->annotation.resumer_fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(self->annotation.fiber, 0);
#endif
    torc__switch(&self->resumer, &self->stand);
#ifdef TORC__ASAN
    __sanitizer_finish_switch_fiber(self->annotation.resumer_fake_stack, NULL, NULL);
#endif
}

/* The first thing on a stack that was switched to. */
static void note_arrival(torc__coroutine *self)
{
#ifdef TORC__ASAN
    __sanitizer_finish_switch_fiber(self->annotation.fake_stack, &self->annotation.resumer_stack,
        &self->annotation.resumer_size);
#else
    (void)self;
#endif
}

static void switch_to_resumer(torc__coroutine *self)
{
#ifdef TORC__ASAN
    __sanitizer_start_switch_fiber(self->over ? NULL : &self->annotation.fake_stack,
        self->annotation.resumer_stack, self->annotation.resumer_size);
#endif
#ifdef TORC__TSAN
    __tsan_switch_to_fiber(self->annotation.resumer_fiber, 0);
#endif
    torc__switch(&self->stand, &self->resumer);
    note_arrival(self);
}

/* -- the function -------------------------------------------------------------------------- */

static void run_function(void *argument)
{
    torc__coroutine *self = argument;

    note_arrival(self);
    self->returned = self->function(&self->scope, self->argument);
    while (self->returned.type == &torc_type_deferred)
        self->returned = torc_await(self->returned.as.pointer);
    self->over = true;
    switch_to_resumer(self);
}

static void bury(torc__grave *grave)
{
    torc__coroutine_free(TORC_CONTAINER_OF(grave, torc__coroutine, grave));
}

/* The promise is a deferred as any other from now on, and has `result`. */
static void settle_promise(torc__coroutine *self, torc_result result)
{
    torc_deferred *promise = self->promise;

    promise->state.coroutine = false;
    promise->state.running = false;
    promise->place.scoped.end = torc__deferred_end;
    torc__deferred_replace_result(promise, result);
    if (promise->state.ended) {
        if (promise->holds != 0)
            promise->result = torc__cancelled("its scope ended before there was a result");
        torc__deferred_queue(promise);
    }
#ifdef TORC__TSAN
    if (self->begun)
        __tsan_destroy_fiber(self->annotation.fiber);
#endif
    torc__bury(self->reactor, &self->grave, bury);
}

/* Runs it until it waits or has returned. */
static void run(torc__coroutine *self)
{
    torc_reactor *reactor = self->reactor;
    torc__coroutine *outer = reactor->coroutine;
    const torc__context *outer_context = torc__enter(reactor, &self->context);
    bool outer_callback = reactor->in_callback;
    torc_reactor *outer_reactor = torc__current_reactor();

    if (outer_reactor != reactor)
        torc__set_current_reactor(reactor);
    reactor->coroutine = self;
    reactor->in_callback = false;
    self->active = true;
    switch_to_coroutine(self);
    reactor->in_callback = outer_callback;
    reactor->coroutine = outer;
    if (outer_reactor != reactor)
        torc__set_current_reactor(outer_reactor);
    torc__leave(reactor, outer_context);
    if (self->over) {
        torc__scope_finish(&self->scope);
        settle_promise(self, self->returned);
    }
    self->active = false;
}

void torc__coroutine_resume(torc_deferred *promise)
{
    /* While its scope ends none of its code runs: it is about to be told. */
    if (promise->scope == NULL || !promise->scope->ended)
        run(promise->argument);
}

static void go_on(torc__coroutine *self)
{
    torc_deferred *promise = self->promise;

    torc__coroutine_resume(promise);
    torc__deferred_run(promise);
}

static void begin(torc__task *task)
{
    torc__coroutine *self = TORC_CONTAINER_OF(task, torc__coroutine, task);

    self->begun = true;
#ifdef TORC__TSAN
    self->annotation.fiber = __tsan_create_fiber(0);
#endif
    torc__stand_init(&self->stand, torc__stack_low(&self->stack), torc__stack_size(&self->stack),
        run_function, self);
    go_on(self);
}

/* -- the end of its scope ------------------------------------------------------------------ */

/* Nobody awaits it any more: it is cancelled before whoever did goes on. */
static void drop_unwanted(torc_deferred *unwanted)
{
    unwanted->state.taken = true;
    unwanted->state.keeps_result = false;
    unwanted->state.cancel_due = false;
    if (unwanted->state.ended)
        return;
    unwanted->state.quiet = true;
    torc_cancel(unwanted);
    torc__deferred_queue(unwanted);
}

/* At the end of the turn in which the scope ended. */
static void unwind(torc__task *task)
{
    torc__coroutine *self = TORC_CONTAINER_OF(task, torc__coroutine, task);

    if (self->unwanted != NULL) {
        drop_unwanted(self->unwanted);
        torc_deferred_release(self->unwanted);
        self->unwanted = NULL;
    }
    torc_result_release(torc__deferred_take_result(self->promise));
    self->promise->result = torc__cancelled("the scope of the coroutine has ended");
    go_on(self);
}

/* The end of the scope that it was spawned in. */
static void scope_ended(torc_scoped *scoped)
{
    torc_deferred *promise = TORC_CONTAINER_OF(scoped, torc_deferred, place.scoped);
    torc__coroutine *self = promise->argument;

    torc__scope_finish(&self->scope);
    if (promise->waiting != NULL)
        self->unwanted = torc_deferred_hold(promise->waiting);
    torc__deferred_end(scoped);
    if (!self->begun) {
        torc__cancel_task(&self->task);
        settle_promise(self, torc_nothing());
    } else if (!self->active) {
        self->task.run = unwind;
        torc__queue_after(self->reactor, &self->task);
    }
}

static void describe_context(const torc__context *context, char *text, size_t size)
{
    const torc__coroutine *self = TORC_CONTAINER_OF(context, torc__coroutine, context);
    const char *name = self->stack.name;
    size_t length = strlen(name);
    char outer[112] = "";

    if (self->outer_context != NULL)
        self->outer_context->describe(self->outer_context, outer, sizeof outer);
    if (outer[0] == '\0')
        snprintf(text, size, "%s", length > 0 ? name : "coroutine");
    else if (strncmp(outer, name, length) == 0) /* that of a connection has the connection's name */
        snprintf(text, size, "%s", outer);
    else
        snprintf(text, size, "%s/%s", outer, name);
}

static void describe_member(const torc_scoped *scoped, char *text, size_t size)
{
    const torc_deferred *promise = TORC_CONTAINER_OF(scoped, torc_deferred, place.scoped);
    const torc__coroutine *self = promise->argument;

    describe_context(&self->context, text, size);
}

const torc__member_kind torc__members_coroutine = {
    .end = scope_ended,
    .name = "coroutine",
    .describe = describe_member,
};

/* -- spawning ------------------------------------------------------------------------------ */

static torc_deferred *no_stack(torc_scope *scope, const char *name, int error)
{
    return torc_deferred_fired(scope, torc_fail(torc_failure_make(TORC_HERE,
        &torc_error_out_of_memory, error, "no memory for the stack of the coroutine '%s' (when "
        "there is enough, see vm.max_map_count)", name != NULL ? name : "")));
}

static torc_deferred *make_promise(torc_scope *scope, torc__coroutine *self)
{
    torc_deferred *promise = torc_deferred_new(scope, NULL, self);

    promise->state.fired = true;
    promise->state.running = true;
    promise->state.coroutine = true;
    promise->place.scoped.end = scope_ended;
    return promise;
}

torc_deferred *torc_spawn_with(torc_scope *scope, const torc_coroutine_options *options,
    torc_coroutine *function, void *argument)
{
    torc_reactor *reactor = scope->reactor;
    torc__coroutine *self;
    int error;

    torc__check_thread(reactor, "torc_spawn");
    if (scope->ended)
        return torc_deferred_fired(scope, torc_nothing());
    self = torc__coroutine_allocate(reactor, options->stack_size, &error);
    if (self == NULL)
        return no_stack(scope, options->name, error);
    snprintf(self->stack.name, sizeof self->stack.name, "%s",
        options->name != NULL ? options->name : "");
    self->reactor = reactor;
    self->function = function;
    self->argument = argument;
    self->outer_context = scope->context;
    self->context.describe = describe_context;
    torc__scope_init(&self->scope, NULL, reactor, NULL);
    self->scope.context = &self->context;
    self->scope.keeps_results = true;
    self->promise = make_promise(scope, self);
    self->task.run = begin;
    torc__queue_task(reactor, &self->task);
    return self->promise;
}

torc_deferred *torc_spawn_named(
    torc_scope *scope, const char *name, torc_coroutine *function, void *argument)
{
    torc_coroutine_options options = { .name = name };

    return torc_spawn_with(scope, &options, function, argument);
}

void torc__coroutine_cancel(torc_deferred *promise)
{
    torc__coroutine *self = promise->argument;

    if (promise->state.ended)
        return;
    if (self->begun) {
        self->cancel_due = true;
        return;
    }
    torc__cancel_task(&self->task);
    torc__scope_finish(&self->scope);
    settle_promise(self, torc__cancelled("cancelled before it began"));
    torc__deferred_run(promise);
}

/* -- waiting ------------------------------------------------------------------------------- */

static TORC_NORETURN TORC_COLD void abort_outside(const torc_reactor *reactor, const char *call)
{
    const torc_reactor *current = torc__current_reactor();

    if (current != NULL && current != reactor && current->coroutine != NULL)
        torc__abort("%s: a coroutine of another reactor cannot wait for this; pass results between "
                    "reactors by torc_call_from_thread", call);
    if (reactor->coroutine != NULL)
        torc__abort("%s: a callback cannot wait, also where the coroutine '%s' made it run: let it "
                    "return torc_wait_for, or fire what the coroutine awaits", call,
            reactor->coroutine->stack.name);
    torc__abort("%s: only a coroutine can wait; start one by torc_spawn, or add a callback", call);
}

torc__coroutine *torc__coroutine_to_wait(torc_reactor *reactor, const char *call)
{
    torc__coroutine *self = reactor->coroutine;
    torc_result borrowed;

    if (TORC_UNLIKELY(self == NULL || reactor->in_callback || torc__current_reactor() != reactor))
        abort_outside(reactor, call);
    borrowed = torc__deferred_take_result(self->promise);
    if (borrowed.type != NULL && borrowed.type->release != NULL)
        borrowed.type->release(borrowed.as.pointer);
    return self;
}

torc_result torc__coroutine_lend(torc__coroutine *self, torc_result result)
{
    self->promise->result = result;
    return result;
}

torc_result torc__coroutine_refuse(torc__coroutine *self, const char *why)
{
    if (++self->refusals > REFUSALS_MAX)
        torc__abort("the coroutine '%s' has been told %d times in a row that what it waits in has "
                    "ended, and waits again: it must return when torc_await gives a failure",
            self->stack.name, REFUSALS_MAX);
    return torc__coroutine_lend(self, torc__cancelled(why));
}

static TORC_COLD torc_result refuse(torc__coroutine *self, torc_deferred *unwanted)
{
    drop_unwanted(unwanted);
    if (self->scope.ended)
        return torc__coroutine_refuse(self, "the scope of the coroutine has ended");
    self->cancel_due = false;
    return torc__coroutine_lend(self, torc__cancelled("the coroutine was cancelled"));
}

torc_result torc_await(torc_deferred *deferred)
{
    torc__coroutine *self;

    torc__deferred_check(deferred, "torc_await");
    self = torc__coroutine_to_wait(deferred->reactor, "torc_await");
    if (TORC_UNLIKELY(deferred->state.taken))
        torc__abort("torc_await: this deferred has been awaited before; keep its result by "
                    "torc_result_hold");
    if (TORC_UNLIKELY(self->scope.ended || self->cancel_due))
        return refuse(self, deferred);
    torc__deferred_wait_for(self->promise, deferred, "torc_await");
    if (self->promise->waiting != NULL) {
        self->refusals = 0;
        switch_to_resumer(self);
    }
    return self->promise->result;
}

/* -- sleeping ------------------------------------------------------------------------------ */

static void wake(void *deferred)
{
    torc_fire(deferred, torc_nothing());
}

static void stop_sleeping(torc_deferred *deferred, void *timer)
{
    (void)deferred;
    torc_timer_cancel(timer);
}

static torc_result sleep_in(torc_scope *scope, torc_time delay, const char *call)
{
    torc_timer timer; /* is set for no longer than torc_await takes */
    torc_deferred *slept;

    torc__check_thread(scope->reactor, call);
    if (TORC_UNLIKELY(scope->ended))
        return torc__coroutine_refuse(torc__coroutine_to_wait(scope->reactor, call),
            "the scope to sleep in has ended");
    memset(&timer, 0, sizeof timer);
    slept = torc_deferred_new(scope, stop_sleeping, &timer);
    torc_timer_set(&timer, scope, delay, wake, slept);
    return torc_await(slept);
}

torc_result torc_sleep(torc_scope *scope, torc_time delay)
{
    return sleep_in(scope, delay, "torc_sleep");
}

torc_result torc_yield(torc_scope *scope)
{
    return sleep_in(scope, 0, "torc_yield");
}
