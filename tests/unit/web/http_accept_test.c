/*
 * Accept-Encoding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "web/http_accept.h"

static void check(const char *value, int brotli, int gzip, int identity)
{
    torc__http_codings codings = torc__http_accept_codings(torc_slice_of(value));

    if (codings.brotli != brotli || codings.gzip != gzip || codings.identity != identity)
        fail_msg("%s: br %d gzip %d identity %d", value != NULL ? value : "(absent)",
            codings.brotli, codings.gzip, codings.identity);
}

static void test_without_the_field_only_identity_is_taken(void **state)
{
    (void)state;
    check(NULL, 0, 0, 1);
    check("", 0, 0, 1);
}

static void test_what_browsers_send(void **state)
{
    (void)state;
    check("gzip, deflate, br", 1000, 1000, 1);
    check("gzip, deflate, br, zstd", 1000, 1000, 1);
    check("gzip", 0, 1000, 1);
    check("GZip,BR", 1000, 1000, 1);
    check("x-gzip", 0, 1000, 1);
}

static void test_qualities(void **state)
{
    (void)state;
    check("br;q=1.0, gzip;q=0.8", 1000, 800, 1);
    check("br;q=0.125,gzip ; q=0.5", 125, 500, 1);
    check("br; Q=0.25", 250, 0, 1);
    check("gzip;q=0", 0, 0, 1);
    check("gzip;q=0.000, br;q=0.001", 1, 0, 1);
    check("gzip;q=0.5, identity", 0, 500, 1000);
    check("gzip;q=1, identity;q=0.5", 0, 1000, 500);
    check("gzip;q=1.", 0, 1000, 1);
}

static void test_identity_can_be_refused(void **state)
{
    (void)state;
    check("gzip, identity;q=0", 0, 1000, 0);
    check("gzip, *;q=0", 0, 1000, 0);
    check("*;q=0", 0, 0, 0);
    check("identity, *;q=0", 0, 0, 1000);
}

static void test_the_asterisk_stands_for_what_is_not_named(void **state)
{
    (void)state;
    check("*", 1000, 1000, 1000);
    check("gzip;q=0, *", 1000, 0, 1000);
    check("*;q=0.5, br", 1000, 500, 500);
    check("identity;q=0.1, *;q=0.2", 200, 200, 100);
}

static void test_what_cannot_be_read_is_not_taken(void **state)
{
    (void)state;
    check("gzip;q=2", 0, 0, 1);
    check("gzip;q=1.001", 0, 0, 1);
    check("gzip;q=0.1234", 0, 0, 1);
    check("gzip;q=.5", 0, 0, 1);
    check("gzip;q=", 0, 0, 1);
    check("gzip;q=-1", 0, 0, 1);
    check("gzip;q=0,5", 0, 0, 1);
    check("gzip;level=9", 0, 0, 1);
    check("gzip;", 0, 0, 1);
    check("gzipped, brr", 0, 0, 1);
    check(";;,;q=1", 0, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_the_field_only_identity_is_taken),
        cmocka_unit_test(test_what_browsers_send),
        cmocka_unit_test(test_qualities),
        cmocka_unit_test(test_identity_can_be_refused),
        cmocka_unit_test(test_the_asterisk_stands_for_what_is_not_named),
        cmocka_unit_test(test_what_cannot_be_read_is_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
