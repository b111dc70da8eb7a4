/*
 * The life of a connection: opened, read from, written to, ended. What is sent is in sending.c,
 * and producers in producing.c.
 *
 * Two rules hold this together. User code runs only from the loop's turn: what a public call asks
 * for is noted in flags, and `torc__transport_settle` acts on them when the protocol's own callback
 * has returned, or at the turn's end where somebody else asked. And only torc__transport_settle
 * ends a connection, so that no caller up the stack holds one that has gone.
 */
#include "transport/transport.h"

#include "base/memory.h"
#include "transport/factory.h"
#include "transport/filter.h"
#include "transport/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* -- why it ends --------------------------------------------------------------------------- */

torc_failure *torc__connection_failure(int error)
{
    const torc_failure_type *type = &torc_error_connection_lost;

    if (error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH)
        type = &torc_error_connection_timed_out;
    return torc_failure_make(TORC_HERE, type, error, "the connection was lost");
}

/* Made once for all: nearly every connection ends like this. */
static torc_failure *done_failure(torc_reactor *reactor)
{
    torc_failure *made;

    if (reactor->connection_done == NULL) {
        made = torc_failure_new(&torc_error_connection_done, "the connection was closed cleanly");
        /* Without memory it is another, which must not stand for those to come. */
        if (torc_failure_type_of(made) != &torc_error_connection_done)
            return made;
        reactor->connection_done = made;
    }
    return torc_failure_hold(reactor->connection_done);
}

void torc__transport_fail(torc_transport *self, torc_failure *reason)
{
    if (self->reason != NULL || (self->flags & (TORC__ABORTING | TORC__LOST)))
        torc_failure_release(reason);
    else
        self->reason = reason;
    self->flags |= TORC__ABORTING;
}

void torc__transport_give_up_if_broken(torc_transport *self)
{
    if (self->reason == NULL || (self->flags & (TORC__ABORTING | TORC__LOST)))
        return;
    self->flags |= TORC__ABORTING | TORC__RESETS;
    torc__transport_settle_later(self);
}

/* -- calling the protocol ------------------------------------------------------------------ */

const torc__context *torc__transport_enter(torc_transport *self)
{
    self->flags |= TORC__IN_CALLBACK;
    return torc__enter(self->scope.reactor, &self->context);
}

void torc__transport_leave(torc_transport *self, const torc__context *outer)
{
    torc__leave(self->scope.reactor, outer);
    self->flags &= ~(uint32_t)TORC__IN_CALLBACK;
}

static void deliver(torc_transport *self, torc_slice data)
{
    torc_protocol *protocol = torc__transport_protocol(self);
    const torc__context *outer;

    if (protocol->kind->data_received == NULL || (self->flags & TORC__COUPLED))
        return;
    outer = torc__transport_enter(self);
    self->flags |= TORC__DELIVERING;
    protocol->kind->data_received(protocol, data);
    self->flags &= ~(uint32_t)TORC__DELIVERING;
    torc__transport_leave(self, outer);
}

/* -- receiving ----------------------------------------------------------------------------- */

void torc__transport_update_receiving(torc_transport *self)
{
    const uint32_t reasons_not_to =
        TORC__PAUSED | TORC__AUTO_PAUSED | TORC__KEPT_WAITS | TORC__READ_ENDED | TORC__ABORTING |
        TORC__LOST;
    bool wanted = (self->flags & reasons_not_to) == 0;

    if ((self->flags & TORC__IO_CLOSED) || wanted == ((self->flags & TORC__RECEIVING) != 0))
        return;
    self->flags ^= TORC__RECEIVING;
    self->top->kind->receive(self->top, wanted);
}

static void received_end(torc_transport *self, int error)
{
    torc_protocol *protocol = torc__transport_protocol(self);
    const torc__context *outer;

    self->flags |= TORC__READ_ENDED;
    self->flags &= ~(uint32_t)TORC__RECEIVING;
    if (error != 0) {
        torc__transport_fail(self, torc__connection_failure(error));
    } else if (protocol->kind->read_lost == NULL) {
        self->flags |= TORC__LOSING;
    } else if (!(self->flags & TORC__LOSING)) {
        outer = torc__transport_enter(self);
        protocol->kind->read_lost(protocol);
        torc__transport_leave(self, outer);
    }
}

static void on_received(torc_io *io, torc_slice data, int error)
{
    torc_transport *self = io->owner;

    if (self->flags & (TORC__ABORTING | TORC__LOST))
        return;
    if (TORC_LIKELY(data.length > 0))
        deliver(self, data);
    else
        received_end(self, error);
    torc__transport_settle(self);
}

