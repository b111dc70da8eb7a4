/*
 * transport: what carries a protocol's bytes, whatever is underneath.
 *
 * A protocol has exactly one transport, self->transport, from connection_made to the return of
 * connection_lost. The engine owns it. It may be TCP, a UNIX socket, memory, TLS; the calls and
 * their behaviour are the same.
 *
 * Nothing here runs your code before it returns, and nothing blocks. Calls on a transport that is
 * closing or closed are no-ops.
 *
 * Writing has no limit on size and no ritual: what is written inside a callback is gathered and
 * leaves together when the callback returns. Three verbs say who owns the bytes:
 *
 *     torc_write(t, slice)            copies
 *     torc_write_buffer(t, buffer)    takes a hold of its own on a counted buffer
 *     torc_write_static(t, slice)     trusts that the bytes never change nor go
 *
 * Flow control. When more than the high-water mark waits to be sent, the registered producer is
 * paused. Without a producer, a protocol that writes so much while its data_received runs is not
 * read from for a while, so that one that answers what it reads cannot be made to pile up answers.
 * Below the low-water mark both go on. More than the hard cap ends the connection with a failure of
 * type torc_error_limit.
 */
#ifndef TORC_TRANSPORT_H
#define TORC_TRANSPORT_H

#include <torc/address.h>
#include <torc/buffer.h>
#include <torc/failure.h>
#include <torc/scope.h>
#include <torc/time.h>

TORC_BEGIN_DECLS

typedef struct torc_transport torc_transport;

/* -- writing ------------------------------------------------------------------------------- */

TORC_API void torc_write(torc_transport *transport, torc_slice bytes);
TORC_API void torc_write_buffer(torc_transport *transport, torc_buffer *buffer);
TORC_API void torc_write_static(torc_transport *transport, torc_slice bytes);

/* A part of a counted buffer: `part` must lie within it. */
TORC_API void torc_write_part(torc_transport *transport, torc_buffer *buffer, torc_slice part);

/*
 * Sends `length` bytes of the open file `file` from `offset` on, without passing them through the
 * program where the system can (sendfile). Takes over `file` in every case and closes it when it
 * is done with it. A file that turns out shorter ends the connection with
 * torc_error_connection_lost: the peer must not take what it has for the whole.
 */
TORC_API void torc_write_file(torc_transport *transport, int file, int64_t offset, int64_t length);

/* Formatted text, as printf, to the transport of `protocol` (any protocol's struct). */
TORC_API void torc_printf(void *protocol, const char *format, ...) TORC_PRINTF(2, 3);

/*
 * Passes an open file to the peer, a process of this machine: over a UNIX socket or memory. It
 * arrives just before the first byte that is written after it, and with that: without such a byte
 * it is not sent. At most 16 before the same byte.
 *
 * Takes over `descriptor` in every case, and closes it once it is sent. False when it cannot be
 * sent: the transport passes none, is closing, or memory is out.
 */
TORC_API bool torc_send_descriptor(torc_transport *transport, int descriptor);

/* Bytes that were written and have not left yet. */
TORC_API size_t torc_unsent(const torc_transport *transport);

/* -- ending -------------------------------------------------------------------------------- */

/*
 * Sends what was written, waits for a registered producer to finish, then closes; connection_lost
 * is told torc_error_connection_done. What is received until then is still delivered. What is
 * written from now on is dropped, unless it comes from the registered producer.
 */
TORC_API void torc_lose_connection(torc_transport *transport);

/* Drops what was written and closes at once (TCP: with a reset): torc_error_connection_aborted. */
TORC_API void torc_abort_connection(torc_transport *transport);

/* As torc_abort_connection, with a reason of your own for connection_lost. Takes over `reason`. */
TORC_API void torc_abort_because(torc_transport *transport, torc_failure *reason);

/* Sends what was written, then closes our half only; reading goes on. */
TORC_API void torc_lose_write(torc_transport *transport);

/* True from torc_lose_connection or torc_abort_connection on, and once the connection is lost. */
TORC_API bool torc_is_closing(const torc_transport *transport);

/* -- reading ------------------------------------------------------------------------------- */

/* No data_received until torc_resume_reading. The end of the connection may go unnoticed too. */
TORC_API void torc_pause_reading(torc_transport *transport);
TORC_API void torc_resume_reading(torc_transport *transport);
TORC_API bool torc_reading_is_paused(const torc_transport *transport);

/* -- producers ----------------------------------------------------------------------------- */

typedef struct torc_producer torc_producer;

typedef struct torc_producer_class {
    void (*resume)(torc_producer *producer); /* produce (pull: one piece; push: go on) */
    void (*pause)(torc_producer *producer);  /* stop for now; push producers only, else NULL */
    void (*stop)(torc_producer *producer);   /* the connection is gone; always set */
} torc_producer_class;

/* Embed it in the object that produces. */
struct torc_producer {
    const torc_producer_class *kind;
};

/*
 * A push producer writes by itself, and is told to pause above the high-water mark and to resume
 * below the low one. It is not resumed at registration.
 */
TORC_API void torc_register_push_producer(torc_transport *transport, torc_producer *producer);

/*
 * A pull producer is told to resume whenever less than the low-water mark waits, from the next
 * turn on, until it unregisters.
 */
TORC_API void torc_register_pull_producer(torc_transport *transport, torc_producer *producer);

/*
 * A transport has at most one producer: registering another aborts the program. On a transport
 * that is closed, the producer is stopped in the next turn. Unregister when there is no more to
 * come; after that (and after stop) the transport does not touch the producer any more.
 */
TORC_API void torc_unregister_producer(torc_transport *transport);

/*
 * Bytes; low <= high <= cap. Defaults: TORC_LOW_WATER, TORC_HIGH_WATER, TORC_WRITE_CAP.
 */
TORC_API void torc_set_water_marks(torc_transport *transport, size_t low, size_t high, size_t cap);

#define TORC_LOW_WATER  ((size_t)16 * 1024)
#define TORC_HIGH_WATER ((size_t)64 * 1024)
#define TORC_WRITE_CAP  ((size_t)256 * 1024 * 1024)

/* -- facts and options --------------------------------------------------------------------- */

TORC_API torc_address torc_local_address(const torc_transport *transport);
TORC_API torc_address torc_peer_address(const torc_transport *transport);

/* As torc_address_host of the peer, without asking the system. */
TORC_API const char *torc_peer_host(
    const torc_transport *transport, char text[TORC_ADDRESS_TEXT_MAX]);

/*
 * Which process was at the other end when the connection was made, and for whom it ran: of UNIX
 * sockets. False, and nothing written, elsewhere. *ret_process is -1 where the system does not say.
 */
TORC_API bool torc_peer_credentials(const torc_transport *transport, int64_t *ret_process,
    uint32_t *ret_user, uint32_t *ret_group);

/* TCP only; no-ops elsewhere. No-delay is on by default: output is gathered already. */
TORC_API void torc_set_no_delay(torc_transport *transport, bool on);

/* Probes of an idle TCP connection after `idle`; 0 turns them off (the default). */
TORC_API void torc_set_keep_alive(torc_transport *transport, torc_time idle);

TORC_API torc_reactor *torc_transport_reactor(const torc_transport *transport);

TORC_END_DECLS

#endif /* TORC_TRANSPORT_H */
