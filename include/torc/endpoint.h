/*
 * endpoint: where to listen and whom to connect to, in a line of text.
 *
 * Listening:
 *     tcp:8080                              all IPv4 addresses
 *     tcp:8080:interface=127.0.0.1          one address; an IPv6 literal too, its colons escaped
 *     tcp:80:backlog=500:reuseport          reuseport: several listeners share the port
 *     tcp6:8080                             IPv6 only: never IPv4 in disguise
 *     unix:/run/app.sock:mode=660           a UNIX socket; the mode in octal
 *     fd:3                                  a listening socket that was inherited
 * Connecting:
 *     tcp:192.0.2.1:80                      or host=…:port=…; a name or a numeric address
 *     tcp6:\:\:1:80
 *     unix:/run/app.sock
 *     fd:0                                  a connected socket that was inherited
 *     …:timeout=10                          seconds; 30 by default
 *     …:bindAddress=192.0.2.9               tcp: the local address
 * The parts are divided by ':'; a ':' or '\' that belongs to a value is written '\:' or '\\'. A
 * part is a value in its place or name=value. Port 0 lets the system choose.
 */
#ifndef TORC_ENDPOINT_H
#define TORC_ENDPOINT_H

#include <torc/deferred.h>
#include <torc/protocol.h>

TORC_BEGIN_DECLS

typedef struct torc_port torc_port; /* something that listens */

/*
 * Listens, and makes a protocol by `factory` for each connection. Never NULL. The port lives in
 * `scope`: it closes when the scope ends, and its connections with it. Takes over the hold on
 * `factory`.
 *
 * Whether it succeeded is told by torc_port_opened. Where nobody asks, a failure is logged in one
 * line that names the endpoint and the remedy, and the reactor stops with exit status 1.
 */
TORC_API torc_port *torc_listen(torc_scope *scope, const char *description, torc_factory *factory);

/*
 * Fires with a torc_pointer to the port when it listens, or with a failure of type
 * torc_error_listen (or torc_error_invalid_argument for a bad description). Ask in the turn in
 * which you called torc_listen, and only once.
 */
TORC_API torc_deferred *torc_port_opened(torc_port *port);

/*
 * Stops listening; connections that were made stay. Fires with nothing once it is closed; `port`
 * must not be used after that.
 */
TORC_API torc_deferred *torc_port_stop(torc_port *port);

/* The address it listens on, with the real port where 0 was asked for. */
TORC_API torc_address torc_port_address(const torc_port *port);

/*
 * Connects, and makes a protocol by `factory` when it has. Fires with a torc_pointer to the
 * protocol, after its connection_made; or with a failure of type torc_error_connect that names the
 * endpoint. Cancelling stops the attempt. The connection lives in `scope`. Takes over the hold on
 * `factory`.
 */
TORC_API torc_deferred *torc_connect(
    torc_scope *scope, const char *description, torc_factory *factory);

TORC_END_DECLS

#endif /* TORC_ENDPOINT_H */
