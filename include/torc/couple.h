/*
 * couple: two connections joined, so that what one receives the other sends: a relay, a proxy.
 *
 *     static void upstream_made(torc_protocol *protocol)
 *     {
 *         client *self = torc_context_of(protocol);
 *
 *         torc_couple(self->protocol.transport, protocol->transport);
 *     }
 *
 * Any two transports of a reactor do: TCP, UNIX, TLS, pipes, memory. Where both are plain sockets
 * the system moves the bytes without showing them to the program (splice).
 *
 * A side that does not take what comes has the other one not read from, so that memory stays flat.
 * When one side ends its half, the other's is closed after the last byte (torc_lose_write); when
 * both halves have ended, both connections are closed. When one is lost otherwise, the other is
 * aborted.
 *
 * From then on data_received and read_lost of the two protocols are not called; connection_lost is.
 * Bytes that a protocol has been given already are its own: it writes them to the other transport
 * before it couples. What has been written before leaves first, and a side whose reading is
 * paused is resumed; pausing it again later holds it up. torc_abort_connection of one side ends
 * both, while torc_lose_connection waits, as for any producer, until the other side has said its
 * last. A coupling is each transport's producer: neither may have another, nor be coupled twice.
 */
#ifndef TORC_COUPLE_H
#define TORC_COUPLE_H

#include <torc/datagram.h>
#include <torc/deferred.h>
#include <torc/transport.h>

TORC_BEGIN_DECLS

typedef struct torc_coupling torc_coupling;

/*
 * Couples them until both are lost. Where one is closing already, the other is closed too. NULL
 * then, and when memory is out, which aborts both; the calls below take that.
 */
TORC_API torc_coupling *torc_couple(torc_transport *one, torc_transport *other);

typedef struct torc_coupling_counts {
    uint64_t there; /* bytes that came from `one` */
    uint64_t back;  /* ... and from `other` */
} torc_coupling_counts;

/* Valid until both have been told connection_lost; of NULL, nothing has come. */
TORC_API torc_coupling_counts torc_coupling_count(const torc_coupling *coupling);

/*
 * Fires when both are lost, with the coupling as a value of torc_type_coupling, for
 * torc_coupling_count; it never fails but by being cancelled, which leaves the coupling as it is.
 * Of NULL it fails with torc_error_connection. Ask in the turn in which they were coupled, and only
 * once. `scope` is one that outlives both.
 */
TORC_API torc_deferred *torc_coupling_over(torc_scope *scope, torc_coupling *coupling);

extern TORC_API const torc_type torc_type_coupling;

/*
 * Back-pressure alone, between a stream that carries packets (torc_frame_send) and where they come
 * from and go to: while more waits to be sent on `stream` than its high-water mark, no datagram is
 * received; while more than half of the queue of `datagrams` is full, `stream` is not read from.
 * Both protocols are called as ever. It lasts until one of them has ended, and is the producer of
 * `stream`, but one that torc_lose_connection does not wait for. False when memory is out, one has
 * ended or is NULL, or `datagrams` has that already.
 */
TORC_API bool torc_couple_flow(torc_transport *stream, torc_datagram_transport *datagrams);

TORC_END_DECLS

/* torc_couple(stream, torc_tun_transport(device)) is torc_couple_flow. */
#ifdef __cplusplus
inline bool torc_couple(torc_transport *stream, torc_datagram_transport *datagrams)
{
    return torc_couple_flow(stream, datagrams);
}
#else
# define torc_couple(one, other) \
    _Generic((other), torc_datagram_transport *: torc_couple_flow, default: torc_couple)(one, other)
#endif

#endif /* TORC_COUPLE_H */
