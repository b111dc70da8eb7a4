/*
 * Ports: opening, telling, accepting, refusing, running out of descriptors, stopping; and the
 * files of UNIX sockets. With real sockets, on each driver.
 */
#include "endpoint/harness.h"

#include "support/failing_allocation.h"
#include "support/failing_system_call.h"

#include <sys/resource.h>

static torc_port *open_port(const char *description)
{
    torc_port *port = torc_listen(scope, description, counters());
    outcome opened;

    watch_outcome(torc_port_opened(port), &opened);
    assert_succeeded(&opened);
    assert_ptr_equal(opened.pointer, port);
    return port;
}

static uint16_t number_of(const torc_port *port)
{
    return torc_port_address(port).port;
}

static void stop_port(torc_port *port)
{
    outcome stopped;

    watch_outcome(torc_port_stop(port), &stopped);
    assert_int_equal(stopped.fired, 0);
    assert_succeeded(&stopped);
}

static const char *description_of(const char *format, unsigned number)
{
    static char text[128];

    snprintf(text, sizeof(text), format, number);
    return text;
}

/* -- opening ------------------------------------------------------------------------------- */

static void opening_is_told_from_the_loops_turn(void **state)
{
    torc_port *port = torc_listen(scope, "tcp:0:interface=127.0.0.1", counters());
    outcome opened;

    (void)state;
    watch_outcome(torc_port_opened(port), &opened);
    assert_int_equal(opened.fired, 0);
    assert_int_equal(count.started, 0);
    assert_true(number_of(port) != 0);
    assert_succeeded(&opened);
    assert_int_equal(count.started, 1);
    assert_int_equal(times_logged("info Counter starting on 127.0.0.1:"), 1);
}

static void each_connection_gets_a_protocol(void **state)
{
    torc_port *port = open_port("tcp:0:interface=127.0.0.1");
    int one = plain_connect("127.0.0.1", number_of(port));
    int two = plain_connect("127.0.0.1", number_of(port));

    (void)state;
    run_until(&count.made, 2);
    close(one);
    run_until(&count.lost, 1);
    close(two);
    run_until(&count.lost, 2);
    assert_int_equal(count.made, 2);
}

static int lowest_free_descriptor(void)
{
    int descriptor = dup(0);

    assert_true(descriptor >= 0);
    close(descriptor);
    return descriptor;
}

static void a_port_in_use_takes_no_descriptor(void **state)
{
    torc_port *port = open_port("tcp:0:interface=127.0.0.1");
    const char *text = description_of("tcp:%u:interface=127.0.0.1", number_of(port));
    int before = lowest_free_descriptor();
    outcome opened;

    (void)state;
    watch_outcome(torc_port_opened(torc_listen(scope, text, counters())), &opened);
    assert_failed(&opened, &torc_error_listen, "it is in use");
    assert_int_equal(lowest_free_descriptor(), before);
}

static void a_port_in_use_is_a_failure_that_names_it(void **state)
{
    torc_port *port = open_port("tcp:0:interface=127.0.0.1");
    const char *text = description_of("tcp:%u:interface=127.0.0.1", number_of(port));
    torc_port *second = torc_listen(scope, text, counters());
    outcome opened;
    char expected[256];

    (void)state;
    watch_outcome(torc_port_opened(second), &opened);
    snprintf(expected, sizeof(expected), "cannot listen on %s (it is in use: ", text);
    assert_failed(&opened, &torc_error_listen, expected);
    assert_true(torc_is_running(reactor));
    stop_port(second);
    assert_int_equal(count.released, 1);
    assert_int_equal(count.stopped, 0);
}

static void a_failure_that_nobody_asks_for_stops_the_reactor(void **state)
{
    (void)state;
    torc_listen(scope, "tcp:x", counters());
    assert_int_equal(torc_run_and_keep(reactor), 1);
    assert_int_equal(times_logged("error tcp:x: port must be a number from 0 to 65535"), 1);
    assert_int_equal(times_logged("error"), 1);
}

static void reuseport_lets_several_listen(void **state)
{
    torc_port *port = open_port("tcp:0:interface=127.0.0.1:reuseport");

    (void)state;
    open_port(description_of("tcp:%u:interface=127.0.0.1:reuseport", number_of(port)));
}

