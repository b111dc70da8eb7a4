/*
 * The select driver: every system with sockets, up to FD_SETSIZE descriptors.
 */
#include "reactor/driver/drivers.h"
#include "reactor/driver/readiness.h"
#include "reactor/driver/watch_table.h"

#include "base/system_call.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/select.h>

typedef struct ready_io {
    torc_io *io;
    unsigned ready;
} ready_io;

typedef struct select_driver {
    torc__readiness readiness; /* first */
    torc__watch_table table;
    ready_io ready[FD_SETSIZE];
} select_driver;

static select_driver *self_of(torc__readiness *readiness)
{
    return (select_driver *)(void *)readiness;
}

static int select_open(torc__readiness *readiness)
{
    (void)readiness;
    return 0;
}

static void select_close(torc__readiness *readiness)
{
    torc__watch_table_free(&self_of(readiness)->table);
}

/* Beyond FD_SETSIZE is, to who asked, the same as having no more descriptors. */
static int select_watch(torc__readiness *readiness, torc_io *io, unsigned wanted, bool listed)
{
    (void)listed;
    if (io->descriptor >= FD_SETSIZE)
        return -EMFILE;
    return torc__watch_table_set(&self_of(readiness)->table, io, wanted);
}

static void select_forget(torc__readiness *readiness, torc_io *io)
{
    torc__watch_table_remove(&self_of(readiness)->table, io);
}

/* Fills the sets; gives one more than the greatest descriptor. */
static int fill(const torc__watch_table *table, fd_set *in, fd_set *out)
{
    int limit = 0;

    FD_ZERO(in);
    FD_ZERO(out);
    for (size_t i = 0; i < table->count; i++) {
        const torc__watched *watched = &table->watched[i];

        if (watched->wanted & TORC__READABLE)
            FD_SET(watched->descriptor, in);
        if (watched->wanted & TORC__WRITABLE)
            FD_SET(watched->descriptor, out);
        if (watched->wanted != 0 && watched->descriptor >= limit)
            limit = watched->descriptor + 1;
    }
    return limit;
}

static unsigned ready_of(int descriptor, const fd_set *in, const fd_set *out)
{
    return (FD_ISSET(descriptor, in) ? TORC__READABLE : 0u)
        | (FD_ISSET(descriptor, out) ? TORC__WRITABLE : 0u);
}

/* One that was closed behind our back fails the call for all: whoever it is finds out himself. */
static size_t note_closed(select_driver *self)
{
    const torc__watch_table *table = &self->table;
    size_t found = 0;

    for (size_t i = 0; i < table->count; i++) {
        const torc__watched *watched = &table->watched[i];

        if (watched->wanted == 0 || fcntl(watched->descriptor, F_GETFD) >= 0)
            continue;
        self->ready[found].io = watched->io;
        self->ready[found].ready = TORC__HUNG_UP;
        found++;
    }
    return found;
}

static struct timeval *to_timeval(torc_time timeout, struct timeval *ret_time)
{
    if (timeout < 0)
        return NULL;
    if (timeout > TORC_HOUR)
        timeout = TORC_HOUR;
    timeout += TORC_MICROSECOND - 1;
    ret_time->tv_sec = (time_t)(timeout / TORC_SECOND);
    ret_time->tv_usec = (suseconds_t)(timeout % TORC_SECOND / TORC_MICROSECOND);
    return ret_time;
}

/* Notes all that is ready before any is told: telling changes the table. */
static void select_wait_and_tell(torc__readiness *readiness, torc_time timeout)
{
    select_driver *self = self_of(readiness);
    const torc__watch_table *table = &self->table;
    fd_set in;
    fd_set out;
    struct timeval time;
    size_t found = 0;
    int limit = fill(table, &in, &out);
    int count = TORC__CALL(select, limit, &in, &out, NULL, to_timeval(timeout, &time));

    if (count < 0 && errno == EBADF)
        found = note_closed(self);
    torc__readiness_woke(readiness);
    for (size_t i = 0; i < table->count && count > 0; i++) {
        unsigned ready = ready_of(table->watched[i].descriptor, &in, &out);

        if (ready == 0)
            continue;
        self->ready[found].io = table->watched[i].io;
        self->ready[found].ready = ready;
        found++;
    }
    for (size_t i = 0; i < found; i++)
        torc__readiness_tell(readiness, self->ready[i].io, self->ready[i].ready);
}

static const torc__poller poller = {
    .open = select_open,
    .close = select_close,
    .watch = select_watch,
    .forget = select_forget,
    .wait = select_wait_and_tell,
};

static int open_driver(torc_driver *driver)
{
    return torc__readiness_open(driver, &poller);
}

const torc_driver_class torc__driver_select = {
    .name = "select",
    .size = sizeof(select_driver),
    .open = open_driver,
    TORC__READINESS_CALLS,
};
