/*
 * socket: the system calls on sockets that drivers share. Each gives 0 or a descriptor, or a
 * negative errno.
 */
#ifndef TORC_REACTOR_DRIVER_SOCKET_H
#define TORC_REACTOR_DRIVER_SOCKET_H

#include <torc/driver.h>

/* A socket that listens; non-blocking, closed on exec. What it accepts has no-delay set. */
int torc__socket_listen(const torc_address *address, const torc_socket_options *options);

/* Readies one that came from elsewhere: it must listen. */
int torc__socket_adopt_listener(int descriptor);

/*
 * A socket that is connecting to `peer`, or is connected already. `local` may be NULL.
 */
int torc__socket_connect(const torc_address *peer, const torc_address *local);

/* Makes a descriptor that came from elsewhere non-blocking and closed on exec. */
int torc__socket_prepare(int descriptor);

/* The next connection, non-blocking and closed on exec. */
int torc__socket_accept(int listener, torc_address *ret_peer);

/* Whom a connection is to; -errno where it is over already. */
int torc__socket_accepted_peer(int descriptor, torc_address *ret_peer);

/* Sends; how many bytes went, or a negative errno. */
ssize_t torc__socket_send(int descriptor, const struct iovec *pieces, int count, bool more);
ssize_t torc__socket_send_file(int descriptor, int file, int64_t offset, size_t length);

/* How connecting went: 0, or an errno. */
int torc__socket_error(int descriptor);

/* Whether anything has come that was not received yet. */
bool torc__socket_has_input(int descriptor);

void torc__socket_close(int descriptor, bool reset);
void torc__socket_local_address(int descriptor, torc_address *ret_address);
void torc__socket_peer_address(int descriptor, torc_address *ret_address);
int torc__socket_set_option(int descriptor, torc_io_option option, int value);

#endif /* TORC_REACTOR_DRIVER_SOCKET_H */
