/*
 * How deferreds end: with their scope, at the turn's end, when they are held; what is logged.
 */
#include "deferred/support.h"

#include "support/failing_allocation.h"

static void note_cancel(torc_deferred *deferred, void *argument)
{
    (void)deferred;
    note("stop-%s ", (const char *)argument);
}

/* -- what nobody took ---------------------------------------------------------------------- */

static void an_unhandled_failure_is_logged_once_with_its_trace(void **state)
{
    torc_deferred *deferred = torc_deferred_fired(
        root, torc_fail_with(&torc_error_refused, "nobody at 192.0.2.1"));

    (void)state;
    torc_add_callback(deferred, see, "never");
    assert_int_equal(logged, 0);
    turn();
    turn();
    assert_int_equal(logged, 1);
    assert_non_null(strstr(last_logged, "Unhandled failure in a deferred"));
    assert_non_null(strstr(last_logged, "ConnectionRefused"));
    assert_non_null(strstr(last_logged, "nobody at 192.0.2.1"));
    assert_non_null(strstr(last_logged, "ending_test.c"));
}

static void an_errback_added_in_the_same_turn_is_early_enough(void **state)
{
    torc_deferred *deferred = torc_deferred_fired(root, torc_fail_with(&torc_error, "no"));

    (void)state;
    torc_add_callback(deferred, see, "never");
    torc_add_errback(deferred, swallow, "a");
    turn();
    assert_ran("a!Error ");
    assert_int_equal(logged, 0);
}

static void a_failure_is_not_reported_while_it_is_held(void **state)
{
    torc_deferred *deferred =
        torc_deferred_hold(torc_deferred_fired(root, torc_fail_with(&torc_error, "no")));

    (void)state;
    turn();
    assert_int_equal(logged, 0);
    torc_add_errback(deferred, swallow, "a");
    torc_deferred_release(deferred);
    turn();
    assert_ran("a!Error ");
    assert_int_equal(logged, 0);
}

static void a_held_result_stays_until_the_last_release(void **state)
{
    torc_deferred *deferred = torc_deferred_fired(root, new_counted());
    torc_result result;

    (void)state;
    torc_deferred_hold(deferred);
    torc_deferred_hold(deferred);
    turn();
    torc_deferred_release(deferred);
    turn();
    assert_true(torc_deferred_result(deferred, &result));
    assert_ptr_equal(result.type, &counted);
    assert_int_equal(holders, 1);
    torc_deferred_release(deferred);
    turn();
    assert_int_equal(holders, 0);
}

static void a_deferred_that_nobody_fired_is_not_freed(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    (void)state;
    for (int i = 0; i < 3; i++)
        turn();
    torc_add_callback(deferred, see, "a");
    torc_fire(deferred, torc_integer(1));
    assert_ran("a=1 ");
}

static void a_scope_that_keeps_results_keeps_them_until_it_ends(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *deferred;
    torc_result result;

    (void)state;
    scope->keeps_results = true;
    deferred = torc_deferred_fired(scope, new_counted());
    torc_deferred_fired(scope, torc_fail_with(&torc_error, "nobody asks"));
    turn();
    turn();
    assert_int_equal(logged, 0);
    assert_true(torc_deferred_result(deferred, &result));
    torc_scope_end(scope);
    turn();
    assert_int_equal(holders, 0);
    assert_int_equal(logged, 1);
}

/* -- the end of a scope -------------------------------------------------------------------- */

static void the_end_of_a_scope_stops_the_work_and_runs_no_callback(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *older = torc_deferred_new(scope, note_cancel, "older");
    torc_deferred *newer = torc_deferred_new(scope, note_cancel, "newer");

    (void)state;
    torc_add_both(older, see, "never");
    torc_add_both(newer, see, "never");
    torc_scope_end(scope);
    assert_ran("stop-newer stop-older ");
    turn();
    assert_ran("");
    assert_int_equal(logged, 0);
}

static void fire_counted(torc_deferred *deferred, void *argument)
{
    (void)argument;
    note("stop ");
    torc_fire(deferred, new_counted());
}

static void what_a_canceller_fires_at_the_end_of_a_scope_is_released(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *deferred = torc_deferred_new(scope, fire_counted, NULL);

    (void)state;
    torc_add_both(deferred, see, "never");
    torc_scope_end(scope);
    assert_ran("stop ");
    assert_int_equal(holders, 0);
}

static void a_value_that_waited_is_released_with_the_scope(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *deferred = torc_deferred_fired(scope, new_counted());

    (void)state;
    torc_deferred_pause(deferred);
    torc_add_both(deferred, see, "never");
    turn();
    torc_scope_end(scope);
    assert_int_equal(holders, 0);
    turn();
    assert_ran("");
}

static void a_late_result_for_an_ended_scope_is_swallowed_once(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *deferred = torc_deferred_new(scope, NULL, NULL);

    (void)state;
    torc_add_both(deferred, see, "never");
    torc_scope_end(scope);
    turn();
    turn();
    torc_fire(deferred, new_counted());
    turn();
    assert_ran("");
    assert_int_equal(holders, 0);
}

