/*
 * Failures: types, messages, codes, causes, places, and what happens when memory is out.
 */
#include <torc/failure.h>
#include <torc/slice.h>

#include "base/text_writer.h"
#include "support/expect_abort.h"
#include "support/failing_allocation.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void a_failure_is_of_its_type_and_of_all_above(void **state)
{
    torc_failure *failure = torc_failure_new(&torc_error_refused, "no");

    (void)state;
    assert_true(torc_failure_is(failure, &torc_error_refused));
    assert_true(torc_failure_is(failure, &torc_error_connect));
    assert_true(torc_failure_is(failure, &torc_error_connection));
    assert_true(torc_failure_is(failure, &torc_error));
    assert_false(torc_failure_is(failure, &torc_error_no_route));
    assert_false(torc_failure_is(failure, &torc_error_system));
    assert_false(torc_failure_is(NULL, &torc_error));
    assert_ptr_equal(torc_failure_type_of(failure), &torc_error_refused);
    torc_failure_release(failure);
}

static void the_hierarchy_is_the_headers(void **state)
{
    (void)state;
    assert_null(torc_error.parent);
    assert_ptr_equal(torc_error_timeout.parent, &torc_error);
    assert_ptr_equal(torc_error_listen.parent, &torc_error);
    assert_ptr_equal(torc_error_connection.parent, &torc_error);
    assert_ptr_equal(torc_error_connection_done.parent, &torc_error_connection);
    assert_ptr_equal(torc_error_connection_lost.parent, &torc_error_connection);
    assert_ptr_equal(torc_error_connection_aborted.parent, &torc_error_connection_lost);
    assert_ptr_equal(torc_error_connection_timed_out.parent, &torc_error_connection_lost);
    assert_ptr_equal(torc_error_connect.parent, &torc_error_connection);
    assert_ptr_equal(torc_error_unknown_host.parent, &torc_error_connect);
    assert_ptr_equal(torc_error_connect_timed_out.parent, &torc_error_connect);
    assert_ptr_equal(torc_error_bind.parent, &torc_error_connect);
    assert_string_equal(torc_error_refused.name, "ConnectionRefused");
}

static void a_programs_own_type_joins_the_hierarchy(void **state)
{
    static const torc_failure_type bad_order = { "BadOrder", &torc_error_protocol };
    torc_failure *failure = torc_failure_new(&bad_order, "order %d", 7);

    (void)state;
    assert_true(torc_failure_is(failure, &torc_error_protocol));
    assert_string_equal(torc_failure_text(failure), "order 7");
    assert_int_equal(torc_failure_code(failure), 0);
    torc_failure_release(failure);
}

static void an_errno_is_kept_and_explained(void **state)
{
    torc_failure *failure;

    (void)state;
    errno = EPERM;
    failure = torc_failure_from_errno(ENOENT, "cannot open %s", "/x");
    assert_int_equal(errno, EPERM);
    assert_string_equal(torc_failure_text(failure), "cannot open /x: No such file or directory");
    assert_int_equal(torc_failure_code(failure), ENOENT);
    assert_true(torc_failure_is(failure, &torc_error_system));
    torc_failure_release(failure);
}

static void a_long_message_is_cut_but_not_its_meaning(void **state)
{
    torc_failure *plain = torc_failure_new(&torc_error, "%02000d", 0);
    torc_failure *system = torc_failure_from_errno(ENOENT, "%02000d", 0);
    torc_failure *exact = torc_failure_new(&torc_error, "%01024d", 7);
    torc_slice text = torc_slice_of(torc_failure_text(system));

    (void)state;
    assert_int_equal(strlen(torc_failure_text(plain)), 1024);
    assert_int_equal(text.length, 1024);
    assert_true(torc_slice_ends_with(text, TORC_SLICE("00: No such file or directory")));
    assert_true(torc_slice_ends_with(torc_slice_of(torc_failure_text(exact)), TORC_SLICE("07")));
    torc_failure_release(plain);
    torc_failure_release(system);
    torc_failure_release(exact);
}

static void a_cut_message_is_still_utf8(void **state)
{
    (void)state;
    for (int padding = 1020; padding <= 1024; padding++) {
        torc_failure *failure =
            torc_failure_new(&torc_error, "%0*d\xE2\x82\xAC\xE2\x82\xAC", padding, 0);
        torc_slice text = torc_slice_of(torc_failure_text(failure));

        assert_true(text.length <= 1024);
        while (text.length > 0) {
            size_t length = torc__utf8_character(text);

            assert_int_not_equal(length, 0);
            text = torc_slice_skip(text, length);
        }
        torc_failure_release(failure);
    }
}

