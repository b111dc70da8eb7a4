/*
 * Semaphores: tokens, and a line of those who wait for one.
 *
 * A token that comes back while another is being handed over is left to the loop that does so: so
 * a line of any length needs no stack. One that comes back because a scope ended is handed over
 * when the turn is over, because no callback runs inside torc_scope_end.
 *
 * A semaphore that is held when its scope ends becomes a member of the root scope, so that whoever
 * holds it may release it; it goes with the last token, or with the reactor.
 */
#include "deferred/semaphore.h"

#include "base/memory.h"

#include <stdint.h>

/* -- life ---------------------------------------------------------------------------------- */

static void free_block(torc__grave *grave)
{
    torc__free(grave);
}

static void bury(torc_semaphore *self)
{
    if (self->buried)
        return;
    self->buried = true;
    torc_scope_remove(&self->scoped);
    torc__bury(self->reactor, &self->grave, free_block);
}

static void end_held(torc_scoped *scoped)
{
    bury(TORC_CONTAINER_OF(scoped, torc_semaphore, scoped));
}

static void end_semaphore(torc_scoped *scoped)
{
    torc_semaphore *self = TORC_CONTAINER_OF(scoped, torc_semaphore, scoped);
    torc_scope *root = &self->reactor->root;

    self->ended = true;
    torc__cancel_task(&self->handing);
    torc__line_end(&self->line);
    if (self->tokens == self->limit || root->ended)
        bury(self);
    else
        torc_scope_add(root, &self->scoped, end_held);
}

/* A lock that nobody waits for is nothing under way; who waits is a deferred. */
const torc__member_kind torc__members_semaphore = { .end = end_semaphore };
const torc__member_kind torc__members_held_semaphore = { .end = end_held };

/* -- tokens -------------------------------------------------------------------------------- */

static void hand_over(torc_semaphore *self)
{
    torc_deferred *next;
    torc_result unused;

    if (self->handing_over)
        return;
    self->handing_over = true;
    while (self->tokens > 0 && (next = torc__line_next(&self->line, &unused)) != NULL) {
        self->tokens--;
        torc_fire(next, torc_nothing());
    }
    self->handing_over = false;
    if (self->ended && self->tokens == self->limit)
        bury(self);
}

static void hand_over_in_the_end(torc__task *task)
{
    hand_over(TORC_CONTAINER_OF(task, torc_semaphore, handing));
}

torc_semaphore *torc__semaphore_new(torc_scope *scope, size_t tokens, const char *call)
{
    torc_semaphore *self;

    torc__check_thread(scope->reactor, call);
    if (TORC_UNLIKELY(tokens == 0))
        torc__abort("%s: nobody could ever acquire a semaphore of 0 tokens; give it at least 1",
            call);
    self = scope->ended ? NULL : torc__allocate_zeroed(sizeof *self);
    if (self == NULL)
        return NULL;
    self->reactor = scope->reactor;
    self->tokens = self->limit = tokens;
    self->handing.run = hand_over_in_the_end;
    torc__line_init(&self->line);
    torc_scope_add(scope, &self->scoped, end_semaphore);
    return self;
}

/* Who asks now does not overtake who waits. */
static bool take_token(torc_semaphore *self)
{
    if (self->ended || self->tokens == 0 || self->line.length > 0)
        return false;
    self->tokens--;
    return true;
}

torc_deferred *torc__semaphore_acquire(torc_semaphore *self, torc_scope *scope, const char *call)
{
    torc_deferred *deferred;

    torc__line_check(self->reactor, scope, call);
    if (self->ended)
        return torc_deferred_fired(scope, torc__cancelled("the scope of the lock has ended"));
    if (scope->ended || take_token(self))
        return torc_deferred_fired(scope, torc_nothing());
    deferred = torc__line_join(&self->line, scope, torc_nothing());
    if (deferred == NULL)
        return torc_deferred_fired(
            scope, torc_fail_with(&torc_error_out_of_memory, "%s: no memory to wait", call));
    return deferred;
}

