/*
 * dns_stream: a question on its way to one server and back over a connection of its own, in
 * messages as dns_frame.h has them: for answers that are too long for a datagram. Connections that
 * are kept for many questions are dns_link.h.
 *
 * The connection is opened by a function that the resolver names; the one here opens TCP.
 */
#ifndef TORC_NAMES_DNS_STREAM_H
#define TORC_NAMES_DNS_STREAM_H

#include <torc/address.h>
#include <torc/protocol.h>

#include "transport/transport.h"

typedef struct torc__dns_stream torc__dns_stream;

typedef struct torc__dns_stream_events {
    /* A message from the server. May close the stream. */
    void (*received)(void *owner, torc_slice bytes);

    /* Nothing more comes: the connection could not be made, or is lost. May close the stream. */
    void (*failed)(void *owner, int error);
} torc__dns_stream_events;

/*
 * Opens a connection to `server` for a transport that is not started; `connector` is told. 0 or an
 * errno, and then nothing is told.
 */
typedef int torc__dns_stream_opener(torc_transport *transport, const torc_address *server,
    torc__connector *connector);

torc__dns_stream_opener torc__dns_stream_open_tcp;

/* Sends `bytes`, of at most 65535. NULL with *ret_error, an errno; then no event comes. */
torc__dns_stream *torc__dns_stream_new(torc_scope *scope, torc__dns_stream_opener *open,
    const torc_address *server, torc_slice bytes, const torc__dns_stream_events *events,
    void *owner, int *ret_error);

/* NULL is a no-op. */
void torc__dns_stream_close(torc__dns_stream *stream);

#endif /* TORC_NAMES_DNS_STREAM_H */
