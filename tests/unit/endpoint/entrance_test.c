/*
 * The entrance of a port: who greets is let in, who does not is turned away, timed out, or one too
 * many; and whatever ends meanwhile, nothing is left. With real sockets, on each driver.
 */
#include "endpoint/entrance.h"

#include "endpoint/harness.h"
#include "support/failing_allocation.h"
#include "support/failing_system_call.h"
#include "support/toy_filter.h"

#include <sys/resource.h>

static torc_port *port;

static int set_up_toys(void **state)
{
    register_toy_kind();
    toy_mood_now = TOY_GREETS;
    toy_tells_peer = false;
    toys_made = 0;
    toys_freed = 0;
    return set_up(state);
}

static int tear_down_toys(void **state)
{
    int error = tear_down(state);

    if (toys_made != toys_freed)
        fail_msg("%d toys were made, %d freed", toys_made, toys_freed);
    return error;
}

static void listen_on(const char *description)
{
    port = torc_listen(scope, description, counters());
    run_until(&count.started, 1);
}

static int knock(void)
{
    int descriptor = plain_connect("127.0.0.1", torc_port_address(port).port);

    assert_true(descriptor >= 0);
    return descriptor;
}

static void say(int descriptor, const char *text)
{
    assert_int_equal(send(descriptor, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Lets the loop turn until the peer, which may greet before, has closed. */
static void assert_turned_away(int descriptor)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);
    char byte;
    ssize_t got;

    do {
        torc_iterate(reactor, TORC_MILLISECOND);
        got = recv(descriptor, &byte, 1, MSG_DONTWAIT);
        assert_true(torc_monotonic_now() < deadline);
    } while (got > 0 || (got < 0 && errno == EAGAIN));
    close(descriptor);
}

static void listen_with_toy(void)
{
    listen_on("toy:tcp:0:interface=127.0.0.1");
}

static void run_until_toys(int number)
{
    run_until(&toys_made, number);
}

/* -- passing ------------------------------------------------------------------------------- */

static void who_greets_is_let_in(void **state)
{
    int visitor;

    (void)state;
    listen_with_toy();
    visitor = knock();
    run_until_toys(1);
    run_turns(3);
    assert_int_equal(count.made, 0);
    say(visitor, "T");
    run_until(&count.made, 1);
    close(visitor);
    run_until(&count.lost, 1);
}

static void several_layers_are_passed_in_their_order(void **state)
{
    int visitor;

    (void)state;
    listen_on("toy:toy:tcp:0:interface=127.0.0.1");
    visitor = knock();
    say(visitor, "T");
    run_until_toys(2);
    assert_int_equal(count.made, 0);
    say(visitor, "\x01"); /* a greeting that was turned over once */
    run_until(&count.made, 1);
    close(visitor);
    run_until(&count.lost, 1);
}

static void both_ends_with_the_same_layers_meet(void **state)
{
    outcome connected;
    char text[64];

    (void)state;
    listen_on("toy:toy:tcp:0:interface=127.0.0.1");
    snprintf(text, sizeof(text), "toy:toy:tcp:127.0.0.1:%u", torc_port_address(port).port);
    watch_outcome(torc_connect(scope, text, counters()), &connected);
    assert_succeeded(&connected);
    run_until(&count.made, 2);
}

/* -- being turned away --------------------------------------------------------------------- */

static void who_says_something_else_is_turned_away_and_logged(void **state)
{
    int visitor;

    (void)state;
    listen_with_toy();
    visitor = knock();
    say(visitor, "x");
    assert_turned_away(visitor);
    assert_int_equal(times_logged("was not taken: that is no greeting"), 1);
    assert_int_equal(times_logged("a connection from 127.0.0.1:"), 1);
    assert_int_equal(count.made, 0);
}

static void who_leaves_is_forgotten(void **state)
{
    (void)state;
    listen_with_toy();
    close(knock());
    run_until_toys(1);
    run_until(&toys_freed, 1);
    assert_int_equal(times_logged("left without a greeting"), 1);
}

static void who_cannot_begin_is_turned_away_and_the_port_goes_on(void **state)
{
    int visitor;

    (void)state;
    listen_with_toy();
    toy_mood_now = TOY_CANNOT_ENTER;
    assert_turned_away(knock());
    toy_mood_now = TOY_GREETS;
    visitor = knock();
    say(visitor, "T");
    run_until(&count.made, 1);
    close(visitor);
    run_until(&count.lost, 1);
}

static bool admits_nobody(void *context, const torc_address *peer)
{
    char text[TORC_ADDRESS_TEXT_MAX];

    assert_string_equal(torc_address_text(peer, text), "192.0.2.77:7");
    ((counts *)context)->released += 100;
    return false;
}

static void who_is_known_only_behind_a_layer_is_refused_there(void **state)
{
    static const torc_factory_options options = {
        .kind = &counter_class,
        .context = &count,
        .started = note_start,
        .admits = admits_nobody,
    };
    int visitor;

    (void)state;
    toy_tells_peer = true;
    port = torc_listen(scope, "toy:tcp:0:interface=127.0.0.1", torc_factory_new(&options));
    run_until(&count.started, 1);
    visitor = knock();
    say(visitor, "T");
    assert_turned_away(visitor);
    assert_int_equal(count.released, 100);
    assert_int_equal(count.made, 0);
}

/* -- time and number ----------------------------------------------------------------------- */

/* The toy's kind has no argument for it, so the port's own clock is shortened. */
static torc__entrance entrance;
static int let_in;

static void note_entered(
    torc__entrance *at, torc_transport *transport, const torc_address *peer)
{
    (void)at;
    let_in++;
    torc__transport_start(transport, peer);
}

static void note_room(torc__entrance *at)
{
    (void)at;
    let_in += 1000;
}

static void open_entrance(torc_time timeout)
{
    memset(&entrance, 0, sizeof(entrance));
    let_in = 0;
    entrance.scope = scope;
    entrance.layers = toy_layer();
    entrance.timeout = timeout;
    entrance.text = "the test's entrance";
    entrance.entered = note_entered;
    entrance.room = note_room;
    torc__entrance_init(&entrance);
}

/* Gives the other end. */
static int admit_one(torc_factory *factory, int *ret_error)
{
    torc_transport *transport = torc__transport_new(scope, factory);
    torc_driver *driver = reactor->driver;
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    assert_non_null(transport);
    assert_int_equal(driver->kind->adopt(driver, &transport->io, ends[0]), 0);
    *ret_error = torc__entrance_admit(&entrance, transport);
    return ends[1];
}

static void who_is_silent_is_timed_out(void **state)
{
    torc_factory *factory = counters();
    int error;
    int other;

    (void)state;
    open_entrance(30 * TORC_MILLISECOND);
    other = admit_one(factory, &error);
    assert_int_equal(error, 0);
    assert_turned_away(other);
    assert_int_equal(times_logged("nothing was agreed upon within 0.03 s"), 1);
    assert_int_equal(entrance.count, 0);
    torc__entrance_close(&entrance);
    torc_factory_release(factory);
}

static void when_it_is_full_somebody_leaving_makes_room(void **state)
{
    enum { MANY = TORC__ENTRANTS_MAX };
    static int others[MANY];
    struct rlimit limit;
    struct rlimit before;
    torc_factory *factory = counters();
    int error;

    (void)state;
    getrlimit(RLIMIT_NOFILE, &before);
    limit = before;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2 * MANY + 64 || strcmp(driver_name, "select") == 0) {
        torc_factory_release(factory);
        return;
    }
    open_entrance(TORC_MINUTE);
    for (int i = 0; i < MANY; i++) {
        assert_false(torc__entrance_is_full(&entrance));
        others[i] = admit_one(factory, &error);
        assert_int_equal(error, 0);
    }
    assert_true(torc__entrance_is_full(&entrance));
    close(others[0]);
    run_until(&let_in, 1000);
    assert_false(torc__entrance_is_full(&entrance));
    close(others[1]);
    run_until(&toys_freed, 2);
    assert_int_equal(let_in, 1000);
    torc__entrance_close(&entrance);
    assert_int_equal(entrance.count, 0);
    for (int i = 2; i < MANY; i++)
        close(others[i]);
    torc_factory_release(factory);
    run_turns(3);
    setrlimit(RLIMIT_NOFILE, &before);
}

