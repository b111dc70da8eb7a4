/*
 * The line receiver: lines, raw data, limits, pausing and ending, however the bytes are cut.
 */
#include "protocol/fake_transport.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "support/failing_allocation.h"

/*
 * A receiver that writes down what it gets, and does what the lines say:
 *   raw N    the next N bytes are raw       pause   pauses reading      close   ends the connection
 *   clear    drops what was received        again   gives its raw data back as lines by a copy
 */
typedef struct recorder {
    torc_line_receiver lines;
    char events[8192];
    size_t raw_left;
    bool by_copy;
    bool inside;
    char last;
} recorder;

static recorder self;

static void note(char kind, torc_slice bytes)
{
    size_t length = strlen(self.events);

    /* Raw data has no pieces of its own: those that follow each other are written as one. */
    if (kind == 'r' && self.last == 'r')
        snprintf(self.events + length - 1, sizeof(self.events) - length, "%.*s)", TORC_FMT(bytes));
    else
        snprintf(self.events + length, sizeof(self.events) - length, "%c(%.*s)", kind,
            TORC_FMT(bytes));
    self.last = kind;
}

static void begin(void)
{
    assert_false(self.inside);
    self.inside = true;
}

static void on_line(torc_line_receiver *lines, torc_slice line)
{
    torc_slice word = line;
    torc_slice first = torc_next_word(&word);
    uint64_t number = 0;

    begin();
    note('l', line);
    if (torc_slice_is(first, "raw") && torc_slice_to_number(word, 1000, &number)) {
        self.raw_left = (size_t)number;
        torc_line_set_raw(lines);
    } else if (torc_slice_is(line, "pause"))
        fake_pause_reading(lines->protocol.transport);
    else if (torc_slice_is(line, "close"))
        fake_lose_connection(lines->protocol.transport);
    else if (torc_slice_is(line, "clear"))
        torc_line_clear(lines);
    else if (torc_slice_is(line, "again"))
        self.by_copy = true;
    self.inside = false;
}

static void on_raw(torc_line_receiver *lines, torc_slice data)
{
    torc_slice mine = torc_slice_first(data, self.raw_left);
    torc_slice rest = torc_slice_skip(data, mine.length);

    begin();
    if (mine.length > 0)
        note('r', mine);
    self.raw_left -= mine.length;
    if (self.raw_left == 0 && self.by_copy) {
        char *copy = torc_slice_dup(rest);

        torc_line_set_lines(lines, torc_slice_make(copy, rest.length));
        free(copy);
    } else if (self.raw_left == 0)
        torc_line_set_lines(lines, rest);
    self.inside = false;
}

static void on_too_long(torc_line_receiver *lines, torc_slice start)
{
    (void)lines;
    begin();
    note('L', start);
    self.inside = false;
}

static void raw_after_too_long(torc_line_receiver *lines, torc_slice start)
{
    note('L', start);
    self.raw_left = 4;
    torc_line_set_raw(lines);
}

static void on_lost(torc_protocol *protocol, const torc_failure *reason)
{
    (void)reason;
    /* What the receiver keeps is still there when its user is told. */
    note('x', torc_slice_of(torc_of(protocol, torc_line_receiver)->kept != NULL ? "kept" : ""));
}

static const torc_line_class crlf = {
    .protocol = { .name = "Recorder", .size = sizeof(recorder), .connection_lost = on_lost },
    .max_length = 10,
    .line_received = on_line,
    .raw_received = on_raw,
    .line_too_long = on_too_long,
};

static torc_line_class kind;

static int set_up(void **state)
{
    (void)state;
    memset(&self, 0, sizeof(self));
    kind = crlf;
    return 0;
}

static void open_line(void)
{
    memset(&self, 0, sizeof(self));
    fake_open(&self.lines, &kind);
}

static void feed(const char *text)
{
    fake_feed(&self.lines, text, strlen(text));
}

static void assert_events(const char *expected)
{
    assert_string_equal(self.events, expected);
    self.events[0] = '\0';
    self.last = '\0';
}

static void close_line(void)
{
    fake_close(&self.lines);
}

/* Feeds one piece; reading that was paused is resumed until all has been delivered. */
static void feed_piece(const char *bytes, size_t length)
{
    if (fake.closing)
        return;
    fake_feed(&self.lines, bytes, length);
    while (fake.paused && !fake.closing) {
        fake_resume_reading(self.lines.protocol.transport);
        fake_turn(&self.lines);
    }
}

