/*
 * Datagram sockets, as Linux and the BSDs know them.
 *
 * IP_RECVERR stays off. With it on, Linux reports the ICMP errors of every peer on an unconnected
 * socket, as the failure of whatever is sent or received next: one client that has gone would make
 * the answers to others fail. Without it a connected socket still learns that nobody listens.
 */
#include "reactor/driver/datagram_socket.h"

#include "base/socket_address.h"
#include "base/system_call.h"
#include "reactor/driver/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* An address as the system wants it. */
typedef struct system_address {
    struct sockaddr_storage socket;
    socklen_t length;
} system_address;

static int set_number(int descriptor, int level, int option, int value)
{
    return TORC__CALL(setsockopt, descriptor, level, option, &value, sizeof value) == 0 ? 0
                                                                                      : -errno;
}

/* -- opening ------------------------------------------------------------------------------- */

static int open_socket(int family)
{
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
    int descriptor = TORC__CALL(socket, family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return descriptor >= 0 ? descriptor : -errno;
#else
    int descriptor = TORC__CALL(socket, family, SOCK_DGRAM, 0);
    int error = descriptor >= 0 ? torc__socket_prepare(descriptor) : -errno;

    if (error != 0 && descriptor >= 0)
        close(descriptor);
    return error != 0 ? error : descriptor;
#endif
}

/*
 * SO_REUSEADDR lets datagram sockets take each other's port, so it is set only where sharing was
 * asked for; the BSDs want SO_REUSEPORT for that besides.
 */
static int set_sharing(int descriptor, const torc_datagram_options *options)
{
    bool reuse_port = options->reuse_port;
    int error = 0;

    if (options->share_address)
        error = set_number(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
#if !defined(__linux__)
    reuse_port = reuse_port || options->share_address;
#endif
    if (error != 0 || !reuse_port)
        return error;
#if defined(SO_REUSEPORT)
    return set_number(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
#else
    return -ENOTSUP;
#endif
}

/*
 * Linux gives a socket the datagrams of every group that any program of the machine has joined,
 * unless it is told to give only those that the socket itself has. Older kernels cannot be told.
 */
static void take_own_groups_only(int descriptor, int family)
{
#if defined(IP_MULTICAST_ALL)
    (void)set_number(descriptor, IPPROTO_IP, IP_MULTICAST_ALL, 0);
#endif
#if defined(IPV6_MULTICAST_ALL)
    if (family == AF_INET6)
        (void)set_number(descriptor, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
#endif
    (void)descriptor;
    (void)family;
}

static int set_options(int descriptor, int family, const torc_datagram_options *options)
{
    int error;

    if (family != AF_INET && family != AF_INET6)
        return 0;
    take_own_groups_only(descriptor, family);
    error = set_sharing(descriptor, options);
    if (error == 0 && options->broadcast)
        error = set_number(descriptor, SOL_SOCKET, SO_BROADCAST, 1);
    if (error == 0 && family == AF_INET6)
        error = set_number(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, !options->both_families);
    return error;
}

static const char *path_of(const system_address *address)
{
    const char *path = ((const struct sockaddr_un *)(const void *)&address->socket)->sun_path;

    return address->socket.ss_family == AF_UNIX && path[0] != '\0' ? path : NULL;
}

/* Linux makes the file with the socket's own mode, so that nobody can send before it is set. */
static int bind_socket(int descriptor, const system_address *local, int mode)
{
    const char *path = path_of(local);
    bool has_mode = path != NULL && mode >= 0;
    int error;

    if (has_mode)
        (void)TORC__CALL(fchmod, descriptor, (mode_t)mode);
    if (TORC__CALL(bind, descriptor, (const struct sockaddr *)&local->socket, local->length) < 0)
        return -errno;
    if (!has_mode || TORC__CALL(chmod, path, (mode_t)mode) == 0)
        return 0;
    error = -errno;
    (void)unlink(path);
    return error;
}

/* Without a name of its own a UNIX socket could be answered by nobody. */
static void name_unnamed(int descriptor)
{
#if defined(__linux__)
    struct sockaddr_un unnamed = { .sun_family = AF_UNIX };

    (void)TORC__CALL(
        bind, descriptor, (const struct sockaddr *)&unnamed, sizeof unnamed.sun_family);
#else
    (void)descriptor;
#endif
}

static int connect_socket(int descriptor, const system_address *peer)
{
    int connected;

    do
        connected = TORC__CALL(
            connect, descriptor, (const struct sockaddr *)&peer->socket, peer->length);
    while (connected < 0 && errno == EINTR);
    return connected == 0 ? 0 : -errno;
}

static int set_up(int descriptor, const system_address *local, const system_address *peer,
    const torc_datagram_options *options)
{
    int family = (local != NULL ? local : peer)->socket.ss_family;
    int error = set_options(descriptor, family, options);

    if (error == 0 && local != NULL)
        error = bind_socket(descriptor, local, options->unix_mode);
    if (error != 0 || peer == NULL)
        return error;
    if (local == NULL && family == AF_UNIX)
        name_unnamed(descriptor);
    error = connect_socket(descriptor, peer);
    if (error != 0 && local != NULL && path_of(local) != NULL)
        (void)unlink(path_of(local));
    return error;
}

/* 0, or a negative errno. */
static int convert(const torc_address *address, system_address *ret_address)
{
    return address == NULL
        ? 0 : torc__address_to_sockaddr(address, &ret_address->socket, &ret_address->length);
}

int torc__datagram_socket_open(const torc_address *local, const torc_address *peer,
    const torc_datagram_options *options)
{
    system_address from;
    system_address to;
    int descriptor;
    int error = local == NULL && peer == NULL ? -EINVAL : convert(local, &from);

    if (error == 0)
        error = convert(peer, &to);
    if (error != 0)
        return error;
    if (local != NULL && peer != NULL && from.socket.ss_family != to.socket.ss_family)
        return -EAFNOSUPPORT;
    descriptor = open_socket((local != NULL ? &from : &to)->socket.ss_family);
    if (descriptor < 0)
        return descriptor;
    error = set_up(
        descriptor, local != NULL ? &from : NULL, peer != NULL ? &to : NULL, options);
    if (error == 0)
        return descriptor;
    close(descriptor);
    return error;
}

int torc__datagram_socket_adopt(int descriptor, bool *ret_device)
{
    int type = 0;
    socklen_t size = sizeof type;

    *ret_device = false;
    if (TORC__CALL(getsockopt, descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0) {
        if (type != SOCK_DGRAM)
            return -EPROTOTYPE;
    } else if (errno == ENOTSOCK) {
        *ret_device = true;
    } else {
        return -errno;
    }
    return torc__socket_prepare(descriptor);
}

bool torc__datagram_socket_coalesce(int descriptor)
{
#if defined(__linux__) && defined(UDP_GRO)
    return set_number(descriptor, IPPROTO_UDP, UDP_GRO, 1) == 0;
#else
    (void)descriptor;
    return false;
#endif
}

/* -- multicast ----------------------------------------------------------------------------- */

#if defined(__linux__) || defined(__APPLE__) || defined(__FreeBSD__)
typedef struct ip_mreqn ipv4_request;
#else
typedef struct ip_mreq ipv4_request;
#endif

static void fill_ipv4(ipv4_request *ret_request, const torc_multicast *request)
{
    memset(ret_request, 0, sizeof *ret_request);
    memcpy(&ret_request->imr_multiaddr, request->group.ip, sizeof ret_request->imr_multiaddr);
#if defined(__linux__) || defined(__APPLE__) || defined(__FreeBSD__)
    ret_request->imr_ifindex = (int)request->interface_index;
    if (request->interface_address.kind == TORC_ADDRESS_IPV4)
        memcpy(&ret_request->imr_address, request->interface_address.ip,
            sizeof ret_request->imr_address);
#else
    if (request->interface_address.kind == TORC_ADDRESS_IPV4)
        memcpy(&ret_request->imr_interface, request->interface_address.ip,
            sizeof ret_request->imr_interface);
#endif
}

static int set_ipv4(int descriptor, int option, const torc_multicast *request)
{
    ipv4_request filled;

    fill_ipv4(&filled, request);
    return TORC__CALL(setsockopt, descriptor, IPPROTO_IP, option, &filled, sizeof filled) == 0
        ? 0 : -errno;
}

/* The BSDs take a byte for these two, and Linux does as well as a number. */
static int set_ipv4_byte(int descriptor, int option, int value)
{
    unsigned char byte = (unsigned char)value;

    return TORC__CALL(setsockopt, descriptor, IPPROTO_IP, option, &byte, sizeof byte) == 0
        ? 0 : -errno;
}

static int multicast_ipv4(int descriptor, const torc_multicast *request)
{
    switch (request->request) {
    case TORC_MULTICAST_JOIN:
        return set_ipv4(descriptor, IP_ADD_MEMBERSHIP, request);
    case TORC_MULTICAST_LEAVE:
        return set_ipv4(descriptor, IP_DROP_MEMBERSHIP, request);
    case TORC_MULTICAST_INTERFACE:
        return set_ipv4(descriptor, IP_MULTICAST_IF, request);
    case TORC_MULTICAST_LOOP:
        return set_ipv4_byte(descriptor, IP_MULTICAST_LOOP, request->value);
    case TORC_MULTICAST_HOPS:
        return set_ipv4_byte(descriptor, IP_MULTICAST_TTL, request->value);
    }
    return -ENOTSUP;
}

#if !defined(IPV6_ADD_MEMBERSHIP)
# define IPV6_ADD_MEMBERSHIP  IPV6_JOIN_GROUP
# define IPV6_DROP_MEMBERSHIP IPV6_LEAVE_GROUP
#endif

static int set_ipv6(int descriptor, int option, const torc_multicast *request)
{
    struct ipv6_mreq filled;

    memset(&filled, 0, sizeof filled);
    memcpy(&filled.ipv6mr_multiaddr, request->group.ip, sizeof filled.ipv6mr_multiaddr);
    filled.ipv6mr_interface =
        request->interface_index != 0 ? request->interface_index : request->group.scope_id;
    return TORC__CALL(setsockopt, descriptor, IPPROTO_IPV6, option, &filled, sizeof filled) == 0
        ? 0 : -errno;
}

static int multicast_ipv6(int descriptor, const torc_multicast *request)
{
    switch (request->request) {
    case TORC_MULTICAST_JOIN:
        return set_ipv6(descriptor, IPV6_ADD_MEMBERSHIP, request);
    case TORC_MULTICAST_LEAVE:
        return set_ipv6(descriptor, IPV6_DROP_MEMBERSHIP, request);
    case TORC_MULTICAST_INTERFACE:
        return set_number(
            descriptor, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)request->interface_index);
    case TORC_MULTICAST_LOOP:
        return set_number(descriptor, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, request->value);
    case TORC_MULTICAST_HOPS:
        return set_number(descriptor, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, request->value);
    }
    return -ENOTSUP;
}

/* A socket of both families takes requests of both, so a group says by itself which it is of. */
int torc__datagram_socket_multicast(int descriptor, const torc_multicast *request)
{
    torc_address_kind kind = request->group.kind;

    if (kind == TORC_ADDRESS_NONE) {
        torc_address local;

        torc__socket_local_address(descriptor, &local);
        kind = local.kind;
    }
    if (kind == TORC_ADDRESS_IPV4)
        return multicast_ipv4(descriptor, request);
    if (kind == TORC_ADDRESS_IPV6)
        return multicast_ipv6(descriptor, request);
    return -ENOTSUP;
}
