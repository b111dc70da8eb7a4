/*
 * lock: one at a time, and so many at a time, for work that waits for deferreds in between.
 *
 * A callback is never interrupted, so what it does in one go needs no lock. What goes on over several
 * turns of the loop may: two uploads of the same file, a thousand requests to one server.
 *
 *     self->uploading = torc_lock_new(torc_scope_of(self));
 *     ...
 *     torc_deferred *done = torc_lock_run(self->uploading, scope, upload, &order);
 *
 * torc_lock_run is the way that cannot go wrong: it acquires, runs what you give it, and releases
 * whatever comes of that: a value, a failure, a cancellation, the end of the scope. Who acquires by
 * hand releases by hand, once for each acquisition that fired with a value, also when the scope that
 * it was made in ends.
 *
 * Waiters get their turn in the order of their asking. Who is cancelled, or whose scope ends, leaves
 * the line. Releasing runs the next one's chain, before it returns; however long the line, nothing
 * recurses. Cancelling an acquisition that has fired does nothing.
 *
 * Life: the engine frees. When the scope of a lock ends, whoever waits for it fails with
 * torc_error_cancelled by the end of the turn, and so does who asks for it then. What is held
 * at that time may still be released.
 *
 * Releasing what is not held, a semaphore of 0 and waiting from another reactor abort. A lock is not
 * counted: acquiring what one holds waits for ever.
 */
#ifndef TORC_LOCK_H
#define TORC_LOCK_H

#include <torc/deferred.h>

TORC_BEGIN_DECLS

typedef struct torc_lock torc_lock;
typedef struct torc_semaphore torc_semaphore;

/* -- one at a time ------------------------------------------------------------------------- */

/* NULL when memory is out, or the scope has ended. */
TORC_API torc_lock *torc_lock_new(torc_scope *scope);

/* Fires with nothing when the lock is yours; at once when it is free. Lives in `scope`. */
TORC_API torc_deferred *torc_lock_acquire(torc_lock *lock, torc_scope *scope);

/* Acquires the lock when that needs no waiting, and else gives false. */
TORC_API bool torc_lock_try(torc_lock *lock);

TORC_API void torc_lock_release(torc_lock *lock);

/* Acquires, calls action(scope, argument), releases when there is a result, and fires with that. */
TORC_API torc_deferred *torc_lock_run(
    torc_lock *lock, torc_scope *scope, torc_action *action, void *argument);

TORC_API bool torc_lock_is_held(const torc_lock *lock);

/* -- so many at a time --------------------------------------------------------------------- */

/* As a lock that `tokens` may hold at the same time. */
TORC_API torc_semaphore *torc_semaphore_new(torc_scope *scope, size_t tokens);

TORC_API torc_deferred *torc_semaphore_acquire(torc_semaphore *semaphore, torc_scope *scope);
TORC_API bool torc_semaphore_try(torc_semaphore *semaphore);
TORC_API void torc_semaphore_release(torc_semaphore *semaphore);
TORC_API torc_deferred *torc_semaphore_run(
    torc_semaphore *semaphore, torc_scope *scope, torc_action *action, void *argument);

/* How many could be acquired now without waiting. */
TORC_API size_t torc_semaphore_available(const torc_semaphore *semaphore);

TORC_END_DECLS

#endif /* TORC_LOCK_H */
