/*
 * Descriptors that come along with bytes, on sockets of the io_uring driver.
 *
 * A receive into provided buffers would lose them. So an io whose `descriptor` events are wanted is
 * polled and received from by recvmsg(), as on the other drivers; mostly that is said before its
 * request for receiving was handed to the kernel, which is then taken back. Sending needs no more
 * than the system call.
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

void torc__uring_take_descriptors(torc_io *io, bool on)
{
    torc__uring_driver *driver = torc__uring_of(io);
    torc__uring_slot *slot = torc__uring_slot_of(io);

    if (on) {
        slot->state |= TORC__URING_PASSES;
        stop_requests(driver, slot);
    } else {
        slot->state &= ~(uint32_t)TORC__URING_PASSES;
    }
    torc__uring_receive_wanted(driver, slot);
}

/* What a request has brought before is told first. */
bool torc__uring_passing_wanted(const torc__uring_slot *slot)
{
    const uint32_t looked_at = TORC__URING_PASSES | TORC__URING_WANTED | TORC__URING_ARMED
        | TORC__URING_END_KEPT;

    return slot->io != NULL && slot->kept == NULL
        && (slot->state & looked_at) == (TORC__URING_PASSES | TORC__URING_WANTED);
}

void torc__uring_passing_ready(torc__uring_driver *driver, torc__uring_slot *slot)
{
    char *buffer = driver->readiness.buffer;
    ssize_t got = torc__readiness_receive_descriptors(slot->io, buffer, TORC__READ_SIZE);

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
