/*
 * A conversation over TLS with everything failing in turn: our own allocations and system calls,
 * from reading the description to the last close_notify. What fails inside OpenSSL is in
 * tls_openssl_test.c.
 */
#include "torture/torture.h"

#include "support/driver_works.h"
#include "tls/support.h"

/* More than a record, and than one call of the socket is asked to take. */
enum { ECHO_SIZE = 40000 };

typedef struct talk {
    torc_reactor *reactor;
    torc_port *port;
    int opened; /* listening has been told of: 1 it listens, 2 it does not */
    int answered;
    bool connected;
    int made;
    int lost;
    int client_lost;
    size_t echoed;
    bool damaged;
    bool done; /* the client was told that it has heard everything */
} talk;

static char bytes[ECHO_SIZE];

/* -- the two sides --------------------------------------------------------------------------- */

static talk *talk_of(torc_protocol *self)
{
    return torc_context_of(self);
}

static void server_made(torc_protocol *self)
{
    talk_of(self)->made++;
}

static void server_data(torc_protocol *self, torc_slice data)
{
    torc_write(self->transport, data);
}

static void server_lost(torc_protocol *self, const torc_failure *reason)
{
    assert_non_null(reason);
    talk_of(self)->lost++;
}

static const torc_protocol_class server_class = {
    .name = "TortureServer",
    .connection_made = server_made,
    .data_received = server_data,
    .connection_lost = server_lost,
};

static void client_made(torc_protocol *self)
{
    talk_of(self)->made++;
    torc_write_static(self->transport, torc_slice_make(bytes, sizeof bytes));
}

static void client_data(torc_protocol *self, torc_slice data)
{
    talk *t = talk_of(self);

    if (data.length > sizeof bytes - t->echoed
        || memcmp(bytes + t->echoed, data.data, data.length) != 0)
        t->damaged = true;
    t->echoed += data.length;
    if (t->echoed == sizeof bytes)
        torc_lose_write(self->transport);
}

static void client_lost(torc_protocol *self, const torc_failure *reason)
{
    talk *t = talk_of(self);

    t->lost++;
    t->client_lost++;
    t->done = torc_failure_type_of(reason) == &torc_error_connection_done;
}

static const torc_protocol_class client_class = {
    .name = "TortureClient",
    .connection_made = client_made,
    .data_received = client_data,
    .connection_lost = client_lost,
};

static torc_factory *factory_with(const torc_protocol_class *kind, talk *t)
{
    torc_factory_options options = { .kind = kind, .context = t };

    return torc_factory_new(&options);
}

/* -- the conversation ------------------------------------------------------------------------ */

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
    if (torc_is_failure(result) && torc_failure_text(torc_result_failure(result))[0] == '\0')
        fail_msg("%s: the failure says nothing", torture_fault());
    return torc_nothing();
}

static bool start_listening(talk *t)
{
    char where[256];
    torc_deferred *opened;

    snprintf(where, sizeof where, "tls:0:interface=127.0.0.1:certificate=%s", path_of("good.pem"));
    pause_allocation_failures(); /* a port without memory ends the process */
    t->port = torc_listen(torc_root(t->reactor), where, factory_with(&server_class, t));
    opened = torc_port_opened(t->port);
    resume_allocation_failures();
    torc_add_both(opened, note_opened, t);
    torture_run_until(t->reactor, &t->opened, 1);
    return t->opened == 1 && torc_port_address(t->port).port != 0;
}

static void talk_once(talk *t)
{
    torc_factory *factory;
    char where[256];

    t->answered = t->made = t->lost = t->client_lost = 0;
    t->echoed = 0;
    t->damaged = t->done = t->connected = false;
    snprintf(where, sizeof where, "tls:127.0.0.1:%u:authorities=%s",
        torc_port_address(t->port).port, path_of("authority.pem"));
    torture_pause(true);
    factory = factory_with(&client_class, t);
    torture_pause(false);
    torc_add_both(torc_connect(torc_root(t->reactor), where, factory), note_connected, t);
    torture_run_until(t->reactor, &t->answered, 1);
    if (t->connected)
        torture_run_until(t->reactor, &t->client_lost, 1);
    torture_run_until(t->reactor, &t->lost, t->made);
    assert_int_equal(t->answered, 1);
    assert_int_equal(t->lost, t->made);
    assert_false(t->damaged);
    if (t->done && t->echoed < sizeof bytes)
        fail_msg("%s: the client takes %zu bytes for the whole", torture_fault(), t->echoed);
}

static void assert_whole(const talk *t)
{
    if (!t->connected || !t->done || t->echoed != sizeof bytes)
        fail_msg("%s: connected: %d, done: %d, echoed: %zu of %zu bytes", torture_fault(),
            t->connected, t->done, t->echoed, sizeof bytes);
}

static void converse(void *driver)
{
    torc_failure *failure = NULL;
    talk t = { 0 };

    t.reactor = torc_reactor_new_named(driver, &failure);
    if (t.reactor == NULL) {
        assert_non_null(failure);
        torc_failure_release(failure);
        return;
    }
    torc_tls_reload_all(); /* each time a full handshake */
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

/* How system calls of each driver fail is shown without TLS. */
static void a_conversation_over_tls_survives_each_fault(void **state)
{
    bool first = true;

    (void)state;
    for (size_t i = 0; torc_driver_name(i) != NULL; i++) {
        void *driver = (void *)(uintptr_t)torc_driver_name(i);

        if (!driver_works(driver))
            continue;
        if (first)
            torture(converse, driver);
        else
            torture_allocations(converse, driver);
        first = false;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conversation_over_tls_survives_each_fault),
    };

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    torc_log_add_observer(TORC_LOG_DEBUG, torture_hush, NULL);
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
