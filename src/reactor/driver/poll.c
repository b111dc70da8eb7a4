/*
 * The poll driver: every POSIX system. Each wait names all descriptors, so it costs what there are.
 */
#include "reactor/driver/drivers.h"
#include "reactor/driver/readiness.h"
#include "reactor/driver/watch_table.h"

#include "base/memory.h"
#include "base/system_call.h"

#include <errno.h>
#include <poll.h>

typedef struct ready_io {
    torc_io *io;
    unsigned ready;
} ready_io;

typedef struct poll_driver {
    torc__readiness readiness; /* first */
    torc__watch_table table;
    struct pollfd *polled; /* rebuilt for each wait */
    ready_io *ready;
    size_t capacity;       /* of both */
} poll_driver;

static poll_driver *self_of(torc__readiness *readiness)
{
    return (poll_driver *)(void *)readiness;
}

static int poll_open(torc__readiness *readiness)
{
    (void)readiness;
    return 0;
}

static void poll_close(torc__readiness *readiness)
{
    poll_driver *self = self_of(readiness);

    torc__watch_table_free(&self->table);
    torc__free(self->polled);
    torc__free(self->ready);
}

/* Room is made here, where it can be refused, so that waiting cannot fail. */
static bool reserve(poll_driver *self, size_t count)
{
    size_t capacity = self->capacity > 0 ? self->capacity : 64;
    struct pollfd *polled;
    ready_io *ready;

    if (count <= self->capacity)
        return true;
    while (capacity < count)
        capacity *= 2;
    polled = torc__reallocate(self->polled, capacity * sizeof *polled);
    if (polled == NULL)
        return false;
    self->polled = polled;
    ready = torc__reallocate(self->ready, capacity * sizeof *ready);
    if (ready == NULL)
        return false;
    self->ready = ready;
    self->capacity = capacity;
    return true;
}

static int poll_watch(torc__readiness *readiness, torc_io *io, unsigned wanted, bool listed)
{
    poll_driver *self = self_of(readiness);

    if (!listed && !reserve(self, self->table.count + 1))
        return -ENOMEM;
    return torc__watch_table_set(&self->table, io, wanted);
}

static void poll_forget(torc__readiness *readiness, torc_io *io)
{
    torc__watch_table_remove(&self_of(readiness)->table, io);
}

static short events_of(unsigned wanted)
{
    return (short)(((wanted & TORC__READABLE) ? POLLIN : 0)
        | ((wanted & TORC__WRITABLE) ? POLLOUT : 0));
}

static unsigned ready_of(short events)
{
    unsigned ready = 0;

    if (events & POLLIN)
        ready |= TORC__READABLE;
    if (events & POLLOUT)
        ready |= TORC__WRITABLE;
    if (events & (POLLHUP | POLLERR | POLLNVAL))
        ready |= TORC__HUNG_UP;
    return ready;
}

/* Notes all that is ready before any is told: telling changes the table. */
static void poll_wait_and_tell(torc__readiness *readiness, torc_time timeout)
{
    poll_driver *self = self_of(readiness);
    size_t watched = self->table.count;
    size_t found = 0;
    int count;

    for (size_t i = 0; i < watched; i++) {
        self->polled[i].fd = self->table.watched[i].descriptor;
        self->polled[i].events = events_of(self->table.watched[i].wanted);
        self->polled[i].revents = 0;
    }
    count = TORC__CALL(poll, self->polled, (nfds_t)watched, torc__readiness_milliseconds(timeout));
    torc__readiness_woke(readiness);
    for (size_t i = 0; i < watched && count > 0; i++) {
        if (self->polled[i].revents == 0)
            continue;
        self->ready[found].io = self->table.watched[i].io;
        self->ready[found].ready = ready_of(self->polled[i].revents);
        found++;
    }
    for (size_t i = 0; i < found; i++)
        torc__readiness_tell(readiness, self->ready[i].io, self->ready[i].ready);
}

static const torc__poller poller = {
    .open = poll_open,
    .close = poll_close,
    .watch = poll_watch,
    .forget = poll_forget,
    .wait = poll_wait_and_tell,
};

static int open_driver(torc_driver *driver)
{
    return torc__readiness_open(driver, &poller);
}

const torc_driver_class torc__driver_poll = {
    .name = "poll",
    .size = sizeof(poll_driver),
    .open = open_driver,
    TORC__READINESS_CALLS,
};
