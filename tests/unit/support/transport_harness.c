/*
 * The world of a behaviour: made, connected, turned, and taken down.
 *
 * A test's name is "DRIVER CARRIER what it shows", so that `CMOCKA_TEST_FILTER='epoll tcp *'`
 * picks some.
 */
#include "support/transport_harness.h"

#include <torc/process.h>

#include "support/driver_works.h"
#include "support/tls_carrier.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

typedef struct combination {
    const behaviour *behaviour;
    const char *driver;
    unsigned carrier;
    char name[160];
} combination;

typedef struct connection {
    torc_protocol protocol; /* first */
    record *record;
} connection;

static const struct {
    unsigned bit;
    const char *name;
} carriers[] = {
    { ON_TCP, "tcp" },
    { ON_TCP6, "tcp6" },
    { ON_UNIX, "unix" },
    { ON_MEMORY, "memory" },
    { ON_PIPES, "pipes" },
    { ON_PTY, "pty" },
    { ON_TLS, "tls" },
    { ON_TLS_MEMORY, "tls-memory" },
};

enum { CARRIERS = sizeof carriers / sizeof carriers[0] };

static bool has_carrier(unsigned bit)
{
    return HAVE_TLS || !(bit & (ON_TLS | ON_TLS_MEMORY));
}

static bool is_tls(const world *w)
{
    return (w->carrier & (ON_TLS | ON_TLS_MEMORY)) != 0;
}

static bool is_memory(const world *w)
{
    return (w->carrier & (ON_MEMORY | ON_TLS_MEMORY)) != 0;
}

/* -- what is told -------------------------------------------------------------------------- */

record *next_record(side *of, void *protocol)
{
    record *self = &of->records[of->count++];

    assert_true(of->count <= RECORDS_MAX);
    self->world = of->world;
    self->side = of;
    self->protocol = protocol;
    self->made++;
    if (of->world->carrier == ON_TLS_MEMORY)
        start_tls(of, protocol);
    return self;
}

void note_lost(record *self, const torc_failure *reason)
{
    self->lost++;
    self->reason = torc_failure_type_of(reason);
    snprintf(self->reason_text, sizeof self->reason_text, "%s", torc_failure_text(reason));
}

void note_bytes(record *self, torc_slice data)
{
    if (!self->side->discards) {
        while (self->capacity < self->length + data.length) {
            self->capacity = self->capacity > 0 ? self->capacity * 2 : 4096;
            self->bytes = realloc(self->bytes, self->capacity);
            assert_non_null(self->bytes);
        }
        memcpy(self->bytes + self->length, data.data, data.length);
    }
    self->length += data.length;
}

static record *record_of(torc_protocol *protocol)
{
    record *self = torc_of(protocol, connection)->record;

    assert_non_null(self);
    self->after_lost += self->lost;
    return self;
}

static void on_made(torc_protocol *protocol)
{
    side *of = torc_context_of(protocol);
    record *self = next_record(of, protocol);

    torc_of(protocol, connection)->record = self;
    if (of->on_made != NULL)
        of->on_made(self);
}

static void on_data(torc_protocol *protocol, torc_slice data)
{
    record *self = record_of(protocol);

    assert_true(data.length > 0);
    self->data++;
    note_bytes(self, data);
    if (self->side->on_data != NULL)
        self->side->on_data(self, data);
}

static void on_read_lost(torc_protocol *protocol)
{
    record *self = record_of(protocol);

    self->read_lost++;
    if (self->side->on_read_lost != NULL)
        self->side->on_read_lost(self);
}

static void on_lost(torc_protocol *protocol, const torc_failure *reason)
{
    record *self = record_of(protocol);

    note_lost(self, reason);
    if (self->side->on_lost != NULL)
        self->side->on_lost(self);
    self->protocol = NULL;
}

const torc_protocol_class full_class = {
    .name = "Recorder",
    .size = sizeof(connection),
    .connection_made = on_made,
    .data_received = on_data,
    .read_lost = on_read_lost,
    .connection_lost = on_lost,
};

