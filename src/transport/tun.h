/*
 * The inside of devices: what a system has to do for tun.c. On Linux that is tun_linux.c, with
 * netlink.c for what is set by messages to the kernel.
 */
#ifndef TORC_TRANSPORT_TUN_H
#define TORC_TRANSPORT_TUN_H

#include <torc/address.h>
#include <torc/failure.h>
#include <torc/tun.h>

#include "reactor/members.h"

enum { TORC__TUN_NAME_MAX = 16 };

/*
 * Opens a device and sets it up as `options` say: gives its descriptor, and its name in `ret_name`;
 * or -1 and *ret_failure, for the caller to release.
 */
int torc__tun_open(const torc_tun_options *options, char ret_name[TORC__TUN_NAME_MAX],
    torc_failure **ret_failure);

/* -- netlink.c: each 0 or -errno ----------------------------------------------------------- */

/* A socket to ask by, or -errno. */
int torc__netlink_open(void);

/* Sets the MTU, unless it is 0, and brings the interface up, where `up`. */
int torc__netlink_set_link(int netlink, unsigned index, unsigned mtu, bool up);
int torc__netlink_add_address(
    int netlink, unsigned index, const torc_address *address, unsigned prefix);

extern TORC_API const torc__member_kind torc__members_tun;

#endif /* TORC_TRANSPORT_TUN_H */
