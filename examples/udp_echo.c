/* udp_echo: sends every datagram back to where it came from. */
#include <torc.h>
#include <torc/datagram.h>

static void echo_received(
    torc_datagram_protocol *self, torc_slice bytes, const torc_address *peer)
{
    torc_send_to(self->transport, bytes, peer);
}

static const torc_datagram_class echo = {
    .name = "Echo",
    .datagram_received = echo_received,
};

int main(int argc, char **argv)
{
    torc_reactor *reactor = torc_reactor_new();

    torc_listen_datagrams(torc_root(reactor), argc > 1 ? argv[1] : "udp:8000", &echo);
    return torc_run(reactor); /* a port in use: one clear line in the log, and exit status 1 */
}
