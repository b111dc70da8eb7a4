/*
 * The inside of a coupling: couple.c (its life, and bytes that pass the program) and
 * couple_splice.c (bytes that do not).
 *
 * A coupling puts a filter on each transport (transport/filter.h), which keeps what is received
 * from the protocol, and it is the producer of each, so that none closes before the other has
 * nothing more to send. Each direction of it:
 *
 *     received by from->filter.below                 → torc_write(to->transport)
 *     ... or, where both are sockets: spliced        → a pipe → to->filter.below
 *
 * A direction holds a pipe only while there are bytes in it, and is not received from meanwhile.
 */
#ifndef TORC_TRANSPORT_COUPLE_H
#define TORC_TRANSPORT_COUPLE_H

#include <torc/couple.h>

#include "base/pipe_pool.h"
#include "transport/filter.h"

typedef struct torc__couple_end torc__couple_end;

/* What is received at one end, on its way to the other. */
typedef struct torc__couple_way {
    torc_producer producer;   /* of `to` */
    torc__task retry;         /* of what is in the pipe */
    torc__couple_end *from;
    torc__couple_end *to;
    uint64_t count;
    torc__pipe pipe;          /* if has_pipe */
    size_t in_pipe;
    bool has_pipe;
    bool produces;            /* registered with `to` */
    bool ended;               /* nothing more comes */
    bool closes;              /* ... and then `to` is closed, not only its half */
} torc__couple_way;

struct torc__couple_end {
    torc__filter filter;
    torc__couple_way away;    /* from here */
    torc_coupling *coupling;
    bool splices;
    bool wanted;              /* the transport wants to receive */
    bool receives;            /* what is below was told to */
    bool held;                /* because of what is in the pipe */
    bool paused;              /* because of what waits at the other end */
    bool closed;              /* the transport must not be touched any more */
};

struct torc_coupling {
    torc__couple_end one;
    torc__couple_end other;
    torc_reactor *reactor;
    torc__task tell;
    torc_deferred *over;      /* asked for and not fired yet; or NULL */
    unsigned holds;
};

static inline torc__couple_end *torc__couple_end_below(torc_io *below)
{
    return TORC_CONTAINER_OF(torc__filter_of(below), torc__couple_end, filter);
}

static inline torc__couple_way *torc__couple_way_to(torc__couple_end *end)
{
    torc_coupling *coupling = end->coupling;

    return end == &coupling->one ? &coupling->other.away : &coupling->one.away;
}

/* -- couple.c ------------------------------------------------------------------------------ */

/* Tells what is below whether to receive, where that has changed. */
void torc__couple_update_receiving(torc__couple_end *end);

/* Nothing more comes this way: passed on, once the pipe is empty. */
void torc__couple_way_ends(torc__couple_way *way);

/* -- couple_splice.c ----------------------------------------------------------------------- */

/* Has what both ends receive spliced, where they are plain sockets. */
void torc__couple_splice(torc_coupling *coupling);

/* Of the events of what is below. */
int torc__couple_pipe_wanted(torc_io *below);
void torc__couple_spliced(torc_io *below, size_t count);

/* Sends what is in the pipe, as far as it goes. */
void torc__couple_pump(torc__couple_way *way);

/* Drops it. */
void torc__couple_pipe_drop(torc__couple_way *way);

#endif /* TORC_TRANSPORT_COUPLE_H */
