/*
 * tunnel: what a proxy is asked for, by SOCKS or by CONNECT of HTTP: a connection to a host and
 * port, and with what credentials. A value; the host is as it was written, for the proxy to
 * understand.
 */
#ifndef TORC_ENDPOINT_TUNNEL_H
#define TORC_ENDPOINT_TUNNEL_H

#include <torc/address.h>

#define TORC__TUNNEL_SECRET_MAX 255 /* RFC 1929; and enough for HTTP */

typedef struct torc__tunnel {
    torc_address address; /* kind TORC_ADDRESS_NONE: by name */
    char host[254];
    uint16_t port;
    bool has_user;
    char user[TORC__TUNNEL_SECRET_MAX + 1];
    char password[TORC__TUNNEL_SECRET_MAX + 1];
} torc__tunnel;

#endif /* TORC_ENDPOINT_TUNNEL_H */