const torc_protocol_class plain_class = {
    .name = "Recorder",
    .size = sizeof(connection),
    .connection_made = on_made,
    .data_received = on_data,
    .connection_lost = on_lost,
};

/* -- connecting ---------------------------------------------------------------------------- */

static torc_factory *factory_of(side *of)
{
    if (of->factory == NULL) {
        of->options.kind = of->kind != NULL ? of->kind : &full_class;
        of->options.context = of;
        of->factory = torc_factory_new(&of->options);
    }
    return torc_factory_hold(of->factory);
}

void begin_listening(world *w)
{
    char text[200];
    torc_address address;

    if (is_memory(w) || (w->carrier & (ON_PIPES | ON_PTY)) || w->port != NULL)
        return;
    if (w->carrier == ON_TLS)
        write_tls_listening(w, text, sizeof text);
    else if (w->carrier == ON_UNIX)
        snprintf(text, sizeof text, "unix:%s/socket", w->directory);
    else
        snprintf(text, sizeof text, "%s", w->carrier == ON_TCP
            ? "tcp:0:interface=127.0.0.1" : "tcp6:0:interface=\\:\\:1");
    w->port = torc_listen(w->scope, text, factory_of(&w->server));
    address = torc_port_address(w->port);
    if (w->carrier == ON_TLS)
        write_tls_connecting(w, address.port, w->endpoint, sizeof w->endpoint);
    else if (w->carrier == ON_UNIX)
        snprintf(w->endpoint, sizeof w->endpoint, "unix:%s", address.path);
    else
        snprintf(w->endpoint, sizeof w->endpoint, w->carrier == ON_TCP
            ? "tcp:127.0.0.1:%u" : "tcp6:\\:\\:1:%u", (unsigned)address.port);
}

static torc_result connect_failed(void *self, torc_result failed)
{
    world *w = self;

    torc_failure_release(w->connect_failure);
    w->connect_failure = torc_failure_hold(torc_result_failure(failed));
    return torc_nothing();
}

static void begin_pipes(world *w)
{
    int there[2];
    int back[2];

    assert_int_equal(pipe2(there, O_CLOEXEC), 0);
    assert_int_equal(pipe2(back, O_CLOEXEC), 0);
    (void)torc_attach(w->scope, there[0], back[1], factory_of(&w->server));
    (void)torc_attach(w->scope, back[0], there[1], factory_of(&w->client));
}

static void begin_pty(world *w)
{
    struct termios raw;
    char path[64];
    int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    int theirs;

    assert_true(ours >= 0);
    assert_int_equal(grantpt(ours), 0);
    assert_int_equal(unlockpt(ours), 0);
    assert_int_equal(ptsname_r(ours, path, sizeof path), 0);
    theirs = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(theirs >= 0);
    assert_int_equal(tcgetattr(theirs, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(theirs, TCSANOW, &raw), 0);
    (void)torc_attach(w->scope, theirs, theirs, factory_of(&w->server));
    (void)torc_attach(w->scope, ours, ours, factory_of(&w->client));
}

void begin_connecting(world *w)
{
    if (w->carrier == ON_PIPES) {
        begin_pipes(w);
        return;
    }
    if (w->carrier == ON_PTY) {
        begin_pty(w);
        return;
    }
    if (is_memory(w)) {
        assert_true(
            torc_connect_in_memory(w->scope, factory_of(&w->server), factory_of(&w->client)));
        return;
    }
    begin_listening(w);
    w->connecting = torc_connect(torc_root(w->reactor), w->endpoint, factory_of(&w->client));
    torc_add_errback(w->connecting, connect_failed, w);
}

void connect_pair(world *w)
{
    size_t servers = w->server.count;
    size_t clients = w->client.count;

    begin_connecting(w);
    RUN_UNTIL(w, w->server.count > servers && w->client.count > clients);
    if (w->carrier == ON_TLS_MEMORY)
        RUN_UNTIL(w, tls_is_open(&w->server.records[servers])
            && tls_is_open(&w->client.records[clients]));
}

static socklen_t fill_address(world *w, const torc_address *address, struct sockaddr_storage *to)
{
    struct sockaddr_in *ip = (struct sockaddr_in *)(void *)to;
    struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)(void *)to;
    struct sockaddr_un *path = (struct sockaddr_un *)(void *)to;

    memset(to, 0, sizeof *to);
    if (w->carrier == ON_TCP) {
        ip->sin_family = AF_INET;
        ip->sin_port = htons(address->port);
        ip->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof *ip;
    }
    if (w->carrier == ON_TCP6) {
        ip6->sin6_family = AF_INET6;
        ip6->sin6_port = htons(address->port);
        ip6->sin6_addr = in6addr_loopback;
        return sizeof *ip6;
    }
    path->sun_family = AF_UNIX;
    snprintf(path->sun_path, sizeof path->sun_path, "%.100s", address->path);
    return sizeof *path;
}

