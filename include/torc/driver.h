/*
 * driver: for those who bring the reactor to another system. Users of Torc need nothing of it.
 *
 * The reactor does no I/O itself: a driver does, and tells what was done. The interface is shaped
 * for completions ("64 bytes were received"), not for readiness ("you may try to receive"), because
 * io_uring, IOCP and a simulated network are; drivers that only know readiness (epoll, poll,
 * select, kqueue) share one adapter, src/reactor/driver/readiness.c, which turns one into the
 * other.
 *
 * Two structs do the work:
 *
 *   torc_io      one thing that carries bytes: a socket, a pipe, one end of a memory link, a TLS
 *                session. It has a class (what can be asked of it) and events (whom to tell).
 *   torc_driver  the source of sockets, of time and of waiting.
 *
 * A transport works on a torc_io and does not know what is behind it; so a thing that carries bytes
 * on top of another transport (TLS) is a torc_io too, with a class of its own.
 *
 * Rules for both sides:
 *   1. Events come only from within torc_driver_class.turn (or, for an io that is not a driver's,
 *      from a reactor's task): never from inside a call of the io's class.
 *   2. After close() no event comes but `closed`, and that only where close() said so.
 *   3. An event may close any io, its own too. The memory of an io that was closed stays valid
 *      until the turn is over.
 *   4. Errors are errno values, positive.
 */
#ifndef TORC_DRIVER_H
#define TORC_DRIVER_H

#include <torc/address.h>
#include <torc/scope.h>
#include <torc/slice.h>
#include <torc/time.h>

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

TORC_BEGIN_DECLS

typedef struct torc_io torc_io;
typedef struct torc_driver torc_driver;

/* One datagram, or one packet of a network device. */
typedef struct torc_datagram {
    torc_slice bytes;
    torc_address peer; /* where from, or where to; TORC_ADDRESS_NONE: whom the io is connected to */
    bool truncated;    /* received: it was longer than the largest that is taken */
} torc_datagram;

/* So many datagrams are told, and may be sent, at once. */
enum { TORC_DATAGRAMS_MAX = 64 };

/* What is told of an io. An io that never starts an operation need not have its events. */
typedef struct torc_io_events {
    /*
     * Bytes that were received, borrowed until it returns; or, with no bytes, the end: error 0 when
     * the peer has closed its half, else why nothing more will come. Comes only while receiving
     * is on.
     */
    void (*received)(torc_io *io, torc_slice data, int error);

    /*
     * A send that was pending has progressed by `count` bytes, or failed with `error`. A count of
     * 0 without an error: nothing was sent, but now it can be; ask again.
     */
    void (*sent)(torc_io *io, size_t count, int error);

    /* A connection was accepted: `descriptor` is now the callee's. Or accepting failed. */
    void (*accepted)(torc_io *io, int descriptor, const torc_address *peer, int error);

    /*
     * Datagrams that were received (1 to TORC_DATAGRAMS_MAX), borrowed until it returns; they may
     * come although receiving was turned off meanwhile, if the system had handed them over before.
     * Or none, and `error`: ECONNREFUSED and other ICMP errors are of an earlier datagram, ENODEV
     * says that the device is gone, any other that receiving failed, and will at once again unless
     * it is turned off for a while or the io is closed.
     */
    void (*datagrams)(torc_io *io, const torc_datagram *batch, size_t count, int error);

    /*
     * With TORC_IO_SPLICE on: bytes have come, and are to be moved into the pipe whose end this
     * gives; or -1: they are to be told by `received`, this time. Then how many bytes have been
     * moved: 0, when there were none after all. An end is told by `received` in any case.
     */
    int (*pipe_wanted)(torc_io *io);
    void (*spliced)(torc_io *io, size_t count);

    /* A descriptor came with the bytes that are told next. It is now the callee's. */
    void (*descriptor)(torc_io *io, int descriptor);

    /* A descriptor that is only watched can be read from, or written to. */
    void (*ready)(torc_io *io, bool readable, bool writable);

    /* The connecting that was begun is over: error 0, or why it failed. */
    void (*connected)(torc_io *io, int error);

    /* The last of an io whose close() was pending: its memory may go. */
    void (*closed)(torc_io *io);
} torc_io_events;

typedef enum torc_io_option {
    TORC_IO_NO_DELAY,   /* 0 or 1 */
    TORC_IO_KEEP_ALIVE, /* seconds of idleness, 0 is off */
    TORC_IO_TAKE_DESCRIPTORS, /* 0 or 1: `descriptor` events are wanted; -ENOTSUP: there are none */
    TORC_IO_SPLICE, /* 0 or 1: what comes is moved into pipes: `pipe_wanted`, `spliced` */
} torc_io_option;

enum { TORC_DESCRIPTORS_MAX = 16 };

typedef struct torc_io_credentials {
    int64_t process; /* -1: the system does not say */
    uint32_t user;
    uint32_t group;
} torc_io_credentials;

