/*
 * The inside of the readiness adapter, for the kinds of io that have files of their own: streams
 * that are no sockets (stream.c), watched descriptors (watch.c), datagrams (datagram.c), sockets
 * that listen (readiness_listen.c), what wakes the driver (readiness_wake.c). Connections are in
 * readiness.c.
 *
 * An io's state says what it is, what is wanted of it, and what the poller was last told.
 */
#ifndef TORC_REACTOR_DRIVER_READINESS_IO_H
#define TORC_REACTOR_DRIVER_READINESS_IO_H

#include "reactor/driver/readiness.h"

/* torc_io.state */
enum {
    LISTENS = 1 << 0,
    CONNECTS = 1 << 1,
    WAKES = 1 << 2,
    RECEIVES = 1 << 3,    /* `received` (or `accepted`) events are wanted */
    BLOCKED = 1 << 4,     /* the descriptor took no more, or is watched for writing */
    CLOSED = 1 << 5,
    LISTED = 1 << 6,      /* the poller knows the descriptor */
    WATCHES_IN = 1 << 7,  /* what the poller was told */
    WATCHES_OUT = 1 << 8,
    ENDED = 1 << 9,       /* nothing more can be received */
    STRANDED = 1 << 10,   /* stands in readiness->stranded */
    WATCHED = 1 << 11,    /* only watched: watch.c */
    STREAM = 1 << 12,     /* no socket: stream.c */
    SENDS_ONLY = 1 << 13, /* a stream that cannot be read from */
    ALWAYS_READY = 1 << 14, /* stands in readiness->always_ready: the poller refuses it */
    DATAGRAMS = 1 << 15,  /* datagram.c, which has the upper half of the state */
    TAKES_DESCRIPTORS = 1 << 16, /* a stream: `descriptor` events are wanted */
    SPLICES = 1 << 17,    /* a socket: what comes goes into pipes */
};

static inline torc__readiness *torc__readiness_of(const torc_io *io)
{
    return io->carrier;
}

/* An io of `kind` on `descriptor`, of which the poller does not know yet. */
void torc__readiness_set_up(torc_driver *driver, torc_io *io, const torc_io_class *kind,
    int descriptor, uint32_t state);

void torc__readiness_set_up_socket(
    torc_driver *driver, torc_io *io, int descriptor, uint32_t state);

/* Lists the io with the poller; on failure (-errno) it is as if it had never been set up. */
int torc__readiness_list(torc_io *io);

/*
 * From now on it is told without asking the poller, which is to forget it by itself: -EPERM of its
 * watch(), or the same by another way. 0 or -ENOMEM.
 */
int torc__readiness_list_as_always_ready(torc_io *io);

/* Tells the poller what is wanted, where that has changed; and that nothing is any more. */
void torc__readiness_watch_as_wanted(torc_io *io);
void torc__readiness_forget(torc_io *io);

/* Nothing would be told of it any more: it is told from the turn that it has failed. */
void torc__readiness_strand(torc_io *io, int error);

/* Of classes: receive; and what became of a send of `asked` bytes (or a negative errno). */
void torc__readiness_receive(torc_io *io, bool on);
ssize_t torc__readiness_sent_or_blocked(torc_io *io, ssize_t sent, size_t asked);

/* Nothing more is received; the io may be closed in there. */
void torc__readiness_tell_end(torc_io *io, int error);

/* Of the sockets' class: readiness_passing.c. */
ssize_t torc__readiness_send_descriptors(torc_io *io, const struct iovec *pieces, int count,
    const int *descriptors, size_t descriptor_count);

/*
 * As recv; descriptors that came along are told first. One of them may have the io closed: then -1,
 * with EINTR.
 */
ssize_t torc__readiness_receive_descriptors(torc_io *io, void *buffer, size_t size);

/*
 * Of the sockets' class, and what is done when such a socket is readable: readiness_splice.c.
 * False: what has come is to be received as ever.
 */
int torc__readiness_set_splicing(torc_io *io, bool on);
ssize_t torc__readiness_send_pipe(torc_io *io, int pipe, size_t length);
bool torc__readiness_splice(torc_io *io);

/* As recv, of a stream. -1 with errno. */
ssize_t torc__stream_receive(const torc_io *io, void *buffer, size_t size);

/* A listening io is ready: readiness_listen.c. */
void torc__readiness_accept(torc_io *io);

/* readiness_wake.c; closing does what is left to do after an opening that failed, too. */
int torc__readiness_open_waker(torc__readiness *readiness);
void torc__readiness_close_waker(torc__readiness *readiness);
void torc__readiness_drain_waker(const torc_io *io);

/* Tells that a watched descriptor is ready (TORC__READABLE, ...). */
void torc__watched_tell(torc_io *io, unsigned ready);

#endif /* TORC_REACTOR_DRIVER_READINESS_IO_H */
