/*
 * What a port tells those who ask late or twice, how it waits for an address that no interface has
 * yet, and how it waits with accepting while too many are at its entrance.
 */
#include "base/system_call.h"
#include "endpoint/entrance.h"
#include "support/failing_allocation.h"

#include "endpoint/harness.h"

static void stop_port(torc_port *port)
{
    outcome stopped;

    watch_outcome(torc_port_stop(port), &stopped);
    assert_succeeded(&stopped);
}

/* -- asking -------------------------------------------------------------------------------- */

static void who_asks_late_is_told_at_once_what_became_of_it(void **state)
{
    torc_port *port = torc_listen(scope, "tcp:0:interface=127.0.0.1", counters());
    torc_port *failed = torc_listen(scope, "tcp:nonsense", counters());
    outcome told;

    (void)state;
    watch_outcome(torc_port_opened(failed), &told);
    assert_failed(&told, &torc_error_invalid_argument, "port");
    watch_outcome(torc_port_opened(failed), &told);
    assert_int_equal(told.fired, 1);
    assert_failed(&told, &torc_error_invalid_argument, "port");
    run_until(&count.started, 1);
    watch_outcome(torc_port_opened(port), &told);
    assert_int_equal(told.fired, 1);
    assert_ptr_equal(told.pointer, port);
    watch_outcome(torc_port_stop(port), &told);
    watch_outcome(torc_port_opened(port), &told);
    assert_failed(&told, &torc_error_cancelled, "does not listen any more");
}

static void a_port_of_a_scope_that_has_ended_says_that_it_does_not_listen(void **state)
{
    torc_port *port = torc_listen(scope, "tcp:0:interface=127.0.0.1", counters());
    outcome told;

    (void)state;
    run_until(&count.started, 1);
    torc_scope_end(scope);
    watch_outcome(torc_port_stop(port), &told);
    assert_failed(&told, &torc_error_cancelled, "does not listen any more");
    run_until(&count.released, 1);
}

static void to_cancel_the_stopping_closes_it_all_the_same(void **state)
{
    torc_port *port = torc_listen(scope, "tcp:0:interface=127.0.0.1", counters());
    torc_deferred *stopping;
    outcome told;

    (void)state;
    run_until(&count.started, 1);
    stopping = torc_port_stop(port);
    watch_outcome(stopping, &told);
    torc_cancel(stopping);
    assert_failed(&told, &torc_error_cancelled, "");
    run_until(&count.released, 1);
    assert_int_equal(count.stopped, 1);
}

static void to_cancel_the_asking_of_a_port_that_failed_changes_nothing(void **state)
{
    torc_port *port = torc_listen(scope, "tcp:nonsense", counters());
    outcome told;

    (void)state;
    watch_outcome(torc_port_opened(port), &told);
    torc_cancel(torc_port_opened(torc_listen(scope, "tcp:worse", counters())));
    assert_failed(&told, &torc_error_invalid_argument, "port");
    run_until(&count.released, 1);
}

/* -- waiting for an address ----------------------------------------------------------------- */

static int binds;

static int no_such_address(const char *name)
{
    if (strcmp(name, "bind") != 0)
        return 0;
    binds++;
    return EADDRNOTAVAIL;
}

static void an_address_is_asked_for_again_and_again(void **state)
{
    torc_port *port;
    outcome opened;

    (void)state;
    binds = 0;
    torc__set_system_call_hook(no_such_address);
    port = torc_listen(scope, "tcp:0:interface=127.0.0.1:wait", counters());
    watch_outcome(torc_port_opened(port), &opened);
    run_until(&binds, 3);
    assert_int_equal(opened.fired, 0);
    torc__set_system_call_hook(NULL);
    assert_succeeded(&opened);
    assert_int_equal(times_logged("no interface has the address yet"), 1);
    stop_port(port);
}

static void without_memory_to_wait_the_address_is_a_failure(void **state)
{
    torc_deferred *opening;
    outcome opened;

    (void)state;
    torc__set_system_call_hook(no_such_address);
    fail_all_allocations();
    spare_vital_allocations();
    opening = torc_port_opened(
        torc_listen(scope, "tcp:0:interface=127.0.0.1:wait", counters()));
    torc__set_system_call_hook(NULL);
    allow_allocations();
    watch_outcome(opening, &opened);
    assert_failed(&opened, &torc_error_out_of_memory, "");
}

/* -- waiting for room ---------------------------------------------------------------------- */

static torc_protocol *first_guest;
static int guests;
static int refused;

static void guest_made(torc_protocol *self)
{
    if (guests++ == 0)
        first_guest = self;
}

static torc_result note_refused(void *unused, torc_result result)
{
    (void)unused;
    refused += torc_is_failure(result);
    return torc_nothing();
}

/* They say nothing, so that no header ever comes. */
static void send_guests(int number)
{
    static const torc_protocol_class kind = { .name = "Guest", .connection_made = guest_made };
    torc_factory *factory = torc_factory_of(&kind);

    for (int i = 0; i < number; i++)
        torc_add_both(torc_connect(scope, "memory:house", torc_factory_hold(factory)),
            note_refused, NULL);
    torc_factory_release(factory);
}

static void a_port_whose_entrance_is_full_accepts_again_when_somebody_leaves(void **state)
{
    torc_port *port = torc_listen(scope, "haproxy:memory:house:backlog=2000", counters());

    (void)state;
    guests = refused = 0;
    run_until(&count.started, 1);
    send_guests(TORC__ENTRANTS_MAX);
    run_until(&guests, TORC__ENTRANTS_MAX);
    send_guests(1);
    run_turns(5);
    assert_int_equal(guests, TORC__ENTRANTS_MAX);
    torc_lose_connection(first_guest->transport);
    run_until(&guests, TORC__ENTRANTS_MAX + 1);
    assert_int_equal(refused, 0);
    assert_int_equal(count.made, 0);
    stop_port(port);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_asks_late_is_told_at_once_what_became_of_it),
        TEST(a_port_of_a_scope_that_has_ended_says_that_it_does_not_listen),
        TEST(to_cancel_the_stopping_closes_it_all_the_same),
        TEST(to_cancel_the_asking_of_a_port_that_failed_changes_nothing),
        TEST(an_address_is_asked_for_again_and_again),
        TEST(without_memory_to_wait_the_address_is_a_failure),
        TEST(a_port_whose_entrance_is_full_accepts_again_when_somebody_leaves),
    };

    return run_endpoint_tests(tests);
}
