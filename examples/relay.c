/*
 * relay: passes each connection on to another endpoint, bytes both ways.
 *
 *     build/examples/relay tcp:8080 tcp:192.0.2.1:80
 *     build/examples/relay unix:/run/db.sock tcp:localhost:5432
 */
#include <torc.h>
#include <torc/couple.h>

typedef struct relay {
    const char *endpoint;
    torc_factory *upstream;
} relay;

typedef struct client {
    torc_protocol protocol;
    torc_deferred *connecting; /* NULL once that is over */
} client;

static torc_result connected(void *argument, torc_result result)
{
    client *self = argument;
    torc_protocol *upstream = torc_result_pointer(result);

    self->connecting = NULL;
    torc_couple(self->protocol.transport, upstream->transport);
    return torc_nothing();
}

static torc_result not_connected(void *argument, torc_result failed)
{
    client *self = argument;

    self->connecting = NULL;
    torc_abort_connection(self->protocol.transport);
    return torc_log_failure("relay", failed);
}

/* Upstream lives on when the client is lost: it may still have to be sent the client's last. */
static void client_made(torc_protocol *protocol)
{
    client *self = torc_of(protocol, client);
    const relay *to = torc_context_of(protocol);

    torc_pause_reading(protocol->transport);
    self->connecting = torc_connect(torc_root(torc_transport_reactor(protocol->transport)),
        to->endpoint, torc_factory_hold(to->upstream));
    torc_add_callback(self->connecting, connected, self);
    torc_add_errback_for(self->connecting, &torc_error_cancelled, torc_forget, NULL);
    torc_add_errback(self->connecting, not_connected, self);
}

static void client_lost(torc_protocol *protocol, const torc_failure *reason)
{
    client *self = torc_of(protocol, client);

    (void)reason;
    if (self->connecting != NULL)
        torc_cancel(self->connecting);
}

static const torc_protocol_class client_class = {
    .name = "Client",
    .size = sizeof(client),
    .connection_made = client_made,
    .connection_lost = client_lost,
};

static const torc_protocol_class upstream_class = { .name = "Upstream" };

int main(int argc, char **argv)
{
    torc_reactor *reactor = torc_reactor_new();
    relay to = { .endpoint = argc > 2 ? argv[2] : "tcp:localhost:80" };
    torc_factory_options clients = { .kind = &client_class, .context = &to };
    int status;

    to.upstream = torc_factory_of(&upstream_class);
    torc_listen(torc_root(reactor), argc > 1 ? argv[1] : "tcp:8080", torc_factory_new(&clients));
    status = torc_run(reactor);
    torc_factory_release(to.upstream);
    return status;
}
