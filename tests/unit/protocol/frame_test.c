/*
 * The frame receiver: frames of each size of length, however the bytes are cut; limits, pausing,
 * clearing, ending, and want of memory.
 */
#include <torc.h>
#include <torc/frame.h>
#include <torc/testing.h>

#include "support/expect_abort.h"
#include "support/failing_allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

/*
 * Writes down its frames, and does what they say: "pause" pauses reading, "close" ends the
 * connection, "clear" drops what was received.
 */
typedef struct recorder {
    torc_frame_receiver frames;
} recorder;

static char events[4096];

static void note(const char *kind, torc_slice bytes)
{
    size_t length = strlen(events);

    snprintf(events + length, sizeof events - length, "%s(%.*s)", kind, TORC_FMT(bytes));
}

static void on_frame(torc_frame_receiver *frames, torc_slice frame)
{
    torc_transport *transport = frames->protocol.transport;

    note("f", frame);
    if (torc_slice_is(frame, "pause"))
        torc_pause_reading(transport);
    else if (torc_slice_is(frame, "close"))
        torc_lose_connection(transport);
    else if (torc_slice_is(frame, "clear"))
        torc_frame_clear(frames);
}

static void on_too_long(torc_frame_receiver *frames, uint64_t length)
{
    char text[32];

    (void)frames;
    snprintf(text, sizeof text, "%llu", (unsigned long long)length);
    note("L", torc_slice_of(text));
}

static void on_lost(torc_protocol *protocol, const torc_failure *reason)
{
    (void)protocol;
    (void)reason;
    note("x", torc_slice_of(""));
}

static torc_frame_class recorder_class(unsigned length_size, size_t max_length)
{
    torc_frame_class kind = {
        .protocol = { .name = "Recorder", .size = sizeof(recorder), .connection_lost = on_lost },
        .length_size = length_size,
        .max_length = max_length,
        .frame_received = on_frame,
        .frame_too_long = on_too_long,
    };

    return kind;
}

static void fail_test(const char *message)
{
    fail_msg("%s", message);
}

static int set_up(void **state)
{
    (void)state;
    torc_testing_set_fail(fail_test);
    events[0] = '\0';
    return 0;
}

/* What a recorder writes down of `bytes` that come `piece` at a time. */
static void play(unsigned length_size, size_t max_length, torc_slice bytes, size_t piece)
{
    torc_frame_class kind = recorder_class(length_size, max_length);
    torc_test_options options = { .cut_every = piece };
    torc_test *test = torc_test_new_with(torc_frame_factory(&kind), &options);

    events[0] = '\0';
    torc_test_send_bytes(test, bytes);
    torc_test_free(test);
}

#define PLAY(length_size, max_length, text, expected) \
    do { \
        for (size_t piece = 0; piece <= sizeof(text); piece++) { \
            play((length_size), (max_length), TORC_SLICE(text), piece); \
            assert_string_equal(events, expected); \
        } \
    } while (0)

static void frames_come_whole_however_they_are_cut(void **state)
{
    (void)state;
    PLAY(2, 0, "\0\3one\0\0\0\5three", "f(one)f()f(three)x()");
}

static void a_length_may_have_one_two_four_or_eight_bytes(void **state)
{
    (void)state;
    PLAY(1, 0, "\3one\3two", "f(one)f(two)x()");
    PLAY(0, 0, "\0\3one\0\3two", "f(one)f(two)x()");
    PLAY(4, 0, "\0\0\0\3one\0\0\0\3two", "f(one)f(two)x()");
    PLAY(8, 0, "\0\0\0\0\0\0\0\3one", "f(one)x()");
}

static void a_frame_that_is_too_long_ends_the_connection(void **state)
{
    (void)state;
    PLAY(2, 3, "\0\3one\0\4four\0\3two", "f(one)L(4)x()");
    PLAY(4, 0, "\0\x10\0\1", "L(1048577)x()");
    PLAY(8, 0, "\xff\xff\xff\xff\xff\xff\xff\xff", "L(18446744073709551615)x()");
}

static void a_frame_that_does_not_come_to_its_end_is_not_told(void **state)
{
    (void)state;
    PLAY(2, 0, "\0\3one\0\4tw", "f(one)x()");
}

static void nothing_follows_the_frame_that_ends_the_connection(void **state)
{
    (void)state;
    PLAY(2, 0, "\0\5close\0\3two", "f(close)x()");
}

static void clearing_drops_what_has_come(void **state)
{
    (void)state;
    play(2, 0, TORC_SLICE("\0\5clear\0\3two"), 0);
    assert_string_equal(events, "f(clear)x()");
}

static void a_pause_holds_back_what_has_come(void **state)
{
    torc_frame_class kind = recorder_class(2, 0);

    (void)state;
    for (size_t piece = 0; piece <= 16; piece++) {
        torc_test_options options = { .cut_every = piece };
        torc_test *test = torc_test_new_with(torc_frame_factory(&kind), &options);

        events[0] = '\0';
        torc_test_send_bytes(test, TORC_SLICE("\0\5pause\0\3two\0\5pause\0\4four"));
        assert_string_equal(events, "f(pause)");
        torc_resume_reading(torc_test_protocol(test)->transport);
        torc_test_advance(test, 0);
        assert_string_equal(events, "f(pause)f(two)f(pause)");
        torc_resume_reading(torc_test_protocol(test)->transport);
        torc_test_advance(test, 0);
        assert_string_equal(events, "f(pause)f(two)f(pause)f(four)");
        torc_test_free(test);
    }
}

