/*
 * torc_react: a program with one main job, and how it ends.
 */
#include "deferred/coroutine_support.h"


#include <signal.h>
#include <unistd.h>

static int watch(void **state)
{
    (void)state;
    record[0] = '\0';
    logged = 0;
    return torc_log_add_observer(TORC_LOG_ERROR, observe, NULL) ? 0 : -1;
}

static int unwatch(void **state)
{
    (void)state;
    torc_log_remove_observer(observe, NULL);
    return 0;
}

static torc_result succeed(torc_scope *scope, void *argument)
{
    note("%s ", (const char *)argument);
    return torc_sleep(scope, TORC_MILLISECOND);
}

static void a_job_that_succeeds_is_status_0(void **state)
{
    (void)state;
    assert_int_equal(torc_react(succeed, "ran"), 0);
    assert_ran("ran ");
}

static torc_result go_wrong(torc_scope *scope, void *argument)
{
    (void)scope;
    (void)argument;
    return torc_fail_with(&torc_error_refused, "it went wrong");
}

static void a_failure_is_logged_once_and_is_status_1(void **state)
{
    (void)state;
    assert_int_equal(torc_react(go_wrong, NULL), 1);
    assert_int_equal(logged, 1);
    assert_non_null(strstr(last_logged, "it went wrong"));
}

static torc_result stop_with_3(torc_scope *scope, void *argument)
{
    (void)argument;
    torc_stop_with(torc_scope_reactor(scope), 3);
    note_result("slept", torc_sleep(scope, TORC_HOUR));
    return torc_nothing();
}

static void torc_stop_cancels_the_job_and_its_status_stays(void **state)
{
    (void)state;
    assert_int_equal(torc_react(stop_with_3, NULL), 3);
    assert_ran("slept!Cancelled ");
}

static torc_result interrupt(torc_scope *scope, void *argument)
{
    torc_result slept;

    (void)argument;
    kill(getpid(), SIGINT);
    slept = torc_sleep(scope, TORC_HOUR);
    note_result("slept", slept);
    torc_result_hold(slept);
    note_result("cleaned", torc_sleep(scope, 2 * TORC_MILLISECOND));
    return slept;
}

static void an_interrupt_cancels_the_job_and_lets_it_finish(void **state)
{
    (void)state;
    assert_int_equal(torc_react(interrupt, NULL), 1);
    assert_ran("slept!Cancelled cleaned- ");
    assert_int_equal(logged, 0);
}

static torc_result ignore_one_interrupt(torc_scope *scope, void *argument)
{
    (void)argument;
    kill(getpid(), SIGINT);
    note_result("first", torc_sleep(scope, TORC_HOUR));
    kill(getpid(), SIGINT);
    note_result("second", torc_sleep(scope, TORC_HOUR));
    note_result("third", torc_sleep(scope, TORC_HOUR));
    return torc_nothing();
}

static void a_second_interrupt_does_not_wait_for_it(void **state)
{
    (void)state;
    torc_react(ignore_one_interrupt, NULL);
    assert_ran("first!Cancelled second!Cancelled third!Cancelled ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_that_succeeds_is_status_0, watch, unwatch),
        cmocka_unit_test_setup_teardown(a_failure_is_logged_once_and_is_status_1, watch, unwatch),
        cmocka_unit_test_setup_teardown(
            torc_stop_cancels_the_job_and_its_status_stays, watch, unwatch),
        cmocka_unit_test_setup_teardown(
            an_interrupt_cancels_the_job_and_lets_it_finish, watch, unwatch),
        cmocka_unit_test_setup_teardown(a_second_interrupt_does_not_wait_for_it, watch, unwatch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
