/*
 * memory:NAME: listening and connecting by name within one reactor, without a socket.
 *
 * Names are the reactor's own: the same one may be listened on in another thread's reactor. All
 * listeners of the process stand in one list, under a lock that is held only to look and to link.
 *
 * A caller waits at the listener as a `call` until the port takes it. The end that will be the
 * caller's is the call's own io until the caller is told, which is after the port's protocol has
 * had its connection_made: so whatever that does, the caller's io is closed in one place only.
 *
 *     connect -> waiting -> adopted -> told: the caller's io is the link's end
 *                   |-> discarded, or the listener closes -> told ECONNREFUSED
 */
#include "endpoint/endpoint.h"

#include "base/list.h"
#include "base/memory.h"
#include "transport/memory.h"

#include <errno.h>
#include <pthread.h>

typedef struct listener {
    torc__grave grave;
    torc__list link;    /* of all listeners */
    torc__list calls;
    torc__task task;
    torc_reactor *reactor;
    torc_io *io;        /* NULL: closed */
    size_t waiting;
    size_t waiting_max;
    bool accepts;
    struct call *current; /* being taken: what a token stands for */
    char name[TORC__CARRIER_NAME_MAX + 1];
} listener;

typedef struct call {
    torc__grave grave;
    torc__list link;
    listener *listener;
    torc_io *caller;    /* NULL: it has closed */
    torc_io end;        /* the caller's, until it is told */
    bool adopted;
} call;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static torc__list listeners = { &listeners, &listeners };

/* With the lock held. */
static listener *find(const torc_reactor *reactor, const char *name)
{
    for (torc__list *each = listeners.next; each != &listeners; each = each->next) {
        listener *self = TORC_CONTAINER_OF(each, listener, link);

        if (self->reactor == reactor && strcmp(self->name, name) == 0)
            return self;
    }
    return NULL;
}

/* -- memory -------------------------------------------------------------------------------- */

static void free_listener(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, listener, grave));
}

static void free_call(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, call, grave));
}

static void bury_if_done(listener *self)
{
    if (self->io != NULL || self->waiting > 0)
        return;
    torc__cancel_task(&self->task);
    torc__bury(self->reactor, &self->grave, free_listener);
}

/* It waits no more. */
static void leave(call *self)
{
    listener *at = self->listener;

    torc__list_remove(&self->link);
    at->waiting--;
    torc__bury(at->reactor, &self->grave, free_call);
    bury_if_done(at);
}

/* -- what a caller's io is until it is told ------------------------------------------------ */

static void end_received(torc_io *io, torc_slice data, int error)
{
    (void)io;
    (void)data;
    (void)error;
}

static void end_sent(torc_io *io, size_t count, int error)
{
    (void)io;
    (void)count;
    (void)error;
}

/* Nothing is asked of it before it is moved; it must have them all the same. */
static const torc_io_events end_events = { .received = end_received, .sent = end_sent };

static bool close_caller(torc_io *io, bool reset)
{
    call *self = io->carrier;

    self->caller = NULL;
    if (self->adopted)
        self->end.kind->close(&self->end, reset);
    /* One that is being taken is let go by who takes it. */
    if (self->listener->current != self)
        leave(self);
    return true;
}

static void no_address(torc_io *io, torc_address *ret_address)
{
    (void)io;
    memset(ret_address, 0, sizeof(*ret_address));
}

static const torc_io_class caller_class = {
    .name = "memory name",
    .close = close_caller,
    .local_address = no_address,
    .peer_address = no_address,
};

static void tell_caller(call *self)
{
    torc_io *caller = self->caller;
    bool adopted = self->adopted;

    if (caller == NULL)
        return;
    self->caller = NULL;
    if (adopted)
        torc__memory_move(&self->end, caller);
    else
        caller->kind = NULL;
    caller->events->connected(caller, adopted ? 0 : ECONNREFUSED);
}

