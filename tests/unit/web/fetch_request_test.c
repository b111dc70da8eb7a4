/*
 * What a fetch tells to the origin it was made for, and what of it to others: the parts that no
 * server without TLS sees, and the scheme, which the client's own test cannot change.
 */
#include "web/fetch_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_elsewhere(const char *tls, const char *expected)
{
    const torc_web_fetch_options options = { .url = "https://a/", .tls = tls };
    torc__fetch_request request;

    assert_true(torc__fetch_request_init(&request, &options));
    assert_int_equal(request.tls.length, strlen(tls) + 1);
    torc__fetch_request_leave_origin(&request);
    if (!torc_slice_is(request.tls, expected))
        fail_msg("%s became %.*s", tls, TORC_FMT(request.tls));
    torc__fetch_request_release(&request);
}

static void who_the_client_is_is_not_shown_to_another_origin(void **state)
{
    (void)state;
    assert_elsewhere("authorities=ca.pem:certificate=me.pem:key=me.key:minimum=1.3",
        ":authorities=ca.pem:minimum=1.3");
    assert_elsewhere("certKey=me.pem:privateKey=me.key", "");
    assert_elsewhere("name=a.example:alpn=http/1.1", ":alpn=http/1.1");
    assert_elsewhere("a.example:me.pem:me.key", "");
}

static void arguments_are_divided_as_descriptions_are(void **state)
{
    (void)state;
    assert_elsewhere("authorities=C\\:\\\\ca.pem:key=a\\:pin=x", ":authorities=C\\:\\\\ca.pem");
    assert_elsewhere("bindAddress=[::1]:key=k", ":bindAddress=[::1]");
    assert_elsewhere("endpoint=socks\\:a\\:1\\:endpoint=tcp\\\\\\:b\\\\\\:2",
        ":endpoint=socks\\:a\\:1\\:endpoint=tcp\\\\\\:b\\\\\\:2");
    assert_elsewhere("[pin=x]:pin=y", ":pin=y");
}

static void an_origin_is_scheme_host_and_port(void **state)
{
    static const struct {
        const char *url;
        bool same;
    } others[] = {
        { "http://a.example/x?y", true }, { "http://A.Example:80/", true },
        { "http://a.example:81/", false }, { "https://a.example/", false },
        { "https://a.example:80/", false }, { "http://b.a.example/", false },
        { "http://example/", false },
    };
    torc__url one;

    (void)state;
    assert_null(torc__url_parse(TORC_SLICE("http://a.example/"), &one));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        torc__url other;

        assert_null(torc__url_parse(torc_slice_of(others[i].url), &other));
        assert_int_equal(torc__url_same_origin(&one, &other), others[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_the_client_is_is_not_shown_to_another_origin),
        cmocka_unit_test(arguments_are_divided_as_descriptions_are),
        cmocka_unit_test(an_origin_is_scheme_host_and_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
