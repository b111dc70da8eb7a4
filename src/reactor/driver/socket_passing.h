/*
 * socket_passing: what only sockets between processes of one machine have: descriptors that are
 * passed along with bytes, and the credentials of who is at the other end. 0 or a negative errno.
 */
#ifndef TORC_REACTOR_DRIVER_SOCKET_PASSING_H
#define TORC_REACTOR_DRIVER_SOCKET_PASSING_H

#include <torc/driver.h>

/* -ENOTSUP where a socket passes no descriptors. */
int torc__socket_passes_descriptors(int descriptor);

/* As torc__socket_send, with descriptors that arrive before the first byte. */
ssize_t torc__socket_send_descriptors(int descriptor, const struct iovec *pieces, int count,
    const int *passed, size_t passed_count);

/*
 * As recv, with the descriptors that came along, closed on exec; those beyond TORC_DESCRIPTORS_MAX
 * are closed. How many bytes, or a negative errno.
 */
ssize_t torc__socket_receive_descriptors(int descriptor, void *buffer, size_t size,
    int ret_passed[TORC_DESCRIPTORS_MAX], size_t *ret_count);

int torc__socket_credentials(int descriptor, torc_io_credentials *ret_credentials);

#endif /* TORC_REACTOR_DRIVER_SOCKET_PASSING_H */
