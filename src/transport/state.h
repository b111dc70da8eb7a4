/*
 * What the parts of a transport share: transport.c (its life), sending.c, producing.c.
 */
#ifndef TORC_TRANSPORT_STATE_H
#define TORC_TRANSPORT_STATE_H

#include "transport/transport.h"

/* torc_transport.flags */
enum {
    TORC__STARTED = 1 << 0,        /* connection_made was, or is being, told */
    TORC__IN_CALLBACK = 1 << 1,    /* the protocol's own code runs: settled when it returns */
    TORC__LOSING = 1 << 2,         /* to be closed once all has been sent */
    TORC__LOSING_WRITE = 1 << 3,   /* our half to be closed once all has been sent */
    TORC__WRITE_FINISHED = 1 << 4, /* our half is closed */
    TORC__ABORTING = 1 << 5,       /* to be ended for `reason` */
    TORC__RESETS = 1 << 6,         /* ... and so that the peer sees an error */
    TORC__LOST = 1 << 7,           /* connection_lost was, or is being, told */
    TORC__OVER = 1 << 8,           /* nothing is left but the memory */
    TORC__READ_ENDED = 1 << 9,
    TORC__RECEIVING = 1 << 10,     /* the io was told to receive */
    TORC__PAUSED = 1 << 11,        /* by the protocol */
    TORC__AUTO_PAUSED = 1 << 12,   /* by what waits to be sent */
    TORC__KEPT_WAITS = 1 << 13,    /* the protocol may keep bytes to be delivered */
    TORC__SEND_PENDING = 1 << 14,  /* the io will tell `sent` */
    TORC__PULLS = 1 << 15,         /* the producer is a pull producer */
    TORC__PRODUCER_PAUSED = 1 << 16,
    TORC__PAUSE_WAITS = 1 << 17,   /* the producer is still to be told to pause */
    TORC__NEXT_WANTED = 1 << 18,   /* something is to be done in the next turn */
    TORC__IO_CLOSED = 1 << 19,
    TORC__CLOSE_PENDING = 1 << 20, /* the io will tell `closed` */
    TORC__DELIVERING = 1 << 21,    /* data_received runs: what is written are answers */
    TORC__PASSES = 1 << 22,        /* the io passes descriptors */
    TORC__COUPLED = 1 << 23,       /* what is received is not the protocol's: couple.c */
    TORC__ENDLESS = 1 << 24,       /* the producer is not waited for: couple_flow.c */
};

/* -- transport.c --------------------------------------------------------------------------- */

/* What a transport does with what its topmost io tells. */
extern const torc_io_events torc__transport_events;

/* Has the connection end; the first reason stays. Takes over `reason`. */
void torc__transport_fail(torc_transport *self, torc_failure *reason);

/*
 * Ends a connection that sending has broken, and that is kept for the sake of what can still be
 * received, because the protocol does not receive any more.
 */
void torc__transport_give_up_if_broken(torc_transport *self);

/* Bracket calls of the protocol's code. */
const torc__context *torc__transport_enter(torc_transport *self);
void torc__transport_leave(torc_transport *self, const torc__context *outer);

/* Tells the io whether to receive, if that has changed. */
void torc__transport_update_receiving(torc_transport *self);

/* Reading goes on after a pause of either kind. */
void torc__transport_reading_resumed(torc_transport *self);
void torc__transport_deliver_kept(torc_transport *self);

/* Tells connection_lost and lets everything go. Only from torc__transport_settle. */
void torc__transport_end(torc_transport *self);

/* -- sending.c ----------------------------------------------------------------------------- */

/* Sends what can be sent and does what was asked for; from the loop's turn only. May end it. */
void torc__transport_settle(torc_transport *self);

/* Settles when the running callback returns, or before the turn is over. */
void torc__transport_settle_later(torc_transport *self);

/* Whether the io passes descriptors; it is told whether they are wanted. */
bool torc__transport_passes_descriptors(torc_transport *self);

void torc__transport_queue_after(torc_transport *self);
void torc__transport_queue_next(torc_transport *self);

void torc__transport_on_sent(torc_io *io, size_t count, int error);

/* Sends as much as goes, without running user code. */
void torc__transport_flush(torc_transport *self);

/* -- producing.c --------------------------------------------------------------------------- */

/* After something was written: pauses what produces, when there is too much. */
void torc__transport_check_high_water(torc_transport *self);

/* After something has left: has what was paused go on, in the next turn. */
void torc__transport_check_low_water(torc_transport *self);

/* From the loop's turn: tells the producer. True when that ran user code. */
bool torc__transport_tell_pause(torc_transport *self);
void torc__transport_resume_producer(torc_transport *self);
void torc__transport_stop_producer(torc_transport *self);

size_t torc__transport_cap(const torc_transport *self);

static inline bool torc__transport_has_producer(const torc_transport *self)
{
    return (self->flags & TORC__STARTED) && self->attached.producer != NULL;
}

/* Whether there is one that will have finished some day, so that closing waits for it. */
static inline bool torc__transport_produces(const torc_transport *self)
{
    return torc__transport_has_producer(self) && !(self->flags & TORC__ENDLESS);
}

#endif /* TORC_TRANSPORT_STATE_H */