static void nothing_listens_in_a_scope_that_has_ended(void **state)
{
    outcome opened;
    outcome stopped;
    torc_port *port;

    (void)state;
    torc_scope_end(scope);
    port = torc_listen(scope, "tcp:0", counters());
    watch_outcome(torc_port_opened(port), &opened);
    watch_outcome(torc_port_stop(port), &stopped);
    assert_failed(&opened, &torc_error_cancelled, "");
    assert_failed(&stopped, &torc_error_cancelled, "");
    assert_int_equal(count.released, 1);
    assert_int_equal(count.started, 0);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int descriptor = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = descriptor >= 0 &&
        bind(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0;

    if (descriptor >= 0)
        close(descriptor);
    return has;
}

static void ipv6_takes_ipv4_only_when_asked_to(void **state)
{
    torc_port *port;
    int client;

    (void)state;
    if (!has_ipv6())
        skip();
    port = open_port("tcp6:0");
    assert_int_equal(plain_connect("127.0.0.1", number_of(port)), -1);
    port = open_port("tcp:0:interface=[::]");
    client = plain_connect("127.0.0.1", number_of(port));
    assert_true(client >= 0);
    run_until(&count.made, 1);
    close(client);
}

static void assert_families(const char *description, bool ipv4, bool ipv6)
{
    static const uint8_t loopback4[4] = { 127, 0, 0, 1 };
    torc_port *port = torc_listen(scope, description, counters());
    struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct sockaddr_in6 mapped = { .sin6_family = AF_INET6 };
    uint16_t number = torc_port_address(port).port;
    int descriptor = plain_connect("127.0.0.1", number);

    assert_int_equal(descriptor >= 0, ipv4);
    close(descriptor);
    to6.sin6_port = htons(number);
    descriptor = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        connect(descriptor, (struct sockaddr *)&to6, sizeof(to6)) == 0, ipv6);
    close(descriptor);
    /* An IPv4 address in an IPv6 one is IPv4 on the wire, whatever the caller thinks. */
    mapped.sin6_port = htons(number);
    mapped.sin6_addr.s6_addr[10] = 0xff;
    mapped.sin6_addr.s6_addr[11] = 0xff;
    memcpy(&mapped.sin6_addr.s6_addr[12], loopback4, sizeof(loopback4));
    descriptor = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        connect(descriptor, (struct sockaddr *)&mapped, sizeof(mapped)) == 0, ipv4);
    close(descriptor);
    run_turns(3);
}

static void each_choice_of_families_is_exact(void **state)
{
    (void)state;
    assert_families("tcp:0", true, false);
    assert_families("tcp:0:interface=0.0.0.0", true, false);
    assert_families("tcp:0:interface=127.0.0.1", true, false);
    assert_families("tcp6:0", false, true);
    assert_families("tcp6:0:interface=[::]", false, true);
    assert_families("tcp6:0:interface=[::1]", false, true);
    assert_families("tcp:0:interface=[::1]", false, true);
    assert_families("tcp:0:interface=[::]", true, true);
}

static void an_address_that_comes_later_is_waited_for(void **state)
{
    torc_port *port;
    outcome opened;

    (void)state;
    fail_system_calls_named("bind", EADDRNOTAVAIL);
    port = torc_listen(scope, "tcp:0:interface=127.0.0.1:wait", counters());
    watch_outcome(torc_port_opened(port), &opened);
    run_turns(20);
    assert_int_equal(opened.fired, 0);
    assert_int_equal(times_logged("no interface has the address yet"), 1);
    allow_system_calls();
    assert_succeeded(&opened);
    close(plain_connect("127.0.0.1", torc_port_address(port).port));
    run_until(&count.lost, 1);
}

