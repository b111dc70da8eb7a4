/*
 * ask: connects, sends a line, prints what comes back until the other side closes or falls silent.
 *
 *     build/examples/ask tcp:localhost:8080 "GET / HTTP/1.0"
 */
#include <torc.h>

#include <stdio.h>

typedef struct asker {
    torc_protocol protocol;
    torc_timer silence;
} asker;

static void fell_silent(void *argument)
{
    asker *self = argument;

    torc_abort_because(self->protocol.transport,
        torc_failure_new(&torc_error_timeout, "nothing came for 10 seconds"));
}

static void watch_silence(asker *self)
{
    torc_timer_set(&self->silence, torc_scope_of(self), 10 * TORC_SECOND, fell_silent, self);
}

static void asker_made(torc_protocol *protocol)
{
    torc_printf(protocol, "%s\r\n\r\n", (const char *)torc_context_of(protocol));
    watch_silence(torc_of(protocol, asker));
}

static void asker_data(torc_protocol *protocol, torc_slice data)
{
    fwrite(data.data, 1, data.length, stdout);
    watch_silence(torc_of(protocol, asker));
}

static void asker_lost(torc_protocol *protocol, const torc_failure *reason)
{
    bool clean = torc_failure_is(reason, &torc_error_connection_done);

    if (!clean)
        fprintf(stderr, "ask: %s\n", torc_failure_text(reason));
    torc_stop_with(torc_transport_reactor(protocol->transport), clean ? 0 : 1);
}

static const torc_protocol_class asker_class = {
    .name = "Asker",
    .size = sizeof(asker),
    .connection_made = asker_made,
    .data_received = asker_data,
    .connection_lost = asker_lost,
};

static torc_result not_connected(void *reactor, torc_result failed)
{
    fprintf(stderr, "ask: %s\n", torc_failure_text(torc_result_failure(failed)));
    torc_stop_with(reactor, 1);
    return torc_nothing();
}

int main(int argc, char **argv)
{
    torc_reactor *reactor = torc_reactor_new();
    torc_factory_options options = { .kind = &asker_class };
    torc_deferred *connection;

    if (argc != 3) {
        fprintf(stderr, "usage: ask ENDPOINT LINE\n");
        return 2;
    }
    options.context = argv[2];
    connection = torc_connect(torc_root(reactor), argv[1], torc_factory_new(&options));
    torc_add_errback(connection, not_connected, reactor);
    return torc_run(reactor);
}
