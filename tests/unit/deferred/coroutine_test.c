/*
 * Spawning and waiting: when a coroutine runs, what it gets, and who owns that.
 */
#include "deferred/coroutine_support.h"

/* Of <fenv.h>, without its library. */
#if defined(__x86_64__)
# include <xmmintrin.h>
enum { NEAREST = _MM_ROUND_NEAREST, UPWARD = _MM_ROUND_UP };
# define ROUNDING()        ((int)_MM_GET_ROUNDING_MODE())
# define SET_ROUNDING(way) _MM_SET_ROUNDING_MODE(way)
#elif defined(__aarch64__) && defined(__GNUC__) && !defined(__clang__)
enum { NEAREST = 0, UPWARD = 1 << 22 };
# define ROUNDING()        ((int)(__builtin_aarch64_get_fpcr() & (3 << 22)))
# define SET_ROUNDING(way) __builtin_aarch64_set_fpcr(way)
#endif

/* -- beginning and returning ---------------------------------------------------------------- */

static torc_result give_seven(torc_scope *scope, void *argument)
{
    (void)scope;
    note("%s ", (const char *)argument);
    return torc_integer(7);
}

static void it_begins_in_a_turn_and_its_deferred_gives_what_it_returns(void **state)
{
    torc_deferred *seven = torc_spawn(root, give_seven, "runs");

    (void)state;
    torc_add_callback(seven, see, "seven");
    assert_ran("");
    assert_false(torc_deferred_has_fired(seven));
    turn();
    assert_ran("runs seven=7 ");
    assert_int_equal(coroutines_running(), 0);
}

static torc_result spawn_more(torc_scope *scope, void *argument)
{
    (void)scope;
    (void)argument;
    torc_add_callback(torc_spawn(root, give_seven, "inner"), see, "inner");
    note("spawned ");
    return torc_nothing();
}

static void one_spawned_by_another_begins_in_a_later_turn(void **state)
{
    (void)state;
    torc_spawn(root, spawn_more, NULL);
    turn();
    assert_ran("spawned ");
    turns(2);
    assert_ran("inner inner=7 ");
}

static void several_begin_in_the_order_of_their_spawning(void **state)
{
    (void)state;
    torc_spawn(root, give_seven, "a");
    torc_spawn(root, give_seven, "b");
    torc_spawn(root, give_seven, "c");
    turn();
    assert_ran("a b c ");
}

static torc_result return_failure(torc_scope *scope, void *argument)
{
    (void)scope;
    (void)argument;
    return torc_fail_with(&torc_error_refused, "no");
}

static void a_failure_that_it_returns_goes_to_the_errbacks_or_to_the_log(void **state)
{
    (void)state;
    torc_add_errback(torc_spawn(root, return_failure, NULL), swallow, "failed");
    turns(2);
    assert_ran("failed!ConnectionRefused ");
    assert_int_equal(logged, 0);
    torc_spawn(root, return_failure, NULL);
    turns(2);
    assert_int_equal(logged, 1);
}

static torc_result return_deferred(torc_scope *scope, void *argument)
{
    torc_deferred *inner = torc_deferred_new(scope, NULL, NULL);

    *(torc_deferred **)argument = inner;
    return torc_wait_for(inner);
}

static void to_return_a_deferred_of_its_own_is_to_await_it(void **state)
{
    torc_deferred *inner = NULL;

    (void)state;
    torc_add_callback(torc_spawn(root, return_deferred, &inner), see, "outer");
    turn();
    assert_ran("");
    torc_fire(inner, torc_integer(3));
    assert_ran("outer=3 ");
}

static void in_a_scope_that_has_ended_it_does_not_run_and_has_failed(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_scope_end(scope);
    torc_add_both(torc_spawn(scope, give_seven, "never"), see, "seven");
    turns(2);
    assert_ran("seven!Cancelled ");
    assert_int_equal(coroutines_running(), 0);
}

/* -- awaiting ------------------------------------------------------------------------------- */

static void it_goes_on_where_what_it_awaits_is_fired(void **state)
{
    torc_deferred *promise = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_callback(torc_spawn(root, await_it, promise), see, "returned");
    turn();
    assert_ran("begin ");
    torc_fire(promise, torc_integer(4));
    note("after ");
    assert_ran("got=4 returned=4 after ");
}

static void a_result_that_is_there_already_is_given_without_waiting(void **state)
{
    (void)state;
    torc_spawn(root, await_it, torc_deferred_fired(torc_root(reactor), torc_integer(5)));
    turn();
    assert_ran("begin got=5 ");
}

