/*
 * Staying connected, in the simulated network, where waiting costs nothing: who is told when, what
 * is tried again and after how long, giving up, preparing, stopping at every stage.
 */
#include "endpoint/client_setting.h"

#include <stdio.h>

static torc_sim_host *there;
static torc_client *client;
static int served;
static torc_protocol *last_served;
static int made;
static int lost;

static void fail_test(const char *message)
{
    fail_msg("%s", message);
}

static void server_made(torc_protocol *self)
{
    served++;
    last_served = self;
}

static void client_made(torc_protocol *self)
{
    (void)self;
    made++;
}

static void client_lost(torc_protocol *self, const torc_failure *reason)
{
    (void)self;
    (void)reason;
    lost++;
}

static const torc_protocol_class server_class = { .name = "Server",
    .connection_made = server_made };
static const torc_protocol_class client_class = { .name = "Client",
    .connection_made = client_made, .connection_lost = client_lost };

static int set_up(void **state)
{
    (void)state;
    served = 0;
    made = 0;
    lost = 0;
    open_net();
    there = torc_sim_add_host(net, "there", "10.0.0.2");
    return 0;
}

static torc_port *serve(void)
{
    return torc_listen(torc_sim_scope(there), "tcp:80", torc_factory_of(&server_class));
}

static void start(const torc_client_options *options)
{
    client = torc_client_start(scope, "tcp:there:80", torc_factory_of(&client_class), options);
}

static void pass(torc_time time)
{
    torc_sim_advance(net, time);
}

/* -- connecting ---------------------------------------------------------------------------- */

static void who_waits_is_told_when_it_is_connected(void **state)
{
    outcome told[3];

    (void)state;
    serve();
    pass(TORC_MILLISECOND);
    start(NULL);
    watch(torc_client_when_connected(client, 0), &told[0]);
    watch(torc_client_when_connected(client, 1), &told[1]);
    assert_null(torc_client_protocol(client));
    pass(TORC_SECOND);
    assert_int_equal(made, 1);
    assert_non_null(told[0].protocol);
    assert_ptr_equal(told[0].protocol, told[1].protocol);
    assert_ptr_equal(torc_client_protocol(client), told[0].protocol);
    watch(torc_client_when_connected(client, 0), &told[2]);
    assert_ptr_equal(told[2].protocol, told[0].protocol);
}

static void it_tries_again_until_somebody_listens(void **state)
{
    outcome told;

    (void)state;
    start(NULL);
    watch(torc_client_when_connected(client, 0), &told);
    pass(10 * TORC_SECOND);
    assert_int_equal(told.fired, 0);
    assert_true(torc_client_failures(client) >= 3);
    serve();
    pass(60 * TORC_SECOND);
    assert_non_null(told.protocol);
    assert_int_equal(torc_client_failures(client), 0);
}

static void it_connects_again_after_the_connection_was_lost(void **state)
{
    outcome told;

    (void)state;
    serve();
    pass(TORC_MILLISECOND);
    start(NULL);
    pass(TORC_SECOND);
    for (int i = 1; i < 5; i++) {
        assert_int_equal(made, i);
        torc_abort_connection(last_served->transport);
        pass(100 * TORC_MILLISECOND);
        assert_int_equal(lost, i);
        assert_null(torc_client_protocol(client));
        watch(torc_client_when_connected(client, 0), &told);
        pass(TORC_SECOND);
        assert_int_equal(made, i + 1);
        assert_ptr_equal(told.protocol, torc_client_protocol(client));
    }
}

static void the_delays_grow_up_to_the_longest(void **state)
{
    static const torc_client_options options = { .first_delay = TORC_SECOND,
        .longest_delay = 4 * TORC_SECOND, .growth_percent = 100 };
    size_t before;

    (void)state;
    start(&options);
    pass(10 * TORC_MILLISECOND);
    assert_int_equal(torc_client_failures(client), 1);
    pass(480 * TORC_MILLISECOND); /* at least a half of the first delay */
    assert_int_equal(torc_client_failures(client), 1);
    pass(530 * TORC_MILLISECOND); /* at most the whole */
    assert_int_equal(torc_client_failures(client), 2);
    pass(60 * TORC_SECOND);
    before = torc_client_failures(client);
    pass(40 * TORC_SECOND);
    assert_in_range(torc_client_failures(client) - before, 9, 21);
}

static void chance_parts_those_who_fail_together(void **state)
{
    torc_client *clients[8];
    size_t fewest = 1000;
    size_t most = 0;

    (void)state;
    for (size_t i = 0; i < 8; i++)
        clients[i] = torc_client_start(
            scope, "tcp:there:80", torc_factory_of(&client_class), NULL);
    pass(250 * TORC_SECOND);
    for (size_t i = 0; i < 8; i++) {
        size_t failures = torc_client_failures(clients[i]);

        fewest = failures < fewest ? failures : fewest;
        most = failures > most ? failures : most;
    }
    assert_true(most > fewest);
}

