/*
 * socket_address: between torc_address and what the system's socket calls take. For drivers only.
 *
 * An IPv4 address that the system shows inside an IPv6 one (::ffff:192.0.2.7) stays IPv6 here: it
 * says what kind of socket it came from, and so how a datagram is answered. An abstract UNIX name,
 * which begins with a NUL byte for the system, begins with '@' here; a file whose name begins so is
 * written "./@name".
 */
#ifndef TORC_BASE_SOCKET_ADDRESS_H
#define TORC_BASE_SOCKET_ADDRESS_H

#include <torc/address.h>

#include <sys/socket.h>

/*
 * 0, or a negative errno: -EINVAL for an address of no kind or an empty path, -ENAMETOOLONG for
 * a path that the system cannot take, -EAFNOSUPPORT for an abstract name where there is no such
 * thing.
 */
int torc__address_to_sockaddr(
    const torc_address *address, struct sockaddr_storage *ret_socket, socklen_t *ret_length);

/* Fills in *ret_address in every case; what is not one of ours is of kind TORC_ADDRESS_NONE. */
void torc__address_from_sockaddr(
    torc_address *ret_address, const struct sockaddr *socket, socklen_t length);

/* Makes an IPv4 address of one that was written, or is shown, as IPv6; others stay as they are. */
void torc__address_unmap(torc_address *address);

#endif /* TORC_BASE_SOCKET_ADDRESS_H */
