/*
 * Delayed calls and embedded timers: when they run, in which order, what each handle says, and what
 * happens to them inside calls and with their scopes.
 */
#include "reactor/support.h"

#include "support/failing_allocation.h"

static torc_delayed_call delayed[3];
static torc_timer timers[3];
static torc_delayed_status inside;

static int set_up_timers(void **state)
{
    memset(delayed, 0, sizeof delayed);
    memset(timers, 0, sizeof timers);
    inside = TORC_DELAYED_OK;
    return set_up(state);
}

#define TIMER_TEST(function) cmocka_unit_test_setup_teardown(function, set_up_timers, tear_down)

/* -- when ---------------------------------------------------------------------------------- */

static void calls_run_in_the_order_of_their_deadlines(void **state)
{
    (void)state;
    torc_call_later(root, 3 * TORC_SECOND, say, "c");
    torc_call_later(root, TORC_SECOND, say, "a");
    torc_call_later(root, 2 * TORC_SECOND, say, "b");
    pass(10 * TORC_SECOND);
    assert_ran("a b c ");
}

static void calls_with_equal_deadlines_run_in_the_order_of_setting(void **state)
{
    (void)state;
    torc_call_later(root, TORC_SECOND, say, "a");
    torc_timer_set(&timers[0], root, TORC_SECOND, say, "b");
    torc_call_later(root, TORC_SECOND, say, "c");
    pass(TORC_SECOND);
    assert_ran("a b c ");
}

static void a_call_is_never_early(void **state)
{
    (void)state;
    torc_call_later(root, TORC_SECOND, say, "a");
    pass(TORC_SECOND - 1);
    assert_ran("");
    pass(1);
    assert_ran("a ");
    pass(TORC_HOUR);
    assert_ran("");
}

static void a_delay_below_zero_is_zero(void **state)
{
    (void)state;
    torc_call_later(root, 0, say, "a");
    delayed[0] = torc_call_later(root, -TORC_SECOND, say, "b");
    assert_true(torc_delayed_time(&delayed[0]) == torc_now(reactor));
    torc_timer_set(&timers[0], root, -TORC_NEVER, say, "c");
    turn();
    assert_ran("a b c ");
}

static void call_soon_runs_in_the_next_turn_after_those_set_before(void **state)
{
    (void)state;
    torc_call_later(root, 0, say, "a");
    torc_call_soon(root, say, "b");
    assert_ran("");
    turn();
    assert_ran("a b ");
}

static void a_delay_without_end_is_never_over(void **state)
{
    (void)state;
    delayed[0] = torc_call_later(root, TORC_NEVER, say, "never");
    assert_true(torc_delayed_is_active(&delayed[0]));
    assert_true(torc_delayed_time(&delayed[0]) == TORC_NEVER);
    pass(1000 * 24 * TORC_HOUR);
    assert_ran("");
    assert_true(torc_delayed_is_active(&delayed[0]));
}

static torc_time last_deadline;
static int calls_counted;

static void check_order(void *handle)
{
    torc_time deadline = *(torc_time *)handle;

    if (deadline < last_deadline || deadline > torc_now(reactor))
        note("out of order ");
    last_deadline = deadline;
    calls_counted++;
}

static void ten_thousand_calls_run_in_order(void **state)
{
    static torc_time deadlines[10000];

    (void)state;
    last_deadline = 0;
    calls_counted = 0;
    for (int i = 0; i < 10000; i++) {
        torc_time delay = (torc_time)(i * 7919 % 10000) * 77777;

        deadlines[i] = torc_now(reactor) + delay;
        torc_call_later(root, delay, check_order, &deadlines[i]);
    }
    for (int i = 0; i < 100; i++)
        pass(10 * TORC_MILLISECOND);
    assert_ran("");
    assert_int_equal(calls_counted, 10000);
}

static void say_and_set_again(void *name)
{
    note("%s ", (const char *)name);
    torc_call_later(root, 0, say, "later");
    torc_timer_set(&timers[0], root, 0, say_and_set_again, name);
}

static void a_call_set_from_inside_a_call_runs_in_a_later_turn(void **state)
{
    (void)state;
    torc_timer_set(&timers[0], root, 0, say_and_set_again, "again");
    turn();
    assert_ran("again ");
    turn();
    assert_ran("later again ");
    torc_timer_cancel(&timers[0]);
}

