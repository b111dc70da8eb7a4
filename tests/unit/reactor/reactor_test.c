/*
 * The reactor: making one by name or by the environment, running, iterating and freeing it, what is
 * refused, the turn's clock, stalls, and want of memory.
 */
#include "reactor/support.h"

#include "support/driver_works.h"
#include "support/expect_abort.h"
#include "support/failing_allocation.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/resource.h>

static void stop(void *argument)
{
    (void)argument;
    torc_stop(reactor);
}

/* -- making -------------------------------------------------------------------------------- */

static void every_driver_of_this_build_makes_a_reactor_of_its_name(void **state)
{
    size_t count = 0;

    (void)state;
    for (; torc_driver_name(count) != NULL; count++) {
        torc_failure *failure = NULL;
        torc_reactor *named;

        if (!driver_works(torc_driver_name(count)))
            continue;
        named = torc_reactor_new_named(torc_driver_name(count), &failure);
        assert_non_null(named);
        assert_null(failure);
        assert_string_equal(torc_reactor_driver_name(named), torc_driver_name(count));
        torc_call_soon(torc_root(named), say, "ran");
        torc_iterate(named, 0);
        assert_ran("ran ");
        torc_reactor_free(named);
    }
    assert_in_range(count, 2, 10);
    assert_null(torc_driver_name(count + 1));
}

static void an_unknown_driver_is_a_failure_that_names_the_others(void **state)
{
    torc_failure *failure = NULL;

    (void)state;
    assert_null(torc_reactor_new_named("abacus", &failure));
    assert_true(torc_failure_is(failure, &torc_error_invalid_argument));
    assert_string_equal(torc_failure_text(failure),
        "there is no reactor 'abacus': choose one of epoll, uring, kqueue, poll, select");
    torc_failure_release(failure);
}

static void the_environment_chooses_the_driver(void **state)
{
    torc_reactor *chosen;

    (void)state;
    setenv("TORC_REACTOR", "poll", 1);
    chosen = torc_reactor_new();
    assert_string_equal(torc_reactor_driver_name(chosen), "poll");
    torc_reactor_free(chosen);
    setenv("TORC_REACTOR", "", 1);
    chosen = torc_reactor_new();
    assert_string_equal(torc_reactor_driver_name(chosen), torc_driver_name(0));
    torc_reactor_free(chosen);
    unsetenv("TORC_REACTOR");
}

static void make_unknown(void)
{
    setenv("TORC_REACTOR", "abacus", 1);
    torc_reactor_new();
}

static void an_unknown_driver_in_the_environment_ends_the_process_with_a_message(void **state)
{
    (void)state;
    expect_exit(make_unknown,
        "torc: there is no reactor 'abacus': choose one of epoll, uring, kqueue, poll, select");
}

static void make_without_memory(void)
{
    fail_all_allocations();
    torc_reactor_new();
}

static void a_machine_on_which_no_driver_works_ends_the_process_with_a_message(void **state)
{
    (void)state;
    expect_exit(make_without_memory, "torc: no reactor works on this machine");
}

static void without_memory_a_named_reactor_is_a_failure_and_nothing_is_left(void **state)
{
    (void)state;
    for (size_t i = 0; torc_driver_name(i) != NULL; i++) {
        unsigned passed = 0;
        torc_reactor *made = NULL;

        if (!driver_works(torc_driver_name(i)))
            continue;
        for (; made == NULL && passed < 50; passed++) {
            torc_failure *failure = NULL;

            fail_allocation_after(passed);
            made = torc_reactor_new_named(torc_driver_name(i), &failure);
            allow_allocations();
            if (made == NULL) {
                assert_non_null(failure);
                assert_non_null(strstr(torc_failure_text(failure), torc_driver_name(i)));
            } else
                assert_null(failure);
            torc_failure_release(failure);
        }
        assert_in_range(passed, 3, 49);
        torc_reactor_free(made);
    }
}