static void the_chain_runs_before_the_await_gives_its_result(void **state)
{
    torc_deferred *promise = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_callback(promise, add_one, "one");
    torc_spawn(root, await_it, promise);
    turn();
    torc_add_callback(promise, add_one, "two");
    torc_fire(promise, torc_integer(1));
    assert_ran("begin one=1 two=2 got=3 ");
}

static void a_failure_that_is_awaited_is_handled(void **state)
{
    torc_deferred *promise = torc_deferred_new(root, NULL, NULL);
    torc_deferred *job = torc_spawn(root, await_it, promise);

    (void)state;
    torc_add_errback(job, swallow, "job");
    turn();
    torc_fire(promise, torc_fail_with(&torc_error_refused, "no"));
    turns(2);
    assert_ran("begin got!ConnectionRefused job!ConnectionRefused ");
    assert_int_equal(logged, 0);
}

static torc_result await_in_line(torc_scope *scope, void *argument)
{
    int64_t sum = 0;
    torc_deferred *line[3];

    (void)argument;
    for (int i = 0; i < 3; i++)
        line[i] = torc_deferred_fired(scope, torc_integer(i + 1));
    torc_sleep(scope, 0);
    torc_sleep(scope, 0);
    for (int i = 2; i >= 0; i--)
        sum += torc_result_integer(torc_await(line[i]));
    return torc_integer(sum);
}

static void what_is_of_its_own_scope_keeps_its_result_until_it_is_awaited(void **state)
{
    (void)state;
    torc_add_callback(torc_spawn(root, await_in_line, NULL), see, "sum");
    turns(8);
    assert_ran("sum=6 ");
}

static torc_result leave_failure(torc_scope *scope, void *argument)
{
    (void)argument;
    torc_deferred_fired(scope, torc_fail_with(&torc_error_refused, "left alone"));
    torc_sleep(scope, 0);
    note("logged %zu ", logged);
    return torc_nothing();
}

static void a_failure_of_its_own_scope_that_is_never_awaited_is_logged_at_the_end(void **state)
{
    (void)state;
    torc_spawn(root, leave_failure, NULL);
    turns(4);
    assert_ran("logged 0 ");
    assert_int_equal(logged, 1);
    assert_non_null(strstr(last_logged, "left alone"));
}

static torc_result await_many(torc_scope *scope, void *members)
{
    for (int i = 0; i < 200; i++) {
        torc_await(torc_deferred_fired(scope, torc_integer(i)));
        torc_sleep(scope, 0);
    }
    for (torc_scoped *one = scope->members.newer; one != &scope->members; one = one->newer)
        ++*(size_t *)members;
    return torc_nothing();
}

static void what_was_awaited_is_given_back_while_the_coroutine_goes_on(void **state)
{
    size_t members = 0;
    torc_deferred *job = torc_deferred_hold(torc_spawn(root, await_many, &members));
    torc_result result;

    (void)state;
    for (int i = 0; i < 1000 && !torc_deferred_has_fired(job); i++)
        turn();
    assert_true(torc_deferred_result(job, &result));
    assert_true(members < 5);
    torc_deferred_release(job);
}

static torc_result await_child(torc_scope *scope, void *depth)
{
    int left = *(int *)depth;

    if (left == 0)
        return torc_integer(0);
    --*(int *)depth;
    return torc_integer(
        torc_result_integer(torc_await(torc_spawn(scope, await_child, depth))) + 1);
}

static void coroutines_may_wait_for_each_other_to_any_depth(void **state)
{
    int depth = 300;

    (void)state;
    torc_add_callback(torc_spawn(root, await_child, &depth), see, "depth");
    turns(310);
    assert_ran("depth=300 ");
}

static torc_result ready_many_times(torc_scope *scope, void *argument)
{
    int64_t sum = 0;

    (void)argument;
    for (int i = 0; i < 100000; i++)
        sum += torc_result_integer(torc_await(torc_deferred_fired(scope, torc_integer(1))));
    return torc_integer(sum);
}

static void results_that_are_ready_need_no_stack(void **state)
{
    (void)state;
    torc_add_callback(torc_spawn(root, ready_many_times, NULL), see, "sum");
    turn();
    assert_ran("sum=100000 ");
}

/* -- values --------------------------------------------------------------------------------- */

