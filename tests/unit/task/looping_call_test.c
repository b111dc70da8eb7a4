/*
 * Looping calls: the grid, what is left out, waiting for deferreds, and every way to end.
 */
#include "task/support.h"

#include <stdlib.h>

typedef struct ticker {
    torc_looping_call loop;
    torc_result gives;      /* each call's result */
    torc_deferred *waits;   /* or what each call waits for, once */
    torc_scope *ends;       /* with the call */
    bool stops;
    bool restarts;
    bool cancels;
    torc_deferred *done;
    int calls;
} ticker;

static torc_result tick(void *argument)
{
    ticker *self = argument;
    torc_deferred *waits = self->waits;

    self->calls++;
    note("%g*%" PRIu64 " ", (double)torc_now(reactor) / 1e9, torc_looping_call_count(&self->loop));
    self->waits = NULL;
    if (self->stops) {
        torc_looping_call_stop(&self->loop);
        note("stopping ");
    }
    if (self->cancels)
        torc_cancel(self->done);
    if (self->restarts) {
        self->restarts = false;
        watch(torc_looping_call_start(&self->loop, root, S, tick, self), "again");
    }
    return waits != NULL ? torc_wait_for(waits) : self->gives;
}

static void start(ticker *self, torc_time interval)
{
    self->done = torc_looping_call_start(&self->loop, root, interval, tick, self);
    watch(self->done, "done");
}

static void stop(ticker *self)
{
    torc_looping_call_stop(&self->loop);
}

/* -- the grid ------------------------------------------------------------------------------ */

static void calls_at_each_interval(void **state)
{
    ticker self = { 0 };

    (void)state;
    start(&self, 2 * S);
    advance(7 * S);
    assert_ran("2*1 4*1 6*1 ");
    stop(&self);
    assert_ran("done- ");
    advance(7 * S);
    assert_ran("");
}

static void may_begin_at_once_but_never_inside_the_start(void **state)
{
    ticker self = { 0 };

    (void)state;
    watch(torc_looping_call_start_now(&self.loop, root, 2 * S, tick, &self), "done");
    assert_ran("");
    run_idle();
    assert_ran("0*1 ");
    advance(4 * S);
    assert_ran("2*1 4*1 ");
    stop(&self);
}

static void what_is_missed_is_counted_and_not_made_up_for(void **state)
{
    ticker self = { 0 };
    torc_deferred *slow = promise(root, "slow");

    (void)state;
    start(&self, S);
    self.waits = slow;
    advance(4500 * MS);
    assert_ran("1*1 ");
    torc_fire(slow, torc_nothing());
    advance(600 * MS);
    assert_ran("5*4 ");
    advance(S);
    assert_ran("6*1 ");
    stop(&self);
}

static void what_ends_just_on_the_grid_is_called_at_the_next_point(void **state)
{
    ticker self = { 0 };
    torc_deferred *slow = promise(root, "slow");

    (void)state;
    start(&self, S);
    self.waits = slow;
    advance(3 * S);
    torc_fire(slow, torc_nothing());
    run_idle();
    assert_ran("1*1 ");
    advance(S);
    assert_ran("4*3 ");
    stop(&self);
}

static void an_odd_interval_does_not_drift(void **state)
{
    ticker self = { 0 };

    (void)state;
    start(&self, S / 3 + 1);
    for (int i = 0; i < 300; i++) {
        advance(S / 3);
        record[0] = '\0';
    }
    assert_int_equal(self.calls, 299);
    stop(&self);
}

static void an_interval_of_0_is_once_in_each_turn(void **state)
{
    ticker self = { 0 };

    (void)state;
    start(&self, -S);
    for (int i = 1; i <= 5; i++) {
        torc__reactor_turn(reactor);
        assert_int_equal(self.calls, i);
    }
    assert_ran("0*1 0*1 0*1 0*1 0*1 ");
    stop(&self);
}

static void the_longest_interval_never_comes(void **state)
{
    ticker self = { 0 };

    (void)state;
    start(&self, TORC_NEVER);
    advance(1000 * 24 * TORC_HOUR);
    assert_int_equal(self.calls, 0);
    stop(&self);
}

typedef struct worker {
    torc_looping_call loop;
    torc_reactor *reactor;
    torc_time started;
    torc_time worked_until;
    torc_time called_again;
} worker;

static torc_result work(void *argument)
{
    worker *self = argument;

    if (self->worked_until != 0) {
        self->called_again = torc_now(self->reactor);
        torc_stop(self->reactor);
        return torc_nothing();
    }
    while (torc_monotonic_now() < self->started + 70 * MS)
        continue;
    self->worked_until = torc_monotonic_now();
    return torc_nothing();
}

