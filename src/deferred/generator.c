/*
 * Generators: a coroutine and who asks it, in turns.
 *
 * Each has a scope of its own, which the generator itself is the oldest member of. The coroutine
 * waits by `woken` until it is asked; who asks waits by `asked` for the value. A value that was
 * given when nobody asked any more (the asking was cancelled) is kept for who asks next.
 */
#include "deferred/coroutine.h"

#include "base/abort.h"
#include "base/memory.h"
#include "deferred/deferred.h"

#include <torc/log.h>

struct torc_generator {
    torc__grave grave;    /* first */
    torc_scoped scoped;
    torc__task task;      /* wakes the coroutine, for torc_next_later */
    torc_reactor *reactor;
    torc_scope *scope;
    torc_generating *function;
    void *argument;
    torc_deferred *asked; /* who waits for a value; NULL: nobody */
    torc_deferred *woken; /* the coroutine waits to be asked; NULL: it does not */
    torc_result kept;
    bool has_kept;
    bool wanted;          /* it was asked since it gave a value */
    bool over;
};

const torc_type torc_type_end = { "end of a generator", NULL, NULL };

static void free_generator(torc__grave *grave)
{
    torc__free(grave);
}

/* Nobody asked for it any more; a failure is not lost for all that. */
static void drop_kept(torc_generator *self)
{
    const torc_failure *failure =
        torc_is_failure(self->kept) ? torc_result_failure(self->kept) : NULL;

    if (failure != NULL && !torc_failure_is(failure, &torc_error_cancelled))
        torc_log_describe(TORC_LOG_ERROR, "Unhandled failure in a generator", failure);
    torc_result_release(self->kept);
    self->has_kept = false;
}

static void scope_ended(torc_scoped *scoped)
{
    torc_generator *self = TORC_CONTAINER_OF(scoped, torc_generator, scoped);

    torc__cancel_task(&self->task);
    self->asked = NULL;
    self->woken = NULL;
    self->over = true;
    if (self->has_kept)
        drop_kept(self);
    torc__bury(self->reactor, &self->grave, free_generator);
}

/* What is under way is its coroutine, which is listed by itself. */
const torc__member_kind torc__members_generator = { .end = scope_ended };

/* -- the coroutine's side ------------------------------------------------------------------ */

/* Gives the value to who asked; takes it over. */
static void hand_out(torc_generator *self, torc_result value)
{
    torc_deferred *asked = self->asked;

    self->asked = NULL;
    if (asked != NULL) {
        torc_fire(asked, value);
        return;
    }
    self->kept = value;
    self->has_kept = true;
}

static void stop_waiting(torc_deferred *deferred, void *argument)
{
    torc_generator *self = argument;

    (void)deferred;
    self->woken = NULL;
}

static torc_result wait_until_asked(torc_generator *self)
{
    if (self->wanted || self->over)
        return torc_nothing();
    self->woken = torc_deferred_new(self->scope, stop_waiting, self);
    return torc_await(self->woken);
}

static torc_result run_generator(torc_scope *scope, void *argument)
{
    torc_generator *self = argument;
    torc_result asked = wait_until_asked(self);

    return torc_is_failure(asked) ? asked : self->function(scope, self, self->argument);
}

static torc_result generator_done(void *argument, torc_result result)
{
    torc_generator *self = argument;

    self->over = true;
    if (!torc_is_failure(result)) {
        if (self->asked != NULL)
            hand_out(self, torc_value(&torc_type_end, NULL));
        return torc_nothing();
    }
    hand_out(self, torc_result_hold(result));
    return torc_nothing();
}

/* What was awaited last is the coroutine's to pass on: then it is not let go of by waiting. */
static void pass_on(const torc__coroutine *caller, torc_result value)
{
    torc_result *borrowed = &caller->promise->result;

    if (value.type != NULL && borrowed->type == value.type &&
        borrowed->as.pointer == value.as.pointer)
        *borrowed = torc_nothing();
}

torc_result torc_give(torc_generator *self, torc_result value)
{
    torc__coroutine *caller = self->reactor->coroutine;

    if (caller != NULL)
        pass_on(caller, value);
    caller = torc__coroutine_to_wait(self->reactor, "torc_give");
    if (value.type == &torc_type_deferred)
        torc__abort("torc_give: the value is a deferred; await it first");
    if (TORC_UNLIKELY(torc_scope_has_ended(self->scope))) {
        torc_result_release(value);
        return torc__coroutine_refuse(caller, "the scope of the generator has ended");
    }
    self->wanted = false;
    hand_out(self, value);
    if (TORC_UNLIKELY(torc_scope_has_ended(self->scope)))
        return torc__coroutine_refuse(caller, "the scope of the generator has ended");
    return wait_until_asked(self);
}

/* -- the side that asks -------------------------------------------------------------------- */

torc_generator *torc_generate_named(
    torc_scope *scope, const char *name, torc_generating *function, void *argument)
{
    torc_scope *own = torc_scope_new(scope);
    torc_generator *self = own != NULL ? torc__allocate_zeroed(sizeof *self) : NULL;
    torc_deferred *job;

    if (self == NULL) {
        torc_scope_end(own);
        return NULL;
    }
    self->reactor = torc_scope_reactor(scope);
    self->scope = own;
    self->function = function;
    self->argument = argument;
    if (torc_scope_has_ended(own)) {
        scope_ended(&self->scoped);
        return self;
    }
    torc_scope_add(own, &self->scoped, scope_ended);
    job = torc_spawn_named(own, name, run_generator, self);
    torc_add_both(job, generator_done, self);
    return self;
}

/* It may have answered already: then it waits for the next question. */
static void wake(torc__task *task)
{
    torc_generator *self = TORC_CONTAINER_OF(task, torc_generator, task);
    torc_deferred *woken = self->woken;

    if (woken == NULL || !self->wanted)
        return;
    self->woken = NULL;
    torc_fire(woken, torc_nothing());
}

static void forget_asking(torc_deferred *deferred, void *argument)
{
    torc_generator *self = argument;

    if (self->asked == deferred)
        self->asked = NULL;
}

/* Either what there is already, or a deferred that the coroutine is to be woken for. */
static torc_deferred *ask(torc_generator *self, const char *call)
{
    torc__check_thread(self->reactor, call);
    if (self->asked != NULL)
        torc__abort("%s: the generator has been asked, and has not answered yet", call);
    if (self->has_kept) {
        self->has_kept = false;
        return torc_deferred_fired(self->scope, self->kept);
    }
    if (self->over)
        return torc_deferred_fired(self->scope, torc_value(&torc_type_end, NULL));
    self->asked = torc_deferred_new(self->scope, forget_asking, self);
    self->wanted = true;
    return self->asked;
}

torc_deferred *torc_next_later(torc_generator *self)
{
    torc_deferred *asked = ask(self, "torc_next_later");

    if (self->asked != NULL) {
        self->task.run = wake;
        torc__queue_task(self->reactor, &self->task);
    }
    return asked;
}

bool torc_next(torc_generator *self, torc_result *ret_value)
{
    torc_deferred *asked = ask(self, "torc_next");

    if (self->asked != NULL)
        wake(&self->task);
    *ret_value = torc_await(asked);
    if (!torc_is_end(*ret_value))
        return true;
    *ret_value = torc_nothing();
    return false;
}

void torc_generator_end(torc_generator *self)
{
    torc_scope_end(self->scope);
}
