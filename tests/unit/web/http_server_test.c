/*
 * The HTTP server over memory: what it answers, in which order, when it goes on, when it ends.
 */
#include "web_client.h"

#include "base/pool.h"
#include "support/failing_allocation.h"
#include "web/http_server.h"

static torc_reactor *reactor;

/* -- the handler of these tests ------------------------------------------------------------ */

static torc_web_request *held;     /* by "/later": answered by the test */
static bool callback_ran;
static bool scope_ended;
static torc_slice last_body;
static char last_body_text[256];

static void note_callback(void *argument)
{
    (void)argument;
    callback_ran = true;
}

static void note_scope_end(void *argument)
{
    (void)argument;
    held = NULL;
    scope_ended = true;
}

static void answer_in_pieces(torc_web_request *request, int64_t length)
{
    torc_web_start(request, 200, "text/plain", length);
    torc_web_send(request, TORC_SLICE("one "));
    torc_web_send(request, TORC_SLICE("two"));
    torc_web_finish(request);
}

static void answer_later(torc_web_request *request)
{
    torc_scope *scope = torc_web_request_scope(request);

    if (scope == NULL || !torc_scope_on_end(scope, note_scope_end, NULL)) {
        torc_web_abort(request);
        return;
    }
    held = request;
    torc_call_later(scope, 20 * TORC_MILLISECOND, note_callback, NULL);
}

static void keep_body(torc_web_request *request)
{
    last_body = torc_web_request_body(request);
    snprintf(last_body_text, sizeof(last_body_text), "%.*s", TORC_FMT(last_body));
    torc_web_respond(request, 200, "text/plain", TORC_SLICE("taken"));
}

static void answer_with_fields(torc_web_request *request)
{
    assert_true(torc_web_add_header(request, "X-One", TORC_SLICE("1")));
    assert_false(torc_web_add_header(request, "X-Two", TORC_SLICE("a\r\nSet-Cookie: b")));
    assert_false(torc_web_add_header(request, "X Three", TORC_SLICE("3")));
    assert_false(torc_web_add_header(request, "content-length", TORC_SLICE("3")));
    torc_web_respond(request, 200, "text/plain", TORC_SLICE("fields"));
    assert_false(torc_web_add_header(request, "X-Four", TORC_SLICE("4")));
    torc_web_respond(request, 404, NULL, TORC_SLICE("a second answer"));
}

static void handle(torc_web_request *request, void *context)
{
    torc_slice path = torc_web_request_path(request);

    (void)context;
    if (!torc_web_allow(request, "GET, HEAD, POST"))
        return;
    if (torc_slice_is(path, "/later"))
        answer_later(request);
    else if (torc_slice_is(path, "/pieces"))
        answer_in_pieces(request, TORC_WEB_UNKNOWN_LENGTH);
    else if (torc_slice_is(path, "/length"))
        answer_in_pieces(request, 7);
    else if (torc_slice_is(path, "/short"))
        answer_in_pieces(request, 9);
    else if (torc_slice_is(path, "/long"))
        answer_in_pieces(request, 5);
    else if (torc_slice_is(path, "/body"))
        keep_body(request);
    else if (torc_slice_is(path, "/fields"))
        answer_with_fields(request);
    else if (torc_slice_is(path, "/none"))
        torc_web_respond_status(request, 204);
    else
        torc_web_respond(request, 200, "text/plain", path);
}

static bool a_request_is_held(const client *c)
{
    (void)c;
    return held != NULL;
}

static torc_factory *site(void)
{
    return torc_web_site(handle, NULL);
}

