/*
 * The decoder of chunked bodies. Each body is decoded whole, cut in two at every byte, and byte by
 * byte; all must give the same data and end at the same byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "web/http_chunked.h"

typedef struct outcome {
    torc__http_chunked_event event;
    size_t consumed;
    size_t length;
    char data[70000];
} outcome;

static void begin(torc__http_chunked *decoder, outcome *self)
{
    torc__http_chunked_init(decoder);
    self->event = TORC__HTTP_CHUNKED_NEED_MORE;
    self->consumed = 0;
    self->length = 0;
}

/* Feeds a piece, in a block of its own size, and checks that data comes from inside it. */
static void feed(torc__http_chunked *decoder, torc_slice piece, outcome *self)
{
    char *block = malloc(piece.length > 0 ? piece.length : 1);
    torc_slice input = torc_slice_make(block, piece.length);
    torc_slice data = torc_slice_make(NULL, 0);

    assert_non_null(block);
    if (piece.length > 0)
        memcpy(block, piece.data, piece.length);
    while ((self->event = torc__http_chunked_next(decoder, &input, &data)) ==
        TORC__HTTP_CHUNKED_DATA) {
        assert_true(data.length > 0);
        assert_true(data.data >= block && data.data + data.length <= block + piece.length);
        assert_true(data.data + data.length == input.data);
        assert_true(self->length + data.length <= sizeof(self->data));
        memcpy(self->data + self->length, data.data, data.length);
        self->length += data.length;
    }
    if (self->event == TORC__HTTP_CHUNKED_NEED_MORE)
        assert_int_equal(input.length, 0);
    self->consumed += piece.length - input.length;
    free(block);
}

static void feed_on(torc__http_chunked *decoder, torc_slice piece, outcome *self)
{
    if (self->event == TORC__HTTP_CHUNKED_NEED_MORE)
        feed(decoder, piece, self);
}

static void assert_same(const outcome *a, const outcome *b)
{
    assert_int_equal(a->event, b->event);
    assert_int_equal(a->length, b->length);
    assert_memory_equal(a->data, b->data, a->length);
    assert_int_equal(a->consumed, b->consumed);
}

static const outcome *decode(torc_slice text)
{
    static outcome whole;
    static outcome cut;
    torc__http_chunked decoder;

    begin(&decoder, &whole);
    feed(&decoder, text, &whole);
    for (size_t at = 0; at <= text.length && text.length < 5000; at++) {
        begin(&decoder, &cut);
        feed_on(&decoder, torc_slice_first(text, at), &cut);
        feed_on(&decoder, torc_slice_skip(text, at), &cut);
        assert_same(&whole, &cut);
    }
    begin(&decoder, &cut);
    for (size_t at = 0; at < text.length; at++)
        feed_on(&decoder, torc_slice_make(text.data + at, 1), &cut);
    assert_same(&whole, &cut);
    return &whole;
}

static void check_body(torc_slice text, const char *body, size_t behind)
{
    const outcome *result = decode(text);

    assert_int_equal(result->event, TORC__HTTP_CHUNKED_DONE);
    assert_true(torc_slice_is(torc_slice_make(result->data, result->length), body));
    assert_int_equal(text.length - result->consumed, behind);
}

static void check_event(torc_slice text, torc__http_chunked_event event)
{
    const outcome *result = decode(text);

    if (result->event != event)
        fail_msg("event %d, not %d: %.*s", (int)result->event, (int)event, TORC_FMT(text));
}

static void test_data_comes_out_without_its_framing(void **state)
{
    (void)state;
    check_body(TORC_SLICE("0\r\n\r\n"), "", 0);
    check_body(TORC_SLICE("5\r\nhello\r\n0\r\n\r\n"), "hello", 0);
    check_body(TORC_SLICE("5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n"), "hello, world", 0);
    check_body(TORC_SLICE("4\r\na\r\nb\r\n0\r\n\r\n"), "a\r\nb", 0);
    check_body(TORC_SLICE("A\r\n0123456789\r\n0\r\n\r\n"), "0123456789", 0);
    check_body(TORC_SLICE("a\r\n0123456789\r\n000\r\n\r\n"), "0123456789", 0);
    check_body(TORC_SLICE("0000000000000005\r\nhello\r\n0\r\n\r\n"), "hello", 0);
}

