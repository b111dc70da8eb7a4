/*
 * Results: each kind of value, who owns it, and reading one as another.
 */
#include <torc/result.h>

#include "support/expect_abort.h"
#include "support/failing_allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

#include <cmocka.h>

static int own_count;

static void own_hold(void *value)
{
    ++*(int *)value;
}

static void own_release(void *value)
{
    --*(int *)value;
}

static const torc_type own_type = { "thing", own_hold, own_release };

static void each_kind_gives_back_what_went_in(void **state)
{
    torc_result text = torc_text("%s %d", "port", 80);
    torc_result failed = torc_fail_with(&torc_error_limit, "too many");

    (void)state;
    assert_true(torc_result_integer(torc_integer(INT64_MIN)) == INT64_MIN);
    assert_ptr_equal(torc_result_pointer(torc_pointer(&own_count)), &own_count);
    assert_ptr_equal(torc_result_value(torc_value(&own_type, &own_count), &own_type), &own_count);
    assert_string_equal(torc_result_text(text), "port 80");
    assert_true(torc_slice_is(torc_result_slice(text), "port 80"));
    assert_true(torc_is_failure(failed));
    assert_false(torc_is_failure(text));
    assert_string_equal(torc_failure_text(torc_result_failure(failed)), "too many");
    torc_result_release(text);
    torc_result_release(failed);
}

static void nothing_is_an_empty_slice(void **state)
{
    (void)state;
    assert_true(torc_is_nothing(torc_nothing()));
    assert_true(torc_slice_is_empty(torc_result_slice(torc_nothing())));
    assert_string_equal(torc_result_type_name(torc_nothing()), "nothing");
    torc_result_release(torc_result_hold(torc_nothing()));
}

static void types_have_names(void **state)
{
    (void)state;
    assert_string_equal(torc_result_type_name(torc_integer(1)), "integer");
    assert_string_equal(torc_result_type_name(torc_pointer(NULL)), "pointer");
    assert_string_equal(torc_result_type_name(torc_bytes(NULL)), "bytes");
    assert_string_equal(torc_result_type_name(torc_wait_for(NULL)), "deferred");
    assert_string_equal(torc_result_type_name(torc_value(&torc_type_failure, NULL)), "failure");
    assert_string_equal(torc_result_type_name(torc_value(&own_type, NULL)), "thing");
}

static void holding_and_releasing_go_through_the_type(void **state)
{
    torc_result own = torc_value(&own_type, &own_count);
    torc_result text = torc_text("x");
    torc_result failed = torc_fail_with(&torc_error, "x");

    (void)state;
    own_count = 1;
    torc_result_hold(own);
    assert_int_equal(own_count, 2);
    torc_result_release(own);
    torc_result_release(own);
    assert_int_equal(own_count, 0);
    torc_result_release(torc_result_hold(text));
    assert_string_equal(torc_result_text(text), "x");
    torc_result_release(text);
    torc_result_release(torc_result_hold(failed));
    assert_string_equal(torc_failure_text(torc_result_failure(failed)), "x");
    torc_result_release(failed);
    torc_result_release(torc_result_hold(torc_integer(7)));
    torc_result_release(torc_result_hold(torc_pointer(&own_count)));
}

static void failing_notes_the_place(void **state)
{
    torc_failure *failure = torc_failure_new(&torc_error, "x");
    torc_result failed = torc_fail(failure);
    int line = __LINE__ - 1;

    (void)state;
    assert_int_equal(torc_failure_place(failure, 1)->line, line);
    assert_null(torc_failure_place(failure, 2));
    torc_result_release(failed);
}

static void text_that_cannot_be_formatted_is_a_failure(void **state)
{
    /* The C locale, which a program starts in, has no such character. */
    torc_result failed = torc_text("%lc", (wint_t)0x20AC);

    (void)state;
    assert_true(torc_failure_is(torc_result_failure(failed), &torc_error_invalid_argument));
    torc_result_release(failed);
}

static void text_is_a_failure_when_memory_is_out(void **state)
{
    torc_result failed;

    (void)state;
    fail_allocation_after(0);
    failed = torc_text("%d", 1);
    allow_allocations();
    assert_true(torc_failure_is(torc_result_failure(failed), &torc_error_out_of_memory));
    torc_result_release(failed);
    fail_all_allocations();
    failed = torc_text("%d", 1);
    allow_allocations();
    assert_true(torc_failure_is(torc_result_failure(failed), &torc_error_out_of_memory));
    torc_result_release(failed);
}

static void read_text_as_integer(void)
{
    torc_result_integer(torc_text("x"));
}

static void read_integer_as_slice(void)
{
    torc_result_slice(torc_integer(1));
}

static void read_nothing_as_text(void)
{
    torc_result_text(torc_nothing());
}

static void read_nothing_as_failure(void)
{
    torc_result_failure(torc_nothing());
}

static void read_own_as_pointer(void)
{
    torc_result_pointer(torc_value(&own_type, &own_count));
}

static void read_pointer_as_own(void)
{
    torc_result_value(torc_pointer(&own_count), &own_type);
}

static void read_failure_as_slice(void)
{
    torc_result_slice(torc_fail_with(&torc_error_refused, "nobody at 192.0.2.7:80"));
}

static void reading_the_wrong_type_aborts_naming_both(void **state)
{
    (void)state;
    expect_abort(
        read_text_as_integer, "torc_result_integer: the result is of type bytes, not integer");
    expect_abort(
        read_integer_as_slice, "torc_result_slice: the result is of type integer, not bytes");
    expect_abort(
        read_nothing_as_text, "torc_result_text: the result is of type nothing, not bytes");
    expect_abort(read_nothing_as_failure, "of type nothing, not failure");
    expect_abort(read_own_as_pointer, "of type thing, not pointer");
    expect_abort(read_pointer_as_own, "of type pointer, not thing");
    expect_abort(read_failure_as_slice, "of type failure, not bytes; the failure is "
        "ConnectionRefused: nobody at 192.0.2.7:80");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_gives_back_what_went_in),
        cmocka_unit_test(nothing_is_an_empty_slice),
        cmocka_unit_test(types_have_names),
        cmocka_unit_test(holding_and_releasing_go_through_the_type),
        cmocka_unit_test(failing_notes_the_place),
        cmocka_unit_test(text_that_cannot_be_formatted_is_a_failure),
        cmocka_unit_test(text_is_a_failure_when_memory_is_out),
        cmocka_unit_test(reading_the_wrong_type_aborts_naming_both),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