/* -- ends in the middle -------------------------------------------------------------------- */

static void the_port_stops_while_somebody_is_at_its_entrance(void **state)
{
    outcome stopped;
    int visitor;

    (void)state;
    listen_with_toy();
    visitor = knock();
    run_until_toys(1);
    watch_outcome(torc_port_stop(port), &stopped);
    assert_succeeded(&stopped);
    assert_turned_away(visitor);
    assert_int_equal(count.made, 0);
}

static void the_scope_ends_while_somebody_is_at_its_entrance(void **state)
{
    int visitor;

    (void)state;
    listen_with_toy();
    visitor = knock();
    run_until_toys(1);
    torc_scope_end(scope);
    assert_turned_away(visitor);
    run_until(&count.released, 1);
}

static void the_reactor_goes_while_somebody_is_at_its_entrance(void **state)
{
    int visitor;

    (void)state;
    listen_with_toy();
    visitor = knock();
    run_until_toys(1);
    torc_reactor_free(reactor);
    reactor = torc_reactor_new_named(driver_name, NULL);
    assert_int_equal(toys_freed, 1);
    assert_int_equal(count.released, 1);
    close(visitor);
}

static void stop_port(torc_protocol *self)
{
    (void)self;
    torc_port_stop(port);
}

static void the_port_may_stop_inside_connection_made(void **state)
{
    int visitors[2];

    (void)state;
    listen_with_toy();
    visitors[0] = knock();
    visitors[1] = knock();
    run_until_toys(2);
    when_made = stop_port;
    say(visitors[0], "T");
    run_until(&count.made, 1);
    assert_turned_away(visitors[1]);
    close(visitors[0]);
    run_until(&count.lost, 1);
}

static void end_the_scope(torc_protocol *self)
{
    (void)self;
    torc_scope_end(scope);
}

