/*
 * The kqueue driver: FreeBSD, OpenBSD, NetBSD (from 10), DragonFly and macOS.
 *
 * A descriptor has two filters here, one for reading and one for writing. Each is added when it is
 * first wanted and from then on switched on and off; both change in one call. The filters are
 * level-triggered (no EV_CLEAR), so that a bounded read per turn loses nothing.
 *
 * It has run on Linux only, on a stand-in for kqueue() and kevent() that the tests own. What that
 * cannot show, and so was never seen: what the devices, terminals and pipes of each system answer
 * to a filter, the error that EV_EOF brings along, and what it all costs. See docs/porting.md.
 */
#include "reactor/driver/drivers.h"
#include "reactor/driver/readiness.h"

#include "base/system_call.h"
#include "reactor/driver/socket.h"

#include <errno.h>
#include <sys/event.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Without it, changes that went well are not answered, and what is ready may be told in between. */
#if !defined(EV_RECEIPT)
# define EV_RECEIPT 0
#endif

enum { EVENTS_MAX = 512, FILTERS = 2 };

typedef struct kqueue_driver {
    torc__readiness readiness; /* first */
    int kqueue;
    struct kevent events[EVENTS_MAX];
} kqueue_driver;

typedef struct filter_changes {
    struct kevent changes[FILTERS];
    int errors[FILTERS];
    int count;
} filter_changes;

static kqueue_driver *self_of(torc__readiness *readiness)
{
    return (kqueue_driver *)(void *)readiness;
}

static int kqueue_open(torc__readiness *readiness)
{
    kqueue_driver *self = self_of(readiness);
    int error;

    self->kqueue = TORC__CALL(kqueue);
    if (self->kqueue < 0)
        return -errno;
    error = torc__socket_prepare(self->kqueue);
    if (error != 0)
        close(self->kqueue);
    return error;
}

static void kqueue_close(torc__readiness *readiness)
{
    close(self_of(readiness)->kqueue);
}

/* -- interest ------------------------------------------------------------------------------ */

static void add_change(filter_changes *made, torc_io *io, int filter, int flags)
{
    EV_SET(&made->changes[made->count], (uintptr_t)io->descriptor, (short)filter,
        (unsigned short)(flags | EV_RECEIPT), 0, 0, io);
    made->errors[made->count] = 0;
    made->count++;
}

static void note_error(filter_changes *made, const struct kevent *answer)
{
    for (int i = 0; i < made->count; i++)
        if (made->changes[i].filter == answer->filter)
            made->errors[i] = (int)answer->data;
}

/*
 * Makes all the changes, and notes how each of them went. Room for the answers makes one that fails
 * an event, rather than the end of the list. 0 or -errno, when none was looked at.
 */
static int make_changes(kqueue_driver *self, filter_changes *made)
{
    const struct timespec at_once = { 0, 0 };
    struct kevent answers[FILTERS];
    int count;

    do
        count = TORC__CALL(kevent, self->kqueue, made->changes, made->count, answers, made->count,
            &at_once);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++)
        if (answers[i].flags & EV_ERROR)
            note_error(made, &answers[i]);
    return 0;
}

/* As epoll has it: what has no filter need not be waited for. */
static int refusal_of(int error)
{
    switch (error) {
    case EINVAL:
    case ENODEV:
    case ENXIO:
    case EOPNOTSUPP:
        return -EPERM;
    default:
        return -error;
    }
}

/* A filter on a regular file is silent at its end, where a read would tell of that end. */
static int refuse_regular_file(int descriptor)
{
    struct stat status;

    if (TORC__CALL(fstat, descriptor, &status) < 0)
        return -errno;
    return S_ISREG(status.st_mode) ? -EPERM : 0;
}

/* EV_ADD on a filter that is there switches it on; one that was never wanted is not there. */
static void add_interest(filter_changes *made, torc_io *io, int filter, bool wanted, bool listed)
{
    if (wanted)
        add_change(made, io, filter, EV_ADD | EV_ENABLE);
    else if (listed)
        add_change(made, io, filter, EV_DISABLE);
}

