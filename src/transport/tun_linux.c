/*
 * Opening a TUN or TAP device on Linux: the descriptor by /dev/net/tun, the rest by netlink. Each
 * step that fails says which it was, and what would help.
 */
#include "transport/tun.h"

#include "base/system_call.h"

#include <string.h>

#if defined(__linux__)

# include <fcntl.h>
# include <linux/if_tun.h>
# include <linux/virtio_net.h>
# include <net/if.h>
# include <stdlib.h>
# include <sys/ioctl.h>
# include <unistd.h>

_Static_assert(TORC__TUN_NAME_MAX == IFNAMSIZ, "names are as long as the system's");

/* Of what stands before packets that are offloaded; the kernel's own struct, in its short form. */
enum { HEADER_LENGTH = sizeof(struct virtio_net_hdr) };

_Static_assert(HEADER_LENGTH == 10, "as the public header says");

static const char *remedy(int error)
{
    if (error == EPERM || error == EACCES)
        return " (it takes CAP_NET_ADMIN, or a device made for this user by 'ip tuntap add')";
    if (error == ENOENT || error == ENODEV)
        return " (is the module 'tun' loaded?)";
    if (error == EBUSY)
        return " (another program has it open)";
    return "";
}

static torc_failure *failed(int error, const char *step, const char *name)
{
    return torc_failure_make(TORC_HERE, &torc_error_system, error, "network device %s: %s: %s%s",
        name, step, strerror(error), remedy(error));
}

static torc_failure *invalid(const char *what, const char *text)
{
    return torc_failure_new(&torc_error_invalid_argument, "network device: %s: '%s'", what, text);
}

/* "192.0.2.1/24"; without a length it is a single address. */
static bool parse(const char *text, torc_address *ret_address, unsigned *ret_prefix)
{
    const char *slash = strchr(text, '/');
    size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
    char *end = NULL;
    unsigned long limit;
    unsigned long prefix;

    if (!torc_address_parse(torc_slice_make(text, length), 0, ret_address)
        || (ret_address->kind != TORC_ADDRESS_IPV4 && ret_address->kind != TORC_ADDRESS_IPV6))
        return false;
    limit = ret_address->kind == TORC_ADDRESS_IPV4 ? 32 : 128;
    *ret_prefix = (unsigned)limit;
    if (slash == NULL)
        return true;
    prefix = strtoul(slash + 1, &end, 10);
    *ret_prefix = (unsigned)prefix;
    return slash[1] >= '0' && slash[1] <= '9' && *end == '\0' && prefix <= limit;
}

static torc_failure *add_addresses(
    int netlink, unsigned index, const char *const *addresses, const char *name)
{
    for (; addresses != NULL && *addresses != NULL; addresses++) {
        torc_address address;
        unsigned prefix;
        int error;

        if (!parse(*addresses, &address, &prefix))
            return invalid("no address with a prefix length", *addresses);
        error = torc__netlink_add_address(netlink, index, &address, prefix);
        if (error != 0)
            return failed(-error, *addresses, name);
    }
    return NULL;
}

/* Names have been found short enough, or are the system's. */
static void name_request(struct ifreq *ret_request, const char *name)
{
    memset(ret_request, 0, sizeof *ret_request);
    memcpy(ret_request->ifr_name, name, strlen(name));
}

/* An interface that is up already, and is to be left as it is, needs no right to change it. */
static bool is_set_up(const torc_tun_options *options, int netlink, const char *name)
{
    struct ifreq request;

    name_request(&request, name);
    return options->mtu == 0
        && (options->stays_down
            || (TORC__CALL(ioctl, netlink, SIOCGIFFLAGS, &request) == 0
                && (request.ifr_flags & IFF_UP)));
}

static torc_failure *set_up_by(int netlink, const torc_tun_options *options, const char *name)
{
    struct ifreq request;
    torc_failure *failure;
    unsigned index;
    int error = 0;

    name_request(&request, name);
    if (TORC__CALL(ioctl, netlink, SIOCGIFINDEX, &request) < 0)
        return failed(errno, "asking for its number", name);
    index = (unsigned)request.ifr_ifindex;
    failure = add_addresses(netlink, index, options->addresses, name);
    if (failure == NULL && !is_set_up(options, netlink, name))
        error = torc__netlink_set_link(netlink, index, options->mtu, !options->stays_down);
    if (error != 0)
        failure = failed(-error, "setting its MTU and bringing it up", name);
    return failure;
}

static torc_failure *set_up(const torc_tun_options *options, const char *name)
{
    int netlink = torc__netlink_open();
    torc_failure *failure;

    if (netlink < 0)
        return failed(-netlink, "asking the kernel", name);
    failure = set_up_by(netlink, options, name);
    close(netlink);
    return failure;
}

/* What need not be done for us; and how long the header is, which may have been said otherwise. */
static int set_offloads(int descriptor)
{
    int length = HEADER_LENGTH;

    if (TORC__CALL(ioctl, descriptor, TUNSETVNETHDRSZ, &length) < 0
        || TORC__CALL(ioctl, descriptor, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
        return -errno;
    return 0;
}

static int attach(int descriptor, const torc_tun_options *options, char *ret_name)
{
    struct ifreq request;
    int flags = (options->ethernet ? IFF_TAP : IFF_TUN) | IFF_NO_PI;

    if (options->several_queues)
        flags |= IFF_MULTI_QUEUE;
    if (options->offloads)
        flags |= IFF_VNET_HDR;
    name_request(&request, options->name);
    request.ifr_flags = (short)flags;
    if (TORC__CALL(ioctl, descriptor, TUNSETIFF, &request) < 0)
        return -errno;
    memcpy(ret_name, request.ifr_name, IFNAMSIZ);
    return options->offloads ? set_offloads(descriptor) : 0;
}

/* A device that there is already may be of another kind, or have one queue only: EINVAL. */
static const char *opening(const torc_tun_options *options)
{
    if (options->several_queues)
        return options->ethernet ? "opening it as TAP with several queues"
                                 : "opening it as TUN with several queues";
    return options->ethernet ? "opening it as TAP" : "opening it as TUN";
}

int torc__tun_open(const torc_tun_options *options, char ret_name[TORC__TUN_NAME_MAX],
    torc_failure **ret_failure)
{
    int descriptor;
    int error;

    if (options->name == NULL || strlen(options->name) >= TORC__TUN_NAME_MAX) {
        *ret_failure = invalid("no name of at most 15 characters",
            options->name != NULL ? options->name : "");
        return -1;
    }
    descriptor = TORC__CALL(open, "/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) {
        *ret_failure = failed(errno, "/dev/net/tun", options->name);
        return -1;
    }
    error = attach(descriptor, options, ret_name);
    *ret_failure = error != 0 ? failed(-error, opening(options), options->name)
                              : set_up(options, ret_name);
    if (*ret_failure == NULL)
        return descriptor;
    close(descriptor);
    return -1;
}

#else

int torc__tun_open(const torc_tun_options *options, char ret_name[TORC__TUN_NAME_MAX],
    torc_failure **ret_failure)
{
    (void)options;
    ret_name[0] = '\0';
    *ret_failure = torc_failure_make(TORC_HERE, &torc_error_system, ENOTSUP,
        "network devices: there are none on this system");
    return -1;
}

#endif
