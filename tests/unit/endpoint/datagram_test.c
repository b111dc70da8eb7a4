/*
 * Endpoints of datagrams that cannot be opened, or only just: names without a way, want of memory,
 * paths that are taken, scopes that have ended.
 */
#include "support/failing_allocation.h"
#include "support/failing_system_call.h"

#include "endpoint/harness.h"

#include <torc/datagram.h>

static int stopped;

static void note_stopped(torc_datagram_protocol *self, const torc_failure *reason)
{
    (void)self;
    (void)reason;
    stopped++;
}

static const torc_datagram_class kind = { .name = "Datagrams", .stopped = note_stopped };

static void watch_opening(torc_datagram_protocol *protocol, outcome *ret_outcome)
{
    watch_outcome(torc_datagrams_opened(protocol), ret_outcome);
}

static void a_name_none_of_whose_addresses_has_a_way_is_a_failure_that_names_one(void **state)
{
    outcome opened;

    (void)state;
    fail_system_calls_named("connect", ENETUNREACH);
    watch_opening(torc_connect_datagrams(scope, "udp:localhost:9", &kind), &opened);
    run_until(&opened.fired, 1);
    allow_system_calls();
    assert_failed(&opened, &torc_error_connect, "udp:localhost:9");
}

static void without_memory_a_name_is_not_looked_up(void **state)
{
    torc_datagram_protocol *protocol;
    torc_deferred *opening;
    outcome opened;

    (void)state;
    fail_all_allocations();
    spare_vital_allocations();
    protocol = torc_connect_datagrams(scope, "udp:localhost:9", &kind);
    opening = torc_datagrams_opened(protocol);
    allow_allocations();
    watch_outcome(opening, &opened);
    assert_failed(&opened, &torc_error_out_of_memory, "");
}

static void a_socket_that_somebody_has_is_left_alone(void **state)
{
    char description[160];
    torc_datagram_protocol *first;
    outcome opened;

    (void)state;
    stopped = 0;
    snprintf(description, sizeof(description), "unix-datagram:%s", path_of("socket"));
    first = torc_listen_datagrams(scope, description, &kind);
    watch_opening(first, &opened);
    assert_succeeded(&opened);
    watch_opening(torc_listen_datagrams(scope, description, &kind), &opened);
    assert_failed(&opened, &torc_error_listen, "Address already in use");
    torc_stop_datagrams(first->transport);
    run_until(&stopped, 1);
    assert_int_equal(access(path_of("socket"), F_OK), -1);
}

/* Opens and stops it with that allocation failing. False: there is none such. */
static bool opens_or_fails(unsigned number, int *opened_well)
{
    char description[160];
    torc_datagram_protocol *protocol;
    torc_deferred *opening;
    outcome opened;
    bool failed;

    stopped = 0;
    snprintf(description, sizeof(description), "unix-datagram:%s", path_of("socket"));
    spare_vital_allocations();
    fail_allocation_after(number);
    protocol = torc_listen_datagrams(scope, description, &kind);
    opening = torc_datagrams_opened(protocol);
    failed = an_allocation_failed();
    allow_allocations();
    watch_outcome(opening, &opened);
    run_until(&opened.fired, 1);
    if (opened.failure != NULL) {
        assert_true(failed);
        (void)unlink(path_of("socket")); /* a dead one, which the next start replaces */
        torc_failure_release(opened.failure);
        return failed;
    }
    ++*opened_well;
    torc_stop_datagrams(protocol->transport);
    run_until(&stopped, 1);
    return failed;
}

/* Better than not to open. */
static void without_memory_to_keep_its_path_a_socket_opens_and_leaves_the_file(void **state)
{
    unsigned number = 0;
    int opened = 0;
    int left = 0;
    bool failed;

    (void)state;
    do {
        failed = opens_or_fails(number++, &opened);
        left += unlink(path_of("socket")) == 0;
    } while (failed);
    assert_true(opened > 1);
    assert_int_equal(left, opened - 1);
}

static void what_is_no_open_descriptor_is_not_adopted(void **state)
{
    char description[32];
    int pipes[2];
    outcome opened;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    close(pipes[0]);
    close(pipes[1]);
    snprintf(description, sizeof(description), "fd:%d", pipes[0]);
    watch_opening(torc_listen_datagrams(scope, description, &kind), &opened);
    assert_failed(&opened, &torc_error_listen, "Bad file descriptor");
    watch_opening(torc_connect_datagrams(scope, description, &kind), &opened);
    assert_failed(&opened, &torc_error_connect, "Bad file descriptor");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_name_none_of_whose_addresses_has_a_way_is_a_failure_that_names_one),
        TEST(without_memory_a_name_is_not_looked_up),
        TEST(a_socket_that_somebody_has_is_left_alone),
        TEST(without_memory_to_keep_its_path_a_socket_opens_and_leaves_the_file),
        TEST(what_is_no_open_descriptor_is_not_adopted),
    };

    return run_endpoint_tests(tests);
}
