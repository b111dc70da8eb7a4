/*
 * Chains: order, values, failures, pausing, re-entrancy, who owns a result.
 */
#include "deferred/support.h"

static void a_result_goes_down_the_chain_each_output_the_next_input(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_callback(deferred, add_one, "a");
    torc_add_callback(deferred, add_one, "b");
    torc_add_callback(deferred, see, "c");
    assert_ran("");
    assert_false(torc_deferred_has_fired(deferred));
    torc_fire(deferred, torc_integer(5));
    assert_ran("a=5 b=6 c=7 ");
    assert_true(torc_deferred_has_fired(deferred));
}

static void a_callback_added_after_firing_runs_at_once(void **state)
{
    torc_deferred *deferred = torc_deferred_fired(root, torc_integer(1));
    torc_result result;

    (void)state;
    torc_add_callback(deferred, add_one, "a");
    assert_ran("a=1 ");
    torc_add_callback(deferred, see, "b");
    assert_ran("b=2 ");
    assert_true(torc_deferred_result(deferred, &result));
    assert_int_equal(torc_result_integer(result), 2);
}

static void a_failure_skips_callbacks_up_to_the_next_errback(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_errback(deferred, see, "not-this");
    torc_add_callback(deferred, refuse, "a");
    torc_add_callback(deferred, see, "nor-this");
    torc_add_errback(deferred, swallow, "b");
    torc_add_callback(deferred, see, "c");
    torc_add_errback(deferred, see, "nor-that");
    torc_fire(deferred, torc_integer(1));
    assert_ran("a=1 b!ConnectionRefused c- ");
    turn();
    assert_int_equal(logged, 0);
}

static void a_failure_fired_takes_the_errbacks_side(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_callback(deferred, see, "not-this");
    torc_add_errback(deferred, swallow, "a");
    torc_fire(deferred, torc_fail_with(&torc_error, "no"));
    assert_ran("a!Error ");
}

static void a_typed_errback_takes_its_type_and_descendants_only(void **state)
{
    torc_deferred *deferred =
        torc_deferred_fired(root, torc_fail_with(&torc_error_refused, "nobody there"));

    (void)state;
    torc_add_errback_for(deferred, &torc_error_timeout, swallow, "timeout");
    torc_add_errback_for(deferred, &torc_error_bind, swallow, "sibling");
    torc_add_callback(deferred, see, "value");
    torc_add_errback_for(deferred, &torc_error_connection, swallow, "connection");
    torc_add_callback(deferred, see, "after");
    assert_ran("connection!ConnectionRefused after- ");
}

static void the_errback_of_one_link_does_not_see_its_own_callbacks_failure(void **state)
{
    torc_deferred *deferred = torc_deferred_fired(root, torc_integer(1));

    (void)state;
    torc_add_callbacks(deferred, refuse, see, "a");
    torc_add_callbacks(deferred, see, swallow, "b");
    assert_ran("a=1 b!ConnectionRefused ");
}

static void both_runs_for_values_and_for_failures(void **state)
{
    torc_deferred *value = torc_deferred_fired(root, torc_integer(1));
    torc_deferred *failed = torc_deferred_fired(root, torc_fail_with(&torc_error, "no"));

    (void)state;
    torc_add_both(value, swallow, "a");
    torc_add_both(failed, swallow, "b");
    assert_ran("a=1 b!Error ");
}

static void five_callbacks_and_more_run_in_order(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    (void)state;
    for (int i = 0; i < 40; i++)
        torc_add_callback(deferred, add_one, "");
    record[0] = '\0';
    torc_fire(deferred, torc_integer(0));
    assert_non_null(strstr(record, "=0 =1 =2 =3 =4 =5 =6 =7 =8 =9 =10 "));
    assert_non_null(strstr(record, "=37 =38 =39 "));
}

/* -- pausing ------------------------------------------------------------------------------- */

