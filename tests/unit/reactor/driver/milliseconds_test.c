/*
 * How long a mechanism that counts in milliseconds is told to wait: never less than asked for.
 */
#include "reactor/driver/readiness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_wait_is_rounded_up(void **state)
{
    (void)state;
    assert_int_equal(torc__readiness_milliseconds(0), 0);
    assert_int_equal(torc__readiness_milliseconds(1), 1);
    assert_int_equal(torc__readiness_milliseconds(TORC_MILLISECOND), 1);
    assert_int_equal(torc__readiness_milliseconds(TORC_MILLISECOND + 1), 2);
}

static void a_wait_without_end_is_minus_one(void **state)
{
    (void)state;
    assert_int_equal(torc__readiness_milliseconds(-1), -1);
}

/* What it counts in is an int, and would overflow in a month. */
static void a_long_wait_is_cut_to_an_hour(void **state)
{
    (void)state;
    assert_int_equal(torc__readiness_milliseconds(TORC_HOUR), 3600000);
    assert_int_equal(torc__readiness_milliseconds(TORC_HOUR + 1), 3600000);
    assert_int_equal(torc__readiness_milliseconds(INT64_MAX), 3600000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_is_rounded_up),
        cmocka_unit_test(a_wait_without_end_is_minus_one),
        cmocka_unit_test(a_long_wait_is_cut_to_an_hour),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
