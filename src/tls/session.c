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

/* The plain bytes of a record at most (RFC 8446 5.1). */
enum { RECORD_MAX = 16384 };

/* Records that wait to be sent before no more is taken from above; and pieces in one call below. */
#define OUTPUT_MAX ((size_t)64 * 1024)
enum { PIECES_MAX = 64 };

/* How long a peer that takes nothing keeps the last records, and close_notify, from being sent. */
#define PATIENCE (10 * TORC_SECOND)

static torc__tls_session *self_of(torc_io *io)
{
    return TORC_CONTAINER_OF(io, torc__tls_session, filter.io);
}

static bool is_alive(const torc__tls_session *self)
{
    return self->phase == TORC__TLS_SHAKING || self->phase == TORC__TLS_OPEN;
}

/* -- sending below ------------------------------------------------------------------------- */

/* As an io's send, of what stands first in the output. */
static ssize_t send_below(torc__tls_session *self)
{
    torc_io *below = self->filter.below;
    struct iovec pieces[PIECES_MAX];
    torc__file_piece file;
    bool more;
    int count;

    /* A file that was written in clear, before TLS came between. */
    if (torc__output_first_file(&self->output, &file)) {
        int error = torc__output_load_file(&self->output, self->reactor);

        if (error != 0)
            return error;
    }
    count = torc__output_gather(&self->output, pieces, PIECES_MAX, &more);
    return below->kind->send(below, pieces, count, more);
}