static void waiting_for_an_address_ends_as_a_port_does(void **state)
{
    torc_port *port;
    outcome opened[3];
    outcome stopped;

    (void)state;
    fail_system_calls_named("bind", EADDRNOTAVAIL);
    port = torc_listen(scope, "tcp:0:interface=127.0.0.1:wait", counters());
    watch_outcome(torc_port_opened(port), &opened[0]);
    run_turns(3);
    watch_outcome(torc_port_stop(port), &stopped);
    assert_succeeded(&stopped);
    assert_failed(&opened[0], &torc_error_cancelled, "stopped before it was open");
    port = torc_listen(scope, "tcp:0:interface=127.0.0.1:wait", counters());
    watch_outcome(torc_port_opened(port), &opened[1]);
    run_turns(3);
    fail_system_calls_named("bind", EACCES);
    assert_failed(&opened[1], &torc_error_listen, "Permission denied");
    fail_system_calls_named("bind", EADDRNOTAVAIL);
    watch_outcome(torc_port_opened(torc_listen(
        scope, "tcp:0:interface=127.0.0.1", counters())), &opened[2]);
    assert_failed(&opened[2], &torc_error_listen, "no interface of this machine");
    (void)torc_listen(scope, "tcp:0:interface=127.0.0.1:wait", counters());
    run_turns(3);
    torc_scope_end(scope);
    run_until(&count.released, 4);
    allow_system_calls();
}

static void an_inherited_socket_is_listened_on(void **state)
{
    uint16_t number;
    int descriptor = plain_listen(5, &number);
    torc_port *port = open_port(description_of("fd:%u", (unsigned)descriptor));
    int client = plain_connect("127.0.0.1", number);

    (void)state;
    assert_int_equal(number_of(port), number);
    run_until(&count.made, 1);
    close(client);
    stop_port(port);
    assert_int_equal(fcntl(descriptor, F_GETFD), -1);
}

static void a_descriptor_that_does_not_listen_is_a_failure(void **state)
{
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    const char *text = description_of("fd:%u", (unsigned)descriptor);
    outcome opened;

    (void)state;
    watch_outcome(torc_port_opened(torc_listen(scope, text, counters())), &opened);
    assert_failed(&opened, &torc_error_listen, "it is not listening");
    assert_int_equal(close(descriptor), 0);
    watch_outcome(torc_port_opened(torc_listen(scope, text, counters())), &opened);
    assert_failed(&opened, &torc_error_listen, "no such file is open");
}

/* -- stopping ------------------------------------------------------------------------------ */

static void stopping_refuses_the_next_and_keeps_those_that_are(void **state)
{
    torc_port *port = open_port("tcp:0:interface=127.0.0.1");
    uint16_t number = number_of(port);
    int client = plain_connect("127.0.0.1", number);

    (void)state;
    run_until(&count.made, 1);
    stop_port(port);
    assert_int_equal(count.stopped, 1);
    assert_int_equal(plain_connect("127.0.0.1", number), -1);
    assert_int_equal(count.lost, 0);
    assert_int_equal(times_logged("no longer listens on"), 1);
    close(client);
    run_until(&count.lost, 1);
    run_until(&count.released, 1);
}

static void a_port_may_be_stopped_before_it_is_open(void **state)
{
    torc_port *port = torc_listen(scope, "tcp:0", counters());
    outcome opened;

    (void)state;
    watch_outcome(torc_port_opened(port), &opened);
    stop_port(port);
    assert_failed(&opened, &torc_error_cancelled, "stopped before it was open");
    assert_int_equal(count.started, 0);
    assert_int_equal(count.stopped, 0);
    assert_int_equal(count.released, 1);
}

static void cancelling_the_opening_closes_the_port(void **state)
{
    torc_port *port = torc_listen(scope, "tcp:0:interface=127.0.0.1", counters());
    torc_deferred *deferred = torc_port_opened(port);
    outcome opened;

    (void)state;
    watch_outcome(deferred, &opened);
    torc_cancel(deferred);
    assert_failed(&opened, &torc_error_cancelled, "");
    run_turns(2);
    assert_int_equal(count.released, 1);
    assert_int_equal(count.started, 0);
}

static void stopping_twice_is_as_stopping_once(void **state)
{
    torc_port *port = open_port("tcp:0");
    outcome first;
    outcome second;

    (void)state;
    watch_outcome(torc_port_stop(port), &first);
    watch_outcome(torc_port_stop(port), &second);
    assert_succeeded(&first);
    assert_succeeded(&second);
    assert_int_equal(count.stopped, 1);
}

