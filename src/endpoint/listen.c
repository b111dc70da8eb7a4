/*
 * A port: something that listens. The socket is opened at once by torc_listen; that it was, and
 * each connection, is told from the loop's turn.
 *
 *     PENDING --told--> OPEN --torc_port_stop, end of the scope--> CLOSING --> CLOSED (freed)
 *        |----failed--> FAILED --'
 *
 * Invariants: closing ends in a task, because it may call the user's code (the factory's `stopped`
 * and `release`), which only a turn may. When the scope ends first, `scope` is NULL from then on and
 * nobody is told. The io is open exactly in PENDING (without a failure) and OPEN.
 */
#include <torc/endpoint.h>
#include <torc/log.h>
#include <torc/reactor.h>

#include "base/abort.h"
#include "base/memory.h"
#include "endpoint/endpoint.h"
#include "endpoint/entrance.h"
#include "endpoint/socket_path.h"
#include "reactor/reactor.h"
#include "transport/factory.h"
#include "transport/transport.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* How long nothing is accepted when there is no room for a connection. */
#define SHORTAGE_PAUSE (100 * TORC_MILLISECOND)

/* An address that is to come is asked for so soon again, and never later than that. */
#define FIRST_WAIT   (100 * TORC_MILLISECOND)
#define LONGEST_WAIT (10 * TORC_SECOND)

/* A shortage is over when nothing failed for so long: at the limit it comes and goes. */
#define SHORTAGE_CALM TORC_SECOND

typedef enum port_state {
    PENDING,
    OPEN,
    FAILED,
    CLOSING,
    CLOSED,
} port_state;

struct torc_port {
    torc__grave grave;
    torc_io io;
    torc_scoped scoped;
    torc__task task;
    torc_timer pause;
    torc_reactor *reactor;
    torc_scope *scope;
    torc_factory *factory;
    torc_deferred *opened;  /* asked for and not fired yet; or NULL */
    torc_deferred *stopped;
    torc_failure *failure;
    torc_address address;
    torc__socket_path path;
    torc__entrance entrance;
    const torc__carrier *carrier; /* NULL: the driver */
    torc__endpoint *awaited; /* whose address is not there yet; owned. NULL: it waits for none */
    torc_time wait;          /* until it is asked for the next time */
    port_state state;
    bool asked;             /* somebody wanted to know whether it opened */
    bool counted;           /* by the factory as an open port */
    bool close_pending;     /* the io's `closed` event is to come */
    bool short_of_room;     /* the shortage was logged */
    bool accepted_since;    /* something, after the shortage's last failure */
    char text[TORC__ENDPOINT_TEXT_MAX + 1];
};

static const char *port_name(const torc_port *port)
{
    const char *name = port->factory->options.kind->name;

    return name != NULL ? name : "Protocol";
}

/* For calls of the factory's functions, which are the user's. */
static const torc__context *enter(torc_port *port)
{
    return torc__enter(port->reactor, port->scope != NULL ? port->scope->context : NULL);
}

static void set_accepting(torc_port *port, bool on)
{
    if (port->carrier != NULL)
        port->carrier->start_accepting(&port->io, on);
    else
        port->reactor->driver->kind->start_accepting(&port->io, on);
}

/* -- opening ------------------------------------------------------------------------------- */

static int open_listener(torc_port *port, const torc__endpoint *endpoint)
{
    torc_driver *driver = port->reactor->driver;
    int error;

    if (endpoint->carrier != NULL) {
        port->carrier = endpoint->carrier;
        return -port->carrier->listen(port->reactor, &port->io, endpoint);
    }
    if (endpoint->descriptor >= 0)
        return -driver->kind->adopt_listener(driver, &port->io, endpoint->descriptor);
    error = -driver->kind->listen(driver, &port->io, &endpoint->address, &endpoint->options);
    if (error == EADDRINUSE && torc__socket_path_clear(&endpoint->address, SOCK_STREAM))
        error = -driver->kind->listen(driver, &port->io, &endpoint->address, &endpoint->options);
    /* Without a descriptor it is not of this machine's kernel, and leaves no file. */
    if (error == 0 && port->io.descriptor >= 0)
        torc__socket_path_note(&port->path, &endpoint->address);
    return error;
}

/* False: it is out of memory. */
static bool await_address(torc_port *port, const torc__endpoint *endpoint)
{
    port->awaited = torc__allocate(sizeof(*endpoint));
    if (port->awaited == NULL)
        return false;
    *port->awaited = *endpoint;
    port->wait = FIRST_WAIT;
    return true;
}

static void stop_awaiting(torc_port *port)
{
    torc__free(port->awaited);
    port->awaited = NULL;
}

