/*
 * An echo of datagrams, both sides in one reactor, with everything failing in turn. What gets lost
 * is sent again after a while, as who uses datagrams has to; so a fault costs time, and no more.
 */
#include "torture/torture.h"

#include "reactor/reactor.h"

#include <torc/datagram.h>
#include <torc/timer.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* More than a batch, so that what is left of one is met too. */
enum { PIECES = 80, PIECE_SIZE = 700 };

#define PATIENCE (5 * TORC_MILLISECOND)

typedef struct way {
    const char *driver;
    const char *path; /* of a UNIX socket; NULL: UDP */
} way;

typedef struct talk {
    const way *over;
    torc_reactor *reactor;
    torc_datagram_protocol *server;
    torc_datagram_protocol *client;
    int opened[2]; /* of the server and the client: 1 it is open, 2 it is not */
    int started;
    int stopped;
    int done;      /* the client has all that it asked for, or has stopped */
    bool answered[PIECES];
    int answers;
    bool damaged;
    torc_timer again;
} talk;

static char piece[PIECE_SIZE];

static talk *talk_of(torc_datagram_protocol *self)
{
    return self->context;
}

static void started(torc_datagram_protocol *self)
{
    talk_of(self)->started++;
}

static void server_received(
    torc_datagram_protocol *self, torc_slice bytes, const torc_address *peer)
{
    torc_send_to(self->transport, bytes, peer);
}

static void server_stopped(torc_datagram_protocol *self, const torc_failure *reason)
{
    assert_non_null(reason);
    talk_of(self)->stopped++;
    talk_of(self)->server = NULL;
}

static const torc_datagram_class server_class = {
    .name = "TortureServer",
    .started = started,
    .datagram_received = server_received,
    .stopped = server_stopped,
};

static void ask(void *argument)
{
    talk *t = argument;

    if (t->client == NULL)
        return;
    for (int i = 0; i < PIECES; i++) {
        piece[0] = (char)i;
        if (!t->answered[i])
            torc_send(t->client->transport, torc_slice_make(piece, PIECE_SIZE));
    }
    torc_timer_set(&t->again, torc_datagram_scope_of(t->client), PATIENCE, ask, t);
}

static void client_started(torc_datagram_protocol *self)
{
    started(self);
    ask(talk_of(self));
}

static void client_received(
    torc_datagram_protocol *self, torc_slice bytes, const torc_address *peer)
{
    talk *t = talk_of(self);
    int index = bytes.length > 0 ? (unsigned char)bytes.data[0] : PIECES;

    (void)peer;
    if (bytes.length != PIECE_SIZE || index >= PIECES ||
        memcmp(bytes.data + 1, piece + 1, PIECE_SIZE - 1) != 0) {
        t->damaged = true;
        return;
    }
    t->answers += !t->answered[index];
    t->answered[index] = true;
    if (t->answers == PIECES) {
        torc_timer_cancel(&t->again);
        t->done = 1;
    }
}

static void client_stopped(torc_datagram_protocol *self, const torc_failure *reason)
{
    assert_non_null(reason);
    talk_of(self)->stopped++;
    talk_of(self)->client = NULL;
    talk_of(self)->done = 1;
}

static const torc_datagram_class client_class = {
    .name = "TortureClient",
    .started = client_started,
    .datagram_received = client_received,
    .stopped = client_stopped,
};

static torc_result note_opened(void *self, torc_result result)
{
    *(int *)self = torc_is_failure(result) ? 2 : 1;
    return torc_nothing();
}

/* A protocol without memory ends the process. */
static bool open_server(talk *t)
{
    char where[128] = "udp:0:interface=127.0.0.1";
    torc_deferred *opened;

    if (t->over->path != NULL)
        snprintf(where, sizeof where, "unix-datagram:%s", t->over->path);
    pause_allocation_failures();
    t->server = torc_listen_datagrams(torc_root(t->reactor), where, &server_class);
    opened = torc_datagrams_opened(t->server);
    resume_allocation_failures();
    t->server->context = t;
    torc_add_both(opened, note_opened, &t->opened[0]);
    torture_run_until(t->reactor, &t->opened[0], 1);
    return t->opened[0] == 1 && t->server != NULL
        && torc_datagram_address(t->server->transport).kind != TORC_ADDRESS_NONE;
}

