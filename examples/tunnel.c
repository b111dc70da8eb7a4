/*
 * tunnel: carries IP packets between two hosts: over TCP, a UNIX socket, UDP, or the pipes of a
 * command, such as one that runs the other end over ssh. A slow side pauses the other: nothing
 * queues without bound, nothing freezes.
 *
 *     far$  build/examples/tunnel torc0 10.9.0.1/24 listen tcp:9000
 *     near$ build/examples/tunnel torc0 10.9.0.2/24 connect tcp:192.0.2.1:9000
 *
 *     far$  build/examples/tunnel torc0 10.9.0.1/24 listen udp:9000
 *     near$ build/examples/tunnel torc0 10.9.0.2/24 connect udp:192.0.2.1:9000
 *
 *     near$ build/examples/tunnel torc0 10.9.0.2/24 run ssh far tunnel torc0 10.9.0.1/24 stdio
 *
 * Over all but UDP, TCP inside the tunnel crosses in segments of up to 64 KiB, which the devices
 * make and cut up. One peer at a time. It encrypts nothing. With TUNNEL_DELAYS in the environment
 * it says every second how late a timer was that has nothing to do with all this.
 */
#include <torc.h>
#include <torc/couple.h>
#include <torc/frame.h>
#include <torc/process.h>
#include <torc/tun.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a packet may be long, so that with our headers it still fits one of the network below. */
enum { MTU = 1400 };

typedef struct settings {
    torc_tun_options device;
    const char *addresses[2];
    bool is_listening;
} settings;

static settings chosen;
static torc_reactor *reactor;

/* -- over a stream: a 16-bit length before each packet -------------------------------------- */

typedef struct tunnel {
    torc_frame_receiver frames;
    torc_tun *device;
} tunnel;

static void packet_from_device(void *self, torc_slice packet)
{
    torc_frame_send(self, packet);
}

static void packet_from_peer(torc_frame_receiver *frames, torc_slice packet)
{
    torc_tun_send(torc_of(frames, tunnel)->device, packet);
}

static void tunnel_made(torc_protocol *protocol)
{
    tunnel *self = torc_of(protocol, tunnel);

    self->device =
        torc_tun_open_with(torc_scope_of(self), &chosen.device, packet_from_device, self);
    torc_couple(protocol->transport, torc_tun_transport(self->device));
}

static void tunnel_lost(torc_protocol *protocol, const torc_failure *reason)
{
    torc_log_info("the peer is gone: %s", torc_failure_text(reason));
    if (!chosen.is_listening)
        torc_stop(torc_transport_reactor(protocol->transport));
}

static const torc_frame_class tunnel_class = {
    .protocol = {
        .name = "Tunnel",
        .size = sizeof(tunnel),
        .connection_made = tunnel_made,
        .connection_lost = tunnel_lost,
    },
    .frame_received = packet_from_peer,
};

/* -- over UDP: a packet in each datagram ----------------------------------------------------- */

typedef struct udp_tunnel {
    torc_datagram_protocol datagrams;
    torc_tun *device;
    torc_address peer; /* whom we have heard of last, where we listen */
} udp_tunnel;

static void send_datagram(void *argument, torc_slice packet)
{
    udp_tunnel *self = argument;

    if (!chosen.is_listening)
        torc_send(self->datagrams.transport, packet);
    else if (self->peer.kind != TORC_ADDRESS_NONE)
        torc_send_to(self->datagrams.transport, packet, &self->peer);
}

/* An empty one comes first, so that who listens knows whom to send to. */
static void udp_started(torc_datagram_protocol *datagrams)
{
    udp_tunnel *self = torc_of(datagrams, udp_tunnel);

    self->device = torc_tun_open_with(
        torc_datagram_scope_of(self), &chosen.device, send_datagram, self);
    if (!chosen.is_listening)
        torc_send(datagrams->transport, torc_slice_make("", 0));
}

