/*
 * A conversation behind a handshake, both sides in one reactor, with everything failing in turn:
 * the PROXY protocol's header of both versions, SOCKS with a password, CONNECT. The proxy of the
 * latter two is a protocol that says its part whatever it hears, and is the other side then.
 */
#include "torture/torture.h"

#include <torc/endpoint.h>
#include <torc/log.h>

typedef struct way {
    const char *listening;
    const char *connecting;      /* "%u" is the port */
    const char *says[4];         /* the proxy, to the first, second ... that it hears */
    size_t lengths[4];
} way;

typedef struct talk {
    const way *over;
    torc_reactor *reactor;
    torc_port *port;
    int opened;   /* 1 it listens, 2 it does not */
    int answered; /* connecting has been told of */
    bool connected;
    int made;
    int lost;
    int client_lost;
    size_t echoed;
} talk;

/* Of the server's side; how far its part as a proxy has come. */
typedef struct teller {
    torc_protocol protocol;
    size_t said;
} teller;

static talk *talk_of(torc_protocol *self)
{
    return torc_context_of(self);
}

static void side_made(torc_protocol *self)
{
    talk_of(self)->made++;
}

static void server_data(torc_protocol *self, torc_slice data)
{
    teller *own = torc_of(self, teller);
    const way *over = talk_of(self)->over;

    if (own->said == 4 || over->says[own->said] == NULL) {
        torc_write(self->transport, data);
        return;
    }
    torc_write_static(
        self->transport, torc_slice_make(over->says[own->said], over->lengths[own->said]));
    own->said++;
}

static void server_lost(torc_protocol *self, const torc_failure *reason)
{
    assert_non_null(reason);
    talk_of(self)->lost++;
}

static const torc_protocol_class server_class = {
    .name = "TortureProxy",
    .size = sizeof(teller),
    .connection_made = side_made,
    .data_received = server_data,
    .connection_lost = server_lost,
};

static void client_made(torc_protocol *self)
{
    side_made(self);
    torc_write_static(self->transport, TORC_SLICE("hello"));
}

static void client_data(torc_protocol *self, torc_slice data)
{
    talk_of(self)->echoed += data.length;
    if (talk_of(self)->echoed == 5)
        torc_lose_connection(self->transport);
}

static void client_lost(torc_protocol *self, const torc_failure *reason)
{
    server_lost(self, reason);
    talk_of(self)->client_lost++;
}

static const torc_protocol_class client_class = {
    .name = "TortureClient",
    .connection_made = client_made,
    .data_received = client_data,
    .connection_lost = client_lost,
};

static torc_factory *factory_of(const torc_protocol_class *kind, talk *t)
{
    torc_factory_options options = { .kind = kind, .context = t };

    return torc_factory_new(&options);
}

static torc_result note_opened(void *self, torc_result result)
{
    ((talk *)self)->opened = torc_is_failure(result) ? 2 : 1;
    return torc_nothing();
}

static torc_result note_connected(void *self, torc_result result)
{
    talk *t = self;

    t->answered++;
    t->connected = !torc_is_failure(result);
    return torc_nothing();
}

/* -- the conversation ---------------------------------------------------------------------- */

static bool start_listening(talk *t)
{
    torc_deferred *opened;
    torc_factory *factory;

    pause_allocation_failures(); /* a factory without memory ends the process */
    factory = factory_of(&server_class, t);
    resume_allocation_failures();
    spare_vital_allocations();
    t->port = torc_listen(torc_root(t->reactor), t->over->listening, factory);
    opened = torc_port_opened(t->port);
    torc_add_both(opened, note_opened, t);
    torture_run_until(t->reactor, &t->opened, 1);
    return t->opened == 1 && (strstr(t->over->connecting, "%u") == NULL ||
        torc_port_address(t->port).port != 0);
}

static void describe(const talk *t, char *text, size_t size)
{
    const char *place = strstr(t->over->connecting, "%u");

    if (place == NULL)
        snprintf(text, size, "%s", t->over->connecting);
    else
        snprintf(text, size, "%.*s%u%s", (int)(place - t->over->connecting),
            t->over->connecting, (unsigned)torc_port_address(t->port).port, place + 2);
}

static void talk_once(talk *t)
{
    torc_factory *factory;
    char where[160];

    t->answered = t->made = t->lost = t->client_lost = 0;
    t->echoed = 0;
    describe(t, where, sizeof where);
    torture_pause(true);
    factory = factory_of(&client_class, t);
    torture_pause(false);
    torc_add_both(torc_connect(torc_root(t->reactor), where, factory), note_connected, t);
    torture_run_until(t->reactor, &t->answered, 1);
    if (t->connected)
        torture_run_until(t->reactor, &t->client_lost, 1);
    torture_run_until(t->reactor, &t->lost, t->made);
    assert_int_equal(t->answered, 1);
}

static void assert_whole(const talk *t)
{
    if (!t->connected || t->echoed != 5)
        fail_msg("%s: connected: %d, echoed: %zu bytes", torture_fault(), t->connected, t->echoed);
}

static void converse(void *argument)
{
    talk t = { .over = argument };

    torture_pause(true);
    t.reactor = torc_reactor_new_named("poll", NULL);
    torture_pause(false);
    assert_non_null(t.reactor);
    if (start_listening(&t)) {
        talk_once(&t);
        if (torture_is_passing())
            assert_whole(&t);
        torture_over();
        talk_once(&t);
        assert_whole(&t);
    }
    torture_over();
    torc_reactor_free(t.reactor);
}

static void a_header_before_the_connection_survives_each_fault(void **state)
{
    static way headers[] = {
        { .listening = "haproxy:tcp:0:interface=127.0.0.1",
            .connecting = "haproxy:tcp:127.0.0.1:%u:timeout=0.3" },
        { .listening = "haproxy:memory:house",
            .connecting = "haproxy-v2:memory:house:timeout=0.3" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        torture(converse, &headers[i]);
}

static void a_tunnel_by_socks_survives_each_fault(void **state)
{
    static way socks = {
        .listening = "memory:proxy",
        .connecting = "socks:a.test:80:endpoint=memory\\:proxy:user=me:password=pw:timeout=0.3",
        .says = { "\5\2", "\1\0", "\5\0\0\1\0\0\0\0\0\0" }, .lengths = { 2, 2, 10 },
    };

    (void)state;
    torture(converse, &socks);
}

static void a_tunnel_by_connect_survives_each_fault(void **state)
{
    static way http = {
        .listening = "tcp:0:interface=127.0.0.1",
        .connecting = "http-proxy:a.test:80:endpoint=tcp\\:127.0.0.1\\:%u:timeout=0.3",
        .says = { "HTTP/1.1 200 OK\r\n\r\n" }, .lengths = { 19 },
    };

    (void)state;
    torture(converse, &http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_before_the_connection_survives_each_fault),
        cmocka_unit_test(a_tunnel_by_socks_survives_each_fault),
        cmocka_unit_test(a_tunnel_by_connect_survives_each_fault),
    };

    torc_log_add_observer(TORC_LOG_DEBUG, torture_hush, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
