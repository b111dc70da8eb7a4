/*
 * The life of a datagram transport: opened, received from, stopped. What is sent is in
 * datagram_sending.c.
 *
 * As with connections, two rules hold it together. User code runs only from the loop's turn: what a
 * public call asks for is noted in flags, and `settle` acts on them when the protocol's own
 * callback has returned, or at the turn's end where somebody else asked. And only `settle` ends a
 * transport, so that no caller up the stack holds one that has gone.
 */
#include "transport/datagram.h"

#include <torc/log.h>
#include <torc/reactor.h>

#include "base/abort.h"
#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* How long nothing is received when the system is out of memory for it. */
#define REST (100 * TORC_MILLISECOND)

static void settle(torc_datagram_transport *self);

static torc_datagram_transport *self_of(torc_io *io)
{
    return (torc_datagram_transport *)(void *)io;
}

/* -- calling the protocol ------------------------------------------------------------------ */

static const torc__context *enter(torc_datagram_transport *self)
{
    self->flags |= TORC__DG_IN_CALLBACK;
    return torc__enter(self->scope.reactor, &self->context);
}

static void leave(torc_datagram_transport *self, const torc__context *outer)
{
    torc__leave(self->scope.reactor, outer);
    self->flags &= ~(uint32_t)TORC__DG_IN_CALLBACK;
}

void torc__datagrams_settle_later(torc_datagram_transport *self)
{
    if ((self->flags & (TORC__DG_STARTED | TORC__DG_IN_CALLBACK | TORC__DG_STOPPED))
        == TORC__DG_STARTED)
        torc__queue_after(self->scope.reactor, &self->task);
}

/* -- ending -------------------------------------------------------------------------------- */

static void fail(torc_datagram_transport *self, torc_failure *reason)
{
    if (torc__datagrams_are_ending(self))
        torc_failure_release(reason);
    else
        self->reason = reason;
    self->flags |= TORC__DG_ENDING;
}

/* Made once for all connections and transports of the reactor. */
static torc_failure *done_failure(torc_reactor *reactor)
{
    if (reactor->connection_done == NULL)
        reactor->connection_done =
            torc_failure_new(&torc_error_connection_done, "the connection was closed cleanly");
    return torc_failure_hold(reactor->connection_done);
}

static void free_transport(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, torc_datagram_transport, grave));
}

static void bury(torc_datagram_transport *self)
{
    torc__cancel_task(&self->task);
    torc__bury(self->scope.reactor, &self->grave, free_transport);
}

static void close_io(torc_datagram_transport *self)
{
    torc__datagram_opener *opener = self->opener;

    if (self->flags & TORC__DG_IO_CLOSED)
        return;
    self->flags |= TORC__DG_IO_CLOSED;
    torc_timer_cancel(&self->rest);
    if (self->io.kind != NULL && !self->io.kind->close(&self->io, false))
        self->flags |= TORC__DG_CLOSE_PENDING;
    self->opener = NULL;
    if (opener != NULL)
        opener->done(opener);
    if (self->watcher != NULL)
        self->watcher->gone(self->watcher);
    self->watcher = NULL;
}

static void on_closed(torc_io *io)
{
    torc_datagram_transport *self = self_of(io);

    self->flags &= ~(uint32_t)TORC__DG_CLOSE_PENDING;
    if (self->flags & TORC__DG_OVER)
        bury(self);
}

/* Nothing of it is left but the memory, which goes at the turn's end. */
static void finish(torc_datagram_transport *self)
{
    self->flags |= TORC__DG_ENDING | TORC__DG_STOPPED | TORC__DG_OVER;
    close_io(self);
    torc__datagram_queue_free(&self->queue);
    torc__scope_finish(&self->scope);
    torc_failure_release(self->reason);
    self->reason = NULL;
    if (!(self->flags & TORC__DG_CLOSE_PENDING))
        bury(self);
}

