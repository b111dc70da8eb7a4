/*
 * Rate limits: what is there, who waits for how long and in which order, and every way to end.
 */
#include "task/support.h"

static torc_rate_limit *limit_of(uint64_t amount, uint64_t burst)
{
    torc_rate_limit_options options = { .amount = amount, .burst = burst };

    return torc_rate_limit_new(root, &options);
}

static torc_deferred *take(torc_rate_limit *limit, uint64_t amount, const char *name)
{
    torc_deferred *taken = torc_rate_limit_take(limit, root, amount);

    watch(taken, name);
    return taken;
}

/* -- the bucket ---------------------------------------------------------------------------- */

static void a_full_bucket_gives_at_once(void **state)
{
    torc_rate_limit *limit = limit_of(1, 3);

    (void)state;
    take(limit, 2, "a");
    take(limit, 1, "b");
    assert_ran("a- b- ");
    take(limit, 1, "c");
    assert_ran("");
    advance(S - 1);
    assert_ran("");
    advance(1);
    assert_ran("c- ");
}

static void tokens_come_at_a_steady_rate(void **state)
{
    torc_rate_limit *limit = limit_of(10, 1);

    (void)state;
    for (int i = 0; i < 6; i++)
        take(limit, 1, i % 2 == 0 ? "a" : "b");
    assert_ran("a- ");
    advance(100 * MS - 1);
    assert_ran("");
    advance(1);
    assert_ran("b- ");
    advance(300 * MS);
    assert_ran("a- b- a- ");
    advance(100 * MS);
    assert_ran("b- ");
}

static void the_bucket_never_holds_more_than_the_burst(void **state)
{
    torc_rate_limit *limit = limit_of(10, 5);

    (void)state;
    advance(24 * TORC_HOUR);
    assert_true(torc_rate_limit_try(limit, 5));
    assert_false(torc_rate_limit_try(limit, 1));
    advance(700 * MS);
    assert_true(torc_rate_limit_try(limit, 5));
    assert_false(torc_rate_limit_try(limit, 1));
    advance(100 * MS);
    assert_true(torc_rate_limit_try(limit, 1));
    assert_false(torc_rate_limit_try(limit, 1));
}

static void the_burst_is_the_amount_unless_it_is_said(void **state)
{
    torc_rate_limit *limit = limit_of(7, 0);
    torc_rate_limit *usual = torc_rate_limit_new(root, NULL);

    (void)state;
    assert_true(torc_rate_limit_try(limit, 7));
    assert_false(torc_rate_limit_try(limit, 1));
    assert_true(torc_rate_limit_try(usual, 1));
    assert_false(torc_rate_limit_try(usual, 1));
    advance(S);
    assert_true(torc_rate_limit_try(usual, 1));
}

/* A third of a second is no whole number of nanoseconds; 3000 of them are 1000 seconds. */
static void nothing_is_lost_by_rounding(void **state)
{
    torc_rate_limit *limit = limit_of(3, 1);

    (void)state;
    assert_true(torc_rate_limit_try(limit, 1));
    for (int i = 0; i < 1000; i++) {
        torc_rate_limit_take(limit, root, 1);
        torc_rate_limit_take(limit, root, 1);
        torc_rate_limit_take(limit, root, 1);
        advance(S - 7);
        advance(7);
    }
    assert_false(torc_rate_limit_try(limit, 1));
    advance(S / 3);
    assert_false(torc_rate_limit_try(limit, 1));
    advance(1);
    assert_true(torc_rate_limit_try(limit, 1));
}

static void any_time_unit_will_do(void **state)
{
    torc_rate_limit_options hourly = { .amount = 2, .per = TORC_HOUR, .burst = 1 };
    torc_rate_limit_options bytes = { .amount = 1000000000, .burst = 4000000000 };
    torc_rate_limit_options endless = { .amount = 1, .per = TORC_HOUR, .burst = UINT64_MAX / 2 };
    torc_rate_limit *limit = torc_rate_limit_new(root, &hourly);

    (void)state;
    take(limit, 1, "a");
    take(limit, 1, "b");
    advance(30 * TORC_MINUTE - 1);
    assert_ran("a- ");
    advance(1);
    assert_ran("b- ");
    limit = torc_rate_limit_new(root, &bytes);
    assert_true(torc_rate_limit_try(limit, 4000000000));
    advance(1);
    assert_true(torc_rate_limit_try(limit, 1));
    assert_false(torc_rate_limit_try(limit, 1));
    assert_null(torc_rate_limit_new(root, &endless));
}

static torc_result count_taken(void *taken, torc_result result)
{
    ++*(int *)taken;
    return result;
}

