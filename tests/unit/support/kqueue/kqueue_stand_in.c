/*
 * kqueue() and kevent() on epoll, as far as the kqueue driver goes: level-triggered filters for
 * reading and writing, which are added, deleted, and switched on and off one by one; EV_ONESHOT,
 * EV_EOF, EV_RECEIPT; errors as events where there is room for them, else as the call's.
 *
 * A kqueue is an epoll instance, so it can be waited for and is closed by close(). Which filters it
 * has stands in a table by its descriptor, begun anew when the number is given out again.
 *
 * Two things are told otherwise than by epoll: a descriptor with all filters off tells nothing at
 * all, not even that it was hung up; and the filters of a descriptor that was closed are gone,
 * though somebody else may hold what it stood for.
 */
#include <sys/event.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READING, WRITING, FILTERS };

typedef struct filter {
    bool there;
    bool on;
    bool once;
    void *udata;
} filter;

typedef struct watched {
    filter filters[FILTERS];
    bool listed; /* epoll knows it */
} watched;

typedef struct queue {
    watched *by_descriptor;
    size_t count;
} queue;

enum { QUEUES_MAX = 4096 };

static queue queues[QUEUES_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int kqueue(void)
{
    int descriptor = epoll_create1(0);

    if (descriptor < 0)
        return -1;
    if (descriptor >= QUEUES_MAX) {
        close(descriptor);
        errno = EMFILE;
        return -1;
    }
    pthread_mutex_lock(&lock);
    free(queues[descriptor].by_descriptor);
    memset(&queues[descriptor], 0, sizeof queues[descriptor]);
    pthread_mutex_unlock(&lock);
    return descriptor;
}

/* -- changes ------------------------------------------------------------------------------- */

static watched *watched_at(queue *of, size_t descriptor)
{
    size_t count = of->count > 0 ? of->count : 64;
    watched *grown;

    if (descriptor < of->count)
        return &of->by_descriptor[descriptor];
    while (count <= descriptor)
        count *= 2;
    grown = realloc(of->by_descriptor, count * sizeof *grown);
    if (grown == NULL)
        return NULL;
    memset(grown + of->count, 0, (count - of->count) * sizeof *grown);
    of->by_descriptor = grown;
    of->count = count;
    return &grown[descriptor];
}

static uint32_t events_of(const watched *self)
{
    uint32_t events = 0;

    if (self->filters[READING].there && self->filters[READING].on)
        events |= EPOLLIN | EPOLLRDHUP;
    if (self->filters[WRITING].there && self->filters[WRITING].on)
        events |= EPOLLOUT;
    return events;
}

/* epoll has neither; a kqueue has filters for a regular file, which are silent at its end. */
static int error_of_refused(int descriptor)
{
    struct stat status;

    return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) ? 0 : EINVAL;
}

/* Makes epoll know what the filters say. 0 or an errno. */
static int apply(int kqueue_descriptor, watched *self, int descriptor)
{
    struct epoll_event event = { .events = events_of(self), .data.fd = descriptor };

    if (event.events == 0) {
        if (self->listed)
            (void)epoll_ctl(kqueue_descriptor, EPOLL_CTL_DEL, descriptor, &event);
        self->listed = false;
        return 0;
    }
    if (self->listed)
        return epoll_ctl(kqueue_descriptor, EPOLL_CTL_MOD, descriptor, &event) == 0 ? 0 : errno;
    if (epoll_ctl(kqueue_descriptor, EPOLL_CTL_ADD, descriptor, &event) < 0)
        return errno == EPERM ? error_of_refused(descriptor) : errno;
    self->listed = true;
    return 0;
}

/* Whether the descriptor was closed since, and the number is another's now. */
static bool is_stale(int kqueue_descriptor, const watched *self, int descriptor)
{
    struct epoll_event event = { .events = events_of(self), .data.fd = descriptor };

    return self->listed
        && epoll_ctl(kqueue_descriptor, EPOLL_CTL_MOD, descriptor, &event) < 0;
}

static int change_filter(filter *self, const struct kevent *change)
{
    if (!self->there && !(change->flags & EV_ADD))
        return ENOENT;
    if (change->flags & EV_DELETE) {
        memset(self, 0, sizeof *self);
        return 0;
    }
    if (change->flags & EV_ADD) {
        self->there = true;
        self->on = true;
        self->once = (change->flags & EV_ONESHOT) != 0;
        self->udata = change->udata;
    }
    if (change->flags & EV_ENABLE)
        self->on = true;
    if (change->flags & EV_DISABLE)
        self->on = false;
    return 0;
}

