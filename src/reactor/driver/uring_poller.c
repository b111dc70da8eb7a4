/*
 * The poller by which the io_uring driver carries what it has no better way for than readiness:
 * streams that are no sockets, watched descriptors, datagrams. The adapter in readiness.c does the
 * rest, and its code for these is the code of every driver; its ios carry the adapter's state, so
 * that their slots are found by descriptor.
 *
 * One poll stands in the kernel for each, which is answered once and asked for anew: an io is told
 * again as long as it is ready. The kernel answers a poll also when the peer of a socket has closed
 * its half, whatever was asked for, and would do so over and over; such a poll is then asked to be
 * answered many times, which it is only when something changes.
 */
#include "reactor/driver/uring.h"

#if defined(TORC__HAS_URING)

# include "base/memory.h"
# include "reactor/driver/readiness_io.h"

# include <errno.h>
# include <poll.h>
# include <string.h>

/* -- asking -------------------------------------------------------------------------------- */

static uint32_t events_of(unsigned wanted)
{
    uint32_t events = 0;

    if (wanted & TORC__READABLE)
        events |= (uint32_t)POLLIN;
    if (wanted & TORC__WRITABLE)
        events |= (uint32_t)POLLOUT;

# if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    events <<= 16;
# endif
    return events;
}

/* One that is answered meanwhile cannot be changed any more; it is then asked for anew. */
static struct io_uring_sqe *change(torc__uring_driver *driver, torc__uring_slot *slot)
{
    struct io_uring_sqe *entry = torc__uring_request_waiting(driver, slot, TORC__URING_POLL);

    if (entry != NULL)
        return entry;
    entry = torc__uring_about(driver, slot, TORC__URING_POLL);
    if (entry == NULL)
        return NULL;
    entry->opcode = IORING_OP_POLL_REMOVE;
    entry->len = IORING_POLL_UPDATE_EVENTS;
    return entry;
}

static struct io_uring_sqe *begin(torc__uring_driver *driver, torc__uring_slot *slot)
{
    struct io_uring_sqe *entry =
        torc__uring_request(driver, slot, TORC__URING_POLL, TORC__URING_POLLING);

    if (entry == NULL)
        return NULL;
    entry->opcode = IORING_OP_POLL_ADD;
    entry->fd = slot->io->descriptor;
    if (slot->state & TORC__URING_HALF_CLOSED)
        entry->len = IORING_POLL_ADD_MULTI;
    return entry;
}

void torc__uring_poll(torc__uring_driver *driver, torc__uring_slot *slot, unsigned wanted)
{
    bool polls = (slot->state & TORC__URING_POLLING) != 0;
    struct io_uring_sqe *entry;

    slot->wanted = (uint16_t)wanted;
    if (polls && !(wanted & ~(unsigned)slot->polled))
        return;
    entry = polls ? change(driver, slot) : begin(driver, slot);
    if (entry == NULL) {
        torc__uring_enqueue(driver, slot);
        return;
    }
    slot->polled = (uint16_t)wanted;
    entry->poll32_events = events_of(wanted);
}

unsigned torc__uring_poll_answer(torc__uring_slot *slot, const struct io_uring_cqe *done)
{
    unsigned ready = 0;

    if (done->res < 0)
        return 0;
    if (done->res & POLLIN)
        ready |= TORC__READABLE;
    if (done->res & POLLOUT)
        ready |= TORC__WRITABLE;
    if (done->res & (POLLHUP | POLLERR | POLLNVAL))
        ready |= TORC__HUNG_UP;
    if (ready == 0)
        slot->state |= TORC__URING_HALF_CLOSED;
    return ready;
}

void torc__uring_poll_answered(
    torc__uring_driver *driver, torc__uring_slot *slot, const struct io_uring_cqe *done)
{
    /* It tells of changes only: what still holds is told again when it is asked for again. */
    if (!(done->flags & IORING_CQE_F_MORE))
        torc__uring_answered(driver, slot, TORC__URING_POLLING);
    else if (done->res & (POLLIN | POLLOUT))
        slot->polled = 0;
}

/* -- the slots ----------------------------------------------------------------------------- */

static bool reserve(torc__uring_driver *driver, size_t descriptor)
{
    size_t capacity = driver->polled_capacity > 0 ? driver->polled_capacity : 64;
    torc__uring_slot **polled;

    if (descriptor < driver->polled_capacity)
        return true;
    while (capacity <= descriptor)
        capacity *= 2;
    polled = torc__reallocate(driver->polled, capacity * sizeof(torc__uring_slot *));
    if (polled == NULL)
        return false;
    memset(polled + driver->polled_capacity, 0,
        (capacity - driver->polled_capacity) * sizeof(torc__uring_slot *));
    driver->polled = polled;
    driver->polled_capacity = capacity;
    return true;
}

