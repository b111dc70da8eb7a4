/*
 * Each lingering socket has an io of its own on the same driver, and lives in the reactor's root
 * scope. Bounded in time and in bytes: a peer that goes on sending is reset in the end.
 */
#include "reactor/driver/linger.h"

#include "base/memory.h"
#include "base/system_call.h"
#include "reactor/driver/socket.h"
#include "reactor/reactor.h"

#include <sys/socket.h>

#define LINGER_TIME  (2 * TORC_SECOND)
#define LINGER_BYTES ((size_t)4 * 1024 * 1024)

typedef struct lingering {
    torc__grave grave; /* first */
    torc_io io;
    torc_scoped scoped;
    torc_timer timer;
    size_t dropped;
} lingering;

static void free_linger(torc__grave *grave)
{
    torc__free(grave);
}

static void end_linger(torc_scoped *scoped)
{
    lingering *self = TORC_CONTAINER_OF(scoped, lingering, scoped);
    torc_driver *driver = self->io.carrier;

    torc_timer_cancel(&self->timer);
    (void)self->io.kind->close(&self->io, false);
    torc__bury(driver->reactor, &self->grave, free_linger);
}

static void stop(void *argument)
{
    lingering *self = argument;

    torc_scope_remove(&self->scoped);
    end_linger(&self->scoped);
}

static void drop(torc_io *io, torc_slice data, int error)
{
    lingering *self = TORC_CONTAINER_OF(io, lingering, io);

    (void)error;
    self->dropped += data.length;
    if (data.length == 0 || self->dropped > LINGER_BYTES)
        stop(self);
}

static const torc_io_events linger_events = { .received = drop };

bool torc__linger_is(const torc_io *io)
{
    return io->events == &linger_events;
}

bool torc__linger(torc_driver *driver, int descriptor)
{
    return torc__socket_has_input(descriptor) && torc__linger_anyway(driver, descriptor);
}

bool torc__linger_anyway(torc_driver *driver, int descriptor)
{
    torc_scope *root = torc_root(driver->reactor);
    lingering *self;

    if (torc_scope_has_ended(root))
        return false;
    self = torc__allocate_zeroed(sizeof *self);
    if (self == NULL)
        return false;
    self->io.events = &linger_events;
    (void)TORC__CALL(shutdown, descriptor, SHUT_WR);
    if (driver->kind->adopt(driver, &self->io, descriptor) != 0) {
        torc__free(self);
        return false;
    }
    torc_scope_add(root, &self->scoped, end_linger);
    torc_timer_set(&self->timer, root, LINGER_TIME, stop, self);
    return true;
}
