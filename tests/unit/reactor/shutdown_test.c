/*
 * Stopping: the phases, what they wait for, what does not hold them up, and the exit status.
 */
#include "reactor/support.h"

#include "support/failing_allocation.h"

static torc_deferred *promise;
static torc_scope *promise_scope;

static torc_deferred *trigger_say(void *name)
{
    say(name);
    return NULL;
}

/* A promise of its own scope, that a test fires, or whose scope it ends. */
static torc_deferred *trigger_promise(void *name)
{
    say(name);
    promise_scope = torc_scope_new(root);
    promise = torc_deferred_new(promise_scope, NULL, NULL);
    return promise;
}

static torc_deferred *trigger_fired(void *name)
{
    say(name);
    return torc_deferred_fired(root, torc_integer(1));
}

static torc_deferred *trigger_failed(void *name)
{
    say(name);
    return torc_deferred_fired(
        root, torc_fail_with(&torc_error, "%s is out of order", (const char *)name));
}

static void fire_promise(void *argument)
{
    (void)argument;
    note("fire ");
    torc_fire(promise, torc_nothing());
}

static void fail_promise(void *argument)
{
    (void)argument;
    torc_fire(promise, torc_fail_with(&torc_error, "the promise was broken"));
}

static void end_scope_of_promise(void *argument)
{
    (void)argument;
    note("end-scope ");
    torc_scope_end(promise_scope);
}

static void stop(void *status)
{
    torc_stop_with(reactor, *(int *)status);
}

/* Turns until the reactor has stopped, each after a second; gives whether it stopped at all. */
static bool stops(void)
{
    for (int i = 0; i < 100; i++) {
        clock_by_hand += TORC_SECOND;
        if (!torc_iterate(reactor, 0))
            return true;
    }
    return false;
}

/* -- phases -------------------------------------------------------------------------------- */

static void triggers_run_by_phase_and_in_the_order_of_registration(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_AFTER_SHUTDOWN, trigger_say, "e");
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_say, "a");
    torc_on_shutdown(root, TORC_DURING_SHUTDOWN, trigger_say, "c");
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_say, "b");
    torc_on_shutdown(root, TORC_DURING_SHUTDOWN, trigger_say, "d");
    turn();
    assert_ran("");
    torc_stop(reactor);
    assert_ran("");
    assert_true(stops());
    assert_ran("a b c d e ");
}

static void a_phase_waits_for_the_deferreds_of_the_one_before(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_promise, "a");
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_say, "b");
    torc_on_shutdown(root, TORC_DURING_SHUTDOWN, trigger_say, "c");
    torc_stop(reactor);
    for (int i = 0; i < 5; i++)
        assert_true(torc_iterate(reactor, 0));
    assert_ran("a b ");
    fire_promise(NULL);
    assert_true(stops());
    assert_ran("fire c ");
}

static void every_phase_waits(void **state)
{
    static const torc_phase phases[] = {
        TORC_BEFORE_SHUTDOWN, TORC_DURING_SHUTDOWN, TORC_AFTER_SHUTDOWN };

    (void)state;
    for (int i = 0; i < 3; i++)
        torc_on_shutdown(root, phases[i], trigger_promise, "phase");
    torc_stop(reactor);
    for (int i = 0; i < 3; i++) {
        for (int turns = 0; turns < 5; turns++)
            assert_true(torc_iterate(reactor, 0));
        assert_ran("phase ");
        fire_promise(NULL);
        assert_ran("fire ");
    }
    assert_true(stops());
}

static void deferreds_that_have_fired_hold_up_nothing(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_fired, "a");
    torc_on_shutdown(root, TORC_DURING_SHUTDOWN, trigger_fired, "b");
    torc_on_shutdown(root, TORC_AFTER_SHUTDOWN, trigger_fired, "c");
    torc_stop(reactor);
    assert_true(stops());
    assert_ran("a b c ");
    assert_int_equal(logged, 0);
}

static void timers_run_while_a_phase_waits(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_promise, "a");
    torc_on_shutdown(root, TORC_AFTER_SHUTDOWN, trigger_say, "b");
    torc_call_later(root, 5 * TORC_SECOND, fire_promise, NULL);
    torc_stop(reactor);
    assert_int_equal(torc_run_and_keep(reactor), 0);
    assert_ran("a fire b ");
}

