/*
 * Cancelling: before, while and after the result is there; what cancellers may do; timeouts.
 */
#include "deferred/support.h"

static void note_cancel(torc_deferred *deferred, void *argument)
{
    (void)deferred;
    note("stop-%s ", (const char *)argument);
}

static void fire_value(torc_deferred *deferred, void *argument)
{
    (void)argument;
    note("stop ");
    torc_fire(deferred, torc_integer(9));
}

static void fire_failure(torc_deferred *deferred, void *argument)
{
    (void)argument;
    torc_fire(deferred, torc_fail_with(&torc_error_listen, "stopped"));
}

/* -- torc_cancel --------------------------------------------------------------------------- */

static void cancelling_asks_the_canceller_and_fails(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, note_cancel, "work");

    (void)state;
    torc_add_errback_for(deferred, &torc_error_cancelled, swallow, "a");
    torc_cancel(deferred);
    assert_ran("stop-work a!Cancelled ");
    torc_cancel(deferred);
    assert_ran("");
}

static void what_the_canceller_fires_is_the_result(void **state)
{
    torc_deferred *value = torc_deferred_new(root, fire_value, NULL);
    torc_deferred *failed = torc_deferred_new(root, fire_failure, NULL);

    (void)state;
    torc_add_both(value, see, "value");
    torc_add_both(failed, swallow, "failed");
    torc_cancel(value);
    torc_cancel(failed);
    assert_ran("stop value=9 failed!CannotListen ");
}

static void without_a_canceller_one_late_result_is_swallowed(void **state)
{
    torc_deferred *now = torc_deferred_new(root, NULL, NULL);
    torc_deferred *later = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_both(now, swallow, "now");
    torc_add_both(later, swallow, "later");
    torc_cancel(now);
    torc_cancel(later);
    assert_ran("now!Cancelled later!Cancelled ");
    torc_fire(now, new_counted());
    turn();
    turn();
    torc_fire(later, new_counted());
    turn();
    assert_ran("");
    assert_int_equal(holders, 0);
}

static void cancelling_what_has_its_result_does_nothing(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, note_cancel, "work");

    (void)state;
    torc_fire(deferred, torc_integer(1));
    torc_cancel(deferred);
    torc_add_both(deferred, see, "a");
    assert_ran("a=1 ");
}

static void cancelling_goes_inwards_to_what_is_waited_for(void **state)
{
    torc_deferred *outer = torc_deferred_new(root, note_cancel, "outer");
    torc_deferred *inner = torc_deferred_new(root, note_cancel, "inner");

    (void)state;
    torc_add_callback(outer, wait_for_it, inner);
    torc_add_errback(outer, swallow, "outer");
    torc_fire(outer, torc_nothing());
    torc_cancel(outer);
    assert_ran("wait- stop-inner outer!Cancelled ");
}

static torc_result cancel_it(void *deferred, torc_result result)
{
    note_result("cancel", result);
    torc_cancel(deferred);
    return result;
}

static void cancelling_inside_its_own_callback_does_nothing(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, note_cancel, "work");

    (void)state;
    torc_add_callback(deferred, cancel_it, deferred);
    torc_add_callback(deferred, see, "a");
    torc_fire(deferred, torc_integer(1));
    assert_ran("cancel=1 a=1 ");
}

static void cancelling_another_inside_a_callback_runs_its_chain_there(void **state)
{
    torc_deferred *first = torc_deferred_new(root, NULL, NULL);
    torc_deferred *second = torc_deferred_new(root, note_cancel, "second");

    (void)state;
    torc_add_errback(second, swallow, "b");
    torc_add_callback(first, cancel_it, second);
    torc_add_callback(first, see, "a");
    torc_fire(first, torc_integer(1));
    assert_ran("cancel=1 stop-second b!Cancelled a=1 ");
}

static void cancel_again(torc_deferred *deferred, void *argument)
{
    (void)argument;
    note("stop ");
    torc_cancel(deferred);
}

static void a_canceller_that_cancels_is_not_asked_again(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, cancel_again, NULL);

    (void)state;
    torc_add_errback(deferred, swallow, "a");
    torc_cancel(deferred);
    assert_ran("stop a!Cancelled ");
}

static void a_paused_deferred_that_was_fired_is_not_cancelled(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, note_cancel, "work");

    (void)state;
    torc_deferred_pause(deferred);
    torc_add_both(deferred, see, "a");
    torc_fire(deferred, torc_integer(2));
    torc_cancel(deferred);
    torc_deferred_unpause(deferred);
    assert_ran("a=2 ");
}

/* -- timeouts ------------------------------------------------------------------------------ */

static void stop_the_loop(void *argument)
{
    *(bool *)argument = true;
}

