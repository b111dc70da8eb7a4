/*
 * The inside of a transport, for what opens them (ports, connectors, memory links).
 *
 * A transport and its protocol are one block of memory: the transport, then the protocol's struct.
 * The transport begins with the torc_io that carries its bytes; whoever opens the io does so
 * between torc__transport_new and torc__transport_start.
 *
 *     transport = torc__transport_new(scope, factory);
 *     error = driver->kind->adopt(driver, &transport->io, descriptor);
 *     if (error == 0)
 *         torc__transport_start(transport, &peer);
 *     else
 *         torc__transport_drop(transport);
 */
#ifndef TORC_TRANSPORT_TRANSPORT_H
#define TORC_TRANSPORT_TRANSPORT_H

#include <torc/driver.h>
#include <torc/protocol.h>

#include "reactor/members.h"
#include "reactor/reactor.h"
#include "transport/output.h"

struct torc__filter;

/* Who is told that the connecting of a transport that is not started yet is over. */
typedef struct torc__connector {
    void (*connected)(struct torc__connector *connector, int error);
} torc__connector;

/* The peer without what only a UNIX path needs. */
typedef struct torc__peer {
    uint8_t kind; /* torc_address_kind */
    uint16_t port;
    uint32_t scope_id;
    uint8_t ip[16];
} torc__peer;

typedef struct torc__water_marks {
    size_t low;
    size_t high;
    size_t cap;
} torc__water_marks;

struct torc_transport {
    torc_io io; /* first */
    torc_io *top;                 /* what is sent to and received from: `io`, or a filter on it */
    torc__context context;
    torc_scope scope;
    torc__output output;
    union {
        torc_producer *producer;    /* once started */
        torc__connector *connector; /* before */
    } attached;
    torc_failure *reason;         /* why it ends, where that is not plain; while its io closes */
    torc__water_marks *marks;     /* NULL: the defaults */
    union {
        torc__task task;
        torc__grave grave;        /* once nothing is queued any more */
    } turn;
    torc__peer peer;
    uint32_t number;              /* of the connection, within its factory */
    uint32_t flags;               /* transport.c */
};

/* The protocol's struct, right behind its transport. */
static inline torc_protocol *torc__transport_protocol(torc_transport *transport)
{
    return (torc_protocol *)(void *)(transport + 1);
}

/*
 * A transport in `scope` with a protocol of `factory`, of which it takes a hold of its own. Its io
 * has its events set and is otherwise zeroed, for a driver (or whoever carries bytes) to open.
 * NULL when memory is out.
 */
TORC_API torc_transport *torc__transport_new(torc_scope *scope, torc_factory *factory);

/*
 * The io is open: from an event, calls connection_made at once and turns receiving on. `peer` may
 * be NULL. The protocol may end the connection in there, so the transport must not be touched
 * afterwards but for torc_is_closing.
 */
TORC_API void torc__transport_start(torc_transport *transport, const torc_address *peer);

/* Gives up a transport that was never started. Closes its io if that is open. */
TORC_API void torc__transport_drop(torc_transport *transport);

/*
 * Why a transport that was never started must not begin, where a filter said so (transport/filter.h);
 * else what `error` means. The caller's to release.
 */
torc_failure *torc__transport_take_reason(torc_transport *transport, int error);

extern TORC_API const torc__member_kind torc__members_connection;

/* What an errno of a connection that was established means, as connection_lost's reason. */
TORC_API torc_failure *torc__connection_failure(int error);

#endif /* TORC_TRANSPORT_TRANSPORT_H */
