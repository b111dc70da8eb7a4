/*
 * A connection of a site: HTTP/1 as the server speaks it.
 *
 * What comes in drives it: bytes are parsed where they stand, each complete request is handed to
 * the handler, and the loop goes on to the next one in the same piece of input when the answer is
 * finished, so that pipelined answers leave in one flush. All other movement comes from one timer:
 * deadlines, and going on in a later turn.
 *
 * After an error the client may still be sending. It is answered, the sending half is closed, and
 * what comes is dropped for a while: closing at once would reset the connection and could take the
 * answer with it.
 */
#include "web/http_server.h"

#include "base/memory.h"
#include "web/access_log.h"

#include <torc/reactor.h>

#include <string.h>

#define LINGER_TIME (4 * TORC_SECOND)
#define LINGER_BYTES ((uint32_t)8 * 1024 * 1024)

/* Requests answered in one go; the rest of the input waits for the next turn. */
#define BATCH_MAX 64

static void go_on(torc__web_connection *self, torc_slice input, int answered);
static void on_timer(void *argument);

static torc_transport *transport_of(torc__web_connection *self)
{
    return self->protocol.transport;
}

/* -- deadlines ----------------------------------------------------------------------------- */

static void arm(torc__web_connection *self, torc_time now, torc_time when)
{
    self->armed = when;
    torc_timer_set(&self->timer, torc_scope_of(self), when - now, on_timer, self);
}

/*
 * The timer may go off early and look at the deadline again, so that a deadline that moves later,
 * as with each request, costs no call.
 */
static void set_deadline(torc__web_connection *self, torc_time delay)
{
    torc_time now = torc_now(self->site->reactor);
    torc_time check = torc_time_add(now, self->site->options.timeouts.send);

    self->deadline = torc_time_add(now, delay);
    if (check > self->deadline)
        check = self->deadline;
    if (check < self->armed)
        arm(self, now, check);
}

void torc__web_connection_enter(
    torc__web_connection *self, torc__web_phase phase, torc_time delay)
{
    self->phase = (uint8_t)phase;
    set_deadline(self, delay);
}

/* Whether the client has taken nothing for too long of what waits to be sent. */
static bool is_stalled(torc__web_connection *self, torc_time now, size_t unsent)
{
    uint64_t left = self->written - unsent;

    if (unsent == 0)
        return false;
    if (left != self->left) {
        self->left = left;
        self->stalled_at = torc_time_add(now, self->site->options.timeouts.send);
        return false;
    }
    return now >= self->stalled_at;
}

/* -- ends ---------------------------------------------------------------------------------- */

static void close_when_sent(torc__web_connection *self)
{
    torc__web_connection_enter(self, TORC__WEB_CLOSING, TORC_NEVER);
    torc_lose_connection(transport_of(self));
}

/* Ends after an answer that the client may not be waiting for yet. */
static void linger(torc__web_connection *self)
{
    if (self->read_lost) {
        close_when_sent(self);
        return;
    }
    torc__web_connection_enter(self, TORC__WEB_LINGERING, LINGER_TIME);
    torc_lose_write(transport_of(self));
    torc_resume_reading(transport_of(self));
}

static void break_off(torc__web_connection *self, const char *why)
{
    self->phase = TORC__WEB_CLOSING;
    torc_abort_because(
        transport_of(self), torc_failure_new(&torc_error_connection_timed_out, "%s", why));
}

void torc__web_connection_out_of_memory(torc__web_connection *self)
{
    self->phase = TORC__WEB_CLOSING;
    torc_abort_because(transport_of(self),
        torc_failure_new(&torc_error_out_of_memory, "no memory for a request"));
}

/* Logs and forgets the request whose answer is finished. Gives whether the connection ends. */
static bool end_request(torc__web_connection *self)
{
    torc_web_request *request = self->request;
    bool close = request->close || self->site->stopping;

    if (self->site->options.log != NULL)
        torc__web_log_request(self->site->options.log, request);
    if (request->producing)
        torc_unregister_producer(transport_of(self));
    self->request = NULL;
    torc__web_request_give(request);
    return close;
}

/* -- input that waits ---------------------------------------------------------------------- */

static void keep(torc__web_connection *self, torc_slice input)
{
    char *larger;

    if (input.length == 0)
        return;
    torc_pause_reading(transport_of(self));
    larger = torc__reallocate(self->kept, self->kept_length + input.length);
    if (larger == NULL) {
        torc__web_connection_out_of_memory(self);
        return;
    }
    self->kept = larger;
    memcpy(self->kept + self->kept_length, input.data, input.length);
    self->kept_length += (uint32_t)input.length;
}

/* Takes up what was kept, if the connection is in a phase that takes input. */
static void go_on_with_kept(torc__web_connection *self)
{
    char *kept = self->kept;
    size_t length = self->kept_length;

    self->kept = NULL;
    self->kept_length = 0;
    torc_resume_reading(transport_of(self));
    go_on(self, torc_slice_make(kept, length), 1);
    torc__free(kept);
}

