/*
 * port: what the two files of a port share: listen.c (its life: opened, told, closed) and
 * accepting.c (its connections). Nobody else sees the inside of one.
 */
#ifndef TORC_ENDPOINT_PORT_H
#define TORC_ENDPOINT_PORT_H

#include <torc/endpoint.h>
#include <torc/timer.h>

#include "endpoint/endpoint.h"
#include "endpoint/entrance.h"
#include "endpoint/socket_path.h"
#include "reactor/reactor.h"

typedef enum torc__port_state {
    TORC__PORT_PENDING,
    TORC__PORT_OPEN,
    TORC__PORT_FAILED,
    TORC__PORT_CLOSING,
    TORC__PORT_CLOSED,
} torc__port_state;

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
    torc__port_state state;
    bool asked;             /* somebody wanted to know whether it opened */
    bool counted;           /* by the factory as an open port */
    bool close_pending;     /* the io's `closed` event is to come */
    bool short_of_room;     /* the shortage was logged */
    bool accepted_since;    /* something, after the shortage's last failure */
    char text[TORC__ENDPOINT_TEXT_MAX + 1];
};

/* For calls of the factory's functions, which are the user's. */
static inline const torc__context *torc__port_enter(torc_port *port)
{
    return torc__enter(port->reactor, port->scope != NULL ? port->scope->context : NULL);
}

static inline void torc__port_set_accepting(torc_port *port, bool on)
{
    if (port->carrier != NULL)
        port->carrier->start_accepting(&port->io, on);
    else
        port->reactor->driver->kind->start_accepting(&port->io, on);
}

/* accepting.c: the port's `accepted` event; and what its entrance tells. */
void torc__port_accepted(torc_io *io, int descriptor, const torc_address *peer, int error);
void torc__port_entrance_init(torc_port *port);

#endif /* TORC_ENDPOINT_PORT_H */