/* 0, or an errno: then nothing can be sent any more. */
static int flush(torc__tls_session *self)
{
    while (self->output.size > 0 && !self->send_pending) {
        ssize_t sent = send_below(self);

        if (sent < 0) {
            torc__output_clear(&self->output, self->reactor);
            return (int)-sent;
        }
        if (sent == 0)
            self->send_pending = true;
        else
            torc__output_consume(&self->output, self->reactor, (size_t)sent);
    }
    return 0;
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

    if (self->phase == TORC__TLS_OPEN && !reset) {
        ERR_clear_error();
        (void)SSL_shutdown(self->ssl);
    }
    if (reset || flush(self) != 0 || self->output.size == 0)
        return close_below(self, reset);
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

    (void)flush(self); /* the alert that tells the peer */
    self->phase = TORC__TLS_FAILED;
    self->end_told = true;
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

static void open_up(torc__tls_session *self)
{
    torc_io *io = &self->filter.io;
    torc_io *below = self->filter.below;

    self->phase = TORC__TLS_OPEN;
    if (!self->in_middle) {
        io->events->connected(io, 0);
        return;
    }
    if (self->finish_wanted)
        (void)SSL_shutdown(self->ssl);
    if (!self->receives)
        below->kind->receive(below, false);
    fire_started(self, torc_nothing());
    if (self->phase == TORC__TLS_OPEN && self->blocked) {
        self->blocked = false;
        io->events->sent(io, 0, 0);
    }
}

static void shake(torc__tls_session *self)
{
    int outcome;
    int error;

    ERR_clear_error();
    outcome = SSL_do_handshake(self->ssl);
    if (outcome == 1) {
        error = flush(self);
        if (error == 0)
            open_up(self);
        else
            fail(self, torc__connection_failure(error), error);
        return;
    }
    if (SSL_get_error(self->ssl, outcome) == SSL_ERROR_WANT_READ && !self->below_ended) {
        error = flush(self);
        if (error != 0)
            fail(self, torc__connection_failure(error), error);
    } else if (self->below_error != 0) {
        ERR_clear_error();
        fail(self, torc__connection_failure(self->below_error), self->below_error);
    } else {
        fail(self, torc__tls_session_failure(self), EPROTO);
    }
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
    if (self->below_error != 0)
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
    char plain[RECORD_MAX];
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

/* What was not read waits until the transport above wants to receive again. */
static void keep_input(torc__tls_session *self)
{
    torc_slice rest = self->input;
    torc_buffer *kept = self->kept;

    self->input = torc_slice_make(NULL, 0);
    self->kept = NULL;
    if (rest.length > 0 && is_alive(self)) {
        self->kept = torc_buffer_copy(rest);
        if (self->kept == NULL)
            fail(self, torc_failure_new(&torc_error_out_of_memory,
                "out of memory: received bytes cannot be kept"), ENOMEM);
    }
    torc_buffer_release(kept);
}

/* As far as it goes with the input there is. */
static void advance(torc__tls_session *self)
{
    if (self->phase == TORC__TLS_SHAKING)
        shake(self);
    read_plain(self);
    /* Reading may have made something to be sent: an alert, an answer to a change of keys. */
    if (is_alive(self) && self->output.size > 0)
        (void)flush(self);
    keep_input(self);
}

static void run_task(torc__task *task)
{
    torc__tls_session *self = TORC_CONTAINER_OF(task, torc__tls_session, task);

    if (!is_alive(self))
        return;
    if (self->kept != NULL)
        self->input = torc_buffer_slice(self->kept);
    advance(self);
}

static void below_received(torc_io *below, torc_slice data, int error)
{
    torc__tls_session *self = (torc__tls_session *)(void *)torc__filter_of(below);
    torc_buffer *both;

    if (!is_alive(self))
        return;
    if (data.length == 0) {
        self->below_ended = true;
        self->below_error = error;
    }
    self->input = data;
    if (self->kept != NULL) {
        torc_slice first = torc_buffer_slice(self->kept);

        both = torc_buffer_new(first.length + data.length);
        if (both == NULL) {
            fail(self, torc_failure_new(&torc_error_out_of_memory,
                "out of memory: received bytes cannot be kept"), ENOMEM);
            return;
        }
        memcpy(torc_buffer_bytes(both), first.data, first.length);
        if (data.length > 0)
            memcpy(torc_buffer_bytes(both) + first.length, data.data, data.length);
        torc_buffer_release(self->kept);
        self->kept = both;
        self->input = torc_buffer_slice(both);
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
    if (self->receives && (self->kept != NULL || self->below_ended || SSL_pending(self->ssl) > 0))
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
        error = flush(self);
    if (self->phase == TORC__TLS_CLOSING && self->output.size == 0) {
        finish_closing(self, error != 0);
        return;
    }
    if (!is_alive(self) || (!self->blocked && error == 0))
        return;
    if (error != 0 && self->phase == TORC__TLS_SHAKING) {
        fail(self, torc__connection_failure(error), error);
    } else if (self->phase == TORC__TLS_OPEN && (error != 0 || self->output.size < OUTPUT_MAX)) {
        self->blocked = false;
        io->events->sent(io, 0, error);
    }
}

/* The next bytes for one record: where they stand, or put together in `room`. */
static torc_slice next_record(
    const struct iovec **pieces, int *count, size_t *skipped, char room[RECORD_MAX])
{
    size_t length = 0;

    while (*count > 0) {
        torc_slice piece = torc_slice_skip(
            torc_slice_make((*pieces)->iov_base, (*pieces)->iov_len), *skipped);
        bool whole = piece.length <= RECORD_MAX - length;

        piece = torc_slice_first(piece, RECORD_MAX - length);
        *skipped = whole ? 0 : *skipped + piece.length;
        *count -= whole;
        *pieces += whole;
        if (length == 0 && (piece.length == RECORD_MAX || *count == 0))
            return piece;
        memcpy(room + length, piece.data, piece.length);
        length += piece.length;
        if (length == RECORD_MAX)
            break;
    }
    return torc_slice_make(room, length);
}

/* Small writes are merged into full records: each has a cost of its own, here and over the wire. */
static ssize_t encrypt(torc__tls_session *self, const struct iovec *pieces, int count)
{
    char room[RECORD_MAX];
    size_t skipped = 0;
    size_t taken = 0;

    while (count > 0 && self->output.size < OUTPUT_MAX) {
        torc_slice record = next_record(&pieces, &count, &skipped, room);
        size_t written;

        if (record.length == 0)
            continue;
        ERR_clear_error();
        if (SSL_write_ex(self->ssl, record.data, record.length, &written) != 1) {
            ERR_clear_error();
            return taken > 0 ? (ssize_t)taken : -EPIPE;
        }
        taken += record.length;
    }
    return (ssize_t)taken;
}

static ssize_t session_send(torc_io *io, const struct iovec *pieces, int count, bool more)
{
    torc__tls_session *self = self_of(io);
    ssize_t taken;
    int error;

    (void)more;
    if (self->phase != TORC__TLS_OPEN && self->phase != TORC__TLS_SHAKING)
        return -EPIPE;
    if (self->phase == TORC__TLS_SHAKING || self->output.size >= OUTPUT_MAX) {
        self->blocked = true;
        return 0;
    }
    taken = encrypt(self, pieces, count);
    error = flush(self);
    return error != 0 ? -error : taken;
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

    if (self->phase == TORC__TLS_SHAKING)
        self->finish_wanted = true;
    if (self->phase != TORC__TLS_OPEN)
        return 0;
    ERR_clear_error();
    (void)SSL_shutdown(self->ssl);
    return -flush(self);
}

static const torc_io_class session_class = {
    .name = "TLS",
    .send = session_send,
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
    BIO *bio;

    if (self == NULL)
        return NULL;
    self->tls = torc_tls_hold(tls);
    self->reactor = reactor;
    self->task.run = run_task;
    self->filter.release = release;
    self->phase = TORC__TLS_SHAKING;
    self->name = name != NULL ? torc__allocate(strlen(name) + 1) : NULL;
    if (self->name != NULL)
        memcpy(self->name, name, strlen(name) + 1);
    bio = torc__tls_bio_new(self);
    self->ssl = bio != NULL && (name == NULL || self->name != NULL)
        ? torc__tls_session_new(tls, name) : NULL;
    if (self->ssl == NULL) {
        BIO_free(bio);
        release(&self->filter);
        return NULL;
    }
    SSL_set_bio(self->ssl, bio, bio);
    SSL_set_app_data(self->ssl, self);
    return self;
}

int torc__tls_session_insert(
    torc_tls *tls, torc_transport *transport, const char *name, bool in_middle)
{
    torc__tls_session *self = session_new(tls, transport->scope.reactor, name);
    torc_io *below = transport->top;

    if (self == NULL)
        return ENOMEM;
    self->in_middle = in_middle;
    if (in_middle) {
        self->receives = (transport->flags & TORC__RECEIVING) != 0;
        self->send_pending = (transport->flags & TORC__SEND_PENDING) != 0;
        self->output = transport->output;
        memset(&transport->output, 0, sizeof transport->output);
        transport->flags &= ~(uint32_t)TORC__SEND_PENDING;
    }
    torc__filter_insert(&self->filter, transport, &session_class, &session_events);
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
