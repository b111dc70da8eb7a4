/*
 * endpoint: where to listen and whom to connect to, in a line of text or in a struct.
 *
 * Listening:
 *     tcp:8080                              all IPv4 addresses
 *     tcp:8080:interface=127.0.0.1          one address; an IPv6 literal too, in brackets
 *     tcp:8080:interface=[::]               all addresses, of IPv6 and IPv4
 *     tcp:80:backlog=500:reuseport          reuseport: several listeners share the port
 *     tcp:80:interface=192.0.2.1:wait       wait: the address may come later
 *     tcp6:8080                             IPv6 only: never IPv4 in disguise
 *     unix:/run/app.sock:mode=660           a UNIX socket; the mode in octal
 *     memory:NAME                           within the reactor, without a socket
 *     fd:3                                  a listening socket that was inherited
 *     systemd:0, systemd:name=web           one that the service manager has handed over
 *     stdio:                                standard input and output: one connection, at once
 *     haproxy:tcp:8080                      behind a proxy that tells the peer (PROXY protocol)
 * Connecting:
 *     tcp:192.0.2.1:80                      or host=…:port=…; a name or a numeric address
 *     tcp6:[::1]:80
 *     unix:/run/app.sock
 *     memory:NAME
 *     fd:0                                  a connected socket that was inherited
 *     process:bc:-q                         a command and its arguments, which is started for it
 *         :directory=/srv:variable=LANG=C   where, and what is changed in the environment
 *     haproxy:tcp:host:80                   tells our own address first; haproxy-v2: in binary
 *     socks:host:80:endpoint=tcp\:proxy\:1080      through a SOCKS5 proxy, at any endpoint
 *     http-proxy:host:443:endpoint=tcp\:proxy\:3128 ... or one that knows CONNECT
 *         :user=me:password=secret          what the proxy wants to know
 *     …:timeout=10                          seconds; 30 by default
 *     …:bindAddress=192.0.2.9               tcp: the local address
 * The parts are divided by ':'; a ':' or '\' that belongs to a value is written '\:' or '\\'
 * (torc_endpoint_quote), but not within brackets. A part is a value in its place or name=value.
 * Port 0 lets the system choose.
 *
 * stdio: serves the one connection that is there when the program starts, as from inetd, ssh or a
 * pipeline. The port then has nothing more to accept, and does not stop by itself; what the
 * connection's end means for the program is its protocol's to say. Torc logs to standard error;
 * whatever else the program prints to its standard output would be sent to the peer.
 *
 * process: is the other end of that: bytes go to the command's standard input, and those of its
 * standard output come; its standard error is ours. There is no shell unless it is the command. An
 * '=' of the command's is written '\='; variable may be given several times, and without a '=' it
 * takes away. A command that cannot be started is a failure of the connecting. The connection ends
 * when the command has closed its output and exited (or has not exited 2 s later): cleanly with
 * status 0, else with torc_error_connection_lost, whose cause is of type torc_error_exited.
 * torc_lose_connection closes both streams, and the command goes on until it has done what it was
 * told; torc_abort_connection, a cancelled attempt and the end of the scope ask it to exit, as in
 * <torc/process.h>. Of the proxies' kinds and tls, those that take an endpoint stand around it:
 * tls:name=example.org:endpoint=process\:ssh\:gateway\:nc\:example.org\:443.
 *
 * A name is looked up by the reactor's resolver (<torc/names.h>: /etc/hosts, /etc/resolv.conf, a
 * cache; no thread, unless nsswitch.conf wants one), and its addresses are tried side by side, IPv6
 * and IPv4 in turns: the next one 250 ms after the last or as soon as one fails (RFC 8305). Those
 * for IPv6 are tried while those for IPv4 are still looked up, and the other way round after 50 ms.
 * The first that opens is taken, and the others are dropped; where all fail, one failure tells of
 * each.
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
 * A second descriptor of the port's socket, for another process that is to go on with it: pass it
 * by torc_send_descriptor, which takes it over, and have it listened on as "fd:NUMBER" there. It is
 * the caller's to close, and closed on exec. -1: the port does not listen, has no socket (memory:,
 * stdio:), or there are too many open files.
 *
 * Both then accept from one queue, and a connection in it is lost only when both have closed. So
 * nobody is refused when the successor listens first and torc_port_stop comes after that. The path
 * of a UNIX socket, of which from now on others may be the owners, is left where it is; a later
 * listener clears it once nobody listens there. Who is still in a handshake (tls:, haproxy:) when
 * the port stops is cut off. The io_uring driver accepts ahead: what the kernel has accepted for it
 * when the port stops is lost, so a program that hands over should run on another driver. See
 * examples/hand_over.c.
 */