/* In real time, where a timer is late by up to a millisecond: 3000 tokens at 10,000 in a second. */
static void late_timers_do_not_slow_it_down(void **state)
{
    torc_reactor *real = torc_reactor_new();
    torc_rate_limit_options options = { .amount = 10000, .burst = 1, .waiters_max = 3000 };
    torc_rate_limit *limit = torc_rate_limit_new(torc_root(real), &options);
    torc_time start = torc_now(real);
    int taken = 0;

    (void)state;
    for (int i = 0; i < 3000; i++)
        torc_add_callback(
            torc_rate_limit_take(limit, torc_root(real), 1), count_taken, &taken);
    while (taken < 3000)
        torc_iterate(real, S);
    assert_true(torc_now(real) - start >= 299 * MS);
    assert_true(torc_now(real) - start < 2 * S);
    torc_reactor_free(real);
}

static void hold_up(void *argument)
{
    torc_time until = torc_monotonic_now() + 30 * MS;

    (void)argument;
    while (torc_monotonic_now() < until)
        continue;
}

static torc_result try_two(void *limit, torc_result result)
{
    assert_true(torc_rate_limit_try(limit, 1));
    assert_false(torc_rate_limit_try(limit, 1));
    note("tried ");
    return result;
}

/* What came while a waiter was served late is for those behind him, and for nobody else. */
static void a_late_timer_does_not_leave_more_than_the_burst(void **state)
{
    torc_reactor *real = torc_reactor_new();
    torc_rate_limit_options options = { .amount = 10000, .burst = 1 };
    torc_rate_limit *limit = torc_rate_limit_new(torc_root(real), &options);

    (void)state;
    record[0] = '\0';
    assert_true(torc_rate_limit_try(limit, 1));
    torc_add_callback(torc_rate_limit_take(limit, torc_root(real), 1), try_two, limit);
    torc_call_soon(torc_root(real), hold_up, NULL);
    while (record[0] == '\0')
        torc_iterate(real, S);
    torc_reactor_free(real);
    assert_ran("tried ");
}

/* -- the line ------------------------------------------------------------------------------ */

static void who_came_first_is_served_first(void **state)
{
    torc_rate_limit *limit = limit_of(1, 5);

    (void)state;
    assert_true(torc_rate_limit_try(limit, 5));
    take(limit, 4, "big");
    take(limit, 1, "small");
    assert_false(torc_rate_limit_try(limit, 1));
    advance(2 * S);
    assert_false(torc_rate_limit_try(limit, 1));
    take(limit, 1, "last");
    advance(2 * S);
    assert_ran("big- ");
    advance(S);
    assert_ran("small- ");
    advance(S);
    assert_ran("last- ");
}

static void more_than_the_bucket_holds_is_refused(void **state)
{
    torc_rate_limit *limit = limit_of(1, 5);

    (void)state;
    take(limit, 6, "a");
    assert_false(torc_rate_limit_try(limit, 6));
    take(limit, UINT64_MAX, "b");
    take(limit, 0, "c");
    assert_ran("a!InvalidArgument b!InvalidArgument c- ");
}

static void the_line_has_a_bound(void **state)
{
    torc_rate_limit_options options = { .waiters_max = 2 };
    torc_rate_limit *limit = torc_rate_limit_new(root, &options);

    (void)state;
    take(limit, 1, "a");
    take(limit, 1, "b");
    take(limit, 1, "c");
    take(limit, 1, "d");
    assert_ran("a- d!LimitReached ");
    advance(S);
    take(limit, 1, "e");
    assert_ran("b- ");
    advance(2 * S);
    assert_ran("c- e- ");
}

static void cancelling_gives_up_the_place(void **state)
{
    torc_rate_limit *limit = limit_of(1, 5);
    torc_deferred *big;
    torc_deferred *small;

    (void)state;
    assert_true(torc_rate_limit_try(limit, 5));
    big = take(limit, 5, "big");
    small = take(limit, 1, "small");
    take(limit, 2, "middle");
    advance(2 * S);
    torc_cancel(small);
    assert_ran("small!Cancelled ");
    torc_cancel(big);
    assert_ran("big!Cancelled ");
    run_idle();
    assert_ran("middle- ");
    advance(S);
    assert_true(torc_rate_limit_try(limit, 1));
}

static torc_result take_again(void *limit, torc_result result)
{
    note("first ");
    take(limit, 1, "again");
    return result;
}

static void who_is_served_may_take_again(void **state)
{
    torc_rate_limit *limit = limit_of(1, 1);
    torc_deferred *first;

    (void)state;
    take(limit, 1, "a");
    first = torc_rate_limit_take(limit, root, 1);
    torc_add_callback(first, take_again, limit);
    take(limit, 1, "second");
    advance(S);
    assert_ran("a- first ");
    advance(S);
    assert_ran("second- ");
    advance(S);
    assert_ran("again- ");
}

