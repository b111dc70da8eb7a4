/*
 * Receiving and accepting: one request each that is answered many times, until it is cancelled or
 * the kernel ends it.
 *
 * Turning receiving off cancels nothing by itself, so that pausing and resuming within a turn is
 * free. Only when something comes that is not wanted is it kept, and the request cancelled; what
 * the kernel had received until then is kept too, which is what it takes in one go: 32 buffers.
 */
#include "reactor/driver/uring.h"

#if defined(TORC__HAS_URING)

# include "base/memory.h"
# include "base/system_call.h"
# include "reactor/driver/socket.h"

# include <errno.h>
# include <poll.h>
# include <string.h>
# include <unistd.h>

/* -- asking -------------------------------------------------------------------------------- */

static struct io_uring_sqe *request(torc__uring_driver *driver, torc__uring_slot *slot)
{
    return torc__uring_request(driver, slot, TORC__URING_RECEIVE, TORC__URING_ARMED);
}

static void arm_receive(torc__uring_driver *driver, torc__uring_slot *slot)
{
    struct io_uring_sqe *entry = request(driver, slot);

    if (entry == NULL) {
        torc__uring_enqueue(driver, slot);
        return;
    }
    entry->opcode = IORING_OP_RECV;
    entry->fd = slot->io->descriptor;
    entry->flags = IOSQE_BUFFER_SELECT;
    entry->ioprio = IORING_RECV_MULTISHOT;
    entry->buf_group = TORC__URING_BUFFER_GROUP;
}

static void arm_accept(torc__uring_driver *driver, torc__uring_slot *slot)
{
    struct io_uring_sqe *entry = request(driver, slot);

    if (entry == NULL) {
        torc__uring_enqueue(driver, slot);
        return;
    }
    entry->opcode = IORING_OP_ACCEPT;
    entry->fd = slot->io->descriptor;
    entry->ioprio = IORING_ACCEPT_MULTISHOT;
    entry->accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
}

void torc__uring_receive_wanted(torc__uring_driver *driver, torc__uring_slot *slot)
{
    if (slot->io == NULL || !(slot->state & TORC__URING_WANTED))
        return;
    if (slot->kept != NULL || (slot->state & TORC__URING_END_KEPT))
        torc__uring_enqueue(driver, slot);
    else if (slot->state & TORC__URING_ARMED)
        return;
    else if (slot->state & TORC__URING_LISTENS)
        arm_accept(driver, slot);
    else if (slot->state & TORC__URING_RECEIVES_POLLED)
        torc__uring_poll_wanted(driver, slot);
    else
        arm_receive(driver, slot);
}

void torc__uring_stop_receiving(torc__uring_driver *driver, torc__uring_slot *slot)
{
    if ((slot->state & (TORC__URING_ARMED | TORC__URING_STOPPING)) == TORC__URING_ARMED
        && torc__uring_cancel(driver, slot, TORC__URING_RECEIVE))
        slot->state |= TORC__URING_STOPPING;
}

void torc__uring_io_receive(torc_io *io, bool on)
{
    torc__uring_slot *slot = torc__uring_slot_of(io);

    if (!on) {
        slot->state &= ~(uint32_t)TORC__URING_WANTED;
        return;
    }
    if (slot->state & TORC__URING_ENDED)
        return;
    slot->state |= TORC__URING_WANTED;
    torc__uring_receive_wanted(torc__uring_of(io), slot);
}

void torc__uring_start_accepting(torc_io *io, bool on)
{
    if (io->descriptor < 0)
        return;
    torc__uring_io_receive(io, on);
    /* Connections are to wait in the system's queue, not in ours. */
    if (!on)
        torc__uring_stop_receiving(torc__uring_of(io), torc__uring_slot_of(io));
}

/* -- keeping ------------------------------------------------------------------------------- */

static void keep_end(torc__uring_slot *slot, int error)
{
    if (slot->state & TORC__URING_END_KEPT)
        return;
    slot->state |= TORC__URING_END_KEPT;
    slot->error = (uint16_t)error;
}

