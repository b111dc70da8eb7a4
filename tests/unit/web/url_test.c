/*
 * http URLs: what they are taken apart into, what is refused, and where references lead.
 */
#include "web/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static void a_url_is_taken_apart(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        const char *authority;
        uint16_t port;
        const char *target;
    } cases[] = {
        { "http://example.org", "example.org", "example.org", 80, "" },
        { "http://example.org/", "example.org", "example.org", 80, "/" },
        { "HTTP://example.org:8080/a/b?c=d#e", "example.org", "example.org:8080", 8080, "/a/b?c=d" },
        { "http://example.org:/", "example.org", "example.org:", 80, "/" },
        { "http://127.0.0.1?x", "127.0.0.1", "127.0.0.1", 80, "?x" },
        { "http://[::1]:81/", "[::1]", "[::1]:81", 81, "/" },
        { "http://[2001:db8::1]#f", "[2001:db8::1]", "[2001:db8::1]", 80, "" },
        { "https://example.org", "example.org", "example.org", 443, "" },
        { "HTTPS://[::1]:8443/a", "[::1]", "[::1]:8443", 8443, "/a" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        torc__url url;

        assert_null(torc__url_parse(torc_slice_of(cases[i].text), &url));
        assert_true(torc_slice_is(url.host, cases[i].host));
        assert_true(torc_slice_is(url.authority, cases[i].authority));
        assert_int_equal(url.port, cases[i].port);
        assert_int_equal(url.secure, (cases[i].text[4] | 0x20) == 's');
        assert_true(torc_slice_is(url.target, cases[i].target));
    }
}

static void what_is_no_http_url_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *text;
        const char *problem;
    } cases[] = {
        { "", "it must begin with http:// or https://" },
        { "example.org", "it must begin with http:// or https://" },
        { "ftp://example.org/", "it must begin with http:// or https://" },
        { "https:/example.org/", "it must begin with http:// or https://" },
        { "http://", "it has no host" },
        { "http://:80/", "it has no host" },
        { "http:///a", "it has no host" },
        { "http://user@example.org/", "it must not hold a user name" },
        { "http://example.org:0/", "its port must be a number from 1 to 65535" },
        { "http://example.org:65536/", "it has no valid host" },
        { "http://[::1/", "it has no valid host" },
        { "http://a b/", "spaces and bytes outside of ASCII must be percent-encoded" },
        { "http://a/\r\nHost: b", "spaces and bytes outside of ASCII must be percent-encoded" },
        { "http://a/\xc3\xa4", "spaces and bytes outside of ASCII must be percent-encoded" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        torc__url url;
        const char *problem = torc__url_parse(torc_slice_of(cases[i].text), &url);

        assert_non_null(problem);
        assert_string_equal(problem, cases[i].problem);
    }
}

static void a_url_that_is_too_long_is_refused(void **state)
{
    static char text[TORC__URL_MAX + 2] = "http://a/";
    torc__url url;

    (void)state;
    memset(text + 9, 'x', TORC__URL_MAX - 9);
    assert_null(torc__url_parse(torc_slice_of(text), &url));
    text[TORC__URL_MAX] = 'x';
    assert_string_equal(torc__url_parse(torc_slice_of(text), &url), "it is longer than 8192 bytes");
}