static void open_port(torc_port *port, const char *description)
{
    torc__endpoint endpoint;
    int error;

    port->failure = torc__endpoint_to_listen(description, &endpoint);
    memcpy(port->text, endpoint.text, sizeof(port->text));
    if (port->failure != NULL)
        return;
    port->entrance.layers = endpoint.layers;
    port->entrance.timeout = endpoint.timeout;
    error = open_listener(port, &endpoint);
    if (error == EADDRNOTAVAIL && endpoint.waits && await_address(port, &endpoint))
        return;
    if (error != 0)
        port->failure = torc__listen_failure(&endpoint, error);
    else
        port->io.kind->local_address(&port->io, &port->address);
}

/* -- closing ------------------------------------------------------------------------------- */

static void free_port(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, torc_port, grave));
}

static void shut(torc_port *port)
{
    bool is_open = port->state == OPEN ||
        (port->state == PENDING && port->failure == NULL && port->awaited == NULL);

    port->state = CLOSING;
    stop_awaiting(port);
    torc_timer_cancel(&port->pause);
    torc__entrance_close(&port->entrance);
    if (!is_open)
        return;
    torc__socket_path_remove(&port->path, &port->address);
    port->close_pending = !port->io.kind->close(&port->io, false);
}

static void fire_opened(torc_port *port, torc_result result)
{
    torc_deferred *opened = port->opened;

    port->opened = NULL;
    if (opened != NULL)
        torc_fire(opened, result);
    else
        torc_result_release(result);
}

static void let_go_of_factory(torc_port *port)
{
    const torc__context *outer = enter(port);

    if (port->counted) {
        torc_log_info("%s no longer listens on %s", port_name(port), port->text);
        torc__factory_port_closed(port->factory);
    }
    torc_factory_release(port->factory);
    torc__leave(port->reactor, outer);
}

/*
 * Each call into the user's code may end the scope, which then finds CLOSED and only takes the
 * deferreds away.
 */
static void finish_port(torc_port *port)
{
    torc_deferred *stopped;

    if (port->close_pending || port->state == CLOSED)
        return;
    port->state = CLOSED;
    let_go_of_factory(port);
    if (port->opened != NULL)
        fire_opened(port, torc_fail_with(&torc_error_cancelled,
            "%s was stopped before it was open", port->text));
    stopped = port->stopped;
    port->stopped = NULL;
    if (stopped != NULL)
        torc_fire(stopped, torc_nothing());
    torc_failure_release(port->failure);
    torc_scope_remove(&port->scoped);
    torc__bury(port->reactor, &port->grave, free_port);
}

static void end_port(torc_scoped *scoped)
{
    torc_port *port = TORC_CONTAINER_OF(scoped, torc_port, scoped);

    port->scope = NULL;
    port->opened = NULL;
    port->stopped = NULL;
    if (port->state == CLOSED)
        return;
    if (port->state != CLOSING)
        shut(port);
    torc__queue_task(port->reactor, &port->task);
}

static void describe(const torc_scoped *scoped, char *text, size_t size)
{
    const torc_port *port = TORC_CONTAINER_OF(scoped, torc_port, scoped);

    snprintf(text, size, "%s%s", port->text, port->state == FAILED ? ": failed" : "");
}

const torc__member_kind torc__members_port = {
    .end = end_port,
    .name = "port",
    .describe = describe,
};

static void port_closed(torc_io *io)
{
    torc_port *port = TORC_CONTAINER_OF(io, torc_port, io);

    port->close_pending = false;
    if (!torc__list_is_linked(&port->task.link))
        finish_port(port);
}

/* -- telling ------------------------------------------------------------------------------- */

static void tell_failure(torc_port *port)
{
    port->state = FAILED;
    if (port->asked) {
        fire_opened(port, torc_fail(torc_failure_hold(port->failure)));
        return;
    }
    torc_log_error("%s", torc_failure_text(port->failure));
    torc_stop_with(port->reactor, 1);
}

static void tell_open(torc_port *port)
{
    char text[TORC_ADDRESS_TEXT_MAX];
    const torc__context *outer = enter(port);

    port->state = OPEN;
    port->counted = true;
    torc_log_info("%s starting on %s", port_name(port), torc_address_text(&port->address, text));
    torc__factory_port_opened(port->factory);
    torc__leave(port->reactor, outer);
    if (port->state != OPEN)
        return;
    set_accepting(port, true);
    fire_opened(port, torc_pointer(port));
}

static void ask_for_address(void *argument);

static void ask_later(torc_port *port)
{
    torc_time longer = port->wait * 2;

    torc_timer_set(&port->pause, port->scope, port->wait, ask_for_address, port);
    port->wait = longer < LONGEST_WAIT ? longer : LONGEST_WAIT;
}

