/*
 * Bounded text, and where UTF-8 may be cut.
 */
#include "base/text_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void what_fits_is_written_and_all_is_counted(void **state)
{
    torc__text_writer writer;
    char text[8];

    (void)state;
    torc__text_writer_init(&writer, text, sizeof text);
    torc__text_append(&writer, TORC_SLICE("abc"));
    torc__text_printf(&writer, "%d", 1234);
    assert_int_equal(torc__text_finish(&writer), 7);
    assert_string_equal(text, "abc1234");
    torc__text_writer_init(&writer, text, sizeof text);
    torc__text_printf(&writer, "%s", "abcdefghij");
    torc__text_append(&writer, TORC_SLICE("k"));
    torc__text_printf(&writer, "%s", "l");
    assert_int_equal(torc__text_finish(&writer), 12);
    assert_string_equal(text, "abcdefg");
}

static void no_room_at_all_still_counts(void **state)
{
    torc__text_writer writer;
    char text[1];

    (void)state;
    torc__text_writer_init(&writer, NULL, 0);
    torc__text_append(&writer, TORC_SLICE("abc"));
    torc__text_printf(&writer, "%d", 12);
    assert_int_equal(torc__text_finish(&writer), 5);
    torc__text_writer_init(&writer, text, 1);
    torc__text_append(&writer, TORC_SLICE("abc"));
    assert_int_equal(torc__text_finish(&writer), 3);
    assert_string_equal(text, "");
}

static void no_character_is_cut_in_two(void **state)
{
    torc__text_writer writer;
    char text[6];

    (void)state;
    torc__text_writer_init(&writer, text, sizeof text);
    torc__text_append(&writer, TORC_SLICE("abcd\xC3\xA9"));
    assert_int_equal(torc__text_finish(&writer), 6);
    assert_string_equal(text, "abcd");
    torc__text_writer_init(&writer, text, sizeof text);
    torc__text_printf(&writer, "ab\xF0\x9F%s", "\x98\x80");
    assert_int_equal(torc__text_finish(&writer), 6);
    assert_string_equal(text, "ab");
}

static void only_an_unfinished_character_is_cut_off(void **state)
{
    (void)state;
    assert_int_equal(torc__utf8_cut("", 0), 0);
    assert_int_equal(torc__utf8_cut("ab", 2), 2);
    assert_int_equal(torc__utf8_cut("a\xC3\xA9", 3), 3);
    assert_int_equal(torc__utf8_cut("a\xC3", 2), 1);
    assert_int_equal(torc__utf8_cut("a\xE2\x82", 3), 1);
    assert_int_equal(torc__utf8_cut("a\xE2\x82\xAC", 4), 4);
    assert_int_equal(torc__utf8_cut("a\xF0\x9F\x98", 4), 1);
    assert_int_equal(torc__utf8_cut("a\xF0\x9F\x98\x80", 5), 5);
    assert_int_equal(torc__utf8_cut("\x80\x80\x80\x80", 4), 4);
}

static void only_well_formed_characters_have_a_length(void **state)
{
    (void)state;
    assert_int_equal(torc__utf8_character(TORC_SLICE("")), 0);
    assert_int_equal(torc__utf8_character(TORC_SLICE("ab")), 1);
    assert_int_equal(torc__utf8_character(TORC_SLICE("\xC3\xA9")), 2);
    assert_int_equal(torc__utf8_character(TORC_SLICE("\xE2\x82\xAC")), 3);
    assert_int_equal(torc__utf8_character(TORC_SLICE("\xF0\x9F\x98\x80")), 4);
    assert_int_equal(torc__utf8_character(TORC_SLICE("\xC3")), 0);
    assert_int_equal(torc__utf8_character(TORC_SLICE("\xE2\x82")), 0);
    assert_int_equal(torc__utf8_character(TORC_SLICE("\xE2\x82x")), 0);
    assert_int_equal(torc__utf8_character(TORC_SLICE("\x80")), 0);
    assert_int_equal(torc__utf8_character(TORC_SLICE("\xC0\xAF")), 0);
    assert_int_equal(torc__utf8_character(TORC_SLICE("\xE0\x80\xAF")), 0);
    assert_int_equal(torc__utf8_character(TORC_SLICE("\xED\xA0\x80")), 0);
    assert_int_equal(torc__utf8_character(TORC_SLICE("\xF4\x90\x80\x80")), 0);
    assert_int_equal(torc__utf8_character(TORC_SLICE("\xF5\x80\x80\x80")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_written_and_all_is_counted),
        cmocka_unit_test(no_room_at_all_still_counts),
        cmocka_unit_test(no_character_is_cut_in_two),
        cmocka_unit_test(only_an_unfinished_character_is_cut_off),
        cmocka_unit_test(only_well_formed_characters_have_a_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