/* -- giving up ----------------------------------------------------------------------------- */

static void it_gives_up_when_told(void **state)
{
    static const torc_client_options options = { .failures_max = 3 };
    outcome told[2];

    (void)state;
    start(&options);
    watch(torc_client_when_connected(client, 0), &told[0]);
    pass(60 * TORC_SECOND);
    assert_int_equal(torc_client_failures(client), 3);
    assert_ptr_equal(told[0].type, &torc_error_refused);
    watch(torc_client_when_connected(client, 0), &told[1]);
    assert_ptr_equal(told[1].type, &torc_error_refused);
    watch(torc_client_stop(client), &told[1]);
    pass(TORC_SECOND);
    assert_int_equal(told[1].fired, 1);
    assert_null(told[1].type);
}

static void who_waits_may_have_less_patience(void **state)
{
    outcome patient;
    outcome hasty;

    (void)state;
    start(NULL);
    watch(torc_client_when_connected(client, 0), &patient);
    watch(torc_client_when_connected(client, 2), &hasty);
    pass(100 * TORC_MILLISECOND);
    assert_int_equal(hasty.fired, 0);
    pass(2 * TORC_SECOND);
    assert_ptr_equal(hasty.type, &torc_error_refused);
    assert_int_equal(patient.fired, 0);
    serve();
    pass(60 * TORC_SECOND);
    assert_non_null(patient.protocol);
}

static void who_waits_may_be_cancelled(void **state)
{
    outcome told;

    (void)state;
    start(NULL);
    torc_cancel(watch(torc_client_when_connected(client, 0), &told));
    assert_ptr_equal(told.type, &torc_error_cancelled);
    serve();
    pass(60 * TORC_SECOND);
    assert_int_equal(made, 1);
    assert_int_equal(told.fired, 1);
}

/* -- preparing ----------------------------------------------------------------------------- */

static torc_deferred *preparing;
static int prepared;

static torc_result prepare(void *context, torc_protocol *protocol)
{
    (void)context;
    prepared++;
    preparing = torc_deferred_new(torc_scope_of(protocol), NULL, NULL);
    return torc_wait_for(preparing);
}

static torc_result prepare_badly(void *context, torc_protocol *protocol)
{
    (void)protocol;
    if (++*(int *)context < 3)
        return torc_fail_with(&torc_error_protocol, "not yet");
    return torc_nothing();
}

static void it_is_connected_when_it_is_prepared(void **state)
{
    static const torc_client_options options = { .prepare = prepare };
    outcome told;

    (void)state;
    serve();
    pass(TORC_MILLISECOND);
    start(&options);
    watch(torc_client_when_connected(client, 1), &told);
    pass(10 * TORC_SECOND);
    assert_int_equal(made, 1);
    assert_int_equal(told.fired, 0);
    assert_null(torc_client_protocol(client));
    torc_fire(preparing, torc_nothing());
    pass(TORC_MILLISECOND);
    assert_non_null(told.protocol);
}

static void preparing_that_fails_ends_the_connection_and_is_tried_again(void **state)
{
    int times = 0;
    torc_client_options options = { .prepare = prepare_badly, .context = &times };
    outcome told;

    (void)state;
    serve();
    pass(TORC_MILLISECOND);
    start(&options);
    watch(torc_client_when_connected(client, 0), &told);
    pass(20 * TORC_SECOND);
    assert_int_equal(made, 3);
    assert_int_equal(lost, 2);
    assert_non_null(told.protocol);
}

static void a_connection_lost_while_preparing_is_tried_again(void **state)
{
    static const torc_client_options options = { .prepare = prepare };
    outcome told;

    (void)state;
    prepared = 0;
    serve();
    pass(TORC_MILLISECOND);
    start(&options);
    watch(torc_client_when_connected(client, 1), &told);
    pass(100 * TORC_MILLISECOND);
    torc_abort_connection(last_served->transport);
    pass(50 * TORC_MILLISECOND);
    assert_ptr_equal(told.type, &torc_error_connection_lost);
    pass(2 * TORC_SECOND);
    assert_int_equal(prepared, 2);
    torc_fire(preparing, torc_nothing());
    pass(TORC_MILLISECOND);
    assert_non_null(torc_client_protocol(client));
}

/* -- stopping ------------------------------------------------------------------------------ */

static void assert_stops(void)
{
    outcome told;
    outcome stopped;

    watch(torc_client_when_connected(client, 0), &told);
    watch(torc_client_stop(client), &stopped);
    assert_int_equal(stopped.fired, 0);
    pass(5 * TORC_SECOND);
    assert_int_equal(stopped.fired, 1);
    assert_null(stopped.type);
    assert_true(told.protocol != NULL || told.type == &torc_error_cancelled);
    assert_int_equal(made, lost);
    pass(100 * TORC_SECOND);
    assert_int_equal(made, lost);
}