static int memory_connect(
    const torc__endpoint *endpoint, torc_scope *scope, torc_transport *transport)
{
    torc_reactor *reactor = scope->reactor;
    listener *at;
    call *self;

    pthread_mutex_lock(&lock);
    at = find(reactor, endpoint->name);
    pthread_mutex_unlock(&lock);
    if (at == NULL || at->waiting >= at->waiting_max)
        return -ECONNREFUSED;
    self = torc__allocate_zeroed(sizeof(*self));
    if (self == NULL)
        return -ENOMEM;
    self->listener = at;
    self->caller = &transport->io;
    self->end.events = &end_events;
    transport->io.kind = &caller_class;
    transport->io.carrier = self;
    torc__list_append(&at->calls, &self->link);
    at->waiting++;
    torc__queue_task(reactor, &at->task);
    return 0;
}

/* -- the listening side -------------------------------------------------------------------- */

static call *first_call(listener *self)
{
    return torc__list_is_empty(&self->calls) ? NULL
                                             : TORC_CONTAINER_OF(self->calls.next, call, link);
}

static void take(listener *self, call *taken)
{
    static const torc_address unnamed;

    self->current = taken;
    if (self->io != NULL)
        self->io->events->accepted(self->io, 0, &unnamed, 0);
    tell_caller(taken);
    self->current = NULL;
    leave(taken);
}

/* One in a turn: each runs user code, and others have their turn too. */
static void run(torc__task *task)
{
    listener *self = TORC_CONTAINER_OF(task, listener, task);
    call *first = first_call(self);

    if (first == NULL || (self->io != NULL && !self->accepts))
        return;
    if (self->waiting > 1)
        torc__queue_task(self->reactor, &self->task);
    take(self, first);
}

static int memory_adopt(torc_io *io, int token, torc_io *taker)
{
    listener *self = io->carrier;
    call *current = self->current;

    (void)token;
    if (!torc__memory_open(self->reactor, taker, &current->end))
        return -ENOMEM;
    current->adopted = true;
    return 0;
}

/* It is told that it was refused when the port's event has returned. */
static void memory_discard(torc_io *io, int token)
{
    (void)io;
    (void)token;
}

static bool close_listener(torc_io *io, bool reset)
{
    listener *self = io->carrier;

    (void)reset;
    pthread_mutex_lock(&lock);
    torc__list_remove(&self->link);
    pthread_mutex_unlock(&lock);
    self->io = NULL;
    if (self->waiting > 0)
        torc__queue_task(self->reactor, &self->task);
    else
        bury_if_done(self);
    return true;
}

static const torc_io_class listener_class = {
    .name = "memory name",
    .close = close_listener,
    .local_address = no_address,
    .peer_address = no_address,
};

static void memory_accepting(torc_io *io, bool on)
{
    listener *self = io->carrier;

    self->accepts = on;
    if (on && self->waiting > 0)
        torc__queue_task(self->reactor, &self->task);
}

static int memory_listen(torc_reactor *reactor, torc_io *io, const torc__endpoint *endpoint)
{
    listener *self = torc__allocate_zeroed(sizeof(*self));
    bool taken;

    if (self == NULL)
        return -ENOMEM;
    self->reactor = reactor;
    self->io = io;
    self->task.run = run;
    self->waiting_max = (size_t)endpoint->options.backlog;
    memcpy(self->name, endpoint->name, sizeof(self->name));
    torc__list_init(&self->calls);
    pthread_mutex_lock(&lock);
    taken = find(reactor, self->name) != NULL;
    if (!taken)
        torc__list_append(&listeners, &self->link);
    pthread_mutex_unlock(&lock);
    if (taken) {
        torc__free(self);
        return -EADDRINUSE;
    }
    io->kind = &listener_class;
    io->carrier = self;
    return 0;
}

const torc__carrier torc__memory_names = {
    .name = "memory",
    .listen = memory_listen,
    .start_accepting = memory_accepting,
    .adopt = memory_adopt,
    .discard = memory_discard,
    .connect = memory_connect,
};