/* The events must be `expected` in one piece, byte by byte, and cut in any two places. */
static void assert_however_cut(const char *text, const char *expected)
{
    size_t length = strlen(text);

    for (size_t first = 0; first <= length; first++) {
        for (size_t second = first; second <= length; second++) {
            open_line();
            feed_piece(text, first);
            feed_piece(text + first, second - first);
            feed_piece(text + second, length - second);
            assert_events(expected);
            close_line();
        }
    }
    open_line();
    for (size_t i = 0; i < length; i++)
        feed_piece(text + i, 1);
    assert_events(expected);
    close_line();
}

/* -- lines --------------------------------------------------------------------------------- */

static void lines_are_cut_at_the_delimiter(void **state)
{
    (void)state;
    assert_however_cut("one\r\ntwo\r\n\r\nthree\r\nrest", "l(one)l(two)l()l(three)");
}

static void half_a_delimiter_is_part_of_the_line(void **state)
{
    (void)state;
    assert_however_cut("a\rb\nc\r\r\n\n\r\n", "l(a\rb\nc\r)l(\n)");
}

static void a_delimiter_of_one_byte_works(void **state)
{
    (void)state;
    kind.delimiter = "\n";
    assert_however_cut("one\ntwo\n\n\nx", "l(one)l(two)l()l()");
}

static void a_delimiter_that_repeats_itself_is_found_at_the_first_place(void **state)
{
    (void)state;
    kind.delimiter = "aab";
    assert_however_cut("aaab1aab2aabaab", "l(a)l(1)l(2)l()");
    kind.delimiter = "--";
    assert_however_cut("a---b--", "l(a)l(-b)");
}

static void a_line_inside_one_slice_is_not_copied(void **state)
{
    (void)state;
    open_line();
    feed("one\r\ntwo\r\n");
    assert_events("l(one)l(two)");
    assert_null(self.lines.kept);
    close_line();
}

static void an_empty_delivery_does_nothing(void **state)
{
    (void)state;
    open_line();
    feed("on");
    feed("");
    feed("e\r\n");
    assert_events("l(one)");
    close_line();
}

/* -- limits -------------------------------------------------------------------------------- */

static void a_line_of_the_maximal_length_is_fine(void **state)
{
    (void)state;
    assert_however_cut("0123456789\r\nabc\r\n", "l(0123456789)l(abc)");
}

static void a_longer_line_is_told_and_skipped(void **state)
{
    (void)state;
    assert_however_cut("0123456789a\r\nabc\r\n", "L(0123456789)l(abc)");
    assert_however_cut("0123456789\r\r\nabc\r\n", "L(0123456789)l(abc)");
    assert_however_cut("0123456789abcdefghijklmnopqrstuvwxyz\rx\r\n\r\nabc\r\n",
        "L(0123456789)l()l(abc)");
    assert_however_cut("0123456789abcdefghij\r\n0123456789abcdefghij\r\n",
        "L(0123456789)L(0123456789)");
}

static void the_limit_is_noticed_with_the_first_byte_beyond_it(void **state)
{
    (void)state;
    open_line();
    feed("0123456789");
    feed("\r");
    assert_events("");
    feed("x");
    assert_events("L(0123456789)");
    close_line();
    open_line();
    feed("0123456789x");
    assert_events("L(0123456789)");
    close_line();
}

static void an_endless_line_needs_no_memory(void **state)
{
    char block[4096];

    (void)state;
    memset(block, 'x', sizeof(block));
    open_line();
    for (int i = 0; i < 100; i++) {
        fake_feed(&self.lines, block, sizeof(block));
        assert_true(kept_length(&self.lines) < 2);
    }
    feed("\r\nabc\r\n");
    assert_events("L(xxxxxxxxxx)l(abc)");
    close_line();
}

static void without_line_too_long_the_connection_ends(void **state)
{
    (void)state;
    kind.line_too_long = NULL;
    assert_however_cut("abc\r\n0123456789a\r\ndef\r\n", "l(abc)");
    open_line();
    feed("0123456789a");
    assert_true(fake.closing);
    close_line();
}

static void a_line_that_is_too_long_may_become_raw(void **state)
{
    (void)state;
    kind.line_too_long = raw_after_too_long;
    assert_however_cut("0123456789abcdef\r\n", "L(0123456789)r(abcd)l(ef)");
}

