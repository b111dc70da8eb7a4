/*
 * Dates: against the C library over four hundred years, and the three formats of RFC 9110.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "web/http_date.h"

enum { IN_2026 = 1795245548 };

static void check_format(int64_t seconds, const char *expected)
{
    char text[TORC__HTTP_DATE_LENGTH + 1];

    torc__http_date_format(seconds, text);
    assert_string_equal(text, expected);
}

static void check_parse(const char *text, int64_t expected)
{
    int64_t seconds = -1;

    if (!torc__http_date_parse(torc_slice_of(text), IN_2026, &seconds))
        fail_msg("not read: %s", text);
    assert_int_equal(seconds, expected);
}

static void test_dates_are_written_in_the_one_format(void **state)
{
    (void)state;
    check_format(784111777, "Sun, 06 Nov 1994 08:49:37 GMT");
    check_format(0, "Thu, 01 Jan 1970 00:00:00 GMT");
    check_format(-1, "Wed, 31 Dec 1969 23:59:59 GMT");
    check_format(951782400, "Tue, 29 Feb 2000 00:00:00 GMT");
    check_format(IN_2026, "Sat, 21 Nov 2026 07:19:08 GMT");
}

static void test_times_that_the_format_cannot_say_become_the_nearest(void **state)
{
    (void)state;
    check_format(INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT");
    check_format(INT64_C(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT");
    check_format(INT64_C(253402300800), "Fri, 31 Dec 9999 23:59:59 GMT");
    check_format(INT64_MIN, "Mon, 01 Jan 0001 00:00:00 GMT");
    check_format(INT64_C(-62135596800), "Mon, 01 Jan 0001 00:00:00 GMT");
}

static void test_dates_agree_with_the_c_library_and_read_back(void **state)
{
    const int64_t last = INT64_C(16000000000);

    (void)state;
    for (int64_t seconds = INT64_C(-8000000000); seconds < last; seconds += 999983) {
        time_t value = (time_t)seconds;
        struct tm parts;
        char expected[64];

        assert_non_null(gmtime_r(&value, &parts));
        strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        check_format(seconds, expected);
        check_parse(expected, seconds);
    }
}

static void test_all_three_formats_are_read(void **state)
{
    (void)state;
    check_parse("Sun, 06 Nov 1994 08:49:37 GMT", 784111777);
    check_parse("Sunday, 06-Nov-94 08:49:37 GMT", 784111777);
    check_parse("Sun Nov  6 08:49:37 1994", 784111777);
    check_parse("Sat Nov 21 07:19:08 2026", IN_2026);
    check_parse("Thu, 29 Feb 2024 00:00:00 GMT", 1709164800);
    check_parse("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800);
}

static void test_a_wrong_day_of_the_week_does_no_harm(void **state)
{
    (void)state;
    check_parse("Mon, 06 Nov 1994 08:49:37 GMT", 784111777);
}

static void test_two_digits_of_a_year_are_not_far_ahead(void **state)
{
    int64_t seconds;

    (void)state;
    check_parse("Thursday, 01-Jan-70 00:00:00 GMT", 3155760000);
    check_parse("Saturday, 01-Jan-77 00:00:00 GMT", 220924800);
    assert_true(torc__http_date_parse(TORC_SLICE("Thursday, 01-Jan-70 00:00:00 GMT"), 784111777,
        &seconds));
    assert_int_equal(seconds, 0);
    assert_true(torc__http_date_parse(TORC_SLICE("Friday, 01-Jan-10 00:00:00 GMT"), 915148800,
        &seconds));
    assert_int_equal(seconds, 1262304000);
}

static void test_what_is_no_date_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "0",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun,  6 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 2023 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "1994-11-06T08:49:37Z",
    };
    int64_t seconds = 5;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (torc__http_date_parse(torc_slice_of(texts[i]), IN_2026, &seconds))
            fail_msg("read: %s", texts[i]);
    assert_int_equal(seconds, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates_are_written_in_the_one_format),
        cmocka_unit_test(test_times_that_the_format_cannot_say_become_the_nearest),
        cmocka_unit_test(test_dates_agree_with_the_c_library_and_read_back),
        cmocka_unit_test(test_all_three_formats_are_read),
        cmocka_unit_test(test_a_wrong_day_of_the_week_does_no_harm),
        cmocka_unit_test(test_two_digits_of_a_year_are_not_far_ahead),
        cmocka_unit_test(test_what_is_no_date_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
