/*
 * Range fields against a length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "web/http_range.h"

/* `expected` is "first+length first+length", or "ignored" or "unsatisfiable". */
static void check(const char *value, uint64_t length, const char *expected)
{
    torc__http_ranges ranges;
    char text[1000] = "";
    size_t used = 0;

    switch (torc__http_range_parse(torc_slice_of(value), length, &ranges)) {
    case TORC__HTTP_RANGE_IGNORED:
        strcpy(text, "ignored");
        break;
    case TORC__HTTP_RANGE_UNSATISFIABLE:
        strcpy(text, "unsatisfiable");
        break;
    case TORC__HTTP_RANGE_SATISFIABLE:
        for (size_t i = 0; i < ranges.count; i++)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%llu+%llu",
                i > 0 ? " " : "", (unsigned long long)ranges.ranges[i].first,
                (unsigned long long)ranges.ranges[i].length);
        break;
    }
    if (strcmp(text, expected) != 0)
        fail_msg("%s of %llu: %s, not %s", value, (unsigned long long)length, text, expected);
}

static void test_single_ranges(void **state)
{
    (void)state;
    check("bytes=0-499", 10000, "0+500");
    check("bytes=500-999", 10000, "500+500");
    check("bytes=-500", 10000, "9500+500");
    check("bytes=9500-", 10000, "9500+500");
    check("bytes=0-0", 10000, "0+1");
    check("bytes=-1", 10000, "9999+1");
    check("bytes=0-", 10000, "0+10000");
    check("BYTES=1-2", 10000, "1+2");
    check("bytes= 1-2 ", 10000, "1+2");
}

static void test_ranges_end_with_the_representation(void **state)
{
    (void)state;
    check("bytes=0-10000", 10000, "0+10000");
    check("bytes=9999-10000", 10000, "9999+1");
    check("bytes=-20000", 10000, "0+10000");
    check("bytes=5-18446744073709551615", 10, "5+5");
    check("bytes=5-99999999999999999999999999", 10, "5+5");
    check("bytes=-99999999999999999999999999", 10, "0+10");
    check("bytes=0-18446744073709551615", UINT64_MAX, "0+18446744073709551615");
}

static void test_several_ranges_keep_their_order(void **state)
{
    (void)state;
    check("bytes=0-0,-1", 10000, "0+1 9999+1");
    check("bytes=500-600,601-999", 10000, "500+101 601+399");
    check("bytes=7-8 , 1-2,", 10, "7+2 1+2");
    check("bytes=0-0,50-60", 10, "0+1");
}

static void test_what_lies_behind_the_end_cannot_be_satisfied(void **state)
{
    (void)state;
    check("bytes=10-", 10, "unsatisfiable");
    check("bytes=10-20", 10, "unsatisfiable");
    check("bytes=-0", 10, "unsatisfiable");
    check("bytes=20-30,-0,40-", 10, "unsatisfiable");
    check("bytes=18446744073709551616-", 10, "unsatisfiable");
}

static void test_an_empty_representation(void **state)
{
    (void)state;
    check("bytes=0-", 0, "unsatisfiable");
    check("bytes=-0", 0, "unsatisfiable");
    check("bytes=-5", 0, "ignored");
}

static void test_malformed_fields_are_ignored(void **state)
{
    static const char *const values[] = { "", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=a-b",
        "bytes=2-1", "bytes=0-1,2-1", "bytes=0-1;2-3", "bytes=1", "bytes=1--2", "bytes=--1",
        "bytes=1 - 2", "bytes=+1-2", "bytes=0x1-2", "bytes 0-1", "bytes =0-1", "lines=0-1",
        "bytes=0-1,x", "none" };

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        check(values[i], 10000, "ignored");
}

static void test_overlapping_ranges_are_ignored(void **state)
{
    (void)state;
    check("bytes=0-5,5-9", 10000, "ignored");
    check("bytes=0-,0-", 10000, "ignored");
    check("bytes=2-3,0-9", 10000, "ignored");
    check("bytes=0-0,-1", 1, "ignored");
    check("bytes=0-4,5-9", 10000, "0+5 5+5");
}

static void test_ranges_are_limited_in_number(void **state)
{
    (void)state;
    check("bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,"
          "30-30",
        100,
        "0+1 2+1 4+1 6+1 8+1 10+1 12+1 14+1 16+1 18+1 20+1 22+1 24+1 26+1 28+1 30+1");
    check("bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,"
          "30-30,32-32",
        100, "ignored");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_ranges),
        cmocka_unit_test(test_ranges_end_with_the_representation),
        cmocka_unit_test(test_several_ranges_keep_their_order),
        cmocka_unit_test(test_what_lies_behind_the_end_cannot_be_satisfied),
        cmocka_unit_test(test_an_empty_representation),
        cmocka_unit_test(test_malformed_fields_are_ignored),
        cmocka_unit_test(test_overlapping_ranges_are_ignored),
        cmocka_unit_test(test_ranges_are_limited_in_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
