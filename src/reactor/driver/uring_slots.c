/*
 * Slots: one for each io, and for as long as the kernel has something in hand for it. They are got
 * in chunks that stay where they are until the driver closes.
 */
#include "reactor/driver/uring.h"

#if defined(TORC__HAS_URING)

# include "base/memory.h"

# include <errno.h>
# include <string.h>

/* -- having one ---------------------------------------------------------------------------- */

static bool add_chunk(torc__uring_driver *driver)
{
    torc__uring_slot **chunks =
        torc__reallocate(driver->chunks, (driver->chunk_count + 1) * sizeof(torc__uring_slot *));
    torc__uring_slot *chunk;

    if (chunks == NULL)
        return false;
    driver->chunks = chunks;
    chunk = torc__allocate_zeroed(TORC__URING_CHUNK_SLOTS * sizeof *chunk);
    if (chunk == NULL)
        return false;
    driver->chunks[driver->chunk_count] = chunk;
    for (unsigned i = TORC__URING_CHUNK_SLOTS; i-- > 0;) {
        chunk[i].number = (uint32_t)driver->chunk_count * TORC__URING_CHUNK_SLOTS + i;
        chunk[i].next = driver->free_slots;
        driver->free_slots = &chunk[i];
    }
    driver->chunk_count++;
    return true;
}

torc__uring_slot *torc__uring_slot_take(torc__uring_driver *driver, torc_io *io, uint32_t state)
{
    torc__uring_slot *slot;

    if (driver->free_slots == NULL && !add_chunk(driver))
        return NULL;
    slot = driver->free_slots;
    driver->free_slots = slot->next;
    slot->io = io;
    slot->next = NULL;
    slot->state = state;
    slot->error = 0;
    slot->unread = 0;
    return slot;
}

torc__uring_slot *torc__uring_slot_new(
    torc__uring_driver *driver, torc_io *io, int descriptor, uint32_t state)
{
    torc__uring_slot *slot = torc__uring_slot_take(driver, io, state);

    if (slot == NULL)
        return NULL;
    io->kind = &torc__uring_socket_class;
    io->carrier = driver;
    io->descriptor = descriptor;
    io->state = slot->number;
    return slot;
}

void torc__uring_slot_free_if_over(torc__uring_driver *driver, torc__uring_slot *slot)
{
    if (slot->io != NULL || (slot->state & (TORC__URING_IN_FLIGHT | TORC__URING_QUEUED)))
        return;
    slot->next = driver->free_slots;
    driver->free_slots = slot;
}

/*
 * What the kernel has not seen yet knows the descriptor by a number that may be another's by then,
 * and would take from that what comes for it.
 */
static void take_back_unseen(torc__uring_driver *driver, torc__uring_slot *slot)
{
    struct io_uring_sqe *entry = NULL;

    if (slot->io != NULL && (slot->state & TORC__URING_ARMED))
        entry = torc__uring_request_waiting(driver, slot, TORC__URING_RECEIVE);
    if (entry != NULL)
        torc__uring_take_back(driver, slot, entry, TORC__URING_ARMED);
}

/* Cancels what is in hand; what cannot be cancelled now is so when the queue is looked at. */
void torc__uring_slot_detach(torc__uring_driver *driver, torc__uring_slot *slot)
{
    bool asked = true;

    take_back_unseen(driver, slot);
    slot->io = NULL;
    torc__uring_drop_kept(slot);
    if (slot->state & TORC__URING_ARMED)
        asked = torc__uring_cancel(driver, slot, TORC__URING_RECEIVE) && asked;
    if (slot->state & TORC__URING_POLLING)
        asked = torc__uring_cancel(driver, slot, TORC__URING_POLL) && asked;
    if (!asked)
        torc__uring_enqueue(driver, slot);
    torc__uring_slot_free_if_over(driver, slot);
}

void torc__uring_slots_free(torc__uring_driver *driver)
{
    for (size_t i = 0; i < driver->chunk_count; i++)
        torc__free(driver->chunks[i]);
    torc__free(driver->chunks);
    torc__free(driver->polled);
    driver->chunk_count = 0;
}