static torc_result borrow_two(torc_scope *scope, void *argument)
{
    torc_result first;

    (void)argument;
    first = torc_await(torc_deferred_fired(scope, new_counted()));
    note("%d ", holders);
    torc_result_hold(first);
    torc_await(torc_deferred_fired(scope, new_counted()));
    note("%d ", holders);
    torc_sleep(scope, 0);
    note("%d ", holders);
    torc_result_release(first);
    note("%d ", holders);
    return torc_nothing();
}

static void an_awaited_result_is_borrowed_until_the_next_wait_unless_it_is_held(void **state)
{
    (void)state;
    holders = 0;
    torc_spawn(root, borrow_two, NULL);
    turns(4);
    assert_ran("1 2 1 0 ");
    assert_int_equal(holders, 0);
}

static torc_result return_awaited(torc_scope *scope, void *argument)
{
    (void)argument;
    return torc_await(torc_deferred_fired(scope, new_counted()));
}

static torc_result count_holders(void *name, torc_result result)
{
    note("%s %d ", (const char *)name, holders);
    return result;
}

static void to_return_what_was_awaited_last_passes_it_on(void **state)
{
    (void)state;
    holders = 0;
    torc_add_callback(torc_spawn(root, return_awaited, NULL), count_holders, "holders");
    turns(2);
    assert_ran("holders 1 ");
    assert_int_equal(holders, 0);
}

/* -- sleeping ------------------------------------------------------------------------------- */

static torc_result sleep_twice(torc_scope *scope, void *done)
{
    torc_time begin = torc_now(torc_scope_reactor(scope));

    torc_sleep(scope, 3 * TORC_MILLISECOND);
    torc_sleep(scope, 3 * TORC_MILLISECOND);
    assert_true(torc_now(torc_scope_reactor(scope)) >= begin + 6 * TORC_MILLISECOND);
    *(bool *)done = true;
    return torc_nothing();
}

static void it_sleeps_as_long_as_it_says(void **state)
{
    bool done = false;

    (void)state;
    torc_spawn(root, sleep_twice, &done);
    turn_until(&done);
}

static torc_result take_turns(torc_scope *scope, void *name)
{
    for (int i = 0; i < 3; i++) {
        note("%s%d ", (const char *)name, i);
        torc_yield(scope);
    }
    return torc_nothing();
}

static void those_that_yield_take_turns(void **state)
{
    (void)state;
    torc_spawn(root, take_turns, "a");
    torc_spawn(root, take_turns, "b");
    turns(6);
    assert_ran("a0 b0 a1 b1 a2 b2 ");
}

/* -- what a switch preserves ---------------------------------------------------------------- */

#ifdef ROUNDING
static torc_result round_upwards(torc_scope *scope, void *argument)
{
    (void)argument;
    SET_ROUNDING(UPWARD);
    torc_yield(scope);
    assert_int_equal(ROUNDING(), UPWARD);
    note("up ");
    return torc_nothing();
}

static void each_has_a_floating_point_mode_of_its_own(void **state)
{
    (void)state;
    torc_spawn(root, round_upwards, NULL);
    turn();
    assert_int_equal(ROUNDING(), NEAREST);
    turns(2);
    assert_int_equal(ROUNDING(), NEAREST);
    assert_ran("up ");
}
#endif

static torc_result use_all_registers(torc_scope *scope, void *argument)
{
    volatile const int *seed = argument;
    int a = *seed, b = a + 1, c = b * 3, d = c - a, e = d * b, f = e + c, g = f - b, h = g * 2;
    double p = a * 0.5, q = p + b, r = q * c, s = r - d;

    for (int i = 0; i < 4; i++) {
        torc_yield(scope);
        a += i, b -= a, c += b, d += c, e -= d, f += e, g -= f, h += g;
        p += i, q -= p, r += q, s -= r;
    }
    return torc_integer(a + b + c + d + e + f + g + h + (int64_t)(p + q + r + s));
}

static torc_result compare_results(void *first, torc_result result)
{
    int64_t *expected = first;

    if (*expected == INT64_MIN)
        *expected = torc_result_integer(result);
    assert_int_equal(*expected, torc_result_integer(result));
    note("same ");
    return torc_nothing();
}

static void what_a_function_has_in_registers_outlives_a_switch(void **state)
{
    static const int seed = 11;
    int64_t expected = INT64_MIN;

    (void)state;
    for (int i = 0; i < 3; i++)
        torc_add_callback(torc_spawn(root, use_all_registers, (void *)(uintptr_t)&seed),
            compare_results, &expected);
    turns(8);
    assert_ran("same same same ");
}

