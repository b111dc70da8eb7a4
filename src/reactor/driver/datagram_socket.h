/*
 * datagram_socket: the system calls by which drivers open and set up datagram sockets. Each gives
 * 0 or a descriptor, or a negative errno. What is sent and received is in datagram_batch.h.
 */
#ifndef TORC_REACTOR_DRIVER_DATAGRAM_SOCKET_H
#define TORC_REACTOR_DRIVER_DATAGRAM_SOCKET_H

#include <torc/driver.h>

/*
 * A datagram socket bound to `local` and connected to `peer`, either of which may be NULL;
 * non-blocking, closed on exec. A UNIX socket that is only connected gets an abstract name where
 * there is such a thing, so that it can be answered.
 */
int torc__datagram_socket_open(const torc_address *local, const torc_address *peer,
    const torc_datagram_options *options);

/*
 * Readies one that came from elsewhere; in *ret_device whether it is a packet device and not a
 * socket.
 */
int torc__datagram_socket_adopt(int descriptor, bool *ret_device);

int torc__datagram_socket_multicast(int descriptor, const torc_multicast *request);

/* Whether the kernel now hands over several datagrams in one (see datagram_batch.h). */
bool torc__datagram_socket_coalesce(int descriptor);

#endif /* TORC_REACTOR_DRIVER_DATAGRAM_SOCKET_H */