/* NULL when memory is out. */
static torc__uring_kept *append_kept(torc__uring_slot *slot, size_t length)
{
    torc__uring_kept **end = &slot->kept;
    torc__uring_kept *kept = torc__allocate(sizeof *kept + length);

    if (kept == NULL)
        return NULL;
    kept->next = NULL;
    kept->length = length;
    kept->descriptor = -1;
    while (*end != NULL)
        end = &(*end)->next;
    *end = kept;
    return kept;
}

/* A copy, or the buffers of all would go to those who do not read. */
static void keep_bytes(torc__uring_slot *slot, torc_slice bytes)
{
    torc__uring_kept *kept;

    if (slot->state & TORC__URING_END_KEPT)
        return;
    kept = append_kept(slot, bytes.length);
    if (kept != NULL)
        memcpy(kept->bytes, bytes.data, bytes.length);
    else
        keep_end(slot, ENOMEM);
}

static void keep_descriptor(torc__uring_slot *slot, int descriptor)
{
    torc__uring_kept *kept = append_kept(slot, 0);

    if (kept != NULL)
        kept->descriptor = descriptor;
    else
        close(descriptor);
}

static void free_kept(torc__uring_kept *kept)
{
    if (kept->descriptor >= 0)
        close(kept->descriptor);
    torc__free(kept);
}

void torc__uring_drop_kept(torc__uring_slot *slot)
{
    while (slot->kept != NULL) {
        torc__uring_kept *kept = slot->kept;

        slot->kept = kept->next;
        free_kept(kept);
    }
}

/* -- telling ------------------------------------------------------------------------------- */

static void tell_bytes(torc__uring_driver *driver, torc__uring_slot *slot, torc_slice bytes)
{
    driver->told++;
    slot->io->events->received(slot->io, bytes, 0);
}

static void tell_end(torc__uring_driver *driver, torc__uring_slot *slot, int error)
{
    driver->told++;
    slot->state |= TORC__URING_ENDED;
    slot->state &= ~(uint32_t)(TORC__URING_WANTED | TORC__URING_END_KEPT);
    slot->io->events->received(slot->io, torc_slice_make(NULL, 0), error);
}

void torc__uring_tell_received(
    torc__uring_driver *driver, torc__uring_slot *slot, torc_slice bytes, int error)
{
    if (bytes.length > 0)
        tell_bytes(driver, slot, bytes);
    else
        tell_end(driver, slot, error);
}

static void tell_shortage(torc__uring_driver *driver, torc__uring_slot *slot, int error)
{
    driver->told++;
    slot->io->events->accepted(slot->io, -1, NULL, error);
}

/* One that was reset before anybody saw it has no peer any more, and is nobody's. */
static void tell_accepted(torc__uring_driver *driver, torc__uring_slot *slot, int descriptor)
{
    torc_address peer;

    if (torc__socket_accepted_peer(descriptor, &peer) != 0) {
        close(descriptor);
        return;
    }
    driver->told++;
    slot->io->events->accepted(slot->io, descriptor, &peer, 0);
}

static bool tells(const torc__uring_slot *slot)
{
    return slot->io != NULL && (slot->state & TORC__URING_WANTED) != 0;
}

void torc__uring_tell_kept(torc__uring_driver *driver, torc__uring_slot *slot)
{
    while (tells(slot) && slot->kept != NULL) {
        torc__uring_kept *kept = slot->kept;
        int descriptor = kept->descriptor;

        slot->kept = kept->next;
        kept->descriptor = -1;
        if (slot->state & TORC__URING_LISTENS)
            tell_accepted(driver, slot, descriptor);
        else
            tell_bytes(driver, slot, torc_slice_make(kept->bytes, kept->length));
        free_kept(kept);
    }
    if (tells(slot) && (slot->state & TORC__URING_END_KEPT))
        tell_end(driver, slot, slot->error);
}

/* -- answers ------------------------------------------------------------------------------- */

/* Nothing is lost by an error that a test has feigned: what came is then kept for later. */
static void take_bytes(torc__uring_driver *driver, torc__uring_slot *slot, torc_slice bytes)
{
    bool refused = torc__call_fails("recv");

    if (refused && errno != EINTR && errno != EAGAIN)
        keep_end(slot, errno);
    else if (refused || slot->kept != NULL || !tells(slot))
        keep_bytes(slot, bytes);
    else
        tell_bytes(driver, slot, bytes);
}

