/*
 * Generators: values one at a time, to coroutines and to callbacks; their end, and being given up.
 */
#include "deferred/coroutine_support.h"

#include "support/failing_allocation.h"

static torc_result count_up(torc_scope *scope, torc_generator *self, void *limit)
{
    torc_result given = torc_nothing();

    (void)scope;
    note("begins ");
    for (int64_t i = 0; i < *(int *)limit && !torc_is_failure(given); i++)
        given = torc_give(self, torc_integer(i));
    note("leaves ");
    return given;
}

static torc_result read_all(torc_scope *scope, void *limit)
{
    torc_generator *numbers = torc_generate(scope, count_up, limit);
    torc_result number;

    while (torc_next(numbers, &number))
        note_result("n", number);
    assert_true(torc_is_nothing(number));
    assert_false(torc_next(numbers, &number));
    note("end ");
    return torc_nothing();
}

static void a_coroutine_reads_its_values_one_by_one(void **state)
{
    int limit = 3;

    (void)state;
    torc_spawn(root, read_all, &limit);
    turns(4);
    assert_ran("begins n=0 n=1 n=2 leaves end ");
    assert_int_equal(coroutines_running(), 0);
}

static torc_result sum_all(torc_scope *scope, void *limit)
{
    torc_generator *numbers = torc_generate(scope, count_up, limit);
    torc_result number;
    int64_t sum = 0;

    while (torc_next(numbers, &number))
        sum += torc_result_integer(number);
    return torc_integer(sum);
}

static void a_hundred_thousand_values_need_no_stack_and_no_turns(void **state)
{
    int limit = 100000;

    (void)state;
    torc_add_callback(torc_spawn(root, sum_all, &limit), see, "sum");
    turns(4);
    assert_ran("begins leaves sum=4999950000 ");
}

static torc_result count_slowly(torc_scope *scope, torc_generator *self, void *limit)
{
    for (int64_t i = 0; i < *(int *)limit; i++) {
        torc_yield(scope);
        if (torc_is_failure(torc_give(self, torc_integer(i))))
            note("gives up ");
    }
    return torc_nothing();
}

static torc_result read_slow(torc_scope *scope, void *limit)
{
    torc_generator *numbers = torc_generate(scope, count_slowly, limit);
    torc_result number;

    while (torc_next(numbers, &number)) {
        note_result("n", number);
        torc_yield(scope);
    }
    return torc_nothing();
}

static void both_sides_may_wait_for_other_things(void **state)
{
    int limit = 3;

    (void)state;
    torc_add_callback(torc_spawn(root, read_slow, &limit), see, "done");
    turns(20);
    assert_ran("n=0 n=1 n=2 done- ");
}

static void callbacks_ask_for_the_next_value_and_are_told_of_the_end(void **state)
{
    int limit = 1;
    torc_generator *numbers = torc_generate(root, count_up, &limit);

    (void)state;
    torc_add_callback(torc_next_later(numbers), see, "n");
    assert_ran("");
    turns(2);
    assert_ran("begins n=0 ");
    torc_add_callback(torc_next_later(numbers), see, "n");
    assert_ran("");
    turns(2);
    assert_ran("leaves n:end of a generator ");
    torc_add_callback(torc_next_later(numbers), see, "n");
    assert_ran("n:end of a generator ");
    torc_generator_end(numbers);
}

static void it_does_not_begin_before_it_is_asked(void **state)
{
    int limit = 1;

    (void)state;
    torc_generate(root, count_up, &limit);
    turns(4);
    assert_ran("");
}

static torc_result fail_after_one(torc_scope *scope, torc_generator *self, void *argument)
{
    (void)scope;
    (void)argument;
    torc_give(self, torc_integer(1));
    return torc_fail_with(&torc_error_refused, "no more");
}

static torc_result read_failing(torc_scope *scope, void *argument)
{
    torc_generator *numbers = torc_generate(scope, fail_after_one, NULL);
    torc_result number;

    (void)argument;
    while (torc_next(numbers, &number))
        note_result("n", number);
    return torc_nothing();
}

static void a_failure_that_it_returns_is_the_last_value(void **state)
{
    (void)state;
    torc_spawn(root, read_failing, NULL);
    turns(4);
    assert_ran("n=1 n!ConnectionRefused ");
    assert_int_equal(logged, 0);
}

static torc_result read_one(torc_scope *scope, void *limit)
{
    torc_generator *numbers = torc_generate(scope, count_up, limit);
    torc_result number;

    torc_next(numbers, &number);
    note_result("n", number);
    return torc_nothing();
}

static void one_that_is_given_up_is_told_and_may_clean_up(void **state)
{
    int limit = 5;

    (void)state;
    torc_spawn(root, read_one, &limit);
    turns(4);
    assert_ran("begins n=0 leaves ");
    assert_int_equal(coroutines_running(), 0);
    assert_int_equal(logged, 0);
}

