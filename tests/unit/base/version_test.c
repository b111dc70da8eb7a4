/*
 * The version, as a text and as numbers.
 */
#include <torc/version.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void linked_version_is_that_of_the_headers(void **state)
{
    char text[32];

    (void)state;
    snprintf(text, sizeof text, "%d.%d.%d", TORC_VERSION_MAJOR, TORC_VERSION_MINOR,
        TORC_VERSION_PATCH);
    assert_string_equal(torc_version(), TORC_VERSION);
    assert_string_equal(torc_version(), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linked_version_is_that_of_the_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
