/*
 * Connecting: one `attempting` for each torc_connect, from the call until its deferred fires.
 *
 *     begin -> (look the name up) -> try the addresses -> (pass the layers) -> made, or failed
 *
 * The addresses are tried side by side by attempts.c; the layers are passed by the winner alone.
 *
 * Invariants. All of it begins in a turn: torc_connect only notes what is wanted. A transport that
 * is not started stays ours to drop, also when the scope's end came to it before us. An
 * attempting's memory is buried when it closes, exactly once; until the turn is over late callers
 * find `closed`.
 */
#include <torc/endpoint.h>
#include <torc/reactor.h>

#include "base/memory.h"
#include "base/system_call.h"
#include "endpoint/attempts.h"
#include "names/host_lookup.h"
#include "reactor/reactor.h"
#include "transport/factory.h"
#include "transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

typedef struct attempting {
    torc__grave grave;
    torc_scoped scoped;
    torc__task task;
    torc_timer timeout;
    torc_timer answer;         /* the driver's, to a look-up */
    torc_reactor *reactor;
    torc_scope *scope;
    torc_factory *factory;
    torc_deferred *deferred;   /* NULL: nobody waits any more */
    torc_failure *failure;     /* of the description, then of the addresses that were tried */
    torc_transport *starting;  /* while its connection_made runs */
    torc__host_lookup lookup;
    torc_address *addresses;   /* that the driver found, until it answers; owned */
    size_t count;
    torc__attempts attempts;
    torc_transport *transport; /* open, or a carrier's; until it is started. NULL: none */
    torc_address peer;         /* of it */
    torc__connector connector; /* a carrier's */
    torc__entry entry;
    bool closed;
    torc__endpoint endpoint;
} attempting;

/* -- ending -------------------------------------------------------------------------------- */

static void free_attempting(torc__grave *grave)
{
    attempting *self = TORC_CONTAINER_OF(grave, attempting, grave);

    torc__free(self->addresses);
    torc__free(self);
}

static void drop_transport(attempting *self)
{
    torc_transport *transport = self->transport;

    self->transport = NULL;
    if (transport != NULL)
        torc__transport_drop(transport);
}

/* Stops whatever is under way. */
static void close_attempting(attempting *self)
{
    if (self->closed)
        return;
    self->closed = true;
    self->deferred = NULL;
    torc__cancel_task(&self->task);
    torc_timer_cancel(&self->timeout);
    torc_timer_cancel(&self->answer);
    torc__host_lookup_cancel(&self->lookup);
    torc__attempts_stop(&self->attempts);
    drop_transport(self);
    torc_scope_remove(&self->scoped);
    torc_factory_release(self->factory);
    torc_failure_release(self->failure);
    self->failure = NULL;
    torc__layer_release(self->endpoint.layers);
    torc__bury(self->reactor, &self->grave, free_attempting);
}

static void end_attempting(torc_scoped *scoped)
{
    close_attempting(TORC_CONTAINER_OF(scoped, attempting, scoped));
}

static void describe(const torc_scoped *scoped, char *text, size_t size)
{
    snprintf(text, size, "%s", TORC_CONTAINER_OF(scoped, attempting, scoped)->endpoint.text);
}

const torc__member_kind torc__members_connecting = {
    .end = end_attempting,
    .name = "connection in the making",
    .describe = describe,
};

static void cancel_attempting(torc_deferred *deferred, void *argument)
{
    attempting *self = argument;

    (void)deferred;
    if (self->closed)
        return;
    if (self->starting != NULL)
        torc_abort_connection(self->starting);
    close_attempting(self);
}

/* The result goes out last: its callbacks may do anything. */
static void finish(attempting *self, torc_result result)
{
    torc_deferred *deferred = self->deferred;

    close_attempting(self);
    if (deferred != NULL)
        torc_fire(deferred, result);
    else
        torc_result_release(result);
}

static void finish_failed(attempting *self)
{
    torc_failure *failure = self->failure;

    self->failure = NULL;
    finish(self, torc_fail(failure));
}

static void add_failure(attempting *self, torc_failure *failure)
{
    if (self->failure != NULL)
        failure = torc_failure_because(failure, self->failure);
    self->failure = failure;
}

static void timed_out(void *argument)
{
    attempting *self = argument;

    const char *told = torc__attempts_told(&self->attempts);

    add_failure(self, torc_failure_new(&torc_error_connect_timed_out,
        "cannot connect to %s: no answer within %g s%s%s", self->endpoint.text,
        (double)self->endpoint.timeout / (double)TORC_SECOND, told[0] != '\0' ? ";" : "", told));
    finish_failed(self);
}

/* -- passing the layers -------------------------------------------------------------------- */

