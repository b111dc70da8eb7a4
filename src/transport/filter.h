/*
 * filter: what stands between a transport and the io that carries its bytes: TLS, the header of the
 * PROXY protocol, the handshake of a SOCKS client.
 *
 * A filter is an io itself, for what is above it, and hears the events of what is below:
 *
 *     transport          sends to, and hears from,   transport->top
 *     filter.io  (TLS)   sends to, and hears from,   filter.below
 *     filter.io  (PROXY) sends to, and hears from,   filter.below
 *     transport->io      a socket, a pipe, an end of a memory link
 *
 * So it works on whatever carries bytes, on other filters too, and the transport does not know the
 * difference. It is put in either before the transport is started, and then says by `connected`
 * that the connection may begin (or why it must not); or in the middle of a conversation
 * (torc__filter_insert), when nothing is left to be sent in clear.
 *
 * Rules for a filter's class and events are those of <torc/driver.h>: events upwards come only from
 * within an event from below, or from a task. Closing closes what is below.
 */
#ifndef TORC_TRANSPORT_FILTER_H
#define TORC_TRANSPORT_FILTER_H

#include "transport/transport.h"

typedef struct torc__filter {
    torc_io io;                 /* first: what is above sees this */
    torc_io *below;
    torc_transport *transport;
    void (*release)(struct torc__filter *filter); /* frees it, with the transport */
} torc__filter;

/* What an event from below begins with. */
static inline torc__filter *torc__filter_of(torc_io *below)
{
    return below->owner;
}

/*
 * Puts `filter` on top of all that `transport` has. `kind` is what can be asked of it from above,
 * `events` is what it hears from below. From now on the transport owns it: it calls `release` when
 * the memory goes.
 */
TORC_API void torc__filter_insert(torc__filter *filter, torc_transport *transport,
    const torc_io_class *kind, const torc_io_events *events);

/*
 * Says why the connection must not begin, or ends, before telling it by an errno: the first failure
 * is the one that counts. Takes over `failure`.
 */
TORC_API void torc__filter_explain(torc__filter *filter, torc_failure *failure);

/*
 * What a filter does not change is asked of what is below. For use in its class and events.
 */
TORC_API void torc__filter_local_address(torc_io *io, torc_address *ret_address);
TORC_API void torc__filter_peer_address(torc_io *io, torc_address *ret_address);
TORC_API int torc__filter_set_option(torc_io *io, torc_io_option option, int value);
TORC_API bool torc__filter_close(torc_io *io, bool reset);
TORC_API void torc__filter_closed(torc_io *below);

/* Frees the filters of a transport that goes. */
void torc__filters_free(torc_transport *transport);

#endif /* TORC_TRANSPORT_FILTER_H */
