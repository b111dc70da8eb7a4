/*
 * The life of a session: the handshake, records into bytes, bytes into records, the end.
 *
 * Everything that is told upwards is told by `advance`, from an event of what is below or from the
 * session's task. What is asked from above only notes, encrypts and flushes. After each event
 * upwards the phase must be looked at again, because the callee may have closed the session.
 */
#include "tls/session.h"

#include "base/memory.h"
#include "transport/state.h"

#include <errno.h>
#include <openssl/err.h>

/* How long a peer that takes nothing keeps the last records, and close_notify, from being sent. */
#define PATIENCE (10 * TORC_SECOND)

/* Answers (to changes of keys, say) that a peer may ask for without taking them. */
#define OWED_MAX TORC__TLS_OUTPUT_MAX

static torc__tls_session *self_of(torc_io *io)
{
    return TORC_CONTAINER_OF(io, torc__tls_session, filter.io);
}

static bool is_alive(const torc__tls_session *self)
{
    return self->phase == TORC__TLS_SHAKING || self->phase == TORC__TLS_OPEN;
}

/* -- the end ------------------------------------------------------------------------------- */

static bool close_below(torc__tls_session *self, bool reset)
{
    torc_io *below = self->filter.below;

    self->phase = TORC__TLS_CLOSED;
    torc__cancel_task(&self->task);
    torc_timer_cancel(&self->patience);
    torc_scope_remove(&self->lingering);
    torc__output_clear(&self->output, self->reactor);
    return below->kind->close(below, reset);
}

/* From the turn, after close() has said that `closed` will tell. */
static void finish_closing(torc__tls_session *self, bool reset)
{
    torc_io *io = &self->filter.io;

    if (close_below(self, reset))
        io->events->closed(io);
}

static void lose_patience(void *session)
{
    finish_closing(session, true);
}

static void end_lingering(torc_scoped *scoped)
{
    finish_closing(TORC_CONTAINER_OF(scoped, torc__tls_session, lingering), true);
}

static bool session_close(torc_io *io, bool reset)
{
    torc__tls_session *self = self_of(io);
    torc_io *below = self->filter.below;

    if (self->phase == TORC__TLS_OPEN && !reset)
        reset = torc__tls_say_goodbye(self) != 0;
    if (reset || torc__tls_flush(self) != 0 || self->output.size == 0)
        return close_below(self, reset);
    /* Nobody is there any more to wait, and the peer must not take what it has for the whole. */
    if (torc_scope_has_ended(torc_root(self->reactor)))
        return close_below(self, true);
    self->phase = TORC__TLS_CLOSING;
    torc__cancel_task(&self->task);
    below->kind->receive(below, false);
    torc_timer_set(&self->patience, torc_root(self->reactor), PATIENCE, lose_patience, self);
    torc_scope_add(torc_root(self->reactor), &self->lingering, end_lingering);
    return false;
}

static void fire_started(torc__tls_session *self, torc_result result)
{
    torc_deferred *started = self->started;

    self->started = NULL;
    if (started != NULL)
        torc_fire(started, result);
    else
        torc_result_release(result);
}

/* The connection ends, or does not begin, for this reason; it is taken over. */
static void fail(torc__tls_session *self, torc_failure *reason, int error)
{
    torc_io *io = &self->filter.io;
    bool begun = self->in_middle || self->phase == TORC__TLS_OPEN;

    (void)torc__tls_flush(self); /* the alert that tells the peer */
    self->phase = TORC__TLS_FAILED;
    self->end_told = true;
    torc_timer_cancel(&self->patience);
    torc__filter_explain(&self->filter, torc_failure_hold(reason));
    fire_started(self, torc_fail(torc_failure_hold(reason)));
    torc_failure_release(reason);
    if (self->phase != TORC__TLS_FAILED)
        return;
    if (begun)
        io->events->received(io, torc_slice_make(NULL, 0), error);
    else
        io->events->connected(io, error);
}

/* -- the handshake ------------------------------------------------------------------------- */

static void out_of_memory(torc__tls_session *self)
{
    ERR_clear_error();
    fail(self, torc_failure_new(&torc_error_out_of_memory, "out of memory: TLS cannot go on"),
        ENOMEM);
}

