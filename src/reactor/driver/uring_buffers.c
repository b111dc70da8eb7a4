/*
 * The buffers lie a little more than their size apart: were it a power of two, the first bytes of
 * all of them would fall on the same lines of the processor's cache.
 */
#include "reactor/driver/uring_buffers.h"

#if defined(TORC__HAS_URING)

# include "base/memory.h"
# include "base/system_call.h"

# include <errno.h>
# include <stdatomic.h>
# include <string.h>
# include <sys/mman.h>

# define STRIDE    ((size_t)TORC__URING_BUFFER_SIZE + 192)
# define RING_SIZE (TORC__URING_BUFFERS_MAX * sizeof(struct io_uring_buf))

static void publish(torc__uring_buffers *buffers)
{
    atomic_store_explicit(
        (_Atomic uint16_t *)&buffers->ring[0].resv, buffers->tail, memory_order_release);
}

static void lend(torc__uring_buffers *buffers, unsigned number)
{
    struct io_uring_buf *entry = &buffers->ring[buffers->tail & (TORC__URING_BUFFERS_MAX - 1)];

    entry->addr = (uint64_t)(uintptr_t)torc__uring_buffers_at(buffers, number);
    entry->len = TORC__URING_BUFFER_SIZE;
    entry->bid = (uint16_t)number;
    buffers->tail++;
}

static bool add_block(torc__uring_buffers *buffers)
{
    char *block = torc__allocate_zeroed(TORC__URING_BLOCK_BUFFERS * STRIDE);
    unsigned first = (unsigned)torc__uring_buffers_count(buffers);

    if (block == NULL)
        return false;
    buffers->blocks[buffers->block_count++] = block;
    for (unsigned i = 0; i < TORC__URING_BLOCK_BUFFERS; i++)
        lend(buffers, first + i);
    publish(buffers);
    return true;
}

/* Shared, so that a fork does not part the kernel's view of it from ours. */
static int register_ring(torc__uring_buffers *buffers, const torc__uring_ring *ring)
{
    struct io_uring_buf_reg registration = { 0 };
    void *memory = MAP_FAILED;

    if (!torc__call_fails("mmap"))
        memory = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -ENOMEM;
    (void)madvise(memory, RING_SIZE, MADV_DONTFORK);
    buffers->ring = memory;
    buffers->tail = 0;
    registration.ring_addr = (uint64_t)(uintptr_t)memory;
    registration.ring_entries = TORC__URING_BUFFERS_MAX;
    registration.bgid = TORC__URING_BUFFER_GROUP;
    return torc__uring_ring_register(ring, IORING_REGISTER_PBUF_RING, &registration, 1);
}

void torc__uring_buffers_unmap(torc__uring_buffers *buffers)
{
    if (buffers->ring != NULL)
        munmap(buffers->ring, RING_SIZE);
    buffers->ring = NULL;
}

int torc__uring_buffers_open(torc__uring_buffers *buffers, const torc__uring_ring *ring)
{
    int error = register_ring(buffers, ring);

    if (error == 0 && !add_block(buffers))
        error = -ENOMEM;
    if (error != 0)
        torc__uring_buffers_close(buffers, true);
    return error;
}

int torc__uring_buffers_reopen(torc__uring_buffers *buffers, const torc__uring_ring *ring,
    const bool used[TORC__URING_BUFFERS_MAX])
{
    int error;

    buffers->ring = NULL; /* the other process's, and something else may be there by now */
    error = register_ring(buffers, ring);
    if (error != 0) {
        torc__uring_buffers_unmap(buffers);
        return error;
    }
    for (unsigned i = 0; i < torc__uring_buffers_count(buffers); i++)
        if (!used[i])
            lend(buffers, i);
    publish(buffers);
    return 0;
}

void torc__uring_buffers_close(torc__uring_buffers *buffers, bool ours)
{
    if (ours)
        torc__uring_buffers_unmap(buffers);
    for (size_t i = 0; i < buffers->block_count; i++)
        torc__free(buffers->blocks[i]);
    buffers->block_count = 0;
}

char *torc__uring_buffers_at(const torc__uring_buffers *buffers, unsigned number)
{
    return buffers->blocks[number / TORC__URING_BLOCK_BUFFERS]
        + number % TORC__URING_BLOCK_BUFFERS * STRIDE;
}

void torc__uring_buffers_return(torc__uring_buffers *buffers, unsigned number)
{
    lend(buffers, number);
    publish(buffers);
}

void torc__uring_buffers_grow(torc__uring_buffers *buffers)
{
    size_t wanted = 2 * buffers->block_count;

    while (buffers->block_count < wanted && buffers->block_count < TORC__URING_BLOCKS_MAX)
        if (!add_block(buffers))
            return;
}

#endif /* TORC__HAS_URING */
