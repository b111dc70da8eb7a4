/*
 * in_memory: a server and a client by configurations of the test's own, for which no description
 * stands, over a memory link.
 */
#ifndef TORC_TESTS_TLS_IN_MEMORY_H
#define TORC_TESTS_TLS_IN_MEMORY_H

#include "tls/ends.h"

/* -- configurations --------------------------------------------------------------------------- */

static inline torc_tls *client_by(const torc_tls_options *given)
{
    torc_tls_options options = *given;
    torc_failure *failure = NULL;
    torc_tls *tls;

    if (options.authorities == NULL)
        options.authorities = path_of("authority.pem");
    tls = torc_tls_client_new(&options, &failure);
    assert_non_null(tls);
    return tls;
}

/* A session by a configuration that no description stands for. */
static torc_tls *next_tls;
static char start_failed[256];

static inline torc_result note_start_failed(void *unused, torc_result result)
{
    (void)unused;
    snprintf(start_failed, sizeof start_failed, "%s",
        torc_failure_text(torc_result_failure(result)));
    return torc_nothing();
}

static inline void start_on_client(torc_protocol *protocol)
{
    client_made(protocol);
    torc_add_errback(
        torc_start_tls(protocol, next_tls, "localhost"), note_start_failed, NULL);
}

static const torc_protocol_class starting_class = {
    .name = "Client",
    .size = sizeof(end),
    .connection_made = start_on_client,
    .data_received = end_data,
    .connection_lost = client_gone,
};

static inline void start_on_server(torc_protocol *protocol)
{
    server_made(protocol);
    torc_start_tls(protocol, torc_context_of(protocol), NULL);
}

static const torc_protocol_class starting_server_class = {
    .name = "Server",
    .size = sizeof(end),
    .connection_made = start_on_server,
    .data_received = end_data,
    .connection_lost = server_gone,
};

static inline bool is_open(const end *one)
{
    torc_tls_info info;

    return one != NULL && torc_tls_of(one->protocol.transport, &info);
}

/* Over memory; true when both ends are open, else start_failed says why not. */
static inline bool open_in_memory(torc_tls *of_server, torc_tls *of_client)
{
    torc_factory_options options = { .kind = &starting_server_class, .context = of_server };

    next_tls = of_client;
    client = server = NULL;
    start_failed[0] = '\0';
    client_lost[0] = server_lost[0] = '\0';
    assert_true(torc_connect_in_memory(torc_root(reactor), torc_factory_new(&options),
        torc_factory_of(&starting_class)));
    RUN_UNTIL((is_open(client) && is_open(server)) || start_failed[0] != '\0'
        || client_lost[0] != '\0');
    return start_failed[0] == '\0' && client_lost[0] == '\0';
}

static inline torc_tls *server_by(const torc_tls_options *given)
{
    torc_tls_options options = *given;
    torc_failure *failure = NULL;
    torc_tls *tls;

    if (options.certificate == NULL && options.find_psk == NULL)
        options.certificate = path_of("good.pem");
    tls = torc_tls_server_new(&options, &failure);
    assert_non_null(tls);
    return tls;
}

#endif /* TORC_TESTS_TLS_IN_MEMORY_H */