static bool open_client(talk *t)
{
    torc_address server = torc_datagram_address(t->server->transport);
    char where[160];
    torc_deferred *opened;

    if (t->over->path != NULL)
        snprintf(where, sizeof where, "unix-datagram:%s:bindAddress=%s.client", t->over->path,
            t->over->path);
    else
        snprintf(where, sizeof where, "udp:127.0.0.1:%u", (unsigned)server.port);
    t->opened[1] = 0;
    t->done = 0;
    pause_allocation_failures();
    t->client = torc_connect_datagrams(torc_root(t->reactor), where, &client_class);
    opened = torc_datagrams_opened(t->client);
    resume_allocation_failures();
    t->client->context = t;
    torc_add_both(opened, note_opened, &t->opened[1]);
    torture_run_until(t->reactor, &t->opened[1], 1);
    return t->opened[1] == 1;
}

static void talk_once(talk *t)
{
    memset(t->answered, 0, sizeof t->answered);
    t->answers = 0;
    if (!open_client(t))
        return;
    torture_run_until(t->reactor, &t->done, 1);
    assert_false(t->damaged);
    if (t->client == NULL)
        return;
    torc_stop_datagrams(t->client->transport);
    t->done = 0;
    torture_run_until(t->reactor, &t->done, 1);
}

/* Whoever had it has gone, and left it. */
static void leave_dead_socket(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int descriptor = socket(AF_UNIX, SOCK_DGRAM, 0);

    unlink(path);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&name, sizeof name), 0);
    close(descriptor);
}

/* One that could not be removed, because noting or removing it was what failed. */
static void remove_leftovers(const char *path)
{
    char name[160];

    unlink(path);
    snprintf(name, sizeof name, "%s.client", path);
    unlink(name);
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
    if (open_server(&t)) {
        talk_once(&t);
        torture_over();
        if (over->path != NULL)
            remove_leftovers(over->path);
    }
    if (t.server != NULL && t.opened[0] == 1 && over->path == NULL
        && torc_datagram_address(t.server->transport).port != 0) {
        talk_once(&t);
        if (t.answers != PIECES)
            fail_msg("%s: %d answers once it was over", torture_fault(), t.answers);
    }
    torture_over();
    torc_reactor_free(t.reactor);
    assert_int_equal(t.started, t.stopped);
    if (over->path != NULL)
        remove_leftovers(over->path);
}

/* Those that carry datagrams, on this machine. */
static bool carries_datagrams(const char *driver)
{
    torc_reactor *reactor = torc_reactor_new_named(driver, NULL);
    bool carries = reactor != NULL && reactor->driver->kind->open_datagrams != NULL;

    torc_reactor_free(reactor);
    return carries;
}

static void datagrams_survive_each_fault_on_every_driver(void **state)
{
    (void)state;
    for (size_t i = 0; torc_driver_name(i) != NULL; i++) {
        way over = { .driver = torc_driver_name(i) };

        if (carries_datagrams(over.driver))
            torture(echo, &over);
    }
}

static void datagrams_over_unix_sockets_survive_each_fault(void **state)
{
    char path[64];
    way over = { .driver = "poll", .path = path };

    (void)state;
    snprintf(path, sizeof path, "/tmp/torc-datagrams-%ld", (long)getpid());
    torture(echo, &over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_survive_each_fault_on_every_driver),
        cmocka_unit_test(datagrams_over_unix_sockets_survive_each_fault),
    };

    for (size_t i = 0; i < sizeof piece; i++)
        piece[i] = (char)(i * 7);
    torc_log_add_observer(TORC_LOG_DEBUG, torture_hush, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
