/*
 * Sockets of the io_uring driver whose bytes go from one to the other through a pipe: what
 * readiness_splice.c is on the other drivers.
 *
 * Such an io is polled, and spliced by the system call: io_uring has an operation for that, but
 * hands it to a thread of the kernel's own, which costs more than the call does. All polls of a
 * turn enter the kernel together, so what is added per splice is less than epoll's.
 */
#include "reactor/driver/uring.h"

#if defined(TORC__HAS_URING)

# include "base/system_call.h"

# include <errno.h>
# include <fcntl.h>
# include <sys/socket.h>

/* So much is moved in one system call, so that one connection does not hold up others. */
# define SPLICE_SIZE_MAX ((size_t)512 * 1024)

int torc__uring_set_splicing(torc_io *io, bool on)
{
    torc__uring_set_polled(io, TORC__URING_SPLICES, on);
    return 0;
}

static void receive(torc__uring_driver *driver, torc__uring_slot *slot)
{
    char *buffer = driver->readiness.buffer;
    ssize_t got = TORC__CALL(recv, slot->io->descriptor, buffer, TORC__READ_SIZE, 0);

    torc__uring_tell_got(driver, slot, got, buffer);
}

void torc__uring_splice(torc__uring_driver *driver, torc__uring_slot *slot)
{
    torc_io *io = slot->io;
    int pipe = io->events->pipe_wanted(io);
    ssize_t got;
    int error;

    if (pipe < 0) {
        receive(driver, slot);
        return;
    }
    got = TORC__CALL(splice, io->descriptor, NULL, pipe, NULL, SPLICE_SIZE_MAX,
        SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    error = got < 0 ? errno : 0;
    driver->told++;
    io->events->spliced(io, got > 0 ? (size_t)got : 0);
    if (slot->io == NULL || got > 0)
        return;
    if (error == EINVAL) {
        slot->state &= ~(uint32_t)TORC__URING_SPLICES;
        receive(driver, slot);
        torc__uring_receive_wanted(driver, slot);
        return;
    }
    errno = error;
    torc__uring_tell_got(driver, slot, got, NULL);
}

ssize_t torc__uring_io_send_pipe(torc_io *io, int pipe, size_t length)
{
    ssize_t sent;

    if (torc__uring_slot_of(io)->state & (TORC__URING_BLOCKED | TORC__URING_SENDING))
        return 0;
    do
        sent = TORC__CALL(splice, pipe, NULL, io->descriptor, NULL, length,
            SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (sent < 0 && errno == EINTR);
    return torc__uring_sent_or_blocked(io, sent < 0 ? -errno : sent, length);
}

#endif /* TORC__HAS_URING */
