/*
 * Descriptors that are only watched, on a readiness driver.
 *
 * What is watched is a duplicate. A poller knows a descriptor by its number: were that closed
 * behind our back, its number would soon be another file's, which we would then watch, or forget,
 * in its place; and epoll would go on telling of a file that somebody else holds open, with no
 * number left by which it could be told to stop. A number of our own cannot go, nor be reused.
 */
#include "reactor/driver/readiness_io.h"

#include "base/system_call.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void torc__watched_tell(torc_io *io, unsigned ready)
{
    bool readable = (ready & (TORC__READABLE | TORC__HUNG_UP)) && (io->state & RECEIVES);
    bool writable = (ready & (TORC__WRITABLE | TORC__HUNG_UP)) && (io->state & BLOCKED);

    if (readable || writable)
        io->events->ready(io, readable, writable);
    else
        torc__readiness_watch_as_wanted(io);
}

/*
 * Takes interest back only when an event comes that nobody wants: a watch that is switched off and
 * on within a turn costs nothing.
 */
static void watched_watch_for(torc_io *io, bool readable, bool writable)
{
    if (io->state & CLOSED)
        return;
    io->state &= ~(uint32_t)(RECEIVES | BLOCKED);
    if (readable)
        io->state |= RECEIVES;
    if (writable)
        io->state |= BLOCKED;
    if ((readable && !(io->state & WATCHES_IN)) || (writable && !(io->state & WATCHES_OUT)))
        torc__readiness_watch_as_wanted(io);
}

static bool watched_close(torc_io *io, bool reset)
{
    (void)reset;
    if (io->state & CLOSED)
        return true;
    torc__readiness_forget(io);
    close(io->descriptor);
    io->descriptor = -1;
    io->state = CLOSED;
    return true;
}

/* -- what cannot be asked of what is only watched ------------------------------------------ */

static ssize_t cannot_send(torc_io *io, const struct iovec *pieces, int count, bool more)
{
    (void)io;
    (void)pieces;
    (void)count;
    (void)more;
    return -ENOTSUP;
}

static ssize_t cannot_send_file(torc_io *io, int file, int64_t offset, size_t length)
{
    (void)io;
    (void)file;
    (void)offset;
    (void)length;
    return -ENOTSUP;
}

static void cannot_receive(torc_io *io, bool on)
{
    (void)io;
    (void)on;
}

static int cannot_finish(torc_io *io)
{
    (void)io;
    return -ENOTSUP;
}

static void no_address(torc_io *io, torc_address *ret_address)
{
    (void)io;
    ret_address->kind = TORC_ADDRESS_NONE;
}

static const torc_io_class watched_class = {
    .name = "watched descriptor",
    .send = cannot_send,
    .send_file = cannot_send_file,
    .receive = cannot_receive,
    .finish = cannot_finish,
    .close = watched_close,
    .local_address = no_address,
    .peer_address = no_address,
    .watch_for = watched_watch_for,
};

/* Listed at once, so that a refusal (memory, the bound of select) is told here. */
int torc__readiness_watch(torc_driver *driver, torc_io *io, int descriptor)
{
    int own = TORC__CALL(fcntl, descriptor, F_DUPFD_CLOEXEC, 0);
    int error;

    if (own < 0)
        return -errno;
    torc__readiness_set_up(driver, io, &watched_class, own, WATCHED);
    error = torc__readiness_list(io);
    if (error != 0)
        close(own);
    return error;
}