static void ask_for_address(void *argument)
{
    torc_port *port = argument;
    int error = open_listener(port, port->awaited);

    if (error == EADDRNOTAVAIL) {
        ask_later(port);
        return;
    }
    if (error != 0)
        port->failure = torc__listen_failure(port->awaited, error);
    else
        port->io.kind->local_address(&port->io, &port->address);
    stop_awaiting(port);
    if (error != 0)
        tell_failure(port);
    else
        tell_open(port);
}

static void port_turn(torc__task *task)
{
    torc_port *port = TORC_CONTAINER_OF(task, torc_port, task);

    if (port->state == CLOSING) {
        finish_port(port);
        return;
    }
    if (port->awaited != NULL) {
        torc_log_info("%s: no interface has the address yet; waiting for it", port->text);
        ask_later(port);
        return;
    }
    if (port->failure != NULL)
        tell_failure(port);
    else
        tell_open(port);
}

/* -- accepting ----------------------------------------------------------------------------- */

static void shortage_is_over(torc_port *port)
{
    port->short_of_room = false;
    torc_log_info("accepting connections on %s again", port->text);
}

static void after_calm(void *argument)
{
    torc_port *port = argument;

    if (port->accepted_since)
        shortage_is_over(port);
}

static void after_pause(void *argument)
{
    torc_port *port = argument;

    torc_timer_set(&port->pause, port->scope, SHORTAGE_CALM, after_calm, port);
    set_accepting(port, true);
}

static const char *shortage_remedy(int error)
{
    if (error == EMFILE)
        return "; raise the limit (ulimit -n)";
    if (error == ENFILE)
        return "; raise the system's limit (sysctl fs.file-max)";
    return "";
}

/* Trying again at once would keep the loop busy for nothing, since the connection still waits. */
static void note_shortage(torc_port *port, int error)
{
    set_accepting(port, false);
    torc_timer_set(&port->pause, port->scope, SHORTAGE_PAUSE, after_pause, port);
    port->accepted_since = false;
    if (port->short_of_room)
        return;
    port->short_of_room = true;
    torc_log_warn("cannot accept connections on %s: %s%s. They wait, and accepting goes on as soon "
        "as it can", port->text, strerror(error), shortage_remedy(error));
}

static void note_success(torc_port *port)
{
    if (TORC_LIKELY(!port->short_of_room))
        return;
    port->accepted_since = true;
    if (!torc_timer_is_set(&port->pause))
        shortage_is_over(port);
}

/* Errors of one connection that was gone before we had it. The port itself is well. */
static bool is_of_one_connection(int error)
{
    switch (error) {
    case ECONNABORTED:
    case ECONNRESET:
    case EINTR:
    case EAGAIN:
    case EPERM: /* a firewall's rule */
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case ENOPROTOOPT:
        return true;
    default:
        return false;
    }
}

static void discard(torc_port *port, int descriptor)
{
    torc_driver *driver = port->reactor->driver;

    if (port->carrier != NULL)
        port->carrier->discard(&port->io, descriptor);
    else if (driver->kind->discard != NULL)
        driver->kind->discard(driver, descriptor);
    else
        close(descriptor);
}

/* Whether who the peer is shows only behind the layers. */
static bool tells_peer(const torc_port *port)
{
    for (const torc__layer *layer = port->entrance.layers; layer != NULL; layer = layer->next)
        if (layer->kind->tells_peer)
            return true;
    return false;
}

static void admit(torc_port *port, torc_transport *transport)
{
    int error = torc__entrance_admit(&port->entrance, transport);

    if (error != 0)
        note_shortage(port, error);
    else if (port->state == OPEN && torc__entrance_is_full(&port->entrance))
        set_accepting(port, false);
}

static void has_room(torc__entrance *entrance)
{
    torc_port *port = TORC_CONTAINER_OF(entrance, torc_port, entrance);

    if (port->state == OPEN && !torc_timer_is_set(&port->pause))
        set_accepting(port, true);
}

static int adopt(torc_port *port, int descriptor, torc_io *io)
{
    torc_driver *driver = port->reactor->driver;

    if (TORC_UNLIKELY(port->carrier != NULL))
        return port->carrier->adopt(&port->io, descriptor, io);
    return driver->kind->adopt(driver, io, descriptor);
}

static void start_connection(torc_port *port, int descriptor, const torc_address *peer)
{
    torc_transport *transport = torc__transport_new(port->scope, port->factory);
    int error = ENOMEM;

    if (transport != NULL)
        error = -adopt(port, descriptor, &transport->io);
    if (error == 0) {
        note_success(port);
        if (TORC_LIKELY(port->entrance.layers == NULL))
            torc__transport_start(transport, peer);
        else
            admit(port, transport);
        return;
    }
    discard(port, descriptor);
    if (transport != NULL)
        torc__transport_drop(transport);
    note_shortage(port, error);
}

