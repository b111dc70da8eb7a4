/*
 * Fetching, against a server on the loopback that says what each test has it say.
 */
#include <torc.h>
#include <torc/web.h>

#include "support/failing_allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#define ALL_AT_ONCE SIZE_MAX

/* -- a server by script --------------------------------------------------------------------- */

typedef struct scripted {
    torc_protocol protocol;
    char request[4096];
    size_t length;
    const char *rest;
} scripted;

static torc_reactor *reactor;
static uint16_t port;
static uint16_t other_port; /* of the same server, which makes it another origin */
static const char *answers[16]; /* of the connections, in their order */
static size_t piece;            /* bytes that are sent at a time */
static bool closes;             /* after the answer */
static size_t asked;
static size_t lost;
static char last_request[4096];
static char requests[16][4096];

static void send_piece(void *argument)
{
    scripted *self = argument;
    size_t left = strlen(self->rest);
    size_t size = left < piece ? left : piece;

    torc_write(self->protocol.transport, torc_slice_make(self->rest, size));
    self->rest += size;
    if (self->rest[0] != '\0')
        torc_call_soon(torc_scope_of(self), send_piece, self);
    else if (closes)
        torc_lose_connection(self->protocol.transport);
}

static void scripted_data(torc_protocol *protocol, torc_slice data)
{
    scripted *self = torc_of(protocol, scripted);

    assert_true(self->length + data.length < sizeof self->request);
    memcpy(self->request + self->length, data.data, data.length);
    self->length += data.length;
    if (strstr(self->request, "\r\n\r\n") == NULL || self->rest != NULL)
        return;
    memcpy(last_request, self->request, self->length + 1);
    memcpy(requests[asked % 16], self->request, self->length + 1);
    self->rest = answers[asked++];
    if (self->rest == NULL)
        self->rest = "";
    else
        send_piece(self);
}

static void scripted_lost(torc_protocol *protocol, const torc_failure *reason)
{
    (void)protocol;
    (void)reason;
    lost++;
}

static const torc_protocol_class scripted_class = {
    .name = "Scripted",
    .size = sizeof(scripted),
    .data_received = scripted_data,
    .connection_lost = scripted_lost,
};

/* -- around each test ------------------------------------------------------------------------ */

static torc_result outcome;
static bool has_outcome;

static torc_result note_outcome(void *unused, torc_result result)
{
    (void)unused;
    outcome = torc_result_hold(result);
    has_outcome = true;
    return torc_nothing();
}

static torc_result note_port(void *ret_port, torc_result opened)
{
    *(uint16_t *)ret_port = torc_port_address(torc_result_pointer(opened)).port;
    return torc_nothing();
}

static void listen_at(uint16_t *ret_port)
{
    torc_port *listening = torc_listen(
        torc_root(reactor), "tcp:0:interface=127.0.0.1", torc_factory_of(&scripted_class));

    *ret_port = 0;
    torc_add_callback(torc_port_opened(listening), note_port, ret_port);
    while (*ret_port == 0)
        torc_iterate(reactor, TORC_SECOND);
}

static int set_up(void **state)
{
    (void)state;
    reactor = torc_reactor_new();
    memset(answers, 0, sizeof answers);
    piece = ALL_AT_ONCE;
    closes = true;
    asked = 0;
    lost = 0;
    has_outcome = false;
    outcome = torc_nothing();
    memset(requests, 0, sizeof requests);
    listen_at(&port);
    listen_at(&other_port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    torc_result_release(outcome);
    torc_reactor_free(reactor);
    return 0;
}

static const char *url_of(const char *target)
{
    static char url[256];

    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port, target);
    return url;
}

static void wait_for_outcome(torc_deferred *deferred)
{
    torc_time end = torc_monotonic_now() + 10 * TORC_SECOND;

    torc_add_both(deferred, note_outcome, NULL);
    while (!has_outcome && torc_monotonic_now() < end)
        torc_iterate(reactor, TORC_SECOND);
    assert_true(has_outcome);
}

static void get(const char *target)
{
    wait_for_outcome(torc_web_get(torc_root(reactor), url_of(target)));
}

