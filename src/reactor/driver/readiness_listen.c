/*
 * The readiness drivers' ios that listen: opened, and accepting.
 *
 * So many connections are accepted per wake-up at most; what is left in the system's queue makes
 * the listener ready in the next turn again.
 */
#include "reactor/driver/readiness_io.h"

#include "reactor/driver/socket.h"

#include <errno.h>

enum { ACCEPTS_MAX = 64 };

/* Errors of a connection that died in the queue, not of the listener: accept(2). */
static bool is_passing_accept_error(int error)
{
    switch (-error) {
    case ECONNABORTED:
    case EINTR:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENOPROTOOPT:
        return true;
    default:
        return false;
    }
}

void torc__readiness_accept(torc_io *io)
{
    for (int i = 0; i < ACCEPTS_MAX && (io->state & RECEIVES); i++) {
        torc_address peer;
        int descriptor = torc__socket_accept(io->descriptor, &peer);

        if (is_passing_accept_error(descriptor))
            continue;
        if (descriptor == -EAGAIN || descriptor == -EWOULDBLOCK)
            return;
        if (descriptor < 0) {
            io->events->accepted(io, -1, NULL, -descriptor);
            return;
        }
        io->events->accepted(io, descriptor, &peer, 0);
    }
    if (!(io->state & (RECEIVES | CLOSED)))
        torc__readiness_watch_as_wanted(io);
}

int torc__readiness_listen(torc_driver *driver, torc_io *io, const torc_address *address,
    const torc_socket_options *options)
{
    int descriptor = torc__socket_listen(address, options);
    int error;

    if (descriptor < 0)
        return descriptor;
    torc__readiness_set_up_socket(driver, io, descriptor, LISTENS);
    error = torc__readiness_list(io);
    if (error != 0)
        torc__socket_close(descriptor, false);
    return error;
}

int torc__readiness_adopt_listener(torc_driver *driver, torc_io *io, int descriptor)
{
    int error = torc__socket_adopt_listener(descriptor);

    if (error != 0)
        return error;
    torc__readiness_set_up_socket(driver, io, descriptor, LISTENS);
    return torc__readiness_list(io);
}

void torc__readiness_start_accepting(torc_io *io, bool on)
{
    if (io->state & CLOSED)
        return;
    if (on)
        io->state |= RECEIVES;
    else
        io->state &= ~(uint32_t)RECEIVES;
    torc__readiness_watch_as_wanted(io);
}
