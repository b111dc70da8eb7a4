/*
 * Messages to the kernel about its network interfaces (rtnetlink). The kernel does what a message
 * asks for before send() returns, so its answer is there to be read and nothing is waited for.
 */
#include "transport/tun.h"

#include "base/system_call.h"

#if defined(__linux__)

# include <linux/if_link.h>
# include <linux/netlink.h>
# include <linux/rtnetlink.h>
# include <net/if.h>
# include <string.h>
# include <sys/socket.h>

typedef struct request {
    struct nlmsghdr header;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg address;
    } body;
    char attributes[64];
} request;

int torc__netlink_open(void)
{
    int descriptor = TORC__CALL(
        socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

    return descriptor >= 0 ? descriptor : -errno;
}

static void begin(request *message, unsigned type, unsigned flags, size_t body)
{
    memset(message, 0, sizeof *message);
    message->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
    message->header.nlmsg_type = (uint16_t)type;
    message->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    message->header.nlmsg_seq = 1;
}

static void add(request *message, unsigned type, const void *value, size_t length)
{
    size_t at = NLMSG_ALIGN(message->header.nlmsg_len);
    struct rtattr attribute = {
        .rta_len = (unsigned short)RTA_LENGTH(length),
        .rta_type = (unsigned short)type,
    };
    char *place = (char *)message + at;

    memcpy(place, &attribute, sizeof attribute);
    memcpy(place + RTA_LENGTH(0), value, length);
    message->header.nlmsg_len = (uint32_t)(at + RTA_ALIGN(attribute.rta_len));
}

static int ask(int netlink, const request *message)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[256];
    } answer;
    ssize_t got;

    if (TORC__CALL(send, netlink, message, message->header.nlmsg_len, 0) < 0)
        return -errno;
    got = TORC__CALL(recv, netlink, &answer, sizeof answer, 0);
    if (got < 0)
        return -errno;
    if ((size_t)got < NLMSG_LENGTH(sizeof answer.error)
        || answer.header.nlmsg_type != NLMSG_ERROR)
        return -EPROTO;
    return answer.error.error;
}

int torc__netlink_set_link(int netlink, unsigned index, unsigned mtu, bool up)
{
    request message;

    begin(&message, RTM_NEWLINK, 0, sizeof message.body.link);
    message.body.link.ifi_index = (int)index;
    if (up)
        message.body.link.ifi_flags = message.body.link.ifi_change = IFF_UP;
    if (mtu != 0)
        add(&message, IFLA_MTU, &mtu, sizeof mtu);
    return ask(netlink, &message);
}

int torc__netlink_add_address(
    int netlink, unsigned index, const torc_address *address, unsigned prefix)
{
    bool is_ipv4 = address->kind == TORC_ADDRESS_IPV4;
    size_t length = is_ipv4 ? 4 : 16;
    request message;

    begin(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof message.body.address);
    message.body.address.ifa_family = is_ipv4 ? AF_INET : AF_INET6;
    message.body.address.ifa_prefixlen = (unsigned char)prefix;
    message.body.address.ifa_index = index;
    /* Nobody else can have it on a device that leads to us alone: it is used without asking. */
    if (!is_ipv4)
        message.body.address.ifa_flags = IFA_F_NODAD;
    add(&message, IFA_LOCAL, address->ip, length);
    add(&message, IFA_ADDRESS, address->ip, length);
    return ask(netlink, &message);
}

#else

int torc__netlink_open(void)
{
    return -ENOTSUP;
}

int torc__netlink_set_link(int netlink, unsigned index, unsigned mtu, bool up)
{
    (void)netlink;
    (void)index;
    (void)mtu;
    (void)up;
    return -ENOTSUP;
}

int torc__netlink_add_address(
    int netlink, unsigned index, const torc_address *address, unsigned prefix)
{
    (void)netlink;
    (void)index;
    (void)address;
    (void)prefix;
    return -ENOTSUP;
}

#endif