static void sleep_is_as_long_as_the_first_deadline_says(void **state)
{
    torc_time start = clock_by_hand;

    (void)state;
    torc_call_later(root, 5 * TORC_SECOND, say, "a");
    delayed[0] = torc_call_later(root, TORC_SECOND, say, "b");
    torc_delayed_cancel(&delayed[0]);
    while (record[0] == '\0')
        torc_iterate(reactor, TORC_HOUR);
    assert_true(clock_by_hand - start >= 5 * TORC_SECOND);
    assert_true(torc_now(reactor) == clock_by_hand);
}

/* -- what a handle says -------------------------------------------------------------------- */

static void assert_refused(torc_delayed_call *handle, torc_delayed_status status)
{
    assert_false(torc_delayed_is_active(handle));
    assert_true(torc_delayed_time(handle) == TORC_NEVER);
    assert_int_equal(torc_delayed_reset(handle, 0), status);
    assert_int_equal(torc_delayed_delay(handle, 0), status);
    assert_int_equal(torc_delayed_cancel(handle), status);
}

static void a_zeroed_handle_counts_as_cancelled(void **state)
{
    (void)state;
    assert_refused(&delayed[0], TORC_DELAYED_ALREADY_CANCELLED);
}

static void a_call_that_has_run_says_so(void **state)
{
    (void)state;
    delayed[0] = torc_call_soon(root, say, "a");
    assert_true(torc_delayed_is_active(&delayed[0]));
    turn();
    assert_ran("a ");
    assert_refused(&delayed[0], TORC_DELAYED_ALREADY_CALLED);
}

static void a_cancelled_call_does_not_run_and_says_so(void **state)
{
    (void)state;
    delayed[0] = torc_call_soon(root, say, "a");
    assert_int_equal(torc_delayed_cancel(&delayed[0]), TORC_DELAYED_OK);
    pass(TORC_SECOND);
    assert_ran("");
    assert_refused(&delayed[0], TORC_DELAYED_ALREADY_CANCELLED);
}

static void a_copy_of_a_handle_says_the_same(void **state)
{
    (void)state;
    delayed[0] = torc_call_soon(root, say, "a");
    delayed[1] = delayed[0];
    torc_delayed_cancel(&delayed[0]);
    assert_refused(&delayed[1], TORC_DELAYED_ALREADY_CANCELLED);
}

static void a_handle_is_not_taken_for_the_next_user_of_its_slot(void **state)
{
    (void)state;
    delayed[0] = torc_call_soon(root, say, "a");
    turn();
    delayed[1] = torc_call_soon(root, say, "b");
    assert_ptr_equal(delayed[0].slot, delayed[1].slot);
    assert_refused(&delayed[0], TORC_DELAYED_ALREADY_CALLED);
    assert_true(torc_delayed_is_active(&delayed[1]));
    turn();
    assert_ran("a b ");
}

static void ask_from_inside(void *name)
{
    note("%s %s ", (const char *)name, torc_delayed_is_active(&delayed[0]) ? "active" : "inactive");
    inside = torc_delayed_cancel(&delayed[0]);
}

static void inside_its_own_call_a_call_is_already_called(void **state)
{
    (void)state;
    delayed[0] = torc_call_soon(root, ask_from_inside, "a");
    turn();
    assert_ran("a inactive ");
    assert_int_equal(inside, TORC_DELAYED_ALREADY_CALLED);
}

static void the_end_of_its_scope_cancels_a_call(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    delayed[0] = torc_call_soon(scope, say, "a");
    torc_timer_set(&timers[0], scope, 0, say, "b");
    torc_scope_end(scope);
    assert_false(torc_timer_is_set(&timers[0]));
    assert_refused(&delayed[0], TORC_DELAYED_ALREADY_CANCELLED);
    turn();
    assert_ran("");
}

static void in_a_scope_that_has_ended_a_call_is_cancelled_from_the_start(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_scope_end(scope);
    delayed[0] = torc_call_soon(scope, say, "a");
    torc_timer_set(&timers[0], scope, 0, say, "b");
    assert_refused(&delayed[0], TORC_DELAYED_ALREADY_CANCELLED);
    assert_false(torc_timer_is_set(&timers[0]));
    turn();
    assert_ran("");
}

static void without_memory_a_call_is_cancelled_from_the_start(void **state)
{
    (void)state;
    fail_all_allocations();
    delayed[0] = torc_call_soon(root, say, "a");
    allow_allocations();
    assert_refused(&delayed[0], TORC_DELAYED_ALREADY_CANCELLED);
    delayed[0] = torc_call_soon(root, say, "b");
    turn();
    assert_ran("b ");
}

