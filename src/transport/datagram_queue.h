/*
 * datagram_queue: datagrams that wait to be sent, in order, within a bound that their owner keeps.
 *
 * Their bytes stand one behind the other in one block, so that a run of them is handed to the
 * driver as it stands. The memory grows with what waits and is kept while it is small, so that who
 * sends all the time allocates nothing.
 */
#ifndef TORC_TRANSPORT_DATAGRAM_QUEUE_H
#define TORC_TRANSPORT_DATAGRAM_QUEUE_H

#include <torc/driver.h>

/* What a datagram costs beyond its bytes, as the bound counts it. */
enum { TORC__DATAGRAM_COST = 192 };

typedef struct torc__datagram_queue {
    torc_datagram *entries;
    char *bytes;
    size_t capacity;       /* of entries */
    size_t bytes_capacity;
    size_t first;          /* of entries: the next to leave */
    size_t count;
    size_t bytes_used;     /* from the block's start, those of entries that have left included */
    size_t cost;           /* of all that wait: bytes and TORC__DATAGRAM_COST each */
} torc__datagram_queue;

/* Copies `bytes`. False when memory is out; then nothing has changed. */
bool torc__datagram_queue_add(
    torc__datagram_queue *queue, torc_slice bytes, const torc_address *peer);

/* The first `count` have left. */
void torc__datagram_queue_consume(torc__datagram_queue *queue, size_t count);

void torc__datagram_queue_free(torc__datagram_queue *queue);

static inline const torc_datagram *torc__datagram_queue_first(const torc__datagram_queue *queue)
{
    return queue->entries + queue->first;
}

#endif /* TORC_TRANSPORT_DATAGRAM_QUEUE_H */
