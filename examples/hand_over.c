/*
 * hand_over: a server whose next version takes its port over while clients keep coming, none of
 * whom is refused. It answers each line with its process number.
 *
 *     $ hand_over tcp:8000 /run/app.control &     # serves
 *     $ hand_over tcp:8000 /run/app.control &     # takes over; the first one ends
 *
 * The two meet at a UNIX socket. The old one passes its listening socket; the new one listens on it
 * and says so; only then the old one stops accepting, serves the clients that it has, and ends. If
 * the new one ends before it has said so, the old one goes on as if nothing had been.
 */
#include <stdio.h>
#include <unistd.h>

#include <torc.h>
#include <torc/line.h>

/* Clients of the old one that stay longer are cut off. */
#define PATIENCE (30 * TORC_SECOND)

static torc_reactor *reactor;
static const char *endpoint;
static char control[256]; /* where the next one asks for the port */
static torc_port *service;
static torc_port *control_port;
static size_t clients;
static bool retires;

/* -- what is served ------------------------------------------------------------------------ */

static void client_made(torc_protocol *self)
{
    (void)self;
    clients++;
}

static void client_lost(torc_protocol *self, const torc_failure *reason)
{
    (void)self;
    (void)reason;
    if (--clients == 0 && retires)
        torc_stop(reactor);
}

static void client_said(torc_line_receiver *self, torc_slice line)
{
    torc_printf(self, "%ld: %.*s\n", (long)getpid(), TORC_FMT(line));
}

static const torc_line_class client_class = {
    .protocol = {
        .name = "Client",
        .connection_made = client_made,
        .connection_lost = client_lost,
    },
    .delimiter = "\n",
    .line_received = client_said,
};

/* -- the old one's side -------------------------------------------------------------------- */

static void out_of_patience(void *unused)
{
    (void)unused;
    torc_stop(reactor);
}

/* The path of the control socket is free: the next one may have it. */
static torc_result retire(void *successor, torc_result nothing)
{
    torc_lose_connection(((torc_protocol *)successor)->transport);
    retires = true;
    if (clients == 0)
        torc_stop(reactor);
    else
        torc_call_later(torc_root(reactor), PATIENCE, out_of_patience, NULL);
    return nothing;
}

static void successor_made(torc_protocol *self)
{
    int descriptor = torc_port_descriptor(service);

    if (descriptor >= 0 && torc_send_descriptor(self->transport, descriptor))
        torc_write(self->transport, TORC_SLICE("port"));
    else
        torc_abort_connection(self->transport);
}

/* Whatever it says, it is that it listens. */
static void successor_ready(torc_protocol *self, torc_slice data)
{
    (void)data;
    if (service == NULL)
        return;
    torc_port_stop(service);
    service = NULL;
    torc_add_callback(torc_port_stop(control_port), retire, self);
}

static const torc_protocol_class successor_class = {
    .name = "Successor",
    .connection_made = successor_made,
    .data_received = successor_ready,
};

static void await_successor(void)
{
    control_port = torc_listen_at(torc_root(reactor),
        &(torc_endpoint){ .kind = "unix", .path = control, .mode = 0600 },
        torc_factory_limit(torc_factory_of(&successor_class), 1));
}

/* -- the new one's side -------------------------------------------------------------------- */

static torc_result say_ready(void *predecessor, torc_result port)
{
    service = torc_result_pointer(port);
    torc_write(((torc_protocol *)predecessor)->transport, TORC_SLICE("ready"));
    return torc_nothing();
}

static torc_result give_up(void *unused, torc_result failed)
{
    (void)unused;
    torc_stop_with(reactor, 1);
    return torc_log_failure("taking over", failed);
}

static void port_came(torc_protocol *self, int descriptor)
{
    torc_port *port = torc_listen_at(torc_root(reactor),
        &(torc_endpoint){ .kind = "fd", .descriptor = descriptor },
        torc_line_factory(&client_class));

    torc_add_callbacks(torc_port_opened(port), say_ready, give_up, self);
}

static void begin_alone(void)
{
    service = torc_listen(torc_root(reactor), endpoint, torc_line_factory(&client_class));
    await_successor();
}

/* The old one lets go when it has freed the control socket, or it has died. */
static void predecessor_lost(torc_protocol *self, const torc_failure *reason)
{
    (void)self;
    (void)reason;
    if (service != NULL)
        await_successor();
    else
        begin_alone();
}

static const torc_protocol_class predecessor_class = {
    .name = "Predecessor",
    .descriptor_received = port_came,
    .connection_lost = predecessor_lost,
};

static torc_result there_is_none(void *unused, torc_result failed)
{
    (void)unused;
    (void)failed;
    begin_alone();
    return torc_nothing();
}

int main(int argc, char **argv)
{
    reactor = torc_reactor_new();
    endpoint = argc > 1 ? argv[1] : "tcp:8000";
    snprintf(control, sizeof control, "%s", argc > 2 ? argv[2] : "/tmp/hand_over.control");
    torc_add_errback(torc_connect_to(torc_root(reactor),
        &(torc_endpoint){ .kind = "unix", .path = control },
        torc_factory_of(&predecessor_class)), there_is_none, NULL);
    return torc_run(reactor);
}