static void fetch(torc_web_fetch_options options)
{
    options.url = url_of("/");
    wait_for_outcome(torc_web_fetch(torc_root(reactor), &options));
}

static void assert_page(int status, const char *body)
{
    if (torc_is_failure(outcome))
        fail_msg("%s", torc_failure_text(torc_result_failure(outcome)));
    assert_int_equal(torc_web_status(outcome), status);
    assert_int_equal(torc_web_body(outcome).length, strlen(body));
    assert_true(torc_slice_is(torc_web_body(outcome), body));
}

static void assert_failed(const torc_failure_type *type, const char *text)
{
    assert_true(torc_is_failure(outcome));
    if (strstr(torc_failure_text(torc_result_failure(outcome)), text) == NULL)
        fail_msg("'%s' does not say '%s'", torc_failure_text(torc_result_failure(outcome)), text);
    assert_true(torc_failure_is(torc_result_failure(outcome), type));
}

/* -- pages ----------------------------------------------------------------------------------- */

static void the_request_is_what_servers_expect(void **state)
{
    char expected[256];

    (void)state;
    answers[0] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Kind: good\r\n\r\nhello";
    get("/a?b");
    assert_page(200, "hello");
    snprintf(expected, sizeof expected, "GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
        "User-Agent: Torc/" TORC_VERSION "\r\nAccept: */*\r\nConnection: close\r\n\r\n", port);
    assert_string_equal(last_request, expected);
}

static void a_page_tells_its_fields_and_its_url(void **state)
{
    torc_slice value;

    (void)state;
    answers[0] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Kind: good\r\n\r\n";
    get("");
    assert_page(200, "");
    assert_true(torc_web_page_header(outcome, "x-kind", &value));
    assert_true(torc_slice_is(value, "good"));
    assert_false(torc_web_page_header(outcome, "x-other", &value));
    assert_true(torc_slice_is(torc_web_url(outcome), url_of("")));
}

static void a_body_is_the_same_however_its_bytes_come(void **state)
{
    static const char *const whole[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            "7;x=y\r\nhello, \r\n5\r\nworld\r\n0\r\nTrailer: t\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nhello, world",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n"
            "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world",
    };

    (void)state;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        for (piece = 1; piece <= 3; piece++) {
            answers[asked % 16] = whole[i];
            get("/");
            assert_page(200, "hello, world");
            torc_result_release(outcome);
            has_outcome = false;
        }
    outcome = torc_nothing();
}

static void an_answer_that_is_complete_does_not_wait_for_the_end(void **state)
{
    (void)state;
    closes = false;
    answers[0] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more";
    get("/");
    assert_page(200, "ok");
}

static void answers_without_a_body_end_with_their_head(void **state)
{
    (void)state;
    closes = false;
    answers[0] = "HTTP/1.1 204 No Content\r\n\r\n";
    get("/");
    assert_page(204, "");
}

static void an_answer_to_head_has_no_body(void **state)
{
    (void)state;
    closes = false;
    answers[0] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    fetch((torc_web_fetch_options){ .method = "HEAD" });
    assert_page(200, "");
    assert_true(strncmp(last_request, "HEAD / HTTP/1.1\r\n", 17) == 0);
}

static void fields_and_a_body_are_sent(void **state)
{
    const torc_web_field fields[] = {
        { TORC_SLICE("X-One"), TORC_SLICE("1") },
        { TORC_SLICE("user-agent"), TORC_SLICE("mine") },
    };

    (void)state;
    answers[0] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    fetch((torc_web_fetch_options){
        .method = "POST", .fields = fields, .field_count = 2, .body = TORC_SLICE("name=value") });
    assert_page(200, "");
    assert_non_null(strstr(last_request, "\r\nX-One: 1\r\nuser-agent: mine\r\n"));
    assert_null(strstr(last_request, "Torc/"));
    assert_non_null(strstr(last_request, "\r\nContent-Length: 10\r\n"));
    assert_non_null(strstr(last_request, "\r\n\r\nname=value"));
}

static void any_status_is_a_page_to_who_asks_for_answers(void **state)
{
    (void)state;
    answers[0] = "HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy";
    fetch((torc_web_fetch_options){ 0 });
    assert_page(503, "busy");
}

