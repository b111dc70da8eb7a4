/*
 * uring_ring: the two queues that are shared with the kernel, by the system calls themselves.
 *
 * What is to be done is written into an entry of torc__uring_ring_entry and leaves at the next
 * torc__uring_ring_enter, all of it in one system call. What was done is taken out by
 * torc__uring_ring_take. Nothing here knows what the entries mean.
 *
 * The memory of a ring is not inherited by a forked process, whose ring it could not be: the kernel
 * takes entries from one task only. torc__uring_ring_is_ours says so before any of it is touched.
 */
#ifndef TORC_REACTOR_DRIVER_URING_RING_H
#define TORC_REACTOR_DRIVER_URING_RING_H

#include "reactor/driver/uring_kernel.h"

#include <torc/time.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct torc__uring_ring {
    int descriptor;
    unsigned features; /* IORING_FEAT_... */
    bool deferred;     /* what is done shows only after entering the kernel */

    unsigned *submit_head; /* the kernel's */
    unsigned *submit_tail;
    unsigned submit_mask;
    unsigned submit_count;
    unsigned tail;         /* of what was written; the kernel's follows when it is entered */
    struct io_uring_sqe *entries;

    unsigned *done_head;
    unsigned *done_tail;
    unsigned done_mask;
    struct io_uring_cqe *done;

    void *memory;
    size_t size;
    size_t entries_size;
    const unsigned char *ours; /* reads 0 in a forked process */
} torc__uring_ring;

/* How long the queues are; powers of two. */
typedef struct torc__uring_sizes {
    unsigned submitted;
    unsigned done;
} torc__uring_sizes;

/* 0 or -errno, with nothing left behind. */
int torc__uring_ring_open(torc__uring_ring *ring, torc__uring_sizes sizes);
void torc__uring_ring_close(torc__uring_ring *ring);

/* False in a process that was forked from the one that opened it. */
static inline bool torc__uring_ring_is_ours(const torc__uring_ring *ring)
{
    return ring->ours != NULL && *ring->ours != 0;
}

/* A cleared entry to be filled in; enters the kernel when the queue is full. NULL: it stays so. */
struct io_uring_sqe *torc__uring_ring_entry(torc__uring_ring *ring);

/* The newest entry with this user_data that still waits to be taken by the kernel, or NULL. */
struct io_uring_sqe *torc__uring_ring_find(torc__uring_ring *ring, uint64_t user_data);

/* How many entries wait to be taken by the kernel. */
unsigned torc__uring_ring_waiting(const torc__uring_ring *ring);

/*
 * Hands over what waits, has the kernel finish what is due, and waits until `wanted` entries are
 * done or the time is over (nanoseconds; < 0: for ever). 0 or -errno; what was not handed over
 * still waits.
 */
int torc__uring_ring_enter(torc__uring_ring *ring, unsigned wanted, torc_time timeout);

/* Takes out up to `maximum` of what was done; how many there were. */
size_t torc__uring_ring_take(
    torc__uring_ring *ring, struct io_uring_cqe *ret_done, size_t maximum);

/* io_uring_register: 0 or more, or -errno. */
int torc__uring_ring_register(
    const torc__uring_ring *ring, unsigned what, void *argument, unsigned count);

#endif /* TORC_REACTOR_DRIVER_URING_RING_H */
