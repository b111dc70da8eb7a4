/*
 * Datagrams one way on Torc, written as any user would. See common/one_way.h for who sends when.
 */
#include <torc.h>
#include <torc/datagram.h>

#include "common/one_way.h"
#include "common/program.h"

#include <stdio.h>

static one_way self;
static bool heard;
static torc_timer timer;

static void send_some(torc_datagram_protocol *protocol, unsigned count)
{
    torc_slice bytes = torc_slice_make(one_way_bytes, self.size);
    unsigned sent = 0;

    while (sent < count && torc_send(protocol->transport, bytes))
        sent++;
    *self.count += sent;
}

static void look_after(void *argument)
{
    torc_datagram_protocol *protocol = argument;

    if (!heard)
        send_some(protocol, ONE_WAY_WINDOW);
    heard = false;
    torc_timer_set(&timer, torc_datagram_scope_of(protocol), ONE_WAY_PATIENCE * TORC_MILLISECOND,
        look_after, protocol);
}

static void sender_started(torc_datagram_protocol *protocol)
{
    bench_say("ready");
    look_after(protocol);
}

static void answer_received(
    torc_datagram_protocol *protocol, torc_slice bytes, const torc_address *peer)
{
    (void)bytes;
    (void)peer;
    heard = true;
    send_some(protocol, ONE_WAY_BURST);
}

static const torc_datagram_class sender = {
    .name = "Sender",
    .started = sender_started,
    .datagram_received = answer_received,
};

static void receiver_started(torc_datagram_protocol *protocol)
{
    (void)protocol;
    bench_say("ready");
}

static void datagram_received(
    torc_datagram_protocol *protocol, torc_slice bytes, const torc_address *peer)
{
    (void)bytes;
    if (one_way_received(&self, 1) > 0)
        torc_send_to(protocol->transport, torc_slice_make(one_way_bytes, 1), peer);
}

static const torc_datagram_class receiver = {
    .name = "Receiver",
    .started = receiver_started,
    .datagram_received = datagram_received,
};

int main(int argc, char **argv)
{
    torc_reactor *reactor = torc_reactor_new();
    char endpoint[64];

    self = one_way_arguments(argc, argv);
    snprintf(endpoint, sizeof endpoint,
        self.sends ? "udp:127.0.0.1:%u" : "udp:%u:interface=127.0.0.1", (unsigned)self.port);
    if (self.sends)
        torc_connect_datagrams(torc_root(reactor), endpoint, &sender);
    else
        torc_listen_datagrams(torc_root(reactor), endpoint, &receiver);
    return torc_run(reactor);
}