int connect_raw(world *w)
{
    struct sockaddr_storage to;
    torc_address address;
    socklen_t length;
    int descriptor;

    begin_listening(w);
    address = torc_port_address(w->port);
    length = fill_address(w, &address, &to);
    descriptor = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(descriptor >= 0);
    assert_int_equal(connect(descriptor, (struct sockaddr *)&to, length), 0);
    return descriptor;
}

void close_raw_with_reset(int descriptor)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };

    assert_int_equal(
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    close(descriptor);
}

/* -- looking ------------------------------------------------------------------------------- */

bool both_lost(world *w)
{
    return server_of(w)->lost > 0 && client_of(w)->lost > 0;
}

void assert_reason(const record *self, const torc_failure_type *type)
{
    if (self->reason != type)
        fail_msg("the reason is %s (%s), not %s",
            self->reason != NULL ? self->reason->name : "none", self->reason_text, type->name);
}

void assert_bytes(const record *self, torc_slice expected)
{
    assert_int_equal(self->length, expected.length);
    if (expected.length > 0)
        assert_true(memcmp(self->bytes, expected.data, expected.length) == 0);
}

torc_slice pattern(size_t offset, size_t length)
{
    static char bytes[PATTERN_MAX];
    static bool made;
    uint32_t state = 1;

    for (size_t i = 0; !made && i < sizeof bytes; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (char)(state >> 24);
    }
    made = true;
    assert_true(offset + length <= sizeof bytes);
    return torc_slice_make(bytes + offset, length);
}

int file_with(torc_slice bytes)
{
    char path[] = "/tmp/torc-file-XXXXXX";
    int descriptor = mkstemp(path);

    assert_true(descriptor >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(descriptor, bytes.data, bytes.length), bytes.length);
    return descriptor;
}

unsigned open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/* -- running ------------------------------------------------------------------------------- */

void turn_or_fail(world *w, torc_time deadline, const char *condition, const char *file, int line)
{
    if (torc_monotonic_now() > deadline) {
        print_error("%s:%d: in vain: %s\n", file, line, condition);
        fail();
    }
    w->turns++;
    /* Short, because what is waited for may come before the turn waits. */
    assert_true(torc_iterate(w->reactor, 2 * TORC_MILLISECOND));
}

void run_turns(world *w, unsigned turns)
{
    for (unsigned i = 0; i < turns; i++)
        assert_true(torc_iterate(w->reactor, 0));
}

/* -- the world ----------------------------------------------------------------------------- */

static void on_log(void *argument, const torc_log_event *event)
{
    world *w = argument;

    snprintf(w->context, sizeof w->context, "%s", event->context);
    snprintf(w->message, sizeof w->message, "%.*s", TORC_FMT(event->message));
    if (event->level < TORC_LOG_WARN)
        return;
    w->warnings++;
    snprintf(w->warning, sizeof w->warning, "%.*s", TORC_FMT(event->message));
}

