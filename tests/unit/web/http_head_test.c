/*
 * The parser of request heads. Each head goes through `judge`, which parses it whole, cut in two at
 * every byte, and byte by byte, each time in a block of exactly the bytes that have come, at
 * another place: so every test here is also a test that cuts and moves change nothing and that
 * nothing is read beyond the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "web/http_head.h"

#define HOST "Host: example.org\r\n"

typedef struct attempt {
    torc__http_head_parser parser;
    torc__http_field fields[TORC__HTTP_MAX_FIELDS];
    torc__http_head_outcome outcome;
    char *block; /* what the parser's slices point into */
    size_t seen; /* how much of the input it had when it ended */
} attempt;

static void begin(attempt *self)
{
    torc__http_head_parser_init(&self->parser, NULL, self->fields, TORC__HTTP_MAX_FIELDS);
    self->outcome = TORC__HTTP_HEAD_NEED_MORE;
    self->block = NULL;
    self->seen = 0;
}

static void feed(attempt *self, torc_slice text, size_t length)
{
    char *block;

    if (self->outcome != TORC__HTTP_HEAD_NEED_MORE)
        return;
    block = malloc(length > 0 ? length : 1);
    assert_non_null(block);
    if (length > 0)
        memcpy(block, text.data, length);
    self->outcome = torc__http_head_parse(&self->parser, torc_slice_make(block, length));
    self->seen = length;
    free(self->block);
    self->block = block;
}

static void end(attempt *self)
{
    free(self->block);
}

static void assert_same_slice(torc_slice a, torc_slice b)
{
    assert_true(torc_slice_equal(a, b));
}

static void assert_same(const attempt *a, const attempt *b)
{
    const torc__http_head *first = &a->parser.head;
    const torc__http_head *second = &b->parser.head;

    assert_int_equal(a->outcome, b->outcome);
    assert_int_equal(a->parser.status, b->parser.status);
    if (a->outcome == TORC__HTTP_HEAD_ERROR)
        assert_string_equal(a->parser.problem, b->parser.problem);
    if (a->outcome != TORC__HTTP_HEAD_DONE)
        return;
    assert_int_equal(a->parser.consumed, b->parser.consumed);
    assert_int_equal(first->method, second->method);
    assert_int_equal(first->version_minor, second->version_minor);
    assert_int_equal(first->keep_alive, second->keep_alive);
    assert_int_equal(first->expects_continue, second->expects_continue);
    assert_int_equal(first->chunked, second->chunked);
    assert_int_equal(first->content_length, second->content_length);
    assert_same_slice(first->method_name, second->method_name);
    assert_same_slice(first->target, second->target);
    assert_memory_equal(first->known, second->known, sizeof(first->known));
    assert_int_equal(first->field_count, second->field_count);
    for (size_t i = 0; i < first->field_count; i++) {
        assert_same_slice(first->fields[i].name, second->fields[i].name);
        assert_same_slice(first->fields[i].value, second->fields[i].value);
    }
}

/* Parses `text` in all ways and gives the way where it came whole; end() it. */
static attempt judge(torc_slice text)
{
    static attempt whole;
    static attempt cut;

    begin(&whole);
    feed(&whole, text, text.length);
    for (size_t at = 0; at <= text.length; at++) {
        begin(&cut);
        feed(&cut, text, at);
        feed(&cut, text, text.length);
        assert_same(&whole, &cut);
        end(&cut);
    }
    begin(&cut);
    for (size_t at = 0; at <= text.length; at++)
        feed(&cut, text, at);
    assert_same(&whole, &cut);
    end(&cut);
    return whole;
}

/* 0: done; -1: more is needed. */
static int status_of(torc_slice text)
{
    attempt whole = judge(text);
    int status = whole.parser.status;

    if (whole.outcome == TORC__HTTP_HEAD_NEED_MORE)
        status = -1;
    end(&whole);
    return status;
}

typedef struct row {
    torc_slice text;
    int status;
} row;

static void check_rows(const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int status = status_of(rows[i].text);

        if (status != rows[i].status)
            fail_msg("row %zu: status %d, not %d: %.*s", i, status, rows[i].status,
                TORC_FMT(rows[i].text));
    }
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof(rows[0]))
#define ROW(text, status) { { text, sizeof(text) - 1 }, status }
/* A request of HTTP/1.1 with a Host and these fields. */
#define FIELDS(fields, status) ROW("GET / HTTP/1.1\r\n" HOST fields "\r\n", status)

