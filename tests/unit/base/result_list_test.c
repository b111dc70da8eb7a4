/*
 * Lists of results: what is in them, who holds it, and what happens when memory is out.
 */
#include <torc/result.h>

#include "support/expect_abort.h"
#include "support/failing_allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int holders;

static void hold_counted(void *value)
{
    (void)value;
    holders++;
}

static void release_counted(void *value)
{
    (void)value;
    holders--;
}

static const torc_type counted = { "counted", hold_counted, release_counted };

static torc_result new_counted(void)
{
    holders++;
    return torc_value(&counted, &holders);
}

static void a_new_list_is_empty(void **state)
{
    torc_result list = torc_list_new(0);

    (void)state;
    assert_string_equal(torc_result_type_name(list), "list");
    assert_int_equal(torc_list_length(list), 0);
    torc_result_release(list);
}

static void items_stand_in_the_order_of_their_adding(void **state)
{
    torc_result list = torc_list_new(2);

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_true(torc_list_append(list, torc_integer(i)));
    assert_int_equal(torc_list_length(list), 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(torc_result_integer(torc_list_at(list, i)), i);
    torc_result_release(list);
}

static void the_last_holder_of_a_list_releases_what_is_in_it(void **state)
{
    torc_result list = torc_list_new(0);
    torc_result inner = torc_list_new(1);

    (void)state;
    assert_true(torc_list_append(inner, new_counted()));
    assert_true(torc_list_append(list, inner));
    assert_true(torc_list_append(list, new_counted()));
    torc_result_hold(list);
    torc_result_release(list);
    assert_int_equal(holders, 2);
    torc_result_release(list);
    assert_int_equal(holders, 0);
}

static void want_of_memory_makes_a_failure(void **state)
{
    (void)state;
    for (unsigned int passed = 0; passed < 2; passed++) {
        torc_result list;

        fail_allocation_after(passed);
        list = torc_list_new(1);
        allow_allocations();
        assert_true(torc_is_failure(list));
        assert_true(torc_failure_is(torc_result_failure(list), &torc_error_out_of_memory));
        torc_result_release(list);
    }
}

static void a_length_that_no_memory_can_have_makes_a_failure(void **state)
{
    torc_result list = torc_list_new(SIZE_MAX);

    (void)state;
    assert_true(torc_is_failure(list));
    torc_result_release(list);
}

static void what_finds_no_room_is_released_and_the_list_is_as_it_was(void **state)
{
    torc_result list = torc_list_new(1);

    (void)state;
    assert_true(torc_list_append(list, new_counted()));
    fail_all_allocations();
    assert_false(torc_list_append(list, new_counted()));
    allow_allocations();
    assert_int_equal(holders, 1);
    assert_int_equal(torc_list_length(list), 1);
    assert_true(torc_list_append(list, torc_nothing()));
    assert_ptr_equal(torc_list_at(list, 0).type, &counted);
    torc_result_release(list);
    assert_int_equal(holders, 0);
}

static void ask_beyond_the_end(void)
{
    torc_list_at(torc_list_new(4), 0);
}

static void ask_no_list(void)
{
    (void)torc_list_length(torc_integer(1));
}

static void add_to_itself(void)
{
    torc_result list = torc_list_new(1);

    torc_list_append(list, list);
}

static void misuse_of_a_list_aborts(void **state)
{
    (void)state;
    expect_abort(ask_beyond_the_end, "torc_list_at: there is no item 0 in a list of 0");
    expect_abort(ask_no_list, "the result is of type integer, not list");
    expect_abort(add_to_itself, "torc_list_append: a list cannot be an item of its own");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_list_is_empty),
        cmocka_unit_test(items_stand_in_the_order_of_their_adding),
        cmocka_unit_test(the_last_holder_of_a_list_releases_what_is_in_it),
        cmocka_unit_test(want_of_memory_makes_a_failure),
        cmocka_unit_test(a_length_that_no_memory_can_have_makes_a_failure),
        cmocka_unit_test(what_finds_no_room_is_released_and_the_list_is_as_it_was),
        cmocka_unit_test(misuse_of_a_list_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