static void without_memory_an_embedded_timer_works(void **state)
{
    (void)state;
    turn();
    fail_all_allocations();
    torc_timer_set(&timers[0], root, 0, say, "a");
    turn();
    assert_false(an_allocation_failed());
    allow_allocations();
    assert_ran("a ");
}

static void calls_once_warm_allocate_nothing(void **state)
{
    (void)state;
    torc_call_soon(root, say, "a");
    turn();
    count_allocations();
    for (int i = 0; i < 100; i++) {
        delayed[0] = torc_call_soon(root, say, "");
        torc_delayed_reset(&delayed[0], TORC_SECOND);
        torc_delayed_cancel(&delayed[0]);
        torc_call_soon(root, say, "");
        turn();
    }
    assert_int_equal(allocations_counted(), 0);
    allow_allocations();
}

/* -- reset and delay ----------------------------------------------------------------------- */

static void reset_counts_from_now(void **state)
{
    (void)state;
    delayed[0] = torc_call_later(root, 10 * TORC_SECOND, say, "a");
    pass(5 * TORC_SECOND);
    assert_int_equal(torc_delayed_reset(&delayed[0], 10 * TORC_SECOND), TORC_DELAYED_OK);
    assert_true(torc_delayed_time(&delayed[0]) == torc_now(reactor) + 10 * TORC_SECOND);
    pass(10 * TORC_SECOND - 1);
    assert_ran("");
    pass(1);
    assert_ran("a ");
}

static void reset_to_a_sooner_time_runs_sooner(void **state)
{
    (void)state;
    delayed[0] = torc_call_later(root, TORC_HOUR, say, "a");
    torc_delayed_reset(&delayed[0], TORC_MILLISECOND);
    torc_iterate(reactor, TORC_SECOND);
    turn();
    assert_ran("a ");
}

static void timers_put_off_to_one_time_run_in_the_order_of_putting_off(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        torc_timer_set(&timers[i], root, TORC_SECOND, say, "early");
    torc_timer_set(&timers[2], root, TORC_MINUTE, say, "a");
    torc_timer_set(&timers[0], root, TORC_MINUTE, say, "b");
    torc_timer_set(&timers[1], root, TORC_MINUTE, say, "c");
    pass(TORC_MINUTE);
    assert_ran("a b c ");
}

static void reset_puts_a_call_behind_those_with_the_same_deadline(void **state)
{
    (void)state;
    delayed[0] = torc_call_later(root, TORC_SECOND, say, "a");
    torc_call_later(root, TORC_SECOND, say, "b");
    torc_delayed_reset(&delayed[0], TORC_SECOND);
    pass(TORC_SECOND);
    assert_ran("b a ");
}

static void delay_adds_to_the_deadline_and_may_take_away(void **state)
{
    torc_time start = torc_now(reactor);

    (void)state;
    delayed[0] = torc_call_later(root, 10 * TORC_SECOND, say, "a");
    pass(4 * TORC_SECOND);
    assert_int_equal(torc_delayed_delay(&delayed[0], 5 * TORC_SECOND), TORC_DELAYED_OK);
    assert_true(torc_delayed_time(&delayed[0]) == start + 15 * TORC_SECOND);
    assert_int_equal(torc_delayed_delay(&delayed[0], -9 * TORC_SECOND), TORC_DELAYED_OK);
    pass(2 * TORC_SECOND - 1);
    assert_ran("");
    pass(1);
    assert_ran("a ");
}

static void delay_into_the_past_runs_in_the_next_turn(void **state)
{
    (void)state;
    delayed[0] = torc_call_later(root, TORC_SECOND, say, "a");
    torc_delayed_delay(&delayed[0], -TORC_HOUR);
    turn();
    assert_ran("a ");
}

/* -- changes among calls that are due in one turn ------------------------------------------ */

static void cancel_second(void *name)
{
    note("%s ", (const char *)name);
    inside = torc_delayed_cancel(&delayed[1]);
    torc_timer_cancel(&timers[1]);
}