static void without_a_limit_of_its_own_a_class_has_the_default(void **state)
{
    char *line = malloc(TORC_LINE_MAX + 1);

    (void)state;
    memset(line, 'x', TORC_LINE_MAX + 1);
    kind.max_length = 0;
    open_line();
    fake_feed(&self.lines, line, TORC_LINE_MAX);
    feed("\r\n");
    assert_int_equal(self.events[0], 'l');
    self.events[0] = '\0';
    fake_feed(&self.lines, line, TORC_LINE_MAX + 1);
    assert_int_equal(self.events[0], 'L');
    close_line();
    free(line);
}

/* -- raw data ------------------------------------------------------------------------------ */

static void the_mode_changes_inside_callbacks(void **state)
{
    (void)state;
    assert_however_cut("raw 5\r\nab\r\ncdef\r\nraw 1\r\nXraw 2\r\nYZend\r\n",
        "l(raw 5)r(ab\r\nc)l(def)l(raw 1)r(X)l(raw 2)r(YZ)l(end)");
}

static void what_is_given_back_may_be_a_copy(void **state)
{
    (void)state;
    assert_however_cut("again\r\nraw 3\r\nabcone\r\ntwo\r\nraw 2\r\nabthree\r\n",
        "l(again)l(raw 3)r(abc)l(one)l(two)l(raw 2)r(ab)l(three)");
}

static void many_mode_changes_need_no_stack(void **state)
{
    enum { CHANGES = 20000 };
    size_t length = 0;
    char *text = malloc(CHANGES * 8 + 1);

    (void)state;
    for (int i = 0; i < CHANGES; i++) {
        memcpy(text + length, "raw 1\r\nX", 8);
        length += 8;
    }
    open_line();
    fake_feed(&self.lines, text, length);
    assert_int_equal(strncmp(self.events, "l(raw 1)r(X)l(raw 1)r(X)", 24), 0);
    assert_false(self.lines.raw);
    assert_int_equal(kept_length(&self.lines), 0);
    close_line();
    free(text);
}

static void raw_data_without_a_taker_is_dropped(void **state)
{
    (void)state;
    kind.raw_received = NULL;
    open_line();
    feed("a\r\nraw 1\r\nabc\r\n");
    feed("def\r\n");
    assert_events("l(a)l(raw 1)");
    torc_line_set_lines(&self.lines, torc_slice_make(NULL, 0));
    feed("b\r\n");
    assert_events("l(b)");
    close_line();
}

static void a_mode_set_from_elsewhere_holds_for_what_is_kept(void **state)
{
    (void)state;
    open_line();
    feed("abc");
    self.raw_left = 100;
    torc_line_set_raw(&self.lines);
    assert_events("");
    fake_turn(&self.lines);
    assert_events("r(abc)");
    feed("def");
    torc_line_set_lines(&self.lines, TORC_SLICE("one\r\ntw"));
    assert_events("r(def)");
    fake_turn(&self.lines);
    assert_events("l(one)");
    feed("o\r\n");
    assert_events("l(two)");
    close_line();
}

/* -- pausing, ending, clearing ------------------------------------------------------------- */

static void pausing_keeps_the_rest_until_reading_is_resumed(void **state)
{
    (void)state;
    open_line();
    feed("one\r\npause\r\ntwo\r\npause\r\nthr");
    assert_events("l(one)l(pause)");
    fake_turn(&self.lines);
    assert_events("");
    fake_resume_reading(self.lines.protocol.transport);
    assert_events("");
    fake_turn(&self.lines);
    assert_events("l(two)l(pause)");
    fake_resume_reading(self.lines.protocol.transport);
    fake_turn(&self.lines);
    feed("ee\r\n");
    assert_events("l(three)");
    close_line();
}

static void pausing_loses_nothing_however_cut(void **state)
{
    (void)state;
    assert_however_cut("pause\r\nraw 3\r\nabcpause\r\n\r\npause\r\nend\r\n",
        "l(pause)l(raw 3)r(abc)l(pause)l()l(pause)l(end)");
}

static void ending_delivers_no_further_line(void **state)
{
    (void)state;
    assert_however_cut("one\r\nclose\r\ntwo\r\n", "l(one)l(close)");
    open_line();
    feed("close\r\nmore and more");
    assert_int_equal(kept_length(&self.lines), 0);
    close_line();
}