static void a_paused_chain_waits_and_pauses_nest(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_callback(deferred, add_one, "a");
    torc_deferred_pause(deferred);
    torc_deferred_pause(deferred);
    torc_fire(deferred, torc_integer(1));
    torc_add_callback(deferred, see, "b");
    turn();
    torc_deferred_unpause(deferred);
    assert_ran("");
    torc_deferred_unpause(deferred);
    assert_ran("a=1 b=2 ");
}

static torc_result pause_self(void *deferred, torc_result result)
{
    note("pause ");
    torc_deferred_pause(deferred);
    return result;
}

static void a_chain_paused_by_its_own_callback_stops_right_after_it(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_callback(deferred, pause_self, deferred);
    torc_add_callback(deferred, see, "a");
    torc_fire(deferred, torc_integer(1));
    assert_ran("pause ");
    turn();
    torc_deferred_unpause(deferred);
    assert_ran("a=1 ");
}

/* -- re-entrancy --------------------------------------------------------------------------- */

static torc_result add_more(void *deferred, torc_result result)
{
    note("begin ");
    torc_add_callback(deferred, see, "added");
    note("end ");
    return torc_integer(torc_result_integer(result) + 1);
}

static void a_callback_added_inside_a_callback_is_appended(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_callback(deferred, add_more, deferred);
    torc_add_callback(deferred, see, "second");
    torc_fire(deferred, torc_integer(1));
    assert_ran("begin end second=2 added=2 ");
}

static torc_result fire_other(void *other, torc_result result)
{
    note("begin ");
    torc_fire(other, torc_integer(10));
    note("end ");
    return result;
}

static void firing_another_inside_a_callback_runs_that_one_there(void **state)
{
    torc_deferred *first = torc_deferred_new(root, NULL, NULL);
    torc_deferred *second = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_callback(first, fire_other, second);
    torc_add_callback(first, see, "first");
    torc_add_callback(second, see, "second");
    torc_fire(first, torc_integer(1));
    assert_ran("begin second=10 end first=1 ");
}

static torc_result add_again(void *deferred, torc_result result)
{
    int64_t count = torc_result_integer(result);

    if (count < 100000)
        torc_add_callback(deferred, add_again, deferred);
    return torc_integer(count + 1);
}

static void a_chain_that_grows_by_itself_needs_neither_stack_nor_room(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);
    torc_result result;

    (void)state;
    torc_add_callback(deferred, add_again, deferred);
    torc_fire(deferred, torc_integer(0));
    assert_true(torc_deferred_result(deferred, &result));
    assert_int_equal(torc_result_integer(result), 100001);
}

static torc_result count_up(void *unused, torc_result result)
{
    (void)unused;
    return torc_integer(torc_result_integer(result) + 1);
}

static void a_chain_of_a_hundred_thousand_runs(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);
    torc_result result;

    (void)state;
    for (int i = 0; i < 100000; i++)
        torc_add_callback(deferred, count_up, NULL);
    torc_fire(deferred, torc_integer(0));
    assert_true(torc_deferred_result(deferred, &result));
    assert_int_equal(torc_result_integer(result), 100000);
}

/* -- who owns a result --------------------------------------------------------------------- */

static void a_value_that_nobody_took_is_released(void **state)
{
    (void)state;
    torc_deferred_fired(root, new_counted());
    assert_int_equal(holders, 1);
    turn();
    assert_int_equal(holders, 0);
}

static void a_value_passed_on_keeps_its_count(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_callback(deferred, see, "a");
    torc_add_callback(deferred, see, "b");
    torc_fire(deferred, new_counted());
    assert_ran("a:counted b:counted ");
    assert_int_equal(holders, 1);
    turn();
    assert_int_equal(holders, 0);
}

static torc_result keep(void *ret_kept, torc_result result)
{
    *(torc_result *)ret_kept = torc_result_hold(result);
    return torc_nothing();
}