static void start_connection(
    attempting *self, torc_transport *transport, const torc_address *peer)
{
    torc_timer_cancel(&self->timeout);
    self->starting = transport;
    torc__transport_start(transport, peer);
    self->starting = NULL;
    /* In connection_made the scope may have ended, or who waited have cancelled. */
    if (!self->closed)
        finish(self, torc_pointer(torc__transport_protocol(transport)));
}

/* Another address would lead to the same end, so that is the end of the whole attempt. */
static void entering_failed(attempting *self, int error)
{
    torc_failure *why = torc__transport_take_reason(self->transport, error);
    const torc_failure_type *type = torc_failure_is(why, &torc_error_connect)
        ? torc_failure_type_of(why) : &torc_error_connect;

    drop_transport(self);
    add_failure(self, torc_failure_because(torc_failure_new(type,
        "cannot connect to %s: %s", self->endpoint.text, torc_failure_text(why)), why));
    finish_failed(self);
}

static void has_entered(torc__entry *entry, int error)
{
    attempting *self = TORC_CONTAINER_OF(entry, attempting, entry);
    torc_transport *transport = self->transport;

    if (error != 0) {
        entering_failed(self, error);
        return;
    }
    if (self->endpoint.layers != NULL)
        torc__entry_peer(entry, &self->peer);
    self->transport = NULL;
    start_connection(self, transport, &self->peer);
}

static void enter(attempting *self, torc_transport *transport, const torc_address *peer)
{
    self->transport = transport;
    self->peer = *peer;
    torc__entry_start(&self->entry, transport, self->endpoint.layers);
}

/* -- trying addresses ---------------------------------------------------------------------- */

static void has_opened(
    torc__attempts *attempts, torc_transport *transport, const torc_address *address)
{
    attempting *self = TORC_CONTAINER_OF(attempts, attempting, attempts);

    torc__host_lookup_cancel(&self->lookup);
    enter(self, transport, address);
}

static void all_have_failed(torc__attempts *attempts, torc_failure *failure)
{
    attempting *self = TORC_CONTAINER_OF(attempts, attempting, attempts);

    add_failure(self, failure);
    finish_failed(self);
}

static void fail_with(attempting *self, int error)
{
    add_failure(self, torc__connect_failure(&self->endpoint, NULL, error));
    finish_failed(self);
}

static void try_addresses(
    attempting *self, const torc_address *addresses, size_t count, bool more_may_come)
{
    if (!torc__attempts_start(&self->attempts, addresses, count, more_may_come))
        fail_with(self, ENOMEM);
}

/* -- beginning ----------------------------------------------------------------------------- */

static void no_address(attempting *self, const char *problem)
{
    add_failure(self, torc_failure_new(&torc_error_unknown_host,
        "cannot connect to %s: no address for %s: %s", self->endpoint.text, self->endpoint.host,
        problem));
    finish_failed(self);
}

static void host_found(torc__host_lookup *lookup, const torc__host_addresses *found)
{
    attempting *self = TORC_CONTAINER_OF(lookup, attempting, lookup);

    if (self->attempts.list != NULL)
        torc__attempts_more(&self->attempts, found->list, found->count);
    else if (found->count != 0)
        try_addresses(self, found->list, found->count, found->more_may_come);
    else
        no_address(self, found->problem);
}

static void driver_answered(void *argument)
{
    attempting *self = argument;

    if (self->count != 0)
        try_addresses(self, self->addresses, self->count, false);
    else
        no_address(self, "there is no such name, or it has no address of the kind asked for");
}

/* False: it has failed. */
static bool keep_addresses(attempting *self, const torc_address *addresses, size_t count)
{
    self->addresses = torc__allocate(count * sizeof(*addresses));
    if (self->addresses == NULL) {
        fail_with(self, ENOMEM);
        return false;
    }
    memcpy(self->addresses, addresses, count * sizeof(*addresses));
    self->count = count;
    return true;
}

static void ask_driver(attempting *self)
{
    const torc__endpoint *endpoint = &self->endpoint;
    torc_driver *driver = self->reactor->driver;
    torc_address addresses[TORC_HOST_ADDRESSES_MAX];
    torc_time delay = 0;
    size_t count = driver->kind->look_up(driver, endpoint->host, endpoint->port,
        endpoint->only_ipv6, addresses, TORC_HOST_ADDRESSES_MAX, &delay);

    if (count != 0 && !keep_addresses(self, addresses, count))
        return;
    if (delay > 0)
        torc_timer_set(&self->answer, self->scope, delay, driver_answered, self);
    else
        driver_answered(self);
}

