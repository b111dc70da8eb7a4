/*
 * An event as a line: its form, what is escaped, and cutting.
 */
#include <torc/log.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static torc_log_event event_of(torc_slice message)
{
    torc_log_event event = {
        .level = TORC_LOG_INFO,
        .wall_time = 1795260755 * TORC_SECOND + 999999999,
        .context = "CmdProtocol,0,127.0.0.1",
        .message = message,
    };

    return event;
}

static void use_time_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static void expect_message(torc_slice message, const char *shown)
{
    torc_log_event event = event_of(message);
    char text[256];
    size_t length = torc_log_format(&event, text, sizeof text);
    char *start;

    assert_int_equal(length, strlen(text));
    start = strstr(text, "] ");
    assert_non_null(start);
    assert_string_equal(start + 2, shown);
}

static void the_line_has_time_context_and_message(void **state)
{
    torc_log_event event = event_of(TORC_SLICE("command received: lastlog"));
    char text[256];

    (void)state;
    use_time_zone("EET-2");
    torc_log_format(&event, text, sizeof text);
    assert_string_equal(text, "2026-11-21 13:32:35+0200 [CmdProtocol,0,127.0.0.1] "
        "command received: lastlog\n");
}

static void the_time_follows_the_event(void **state)
{
    torc_log_event event = event_of(TORC_SLICE("x"));
    char text[256];

    (void)state;
    event.context = "-";
    event.wall_time = 0;
    use_time_zone("EST+5:30");
    torc_log_format(&event, text, sizeof text);
    assert_string_equal(text, "1969-12-31 18:30:00-0530 [-] x\n");
    event.wall_time = -1;
    torc_log_format(&event, text, sizeof text);
    assert_string_equal(text, "1969-12-31 18:29:59-0530 [-] x\n");
    event.wall_time = TORC_SECOND;
    torc_log_format(&event, text, sizeof text);
    assert_string_equal(text, "1969-12-31 18:30:01-0530 [-] x\n");
}

static void control_characters_are_escaped(void **state)
{
    (void)state;
    expect_message(TORC_SLICE("a\r\x1b[2Jb\t\x7f\0c"), "a\\x0d\\x1b[2Jb\\x09\\x7f\\x00c\n");
    expect_message(TORC_SLICE("\xC2\x9B" "2J"), "\\xc2\\x9b2J\n");
}

static void utf8_is_shown_and_other_bytes_are_escaped(void **state)
{
    (void)state;
    expect_message(TORC_SLICE("caf\xC3\xA9 \xF0\x9F\x98\x80"), "caf\xC3\xA9 \xF0\x9F\x98\x80\n");
    expect_message(TORC_SLICE("caf\xE9!"), "caf\\xe9!\n");
    expect_message(TORC_SLICE("\x9B" "2J\xC3"), "\\x9b2J\\xc3\n");
}

static void further_lines_are_indented(void **state)
{
    (void)state;
    expect_message(TORC_SLICE("one\ntwo\n\nfour\n\n"), "one\n\ttwo\n\t\n\tfour\n");
    expect_message(TORC_SLICE(""), "\n");
}

static void the_context_cannot_forge_a_line(void **state)
{
    torc_log_event event = event_of(TORC_SLICE("x"));
    char text[256];

    (void)state;
    event.context = "Echo,1,/tmp/\x1b\n2026";
    torc_log_format(&event, text, sizeof text);
    assert_non_null(strstr(text, "[Echo,1,/tmp/\\x1b\n\t2026] x\n"));
}

static void the_line_is_cut_at_any_size(void **state)
{
    torc_log_event event = event_of(TORC_SLICE("a\x01\nb"));
    char whole[256];
    char text[256];
    size_t length = torc_log_format(&event, whole, sizeof whole);

    (void)state;
    assert_int_equal(torc_log_format(&event, NULL, 0), length);
    for (size_t size = 1; size <= length + 1; size++) {
        assert_int_equal(torc_log_format(&event, text, size), length);
        assert_int_equal(strlen(text), size - 1);
        assert_memory_equal(text, whole, size - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_has_time_context_and_message),
        cmocka_unit_test(the_time_follows_the_event),
        cmocka_unit_test(control_characters_are_escaped),
        cmocka_unit_test(utf8_is_shown_and_other_bytes_are_escaped),
        cmocka_unit_test(further_lines_are_indented),
        cmocka_unit_test(the_context_cannot_forge_a_line),
        cmocka_unit_test(the_line_is_cut_at_any_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