static void take_connection(torc__uring_driver *driver, torc__uring_slot *slot, int descriptor)
{
    bool refused = torc__call_fails("accept4");

    if (slot->io == NULL) {
        close(descriptor);
        return;
    }
    if (!refused && tells(slot) && slot->kept == NULL) {
        tell_accepted(driver, slot, descriptor);
        return;
    }
    keep_descriptor(slot, descriptor);
    if (refused && tells(slot))
        tell_shortage(driver, slot, errno);
}

static void take_receive_error(torc__uring_driver *driver, torc__uring_slot *slot, int error)
{
    switch (error) {
    case ECANCELED:
    case EINTR:
    case EAGAIN:
        return;
    case ENOBUFS:
        /* Asked for again in the next turn, when all that are lent out have come back. */
        driver->starved = true;
        if (slot->io != NULL)
            torc__uring_enqueue(driver, slot);
        return;
    default:
        keep_end(slot, error);
    }
}

static void take_accept_error(torc__uring_driver *driver, torc__uring_slot *slot, int error)
{
    if (error != ECANCELED && tells(slot))
        tell_shortage(driver, slot, error);
}

static void take_error(torc__uring_driver *driver, torc__uring_slot *slot, int error)
{
    if (slot->state & TORC__URING_LISTENS)
        take_accept_error(driver, slot, error);
    else
        take_receive_error(driver, slot, error);
}

static void take(
    torc__uring_driver *driver, torc__uring_slot *slot, const struct io_uring_cqe *done)
{
    unsigned buffer = done->flags >> IORING_CQE_BUFFER_SHIFT;

    if (done->res < 0) {
        take_error(driver, slot, -done->res);
    } else if (slot->state & TORC__URING_LISTENS) {
        take_connection(driver, slot, done->res);
    } else if (done->res == 0) {
        keep_end(slot, 0);
    } else if (slot->io != NULL) {
        slot->unread--;
        take_bytes(driver, slot, torc_slice_make(
            torc__uring_buffers_at(&driver->buffers, buffer), (size_t)done->res));
    }
    if ((done->flags & IORING_CQE_F_BUFFER) && torc__uring_be_ours(driver) == 0)
        torc__uring_buffers_return(&driver->buffers, buffer);
}

static bool has_broken_off(int descriptor)
{
    struct pollfd entry = { .fd = descriptor };

    return TORC__CALL(poll, &entry, 1, 0) == 1;
}

/*
 * When a request has received in several goes, the kernel waits for what comes next without looking
 * whether the connection was reset meanwhile, and then waits forever (seen on Linux 6.18; an end
 * without a reset is noticed). A new request looks, so in that case this one is cancelled.
 */
static void look_for_reset(
    torc__uring_driver *driver, torc__uring_slot *slot, const struct io_uring_cqe *done)
{
    bool was_more = (slot->state & TORC__URING_MORE_THERE) != 0;

    slot->state &= ~(uint32_t)TORC__URING_MORE_THERE;
    if (done->res <= 0 || !(done->flags & IORING_CQE_F_MORE))
        return;
    if (done->flags & IORING_CQE_F_SOCK_NONEMPTY)
        slot->state |= TORC__URING_MORE_THERE;
    else if (was_more && has_broken_off(slot->io->descriptor))
        torc__uring_stop_receiving(driver, slot);
}

void torc__uring_received(
    torc__uring_driver *driver, torc__uring_slot *slot, const struct io_uring_cqe *done)
{
    take(driver, slot, done);
    if (slot->kept == NULL && tells(slot) && (slot->state & TORC__URING_END_KEPT))
        tell_end(driver, slot, slot->error);
    if (!(done->flags & IORING_CQE_F_MORE))
        torc__uring_answered(driver, slot, TORC__URING_ARMED);
    if (slot->io == NULL)
        return;
    if (!(slot->state & TORC__URING_LISTENS))
        look_for_reset(driver, slot, done);
    if (!(slot->state & TORC__URING_ARMED))
        slot->state &= ~(uint32_t)TORC__URING_STOPPING;
    if (tells(slot) && !(slot->state & TORC__URING_QUEUED))
        torc__uring_receive_wanted(driver, slot);
    else if (slot->kept != NULL)
        torc__uring_stop_receiving(driver, slot);
}

#endif /* TORC__HAS_URING */