static void a_call_may_cancel_another_that_is_due_in_the_same_turn(void **state)
{
    (void)state;
    torc_call_soon(root, cancel_second, "a");
    delayed[1] = torc_call_soon(root, say, "b");
    torc_timer_set(&timers[1], root, 0, say, "c");
    torc_call_soon(root, say, "d");
    turn();
    assert_ran("a d ");
    assert_int_equal(inside, TORC_DELAYED_OK);
    turn();
    assert_ran("");
}

static void end_scope(void *scope)
{
    note("end ");
    torc_scope_end(scope);
}

static void a_call_may_end_the_scope_of_others_that_are_due(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_call_soon(scope, end_scope, scope);
    delayed[1] = torc_call_soon(scope, say, "b");
    torc_timer_set(&timers[1], scope, 0, say, "c");
    torc_call_soon(root, say, "d");
    turn();
    assert_ran("end d ");
    assert_refused(&delayed[1], TORC_DELAYED_ALREADY_CANCELLED);
}

static void reset_second(void *name)
{
    note("%s ", (const char *)name);
    torc_delayed_reset(&delayed[1], TORC_SECOND);
    torc_timer_set(&timers[1], root, TORC_SECOND, say, "c");
    torc_call_later(root, TORC_SECOND, say, "new");
}

static void a_due_call_that_is_put_off_keeps_its_place_in_the_order_of_setting(void **state)
{
    (void)state;
    torc_call_soon(root, reset_second, "a");
    delayed[1] = torc_call_soon(root, say, "b");
    torc_timer_set(&timers[1], root, 0, say, "c");
    turn();
    assert_ran("a ");
    pass(TORC_SECOND - 1);
    assert_ran("");
    pass(1);
    assert_ran("b c new ");
}

static void set_second_anew(void *name)
{
    note("%s ", (const char *)name);
    torc_delayed_reset(&delayed[1], 0);
    torc_timer_set(&timers[1], root, 0, say, "c");
}

static void a_due_call_that_is_set_anew_runs_in_a_later_turn(void **state)
{
    (void)state;
    torc_call_soon(root, set_second_anew, "a");
    delayed[1] = torc_call_soon(root, say, "b");
    torc_timer_set(&timers[1], root, 0, say, "c");
    torc_call_soon(root, say, "d");
    turn();
    assert_ran("a d ");
    turn();
    assert_ran("b c ");
}

/* -- embedded timers ----------------------------------------------------------------------- */

static void a_timer_that_is_set_again_runs_once_at_the_last_setting(void **state)
{
    (void)state;
    torc_timer_set(&timers[0], root, TORC_SECOND, say, "first");
    pass(TORC_SECOND / 2);
    torc_timer_set(&timers[0], root, TORC_SECOND, say, "later");
    pass(TORC_SECOND - 1);
    assert_ran("");
    assert_true(torc_timer_is_set(&timers[0]));
    torc_timer_set(&timers[0], root, TORC_HOUR, say, "much later");
    torc_timer_set(&timers[0], root, TORC_MILLISECOND, say, "sooner");
    pass(TORC_MILLISECOND);
    assert_ran("sooner ");
    assert_false(torc_timer_is_set(&timers[0]));
    pass(2 * TORC_HOUR);
    assert_ran("");
}

static void a_timer_that_is_put_off_with_each_message_runs_once(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        torc_timer_set(&timers[0], root, TORC_SECOND, say, "idle");
        pass(TORC_SECOND - 1);
    }
    assert_ran("");
    pass(1);
    assert_ran("idle ");
}

static void a_timer_moved_to_another_scope_ends_with_that_one(void **state)
{
    torc_scope *one = torc_scope_new(root);
    torc_scope *other = torc_scope_new(root);

    (void)state;
    torc_timer_set(&timers[0], one, TORC_SECOND, say, "one");
    torc_timer_set(&timers[0], other, 2 * TORC_SECOND, say, "other");
    torc_scope_end(one);
    assert_true(torc_timer_is_set(&timers[0]));
    pass(2 * TORC_SECOND);
    assert_ran("other ");
    torc_timer_set(&timers[0], other, TORC_SECOND, say, "never");
    torc_scope_end(other);
    assert_false(torc_timer_is_set(&timers[0]));
    pass(2 * TORC_SECOND);
    assert_ran("");
}

static void cancelling_a_timer_twice_or_unset_is_harmless(void **state)
{
    (void)state;
    torc_timer_cancel(&timers[0]);
    torc_timer_set(&timers[0], root, 0, say, "a");
    torc_timer_cancel(&timers[0]);
    torc_timer_cancel(&timers[0]);
    assert_false(torc_timer_is_set(&timers[0]));
    turn();
    assert_ran("");
}