static void a_value_replaced_is_released_unless_it_was_held(void **state)
{
    torc_deferred *deferred = torc_deferred_fired(root, new_counted());
    torc_result kept;

    (void)state;
    torc_add_callback(deferred, swallow, "a");
    assert_int_equal(holders, 0);
    deferred = torc_deferred_fired(root, new_counted());
    torc_add_callback(deferred, keep, &kept);
    turn();
    assert_int_equal(holders, 1);
    torc_result_release(kept);
    assert_int_equal(holders, 0);
}

static torc_result wrap(void *unused, torc_result failed)
{
    (void)unused;
    return torc_fail(torc_failure_because(torc_failure_new(&torc_error_listen, "outer"),
        torc_failure_hold(torc_result_failure(failed))));
}

static torc_result see_cause(void *unused, torc_result failed)
{
    (void)unused;
    note("%s<-%s ", torc_failure_text(torc_result_failure(failed)),
        torc_failure_text(torc_failure_cause(torc_result_failure(failed))));
    return torc_nothing();
}

static void a_failure_may_be_replaced_by_one_that_it_caused(void **state)
{
    torc_deferred *deferred = torc_deferred_fired(root, torc_fail_with(&torc_error, "inner"));

    (void)state;
    torc_add_errback(deferred, wrap, NULL);
    torc_add_errback(deferred, see_cause, NULL);
    assert_ran("outer<-inner ");
}

/* -- who speaks ---------------------------------------------------------------------------- */

static void describe(const torc__context *context, char *text, size_t size)
{
    (void)context;
    snprintf(text, size, "Owner");
}

static torc_result see_speaker(void *unused, torc_result result)
{
    char name[32] = "-";

    (void)unused;
    if (reactor->context != NULL)
        reactor->context->describe(reactor->context, name, sizeof(name));
    note("%s ", name);
    return result;
}

static void callbacks_speak_for_the_owner_of_the_deferred(void **state)
{
    const torc__context context = { describe };
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *deferred;

    (void)state;
    scope->context = &context;
    deferred = torc_deferred_fired(scope, torc_integer(1));
    torc_add_callback(deferred, see_speaker, NULL);
    torc_add_callback(torc_deferred_fired(root, torc_nothing()), see_speaker, NULL);
    assert_ran("Owner - ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEFERRED_TEST(a_result_goes_down_the_chain_each_output_the_next_input),
        DEFERRED_TEST(a_callback_added_after_firing_runs_at_once),
        DEFERRED_TEST(a_failure_skips_callbacks_up_to_the_next_errback),
        DEFERRED_TEST(a_failure_fired_takes_the_errbacks_side),
        DEFERRED_TEST(a_typed_errback_takes_its_type_and_descendants_only),
        DEFERRED_TEST(the_errback_of_one_link_does_not_see_its_own_callbacks_failure),
        DEFERRED_TEST(both_runs_for_values_and_for_failures),
        DEFERRED_TEST(five_callbacks_and_more_run_in_order),
        DEFERRED_TEST(a_paused_chain_waits_and_pauses_nest),
        DEFERRED_TEST(a_chain_paused_by_its_own_callback_stops_right_after_it),
        DEFERRED_TEST(a_callback_added_inside_a_callback_is_appended),
        DEFERRED_TEST(firing_another_inside_a_callback_runs_that_one_there),
        DEFERRED_TEST(a_chain_that_grows_by_itself_needs_neither_stack_nor_room),
        DEFERRED_TEST(a_chain_of_a_hundred_thousand_runs),
        DEFERRED_TEST(a_value_that_nobody_took_is_released),
        DEFERRED_TEST(a_value_passed_on_keeps_its_count),
        DEFERRED_TEST(a_value_replaced_is_released_unless_it_was_held),
        DEFERRED_TEST(a_failure_may_be_replaced_by_one_that_it_caused),
        DEFERRED_TEST(callbacks_speak_for_the_owner_of_the_deferred),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
