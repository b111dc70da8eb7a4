/*
 * socks: what a client says to a SOCKS5 proxy, and hears from it (RFC 1928; user and password: RFC
 * 1929), between bytes and values. Pure and resumable: the same however the bytes are cut.
 *
 *     METHOD -> (PASSWORD ->) REPLY -> DONE
 *
 * Only CONNECT is asked for; names are given to the proxy as they are, which looks them up.
 */
#ifndef TORC_ENDPOINT_SOCKS_H
#define TORC_ENDPOINT_SOCKS_H

#include <torc/address.h>
#include <torc/failure.h>

#include "endpoint/tunnel.h"

/* Long enough for each of our messages. */
#define TORC__SOCKS_MESSAGE_MAX 520

/* The longest reply: a name of 255 bytes. */
#define TORC__SOCKS_REPLY_MAX 262

typedef enum torc__socks_stage {
    TORC__SOCKS_METHOD,
    TORC__SOCKS_PASSWORD,
    TORC__SOCKS_REPLY,
    TORC__SOCKS_DONE,
} torc__socks_stage;

/* The first message; gives its length. */
TORC_API size_t torc__socks_greeting(
    const torc__tunnel *tunnel, char ret_message[TORC__SOCKS_MESSAGE_MAX]);

/*
 * Reads the next message at the front of `bytes`: gives its length, 0 where more bytes are needed,
 * or -1 and why in *ret_problem, with the type that fits in *ret_type. *ret_length is that of the
 * message to be sent next, 0 where there is none.
 */
TORC_API int torc__socks_read(torc__socks_stage *stage, const torc__tunnel *tunnel,
    torc_slice bytes, char ret_message[TORC__SOCKS_MESSAGE_MAX], size_t *ret_length,
    const char **ret_problem, const torc_failure_type **ret_type);

#endif /* TORC_ENDPOINT_SOCKS_H */
