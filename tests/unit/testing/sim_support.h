/*
 * sim_support: what the tests of the simulated network share: an echo service, a client that counts
 * what it gets, and a network of two hosts.
 */
#ifndef TORC_TESTS_TESTING_SIM_SUPPORT_H
#define TORC_TESTS_TESTING_SIM_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <torc/log.h>
#include <torc/testing.h>

static inline void fail_test(const char *message)
{
    fail_msg("%s", message);
}

static inline void prepare_tests(void)
{
    torc_testing_set_fail(fail_test);
    torc_log_set_level(TORC_LOG_CRITICAL);
}

/* -- a service that sends back what it gets ------------------------------------------------ */

typedef struct service_counts {
    int made;
    int ended;
    int lost;
    int reads;
    size_t bytes;
    torc_time last_byte;
    torc_protocol *last_made;
    const torc_failure_type *reason;
} service_counts;

static service_counts served;

static inline void echo_made(torc_protocol *self)
{
    served.made++;
    served.last_made = self;
}

static inline void echo_data(torc_protocol *self, torc_slice data)
{
    served.reads++;
    served.bytes += data.length;
    served.last_byte = torc_now(torc_transport_reactor(self->transport));
    torc_write(self->transport, data);
}

static inline void echo_read_lost(torc_protocol *self)
{
    served.ended++;
    torc_lose_connection(self->transport);
}

static inline void echo_lost(torc_protocol *self, const torc_failure *reason)
{
    (void)self;
    served.lost++;
    served.reason = torc_failure_type_of(reason);
}

static const torc_protocol_class echo_class = {
    .name = "Echo",
    .connection_made = echo_made,
    .data_received = echo_data,
    .read_lost = echo_read_lost,
    .connection_lost = echo_lost,
};

/* -- a client that sends once and counts the answer ---------------------------------------- */

typedef struct client_counts {
    int made;
    int failed;
    int lost;
    int paused;
    size_t bytes;
    size_t sends; /* how many bytes, when it is made */
    torc_time made_at;
    torc_time last_byte;
    torc_protocol *protocol;
    const torc_failure_type *reason;
} client_counts;

static client_counts client;

static inline void client_made(torc_protocol *self)
{
    char *bytes = calloc(1, client.sends + 1);

    client.made++;
    client.protocol = self;
    client.made_at = torc_now(torc_transport_reactor(self->transport));
    torc_write(self->transport, torc_slice_make(bytes, client.sends));
    free(bytes);
}

static inline void client_data(torc_protocol *self, torc_slice data)
{
    client.bytes += data.length;
    client.last_byte = torc_now(torc_transport_reactor(self->transport));
}

static inline void client_lost(torc_protocol *self, const torc_failure *reason)
{
    (void)self;
    client.lost++;
    client.protocol = NULL;
    client.reason = torc_failure_type_of(reason);
}

static const torc_protocol_class client_class = {
    .name = "Client",
    .connection_made = client_made,
    .data_received = client_data,
    .connection_lost = client_lost,
};

static inline torc_result client_failed(void *self, torc_result result)
{
    (void)self;
    client.failed++;
    client.reason = torc_failure_type_of(torc_result_failure(result));
    return torc_nothing();
}

static inline void connect_client(torc_sim_host *host, const char *endpoint)
{
    torc_deferred *deferred =
        torc_connect(torc_sim_scope(host), endpoint, torc_factory_of(&client_class));

    torc_add_errback(deferred, client_failed, NULL);
}

/* -- two hosts ----------------------------------------------------------------------------- */

static torc_sim *net;
static torc_sim_host *server;
static torc_sim_host *other;

static inline int set_up(void **state)
{
    (void)state;
    memset(&served, 0, sizeof served);
    memset(&client, 0, sizeof client);
    net = torc_sim_new();
    server = torc_sim_add_host(net, "server", "10.0.0.1");
    other = torc_sim_add_host(net, "other", "10.0.0.2");
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    torc_sim_free(net);
    return 0;
}

static inline void serve_echo(void)
{
    torc_listen(torc_sim_scope(server), "tcp:7", torc_factory_of(&echo_class));
    torc_sim_run(net);
}

#endif /* TORC_TESTS_TESTING_SIM_SUPPORT_H */
