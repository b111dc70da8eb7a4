/*
 * The rings of io_uring: set up, mapped, and passed through. The core needs no library for that.
 *
 * The loads and stores of the queues' ends are what orders the kernel's and our accesses: an end
 * that the other side moves is loaded with acquire, and ours is stored with release.
 */
#include "reactor/driver/uring_ring.h"

#if defined(TORC__HAS_URING)

# include "base/system_call.h"

# include <signal.h>
# include <stdatomic.h>
# include <string.h>
# include <sys/mman.h>
# include <sys/syscall.h>
# include <unistd.h>

/* -- the system calls ---------------------------------------------------------------------- */

static int io_uring_setup(unsigned entries, struct io_uring_params *parameters)
{
    return (int)syscall(__NR_io_uring_setup, entries, parameters);
}

static int io_uring_enter(int ring, unsigned submitted, unsigned wanted, unsigned flags,
    const void *argument, size_t size)
{
    return (int)syscall(__NR_io_uring_enter, ring, submitted, wanted, flags, argument, size);
}

static int io_uring_register(int ring, unsigned what, void *argument, unsigned count)
{
    return (int)syscall(__NR_io_uring_register, ring, what, argument, count);
}

static unsigned load(const unsigned *end)
{
    return atomic_load_explicit((const _Atomic unsigned *)end, memory_order_acquire);
}

static void store(unsigned *end, unsigned value)
{
    atomic_store_explicit((_Atomic unsigned *)end, value, memory_order_release);
}

/* -- opening ------------------------------------------------------------------------------- */

/* A mapping that a forked process does not have; NULL with errno. */
static void *map_unforked(size_t size, int file, off_t offset)
{
    int flags = file >= 0 ? MAP_SHARED | MAP_POPULATE : MAP_PRIVATE | MAP_ANONYMOUS;
    void *memory = MAP_FAILED;

    if (!torc__call_fails("mmap"))
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, file, offset);
    if (memory == MAP_FAILED)
        return NULL;
    (void)madvise(memory, size, file >= 0 ? MADV_DONTFORK : MADV_WIPEONFORK);
    return memory;
}

static void set_ends(torc__uring_ring *ring, const struct io_uring_params *parameters)
{
    char *memory = ring->memory;
    const struct io_sqring_offsets *submit = &parameters->sq_off;
    const struct io_cqring_offsets *done = &parameters->cq_off;
    unsigned *order = (unsigned *)(void *)(memory + submit->array);

    ring->submit_head = (unsigned *)(void *)(memory + submit->head);
    ring->submit_tail = (unsigned *)(void *)(memory + submit->tail);
    ring->submit_mask = *(unsigned *)(void *)(memory + submit->ring_mask);
    ring->submit_count = parameters->sq_entries;
    ring->tail = *ring->submit_tail;
    ring->done_head = (unsigned *)(void *)(memory + done->head);
    ring->done_tail = (unsigned *)(void *)(memory + done->tail);
    ring->done_mask = *(unsigned *)(void *)(memory + done->ring_mask);
    ring->done = (struct io_uring_cqe *)(void *)(memory + done->cqes);
    /* Entries are handed over in the order in which they lie. */
    for (unsigned i = 0; i < parameters->sq_entries; i++)
        order[i] = i;
}

static int map_queues(torc__uring_ring *ring, const struct io_uring_params *parameters)
{
    size_t submit = parameters->sq_off.array + parameters->sq_entries * sizeof(unsigned);
    size_t done = parameters->cq_off.cqes + parameters->cq_entries * sizeof(struct io_uring_cqe);
    unsigned char *ours;

    ring->size = submit > done ? submit : done;
    ring->entries_size = parameters->sq_entries * sizeof(struct io_uring_sqe);
    ring->memory = map_unforked(ring->size, ring->descriptor, (off_t)IORING_OFF_SQ_RING);
    if (ring->memory == NULL)
        return -errno;
    ring->entries = map_unforked(ring->entries_size, ring->descriptor, (off_t)IORING_OFF_SQES);
    if (ring->entries == NULL)
        return -errno;
    ours = map_unforked(1, -1, 0);
    if (ours == NULL)
        return -errno;
    *ours = 1;
    ring->ours = ours;
    set_ends(ring, parameters);
    return 0;
}

/*
 * Deferred, completions are worked off when we wait for them and never interrupt what runs; that
 * is Linux 6.1. On 6.0 they are at least put off to the next system call.
 */
