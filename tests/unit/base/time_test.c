/*
 * The clocks, and addition that stays in range.
 */
#include <torc/time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void monotonic_time_never_goes_back(void **state)
{
    torc_time before = torc_monotonic_now();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        torc_time now = torc_monotonic_now();

        assert_true(now >= before);
        before = now;
    }
}

static void wall_time_is_the_calendars(void **state)
{
    time_t before = time(NULL);
    torc_time now = torc_wall_now();

    (void)state;
    assert_true(now / TORC_SECOND >= before);
    assert_true(now / TORC_SECOND <= time(NULL) + 1);
}

static void units_are_multiples_of_each_other(void **state)
{
    (void)state;
    assert_int_equal(TORC_SECOND, 1000000000);
    assert_true(TORC_HOUR == 60 * 60 * 1000 * TORC_MILLISECOND);
    assert_true(TORC_MILLISECOND == 1000 * TORC_MICROSECOND);
}

static void addition_stops_at_the_ends_of_time(void **state)
{
    (void)state;
    assert_true(torc_time_add(1, 2) == 3);
    assert_true(torc_time_add(-1, -2) == -3);
    assert_true(torc_time_add(TORC_NEVER, 1) == TORC_NEVER);
    assert_true(torc_time_add(TORC_NEVER - 1, 1) == TORC_NEVER);
    assert_true(torc_time_add(1, TORC_NEVER) == TORC_NEVER);
    assert_true(torc_time_add(-TORC_NEVER, -1) == -TORC_NEVER);
    assert_true(torc_time_add(TORC_NEVER, -TORC_NEVER) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(monotonic_time_never_goes_back),
        cmocka_unit_test(wall_time_is_the_calendars),
        cmocka_unit_test(units_are_multiples_of_each_other),
        cmocka_unit_test(addition_stops_at_the_ends_of_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
