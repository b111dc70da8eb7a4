/*
 * The arena of a behaviour: made, filled, turned, and taken down.
 *
 * A test's name is "DRIVER CARRIER what it shows", so that `CMOCKA_TEST_FILTER='epoll udp4 *'`
 * picks some.
 */
#include "support/datagram_harness.h"

#include <dirent.h>
#include <unistd.h>

typedef struct combination {
    const datagram_behaviour *behaviour;
    const char *driver;
    unsigned carrier;
    char name[160];
} combination;

typedef struct probed {
    torc_datagram_protocol protocol; /* first */
    probe *probe;
} probed;

static const struct {
    unsigned bit;
    const char *name;
} carriers[] = {
    { BY_UDP4, "udp4" },
    { BY_UDP6, "udp6" },
    { BY_UNIX, "unix" },
    { BY_ABSTRACT, "abstract" },
    { BY_MEMORY, "memory" },
};

enum { CARRIERS = sizeof carriers / sizeof carriers[0] };

/* -- what is told -------------------------------------------------------------------------- */

static probe *probe_of(torc_datagram_protocol *protocol)
{
    probe *self = torc_of(protocol, probed)->probe;

    assert_non_null(self);
    self->after_stop += self->stopped;
    return self;
}

static void on_started(torc_datagram_protocol *protocol)
{
    probe *self = probe_of(protocol);

    self->started++;
    if (self->on_started != NULL)
        self->on_started(self);
}

static void check_pattern(probe *self, torc_slice bytes)
{
    for (size_t i = 1; i < bytes.length; i++)
        if ((unsigned char)bytes.data[i] != (unsigned char)((unsigned char)bytes.data[0] + i))
            self->damaged = true;
}

static void on_received(
    torc_datagram_protocol *protocol, torc_slice bytes, const torc_address *peer)
{
    probe *self = probe_of(protocol);
    torc_slice start = torc_slice_first(bytes, sizeof self->last - 1);

    if (self->received < KEPT_MAX) {
        self->lengths[self->received] = bytes.length;
        self->first[self->received] = bytes.length > 0 ? bytes.data[0] : '\0';
    }
    self->received++;
    self->bytes += bytes.length;
    self->peer = *peer;
    if (start.length > 0)
        memcpy(self->last, start.data, start.length);
    self->last[start.length] = '\0';
    if (self->patterns)
        check_pattern(self, bytes);
    if (self->on_received != NULL)
        self->on_received(self, bytes, peer);
}

static void on_truncated(
    torc_datagram_protocol *protocol, torc_slice start, const torc_address *peer)
{
    probe *self = probe_of(protocol);

    self->truncated++;
    self->bytes = start.length;
    self->peer = *peer;
}

static void on_refused(torc_datagram_protocol *protocol, const torc_failure *reason)
{
    probe *self = probe_of(protocol);

    self->refused++;
    self->refusal = torc_failure_type_of(reason);
    if (self->on_refused != NULL)
        self->on_refused(self);
}

static void on_room(torc_datagram_protocol *protocol)
{
    probe *self = probe_of(protocol);

    self->room++;
    if (self->on_room != NULL)
        self->on_room(self);
}

static void on_stopped(torc_datagram_protocol *protocol, const torc_failure *reason)
{
    probe *self = probe_of(protocol);

    self->stopped++;
    self->reason = torc_failure_type_of(reason);
    if (self->on_stopped != NULL)
        self->on_stopped(self);
    self->protocol = NULL;
    self->transport = NULL;
}

const torc_datagram_class probe_class = {
    .name = "Probe",
    .size = sizeof(probed),
    .started = on_started,
    .datagram_received = on_received,
    .datagram_truncated = on_truncated,
    .refused = on_refused,
    .may_send = on_room,
    .stopped = on_stopped,
};

/* -- opening ------------------------------------------------------------------------------- */

void attach(arena *a, probe *self, torc_datagram_protocol *protocol)
{
    self->arena = a;
    self->protocol = protocol;
    self->transport = protocol->transport;
    torc_of(protocol, probed)->probe = self;
}

/* A fresh name for a UNIX socket, with its kind. */
static const char *name_socket(arena *a, char *text, size_t size)
{
    if (a->carrier == BY_UNIX)
        snprintf(text, size, "%s/socket%u", a->directory, a->sockets++);
    else
        snprintf(text, size, "@torc-test-%d-%s-%u", (int)getpid(), a->directory + 15, a->sockets++);
    return text;
}

void open_listening(arena *a, probe *self, const char *options)
{
    char name[128];
    char text[256];

    if (a->carrier == BY_UDP4)
        snprintf(text, sizeof text, "udp:0:interface=127.0.0.1%s", options);
    else if (a->carrier == BY_UDP6)
        snprintf(text, sizeof text, "udp6:0:interface=[::1]%s", options);
    else
        snprintf(text, sizeof text, "unix-datagram:%s%s", name_socket(a, name, sizeof name),
            options);
    attach(a, self, torc_listen_datagrams(a->scope, text, &probe_class));
}

void open_connected(arena *a, probe *self, const probe *peer, const char *options)
{
    torc_address address = address_of(peer);
    char name[128];
    char text[320];

    if (address.kind == TORC_ADDRESS_IPV4)
        snprintf(text, sizeof text, "udp:127.0.0.1:%u%s", (unsigned)address.port, options);
    else if (address.kind == TORC_ADDRESS_IPV6)
        snprintf(text, sizeof text, "udp6:[::1]:%u%s", (unsigned)address.port, options);
    else
        snprintf(text, sizeof text, "unix-datagram:%s:bindAddress=%s%s", address.path,
            name_socket(a, name, sizeof name), options);
    attach(a, self, torc_connect_datagrams(a->scope, text, &probe_class));
}