static void a_value_that_nobody_asks_for_any_more_is_kept_for_the_next(void **state)
{
    int limit = 2;
    torc_generator *numbers = torc_generate(root, count_slowly, &limit);
    torc_deferred *asked = torc_next_later(numbers);

    (void)state;
    torc_add_both(asked, swallow, "n");
    turn();
    torc_cancel(asked);
    turns(4);
    assert_ran("n!Cancelled ");
    torc_add_both(torc_next_later(numbers), see, "n");
    assert_ran("n=0 ");
    torc_generator_end(numbers);
    turns(2);
    assert_ran("gives up gives up ");
}

static torc_result give_counted(torc_scope *scope, torc_generator *self, void *argument)
{
    (void)argument;
    torc_give(self, new_counted());
    torc_give(self, torc_await(torc_deferred_fired(scope, new_counted())));
    torc_give(self, new_counted());
    return torc_nothing();
}

static torc_result read_two(torc_scope *scope, void *argument)
{
    torc_generator *values = torc_generate(scope, give_counted, NULL);
    torc_result value;

    (void)argument;
    for (int i = 0; i < 2; i++) {
        torc_next(values, &value);
        note("%d ", holders);
    }
    return torc_nothing();
}

static void values_have_one_owner_at_a_time(void **state)
{
    (void)state;
    holders = 0;
    torc_spawn(root, read_two, NULL);
    turns(4);
    assert_ran("1 1 ");
    assert_int_equal(holders, 0);
}

static void in_a_scope_that_has_ended_there_is_only_the_end(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_generator *numbers;
    int limit = 3;

    (void)state;
    torc_scope_end(scope);
    numbers = torc_generate(scope, count_up, &limit);
    assert_non_null(numbers);
    turns(3);
    assert_ran("");
    assert_int_equal(coroutines_running(), 0);
}

static torc_result fail_when_told(torc_scope *scope, torc_generator *self, void *word)
{
    torc_result told = torc_await(word);

    (void)scope;
    (void)self;
    return torc_is_failure(told) ? told : torc_fail_with(&torc_error_refused, "gave up");
}

static void a_failure_that_nobody_asks_for_any_more_is_logged_at_the_end(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *word = torc_deferred_new(root, NULL, NULL);
    torc_generator *numbers = torc_generate(scope, fail_when_told, word);
    torc_deferred *next = torc_next_later(numbers);

    (void)state;
    torc_add_errback(next, swallow, "next");
    turns(2);
    torc_cancel(next);
    assert_ran("next!Cancelled ");
    torc_fire(word, torc_nothing());
    turns(2);
    assert_int_equal(logged, 0);
    torc_scope_end(scope);
    assert_int_equal(logged, 1);
    assert_non_null(strstr(last_logged, "Unhandled failure in a generator"));
    assert_non_null(strstr(last_logged, "gave up"));
}

static void a_value_that_nobody_takes_goes_with_the_scope(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *word = torc_deferred_new(root, NULL, NULL);
    torc_generator *numbers = torc_generate(scope, fail_when_told, word);
    torc_deferred *next = torc_next_later(numbers);

    (void)state;
    torc_add_errback(next, swallow, "next");
    turns(2);
    torc_cancel(next);
    torc_scope_end(scope);
    turns(2);
    assert_ran("next!Cancelled ");
    assert_int_equal(logged, 0);
    assert_int_equal(coroutines_running(), 0);
}

static void without_memory_there_is_none(void **state)
{
    int limit = 1;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        fail_allocation_after(i);
        assert_null(torc_generate(root, count_up, &limit));
        allow_allocations();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEFERRED_TEST(a_coroutine_reads_its_values_one_by_one),
        DEFERRED_TEST(a_hundred_thousand_values_need_no_stack_and_no_turns),
        DEFERRED_TEST(both_sides_may_wait_for_other_things),
        DEFERRED_TEST(callbacks_ask_for_the_next_value_and_are_told_of_the_end),
        DEFERRED_TEST(it_does_not_begin_before_it_is_asked),
        DEFERRED_TEST(a_failure_that_it_returns_is_the_last_value),
        DEFERRED_TEST(one_that_is_given_up_is_told_and_may_clean_up),
        DEFERRED_TEST(a_value_that_nobody_asks_for_any_more_is_kept_for_the_next),
        DEFERRED_TEST(values_have_one_owner_at_a_time),
        DEFERRED_TEST(in_a_scope_that_has_ended_there_is_only_the_end),
        DEFERRED_TEST(a_failure_that_nobody_asks_for_any_more_is_logged_at_the_end),
        DEFERRED_TEST(a_value_that_nobody_takes_goes_with_the_scope),
        DEFERRED_TEST(without_memory_there_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