/* Runs the loop until `delay` has passed. */
static void run_for(torc_time delay)
{
    bool over = false;

    torc_call_later(root, delay, stop_the_loop, &over);
    while (!over)
        torc_iterate(reactor, TORC_MILLISECOND);
}

static torc_result see_text(void *unused, torc_result failed)
{
    (void)unused;
    note("%s", torc_failure_text(torc_result_failure(failed)));
    return torc_nothing();
}

static void a_timeout_cancels_and_later_errbacks_see_a_timeout(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, note_cancel, "work");

    (void)state;
    torc_add_errback(deferred, see, "before");
    torc_set_timeout(deferred, 2 * TORC_MILLISECOND);
    torc_add_errback(deferred, see, "after");
    torc_add_errback(deferred, see_text, NULL);
    run_for(10 * TORC_MILLISECOND);
    assert_ran("stop-work before!Cancelled after!TimedOut no result within 0.002 s");
    assert_int_equal(logged, 0);
}

static void a_timeout_that_is_not_needed_goes_with_the_result(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, note_cancel, "work");

    (void)state;
    torc_set_timeout(deferred, 2 * TORC_MILLISECOND);
    torc_add_callback(deferred, see, "a");
    torc_fire(deferred, torc_integer(1));
    run_for(10 * TORC_MILLISECOND);
    assert_ran("a=1 ");
}

static void what_the_canceller_fires_passes_the_timeout_as_it_is(void **state)
{
    torc_deferred *value = torc_deferred_new(root, fire_value, NULL);
    torc_deferred *failed = torc_deferred_new(root, fire_failure, NULL);

    (void)state;
    torc_set_timeout(value, 0);
    torc_add_both(value, see, "value");
    torc_set_timeout(failed, 0);
    torc_add_both(failed, swallow, "failed");
    run_for(5 * TORC_MILLISECOND);
    assert_ran("stop value=9 failed!CannotListen ");
}

static void a_timeout_covers_what_the_chain_before_it_waits_for(void **state)
{
    torc_deferred *outer = torc_deferred_new(root, NULL, NULL);
    torc_deferred *inner = torc_deferred_new(root, note_cancel, "inner");

    (void)state;
    torc_add_callback(outer, wait_for_it, inner);
    torc_set_timeout(outer, TORC_MILLISECOND);
    torc_add_both(outer, swallow, "outer");
    torc_fire(outer, torc_nothing());
    run_for(5 * TORC_MILLISECOND);
    assert_ran("wait- stop-inner outer!TimedOut ");
}

static void a_plain_cancellation_is_no_timeout(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_set_timeout(deferred, TORC_MINUTE);
    torc_add_errback(deferred, swallow, "a");
    torc_cancel(deferred);
    assert_ran("a!Cancelled ");
}

static void a_timeout_on_what_is_done_does_nothing(void **state)
{
    torc_deferred *deferred = torc_deferred_fired(root, torc_integer(1));

    (void)state;
    torc_set_timeout(deferred, 0);
    torc_add_both(deferred, see, "a");
    run_for(2 * TORC_MILLISECOND);
    assert_ran("a=1 ");
}

static void a_timeout_ends_with_its_scope(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *deferred = torc_deferred_new(scope, note_cancel, "work");

    (void)state;
    torc_set_timeout(deferred, TORC_MILLISECOND);
    torc_add_both(deferred, see, "never");
    torc_scope_end(scope);
    run_for(5 * TORC_MILLISECOND);
    assert_ran("stop-work ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEFERRED_TEST(cancelling_asks_the_canceller_and_fails),
        DEFERRED_TEST(what_the_canceller_fires_is_the_result),
        DEFERRED_TEST(without_a_canceller_one_late_result_is_swallowed),
        DEFERRED_TEST(cancelling_what_has_its_result_does_nothing),
        DEFERRED_TEST(cancelling_goes_inwards_to_what_is_waited_for),
        DEFERRED_TEST(cancelling_inside_its_own_callback_does_nothing),
        DEFERRED_TEST(cancelling_another_inside_a_callback_runs_its_chain_there),
        DEFERRED_TEST(a_canceller_that_cancels_is_not_asked_again),
        DEFERRED_TEST(a_paused_deferred_that_was_fired_is_not_cancelled),
        DEFERRED_TEST(a_timeout_cancels_and_later_errbacks_see_a_timeout),
        DEFERRED_TEST(a_timeout_that_is_not_needed_goes_with_the_result),
        DEFERRED_TEST(what_the_canceller_fires_passes_the_timeout_as_it_is),
        DEFERRED_TEST(a_timeout_covers_what_the_chain_before_it_waits_for),
        DEFERRED_TEST(a_plain_cancellation_is_no_timeout),
        DEFERRED_TEST(a_timeout_on_what_is_done_does_nothing),
        DEFERRED_TEST(a_timeout_ends_with_its_scope),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
