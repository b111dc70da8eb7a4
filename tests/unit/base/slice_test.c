/*
 * Slices: comparing, searching, cutting, reading numbers.
 */
#include <torc/slice.h>

#include "support/failing_allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const torc_slice empty;

static void a_slice_of_null_is_empty(void **state)
{
    (void)state;
    assert_true(torc_slice_is_empty(torc_slice_of(NULL)));
    assert_true(torc_slice_is_empty(TORC_SLICE("")));
    assert_true(torc_slice_equal(empty, TORC_SLICE("")));
    assert_int_equal(TORC_SLICE("a\0b").length, 3);
}

static void equality_takes_every_byte_into_account(void **state)
{
    (void)state;
    assert_true(torc_slice_equal(TORC_SLICE("a\0b"), TORC_SLICE("a\0b")));
    assert_false(torc_slice_equal(TORC_SLICE("a\0b"), TORC_SLICE("a\0c")));
    assert_false(torc_slice_equal(TORC_SLICE("ab"), TORC_SLICE("a")));
    assert_true(torc_slice_is(TORC_SLICE("quit"), "quit"));
    assert_false(torc_slice_is(TORC_SLICE("quit\0"), "quit"));
}

static void prefixes_and_suffixes_are_recognised(void **state)
{
    (void)state;
    assert_true(torc_slice_starts_with(TORC_SLICE("GET /"), TORC_SLICE("GET")));
    assert_true(torc_slice_starts_with(empty, empty));
    assert_false(torc_slice_starts_with(TORC_SLICE("GE"), TORC_SLICE("GET")));
    assert_true(torc_slice_ends_with(TORC_SLICE("a.gz"), TORC_SLICE(".gz")));
    assert_true(torc_slice_ends_with(empty, empty));
    assert_false(torc_slice_ends_with(TORC_SLICE("gz"), TORC_SLICE(".gz")));
}

static void skipping_and_taking_stop_at_the_end(void **state)
{
    (void)state;
    assert_true(torc_slice_is(torc_slice_skip(TORC_SLICE("abc"), 1), "bc"));
    assert_true(torc_slice_is(torc_slice_skip(TORC_SLICE("abc"), 9), ""));
    assert_true(torc_slice_is(torc_slice_skip(empty, 9), ""));
    assert_true(torc_slice_is(torc_slice_first(TORC_SLICE("abc"), 2), "ab"));
    assert_true(torc_slice_is(torc_slice_first(TORC_SLICE("abc"), 9), "abc"));
}

static void only_ascii_letters_ignore_case(void **state)
{
    (void)state;
    assert_true(torc_slice_equal_ignoring_case(TORC_SLICE("Host-1"), TORC_SLICE("hOST-1")));
    assert_true(torc_slice_equal_ignoring_case(TORC_SLICE("AZ"), TORC_SLICE("az")));
    assert_false(torc_slice_equal_ignoring_case(TORC_SLICE("host"), TORC_SLICE("hosts")));
    /* '@' and '`', '[' and '{' differ by the same bit as letters do. */
    assert_false(torc_slice_equal_ignoring_case(TORC_SLICE("@["), TORC_SLICE("`{")));
    assert_false(torc_slice_equal_ignoring_case(TORC_SLICE("\xC4"), TORC_SLICE("\xE4")));
}

static void a_byte_is_found_or_the_length_given(void **state)
{
    (void)state;
    assert_int_equal(torc_slice_find_byte(TORC_SLICE("abcb"), 'b'), 1);
    assert_int_equal(torc_slice_find_byte(TORC_SLICE("abcb"), 'x'), 4);
    assert_int_equal(torc_slice_find_byte(TORC_SLICE("a\xFF"), '\xFF'), 1);
    assert_int_equal(torc_slice_find_byte(empty, 'x'), 0);
}

static void a_needle_is_found_or_the_length_given(void **state)
{
    (void)state;
    assert_int_equal(torc_slice_find(TORC_SLICE("aaab"), TORC_SLICE("aab")), 1);
    assert_int_equal(torc_slice_find(TORC_SLICE("a\r\r\n"), TORC_SLICE("\r\n")), 2);
    assert_int_equal(torc_slice_find(TORC_SLICE("abc"), TORC_SLICE("abc")), 0);
    assert_int_equal(torc_slice_find(TORC_SLICE("abc"), TORC_SLICE("abcd")), 3);
    assert_int_equal(torc_slice_find(TORC_SLICE("abc"), TORC_SLICE("ca")), 3);
    assert_int_equal(torc_slice_find(TORC_SLICE("abc"), empty), 0);
    assert_int_equal(torc_slice_find(empty, TORC_SLICE("a")), 0);
}

