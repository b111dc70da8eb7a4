/*
 * An echo over TCP, both sides in one reactor, on each driver that waits for readiness, with
 * everything failing in turn: listening, connecting, sending more than a socket takes, closing.
 */
#include "torture/torture.h"

/* More than the socket buffers of both sides take at once, so that writes come up short. */
enum { ECHO_SIZE = 512 << 10 };

typedef struct talk {
    torc_reactor *reactor;
    torc_port *port;
    int opened; /* listening has been told of: 1 it listens, 2 it does not */
    int answered; /* connecting has been told of */
    bool connected;
    int made;
    int lost;
    int client_lost;
    size_t echoed;
    bool damaged;
} talk;

static char bytes[ECHO_SIZE];

/* -- the two sides ------------------------------------------------------------------------- */

static talk *talk_of(torc_protocol *self)
{
    return torc_context_of(self);
}

static void server_made(torc_protocol *self)
{
    talk_of(self)->made++;
    torc_set_water_marks(self->transport, 0, 0, SIZE_MAX);
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
    torc_set_water_marks(self->transport, 0, 0, SIZE_MAX);
    torc_write_static(self->transport, torc_slice_make(bytes, sizeof bytes));
}

static void client_data(torc_protocol *self, torc_slice data)
{
    talk *t = talk_of(self);

    if (data.length > sizeof bytes - t->echoed ||
        memcmp(bytes + t->echoed, data.data, data.length) != 0)
        t->damaged = true;
    t->echoed += data.length;
    if (t->echoed == sizeof bytes)
        torc_lose_write(self->transport);
}

static void client_lost(torc_protocol *self, const torc_failure *reason)
{
    assert_non_null(reason);
    talk_of(self)->lost++;
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

/* -- what is told -------------------------------------------------------------------------- */

/* Any failure says what could not be done, and where; without memory it cannot. */
static void assert_says(torc_result failed, const char *part)
{
    const torc_failure *failure = torc_result_failure(failed);

    if (torc_failure_is(failure, &torc_error_out_of_memory))
        return;
    if (strstr(torc_failure_text(failure), part) == NULL)
        fail_msg("%s: the failure does not say '%s': %s", torture_fault(), part,
            torc_failure_text(failure));
}

static torc_result note_opened(void *self, torc_result result)
{
    talk *t = self;

    t->opened = torc_is_failure(result) ? 2 : 1;
    if (torc_is_failure(result))
        assert_says(result, "127.0.0.1");
    return torc_nothing();
}

static torc_result note_connected(void *self, torc_result result)
{
    talk *t = self;

    t->answered++;
    t->connected = !torc_is_failure(result);
    if (torc_is_failure(result))
        assert_says(result, "127.0.0.1");
    return torc_nothing();
}

/* -- the conversation ---------------------------------------------------------------------- */

static bool start_listening(talk *t)
{
    torc_deferred *opened;

    pause_allocation_failures(); /* a port without memory ends the process */
    t->port = torc_listen(
        torc_root(t->reactor), "tcp:0:interface=127.0.0.1", factory_of(&server_class, t));
    opened = torc_port_opened(t->port);
    resume_allocation_failures();
    torc_add_both(opened, note_opened, t);
    torture_run_until(t->reactor, &t->opened, 1);
    /* Where the address could not be asked for, nobody knows where to connect. */
    return t->opened == 1 && torc_port_address(t->port).port != 0;
}

static void talk_once(talk *t)
{
    torc_factory *factory;
    char where[64];

    t->answered = t->made = t->lost = t->client_lost = 0;
    t->echoed = 0;
    t->damaged = false;
    snprintf(where, sizeof where, "tcp:127.0.0.1:%u", torc_port_address(t->port).port);
    torture_pause(true);
    factory = factory_of(&client_class, t);
    torture_pause(false);
    torc_add_both(torc_connect(torc_root(t->reactor), where, factory), note_connected, t);
    torture_run_until(t->reactor, &t->answered, 1);
    if (t->connected)
        torture_run_until(t->reactor, &t->client_lost, 1);
    torture_run_until(t->reactor, &t->lost, t->made);
    assert_int_equal(t->answered, 1);
    assert_int_equal(t->lost, t->made);
    assert_false(t->damaged);
}

static void assert_whole(const talk *t)
{
    if (!t->connected || t->echoed != sizeof bytes)
        fail_msg("%s: connected: %d, echoed: %zu of %zu bytes", torture_fault(), t->connected,
            t->echoed, sizeof bytes);
}

static void echo(void *driver)
{
    torc_failure *failure = NULL;
    talk t = { .reactor = torc_reactor_new_named(driver, &failure) };

    if (t.reactor == NULL) {
        assert_non_null(failure);
        torc_failure_release(failure);
        return;
    }
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

static void an_echo_survives_each_fault_on_every_driver(void **state)
{
    (void)state;
    for (size_t i = 0; torc_driver_name(i) != NULL; i++)
        torture(echo, (void *)(uintptr_t)torc_driver_name(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_echo_survives_each_fault_on_every_driver),
    };

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    torc_log_add_observer(TORC_LOG_DEBUG, torture_hush, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
