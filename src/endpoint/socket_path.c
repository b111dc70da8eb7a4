/*
 * Whether somebody listens is found out by connecting without waiting: only ECONNREFUSED says that
 * a socket is nobody's. The peer of a live one sees a connection that ends at once. It is done
 * under a lock, since two programs that found the same dead socket would else remove each other's
 * new one.
 */
#include "endpoint/socket_path.h"

#include "base/system_call.h"
#include "reactor/driver/path_lock.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_in_file_system(const torc_address *address)
{
    return address->kind == TORC_ADDRESS_UNIX && address->path[0] != '@' &&
        strlen(address->path) < sizeof(((struct sockaddr_un *)0)->sun_path);
}

static bool nobody_listens(const char *path, int type)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int probe = TORC__CALL(socket, AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool refused;

    if (probe < 0)
        return false;
    memcpy(name.sun_path, path, strlen(path) + 1);
    refused = TORC__CALL(connect, probe, (const struct sockaddr *)&name, sizeof(name)) != 0 &&
        errno == ECONNREFUSED;
    close(probe);
    return refused;
}

static bool clear_locked(const char *path, int type)
{
    struct stat status;

    if (TORC__CALL(lstat, path, &status) != 0)
        return errno == ENOENT;
    if (!S_ISSOCK(status.st_mode) || !nobody_listens(path, type))
        return false;
    return TORC__CALL(unlink, path) == 0;
}

bool torc__socket_path_clear(const torc_address *address, int type)
{
    bool cleared;
    int lock;

    if (!is_in_file_system(address))
        return false;
    lock = torc__path_lock(address->path);
    if (lock < 0)
        return false;
    cleared = clear_locked(address->path, type);
    torc__path_unlock(lock, address->path);
    return cleared;
}

void torc__socket_path_note(torc__socket_path *self, const torc_address *address)
{
    struct stat status;

    self->known = is_in_file_system(address) && TORC__CALL(lstat, address->path, &status) == 0 &&
        S_ISSOCK(status.st_mode);
    if (!self->known)
        return;
    self->device = status.st_dev;
    self->inode = status.st_ino;
}

void torc__socket_path_remove(torc__socket_path *self, const torc_address *address)
{
    struct stat status;

    if (!self->known)
        return;
    self->known = false;
    if (TORC__CALL(lstat, address->path, &status) == 0 && S_ISSOCK(status.st_mode) &&
        status.st_dev == self->device && status.st_ino == self->inode)
        (void)TORC__CALL(unlink, address->path);
}
