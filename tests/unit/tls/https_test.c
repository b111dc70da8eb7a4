/*
 * Fetching over https, and from one scheme to the other.
 */
#include "tls/ends.h"

#include <torc/web.h>

#include <string.h>

static char https_url[64];
static char http_url[64];
static char answer_text[512];
static char answer_where[128];
static const char *https_answer;
static char http_answer[256];

static void answer_by_https(torc_protocol *protocol, torc_slice data)
{
    (void)data;
    torc_write(protocol->transport, torc_slice_of(https_answer));
    torc_lose_connection(protocol->transport);
}

static void answer_by_http(torc_protocol *protocol, torc_slice data)
{
    (void)data;
    torc_write(protocol->transport, torc_slice_of(http_answer));
    torc_lose_connection(protocol->transport);
}

static const torc_protocol_class https_class = {
    .name = "Https", .data_received = answer_by_https,
};
static const torc_protocol_class http_class = { .name = "Http", .data_received = answer_by_http };

static void listen_for(const torc_protocol_class *kind, const char *description)
{
    port = 0;
    torc_add_callback(torc_port_opened(
        torc_listen(torc_root(reactor), description, torc_factory_of(kind))), note_port, NULL);
    RUN_UNTIL(port != 0);
}

static torc_result note_page(void *unused, torc_result page)
{
    (void)unused;
    if (torc_is_failure(page)) {
        snprintf(answer_text, sizeof answer_text, "%s",
            torc_failure_text(torc_result_failure(page)));
        return torc_nothing();
    }
    snprintf(answer_text, sizeof answer_text, "%.*s", TORC_FMT(torc_web_body(page)));
    snprintf(answer_where, sizeof answer_where, "%.*s", TORC_FMT(torc_web_url(page)));
    return torc_nothing();
}

static int set_up_servers(void **state)
{
    char text[256];

    set_up(state);
    snprintf(text, sizeof text, "tls:0:interface=127.0.0.1:certificate=%s", path_of("good.pem"));
    listen_for(&https_class, text);
    snprintf(https_url, sizeof https_url, "https://127.0.0.1:%u/", port);
    listen_for(&http_class, "tcp:0:interface=127.0.0.1");
    snprintf(http_url, sizeof http_url, "http://127.0.0.1:%u/", port);
    https_answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";
    snprintf(http_answer, sizeof http_answer,
        "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", https_url);
    return 0;
}

static void fetch(const char *url, bool trusting, bool follows_to_http)
{
    char tls[200];
    torc_web_fetch_options options = { .url = url, .redirects_max = 3,
        .follows_to_http = follows_to_http, .tls = trusting ? tls : NULL };

    snprintf(tls, sizeof tls, "authorities=%s", path_of("authority.pem"));
    answer_text[0] = '\0';
    torc_add_both(torc_web_fetch(torc_root(reactor), &options), note_page, NULL);
    RUN_UNTIL(answer_text[0] != '\0');
}

static void a_page_comes_by_https(void **state)
{
    (void)state;
    fetch(https_url, true, false);
    assert_string_equal(answer_text, "secret");
}

static void a_server_that_nobody_vouches_for_is_refused(void **state)
{
    (void)state;
    fetch(https_url, false, false);
    assert_non_null(strstr(answer_text, https_url));
    assert_non_null(strstr(answer_text, "signed by an authority that is not known here"));
}

static void a_redirect_leads_from_http_to_https(void **state)
{
    (void)state;
    fetch(http_url, true, false);
    assert_string_equal(answer_text, "secret");
    assert_string_equal(answer_where, https_url);
}

static void a_redirect_from_https_to_http_is_a_failure_unless_allowed(void **state)
{
    char redirect[256];

    (void)state;
    snprintf(redirect, sizeof redirect,
        "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", http_url);
    https_answer = redirect;
    snprintf(http_answer, sizeof http_answer,
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nclear");
    fetch(https_url, true, false);
    assert_non_null(strstr(answer_text, "it redirects from https to http"));
    fetch(https_url, true, true);
    assert_string_equal(answer_text, "clear");
    assert_string_equal(answer_where, http_url);
}

/* Without a length, only a clean end tells that all has come. */
static void a_page_that_ends_with_the_connection_ends_with_close_notify(void **state)
{
    (void)state;
    https_answer = "HTTP/1.1 200 OK\r\n\r\nto the end";
    fetch(https_url, true, false);
    assert_string_equal(answer_text, "to the end");
}

static void options_for_tls_are_bounded_and_checked(void **state)
{
    char long_text[1100];
    torc_web_fetch_options options = { .url = https_url, .tls = long_text };

    (void)state;
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    answer_text[0] = '\0';
    torc_add_both(torc_web_fetch(torc_root(reactor), &options), note_page, NULL);
    assert_non_null(strstr(answer_text, "the arguments for TLS are too long"));
    options.tls = "nonsense=1";
    answer_text[0] = '\0';
    torc_add_both(torc_web_fetch(torc_root(reactor), &options), note_page, NULL);
    RUN_UNTIL(answer_text[0] != '\0');
    assert_non_null(strstr(answer_text, "nonsense"));
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up_servers, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(a_page_comes_by_https),
        ONE(a_server_that_nobody_vouches_for_is_refused),
        ONE(a_redirect_leads_from_http_to_https),
        ONE(a_redirect_from_https_to_http_is_a_failure_unless_allowed),
        ONE(a_page_that_ends_with_the_connection_ends_with_close_notify),
        ONE(options_for_tls_are_bounded_and_checked),
    };

    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
