/*
 * The epoll driver: Linux. Level-triggered, so that a bounded read per turn loses nothing.
 */
#include "reactor/driver/drivers.h"
#include "reactor/driver/readiness.h"

#include "base/system_call.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_MAX = 512 };

typedef struct epoll_driver {
    torc__readiness readiness; /* first */
    int epoll;
    struct epoll_event events[EVENTS_MAX];
} epoll_driver;

static epoll_driver *self_of(torc__readiness *readiness)
{
    return (epoll_driver *)(void *)readiness;
}

static int epoll_open(torc__readiness *readiness)
{
    epoll_driver *self = self_of(readiness);

    self->epoll = TORC__CALL(epoll_create1, EPOLL_CLOEXEC);
    return self->epoll >= 0 ? 0 : -errno;
}

static void epoll_close(torc__readiness *readiness)
{
    close(self_of(readiness)->epoll);
}

static int epoll_watch(torc__readiness *readiness, torc_io *io, unsigned wanted, bool listed)
{
    struct epoll_event event = { 0 };
    int operation = listed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    if (wanted & TORC__READABLE)
        event.events |= EPOLLIN;
    if (wanted & TORC__WRITABLE)
        event.events |= EPOLLOUT;
    event.data.ptr = io;
    if (TORC__CALL(epoll_ctl, self_of(readiness)->epoll, operation, io->descriptor, &event) < 0)
        return -errno;
    return 0;
}

/* Not left to close(): another process may hold the socket, and its events would still come. */
static void epoll_forget(torc__readiness *readiness, torc_io *io)
{
    struct epoll_event unused = { 0 };

    (void)epoll_ctl(self_of(readiness)->epoll, EPOLL_CTL_DEL, io->descriptor, &unused);
}

static unsigned ready_of(uint32_t events)
{
    unsigned ready = 0;

    if (events & EPOLLIN)
        ready |= TORC__READABLE;
    if (events & EPOLLOUT)
        ready |= TORC__WRITABLE;
    if (events & (EPOLLHUP | EPOLLERR))
        ready |= TORC__HUNG_UP;
    return ready;
}

static void epoll_wait_and_tell(torc__readiness *readiness, torc_time timeout)
{
    epoll_driver *self = self_of(readiness);
    int milliseconds = torc__readiness_milliseconds(timeout);
    int count = TORC__CALL(epoll_wait, self->epoll, self->events, EVENTS_MAX, milliseconds);

    readiness->interrupted = count < 0 && errno == EINTR;
    torc__readiness_woke(readiness);
    for (int i = 0; i < count; i++)
        torc__readiness_tell(
            readiness, self->events[i].data.ptr, ready_of(self->events[i].events));
}

static const torc__poller poller = {
    .open = epoll_open,
    .close = epoll_close,
    .watch = epoll_watch,
    .forget = epoll_forget,
    .wait = epoll_wait_and_tell,
};

static int open_driver(torc_driver *driver)
{
    return torc__readiness_open(driver, &poller);
}

/* An epoll instance can itself be waited for. */
static int epoll_descriptor(torc_driver *driver)
{
    return torc__readiness_show(driver, ((epoll_driver *)(void *)driver)->epoll);
}

const torc_driver_class torc__driver_epoll = {
    .name = "epoll",
    .size = sizeof(epoll_driver),
    .open = open_driver,
    .descriptor = epoll_descriptor,
    TORC__READINESS_CALLS,
};
