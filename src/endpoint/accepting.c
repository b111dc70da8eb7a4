/*
 * Accepting: what a port does with each connection that comes, and when there is no room for one.
 *
 *     accepted -> admitted by the factory -> adopted -> (past the entrance) -> started
 *
 * The factory's functions are the user's, and may stop the port: its state is looked at anew after
 * each of them. What is not taken is discarded, so that no descriptor is left behind.
 */
#include "endpoint/port.h"

#include <torc/log.h>

#include "transport/factory.h"
#include "transport/transport.h"

#include <errno.h>
#include <unistd.h>

/* How long nothing is accepted when there is no room for a connection. */
#define SHORTAGE_PAUSE (100 * TORC_MILLISECOND)

/* A shortage is over when nothing failed for so long: at the limit it comes and goes. */
#define SHORTAGE_CALM TORC_SECOND

/* -- too little room ----------------------------------------------------------------------- */

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
    torc__port_set_accepting(port, true);
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
    torc__port_set_accepting(port, false);
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

/* -- connections --------------------------------------------------------------------------- */

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
    else if (port->state == TORC__PORT_OPEN && torc__entrance_is_full(&port->entrance))
        torc__port_set_accepting(port, false);
}

static void has_room(torc__entrance *entrance)
{
    torc_port *port = TORC_CONTAINER_OF(entrance, torc_port, entrance);

    if (port->state == TORC__PORT_OPEN && !torc_timer_is_set(&port->pause))
        torc__port_set_accepting(port, true);
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
    const torc__context *outer = torc__port_enter(port);
    bool welcome = torc__factory_admits(port->factory, peer);

    torc__leave(port->reactor, outer);
    return welcome && port->state == TORC__PORT_OPEN;
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

void torc__port_accepted(torc_io *io, int descriptor, const torc_address *peer, int error)
{
    torc_port *port = TORC_CONTAINER_OF(io, torc_port, io);

    if (error != 0) {
        if (port->state == TORC__PORT_OPEN && !is_of_one_connection(error))
            note_shortage(port, error);
        return;
    }
    if (port->state == TORC__PORT_OPEN && (tells_peer(port) || admits(port, peer)))
        start_connection(port, descriptor, peer);
    else
        discard(port, descriptor);
}

void torc__port_entrance_init(torc_port *port)
{
    port->entrance.scope = port->scope;
    port->entrance.text = port->text;
    port->entrance.entered = has_entered;
    port->entrance.room = has_room;
    torc__entrance_init(&port->entrance);
}
