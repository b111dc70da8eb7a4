/*
 * Cancelling a coroutine, and the end of the scopes that it has to do with.
 */
#include "deferred/coroutine_support.h"

#include "support/expect_abort.h"

static torc_deferred *started; /* what a coroutine of a test waits for */

static void note_cancel(torc_deferred *deferred, void *name)
{
    (void)deferred;
    note("stop-%s ", (const char *)name);
}

/* -- torc_cancel ---------------------------------------------------------------------------- */

static torc_result wait_and_clean_up(torc_scope *scope, void *argument)
{
    torc_result result = torc_await(torc_deferred_new(scope, note_cancel, "work"));

    (void)argument;
    note_result("first", result);
    result = torc_await(started = torc_deferred_new(scope, note_cancel, "cleaning"));
    note_result("second", result);
    return result;
}

static void what_it_waits_for_is_cancelled_and_it_may_wait_for_more(void **state)
{
    torc_deferred *job = torc_spawn(root, wait_and_clean_up, NULL);

    (void)state;
    torc_add_both(job, swallow, "job");
    turn();
    torc_cancel(job);
    assert_ran("stop-work first!Cancelled ");
    assert_false(torc_deferred_has_fired(job));
    torc_fire(started, torc_integer(2));
    assert_ran("second=2 job=2 ");
}

static void cancelling_again_cancels_the_new_wait(void **state)
{
    torc_deferred *job = torc_spawn(root, wait_and_clean_up, NULL);

    (void)state;
    torc_add_both(job, swallow, "job");
    turn();
    torc_cancel(job);
    torc_cancel(job);
    assert_ran("stop-work first!Cancelled stop-cleaning second!Cancelled job!Cancelled ");
    turn();
    assert_int_equal(logged, 0);
}

static torc_result never_run(torc_scope *scope, void *argument)
{
    (void)scope;
    (void)argument;
    note("ran ");
    return torc_nothing();
}

static void one_that_has_not_begun_just_fails(void **state)
{
    torc_deferred *job = torc_spawn(root, never_run, NULL);

    (void)state;
    torc_add_both(job, swallow, "job");
    torc_cancel(job);
    assert_ran("job!Cancelled ");
    turns(3);
    assert_ran("");
    assert_int_equal(coroutines_running(), 0);
}

static torc_result cancel_itself(torc_scope *scope, void *job)
{
    torc_cancel(*(torc_deferred **)job);
    note("cancelled ");
    note_result("first", torc_await(torc_deferred_new(scope, note_cancel, "work")));
    note_result("second", torc_await(torc_deferred_fired(scope, torc_integer(2))));
    return torc_nothing();
}

static void one_that_cancels_itself_hears_it_from_its_next_await(void **state)
{
    torc_deferred *job = torc_spawn(root, cancel_itself, &job);

    (void)state;
    torc_add_both(job, swallow, "job");
    turn();
    assert_ran("cancelled stop-work first!Cancelled second=2 job- ");
}

static torc_result await_job(torc_scope *scope, void *argument)
{
    torc_result result = torc_await(torc_spawn(scope, wait_and_clean_up, argument));

    note_result("outer", result);
    return result;
}

static void cancelling_goes_inwards_through_coroutines_that_wait_for_each_other(void **state)
{
    torc_deferred *job = torc_spawn(root, await_job, NULL);

    (void)state;
    torc_add_both(job, swallow, "job");
    turns(2);
    torc_cancel(job);
    assert_ran("stop-work first!Cancelled ");
    torc_cancel(job);
    assert_ran("stop-cleaning second!Cancelled outer!Cancelled job!Cancelled ");
}

static torc_result sleep_long(torc_scope *scope, void *argument)
{
    (void)argument;
    note_result("slept", torc_sleep(scope, TORC_HOUR));
    return torc_nothing();
}

