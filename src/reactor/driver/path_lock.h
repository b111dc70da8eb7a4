/*
 * path_lock: who is opening or clearing the path of a UNIX socket has it to himself.
 *
 * Whether the file of a socket is a dead program's is found out by trying it, and a socket that is
 * bound but does not listen yet answers as a dead one does. So both are done under a lock, which is
 * a file beside the path, PATH.torc-lock, for as long as that takes.
 */
#ifndef TORC_REACTOR_DRIVER_PATH_LOCK_H
#define TORC_REACTOR_DRIVER_PATH_LOCK_H

/* A lock, never waited for; -1 when somebody else has it, or there is no making one there. */
int torc__path_lock(const char *path);

/* -1 is a no-op. */
void torc__path_unlock(int lock, const char *path);

#endif /* TORC_REACTOR_DRIVER_PATH_LOCK_H */
