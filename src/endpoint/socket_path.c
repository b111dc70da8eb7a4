/*
 * Whether somebody listens is found out by connecting without waiting: only ECONNREFUSED says that
 * a socket is nobody's. The peer of a live one sees a connection that ends at once.
 */
#include "endpoint/socket_path.h"

#include "base/system_call.h"

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

static bool nobody_listens(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int probe = TORC__CALL(socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool refused;

    if (probe < 0)
        return false;
    memcpy(name.sun_path, path, strlen(path) + 1);
    refused = TORC__CALL(connect, probe, (const struct sockaddr *)&name, sizeof(name)) != 0 &&
        errno == ECONNREFUSED;
    close(probe);
    return refused;
}

bool torc__socket_path_clear(const torc_address *address)
{
    struct stat status;

    if (!is_in_file_system(address) || TORC__CALL(lstat, address->path, &status) != 0)
        return false;
    if (!S_ISSOCK(status.st_mode) || !nobody_listens(address->path))
        return false;
    return TORC__CALL(unlink, address->path) == 0;
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