static void open_in_memory(arena *a)
{
    torc_datagram_protocol *other = NULL;
    torc_datagram_protocol *one =
        torc_pair_datagrams(a->scope, &probe_class, &probe_class, &other);

    assert_non_null(one);
    attach(a, &a->one, one);
    attach(a, &a->other, other);
}

void open_pair(arena *a)
{
    if (a->carrier == BY_MEMORY) {
        open_in_memory(a);
    } else {
        open_listening(a, &a->one, "");
        open_connected(a, &a->other, &a->one, "");
    }
    AWAIT(a, a->one.started && a->other.started);
}

void open_two(arena *a)
{
    open_listening(a, &a->one, "");
    open_listening(a, &a->other, "");
    AWAIT(a, a->one.started && a->other.started);
}

torc_address address_of(const probe *self)
{
    return torc_datagram_address(self->transport);
}

bool send_to_one(arena *a, torc_slice bytes)
{
    torc_address address = address_of(&a->one);

    return torc_send_to(a->other.transport, bytes, &address);
}

torc_slice patterned(size_t length, unsigned number)
{
    static char bytes[65536 + 256];

    if (bytes[1] == 0)
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)(unsigned char)i;
    return torc_slice_make(bytes + number % 256, length);
}

unsigned descriptors_open(void)
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

void turn_or_give_up(
    arena *a, torc_time deadline, const char *condition, const char *file, int line)
{
    if (torc_monotonic_now() > deadline) {
        print_error("%s:%d: in vain: %s\n", file, line, condition);
        fail();
    }
    assert_true(torc_iterate(a->reactor, 2 * TORC_MILLISECOND));
}

void make_turns(arena *a, unsigned turns)
{
    for (unsigned i = 0; i < turns; i++)
        assert_true(torc_iterate(a->reactor, 0));
}

/* -- the arena ----------------------------------------------------------------------------- */

static void on_log(void *argument, const torc_log_event *event)
{
    arena *a = argument;

    a->warnings++;
    snprintf(a->warning, sizeof a->warning, "%.*s", TORC_FMT(event->message));
}

static void check_probe(const probe *self)
{
    assert_int_equal(self->stopped, self->started);
    assert_int_equal(self->after_stop, 0);
    assert_false(self->damaged);
}

static void run_combination(void **state)
{
    const combination *self = *state;
    unsigned descriptors = descriptors_open();
    arena *a = calloc(1, sizeof *a);

    assert_non_null(a);
    a->driver = self->driver;
    a->carrier = self->carrier;
    snprintf(a->directory, sizeof a->directory, "/tmp/torc-test-XXXXXX");
    assert_non_null(mkdtemp(a->directory));
    torc_log_add_observer(TORC_LOG_WARN, on_log, a);
    a->reactor = torc_reactor_new_named(a->driver, NULL);
    assert_non_null(a->reactor);
    a->scope = torc_root(a->reactor);
    self->behaviour->run(a);
    torc_reactor_free(a->reactor);
    check_probe(&a->one);
    check_probe(&a->other);
    check_probe(&a->third);
    torc_log_remove_observer(on_log, a);
    assert_int_equal(rmdir(a->directory), 0);
    free(a);
    assert_int_equal(descriptors_open(), descriptors);
}

/* Whether a driver does datagrams at all, and on this machine. */
static bool has_datagrams(const char *driver)
{
    torc_reactor *reactor = torc_reactor_new_named(driver, NULL);
    torc_datagram_protocol *protocol;
    bool works = false;

    if (reactor == NULL)
        return false;
    protocol = torc_connect_datagrams(torc_root(reactor), "udp:127.0.0.1:9", &(torc_datagram_class){
        .name = "Trial" });
    works = torc_datagram_address(protocol->transport).kind == TORC_ADDRESS_IPV4;
    torc_reactor_free(reactor);
    return works;
}

static size_t combine(
    const datagram_behaviour *behaviours, size_t count, const char *driver, combination *into)
{
    size_t made = 0;

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < CARRIERS; j++) {
            combination *self = &into[made];

            if (!(behaviours[i].carriers & carriers[j].bit))
                continue;
            self->behaviour = &behaviours[i];
            self->driver = driver;
            self->carrier = carriers[j].bit;
            snprintf(self->name, sizeof self->name, "%s %s %s", driver, carriers[j].name,
                behaviours[i].name);
            made++;
        }
    return made;
}

static void hush(void *argument, const torc_log_event *event)
{
    (void)argument;
    (void)event;
}

int run_datagram_behaviours(
    const char *suite, const datagram_behaviour *behaviours, size_t count)
{
    enum { DRIVERS_MAX = 8 };
    combination *all = calloc(count * CARRIERS * DRIVERS_MAX, sizeof *all);
    struct CMUnitTest *tests = calloc(count * CARRIERS * DRIVERS_MAX, sizeof *tests);
    size_t made = 0;
    int failed;

    assert_true(all != NULL && tests != NULL);
    cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
    torc_log_add_observer(TORC_LOG_WARN, hush, NULL);
    for (size_t i = 0; torc_driver_name(i) != NULL && i < DRIVERS_MAX; i++)
        if (has_datagrams(torc_driver_name(i)))
            made += combine(behaviours, count, torc_driver_name(i), all + made);
    for (size_t i = 0; i < made; i++)
        tests[i] = (struct CMUnitTest){
            .name = all[i].name, .test_func = run_combination, .initial_state = &all[i] };
    failed = _cmocka_run_group_tests(suite, tests, made, NULL, NULL);
    free(all);
    free(tests);
    return failed != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
