/*
 * members: what the members of a scope are, for whoever lists what is under way (the testing kit).
 *
 * A scope knows of its members only how they end. Each file that adds members says in a constant
 * table what they are; the function that ends them is what they are recognised by. Tables of higher
 * floors are declared in those floors' headers.
 */
#ifndef TORC_REACTOR_MEMBERS_H
#define TORC_REACTOR_MEMBERS_H

#include <torc/scope.h>

#include <stddef.h>

typedef struct torc__member_kind {
    void (*end)(torc_scoped *scoped);

    /* "delayed call"; NULL: nothing is under way, as with a watched signal or a bare scope. */
    const char *name;

    /* Writes which one it is, as snprintf does, cut at `size`. NULL: they are all alike. */
    void (*describe)(const torc_scoped *scoped, char *text, size_t size);
} torc__member_kind;

extern TORC_API const torc__member_kind torc__members_timer;
extern TORC_API const torc__member_kind torc__members_delayed_call;
extern TORC_API const torc__member_kind torc__members_scope;
extern TORC_API const torc__member_kind torc__members_end_hook;
extern TORC_API const torc__member_kind torc__members_shutdown_trigger;
extern TORC_API const torc__member_kind torc__members_signal_watch;
extern TORC_API const torc__member_kind torc__members_watch;

#endif /* TORC_REACTOR_MEMBERS_H */