/* -- redirects ------------------------------------------------------------------------------- */

static void a_redirect_is_followed(void **state)
{
    (void)state;
    answers[0] = "HTTP/1.1 302 Found\r\nLocation: ../c?d\r\nContent-Length: 4\r\n\r\nmove";
    answers[1] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere";
    get("/a/b");
    assert_page(200, "here");
    assert_true(strncmp(last_request, "GET /c?d HTTP/1.1\r\n", 19) == 0);
    assert_true(torc_slice_is(torc_web_url(outcome), url_of("/c?d")));
}

static void redirects_without_end_are_a_failure(void **state)
{
    (void)state;
    for (size_t i = 0; i < 12; i++)
        answers[i] = "HTTP/1.1 301 Moved\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";
    get("/");
    assert_failed(&torc_error_limit, "too many redirects");
    assert_int_equal(asked, 11);
}

static void a_redirect_to_another_scheme_is_a_failure(void **state)
{
    (void)state;
    answers[0] = "HTTP/1.1 301 Moved\r\nLocation: ftp://x/\r\nContent-Length: 0\r\n\r\n";
    get("/");
    assert_failed(&torc_error_protocol, "redirects to what is no http or https URL");
}

static void a_redirect_is_a_page_to_who_follows_none(void **state)
{
    (void)state;
    answers[0] = "HTTP/1.1 301 Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
    fetch((torc_web_fetch_options){ 0 });
    assert_page(301, "");
    assert_int_equal(asked, 1);
}

static void a_post_is_not_repeated_elsewhere(void **state)
{
    (void)state;
    answers[0] = "HTTP/1.1 307 Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
    fetch((torc_web_fetch_options){ .method = "POST", .redirects_max = 5 });
    assert_page(307, "");
    assert_int_equal(asked, 1);
}

static const char *redirect_to(unsigned to_port, const char *host)
{
    static char texts[4][128];
    static size_t next;
    char *text = texts[next++ % 4];

    snprintf(text, sizeof texts[0],
        "HTTP/1.1 302 Found\r\nLocation: http://%s:%u/to\r\nContent-Length: 0\r\n\r\n",
        host, to_port);
    return text;
}

static void fetch_with_secrets(unsigned redirects)
{
    const torc_web_field fields[] = {
        { TORC_SLICE("Authorization"), TORC_SLICE("Basic c2VjcmV0") },
        { TORC_SLICE("accept"), TORC_SLICE("text/html") },
        { TORC_SLICE("cookie"), TORC_SLICE("id=secret") },
        { TORC_SLICE("Proxy-Authorization"), TORC_SLICE("secret") },
        { TORC_SLICE("X-Api-Key"), TORC_SLICE("secret") },
        { TORC_SLICE("Accept-Language"), TORC_SLICE("de") },
        { TORC_SLICE("Content-Type"), TORC_SLICE("text/secret") },
    };

    fetch((torc_web_fetch_options){ .fields = fields, .field_count = 7,
        .body = TORC_SLICE("secret body"), .redirects_max = redirects });
    assert_page(200, "here");
    assert_int_equal(asked, redirects + 1);
}

static void assert_tells_all(const char *request)
{
    assert_non_null(strstr(request, "\r\nAuthorization: Basic c2VjcmV0\r\naccept: text/html\r\n"
        "cookie: id=secret\r\nProxy-Authorization: secret\r\nX-Api-Key: secret\r\n"
        "Accept-Language: de\r\nContent-Type: text/secret\r\n"
        "Content-Length: 11\r\nConnection: close\r\n\r\nsecret body"));
}

static void assert_tells_no_secret(const char *request)
{
    assert_null(strstr(request, "Authorization"));
    assert_null(strstr(request, "c2VjcmV0"));
    assert_null(strstr(request, "secret"));
    assert_null(strstr(request, "Content-"));
    assert_non_null(strstr(request, "\r\nUser-Agent: Torc/" TORC_VERSION "\r\n"
        "accept: text/html\r\nAccept-Language: de\r\nConnection: close\r\n\r\n"));
}