/* -- what does not hold up ----------------------------------------------------------------- */

static void a_failure_is_logged_and_does_not_hold_up_the_others(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_failed, "a");
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_promise, "b");
    torc_on_shutdown(root, TORC_DURING_SHUTDOWN, trigger_say, "c");
    torc_call_later(root, 5 * TORC_SECOND, fail_promise, NULL);
    torc_stop(reactor);
    turn();
    assert_int_equal(logged, 1);
    assert_non_null(strstr(last_logged, "A shutdown trigger failed"));
    assert_non_null(strstr(last_logged, "a is out of order"));
    assert_true(stops());
    assert_int_equal(logged, 2);
    assert_non_null(strstr(last_logged, "the promise was broken"));
    assert_ran("a b c ");
}

static void a_deferred_whose_scope_ends_while_the_phase_waits_does_not_hold_up(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_promise, "a");
    torc_on_shutdown(root, TORC_DURING_SHUTDOWN, trigger_say, "b");
    torc_call_later(root, 5 * TORC_SECOND, end_scope_of_promise, NULL);
    torc_stop(reactor);
    assert_true(stops());
    assert_ran("a end-scope b ");
}

static torc_deferred *trigger_ended(void *name)
{
    trigger_promise(name);
    torc_scope_end(promise_scope);
    return promise;
}

static void a_deferred_whose_scope_has_ended_before_it_is_returned_does_not_hold_up(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_ended, "a");
    torc_on_shutdown(root, TORC_DURING_SHUTDOWN, trigger_say, "b");
    torc_stop(reactor);
    assert_true(stops());
    assert_ran("a b ");
}

static void a_deferred_that_is_cancelled_does_not_hold_up(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_promise, "a");
    torc_on_shutdown(root, TORC_DURING_SHUTDOWN, trigger_say, "b");
    torc_stop(reactor);
    turn();
    torc_cancel(promise);
    assert_true(stops());
    assert_ran("a b ");
}

/* -- which triggers run -------------------------------------------------------------------- */

static void a_trigger_whose_scope_has_ended_is_forgotten(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_on_shutdown(scope, TORC_BEFORE_SHUTDOWN, trigger_say, "never");
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_say, "a");
    torc_scope_end(scope);
    torc_on_shutdown(scope, TORC_BEFORE_SHUTDOWN, trigger_say, "never");
    torc_stop(reactor);
    assert_true(stops());
    assert_ran("a ");
}

static torc_deferred *trigger_end_scope(void *scope)
{
    note("end ");
    torc_scope_end(scope);
    return NULL;
}

static void a_trigger_may_end_the_scope_of_others_and_of_itself(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_on_shutdown(scope, TORC_BEFORE_SHUTDOWN, trigger_end_scope, scope);
    torc_on_shutdown(scope, TORC_BEFORE_SHUTDOWN, trigger_say, "never");
    torc_on_shutdown(scope, TORC_DURING_SHUTDOWN, trigger_say, "never");
    torc_on_shutdown(root, TORC_DURING_SHUTDOWN, trigger_say, "a");
    torc_stop(reactor);
    assert_true(stops());
    assert_ran("end a ");
}

static torc_deferred *trigger_register(void *name)
{
    say(name);
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_say, "same-phase");
    torc_on_shutdown(root, TORC_AFTER_SHUTDOWN, trigger_say, "later-phase");
    return NULL;
}

static void a_trigger_may_register_more(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_register, "a");
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_say, "b");
    torc_stop(reactor);
    assert_true(stops());
    assert_ran("a b same-phase later-phase ");
}

static void a_trigger_registered_while_its_phase_waits_runs_before_the_next_phase(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_promise, "a");
    torc_on_shutdown(root, TORC_DURING_SHUTDOWN, trigger_say, "c");
    torc_stop(reactor);
    turn();
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_say, "b");
    turn();
    fire_promise(NULL);
    assert_true(stops());
    assert_ran("a fire b c ");
}