/* Bytes that the protocol kept while it was paused are its to deliver now: see factory.h. */
void torc__transport_deliver_kept(torc_transport *self)
{
    if (!(self->flags & TORC__KEPT_WAITS) || torc_reading_is_paused(self))
        return;
    self->flags &= ~(uint32_t)TORC__KEPT_WAITS;
    if (!(self->flags & (TORC__ABORTING | TORC__LOST)))
        deliver(self, torc_slice_make("", 0));
    torc__transport_update_receiving(self);
}

void torc__transport_reading_resumed(torc_transport *self)
{
    /* Receiving waits for what is kept, or each pause could add a whole read to that. */
    if (torc__transport_protocol(self)->factory->wants_resume) {
        self->flags |= TORC__KEPT_WAITS;
        torc__transport_queue_next(self);
    }
    torc__transport_update_receiving(self);
}

void torc_pause_reading(torc_transport *self)
{
    torc__check_thread(self->scope.reactor, "torc_pause_reading");
    self->flags |= TORC__PAUSED;
    if (self->flags & TORC__STARTED)
        torc__transport_update_receiving(self);
    torc__transport_give_up_if_broken(self);
}

void torc_resume_reading(torc_transport *self)
{
    torc__check_thread(self->scope.reactor, "torc_resume_reading");
    if (!(self->flags & TORC__PAUSED))
        return;
    self->flags &= ~(uint32_t)TORC__PAUSED;
    if ((self->flags & (TORC__STARTED | TORC__AUTO_PAUSED | TORC__LOST)) == TORC__STARTED)
        torc__transport_reading_resumed(self);
}

bool torc_reading_is_paused(const torc_transport *self)
{
    return (self->flags & (TORC__PAUSED | TORC__AUTO_PAUSED)) != 0;
}

/* -- ending -------------------------------------------------------------------------------- */

/* The peer as it was noted, without the path of a UNIX socket. */
static torc_address noted_peer(const torc_transport *self)
{
    torc_address address;

    memset(&address, 0, sizeof address);
    address.kind = (torc_address_kind)self->peer.kind;
    address.port = self->peer.port;
    address.scope_id = self->peer.scope_id;
    memcpy(address.ip, self->peer.ip, sizeof address.ip);
    return address;
}

static void free_transport(torc__grave *grave)
{
    torc_transport *self = TORC_CONTAINER_OF(grave, torc_transport, turn.grave);

    torc_factory_release(torc__transport_protocol(self)->factory);
    torc__filters_free(self);
    torc__free(self->marks);
    torc__free(self);
}

static void bury(torc_transport *self)
{
    torc__cancel_task(&self->turn.task);
    torc__bury(self->scope.reactor, &self->turn.grave, free_transport);
}

/* True when the io is done with, and the transport may be buried. */
static bool close_io(torc_transport *self)
{
    if (self->io.kind == NULL || (self->flags & TORC__IO_CLOSED))
        return (self->flags & TORC__CLOSE_PENDING) == 0;
    self->flags |= TORC__IO_CLOSED;
    if (self->top->kind->close(self->top, (self->flags & TORC__RESETS) != 0))
        return true;
    self->flags |= TORC__CLOSE_PENDING;
    return false;
}

static void on_closed(torc_io *io)
{
    torc_transport *self = io->owner;

    self->flags &= ~(uint32_t)TORC__CLOSE_PENDING;
    if (self->flags & TORC__OVER)
        bury(self);
}

static void tell_lost(torc_transport *self, const torc_failure *reason)
{
    torc_protocol *protocol = torc__transport_protocol(self);
    const torc__context *outer = torc__transport_enter(self);

    torc__transport_stop_producer(self);
    if (protocol->kind->connection_lost != NULL)
        protocol->kind->connection_lost(protocol, reason);
    torc__transport_stop_producer(self); /* one that was registered just now */
    torc__transport_leave(self, outer);
}

void torc__transport_end(torc_transport *self)
{
    torc_reactor *reactor = self->scope.reactor;
    torc_protocol *protocol = torc__transport_protocol(self);
    torc_failure *reason = self->reason != NULL ? self->reason : done_failure(reactor);
    torc_address peer = noted_peer(self);

    self->flags |= TORC__LOST;
    self->reason = reason;
    (void)close_io(self);
    self->reason = NULL;
    torc__output_clear(&self->output, reactor);
    tell_lost(self, reason);
    torc_failure_release(reason);
    torc__factory_closed(protocol->factory, &peer);
    torc__scope_finish(&self->scope);
    self->flags |= TORC__OVER;
    if (!(self->flags & TORC__CLOSE_PENDING))
        bury(self);
}