/* -- ends ---------------------------------------------------------------------------------- */

static void those_who_wait_are_told_of_its_end(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_rate_limit *limit = torc_rate_limit_new(scope, NULL);

    (void)state;
    take(limit, 1, "a");
    take(limit, 1, "b");
    torc_scope_end(scope);
    assert_null(torc_rate_limit_new(scope, NULL));
    assert_ran("a- ");
    assert_false(torc_rate_limit_try(limit, 0));
    take(limit, 1, "late");
    assert_ran("late!Cancelled ");
    run_idle();
    assert_ran("b!Cancelled ");
}

static void who_waits_may_end_before(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_rate_limit *limit = limit_of(1, 1);

    (void)state;
    take(limit, 1, "a");
    watch(torc_rate_limit_take(limit, scope, 1), "gone");
    take(limit, 1, "b");
    torc_scope_end(scope);
    advance(S);
    assert_ran("a- b- ");
}

static void both_may_end_in_one_stroke(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_rate_limit *limit = torc_rate_limit_new(scope, NULL);

    (void)state;
    for (int i = 0; i < 3; i++)
        watch(torc_rate_limit_take(limit, scope, 1), "a");
    watch(torc_rate_limit_take(limit, torc_scope_new(scope), 1), "b");
    torc_scope_end(scope);
    run_idle();
    assert_ran("a- ");
}

static torc_result end_scope(void *scope, torc_result result)
{
    note("ends ");
    torc_scope_end(scope);
    return result;
}

static void its_scope_may_end_when_somebody_is_served(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_rate_limit_options options = { .amount = 2 };
    torc_rate_limit *limit = torc_rate_limit_new(scope, &options);

    (void)state;
    take(limit, 2, "a");
    torc_add_callback(torc_rate_limit_take(limit, root, 1), end_scope, scope);
    take(limit, 1, "b");
    advance(S);
    assert_ran("a- ends b!Cancelled ");
}

static void in_a_scope_that_has_ended_nothing_is_taken(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_rate_limit *limit = limit_of(1, 1);

    (void)state;
    torc_scope_end(scope);
    torc_rate_limit_take(limit, scope, 1);
    run_idle();
    assert_true(torc_rate_limit_try(limit, 1));
}

static void without_memory_a_place_is_refused(void **state)
{
    torc_rate_limit *limit = limit_of(1, 1);

    (void)state;
    take(limit, 1, "a");
    spare_allocations_of(torc__deferred_size);
    fail_all_allocations();
    take(limit, 1, "b");
    assert_null(torc_rate_limit_new(root, NULL));
    allow_allocations();
    spare_allocations_of(0);
    take(limit, 1, "c");
    advance(S);
    assert_ran("a- b!OutOfMemory c- ");
}

static void allocates_nothing_once_warm(void **state)
{
    torc_rate_limit *limit = limit_of(10, 1);

    (void)state;
#if defined(TORC_NO_POOLS)
    skip();
#endif
    for (int i = 0; i < 100; i++) {
        for (int k = 0; k < 10; k++)
            torc_rate_limit_take(limit, root, 1);
        if (i == 2)
            count_allocations();
        advance(S);
    }
    assert_int_equal(allocations_counted(), 0);
    allow_allocations();
    advance(S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TASK_TEST(a_full_bucket_gives_at_once),
        TASK_TEST(tokens_come_at_a_steady_rate),
        TASK_TEST(the_bucket_never_holds_more_than_the_burst),
        TASK_TEST(the_burst_is_the_amount_unless_it_is_said),
        TASK_TEST(nothing_is_lost_by_rounding),
        TASK_TEST(any_time_unit_will_do),
        cmocka_unit_test(late_timers_do_not_slow_it_down),
        cmocka_unit_test(a_late_timer_does_not_leave_more_than_the_burst),
        TASK_TEST(who_came_first_is_served_first),
        TASK_TEST(more_than_the_bucket_holds_is_refused),
        TASK_TEST(the_line_has_a_bound),
        TASK_TEST(cancelling_gives_up_the_place),
        TASK_TEST(who_is_served_may_take_again),
        TASK_TEST(those_who_wait_are_told_of_its_end),
        TASK_TEST(who_waits_may_end_before),
        TASK_TEST(both_may_end_in_one_stroke),
        TASK_TEST(its_scope_may_end_when_somebody_is_served),
        TASK_TEST(in_a_scope_that_has_ended_nothing_is_taken),
        TASK_TEST(without_memory_a_place_is_refused),
        TASK_TEST(allocates_nothing_once_warm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
