/* echo: a TCP server that sends back whatever it receives. */
#include <torc.h>

static void echo_data(torc_protocol *self, torc_slice data)
{
    torc_write(self->transport, data);
}

static const torc_protocol_class echo = {
    .name = "Echo",
    .data_received = echo_data,
};

int main(int argc, char **argv)
{
    torc_reactor *reactor = torc_reactor_new();

    torc_listen(torc_root(reactor), argc > 1 ? argv[1] : "tcp:8000", torc_factory_of(&echo));
    return torc_run(reactor); /* a port in use: one clear line in the log, and exit status 1 */
}
