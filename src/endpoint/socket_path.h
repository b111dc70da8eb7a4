/*
 * socket_path: the file that a listening UNIX socket leaves behind. The driver only binds; that a
 * path is freed of a dead program's socket before, and of ours after, is done here.
 *
 * All of it is by the file system and at once: none of these calls waits for anybody.
 */
#ifndef TORC_ENDPOINT_SOCKET_PATH_H
#define TORC_ENDPOINT_SOCKET_PATH_H

#include <torc/address.h>

#include <sys/types.h>

/* Which file it was, so that another one in its place is left alone. */
typedef struct torc__socket_path {
    dev_t device;
    ino_t inode;
    bool known;
} torc__socket_path;

/*
 * Removes a socket of `type` (SOCK_STREAM, SOCK_DGRAM) that nobody has open. True when the path is
 * free now.
 */
bool torc__socket_path_clear(const torc_address *address, int type);

/* Notes the file that was just made. An abstract name leaves none. */
void torc__socket_path_note(torc__socket_path *self, const torc_address *address);

/* Removes the file that was noted, if that is what the path still names. */
void torc__socket_path_remove(torc__socket_path *self, const torc_address *address);

#endif /* TORC_ENDPOINT_SOCKET_PATH_H */
