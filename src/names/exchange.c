/*
 * An exchange works on the driver itself: a datagram transport's queue, protocol and scope would
 * cost more than the question.
 */
#include "names/exchange.h"

#include "base/memory.h"

#include <torc/driver.h>

#include <errno.h>

struct torc__exchange {
    torc__grave grave;
    torc_io io;
    torc_reactor *reactor;
    const torc__exchange_events *events;
    void *owner; /* NULL: closed */
};

/* Larger answers than are asked for are no answers. */
enum { DATAGRAM_MAX = 4096 };

static void bury(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, torc__exchange, grave));
}

static void got_datagrams(torc_io *io, const torc_datagram *batch, size_t count, int error)
{
    torc__exchange *self = TORC_CONTAINER_OF(io, torc__exchange, io);

    if (count == 0 && self->owner != NULL)
        self->events->failed(self->owner, error);
    for (size_t i = 0; i < count && self->owner != NULL; i++)
        if (!batch[i].truncated)
            self->events->received(self->owner, batch[i].bytes);
}

static void can_send(torc_io *io, size_t count, int error)
{
    /* What could not be sent at once is sent again when its time is up. */
    (void)io;
    (void)count;
    (void)error;
}

static void is_closed(torc_io *io)
{
    torc__exchange *self = TORC_CONTAINER_OF(io, torc__exchange, io);

    torc__bury(self->reactor, &self->grave, bury);
}

static const torc_io_events io_events = {
    .datagrams = got_datagrams,
    .sent = can_send,
    .closed = is_closed,
};

void torc__exchange_close(torc__exchange *exchange)
{
    if (exchange == NULL || exchange->owner == NULL)
        return;
    exchange->owner = NULL;
    if (exchange->io.kind->close(&exchange->io, false))
        torc__bury(exchange->reactor, &exchange->grave, bury);
}

static int open_and_send(torc__exchange *self, const torc_address *server, torc_slice bytes)
{
    static const torc_datagram_options options = { .size_max = DATAGRAM_MAX, .unix_mode = -1 };
    torc_driver *driver = self->reactor->driver;
    torc_datagram datagram = { .bytes = bytes };
    ssize_t sent;
    int error;

    if (driver->kind->open_datagrams == NULL)
        return ENOTSUP;
    error = -driver->kind->open_datagrams(driver, &self->io, NULL, server, &options);
    if (error != 0)
        return error;
    self->io.kind->receive(&self->io, true);
    sent = self->io.kind->send_datagrams(&self->io, &datagram, 1);
    if (sent >= 0)
        return 0;
    torc__exchange_close(self);
    return (int)-sent;
}

torc__exchange *torc__exchange_new(torc_reactor *reactor, const torc_address *server,
    torc_slice bytes, const torc__exchange_events *events, void *owner, int *ret_error)
{
    torc__exchange *self = torc__allocate_zeroed(sizeof *self);

    *ret_error = ENOMEM;
    if (self == NULL)
        return NULL;
    self->reactor = reactor;
    self->events = events;
    self->owner = owner;
    self->io.events = &io_events;
    self->io.descriptor = -1;
    *ret_error = open_and_send(self, server, bytes);
    if (*ret_error == 0)
        return self;
    if (self->owner != NULL)
        torc__free(self);
    return NULL;
}