static void it_stops_while_it_connects(void **state)
{
    (void)state;
    torc_sim_partition(here, there);
    start(NULL);
    pass(TORC_SECOND);
    assert_stops();
}

static void it_stops_before_the_first_turn(void **state)
{
    (void)state;
    start(NULL);
    assert_stops();
}

static void it_stops_while_it_waits(void **state)
{
    (void)state;
    start(NULL);
    pass(200 * TORC_MILLISECOND);
    assert_int_equal(torc_client_failures(client), 1);
    assert_stops();
}

static void it_stops_while_it_prepares(void **state)
{
    static const torc_client_options options = { .prepare = prepare };

    (void)state;
    serve();
    pass(TORC_MILLISECOND);
    start(&options);
    pass(TORC_SECOND);
    assert_int_equal(made, 1);
    assert_stops();
}

static void it_stops_when_it_is_connected(void **state)
{
    (void)state;
    serve();
    pass(TORC_MILLISECOND);
    start(NULL);
    pass(TORC_SECOND);
    assert_int_equal(made, 1);
    assert_stops();
}

static torc_result stop_in_callback(void *self, torc_result result)
{
    (void)result;
    watch(torc_client_stop(client), self);
    return torc_nothing();
}

static void it_stops_when_told_so_by_who_waited(void **state)
{
    outcome stopped = { .fired = 0 };
    outcome late;
    torc_deferred *first;

    (void)state;
    serve();
    pass(TORC_MILLISECOND);
    start(NULL);
    first = torc_client_when_connected(client, 0);
    torc_add_callback(first, stop_in_callback, &stopped);
    watch(torc_client_when_connected(client, 0), &late);
    pass(TORC_SECOND);
    assert_int_equal(stopped.fired, 1);
    assert_ptr_equal(late.type, &torc_error_cancelled);
    assert_int_equal(made, lost);
}

static torc_result end_scope(void *self, torc_result result)
{
    (void)self;
    (void)result;
    torc_scope_end(scope);
    return torc_nothing();
}

static void the_scope_may_end_at_any_stage(void **state)
{
    static const torc_client_options options = { .prepare = prepare };

    (void)state;
    start(NULL);
    torc_scope_end(scope);
    pass(TORC_MILLISECOND);
    scope = torc_scope_new(torc_sim_scope(here));
    start(NULL);
    (void)torc_client_when_connected(client, 0);
    pass(200 * TORC_MILLISECOND);
    torc_scope_end(scope);
    serve();
    scope = torc_scope_new(torc_sim_scope(here));
    pass(TORC_MILLISECOND);
    start(&options);
    pass(TORC_SECOND);
    torc_scope_end(scope);
    pass(TORC_SECOND);
    scope = torc_scope_new(torc_sim_scope(here));
    start(NULL);
    torc_add_callback(torc_client_when_connected(client, 0), end_scope, NULL);
    (void)torc_client_when_connected(client, 0);
    pass(TORC_SECOND);
    assert_int_equal(made, 2);
    assert_int_equal(made, lost);
    client = NULL;
}

static void a_struct_says_where_as_well(void **state)
{
    (void)state;
    serve();
    pass(TORC_MILLISECOND);
    client = torc_client_start_at(scope, &(torc_endpoint){ .host = "there", .port = 80 },
        torc_factory_of(&client_class), NULL);
    pass(TORC_SECOND);
    assert_non_null(torc_client_protocol(client));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_waits_is_told_when_it_is_connected),
        TEST(it_tries_again_until_somebody_listens),
        TEST(it_connects_again_after_the_connection_was_lost),
        TEST(the_delays_grow_up_to_the_longest),
        TEST(chance_parts_those_who_fail_together),
        TEST(it_gives_up_when_told),
        TEST(who_waits_may_have_less_patience),
        TEST(who_waits_may_be_cancelled),
        TEST(it_is_connected_when_it_is_prepared),
        TEST(preparing_that_fails_ends_the_connection_and_is_tried_again),
        TEST(a_connection_lost_while_preparing_is_tried_again),
        TEST(it_stops_while_it_connects),
        TEST(it_stops_before_the_first_turn),
        TEST(it_stops_while_it_waits),
        TEST(it_stops_while_it_prepares),
        TEST(it_stops_when_it_is_connected),
        TEST(it_stops_when_told_so_by_who_waited),
        TEST(the_scope_may_end_at_any_stage),
        TEST(a_struct_says_where_as_well),
    };

    torc_testing_set_fail(fail_test);
    torc_log_set_level(TORC_LOG_CRITICAL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