/* 0 or an errno, after which all is as it was. */
static int make_change(int kqueue_descriptor, const struct kevent *change)
{
    int descriptor = (int)change->ident;
    watched *self;
    filter former;
    filter *changed;
    int error;

    if (fcntl(descriptor, F_GETFD) < 0)
        return EBADF;
    if (change->filter != EVFILT_READ && change->filter != EVFILT_WRITE)
        return EINVAL;
    self = watched_at(&queues[kqueue_descriptor], change->ident);
    if (self == NULL)
        return ENOMEM;
    if (is_stale(kqueue_descriptor, self, descriptor))
        memset(self, 0, sizeof *self);
    changed = &self->filters[change->filter == EVFILT_READ ? READING : WRITING];
    former = *changed;
    error = change_filter(changed, change);
    if (error == 0)
        error = apply(kqueue_descriptor, self, descriptor);
    if (error != 0)
        *changed = former;
    return error;
}

/* How many answers there are, or -1. */
static int make_changes(int kqueue_descriptor, const struct kevent *changes, int change_count,
    struct kevent *events, int event_count)
{
    int answers = 0;

    for (int i = 0; i < change_count; i++) {
        int error = make_change(kqueue_descriptor, &changes[i]);

        if (error == 0 && !(changes[i].flags & EV_RECEIPT))
            continue;
        if (answers < event_count) {
            events[answers] = changes[i];
            events[answers].flags = EV_ERROR;
            events[answers].data = error;
            answers++;
        } else if (error != 0) {
            errno = error;
            return -1;
        }
    }
    return answers;
}

/* -- events -------------------------------------------------------------------------------- */

static bool tells(const filter *self)
{
    return self->there && self->on;
}

static struct kevent event_of(int descriptor, short which, const filter *from, bool ended)
{
    struct kevent event;

    EV_SET(&event, (uintptr_t)descriptor, which, (unsigned short)(ended ? EV_EOF : 0), 0, 0,
        from->udata);
    return event;
}

/* Which error it was cannot be asked without taking it from whoever is told. */
static int tell_reading(const filter *self, const struct epoll_event *got, struct kevent *event)
{
    bool ended = (got->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;

    if (!tells(self) || !(ended || (got->events & EPOLLIN)))
        return 0;
    *event = event_of(got->data.fd, EVFILT_READ, self, ended);
    event->fflags = (got->events & EPOLLERR) ? ECONNRESET : 0;
    return 1;
}

static int tell_writing(const filter *self, const struct epoll_event *got, struct kevent *event)
{
    bool ended = (got->events & (EPOLLHUP | EPOLLERR)) != 0;

    if (!tells(self) || !(ended || (got->events & EPOLLOUT)))
        return 0;
    *event = event_of(got->data.fd, EVFILT_WRITE, self, ended);
    event->fflags = (got->events & EPOLLERR) ? ECONNRESET : 0;
    return 1;
}

/* Gone with the event that is just being told. */
static void drop_if_once(int kqueue_descriptor, watched *self, filter *told, int descriptor)
{
    if (!told->once)
        return;
    memset(told, 0, sizeof *told);
    (void)apply(kqueue_descriptor, self, descriptor);
}

static int tell(
    int kqueue_descriptor, const struct epoll_event *got, struct kevent *events, int room)
{
    watched *self = watched_at(&queues[kqueue_descriptor], (size_t)got->data.fd);
    int told = 0;

    if (self == NULL)
        return 0;
    if (room > told && tell_reading(&self->filters[READING], got, &events[told]) > 0) {
        told++;
        drop_if_once(kqueue_descriptor, self, &self->filters[READING], got->data.fd);
    }
    if (room > told && tell_writing(&self->filters[WRITING], got, &events[told]) > 0) {
        told++;
        drop_if_once(kqueue_descriptor, self, &self->filters[WRITING], got->data.fd);
    }
    return told;
}

static int collect(int kqueue_descriptor, struct kevent *events, int event_count)
{
    enum { GOT_MAX = 256 };
    struct epoll_event got[GOT_MAX];
    int most = event_count / FILTERS > GOT_MAX ? GOT_MAX : event_count / FILTERS;
    int count = epoll_wait(kqueue_descriptor, got, most > 0 ? most : 1, 0);
    int told = 0;

    for (int i = 0; i < count; i++)
        told += tell(kqueue_descriptor, &got[i], events + told, event_count - told);
    return count < 0 ? -1 : told;
}

int kevent(int queue_descriptor, const struct kevent *changes, int change_count,
    struct kevent *events, int event_count, const struct timespec *timeout)
{
    struct pollfd polled = { .fd = queue_descriptor, .events = POLLIN };
    int answers;

    if (queue_descriptor < 0 || queue_descriptor >= QUEUES_MAX
        || fcntl(queue_descriptor, F_GETFD) < 0) {
        errno = EBADF;
        return -1;
    }
    pthread_mutex_lock(&lock);
    answers = make_changes(queue_descriptor, changes, change_count, events, event_count);
    pthread_mutex_unlock(&lock);
    if (answers != 0 || event_count == 0)
        return answers;
    if (ppoll(&polled, 1, timeout, NULL) < 0)
        return -1;
    pthread_mutex_lock(&lock);
    answers = collect(queue_descriptor, events, event_count);
    pthread_mutex_unlock(&lock);
    return answers;
}