static void the_end_of_the_scope_closes_the_port_and_its_connections(void **state)
{
    torc_port *port = open_port("tcp:0:interface=127.0.0.1");
    uint16_t number = number_of(port);
    int client = plain_connect("127.0.0.1", number);

    (void)state;
    run_until(&count.made, 1);
    torc_scope_end(scope);
    assert_int_equal(count.stopped, 0);
    assert_int_equal(plain_connect("127.0.0.1", number), -1);
    assert_closed_by_peer(client);
    run_until(&count.stopped, 1);
    run_until(&count.released, 1);
}

static void the_end_of_the_scope_before_the_first_turn_is_silent(void **state)
{
    outcome opened;

    (void)state;
    watch_outcome(torc_port_opened(torc_listen(scope, "tcp:0", counters())), &opened);
    torc_listen(scope, "tcp:x", counters());
    torc_scope_end(scope);
    run_turns(3);
    assert_int_equal(opened.fired, 0);
    assert_int_equal(count.started, 0);
    assert_int_equal(count.released, 2);
    assert_string_equal(logged, "");
}

static void the_reactors_end_closes_what_is_left(void **state)
{
    (void)state;
    open_port("tcp:0");
    torc_listen(scope, "tcp:0", counters());
    torc_reactor_free(reactor);
    assert_int_equal(count.stopped, 1);
    assert_int_equal(count.released, 2);
    reactor = torc_reactor_new_named(driver_name, NULL);
}

static void the_reactor_may_go_right_after_the_scope(void **state)
{
    (void)state;
    open_port("tcp:0");
    torc_scope_end(scope);
    torc_reactor_free(reactor);
    assert_int_equal(count.stopped, 1);
    assert_int_equal(count.released, 1);
    reactor = torc_reactor_new_named(driver_name, NULL);
}

static torc_port *port_to_stop;

static void stop_when_started(void *context)
{
    note_start(context);
    torc_port_stop(port_to_stop);
}

static void stopping_inside_started_is_safe(void **state)
{
    const torc_factory_options options = {
        .kind = &counter_class,
        .context = &count,
        .started = stop_when_started,
        .stopped = note_stop,
    };
    outcome opened;

    (void)state;
    port_to_stop = torc_listen(scope, "tcp:0", torc_factory_new(&options));
    watch_outcome(torc_port_opened(port_to_stop), &opened);
    assert_failed(&opened, &torc_error_cancelled, "stopped before it was open");
    assert_int_equal(count.started, 1);
    assert_int_equal(count.stopped, 1);
}

static bool stop_when_asked(void *context, const torc_address *peer)
{
    (void)context;
    (void)peer;
    torc_port_stop(port_to_stop);
    return true;
}

static void stopping_inside_admits_closes_the_connection(void **state)
{
    const torc_factory_options options = {
        .kind = &counter_class,
        .context = &count,
        .admits = stop_when_asked,
        .stopped = note_stop,
    };

    (void)state;
    port_to_stop =
        torc_listen(scope, "tcp:0:interface=127.0.0.1", torc_factory_new(&options));
    assert_closed_by_peer(plain_connect("127.0.0.1", number_of(port_to_stop)));
    run_until(&count.stopped, 1);
    assert_int_equal(count.made, 0);
}

static void stop_from_inside(torc_protocol *self)
{
    (void)self;
    if (port_to_stop != NULL)
        torc_port_stop(port_to_stop);
    port_to_stop = NULL;
}

static void stopping_inside_a_connection_is_safe(void **state)
{
    int clients[8];

    (void)state;
    port_to_stop = open_port("tcp:0:interface=127.0.0.1");
    when_made = stop_from_inside;
    for (int i = 0; i < 8; i++)
        clients[i] = plain_connect("127.0.0.1", number_of(port_to_stop));
    run_until(&count.stopped, 1);
    assert_int_equal(count.made, 1);
    for (int i = 0; i < 8; i++)
        close(clients[i]);
    run_until(&count.lost, 1);
}

static void end_scope_from_inside(torc_protocol *self)
{
    (void)self;
    torc_scope_end(scope);
}

