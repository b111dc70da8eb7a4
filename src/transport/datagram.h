/*
 * The inside of a datagram transport, for what opens them (endpoints, the memory pair, devices).
 *
 * A transport and its protocol are one block of memory, and the transport begins with the torc_io
 * that carries its datagrams; whoever made it opens the io, at once or later, and then says so:
 *
 *     self = torc__datagrams_new(scope, kind, NULL);
 *     error = driver->kind->adopt_datagrams(driver, &self->io, descriptor, &options);
 *     if (error == 0)
 *         torc__datagrams_open(self, NULL);
 *     else
 *         torc__datagrams_fail(self, failure);
 */
#ifndef TORC_TRANSPORT_DATAGRAM_H
#define TORC_TRANSPORT_DATAGRAM_H

#include <torc/datagram.h>
#include <torc/driver.h>
#include <torc/timer.h>

#include "reactor/members.h"
#include "reactor/reactor.h"
#include "transport/datagram_queue.h"

/* torc_datagram_transport.flags */
enum {
    TORC__DG_OPEN = 1 << 0,        /* the io is open; `started` is to be told, or was */
    TORC__DG_STARTED = 1 << 1,     /* `started` was, or is being, told */
    TORC__DG_IN_CALLBACK = 1 << 2, /* the protocol's own code runs: settled when it returns */
    TORC__DG_ENDING = 1 << 3,      /* asked to stop, or failed */
    TORC__DG_STOPPED = 1 << 4,     /* `stopped` was, or is being, told */
    TORC__DG_OVER = 1 << 5,        /* nothing is left but the memory */
    TORC__DG_BLOCKED = 1 << 6,     /* the io will tell `sent` */
    TORC__DG_PAUSED = 1 << 7,      /* by the protocol */
    TORC__DG_SHORT = 1 << 8,       /* receiving failed: it rests for a moment */
    TORC__DG_RECEIVING = 1 << 9,   /* the io was told to receive */
    TORC__DG_REFUSED = 1 << 10,    /* an error of the network is to be told */
    TORC__DG_WANTS_ROOM = 1 << 11, /* a send was dropped: `may_send` is to be told */
    TORC__DG_CONNECTED = 1 << 12,
    TORC__DG_IO_CLOSED = 1 << 13,
    TORC__DG_CLOSE_PENDING = 1 << 14, /* the io will tell `closed` */
    TORC__DG_ASKED = 1 << 15,      /* somebody wanted to know whether it opened */
    TORC__DG_VITAL = 1 << 16,      /* if nobody asked, failing to open stops the reactor */
    TORC__DG_GROUPS = 1 << 17,     /* the io is the driver's, which knows of multicast groups */
};

/* What opened a transport, where that keeps something for it. Embed it. */
typedef struct torc__datagram_opener {
    /* The io is closed, or will never be opened: called once, with no user code. */
    void (*done)(struct torc__datagram_opener *opener);
    torc_datagram_transport *transport;
} torc__datagram_opener;

/* Who is told how full the queue is, without user code. Embed it. */
typedef struct torc__datagram_watcher {
    void (*full)(struct torc__datagram_watcher *watcher, bool full); /* more than half of it */
    void (*gone)(struct torc__datagram_watcher *watcher);            /* the last */
    bool is_full;
} torc__datagram_watcher;

struct torc_datagram_transport {
    torc_io io; /* first */
    torc__context context;
    torc_scope scope;
    torc_scope *owner;      /* the scope that it lives in; NULL once that has ended */
    torc__task task;
    torc__grave grave;
    torc_timer rest;
    torc__datagram_opener *opener;
    torc__datagram_watcher *watcher; /* or NULL */
    torc_deferred *opened;  /* asked for and not fired yet; or NULL */
    torc_failure *reason;   /* why it ends, or could not be opened */
    torc__datagram_queue queue;
    size_t queue_max;
    torc_datagram_counts counts;
    torc_address local;
    torc_address peer;
    uint32_t flags;
};

/* The protocol's struct, right behind its transport. */
static inline torc_datagram_protocol *torc__datagrams_protocol(torc_datagram_transport *self)
{
    return (torc_datagram_protocol *)(void *)(self + 1);
}

/*
 * A transport in `scope` with a protocol of `kind`; its io has its events set and is otherwise
 * zeroed. `opener` may be NULL. Never NULL; in a scope that has ended, one that is over.
 */
TORC_API torc_datagram_transport *torc__datagrams_new(
    torc_scope *scope, const torc_datagram_class *kind, torc__datagram_opener *opener);

/* As torc__datagrams_new, but NULL when memory is out. */
TORC_API torc_datagram_transport *torc__datagrams_try_new(
    torc_scope *scope, const torc_datagram_class *kind, torc__datagram_opener *opener);

static inline bool torc__datagrams_are_over(const torc_datagram_transport *self)
{
    return (self->flags & TORC__DG_OVER) != 0;
}

static inline bool torc__datagrams_are_ending(const torc_datagram_transport *self)
{
    return (self->flags & (TORC__DG_ENDING | TORC__DG_STOPPED | TORC__DG_OVER)) != 0;
}

/* The io is open; `peer`: whom it is connected to, or NULL. `started` is told in the next turn. */
TORC_API void torc__datagrams_open(torc_datagram_transport *self, const torc_address *peer);

/* It could not be opened. Takes over `failure`. */
TORC_API void torc__datagrams_fail(torc_datagram_transport *self, torc_failure *failure);

extern TORC_API const torc__member_kind torc__members_datagrams;

/* -- between datagram.c and datagram_sending.c --------------------------------------------- */

/* Settles when the running callback returns, or before the turn is over. */
void torc__datagrams_settle_later(torc_datagram_transport *self);

/* Sends what goes, without running user code. */
void torc__datagrams_flush(torc_datagram_transport *self);

/* Tells the watcher whether the queue has become full, or is not any more. */
void torc__datagrams_tell_fullness(torc_datagram_transport *self);

/* An error that the network told of is to be told. */
void torc__datagrams_note_refused(torc_datagram_transport *self, int error);

#endif /* TORC_TRANSPORT_DATAGRAM_H */