bool torc__semaphore_try(torc_semaphore *self, const char *call)
{
    torc__check_thread(self->reactor, call);
    return take_token(self);
}

void torc__semaphore_release(torc_semaphore *self, const char *call)
{
    torc__check_thread(self->reactor, call);
    if (TORC_UNLIKELY(self->tokens == self->limit))
        torc__abort("%s: it is not held; release once for each acquisition that fired with a value",
            call);
    self->tokens++;
    hand_over(self);
}

/* -- running with a token ------------------------------------------------------------------ */

typedef struct locked_run {
    torc__grave grave;  /* first */
    torc_scoped scoped; /* older than what runs: so it ends after that */
    torc_semaphore *semaphore;
    torc_scope *scope;
    torc_action *action;
    void *argument;
    const char *call;
    bool holds;
} locked_run;

static torc_result begin_run(void *begun, torc_result unused)
{
    locked_run *self = begun;

    (void)unused;
    self->holds = true;
    return self->action(self->scope, self->argument);
}

static torc_result finish_run(void *finished, torc_result result)
{
    locked_run *self = finished;
    torc_semaphore *semaphore = self->semaphore;

    torc_scope_remove(&self->scoped);
    torc__bury(self->scope->reactor, &self->grave, free_block);
    if (self->holds)
        torc__semaphore_release(semaphore, self->call);
    return result;
}

static void end_run(torc_scoped *scoped)
{
    locked_run *self = TORC_CONTAINER_OF(scoped, locked_run, scoped);
    torc_semaphore *semaphore = self->semaphore;

    torc__bury(self->scope->reactor, &self->grave, free_block);
    if (!self->holds)
        return;
    semaphore->tokens++;
    if (!semaphore->ended)
        torc__queue_after(semaphore->reactor, &semaphore->handing);
    else if (semaphore->tokens == semaphore->limit)
        bury(semaphore);
}

/* What it does is seen by the deferred that it fires. */
const torc__member_kind torc__members_locked_run = { .end = end_run };

torc_deferred *torc__semaphore_run(torc_semaphore *semaphore, torc_scope *scope,
    torc_action *action, void *argument, const char *call)
{
    torc_deferred *deferred;
    locked_run *self;

    torc__line_check(semaphore->reactor, scope, call);
    self = scope->ended ? NULL : torc__allocate_zeroed(sizeof *self);
    if (self == NULL)
        return torc_deferred_fired(
            scope, torc_fail_with(&torc_error_out_of_memory, "%s: no memory to wait", call));
    self->semaphore = semaphore;
    self->scope = scope;
    self->action = action;
    self->argument = argument;
    self->call = call;
    torc_scope_add(scope, &self->scoped, end_run);
    deferred = torc__semaphore_acquire(semaphore, scope, call);
    torc_add_callback(deferred, begin_run, self);
    torc_add_both(deferred, finish_run, self);
    return deferred;
}

/* -- the public calls ---------------------------------------------------------------------- */

torc_semaphore *torc_semaphore_new(torc_scope *scope, size_t tokens)
{
    return torc__semaphore_new(scope, tokens, "torc_semaphore_new");
}

torc_deferred *torc_semaphore_acquire(torc_semaphore *semaphore, torc_scope *scope)
{
    return torc__semaphore_acquire(semaphore, scope, "torc_semaphore_acquire");
}

bool torc_semaphore_try(torc_semaphore *semaphore)
{
    return torc__semaphore_try(semaphore, "torc_semaphore_try");
}

void torc_semaphore_release(torc_semaphore *semaphore)
{
    torc__semaphore_release(semaphore, "torc_semaphore_release");
}

torc_deferred *torc_semaphore_run(
    torc_semaphore *semaphore, torc_scope *scope, torc_action *action, void *argument)
{
    return torc__semaphore_run(semaphore, scope, action, argument, "torc_semaphore_run");
}

size_t torc_semaphore_available(const torc_semaphore *semaphore)
{
    torc__check_thread(semaphore->reactor, "torc_semaphore_available");
    return semaphore->ended || semaphore->line.length > 0 ? 0 : semaphore->tokens;
}
