/*
 * Two blocks, entries and bytes, filled from the front and emptied behind. When the end is reached
 * the rest is moved to the front if at least half is free there, which costs a bounded number of
 * moves for each datagram, and else the block grows.
 */
#include "transport/datagram_queue.h"

#include "base/memory.h"

#include <string.h>

enum { CAPACITY_MIN = 16 };

#define BYTES_MIN ((size_t)4 * 1024)

/* An empty queue that has grown beyond this gives its memory back. */
#define BYTES_KEPT ((size_t)128 * 1024)
enum { ENTRIES_KEPT = 512 };

/* -- entries ------------------------------------------------------------------------------- */

static void move_entries_to_front(torc__datagram_queue *queue)
{
    memmove(queue->entries, queue->entries + queue->first, queue->count * sizeof *queue->entries);
    queue->first = 0;
}

static bool reserve_entry(torc__datagram_queue *queue)
{
    size_t capacity = queue->capacity > 0 ? queue->capacity * 2 : CAPACITY_MIN;
    torc_datagram *grown;

    if (queue->first + queue->count < queue->capacity)
        return true;
    if (queue->first > 0 && queue->first >= queue->capacity / 2) {
        move_entries_to_front(queue);
        return true;
    }
    grown = torc__reallocate(queue->entries, capacity * sizeof *grown);
    if (grown == NULL)
        return false;
    queue->entries = grown;
    queue->capacity = capacity;
    return true;
}

/* -- bytes --------------------------------------------------------------------------------- */

/* Where the bytes of what waits begin. */
static size_t bytes_start(const torc__datagram_queue *queue)
{
    if (queue->count == 0)
        return queue->bytes_used;
    return (size_t)(torc__datagram_queue_first(queue)->bytes.data - queue->bytes);
}

/* Moves the bytes of what waits to the front of `to`, which may be the block itself. */
static void move_bytes(torc__datagram_queue *queue, char *to)
{
    size_t start = bytes_start(queue);
    size_t length = queue->bytes_used - start;
    size_t at = 0;

    if (length > 0)
        memmove(to, queue->bytes + start, length);
    for (size_t i = 0; i < queue->count; i++) {
        torc_datagram *entry = &queue->entries[queue->first + i];

        entry->bytes.data = to + at;
        at += entry->bytes.length;
    }
    queue->bytes_used = length;
}

static bool reserve_bytes(torc__datagram_queue *queue, size_t length)
{
    size_t start = bytes_start(queue);
    size_t waiting = queue->bytes_used - start;
    size_t capacity = queue->bytes_capacity > 0 ? queue->bytes_capacity : BYTES_MIN;
    char *grown;

    if (queue->bytes_capacity - queue->bytes_used >= length)
        return true;
    if (start >= queue->bytes_capacity / 2 && queue->bytes_capacity - waiting >= length) {
        move_bytes(queue, queue->bytes);
        return true;
    }
    while (capacity < 2 * waiting + length)
        capacity *= 2;
    grown = torc__allocate(capacity);
    if (grown == NULL)
        return false;
    move_bytes(queue, grown);
    torc__free(queue->bytes);
    queue->bytes = grown;
    queue->bytes_capacity = capacity;
    return true;
}

/* -- the queue ----------------------------------------------------------------------------- */

bool torc__datagram_queue_add(
    torc__datagram_queue *queue, torc_slice bytes, const torc_address *peer)
{
    torc_datagram *entry;

    if (!reserve_entry(queue) || !reserve_bytes(queue, bytes.length))
        return false;
    entry = &queue->entries[queue->first + queue->count];
    entry->bytes = torc_slice_make(queue->bytes + queue->bytes_used, bytes.length);
    entry->truncated = false;
    entry->peer = *peer;
    if (bytes.length > 0)
        memcpy(queue->bytes + queue->bytes_used, bytes.data, bytes.length);
    queue->bytes_used += bytes.length;
    queue->count++;
    queue->cost += bytes.length + TORC__DATAGRAM_COST;
    return true;
}

void torc__datagram_queue_consume(torc__datagram_queue *queue, size_t count)
{
    for (size_t i = 0; i < count; i++)
        queue->cost -= queue->entries[queue->first + i].bytes.length + TORC__DATAGRAM_COST;
    queue->first += count;
    queue->count -= count;
    if (queue->count > 0)
        return;
    queue->first = 0;
    queue->bytes_used = 0;
    if (queue->bytes_capacity > BYTES_KEPT || queue->capacity > ENTRIES_KEPT)
        torc__datagram_queue_free(queue);
}

void torc__datagram_queue_free(torc__datagram_queue *queue)
{
    torc__free(queue->entries);
    torc__free(queue->bytes);
    memset(queue, 0, sizeof *queue);
}
