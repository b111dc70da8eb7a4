/*
 * proxy_header: the PROXY protocol's header, versions 1 and 2, between bytes and values. A proxy
 * sends it before the first byte of a connection that it passes on, to say whom it is from.
 *
 * Specification: haproxy.org, doc/proxy-protocol.txt (2020/03/05). Pure; hostile bytes give a rule
 * that they broke, within TORC__PROXY_HEADER_MAX bytes.
 */
#ifndef TORC_ENDPOINT_PROXY_HEADER_H
#define TORC_ENDPOINT_PROXY_HEADER_H

#include <torc/address.h>

/* The whole of version 1 has at most 107; version 2 may say more, in fields that we skip. */
#define TORC__PROXY_HEADER_MAX  4096
#define TORC__PROXY_HEADER1_MAX 107

/* Long enough for what torc__proxy_header_write gives. */
#define TORC__PROXY_HEADER_WRITTEN_MAX 108

typedef struct torc__proxy_header {
    bool known;          /* else: nothing is said, and the connection's own addresses hold */
    torc_address source;
    torc_address destination;
} torc__proxy_header;

/*
 * Reads the header at the front of `bytes`: gives its length, or 0 where more bytes are needed, or
 * -1 and in *ret_problem the rule that was broken.
 */
TORC_API int torc__proxy_header_read(
    torc_slice bytes, torc__proxy_header *ret_header, const char **ret_problem);

/* Writes a header of `version` 1 or 2; unless both addresses are IPv4, or IPv6, of nobody. */
TORC_API size_t torc__proxy_header_write(unsigned version, const torc_address *source,
    const torc_address *destination, char ret_bytes[TORC__PROXY_HEADER_WRITTEN_MAX]);

#endif /* TORC_ENDPOINT_PROXY_HEADER_H */