static int set_up(void **state)
{
    (void)state;
    reactor = torc_reactor_new();
    held = NULL;
    callback_ran = false;
    scope_ended = false;
    last_body_text[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    torc_reactor_free(reactor);
    return 0;
}

/* -- requests and answers ------------------------------------------------------------------ */

static void answers_a_request(void **state)
{
    client *c = client_connect(reactor, site());

    (void)state;
    client_send(c, "GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(c, "\r\n\r\n/a");
    client_expect(c, "HTTP/1.1 200 OK\r\nDate: ");
    client_expect(c, "Content-Length: 2\r\n");
    client_expect(c, "Content-Type: text/plain\r\n");
    client_expect_none(c, "Connection:");
    assert_false(c->ended);
    client_free(c);
}

static void answers_pipelined_requests_in_order_and_in_one_flush(void **state)
{
    client *c = client_connect(reactor, site());
    const char *one;
    const char *three;

    (void)state;
    client_send(c, "GET /first HTTP/1.1\r\nHost: h\r\n\r\nGET /second HTTP/1.1\r\nHost: h\r\n\r\n"
        "GET /third HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(c, "/third");
    one = strstr(c->text, "/first");
    three = strstr(c->text, "/third");
    assert_non_null(one);
    assert_true(one < strstr(c->text, "/second"));
    assert_true(strstr(c->text, "/second") < three);
    assert_int_equal(c->pieces, 1);
    client_free(c);
}

static void is_the_same_however_the_input_is_cut(void **state)
{
    static const char input[] =
        "POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n0\r\n\r\nGET /later HTTP/1.1\r\nHost: h\r\n\r\n"
        "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

    (void)state;
    for (size_t cut = 1; cut < sizeof(input) - 1; cut++) {
        client *c = client_connect(reactor, site());

        torc_write(c->transport, torc_slice_make(input, cut));
        client_turns(c);
        torc_write(c->transport, torc_slice_make(input + cut, sizeof(input) - 1 - cut));
        client_expect(c, "taken");
        client_wait(c, a_request_is_held);
        client_expect_none(c, "/x");
        torc_web_respond(held, 200, "text/plain", torc_web_request_target(held));
        held = NULL;
        client_expect(c, "/x");
        assert_non_null(strstr(c->text, "\r\n\r\n/laterHTTP/1.1 200 OK"));
        assert_string_equal(last_body_text, "hello");
        client_free(c);
    }
}

static void comes_byte_by_byte(void **state)
{
    static const char input[] =
        "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET /x HTTP/1.0\r\n\r\n";
    client *c = client_connect(reactor, site());

    (void)state;
    for (size_t i = 0; i < sizeof(input) - 1; i++) {
        torc_write(c->transport, torc_slice_make(input + i, 1));
        client_turns(c);
    }
    client_wait(c, client_is_lost);
    assert_string_equal(last_body_text, "hello");
    assert_non_null(strstr(c->text, "takenHTTP/1.1 200 OK"));
    assert_non_null(strstr(c->text, "\r\n\r\n/x"));
    client_free(c);
}

static void head_has_the_fields_and_no_body(void **state)
{
    client *c = client_connect(reactor, site());

    (void)state;
    client_send(c, "HEAD /abc HTTP/1.1\r\nHost: h\r\n\r\nHEAD /pieces HTTP/1.1\r\nHost: h\r\n\r\n"
        "GET /none HTTP/1.1\r\nHost: h\r\n\r\nGET /end HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(c, "/end");
    client_expect(c, "Content-Length: 4\r\n");
    client_expect_none(c, "/abc");
    client_expect_none(c, "one");
    client_expect_none(c, "\r\n\r\n0\r\n");
    client_expect(c, "HTTP/1.1 204 No Content\r\n");
    client_free(c);
}

static void tells_which_methods_it_takes(void **state)
{
    client *c = client_connect(reactor, site());

    (void)state;
    client_send(c, "DELETE /a HTTP/1.1\r\nHost: h\r\n\r\nOPTIONS /a HTTP/1.1\r\nHost: h\r\n\r\n"
        "DANCE /a HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(c, "HTTP/1.1 405 Method Not Allowed");
    client_expect(c, "Allow: GET, HEAD, POST, OPTIONS\r\n");
    client_expect(c, "HTTP/1.1 204 No Content");
    client_expect(c, "HTTP/1.1 501 Not Implemented");
    assert_false(c->ended);
    client_free(c);
}

static void http_1_0_ends_unless_it_asks_to_stay(void **state)
{
    client *c = client_connect(reactor, site());

    (void)state;
    client_send(c, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client_expect(c, "Connection: keep-alive\r\n");
    client_forget(c);
    client_send(c, "GET /b HTTP/1.0\r\n\r\n");
    client_wait(c, client_is_lost);
    assert_non_null(strstr(c->text, "Connection: close\r\n"));
    client_free(c);
}

static void connection_close_is_honoured_and_what_follows_is_ignored(void **state)
{
    client *c = client_connect(reactor, site());

    (void)state;
    client_send(c, "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        "GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
    client_wait(c, client_is_lost);
    assert_non_null(strstr(c->text, "Connection: close\r\n"));
    client_expect_none(c, "/b");
    client_free(c);
}

/* -- bodies of answers --------------------------------------------------------------------- */

static void unknown_length_goes_in_chunks(void **state)
{
    client *c = client_connect(reactor, site());

    (void)state;
    client_send(c, "GET /pieces HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(c, "Transfer-Encoding: chunked\r\n");
    client_expect(c, "\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n");
    client_forget(c);
    client_send(c, "GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client_wait(c, client_is_lost);
    assert_non_null(strstr(c->text, "\r\n\r\none two"));
    client_expect_none(c, "chunked");
    client_free(c);
}

static void announced_lengths_are_kept_to(void **state)
{
    client *c = client_connect(reactor, site());

    (void)state;
    client_send(c, "GET /length HTTP/1.1\r\nHost: h\r\n\r\nGET /long HTTP/1.1\r\nHost: h\r\n\r\n"
        "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(c, "\r\n\r\none twoHTTP");
    client_expect(c, "\r\n\r\none tHTTP");
    client_send(c, "GET /short HTTP/1.1\r\nHost: h\r\n\r\n");
    client_wait(c, client_is_lost);
    assert_true(c->aborted);
    client_free(c);
}

static void fields_cannot_break_the_head(void **state)
{
    client *c = client_connect(reactor, site());

    (void)state;
    client_send(c, "GET /fields HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(c, "X-One: 1\r\n");
    client_expect(c, "fields");
    client_expect_none(c, "Set-Cookie");
    client_expect_none(c, "X-Four");
    client_expect_none(c, "404");
    client_free(c);
}

/* -- later --------------------------------------------------------------------------------- */

static void a_request_may_be_answered_later(void **state)
{
    client *c = client_connect(reactor, site());

    (void)state;
    client_send(c, "GET /later HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n"
        "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    client_wait(c, a_request_is_held);
    client_send(c, "GET /last HTTP/1.1\r\nHost: h\r\n\r\n");
    client_turns(c);
    assert_int_equal(c->length, 0);
    {
        torc_slice value;

        assert_true(torc_web_request_header(held, "x", &value));
        assert_true(torc_slice_is(value, "y"));
        assert_true(torc_slice_is(torc_web_request_path(held), "/later"));
    }
    torc_web_respond(held, 200, "text/plain", TORC_SLICE("at last"));
    client_expect(c, "/last");
    assert_true(strstr(c->text, "at last") < strstr(c->text, "/next"));
    assert_true(strstr(c->text, "/next") < strstr(c->text, "/last"));
    assert_true(scope_ended);
    assert_false(callback_ran);
    client_free(c);
}

static bool scope_has_ended(const client *c)
{
    (void)c;
    return scope_ended;
}

static void its_scope_ends_when_the_client_leaves(void **state)
{
    client *c = client_connect(reactor, site());

    (void)state;
    client_send(c, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    client_wait(c, a_request_is_held);
    torc_abort_connection(c->transport);
    client_wait(c, scope_has_ended);
    client_free(c);
    assert_false(callback_ran);
}

static void a_client_that_closed_its_half_is_still_answered(void **state)
{
    client *c = client_connect(reactor, site());

    (void)state;
    client_send(c, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    torc_lose_write(c->transport);
    client_wait(c, a_request_is_held);
    client_turns(c);
    torc_web_respond(held, 200, "text/plain", TORC_SLICE("at last"));
    client_wait(c, client_is_lost);
    assert_non_null(strstr(c->text, "at last"));
    client_free(c);
}

/* -- bodies of requests -------------------------------------------------------------------- */

static void bodies_are_handed_over_whole(void **state)
{
    client *c = client_connect(reactor, site());

    (void)state;
    client_send(c, "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    client_expect(c, "taken");
    assert_string_equal(last_body_text, "abc");
    client_forget(c);
    client_send(c, "POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nde\r\n1;x=y\r\nf\r\n0\r\nTrailer: t\r\n\r\n");
    client_expect(c, "taken");
    assert_string_equal(last_body_text, "def");
    client_free(c);
}

static void a_client_that_asks_is_told_to_go_on(void **state)
{
    client *c = client_connect(reactor, site());

    (void)state;
    client_send(c,
        "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    client_expect(c, "HTTP/1.1 100 Continue\r\n\r\n");
    client_expect_none(c, "taken");
    client_send(c, "abc");
    client_expect(c, "taken");
    client_free(c);
}

static void bodies_are_bounded(void **state)
{
    torc_web_site_options options = { .handle = handle, .limits = { .body_max = 4 } };
    static const char chunked[] = "POST /body HTTP/1.1\r\nHost: h\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n";
    static const char *const inputs[] = {
        chunked,
        "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n",
        "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        client *c = client_connect(reactor, torc_web_site_new(&options));

        client_send(c, inputs[i]);
        client_wait(c, client_is_lost);
        assert_non_null(strstr(c->text, "HTTP/1.1 413 "));
        client_expect_none(c, "100 Continue");
        client_free(c);
    }
}

static void bodies_that_nobody_wants_are_dropped(void **state)
{
    torc_web_site_options options = { .handle = handle, .drops_bodies = true };
    client *c = client_connect(reactor, torc_web_site_new(&options));

    (void)state;
    client_send(c, "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
        "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(c, "/x");
    assert_string_equal(last_body_text, "");
    client_free(c);
}

/* -- strictness ---------------------------------------------------------------------------- */

static void bad_requests_are_answered_and_the_connection_ends(void **state)
{
    static const struct {
        const char *input;
        const char *status;
    } table[] = {
        { "GET / HTTP/1.1\r\n\r\n", "400" },
        { "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400" },
        { "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400" },
        { "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "400" },
        { "GET / HTTP/1.1\rHost: a\r\n\r\n", "400" },
        { "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx", "400" },
        { "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", "400" },
        { "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "400" },
        { "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "501" },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "400" },
        { "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505" },
        { "GET / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n", "417" },
        { "nonsense\r\n\r\n", "400" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        client *c = client_connect(reactor, site());
        char line[32];

        snprintf(line, sizeof(line), "HTTP/1.1 %s ", table[i].status);
        client_send(c, table[i].input);
        client_send(c, "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
        client_wait(c, client_is_lost);
        if (strncmp(c->text, line, strlen(line)) != 0)
            fail_msg("input %zu: %s", i, c->text);
        assert_non_null(strstr(c->text, "Connection: close\r\n"));
        client_expect_none(c, "smuggled");
        client_free(c);
    }
}

static void heads_are_bounded(void **state)
{
    torc_web_site_options options = {
        .handle = handle, .limits = { .line_max = 64, .head_max = 256, .fields_max = 3 },
    };
    char many[512] = "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n";
    char line[512];
    char head[512];
    const struct {
        const char *input;
        const char *status;
    } table[] = { { line, "HTTP/1.1 414 " }, { head, "HTTP/1.1 431 " }, { many, "HTTP/1.1 431 " } };

    (void)state;
    snprintf(line, sizeof(line), "GET /%0100d HTTP/1.1\r\nHost: h\r\n\r\n", 0);
    snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: h\r\nX: %0300d\r\n\r\n", 0);
    for (size_t i = 0; i < 3; i++) {
        client *c = client_connect(reactor, torc_web_site_new(&options));

        client_send(c, table[i].input);
        client_wait(c, client_is_lost);
        if (strncmp(c->text, table[i].status, strlen(table[i].status)) != 0)
            fail_msg("input %zu: %s", i, c->text);
        client_free(c);
    }
}

/* -- time ---------------------------------------------------------------------------------- */

static torc_factory *hasty_site(void)
{
    return torc_web_site_new(&(torc_web_site_options){
        .handle = handle,
        .timeouts = {
            .head = 30 * TORC_MILLISECOND,
            .body = 30 * TORC_MILLISECOND,
            .idle = 30 * TORC_MILLISECOND,
            .send = 60 * TORC_MILLISECOND,
        },
    });
}

static void silence_ends_a_connection(void **state)
{
    static const struct {
        const char *input;
        const char *answer;
    } table[] = {
        { "", NULL },
        { "GET / HT", "HTTP/1.1 408 " },
        { "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na", "HTTP/1.1 408 " },
        { "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 " },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        client *c = client_connect(reactor, hasty_site());

        client_send(c, table[i].input);
        client_wait(c, client_is_lost);
        if (table[i].answer == NULL)
            assert_int_equal(c->length, 0);
        else
            assert_true(strncmp(c->text, table[i].answer, strlen(table[i].answer)) == 0);
        client_free(c);
    }
}

static torc_buffer *large;

static void handle_large(torc_web_request *request, void *context)
{
    (void)context;
    torc_web_respond_buffer(request, 200, "text/plain", large);
}

static void who_takes_nothing_is_aborted(void **state)
{
    torc_web_site_options options = {
        .handle = handle_large, .timeouts = { .send = 40 * TORC_MILLISECOND },
    };
    client *c = client_connect(reactor, torc_web_site_new(&options));

    (void)state;
    large = torc_buffer_new(512 * 1024);
    memset(torc_buffer_bytes(large), 'x', 512 * 1024);
    torc_pause_reading(c->transport);
    client_send(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    {
        torc_time until = torc_monotonic_now() + 300 * TORC_MILLISECOND;

        while (torc_monotonic_now() < until)
            torc_iterate(reactor, TORC_MILLISECOND);
    }
    torc_resume_reading(c->transport);
    client_wait(c, client_is_lost);
    assert_true(c->aborted);
    assert_true(c->length < 512 * 1024);
    client_free(c);
    torc_buffer_release(large);
}

/* -- stopping ------------------------------------------------------------------------------ */

static torc_result note_stopped(void *argument, torc_result result)
{
    *(bool *)argument = !torc_is_failure(result);
    return torc_nothing();
}

static bool stopped;

static bool has_stopped(const client *c)
{
    (void)c;
    return stopped;
}

static void stopping_closes_the_idle_and_lets_the_busy_finish(void **state)
{
    torc_factory *shared = site();
    client *idle;
    client *busy;

    (void)state;
    stopped = false;
    idle = client_connect(reactor, torc_factory_hold(shared));
    busy = client_connect(reactor, torc_factory_hold(shared));
    client_send(busy, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    client_wait(busy, a_request_is_held);
    torc_add_both(torc_web_site_stop(shared, torc_root(reactor), 10 * TORC_SECOND), note_stopped,
        &stopped);
    client_wait(idle, client_is_lost);
    client_turns(busy);
    assert_false(busy->lost);
    assert_false(stopped);
    torc_web_respond(held, 200, "text/plain", TORC_SLICE("bye"));
    client_wait(busy, client_is_lost);
    assert_non_null(strstr(busy->text, "Connection: close\r\n"));
    assert_non_null(strstr(busy->text, "bye"));
    client_wait(busy, has_stopped);
    client_free(idle);
    client_free(busy);
    torc_factory_release(shared);
}

static void stopping_does_not_wait_beyond_its_grace(void **state)
{
    torc_factory *shared = site();
    client *c = client_connect(reactor, torc_factory_hold(shared));

    (void)state;
    stopped = false;
    client_send(c, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    client_wait(c, a_request_is_held);
    torc_add_both(torc_web_site_stop(shared, torc_root(reactor), 20 * TORC_MILLISECOND),
        note_stopped, &stopped);
    client_wait(c, has_stopped);
    client_wait(c, client_is_lost);
    client_free(c);
    torc_factory_release(shared);
}

/* -- memory -------------------------------------------------------------------------------- */

static void a_warm_request_allocates_nothing(void **state)
{
    client *c = client_connect(reactor, site());

    (void)state;
    for (int i = 0; i < 100; i++) {
        client_forget(c);
        if (i == 50)
            count_allocations();
        client_send(c, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        client_expect(c, "\r\n\r\n/a");
    }
#ifndef TORC_NO_POOLS
    assert_int_equal(allocations_counted(), 0);
#endif
    allow_allocations();
    client_free(c);
}

static void an_idle_connection_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(torc__web_connection) <= 250);
}

/* All kinds of requests, with one allocation failing among them. Gives whether one did. */
static bool converse_with_a_failure(unsigned int passed)
{
    client *c = client_connect(reactor, site());
    bool failed;

    fail_allocation_after(passed);
    client_send(c, "GET /a HTTP/1.1\r\nHo");
    client_turns(c);
    client_send(c, "st: h\r\n\r\nPOST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na");
    client_turns(c);
    client_send(c, "bcGET /pieces HTTP/1.1\r\nHost: h\r\n\r\nGET /later HTTP/1.1\r\nHost: h\r\n\r\n"
        "DELETE /x HTTP/1.1\r\nHost: h\r\n\r\n");
    client_turns(c);
    if (held != NULL && !c->lost)
        torc_web_respond(held, 200, "text/plain", TORC_SLICE("at last"));
    held = NULL;
    client_turns(c);
    failed = an_allocation_failed();
    allow_allocations();
    if (!failed)
        client_expect(c, "405 Method Not Allowed");
    client_free(c);
    return failed;
}

static void survives_each_allocation_failing(void **state)
{
    unsigned int passed = 0;

    (void)state;
    while (converse_with_a_failure(passed))
        assert_true(++passed < 1000);
    assert_true(passed > 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_a_request),
        TEST(answers_pipelined_requests_in_order_and_in_one_flush),
        TEST(is_the_same_however_the_input_is_cut),
        TEST(comes_byte_by_byte),
        TEST(head_has_the_fields_and_no_body),
        TEST(tells_which_methods_it_takes),
        TEST(http_1_0_ends_unless_it_asks_to_stay),
        TEST(connection_close_is_honoured_and_what_follows_is_ignored),
        TEST(unknown_length_goes_in_chunks),
        TEST(announced_lengths_are_kept_to),
        TEST(fields_cannot_break_the_head),
        TEST(a_request_may_be_answered_later),
        TEST(its_scope_ends_when_the_client_leaves),
        TEST(a_client_that_closed_its_half_is_still_answered),
        TEST(bodies_are_handed_over_whole),
        TEST(a_client_that_asks_is_told_to_go_on),
        TEST(bodies_are_bounded),
        TEST(bodies_that_nobody_wants_are_dropped),
        TEST(bad_requests_are_answered_and_the_connection_ends),
        TEST(heads_are_bounded),
        TEST(silence_ends_a_connection),
        TEST(who_takes_nothing_is_aborted),
        TEST(stopping_closes_the_idle_and_lets_the_busy_finish),
        TEST(stopping_does_not_wait_beyond_its_grace),
        TEST(a_warm_request_allocates_nothing),
        TEST(an_idle_connection_is_small),
        TEST(survives_each_allocation_failing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
