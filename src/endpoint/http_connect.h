/*
 * http_connect: what a client says to an HTTP proxy to be connected through it, and what it hears
 * (CONNECT, RFC 9110 9.3.6; Basic credentials, RFC 7617), between bytes and values. Pure.
 *
 * Of the answer only the status matters; its fields are skipped, within a bound.
 */
#ifndef TORC_ENDPOINT_HTTP_CONNECT_H
#define TORC_ENDPOINT_HTTP_CONNECT_H

#include "endpoint/tunnel.h"

#define TORC__HTTP_CONNECT_MAX      1536 /* of the request */
#define TORC__HTTP_CONNECT_HEAD_MAX 8192 /* of an answer's head */

/* Gives its length. */
TORC_API size_t torc__http_connect_request(
    const torc__tunnel *tunnel, char ret_request[TORC__HTTP_CONNECT_MAX]);

/*
 * Reads an answer's head at the front of `bytes`: gives its length, 0 where more bytes are needed,
 * or -1 for what is no HTTP. *ret_status is the status: 1xx is an answer before the answer, after
 * 2xx the tunnel is open. *ret_reason points into `bytes`.
 */
TORC_API int torc__http_connect_read(torc_slice bytes, int *ret_status, torc_slice *ret_reason);

#endif /* TORC_ENDPOINT_HTTP_CONNECT_H */