/*
 * The scope that the connection lives in ends, perhaps from inside somebody's callback: all of it
 * stops now, and connection_lost comes before the turn is over. The peer sees a clean end if it has
 * all that was written, and a reset if it must not take what it has for the whole.
 */
static void scope_ended(torc_scoped *scoped)
{
    torc_scope *scope = TORC_CONTAINER_OF(scoped, torc_scope, scoped);
    torc_transport *self = TORC_CONTAINER_OF(scope, torc_transport, scope);

    if (self->flags & TORC__LOST)
        return;
    if (self->output.size > 0)
        self->flags |= TORC__RESETS;
    if (self->flags & TORC__STARTED)
        torc__transport_fail(self,
            torc_failure_new(&torc_error_connection_aborted, "the scope of the connection ended"));
    torc__scope_finish(scope);
    (void)close_io(self);
    if (self->flags & TORC__STARTED)
        torc__transport_queue_after(self);
    /* else whoever opens it will drop it */
}

void torc_lose_connection(torc_transport *self)
{
    torc__check_thread(self->scope.reactor, "torc_lose_connection");
    self->flags |= TORC__LOSING;
    torc__transport_settle_later(self);
}

void torc_abort_because(torc_transport *self, torc_failure *reason)
{
    torc__check_thread(self->scope.reactor, "torc_abort_connection");
    self->flags |= TORC__RESETS;
    torc__transport_fail(self, reason);
    torc__transport_settle_later(self);
}

void torc_abort_connection(torc_transport *self)
{
    if (self->flags & (TORC__ABORTING | TORC__LOST))
        return;
    torc_abort_because(self,
        torc_failure_new(&torc_error_connection_aborted, "the connection was aborted by us"));
}

void torc_lose_write(torc_transport *self)
{
    torc__check_thread(self->scope.reactor, "torc_lose_write");
    self->flags |= TORC__LOSING_WRITE;
    torc__transport_settle_later(self);
}

bool torc_is_closing(const torc_transport *self)
{
    return (self->flags & (TORC__LOSING | TORC__ABORTING | TORC__LOST)) != 0;
}

/* -- opening ------------------------------------------------------------------------------- */

static void on_connected(torc_io *io, int error)
{
    torc_transport *self = io->owner;
    torc__connector *connector = self->attached.connector;

    connector->connected(connector, error);
}

static void on_descriptor(torc_io *io, int descriptor)
{
    torc_transport *self = io->owner;
    torc_protocol *protocol = torc__transport_protocol(self);
    const torc__context *outer;

    if ((self->flags & (TORC__ABORTING | TORC__LOST))
        || protocol->kind->descriptor_received == NULL) {
        close(descriptor);
        return;
    }
    outer = torc__transport_enter(self);
    protocol->kind->descriptor_received(protocol, descriptor);
    torc__transport_leave(self, outer);
    torc__transport_settle(self);
}

const torc_io_events torc__transport_events = {
    .received = on_received,
    .descriptor = on_descriptor,
    .sent = torc__transport_on_sent,
    .connected = on_connected,
    .closed = on_closed,
};

static void describe(const torc__context *context, char *text, size_t size)
{
    const torc_transport *self = TORC_CONTAINER_OF(context, torc_transport, context);
    const torc_protocol *protocol = (const torc_protocol *)(const void *)(self + 1);
    char host[TORC_ADDRESS_TEXT_MAX];

    snprintf(text, size, "%s,%u,%s", protocol->kind->name, (unsigned)self->number,
        torc_peer_host(self, host));
}

static void describe_member(const torc_scoped *scoped, char *text, size_t size)
{
    const torc_scope *scope = TORC_CONTAINER_OF(scoped, torc_scope, scoped);
    const torc_transport *self = TORC_CONTAINER_OF(scope, torc_transport, scope);

    describe(&self->context, text, size);
}

const torc__member_kind torc__members_connection = {
    .end = scope_ended,
    .name = "connection",
    .describe = describe_member,
};

torc_transport *torc__transport_new(torc_scope *scope, torc_factory *factory)
{
    const torc_protocol_class *kind = factory->options.kind;
    size_t size = kind->size > sizeof(torc_protocol) ? kind->size : sizeof(torc_protocol);
    torc_transport *self;
    torc_protocol *protocol;

    if (scope->ended)
        return NULL;
    self = torc__allocate_zeroed(sizeof *self + size);
    if (self == NULL)
        return NULL;
    self->io.events = &torc__transport_events;
    self->io.owner = self;
    self->top = &self->io;
    self->io.descriptor = -1;
    self->context.describe = describe;
    torc__scope_init(&self->scope, scope, scope->reactor, scope_ended);
    self->scope.context = &self->context;
    protocol = torc__transport_protocol(self);
    protocol->kind = kind;
    protocol->transport = self;
    protocol->factory = torc_factory_hold(factory);
    return self;
}

