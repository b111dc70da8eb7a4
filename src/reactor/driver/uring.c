/*
 * The io_uring driver: Linux 6.0 and later. All that is asked for in a turn enters the kernel in
 * one system call, the one that waits; what the turn's events ask for enters in one more.
 */
#include "reactor/driver/uring.h"

#if defined(TORC__HAS_URING)

# include "base/memory.h"
# include "base/system_call.h"
# include "reactor/driver/drivers.h"
# include "reactor/driver/uring_probe.h"

# include <torc/log.h>

# include <errno.h>
# include <poll.h>
# include <string.h>
# include <sys/eventfd.h>
# include <unistd.h>

/* What is answered at once is told in the same turn, so often; the rest is for the next. */
enum { ROUNDS_MAX = 2 };

/* How long closing waits for the kernel to let go of everything, at most. */
enum { CLOSING_ROUNDS = 100 };

torc__uring_sizes torc__uring_driver_sizes = { .submitted = 256, .done = 4096 };

static torc__uring_driver *self_of(torc_driver *driver)
{
    return (torc__uring_driver *)(void *)driver;
}

/* -- waking -------------------------------------------------------------------------------- */

/* Blocking, as far as read() is concerned: the kernel then waits for a wake-up by itself. */
static int open_waker(torc__uring_driver *self)
{
    self->readiness.wake_descriptor = TORC__CALL(eventfd, 0, EFD_CLOEXEC);
    return self->readiness.wake_descriptor >= 0 ? 0 : -errno;
}

void torc__uring_arm_waker(torc__uring_driver *self)
{
    struct io_uring_sqe *entry;

    if (self->wake_armed)
        return;
    entry = torc__uring_ring_entry(&self->ring);
    if (entry == NULL)
        return;
    entry->opcode = IORING_OP_READ;
    entry->fd = self->readiness.wake_descriptor;
    entry->addr = (uint64_t)(uintptr_t)&self->wake_count;
    entry->len = sizeof self->wake_count;
    entry->user_data = TORC__URING_WAKE;
    self->wake_armed = true;
}

/* -- opening and closing ------------------------------------------------------------------- */

/* The ring and what is registered with it; 0 or -errno with nothing left behind. */
static int open_ring(torc__uring_driver *self)
{
    int error = torc__uring_ring_open(&self->ring, torc__uring_driver_sizes);

    if (error != 0)
        return error;
    error = torc__uring_probe(&self->ring);
    if (error != 0)
        torc__uring_ring_close(&self->ring);
    return error;
}

static bool allocate_parts(torc__uring_driver *self)
{
    self->batch = torc__allocate(TORC__URING_BATCH_MAX * sizeof *self->batch);
    self->pieces = torc__allocate(TORC__URING_PIECES_MAX * sizeof *self->pieces);
    self->messages = torc__allocate(TORC__URING_MESSAGES_MAX * sizeof *self->messages);
    return self->batch != NULL && self->pieces != NULL && self->messages != NULL;
}

static void free_parts(torc__uring_driver *self)
{
    torc__free(self->batch);
    torc__free(self->pieces);
    torc__free(self->messages);
    torc__readiness_close_parts(&self->readiness);
}

static int driver_open(torc_driver *driver)
{
    torc__uring_driver *self = self_of(driver);
    int error = open_ring(self);

    if (error != 0)
        return error;
    self->shown = -1;
    self->queue_end = &self->queue;
    error = torc__readiness_open_parts(&self->readiness, &torc__uring_poller);
    if (error == 0 && !allocate_parts(self))
        error = -ENOMEM;
    if (error == 0)
        error = torc__uring_buffers_open(&self->buffers, &self->ring);
    if (error == 0)
        error = open_waker(self);
    if (error == 0)
        return 0;
    torc__uring_ring_close(&self->ring);
    torc__uring_buffers_close(&self->buffers, true);
    free_parts(self);
    return error;
}

static void take_done(torc__uring_driver *self);

/*
 * Closing the ring would cancel everything too, but at some later time: a port would still be
 * taken when the reactor is gone, and a connection be open.
 */
static void let_go(torc__uring_driver *self)
{
    struct io_uring_sync_cancel_reg all = {
        .fd = -1,
        .flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL,
        .timeout = { .tv_sec = 1 },
    };

    torc__uring_flush(self);
    (void)torc__uring_ring_register(&self->ring, IORING_REGISTER_SYNC_CANCEL, &all, 1);
    for (int round = 0; round < CLOSING_ROUNDS && self->in_flight > 0; round++) {
        (void)torc__uring_ring_enter(&self->ring, 1, 10 * TORC_MILLISECOND);
        take_done(self);
    }
}