static void triggers_do_not_run_when_the_reactor_is_freed_without_stopping(void **state)
{
    torc_reactor *other = torc_reactor_new();

    (void)state;
    torc_on_shutdown(torc_root(other), TORC_BEFORE_SHUTDOWN, trigger_say, "never");
    torc_reactor_free(other);
    assert_ran("");
}

static void freeing_a_reactor_whose_phase_waits_frees_everything(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_promise, "a");
    torc_on_shutdown(root, TORC_DURING_SHUTDOWN, trigger_say, "never");
    torc_stop(reactor);
    turn();
    assert_ran("a ");
}

static void without_memory_a_trigger_is_not_registered_and_the_log_says_so(void **state)
{
    (void)state;
    fail_all_allocations();
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_say, "never");
    allow_allocations();
    assert_int_equal(logged, 1);
    assert_non_null(strstr(last_logged, "out of memory"));
    torc_stop(reactor);
    assert_true(stops());
    assert_ran("");
}

/* -- status -------------------------------------------------------------------------------- */

static void stopping_twice_runs_the_triggers_once(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_promise, "a");
    torc_stop(reactor);
    torc_stop(reactor);
    turn();
    torc_stop(reactor);
    turn();
    assert_false(torc_is_running(reactor));
    fire_promise(NULL);
    assert_true(stops());
    assert_ran("a fire ");
}

static void the_first_status_that_is_not_zero_stays(void **state)
{
    static int statuses[] = { 3, 4, 0 };

    (void)state;
    torc_call_soon(root, stop, &statuses[2]);
    torc_call_soon(root, stop, &statuses[0]);
    torc_call_soon(root, stop, &statuses[1]);
    torc_call_soon(root, stop, &statuses[2]);
    assert_int_equal(torc_run_and_keep(reactor), 3);
}

static torc_deferred *trigger_status(void *status)
{
    stop(status);
    return NULL;
}

static void a_status_given_while_stopping_counts(void **state)
{
    static int status = 7;

    (void)state;
    torc_on_shutdown(root, TORC_AFTER_SHUTDOWN, trigger_status, &status);
    torc_stop(reactor);
    assert_int_equal(torc_run_and_keep(reactor), 7);
}

static void a_reactor_stopped_before_it_runs_runs_its_triggers_and_returns(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_say, "a");
    torc_stop_with(reactor, 5);
    assert_int_equal(torc_run_and_keep(reactor), 5);
    assert_ran("a ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REACTOR_TEST(triggers_run_by_phase_and_in_the_order_of_registration),
        REACTOR_TEST(a_phase_waits_for_the_deferreds_of_the_one_before),
        REACTOR_TEST(every_phase_waits),
        REACTOR_TEST(deferreds_that_have_fired_hold_up_nothing),
        REACTOR_TEST(timers_run_while_a_phase_waits),
        REACTOR_TEST(a_failure_is_logged_and_does_not_hold_up_the_others),
        REACTOR_TEST(a_deferred_whose_scope_ends_while_the_phase_waits_does_not_hold_up),
        REACTOR_TEST(a_deferred_whose_scope_has_ended_before_it_is_returned_does_not_hold_up),
        REACTOR_TEST(a_deferred_that_is_cancelled_does_not_hold_up),
        REACTOR_TEST(a_trigger_whose_scope_has_ended_is_forgotten),
        REACTOR_TEST(a_trigger_may_end_the_scope_of_others_and_of_itself),
        REACTOR_TEST(a_trigger_may_register_more),
        REACTOR_TEST(a_trigger_registered_while_its_phase_waits_runs_before_the_next_phase),
        REACTOR_TEST(triggers_do_not_run_when_the_reactor_is_freed_without_stopping),
        REACTOR_TEST(freeing_a_reactor_whose_phase_waits_frees_everything),
        REACTOR_TEST(without_memory_a_trigger_is_not_registered_and_the_log_says_so),
        REACTOR_TEST(stopping_twice_runs_the_triggers_once),
        REACTOR_TEST(the_first_status_that_is_not_zero_stays),
        REACTOR_TEST(a_status_given_while_stopping_counts),
        REACTOR_TEST(a_reactor_stopped_before_it_runs_runs_its_triggers_and_returns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