/* In real time, because only there a function may take any. */
static void who_works_for_longer_than_an_interval_gets_no_burst(void **state)
{
    worker self = { .reactor = torc_reactor_new() };

    (void)state;
    self.started = torc_now(self.reactor);
    torc_looping_call_start(&self.loop, torc_root(self.reactor), 20 * MS, work, &self);
    torc_run(self.reactor);
    assert_true((self.called_again - self.started) / (20 * MS) >
        (self.worked_until - self.started) / (20 * MS));
}

/* -- what the function gives --------------------------------------------------------------- */

static void does_not_call_before_the_deferred_has_fired(void **state)
{
    ticker self = { 0 };
    torc_deferred *slow = promise(root, "slow");

    (void)state;
    start(&self, S);
    self.waits = slow;
    advance(10 * S);
    assert_ran("1*1 ");
    torc_fire(slow, torc_integer(5));
    advance(S);
    assert_ran("11*10 ");
    stop(&self);
}

static torc_result give_what_has_fired(void *argument)
{
    tick(argument);
    return torc_wait_for(torc_deferred_fired(root, torc_integer(1)));
}

static void a_deferred_that_has_fired_holds_nothing_up(void **state)
{
    ticker self = { 0 };

    (void)state;
    torc_looping_call_start(&self.loop, root, S, give_what_has_fired, &self);
    advance(3 * S);
    assert_ran("1*1 2*1 3*1 ");
    stop(&self);
}

static void a_failure_stops_it_and_is_its_result(void **state)
{
    ticker self = { 0 };

    (void)state;
    start(&self, S);
    self.gives = torc_fail_with(&torc_error_refused, "no more");
    advance(5 * S);
    assert_ran("1*1 done!ConnectionRefused ");
    assert_false(torc_looping_call_is_running(&self.loop));
}

static void a_failing_deferred_stops_it_and_is_its_result(void **state)
{
    ticker self = { 0 };
    torc_deferred *slow = promise(root, "slow");

    (void)state;
    start(&self, S);
    self.waits = slow;
    advance(5 * S);
    torc_fire(slow, torc_fail_with(&torc_error_refused, "no more"));
    advance(5 * S);
    assert_ran("1*1 done!ConnectionRefused ");
    assert_false(torc_looping_call_is_running(&self.loop));
}

static void a_failure_that_nobody_takes_is_logged(void **state)
{
    ticker self = { 0 };

    (void)state;
    torc_looping_call_start(&self.loop, root, S, tick, &self);
    self.gives = torc_fail_with(&torc_error_refused, "no more of it");
    advance(S);
    assert_int_equal(torc_testing_flush_failures("no more of it"), 1);
}

static int releases;

static void release_counted(void *value)
{
    (void)value;
    releases++;
}

static void hold_counted(void *value)
{
    (void)value;
    releases--;
}

static void a_value_is_let_go_of(void **state)
{
    static const torc_type counted = { "counted", hold_counted, release_counted };
    ticker self = { 0 };

    (void)state;
    releases = 0;
    start(&self, S);
    self.gives = torc_value(&counted, &self);
    advance(3 * S);
    assert_int_equal(releases, 3);
    self.gives = torc_nothing();
    stop(&self);
}

/* -- stopping and steering ----------------------------------------------------------------- */

static void stopping_is_a_no_op_on_what_does_not_run(void **state)
{
    ticker self = { 0 };

    (void)state;
    stop(&self);
    torc_looping_call_reset(&self.loop);
    torc_looping_call_set_interval(&self.loop, S);
    assert_false(torc_looping_call_is_running(&self.loop));
    start(&self, S);
    assert_true(torc_looping_call_is_running(&self.loop));
    stop(&self);
    stop(&self);
    assert_false(torc_looping_call_is_running(&self.loop));
    assert_ran("done- ");
}

static void may_be_stopped_in_its_call(void **state)
{
    ticker self = { .stops = true };

    (void)state;
    start(&self, S);
    advance(5 * S);
    assert_ran("1*1 stopping done- ");
}

static void stopped_while_it_waits_it_ends_with_the_deferred(void **state)
{
    ticker self = { 0 };
    torc_deferred *slow = promise(root, "slow");

    (void)state;
    start(&self, S);
    self.waits = slow;
    advance(S);
    stop(&self);
    assert_false(torc_looping_call_is_running(&self.loop));
    advance(S);
    assert_ran("1*1 ");
    torc_fire(slow, torc_nothing());
    assert_ran("done- ");
    advance(5 * S);
    assert_ran("");
}

