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
#include "endpoint/port.h"

#include <torc/log.h>
#include <torc/reactor.h>

#include "base/abort.h"
#include "base/memory.h"
#include "base/system_call.h"
#include "transport/factory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* An address that is to come is asked for so soon again, and never later than that. */
#define FIRST_WAIT   (100 * TORC_MILLISECOND)
#define LONGEST_WAIT (10 * TORC_SECOND)

static const char *port_name(const torc_port *port)
{
    const char *name = port->factory->options.kind->name;

    return name != NULL ? name : "Protocol";
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
    bool is_open = port->state == TORC__PORT_OPEN ||
        (port->state == TORC__PORT_PENDING && port->failure == NULL && port->awaited == NULL);

    port->state = TORC__PORT_CLOSING;
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
    const torc__context *outer = torc__port_enter(port);

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

    if (port->close_pending || port->state == TORC__PORT_CLOSED)
        return;
    port->state = TORC__PORT_CLOSED;
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
    if (port->state == TORC__PORT_CLOSED)
        return;
    if (port->state != TORC__PORT_CLOSING)
        shut(port);
    torc__queue_task(port->reactor, &port->task);
}

static void describe(const torc_scoped *scoped, char *text, size_t size)
{
    const torc_port *port = TORC_CONTAINER_OF(scoped, torc_port, scoped);

    snprintf(text, size, "%s%s", port->text, port->state == TORC__PORT_FAILED ? ": failed" : "");
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
    port->state = TORC__PORT_FAILED;
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
    const torc__context *outer = torc__port_enter(port);

    port->state = TORC__PORT_OPEN;
    port->counted = true;
    torc_log_info("%s starting on %s", port_name(port), torc_address_text(&port->address, text));
    torc__factory_port_opened(port->factory);
    torc__leave(port->reactor, outer);
    if (port->state != TORC__PORT_OPEN)
        return;
    torc__port_set_accepting(port, true);
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

    if (port->state == TORC__PORT_CLOSING) {
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

static const torc_io_events port_events = {
    .accepted = torc__port_accepted,
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
    torc__port_entrance_init(port);
    if (torc_scope_has_ended(scope)) {
        port->state = TORC__PORT_CLOSED;
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
    if (port->state != TORC__PORT_PENDING)
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
    if (port->state == TORC__PORT_OPEN)
        return torc_deferred_fired(port->scope, torc_pointer(port));
    if (port->state == TORC__PORT_FAILED)
        return torc_deferred_fired(port->scope, torc_fail(torc_failure_hold(port->failure)));
    if (port->state != TORC__PORT_PENDING)
        return cancelled_deferred(port);
    port->opened = torc_deferred_new(port->scope, cancel_opening, port);
    return port->opened;
}

torc_deferred *torc_port_stop(torc_port *port)
{
    torc_deferred *deferred;

    torc__check_thread(port->reactor, "torc_port_stop");
    if (port->scope == NULL || port->state == TORC__PORT_CLOSED)
        return cancelled_deferred(port);
    if (port->stopped != NULL)
        return torc_deferred_fired(port->scope, torc_nothing());
    deferred = torc_deferred_new(port->scope, cancel_stopping, port);
    port->stopped = deferred;
    if (port->state != TORC__PORT_CLOSING)
        shut(port);
    torc__queue_task(port->reactor, &port->task);
    return deferred;
}

torc_address torc_port_address(const torc_port *port)
{
    return port->address;
}

int torc_port_descriptor(torc_port *port)
{
    int copy = -1;

    torc__check_thread(port->reactor, "torc_port_descriptor");
    if (port->state == TORC__PORT_OPEN && port->io.descriptor >= 0)
        copy = TORC__CALL(fcntl, port->io.descriptor, F_DUPFD_CLOEXEC, 3);
    if (copy >= 0)
        port->path.known = false;
    return copy;
}