static void clearing_drops_what_was_received(void **state)
{
    (void)state;
    open_line();
    feed("one\r\nclear\r\ntwo\r\nthr");
    assert_events("l(one)l(clear)");
    feed("ee\r\nfo");
    torc_line_clear(&self.lines);
    feed("ur\r\n");
    assert_events("l(ee)l(ur)");
    /* Also while the line that says so lies in what is kept. */
    feed("pause\r\nclear\r\nfive\r\n");
    fake_resume_reading(self.lines.protocol.transport);
    fake_turn(&self.lines);
    feed("six\r\n");
    assert_events("l(pause)l(clear)l(six)");
    close_line();
}

static void clear_and_look(torc_line_receiver *lines, torc_slice line)
{
    torc_line_clear(lines);
    if (line.length > 1)
        torc_line_set_lines(lines, TORC_SLICE("x\r\n"));
    note('l', torc_slice_first(line, 3));
    assert_int_equal(line.data[line.length - 1], 'x');
}

static void what_a_callback_was_handed_stays_until_it_returns(void **state)
{
    char line[1000];

    (void)state;
    memset(line, 'x', sizeof(line));
    kind.max_length = sizeof(line);
    kind.line_received = clear_and_look;
    open_line();
    fake_feed(&self.lines, line, sizeof(line));
    feed("\r\ndropped");
    assert_events("l(xxx)l(x)");
    close_line();
}

static void what_is_kept_goes_after_the_user_has_been_told(void **state)
{
    (void)state;
    open_line();
    feed("abc");
    self.lines.protocol.kind->connection_lost(&self.lines.protocol, NULL);
    assert_events("x(kept)");
    assert_null(self.lines.kept);
    close_line();
}

static void a_line_is_sent_with_its_delimiter(void **state)
{
    (void)state;
    open_line();
    torc_line_send(&self.lines, TORC_SLICE("hello"));
    assert_int_equal(fake.written_length, 7);
    assert_memory_equal(fake.written, "hello\r\n", 7);
    close_line();
}

/* -- memory -------------------------------------------------------------------------------- */

static void want_of_memory_ends_the_connection(void **state)
{
    (void)state;
    open_line();
    fail_all_allocations();
    feed("one\r\nunfinished");
    allow_allocations();
    assert_events("l(one)");
    assert_true(fake.failed);
    close_line();
}

static void lines_cut_in_two_allocate_nothing_once_warm(void **state)
{
    (void)state;
    open_line();
    feed("on");
    feed("e\r\n");
    count_allocations();
    for (int i = 0; i < 100; i++) {
        feed("tw");
        feed("o\r\n");
    }
    allow_allocations();
    assert_int_equal(allocations_counted(), 0);
    close_line();
}

#define LINE_TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINE_TEST(lines_are_cut_at_the_delimiter),
        LINE_TEST(half_a_delimiter_is_part_of_the_line),
        LINE_TEST(a_delimiter_of_one_byte_works),
        LINE_TEST(a_delimiter_that_repeats_itself_is_found_at_the_first_place),
        LINE_TEST(a_line_inside_one_slice_is_not_copied),
        LINE_TEST(an_empty_delivery_does_nothing),
        LINE_TEST(a_line_of_the_maximal_length_is_fine),
        LINE_TEST(a_longer_line_is_told_and_skipped),
        LINE_TEST(the_limit_is_noticed_with_the_first_byte_beyond_it),
        LINE_TEST(an_endless_line_needs_no_memory),
        LINE_TEST(without_line_too_long_the_connection_ends),
        LINE_TEST(a_line_that_is_too_long_may_become_raw),
        LINE_TEST(without_a_limit_of_its_own_a_class_has_the_default),
        LINE_TEST(the_mode_changes_inside_callbacks),
        LINE_TEST(what_is_given_back_may_be_a_copy),
        LINE_TEST(many_mode_changes_need_no_stack),
        LINE_TEST(raw_data_without_a_taker_is_dropped),
        LINE_TEST(a_mode_set_from_elsewhere_holds_for_what_is_kept),
        LINE_TEST(pausing_keeps_the_rest_until_reading_is_resumed),
        LINE_TEST(pausing_loses_nothing_however_cut),
        LINE_TEST(ending_delivers_no_further_line),
        LINE_TEST(clearing_drops_what_was_received),
        LINE_TEST(what_a_callback_was_handed_stays_until_it_returns),
        LINE_TEST(what_is_kept_goes_after_the_user_has_been_told),
        LINE_TEST(a_line_is_sent_with_its_delimiter),
        LINE_TEST(want_of_memory_ends_the_connection),
        LINE_TEST(lines_cut_in_two_allocate_nothing_once_warm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