/* What can be asked of an io. All are mandatory but those that say so. */
typedef struct torc_io_class {
    const char *name;

    /*
     * Sends bytes. Gives how many were taken at once (> 0), which may be fewer than asked; or 0
     * when the send is pending: then the bytes must stay where they are until `sent` tells, and
     * nothing else may be sent before; or a negative errno. `more` says that further bytes follow
     * at once, so that a carrier may wait to fill its packets.
     */
    ssize_t (*send)(torc_io *io, const struct iovec *pieces, int count, bool more);

    /*
     * As send, from a file. -ENOSYS where the carrier has no way to do that: the transport then
     * reads and sends. A file that ends early is -ENODATA.
     */
    ssize_t (*send_file)(torc_io *io, int file, int64_t offset, size_t length);

    /* Turns receiving on and off. Data that was on its way when it was turned off is kept. */
    void (*receive)(torc_io *io, bool on);

    /* Closes our half: the peer reads an end once it has all that was sent. 0 or -errno. */
    int (*finish)(torc_io *io);

    /*
     * Closes; with `reset`, so that the peer sees an error rather than an end, where there is such
     * a thing. True: it is done, the memory may go at the turn's end. False: `closed` will tell.
     */
    bool (*close)(torc_io *io, bool reset);

    /* Fills in an end's address; kind TORC_ADDRESS_NONE where there is none. */
    void (*local_address)(torc_io *io, torc_address *ret_address);
    void (*peer_address)(torc_io *io, torc_address *ret_address);

    /*
     * Sends datagrams: of datagram ios only, else NULL. Gives how many were taken, the first ones
     * of `batch`; their bytes need not stay. 0: none can be taken now, and `sent` (with a count of
     * 0) tells when to ask again. A negative errno is about the first of the batch, which is lost;
     * but -ECONNREFUSED is about one that was sent before, and nothing is lost: ask again.
     */
    ssize_t (*send_datagrams)(torc_io *io, const torc_datagram *batch, size_t count);

    /*
     * As send, with descriptors that arrive just before the first of the bytes; at most
     * TORC_DESCRIPTORS_MAX, which stay the caller's. Where at least a byte was taken, all have been
     * sent. NULL where a carrier cannot.
     */
    ssize_t (*send_descriptors)(torc_io *io, const struct iovec *pieces, int count,
        const int *descriptors, size_t descriptor_count);

    /*
     * As send, of the first `length` bytes in the pipe that can be read from by `pipe`. -EINVAL
     * where the system cannot do that with what the io is. NULL, with TORC_IO_SPLICE unknown, where a
     * carrier cannot.
     */
    ssize_t (*send_pipe)(torc_io *io, int pipe, size_t length);

    /* What a watched descriptor is watched for: of ios made by `watch` only, else NULL. */
    void (*watch_for)(torc_io *io, bool readable, bool writable);

    /* 0, or a negative errno; -ENOTSUP where the option means nothing. Optional. */
    int (*set_option)(torc_io *io, torc_io_option option, int value);

    /* Who is at the other end, where that is a process of this machine. 0 or -errno. Optional. */
    int (*credentials)(torc_io *io, torc_io_credentials *ret_credentials);
} torc_io_class;

struct torc_io {
    const torc_io_class *kind;
    const torc_io_events *events;
    void *owner;         /* for whoever the events are told to; carriers leave it alone */
    void *carrier;       /* whose it is: the driver, the memory link, … */
    int descriptor;      /* -1 where there is none */
    uint32_t state;      /* the carrier's own */
};

/* How a socket is to be opened. */
typedef struct torc_socket_options {
    int backlog;       /* listening */
    int unix_mode;     /* listening on a UNIX path: permission bits, or -1 to leave them */
    bool reuse_port;   /* listening: SO_REUSEPORT */
    bool both_families; /* listening on IPv6 "::": IPv4 too. Off: IPv6 only */
} torc_socket_options;

/* How a datagram socket is to be opened. */
typedef struct torc_datagram_options {
    size_t size_max;    /* the largest datagram that is taken; 0: 65535, which is also the most */
    int unix_mode;      /* as in torc_socket_options */
    bool reuse_port;    /* several sockets on one port, which share what comes: SO_REUSEPORT */
    bool share_address; /* several sockets on one multicast port, each of which gets all */
    bool both_families; /* as in torc_socket_options */
    bool broadcast;     /* may send to broadcast addresses */
} torc_datagram_options;

/* Membership of a multicast group, and how datagrams to groups are sent. */
typedef enum torc_multicast_request {
    TORC_MULTICAST_JOIN,
    TORC_MULTICAST_LEAVE,
    TORC_MULTICAST_INTERFACE, /* by which one datagrams to groups leave; `group` is not used */
    TORC_MULTICAST_LOOP,      /* value 0 or 1: whether this machine gets them too */
    TORC_MULTICAST_HOPS,      /* value: how far they go (TTL) */
} torc_multicast_request;