static void a_redirect_within_the_origin_tells_all_again(void **state)
{
    (void)state;
    answers[0] = redirect_to(port, "127.0.0.1");
    answers[1] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere";
    fetch_with_secrets(1);
    assert_tells_all(requests[0]);
    assert_tells_all(requests[1]);
}

static void a_redirect_to_another_port_tells_no_secret_there(void **state)
{
    (void)state;
    answers[0] = redirect_to(other_port, "127.0.0.1");
    answers[1] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere";
    fetch_with_secrets(1);
    assert_tells_all(requests[0]);
    assert_tells_no_secret(requests[1]);
}

static void a_redirect_to_another_host_tells_no_secret_there(void **state)
{
    (void)state;
    answers[0] = redirect_to(port, "localhost");
    answers[1] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere";
    fetch_with_secrets(1);
    assert_tells_no_secret(requests[1]);
}

static void what_was_left_out_stays_out_when_a_redirect_leads_back(void **state)
{
    (void)state;
    answers[0] = redirect_to(other_port, "127.0.0.1");
    answers[1] = redirect_to(port, "127.0.0.1");
    answers[2] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere";
    fetch_with_secrets(2);
    assert_tells_no_secret(requests[1]);
    assert_tells_no_secret(requests[2]);
}

/* -- failures -------------------------------------------------------------------------------- */

static void a_status_of_400_or_more_is_a_failure_of_get(void **state)
{
    (void)state;
    answers[0] = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno";
    get("/x");
    assert_failed(&torc_error_web_status, "/x: the answer is HTTP 404");
}

static void an_answer_that_is_cut_short_is_a_failure(void **state)
{
    static const char *const cut[] = {
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        answers[asked] = cut[i];
        get("/");
        assert_failed(&torc_error_connection_lost, "before the answer was complete");
        torc_result_release(outcome);
        has_outcome = false;
    }
    outcome = torc_nothing();
}

