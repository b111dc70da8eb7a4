/*
 * datagram: messages that arrive whole or not at all: UDP, UNIX datagrams, packets of a device.
 *
 * A datagram protocol is a struct of yours that begins with a torc_datagram_protocol, and a
 * constant table of what happens when. The engine allocates it, zeroed, and frees it after
 * `stopped`. It knows datagrams and addresses, never sockets, so it runs over any of the carriers.
 *
 *     static void echo_received(
 *         torc_datagram_protocol *self, torc_slice bytes, const torc_address *peer)
 *     {
 *         torc_send_to(self->transport, bytes, peer);
 *     }
 *
 *     static const torc_datagram_class echo = {
 *         .name = "Echo",
 *         .datagram_received = echo_received,
 *     };
 *
 *     torc_listen_datagrams(torc_root(reactor), "udp:7", &echo);
 *
 * Endpoints. Listening:
 *     udp:5353                             all IPv4 addresses
 *     udp:5353:interface=127.0.0.1         one address; an IPv6 literal in brackets
 *     udp6:5353                            IPv6 only: never IPv4 in disguise
 *     unix-datagram:/run/log.sock:mode=622
 *     …:reuseport                          several sockets share the port, each datagram to one
 *     …:shared                             several sockets on one multicast port, each gets all
 *     …:broadcast                          may send to broadcast addresses
 *     …:size=1500                          the largest that is taken; 65535 by default
 *     fd:3                                 a bound datagram socket that was inherited
 * Connecting, which takes datagrams of this peer only and learns when nobody listens there:
 *     udp:192.0.2.1:53                     or host=…:port=…; a name is looked up as by
 *                                          torc_connect, once, at the start
 *     udp6:[2001:db8::1]:53
 *     unix-datagram:/run/log.sock
 *     …:bindAddress=192.0.2.9              where to send from; of UNIX datagrams a path
 *     …:broadcast, …:size=1500
 * The text is written as for <torc/endpoint.h>; an abstract UNIX name begins with '@'.
 *
 * Nothing here runs your code before it returns, and nothing blocks. Calls on a transport that has
 * stopped are no-ops. What is sent inside a callback, or in all the callbacks of datagrams that
 * were received together, leaves in one go.
 *
 * Datagrams get lost, and one that cannot be sent soon is not worth keeping for long: while the
 * socket is full they wait in a queue with a bound (torc_set_datagram_queue), beyond which the
 * newest is dropped, and counted. Each that is lost on our side is in torc_datagram_count.
 */
#ifndef TORC_DATAGRAM_H
#define TORC_DATAGRAM_H

#include <torc/address.h>
#include <torc/deferred.h>
#include <torc/failure.h>
#include <torc/scope.h>
#include <torc/slice.h>

TORC_BEGIN_DECLS

typedef struct torc_datagram_transport torc_datagram_transport;
typedef struct torc_datagram_protocol torc_datagram_protocol;

/* All functions are optional. */
typedef struct torc_datagram_class {
    const char *name; /* as logs show it */
    size_t size;      /* of your struct; 0 where it is a bare torc_datagram_protocol */

    /* Once, first: from now on datagrams come. */
    void (*started)(torc_datagram_protocol *self);

    /*
     * One datagram, which may be empty; both are borrowed until it returns. `peer` is of kind
     * TORC_ADDRESS_NONE where the carrier knows none (memory, a device, a UNIX socket without a
     * name).
     */
    void (*datagram_received)(
        torc_datagram_protocol *self, torc_slice bytes, const torc_address *peer);

    /* One that was longer than the largest that is taken: its start. Without it: dropped. */
    void (*datagram_truncated)(
        torc_datagram_protocol *self, torc_slice start, const torc_address *peer);

    /*
     * The network says that what was sent did not arrive: torc_error_refused when nobody listens
     * there. Of connected transports only, and no more than a hint: it may be late, be told once
     * for several, or not come at all.
     */
    void (*refused)(torc_datagram_protocol *self, const torc_failure *reason);

    /* After a send was dropped because the queue was full: at least half of it is free again. */
    void (*may_send)(torc_datagram_protocol *self);

    /*
     * Once, last, if `started` was called. `reason` is borrowed: torc_error_connection_done after
     * torc_stop_datagrams, _aborted when its scope ended, _lost when the carrier failed.
     */
    void (*stopped)(torc_datagram_protocol *self, const torc_failure *reason);
} torc_datagram_class;

struct torc_datagram_protocol {
    const torc_datagram_class *kind;
    torc_datagram_transport *transport; /* valid until `stopped` has returned */
    void *context;                      /* yours */
};

/* -- opening ------------------------------------------------------------------------------- */

/*
 * Binds and makes a protocol, which lives in `scope`: when that ends it is stopped. Never NULL.
 * `started` comes in the next turn, so fields of your struct may be set until then.
 *
 * Whether it succeeded is told by torc_datagrams_opened. Where nobody asks, a failure is logged in
 * one line that names the endpoint and the remedy, and the reactor stops with exit status 1.
 */
TORC_API torc_datagram_protocol *torc_listen_datagrams(
    torc_scope *scope, const char *description, const torc_datagram_class *kind);