/* The driver may want one or two descriptors: it gets none of them, or only the first. */
static void without_descriptors_a_named_reactor_is_a_failure_and_nothing_is_left(void **state)
{
    struct rlimit former;
    struct rlimit lowered;
    int next = dup(STDIN_FILENO);

    (void)state;
    assert_true(next >= 0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &former);
    lowered = former;
    for (size_t i = 0; torc_driver_name(i) != NULL; i++)
        for (int given = 0; given < 2; given++) {
            torc_failure *failure = NULL;
            torc_reactor *made;

            lowered.rlim_cur = (rlim_t)(next + given);
            setrlimit(RLIMIT_NOFILE, &lowered);
            made = torc_reactor_new_named(torc_driver_name(i), &failure);
            setrlimit(RLIMIT_NOFILE, &former);
            if (given == 0)
                assert_null(made);
            assert_true((made == NULL) == (failure != NULL));
            torc_failure_release(failure);
            torc_reactor_free(made);
            assert_int_equal(fcntl(next, F_GETFD), -1);
        }
}

/* -- running ------------------------------------------------------------------------------- */

static void run_frees_the_reactor_and_gives_its_status(void **state)
{
    torc_reactor *other = torc_reactor_new();

    (void)state;
    torc_stop_with(other, 6);
    torc_scope_on_end(torc_root(other), say, "freed");
    assert_int_equal(torc_run(other), 6);
    assert_ran("freed ");
}

static void note_running(void *name)
{
    note("%s:%s ", (const char *)name, torc_is_running(reactor) ? "running" : "not-running");
}

static void stop_and_note_running(void *name)
{
    stop(NULL);
    note_running(name);
}

static void a_reactor_is_running_from_its_start_until_it_is_asked_to_stop(void **state)
{
    (void)state;
    assert_false(torc_is_running(reactor));
    torc_call_soon(root, note_running, "a");
    torc_call_soon(root, stop_and_note_running, "b");
    torc_run_and_keep(reactor);
    assert_ran("a:running b:not-running ");
    assert_false(torc_is_running(reactor));
}

static void a_reactor_that_has_stopped_does_not_run_again(void **state)
{
    (void)state;
    torc_stop_with(reactor, 3);
    torc_run_and_keep(reactor);
    torc_call_soon(root, say, "never");
    assert_int_equal(torc_run_and_keep(reactor), 3);
    assert_false(torc_iterate(reactor, 0));
    assert_ran("");
}

static void set_when_running(void *name)
{
    say(name);
    torc_call_when_running(root, say, "inner");
}

static void call_when_running_runs_at_the_start_and_in_the_next_turn_later(void **state)
{
    (void)state;
    torc_call_when_running(root, set_when_running, "start");
    assert_ran("");
    turn();
    assert_ran("start ");
    turn();
    assert_ran("inner ");
}

static void without_memory_call_when_running_is_logged(void **state)
{
    (void)state;
    fail_all_allocations();
    torc_call_when_running(root, say, "never");
    allow_allocations();
    assert_int_equal(logged, 1);
    assert_non_null(strstr(last_logged, "out of memory"));
    turn();
    assert_ran("");
}

static void iterate_waits_at_most_as_long_as_it_is_told(void **state)
{
    torc_time start = clock_by_hand;

    (void)state;
    assert_true(torc_iterate(reactor, TORC_SECOND));
    assert_true(clock_by_hand == start + TORC_SECOND);
    torc_call_later(root, TORC_MILLISECOND, say, "a");
    assert_true(torc_iterate(reactor, TORC_SECOND));
    assert_true(clock_by_hand < start + TORC_SECOND + 3 * TORC_MILLISECOND);
    assert_true(torc_iterate(reactor, 0));
    assert_ran("a ");
}

static void iterate_does_not_wait_after_having_had_something_to_do(void **state)
{
    torc_time start = clock_by_hand;

    (void)state;
    torc_call_soon(root, say, "a");
    assert_true(torc_iterate(reactor, TORC_HOUR));
    assert_ran("a ");
    assert_true(clock_by_hand == start);
}