static void test_what_follows_the_body_is_left(void **state)
{
    (void)state;
    check_body(TORC_SLICE("5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), "hello", 16);
    check_body(TORC_SLICE("0\r\n\r\n\r\n"), "", 2);
}

static void test_extensions_are_dropped(void **state)
{
    (void)state;
    check_body(TORC_SLICE("5;a=b\r\nhello\r\n0;c=\"d e\"\r\n\r\n"), "hello", 0);
    check_body(TORC_SLICE("5 ; a\r\nhello\r\n0\t;\r\n\r\n"), "hello", 0);
}

static void test_trailer_fields_are_dropped(void **state)
{
    (void)state;
    check_body(TORC_SLICE("5\r\nhello\r\n0\r\nA: b\r\nEmpty:\r\n\r\nX"), "hello", 1);
}

static void test_an_incomplete_body_needs_more(void **state)
{
    torc_slice text = TORC_SLICE("5;a=b\r\nhello\r\n0;c\r\nA: b\r\n\r\n");

    (void)state;
    for (size_t length = 0; length < text.length; length++)
        check_event(torc_slice_first(text, length), TORC__HTTP_CHUNKED_NEED_MORE);
}

static void test_bad_framing_is_refused(void **state)
{
    static const torc_slice texts[] = {
        { "\r\n", 2 },
        { "x\r\n", 3 },
        { "-1\r\n", 4 },
        { "+1\r\n", 4 },
        { " 1\r\n", 4 },
        { "0x1\r\n", 5 },
        { ";a\r\n", 4 },
        { "g\r\n", 3 },
        { "5 \r\nhello\r\n", 11 },
        { "5\nhello\r\n", 9 },
        { "5\r\rhello\r\n", 10 },
        { "5\r\nhello!\r\n", 11 },
        { "5\r\nhello\n", 9 },
        { "5\r\nhello\r0\r\n", 11 },
        { "5\r\nhello\r\n\r\n", 12 },
        { "5;a\nb\r\n", 7 },
        { "5;a\0\r\n", 6 },
        { "5;a\x7f\r\n", 6 },
        { "0\r\n\n", 4 },
        { "0\r\n\rX", 5 },
        { "0\r\n A: b\r\n", 10 },
        { "0\r\nA : b\r\n", 10 },
        { "0\r\n: b\r\n", 8 },
        { "0\r\nA\r\n", 6 },
        { "0\r\nA: b\n", 8 },
        { "0\r\nA: b\r\r", 9 },
        { "0\r\nA: b\0", 8 },
        { "0\r\nA: b\r\n c\r\n", 13 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_event(texts[i], TORC__HTTP_CHUNKED_ERROR);
}

static void test_a_size_is_limited(void **state)
{
    (void)state;
    check_event(TORC_SLICE("7fffffffffffffff\r\n"), TORC__HTTP_CHUNKED_NEED_MORE);
    check_event(TORC_SLICE("8000000000000000"), TORC__HTTP_CHUNKED_ERROR);
    check_event(TORC_SLICE("ffffffffffffffff"), TORC__HTTP_CHUNKED_ERROR);
    check_event(TORC_SLICE("10000000000000005"), TORC__HTTP_CHUNKED_ERROR);
    check_event(TORC_SLICE("0000000000000000\r\n"), TORC__HTTP_CHUNKED_NEED_MORE);
    check_event(TORC_SLICE("00000000000000000"), TORC__HTTP_CHUNKED_ERROR);
}

/* `start`, `count` times `byte`, `rest`. */
static torc_slice stretch(char *text, const char *start, size_t count, char byte, const char *rest)
{
    strcpy(text, start);
    memset(text + strlen(start), byte, count);
    strcpy(text + strlen(start) + count, rest);
    return torc_slice_of(text);
}

static void test_an_extension_is_limited(void **state)
{
    static char text[2000];
    const size_t most = TORC__HTTP_CHUNKED_MAX_EXTENSION;

    (void)state;
    check_body(stretch(text, "0;", most, 'a', "\r\n\r\n"), "", 0);
    check_event(stretch(text, "0;", most + 1, 'a', "\r\n\r\n"), TORC__HTTP_CHUNKED_ERROR);
    check_event(stretch(text, "0", most + 1, ' ', ";\r\n\r\n"), TORC__HTTP_CHUNKED_ERROR);
}

static void test_all_extensions_together_are_limited(void **state)
{
    static char text[60000];
    char *end = text;
    torc_slice input;

    (void)state;
    /* 16 bytes each: what is small in each chunk would else cost without an end. */
    for (size_t i = 0; i < TORC__HTTP_CHUNKED_MAX_EXTENSIONS / 16; i++)
        end = stpcpy(end, "1;123456789abcdef0\r\nx\r\n");
    input = torc_slice_make(text, (size_t)(end - text));
    check_event(input, TORC__HTTP_CHUNKED_NEED_MORE);
    end = stpcpy(end, "1;a");
    input = torc_slice_make(text, (size_t)(end - text));
    check_event(input, TORC__HTTP_CHUNKED_ERROR);
}

static void test_the_trailer_is_limited(void **state)
{
    static char text[10000];
    const size_t most = TORC__HTTP_CHUNKED_MAX_TRAILER;

    (void)state;
    /* "A:" and three bytes of line ends count too; the last LF of the body does not. */
    check_body(stretch(text, "0\r\nA:", most - 5, 'b', "\r\n\r\n"), "", 0);
    check_event(stretch(text, "0\r\nA:", most - 4, 'b', "\r\n\r\n"), TORC__HTTP_CHUNKED_ERROR);
    check_event(stretch(text, "0\r\n", most + 1, 'b', ""), TORC__HTTP_CHUNKED_ERROR);
}

static void test_the_end_is_said_again_and_takes_nothing(void **state)
{
    torc__http_chunked decoder;
    torc_slice input = TORC_SLICE("0\r\n\r\n5\r\n");
    torc_slice data;

    (void)state;
    torc__http_chunked_init(&decoder);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(torc__http_chunked_next(&decoder, &input, &data), TORC__HTTP_CHUNKED_DONE);
        assert_int_equal(input.length, 3);
    }
    input = TORC_SLICE("?rest");
    torc__http_chunked_init(&decoder);
    for (int i = 0; i < 3; i++)
        assert_int_equal(torc__http_chunked_next(&decoder, &input, &data),
            TORC__HTTP_CHUNKED_ERROR);
}

static void test_data_is_passed_in_spans_not_bytes(void **state)
{
    torc__http_chunked decoder;
    torc_slice input = TORC_SLICE("10\r\n0123456789abcdef\r\n");
    torc_slice data;

    (void)state;
    torc__http_chunked_init(&decoder);
    assert_int_equal(torc__http_chunked_next(&decoder, &input, &data), TORC__HTTP_CHUNKED_DATA);
    assert_true(torc_slice_is(data, "0123456789abcdef"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_comes_out_without_its_framing),
        cmocka_unit_test(test_what_follows_the_body_is_left),
        cmocka_unit_test(test_extensions_are_dropped),
        cmocka_unit_test(test_trailer_fields_are_dropped),
        cmocka_unit_test(test_an_incomplete_body_needs_more),
        cmocka_unit_test(test_bad_framing_is_refused),
        cmocka_unit_test(test_a_size_is_limited),
        cmocka_unit_test(test_an_extension_is_limited),
        cmocka_unit_test(test_all_extensions_together_are_limited),
        cmocka_unit_test(test_the_trailer_is_limited),
        cmocka_unit_test(test_the_end_is_said_again_and_takes_nothing),
        cmocka_unit_test(test_data_is_passed_in_spans_not_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