TORC_API int torc_port_descriptor(torc_port *port);

/*
 * Connects, and makes a protocol by `factory` when it has. Fires with a torc_pointer to the
 * protocol, after its connection_made; or with a failure of type torc_error_connect that names the
 * endpoint. Cancelling stops the attempt. The connection lives in `scope`. Takes over the hold on
 * `factory`.
 */
TORC_API torc_deferred *torc_connect(
    torc_scope *scope, const char *description, torc_factory *factory);

/* -- without text -------------------------------------------------------------------------- */

/* For kinds with arguments that torc_endpoint has no member for. */
typedef struct torc_endpoint_argument {
    const char *name; /* NULL: the end of the list */
    const char *value; /* "" for one that is given by its name alone */
} torc_endpoint_argument;

/*
 * An endpoint as a value: what is not set is not given. The members are those of the description;
 * one that the kind does not know is a failure, as there. Needed only until the call returns.
 *
 *     torc_listen_at(scope, &(torc_endpoint){ .port = 8080 }, factory);
 *     torc_connect_to(scope, &(torc_endpoint){
 *         .kind = "socks", .host = "example.org", .port = 80,
 *         .inner = &(torc_endpoint){ .host = "127.0.0.1", .port = 1080 } }, factory);
 */
typedef struct torc_endpoint {
    const char *kind;       /* NULL: "tcp" */
    const char *host;       /* listening: the interface. An IPv6 one without brackets */
    uint16_t port;
    const char *path;       /* unix */
    const char *name;       /* memory, systemd */
    const char *const *arguments; /* process: the command first, the last NULL */
    const char *const *variables; /* process: "NAME=value"; "NAME" alone takes it away; to a NULL */
    const char *directory;  /* process */
    int descriptor;         /* fd; systemd: the index, where there is no name */
    unsigned mode;          /* unix, listening: permissions; 0: as the process makes files */
    unsigned backlog;       /* listening; 0: as large as the system allows */
    bool reuse_port;        /* listening */
    bool waits;             /* listening: for the address to come */
    torc_time timeout;      /* connecting; 0: 30 s */
    const char *local_host; /* connecting */
    const char *user;       /* of a proxy */
    const char *password;
    const struct torc_endpoint *inner; /* what the kind stands around */
    const torc_endpoint_argument *further;
} torc_endpoint;

/* As torc_listen and torc_connect. */
TORC_API torc_port *torc_listen_at(
    torc_scope *scope, const torc_endpoint *endpoint, torc_factory *factory);
TORC_API torc_deferred *torc_connect_to(
    torc_scope *scope, const torc_endpoint *endpoint, torc_factory *factory);

/*
 * Writes the endpoint's description, for listening or for connecting, cut at `size` bytes with its
 * NUL; gives the length that the whole has.
 */
TORC_API size_t torc_endpoint_describe(
    const torc_endpoint *endpoint, bool listening, char *text, size_t size);

/*
 * Writes `value` as it must stand in a description, so that it is one value and nothing else; as
 * torc_endpoint_describe.
 */
TORC_API size_t torc_endpoint_quote(torc_slice value, char *text, size_t size);

TORC_END_DECLS

#endif /* TORC_ENDPOINT_H */
