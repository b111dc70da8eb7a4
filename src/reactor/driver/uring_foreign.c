/*
 * The io_uring driver inside a loop of another's: a descriptor that can be read from while there is
 * something to tell.
 *
 * Not the ring's own: where completions are deferred (uring_ring.c), it does not show those that
 * are ready to be worked off. The kernel does say so to an eventfd that is registered with the
 * ring; which costs something for each, so it is registered only once somebody asks.
 *
 * The turn empties it before it enters the kernel. So what is completed later is never missed; what
 * the turn itself has completed makes one more turn, which finds nothing.
 */
#include "reactor/driver/uring.h"

#if defined(TORC__HAS_URING)

# include "base/system_call.h"

# include <errno.h>
# include <sys/eventfd.h>
# include <unistd.h>

/* -1 on failure; the next who asks has it tried again. */
static void open_shown(torc__uring_driver *self)
{
    int shown = TORC__CALL(eventfd, 0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (shown < 0)
        return;
    if (torc__uring_ring_register(&self->ring, IORING_REGISTER_EVENTFD, &shown, 1) < 0) {
        close(shown);
        return;
    }
    self->shown = shown;
    torc__readiness_wake(&self->readiness.driver);
}

/* What a turn would not have waited for; or has left, because the queue holds no more. */
static bool is_due(const torc__uring_driver *self)
{
    return self->queue != NULL || self->batch_size >= TORC__URING_BATCH_MAX
        || torc__readiness_is_due(&self->readiness);
}

int torc__uring_descriptor(torc_driver *driver)
{
    torc__uring_driver *self = (torc__uring_driver *)(void *)driver;

    if (torc__uring_be_ours(self) != 0)
        return -1;
    if (self->shown < 0)
        open_shown(self);
    torc__uring_arm_waker(self);
    if (is_due(self))
        torc__readiness_wake(driver);
    if (torc__uring_ring_waiting(&self->ring) > 0)
        torc__uring_flush(self);
    return self->shown;
}

void torc__uring_empty_descriptor(const torc__uring_driver *self)
{
    uint64_t count;
    ssize_t got;

    if (self->shown < 0)
        return;
    got = read(self->shown, &count, sizeof count);
    (void)got;
}

void torc__uring_close_descriptor(torc__uring_driver *self)
{
    if (self->shown >= 0)
        close(self->shown);
    self->shown = -1;
}

#endif /* TORC__HAS_URING */
