/*
 * Fetching: one `fetch` for each torc_web_fetch, from the call until its deferred fires.
 *
 *     begin -> connect -> head -> body -> finish
 *       ^--------- a redirect ----'
 *
 * Each connection lives in a scope of its own, `attempt`, which ends with it. A fetch is held by
 * whoever waits for it and by the factory of each of its connections, because a connection is told
 * of its end, and refers to the fetch by its factory, when nobody may be waiting any more; it then
 * finds `deferred` NULL and does nothing.
 */
#include <torc/endpoint.h>
#include <torc/protocol.h>
#include <torc/timer.h>
#include <torc/web_client.h>

#include "base/memory.h"
#include "transport/factory.h"
#include "web/fetch_request.h"
#include "web/http_chunked.h"
#include "web/page.h"
#include "web/url.h"

#include <stdio.h>

#define DEFAULT_HEAD_MAX ((size_t)32 * 1024)
#define DEFAULT_BODY_MAX ((size_t)16 * 1024 * 1024)
#define DEFAULT_TIMEOUT  TORC_MINUTE

/* Answers of the kind "100 Continue" that are passed over before the one that counts. */
enum { INTERIM_MAX = 8 };

typedef struct fetch {
    size_t holders;
    torc_scope *scope;
    torc_scope *attempt;     /* of the connection under way; NULL: none */
    torc_deferred *deferred; /* NULL: nobody waits any more */
    torc_timer timeout;
    torc__fetch_request request;
    size_t head_max;
    size_t body_max;
    torc_time limit;
    unsigned redirects_left;
    unsigned interim;        /* answers that were passed over */
    unsigned attempts;       /* counts the connections: one that is not the last has nothing to say */
    bool fails_by_status;
    bool downgrades;         /* follows from https to http */
    torc__url url;           /* slices of url_text */
    char url_text[TORC__URL_MAX + 1];

    torc_buffer *head;       /* what came of the head; head_max bytes of room, once there is any */
    size_t head_length;
    torc__web_page *page;    /* once the head is there */
    torc__http_chunked chunks;
    uint64_t remaining;      /* of a body with a length */
} fetch;

typedef struct connection {
    torc_protocol protocol;
    unsigned number;
} connection;

const torc_failure_type torc_error_web_status = { "WebStatus", &torc_error };

/* -- ending -------------------------------------------------------------------------------- */

static void release(void *held)
{
    fetch *self = held;

    if (--self->holders > 0)
        return;
    torc__fetch_request_release(&self->request);
    torc_buffer_release(self->head);
    torc__web_page_release(self->page);
    torc__free(self);
}

static void end_attempt(fetch *self)
{
    torc_scope *attempt = self->attempt;

    self->attempt = NULL;
    if (attempt != NULL && !torc_scope_has_ended(attempt))
        torc_scope_end(attempt);
}

/* Of the deferred, also when its scope ends. */
static void cancel(torc_deferred *deferred, void *argument)
{
    fetch *self = argument;

    (void)deferred;
    if (self->deferred == NULL)
        return;
    self->deferred = NULL;
    torc_timer_cancel(&self->timeout);
    end_attempt(self);
    release(self);
}

/* The result goes out last: its callbacks may do anything. */
static void finish(fetch *self, torc_result result)
{
    torc_deferred *deferred = self->deferred;

    self->deferred = NULL;
    torc_timer_cancel(&self->timeout);
    end_attempt(self);
    release(self);
    torc_fire(deferred, result);
}

static void fail(fetch *self, const torc_failure_type *type, const char *problem)
{
    finish(self, torc_fail_with(type, "%s: %s", self->url_text, problem));
}

static void fail_out_of_memory(fetch *self)
{
    fail(self, &torc_error_out_of_memory, "out of memory");
}

static void timed_out(void *argument)
{
    fetch *self = argument;

    finish(self, torc_fail_with(&torc_error_timeout, "%s: not all came within %g s",
        self->url_text, (double)self->limit / (double)TORC_SECOND));
}

/* -- asking -------------------------------------------------------------------------------- */