/* As torc_listen_datagrams, connected to one peer; but a failure does not stop the reactor. */
TORC_API torc_datagram_protocol *torc_connect_datagrams(
    torc_scope *scope, const char *description, const torc_datagram_class *kind);

/*
 * Two protocols that send to each other through memory, in order and without loss but for the
 * bound of the queue. NULL, and nothing in *ret_other, when memory is out.
 */
TORC_API torc_datagram_protocol *torc_pair_datagrams(torc_scope *scope,
    const torc_datagram_class *one, const torc_datagram_class *other,
    torc_datagram_protocol **ret_other);

/*
 * Fires with a torc_pointer to the protocol after its `started`, or with a failure of type
 * torc_error_listen, torc_error_connect or torc_error_invalid_argument, after which the protocol
 * is gone. Ask in the turn in which it was made, and only once. `protocol` is any datagram
 * protocol's struct.
 */
TORC_API torc_deferred *torc_datagrams_opened(void *protocol);

/*
 * Stops: what was sent and can leave at once does, then `stopped` is told. No datagram comes any
 * more.
 */
TORC_API void torc_stop_datagrams(torc_datagram_transport *transport);

/* -- sending ------------------------------------------------------------------------------- */

/*
 * Copies the bytes and sends them. False, and nothing is sent: the transport has stopped, or is
 * connected to somebody else, `peer` is of another family than the transport, there are too many
 * bytes for any datagram (65507), the queue is full, or memory is out. True does not mean that they
 * arrive.
 */
TORC_API bool torc_send_to(
    torc_datagram_transport *transport, torc_slice bytes, const torc_address *peer);

/* To whom the transport is connected; false where it is not. */
TORC_API bool torc_send(torc_datagram_transport *transport, torc_slice bytes);

#define TORC_DATAGRAM_BYTES_MAX ((size_t)65507)

/*
 * The bound of what waits while the socket is full, in bytes, of which each datagram needs 192
 * beyond its own; at least one fits always. TORC_DATAGRAM_QUEUE by default.
 */
TORC_API void torc_set_datagram_queue(torc_datagram_transport *transport, size_t bytes);

#define TORC_DATAGRAM_QUEUE ((size_t)256 * 1024)

typedef struct torc_datagram_counts {
    uint64_t received;
    uint64_t truncated; /* received, and longer than is taken */
    uint64_t sent;      /* handed over to the system */
    uint64_t dropped;   /* for want of room in the queue, or of memory */
    uint64_t failed;    /* that the system would not send */
    uint64_t refused;   /* errors that the network told of */
    size_t waiting;     /* in the queue now */
    int last_error;     /* the errno of the last that failed or was refused; 0: none */
} torc_datagram_counts;

TORC_API torc_datagram_counts torc_datagram_count(const torc_datagram_transport *transport);

/* -- receiving ----------------------------------------------------------------------------- */

/*
 * No datagrams until resumed; the system drops what it cannot keep. Up to some hundred that have
 * been received already still come.
 */
TORC_API void torc_pause_datagrams(torc_datagram_transport *transport);
TORC_API void torc_resume_datagrams(torc_datagram_transport *transport);

/* -- multicast ----------------------------------------------------------------------------- */

/*
 * Each gives NULL, or a failure for the caller to release: torc_error_invalid_argument for what is
 * no multicast group or no interface, torc_error_system for what the system refuses.
 *
 * `interface` is a name ("eth0"), a number ("2"), of IPv4 also an address ("192.0.2.9"); NULL: the
 * system chooses. Memberships end with the transport.
 */
TORC_API TORC_UNUSED_RESULT torc_failure *torc_join_group(
    torc_datagram_transport *transport, const torc_address *group, const char *interface);
TORC_API TORC_UNUSED_RESULT torc_failure *torc_leave_group(
    torc_datagram_transport *transport, const torc_address *group, const char *interface);

/* By which interface datagrams to groups leave. */
TORC_API TORC_UNUSED_RESULT torc_failure *torc_set_multicast_interface(
    torc_datagram_transport *transport, const char *interface);

/* Whether this machine gets them too (it does by default), and how many hops they go (1). */
TORC_API TORC_UNUSED_RESULT torc_failure *torc_set_multicast_loop(
    torc_datagram_transport *transport, bool on);
TORC_API TORC_UNUSED_RESULT torc_failure *torc_set_multicast_hops(
    torc_datagram_transport *transport, int hops);

/* -- facts --------------------------------------------------------------------------------- */

/* With the real port where 0 was asked for. */
TORC_API torc_address torc_datagram_address(const torc_datagram_transport *transport);

/* Whom it is connected to; of kind TORC_ADDRESS_NONE where it is not. */
TORC_API torc_address torc_datagram_peer(const torc_datagram_transport *transport);

/*
 * The scope of what a datagram protocol starts; ends right after its `stopped`. `protocol` is any
 * datagram protocol's struct.
 */
TORC_API torc_scope *torc_datagram_scope_of(void *protocol);

TORC_END_DECLS

#endif /* TORC_DATAGRAM_H */
