/*
 * entrance: the connections of a port that are open and still pass its layers: a TLS handshake, the
 * PROXY protocol's header. Each has a bounded time, and their number is bounded: a port that has so
 * many at its entrance accepts no more for the while.
 */
#ifndef TORC_ENDPOINT_ENTRANCE_H
#define TORC_ENDPOINT_ENTRANCE_H

#include "endpoint/layer.h"

/* At once, of one port. Their handshakes are the dearest thing that a stranger can ask for. */
#define TORC__ENTRANTS_MAX 1024

typedef struct torc__entrance {
    torc_scope *scope;   /* the port's */
    torc__layer *layers; /* held; NULL: connections are let in at once, and nothing else is used */
    torc_time timeout;
    const char *text;    /* the port's description */
    torc__list entrants;
    size_t count;

    /* A connection has passed, and is the callee's to start. */
    void (*entered)(struct torc__entrance *entrance, torc_transport *transport,
        const torc_address *peer);

    /* There is room again, after TORC__ENTRANTS_MAX. */
    void (*room)(struct torc__entrance *entrance);
} torc__entrance;

void torc__entrance_init(torc__entrance *entrance);

/*
 * Takes over `transport`, which is open. 0: it is on its way, or has got its answer. Else an errno,
 * and the transport is dropped.
 */
int torc__entrance_admit(torc__entrance *entrance, torc_transport *transport);

static inline bool torc__entrance_is_full(const torc__entrance *entrance)
{
    return entrance->count >= TORC__ENTRANTS_MAX;
}

/* Drops those who are on their way, and lets go of the layers. */
void torc__entrance_close(torc__entrance *entrance);

#endif /* TORC_ENDPOINT_ENTRANCE_H */
