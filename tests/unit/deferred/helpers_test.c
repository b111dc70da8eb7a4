/*
 * What is built on a chain: handing a result on to another deferred, actions that may or may not
 * take time, conversions of failures.
 */
#include "deferred/support.h"

#include "support/expect_abort.h"

static void note_cancel(torc_deferred *deferred, void *argument)
{
    (void)deferred;
    note("stop-%s ", (const char *)argument);
}

/* -- handing on ---------------------------------------------------------------------------- */

static void what_comes_of_one_fires_the_other(void **state)
{
    torc_deferred *inner = torc_deferred_new(root, NULL, NULL);
    torc_deferred *outer = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_both(outer, see, "outer");
    torc_chain(inner, outer);
    assert_true(torc_deferred_has_fired(outer));
    torc_add_both(inner, add_one, "inner");
    torc_fire(inner, torc_integer(1));
    assert_ran("inner=1 outer=2 ");
}

static void what_has_fired_before_is_handed_on_at_once(void **state)
{
    torc_deferred *inner = torc_deferred_fired(root, new_counted());
    torc_deferred *outer = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_both(outer, see, "outer");
    torc_chain(inner, outer);
    assert_ran("outer:counted ");
    turn();
    assert_int_equal(holders, 0);
}

static void a_failure_that_was_handed_on_is_the_others_to_handle(void **state)
{
    torc_deferred *outer = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_chain(torc_deferred_fired(root, torc_fail_with(&torc_error_refused, "no")), outer);
    torc_add_errback(outer, swallow, "outer");
    turn();
    assert_ran("outer!ConnectionRefused ");
    assert_int_equal(logged, 0);
}

static void cancelling_the_outer_cancels_the_inner(void **state)
{
    torc_deferred *outer = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_chain(torc_deferred_new(root, note_cancel, "inner"), outer);
    torc_add_errback(outer, swallow, "outer");
    torc_cancel(outer);
    assert_ran("stop-inner outer!Cancelled ");
}

static void what_comes_for_one_that_was_cancelled_is_cancelled_once(void **state)
{
    torc_deferred *outer = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_errback(outer, swallow, "outer");
    torc_cancel(outer);
    assert_ran("outer!Cancelled ");
    torc_chain(torc_deferred_new(root, note_cancel, "inner"), outer);
    turn();
    assert_ran("stop-inner ");
    assert_int_equal(logged, 0);
}

static void chain_to_one_that_fired(void)
{
    torc_deferred *outer = torc_deferred_fired(root, torc_nothing());

    torc_chain(torc_deferred_new(root, NULL, NULL), outer);
}

static void chain_one_to_two(void)
{
    torc_deferred *inner = torc_deferred_new(root, NULL, NULL);

    for (int i = 0; i < 2; i++)
        torc_chain(inner, torc_deferred_new(root, NULL, NULL));
}

static void chain_to_itself(void)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    torc_chain(deferred, deferred);
}

static void fire_what_is_chained(void)
{
    torc_deferred *outer = torc_deferred_new(root, NULL, NULL);

    torc_chain(torc_deferred_new(root, NULL, NULL), outer);
    torc_fire(outer, torc_nothing());
}

static void misuse_of_a_chain_aborts(void **state)
{
    (void)state;
    expect_abort(chain_to_one_that_fired, "this deferred has been fired before");
    expect_abort(chain_one_to_two, "another deferred waits for this one already");
    expect_abort(chain_to_itself, "a deferred would wait for itself");
    expect_abort(fire_what_is_chained, "torc_fire: this deferred has been fired before");
}

/* -- actions ------------------------------------------------------------------------------- */

static torc_result give_at_once(torc_scope *scope, void *argument)
{
    (void)scope;
    return torc_integer(*(int *)argument);
}

static torc_result fail_at_once(torc_scope *scope, void *argument)
{
    (void)scope;
    (void)argument;
    return torc_fail_with(&torc_error_refused, "no");
}

static torc_deferred *begun;

