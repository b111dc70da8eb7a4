/*
 * scope: who owns what is under way.
 *
 * Everything asynchronous belongs to a scope: delayed calls, deferreds, connections, listening
 * ports, further scopes. Each call that starts something takes the scope that it belongs to. When
 * a scope ends, what is in it is cancelled, newest first, and none of its callbacks runs any more:
 * a callback cannot outlive what it points to.
 *
 * The reactor has a root scope (torc_root), which ends when the reactor does. Each protocol has
 * one (torc_scope_of), which ends right after its connection_lost. To group work of your own:
 *
 *     torc_scope *search = torc_scope_new(torc_scope_of(self));
 *
 *     torc_connect(search, "tcp:192.0.2.1:80", torc_factory_of(&asker));
 *     torc_connect(search, "tcp:192.0.2.2:80", torc_factory_of(&asker));
 *     ...
 *     torc_scope_end(search);      // whatever is left of it stops here
 *
 * A scope may be ended at any moment, also from inside a callback of something that it owns: that
 * callback runs to its end, what it uses stays allocated until the loop's turn is over, and
 * nothing else of the scope runs.
 */
#ifndef TORC_SCOPE_H
#define TORC_SCOPE_H

#include <torc/macros.h>

#include <stdbool.h>

TORC_BEGIN_DECLS

typedef struct torc_reactor torc_reactor;
typedef struct torc_scope torc_scope;

/* A scope inside `parent`, which ends it at the latest. NULL when memory is out. */
TORC_API torc_scope *torc_scope_new(torc_scope *parent);

/*
 * Ends the scope: cancels what is in it, newest first, and frees it at the turn's end. Do not use
 * `scope` afterwards. A protocol's and the reactor's own scope end by themselves and must not be
 * ended by hand. NULL is a no-op.
 */
TORC_API void torc_scope_end(torc_scope *scope);

/* The reactor that the scope lives in. */
TORC_API torc_reactor *torc_scope_reactor(const torc_scope *scope);

/* Whether the scope has ended (while it ends, and until its memory goes at the turn's end). */
TORC_API bool torc_scope_has_ended(const torc_scope *scope);

/*
 * Calls call(argument) when the scope ends, in its place among what is cancelled: after all that
 * was started later. False, and nothing registered, when memory is out.
 */
TORC_API bool torc_scope_on_end(torc_scope *scope, void (*call)(void *argument), void *argument);

/*
 * Starting something in a scope that has ended gives an object that has ended too: a delayed call
 * that is not active, a deferred that fails with torc_error_cancelled.
 */

/* For those who write things that live in scopes: a link to embed. Its fields are private. */
typedef struct torc_scoped {
    struct torc_scoped *newer;
    struct torc_scoped *older;
    void (*end)(struct torc_scoped *scoped); /* called once, unlinked, when the scope ends */
} torc_scoped;

/* Links `scoped` into the scope as its newest. `scoped` must be zeroed or unlinked. */
TORC_API void torc_scope_add(torc_scope *scope, torc_scoped *scoped, void (*end)(torc_scoped *));

/* Takes it out again; a no-op on what is not linked. */
TORC_API void torc_scope_remove(torc_scoped *scoped);

TORC_END_DECLS

#endif /* TORC_SCOPE_H */