static void test_a_request_comes_apart_into_its_elements(void **state)
{
    static const char text[] = "POST /a%20b?c=d HTTP/1.1\r\n"
                               "Host: example.org:8080\r\n"
                               "X-Empty:\r\n"
                               "x-padded: \t two words \t\r\n"
                               "Content-Length: 12\r\n\r\nhello world!";
    attempt whole = judge(torc_slice_of(text));
    const torc__http_head *head = &whole.parser.head;

    (void)state;
    assert_int_equal(whole.outcome, TORC__HTTP_HEAD_DONE);
    assert_int_equal(whole.parser.consumed, sizeof(text) - 1 - 12);
    assert_int_equal(head->method, TORC__HTTP_POST);
    assert_true(torc_slice_is(head->method_name, "POST"));
    assert_true(torc_slice_is(head->target, "/a%20b?c=d"));
    assert_int_equal(head->version_minor, 1);
    assert_int_equal(head->field_count, 4);
    assert_true(torc_slice_is(head->fields[1].name, "X-Empty"));
    assert_int_equal(head->fields[1].value.length, 0);
    assert_true(torc_slice_is(head->fields[2].value, "two words"));
    assert_true(head->has_content_length);
    assert_int_equal(head->content_length, 12);
    assert_false(head->chunked);
    assert_true(torc_slice_is(torc__http_head_value(head, TORC__HTTP_HOST), "example.org:8080"));
    assert_true(torc_slice_is(torc__http_head_find(head, TORC_SLICE("X-PADDED")), "two words"));
    assert_null(torc__http_head_find(head, TORC_SLICE("absent")).data);
    end(&whole);
}

static void test_slices_point_into_the_last_input(void **state)
{
    torc_slice text = TORC_SLICE("GET /index.html HTTP/1.1\r\n" HOST "Accept: */*\r\n\r\n");
    attempt self;
    const char *last;

    (void)state;
    begin(&self);
    for (size_t at = 1; at <= text.length; at++)
        feed(&self, text, at);
    assert_int_equal(self.outcome, TORC__HTTP_HEAD_DONE);
    last = self.block + text.length;
    assert_true(self.parser.head.target.data == self.block + 4);
    assert_true(self.parser.head.method_name.data == self.block);
    for (size_t i = 0; i < self.parser.head.field_count; i++) {
        assert_true(self.fields[i].name.data > self.block && self.fields[i].name.data < last);
        assert_true(self.fields[i].value.data > self.block && self.fields[i].value.data < last);
    }
    end(&self);
}

static void test_methods_are_told_apart_by_case(void **state)
{
    static const struct {
        torc_slice text;
        torc__http_method method;
    } rows[] = {
        { { "GET", 3 }, TORC__HTTP_GET },         { { "HEAD", 4 }, TORC__HTTP_HEAD },
        { { "OPTIONS", 7 }, TORC__HTTP_OPTIONS }, { { "POST", 4 }, TORC__HTTP_POST },
        { { "PUT", 3 }, TORC__HTTP_PUT },         { { "DELETE", 6 }, TORC__HTTP_DELETE },
        { { "PATCH", 5 }, TORC__HTTP_PATCH },     { { "CONNECT", 7 }, TORC__HTTP_CONNECT },
        { { "TRACE", 5 }, TORC__HTTP_TRACE },     { { "get", 3 }, TORC__HTTP_OTHER },
        { { "GETS", 4 }, TORC__HTTP_OTHER },      { { "M-SEARCH", 8 }, TORC__HTTP_OTHER },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[64];
        int length = snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost:\r\n\r\n",
            rows[i].text.data);
        attempt whole = judge(torc_slice_make(text, (size_t)length));

        assert_int_equal(whole.outcome, TORC__HTTP_HEAD_DONE);
        assert_int_equal(whole.parser.head.method, rows[i].method);
        assert_true(torc_slice_equal(whole.parser.head.method_name, rows[i].text));
        end(&whole);
    }
}