static void tell_stopped(torc_datagram_transport *self)
{
    torc_datagram_protocol *protocol = torc__datagrams_protocol(self);
    const torc__context *outer;

    self->flags |= TORC__DG_STOPPED;
    close_io(self);
    if (self->reason == NULL)
        self->reason = done_failure(self->scope.reactor);
    outer = enter(self);
    if (protocol->kind->stopped != NULL)
        protocol->kind->stopped(protocol, self->reason);
    leave(self, outer);
    finish(self);
}

/* The scope that it lives in ends, perhaps from inside somebody's callback. */
static void scope_ended(torc_scoped *scoped)
{
    torc_scope *scope = TORC_CONTAINER_OF(scoped, torc_scope, scoped);
    torc_datagram_transport *self = TORC_CONTAINER_OF(scope, torc_datagram_transport, scope);

    self->owner = NULL;
    self->opened = NULL;
    if (self->flags & TORC__DG_STOPPED)
        return;
    if (!(self->flags & TORC__DG_STARTED)) {
        finish(self);
        return;
    }
    fail(self, torc_failure_new(
        &torc_error_connection_aborted, "the scope of the datagram transport ended"));
    torc__scope_finish(scope);
    close_io(self);
    if (!(self->flags & TORC__DG_IN_CALLBACK))
        torc__queue_after(self->scope.reactor, &self->task);
}

void torc_stop_datagrams(torc_datagram_transport *self)
{
    torc__check_thread(self->scope.reactor, "torc_stop_datagrams");
    if (torc__datagrams_are_ending(self))
        return;
    self->flags |= TORC__DG_ENDING;
    if (self->flags & TORC__DG_STARTED)
        torc__datagrams_settle_later(self);
    else
        torc__queue_task(self->scope.reactor, &self->task);
}

/* -- receiving ----------------------------------------------------------------------------- */

static void on_sent(torc_io *io, size_t count, int error)
{
    torc_datagram_transport *self = self_of(io);

    (void)count;
    self->flags &= ~(uint32_t)TORC__DG_BLOCKED;
    if (error != 0)
        fail(self, torc_failure_make(TORC_HERE, &torc_error_connection_lost, error,
            "datagrams cannot be sent any more"));
    settle(self);
}

static void update_receiving(torc_datagram_transport *self)
{
    const uint32_t reasons_not_to = TORC__DG_PAUSED | TORC__DG_SHORT | TORC__DG_ENDING;
    bool wanted = (self->flags & reasons_not_to) == 0;

    if ((self->flags & (TORC__DG_STARTED | TORC__DG_IO_CLOSED)) != TORC__DG_STARTED
        || wanted == ((self->flags & TORC__DG_RECEIVING) != 0))
        return;
    self->flags ^= TORC__DG_RECEIVING;
    self->io.kind->receive(&self->io, wanted);
}

void torc_pause_datagrams(torc_datagram_transport *self)
{
    torc__check_thread(self->scope.reactor, "torc_pause_datagrams");
    self->flags |= TORC__DG_PAUSED;
    update_receiving(self);
}

void torc_resume_datagrams(torc_datagram_transport *self)
{
    torc__check_thread(self->scope.reactor, "torc_resume_datagrams");
    self->flags &= ~(uint32_t)TORC__DG_PAUSED;
    update_receiving(self);
}

static void rested(void *argument)
{
    torc_datagram_transport *self = argument;

    self->flags &= ~(uint32_t)TORC__DG_SHORT;
    update_receiving(self);
}

/* Trying again at once would keep the loop busy for nothing, since what waits still waits. */
static void rest(torc_datagram_transport *self, int error)
{
    torc_log_warn("cannot receive datagrams: %s; tried again in a moment", strerror(error));
    self->flags |= TORC__DG_SHORT;
    update_receiving(self);
    torc_timer_set(&self->rest, &self->scope, REST, rested, self);
}

/* ICMP errors, as the system words them for a connected socket. */
static bool is_of_network(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENOPROTOOPT:
    case EPROTO:
    case EMSGSIZE:
    case ECONNRESET: /* a UNIX peer that closed with datagrams unread */
    case EACCES:
    case EPERM:
        return true;
    default:
        return false;
    }
}

