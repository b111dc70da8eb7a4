/*
 * The conversion copies every struct instead of casting pointers to it: what the system hands out
 * may be shorter than the type that it claims to be, and aligned for another.
 */
#include "base/socket_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

_Static_assert(sizeof(((struct sockaddr_un *)NULL)->sun_path) <= TORC_UNIX_PATH_MAX,
    "an address must hold every path of the system");

static int unix_to_sockaddr(
    const torc_address *address, struct sockaddr_storage *ret_socket, socklen_t *ret_length)
{
    struct sockaddr_un local;
    size_t length = strnlen(address->path, sizeof address->path);
    bool is_abstract = address->path[0] == '@';

    if (length == 0)
        return -EINVAL;
#ifndef __linux__
    if (is_abstract)
        return -EAFNOSUPPORT;
#endif
    /* An abstract name may fill the field; a path needs its NUL. */
    if (length > sizeof local.sun_path - (is_abstract ? 0 : 1))
        return -ENAMETOOLONG;
    memset(&local, 0, sizeof local);
    local.sun_family = AF_UNIX;
    memcpy(local.sun_path, address->path, length);
    if (is_abstract)
        local.sun_path[0] = '\0';
    memcpy(ret_socket, &local, sizeof local);
    *ret_length = (socklen_t)(PATH_OFFSET + length + (is_abstract ? 0 : 1));
    return 0;
}

static int ipv4_to_sockaddr(
    const torc_address *address, struct sockaddr_storage *ret_socket, socklen_t *ret_length)
{
    struct sockaddr_in internet;

    memset(&internet, 0, sizeof internet);
    internet.sin_family = AF_INET;
    internet.sin_port = htons(address->port);
    memcpy(&internet.sin_addr, address->ip, sizeof internet.sin_addr);
    memcpy(ret_socket, &internet, sizeof internet);
    *ret_length = sizeof internet;
    return 0;
}

static int ipv6_to_sockaddr(
    const torc_address *address, struct sockaddr_storage *ret_socket, socklen_t *ret_length)
{
    struct sockaddr_in6 internet;

    memset(&internet, 0, sizeof internet);
    internet.sin6_family = AF_INET6;
    internet.sin6_port = htons(address->port);
    internet.sin6_scope_id = address->scope_id;
    memcpy(&internet.sin6_addr, address->ip, sizeof internet.sin6_addr);
    memcpy(ret_socket, &internet, sizeof internet);
    *ret_length = sizeof internet;
    return 0;
}

int torc__address_to_sockaddr(
    const torc_address *address, struct sockaddr_storage *ret_socket, socklen_t *ret_length)
{
    switch (address->kind) {
    case TORC_ADDRESS_IPV4:
        return ipv4_to_sockaddr(address, ret_socket, ret_length);
    case TORC_ADDRESS_IPV6:
        return ipv6_to_sockaddr(address, ret_socket, ret_length);
    case TORC_ADDRESS_UNIX:
        return unix_to_sockaddr(address, ret_socket, ret_length);
    case TORC_ADDRESS_NONE:
        break;
    }
    return -EINVAL;
}

static void unix_from_sockaddr(
    torc_address *ret_address, const struct sockaddr *socket, size_t length)
{
    const char *path = (const char *)socket + PATH_OFFSET;
    size_t count = length > PATH_OFFSET ? length - PATH_OFFSET : 0;

    if (count > TORC_UNIX_PATH_MAX)
        count = TORC_UNIX_PATH_MAX;
    if (count > 0 && path[0] != '\0')
        count = strnlen(path, count);
    if (count == 0)
        return;
    ret_address->kind = TORC_ADDRESS_UNIX;
    /* NUL bytes count in an abstract name; they are shown as the system's own tables show them. */
    for (size_t i = 0; i < count; i++)
        ret_address->path[i] = path[i] != '\0' ? path[i] : '@';
}

void torc__address_from_sockaddr(
    torc_address *ret_address, const struct sockaddr *socket, socklen_t length)
{
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    sa_family_t family;

    memset(ret_address, 0, sizeof *ret_address);
    if (length < offsetof(struct sockaddr, sa_family) + sizeof family)
        return;
    memcpy(&family, (const char *)socket + offsetof(struct sockaddr, sa_family), sizeof family);
    if (family == AF_INET && length >= sizeof ipv4) {
        memcpy(&ipv4, socket, sizeof ipv4);
        ret_address->kind = TORC_ADDRESS_IPV4;
        ret_address->port = ntohs(ipv4.sin_port);
        memcpy(ret_address->ip, &ipv4.sin_addr, sizeof ipv4.sin_addr);
    } else if (family == AF_INET6 && length >= sizeof ipv6) {
        memcpy(&ipv6, socket, sizeof ipv6);
        ret_address->kind = TORC_ADDRESS_IPV6;
        ret_address->port = ntohs(ipv6.sin6_port);
        ret_address->scope_id = ipv6.sin6_scope_id;
        memcpy(ret_address->ip, &ipv6.sin6_addr, sizeof ipv6.sin6_addr);
    } else if (family == AF_UNIX) {
        unix_from_sockaddr(ret_address, socket, length);
    }
}

void torc__address_unmap(torc_address *address)
{
    static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

    if (address->kind != TORC_ADDRESS_IPV6 || memcmp(address->ip, prefix, sizeof prefix) != 0)
        return;
    address->kind = TORC_ADDRESS_IPV4;
    address->scope_id = 0;
    memmove(address->ip, address->ip + sizeof prefix, 4);
    memset(address->ip + 4, 0, sizeof address->ip - 4);
}