static torc_result begin(torc_scope *scope, void *argument)
{
    begun = torc_deferred_new(scope, note_cancel, argument);
    return torc_wait_for(begun);
}

static void a_value_a_failure_and_a_deferred_are_all_a_deferred(void **state)
{
    int seven = 7;

    (void)state;
    torc_add_both(torc_maybe(root, give_at_once, &seven), see, "value");
    torc_add_both(torc_maybe(root, fail_at_once, NULL), swallow, "failure");
    assert_ran("value=7 failure!ConnectionRefused ");
    torc_add_both(torc_maybe(root, begin, "work"), see, "work");
    assert_ran("");
    torc_fire(begun, torc_integer(8));
    assert_ran("work=8 ");
}

static void cancelling_what_an_action_began_stops_it(void **state)
{
    torc_deferred *deferred = torc_maybe(root, begin, "work");

    (void)state;
    torc_add_errback(deferred, swallow, "work");
    torc_cancel(deferred);
    assert_ran("stop-work work!Cancelled ");
}

static void in_a_scope_that_has_ended_an_action_fails(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_scope_end(scope);
    torc_add_both(torc_maybe(scope, begin, "work"), swallow, "work");
    assert_ran("work!Cancelled ");
    turn();
    assert_int_equal(logged, 0);
}

/* -- failures ------------------------------------------------------------------------------ */

static const torc_failure_type error_mirror = { "MirrorError", &torc_error };
static const torc_conversion no_mirror = {
    &torc_error_connection, &error_mirror, "the mirror cannot be reached"
};

static char text[1024];

static torc_result describe(void *name, torc_result failed)
{
    note_result(name, failed);
    torc_failure_describe(torc_result_failure(failed), text, sizeof text);
    return torc_nothing();
}

static void a_conversion_takes_its_type_and_keeps_the_cause(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_conversion(deferred, &no_mirror);
    torc_add_errback(deferred, describe, "a");
    torc_fire(deferred, torc_fail_with(&torc_error_refused, "nobody there"));
    assert_ran("a!MirrorError ");
    assert_ptr_equal(
        strstr(text, "MirrorError: the mirror cannot be reached: nobody there"), text);
    assert_non_null(strstr(text, "caused by: ConnectionRefused: nobody there"));
}

static void a_conversion_lets_others_and_values_pass(void **state)
{
    torc_deferred *failed = torc_deferred_fired(root, torc_fail_with(&torc_error_limit, "no"));
    torc_deferred *fine = torc_deferred_fired(root, torc_integer(1));

    (void)state;
    torc_add_conversion(failed, &no_mirror);
    torc_add_errback(failed, swallow, "failed");
    torc_add_conversion(fine, &no_mirror);
    torc_add_both(fine, see, "fine");
    assert_ran("failed!LimitReached fine=1 ");
}

static void what_is_forgotten_is_not_logged(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_errback_for(deferred, &torc_error_cancelled, torc_forget, NULL);
    torc_add_both(deferred, see, "a");
    torc_cancel(deferred);
    turn();
    assert_ran("a- ");
    assert_int_equal(logged, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEFERRED_TEST(what_comes_of_one_fires_the_other),
        DEFERRED_TEST(what_has_fired_before_is_handed_on_at_once),
        DEFERRED_TEST(a_failure_that_was_handed_on_is_the_others_to_handle),
        DEFERRED_TEST(cancelling_the_outer_cancels_the_inner),
        DEFERRED_TEST(what_comes_for_one_that_was_cancelled_is_cancelled_once),
        DEFERRED_TEST(misuse_of_a_chain_aborts),
        DEFERRED_TEST(a_value_a_failure_and_a_deferred_are_all_a_deferred),
        DEFERRED_TEST(cancelling_what_an_action_began_stops_it),
        DEFERRED_TEST(in_a_scope_that_has_ended_an_action_fails),
        DEFERRED_TEST(a_conversion_takes_its_type_and_keeps_the_cause),
        DEFERRED_TEST(a_conversion_lets_others_and_values_pass),
        DEFERRED_TEST(what_is_forgotten_is_not_logged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
