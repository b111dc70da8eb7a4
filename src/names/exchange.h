/*
 * exchange: a question on its way to one server and back, in a datagram from a socket of its own.
 *
 * The socket is connected, so that the system drops what comes from elsewhere, and bound to a port
 * that the system chose at random. Whoever has one closes it; until the turn is over late events
 * find it closed.
 */
#ifndef TORC_NAMES_EXCHANGE_H
#define TORC_NAMES_EXCHANGE_H

#include <torc/address.h>

#include "reactor/reactor.h"

typedef struct torc__exchange torc__exchange;

typedef struct torc__exchange_events {
    /* A datagram from the server. May close the exchange. */
    void (*received)(void *owner, torc_slice bytes);

    /* Nothing will come: the server is not there. May close the exchange. */
    void (*failed)(void *owner, int error);
} torc__exchange_events;

/* Sends `bytes` to `server`. NULL with *ret_error, an errno; then no event comes. */
torc__exchange *torc__exchange_new(torc_reactor *reactor, const torc_address *server,
    torc_slice bytes, const torc__exchange_events *events, void *owner, int *ret_error);

/* NULL is a no-op. */
void torc__exchange_close(torc__exchange *exchange);

#endif /* TORC_NAMES_EXCHANGE_H */
