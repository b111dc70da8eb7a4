/*
 * dns_link: one server that is asked over a connection, which is kept: many questions are on their
 * way at once, and answers come in any order (RFC 7766). With TLS below, DNS over TLS (RFC 7858).
 *
 *     idle -ask-> connecting -> connected -> (nobody waits, for TORC__DNS_LINK_IDLE) -> idle
 *                     | refused: all who wait are told       | lost: connecting, once more
 *
 * Who asks has a seat until he leaves it. How a connection is opened is the function that the
 * resolver's options name: it knows endpoints, which are above names.
 *
 * Invariants. A seat stands in the list and the table until its owner is told of a failure or
 * leaves. On the connection under way each has an id of its own, which nobody can guess.
 */
#ifndef TORC_NAMES_DNS_LINK_H
#define TORC_NAMES_DNS_LINK_H

#include <torc/names.h>

/* A server closes what is idle by itself; to be first saves it the trouble. */
#define TORC__DNS_LINK_IDLE (10 * TORC_SECOND)

typedef struct torc__dns_link torc__dns_link;
typedef struct torc__dns_seat torc__dns_seat;

typedef torc_deferred *torc__dns_connect(
    torc_scope *scope, const char *description, torc_factory *factory);

typedef struct torc__dns_seat_events {
    /* The answer, under the question's own id. May leave any seat. */
    void (*received)(void *owner, torc_slice message);

    /* None will come. The seat is still to be left. May leave any seat. */
    void (*failed)(void *owner, const torc_failure *failure);
} torc__dns_seat_events;

/* To the server at `endpoint`, which is copied. NULL when memory is out. */
torc__dns_link *torc__dns_link_new(
    torc_resolver *resolver, torc__dns_connect *connect, const char *endpoint);

/* The resolver ends, and with it its scope: nothing is opened or told any more. */
void torc__dns_link_end(torc__dns_link *link);

/* After torc__dns_link_end, when the turn is over. NULL is a no-op. */
void torc__dns_link_free(torc__dns_link *link);

/* The endpoint. */
const char *torc__dns_link_text(const torc__dns_link *link);

/* Sends `query`, a message, which is copied. NULL when memory is out. */
torc__dns_seat *torc__dns_link_ask(torc__dns_link *link, torc_slice query,
    const torc__dns_seat_events *events, void *owner);

/* NULL is a no-op. */
void torc__dns_seat_leave(torc__dns_seat *seat);

/*
 * Leaves because no answer has come in time: a connection on which nothing was heard since is given
 * up. Tells the others on it, if they have lost one before. NULL is a no-op.
 */
void torc__dns_seat_give_up(torc__dns_seat *seat);

#endif /* TORC_NAMES_DNS_LINK_H */
