/*
 * file_lock: one process at a time.
 *
 *     torc_deferred *alone = torc_file_lock_acquire(scope, "/run/mail/spool.lock", TORC_MINUTE);
 *
 *     torc_add_callback(alone, begin, self);       // gets a torc_file_lock
 *     torc_add_errback(alone, torc_log_failure, "taking the spool");
 *
 * A lock file holds the number of the process that has it, for people and scripts, and is gone when
 * it has been released. That nobody else has it is the kernel's word (flock), not the file's: a file
 * that a dead process left behind keeps nobody out, whoever has its number now. Locks taken in this
 * way, in one process or in several, exclude one another; programs that only look whether the file
 * exists take part in nothing.
 *
 * Nothing blocks: where the file is locked, it is tried again by the reactor's clock, at first after
 * 20 ms and then less and less often, twice a second at the least. Who has waited longest is not
 * favoured.
 *
 * The lock belongs to its scope, and is released when that ends; while it waits no descriptor is
 * open. A child that is forked and does not exec shares it, until it exits.
 */
#ifndef TORC_FILE_LOCK_H
#define TORC_FILE_LOCK_H

#include <torc/deferred.h>

TORC_BEGIN_DECLS

typedef struct torc_file_lock torc_file_lock;

extern TORC_API const torc_type torc_type_file_lock;

/*
 * Fires with the lock (torc_result_file_lock) when it is had, which may be at once. With a
 * `patience` of 0 it is tried once. Fails with torc_error_timeout, whose message names the process
 * that has it; with torc_error_system, where the file cannot be made or locked at all; and with
 * torc_error_cancelled. `path` is copied; its last part must not be a symbolic link, and what is
 * there must be a regular file. It is made with mode 0644.
 */
TORC_API torc_deferred *torc_file_lock_acquire(
    torc_scope *scope, const char *path, torc_time patience);

/* Removes the file, and lets the next one have it. Do not use `lock` afterwards. */
TORC_API void torc_file_lock_release(torc_file_lock *lock);

/* What torc_file_lock_acquire fired with. It lives until it is released, or its scope ends. */
static inline torc_file_lock *torc_result_file_lock(torc_result result)
{
    return (torc_file_lock *)torc_result_value(result, &torc_type_file_lock);
}

TORC_END_DECLS

#endif /* TORC_FILE_LOCK_H */