static void open_up(torc__tls_session *self)
{
    torc_io *io = &self->filter.io;
    torc_io *below = self->filter.below;

    self->phase = TORC__TLS_OPEN;
    if (!self->in_middle) {
        io->events->connected(io, 0);
        return;
    }
    torc_timer_cancel(&self->patience);
    if (self->finish_wanted && torc__tls_say_goodbye(self) != 0) {
        out_of_memory(self);
        return;
    }
    if (!self->receives)
        below->kind->receive(below, false);
    fire_started(self, torc_nothing());
    if (self->phase == TORC__TLS_OPEN && self->blocked) {
        self->blocked = false;
        io->events->sent(io, 0, 0);
    }
}

static void lose_patience_shaking(void *session)
{
    torc__tls_session *self = session;

    fail(self, torc_failure_new(&torc_error_timeout,
        "the TLS handshake with %s was not done within %g s", torc__tls_peer(self),
        (double)torc__tls_handshake_limit(self->tls) / (double)TORC_SECOND), ETIMEDOUT);
}

/* What is below has ended by an error. */
static void cut_off_shaking(torc__tls_session *self, int error)
{
    torc_failure *cause = torc__connection_failure(error);

    fail(self, torc_failure_because(torc_failure_new(torc_failure_type_of(cause),
        "the TLS handshake with %s failed: %s", torc__tls_peer(self), torc_failure_text(cause)),
        cause), error);
}

/* A peer that takes nothing more may have said all that it had to say, so that is received first. */
static int flush_if_taken(torc__tls_session *self)
{
    int error = torc__tls_flush(self);

    return error == EPIPE || error == ECONNRESET ? 0 : error;
}

static void shaking_failed(torc__tls_session *self)
{
    if (self->out_of_memory) {
        out_of_memory(self);
    } else if (self->below_error != 0) {
        ERR_clear_error();
        cut_off_shaking(self, self->below_error);
    } else {
        fail(self, torc__tls_session_failure(self), EPROTO);
    }
}

static void shake(torc__tls_session *self)
{
    int outcome;
    int error;

    ERR_clear_error();
    outcome = SSL_do_handshake(self->ssl);
    if (outcome != 1 && (self->out_of_memory || self->below_ended
            || SSL_get_error(self->ssl, outcome) != SSL_ERROR_WANT_READ)) {
        shaking_failed(self);
        return;
    }
    error = flush_if_taken(self);
    if (error != 0)
        cut_off_shaking(self, error);
    else if (outcome == 1)
        open_up(self);
}

/* -- receiving ----------------------------------------------------------------------------- */

static void tell_end(torc__tls_session *self)
{
    torc_io *io = &self->filter.io;

    self->end_told = true;
    self->receives = false;
    io->events->received(io, torc_slice_make(NULL, 0), 0);
}

/* SSL_read gave nothing, and not because more must come. */
static void reading_failed(torc__tls_session *self, int reason)
{
    if (reason == SSL_ERROR_ZERO_RETURN) {
        tell_end(self);
        return;
    }
    if (self->out_of_memory)
        out_of_memory(self);
    else if (self->below_error != 0)
        fail(self, torc__connection_failure(self->below_error), self->below_error);
    else if (self->below_ended)
        fail(self, torc_failure_new(&torc_error_connection_lost, "the connection was cut off: it "
            "ended without close_notify, so what came may not be all"), ECONNRESET);
    else
        fail(self, torc__tls_broken(), EPROTO);
    ERR_clear_error();
}

static void read_plain(torc__tls_session *self)
{
    torc_io *io = &self->filter.io;
    char plain[TORC__TLS_RECORD_MAX];
    size_t length;

    while (self->phase == TORC__TLS_OPEN && self->receives && !self->end_told) {
        int outcome;
        int reason;

        ERR_clear_error();
        outcome = SSL_read_ex(self->ssl, plain, sizeof plain, &length);
        if (outcome == 1) {
            io->events->received(io, torc_slice_make(plain, length), 0);
            continue;
        }
        reason = SSL_get_error(self->ssl, outcome);
        if (reason != SSL_ERROR_WANT_READ || self->below_ended)
            reading_failed(self, reason);
        return;
    }
}