static void a_message_is_one_line(void **state)
{
    torc_failure *failure = torc_failure_new(&torc_error, "a\r\nb%s", "\nc");

    (void)state;
    assert_string_equal(torc_failure_text(failure), "a  b c");
    torc_failure_release(failure);
}

static void holders_are_counted_and_causes_go_with_the_last(void **state)
{
    torc_failure *cause = torc_failure_new(&torc_error_system, "cause");
    torc_failure *failure = torc_failure_new(&torc_error_listen, "effect");

    (void)state;
    torc_failure_hold(cause);
    assert_ptr_equal(torc_failure_because(failure, cause), failure);
    assert_ptr_equal(torc_failure_cause(failure), cause);
    assert_null(torc_failure_cause(cause));
    torc_failure_hold(failure);
    torc_failure_release(failure);
    assert_string_equal(torc_failure_text(failure), "effect");
    torc_failure_release(failure);
    assert_string_equal(torc_failure_text(cause), "cause");
    torc_failure_release(cause);
    torc_failure_release(NULL);
}

static void a_new_cause_takes_the_place_of_the_old(void **state)
{
    torc_failure *failure = torc_failure_new(&torc_error, "effect");

    (void)state;
    torc_failure_because(failure, torc_failure_new(&torc_error, "first"));
    torc_failure_because(failure, torc_failure_new(&torc_error, "second"));
    assert_string_equal(torc_failure_text(torc_failure_cause(failure)), "second");
    torc_failure_because(failure, NULL);
    assert_null(torc_failure_cause(failure));
    torc_failure_release(failure);
}

static void a_chain_of_many_causes_is_released_without_recursion(void **state)
{
    torc_failure *failure = NULL;

    (void)state;
    for (int i = 0; i < 3000; i++)
        failure = torc_failure_because(torc_failure_new(&torc_error, "%d", i), failure);
    torc_failure_release(failure);
}

static void the_first_sixteen_places_are_kept(void **state)
{
    torc_failure *failure = torc_failure_new(&torc_error, "travels");
    int first_line = __LINE__ - 1;

    (void)state;
    for (int i = 1; i < 40; i++) {
        torc_place place = { "far.c", i, "pass" };

        assert_ptr_equal(torc_failure_trace(failure, place), failure);
    }
    assert_int_equal(torc_failure_place(failure, 0)->line, first_line);
    assert_string_equal(torc_failure_place(failure, 0)->function, __func__);
    for (int i = 1; i < 16; i++)
        assert_int_equal(torc_failure_place(failure, (size_t)i)->line, i);
    assert_null(torc_failure_place(failure, 16));
    torc_failure_release(failure);
}

static void places_that_memory_is_out_for_are_left_out(void **state)
{
    torc_failure *failure = torc_failure_new(&torc_error, "travels");

    (void)state;
    fail_all_allocations();
    for (int i = 0; i < 10; i++)
        torc_failure_passed(failure);
    assert_true(an_allocation_failed());
    allow_allocations();
    assert_non_null(torc_failure_place(failure, 3));
    assert_null(torc_failure_place(failure, 4));
    torc_failure_release(failure);
}

static torc_failure *make_described(void)
{
    torc_place inner = { "inner.c", 10, "read_byte" };
    torc_place outer = { "outer.c", 20, "fetch" };
    torc_failure *cause = torc_failure_make(inner, &torc_error_system, EPIPE, "writing");
    torc_failure *failure =
        torc_failure_make(outer, &torc_error_connection_lost, 0, "lost %s", "192.0.2.7:80");

    return torc_failure_because(torc_failure_trace(failure, inner), cause);
}

static const char described[] =
    "ConnectionLost: lost 192.0.2.7:80\n"
    "  outer.c:20 in fetch\n"
    "  inner.c:10 in read_byte\n"
    "caused by: SystemError: writing: Broken pipe\n"
    "  inner.c:10 in read_byte";

static void a_description_tells_type_message_places_and_causes(void **state)
{
    torc_failure *failure = make_described();
    char text[1024];

    (void)state;
    assert_int_equal(torc_failure_describe(failure, text, sizeof text), strlen(described));
    assert_string_equal(text, described);
    torc_failure_release(failure);
}

