/*
 * The line receiver when what it keeps cannot be kept, and when its mode is changed from elsewhere
 * than inside a delivery.
 */
#include "protocol/fake_transport.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "support/failing_allocation.h"

static torc_line_receiver self;
static char events[2048];

static void note(char kind, torc_slice bytes)
{
    size_t length = strlen(events);

    snprintf(events + length, sizeof(events) - length, "%c(%.*s)", kind, TORC_FMT(bytes));
}

static void on_line(torc_line_receiver *lines, torc_slice line)
{
    note('l', line);
    if (torc_slice_is(line, "pause"))
        fake_pause_reading(lines->protocol.transport);
}

static void on_raw(torc_line_receiver *lines, torc_slice data)
{
    (void)lines;
    note('r', data);
}

static void on_too_long(torc_line_receiver *lines, torc_slice start)
{
    (void)lines;
    note('L', start);
}

static const torc_line_class kind = {
    .protocol = { .name = "Recorder" },
    .max_length = 150,
    .line_received = on_line,
    .raw_received = on_raw,
    .line_too_long = on_too_long,
};

static int set_up(void **state)
{
    (void)state;
    memset(&self, 0, sizeof(self));
    events[0] = '\0';
    fake_open(&self, &kind);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    allow_allocations();
    fake_close(&self);
    return 0;
}

static void feed(const char *text)
{
    fake_feed(&self, text, strlen(text));
}

static void feed_many(char byte, size_t count, const char *rest)
{
    char text[512];

    memset(text, byte, count);
    snprintf(text + count, sizeof(text) - count, "%s", rest);
    feed(text);
}

/* -- want of memory ------------------------------------------------------------------------ */

static void half_a_line_that_cannot_be_kept_ends_the_connection(void **state)
{
    (void)state;
    fail_all_allocations();
    feed("half a line");
    assert_true(fake.failed);
    assert_string_equal(events, "");
}

static void a_line_whose_end_cannot_be_kept_with_it_is_not_delivered(void **state)
{
    (void)state;
    feed_many('a', 100, "");
    fail_all_allocations();
    feed_many('a', 40, "\r\nnext\r\n");
    assert_true(fake.failed);
    assert_string_equal(events, "");
}

static void the_start_of_a_line_too_long_that_cannot_be_kept_is_not_told(void **state)
{
    (void)state;
    feed_many('a', 100, "");
    fail_all_allocations();
    feed_many('a', 200, "");
    assert_true(fake.failed);
    assert_string_equal(events, "");
}

static void what_is_given_back_and_cannot_be_kept_ends_the_connection(void **state)
{
    (void)state;
    torc_line_set_raw(&self);
    fail_all_allocations();
    torc_line_set_lines(&self, TORC_SLICE("given back\r\n"));
    assert_true(fake.failed);
}

/* -- changes from elsewhere ---------------------------------------------------------------- */

static void what_waits_is_raw_in_the_next_turn_once_that_is_set(void **state)
{
    (void)state;
    feed("half a line");
    torc_line_set_raw(&self);
    assert_string_equal(events, "");
    assert_true(fake.resumed);
    fake_turn(&self);
    assert_string_equal(events, "r(half a line)");
}

static void while_it_is_paused_a_change_of_mode_waits(void **state)
{
    (void)state;
    feed("pause\r\nwaits");
    torc_line_set_raw(&self);
    assert_false(fake.resumed);
    fake_resume_reading(self.protocol.transport);
    fake_turn(&self);
    assert_string_equal(events, "l(pause)r(waits)");
}

static void what_is_given_back_later_comes_before_what_waits(void **state)
{
    (void)state;
    feed("pause\r\nsecond\r\n");
    torc_line_set_lines(&self, TORC_SLICE("first\r\nand "));
    fake_resume_reading(self.protocol.transport);
    fake_turn(&self);
    assert_string_equal(events, "l(pause)l(first)l(and second)");
}

static void on_raw_giving_back_what_was_not_its(torc_line_receiver *lines, torc_slice data)
{
    note('r', data);
    torc_line_set_lines(lines, TORC_SLICE("elsewhere\r\n"));
}

static void bytes_from_elsewhere_may_be_given_back_too(void **state)
{
    torc_line_class other = kind;

    (void)state;
    fake_close(&self);
    memset(&self, 0, sizeof(self));
    other.raw_received = on_raw_giving_back_what_was_not_its;
    fake_open(&self, &other);
    torc_line_set_raw(&self);
    feed("raw");
    assert_string_equal(events, "r(raw)l(elsewhere)");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(half_a_line_that_cannot_be_kept_ends_the_connection),
        TEST(a_line_whose_end_cannot_be_kept_with_it_is_not_delivered),
        TEST(the_start_of_a_line_too_long_that_cannot_be_kept_is_not_told),
        TEST(what_is_given_back_and_cannot_be_kept_ends_the_connection),
        TEST(what_waits_is_raw_in_the_next_turn_once_that_is_set),
        TEST(while_it_is_paused_a_change_of_mode_waits),
        TEST(what_is_given_back_later_comes_before_what_waits),
        TEST(bytes_from_elsewhere_may_be_given_back_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