static void a_sleep_is_cancelled_and_its_timer_with_it(void **state)
{
    torc_deferred *job = torc_spawn(root, sleep_long, NULL);

    (void)state;
    turn();
    assert_true(torc__wheel_next(&reactor->wheel) != TORC_NEVER);
    torc_cancel(job);
    assert_ran("slept!Cancelled ");
    assert_true(torc__wheel_next(&reactor->wheel) == TORC_NEVER);
}

static void a_timeout_cancels_it_and_names_the_delay(void **state)
{
    bool done = false;
    torc_deferred *job = torc_spawn(root, await_it, torc_deferred_new(root, NULL, NULL));

    (void)state;
    turn();
    torc_set_timeout(job, 2 * TORC_MILLISECOND);
    torc_add_both(job, swallow, "job");
    for (int i = 0; i < 5000 && !done; i++) {
        torc_iterate(reactor, TORC_MILLISECOND);
        done = strstr(record, "job") != NULL;
    }
    assert_ran("begin got!Cancelled job!TimedOut ");
}

/* -- the end of its own scope --------------------------------------------------------------- */

static torc_result leave_things(torc_scope *scope, void *argument)
{
    (void)argument;
    torc_deferred_new(scope, note_cancel, "first");
    torc_deferred_new(scope, note_cancel, "second");
    torc_spawn(scope, sleep_long, NULL);
    torc_yield(scope);
    torc_yield(scope);
    return torc_nothing();
}

static void what_it_leaves_under_way_is_cancelled_when_it_returns(void **state)
{
    (void)state;
    torc_add_callback(torc_spawn(root, leave_things, NULL), see, "job");
    turns(4);
    assert_ran("stop-second stop-first job- slept!Cancelled ");
    assert_int_equal(coroutines_running(), 0);
}

/* -- the end of the scope that it was spawned in -------------------------------------------- */

static torc_result tell_everything(torc_scope *scope, void *argument)
{
    torc_deferred *kept = torc_deferred_fired(scope, torc_integer(1));

    (void)argument;
    note_result("first", torc_await(torc_deferred_new(root, note_cancel, "work")));
    note("%d ", torc_scope_has_ended(scope));
    note_result("kept", torc_await(kept));
    note_result("fired", torc_await(torc_deferred_fired(root, torc_integer(2))));
    note_result("slept", torc_sleep(scope, TORC_HOUR));
    note_result("spawned", torc_await(torc_spawn(scope, never_run, NULL)));
    return torc_fail_with(&torc_error_cancelled, "so be it");
}

static const char told[] = "stop-work first!Cancelled 1 kept!Cancelled fired!Cancelled "
                           "slept!Cancelled spawned!Cancelled ";

static void it_is_told_at_the_end_of_the_turn_and_waits_no_more(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_add_both(torc_spawn(scope, tell_everything, NULL), see, "never");
    turn();
    torc_scope_end(scope);
    assert_ran("");
    turn();
    assert_ran(told);
    turns(2);
    assert_int_equal(coroutines_running(), 0);
    assert_int_equal(logged, 0);
}

static void end_scope(void *scope)
{
    torc_scope_end(scope);
    note("ended ");
}

static void it_is_told_within_the_turn_in_which_its_scope_ends(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_spawn(scope, tell_everything, NULL);
    turn();
    torc_call_soon(root, end_scope, scope);
    turn();
    note("turned ");
    assert_non_null(strstr(record, "ended stop-work"));
    assert_non_null(strstr(record, "turned"));
}

static void it_is_told_when_the_reactor_is_freed(void **state)
{
    (void)state;
    torc_spawn(root, tell_everything, NULL);
    turn();
    torc_reactor_free(reactor);
    /* The root ends first, and what was awaited with it. */
    assert_ran(told);
    reactor = torc_reactor_new();
    root = torc_root(reactor);
}

static void one_that_has_not_begun_never_does(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_add_both(torc_spawn(scope, never_run, NULL), see, "never");
    torc_scope_end(scope);
    turns(3);
    assert_ran("");
    assert_int_equal(coroutines_running(), 0);
}

