/*
 * Numbers in digits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/decimal.h"

static void writes(uint64_t number, const char *expected)
{
    char text[TORC__DECIMAL_MAX];

    assert_true(torc_slice_is(torc__decimal(number, text), expected));
}

static void numbers_are_written_without_leading_zeros(void **state)
{
    (void)state;
    writes(0, "0");
    writes(7, "7");
    writes(10, "10");
    writes(4096, "4096");
    writes(1000000, "1000000");
}

static void the_largest_number_fits(void **state)
{
    (void)state;
    writes(UINT64_MAX, "18446744073709551615");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_without_leading_zeros),
        cmocka_unit_test(the_largest_number_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
