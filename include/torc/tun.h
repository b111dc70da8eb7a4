/*
 * tun: network devices whose packets this program carries: TUN (IP packets), TAP (Ethernet frames).
 *
 *     static void packet_came(void *self, torc_slice packet)
 *     {
 *         torc_frame_send(self, packet);
 *     }
 *
 *     device = torc_tun_open(torc_scope_of(self), "torc0", packet_came, self);
 *     torc_couple_flow(protocol->transport, torc_tun_transport(device));
 *
 * Packets are datagrams (<torc/datagram.h>): up to 64 are read at a wake-up, then others have their
 * turn, so a saturated device does not hold up the loop. Linux only; elsewhere opening fails.
 *
 * It needs the right to administrate networks (CAP_NET_ADMIN), or a device that an administrator
 * made for the user before (ip tuntap add) and that no options are given for.
 *
 * Between two devices, `offloads` makes one packet of what would be up to 45: the system leaves TCP
 * in segments of up to 64 KiB, and sums unmade, and says so in a header of 10 bytes before each
 * packet (struct virtio_net_hdr), which the other device's system goes by. So both are opened with
 * it, and whatever is in between carries packets of up to TORC_DATAGRAM_BYTES_MAX bytes whole: a
 * stream does; UDP on a network had better not.
 */
#ifndef TORC_TUN_H
#define TORC_TUN_H

#include <torc/datagram.h>

TORC_BEGIN_DECLS

typedef struct torc_tun torc_tun;

/* A packet that the system sends through the device; borrowed until it returns. */
typedef void torc_packet_callback(void *self, torc_slice packet);

typedef struct torc_tun_options {
    const char *name;    /* at most 15 characters; "tun%d": the first that is free */
    bool ethernet;       /* TAP: whole Ethernet frames */
    bool several_queues; /* opened several times, each gets a share of the packets */
    bool offloads;       /* packets come, and are sent, with a header and uncut: see above */
    unsigned mtu;        /* the longest packet; 0: as it is, 1500 for a new device */
    const char *const *addresses; /* "192.0.2.1/24", "2001:db8::1/64"; NULL ends them, or none */
    bool stays_down;     /* not to be brought up */
} torc_tun_options;

/*
 * Opens the TUN device `name`, made if there is none, and brings it up. Never NULL. It is closed
 * when `scope` ends, and gone then if it was made here; `device` stays valid as long.
 *
 * Whether it succeeded is told by torc_tun_opened; where nobody asks, a failure is logged.
 */
TORC_API torc_tun *torc_tun_open(
    torc_scope *scope, const char *name, torc_packet_callback *callback, void *self);

/* As torc_tun_open; `options` is read before it returns. */
TORC_API torc_tun *torc_tun_open_with(torc_scope *scope, const torc_tun_options *options,
    torc_packet_callback *callback, void *self);

/*
 * Fires with a torc_pointer to the device, or with a failure that says which step failed and what
 * would help. Ask in the turn in which it was opened, and only once.
 */
TORC_API torc_deferred *torc_tun_opened(torc_tun *device);

/*
 * Has the system receive a packet by the device; copies it. False, and nothing is sent, where
 * torc_send says so, and once the device is gone. It wants whole packets: what is none is dropped.
 */
TORC_API bool torc_tun_send(torc_tun *device, torc_slice packet);

/* "torc0"; empty when it could not be opened. */
TORC_API const char *torc_tun_name(const torc_tun *device);

/* For torc_couple_flow, torc_datagram_count and the like; NULL once the device is gone. */
TORC_API torc_datagram_transport *torc_tun_transport(torc_tun *device);

TORC_END_DECLS

#endif /* TORC_TUN_H */