static void iterate_with_the_machines_clock_is_neither_early_nor_long(void **state)
{
    torc_time start = torc_monotonic_now();

    (void)state;
    assert_true(torc_iterate(reactor, 20 * TORC_MILLISECOND));
    assert_true(torc_monotonic_now() - start >= 20 * TORC_MILLISECOND);
    start = torc_monotonic_now();
    assert_true(torc_iterate(reactor, 0));
    assert_true(torc_monotonic_now() - start < TORC_SECOND);
}

/* Each driver has its own way to wait. */
static void no_driver_runs_a_timer_early(void **state)
{
    (void)state;
    for (size_t i = 0; torc_driver_name(i) != NULL; i++) {
        torc_failure *failure = NULL;
        torc_reactor *named;
        torc_time start;

        if (!driver_works(torc_driver_name(i)))
            continue;
        named = torc_reactor_new_named(torc_driver_name(i), &failure);
        assert_non_null(named);
        start = torc_now(named);
        torc_call_later(torc_root(named), 15 * TORC_MILLISECOND + 300, say, "ran");
        while (record[0] == '\0')
            torc_iterate(named, 20 * TORC_MILLISECOND);
        assert_ran("ran ");
        assert_true(torc_monotonic_now() - start >= 15 * TORC_MILLISECOND + 300);
        torc_reactor_free(named);
    }
}

static torc_time seen_now[2];

static void look_at_clock(void *index)
{
    seen_now[*(int *)index] = torc_now(reactor);
    clock_by_hand += TORC_SECOND;
}

static void the_clock_stands_still_within_a_turns_calls(void **state)
{
    static int indices[] = { 0, 1 };

    (void)state;
    torc_call_soon(root, look_at_clock, &indices[0]);
    torc_call_soon(root, look_at_clock, &indices[1]);
    turn();
    assert_true(seen_now[0] == seen_now[1]);
    turn();
    assert_true(torc_now(reactor) >= seen_now[0] + 2 * TORC_SECOND);
}

static torc_reactor *inner_reactor;

static void run_inner(void *name)
{
    inner_reactor = torc_reactor_new();
    torc_call_soon(torc_root(inner_reactor), say, "inner");
    torc_iterate(inner_reactor, 0);
    torc_reactor_free(inner_reactor);
    say(name);
}

static void another_reactor_of_the_thread_may_run_inside_a_call(void **state)
{
    (void)state;
    torc_call_soon(root, run_inner, "outer");
    turn();
    assert_ran("inner outer ");
}

static void freeing_no_reactor_is_harmless(void **state)
{
    (void)state;
    torc_reactor_free(NULL);
}

/* -- what is refused ----------------------------------------------------------------------- */

static void run_inside(void *argument)
{
    (void)argument;
    torc_run(reactor);
}

static void iterate_inside(void *argument)
{
    (void)argument;
    torc_iterate(reactor, 0);
}

static void free_inside(void *argument)
{
    (void)argument;
    torc_reactor_free(reactor);
}

static void turn_that_runs(void)
{
    torc_call_soon(root, run_inside, NULL);
    turn();
}

static void turn_that_iterates(void)
{
    torc_call_soon(root, iterate_inside, NULL);
    turn();
}

static void turn_that_frees(void)
{
    torc_call_soon(root, free_inside, NULL);
    turn();
}

static void end_that_frees(void)
{
    torc_scope_on_end(root, free_inside, NULL);
    torc_reactor_free(reactor);
}

static void end_that_runs(void)
{
    torc_scope_on_end(root, run_inside, NULL);
    torc_reactor_free(reactor);
}

static void running_iterating_or_freeing_inside_a_callback_aborts(void **state)
{
    (void)state;
    expect_abort(turn_that_runs, "torc_run was called from inside a callback");
    expect_abort(turn_that_iterates, "torc_iterate was called from inside a callback");
    expect_abort(turn_that_frees, "torc_reactor_free was called from inside a callback");
    expect_abort(end_that_frees, "torc_reactor_free was called from inside a callback");
    expect_abort(end_that_runs, "torc_run was called from inside a callback");
}

