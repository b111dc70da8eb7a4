/*
 * The readiness drivers' ios that pass descriptors along with bytes: UNIX sockets.
 */
#include "reactor/driver/readiness_io.h"

#include "reactor/driver/socket_passing.h"

#include <errno.h>
#include <unistd.h>

ssize_t torc__readiness_send_descriptors(torc_io *io, const struct iovec *pieces, int count,
    const int *descriptors, size_t descriptor_count)
{
    size_t asked = 0;
    ssize_t sent;

    if (io->state & BLOCKED)
        return 0;
    for (int i = 0; i < count; i++)
        asked += pieces[i].iov_len;
    do
        sent = torc__socket_send_descriptors(
            io->descriptor, pieces, count, descriptors, descriptor_count);
    while (sent == -EINTR);
    return torc__readiness_sent_or_blocked(io, sent, asked);
}

/* Of an io that was closed in there its descriptor says so, whose state ever it has. */
ssize_t torc__readiness_receive_descriptors(torc_io *io, void *buffer, size_t size)
{
    int passed[TORC_DESCRIPTORS_MAX];
    size_t count;
    ssize_t got = torc__socket_receive_descriptors(
        io->descriptor, buffer, size, passed, &count);

    for (size_t i = 0; i < count; i++) {
        if (io->descriptor < 0 || io->events->descriptor == NULL)
            close(passed[i]);
        else
            io->events->descriptor(io, passed[i]);
    }
    if (got < 0 || io->descriptor < 0) {
        errno = got < 0 ? (int)-got : EINTR;
        return -1;
    }
    return got;
}