static torc_result end_enclosing(torc_scope *scope, void *enclosing)
{
    torc_scope_end(enclosing);
    note("%d ", torc_scope_has_ended(scope));
    note_result("awaited", torc_await(torc_deferred_new(root, note_cancel, "work")));
    return torc_nothing();
}

static void one_that_ends_its_enclosing_scope_hears_it_from_its_next_await(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_add_both(torc_spawn(scope, end_enclosing, scope), see, "never");
    turn();
    assert_ran("1 stop-work awaited!Cancelled ");
    turns(2);
    assert_int_equal(coroutines_running(), 0);
}

static void what_waits_for_it_elsewhere_is_told_too(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *job = torc_spawn(scope, sleep_long, NULL);

    (void)state;
    torc_spawn(root, await_it, job);
    turn();
    torc_scope_end(scope);
    turns(2);
    assert_ran("begin slept!Cancelled got!Cancelled ");
}

static void a_coroutine_whose_awaiter_ends_is_cancelled(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *job = torc_spawn(root, sleep_long, NULL);

    (void)state;
    torc_spawn(scope, await_it, job);
    turn();
    torc_scope_end(scope);
    turns(2);
    assert_ran("begin slept!Cancelled got!Cancelled ");
    assert_int_equal(coroutines_running(), 0);
    assert_int_equal(logged, 0);
}

static torc_result await_kept_late(torc_scope *scope, void *argument)
{
    torc_deferred *kept[3];

    for (int i = 0; i < 3; i++)
        kept[i] = torc_deferred_new(scope, NULL, NULL);
    *(torc_deferred **)argument = kept[1];
    torc_sleep(scope, TORC_HOUR);
    for (int i = 0; i < 3; i++)
        note_result("kept", torc_await(kept[i]));
    return torc_nothing();
}

static torc_result end_scope_later(void *scope, torc_result result)
{
    torc_scope_end(scope);
    return result;
}

/* The scope ends while the turn's end goes through the deferreds, one of its own among them. */
static void what_it_knows_is_there_until_it_was_told(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_scope *other = torc_scope_new(root);
    torc_deferred *waiting = torc_deferred_fired(root, torc_nothing());
    torc_deferred *kept = NULL;

    (void)state;
    torc_add_callback(waiting, wait_for_it, torc_deferred_new(other, NULL, NULL));
    torc_add_both(waiting, end_scope_later, scope);
    torc_add_errback(waiting, swallow, "waiting");
    torc_spawn(scope, await_kept_late, &kept);
    turn();
    torc_scope_end(other);
    torc_fire(kept, torc_integer(1));
    turn();
    assert_ran("wait- waiting!Cancelled kept!Cancelled kept!Cancelled kept!Cancelled ");
}

static torc_result hold_value(torc_scope *scope, void *argument)
{
    torc_result mine = new_counted();

    (void)argument;
    torc_await(torc_deferred_fired(scope, new_counted()));
    torc_sleep(scope, TORC_HOUR);
    torc_result_release(mine);
    return new_counted();
}

static void nothing_that_it_holds_or_returns_is_lost(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    holders = 0;
    torc_spawn(scope, hold_value, NULL);
    turn();
    assert_int_equal(holders, 1);
    torc_scope_end(scope);
    turns(2);
    assert_int_equal(holders, 0);
}

static void fire_other(torc_deferred *deferred, void *other)
{
    (void)deferred;
    note("fires ");
    torc_fire(other, new_counted());
}

/* A canceller of a neighbour gives it what it waits for, in the midst of the scope's end. */
static void nothing_of_it_runs_while_its_scope_ends(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *other = torc_deferred_new(root, NULL, NULL);

    (void)state;
    holders = 0;
    torc_spawn(scope, await_it, other);
    turn();
    torc_deferred_new(scope, fire_other, other);
    torc_scope_end(scope);
    assert_ran("begin fires ");
    turn();
    assert_ran("got!Cancelled ");
    assert_int_equal(holders, 0);
}

