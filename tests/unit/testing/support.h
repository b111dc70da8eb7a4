/*
 * What the tests of the testing kit share: a test that is made to fail is recorded, not failed.
 */
#ifndef TORC_TESTS_TESTING_SUPPORT_H
#define TORC_TESTS_TESTING_SUPPORT_H

#include <torc.h>
#include <torc/testing.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char failed_with[9000];
static int failures;

static void record_failure(const char *message)
{
    failures++;
    snprintf(failed_with, sizeof failed_with, "%s", message);
}

/* What the kit found wrong is a failure of the test, unless the test asks for it. */
static TORC_UNUSED int record_failures(void **state)
{
    (void)state;
    failures = 0;
    failed_with[0] = '\0';
    torc_testing_set_fail(record_failure);
    return 0;
}

static TORC_UNUSED int check_failures(void **state)
{
    (void)state;
    torc_testing_set_fail(NULL);
    if (failures != 0)
        print_error("the kit says: %s\n", failed_with);
    return failures;
}

/* The kit has failed the test exactly once, and said `part`. */
static TORC_UNUSED void assert_failed_with(const char *part)
{
    if (failures != 1 || strstr(failed_with, part) == NULL)
        fail_msg("expected one failure with '%s', got %d: %s", part, failures, failed_with);
    failures = 0;
    failed_with[0] = '\0';
}

static TORC_UNUSED void assert_not_failed(void)
{
    if (failures != 0)
        fail_msg("the kit says: %s", failed_with);
}

#define assert_slice(slice, text) assert_true(torc_slice_is((slice), (text)))
#define KIT_TEST(function) \
    cmocka_unit_test_setup_teardown(function, record_failures, check_failures)

#endif /* TORC_TESTS_TESTING_SUPPORT_H */