static void receive_error(torc_datagram_transport *self, int error)
{
    if (is_of_network(error))
        torc__datagrams_note_refused(self, error);
    else if (error == ENOMEM || error == ENOBUFS || error == ENOSPC)
        rest(self, error);
    else
        fail(self, torc_failure_make(TORC_HERE, &torc_error_connection_lost, error,
            "datagrams cannot be received any more"));
}

static void deliver(torc_datagram_transport *self, const torc_datagram *datagram)
{
    torc_datagram_protocol *protocol = torc__datagrams_protocol(self);
    const torc_datagram_class *kind = protocol->kind;
    const torc_address *peer =
        (self->flags & TORC__DG_CONNECTED) ? &self->peer : &datagram->peer;

    self->counts.received++;
    if (TORC_UNLIKELY(datagram->truncated)) {
        self->counts.truncated++;
        if (kind->datagram_truncated != NULL)
            kind->datagram_truncated(protocol, datagram->bytes, peer);
    } else if (kind->datagram_received != NULL) {
        kind->datagram_received(protocol, datagram->bytes, peer);
    }
}

static void on_datagrams(torc_io *io, const torc_datagram *batch, size_t count, int error)
{
    torc_datagram_transport *self = self_of(io);
    const torc__context *outer;

    if (!(self->flags & TORC__DG_STARTED) || torc__datagrams_are_ending(self))
        return;
    if (count == 0)
        receive_error(self, error);
    outer = enter(self);
    for (size_t i = 0; i < count && !torc__datagrams_are_ending(self); i++)
        deliver(self, &batch[i]);
    leave(self, outer);
    settle(self);
}

/* -- settling ------------------------------------------------------------------------------ */

static torc_failure *refused_failure(int error)
{
    const torc_failure_type *type = &torc_error_connect;

    if (error == ECONNREFUSED || error == ECONNRESET)
        type = &torc_error_refused;
    else if (error == EHOSTUNREACH || error == ENETUNREACH)
        type = &torc_error_no_route;
    return torc_failure_make(TORC_HERE, type, error, "a datagram did not arrive");
}

static void tell_refused(torc_datagram_transport *self)
{
    torc_datagram_protocol *protocol = torc__datagrams_protocol(self);
    const torc__context *outer;
    torc_failure *failure;

    if (!(self->flags & TORC__DG_REFUSED) || torc__datagrams_are_ending(self))
        return;
    self->flags &= ~(uint32_t)TORC__DG_REFUSED;
    if (protocol->kind->refused == NULL)
        return;
    failure = refused_failure(self->counts.last_error);
    outer = enter(self);
    protocol->kind->refused(protocol, failure);
    leave(self, outer);
    torc_failure_release(failure);
}

static void tell_room(torc_datagram_transport *self)
{
    torc_datagram_protocol *protocol = torc__datagrams_protocol(self);
    const torc__context *outer;

    if (!(self->flags & TORC__DG_WANTS_ROOM) || torc__datagrams_are_ending(self)
        || self->queue.cost > self->queue_max / 2)
        return;
    self->flags &= ~(uint32_t)TORC__DG_WANTS_ROOM;
    if (protocol->kind->may_send == NULL)
        return;
    outer = enter(self);
    protocol->kind->may_send(protocol);
    leave(self, outer);
}

/*
 * Each is told once at a time: what the callbacks bring about may call for another, and that has
 * to leave the loop to others in between.
 */
static void settle(torc_datagram_transport *self)
{
    if ((self->flags & (TORC__DG_STARTED | TORC__DG_STOPPED)) != TORC__DG_STARTED)
        return;
    torc__datagrams_flush(self);
    if (TORC_UNLIKELY(self->flags & (TORC__DG_REFUSED | TORC__DG_WANTS_ROOM))) {
        tell_refused(self);
        tell_room(self);
        torc__datagrams_flush(self);
        if ((self->flags & TORC__DG_REFUSED)
            || ((self->flags & TORC__DG_WANTS_ROOM) && self->queue.count == 0))
            torc__queue_task(self->scope.reactor, &self->task);
    }
    torc__datagrams_tell_fullness(self);
    if (self->flags & TORC__DG_ENDING)
        tell_stopped(self);
}