static void connection_made(torc_protocol *protocol)
{
    fetch *self = torc_context_of(protocol);
    const torc__fetch_request *request = &self->request;
    const torc__url *url = &self->url;

    torc_of(protocol, connection)->number = self->attempts;
    torc_printf(protocol, "%.*s %s%.*s HTTP/1.1\r\nHost: %.*s\r\n", TORC_FMT(request->method),
        url->target.length > 0 && url->target.data[0] == '/' ? "" : "/", TORC_FMT(url->target),
        TORC_FMT(url->authority));
    torc_write(protocol->transport, request->fields);
    torc_write_part(protocol->transport, request->bytes, request->body);
}

static torc_result connecting_failed(void *argument, torc_result failed)
{
    fetch *self = argument;
    torc_failure *why = torc_result_failure(failed);

    finish(self, torc_fail(torc_failure_because(
        torc_failure_new(&torc_error_connect, "%s: %s", self->url_text, torc_failure_text(why)),
        torc_failure_hold(why))));
    return torc_nothing();
}

static void data_received(torc_protocol *protocol, torc_slice data);
static void connection_lost(torc_protocol *protocol, const torc_failure *reason);

static const torc_protocol_class connection_class = {
    .name = "WebClient",
    .size = sizeof(connection),
    .connection_made = connection_made,
    .data_received = data_received,
    .connection_lost = connection_lost,
};

static const char *kind_for(const torc__url *url)
{
    if (url->secure)
        return "tls";
    return url->host.data[0] == '[' ? "tcp6" : "tcp";
}

/* Connects to the host of the URL. A bracketed host is an IPv6 address, as endpoints write it. */
static void begin(fetch *self)
{
    torc_factory_options options = { .kind = &connection_class, .context = self,
        .release = release };
    char description[sizeof "tcp6:" + 300 + TORC__FETCH_TLS_MAX + 1];
    torc_factory *factory = torc__factory_try_new(&options);
    torc_deferred *connected;

    self->attempt = torc_scope_new(self->scope);
    if (factory != NULL)
        self->holders++;
    if (self->attempt == NULL || factory == NULL) {
        if (factory != NULL)
            torc_factory_release(factory);
        fail_out_of_memory(self);
        return;
    }
    self->head_length = 0;
    self->interim = 0;
    self->attempts++;
    snprintf(description, sizeof description, "%s:%.*s:%u%.*s", kind_for(&self->url),
        TORC_FMT(self->url.host), self->url.port,
        TORC_FMT(torc_slice_first(self->request.tls, self->url.secure ? SIZE_MAX : 0)));
    connected = torc_connect(self->attempt, description, factory);
    torc_add_errback(connected, connecting_failed, self);
}

/* -- the answer ---------------------------------------------------------------------------- */