static int kqueue_watch(torc__readiness *readiness, torc_io *io, unsigned wanted, bool listed)
{
    filter_changes made = { .count = 0 };
    int error = listed ? 0 : refuse_regular_file(io->descriptor);

    if (error != 0)
        return error;
    add_interest(&made, io, EVFILT_READ, (wanted & TORC__READABLE) != 0, listed);
    add_interest(&made, io, EVFILT_WRITE, (wanted & TORC__WRITABLE) != 0, listed);
    if (made.count == 0)
        return 0;
    error = make_changes(self_of(readiness), &made);
    for (int i = 0; i < made.count && error == 0; i++)
        if (made.errors[i] != 0 && (made.changes[i].flags & EV_ADD))
            error = refusal_of(made.errors[i]);
    return error;
}

/* Not left to close(): the descriptor may live on, lingering or with somebody else. */
static void kqueue_forget(torc__readiness *readiness, torc_io *io)
{
    filter_changes made = { .count = 0 };

    add_change(&made, io, EVFILT_READ, EV_DELETE);
    add_change(&made, io, EVFILT_WRITE, EV_DELETE);
    (void)make_changes(self_of(readiness), &made);
}

/* -- waiting ------------------------------------------------------------------------------- */

/*
 * That the peer has ended its half shows in the read, and is not yet a hang-up: what is written
 * still reaches it. A hang-up it is with an error, or when nothing can be written any more.
 */
static unsigned ready_of(const struct kevent *event)
{
    unsigned ready = 0;

    if (event->flags & EV_ERROR)
        return TORC__HUNG_UP;
    if (event->filter == EVFILT_READ)
        ready = TORC__READABLE;
    else if (event->filter == EVFILT_WRITE)
        ready = TORC__WRITABLE;
    if ((event->flags & EV_EOF) && (event->filter == EVFILT_WRITE || event->fflags != 0))
        ready |= TORC__HUNG_UP;
    return ready;
}

static const struct timespec *to_timespec(torc_time timeout, struct timespec *ret_time)
{
    if (timeout < 0)
        return NULL;
    if (timeout > TORC_HOUR)
        timeout = TORC_HOUR;
    ret_time->tv_sec = (time_t)(timeout / TORC_SECOND);
    ret_time->tv_nsec = (long)(timeout % TORC_SECOND);
    return ret_time;
}

static void kqueue_wait_and_tell(torc__readiness *readiness, torc_time timeout)
{
    kqueue_driver *self = self_of(readiness);
    struct timespec time;
    int count = TORC__CALL(kevent, self->kqueue, NULL, 0, self->events, EVENTS_MAX,
        to_timespec(timeout, &time));

    readiness->interrupted = count < 0 && errno == EINTR;
    torc__readiness_woke(readiness);
    for (int i = 0; i < count; i++) {
        torc_io *io = self->events[i].udata;
        unsigned ready = ready_of(&self->events[i]);

        /* Where both filters of an io stand side by side, it is told once. */
        for (; i + 1 < count && self->events[i + 1].udata == io; i++)
            ready |= ready_of(&self->events[i + 1]);
        torc__readiness_tell(readiness, io, ready);
    }
}

static const torc__poller poller = {
    .open = kqueue_open,
    .close = kqueue_close,
    .watch = kqueue_watch,
    .forget = kqueue_forget,
    .wait = kqueue_wait_and_tell,
};

static int open_driver(torc_driver *driver)
{
    return torc__readiness_open(driver, &poller);
}

/* A kqueue can itself be waited for. */
static int kqueue_descriptor(torc_driver *driver)
{
    return torc__readiness_show(driver, ((kqueue_driver *)(void *)driver)->kqueue);
}

const torc_driver_class torc__driver_kqueue = {
    .name = "kqueue",
    .size = sizeof(kqueue_driver),
    .open = open_driver,
    .descriptor = kqueue_descriptor,
    TORC__READINESS_CALLS,
};