static void wait_for_next_turn(torc__web_connection *self, torc_slice input)
{
    self->phase = TORC__WEB_WAITING;
    keep(self, input);
    if (self->phase == TORC__WEB_WAITING)
        arm(self, torc_now(self->site->reactor), torc_now(self->site->reactor));
}

static void drained(torc_producer *producer)
{
    torc__web_connection *self = TORC_CONTAINER_OF(producer, torc__web_connection, drain);

    torc_unregister_producer(transport_of(self));
    self->draining = false;
    self->phase = TORC__WEB_IDLE;
    go_on_with_kept(self);
}

static void drain_stopped(torc_producer *producer)
{
    TORC_CONTAINER_OF(producer, torc__web_connection, drain)->draining = false;
}

static const torc_producer_class drain_class = { .resume = drained, .stop = drain_stopped };

/* So that a client cannot have any number of files opened by asking for them all at once. */
static void wait_for_drain(torc__web_connection *self, torc_slice input)
{
    torc__web_connection_enter(self, TORC__WEB_WAITING, TORC_NEVER);
    keep(self, input);
    if (self->phase != TORC__WEB_WAITING)
        return;
    self->draining = true;
    self->drain.kind = &drain_class;
    torc_register_pull_producer(transport_of(self), &self->drain);
}

/* -- requests ------------------------------------------------------------------------------ */

static const torc__http_head no_head;

void torc__web_connection_refuse(torc__web_connection *self, int status)
{
    if (self->request == NULL)
        self->request = torc__web_request_take(self, &no_head);
    if (self->request == NULL) {
        torc__web_connection_out_of_memory(self);
        return;
    }
    if (self->request->head == NULL)
        self->request->head = &no_head;
    self->request->close = true;
    self->request->in_handler = true;
    torc_web_respond_status(self->request, status);
    end_request(self);
    if (self->phase != TORC__WEB_CLOSING)
        linger(self);
}

/* The request's answer is finished: gives whether the connection is ready for the next one. */
static bool finish_request(torc__web_connection *self, torc_slice rest)
{
    bool close = end_request(self);

    if (self->phase == TORC__WEB_CLOSING)
        return false;
    if (close || (self->read_lost && rest.length == 0)) {
        if (rest.length != 0)
            linger(self);
        else
            close_when_sent(self);
        return false;
    }
    self->phase = TORC__WEB_IDLE;
    return true;
}

/* Hands the complete request over. Gives whether the answer is finished already. */
static bool hand_over(torc__web_connection *self)
{
    torc_web_request *request = self->request;

    self->phase = TORC__WEB_BUSY;
    request->in_handler = true;
    self->site->options.handle(request, self->site->options.context);
    request->in_handler = false;
    return request->finished;
}

/* -- the loop over the input --------------------------------------------------------------- */

/*
 * Goes on with the request under way, or the next, as far as the input carries. Gives whether a
 * request was answered, so that there may be another.
 */
static bool advance(torc__web_connection *self, torc_slice *input)
{
    torc_slice head_bytes = torc_slice_make(NULL, 0);
    bool fresh = self->phase != TORC__WEB_IN_BODY;

    if (fresh) {
        const torc__http_head *head;

        if (self->phase == TORC__WEB_IDLE
                ? !torc__web_read_head(self, input, &head_bytes)
                : !torc__web_read_rest_of_head(self, input))
            return false;
        head = self->request->head;
        self->request->close = !head->keep_alive;
        if ((head->chunked || head->content_length != 0) && !torc__web_begin_body(self, *input))
            return false;
    }
    if (self->request->head->chunked || self->request->head->content_length != 0) {
        switch (torc__web_read_body(self, input)) {
        case TORC__WEB_BODY_NEEDS_MORE:
            torc__web_connection_enter(self, TORC__WEB_IN_BODY, self->site->options.timeouts.body);
            if (fresh && !torc__web_request_own_head(self->request, head_bytes))
                torc__web_connection_out_of_memory(self);
            return false;
        case TORC__WEB_BODY_REFUSED:
            return false;
        case TORC__WEB_BODY_COMPLETE:
            break;
        }
    }
    if (hand_over(self))
        return finish_request(self, *input);
    if (fresh && !torc__web_request_own_head(self->request, head_bytes))
        torc__web_connection_out_of_memory(self);
    else
        set_deadline(self, TORC_NEVER);
    return false;
}

/* `answered`: requests that have been answered in this turn already. */
static void go_on(torc__web_connection *self, torc_slice input, int answered)
{
    for (; input.length != 0; answered++) {
        if (answered > BATCH_MAX) {
            wait_for_next_turn(self, input);
            return;
        }
        if (answered != 0 && torc_unsent(transport_of(self)) > TORC_HIGH_WATER) {
            wait_for_drain(self, input);
            return;
        }
        if (!advance(self, &input))
            break;
    }
    if (self->phase == TORC__WEB_BUSY)
        keep(self, input);
    else if (self->phase == TORC__WEB_IDLE && self->read_lost)
        close_when_sent(self);
    else if (self->phase == TORC__WEB_IDLE)
        set_deadline(self, self->site->options.timeouts.idle);
}