static void ending_the_scope_inside_a_connection_is_safe(void **state)
{
    torc_port *port = open_port("tcp:0:interface=127.0.0.1");
    int one = plain_connect("127.0.0.1", number_of(port));
    int two = plain_connect("127.0.0.1", number_of(port));

    (void)state;
    when_made = end_scope_from_inside;
    run_until(&count.released, 1);
    assert_int_equal(count.made, 1);
    close(one);
    close(two);
}

/* -- refusing and running out -------------------------------------------------------------- */

static bool nobody(void *context, const torc_address *peer)
{
    (void)context;
    assert_int_equal(peer->kind, TORC_ADDRESS_IPV4);
    return false;
}

static void who_is_not_admitted_is_closed(void **state)
{
    torc_factory_options options = { .kind = &counter_class, .admits = nobody };
    torc_port *port =
        torc_listen(scope, "tcp:0:interface=127.0.0.1", torc_factory_new(&options));

    (void)state;
    run_turns(1);
    assert_closed_by_peer(plain_connect("127.0.0.1", number_of(port)));
    assert_int_equal(count.made, 0);
}

static void more_than_the_limit_are_closed(void **state)
{
    torc_factory_options options = { .kind = &counter_class, .connections_max = 1 };
    torc_port *port =
        torc_listen(scope, "tcp:0:interface=127.0.0.1", torc_factory_new(&options));
    int first = plain_connect("127.0.0.1", number_of(port));

    (void)state;
    run_until(&count.made, 1);
    assert_closed_by_peer(plain_connect("127.0.0.1", number_of(port)));
    assert_int_equal(count.made, 1);
    close(first);
    run_until(&count.lost, 1);
}

/* Takes all descriptors that are left; gives how many. */
static int take_descriptors(int *taken, int capacity)
{
    int used = 0;

    while (used < capacity && (taken[used] = dup(0)) >= 0)
        used++;
    assert_true(used < capacity);
    return used;
}

static void without_descriptors_accepting_pauses_and_goes_on(void **state)
{
    torc_port *port;
    torc_time end;
    struct rlimit before;
    struct rlimit low;
    int client;
    int taken[128];
    int used;
    int turns = 0;
    int again = 0;

    (void)state;
    getrlimit(RLIMIT_NOFILE, &before);
    low = before;
    low.rlim_cur = 64;
    /* Before listening: io_uring goes by the limit of when it was asked to accept. */
    setrlimit(RLIMIT_NOFILE, &low);
    port = open_port("tcp:0:interface=127.0.0.1");
    client = plain_connect("127.0.0.1", number_of(port));
    end = torc_time_add(torc_monotonic_now(), 350 * TORC_MILLISECOND);
    used = take_descriptors(taken, 128);
    while (torc_monotonic_now() < end) {
        torc_iterate(reactor, 50 * TORC_MILLISECOND);
        turns++;
    }
    while (used > 0)
        close(taken[--used]);
    setrlimit(RLIMIT_NOFILE, &before);

    assert_int_equal(count.made, 0);
    assert_true(turns < 40);
    assert_int_equal(times_logged("warn cannot accept connections on tcp:0:interface"), 1);
    assert_int_equal(times_logged("Too many open files; raise the limit (ulimit -n)"), 1);
    run_until(&count.made, 1);
    end = torc_time_add(torc_monotonic_now(), PATIENCE);
    while (again == 0 && torc_monotonic_now() < end) {
        torc_iterate(reactor, 50 * TORC_MILLISECOND);
        again = times_logged("info accepting connections on tcp:0:interface");
    }
    assert_int_equal(again, 1);
    close(client);
}

static void without_memory_a_connection_is_closed_and_the_port_goes_on(void **state)
{
    torc_port *port = open_port("tcp:0:interface=127.0.0.1");
    int client = plain_connect("127.0.0.1", number_of(port));

    (void)state;
    fail_allocation_after(0);
    assert_closed_by_peer(client);
    assert_true(an_allocation_failed());
    allow_allocations();
    assert_int_equal(count.made, 0);
    assert_int_equal(times_logged("Cannot allocate memory"), 1);
    client = plain_connect("127.0.0.1", number_of(port));
    run_until(&count.made, 1);
    close(client);
}

