/*
 * Messages to the kernel about its network interfaces (rtnetlink). The kernel does what a message
 * asks for before send() returns, so its answer is there to be read and nothing is waited for.
 *
 * The answer is told from what else may lie there (one that was not read because reading it failed)
 * by its number. One that makes no sense is EPROTO.
 */
#include "transport/tun.h"

#include "base/system_call.h"

#if defined(__linux__)

# include <linux/if_link.h>
# include <linux/netlink.h>
# include <linux/rtnetlink.h>
# include <net/if.h>
# include <stdatomic.h>
# include <string.h>
# include <sys/socket.h>

/* So many are read for one's own; beyond what the kernel has for errno, it is no error. */
enum { ANSWERS_MAX = 16, ERROR_MAX = 4095 };

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

typedef struct answer {
    struct nlmsghdr header;
    struct nlmsgerr error;
    char rest[256];
} answer;

static int send_request(int netlink, const request *message)
{
    ssize_t sent;

    do
        sent = TORC__CALL(send, netlink, message, message->header.nlmsg_len, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0 ? 0 : -errno;
}

/* The length of what lies there, or -errno. */
static ssize_t receive_answer(int netlink, answer *ret_answer)
{
    ssize_t got;

    do
        got = TORC__CALL(recv, netlink, ret_answer, sizeof *ret_answer, 0);
    while (got < 0 && errno == EINTR);
    return got >= 0 ? got : -errno;
}

/* 0 or -errno, as the kernel says. */
static int result_of(const answer *got, size_t length)
{
    if (length < NLMSG_LENGTH(sizeof got->error) || got->header.nlmsg_type != NLMSG_ERROR
        || got->header.nlmsg_len < NLMSG_LENGTH(sizeof got->error) || got->error.error > 0
        || got->error.error < -ERROR_MAX)
        return -EPROTO;
    return got->error.error;
}

static int ask(int netlink, request *message)
{
    static atomic_uint number;
    answer got = { .rest = { 0 } };
    int error;

    message->header.nlmsg_seq = atomic_fetch_add(&number, 1) + 1;
    error = send_request(netlink, message);
    for (int i = 0; i < ANSWERS_MAX && error == 0; i++) {
        ssize_t length = receive_answer(netlink, &got);

        if (length < 0)
            return (int)length;
        if ((size_t)length < sizeof got.header)
            return -EPROTO;
        if (got.header.nlmsg_seq == message->header.nlmsg_seq)
            return result_of(&got, (size_t)length);
    }
    return error != 0 ? error : -EPROTO;
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
