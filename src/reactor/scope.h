/*
 * The inside of a scope, so that it can be embedded (in a transport, in the reactor).
 */
#ifndef TORC_REACTOR_SCOPE_H
#define TORC_REACTOR_SCOPE_H

#include <torc/scope.h>

#include <stdint.h>

struct torc_scope {
    torc_scoped scoped;  /* its place in its parent */
    torc_scoped members; /* the head: .older is the newest member, .newer the oldest */
    torc_reactor *reactor;
    const struct torc__context *context; /* who speaks when what it owns runs; NULL: nobody */
    bool ended;
    bool keeps_results;  /* deferreds that have run dry stay until it ends: a coroutine's scope */
    bool on_heap;
};

/* Makes an embedded scope usable, with its parent's context; `parent` may be NULL. */
void torc__scope_init(
    torc_scope *scope, torc_scope *parent, torc_reactor *reactor, void (*end)(torc_scoped *scoped));

/* Takes the scope out of its parent and ends all members, newest first. Frees nothing. */
void torc__scope_finish(torc_scope *scope);

#endif /* TORC_REACTOR_SCOPE_H */