/* -- opening ------------------------------------------------------------------------------- */

static void fire_opened(torc_datagram_transport *self, torc_result result)
{
    torc_deferred *opened = self->opened;

    self->opened = NULL;
    if (opened != NULL)
        torc_fire(opened, result);
    else
        torc_result_release(result);
}

static void tell_failure(torc_datagram_transport *self)
{
    torc_failure *failure = self->reason;
    bool vital = (self->flags & TORC__DG_VITAL) != 0;

    self->reason = NULL;
    if (self->flags & TORC__DG_ASKED) {
        fire_opened(self, torc_fail(failure));
    } else {
        torc_log_error("%s", torc_failure_text(failure));
        torc_failure_release(failure);
        if (vital)
            torc_stop_with(self->scope.reactor, 1);
    }
    if (!torc__datagrams_are_over(self))
        finish(self);
}

/* It was stopped before it had started. */
static void tell_cancelled(torc_datagram_transport *self)
{
    fire_opened(self, torc_fail_with(
        &torc_error_cancelled, "the datagram transport was stopped before it was open"));
    if (!torc__datagrams_are_over(self))
        finish(self);
}

static void tell_started(torc_datagram_transport *self)
{
    torc_datagram_protocol *protocol = torc__datagrams_protocol(self);
    const torc__context *outer;

    self->flags |= TORC__DG_STARTED | TORC__DG_RECEIVING;
    outer = enter(self);
    if (self->flags & TORC__DG_VITAL) {
        char text[TORC_ADDRESS_TEXT_MAX];

        torc_log_info("%s starting on %s", protocol->kind->name != NULL ? protocol->kind->name
            : "Datagrams", torc_address_text(&self->local, text));
    }
    if (protocol->kind->started != NULL)
        protocol->kind->started(protocol);
    leave(self, outer);
    if (!(self->flags & TORC__DG_IO_CLOSED)) {
        self->flags &= ~(uint32_t)TORC__DG_RECEIVING;
        if (self->flags & (TORC__DG_PAUSED | TORC__DG_ENDING))
            self->io.kind->receive(&self->io, false); /* a socket receives from the start */
        update_receiving(self);
    }
    fire_opened(self, torc_pointer(protocol));
    settle(self);
}

static void run(torc__task *task)
{
    torc_datagram_transport *self = TORC_CONTAINER_OF(task, torc_datagram_transport, task);

    if (self->flags & TORC__DG_STARTED)
        settle(self);
    else if (self->reason != NULL)
        tell_failure(self);
    else if (self->flags & TORC__DG_ENDING)
        tell_cancelled(self);
    else if (self->flags & TORC__DG_OPEN)
        tell_started(self);
}

static const torc_io_events datagram_events = {
    .datagrams = on_datagrams,
    .sent = on_sent,
    .closed = on_closed,
};

static void describe(const torc__context *context, char *text, size_t size)
{
    const torc_datagram_transport *self =
        TORC_CONTAINER_OF(context, torc_datagram_transport, context);
    const torc_datagram_protocol *protocol =
        (const torc_datagram_protocol *)(const void *)(self + 1);
    char address[TORC_ADDRESS_TEXT_MAX];

    snprintf(text, size, "%s,%s", protocol->kind->name != NULL ? protocol->kind->name : "Datagrams",
        torc_address_text(
            (self->flags & TORC__DG_CONNECTED) ? &self->peer : &self->local, address));
}

static void describe_member(const torc_scoped *scoped, char *text, size_t size)
{
    const torc_scope *scope = TORC_CONTAINER_OF(scoped, torc_scope, scoped);

    describe(&TORC_CONTAINER_OF(scope, torc_datagram_transport, scope)->context, text, size);
}