/* Puts `rest` behind what is kept. False when memory is out. */
static bool keep(torc__tls_session *self, torc_slice rest)
{
    torc_slice first = self->kept != NULL ? self->input : torc_slice_make(NULL, 0);
    torc_buffer *both = torc_buffer_new(first.length + rest.length);

    if (both == NULL)
        return false;
    if (first.length > 0)
        memcpy(torc_buffer_bytes(both), first.data, first.length);
    memcpy(torc_buffer_bytes(both) + first.length, rest.data, rest.length);
    torc_buffer_release(self->kept);
    self->kept = both;
    self->input = torc_buffer_slice(both);
    return true;
}

/* What was not read waits until the transport above wants to receive again. */
static void keep_input(torc__tls_session *self)
{
    torc_slice rest = self->input;

    if (rest.length > 0 && is_alive(self)) {
        if (self->kept != NULL || keep(self, rest))
            return;
        self->input = torc_slice_make(NULL, 0);
        out_of_memory(self);
        return;
    }
    self->input = torc_slice_make(NULL, 0);
    torc_buffer_release(self->kept);
    self->kept = NULL;
}

/* As far as it goes with the input there is. */
static void advance(torc__tls_session *self)
{
    if (self->phase == TORC__TLS_SHAKING)
        shake(self);
    read_plain(self);
    /* Reading may have made something to be sent: an alert, an answer to a change of keys. */
    if (is_alive(self) && self->output.size > 0)
        (void)torc__tls_flush(self);
    if (is_alive(self) && self->owed > OWED_MAX)
        fail(self, torc_failure_new(&torc_error_limit,
            "the peer asks for answers of TLS and does not take them"), EPROTO);
    keep_input(self);
}

static void run_task(torc__task *task)
{
    torc__tls_session *self = TORC_CONTAINER_OF(task, torc__tls_session, task);

    if (is_alive(self))
        advance(self);
}

static void below_received(torc_io *below, torc_slice data, int error)
{
    torc__tls_session *self = (torc__tls_session *)(void *)torc__filter_of(below);

    if (!is_alive(self))
        return;
    if (data.length == 0) {
        self->below_ended = true;
        self->below_error = error;
    } else if (self->kept == NULL) {
        self->input = data;
    } else if (!keep(self, data)) {
        out_of_memory(self);
        return;
    }
    advance(self);
}

static void session_receive(torc_io *io, bool on)
{
    torc__tls_session *self = self_of(io);
    torc_io *below = self->filter.below;

    self->receives = on && !self->end_told;
    if (!is_alive(self))
        return;
    if (self->receives && (self->input.length > 0 || self->below_ended || SSL_pending(self->ssl) > 0))
        torc__queue_task(self->reactor, &self->task);
    if (!self->below_ended)
        below->kind->receive(below, on || self->phase == TORC__TLS_SHAKING);
}

/* -- sending ------------------------------------------------------------------------------- */

static void below_sent(torc_io *below, size_t count, int error)
{
    torc__tls_session *self = (torc__tls_session *)(void *)torc__filter_of(below);
    torc_io *io = &self->filter.io;

    self->send_pending = false;
    torc__output_consume(&self->output, self->reactor, count);
    if (error != 0)
        torc__output_clear(&self->output, self->reactor);
    else
        error = torc__tls_flush(self);
    if (self->phase == TORC__TLS_CLOSING && self->output.size == 0) {
        finish_closing(self, error != 0);
        return;
    }
    if (!is_alive(self) || (!self->blocked && error == 0))
        return;
    if (error == EPIPE && self->phase == TORC__TLS_SHAKING)
        return;
    if (error != 0 && self->phase == TORC__TLS_SHAKING) {
        cut_off_shaking(self, error);
    } else if (self->phase == TORC__TLS_OPEN
        && (error != 0 || self->output.size < TORC__TLS_OUTPUT_MAX)) {
        self->blocked = false;
        io->events->sent(io, 0, error);
    }
}

static ssize_t session_send_file(torc_io *io, int file, int64_t offset, size_t length)
{
    (void)io;
    (void)file;
    (void)offset;
    (void)length;
    return -ENOSYS;
}