static void cancelling_also_cancels_what_it_waits_for(void **state)
{
    ticker self = { .waits = promise(root, "slow") };

    (void)state;
    start(&self, S);
    advance(S);
    torc_cancel(self.done);
    assert_ran("1*1 done!Cancelled ");
    run_idle();
    assert_ran("slow-cancelled ");
    advance(5 * S);
    assert_ran("");
}

static void cancelling_between_calls_ends_it(void **state)
{
    ticker self = { 0 };

    (void)state;
    start(&self, S);
    torc_cancel(self.done);
    advance(5 * S);
    assert_ran("done!Cancelled ");
    assert_false(torc_looping_call_is_running(&self.loop));
}

static void may_be_cancelled_and_started_anew_in_its_call(void **state)
{
    ticker self = { .cancels = true, .restarts = true };

    (void)state;
    start(&self, S);
    self.waits = promise(root, "unwanted");
    advance(S);
    self.cancels = false;
    assert_ran("1*1 done!Cancelled unwanted-cancelled ");
    advance(S);
    assert_ran("2*1 ");
    stop(&self);
    assert_ran("again- ");
}

static void may_be_started_again_and_again(void **state)
{
    ticker self = { 0 };

    (void)state;
    for (int i = 0; i < 3; i++) {
        start(&self, S);
        advance(S);
        stop(&self);
    }
    assert_ran("1*1 done- 2*1 done- 3*1 done- ");
}

static void resetting_begins_the_grid_anew(void **state)
{
    ticker self = { 0 };

    (void)state;
    start(&self, 2 * S);
    advance(3 * S);
    torc_looping_call_reset(&self.loop);
    advance(4 * S);
    assert_ran("2*1 5*1 7*1 ");
    stop(&self);
}

static void the_interval_may_change(void **state)
{
    ticker self = { 0 };

    (void)state;
    start(&self, 10 * S);
    advance(S);
    torc_looping_call_set_interval(&self.loop, 2 * S);
    advance(4 * S);
    assert_ran("3*1 5*1 ");
    torc_looping_call_set_interval(&self.loop, 7 * S);
    advance(7 * S);
    assert_ran("12*1 ");
    stop(&self);
}

static void resetting_while_it_waits_counts_from_then(void **state)
{
    ticker self = { 0 };
    torc_deferred *slow = promise(root, "slow");

    (void)state;
    start(&self, 2 * S);
    self.waits = slow;
    advance(5 * S);
    torc_looping_call_reset(&self.loop);
    torc_fire(slow, torc_nothing());
    advance(4 * S);
    assert_ran("2*1 7*1 9*1 ");
    stop(&self);
}

/* -- scopes and memory --------------------------------------------------------------------- */

static void ends_with_its_scope(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    ticker self = { 0 };

    (void)state;
    watch(torc_looping_call_start(&self.loop, scope, S, tick, &self), "done");
    advance(S);
    torc_scope_end(scope);
    assert_false(torc_looping_call_is_running(&self.loop));
    advance(5 * S);
    assert_ran("1*1 ");
}

static void its_scope_may_end_while_it_waits(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    ticker self = { .waits = promise(root, "slow") };

    (void)state;
    watch(torc_looping_call_start(&self.loop, scope, S, tick, &self), "done");
    advance(S);
    torc_scope_end(scope);
    run_idle();
    assert_ran("1*1 slow-cancelled ");
}

static torc_result end_and_free(void *argument)
{
    ticker *self = argument;

    torc_scope_end(self->ends);
    free(self);
    return torc_wait_for(promise(root, "unwanted"));
}

static void its_scope_may_end_and_its_memory_go_in_its_call(void **state)
{
    ticker *self = calloc(1, sizeof(*self));

    (void)state;
    self->ends = torc_scope_new(root);
    watch(torc_looping_call_start(&self->loop, self->ends, S, end_and_free, self), "done");
    advance(S);
    assert_ran("unwanted-cancelled ");
}

static torc_result free_ticker(void *self, torc_result result)
{
    note("freed ");
    free(self);
    return result;
}

static void its_memory_may_go_in_the_callback_of_its_end(void **state)
{
    ticker *self = calloc(1, sizeof(*self));

    (void)state;
    self->stops = true;
    torc_add_both(torc_looping_call_start(&self->loop, root, S, tick, self), free_ticker, self);
    advance(S);
    assert_ran("1*1 stopping freed ");
}

static void in_a_scope_that_has_ended_it_does_not_run(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    ticker self = { 0 };

    (void)state;
    torc_scope_end(scope);
    torc_looping_call_start_now(&self.loop, scope, S, tick, &self);
    assert_false(torc_looping_call_is_running(&self.loop));
    advance(5 * S);
    assert_ran("");
}