static bool is_redirect(const torc__http_answer *answer)
{
    int status = answer->status;

    return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

static bool follows(const fetch *self, torc_slice *ret_location)
{
    torc_slice method = self->request.method;

    *ret_location = torc__http_answer_find(&self->page->answer, TORC_SLICE("location"));
    return self->redirects_left > 0 && is_redirect(&self->page->answer) && ret_location->length > 0
        && (torc_slice_is(method, "GET") || torc_slice_is(method, "HEAD"));
}

static void follow(fetch *self, torc_slice location)
{
    char next[TORC__URL_MAX + 1];
    torc__url leads_to;

    if (!torc__url_resolve(&self->url, location, next)) {
        fail(self, &torc_error_protocol, "it redirects to what is no http or https URL");
        return;
    }
    (void)torc__url_parse(torc_slice_of(next), &leads_to);
    if (self->url.secure && !leads_to.secure && !self->downgrades) {
        fail(self, &torc_error_protocol, "it redirects from https to http, which is not followed");
        return;
    }
    if (!torc__url_same_origin(&self->url, &leads_to))
        torc__fetch_request_leave_origin(&self->request);
    self->redirects_left--;
    torc__web_page_release(self->page);
    self->page = NULL;
    memcpy(self->url_text, next, strlen(next) + 1);
    (void)torc__url_parse(torc_slice_of(self->url_text), &self->url);
    end_attempt(self);
    begin(self);
}

static void complete(fetch *self)
{
    torc__web_page *page = self->page;
    torc_slice location;

    if (follows(self, &location)) {
        follow(self, location);
        return;
    }
    if (self->fails_by_status && is_redirect(&page->answer) && location.length > 0) {
        fail(self, &torc_error_limit, "there are too many redirects");
        return;
    }
    if (self->fails_by_status && page->answer.status >= 400) {
        finish(self, torc_fail_with(&torc_error_web_status, "%s: the answer is HTTP %d",
            self->url_text, page->answer.status));
        return;
    }
    self->page = NULL;
    finish(self, torc_value(&torc_type_web_page, page));
}

/* False when the fetch has ended by it. */
static bool take_body(fetch *self, torc_slice piece)
{
    if (piece.length > self->body_max - self->page->body_length) {
        finish(self, torc_fail_with(&torc_error_limit, "%s: the body is larger than %zu bytes",
            self->url_text, self->body_max));
        return false;
    }
    if (!torc__web_page_append(self->page, piece)) {
        fail_out_of_memory(self);
        return false;
    }
    return true;
}

static void read_chunks(fetch *self, torc_slice input)
{
    torc__http_chunked_event event;
    torc_slice piece;

    while ((event = torc__http_chunked_next(&self->chunks, &input, &piece))
        == TORC__HTTP_CHUNKED_DATA)
        if (!take_body(self, piece))
            return;
    if (event == TORC__HTTP_CHUNKED_DONE)
        complete(self);
    else if (event == TORC__HTTP_CHUNKED_ERROR)
        fail(self, &torc_error_protocol, "a chunk that is no chunk");
}

static void read_body(fetch *self, torc_slice input)
{
    const torc__http_answer *answer = &self->page->answer;

    if (answer->chunked) {
        read_chunks(self, input);
        return;
    }
    if (answer->has_content_length)
        input = torc_slice_first(input, (size_t)self->remaining);
    if (input.length > 0 && !take_body(self, input))
        return;
    self->remaining -= answer->has_content_length ? input.length : 0;
    if (answer->has_content_length && self->remaining == 0)
        complete(self);
}

static void begin_body(fetch *self, torc_slice rest)
{
    const torc__http_answer *answer = &self->page->answer;

    if (!torc__http_answer_has_body(answer, self->request.method)) {
        complete(self);
        return;
    }
    torc__http_chunked_init(&self->chunks);
    self->remaining = answer->content_length;
    read_body(self, rest);
}

/* Appends what fits of `input` to the head. False when memory is out. */
static bool keep_head(fetch *self, torc_slice input)
{
    if (self->head == NULL)
        self->head = torc_buffer_new(self->head_max);
    if (self->head == NULL)
        return false;
    memcpy(torc_buffer_bytes(self->head) + self->head_length, input.data, input.length);
    self->head_length += input.length;
    return true;
}

static void read_head(fetch *self, torc_slice input);

/* `head` is whole; `rest` follows it. */
static void take_head(fetch *self, torc_slice head, torc_slice rest)
{
    torc__web_page *page = torc__web_page_new(torc_slice_of(self->url_text), head);
    const char *problem;

    self->page = page;
    if (page == NULL) {
        fail_out_of_memory(self);
        return;
    }
    problem = torc__http_answer_parse(torc_buffer_slice(page->head), &page->answer);
    self->head_length = 0;
    if (problem == NULL && page->answer.status == 101)
        problem = "it switches to a protocol that was not asked for";
    if (problem == NULL && page->answer.status < 200 && ++self->interim > INTERIM_MAX)
        problem = "too many interim answers";
    if (problem != NULL) {
        fail(self, &torc_error_protocol, problem);
    } else if (page->answer.status < 200) {
        torc__web_page_release(page);
        self->page = NULL;
        read_head(self, rest);
    } else {
        begin_body(self, rest);
    }
}

/* A head that comes in one piece, as nearly all do, is not copied before it is whole. */
static void read_head(fetch *self, torc_slice input)
{
    size_t before = self->head_length;
    torc_slice fits = torc_slice_first(input, self->head_max - before);
    torc_slice all = fits;
    size_t length;

    if (before > 0) {
        (void)keep_head(self, fits);
        all = torc_slice_first(torc_buffer_slice(self->head), self->head_length);
    }
    length = torc__http_answer_length(all, before);
    if (length > 0) {
        take_head(self, torc_slice_first(all, length), torc_slice_skip(input, length - before));
        return;
    }
    if (before + fits.length == self->head_max)
        fail(self, &torc_error_limit, "the answer's head is too large");
    else if (before == 0 && input.length > 0 && !keep_head(self, input))
        fail_out_of_memory(self);
}

/* Whether somebody still waits for what this connection has to tell. */
static bool is_current(torc_protocol *protocol, const fetch *self)
{
    return self->deferred != NULL && torc_of(protocol, connection)->number == self->attempts;
}

static void data_received(torc_protocol *protocol, torc_slice data)
{
    fetch *self = torc_context_of(protocol);

    if (!is_current(protocol, self))
        return;
    if (self->page == NULL)
        read_head(self, data);
    else
        read_body(self, data);
}

/* A body without a length ends with the connection, and only then. */
static void connection_lost(torc_protocol *protocol, const torc_failure *reason)
{
    fetch *self = torc_context_of(protocol);
    const torc__http_answer *answer = self->page != NULL ? &self->page->answer : NULL;

    if (!is_current(protocol, self))
        return;
    if (answer != NULL && !answer->chunked && !answer->has_content_length
        && torc_failure_is(reason, &torc_error_connection_done))
        complete(self);
    else
        finish(self, torc_fail(torc_failure_because(
            torc_failure_new(&torc_error_connection_lost, "%s: the connection ended before the "
                "answer was complete: %s", self->url_text, torc_failure_text(reason)),
            torc_failure_hold(reason))));
}

/* -- beginning ----------------------------------------------------------------------------- */

static fetch *fetch_new(torc_scope *scope, const torc_web_fetch_options *options)
{
    fetch *self = torc__allocate_zeroed(sizeof *self);

    if (self == NULL)
        return NULL;
    self->holders = 1;
    self->scope = scope;
    self->head_max = options->head_max > 0 ? options->head_max : DEFAULT_HEAD_MAX;
    self->body_max = options->body_max > 0 ? options->body_max : DEFAULT_BODY_MAX;
    self->limit = options->timeout > 0 ? options->timeout : DEFAULT_TIMEOUT;
    self->redirects_left = options->redirects_max;
    self->downgrades = options->follows_to_http;
    if (torc__fetch_request_init(&self->request, options))
        return self;
    release(self);
    return NULL;
}

static torc_deferred *start(
    torc_scope *scope, const torc_web_fetch_options *options, bool fails_by_status)
{
    torc_slice text = torc_slice_of(options->url);
    const char *problem = torc__fetch_request_problem(options);
    torc_deferred *deferred;
    torc__url url;
    fetch *self;

    if (problem == NULL)
        problem = torc__url_parse(text, &url);
    if (problem != NULL)
        return torc_deferred_fired(scope, torc_fail_with(&torc_error_invalid_argument, "%.*s: %s",
            TORC_FMT(torc_slice_first(text, 256)), problem));
    if (torc_scope_has_ended(scope))
        return torc_deferred_new(scope, NULL, NULL);
    self = fetch_new(scope, options);
    if (self == NULL)
        return torc_deferred_fired(scope, torc_fail_with(&torc_error_out_of_memory,
            "%s: out of memory", options->url));
    self->fails_by_status = fails_by_status;
    if (text.length > 0)
        memcpy(self->url_text, text.data, text.length);
    (void)torc__url_parse(torc_slice_of(self->url_text), &self->url);
    deferred = torc_deferred_new(scope, cancel, self);
    self->deferred = deferred;
    if (self->limit != TORC_NEVER)
        torc_timer_set(&self->timeout, scope, self->limit, timed_out, self);
    begin(self);
    return deferred;
}

torc_deferred *torc_web_fetch(torc_scope *scope, const torc_web_fetch_options *options)
{
    return start(scope, options, false);
}

torc_deferred *torc_web_get(torc_scope *scope, const char *url)
{
    torc_web_fetch_options options = { .url = url, .redirects_max = 10 };

    return start(scope, &options, true);
}