static void a_late_result_that_never_comes_is_no_leak(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_deferred_new(scope, NULL, NULL);
    torc_scope_end(scope);
    turn();
}

typedef struct ender {
    torc_scope *scope;
    torc_deferred *deferred;
    torc_result returns;
} ender;

static torc_result end_scope(void *argument, torc_result result)
{
    ender *self = argument;

    note_result("end", result);
    torc_scope_end(self->scope);
    torc_add_callback(self->deferred, see, "never");
    torc_cancel(self->deferred);
    return self->returns.type == &torc_type_pointer ? result : self->returns;
}

static void a_callback_may_end_its_own_scope(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        ender self = { torc_scope_new(root), NULL, torc_pointer(NULL) };

        if (i != 0)
            self.returns = i == 1 ? torc_nothing() : new_counted();
        self.deferred = torc_deferred_new(self.scope, NULL, NULL);
        torc_add_callback(self.deferred, end_scope, &self);
        torc_add_callback(self.deferred, see, "never");
        torc_fire(self.deferred, new_counted());
        turn();
        assert_ran("end:counted ");
        assert_int_equal(holders, 0);
    }
}

static void a_callback_that_ended_its_scope_may_return_a_deferred(void **state)
{
    ender self = { torc_scope_new(root), NULL, torc_nothing() };
    torc_deferred *inner = torc_deferred_new(root, note_cancel, "inner");

    (void)state;
    self.returns = torc_wait_for(inner);
    self.deferred = torc_deferred_fired(self.scope, torc_integer(1));
    torc_add_callback(self.deferred, end_scope, &self);
    turn();
    assert_ran("end=1 stop-inner ");
    assert_int_equal(logged, 0);
}

static void what_an_ended_deferred_waited_for_is_cancelled_by_the_turns_end(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *outer = torc_deferred_fired(scope, torc_nothing());
    torc_deferred *inner = torc_deferred_new(root, note_cancel, "inner");

    (void)state;
    torc_add_callback(outer, wait_for_it, inner);
    torc_add_both(outer, see, "never");
    torc_add_both(inner, see, "inner");
    torc_scope_end(scope);
    assert_ran("wait- ");
    turn();
    assert_ran("stop-inner inner!Cancelled ");
    turn();
    assert_int_equal(logged, 0);
}

static void who_waits_for_an_ended_deferred_is_told_by_the_turns_end(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *outer = torc_deferred_fired(root, torc_nothing());
    torc_deferred *inner = torc_deferred_new(scope, note_cancel, "inner");
    torc_result result;

    (void)state;
    torc_add_callback(outer, wait_for_it, inner);
    torc_add_errback(outer, swallow, "outer");
    torc_scope_end(scope);
    torc_add_callback(outer, see, "more");
    assert_ran("wait- stop-inner ");
    assert_false(torc_deferred_result(outer, &result));
    turn();
    assert_ran("outer!Cancelled more- ");
}

static void nobody_in_an_ending_scope_is_told_of_its_neighbours(void **state)
{
    torc_scope *parent = torc_scope_new(root);
    torc_scope *child = torc_scope_new(parent);
    torc_deferred *outer = torc_deferred_fired(child, torc_nothing());
    torc_deferred *inner = torc_deferred_new(parent, note_cancel, "inner");

    (void)state;
    torc_add_callback(outer, wait_for_it, inner);
    torc_add_both(outer, see, "never");
    torc_scope_end(parent);
    turn();
    assert_ran("wait- stop-inner ");
}

static torc_deferred *to_fire;

static void fire_the_neighbour(torc_deferred *deferred, void *argument)
{
    (void)deferred;
    (void)argument;
    torc_fire(to_fire, new_counted());
}

static void firing_a_neighbour_while_the_scope_ends_runs_nothing(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    to_fire = torc_deferred_new(scope, NULL, NULL);
    torc_add_both(to_fire, see, "never");
    torc_deferred_new(scope, fire_the_neighbour, NULL);
    torc_scope_end(scope);
    turn();
    assert_ran("");
    assert_int_equal(holders, 0);
}

static void end_from_canceller(torc_deferred *deferred, void *scope)
{
    note("stop ");
    torc_scope_end(scope);
    torc_fire(deferred, new_counted());
}

static void a_canceller_may_end_the_scope(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *deferred = torc_deferred_new(scope, end_from_canceller, scope);

    (void)state;
    torc_add_both(deferred, see, "never");
    torc_cancel(deferred);
    turn();
    assert_ran("stop ");
    assert_int_equal(holders, 0);
}

static void a_held_deferred_outlives_its_scope_as_cancelled(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *open = torc_deferred_hold(torc_deferred_new(scope, note_cancel, "open"));
    torc_deferred *done = torc_deferred_hold(torc_deferred_fired(scope, torc_integer(3)));
    torc_result result;

    (void)state;
    torc_scope_end(scope);
    turn();
    assert_ran("stop-open ");
    assert_true(torc_deferred_result(open, &result));
    assert_true(torc_failure_is(torc_result_failure(result), &torc_error_cancelled));
    assert_true(torc_deferred_result(done, &result));
    assert_int_equal(torc_result_integer(result), 3);
    torc_deferred_release(open);
    torc_deferred_release(done);
    turn();
    assert_int_equal(logged, 0);
}

