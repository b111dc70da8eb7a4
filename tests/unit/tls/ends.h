/*
 * ends: a server and a client that write down what they are told, one of each at a time.
 */
#ifndef TORC_TESTS_TLS_ENDS_H
#define TORC_TESTS_TLS_ENDS_H

#include "tls/support.h"

/* -- the two ends --------------------------------------------------------------------------- */

typedef struct end {
    torc_protocol protocol;
    char text[256];
    size_t length;  /* also of what `text` has no room for */
    size_t largest; /* of its events */
    bool read_ended;
} end;

static end *server;
static end *client;
static char server_lost[512];
static char client_lost[512];
static const torc_failure_type *client_lost_type;
static size_t client_got;
static char failed[512];
static const torc_failure_type *failed_type;
static uint16_t port;

static inline void end_data(torc_protocol *protocol, torc_slice data)
{
    end *self = torc_of(protocol, end);

    for (size_t i = 0; i < data.length && self->length + i < sizeof self->text - 1; i++)
        self->text[self->length + i] = data.data[i];
    self->length += data.length;
    if (data.length > self->largest)
        self->largest = data.length;
}

static inline void server_made(torc_protocol *protocol)
{
    server = torc_of(protocol, end);
}

static inline void server_gone(torc_protocol *protocol, const torc_failure *reason)
{
    (void)protocol;
    server = NULL;
    snprintf(server_lost, sizeof server_lost, "%s", torc_failure_text(reason));
}

static inline void client_made(torc_protocol *protocol)
{
    client = torc_of(protocol, end);
}

static inline void client_gone(torc_protocol *protocol, const torc_failure *reason)
{
    client_got = torc_of(protocol, end)->length;
    client = NULL;
    client_lost_type = torc_failure_type_of(reason);
    snprintf(client_lost, sizeof client_lost, "%s", torc_failure_text(reason));
}

static inline void client_read_lost(torc_protocol *protocol)
{
    torc_of(protocol, end)->read_ended = true;
}

static TORC_UNUSED const torc_protocol_class server_class = {
    .name = "Server",
    .size = sizeof(end),
    .connection_made = server_made,
    .data_received = end_data,
    .connection_lost = server_gone,
};

static TORC_UNUSED const torc_protocol_class client_class = {
    .name = "Client",
    .size = sizeof(end),
    .connection_made = client_made,
    .data_received = end_data,
    .connection_lost = client_gone,
};

/* One that goes on when the server's half has ended. */
static TORC_UNUSED const torc_protocol_class patient_client_class = {
    .name = "Client",
    .size = sizeof(end),
    .connection_made = client_made,
    .data_received = end_data,
    .read_lost = client_read_lost,
    .connection_lost = client_gone,
};

/* -- around each test ------------------------------------------------------------------------ */

static inline int set_up(void **state)
{
    (void)state;
    reactor = torc_reactor_new();
    torc_tls_reload_all(); /* no session of an earlier test is gone on with */
    server = client = NULL;
    server_lost[0] = client_lost[0] = failed[0] = '\0';
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    torc_reactor_free(reactor);
    return 0;
}

static inline torc_result note_port(void *unused, torc_result opened)
{
    (void)unused;
    port = torc_port_address(torc_result_pointer(opened)).port;
    return torc_nothing();
}

static inline torc_result note_failed(void *unused, torc_result result)
{
    (void)unused;
    snprintf(failed, sizeof failed, "%s", torc_failure_text(torc_result_failure(result)));
    failed_type = torc_failure_type_of(torc_result_failure(result));
    return torc_nothing();
}

static inline void listen_at(const char *description)
{
    torc_port *opening =
        torc_listen(torc_root(reactor), description, torc_factory_of(&server_class));
    torc_deferred *opened = torc_port_opened(opening);

    port = 0;
    torc_add_callbacks(opened, note_port, note_failed, NULL);
    RUN_UNTIL(port != 0 || failed[0] != '\0');
}

static inline void listen_with(const char *certificate, const char *arguments)
{
    char description[1024];

    snprintf(description, sizeof description, "tls:0:interface=127.0.0.1:certificate=%s%s%s",
        path_of(certificate), arguments[0] != '\0' ? ":" : "", arguments);
    listen_at(description);
    assert_string_equal(failed, "");
}

static inline void connect_as(const torc_protocol_class *kind, const char *arguments)
{
    char description[1024];

    snprintf(description, sizeof description, "tls:127.0.0.1:%u%s%s", port,
        arguments[0] != '\0' ? ":" : "", arguments);
    torc_add_errback(
        torc_connect(torc_root(reactor), description, torc_factory_of(kind)), note_failed, NULL);
    RUN_UNTIL((client != NULL && server != NULL) || failed[0] != '\0');
}

/* Trusting the authority of the tests. */
static inline void connect_trusting(const char *arguments)
{
    char trusting[512];

    snprintf(trusting, sizeof trusting, "authorities=%s%s%s", path_of("authority.pem"),
        arguments[0] != '\0' ? ":" : "", arguments);
    connect_as(&client_class, trusting);
}

static inline void connect_well(void)
{
    listen_with("good.pem", "");
    connect_trusting("");
    assert_string_equal(failed, "");
}

static inline void assert_failed(const char *why)
{
    if (strstr(failed, why) == NULL)
        fail_msg("'%s' does not say '%s'", failed, why);
    assert_null(server);
}

#endif /* TORC_TESTS_TLS_ENDS_H */
