/*
 * readiness: the adapter that makes completions ("64 bytes were received") out of readiness ("you
 * may try to receive"). epoll, kqueue, poll and select are each a poller under it; io_uring has one
 * for all but sockets that listen or carry streams: uring_poller.c.
 *
 * What it saves: one read per wake-up, into a buffer that all connections share; sends are tried at
 * once, and only a short one asks to be told when there is room; interest in reading is taken back
 * only when an event comes that nobody wants, so that pausing and resuming within a turn costs no
 * system call.
 */
#ifndef TORC_REACTOR_DRIVER_READINESS_H
#define TORC_REACTOR_DRIVER_READINESS_H

#include <torc/driver.h>

/* What a poller is told to look out for, and what it tells. */
enum {
    TORC__READABLE = 1,
    TORC__WRITABLE = 2,
    TORC__HUNG_UP = 4, /* told unasked: the peer is gone, or there is an error */
};

/* One read takes at most this, into the buffer that all ios of the driver share. */
#define TORC__READ_SIZE ((size_t)64 * 1024)

typedef struct torc__readiness torc__readiness;

/* The mechanism: which descriptors, and waiting. */
typedef struct torc__poller {
    /* Readies the mechanism; 0 or -errno. */
    int (*open)(torc__readiness *readiness);
    void (*close)(torc__readiness *readiness);

    /*
     * Looks out for `wanted` of io->descriptor from now on, after having looked out for `before`
     * (TORC__... bits; 0 with `listed` false: it was not known). With `forget` it is taken out.
     * 0 or -errno; -EPERM for what is always ready.
     */
    int (*watch)(torc__readiness *readiness, torc_io *io, unsigned wanted, bool listed);
    void (*forget)(torc__readiness *readiness, torc_io *io);

    /*
     * Waits up to `timeout` (nanoseconds, rounded up to what the mechanism knows; < 0: for ever),
     * then calls torc__readiness_woke once and torc__readiness_tell for each io that is ready. Notes
     * in readiness->interrupted that it was interrupted before anything was.
     */
    void (*wait)(torc__readiness *readiness, torc_time timeout);
} torc__poller;

/* More than fail between two turns, unless the kernel's memory is out altogether. */
enum { TORC__STRANDED_MAX = 64 };

struct torc__readiness {
    torc_driver driver; /* first */
    const torc__poller *poller;
    torc_io waker;      /* readable when another thread or a signal wants a turn */
    int wake_descriptor; /* what to write to for that */
    bool interrupted;
    char *buffer;       /* of TORC__READ_SIZE */

    /* Those that the poller refused to watch, and with what errno it did so last. */
    torc_io *stranded[TORC__STRANDED_MAX];
    size_t stranded_count;
    int stranding_error;

    struct torc__datagram_batch *datagrams; /* NULL until a datagram io is opened */

    /* Those that need no waiting for, which a poller may refuse (epoll: regular files). */
    torc_io **always_ready;
    size_t always_ready_count;
    size_t always_ready_capacity;
};

/*
 * For a driver that has a turn and a waker of its own, and uses the adapter only for the ios that
 * it has no better way for (uring): of its poller, `watch` and `forget` are called.
 */
int torc__readiness_open_parts(torc__readiness *readiness, const torc__poller *poller);
void torc__readiness_close_parts(torc__readiness *readiness);

/* Whether something is to be told without waiting for the poller; and telling it. */
bool torc__readiness_is_due(const torc__readiness *readiness);
void torc__readiness_tell_due(torc__readiness *readiness);

/* What a driver on a poller puts into its torc_driver_class. */
int torc__readiness_open(torc_driver *driver, const torc__poller *poller);
void torc__readiness_close(torc_driver *driver);
torc_time torc__readiness_now(torc_driver *driver);
void torc__readiness_turn(torc_driver *driver, torc_time deadline);
void torc__readiness_wake(torc_driver *driver);

/* For `descriptor`: gives `shown`, the poller's; and sees to it that it shows what is due, too. */
int torc__readiness_show(torc_driver *driver, int shown);
int torc__readiness_listen(torc_driver *driver, torc_io *io, const torc_address *address,
    const torc_socket_options *options);
int torc__readiness_adopt_listener(torc_driver *driver, torc_io *io, int descriptor);
void torc__readiness_start_accepting(torc_io *io, bool on);
int torc__readiness_connect(
    torc_driver *driver, torc_io *io, const torc_address *peer, const torc_address *local);
int torc__readiness_adopt(torc_driver *driver, torc_io *io, int descriptor);
int torc__readiness_open_datagrams(torc_driver *driver, torc_io *io, const torc_address *local,
    const torc_address *peer, const torc_datagram_options *options);
int torc__readiness_adopt_datagrams(
    torc_driver *driver, torc_io *io, int descriptor, const torc_datagram_options *options);
int torc__readiness_multicast(torc_io *io, const torc_multicast *request);
int torc__readiness_adopt_stream(
    torc_driver *driver, torc_io *io, int descriptor, bool receives, bool sends);
int torc__readiness_watch(torc_driver *driver, torc_io *io, int descriptor);

/* The entries of its class that all of them share; name, size and open are its own. */
#define TORC__READINESS_CALLS \
    .close = torc__readiness_close, \
    .now = torc__readiness_now, \
    .turn = torc__readiness_turn, \
    .wake = torc__readiness_wake, \
    .listen = torc__readiness_listen, \
    .adopt_listener = torc__readiness_adopt_listener, \
    .start_accepting = torc__readiness_start_accepting, \
    .connect = torc__readiness_connect, \
    .adopt = torc__readiness_adopt, \
    .adopt_stream = torc__readiness_adopt_stream, \
    .watch = torc__readiness_watch, \
    .open_datagrams = torc__readiness_open_datagrams, \
    .adopt_datagrams = torc__readiness_adopt_datagrams, \
    .multicast = torc__readiness_multicast

/* For pollers. */
void torc__readiness_woke(torc__readiness *readiness);
void torc__readiness_tell(torc__readiness *readiness, torc_io *io, unsigned ready);

/* For mechanisms that count in milliseconds: rounded up, so that no timer is early. */
static inline int torc__readiness_milliseconds(torc_time timeout)
{
    if (timeout < 0)
        return -1;
    if (timeout > TORC_HOUR)
        timeout = TORC_HOUR;
    return (int)((timeout + TORC_MILLISECOND - 1) / TORC_MILLISECOND);
}

#endif /* TORC_REACTOR_DRIVER_READINESS_H */
