/*
 * An echo, both sides in one reactor, with everything failing in turn: listening, connecting,
 * sending more than a socket takes, closing. Over TCP on each driver that waits for readiness, and
 * over a UNIX socket where a dead one lies in the way.
 */
#include "torture/torture.h"

#include "support/driver_works.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* More than the socket buffers of both sides take at once, so that writes come up short. */
enum { ECHO_SIZE = 512 << 10, PIECE_SIZE = 16 << 10 };

/* What an echo runs over. */
typedef struct way {
    const char *driver;
    const char *path; /* of a UNIX socket; NULL: TCP */
} way;

typedef struct talk {
    const way *over;
    torc_reactor *reactor;
    torc_port *port;
    int opened; /* listening has been told of: 1 it listens, 2 it does not */
    int answered; /* connecting has been told of */
    bool connected;
    int made;
    int lost;
    int client_lost;
    torc_producer producer; /* of what the client writes */
    torc_transport *client;
    size_t sent;
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

/* A piece at a time: who writes without end and waits for the echo meanwhile is paused for ever. */
static void produce(torc_producer *producer)
{
    talk *t = TORC_CONTAINER_OF(producer, talk, producer);
    size_t size = sizeof bytes - t->sent < PIECE_SIZE ? sizeof bytes - t->sent : PIECE_SIZE;

    torc_write_static(t->client, torc_slice_make(bytes + t->sent, size));
    t->sent += size;
    if (t->sent == sizeof bytes)
        torc_unregister_producer(t->client);
}

static void stop_producing(torc_producer *producer)
{
    (void)producer;
}

static const torc_producer_class producer_class = {
    .resume = produce,
    .stop = stop_producing,
};

static void client_made(torc_protocol *self)
{
    talk *t = talk_of(self);

    t->made++;
    t->producer.kind = &producer_class;
    t->client = self->transport;
    torc_register_pull_producer(self->transport, &t->producer);
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
        assert_says(result, t->over->path != NULL ? t->over->path : "127.0.0.1");
    return torc_nothing();
}

static torc_result note_connected(void *self, torc_result result)
{
    talk *t = self;

    t->answered++;
    t->connected = !torc_is_failure(result);
    if (torc_is_failure(result))
        assert_says(result, t->over->path != NULL ? t->over->path : "127.0.0.1");
    return torc_nothing();
}

/* -- the conversation ---------------------------------------------------------------------- */

static bool start_listening(talk *t)
{
    torc_deferred *opened;
    char where[64] = "tcp:0:interface=127.0.0.1";

    if (t->over->path != NULL)
        snprintf(where, sizeof where, "unix:%s", t->over->path);
    pause_allocation_failures(); /* a port without memory ends the process */
    t->port = torc_listen(torc_root(t->reactor), where, factory_of(&server_class, t));
    opened = torc_port_opened(t->port);
    resume_allocation_failures();
    torc_add_both(opened, note_opened, t);
    torture_run_until(t->reactor, &t->opened, 1);
    /* Where the address could not be asked for, nobody knows where to connect. */
    return t->opened == 1 && (t->over->path != NULL || torc_port_address(t->port).port != 0);
}

static void talk_once(talk *t)
{
    torc_factory *factory;
    char where[64];

    t->answered = t->made = t->lost = t->client_lost = 0;
    t->sent = t->echoed = 0;
    t->damaged = false;
    if (t->over->path != NULL)
        snprintf(where, sizeof where, "unix:%s", t->over->path);
    else
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

/* Nobody listens on it any more. */
static void leave_dead_socket(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);

    unlink(path);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&name, sizeof name), 0);
    close(descriptor);
}

static void echo(void *argument)
{
    const way *over = argument;
    torc_failure *failure = NULL;
    talk t = { .over = over };

    if (over->path != NULL)
        leave_dead_socket(over->path);
    t.reactor = torc_reactor_new_named(over->driver, &failure);

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
    for (size_t i = 0; torc_driver_name(i) != NULL; i++) {
        way over = { .driver = torc_driver_name(i) };

        if (driver_works(over.driver))
            torture(echo, &over);
    }
}

static void an_echo_over_a_unix_socket_survives_each_fault(void **state)
{
    char path[64];
    way over = { .driver = torc_driver_name(0), .path = path };

    (void)state;
    snprintf(path, sizeof path, "/tmp/torc-torture-%ld", (long)getpid());
    torture(echo, &over);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_echo_survives_each_fault_on_every_driver),
        cmocka_unit_test(an_echo_over_a_unix_socket_survives_each_fault),
    };

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    torc_log_add_observer(TORC_LOG_DEBUG, torture_hush, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
