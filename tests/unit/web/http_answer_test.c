/*
 * Heads of answers: what is read out of them, what is refused, and where they end.
 */
#include "web/http_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

static torc__http_answer answer;

static const char *parse(const char *text)
{
    return torc__http_answer_parse(torc_slice_of(text), &answer);
}

static void a_head_is_read(void **state)
{
    (void)state;
    assert_null(parse("HTTP/1.1 200 OK\r\nContent-Length: 12\r\nServer:  Torc \r\nX:\r\n\r\n"));
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.version_minor, 1);
    assert_true(answer.has_content_length);
    assert_int_equal(answer.content_length, 12);
    assert_false(answer.chunked);
    assert_int_equal(answer.field_count, 3);
    assert_true(torc_slice_is(torc__http_answer_find(&answer, TORC_SLICE("SERVER")), "Torc"));
    assert_non_null(torc__http_answer_find(&answer, TORC_SLICE("x")).data);
    assert_null(torc__http_answer_find(&answer, TORC_SLICE("y")).data);
}

static void a_status_may_stand_without_a_phrase(void **state)
{
    (void)state;
    assert_null(parse("HTTP/1.0 404\r\n\r\n"));
    assert_int_equal(answer.status, 404);
    assert_int_equal(answer.version_minor, 0);
    assert_null(parse("HTTP/1.1 404 \r\n\r\n"));
    assert_null(parse("HTTP/1.1 599 Anything at all\r\n\r\n"));
}

static void chunked_is_understood(void **state)
{
    (void)state;
    assert_null(parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"));
    assert_true(answer.chunked);
}

static void the_same_length_twice_is_one_length(void **state)
{
    (void)state;
    assert_null(parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n"));
    assert_int_equal(answer.content_length, 5);
}

static void what_is_no_answer_is_refused_with_its_reason(void **state)
{
    static const char *const cases[][2] = {
        { "SSH-2.0-OpenSSH\r\n\r\n", "no answer of HTTP" },
        { "HTTP/2 200\r\n\r\n", "a version other than HTTP/1" },
        { "HTTP/1.1  200 OK\r\n\r\n", "no valid status" },
        { "HTTP/1.1 20 OK\r\n\r\n", "no valid status" },
        { "HTTP/1.1 2000 OK\r\n\r\n", "no valid status" },
        { "HTTP/1.1 600 No\r\n\r\n", "no valid status" },
        { "HTTP/1.1 099 No\r\n\r\n", "no valid status" },
        { "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n", "a field without a valid name" },
        { "HTTP/1.1 200 OK\r\nA : c\r\n\r\n", "a field without a valid name" },
        { "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "a field without a valid name" },
        { "HTTP/1.1 200 OK\r\nnothing\r\n\r\n", "a field without a valid name" },
        { "HTTP/1.1 200 OK\nA: b\r\n\r\n", "a CR or LF out of place" },
        { "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", "a CR or LF out of place" },
        { "HTTP/1.1 200 OK\r\nA: b\x01\r\n\r\n", "a control byte in a field's value" },
        { "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "a Content-Length that is no number" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n",
            "a Content-Length that is no number" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "two different Content-Lengths" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "both Transfer-Encoding and Content-Length" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "a transfer coding that was not asked for" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n",
            "a transfer coding after chunked" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: ,\r\n\r\n", "an empty Transfer-Encoding" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *problem = parse(cases[i][0]);

        assert_non_null(problem);
        assert_string_equal(problem, cases[i][1]);
    }
}

static void the_number_of_fields_is_bounded(void **state)
{
    char text[8192] = "HTTP/1.1 200 OK\r\n";
    size_t length = strlen(text);

    (void)state;
    for (size_t i = 0; i < TORC__HTTP_ANSWER_MAX_FIELDS; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "F%zu: v\r\n", i);
    memcpy(text + length, "\r\n", 3);
    assert_null(parse(text));
    memcpy(text + length, "One: more\r\n\r\n", 14);
    assert_string_equal(parse(text), "too many fields");
}

static void the_end_of_a_head_is_found_however_it_is_cut(void **state)
{
    const char *text = "HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n\r\n";
    size_t head = 25;

    (void)state;
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        assert_int_equal(torc__http_answer_length(torc_slice_make(text, cut), 0),
            cut >= head ? head : 0);
        if (cut < head)
            assert_int_equal(torc__http_answer_length(torc_slice_of(text), cut), head);
    }
}

static void some_answers_have_no_body(void **state)
{
    static const struct {
        int status;
        const char *method;
        bool has;
    } cases[] = {
        { 200, "GET", true }, { 404, "POST", true }, { 200, "HEAD", false }, { 204, "GET", false },
        { 304, "GET", false }, { 100, "GET", false }, { 199, "GET", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        answer.status = cases[i].status;
        assert_int_equal(
            torc__http_answer_has_body(&answer, torc_slice_of(cases[i].method)), cases[i].has);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_read),
        cmocka_unit_test(a_status_may_stand_without_a_phrase),
        cmocka_unit_test(chunked_is_understood),
        cmocka_unit_test(the_same_length_twice_is_one_length),
        cmocka_unit_test(what_is_no_answer_is_refused_with_its_reason),
        cmocka_unit_test(the_number_of_fields_is_bounded),
        cmocka_unit_test(the_end_of_a_head_is_found_however_it_is_cut),
        cmocka_unit_test(some_answers_have_no_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