void torc__web_connection_answered(torc__web_connection *self)
{
    if (!self->request->in_handler)
        arm(self, torc_now(self->site->reactor), torc_now(self->site->reactor));
}

void torc__web_connection_stop(torc__web_connection *self)
{
    if (self->phase == TORC__WEB_IDLE)
        close_when_sent(self);
}

/* -- timer --------------------------------------------------------------------------------- */

static void expire(torc__web_connection *self)
{
    switch ((torc__web_phase)self->phase) {
    case TORC__WEB_IDLE:
        close_when_sent(self);
        break;
    case TORC__WEB_IN_HEAD:
    case TORC__WEB_IN_BODY:
        torc__web_connection_refuse(self, 408);
        break;
    case TORC__WEB_LINGERING:
        close_when_sent(self);
        break;
    case TORC__WEB_BUSY:
    case TORC__WEB_WAITING:
    case TORC__WEB_CLOSING:
        break;
    }
}

static void look_at_deadlines(torc__web_connection *self, torc_time now)
{
    size_t unsent = torc_unsent(transport_of(self));
    bool patient = self->phase == TORC__WEB_IDLE || self->phase == TORC__WEB_LINGERING;

    if (is_stalled(self, now, unsent)) {
        break_off(self, "the client takes nothing of what is sent");
        return;
    }
    /* Who still receives is not idle yet. */
    if (patient && unsent != 0 && now >= self->deadline)
        self->deadline = torc_time_add(now, self->phase == TORC__WEB_IDLE
            ? self->site->options.timeouts.idle : LINGER_TIME);
    if (now >= self->deadline)
        expire(self);
    else
        set_deadline(self, self->deadline == TORC_NEVER ? TORC_NEVER : self->deadline - now);
}

static void on_timer(void *argument)
{
    torc__web_connection *self = argument;
    torc_time now = torc_now(self->site->reactor);

    self->armed = TORC_NEVER;
    if (self->phase == TORC__WEB_BUSY && self->request->finished) {
        if (finish_request(self, torc_slice_make(self->kept, self->kept_length)))
            go_on_with_kept(self);
    } else if (self->phase == TORC__WEB_WAITING && !self->draining) {
        self->phase = TORC__WEB_IDLE;
        go_on_with_kept(self);
    } else {
        look_at_deadlines(self, now);
    }
}

/* -- events -------------------------------------------------------------------------------- */

static void connection_made(torc_protocol *protocol)
{
    torc__web_connection *self = torc_of(protocol, torc__web_connection);
    torc__web_site *site = torc_context_of(self);

    self->site = site;
    self->armed = TORC_NEVER;
    self->left = UINT64_MAX;
    site->reactor = torc_transport_reactor(protocol->transport);
    torc__list_append(&site->connections, &self->link);
    if (site->stopping)
        close_when_sent(self);
    else
        set_deadline(self, site->options.timeouts.idle);
}

static void data_received(torc_protocol *protocol, torc_slice data)
{
    torc__web_connection *self = torc_of(protocol, torc__web_connection);

    switch ((torc__web_phase)self->phase) {
    case TORC__WEB_IDLE:
    case TORC__WEB_IN_HEAD:
    case TORC__WEB_IN_BODY:
        go_on(self, data, 0);
        break;
    case TORC__WEB_BUSY:
    case TORC__WEB_WAITING:
        keep(self, data);
        break;
    case TORC__WEB_LINGERING:
        self->dropped += (uint32_t)data.length;
        if (self->dropped > LINGER_BYTES)
            close_when_sent(self);
        break;
    case TORC__WEB_CLOSING:
        break;
    }
}

static void read_lost(torc_protocol *protocol)
{
    torc__web_connection *self = torc_of(protocol, torc__web_connection);

    self->read_lost = true;
    switch ((torc__web_phase)self->phase) {
    case TORC__WEB_IN_HEAD:
    case TORC__WEB_IN_BODY:
        torc__web_connection_refuse(self, 400);
        break;
    case TORC__WEB_IDLE:
    case TORC__WEB_LINGERING:
        close_when_sent(self);
        break;
    case TORC__WEB_BUSY:    /* what was asked is answered first */
    case TORC__WEB_WAITING:
    case TORC__WEB_CLOSING:
        break;
    }
}

static void connection_lost(torc_protocol *protocol, const torc_failure *reason)
{
    torc__web_connection *self = torc_of(protocol, torc__web_connection);

    (void)reason;
    torc__list_remove(&self->link);
    torc__free(self->kept);
    self->kept = NULL;
    self->phase = TORC__WEB_CLOSING;
    if (self->request != NULL) {
        if (self->site->options.log != NULL && self->request->started)
            torc__web_log_request(self->site->options.log, self->request);
        torc__web_request_give(self->request);
        self->request = NULL;
    }
    torc__web_site_connection_gone(self->site);
}

const torc_protocol_class torc__web_connection_class = {
    .name = "HTTPServer",
    .size = sizeof(torc__web_connection),
    .connection_made = connection_made,
    .data_received = data_received,
    .read_lost = read_lost,
    .connection_lost = connection_lost,
};