/* Our half ends by close_notify; what is below stays open, for the peer's last words. */
static int session_finish(torc_io *io)
{
    torc__tls_session *self = self_of(io);
    int error;

    if (self->phase == TORC__TLS_SHAKING)
        self->finish_wanted = true;
    if (self->phase != TORC__TLS_OPEN)
        return 0;
    error = torc__tls_say_goodbye(self);
    return error != 0 ? -error : -torc__tls_flush(self);
}

static const torc_io_class session_class = {
    .name = "TLS",
    .send = torc__tls_send,
    .send_file = session_send_file,
    .receive = session_receive,
    .finish = session_finish,
    .close = session_close,
    .local_address = torc__filter_local_address,
    .peer_address = torc__filter_peer_address,
    .set_option = torc__filter_set_option,
};

static const torc_io_events session_events = {
    .received = below_received,
    .sent = below_sent,
    .closed = torc__filter_closed,
};

/* -- beginning ----------------------------------------------------------------------------- */

static void release(torc__filter *filter)
{
    torc__tls_session *self = (torc__tls_session *)(void *)filter;

    torc__cancel_task(&self->task);
    torc__output_clear(&self->output, self->reactor);
    torc_buffer_release(self->kept);
    SSL_free(self->ssl);
    torc__free(self->name);
    torc_tls_release(self->tls);
    torc__free(self);
}

static torc__tls_session *session_new(torc_tls *tls, torc_reactor *reactor, const char *name)
{
    torc__tls_session *self = torc__allocate_zeroed(sizeof *self);
    size_t length = name != NULL ? strlen(name) : 0;
    BIO *bio;

    if (self == NULL)
        return NULL;
    self->tls = torc_tls_hold(tls);
    self->reactor = reactor;
    self->task.run = run_task;
    self->filter.release = release;
    self->phase = TORC__TLS_SHAKING;
    self->name = name != NULL ? torc__allocate(length + 1) : NULL;
    if (self->name != NULL) {
        memcpy(self->name, name, length + 1);
        /* A name from the root of all is sent and certified without its last dot (RFC 6066 3). */
        if (length > 1 && name[length - 1] == '.')
            self->name[length - 1] = '\0';
    }
    bio = torc__tls_bio_new(self);
    self->ssl = bio != NULL && (name == NULL || self->name != NULL)
        ? torc__tls_session_new(tls, self->name) : NULL;
    if (self->ssl == NULL) {
        BIO_free(bio);
        release(&self->filter);
        return NULL;
    }
    SSL_set_bio(self->ssl, bio, bio);
    if (SSL_set_app_data(self->ssl, self) != 1) {
        release(&self->filter);
        return NULL;
    }
    return self;
}

int torc__tls_session_insert(
    torc_tls *tls, torc_transport *transport, const char *name, bool in_middle)
{
    torc_io *below = transport->top;
    torc__tls_session *self;

    if (name != NULL && !torc__tls_is_name(torc_slice_of(name)))
        return EINVAL;
    self = session_new(tls, transport->scope.reactor, name);
    if (self == NULL)
        return ENOMEM;
    self->in_middle = in_middle;
    if (in_middle) {
        self->receives = (transport->flags & TORC__RECEIVING) != 0;
        self->send_pending = (transport->flags & TORC__SEND_PENDING) != 0;
        self->below_ended = (transport->flags & TORC__READ_ENDED) != 0;
        self->output = transport->output;
        memset(&transport->output, 0, sizeof transport->output);
        transport->flags &= ~(uint32_t)TORC__SEND_PENDING;
    }
    torc__filter_insert(&self->filter, transport, &session_class, &session_events);
    if (in_middle)
        torc_timer_set(&self->patience, &transport->scope, torc__tls_handshake_limit(tls),
            lose_patience_shaking, self);
    if (!self->below_ended)
        below->kind->receive(below, true);
    torc__queue_task(self->reactor, &self->task);
    return 0;
}

torc__tls_session *torc__tls_session_of(const torc_transport *transport)
{
    torc_io *io = transport->top;

    while (io != &transport->io) {
        if (io->kind == &session_class)
            return self_of(io);
        io = TORC_CONTAINER_OF(io, torc__filter, io)->below;
    }
    return NULL;
}