static torc_timer timer;
static torc_delayed_call delayed;

static void call_stop(void) { torc_stop(reactor); }
static void call_stop_with(void) { torc_stop_with(reactor, 1); }
static void call_run(void) { torc_run(reactor); }
static void call_iterate(void) { torc_iterate(reactor, 0); }
static void call_free(void) { torc_reactor_free(reactor); }
static void call_stall(void) { torc_set_stall_limit(reactor, 1); }
static void call_later(void) { torc_call_later(root, 0, say, ""); }
static void call_soon(void) { torc_call_soon(root, say, ""); }
static void call_when(void) { torc_call_when_running(root, say, ""); }
static void call_cancel(void) { torc_delayed_cancel(&delayed); }
static void call_reset(void) { torc_delayed_reset(&delayed, 1); }
static void call_delay(void) { torc_delayed_delay(&delayed, 1); }
static void call_timer_set(void) { torc_timer_set(&timer, root, 0, say, ""); }
static void call_timer_cancel(void) { torc_timer_cancel(&timer); }
static void call_scope_new(void) { torc_scope_new(root); }
static void call_scope_end(void) { torc_scope_end(root); }
static void call_on_end(void) { torc_scope_on_end(root, say, ""); }
static void call_on_signal(void) { torc_on_signal(root, 10, say, ""); }
static void call_on_shutdown(void) { torc_on_shutdown(root, TORC_AFTER_SHUTDOWN, NULL, NULL); }
static void call_deferred_new(void) { torc_deferred_new(root, NULL, NULL); }

static const struct wrong_call {
    const char *name;
    void (*call)(void);
} wrong_calls[] = {
    { "torc_stop", call_stop },
    { "torc_stop_with", call_stop_with },
    { "torc_run", call_run },
    { "torc_iterate", call_iterate },
    { "torc_reactor_free", call_free },
    { "torc_set_stall_limit", call_stall },
    { "torc_call_later", call_later },
    { "torc_call_soon", call_soon },
    { "torc_call_when_running", call_when },
    { "torc_delayed_cancel", call_cancel },
    { "torc_delayed_reset", call_reset },
    { "torc_delayed_delay", call_delay },
    { "torc_timer_set", call_timer_set },
    { "torc_timer_cancel", call_timer_cancel },
    { "torc_scope_new", call_scope_new },
    { "torc_scope_end", call_scope_end },
    { "torc_scope_on_end", call_on_end },
    { "torc_on_signal", call_on_signal },
    { "torc_on_shutdown", call_on_shutdown },
    { "torc_deferred_new", call_deferred_new },
};

static const struct wrong_call *wrong_call;

static void *call_in_thread(void *argument)
{
    (void)argument;
    wrong_call->call();
    return NULL;
}

static void start_wrong_thread(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, call_in_thread, NULL);
    pthread_join(thread, NULL);
}

static void a_call_from_a_wrong_thread_aborts_and_names_itself(void **state)
{
    (void)state;
    delayed = torc_call_later(root, TORC_HOUR, say, "never");
    torc_timer_set(&timer, root, TORC_HOUR, say, "never");
    for (size_t i = 0; i < sizeof wrong_calls / sizeof wrong_calls[0]; i++) {
        char words[128];

        wrong_call = &wrong_calls[i];
        snprintf(words, sizeof words,
            "%s was called from a thread that the reactor does not belong to", wrong_call->name);
        expect_abort(start_wrong_thread, words);
    }
}

/* -- stalls -------------------------------------------------------------------------------- */

static void hold_the_loop(void *argument)
{
    torc_time end = torc_monotonic_now() + 5 * TORC_MILLISECOND;

    (void)argument;
    while (torc_monotonic_now() < end)
        continue;
}