static torc_result format_a_number(torc_scope *scope, void *argument)
{
    char text[64];

    (void)scope;
    snprintf(text, sizeof text, "%.3f", *(double *)argument);
    note("%s ", text);
    return torc_nothing();
}

static void the_stack_is_aligned_as_library_functions_need_it(void **state)
{
    double number = 1.5;

    (void)state;
    torc_spawn(root, format_a_number, &number);
    turn();
    assert_ran("1.500 ");
}

/* -- who speaks ----------------------------------------------------------------------------- */

static void note_context(void *argument, const torc_log_event *event)
{
    (void)argument;
    note("[%s] ", event->context);
}

static torc_result speak(torc_scope *scope, void *argument)
{
    (void)argument;
    torc_log_error("before");
    torc_yield(scope);
    torc_log_error("after");
    return torc_nothing();
}

static void what_it_logs_says_that_it_speaks(void **state)
{
    (void)state;
    torc_log_add_observer(TORC_LOG_ERROR, note_context, NULL);
    torc_spawn(root, speak, NULL);
    turn();
    torc_log_error("in between");
    turns(2);
    torc_log_remove_observer(note_context, NULL);
    assert_ran("[speak] [-] [speak] ");
}

static torc_result hold_the_loop(torc_scope *scope, void *argument)
{
    torc_time until = torc_monotonic_now() + 5 * TORC_MILLISECOND;

    (void)scope;
    (void)argument;
    while (torc_monotonic_now() < until) {
    }
    return torc_nothing();
}

static void note_stall(void *argument, const torc_log_event *event)
{
    (void)argument;
    if (strstr(event->message.data, "held the loop") != NULL)
        note("%.*s ", 13, event->message.data);
}

static void the_stall_detector_names_it(void **state)
{
    (void)state;
    torc_set_stall_limit(reactor, TORC_MILLISECOND);
    torc_log_add_observer(TORC_LOG_WARN, note_stall, NULL);
    torc_spawn(root, hold_the_loop, NULL);
    turn();
    torc_log_remove_observer(note_stall, NULL);
    torc_set_stall_limit(reactor, 0);
    assert_ran("hold_the_loop ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEFERRED_TEST(it_begins_in_a_turn_and_its_deferred_gives_what_it_returns),
        DEFERRED_TEST(one_spawned_by_another_begins_in_a_later_turn),
        DEFERRED_TEST(several_begin_in_the_order_of_their_spawning),
        DEFERRED_TEST(a_failure_that_it_returns_goes_to_the_errbacks_or_to_the_log),
        DEFERRED_TEST(to_return_a_deferred_of_its_own_is_to_await_it),
        DEFERRED_TEST(in_a_scope_that_has_ended_it_does_not_run_and_has_failed),
        DEFERRED_TEST(it_goes_on_where_what_it_awaits_is_fired),
        DEFERRED_TEST(a_result_that_is_there_already_is_given_without_waiting),
        DEFERRED_TEST(the_chain_runs_before_the_await_gives_its_result),
        DEFERRED_TEST(a_failure_that_is_awaited_is_handled),
        DEFERRED_TEST(what_is_of_its_own_scope_keeps_its_result_until_it_is_awaited),
        DEFERRED_TEST(a_failure_of_its_own_scope_that_is_never_awaited_is_logged_at_the_end),
        DEFERRED_TEST(what_was_awaited_is_given_back_while_the_coroutine_goes_on),
        DEFERRED_TEST(coroutines_may_wait_for_each_other_to_any_depth),
        DEFERRED_TEST(results_that_are_ready_need_no_stack),
        DEFERRED_TEST(an_awaited_result_is_borrowed_until_the_next_wait_unless_it_is_held),
        DEFERRED_TEST(to_return_what_was_awaited_last_passes_it_on),
        DEFERRED_TEST(it_sleeps_as_long_as_it_says),
        DEFERRED_TEST(those_that_yield_take_turns),
#ifdef ROUNDING
        DEFERRED_TEST(each_has_a_floating_point_mode_of_its_own),
#endif
        DEFERRED_TEST(what_a_function_has_in_registers_outlives_a_switch),
        DEFERRED_TEST(the_stack_is_aligned_as_library_functions_need_it),
        DEFERRED_TEST(what_it_logs_says_that_it_speaks),
        DEFERRED_TEST(the_stall_detector_names_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
