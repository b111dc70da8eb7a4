/*
 * A reactor on a virtual clock: what moves it, what runs, and when it gives up.
 */
#include "testing/support.h"

typedef struct ticker {
    torc_reactor *reactor;
    torc_timer timer;
    torc_time every;
    torc_time at[16];
    int ticks;
} ticker;

static void tick(void *argument)
{
    ticker *self = argument;

    if (self->ticks < 16)
        self->at[self->ticks] = torc_now(self->reactor);
    self->ticks++;
    torc_timer_set(&self->timer, torc_root(self->reactor), self->every, tick, self);
}

static void start_ticking(ticker *self, torc_reactor *reactor, torc_time every)
{
    self->reactor = reactor;
    self->every = every;
    torc_timer_set(&self->timer, torc_root(reactor), every, tick, self);
}

static void count(void *argument)
{
    ++*(int *)argument;
}

/* -- the clock ----------------------------------------------------------------------------- */

static void the_clock_starts_at_zero_and_stands_still(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();

    (void)state;
    assert_int_equal(torc_now(reactor), 0);
    torc_testing_run_idle(reactor);
    assert_int_equal(torc_now(reactor), 0);
    torc_testing_free(reactor);
}

static void advancing_goes_from_deadline_to_deadline(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    ticker self = { 0 };

    (void)state;
    start_ticking(&self, reactor, 2 * TORC_SECOND);
    torc_testing_advance(reactor, 5 * TORC_SECOND);
    assert_int_equal(self.ticks, 2);
    assert_int_equal(self.at[0], 2 * TORC_SECOND);
    assert_int_equal(self.at[1], 4 * TORC_SECOND);
    assert_int_equal(torc_now(reactor), 5 * TORC_SECOND);
    torc_testing_advance(reactor, TORC_SECOND);
    assert_int_equal(self.ticks, 3);
    torc_timer_cancel(&self.timer);
    torc_testing_free(reactor);
}

static void a_day_passes_at_once(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    ticker self = { 0 };

    (void)state;
    start_ticking(&self, reactor, TORC_MINUTE);
    torc_testing_advance(reactor, 24 * TORC_HOUR);
    assert_int_equal(self.ticks, 24 * 60);
    torc_timer_cancel(&self.timer);
    torc_testing_free(reactor);
}

static void what_is_due_later_does_not_run(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    int calls = 0;
    torc_delayed_call later = torc_call_later(torc_root(reactor), TORC_SECOND, count, &calls);

    (void)state;
    torc_testing_run_idle(reactor);
    torc_testing_advance(reactor, TORC_SECOND - 1);
    assert_int_equal(calls, 0);
    torc_testing_advance(reactor, 1);
    assert_int_equal(calls, 1);
    assert_false(torc_delayed_is_active(&later));
    torc_testing_free(reactor);
}

static void advancing_by_less_than_nothing_moves_nothing(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();

    (void)state;
    torc_testing_advance(reactor, TORC_SECOND);
    torc_testing_advance(reactor, -TORC_HOUR);
    assert_int_equal(torc_now(reactor), TORC_SECOND);
    torc_testing_free(reactor);
}

/* -- running ------------------------------------------------------------------------------- */

static void call_another(void *argument)
{
    torc_reactor *reactor = argument;
    static int depth;

    if (++depth % 10 != 0)
        torc_call_soon(torc_root(reactor), call_another, reactor);
}

static void idle_means_that_nothing_more_follows(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();

    (void)state;
    torc_call_soon(torc_root(reactor), call_another, reactor);
    torc_testing_run_idle(reactor);
    torc_testing_check_clean(reactor);
    torc_testing_free(reactor);
}

static void call_for_ever(void *argument)
{
    torc_reactor *reactor = argument;

    torc_call_soon(torc_root(reactor), call_for_ever, reactor);
}

static void what_never_comes_to_rest_fails_the_test(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    torc_scope *scope = torc_scope_new(torc_root(reactor));

    (void)state;
    torc_call_soon(torc_root(reactor), call_for_ever, reactor);
    torc_testing_run_idle(reactor);
    assert_failed_with("does not come to rest");
    torc_testing_advance(reactor, TORC_SECOND);
    assert_failed_with("does not come to rest");
    torc_scope_end(scope);
    torc_testing_free(reactor);
    assert_failed_with("does not come to rest");
}

static bool has_ticked_three_times(void *argument)
{
    return ((ticker *)argument)->ticks >= 3;
}

static void running_until_stops_when_the_condition_holds(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    ticker self = { 0 };

    (void)state;
    start_ticking(&self, reactor, TORC_SECOND);
    assert_true(torc_testing_run_until(reactor, TORC_MINUTE, has_ticked_three_times, &self));
    assert_int_equal(self.ticks, 3);
    assert_int_equal(torc_now(reactor), 3 * TORC_SECOND);
    torc_timer_cancel(&self.timer);
    torc_testing_free(reactor);
}

static void running_until_ends_at_its_bound(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    ticker self = { 0 };

    (void)state;
    start_ticking(&self, reactor, TORC_SECOND);
    assert_false(
        torc_testing_run_until(reactor, 2500 * TORC_MILLISECOND, has_ticked_three_times, &self));
    assert_int_equal(self.ticks, 2);
    assert_int_equal(torc_now(reactor), 2500 * TORC_MILLISECOND);
    torc_timer_cancel(&self.timer);
    torc_testing_free(reactor);
}

