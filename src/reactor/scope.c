/*
 * Scopes: lists of what is under way, ended newest first.
 */
#include "reactor/reactor.h"

#include "base/abort.h"
#include "base/memory.h"
#include "reactor/members.h"

typedef struct heap_scope {
    torc__grave grave; /* first */
    torc_scope scope;
} heap_scope;

typedef struct end_hook {
    torc_scoped scoped; /* first */
    torc_scope *scope;
    void (*call)(void *argument);
    void *argument;
} end_hook;

/* -- membership ---------------------------------------------------------------------------- */

void torc_scope_add(torc_scope *scope, torc_scoped *scoped, void (*end)(torc_scoped *))
{
    torc_scoped *head = &scope->members;

    scoped->end = end;
    scoped->older = head->older;
    scoped->newer = head;
    head->older->newer = scoped;
    head->older = scoped;
}

void torc_scope_remove(torc_scoped *scoped)
{
    if (scoped->newer == NULL)
        return;
    scoped->newer->older = scoped->older;
    scoped->older->newer = scoped->newer;
    scoped->newer = NULL;
    scoped->older = NULL;
}

/* -- embedded scopes ----------------------------------------------------------------------- */

void torc__scope_init(
    torc_scope *scope, torc_scope *parent, torc_reactor *reactor, void (*end)(torc_scoped *scoped))
{
    scope->members.newer = &scope->members;
    scope->members.older = &scope->members;
    scope->members.end = NULL;
    scope->scoped.newer = NULL;
    scope->scoped.older = NULL;
    scope->reactor = reactor;
    scope->context = parent != NULL ? parent->context : NULL;
    scope->ended = false;
    scope->keeps_results = false;
    scope->on_heap = false;
    if (parent != NULL)
        torc_scope_add(parent, &scope->scoped, end);
}

void torc__scope_finish(torc_scope *scope)
{
    scope->ended = true;
    torc_scope_remove(&scope->scoped);
    while (scope->members.older != &scope->members) {
        torc_scoped *newest = scope->members.older;

        torc_scope_remove(newest);
        newest->end(newest);
    }
}

/* -- scopes of the user's ------------------------------------------------------------------ */

static void free_heap_scope(torc__grave *grave)
{
    torc__free(grave);
}

static void end_heap_scope(torc_scoped *scoped)
{
    torc_scope *scope = TORC_CONTAINER_OF(scoped, torc_scope, scoped);
    heap_scope *whole = TORC_CONTAINER_OF(scope, heap_scope, scope);

    torc__scope_finish(scope);
    torc__bury(scope->reactor, &whole->grave, free_heap_scope);
}

torc_scope *torc_scope_new(torc_scope *parent)
{
    heap_scope *whole;

    torc__check_thread(parent->reactor, "torc_scope_new");
    whole = torc__allocate(sizeof *whole);
    if (whole == NULL)
        return NULL;
    torc__scope_init(&whole->scope, parent->ended ? NULL : parent, parent->reactor, end_heap_scope);
    whole->scope.on_heap = true;
    if (parent->ended)
        end_heap_scope(&whole->scope.scoped);
    return &whole->scope;
}

void torc_scope_end(torc_scope *scope)
{
    if (scope == NULL)
        return;
    torc__check_thread(scope->reactor, "torc_scope_end");
    if (!scope->on_heap)
        torc__abort("torc_scope_end: the scope of a protocol or a reactor ends by itself; end the "
                    "connection or stop the reactor instead");
    if (!scope->ended)
        end_heap_scope(&scope->scoped);
}

torc_reactor *torc_scope_reactor(const torc_scope *scope)
{
    return scope->reactor;
}

bool torc_scope_has_ended(const torc_scope *scope)
{
    return scope->ended;
}

static void run_end_hook(torc_scoped *scoped)
{
    end_hook *hook = TORC_CONTAINER_OF(scoped, end_hook, scoped);
    torc_reactor *reactor = hook->scope->reactor;
    const torc__context *outer = torc__enter(reactor, hook->scope->context);
    bool outer_callback = reactor->in_callback;

    reactor->in_callback = true;
    hook->call(hook->argument);
    reactor->in_callback = outer_callback;
    torc__leave(reactor, outer);
    torc__free(hook);
}

bool torc_scope_on_end(torc_scope *scope, void (*call)(void *argument), void *argument)
{
    end_hook *hook;

    torc__check_thread(scope->reactor, "torc_scope_on_end");
    if (scope->ended)
        return false;
    hook = torc__allocate_zeroed(sizeof *hook);
    if (hook == NULL)
        return false;
    hook->scope = scope;
    hook->call = call;
    hook->argument = argument;
    torc_scope_add(scope, &hook->scoped, run_end_hook);
    return true;
}

/* -- for whoever lists what is under way --------------------------------------------------- */

const torc__member_kind torc__members_scope = { .end = end_heap_scope };
const torc__member_kind torc__members_end_hook = { .end = run_end_hook };