static void who_holds_its_deferred_finds_that_it_was_cancelled(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *job = torc_deferred_hold(torc_spawn(scope, sleep_long, NULL));
    torc_result result;

    (void)state;
    turn();
    torc_scope_end(scope);
    turns(2);
    assert_true(torc_deferred_result(job, &result));
    note_result("held", result);
    assert_ran("slept!Cancelled held!Cancelled ");
    torc_deferred_release(job);
}

static torc_result fail_at_the_end(torc_scope *scope, void *argument)
{
    (void)argument;
    torc_sleep(scope, TORC_HOUR);
    return torc_fail_with(&torc_error_refused, "cleaning up failed");
}

static void a_failure_of_its_cleaning_up_is_logged(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_spawn(scope, fail_at_the_end, NULL);
    turn();
    torc_scope_end(scope);
    turns(2);
    assert_int_equal(logged, 1);
    assert_non_null(strstr(last_logged, "cleaning up failed"));
}

static torc_result wait_for_ever(torc_scope *scope, void *argument)
{
    while (argument == NULL)
        torc_sleep(scope, TORC_SECOND);
    return torc_nothing();
}

static void go_on_after_the_end(void)
{
    torc_scope *scope = torc_scope_new(root);

    torc_spawn(scope, wait_for_ever, NULL);
    turn();
    torc_scope_end(scope);
    turn();
}

static void one_that_goes_on_waiting_after_the_end_is_named_and_aborts(void **state)
{
    (void)state;
    expect_abort(go_on_after_the_end, "the coroutine 'wait_for_ever' has been told 1000 times");
}

/* -- a fire that comes late ----------------------------------------------------------------- */

static void a_late_result_of_what_it_awaited_is_swallowed_once(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *promise = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_spawn(scope, await_it, promise);
    turn();
    torc_scope_end(scope);
    turn();
    assert_ran("begin got!Cancelled ");
    torc_fire(promise, torc_integer(1));
    turns(2);
    assert_int_equal(logged, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEFERRED_TEST(what_it_waits_for_is_cancelled_and_it_may_wait_for_more),
        DEFERRED_TEST(cancelling_again_cancels_the_new_wait),
        DEFERRED_TEST(one_that_has_not_begun_just_fails),
        DEFERRED_TEST(one_that_cancels_itself_hears_it_from_its_next_await),
        DEFERRED_TEST(cancelling_goes_inwards_through_coroutines_that_wait_for_each_other),
        DEFERRED_TEST(a_sleep_is_cancelled_and_its_timer_with_it),
        DEFERRED_TEST(a_timeout_cancels_it_and_names_the_delay),
        DEFERRED_TEST(what_it_leaves_under_way_is_cancelled_when_it_returns),
        DEFERRED_TEST(it_is_told_at_the_end_of_the_turn_and_waits_no_more),
        DEFERRED_TEST(it_is_told_within_the_turn_in_which_its_scope_ends),
        DEFERRED_TEST(it_is_told_when_the_reactor_is_freed),
        DEFERRED_TEST(one_that_has_not_begun_never_does),
        DEFERRED_TEST(one_that_ends_its_enclosing_scope_hears_it_from_its_next_await),
        DEFERRED_TEST(what_waits_for_it_elsewhere_is_told_too),
        DEFERRED_TEST(a_coroutine_whose_awaiter_ends_is_cancelled),
        DEFERRED_TEST(what_it_knows_is_there_until_it_was_told),
        DEFERRED_TEST(nothing_that_it_holds_or_returns_is_lost),
        DEFERRED_TEST(nothing_of_it_runs_while_its_scope_ends),
        DEFERRED_TEST(who_holds_its_deferred_finds_that_it_was_cancelled),
        DEFERRED_TEST(a_failure_of_its_cleaning_up_is_logged),
        DEFERRED_TEST(one_that_goes_on_waiting_after_the_end_is_named_and_aborts),
        DEFERRED_TEST(a_late_result_of_what_it_awaited_is_swallowed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