static void test_bad_request_lines_are_refused(void **state)
{
    static const row rows[] = {
        ROW("GET / HTTP/1.1\r\n" HOST "\r\n", 0),
        ROW("GET / HTTP/1.0\r\n\r\n", 0),
        ROW("GET / HTTP/1.7\r\n" HOST "\r\n", 0),
        ROW("GET http://example.org/ HTTP/1.1\r\n" HOST "\r\n", 0),
        ROW("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0),
        ROW("GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 0),
        ROW("GET /\r\n\r\n", 400),
        ROW("GET / \r\n\r\n", 400),
        ROW("GET  / HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("GET /  HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("GET / HTTP/1.1 \r\n" HOST "\r\n", 400),
        ROW("GET /a b HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("GET /\t HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW(" GET / HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("GET / http/1.1\r\n" HOST "\r\n", 400),
        ROW("GET / HTTP/1.10\r\n" HOST "\r\n", 400),
        ROW("GET / HTTP/1\r\n" HOST "\r\n", 400),
        ROW("GET / HTTP/1,1\r\n" HOST "\r\n", 400),
        ROW("GET / HTTP/a.1\r\n" HOST "\r\n", 400),
        ROW("GET / HTTP/x\r\n\r\n", 400),
        ROW("GET / HTTP/1.1\n" HOST "\r\n", 400),
        ROW("GET / HTTP/1.1\r" HOST "\r\n", 400),
        ROW("GET /\x7f HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("GET /\0 HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("G@T / HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("G\xc3\xa4T / HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("\x16\x03\x01\x02", 400),
        ROW("GET / HTTP/2.0\r\n" HOST "\r\n", 505),
        ROW("GET / HTTP/0.9\r\n\r\n", 505),
        ROW("GET / HTTP/3.1\r\n" HOST "\r\n", 505),
        ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    };

    (void)state;
    CHECK(rows);
}

static void test_one_empty_line_may_come_first(void **state)
{
    static const row rows[] = {
        ROW("\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 0),
        ROW("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("\nGET / HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("\rGET / HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("\r\n", -1),
    };
    attempt whole = judge(rows[0].text);

    (void)state;
    assert_int_equal(whole.parser.consumed, rows[0].text.length);
    end(&whole);
    CHECK(rows);
}

static void test_bad_field_lines_are_refused(void **state)
{
    static const row rows[] = {
        FIELDS("A: b\r\n", 0),
        FIELDS("A:b\r\n", 0),
        FIELDS("A: \xc3\xa4\r\n", 0),
        FIELDS("A: b\tc\r\n", 0),
        FIELDS("!#$%&'*+-.^_`|~09azAZ: b\r\n", 0),
        FIELDS("A : b\r\n", 400),
        FIELDS("A\t: b\r\n", 400),
        FIELDS(" A: b\r\n", 400),
        FIELDS("A: b\r\n c\r\n", 400),
        FIELDS("A: b\r\n\tc\r\n", 400),
        FIELDS(": b\r\n", 400),
        FIELDS("A\r\n", 400),
        FIELDS("A(: b\r\n", 400),
        FIELDS("A\0: b\r\n", 400),
        FIELDS("A\xc3\xa4: b\r\n", 400),
        FIELDS("A: b\0c\r\n", 400),
        FIELDS("A: b\x01\r\n", 400),
        FIELDS("A: a value of more than sixteen bytes\x7f\r\n", 400),
        FIELDS("A: a value of more than sixteen\tbytes\x1f and more\r\n", 400),
        FIELDS("A: b\rc\r\n", 400),
        FIELDS("A: b\r\r\n", 400),
        FIELDS("A: b\nC: d\r\n", 400),
        ROW("GET / HTTP/1.1\r\n" HOST "\n", 400),
        ROW("GET / HTTP/1.1\r\n" HOST "\rX", 400),
        ROW("GET / HTTP/1.1\r\n A: b\r\n" HOST "\r\n", 400),
    };

    (void)state;
    CHECK(rows);
}

static void test_every_byte_that_a_value_may_not_have_is_refused_at_every_place(void **state)
{
    char text[] = "GET / HTTP/1.1\r\nHost: a\r\n"
                  "X: 0123456789012345678901234567890123456789\r\n\r\n";
    size_t first = (size_t)(strstr(text, "0123") - text);
    static torc__http_field fields[4];
    torc__http_head_parser parser;

    (void)state;
    torc__http_head_parser_init(&parser, NULL, fields, 4);
    for (size_t at = first; at < first + 40; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char old = text[at];
            bool good = (byte >= 0x20 && byte != 0x7f) || byte == '\t';
            torc__http_head_outcome outcome;

            text[at] = (char)byte;
            torc__http_head_parser_reset(&parser);
            outcome = torc__http_head_parse(&parser, torc_slice_make(text, sizeof(text) - 1));
            assert_int_equal(outcome, good ? TORC__HTTP_HEAD_DONE : TORC__HTTP_HEAD_ERROR);
            text[at] = old;
        }
    }
}

static void test_a_mistake_is_seen_before_the_head_is_complete(void **state)
{
    static const row rows[] = {
        ROW("GE(", 400),
        ROW("GET / FTP", 400),
        ROW("GET / HTTP/2.0", 505),
        ROW("GET / HTTP/1.1\r\nHost: a\r\nB ", 400),
        ROW("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n", 400),
        ROW("GET / HTTP/1.1\r\nHost: a\r\nB: c\x01", 400),
    };

    (void)state;
    CHECK(rows);
}

static void test_an_incomplete_head_needs_more(void **state)
{
    torc_slice text = TORC_SLICE("GET / HTTP/1.1\r\n" HOST "A: b\r\n\r\n");

    (void)state;
    for (size_t length = 0; length < text.length; length++)
        assert_int_equal(status_of(torc_slice_first(text, length)), -1);
}

static void test_host_must_be_there_once_and_valid(void **state)
{
    static const row rows[] = {
        ROW("GET / HTTP/1.1\r\n\r\n", 400),
        ROW("GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400),
        ROW("GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400),
        ROW("GET / HTTP/1.0\r\n" HOST "\r\n", 0),
        ROW("GET / HTTP/1.1\r\nHost:\r\n\r\n", 0),
        ROW("GET / HTTP/1.1\r\nHOST: [::1]:80\r\n\r\n", 0),
        ROW("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
        ROW("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400),
        ROW("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ROW("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
    };

    (void)state;
    CHECK(rows);
}

static void test_content_length_is_strict(void **state)
{
    static const row rows[] = {
        FIELDS("Content-Length: 0\r\n", 0),
        FIELDS("content-length: 007\r\n", 0),
        FIELDS("Content-Length: 9223372036854775807\r\n", 0),
        FIELDS("Content-Length: 9223372036854775808\r\n", 400),
        FIELDS("Content-Length: 99999999999999999999999\r\n", 400),
        FIELDS("Content-Length:\r\n", 400),
        FIELDS("Content-Length: +1\r\n", 400),
        FIELDS("Content-Length: -1\r\n", 400),
        FIELDS("Content-Length: 0x1\r\n", 400),
        FIELDS("Content-Length: 1 1\r\n", 400),
        FIELDS("Content-Length: 1, 1\r\n", 400),
        FIELDS("Content-Length: 1.0\r\n", 400),
        FIELDS("Content-Length: 1\r\nContent-Length: 1\r\n", 400),
        FIELDS("Content-Length: 1\r\nA: b\r\nCONTENT-LENGTH: 2\r\n", 400),
    };

    (void)state;
    CHECK(rows);
}

static void test_transfer_encoding_is_chunked_alone(void **state)
{
    static const row rows[] = {
        FIELDS("Transfer-Encoding: chunked\r\n", 0),
        FIELDS("Transfer-Encoding: Chunked\r\n", 0),
        FIELDS("Transfer-Encoding: , chunked ,\r\n", 0),
        FIELDS("Transfer-Encoding: gzip\r\n", 501),
        FIELDS("Transfer-Encoding: gzip, chunked\r\n", 501),
        FIELDS("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 501),
        FIELDS("Transfer-Encoding: identity\r\n", 501),
        FIELDS("Transfer-Encoding: xchunked\r\n", 501),
        FIELDS("Transfer-Encoding: chunked;a=b\r\n", 501),
        FIELDS("Transfer-Encoding: \"chunked\"\r\n", 501),
        FIELDS("Transfer-Encoding: \x0b" "chunked\r\n", 400),
        FIELDS("Transfer-Encoding: chunked, gzip\r\n", 400),
        FIELDS("Transfer-Encoding: chunked, chunked\r\n", 400),
        FIELDS("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        FIELDS("Transfer-Encoding:\r\n", 400),
        FIELDS("Transfer-Encoding: ,\r\n", 400),
        FIELDS("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", 400),
        FIELDS("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400),
        FIELDS("Content-Length: 0\r\nTransfer-Encoding: gzip\r\n", 400),
        ROW("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    };
    attempt whole = judge(rows[0].text);

    (void)state;
    assert_true(whole.parser.head.chunked);
    end(&whole);
    CHECK(rows);
}

static void check_keep_alive(const char *text, bool expected)
{
    attempt whole = judge(torc_slice_of(text));

    assert_int_equal(whole.outcome, TORC__HTTP_HEAD_DONE);
    assert_int_equal(whole.parser.head.keep_alive, expected);
    end(&whole);
}

static void test_connection_says_whether_to_stay(void **state)
{
    (void)state;
    check_keep_alive("GET / HTTP/1.1\r\n" HOST "\r\n", true);
    check_keep_alive("GET / HTTP/1.1\r\n" HOST "Connection: keep-alive\r\n\r\n", true);
    check_keep_alive("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", false);
    check_keep_alive("GET / HTTP/1.1\r\n" HOST "Connection: TE, Close\r\n\r\n", false);
    check_keep_alive("GET / HTTP/1.1\r\n" HOST "Connection: closed\r\n\r\n", true);
    check_keep_alive("GET / HTTP/1.1\r\n" HOST "Connection: a\r\nConnection: close\r\n\r\n", false);
    check_keep_alive("GET / HTTP/1.0\r\n\r\n", false);
    check_keep_alive("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true);
    check_keep_alive("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false);
}

static void check_expectation(const char *text, bool expected)
{
    attempt whole = judge(torc_slice_of(text));

    assert_int_equal(whole.outcome, TORC__HTTP_HEAD_DONE);
    assert_int_equal(whole.parser.head.expects_continue, expected);
    end(&whole);
}

static void test_only_one_expectation_is_known(void **state)
{
    static const row rows[] = {
        FIELDS("Expect: 200-maybe\r\n", 417),
        FIELDS("Expect: 100-continue, b\r\n", 417),
        FIELDS("Expect: 100-continue;a\r\n", 417),
    };

    (void)state;
    CHECK(rows);
    check_expectation("GET / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n", true);
    check_expectation("GET / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\n\r\n", true);
    check_expectation("GET / HTTP/1.1\r\n" HOST "\r\n", false);
    check_expectation("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", false);
}

static void test_known_fields_are_found_in_any_case(void **state)
{
    static const struct {
        const char *name;
        torc__http_known_field field;
    } rows[] = {
        { "Range", TORC__HTTP_RANGE },
        { "if-range", TORC__HTTP_IF_RANGE },
        { "If-Match", TORC__HTTP_IF_MATCH },
        { "If-None-Match", TORC__HTTP_IF_NONE_MATCH },
        { "IF-MODIFIED-SINCE", TORC__HTTP_IF_MODIFIED_SINCE },
        { "If-Unmodified-Since", TORC__HTTP_IF_UNMODIFIED_SINCE },
        { "aCCEPT-eNCODING", TORC__HTTP_ACCEPT_ENCODING },
        { "Referer", TORC__HTTP_REFERER },
        { "User-Agent", TORC__HTTP_USER_AGENT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[128];
        int length = snprintf(text, sizeof(text),
            "GET / HTTP/1.1\r\n" HOST "%s: one\r\n%s: two\r\n\r\n", rows[i].name, rows[i].name);
        attempt whole = judge(torc_slice_make(text, (size_t)length));

        assert_int_equal(whole.outcome, TORC__HTTP_HEAD_DONE);
        for (int field = 0; field < TORC__HTTP_KNOWN_FIELD_COUNT; field++)
            assert_int_equal(torc__http_head_has(&whole.parser.head, (torc__http_known_field)field),
                field == TORC__HTTP_HOST || field == (int)rows[i].field);
        assert_true(torc_slice_is(torc__http_head_value(&whole.parser.head, rows[i].field), "one"));
        end(&whole);
    }
}

static void test_names_like_known_ones_are_not_taken_for_them(void **state)
{
    static const row rows[] = {
        FIELDS("Content_Length: x\r\n", 0),
        FIELDS("Content-Lengt: x\r\n", 0),
        FIELDS("Content-Length2: x\r\n", 0),
        FIELDS("ConteNt\x2dLengtX: x\r\n", 0),
        FIELDS("Transfer_Encoding: x\r\n", 0),
        FIELDS("Hos4: a b\r\n", 0),
    };

    (void)state;
    CHECK(rows);
}

/* Parses in a few pieces, as a head of 32 KiB cut at every byte would take too long. */
static int status_in_pieces(torc__http_head_parser *parser, torc_slice text, size_t piece)
{
    torc__http_head_outcome outcome = TORC__HTTP_HEAD_NEED_MORE;

    torc__http_head_parser_reset(parser);
    for (size_t at = piece; outcome == TORC__HTTP_HEAD_NEED_MORE; at += piece) {
        outcome = torc__http_head_parse(parser, torc_slice_first(text, at));
        if (at >= text.length)
            break;
    }
    if (outcome == TORC__HTTP_HEAD_NEED_MORE)
        return -1;
    return parser->status;
}

static void check_in_pieces(torc__http_head_parser *parser, torc_slice text, int status)
{
    static const size_t pieces[] = { 1, 7, 64, 1000, 8192, 8193, 32768, SIZE_MAX / 2 };

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        assert_int_equal(status_in_pieces(parser, text, pieces[i]), status);
}

/* Writes "GET /aaa... HTTP/1.1" of `line` bytes, and what follows. Gives the whole. */
static torc_slice long_line(char *text, size_t line, const char *rest)
{
    size_t fixed = strlen("GET / HTTP/1.1");

    memset(text, 'a', line);
    memcpy(text, "GET /", 5);
    memcpy(text + line - (fixed - 5), " HTTP/1.1", fixed - 5);
    strcpy(text + line, rest);
    return torc_slice_of(text);
}

static void test_a_request_line_is_limited(void **state)
{
    static char text[20000];
    static torc__http_field fields[8];
    torc__http_head_parser parser;

    (void)state;
    torc__http_head_parser_init(&parser, NULL, fields, 8);
    check_in_pieces(&parser, long_line(text, 8192, "\r\n" HOST "\r\n"), 0);
    check_in_pieces(&parser, long_line(text, 8193, "\r\n" HOST "\r\n"), 414);
    check_in_pieces(&parser, long_line(text, 8194, "\r\n" HOST "\r\n"), 414);
    check_in_pieces(&parser, long_line(text, 16000, "\r\n" HOST "\r\n"), 414);
    /* The empty line before it does not count. */
    memcpy(text, "\r\n", 2);
    (void)long_line(text + 2, 8192, "\r\n" HOST "\r\n");
    check_in_pieces(&parser, torc_slice_of(text), 0);
    (void)long_line(text + 2, 8193, "\r\n" HOST "\r\n");
    check_in_pieces(&parser, torc_slice_of(text), 414);
    /* A mistake before the limit comes first, however the bytes are cut. */
    (void)long_line(text, 9000, "\r\n" HOST "\r\n");
    text[100] = '\x01';
    check_in_pieces(&parser, torc_slice_of(text), 400);
}

static void test_a_head_is_limited(void **state)
{
    static char text[40000];
    static torc__http_field fields[8];
    torc__http_head_parser parser;
    const char *start = "GET / HTTP/1.1\r\n" HOST "A: ";

    (void)state;
    torc__http_head_parser_init(&parser, NULL, fields, 8);
    for (size_t size = 32766; size <= 32772; size++) {
        memset(text, 'a', size);
        memcpy(text, start, strlen(start));
        strcpy(text + size - 4, "\r\n\r\n");
        check_in_pieces(&parser, torc_slice_of(text), size <= 32768 ? 0 : 431);
    }
}

static void test_fields_are_limited_in_number(void **state)
{
    static char text[4000];
    static torc__http_field fields[TORC__HTTP_MAX_FIELDS];
    torc__http_head_parser parser;

    (void)state;
    torc__http_head_parser_init(&parser, NULL, fields, TORC__HTTP_MAX_FIELDS);
    for (size_t count = 99; count <= 102; count++) {
        strcpy(text, "GET / HTTP/1.1\r\n" HOST);
        for (size_t i = 1; i < count; i++)
            strcat(text, "A: b\r\n");
        strcat(text, "\r\n");
        check_in_pieces(&parser, torc_slice_of(text), count <= 100 ? 0 : 431);
    }
}

static void test_methods_are_limited_in_length(void **state)
{
    static const row rows[] = {
        ROW("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\n" HOST "\r\n", 0),
        ROW("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQR", 400),
    };

    (void)state;
    CHECK(rows);
}

static void test_limits_can_be_set(void **state)
{
    static torc__http_field fields[2];
    static const torc__http_head_limits limits = { .request_line = 20, .head = 60 };
    torc__http_head_parser parser;

    (void)state;
    torc__http_head_parser_init(&parser, &limits, fields, 2);
    check_in_pieces(&parser, TORC_SLICE("GET /123456 HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    check_in_pieces(&parser, TORC_SLICE("GET /1234567 HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
    check_in_pieces(&parser, TORC_SLICE("GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n"), 0);
    check_in_pieces(&parser, TORC_SLICE("GET / HTTP/1.1\r\nHost: a\r\nB: c\r\nD: e\r\n\r\n"), 431);
    check_in_pieces(&parser,
        TORC_SLICE("GET / HTTP/1.1\r\nHost: a\r\nB: 1234567890123456789012345678901234567890"),
        431);
}

static void test_limits_may_be_none(void **state)
{
    static torc__http_field fields[2];
    static const torc__http_head_limits limits = { .request_line = SIZE_MAX, .head = SIZE_MAX };
    torc__http_head_parser parser;

    (void)state;
    torc__http_head_parser_init(&parser, &limits, fields, 2);
    check_in_pieces(&parser, TORC_SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    parser.limits.request_line = SIZE_MAX - 1;
    check_in_pieces(&parser, TORC_SLICE("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
}

static void test_a_parser_is_used_again_after_a_reset(void **state)
{
    torc_slice text = TORC_SLICE("POST /one HTTP/1.1\r\n" HOST "Content-Length: 0\r\n"
                                 "Range: x\r\n\r\n"
                                 "GET /two HTTP/1.0\r\n\r\n");
    static torc__http_field fields[8];
    torc__http_head_parser parser;

    (void)state;
    torc__http_head_parser_init(&parser, NULL, fields, 8);
    assert_int_equal(torc__http_head_parse(&parser, text), TORC__HTTP_HEAD_DONE);
    assert_true(torc_slice_is(parser.head.target, "/one"));
    text = torc_slice_skip(text, parser.consumed);
    torc__http_head_parser_reset(&parser);
    assert_int_equal(torc__http_head_parse(&parser, text), TORC__HTTP_HEAD_DONE);
    assert_true(torc_slice_is(parser.head.target, "/two"));
    assert_int_equal(parser.consumed, text.length);
    assert_int_equal(parser.head.field_count, 0);
    assert_false(parser.head.has_content_length);
    assert_false(torc__http_head_has(&parser.head, TORC__HTTP_RANGE));
    assert_false(parser.head.keep_alive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_comes_apart_into_its_elements),
        cmocka_unit_test(test_slices_point_into_the_last_input),
        cmocka_unit_test(test_methods_are_told_apart_by_case),
        cmocka_unit_test(test_bad_request_lines_are_refused),
        cmocka_unit_test(test_one_empty_line_may_come_first),
        cmocka_unit_test(test_bad_field_lines_are_refused),
        cmocka_unit_test(test_every_byte_that_a_value_may_not_have_is_refused_at_every_place),
        cmocka_unit_test(test_a_mistake_is_seen_before_the_head_is_complete),
        cmocka_unit_test(test_an_incomplete_head_needs_more),
        cmocka_unit_test(test_host_must_be_there_once_and_valid),
        cmocka_unit_test(test_content_length_is_strict),
        cmocka_unit_test(test_transfer_encoding_is_chunked_alone),
        cmocka_unit_test(test_connection_says_whether_to_stay),
        cmocka_unit_test(test_only_one_expectation_is_known),
        cmocka_unit_test(test_known_fields_are_found_in_any_case),
        cmocka_unit_test(test_names_like_known_ones_are_not_taken_for_them),
        cmocka_unit_test(test_a_request_line_is_limited),
        cmocka_unit_test(test_a_head_is_limited),
        cmocka_unit_test(test_fields_are_limited_in_number),
        cmocka_unit_test(test_methods_are_limited_in_length),
        cmocka_unit_test(test_limits_can_be_set),
        cmocka_unit_test(test_limits_may_be_none),
        cmocka_unit_test(test_a_parser_is_used_again_after_a_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