/* -- requests ------------------------------------------------------------------------------ */

static uint64_t name_of(const torc__uring_slot *slot, unsigned tag)
{
    return (uint64_t)(uintptr_t)slot | tag;
}

static struct io_uring_sqe *next_entry(torc__uring_driver *driver)
{
    return torc__uring_be_ours(driver) == 0 ? torc__uring_ring_entry(&driver->ring) : NULL;
}

struct io_uring_sqe *torc__uring_request(
    torc__uring_driver *driver, torc__uring_slot *slot, unsigned tag, uint32_t flight)
{
    struct io_uring_sqe *entry = next_entry(driver);

    if (entry == NULL)
        return NULL;
    entry->user_data = name_of(slot, tag);
    slot->state |= flight;
    driver->in_flight++;
    return entry;
}

void torc__uring_answered(torc__uring_driver *driver, torc__uring_slot *slot, uint32_t flight)
{
    /* In a forked process nothing is in flight any more, though it may still be told. */
    if (slot->state & flight)
        driver->in_flight--;
    slot->state &= ~flight;
    torc__uring_slot_free_if_over(driver, slot);
}

struct io_uring_sqe *torc__uring_request_waiting(
    torc__uring_driver *driver, const torc__uring_slot *slot, unsigned tag)
{
    return torc__uring_be_ours(driver) == 0
        ? torc__uring_ring_find(&driver->ring, name_of(slot, tag)) : NULL;
}

void torc__uring_take_back(
    torc__uring_driver *driver, torc__uring_slot *slot, struct io_uring_sqe *entry, uint32_t flight)
{
    memset(entry, 0, sizeof *entry);
    entry->opcode = IORING_OP_NOP;
    entry->user_data = TORC__URING_CANCEL;
    torc__uring_answered(driver, slot, flight);
}

struct io_uring_sqe *torc__uring_about(
    torc__uring_driver *driver, const torc__uring_slot *slot, unsigned tag)
{
    struct io_uring_sqe *entry = next_entry(driver);

    if (entry == NULL)
        return NULL;
    entry->flags = IOSQE_CQE_SKIP_SUCCESS;
    entry->fd = -1;
    entry->addr = name_of(slot, tag);
    entry->user_data = TORC__URING_CANCEL;
    return entry;
}

bool torc__uring_cancel(torc__uring_driver *driver, torc__uring_slot *slot, unsigned tag)
{
    struct io_uring_sqe *entry = torc__uring_about(driver, slot, tag);

    if (entry == NULL)
        return false;
    entry->opcode = IORING_OP_ASYNC_CANCEL;
    driver->urgent = true;
    return true;
}

/* The kernel has taken copies of what was described there. */
void torc__uring_handed_over(torc__uring_driver *driver)
{
    if (torc__uring_ring_waiting(&driver->ring) > 0)
        return;
    driver->piece_count = 0;
    driver->message_count = 0;
}

void torc__uring_flush(torc__uring_driver *driver)
{
    if (torc__uring_be_ours(driver) != 0)
        return;
    driver->urgent = false;
    (void)torc__uring_ring_enter(&driver->ring, 0, -1);
    torc__uring_handed_over(driver);
}

/* -- the queue ----------------------------------------------------------------------------- */

void torc__uring_enqueue(torc__uring_driver *driver, torc__uring_slot *slot)
{
    if (slot->state & TORC__URING_QUEUED)
        return;
    slot->state |= TORC__URING_QUEUED;
    slot->next = NULL;
    *driver->queue_end = slot;
    driver->queue_end = &slot->next;
    driver->queue_length++;
}

torc__uring_slot *torc__uring_dequeue(torc__uring_driver *driver)
{
    torc__uring_slot *slot = driver->queue;

    if (slot == NULL)
        return NULL;
    driver->queue = slot->next;
    if (driver->queue == NULL)
        driver->queue_end = &driver->queue;
    driver->queue_length--;
    slot->next = NULL;
    slot->state &= ~(uint32_t)TORC__URING_QUEUED;
    return slot;
}

#endif /* TORC__HAS_URING */