static void see_whether_set(void *timer)
{
    note(torc_timer_is_set(timer) ? "set " : "unset ");
}

static void inside_its_own_call_a_timer_is_not_set(void **state)
{
    (void)state;
    torc_timer_set(&timers[0], root, 0, see_whether_set, &timers[0]);
    turn();
    assert_ran("unset ");
}

/* -- who speaks ---------------------------------------------------------------------------- */

static void warn(void *argument)
{
    (void)argument;
    torc_log_warn("here");
}

static void start_warning(torc_protocol *self)
{
    torc_call_later(torc_scope_of(self), TORC_SECOND, warn, NULL);
}

static void a_call_in_a_protocols_scope_speaks_for_the_protocol(void **state)
{
    static const torc_protocol_class speaker = {
        .name = "Speaker",
        .connection_made = start_warning,
    };
    static const torc_protocol_class silent = { .name = "Silent" };

    (void)state;
    assert_true(torc_connect_in_memory(root, torc_factory_of(&speaker), torc_factory_of(&silent)));
    turn();
    turn();
    torc_call_later(root, TORC_SECOND / 2, warn, NULL);
    pass(TORC_SECOND / 2);
    assert_string_equal(last_context, "-");
    pass(TORC_SECOND);
    assert_int_equal(logged, 2);
    assert_non_null(strstr(last_context, "Speaker,"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIMER_TEST(calls_run_in_the_order_of_their_deadlines),
        TIMER_TEST(calls_with_equal_deadlines_run_in_the_order_of_setting),
        TIMER_TEST(a_call_is_never_early),
        TIMER_TEST(a_delay_below_zero_is_zero),
        TIMER_TEST(call_soon_runs_in_the_next_turn_after_those_set_before),
        TIMER_TEST(a_delay_without_end_is_never_over),
        TIMER_TEST(ten_thousand_calls_run_in_order),
        TIMER_TEST(a_call_set_from_inside_a_call_runs_in_a_later_turn),
        TIMER_TEST(sleep_is_as_long_as_the_first_deadline_says),
        TIMER_TEST(a_zeroed_handle_counts_as_cancelled),
        TIMER_TEST(a_call_that_has_run_says_so),
        TIMER_TEST(a_cancelled_call_does_not_run_and_says_so),
        TIMER_TEST(a_copy_of_a_handle_says_the_same),
        TIMER_TEST(a_handle_is_not_taken_for_the_next_user_of_its_slot),
        TIMER_TEST(inside_its_own_call_a_call_is_already_called),
        TIMER_TEST(the_end_of_its_scope_cancels_a_call),
        TIMER_TEST(in_a_scope_that_has_ended_a_call_is_cancelled_from_the_start),
        TIMER_TEST(without_memory_a_call_is_cancelled_from_the_start),
        TIMER_TEST(without_memory_an_embedded_timer_works),
        TIMER_TEST(calls_once_warm_allocate_nothing),
        TIMER_TEST(reset_counts_from_now),
        TIMER_TEST(reset_to_a_sooner_time_runs_sooner),
        TIMER_TEST(timers_put_off_to_one_time_run_in_the_order_of_putting_off),
        TIMER_TEST(reset_puts_a_call_behind_those_with_the_same_deadline),
        TIMER_TEST(delay_adds_to_the_deadline_and_may_take_away),
        TIMER_TEST(delay_into_the_past_runs_in_the_next_turn),
        TIMER_TEST(a_call_may_cancel_another_that_is_due_in_the_same_turn),
        TIMER_TEST(a_call_may_end_the_scope_of_others_that_are_due),
        TIMER_TEST(a_due_call_that_is_put_off_keeps_its_place_in_the_order_of_setting),
        TIMER_TEST(a_due_call_that_is_set_anew_runs_in_a_later_turn),
        TIMER_TEST(a_timer_that_is_set_again_runs_once_at_the_last_setting),
        TIMER_TEST(a_timer_that_is_put_off_with_each_message_runs_once),
        TIMER_TEST(a_timer_moved_to_another_scope_ends_with_that_one),
        TIMER_TEST(cancelling_a_timer_twice_or_unset_is_harmless),
        TIMER_TEST(inside_its_own_call_a_timer_is_not_set),
        TIMER_TEST(a_call_in_a_protocols_scope_speaks_for_the_protocol),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
