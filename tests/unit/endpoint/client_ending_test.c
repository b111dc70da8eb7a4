/*
 * How a client of torc_client_start ends, and what it says then, in the simulated network: in a
 * scope that has ended, stopped twice, stopping cancelled, ended by who is told of it.
 */
#include "endpoint/client_setting.h"

#include "deferred/deferred.h"
#include "support/failing_allocation.h"

static int released;
static int tries;

static void note_release(void *context)
{
    (void)context;
    released++;
}

static const torc_protocol_class nothing_class = { .name = "Nothing" };

static torc_client *start(const torc_client_options *options)
{
    static const torc_factory_options made = { .kind = &nothing_class, .release = note_release };

    return torc_client_start(scope, "tcp:10.0.0.2:80", torc_factory_new(&made), options);
}

static void serve(void)
{
    torc_sim_host *there = torc_sim_add_host(net, "there", "10.0.0.2");

    torc_listen(torc_sim_scope(there), "tcp:80", torc_factory_of(&nothing_class));
    torc_sim_advance(net, TORC_MILLISECOND);
}

static int set_up(void **state)
{
    (void)state;
    released = 0;
    open_net();
    return 0;
}

/* -- in a scope ---------------------------------------------------------------------------- */

static torc_client *begun_late;

static void start_at_the_end(torc_scoped *member)
{
    (void)member;
    begun_late = start(NULL);
    assert_null(torc_client_protocol(begun_late));
}

static void in_a_scope_that_has_ended_it_is_one_that_was_stopped(void **state)
{
    torc_scoped member = { 0 };

    (void)state;
    begun_late = NULL;
    torc_scope_add(scope, &member, start_at_the_end);
    torc_scope_end(scope);
    assert_non_null(begun_late);
    assert_int_equal(released, 1);
    torc_sim_advance(net, TORC_MINUTE);
}

static torc_result end_scope(void *self, torc_result result)
{
    (void)self;
    (void)result;
    torc_scope_end(scope);
    return torc_nothing();
}

static void who_hears_that_it_was_stopped_may_end_the_scope(void **state)
{
    torc_client *client = start(NULL);
    outcome stopped;

    (void)state;
    torc_add_both(torc_client_when_connected(client, 0), end_scope, NULL);
    watch(torc_client_stop(client), &stopped);
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(stopped.fired, 0);
    assert_int_equal(released, 1);
}

/* -- stopping ------------------------------------------------------------------------------ */

static void to_stop_again_is_told_at_once_and_nobody_may_wait_any_more(void **state)
{
    torc_client *client;
    outcome first;
    outcome second;
    outcome waiting;

    (void)state;
    serve();
    client = start(NULL);
    torc_sim_advance(net, TORC_SECOND);
    assert_non_null(torc_client_protocol(client));
    watch(torc_client_stop(client), &first);
    watch(torc_client_stop(client), &second);
    watch(torc_client_when_connected(client, 0), &waiting);
    assert_int_equal(first.fired, 0);
    assert_int_equal(second.fired, 1);
    assert_null(second.type);
    assert_ptr_equal(waiting.type, &torc_error_cancelled);
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(first.fired, 1);
    assert_int_equal(released, 1);
}

static void to_cancel_the_stopping_only_tells_nobody(void **state)
{
    torc_client *client;
    outcome stopped;
    outcome again;

    (void)state;
    serve();
    client = start(NULL);
    torc_sim_advance(net, TORC_SECOND);
    torc_cancel(watch(torc_client_stop(client), &stopped));
    assert_ptr_equal(stopped.type, &torc_error_cancelled);
    watch(torc_client_stop(client), &again);
    torc_cancel(watch(torc_client_stop(client), &stopped));
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(again.fired, 1);
    assert_null(again.type);
    assert_int_equal(released, 1);
}

/* -- limits -------------------------------------------------------------------------------- */

static void count_tries(void *argument, const torc_log_event *event)
{
    (void)argument;
    if (torc_slice_find(event->message, TORC_SLICE("trying again")) < event->message.length)
        tries++;
}

static void a_first_delay_beyond_the_longest_holds_for_all(void **state)
{
    static const torc_client_options options = {
        .first_delay = 10 * TORC_SECOND, .longest_delay = TORC_SECOND,
    };

    (void)state;
    tries = 0;
    torc_log_add_observer(TORC_LOG_INFO, count_tries, NULL);
    start(&options);
    torc_sim_advance(net, TORC_MINUTE);
    torc_log_remove_observer(count_tries, NULL);
    assert_in_range(tries, 6, 12);
}

static void without_memory_to_wait_fails_and_the_client_goes_on(void **state)
{
    torc_client *client;
    outcome waiting;

    (void)state;
    serve();
    client = start(NULL);
    fail_all_allocations();
    spare_allocations_of(torc__deferred_size);
    watch(torc_client_when_connected(client, 0), &waiting);
    allow_allocations();
    spare_allocations_of(0);
    assert_ptr_equal(waiting.type, &torc_error_out_of_memory);
    torc_sim_advance(net, TORC_SECOND);
    assert_non_null(torc_client_protocol(client));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(in_a_scope_that_has_ended_it_is_one_that_was_stopped),
        TEST(who_hears_that_it_was_stopped_may_end_the_scope),
        TEST(to_stop_again_is_told_at_once_and_nobody_may_wait_any_more),
        TEST(to_cancel_the_stopping_only_tells_nobody),
        TEST(a_first_delay_beyond_the_longest_holds_for_all),
        TEST(without_memory_to_wait_fails_and_the_client_goes_on),
    };

    torc_log_set_level(TORC_LOG_CRITICAL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
