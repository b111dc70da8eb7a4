/*
 * exchange: a question on its way to one server and back, in a datagram.
 *
 * Questions share sockets, a few for each server, because opening and closing one costs several
 * times what sending does; what keeps others from answering instead of the server stays, as
 * exchange.c reckons up. A socket is connected, so that the system drops what comes from elsewhere
 * and tells when nobody is there, and bound to a port that the system chose at random.
 *
 * Whoever begins an exchange sees it end, by one of its events or by closing it. What is asked in
 * one turn leaves together at the turn's end.
 */
#ifndef TORC_NAMES_EXCHANGE_H
#define TORC_NAMES_EXCHANGE_H

#include <torc/names.h>

#include "base/list.h"

typedef struct torc__exchange torc__exchange;
typedef struct torc__dns_socket torc__dns_socket;

typedef struct torc__exchange_events {
    /*
     * A datagram from the server, under the question's id; nothing else of it has been looked at.
     * True: it was the answer, and the exchange is closed. False: it was not, and the question is
     * still open.
     */
    bool (*received)(torc__exchange *exchange, torc_slice bytes);

    /* Nothing will come, why an errno tells: the server is not there. The exchange is closed. */
    void (*failed)(torc__exchange *exchange, int error);

    /* Somebody guesses at answers: it is better asked in another way. The exchange is closed. */
    void (*attacked)(torc__exchange *exchange);
} torc__exchange_events;

/* Embed it, zeroed. */
struct torc__exchange {
    torc__list link;          /* while it waits to leave */
    torc__exchange *next;     /* in its bucket */
    torc__dns_socket *socket; /* NULL: closed */
    const torc__exchange_events *events;

    /* The message, for whoever began the exchange to set before the turn is over, and to keep. */
    torc_slice bytes;
    uint16_t id; /* that it must have */
};

/* So many sockets of a server are open for questions at a time. */
enum { TORC__DNS_SOCKETS_MAX = 4 };

/* The sockets of one server. Embed it, zeroed. */
typedef struct torc__dns_sockets {
    torc__dns_socket *open[TORC__DNS_SOCKETS_MAX]; /* NULL: none there yet */
    torc__dns_socket *current; /* by which questions of this turn leave; or NULL */
} torc__dns_sockets;

/* Begins an exchange with `server`, whose sockets `sockets` are. 0, or an errno: no event comes. */
int torc__exchange_begin(torc__exchange *exchange, torc_resolver *resolver,
    torc__dns_sockets *sockets, const torc_address *server);

/* No event comes any more. A no-op on one that is closed. */
void torc__exchange_close(torc__exchange *exchange);

/* No question leaves by these sockets any more; those that are on their way are waited for. */
void torc__dns_sockets_retire(torc__dns_sockets *sockets);

#endif /* TORC_NAMES_EXCHANGE_H */