static void driver_close(torc_driver *driver)
{
    torc__uring_driver *self = self_of(driver);
    bool ours = torc__uring_ring_is_ours(&self->ring);

    if (ours)
        let_go(self);
    close(self->readiness.wake_descriptor);
    torc__uring_close_descriptor(self);
    torc__uring_ring_close(&self->ring);
    torc__uring_buffers_close(&self->buffers, ours);
    torc__uring_slots_free(self);
    free_parts(self);
}

/* -- forks --------------------------------------------------------------------------------- */

/* What the other process's kernel had in hand is asked for anew. */
static void restart_slot(torc__uring_driver *self, torc__uring_slot *slot)
{
    if (slot->io == NULL && !(slot->state & TORC__URING_IN_FLIGHT))
        return;
    /* How a send went is not known here: it is tried again when there is room. */
    if (slot->state & TORC__URING_SENDING)
        slot->state |= TORC__URING_BLOCKED;
    slot->state &= ~(uint32_t)(TORC__URING_IN_FLIGHT | TORC__URING_STOPPING);
    torc__uring_enqueue(self, slot);
}

static void note_batch_used(const torc__uring_driver *self, bool used[TORC__URING_BUFFERS_MAX])
{
    for (size_t i = self->batch_at; i < self->batch_count; i++)
        if (self->batch[i].flags & IORING_CQE_F_BUFFER)
            used[self->batch[i].flags >> IORING_CQE_BUFFER_SHIFT] = true;
}

static int reopen(torc__uring_driver *self)
{
    bool used[TORC__URING_BUFFERS_MAX] = { false };
    int error;

    torc__uring_close_descriptor(self);
    torc__uring_ring_close(&self->ring);
    error = open_ring(self);
    if (error != 0)
        return error;
    note_batch_used(self, used);
    error = torc__uring_buffers_reopen(&self->buffers, &self->ring, used);
    if (error == 0) {
        close(self->readiness.wake_descriptor);
        error = open_waker(self);
        if (error != 0)
            torc__uring_buffers_unmap(&self->buffers);
    }
    if (error != 0)
        torc__uring_ring_close(&self->ring);
    return error;
}

int torc__uring_be_ours(torc__uring_driver *self)
{
    int error;

    if (TORC_LIKELY(torc__uring_ring_is_ours(&self->ring)))
        return 0;
    error = reopen(self);
    if (error != 0) {
        torc_log_critical("a forked process cannot go on: io_uring: %s", strerror(-error));
        return error;
    }
    self->wake_armed = false;
    self->in_flight = 0;
    for (size_t i = 0; i < self->chunk_count; i++)
        for (size_t j = 0; j < TORC__URING_CHUNK_SLOTS; j++)
            restart_slot(self, &self->chunks[i][j]);
    return 0;
}

/* -- telling ------------------------------------------------------------------------------- */

static void tell(torc__uring_driver *self, const struct io_uring_cqe *done)
{
    unsigned tag = (unsigned)(done->user_data & TORC__URING_TAG_MASK);
    torc__uring_slot *slot = (torc__uring_slot *)(uintptr_t)(done->user_data - tag);

    switch (tag) {
    case TORC__URING_RECEIVE:
        torc__uring_received(self, slot, done);
        break;
    case TORC__URING_SEND:
        torc__uring_sent(self, slot, done);
        break;
    case TORC__URING_POLL:
        if (slot->state & TORC__URING_READINESS)
            torc__uring_ready(self, slot, done);
        else
            torc__uring_polled(self, slot, done);
        break;
    case TORC__URING_WAKE:
        self->wake_armed = false;
        self->woken = true;
        break;
    default:
        break;
    }
}

/* Whoever closes an io in this batch is to know that more had come for it: uring_socket.c. */
static void count_unread(const torc__uring_driver *self)
{
    for (size_t i = 0; i < self->batch_count; i++) {
        const struct io_uring_cqe *done = &self->batch[i];

        if ((done->flags & IORING_CQE_F_BUFFER) && done->res > 0)
            ((torc__uring_slot *)(uintptr_t)done->user_data)->unread++;
    }
}

/* Tells all that is done by now, which is bounded by the length of the queue. */
static void take_done(torc__uring_driver *self)
{
    size_t count;

    do {
        if (!torc__uring_ring_is_ours(&self->ring))
            return;
        count = torc__uring_ring_take(&self->ring, self->batch, TORC__URING_BATCH_MAX);
        self->batch_count = count;
        self->batch_size += count;
        count_unread(self);
        for (self->batch_at = 0; self->batch_at < count; self->batch_at++)
            tell(self, &self->batch[self->batch_at]);
        self->batch_count = 0;
    } while (count == TORC__URING_BATCH_MAX);
    if (self->starved && torc__uring_be_ours(self) == 0)
        torc__uring_buffers_grow(&self->buffers);
    self->starved = false;
}