static void the_scope_may_end_inside_connection_made(void **state)
{
    int visitors[2];

    (void)state;
    listen_with_toy();
    visitors[0] = knock();
    visitors[1] = knock();
    run_until_toys(2);
    when_made = end_the_scope;
    say(visitors[0], "T");
    run_until(&count.lost, 1);
    assert_turned_away(visitors[1]);
    close(visitors[0]);
    run_until(&count.released, 1);
}

/* -- connecting ---------------------------------------------------------------------------- */

static torc_deferred *connect_to(uint16_t to, const char *rest, outcome *ret_outcome)
{
    char text[96];
    torc_deferred *deferred;

    snprintf(text, sizeof(text), "toy:tcp:127.0.0.1:%u%s", to, rest);
    deferred = torc_connect(scope, text, counters());
    watch_outcome(deferred, ret_outcome);
    return deferred;
}

static void a_peer_that_refuses_fails_the_connecting(void **state)
{
    uint16_t to;
    int server = plain_listen(5, &to);
    outcome connected;
    int peer;

    (void)state;
    connect_to(to, "", &connected);
    run_until_toys(1);
    peer = accept(server, NULL, NULL);
    say(peer, "x");
    assert_failed(&connected, &torc_error_connect, "that is no greeting");
    assert_int_equal(count.made, 0);
    close(peer);
    close(server);
}

static void a_peer_that_is_silent_times_the_connecting_out(void **state)
{
    uint16_t to;
    int server = plain_listen(5, &to);
    outcome connected;

    (void)state;
    connect_to(to, ":timeout=0.05", &connected);
    assert_failed(&connected, &torc_error_connect_timed_out, "no answer within 0.05 s");
    run_until(&toys_freed, 1);
    close(server);
}

static void connecting_is_cancelled_in_its_layer(void **state)
{
    uint16_t to;
    int server = plain_listen(5, &to);
    outcome connected;
    torc_deferred *deferred;

    (void)state;
    deferred = connect_to(to, "", &connected);
    run_until_toys(1);
    torc_cancel(deferred);
    assert_failed(&connected, &torc_error_cancelled, "");
    run_until(&toys_freed, 1);
    assert_int_equal(count.released, 1);
    close(server);
}

static void the_scope_ends_while_connecting_is_in_its_layer(void **state)
{
    uint16_t to;
    int server = plain_listen(5, &to);
    outcome connected;

    (void)state;
    connect_to(to, "", &connected);
    run_until_toys(1);
    torc_scope_end(scope);
    run_until(&count.released, 1);
    assert_int_equal(connected.fired, 0);
    run_until(&toys_freed, 1);
    close(server);
}

/* -- faults -------------------------------------------------------------------------------- */

static bool survives(void (*begin)(unsigned number), unsigned number, bool (*failed)(void),
    void (*allow)(void))
{
    outcome connected;
    bool has_failed;

    connect_to(torc_port_address(port).port, ":timeout=0.03", &connected);
    begin(number);
    run_until(&connected.fired, 1);
    run_turns(3);
    has_failed = failed();
    allow();
    if (connected.failure != NULL)
        torc_failure_release(connected.failure);
    return has_failed;
}

static void fail_call(unsigned number)
{
    fail_system_call_after(number, 0);
}

static void each_fault_leaves_the_port_able_to_go_on(void **state)
{
    outcome connected;
    unsigned number = 0;

    (void)state;
    listen_with_toy();
    while (survives(fail_allocation_after, number, an_allocation_failed, allow_allocations))
        number++;
    assert_true(number > 3);
    for (number = 0; survives(fail_call, number, a_system_call_was_chosen, allow_system_calls) &&
            number < 40; number++)
        continue;
    connect_to(torc_port_address(port).port, "", &connected);
    assert_succeeded(&connected);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_toys, tear_down_toys)
    const struct CMUnitTest tests[] = {
        TEST(who_greets_is_let_in),
        TEST(several_layers_are_passed_in_their_order),
        TEST(both_ends_with_the_same_layers_meet),
        TEST(who_says_something_else_is_turned_away_and_logged),
        TEST(who_leaves_is_forgotten),
        TEST(who_cannot_begin_is_turned_away_and_the_port_goes_on),
        TEST(who_is_known_only_behind_a_layer_is_refused_there),
        TEST(who_is_silent_is_timed_out),
        TEST(when_it_is_full_somebody_leaving_makes_room),
        TEST(the_port_stops_while_somebody_is_at_its_entrance),
        TEST(the_scope_ends_while_somebody_is_at_its_entrance),
        TEST(the_reactor_goes_while_somebody_is_at_its_entrance),
        TEST(the_port_may_stop_inside_connection_made),
        TEST(the_scope_may_end_inside_connection_made),
        TEST(a_peer_that_refuses_fails_the_connecting),
        TEST(a_peer_that_is_silent_times_the_connecting_out),
        TEST(connecting_is_cancelled_in_its_layer),
        TEST(the_scope_ends_while_connecting_is_in_its_layer),
        TEST(each_fault_leaves_the_port_able_to_go_on),
    };

    return run_endpoint_tests(tests);
}
