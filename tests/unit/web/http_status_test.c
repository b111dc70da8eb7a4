/*
 * Status codes and their phrases.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "web/http_status.h"

static void test_reasons(void **state)
{
    (void)state;
    assert_true(torc_slice_is(torc__http_status_reason(200), "OK"));
    assert_true(torc_slice_is(torc__http_status_reason(404), "Not Found"));
    assert_true(torc_slice_is(torc__http_status_reason(431), "Request Header Fields Too Large"));
    assert_true(torc_slice_is(torc__http_status_reason(505), "HTTP Version Not Supported"));
    assert_true(torc_slice_is(torc__http_status_reason(599), "Unknown"));
    assert_true(torc_slice_is(torc__http_status_reason(-1), "Unknown"));
}

static void test_lines_hold_code_and_reason(void **state)
{
    (void)state;
    for (int status = 100; status < 600; status++) {
        char line[100];

        if (torc_slice_is(torc__http_status_reason(status), "Unknown"))
            continue;
        (void)snprintf(line, sizeof(line), "HTTP/1.1 %d %.*s\r\n", status,
            TORC_FMT(torc__http_status_reason(status)));
        assert_true(torc_slice_is(torc__http_status_line(status), line));
    }
}

static void test_an_unknown_code_is_an_error_of_the_server(void **state)
{
    (void)state;
    assert_true(torc_slice_starts_with(torc__http_status_line(0), TORC_SLICE("HTTP/1.1 500 ")));
    assert_true(torc_slice_starts_with(torc__http_status_line(600), TORC_SLICE("HTTP/1.1 500 ")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_lines_hold_code_and_reason),
        cmocka_unit_test(test_an_unknown_code_is_an_error_of_the_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