typedef struct torc_multicast {
    torc_multicast_request request;
    torc_address group;
    torc_address interface_address; /* IPv4: names the interface; NONE: the system chooses */
    uint32_t interface_index;       /* IPv4 and IPv6: names the interface; 0: not by index */
    int value;
} torc_multicast;

/* What the driver must be able to do. */
typedef struct torc_driver_class {
    const char *name;
    size_t size; /* of its struct, which begins with a torc_driver */

    /* 0, or a negative errno when it does not work on this machine. `driver` is zeroed but base. */
    int (*open)(torc_driver *driver);
    void (*close)(torc_driver *driver);

    /*
     * What it means, for people, that open() has failed with `error` just now in this thread; NULL
     * where the errno's own text says it all. Optional.
     */
    const char *(*why_not)(int error);

    /* The clock that deadlines run on. */
    torc_time (*now)(torc_driver *driver);

    /*
     * Waits until something is done or `deadline` (on its clock; in the past: do not wait;
     * TORC_NEVER: as long as it takes) has come or wake() was called, then tells all that is done,
     * within bounds that keep one io from starving the rest.
     */
    void (*turn)(torc_driver *driver, torc_time deadline);

    /*
     * A descriptor that can be read from while turn() has something to tell, for a loop of
     * another's that waits in the place of turn(); asked anew before each such wait, so that what
     * was put off until turn() can be handed to the system. NULL where there is none.
     */
    int (*descriptor)(torc_driver *driver);

    /* Makes turn() return soon; the only function that another thread or a signal handler calls. */
    void (*wake)(torc_driver *driver);

    /* A socket that listens at `address`; accepting starts by start_accepting. 0 or -errno. */
    int (*listen)(torc_driver *driver, torc_io *io, const torc_address *address,
        const torc_socket_options *options);

    /* As listen, for a socket that came from elsewhere; takes over `descriptor` on success. */
    int (*adopt_listener)(torc_driver *driver, torc_io *io, int descriptor);

    /* Turns `accepted` events of a listening io on and off. */
    void (*start_accepting)(torc_io *io, bool on);

    /*
     * Begins to connect; `local` may be NULL. 0: `connected` will tell. -errno: it could not begin,
     * and no event comes.
     */
    int (*connect)(
        torc_driver *driver, torc_io *io, const torc_address *peer, const torc_address *local);

    /*
     * An io on a connected descriptor, taken over on success. 0 or -errno. It must not block and
     * must not be inherited by programs that are run; what `accepted` gives is like that already.
     */
    int (*adopt)(torc_driver *driver, torc_io *io, int descriptor);

    /*
     * As adopt, for what is read and written but is no socket: a pipe's end, a terminal, a serial
     * line, a regular file (which is always ready). `receives` and `sends`: its directions. finish
     * closes a descriptor that only sends. One that only sends and is told to receive is told the
     * end, EPIPE, when nobody reads any more, where the system tells of that unasked (not: select).
     */
    int (*adopt_stream)(
        torc_driver *driver, torc_io *io, int descriptor, bool receives, bool sends);

    /*
     * A datagram socket (IPv4, IPv6, UNIX) bound to `local`, and connected to `peer`; either may be
     * NULL. A UNIX socket that is only connected gets a name of its own where the system can, so
     * that it can be answered. 0 or -errno.
     */
    int (*open_datagrams)(torc_driver *driver, torc_io *io, const torc_address *local,
        const torc_address *peer, const torc_datagram_options *options);

    /* As adopt, for a datagram socket or a packet device (TUN, TAP) that came from elsewhere. */
    int (*adopt_datagrams)(
        torc_driver *driver, torc_io *io, int descriptor, const torc_datagram_options *options);

    /* Does `request` on a datagram io. 0 or -errno. */
    int (*multicast)(torc_io *io, const torc_multicast *request);

    /*
     * Watches a descriptor that stays the caller's, who also reads and writes it: `ready` tells, as
     * long as what it was watched for holds. It must be open until the io is closed, which does not
     * close it. 0 or -errno.
     */
    int (*watch)(torc_driver *driver, torc_io *io, int descriptor);

    /*
     * Closes a descriptor that `accepted` gave and that was not adopted. NULL where it is one of
     * the system's, for which close() does.
     */
    void (*discard)(torc_driver *driver, int descriptor);

    /*
     * The addresses of a host name, with `port`: gives how many of at most `maximum` it wrote. They
     * are known only after *ret_delay, which is 0 unless it is set. NULL where names are the
     * resolver's to look up.
     */
    size_t (*look_up)(torc_driver *driver, const char *host, uint16_t port, bool only_ipv6,
        torc_address *ret_addresses, size_t maximum, torc_time *ret_delay);
} torc_driver_class;

struct torc_driver {
    const torc_driver_class *kind;
    torc_reactor *reactor;
};

/*
 * From within turn(), after waiting and before anything is told: the clock stands at `now`, which
 * is what torc_now says from here on.
 */
TORC_API void torc_driver_woke(torc_driver *driver, torc_time now);

TORC_END_DECLS

#endif /* TORC_DRIVER_H */