static int set_up(torc__uring_ring *ring, torc__uring_sizes sizes,
    struct io_uring_params *parameters)
{
    const unsigned always = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL
        | IORING_SETUP_SINGLE_ISSUER;
    const unsigned ways[] = { IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_COOP_TASKRUN };

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        memset(parameters, 0, sizeof *parameters);
        parameters->flags = always | ways[i];
        parameters->cq_entries = sizes.done;
        ring->deferred = ways[i] == IORING_SETUP_DEFER_TASKRUN;
        ring->descriptor = TORC__CALL(io_uring_setup, sizes.submitted, parameters);
        if (ring->descriptor >= 0)
            return 0;
        if (errno != EINVAL)
            break;
    }
    return -errno;
}

int torc__uring_ring_open(torc__uring_ring *ring, torc__uring_sizes sizes)
{
    struct io_uring_params parameters;
    int error;

    memset(ring, 0, sizeof *ring);
    ring->descriptor = -1;
    error = set_up(ring, sizes, &parameters);
    if (error != 0)
        return error;
    ring->features = parameters.features;
    error = map_queues(ring, &parameters);
    if (error != 0)
        torc__uring_ring_close(ring);
    return error;
}

/* In a forked process the mappings are gone, and something else may be where they were. */
void torc__uring_ring_close(torc__uring_ring *ring)
{
    bool ours = ring->ours == NULL || torc__uring_ring_is_ours(ring);

    if (ring->ours != NULL)
        munmap((void *)(uintptr_t)ring->ours, 1);
    if (ours && ring->entries != NULL)
        munmap(ring->entries, ring->entries_size);
    if (ours && ring->memory != NULL)
        munmap(ring->memory, ring->size);
    if (ring->descriptor >= 0)
        close(ring->descriptor);
    memset(ring, 0, sizeof *ring);
    ring->descriptor = -1;
}

/* -- passing through ----------------------------------------------------------------------- */

unsigned torc__uring_ring_waiting(const torc__uring_ring *ring)
{
    return ring->tail - load(ring->submit_head);
}

struct io_uring_sqe *torc__uring_ring_entry(torc__uring_ring *ring)
{
    struct io_uring_sqe *entry;

    if (torc__uring_ring_waiting(ring) == ring->submit_count
        && torc__uring_ring_enter(ring, 0, 0) != 0
        && torc__uring_ring_waiting(ring) == ring->submit_count)
        return NULL;
    entry = &ring->entries[ring->tail & ring->submit_mask];
    ring->tail++;
    memset(entry, 0, sizeof *entry);
    return entry;
}

struct io_uring_sqe *torc__uring_ring_find(torc__uring_ring *ring, uint64_t user_data)
{
    unsigned head = load(ring->submit_head);

    for (unsigned at = ring->tail; at != head; at--) {
        struct io_uring_sqe *entry = &ring->entries[(at - 1) & ring->submit_mask];

        if (entry->user_data == user_data)
            return entry;
    }
    return NULL;
}

int torc__uring_ring_enter(torc__uring_ring *ring, unsigned wanted, torc_time timeout)
{
    struct __kernel_timespec time = { 0 };
    struct io_uring_getevents_arg argument = { .sigmask_sz = _NSIG / 8 };
    int handed;

    if (timeout >= 0) {
        time.tv_sec = timeout / TORC_SECOND;
        time.tv_nsec = timeout % TORC_SECOND;
        argument.ts = (uint64_t)(uintptr_t)&time;
    }
    store(ring->submit_tail, ring->tail);
    handed = TORC__CALL(io_uring_enter, ring->descriptor, torc__uring_ring_waiting(ring), wanted,
        IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument, sizeof argument);
    return handed >= 0 ? 0 : -errno;
}

size_t torc__uring_ring_take(torc__uring_ring *ring, struct io_uring_cqe *ret_done, size_t maximum)
{
    unsigned head = *ring->done_head;
    size_t count = load(ring->done_tail) - head;

    if (count > maximum)
        count = maximum;
    for (size_t i = 0; i < count; i++) {
        const struct io_uring_cqe *done = &ring->done[(head + i) & ring->done_mask];

        ret_done[i].user_data = done->user_data;
        ret_done[i].res = done->res;
        ret_done[i].flags = done->flags;
    }
    store(ring->done_head, head + (unsigned)count);
    return count;
}

int torc__uring_ring_register(
    const torc__uring_ring *ring, unsigned what, void *argument, unsigned count)
{
    int result = TORC__CALL(io_uring_register, ring->descriptor, what, argument, count);

    return result >= 0 ? result : -errno;
}

#endif /* TORC__HAS_URING */
