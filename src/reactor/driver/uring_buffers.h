/*
 * uring_buffers: the memory into which the kernel receives, lent to it through a ring of its own.
 *
 * All connections of a reactor share it: a buffer is taken by the kernel when bytes are there, and
 * lent again as soon as they were told. There are few at first; each turn that finds them used up
 * doubles them, up to a bound.
 */
#ifndef TORC_REACTOR_DRIVER_URING_BUFFERS_H
#define TORC_REACTOR_DRIVER_URING_BUFFERS_H

#include "reactor/driver/uring_ring.h"

enum {
    TORC__URING_BUFFER_SIZE = 16 * 1024,
    TORC__URING_BLOCK_BUFFERS = 16, /* got at a time */
    TORC__URING_BLOCKS_MAX = 128,
    TORC__URING_BUFFERS_MAX = TORC__URING_BLOCK_BUFFERS * TORC__URING_BLOCKS_MAX,
    TORC__URING_BUFFER_GROUP = 0,
};

typedef struct torc__uring_buffers {
    struct io_uring_buf *ring; /* the first one's `resv` is the end that the kernel reads */
    char *blocks[TORC__URING_BLOCKS_MAX];
    size_t block_count;
    uint16_t tail;
} torc__uring_buffers;

/* 0 or -errno, with nothing left behind. */
int torc__uring_buffers_open(torc__uring_buffers *buffers, const torc__uring_ring *ring);

/* After the ring was closed, or at least no request is left. */
void torc__uring_buffers_close(torc__uring_buffers *buffers, bool ours);

/*
 * Lends all to the ring of a forked process. Those that the other process was told of keep their
 * bytes until `used`, which names them, says that they are not in use. 0 or -errno.
 */
int torc__uring_buffers_reopen(torc__uring_buffers *buffers, const torc__uring_ring *ring,
    const bool used[TORC__URING_BUFFERS_MAX]);

/* Undoes that, before it is tried again. */
void torc__uring_buffers_unmap(torc__uring_buffers *buffers);

/* The bytes of the buffer `number`. */
char *torc__uring_buffers_at(const torc__uring_buffers *buffers, unsigned number);

/* Lends it again. */
void torc__uring_buffers_return(torc__uring_buffers *buffers, unsigned number);

/* Twice as many, if that is possible and allowed. */
void torc__uring_buffers_grow(torc__uring_buffers *buffers);

static inline size_t torc__uring_buffers_count(const torc__uring_buffers *buffers)
{
    return buffers->block_count * TORC__URING_BLOCK_BUFFERS;
}

#endif /* TORC_REACTOR_DRIVER_URING_BUFFERS_H */