static void look_up(attempting *self)
{
    const torc__endpoint *endpoint = &self->endpoint;
    int error;

    if (self->reactor->driver->kind->look_up != NULL) {
        ask_driver(self);
        return;
    }
    error = torc__host_lookup_start(
        &self->lookup, self->reactor, endpoint->host, endpoint->port, endpoint->only_ipv6);
    if (error != 0)
        fail_with(self, error);
}

/* As a driver wants what it adopts: a connected socket that neither blocks nor is inherited. */
static int prepare_descriptor(int descriptor)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof(peer);
    int flags = TORC__CALL(fcntl, descriptor, F_GETFL);

    if (flags < 0 || TORC__CALL(getpeername, descriptor, (struct sockaddr *)&peer, &size) != 0)
        return errno;
    if (TORC__CALL(fcntl, descriptor, F_SETFL, flags | O_NONBLOCK) != 0 ||
        TORC__CALL(fcntl, descriptor, F_SETFD, FD_CLOEXEC) != 0)
        return errno;
    return 0;
}

static void adopt_descriptor(attempting *self)
{
    torc_driver *driver = self->reactor->driver;
    torc_transport *transport = torc__transport_new(self->scope, self->factory);
    int error = ENOMEM;

    self->transport = transport;
    if (transport != NULL)
        error = prepare_descriptor(self->endpoint.descriptor);
    if (error == 0)
        error = -driver->kind->adopt(driver, &transport->io, self->endpoint.descriptor);
    if (error == 0) {
        torc_address peer = { .kind = TORC_ADDRESS_NONE };

        transport->io.kind->peer_address(&transport->io, &peer);
        enter(self, transport, &peer);
        return;
    }
    fail_with(self, error);
}

/* -- by a carrier -------------------------------------------------------------------------- */

static void carrier_connected(torc__connector *connector, int error)
{
    attempting *self = TORC_CONTAINER_OF(connector, attempting, connector);
    torc_address peer = { .kind = TORC_ADDRESS_NONE };

    if (error != 0)
        fail_with(self, error);
    else
        enter(self, self->transport, &peer);
}

static void ask_carrier(attempting *self)
{
    int error = ENOMEM;

    self->transport = torc__transport_new(self->scope, self->factory);
    if (self->transport != NULL) {
        self->transport->attached.connector = &self->connector;
        error = -self->endpoint.carrier->connect(&self->endpoint, self->scope, self->transport);
    }
    if (error != 0 && self->transport != NULL && self->transport->reason != NULL)
        entering_failed(self, error);
    else if (error != 0)
        fail_with(self, error);
}

static void begin(torc__task *task)
{
    attempting *self = TORC_CONTAINER_OF(task, attempting, task);
    const torc__endpoint *endpoint = &self->endpoint;

    if (self->failure != NULL) {
        finish_failed(self);
        return;
    }
    torc_timer_set(&self->timeout, self->scope, endpoint->timeout, timed_out, self);
    if (endpoint->carrier != NULL)
        ask_carrier(self);
    else if (endpoint->descriptor >= 0)
        adopt_descriptor(self);
    else if (endpoint->host[0] != '\0')
        look_up(self);
    else
        try_addresses(self, &endpoint->address, 1, false);
}

static attempting *new_attempting(torc_scope *scope, torc_factory *factory)
{
    attempting *self = torc__allocate_zeroed(sizeof(*self));

    if (self == NULL)
        return NULL;
    self->reactor = torc_scope_reactor(scope);
    self->scope = scope;
    self->factory = factory;
    self->task.run = begin;
    self->lookup.found = host_found;
    self->lookup.wants_some = true;
    self->attempts.scope = scope;
    self->attempts.factory = factory;
    self->attempts.endpoint = &self->endpoint;
    self->attempts.opened = has_opened;
    self->attempts.failed_all = all_have_failed;
    self->connector.connected = carrier_connected;
    self->entry.entered = has_entered;
    return self;
}

torc_deferred *torc_connect(torc_scope *scope, const char *description, torc_factory *factory)
{
    attempting *self;

    torc__check_thread(torc_scope_reactor(scope), "torc_connect");
    if (torc_scope_has_ended(scope)) {
        torc_factory_release(factory);
        return torc_deferred_new(scope, NULL, NULL);
    }
    self = new_attempting(scope, factory);
    if (self == NULL) {
        torc_factory_release(factory);
        return torc_deferred_fired(scope,
            torc_fail_with(&torc_error_out_of_memory, "cannot connect to %s", description));
    }
    self->failure = torc__endpoint_to_connect(description, &self->endpoint);
    self->deferred = torc_deferred_new(scope, cancel_attempting, self);
    torc_scope_add(scope, &self->scoped, end_attempting);
    torc__queue_task(self->reactor, &self->task);
    return self->deferred;
}
