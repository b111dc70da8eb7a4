/*
 * Sockets, as Linux and the BSDs know them.
 */
#include "reactor/driver/socket.h"

#include "base/socket_address.h"
#include "base/system_call.h"
#include "reactor/driver/path_lock.h"
#include "reactor/driver/socket_passing.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#if defined(__linux__)
# include <sys/sendfile.h>
#endif

/* A listener's default queue; the system cuts it to what it allows. */
enum { DEFAULT_BACKLOG = 4096 };

/* -- opening ------------------------------------------------------------------------------- */

int torc__socket_prepare(int descriptor)
{
    int flags = TORC__CALL(fcntl, descriptor, F_GETFL);

    if (flags < 0 || TORC__CALL(fcntl, descriptor, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    if (TORC__CALL(fcntl, descriptor, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    return 0;
}

static int open_socket(int family)
{
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
    int descriptor = TORC__CALL(socket, family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return descriptor >= 0 ? descriptor : -errno;
#else
    int descriptor = TORC__CALL(socket, family, SOCK_STREAM, 0);
    int error = descriptor >= 0 ? torc__socket_prepare(descriptor) : -errno;

    if (error != 0 && descriptor >= 0)
        close(descriptor);
    return error != 0 ? error : descriptor;
#endif
}

static int switch_on(int descriptor, int level, int option)
{
    int on = 1;

    return TORC__CALL(setsockopt, descriptor, level, option, &on, sizeof on) == 0 ? 0 : -errno;
}

static bool is_ip(int family)
{
    return family == AF_INET || family == AF_INET6;
}

static int set_listening_options(
    int descriptor, int family, const torc_socket_options *options)
{
    int only_ipv6 = !options->both_families;
    int error = 0;

    if (!is_ip(family))
        return 0;
    error = switch_on(descriptor, SOL_SOCKET, SO_REUSEADDR);
#if defined(SO_REUSEPORT)
    if (error == 0 && options->reuse_port)
        error = switch_on(descriptor, SOL_SOCKET, SO_REUSEPORT);
#else
    if (options->reuse_port)
        error = -ENOTSUP;
#endif
    if (error == 0 && family == AF_INET6
        && TORC__CALL(setsockopt, descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6,
            sizeof only_ipv6) < 0)
        error = -errno;
    /* Accepted connections inherit it, which saves a system call for each. */
    if (error == 0)
        error = switch_on(descriptor, IPPROTO_TCP, TCP_NODELAY);
    return error;
}

/* The mode is set before anyone can connect: before listen(). `path` is NULL without a file. */
static int bind_then_listen(int descriptor, const struct sockaddr_storage *socket,
    socklen_t length, const char *path, const torc_socket_options *options)
{
    int backlog = options->backlog > 0 ? options->backlog : DEFAULT_BACKLOG;
    int error = 0;

    if (TORC__CALL(bind, descriptor, (const struct sockaddr *)socket, length) < 0)
        return -errno;
    if (path != NULL && options->unix_mode >= 0
        && TORC__CALL(chmod, path, (mode_t)options->unix_mode) < 0)
        error = -errno;
    if (error == 0 && TORC__CALL(listen, descriptor, backlog) < 0)
        error = -errno;
    if (error != 0 && path != NULL)
        (void)unlink(path);
    return error;
}

/* Between the two a socket looks like a dead program's: see path_lock.h. */
static int bind_and_listen(int descriptor, const struct sockaddr_storage *socket, socklen_t length,
    const torc_socket_options *options)
{
    const char *path = ((const struct sockaddr_un *)(const void *)socket)->sun_path;
    int error;
    int lock;

    if (socket->ss_family != AF_UNIX || path[0] == '\0')
        return bind_then_listen(descriptor, socket, length, NULL, options);
    lock = torc__path_lock(path);
    error = bind_then_listen(descriptor, socket, length, path, options);
    torc__path_unlock(lock, path);
    return error;
}

int torc__socket_listen(const torc_address *address, const torc_socket_options *options)
{
    struct sockaddr_storage socket;
    socklen_t length;
    int descriptor;
    int error = torc__address_to_sockaddr(address, &socket, &length);

    if (error != 0)
        return error;
    descriptor = open_socket(socket.ss_family);
    if (descriptor < 0)
        return descriptor;
    error = set_listening_options(descriptor, socket.ss_family, options);
    if (error == 0)
        error = bind_and_listen(descriptor, &socket, length, options);
    if (error == 0)
        return descriptor;
    close(descriptor);
    return error;
}

int torc__socket_adopt_listener(int descriptor)
{
    int listening = 0;
    socklen_t size = sizeof listening;

#if defined(SO_ACCEPTCONN)
    if (TORC__CALL(getsockopt, descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0)
        return -errno;
    if (!listening)
        return -EINVAL;
#endif
    (void)switch_on(descriptor, IPPROTO_TCP, TCP_NODELAY);
    return torc__socket_prepare(descriptor);
}

int torc__socket_connect(const torc_address *peer, const torc_address *local)
{
    struct sockaddr_storage socket;
    socklen_t length;
    int descriptor;
    int error = torc__address_to_sockaddr(peer, &socket, &length);

    if (error != 0)
        return error;
    descriptor = open_socket(socket.ss_family);
    if (descriptor < 0)
        return descriptor;
    if (is_ip(socket.ss_family))
        error = switch_on(descriptor, IPPROTO_TCP, TCP_NODELAY);
    if (error == 0 && local != NULL) {
        struct sockaddr_storage from;
        socklen_t from_length;

        error = torc__address_to_sockaddr(local, &from, &from_length);
        if (error == 0 && TORC__CALL(bind, descriptor, (struct sockaddr *)&from, from_length) < 0)
            error = -errno;
    }
    if (error == 0 && TORC__CALL(connect, descriptor, (struct sockaddr *)&socket, length) < 0
        && errno != EINPROGRESS && errno != EINTR)
        error = -errno;
    if (error == 0)
        return descriptor;
    close(descriptor);
    return error;
}

/*
 * A peer over IPv4 of a socket for both families is an IPv4 peer to whoever counts, admits and logs
 * by address.
 */
static void tell_address(
    torc_address *ret_address, const struct sockaddr_storage *socket, socklen_t length)
{
    torc__address_from_sockaddr(ret_address, (const struct sockaddr *)socket, length);
    torc__address_unmap(ret_address);
}

int torc__socket_accept(int listener, torc_address *ret_peer)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    int descriptor;

#if defined(__linux__) || defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__)
    descriptor = TORC__CALL(
        accept4, listener, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0)
        return -errno;
#else
    int error;

    descriptor = TORC__CALL(accept, listener, (struct sockaddr *)&peer, &length);
    if (descriptor < 0)
        return -errno;
    error = torc__socket_prepare(descriptor);
    if (error != 0) {
        close(descriptor);
        return error;
    }
#endif
    tell_address(ret_peer, &peer, length);
    return descriptor;
}

int torc__socket_accepted_peer(int descriptor, torc_address *ret_peer)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;

    if (TORC__CALL(getpeername, descriptor, (struct sockaddr *)&peer, &length) < 0)
        return -errno;
    tell_address(ret_peer, &peer, length);
    return 0;
}

/* -- sending ------------------------------------------------------------------------------- */

#if defined(MSG_NOSIGNAL)
# define SEND_FLAGS MSG_NOSIGNAL
#else
# define SEND_FLAGS 0
#endif

#if defined(MSG_MORE)
# define SEND_MORE MSG_MORE
#else
# define SEND_MORE 0
#endif

ssize_t torc__socket_send(int descriptor, const struct iovec *pieces, int count, bool more)
{
    int flags = SEND_FLAGS | (more ? SEND_MORE : 0);
    struct msghdr message;
    ssize_t sent;

    if (count == 1) {
        sent = TORC__CALL(send, descriptor, pieces[0].iov_base, pieces[0].iov_len, flags);
    } else {
        memset(&message, 0, sizeof message);
        message.msg_iov = (struct iovec *)(uintptr_t)pieces;
        message.msg_iovlen = (size_t)count;
        sent = TORC__CALL(sendmsg, descriptor, &message, flags);
    }
    return sent >= 0 ? sent : -errno;
}

ssize_t torc__socket_send_file(int descriptor, int file, int64_t offset, size_t length)
{
#if defined(__linux__)
    off_t from = (off_t)offset;
    ssize_t sent = TORC__CALL(sendfile, descriptor, file, &from, length);

    if (sent > 0)
        return sent;
    if (sent == 0)
        return -ENODATA;
    return errno == EINVAL ? -ENOSYS : -errno;
#else
    (void)descriptor;
    (void)file;
    (void)offset;
    (void)length;
    return -ENOSYS;
#endif
}

/* -- the rest ------------------------------------------------------------------------------ */

int torc__socket_error(int descriptor)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (TORC__CALL(getsockopt, descriptor, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return errno;
    return error;
}

bool torc__socket_has_input(int descriptor)
{
    int waiting = 0;

    return ioctl(descriptor, FIONREAD, &waiting) == 0 && waiting > 0;
}

void torc__socket_close(int descriptor, bool reset)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };

    if (reset)
        (void)TORC__CALL(setsockopt, descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(descriptor);
}

void torc__socket_local_address(int descriptor, torc_address *ret_address)
{
    struct sockaddr_storage socket;
    socklen_t length = sizeof socket;

    if (TORC__CALL(getsockname, descriptor, (struct sockaddr *)&socket, &length) < 0)
        length = 0;
    tell_address(ret_address, &socket, length);
}

void torc__socket_peer_address(int descriptor, torc_address *ret_address)
{
    struct sockaddr_storage socket;
    socklen_t length = sizeof socket;

    if (TORC__CALL(getpeername, descriptor, (struct sockaddr *)&socket, &length) < 0)
        length = 0;
    tell_address(ret_address, &socket, length);
}

static int set_keep_alive(int descriptor, int seconds)
{
    int on = seconds > 0;

    if (TORC__CALL(setsockopt, descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0)
        return -errno;
#if defined(TCP_KEEPIDLE)
    if (on
        && TORC__CALL(
               setsockopt, descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds) < 0)
        return -errno;
#endif
    return 0;
}

int torc__socket_set_option(int descriptor, torc_io_option option, int value)
{
    if (option == TORC_IO_KEEP_ALIVE)
        return set_keep_alive(descriptor, value);
    if (option == TORC_IO_SPLICE)
        return -ENOTSUP;
    if (option == TORC_IO_TAKE_DESCRIPTORS)
        return torc__socket_passes_descriptors(descriptor);
    if (TORC__CALL(setsockopt, descriptor, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value) < 0)
        return -errno;
    return 0;
}