static void what_is_no_answer_is_a_failure_that_says_so(void **state)
{
    static const char *const bad[][2] = {
        { "220 mail.example ESMTP\r\n\r\n", "no answer of HTTP" },
        { "HTTP/1.1 101 Switching\r\n\r\n", "was not asked for" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "no chunk" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        answers[asked] = bad[i][0];
        get("/");
        assert_failed(&torc_error_protocol, bad[i][1]);
        torc_result_release(outcome);
        has_outcome = false;
    }
    outcome = torc_nothing();
}

static void interim_answers_without_end_are_a_failure(void **state)
{
    static char text[512];

    (void)state;
    for (size_t i = 0; i < 9; i++)
        strcat(text, "HTTP/1.1 100 Continue\r\n\r\n");
    answers[0] = text;
    get("/");
    assert_failed(&torc_error_protocol, "too many interim answers");
}

static void head_and_body_are_bounded(void **state)
{
    (void)state;
    answers[0] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345";
    fetch((torc_web_fetch_options){ .body_max = 4 });
    assert_failed(&torc_error_limit, "the body is larger than 4 bytes");
    torc_result_release(outcome);
    has_outcome = false;
    answers[1] = answers[0];
    piece = 7;
    fetch((torc_web_fetch_options){ .head_max = 20 });
    assert_failed(&torc_error_limit, "the answer's head is too large");
}

static void a_silent_server_is_a_timeout(void **state)
{
    (void)state;
    closes = false;
    fetch((torc_web_fetch_options){ .timeout = 20 * TORC_MILLISECOND });
    assert_failed(&torc_error_timeout, "not all came within 0.02 s");
}

static void nobody_at_the_port_is_a_failure_to_connect(void **state)
{
    (void)state;
    wait_for_outcome(torc_web_get(torc_root(reactor), "http://127.0.0.1:1/"));
    assert_failed(&torc_error_connect, "http://127.0.0.1:1/: ");
}

static void a_bad_request_is_refused_before_it_is_sent(void **state)
{
    const torc_web_field own = { TORC_SLICE("Content-Length"), TORC_SLICE("7") };
    const torc_web_field split = { TORC_SLICE("X"), TORC_SLICE("a\r\nHost: b") };

    (void)state;
    wait_for_outcome(torc_web_get(torc_root(reactor), "gopher://x/"));
    assert_failed(&torc_error_invalid_argument, "gopher://x/: it must begin with http://");
    torc_result_release(outcome);
    fetch((torc_web_fetch_options){ .fields = &own, .field_count = 1 });
    assert_failed(&torc_error_invalid_argument, "the client's own");
    torc_result_release(outcome);
    fetch((torc_web_fetch_options){ .fields = &split, .field_count = 1 });
    assert_failed(&torc_error_invalid_argument, "would break the request");
    torc_result_release(outcome);
    fetch((torc_web_fetch_options){ .method = "GET /" });
    assert_failed(&torc_error_invalid_argument, "no token");
    assert_int_equal(asked, 0);
}

/* -- giving up ------------------------------------------------------------------------------- */

static void wait_until_lost(size_t count)
{
    torc_time end = torc_monotonic_now() + 10 * TORC_SECOND;

    while (lost < count && torc_monotonic_now() < end)
        torc_iterate(reactor, TORC_SECOND);
    assert_int_equal(lost, count);
}

static void cancelling_closes_the_connection(void **state)
{
    torc_deferred *page = torc_web_get(torc_root(reactor), url_of("/"));

    (void)state;
    closes = false;
    torc_add_both(page, note_outcome, NULL);
    while (last_request[0] == '\0' || asked == 0)
        torc_iterate(reactor, TORC_SECOND);
    torc_cancel(page);
    assert_failed(&torc_error_cancelled, "cancel");
    wait_until_lost(1);
}

static void the_end_of_the_scope_closes_the_connection_in_silence(void **state)
{
    torc_scope *scope = torc_scope_new(torc_root(reactor));

    (void)state;
    closes = false;
    torc_add_both(torc_web_get(scope, url_of("/")), note_outcome, NULL);
    while (asked == 0)
        torc_iterate(reactor, TORC_SECOND);
    torc_scope_end(scope);
    wait_until_lost(1);
    assert_false(has_outcome);
}

static void want_of_memory_is_a_failure_or_nothing_happened(void **state)
{
    (void)state;
    for (unsigned nth = 0;; nth++) {
        bool failed;

        asked = 0;
        answers[0] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        piece = 30;
        fail_allocation_after(nth);
        get("/");
        failed = an_allocation_failed();
        allow_allocations();
        if (!torc_is_failure(outcome))
            assert_page(200, "ok");
        torc_result_release(outcome);
        outcome = torc_nothing();
        has_outcome = false;
        if (!failed)
            return;
    }
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(the_request_is_what_servers_expect),
        ONE(a_page_tells_its_fields_and_its_url),
        ONE(a_body_is_the_same_however_its_bytes_come),
        ONE(an_answer_that_is_complete_does_not_wait_for_the_end),
        ONE(answers_without_a_body_end_with_their_head),
        ONE(an_answer_to_head_has_no_body),
        ONE(fields_and_a_body_are_sent),
        ONE(any_status_is_a_page_to_who_asks_for_answers),
        ONE(a_redirect_is_followed),
        ONE(redirects_without_end_are_a_failure),
        ONE(a_redirect_to_another_scheme_is_a_failure),
        ONE(a_redirect_is_a_page_to_who_follows_none),
        ONE(a_post_is_not_repeated_elsewhere),
        ONE(a_redirect_within_the_origin_tells_all_again),
        ONE(a_redirect_to_another_port_tells_no_secret_there),
        ONE(a_redirect_to_another_host_tells_no_secret_there),
        ONE(what_was_left_out_stays_out_when_a_redirect_leads_back),
        ONE(a_status_of_400_or_more_is_a_failure_of_get),
        ONE(an_answer_that_is_cut_short_is_a_failure),
        ONE(what_is_no_answer_is_a_failure_that_says_so),
        ONE(interim_answers_without_end_are_a_failure),
        ONE(head_and_body_are_bounded),
        ONE(a_silent_server_is_a_timeout),
        ONE(nobody_at_the_port_is_a_failure_to_connect),
        ONE(a_bad_request_is_refused_before_it_is_sent),
        ONE(cancelling_closes_the_connection),
        ONE(the_end_of_the_scope_closes_the_connection_in_silence),
        ONE(want_of_memory_is_a_failure_or_nothing_happened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