static void a_reference_leads_on_from_its_base(void **state)
{
    static const char *const cases[][2] = {
        /* RFC 3986 5.4, with the base http://a/b/c/d;p?q */
        { "g", "http://a/b/c/g" },
        { "./g", "http://a/b/c/g" },
        { "g/", "http://a/b/c/g/" },
        { "/g", "http://a/g" },
        { "//g", "http://g" },
        { "?y", "http://a/b/c/d;p?y" },
        { "g?y", "http://a/b/c/g?y" },
        { "#s", "http://a/b/c/d;p?q" },
        { "g#s", "http://a/b/c/g" },
        { ";x", "http://a/b/c/;x" },
        { "", "http://a/b/c/d;p?q" },
        { ".", "http://a/b/c/" },
        { "./", "http://a/b/c/" },
        { "..", "http://a/b/" },
        { "../", "http://a/b/" },
        { "../g", "http://a/b/g" },
        { "../..", "http://a/" },
        { "../../g", "http://a/g" },
        { "../../../g", "http://a/g" },
        { "/./g", "http://a/g" },
        { "/../g", "http://a/g" },
        { "g.", "http://a/b/c/g." },
        { "..g", "http://a/b/c/..g" },
        { "./../g", "http://a/b/g" },
        { "g/./h", "http://a/b/c/g/h" },
        { "g/../h", "http://a/b/c/h" },
        { "http://b/x", "http://b/x" },
    };
    torc__url base;

    (void)state;
    assert_null(torc__url_parse(TORC_SLICE("http://a/b/c/d;p?q"), &base));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[TORC__URL_MAX + 1];

        assert_true(torc__url_resolve(&base, torc_slice_of(cases[i][0]), text));
        assert_string_equal(text, cases[i][1]);
    }
}

static void a_reference_from_a_bare_host_leads_below_its_root(void **state)
{
    char text[TORC__URL_MAX + 1];
    torc__url base;

    (void)state;
    assert_null(torc__url_parse(TORC_SLICE("http://a:81"), &base));
    assert_true(torc__url_resolve(&base, TORC_SLICE("g"), text));
    assert_string_equal(text, "http://a:81/g");
}

static void a_reference_keeps_the_scheme_or_names_another(void **state)
{
    static const char *const cases[][2] = {
        { "g", "https://a/b/g" },
        { "//g", "https://g" },
        { "http://b/", "http://b/" },
        { "https://b/", "https://b/" },
    };
    torc__url base;

    (void)state;
    assert_null(torc__url_parse(TORC_SLICE("https://a/b/c"), &base));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[TORC__URL_MAX + 1];

        assert_true(torc__url_resolve(&base, torc_slice_of(cases[i][0]), text));
        assert_string_equal(text, cases[i][1]);
    }
}

static void a_reference_to_elsewhere_is_refused(void **state)
{
    static const char *const cases[] = { "wss://b/", "ftp://b/", "javascript:x", "//", "a b",
        "http://u@b/" };
    char text[TORC__URL_MAX + 1];
    torc__url base;

    (void)state;
    assert_null(torc__url_parse(TORC_SLICE("http://a/"), &base));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_false(torc__url_resolve(&base, torc_slice_of(cases[i]), text));
}

static void a_reference_that_grows_too_long_is_refused(void **state)
{
    static char base_text[TORC__URL_MAX] = "http://a/";
    static char reference[TORC__URL_MAX];
    char text[TORC__URL_MAX + 1];
    torc__url base;

    (void)state;
    memset(base_text + 9, 'x', TORC__URL_MAX - 11);
    base_text[TORC__URL_MAX - 2] = '/';
    assert_null(torc__url_parse(torc_slice_of(base_text), &base));
    assert_true(torc__url_resolve(&base, TORC_SLICE("y"), text));
    assert_false(torc__url_resolve(&base, TORC_SLICE("yz"), text));
    for (size_t i = 0; i + 3 < sizeof reference; i += 3)
        memcpy(reference + i, "../", 3);
    assert_true(torc__url_resolve(&base, torc_slice_of(reference), text));
    assert_string_equal(text, "http://a/");
    memset(reference, 'x', sizeof reference - 1);
    assert_false(torc__url_resolve(&base, torc_slice_of(reference), text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_is_taken_apart),
        cmocka_unit_test(what_is_no_http_url_is_refused_with_its_reason),
        cmocka_unit_test(a_url_that_is_too_long_is_refused),
        cmocka_unit_test(a_reference_leads_on_from_its_base),
        cmocka_unit_test(a_reference_from_a_bare_host_leads_below_its_root),
        cmocka_unit_test(a_reference_keeps_the_scheme_or_names_another),
        cmocka_unit_test(a_reference_to_elsewhere_is_refused),
        cmocka_unit_test(a_reference_that_grows_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