static void a_call_that_holds_the_loop_longer_than_the_limit_is_logged(void **state)
{
    (void)state;
    torc_set_stall_limit(reactor, 2 * TORC_MILLISECOND);
    torc_call_soon(root, hold_the_loop, NULL);
    turn();
    assert_int_equal(logged, 1);
    assert_non_null(strstr(last_logged, "a call of the program's held the loop for "));
    assert_non_null(strstr(last_logged, " ms"));
}

static void stalling_made(torc_protocol *self)
{
    torc_call_soon(torc_scope_of(self), hold_the_loop, NULL);
}

static void the_log_names_the_protocol_that_holds_the_loop(void **state)
{
    static const torc_protocol_class slow = {
        .name = "Sluggish",
        .connection_made = stalling_made,
    };
    static const torc_protocol_class silent = { .name = "Silent" };

    (void)state;
    torc_set_stall_limit(reactor, 2 * TORC_MILLISECOND);
    torc_connect_in_memory(root, torc_factory_of(&slow), torc_factory_of(&silent));
    for (int i = 0; i < 3; i++)
        turn();
    assert_int_equal(logged, 1);
    assert_non_null(strstr(last_logged, "Sluggish,"));
    assert_non_null(strstr(last_logged, "held the loop for "));
}

static void calls_within_the_limit_and_without_a_limit_are_not_logged(void **state)
{
    (void)state;
    torc_call_soon(root, hold_the_loop, NULL);
    turn();
    torc_set_stall_limit(reactor, TORC_MINUTE);
    torc_call_soon(root, hold_the_loop, NULL);
    turn();
    torc_set_stall_limit(reactor, 2 * TORC_MILLISECOND);
    torc_set_stall_limit(reactor, 0);
    torc_call_soon(root, hold_the_loop, NULL);
    turn();
    assert_int_equal(logged, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REACTOR_TEST(every_driver_of_this_build_makes_a_reactor_of_its_name),
        REACTOR_TEST(an_unknown_driver_is_a_failure_that_names_the_others),
        REACTOR_TEST(the_environment_chooses_the_driver),
        REACTOR_TEST(an_unknown_driver_in_the_environment_ends_the_process_with_a_message),
        REACTOR_TEST(a_machine_on_which_no_driver_works_ends_the_process_with_a_message),
        REACTOR_TEST(without_memory_a_named_reactor_is_a_failure_and_nothing_is_left),
        REACTOR_TEST(without_descriptors_a_named_reactor_is_a_failure_and_nothing_is_left),
        REACTOR_TEST(run_frees_the_reactor_and_gives_its_status),
        REACTOR_TEST(a_reactor_is_running_from_its_start_until_it_is_asked_to_stop),
        REACTOR_TEST(a_reactor_that_has_stopped_does_not_run_again),
        REACTOR_TEST(call_when_running_runs_at_the_start_and_in_the_next_turn_later),
        REACTOR_TEST(without_memory_call_when_running_is_logged),
        REACTOR_TEST(iterate_waits_at_most_as_long_as_it_is_told),
        REACTOR_TEST(iterate_does_not_wait_after_having_had_something_to_do),
        REAL_TIME_TEST(iterate_with_the_machines_clock_is_neither_early_nor_long),
        REAL_TIME_TEST(no_driver_runs_a_timer_early),
        REACTOR_TEST(the_clock_stands_still_within_a_turns_calls),
        REACTOR_TEST(another_reactor_of_the_thread_may_run_inside_a_call),
        REACTOR_TEST(freeing_no_reactor_is_harmless),
        REACTOR_TEST(running_iterating_or_freeing_inside_a_callback_aborts),
        REACTOR_TEST(a_call_from_a_wrong_thread_aborts_and_names_itself),
        REACTOR_TEST(a_call_that_holds_the_loop_longer_than_the_limit_is_logged),
        REACTOR_TEST(the_log_names_the_protocol_that_holds_the_loop),
        REACTOR_TEST(calls_within_the_limit_and_without_a_limit_are_not_logged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
