/*
 * Sockets whose bytes go from one to the other through a pipe, without passing the program: what a
 * coupling does (transport/couple_splice.c), which owns the pipes. Where the kernel refuses, a
 * socket goes back to being received from as ever.
 */
#include "reactor/driver/readiness_io.h"

#include "base/system_call.h"

#include <errno.h>
#include <fcntl.h>

/* So much is moved in one system call, so that one connection does not hold up others. */
#define SPLICE_SIZE_MAX ((size_t)512 * 1024)

#if defined(__linux__)

int torc__readiness_set_splicing(torc_io *io, bool on)
{
    io->state &= ~(uint32_t)SPLICES;
    if (on)
        io->state |= SPLICES;
    return 0;
}

ssize_t torc__readiness_send_pipe(torc_io *io, int pipe, size_t length)
{
    ssize_t sent;

    if (io->state & BLOCKED)
        return 0;
    do
        sent = TORC__CALL(splice, pipe, NULL, io->descriptor, NULL, length,
            SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (sent < 0 && errno == EINTR);
    return torc__readiness_sent_or_blocked(io, sent < 0 ? -errno : sent, length);
}

bool torc__readiness_splice(torc_io *io)
{
    int pipe = io->events->pipe_wanted(io);
    ssize_t got;
    int error;

    if (pipe < 0)
        return false;
    got = TORC__CALL(splice, io->descriptor, NULL, pipe, NULL, SPLICE_SIZE_MAX,
        SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    error = got < 0 ? errno : 0;
    io->events->spliced(io, got > 0 ? (size_t)got : 0);
    if ((io->state & CLOSED) || got > 0)
        return true;
    if (error == EAGAIN || error == EWOULDBLOCK || error == EINTR)
        return true;
    if (error == EINVAL) {
        io->state &= ~(uint32_t)SPLICES;
        return false;
    }
    torc__readiness_tell_end(io, error);
    return true;
}

#else

int torc__readiness_set_splicing(torc_io *io, bool on)
{
    (void)io;
    (void)on;
    return -ENOTSUP;
}

ssize_t torc__readiness_send_pipe(torc_io *io, int pipe, size_t length)
{
    (void)io;
    (void)pipe;
    (void)length;
    return -EINVAL;
}

bool torc__readiness_splice(torc_io *io)
{
    (void)io;
    return false;
}

#endif