static void stop_it(void *argument)
{
    torc_stop(argument);
}

static void a_stopped_reactor_goes_on_turning(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    int calls = 0;

    (void)state;
    torc_testing_run_idle(reactor);
    assert_true(torc_is_running(reactor));
    torc_call_soon(torc_root(reactor), stop_it, reactor);
    torc_testing_run_idle(reactor);
    assert_false(torc_is_running(reactor));
    torc_call_soon(torc_root(reactor), count, &calls);
    torc_testing_run_idle(reactor);
    assert_int_equal(calls, 1);
    torc_testing_free(reactor);
}

static void posts_are_run(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    int calls = 0;

    (void)state;
    assert_true(torc_call_from_thread(reactor, count, &calls));
    torc_testing_run_idle(reactor);
    assert_int_equal(calls, 1);
    torc_testing_free(reactor);
}

static void post_another(void *argument)
{
    ticker *self = argument;

    if (++self->ticks < 5)
        torc_call_from_thread(self->reactor, post_another, self);
}

static void posts_that_follow_from_posts_are_run(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    ticker self = { .reactor = reactor };

    (void)state;
    torc_call_from_thread(reactor, post_another, &self);
    torc_testing_run_idle(reactor);
    assert_int_equal(self.ticks, 5);
    torc_testing_free(reactor);
}

static bool never(void *argument)
{
    (void)argument;
    return false;
}

static void any_number_of_turns_is_right_while_time_passes(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    ticker self = { 0 };

    (void)state;
    start_ticking(&self, reactor, TORC_SECOND);
    assert_false(torc_testing_run_until(reactor, 48 * TORC_HOUR, never, NULL));
    assert_int_equal(self.ticks, 48 * 3600);
    torc_testing_advance(reactor, 48 * TORC_HOUR);
    assert_int_equal(self.ticks, 96 * 3600);
    torc_timer_cancel(&self.timer);
    torc_testing_free(reactor);
}

static void coming_to_rest_again_and_again_is_right(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();

    (void)state;
    for (int i = 0; i < 110000; i++)
        torc_testing_run_idle(reactor);
    torc_testing_free(reactor);
}

/* -- no network ---------------------------------------------------------------------------- */

static torc_result note_failure(void *noted, torc_result failed)
{
    *(torc_failure **)noted = torc_failure_hold(torc_result_failure(failed));
    return torc_nothing();
}

static const torc_protocol_class idle_class = { .name = "Idle" };

static void connecting_fails_as_without_a_network(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    torc_failure *failure = NULL;
    torc_deferred *connecting =
        torc_connect(torc_root(reactor), "tcp:192.0.2.1:80", torc_factory_of(&idle_class));

    (void)state;
    torc_add_errback(connecting, note_failure, &failure);
    torc_testing_run_idle(reactor);
    assert_true(torc_failure_is(failure, &torc_error_no_route));
    torc_failure_release(failure);
    torc_testing_free(reactor);
}

static void listening_fails_as_without_a_network(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    torc_port *port =
        torc_listen(torc_root(reactor), "tcp:8000", torc_factory_of(&idle_class));

    (void)state;
    torc_testing_check_clean(reactor);
    assert_failed_with("1 port (tcp:8000: failed) is pending");
    assert_false(torc_is_running(reactor));
    assert_int_equal(torc_testing_flush_failures("tcp:8000"), 1);
    torc_port_stop(port);
    torc_testing_free(reactor);
}

static void a_reactor_from_elsewhere_is_refused(void **state)
{
    torc_reactor *reactor = torc_reactor_new();

    (void)state;
    torc_testing_run_idle(reactor);
    assert_failed_with("torc_testing_run_idle: the reactor was not made by torc_testing_reactor");
    torc_testing_advance(reactor, 1);
    assert_failed_with("torc_testing_advance");
    assert_false(torc_testing_run_until(reactor, 1, NULL, NULL));
    assert_failed_with("torc_testing_run_until");
    torc_testing_check_clean(reactor);
    assert_failed_with("torc_testing_check_clean");
    torc_testing_free(reactor);
    assert_failed_with("torc_testing_free");
    torc_reactor_free(reactor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(the_clock_starts_at_zero_and_stands_still),
        KIT_TEST(advancing_goes_from_deadline_to_deadline),
        KIT_TEST(a_day_passes_at_once),
        KIT_TEST(what_is_due_later_does_not_run),
        KIT_TEST(advancing_by_less_than_nothing_moves_nothing),
        KIT_TEST(idle_means_that_nothing_more_follows),
        KIT_TEST(what_never_comes_to_rest_fails_the_test),
        KIT_TEST(running_until_stops_when_the_condition_holds),
        KIT_TEST(running_until_ends_at_its_bound),
        KIT_TEST(a_stopped_reactor_goes_on_turning),
        KIT_TEST(posts_are_run),
        KIT_TEST(posts_that_follow_from_posts_are_run),
        KIT_TEST(any_number_of_turns_is_right_while_time_passes),
        KIT_TEST(coming_to_rest_again_and_again_is_right),
        KIT_TEST(connecting_fails_as_without_a_network),
        KIT_TEST(listening_fails_as_without_a_network),
        KIT_TEST(a_reactor_from_elsewhere_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