static torc__uring_driver *driver_of(torc__readiness *readiness)
{
    return (torc__uring_driver *)(void *)readiness;
}

/* Where an io's descriptor was closed behind our back its number may be another's: rarely. */
static torc__uring_slot *search(const torc__uring_driver *driver, const torc_io *io)
{
    for (size_t i = 0; i < driver->chunk_count; i++)
        for (size_t j = 0; j < TORC__URING_CHUNK_SLOTS; j++)
            if (driver->chunks[i][j].io == io)
                return &driver->chunks[i][j];
    return NULL;
}

static torc__uring_slot *slot_of(const torc__uring_driver *driver, const torc_io *io)
{
    torc__uring_slot *slot = driver->polled[io->descriptor];

    return TORC_LIKELY(slot != NULL && slot->io == io) ? slot : search(driver, io);
}

static void unlist(torc__uring_driver *driver, const torc__uring_slot *slot, int descriptor)
{
    if (driver->polled[descriptor] == slot)
        driver->polled[descriptor] = NULL;
}

static torc__uring_slot *list(torc__uring_driver *driver, torc_io *io)
{
    size_t descriptor = (size_t)io->descriptor;
    torc__uring_slot *slot = NULL;

    if (reserve(driver, descriptor))
        slot = torc__uring_slot_take(driver, io, TORC__URING_READINESS);
    if (slot != NULL)
        driver->polled[descriptor] = slot;
    return slot;
}

static int poller_watch(torc__readiness *readiness, torc_io *io, unsigned wanted, bool listed)
{
    torc__uring_driver *driver = driver_of(readiness);
    torc__uring_slot *slot = listed ? slot_of(driver, io) : list(driver, io);

    if (slot == NULL)
        return -ENOMEM;
    torc__uring_poll(driver, slot, wanted);
    return 0;
}

/*
 * The request holds the descriptor's file open: the other end of a pipe is to read its end, and the
 * address of a socket to be free, when it is closed next.
 */
static void poller_forget(torc__readiness *readiness, torc_io *io)
{
    torc__uring_driver *driver = driver_of(readiness);
    torc__uring_slot *slot = slot_of(driver, io);

    unlist(driver, slot, io->descriptor);
    torc__uring_slot_detach(driver, slot);
    if (driver->urgent && (!driver->telling || (io->state & DATAGRAMS)))
        torc__uring_flush(driver);
}

const torc__poller torc__uring_poller = {
    .watch = poller_watch,
    .forget = poller_forget,
};

/* -- telling ------------------------------------------------------------------------------- */

static void poll_again(torc__uring_driver *driver, torc__uring_slot *slot)
{
    if (slot->io != NULL && (slot->state & TORC__URING_READINESS))
        torc__uring_poll(driver, slot, slot->wanted);
}

/* EINVAL: a regular file, /dev/null, or what else never has to be waited for. */
static void take_error(torc__uring_driver *driver, torc__uring_slot *slot, int error)
{
    torc_io *io = slot->io;

    if (error == EINVAL && (io->state & (STREAM | WATCHED)))
        error = -torc__readiness_list_as_always_ready(io);
    if (error != 0) {
        torc__readiness_strand(io, error);
        return;
    }
    unlist(driver, slot, io->descriptor);
    slot->io = NULL;
}

void torc__uring_ready(
    torc__uring_driver *driver, torc__uring_slot *slot, const struct io_uring_cqe *done)
{
    unsigned ready = torc__uring_poll_answer(slot, done);
    uint16_t polled = slot->polled;

    /* While it is told its poll counts as one for all, so that none is asked for in between. */
    slot->polled = TORC__READABLE | TORC__WRITABLE;
    if (slot->io != NULL && ready != 0) {
        driver->told++;
        torc__readiness_tell(&driver->readiness, slot->io, ready);
    } else if (slot->io != NULL && done->res < 0 && done->res != -ECANCELED) {
        take_error(driver, slot, -done->res);
    }
    slot->polled = polled;
    torc__uring_poll_answered(driver, slot, done);
    poll_again(driver, slot);
}

void torc__uring_poller_look_at(torc__uring_driver *driver, torc__uring_slot *slot)
{
    poll_again(driver, slot);
}

#endif /* TORC__HAS_URING */