static void note_peer(torc_transport *self, const torc_address *peer)
{
    if (peer == NULL)
        return;
    self->peer.kind = (uint8_t)peer->kind;
    self->peer.port = peer->port;
    self->peer.scope_id = peer->scope_id;
    memcpy(self->peer.ip, peer->ip, sizeof self->peer.ip);
}

void torc__transport_start(torc_transport *self, const torc_address *peer)
{
    torc_protocol *protocol = torc__transport_protocol(self);
    const torc__context *outer;

    self->attached.producer = NULL;
    self->flags |= TORC__STARTED;
    note_peer(self, peer);
    self->number = protocol->factory->next_number++;
    torc__factory_opened(protocol->factory, peer);
    if (protocol->kind->descriptor_received != NULL)
        (void)torc__transport_passes_descriptors(self);
    outer = torc__transport_enter(self);
    if (protocol->kind->connection_made != NULL)
        protocol->kind->connection_made(protocol);
    torc__transport_leave(self, outer);
    torc__transport_update_receiving(self);
    if (!(self->flags & (TORC__RECEIVING | TORC__IO_CLOSED)))
        self->top->kind->receive(self->top, false); /* an accepted socket receives from the start */
    /* Whoever connected is told of the protocol before that is told of its end. */
    if (torc_is_closing(self))
        torc__transport_queue_after(self);
    else
        torc__transport_settle(self);
}

torc_failure *torc__transport_take_reason(torc_transport *self, int error)
{
    torc_failure *reason = self->reason;

    self->reason = NULL;
    return reason != NULL ? reason : torc__connection_failure(error);
}

void torc__transport_drop(torc_transport *self)
{
    self->flags |= TORC__LOST | TORC__OVER;
    torc_failure_release(self->reason);
    self->reason = NULL;
    torc__scope_finish(&self->scope);
    if (close_io(self))
        bury(self);
}

/* -- facts --------------------------------------------------------------------------------- */

torc_scope *torc_scope_of(void *protocol)
{
    return &((torc_protocol *)protocol)->transport->scope;
}

torc_reactor *torc_transport_reactor(const torc_transport *self)
{
    return self->scope.reactor;
}

torc_address torc_local_address(const torc_transport *self)
{
    torc_io *io = self->top;
    torc_address address;

    memset(&address, 0, sizeof address);
    if (io->kind != NULL && !(self->flags & TORC__IO_CLOSED))
        io->kind->local_address(io, &address);
    return address;
}

torc_address torc_peer_address(const torc_transport *self)
{
    torc_io *io = self->top;
    torc_address address = noted_peer(self);

    if (address.kind == TORC_ADDRESS_UNIX && !(self->flags & TORC__IO_CLOSED))
        io->kind->peer_address(io, &address);
    return address;
}

const char *torc_peer_host(const torc_transport *self, char text[TORC_ADDRESS_TEXT_MAX])
{
    torc_address peer = torc_peer_address(self);

    return torc_address_host(&peer, text);
}

bool torc_peer_credentials(const torc_transport *self, int64_t *ret_process,
    uint32_t *ret_user, uint32_t *ret_group)
{
    torc_io *io = (torc_io *)(uintptr_t)&self->io;
    torc_io_credentials credentials;

    torc__check_thread(self->scope.reactor, "torc_peer_credentials");
    if (io->kind == NULL || (self->flags & TORC__IO_CLOSED) || io->kind->credentials == NULL
        || io->kind->credentials(io, &credentials) != 0)
        return false;
    *ret_process = credentials.process;
    *ret_user = credentials.user;
    *ret_group = credentials.group;
    return true;
}

static void set_option(torc_transport *self, torc_io_option option, int value)
{
    if (self->io.kind == NULL || (self->flags & TORC__IO_CLOSED)
        || self->top->kind->set_option == NULL)
        return;
    (void)self->top->kind->set_option(self->top, option, value);
}

void torc_set_no_delay(torc_transport *self, bool on)
{
    torc__check_thread(self->scope.reactor, "torc_set_no_delay");
    set_option(self, TORC_IO_NO_DELAY, on);
}

void torc_set_keep_alive(torc_transport *self, torc_time idle)
{
    torc__check_thread(self->scope.reactor, "torc_set_keep_alive");
    set_option(self, TORC_IO_KEEP_ALIVE, (int)((idle + TORC_SECOND - 1) / TORC_SECOND));
}
