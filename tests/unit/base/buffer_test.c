/*
 * Counted buffers: filling, sharing, wrapping, and the rules that are checked.
 */
#include <torc/buffer.h>

#include "support/expect_abort.h"
#include "support/failing_allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

#include <cmocka.h>

static unsigned int releases;

static void note_release(void *argument)
{
    assert_ptr_equal(argument, &releases);
    releases++;
}

static void a_new_buffer_is_filled_through_its_bytes(void **state)
{
    torc_buffer *buffer = torc_buffer_new(3);

    (void)state;
    memcpy(torc_buffer_bytes(buffer), "abc", 3);
    assert_true(torc_slice_is(torc_buffer_slice(buffer), "abc"));
    assert_string_equal(torc_buffer_slice(buffer).data, "abc");
    torc_buffer_release(buffer);
}

static void a_copy_does_not_change_with_the_original(void **state)
{
    char text[] = "hello";
    torc_buffer *buffer = torc_buffer_copy(torc_slice_make(text, 4));
    torc_buffer *nothing = torc_buffer_copy(torc_slice_make(NULL, 0));

    (void)state;
    text[0] = 'j';
    assert_string_equal(torc_buffer_slice(buffer).data, "hell");
    assert_true(torc_slice_is_empty(torc_buffer_slice(nothing)));
    assert_string_equal(torc_buffer_slice(nothing).data, "");
    torc_buffer_release(buffer);
    torc_buffer_release(nothing);
}

static void formatted_text_has_any_length(void **state)
{
    torc_buffer *buffer = torc_buffer_printf("%05000d|%s", 7, "end");

    (void)state;
    assert_int_equal(torc_buffer_slice(buffer).length, 5004);
    assert_true(torc_slice_ends_with(torc_buffer_slice(buffer), TORC_SLICE("0007|end")));
    assert_int_equal(torc_buffer_slice(buffer).data[5004], 0);
    torc_buffer_release(buffer);
    /* The C locale, which a program starts in, has no such character. */
    assert_null(torc_buffer_printf("%lc", (wint_t)0x20AC));
}

static void a_buffer_lives_until_its_last_holder_lets_go(void **state)
{
    torc_buffer *buffer;

    (void)state;
    releases = 0;
    buffer = torc_buffer_wrap(TORC_SLICE("mapped"), note_release, &releases);
    assert_ptr_equal(torc_buffer_hold(buffer), buffer);
    torc_buffer_release(buffer);
    assert_int_equal(releases, 0);
    assert_true(torc_slice_is(torc_buffer_slice(buffer), "mapped"));
    torc_buffer_release(buffer);
    assert_int_equal(releases, 1);
    torc_buffer_release(NULL);
}

static void wrapped_bytes_need_no_release(void **state)
{
    torc_buffer *buffer = torc_buffer_wrap(TORC_SLICE("static"), NULL, NULL);

    (void)state;
    torc_buffer_truncate(buffer, 4);
    assert_true(torc_slice_is(torc_buffer_slice(buffer), "stat"));
    torc_buffer_release(buffer);
}

static void truncating_ends_the_text_earlier(void **state)
{
    torc_buffer *buffer = torc_buffer_copy(TORC_SLICE("hello"));

    (void)state;
    torc_buffer_truncate(buffer, 5);
    torc_buffer_truncate(buffer, 2);
    assert_string_equal(torc_buffer_slice(buffer).data, "he");
    assert_int_equal(torc_buffer_slice(buffer).length, 2);
    torc_buffer_release(buffer);
}

static void nothing_is_made_when_memory_is_out(void **state)
{
    (void)state;
    releases = 0;
    fail_all_allocations();
    assert_null(torc_buffer_new(1));
    assert_null(torc_buffer_copy(TORC_SLICE("x")));
    assert_null(torc_buffer_printf("%d", 1));
    assert_null(torc_buffer_wrap(TORC_SLICE("mapped"), note_release, &releases));
    allow_allocations();
    assert_int_equal(releases, 1);
}

static void an_absurd_length_is_refused(void **state)
{
    (void)state;
    assert_null(torc_buffer_new(SIZE_MAX));
    assert_null(torc_buffer_new(SIZE_MAX - 8));
    assert_null(torc_buffer_new((size_t)PTRDIFF_MAX));
}

static void change_a_shared_buffer(void)
{
    torc_buffer_bytes(torc_buffer_hold(torc_buffer_new(1)));
}

static void change_wrapped_bytes(void)
{
    torc_buffer_bytes(torc_buffer_wrap(TORC_SLICE("x"), NULL, NULL));
}

static void lengthen(void)
{
    torc_buffer_truncate(torc_buffer_new(1), 2);
}

static void shorten_a_shared_buffer(void)
{
    torc_buffer_truncate(torc_buffer_hold(torc_buffer_new(1)), 0);
}

static void changing_what_is_shared_aborts(void **state)
{
    (void)state;
    expect_abort(change_a_shared_buffer, "torc_buffer_bytes: the buffer has 2 holders");
    expect_abort(change_wrapped_bytes, "torc_buffer_bytes: wrapped bytes");
    expect_abort(lengthen, "torc_buffer_truncate: 2 bytes asked of a buffer of 1");
    expect_abort(shorten_a_shared_buffer, "torc_buffer_truncate: the buffer has 2 holders");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buffer_is_filled_through_its_bytes),
        cmocka_unit_test(a_copy_does_not_change_with_the_original),
        cmocka_unit_test(formatted_text_has_any_length),
        cmocka_unit_test(a_buffer_lives_until_its_last_holder_lets_go),
        cmocka_unit_test(wrapped_bytes_need_no_release),
        cmocka_unit_test(truncating_ends_the_text_earlier),
        cmocka_unit_test(nothing_is_made_when_memory_is_out),
        cmocka_unit_test(an_absurd_length_is_refused),
        cmocka_unit_test(changing_what_is_shared_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