/* -- a scope that had ended before --------------------------------------------------------- */

static void a_deferred_made_in_an_ended_scope_has_failed(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *promised;
    torc_deferred *fired;

    (void)state;
    torc_scope_end(scope);
    promised = torc_deferred_new(scope, note_cancel, "never");
    fired = torc_deferred_fired(scope, new_counted());
    torc_add_both(promised, swallow, "a");
    torc_add_both(fired, swallow, "b");
    assert_ran("a!Cancelled b!Cancelled ");
    assert_int_equal(holders, 0);
    turn();
    turn();
    torc_fire(promised, new_counted());
    turn();
    assert_ran("");
    assert_int_equal(holders, 0);
    assert_int_equal(logged, 0);
}

static void nothing_added_to_one_made_in_an_ended_scope_outlives_the_turn(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *inner = torc_deferred_new(root, NULL, NULL);
    torc_deferred *deferred;

    (void)state;
    torc_scope_end(scope);
    deferred = torc_deferred_fired(scope, torc_nothing());
    torc_add_both(deferred, wait_for_it, inner);
    torc_add_both(deferred, see, "never");
    turn();
    turn();
    torc_fire(inner, torc_integer(1));
    turn();
    assert_ran("wait!Cancelled ");
}

/* -- memory -------------------------------------------------------------------------------- */

static void make_and_fire_a_few(void)
{
    for (int i = 0; i < 8; i++) {
        torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

        torc_add_callback(deferred, see, "a");
        torc_add_callbacks(deferred, see, see, "b");
        torc_add_errback(deferred, see, "c");
        torc_add_both(deferred, see, "d");
        torc_fire(deferred, torc_integer(1));
    }
    turn();
    record[0] = '\0';
}

static void nothing_is_allocated_for_four_links_once_warm(void **state)
{
    (void)state;
#ifdef TORC_NO_POOLS
    skip();
#endif
    make_and_fire_a_few();
    count_allocations();
    make_and_fire_a_few();
    allow_allocations();
    assert_int_equal(allocations_counted(), 0);
}

static void a_timeout_without_memory_cancels_at_once(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, note_cancel, "work");

    (void)state;
    torc_add_both(deferred, see, "a");
    fail_all_allocations();
    torc_set_timeout(deferred, TORC_MINUTE);
    allow_allocations();
    assert_true(strncmp(record, "stop-work a!", 12) == 0);
    torc_add_errback(deferred, swallow, "b");
    turn();
    assert_int_equal(logged, 1);
    assert_non_null(strstr(last_logged, "out of memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEFERRED_TEST(an_unhandled_failure_is_logged_once_with_its_trace),
        DEFERRED_TEST(an_errback_added_in_the_same_turn_is_early_enough),
        DEFERRED_TEST(a_failure_is_not_reported_while_it_is_held),
        DEFERRED_TEST(a_held_result_stays_until_the_last_release),
        DEFERRED_TEST(a_deferred_that_nobody_fired_is_not_freed),
        DEFERRED_TEST(a_scope_that_keeps_results_keeps_them_until_it_ends),
        DEFERRED_TEST(the_end_of_a_scope_stops_the_work_and_runs_no_callback),
        DEFERRED_TEST(what_a_canceller_fires_at_the_end_of_a_scope_is_released),
        DEFERRED_TEST(a_value_that_waited_is_released_with_the_scope),
        DEFERRED_TEST(a_late_result_for_an_ended_scope_is_swallowed_once),
        DEFERRED_TEST(a_late_result_that_never_comes_is_no_leak),
        DEFERRED_TEST(a_callback_may_end_its_own_scope),
        DEFERRED_TEST(a_callback_that_ended_its_scope_may_return_a_deferred),
        DEFERRED_TEST(what_an_ended_deferred_waited_for_is_cancelled_by_the_turns_end),
        DEFERRED_TEST(who_waits_for_an_ended_deferred_is_told_by_the_turns_end),
        DEFERRED_TEST(nobody_in_an_ending_scope_is_told_of_its_neighbours),
        DEFERRED_TEST(firing_a_neighbour_while_the_scope_ends_runs_nothing),
        DEFERRED_TEST(a_canceller_may_end_the_scope),
        DEFERRED_TEST(a_held_deferred_outlives_its_scope_as_cancelled),
        DEFERRED_TEST(a_deferred_made_in_an_ended_scope_has_failed),
        DEFERRED_TEST(nothing_added_to_one_made_in_an_ended_scope_outlives_the_turn),
        DEFERRED_TEST(nothing_is_allocated_for_four_links_once_warm),
        DEFERRED_TEST(a_timeout_without_memory_cancels_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