/* -- UNIX sockets -------------------------------------------------------------------------- */

static const char *unix_description(const char *more)
{
    static char text[192];

    snprintf(text, sizeof(text), "unix:%s%s", path_of("socket"), more);
    return text;
}

static void a_unix_socket_has_its_mode_and_leaves_no_file(void **state)
{
    torc_port *port = open_port(unix_description(":mode=600"));
    int client = plain_unix(path_of("socket"), false);
    struct stat status;

    (void)state;
    assert_int_equal(stat(path_of("socket"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    run_until(&count.made, 1);
    close(client);
    stop_port(port);
    assert_int_equal(stat(path_of("socket"), &status), -1);
}

static void a_socket_that_nobody_listens_on_is_replaced(void **state)
{
    (void)state;
    close(plain_unix(path_of("socket"), true));
    open_port(unix_description(""));
    close(plain_unix(path_of("socket"), false));
    run_until(&count.made, 1);
}

static void a_socket_that_is_listened_on_is_left_alone(void **state)
{
    int other = plain_unix(path_of("socket"), true);
    outcome opened;

    (void)state;
    watch_outcome(torc_port_opened(torc_listen(scope, unix_description(""), counters())), &opened);
    assert_failed(&opened, &torc_error_listen, "another program listens there");
    close(other);
    assert_int_equal(unlink(path_of("socket")), 0);
}

static void a_socket_whose_queue_is_full_is_left_alone(void **state)
{
    int other = plain_unix(path_of("socket"), true);
    int filler;
    outcome opened;

    (void)state;
    assert_int_equal(listen(other, 0), 0);
    filler = plain_unix(path_of("socket"), false);
    watch_outcome(torc_port_opened(torc_listen(scope, unix_description(""), counters())), &opened);
    assert_failed(&opened, &torc_error_listen, "another program listens there");
    close(filler);
    close(other);
    assert_int_equal(unlink(path_of("socket")), 0);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    outcome opened;

    (void)state;
    close(open(path_of("socket"), O_CREAT | O_WRONLY, 0600));
    watch_outcome(torc_port_opened(torc_listen(scope, unix_description(""), counters())), &opened);
    assert_failed(&opened, &torc_error_listen, "Address already in use");
    assert_int_equal(unlink(path_of("socket")), 0);
}

static void a_socket_in_place_of_ours_is_left_alone(void **state)
{
    torc_port *port = open_port(unix_description(""));
    int other;

    (void)state;
    /* Both exist at once, so that the second cannot have the inode of the first. */
    assert_int_equal(rename(path_of("socket"), path_of("moved")), 0);
    other = plain_unix(path_of("socket"), true);
    assert_true(other >= 0);
    stop_port(port);
    assert_int_equal(unlink(path_of("moved")), 0);
    close(other);
    assert_int_equal(unlink(path_of("socket")), 0);
}

static void an_abstract_name_is_listened_on(void **state)
{
    char text[64];
    outcome connected;

    (void)state;
    snprintf(text, sizeof(text), "unix:@torc-endpoint-%ld", (long)getpid());
    open_port(text);
    watch_outcome(torc_connect(scope, text, counters()), &connected);
    assert_succeeded(&connected);
    run_until(&count.made, 2);
}

/* -- for another process ------------------------------------------------------------------- */

static torc_port *go_on_with(torc_port *port, outcome *ret_stopped)
{
    int descriptor = torc_port_descriptor(port);

    assert_true(descriptor >= 0);
    assert_int_equal(fcntl(descriptor, F_GETFD), FD_CLOEXEC);
    watch_outcome(torc_port_stop(port), ret_stopped);
    assert_succeeded(ret_stopped);
    return open_port(description_of("fd:%u", (unsigned)descriptor));
}

static void who_waits_to_be_accepted_outlives_the_port(void **state)
{
    torc_port *port = open_port("tcp:0:interface=127.0.0.1");
    uint16_t number = torc_port_address(port).port;
    int descriptor = torc_port_descriptor(port);
    outcome stopped;
    int client;

    (void)state;
    watch_outcome(torc_port_stop(port), &stopped);
    assert_succeeded(&stopped);
    client = plain_connect("127.0.0.1", number);
    assert_true(client >= 0);
    run_turns(3);
    assert_int_equal(count.made, 0);
    port = open_port(description_of("fd:%u", (unsigned)descriptor));
    assert_int_equal(torc_port_address(port).port, number);
    run_until(&count.made, 1);
    close(client);
}

static void a_unix_path_that_another_may_have_stays(void **state)
{
    torc_port *port = open_port(unix_description(""));
    outcome stopped;
    int client;

    (void)state;
    port = go_on_with(port, &stopped);
    client = plain_unix(path_of("socket"), false);
    assert_true(client >= 0);
    run_until(&count.made, 1);
    close(client);
    watch_outcome(torc_port_stop(port), &stopped);
    assert_succeeded(&stopped);
    /* Nobody listens any more, so the next one clears it, and then its own. */
    (void)open_port(unix_description(""));
}

static void what_has_no_socket_has_no_descriptor(void **state)
{
    torc_port *port = torc_listen(scope, "tcp:0:interface=127.0.0.1", counters());
    outcome opened;

    (void)state;
    assert_int_equal(torc_port_descriptor(port), -1);
    watch_outcome(torc_port_opened(port), &opened);
    assert_succeeded(&opened);
    fail_system_calls_named("fcntl", EMFILE);
    assert_int_equal(torc_port_descriptor(port), -1);
    allow_system_calls();
    port = open_port("memory:service");
    assert_int_equal(torc_port_descriptor(port), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_waits_to_be_accepted_outlives_the_port),
        TEST(a_unix_path_that_another_may_have_stays),
        TEST(what_has_no_socket_has_no_descriptor),
        TEST(opening_is_told_from_the_loops_turn),
        TEST(each_connection_gets_a_protocol),
        TEST(a_port_in_use_is_a_failure_that_names_it),
        TEST(a_port_in_use_takes_no_descriptor),
        TEST(a_failure_that_nobody_asks_for_stops_the_reactor),
        TEST(reuseport_lets_several_listen),
        TEST(nothing_listens_in_a_scope_that_has_ended),
        TEST(ipv6_takes_ipv4_only_when_asked_to),
        TEST(each_choice_of_families_is_exact),
        TEST(an_address_that_comes_later_is_waited_for),
        TEST(waiting_for_an_address_ends_as_a_port_does),
        TEST(an_inherited_socket_is_listened_on),
        TEST(a_descriptor_that_does_not_listen_is_a_failure),
        TEST(stopping_refuses_the_next_and_keeps_those_that_are),
        TEST(a_port_may_be_stopped_before_it_is_open),
        TEST(cancelling_the_opening_closes_the_port),
        TEST(stopping_twice_is_as_stopping_once),
        TEST(the_end_of_the_scope_closes_the_port_and_its_connections),
        TEST(the_end_of_the_scope_before_the_first_turn_is_silent),
        TEST(the_reactors_end_closes_what_is_left),
        TEST(the_reactor_may_go_right_after_the_scope),
        TEST(stopping_inside_started_is_safe),
        TEST(stopping_inside_admits_closes_the_connection),
        TEST(stopping_inside_a_connection_is_safe),
        TEST(ending_the_scope_inside_a_connection_is_safe),
        TEST(who_is_not_admitted_is_closed),
        TEST(more_than_the_limit_are_closed),
        TEST(without_descriptors_accepting_pauses_and_goes_on),
        TEST(without_memory_a_connection_is_closed_and_the_port_goes_on),
        TEST(a_unix_socket_has_its_mode_and_leaves_no_file),
        TEST(a_socket_that_nobody_listens_on_is_replaced),
        TEST(a_socket_that_is_listened_on_is_left_alone),
        TEST(a_socket_whose_queue_is_full_is_left_alone),
        TEST(a_file_that_is_no_socket_is_left_alone),
        TEST(a_socket_in_place_of_ours_is_left_alone),
        TEST(an_abstract_name_is_listened_on),
    };

    return run_endpoint_tests(tests);
}