const torc__member_kind torc__members_datagrams = {
    .end = scope_ended,
    .name = "datagram transport",
    .describe = describe_member,
};

static torc_datagram_transport *set_up(torc_datagram_transport *self, torc_scope *scope,
    const torc_datagram_class *kind, torc__datagram_opener *opener)
{
    torc_datagram_protocol *protocol = torc__datagrams_protocol(self);

    self->io.events = &datagram_events;
    self->io.descriptor = -1;
    self->context.describe = describe;
    self->task.run = run;
    self->queue_max = TORC_DATAGRAM_QUEUE;
    self->opener = opener;
    if (opener != NULL)
        opener->transport = self;
    protocol->kind = kind;
    protocol->transport = self;
    self->owner = scope->ended ? NULL : scope;
    torc__scope_init(&self->scope, self->owner, scope->reactor, scope_ended);
    self->scope.context = &self->context;
    if (scope->ended)
        finish(self);
    return self;
}

static size_t size_with(const torc_datagram_class *kind)
{
    size_t size = kind->size > sizeof(torc_datagram_protocol)
        ? kind->size : sizeof(torc_datagram_protocol);

    return sizeof(torc_datagram_transport) + size;
}

torc_datagram_transport *torc__datagrams_new(
    torc_scope *scope, const torc_datagram_class *kind, torc__datagram_opener *opener)
{
    torc_datagram_transport *self = torc__allocate_vital(size_with(kind));

    if (self == NULL)
        torc__abort_out_of_memory("a datagram protocol");
    return set_up(self, scope, kind, opener);
}

torc_datagram_transport *torc__datagrams_try_new(
    torc_scope *scope, const torc_datagram_class *kind, torc__datagram_opener *opener)
{
    torc_datagram_transport *self = torc__allocate_zeroed(size_with(kind));

    return self != NULL ? set_up(self, scope, kind, opener) : NULL;
}

void torc__datagrams_open(torc_datagram_transport *self, const torc_address *peer)
{
    self->flags |= TORC__DG_OPEN;
    self->io.kind->local_address(&self->io, &self->local);
    if (peer != NULL) {
        self->peer = *peer;
        self->flags |= TORC__DG_CONNECTED;
    }
    torc__queue_task(self->scope.reactor, &self->task);
}

void torc__datagrams_fail(torc_datagram_transport *self, torc_failure *failure)
{
    fail(self, failure);
    torc__queue_task(self->scope.reactor, &self->task);
}

static void cancel_opening(torc_deferred *deferred, void *argument)
{
    torc_datagram_transport *self = argument;

    (void)deferred;
    self->opened = NULL;
    torc_stop_datagrams(self);
}

torc_deferred *torc_datagrams_opened(void *protocol)
{
    torc_datagram_transport *self = ((torc_datagram_protocol *)protocol)->transport;

    torc__check_thread(self->scope.reactor, "torc_datagrams_opened");
    if (self->flags & TORC__DG_ASKED)
        torc__abort("torc_datagrams_opened was called twice for one protocol: ask once");
    self->flags |= TORC__DG_ASKED;
    if (self->owner == NULL || (self->flags & TORC__DG_STOPPED))
        return torc_deferred_fired(torc_root(self->scope.reactor), torc_fail_with(
            &torc_error_cancelled, "the datagram transport has stopped"));
    if (self->flags & TORC__DG_STARTED)
        return torc_deferred_fired(self->owner, torc_pointer(protocol));
    self->opened = torc_deferred_new(self->owner, cancel_opening, self);
    return self->opened;
}

/* -- facts --------------------------------------------------------------------------------- */

torc_scope *torc_datagram_scope_of(void *protocol)
{
    return &((torc_datagram_protocol *)protocol)->transport->scope;
}

torc_address torc_datagram_address(const torc_datagram_transport *self)
{
    return self->local;
}

torc_address torc_datagram_peer(const torc_datagram_transport *self)
{
    return self->peer;
}
