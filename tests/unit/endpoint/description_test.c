/*
 * Taking a description apart: dividers, escapes, brackets, names, bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "endpoint/description.h"

static torc__description description;

static const char *parse(const char *text)
{
    return torc__description_parse(torc_slice_of(text), &description);
}

/* The parts as "name=value", an unnamed one as "value", with '|' after each. */
static const char *parts(void)
{
    static char text[4096];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < description.count; i++) {
        const torc__description_part *part = &description.parts[i];

        used += (size_t)snprintf(text + used, sizeof(text) - used, "%.*s%s%.*s|",
            TORC_FMT(part->name), part->name.length != 0 ? "=" : "", TORC_FMT(part->value));
    }
    return text;
}

static void assert_parts(const char *text, const char *kind, const char *expected)
{
    assert_null(parse(text));
    assert_true(torc_slice_is(description.kind, kind));
    assert_string_equal(parts(), expected);
}

static void parts_are_divided_by_colons(void **state)
{
    (void)state;
    assert_parts("tcp", "tcp", "");
    assert_parts("tcp:80", "tcp", "80|");
    assert_parts("tcp:80:interface=127.0.0.1:backlog=5", "tcp",
        "80|interface=127.0.0.1|backlog=5|");
}

static void a_part_may_be_empty(void **state)
{
    (void)state;
    assert_parts("tcp:", "tcp", "|");
    assert_parts("tcp::80", "tcp", "|80|");
    assert_parts("tcp:interface=", "tcp", "interface=|");
    assert_parts(":80", "", "80|");
}

static void a_backslash_takes_the_next_byte_as_it_is(void **state)
{
    (void)state;
    assert_parts("tcp6:\\:\\:1:80", "tcp6", "::1|80|");
    assert_parts("unix:C\\\\d", "unix", "C\\d|");
    assert_parts("unix:a\\=b", "unix", "a=b|");
    assert_parts("unix:\\[a", "unix", "[a|");
    assert_parts("unix:a\\/b", "unix", "a/b|");
}

static void a_value_may_hold_equals_signs(void **state)
{
    (void)state;
    assert_parts("unix:path=a=b=c:mode=660", "unix", "path=a=b=c|mode=660|");
}

static void brackets_at_the_start_of_a_value_hold_colons(void **state)
{
    (void)state;
    assert_parts("tcp6:[::1]:80", "tcp6", "[::1]|80|");
    assert_parts("tcp:80:interface=[fe80::1%2]:reuseport", "tcp",
        "80|interface=[fe80::1%2]|reuseport|");
    assert_parts("unix:a[b:c]", "unix", "a[b|c]|");
}

static void an_escaped_bracket_does_not_close(void **state)
{
    (void)state;
    assert_parts("unix:[a\\]:b]:c", "unix", "[a]:b]|c|");
}

static void what_is_wrong_is_told(void **state)
{
    (void)state;
    assert_non_null(strstr(parse(""), "empty"));
    assert_non_null(strstr(parse("tcp:80\\"), "escapes nothing"));
    assert_non_null(strstr(parse("tcp6:[::1"), "not closed"));
    assert_non_null(strstr(parse("tcp:=80"), "name is missing"));
    assert_non_null(
        strstr(torc__description_parse(torc_slice_make("tcp:8\0", 6), &description), "NUL"));
}

static void parts_are_bounded_in_number(void **state)
{
    char text[128] = "tcp";

    (void)state;
    for (size_t i = 0; i < TORC__DESCRIPTION_PARTS_MAX; i++)
        strcat(text, ":a");
    assert_null(parse(text));
    assert_int_equal(description.count, TORC__DESCRIPTION_PARTS_MAX);
    strcat(text, ":a");
    assert_non_null(strstr(parse(text), "more than 16"));
}

static void length_is_bounded(void **state)
{
    static char text[TORC__DESCRIPTION_LENGTH_MAX + 1];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_null(torc__description_parse(
        torc_slice_make(text, TORC__DESCRIPTION_LENGTH_MAX), &description));
    assert_int_equal(description.kind.length, TORC__DESCRIPTION_LENGTH_MAX);
    assert_non_null(strstr(
        torc__description_parse(torc_slice_make(text, sizeof(text)), &description), "longer"));
}

static void words_end_with_a_nul(void **state)
{
    (void)state;
    assert_null(parse("tcp:name=va\\:lue:80"));
    assert_string_equal(description.kind.data, "tcp");
    assert_string_equal(description.parts[0].name.data, "name");
    assert_string_equal(description.parts[0].value.data, "va:lue");
    assert_string_equal(description.parts[1].value.data, "80");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_divided_by_colons),
        cmocka_unit_test(a_part_may_be_empty),
        cmocka_unit_test(a_backslash_takes_the_next_byte_as_it_is),
        cmocka_unit_test(a_value_may_hold_equals_signs),
        cmocka_unit_test(brackets_at_the_start_of_a_value_hold_colons),
        cmocka_unit_test(an_escaped_bracket_does_not_close),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(parts_are_bounded_in_number),
        cmocka_unit_test(length_is_bounded),
        cmocka_unit_test(words_end_with_a_nul),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
