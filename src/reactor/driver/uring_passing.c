/*
 * Sockets of the io_uring driver that are polled and received from by a system call, as on the
 * other drivers: those whose bytes descriptors may come along with, which a receive into provided
 * buffers would lose, and those that are spliced (uring_splice.c). Mostly that is said before the
 * request for receiving was handed to the kernel, which is then taken back. Sending descriptors
 * needs no more than the system call.
 */
#include "reactor/driver/uring.h"

#if defined(TORC__HAS_URING)

# include "reactor/driver/readiness_io.h"
# include "reactor/driver/socket_passing.h"

# include <errno.h>

/* -- receiving ----------------------------------------------------------------------------- */

/* At once, so that what comes from now on keeps its descriptors. */
static void stop_requests(torc__uring_driver *driver, torc__uring_slot *slot)
{
    struct io_uring_sqe *entry;

    if (!(slot->state & TORC__URING_ARMED))
        return;
    entry = torc__uring_request_waiting(driver, slot, TORC__URING_RECEIVE);
    if (entry != NULL) {
        torc__uring_take_back(driver, slot, entry, TORC__URING_ARMED);
        return;
    }
    torc__uring_stop_receiving(driver, slot);
    torc__uring_flush(driver);
}

void torc__uring_set_polled(torc_io *io, uint32_t why, bool on)
{
    torc__uring_driver *driver = torc__uring_of(io);
    torc__uring_slot *slot = torc__uring_slot_of(io);

    slot->state &= ~why;
    if (on) {
        slot->state |= why;
        stop_requests(driver, slot);
    }
    torc__uring_receive_wanted(driver, slot);
}

/* What a request has brought before is told first. */
bool torc__uring_polled_wanted(const torc__uring_slot *slot)
{
    const uint32_t looked_at = TORC__URING_WANTED | TORC__URING_ARMED | TORC__URING_END_KEPT;

    return slot->io != NULL && slot->kept == NULL && (slot->state & TORC__URING_RECEIVES_POLLED)
        && (slot->state & looked_at) == TORC__URING_WANTED;
}

void torc__uring_polled_ready(torc__uring_driver *driver, torc__uring_slot *slot)
{
    char *buffer = driver->readiness.buffer;

    if (slot->state & TORC__URING_SPLICES)
        torc__uring_splice(driver, slot);
    else
        torc__uring_tell_got(driver, slot,
            torc__readiness_receive_descriptors(slot->io, buffer, TORC__READ_SIZE), buffer);
}

void torc__uring_tell_got(
    torc__uring_driver *driver, torc__uring_slot *slot, ssize_t got, const char *buffer)
{
    if (slot->io == NULL)
        return;
    if (got >= 0)
        torc__uring_tell_received(driver, slot, torc_slice_make(buffer, (size_t)got), 0);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        torc__uring_tell_received(driver, slot, torc_slice_make(NULL, 0), errno);
}

/* -- sending ------------------------------------------------------------------------------- */

ssize_t torc__uring_io_send_descriptors(torc_io *io, const struct iovec *pieces, int count,
    const int *descriptors, size_t descriptor_count)
{
    size_t asked = 0;
    ssize_t sent;

    if (torc__uring_slot_of(io)->state & (TORC__URING_BLOCKED | TORC__URING_SENDING))
        return 0;
    for (int i = 0; i < count; i++)
        asked += pieces[i].iov_len;
    do
        sent = torc__socket_send_descriptors(
            io->descriptor, pieces, count, descriptors, descriptor_count);
    while (sent == -EINTR);
    return torc__uring_sent_or_blocked(io, sent, asked);
}

#endif /* TORC__HAS_URING */
