/*
 * address: one end of a connection, as a value.
 *
 * An IPv4 or IPv6 address with its port, or the path of a UNIX socket. No system header is needed
 * to read one.
 *
 *     char text[TORC_ADDRESS_TEXT_MAX];
 *     torc_address peer = torc_peer_address(self->transport);
 *
 *     puts(torc_address_text(&peer, text));        // 192.0.2.7:4711, [2001:db8::1]:80, /run/x
 */
#ifndef TORC_ADDRESS_H
#define TORC_ADDRESS_H

#include <torc/slice.h>

TORC_BEGIN_DECLS

typedef enum torc_address_kind {
    TORC_ADDRESS_NONE, /* unnamed: a memory transport, the client of a UNIX socket */
    TORC_ADDRESS_IPV4,
    TORC_ADDRESS_IPV6,
    TORC_ADDRESS_UNIX,
} torc_address_kind;

#define TORC_UNIX_PATH_MAX 108

typedef struct torc_address {
    torc_address_kind kind;
    uint16_t port;     /* in the machine's own byte order */
    uint32_t scope_id; /* IPv6: the interface of a link-local address, else 0 */
    uint8_t ip[16];    /* IPv4: the first four */
    char path[TORC_UNIX_PATH_MAX + 1]; /* UNIX; an abstract name begins with '@' */
} torc_address;

/* Long enough for every address in text, with its NUL. */
#define TORC_ADDRESS_TEXT_MAX 128

/* host:port, [host]:port or path; "-" for none. Fills and gives back `text`. */
TORC_API const char *torc_address_text(
    const torc_address *address, char text[TORC_ADDRESS_TEXT_MAX]);

/* The host alone: 192.0.2.7, 2001:db8::1, fe80::1%2; the path; "-" for none. */
TORC_API const char *torc_address_host(
    const torc_address *address, char text[TORC_ADDRESS_TEXT_MAX]);

/*
 * Reads a numeric IPv4 or IPv6 address (RFC 4291 2.2; with "%scope" of RFC 4007, in brackets or
 * not). False, and nothing written, for anything else: names are not resolved here.
 */
TORC_API bool torc_address_parse(torc_slice host, uint16_t port, torc_address *ret_address);

TORC_END_DECLS

#endif /* TORC_ADDRESS_H */
