/*
 * carrier: what carries the bytes of a protocol under test: a torc_io whose other end is a test.
 *
 * It behaves as a socket does: events come only from the loop's turn, one piece of input a turn; a
 * send may take fewer bytes than it was given, or none for now; what is written after the peer has
 * closed is lost, and the next send fails. Each piece of input is a heap block of just its size,
 * gone when data_received returns, so that a sanitizer sees whoever reads beyond or keeps it.
 *
 * Invariant of `outbox`: [start, arrived) has arrived at the test and was not taken; [arrived,
 * length) is on its way.
 */
#ifndef TORC_TESTING_CARRIER_H
#define TORC_TESTING_CARRIER_H

#include <torc/driver.h>
#include <torc/testing.h>

#include "reactor/reactor.h"

/* More than this that nobody takes is taken for a protocol that never stops. */
#define TORC__RECEIVED_MAX ((size_t)64 * 1024 * 1024)

typedef struct torc__bytes {
    char *data;
    size_t start;
    size_t length; /* of what is used, `start` included */
    size_t capacity;
} torc__bytes;

typedef struct torc__carrier {
    torc__task task;      /* tells what there is to tell */
    torc_reactor *reactor;
    torc_io *io;          /* NULL: not open, or closed */
    torc_address peer;
    torc_address local;
    size_t send_buffer;   /* 0: without bounds */
    size_t cut_every;     /* 0: whole */
    torc__bytes inbox;    /* for the protocol */
    torc__bytes outbox;   /* from it */
    size_t arrived;
    uint64_t taken;       /* bytes that the test has taken, in all */
    torc_failure *reason; /* why the transport closed it */
    int error;            /* after a reset by the peer */
    bool stalled;
    bool flooded;         /* the outbox has come to TORC__RECEIVED_MAX */
    bool blocked;         /* a send is pending */
    bool receives;
    bool input_ends;      /* after what is in the inbox */
    bool end_told;
    bool peer_gone;       /* the peer has closed both halves */
    bool wrote_to_nobody; /* ... and the protocol has sent since */
    bool broken;          /* ... in an earlier turn: now it would know */
    bool finished;        /* the protocol has closed its half */
    bool was_reset;       /* by either side */
    bool closed;          /* by the protocol's side */
} torc__carrier;

/* Opens `io` on a carrier that is filled in as far as `cut_every`. */
void torc__carrier_open(torc__carrier *carrier, torc_io *io);

/* What the peer does; it is told in the turns that follow. */
void torc__carrier_send(torc__carrier *carrier, torc_slice bytes);
void torc__carrier_close_write(torc__carrier *carrier);
void torc__carrier_close(torc__carrier *carrier);
void torc__carrier_reset(torc__carrier *carrier);
void torc__carrier_stall(torc__carrier *carrier, bool stalled);

/* What has arrived and was not taken. Borrowed until the reactor runs on. */
torc_slice torc__carrier_received(const torc__carrier *carrier);
torc_slice torc__carrier_take(torc__carrier *carrier);

/* Frees what it holds; the io must be closed. */
void torc__carrier_clear(torc__carrier *carrier);

#endif /* TORC_TESTING_CARRIER_H */