static void trimming_takes_spaces_and_tabs_only(void **state)
{
    (void)state;
    assert_true(torc_slice_is(torc_slice_trim(TORC_SLICE(" ")), ""));
    assert_true(torc_slice_is(torc_slice_trim(TORC_SLICE("a ")), "a"));
    assert_true(torc_slice_is(torc_slice_trim(TORC_SLICE(" \t a b\t")), "a b"));
    assert_true(torc_slice_is(torc_slice_trim(TORC_SLICE("\ra\n")), "\ra\n"));
    assert_true(torc_slice_is(torc_slice_trim(TORC_SLICE(" \t ")), ""));
    assert_true(torc_slice_is(torc_slice_trim(empty), ""));
}

static void words_come_off_one_by_one(void **state)
{
    torc_slice rest = TORC_SLICE("  set\tname  a value ");

    (void)state;
    assert_true(torc_slice_is(torc_next_word(&rest), "set"));
    assert_true(torc_slice_is(torc_next_word(&rest), "name"));
    assert_true(torc_slice_is(rest, "a value "));
    assert_true(torc_slice_is(torc_next_word(&rest), "a"));
    assert_true(torc_slice_is(torc_next_word(&rest), "value"));
    assert_true(torc_slice_is(rest, ""));
    assert_true(torc_slice_is(torc_next_word(&rest), ""));
}

static bool reads(torc_slice text, uint64_t maximum, uint64_t expected)
{
    uint64_t number = 12345;

    return torc_slice_to_number(text, maximum, &number) ? number == expected : number != 12345;
}

static bool is_refused(torc_slice text, uint64_t maximum)
{
    uint64_t number = 12345;

    return !torc_slice_to_number(text, maximum, &number) && number == 12345;
}

static void numbers_are_digits_only_and_bounded(void **state)
{
    (void)state;
    assert_true(reads(TORC_SLICE("0"), 0, 0));
    assert_true(reads(TORC_SLICE("0080"), 65535, 80));
    assert_true(reads(TORC_SLICE("18446744073709551615"), UINT64_MAX, UINT64_MAX));
    assert_true(is_refused(TORC_SLICE("18446744073709551616"), UINT64_MAX));
    assert_true(is_refused(TORC_SLICE("99999999999999999999999"), UINT64_MAX));
    assert_true(is_refused(TORC_SLICE("65536"), 65535));
    assert_true(is_refused(TORC_SLICE(""), 9));
    assert_true(is_refused(TORC_SLICE("+1"), 9));
    assert_true(is_refused(TORC_SLICE("-1"), 9));
    assert_true(is_refused(TORC_SLICE(" 1"), 9));
    assert_true(is_refused(TORC_SLICE("1\0"), 9));
    assert_true(is_refused(TORC_SLICE("0x1"), 9));
}

static void a_duplicate_is_a_c_string_freed_by_free(void **state)
{
    char *copy = torc_slice_dup(torc_slice_first(TORC_SLICE("hello"), 4));

    (void)state;
    assert_string_equal(copy, "hell");
    free(copy);
    copy = torc_slice_dup(empty);
    assert_string_equal(copy, "");
    free(copy);
}

static void a_duplicate_is_null_when_memory_is_out(void **state)
{
    (void)state;
    fail_all_allocations();
    assert_null(torc_slice_dup(TORC_SLICE("hello")));
    allow_allocations();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slice_of_null_is_empty),
        cmocka_unit_test(equality_takes_every_byte_into_account),
        cmocka_unit_test(prefixes_and_suffixes_are_recognised),
        cmocka_unit_test(skipping_and_taking_stop_at_the_end),
        cmocka_unit_test(only_ascii_letters_ignore_case),
        cmocka_unit_test(a_byte_is_found_or_the_length_given),
        cmocka_unit_test(a_needle_is_found_or_the_length_given),
        cmocka_unit_test(trimming_takes_spaces_and_tabs_only),
        cmocka_unit_test(words_come_off_one_by_one),
        cmocka_unit_test(numbers_are_digits_only_and_bounded),
        cmocka_unit_test(a_duplicate_is_a_c_string_freed_by_free),
        cmocka_unit_test(a_duplicate_is_null_when_memory_is_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