static void a_frame_is_sent_with_its_length(void **state)
{
    static const unsigned sizes[] = { 1, 2, 4, 8 };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        torc_frame_class kind = recorder_class(sizes[i], 0);
        torc_test *test = torc_test_new(torc_frame_factory(&kind));
        char expected[16] = { 0 };

        torc_frame_send(torc_test_protocol(test), TORC_SLICE("four"));
        torc_test_advance(test, 0);
        expected[sizes[i] - 1] = 4;
        memcpy(expected + sizes[i], "four", 4);
        assert_true(
            torc_slice_equal(torc_test_take(test), torc_slice_make(expected, sizes[i] + 4)));
        torc_test_free(test);
    }
}

static void a_long_frame_is_the_same_at_the_other_end(void **state)
{
    static char bytes[300004];
    torc_frame_class kind = recorder_class(4, 0);

    (void)state;
    bytes[1] = 4; /* 0x000493e0: 300000 */
    bytes[2] = (char)0x93;
    bytes[3] = (char)0xe0;
    memset(bytes + 4, 'x', sizeof bytes - 4);
    for (size_t piece = 1000; piece < 400000; piece *= 7) {
        torc_test_options options = { .cut_every = piece };
        torc_test *test = torc_test_new_with(torc_frame_factory(&kind), &options);

        events[0] = '\0';
        torc_test_send_bytes(test, torc_slice_make(bytes, sizeof bytes));
        assert_true(strncmp(events, "f(xxxx", 6) == 0);
        torc_test_free(test);
    }
}

/* Half a frame has to be kept, and cannot be. */
static void want_of_memory_ends_the_connection(void **state)
{
    torc_frame_class kind = recorder_class(2, 0);
    torc_test *test = torc_test_new(torc_frame_factory(&kind));
    torc_frame_receiver *frames;

    (void)state;
    frames = torc_of(torc_test_protocol(test), torc_frame_receiver);
    fail_all_allocations();
    frames->protocol.kind->data_received(&frames->protocol, TORC_SLICE("\0\3on"));
    allow_allocations();
    torc_test_advance(test, 0);
    assert_string_equal(events, "x()");
    assert_int_equal(torc_test_state(test), TORC_TEST_RESET);
    torc_test_free(test);
}

static torc_test *aborting;

static void send_too_long(void)
{
    static char bytes[256];

    torc_frame_send(torc_test_protocol(aborting), torc_slice_make(bytes, sizeof bytes));
}

static void make_without_callback(void)
{
    torc_frame_class kind = recorder_class(2, 0);

    kind.frame_received = NULL;
    torc_frame_factory(&kind);
}

static void make_with_three_bytes(void)
{
    torc_frame_class kind = recorder_class(3, 0);

    torc_frame_factory(&kind);
}

static void misuse_is_named(void **state)
{
    torc_frame_class kind = recorder_class(1, 0);

    (void)state;
    aborting = torc_test_new(torc_frame_factory(&kind));
    expect_abort(send_too_long, "a frame of 256 bytes, whose length does not fit into 1 bytes");
    expect_abort(make_without_callback, "has frame_received in place of data_received");
    expect_abort(make_with_three_bytes, "a length has 1, 2, 4 or 8 bytes, not 3");
    torc_test_free(aborting);
}

#define ONE(test) cmocka_unit_test_setup(test, set_up)

static void a_class_may_have_nothing_but_what_takes_its_frames(void **state)
{
    static const torc_frame_class kind = { .frame_received = on_frame, .max_length = 5 };
    torc_test *test = torc_test_new(torc_frame_factory(&kind));

    (void)state;
    torc_test_send_bytes(test, TORC_SLICE("\0\3one\0\4four\0\6toolong"));
    assert_string_equal(events, "f(one)f(four)");
    assert_int_equal(torc_test_state(test), TORC_TEST_CLOSED);
    torc_test_free(test);
}

static void a_frame_whose_end_cannot_be_kept_with_it_ends_the_connection(void **state)
{
    torc_frame_class kind = recorder_class(2, 0);
    torc_test *test = torc_test_new(torc_frame_factory(&kind));
    static char frame[2 + 60000] = { (char)0xea, 0x60 };

    (void)state;
    torc_test_send_bytes(test, torc_slice_make(frame, 10));
    fail_all_allocations();
    spare_vital_allocations();
    ((torc_protocol *)torc_test_protocol(test))->kind->data_received(
        torc_test_protocol(test), torc_slice_make(frame + 10, sizeof frame - 10));
    allow_allocations();
    torc_test_advance(test, TORC_MILLISECOND);
    assert_string_equal(events, "x()");
    torc_test_free(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(frames_come_whole_however_they_are_cut),
        ONE(a_length_may_have_one_two_four_or_eight_bytes),
        ONE(a_frame_that_is_too_long_ends_the_connection),
        ONE(a_frame_that_does_not_come_to_its_end_is_not_told),
        ONE(nothing_follows_the_frame_that_ends_the_connection),
        ONE(clearing_drops_what_has_come),
        ONE(a_pause_holds_back_what_has_come),
        ONE(a_frame_is_sent_with_its_length),
        ONE(a_long_frame_is_the_same_at_the_other_end),
        ONE(want_of_memory_ends_the_connection),
        ONE(a_class_may_have_nothing_but_what_takes_its_frames),
        ONE(a_frame_whose_end_cannot_be_kept_with_it_ends_the_connection),
        ONE(misuse_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