static void open_world(world *w)
{
    torc_failure *failure = NULL;

    w->server.world = w;
    w->client.world = w;
    w->reactor = torc_reactor_new_named(w->driver, &failure);
    assert_non_null(w->reactor);
    w->scope = torc_root(w->reactor);
}

static void empty_side(side *of)
{
    if (of->factory != NULL)
        torc_factory_release(of->factory);
    for (size_t i = 0; i < RECORDS_MAX; i++)
        free(of->records[i].bytes);
}

static void close_world(world *w)
{
    torc_reactor_free(w->reactor);
    empty_side(&w->server);
    empty_side(&w->client);
    torc_failure_release(w->connect_failure);
    for (size_t i = 0; i < RECORDS_MAX; i++) {
        assert_int_equal(w->server.records[i].lost, w->server.records[i].made);
        assert_int_equal(w->client.records[i].lost, w->client.records[i].made);
        assert_int_equal(w->server.records[i].after_lost, 0);
        assert_int_equal(w->client.records[i].after_lost, 0);
    }
}

static void empty_world(world *w)
{
    const char *driver = w->driver;
    unsigned carrier = w->carrier;
    char directory[sizeof w->directory];

    memcpy(directory, w->directory, sizeof directory);
    memset(w, 0, sizeof *w);
    w->driver = driver;
    w->carrier = carrier;
    memcpy(w->directory, directory, sizeof directory);
}

void renew_world(world *w)
{
    close_world(w);
    empty_world(w);
    open_world(w);
}

static void run_combination(void **state)
{
    const combination *self = *state;
    unsigned descriptors = open_descriptors();
    world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->driver = self->driver;
    w->carrier = self->carrier;
    snprintf(w->directory, sizeof w->directory, "/tmp/torc-test-XXXXXX");
    assert_non_null(mkdtemp(w->directory));
    torc_log_add_observer(TORC_LOG_DEBUG, on_log, w);
    if (is_tls(w))
        open_tls(w);
    open_world(w);
    self->behaviour->run(w);
    close_world(w);
    if (is_tls(w))
        close_tls(w);
    torc_log_remove_observer(on_log, w);
    assert_int_equal(rmdir(w->directory), 0);
    free(w);
    assert_int_equal(open_descriptors(), descriptors);
}

static size_t combine(const behaviour *behaviours, size_t count, combination *combinations)
{
    size_t made = 0;

    for (size_t d = 0; torc_driver_name(d) != NULL; d++)
        for (size_t c = 0; c < CARRIERS; c++)
            for (size_t b = 0; b < count; b++) {
                combination *next = &combinations[made];

                if (!(behaviours[b].carriers & carriers[c].bit) || !has_carrier(carriers[c].bit)
                    || !driver_works(torc_driver_name(d)))
                    continue;
                next->behaviour = &behaviours[b];
                next->driver = torc_driver_name(d);
                next->carrier = carriers[c].bit;
                snprintf(next->name, sizeof next->name, "%s %s %s", next->driver,
                    carriers[c].name, behaviours[b].name);
                made++;
            }
    return made;
}

static size_t drivers(void)
{
    size_t count = 0;

    while (torc_driver_name(count) != NULL)
        count++;
    return count;
}

int run_behaviours(const char *suite, const behaviour *behaviours, size_t count)
{
    size_t most = count * CARRIERS * drivers();
    combination *combinations = calloc(most, sizeof *combinations);
    struct CMUnitTest *tests = calloc(most, sizeof *tests);
    size_t made;
    int failed;

    if (combinations == NULL || tests == NULL)
        return EXIT_FAILURE;
    cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
    made = combine(behaviours, count, combinations);
    for (size_t i = 0; i < made; i++) {
        tests[i].name = combinations[i].name;
        tests[i].test_func = run_combination;
        tests[i].initial_state = &combinations[i];
    }
    failed = _cmocka_run_group_tests(suite, tests, made, NULL, NULL);
    free(combinations);
    free(tests);
    return failed != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