/* What it waits for belongs to a scope that ends. */
static void is_told_when_what_it_waits_for_has_ended(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    ticker self = { .waits = torc_deferred_new(scope, NULL, NULL) };

    (void)state;
    start(&self, S);
    advance(S);
    torc_scope_end(scope);
    run_idle();
    assert_ran("1*1 done!Cancelled ");
}

static torc_result wait_a_little(void *argument)
{
    ++*(int *)argument;
    return torc_wait_for(torc_after(root, MS));
}

static void allocates_nothing_per_call(void **state)
{
    torc_looping_call loop = { 0 };
    int calls = 0;

    (void)state;
#if defined(TORC_NO_POOLS)
    skip();
#endif
    torc_looping_call_start(&loop, root, S, wait_a_little, &calls);
    advance(3 * S);
    count_allocations();
    advance(1000 * S);
    assert_int_equal(allocations_counted(), 0);
    allow_allocations();
    assert_true(calls >= 1000);
    torc_looping_call_stop(&loop);
    advance(S);
}

static void needs_no_memory_of_its_own(void **state)
{
    ticker self = { 0 };

    (void)state;
    spare_allocations_of(torc__deferred_size);
    fail_all_allocations();
    start(&self, S);
    advance(3 * S);
    allow_allocations();
    spare_allocations_of(0);
    assert_ran("1*1 2*1 3*1 ");
    stop(&self);
}

static char kit_said[1000];

static void hear(const char *message)
{
    snprintf(kit_said, sizeof kit_said, "%s", message);
}

static void is_named_among_what_is_pending(void **state)
{
    ticker self = { .waits = promise(root, "slow") };

    (void)state;
    start(&self, 1500 * MS);
    torc_testing_set_fail(hear);
    torc_testing_check_clean(reactor);
    assert_non_null(strstr(kit_said, "1 looping call (every 1.5 s)"));
    advance(2 * S);
    torc_testing_check_clean(reactor);
    torc_testing_set_fail(fail_test);
    assert_non_null(strstr(kit_said, "1 looping call (every 1.5 s, waits for a deferred)"));
    torc_cancel(self.done);
}

static void start_twice(void)
{
    torc_looping_call loop = { 0 };

    torc_looping_call_start(&loop, root, S, tick, &loop);
    torc_looping_call_start(&loop, root, S, tick, &loop);
}

static void to_start_one_that_runs_aborts(void **state)
{
    (void)state;
    expect_abort(start_twice, "torc_looping_call_start: this loop runs already");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TASK_TEST(calls_at_each_interval),
        TASK_TEST(may_begin_at_once_but_never_inside_the_start),
        TASK_TEST(what_is_missed_is_counted_and_not_made_up_for),
        TASK_TEST(what_ends_just_on_the_grid_is_called_at_the_next_point),
        TASK_TEST(an_odd_interval_does_not_drift),
        TASK_TEST(an_interval_of_0_is_once_in_each_turn),
        TASK_TEST(the_longest_interval_never_comes),
        cmocka_unit_test(who_works_for_longer_than_an_interval_gets_no_burst),
        TASK_TEST(does_not_call_before_the_deferred_has_fired),
        TASK_TEST(a_deferred_that_has_fired_holds_nothing_up),
        TASK_TEST(a_failure_stops_it_and_is_its_result),
        TASK_TEST(a_failing_deferred_stops_it_and_is_its_result),
        TASK_TEST(a_failure_that_nobody_takes_is_logged),
        TASK_TEST(a_value_is_let_go_of),
        TASK_TEST(stopping_is_a_no_op_on_what_does_not_run),
        TASK_TEST(may_be_stopped_in_its_call),
        TASK_TEST(stopped_while_it_waits_it_ends_with_the_deferred),
        TASK_TEST(cancelling_also_cancels_what_it_waits_for),
        TASK_TEST(cancelling_between_calls_ends_it),
        TASK_TEST(may_be_cancelled_and_started_anew_in_its_call),
        TASK_TEST(may_be_started_again_and_again),
        TASK_TEST(resetting_begins_the_grid_anew),
        TASK_TEST(the_interval_may_change),
        TASK_TEST(resetting_while_it_waits_counts_from_then),
        TASK_TEST(ends_with_its_scope),
        TASK_TEST(its_scope_may_end_while_it_waits),
        TASK_TEST(its_scope_may_end_and_its_memory_go_in_its_call),
        TASK_TEST(its_memory_may_go_in_the_callback_of_its_end),
        TASK_TEST(in_a_scope_that_has_ended_it_does_not_run),
        TASK_TEST(is_told_when_what_it_waits_for_has_ended),
        TASK_TEST(allocates_nothing_per_call),
        TASK_TEST(needs_no_memory_of_its_own),
        TASK_TEST(is_named_among_what_is_pending),
        TASK_TEST(to_start_one_that_runs_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
