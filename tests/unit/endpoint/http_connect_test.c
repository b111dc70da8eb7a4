/*
 * The reader of what an HTTP proxy answers to CONNECT: which heads it takes, and when it knows that
 * a peer does not speak HTTP at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "endpoint/http_connect.h"

static int status;
static torc_slice reason;

static int read_text(const char *text)
{
    return torc__http_connect_read(torc_slice_of(text), &status, &reason);
}

static void assert_head(const char *head, int expected, const char *why)
{
    char text[256];
    size_t length = strlen(head);

    for (size_t part = 0; part < length; part++)
        assert_int_equal(torc__http_connect_read(torc_slice_make(head, part), &status, &reason), 0);
    assert_true(length + 5 < sizeof text);
    memcpy(text, head, length);
    memcpy(text + length, "bytes", 6);
    assert_int_equal(read_text(text), length);
    assert_int_equal(status, expected);
    assert_true(torc_slice_is(reason, why));
}

static void a_head_is_taken_when_it_is_whole_and_no_more_than_it(void **state)
{
    (void)state;
    assert_head("HTTP/1.1 200 Connection established\r\n\r\n", 200, "Connection established");
    assert_head("HTTP/1.0 200\r\nVia: x\r\n\r\n", 200, "");
    assert_head("HTTP/1.1 407 \r\nA: b\r\nC: d\r\n\r\n", 407, "");
    assert_head("HTTP/1.1 200 OK\nBare: line ends\n\n", 200, "OK");
}

static void what_is_no_status_line_is_refused(void **state)
{
    static const char *const bad[] = {
        "\r\n", "SSH-2.0\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.x 200 OK\r\n\r\n",
        "HTTP/1.1-200 OK\r\n\r\n", "HTTP/1.1 20\r\n\r\n", "HTTP/1.1 x00 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 20x OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 20/ OK\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (read_text(bad[i]) != -1)
            fail_msg("it was taken: %s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_taken_when_it_is_whole_and_no_more_than_it),
        cmocka_unit_test(what_is_no_status_line_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