static void udp_received(
    torc_datagram_protocol *datagrams, torc_slice packet, const torc_address *peer)
{
    udp_tunnel *self = torc_of(datagrams, udp_tunnel);

    self->peer = *peer;
    if (packet.length > 0)
        torc_tun_send(self->device, packet);
}

static const torc_datagram_class udp_class = {
    .name = "UdpTunnel",
    .size = sizeof(udp_tunnel),
    .started = udp_started,
    .datagram_received = udp_received,
};

/* -- how late an unrelated timer is ---------------------------------------------------------- */

enum { PERIOD = 5, SAMPLES = 200, LAST_BUT_ONE_IN_100 = SAMPLES * 99 / 100 - 1 };

typedef struct delays {
    torc_time due;
    torc_time late[SAMPLES];
    size_t count;
} delays;

static int compare(const void *one, const void *other)
{
    torc_time a = *(const torc_time *)one;
    torc_time b = *(const torc_time *)other;

    return (a > b) - (a < b);
}

static void tick(void *argument);

static void wait_for_tick(delays *self)
{
    self->due = torc_monotonic_now() + PERIOD * TORC_MILLISECOND;
    torc_call_later(torc_root(reactor), PERIOD * TORC_MILLISECOND, tick, self);
}

static void tick(void *argument)
{
    delays *self = argument;

    self->late[self->count++] = torc_monotonic_now() - self->due;
    if (self->count == SAMPLES) {
        qsort(self->late, SAMPLES, sizeof self->late[0], compare);
        torc_log_info("delay of 99 in 100: %.3f ms", (double)self->late[LAST_BUT_ONE_IN_100] / 1e6);
        self->count = 0;
    }
    wait_for_tick(self);
}

/* -- the command line ------------------------------------------------------------------------ */

static torc_result not_connected(void *unused, torc_result failed)
{
    (void)unused;
    torc_stop_with(reactor, 1);
    return torc_log_failure("tunnel", failed);
}

static bool is_over_udp(const char *where)
{
    return strncmp(where, "udp", 3) == 0;
}

static bool start(const char *how, const char *where, char **command)
{
    torc_scope *root = torc_root(reactor);
    bool over_udp = is_over_udp(where);

    chosen.is_listening = strcmp(how, "listen") == 0;
    if (chosen.is_listening && over_udp)
        torc_listen_datagrams(root, where, &udp_class);
    else if (chosen.is_listening)
        torc_listen(root, where, torc_factory_limit(torc_frame_factory(&tunnel_class), 1));
    else if (strcmp(how, "connect") == 0 && over_udp)
        torc_connect_datagrams(root, where, &udp_class);
    else if (strcmp(how, "connect") == 0)
        torc_add_errback(
            torc_connect(root, where, torc_frame_factory(&tunnel_class)), not_connected, NULL);
    else if (strcmp(how, "stdio") == 0)
        torc_attach_stdio(root, torc_frame_factory(&tunnel_class));
    else if (strcmp(how, "run") == 0)
        torc_add_errback(torc_connect_process(root, (const char *const *)command,
            torc_frame_factory(&tunnel_class)), not_connected, NULL);
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    static delays measured;
    int status = 2;

    reactor = torc_reactor_new();
    if (argc >= 4) {
        chosen.device = (torc_tun_options){ .name = argv[1], .mtu = MTU };
        chosen.addresses[0] = argv[2];
        chosen.device.addresses = chosen.addresses;
        chosen.device.offloads = !is_over_udp(argc > 4 ? argv[4] : "");
    }
    if (argc < 4 || !start(argv[3], argc > 4 ? argv[4] : "", argv + 4)) {
        fprintf(stderr, "usage: tunnel DEVICE ADDRESS/LENGTH listen|connect ENDPOINT\n"
                        "       tunnel DEVICE ADDRESS/LENGTH run COMMAND … | stdio\n");
        torc_reactor_free(reactor);
        return status;
    }
    if (getenv("TUNNEL_DELAYS") != NULL)
        wait_for_tick(&measured);
    return torc_run(reactor);
}