static void a_description_is_cut_at_any_size(void **state)
{
    torc_failure *failure = make_described();
    char text[sizeof described];

    (void)state;
    assert_int_equal(torc_failure_describe(failure, NULL, 0), strlen(described));
    for (size_t size = 1; size <= sizeof text; size++) {
        assert_int_equal(torc_failure_describe(failure, text, size), strlen(described));
        assert_int_equal(strlen(text), size - 1);
        assert_memory_equal(text, described, size - 1);
    }
    torc_failure_release(failure);
}

static void without_memory_it_is_the_standing_failure(void **state)
{
    torc_failure *cause = torc_failure_new(&torc_error, "cause");
    torc_failure *failure;
    torc_failure *other;

    (void)state;
    fail_all_allocations();
    failure = torc_failure_new(&torc_error_refused, "no");
    other = torc_failure_from_errno(ENOENT, "x");
    allow_allocations();
    assert_ptr_equal(failure, other);
    assert_true(torc_failure_is(failure, &torc_error_out_of_memory));
    assert_string_equal(torc_failure_text(failure), "out of memory");
    assert_ptr_equal(torc_failure_hold(failure), failure);
    assert_ptr_equal(torc_failure_passed(failure), failure);
    assert_null(torc_failure_place(failure, 0));
    assert_ptr_equal(torc_failure_because(failure, cause), failure);
    assert_null(torc_failure_cause(failure));
    for (int i = 0; i < 10; i++)
        torc_failure_release(failure);
    assert_string_equal(torc_failure_text(failure), "out of memory");
}

static void what_is_wrapped_keeps_its_type_and_code_and_becomes_the_cause(void **state)
{
    torc_failure *inner = torc_failure_from_errno(ENOENT, "cannot open it");
    torc_failure *outer = torc_failure_wrap(inner, "in number %d", 7);

    (void)state;
    assert_ptr_equal(torc_failure_type_of(outer), &torc_error_system);
    assert_int_equal(torc_failure_code(outer), ENOENT);
    assert_string_equal(torc_failure_text(outer), "in number 7");
    assert_ptr_equal(torc_failure_cause(outer), inner);
    torc_failure_release(outer);
}

static void without_memory_what_was_to_be_wrapped_is_given_back(void **state)
{
    torc_failure *inner = torc_failure_new(&torc_error_refused, "no");
    torc_failure *outer;

    (void)state;
    fail_all_allocations();
    outer = torc_failure_wrap(inner, "in number %d", 7);
    allow_allocations();
    assert_ptr_equal(outer, inner);
    torc_failure_release(outer);
}

static void make_a_circle(void)
{
    torc_failure *inner = torc_failure_new(&torc_error, "inner");
    torc_failure *outer = torc_failure_because(torc_failure_new(&torc_error, "outer"), inner);

    torc_failure_because(inner, outer);
}

static void a_circle_of_causes_aborts(void **state)
{
    (void)state;
    expect_abort(make_a_circle, "torc_failure_because: a failure cannot be its own cause");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_of_its_type_and_of_all_above),
        cmocka_unit_test(the_hierarchy_is_the_headers),
        cmocka_unit_test(a_programs_own_type_joins_the_hierarchy),
        cmocka_unit_test(an_errno_is_kept_and_explained),
        cmocka_unit_test(a_long_message_is_cut_but_not_its_meaning),
        cmocka_unit_test(a_cut_message_is_still_utf8),
        cmocka_unit_test(a_message_is_one_line),
        cmocka_unit_test(holders_are_counted_and_causes_go_with_the_last),
        cmocka_unit_test(a_new_cause_takes_the_place_of_the_old),
        cmocka_unit_test(a_chain_of_many_causes_is_released_without_recursion),
        cmocka_unit_test(the_first_sixteen_places_are_kept),
        cmocka_unit_test(places_that_memory_is_out_for_are_left_out),
        cmocka_unit_test(a_description_tells_type_message_places_and_causes),
        cmocka_unit_test(a_description_is_cut_at_any_size),
        cmocka_unit_test(without_memory_it_is_the_standing_failure),
        cmocka_unit_test(what_is_wrapped_keeps_its_type_and_code_and_becomes_the_cause),
        cmocka_unit_test(without_memory_what_was_to_be_wrapped_is_given_back),
        cmocka_unit_test(a_circle_of_causes_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