static void look_at(torc__uring_driver *self, torc__uring_slot *slot)
{
    if (slot->io == NULL) {
        torc__uring_slot_detach(self, slot);
        return;
    }
    if (slot->state & TORC__URING_READINESS) {
        torc__uring_poller_look_at(self, slot);
        return;
    }
    torc__uring_tell_kept(self, slot);
    torc__uring_receive_wanted(self, slot);
    torc__uring_poll_wanted(self, slot);
}

/* Not more than there are buffers, or those who find none would be asked for in vain. */
static void look_at_queue(torc__uring_driver *self)
{
    size_t count = torc__uring_buffers_count(&self->buffers);

    if (count > self->queue_length)
        count = self->queue_length;
    for (; count > 0; count--) {
        torc__uring_slot *slot = torc__uring_dequeue(self);

        if (slot == NULL)
            return;
        look_at(self, slot);
    }
}

/* -- the turn ------------------------------------------------------------------------------ */

static torc_time until(const torc__uring_driver *self, torc_time deadline)
{
    torc_time left;

    if (deadline <= 0 || self->queue != NULL || torc__readiness_is_due(&self->readiness))
        return 0;
    if (deadline == TORC_NEVER)
        return -1;
    left = deadline - torc_monotonic_now();
    return left > 0 ? left : 0;
}

/* Waits, once. True: something was told, or nothing will be, or somebody wants a turn. */
static bool wait_and_tell(torc__uring_driver *self, torc_time deadline)
{
    torc_time timeout = until(self, deadline);
    int error;

    torc__uring_arm_waker(self);
    torc__uring_empty_descriptor(self);
    self->urgent = false;
    error = torc__uring_ring_enter(&self->ring, timeout == 0 ? 0 : 1, timeout);
    torc__uring_handed_over(self);
    torc_driver_woke(&self->readiness.driver, torc_monotonic_now());
    self->batch_size = 0;
    look_at_queue(self);
    take_done(self);
    if (torc__readiness_is_due(&self->readiness)) {
        self->told++;
        torc__readiness_tell_due(&self->readiness);
    }
    return self->told > 0 || self->woken || timeout == 0
        || (error != 0 && error != -ETIME && error != -EINTR);
}

/* Hands over what the events have asked for, and tells what was done of it at once. */
static void round_off(torc__uring_driver *self)
{
    for (int round = 0; round < ROUNDS_MAX && self->urgent; round++) {
        torc__uring_flush(self);
        take_done(self);
    }
    if (self->urgent)
        torc__uring_flush(self);
}

static void turn_unopened(torc__uring_driver *self, torc_time deadline)
{
    torc_time left = until(self, deadline);

    (void)poll(NULL, 0, left < 0 || left > 100 * TORC_MILLISECOND
        ? 100 : (int)(left / TORC_MILLISECOND));
    torc_driver_woke(&self->readiness.driver, torc_monotonic_now());
}

static void driver_turn(torc_driver *driver, torc_time deadline)
{
    torc__uring_driver *self = self_of(driver);
    bool over;

    if (torc__uring_be_ours(self) != 0) {
        turn_unopened(self, deadline);
        return;
    }
    self->told = 0;
    self->woken = false;
    do {
        self->telling = true;
        over = wait_and_tell(self, deadline);
        round_off(self);
        self->telling = false;
        over = over || self->told > 0
            || (deadline != TORC_NEVER && torc_monotonic_now() >= deadline);
    } while (!over);
}

static torc_time driver_now(torc_driver *driver)
{
    (void)driver;
    return torc_monotonic_now();
}

const torc_driver_class torc__driver_uring = {
    .name = "uring",
    .size = sizeof(torc__uring_driver),
    .open = driver_open,
    .close = driver_close,
    .why_not = torc__uring_why_not,
    .now = driver_now,
    .turn = driver_turn,
    .descriptor = torc__uring_descriptor,
    .wake = torc__readiness_wake,
    .listen = torc__uring_listen,
    .adopt_listener = torc__uring_adopt_listener,
    .start_accepting = torc__uring_start_accepting,
    .connect = torc__uring_connect,
    .adopt = torc__uring_adopt,
    .adopt_stream = torc__readiness_adopt_stream,
    .watch = torc__readiness_watch,
    .open_datagrams = torc__readiness_open_datagrams,
    .adopt_datagrams = torc__readiness_adopt_datagrams,
    .multicast = torc__readiness_multicast,
};

#endif /* TORC__HAS_URING */