/* Whether to go on with it: `admits` is the user's, and may have stopped the port. */
static bool admits(torc_port *port, const torc_address *peer)
{
    const torc__context *outer = enter(port);
    bool welcome = torc__factory_admits(port->factory, peer);

    torc__leave(port->reactor, outer);
    return welcome && port->state == OPEN;
}

/* It may have become too many while this one was on its way, and a layer may have told the peer. */
static void has_entered(
    torc__entrance *entrance, torc_transport *transport, const torc_address *peer)
{
    torc_port *port = TORC_CONTAINER_OF(entrance, torc_port, entrance);

    if (tells_peer(port) ? admits(port, peer) : torc__factory_has_room(port->factory, peer))
        torc__transport_start(transport, peer);
    else
        torc__transport_drop(transport);
}

static void port_accepted(torc_io *io, int descriptor, const torc_address *peer, int error)
{
    torc_port *port = TORC_CONTAINER_OF(io, torc_port, io);

    if (error != 0) {
        if (port->state == OPEN && !is_of_one_connection(error))
            note_shortage(port, error);
        return;
    }
    if (port->state == OPEN && (tells_peer(port) || admits(port, peer)))
        start_connection(port, descriptor, peer);
    else
        discard(port, descriptor);
}

static const torc_io_events port_events = {
    .accepted = port_accepted,
    .closed = port_closed,
};

/* -- the public calls ---------------------------------------------------------------------- */

torc_port *torc_listen(torc_scope *scope, const char *description, torc_factory *factory)
{
    torc_port *port = torc__allocate_vital(sizeof(*port));

    torc__check_thread(torc_scope_reactor(scope), "torc_listen");
    if (port == NULL)
        torc__abort_out_of_memory("a port (torc_listen)");
    port->reactor = torc_scope_reactor(scope);
    port->scope = scope;
    port->factory = factory;
    port->io.events = &port_events;
    port->io.descriptor = -1;
    port->task.run = port_turn;
    port->entrance.scope = scope;
    port->entrance.text = port->text;
    port->entrance.entered = has_entered;
    port->entrance.room = has_room;
    torc__entrance_init(&port->entrance);
    if (torc_scope_has_ended(scope)) {
        port->state = CLOSED;
        torc_factory_release(factory);
        torc__bury(port->reactor, &port->grave, free_port);
        return port;
    }
    open_port(port, description);
    torc_scope_add(scope, &port->scoped, end_port);
    torc__queue_task(port->reactor, &port->task);
    return port;
}

/* For a port that has ended, or is about to. */
static torc_deferred *cancelled_deferred(torc_port *port)
{
    return torc_deferred_fired(port->scope != NULL ? port->scope : torc_root(port->reactor),
        torc_fail_with(&torc_error_cancelled, "%s does not listen any more", port->text));
}

static void cancel_opening(torc_deferred *deferred, void *argument)
{
    torc_port *port = argument;

    (void)deferred;
    port->opened = NULL;
    if (port->state != PENDING)
        return;
    shut(port);
    torc__queue_task(port->reactor, &port->task);
}

/* It stops all the same: only nobody is told. */
static void cancel_stopping(torc_deferred *deferred, void *argument)
{
    torc_port *port = argument;

    (void)deferred;
    port->stopped = NULL;
}

torc_deferred *torc_port_opened(torc_port *port)
{
    torc__check_thread(port->reactor, "torc_port_opened");
    if (port->opened != NULL)
        torc__abort("torc_port_opened was called twice for %s: ask once", port->text);
    port->asked = true;
    if (port->state == OPEN)
        return torc_deferred_fired(port->scope, torc_pointer(port));
    if (port->state == FAILED)
        return torc_deferred_fired(port->scope, torc_fail(torc_failure_hold(port->failure)));
    if (port->state != PENDING)
        return cancelled_deferred(port);
    port->opened = torc_deferred_new(port->scope, cancel_opening, port);
    return port->opened;
}

torc_deferred *torc_port_stop(torc_port *port)
{
    torc_deferred *deferred;

    torc__check_thread(port->reactor, "torc_port_stop");
    if (port->scope == NULL || port->state == CLOSED)
        return cancelled_deferred(port);
    if (port->stopped != NULL)
        return torc_deferred_fired(port->scope, torc_nothing());
    deferred = torc_deferred_new(port->scope, cancel_stopping, port);
    port->stopped = deferred;
    if (port->state != CLOSING)
        shut(port);
    torc__queue_task(port->reactor, &port->task);
    return deferred;
}

torc_address torc_port_address(const torc_port *port)
{
    return port->address;
}
