/*
 * What leaves a session: bytes into records, and the output to the io below.
 *
 * Called from above as well as from an event, so nothing here tells anybody anything.
 */
#include "tls/session.h"

#include <errno.h>
#include <openssl/err.h>

/* Pieces in one call below. */
enum { PIECES_MAX = 64 };

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

int torc__tls_flush(torc__tls_session *self)
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
    if (self->output.size == 0)
        self->owed = 0;
    return 0;
}

/* A second SSL_shutdown would read, and answer what it finds there. */
int torc__tls_say_goodbye(torc__tls_session *self)
{
    int outcome = 0;

    ERR_clear_error();
    if (!(SSL_get_shutdown(self->ssl) & SSL_SENT_SHUTDOWN))
        outcome = SSL_shutdown(self->ssl);
    ERR_clear_error();
    return outcome < 0 || self->out_of_memory ? ENOMEM : 0;
}

/* The next bytes for one record: where they stand, or put together in `room`. */
static torc_slice next_record(
    const struct iovec **pieces, int *count, size_t *skipped, char room[TORC__TLS_RECORD_MAX])
{
    size_t length = 0;

    while (*count > 0) {
        torc_slice piece = torc_slice_skip(
            torc_slice_make((*pieces)->iov_base, (*pieces)->iov_len), *skipped);
        bool whole = piece.length <= TORC__TLS_RECORD_MAX - length;

        piece = torc_slice_first(piece, TORC__TLS_RECORD_MAX - length);
        *skipped = whole ? 0 : *skipped + piece.length;
        *count -= whole;
        *pieces += whole;
        if (length == 0 && (piece.length == TORC__TLS_RECORD_MAX || *count == 0))
            return piece;
        memcpy(room + length, piece.data, piece.length);
        length += piece.length;
        if (length == TORC__TLS_RECORD_MAX)
            break;
    }
    return torc_slice_make(room, length);
}

/* Small writes are merged into full records: each has a cost of its own, here and over the wire. */
static ssize_t encrypt(torc__tls_session *self, const struct iovec *pieces, int count)
{
    char room[TORC__TLS_RECORD_MAX];
    size_t skipped = 0;
    size_t taken = 0;

    while (count > 0 && self->output.size < TORC__TLS_OUTPUT_MAX) {
        torc_slice record = next_record(&pieces, &count, &skipped, room);
        size_t written;

        if (record.length == 0)
            continue;
        ERR_clear_error();
        if (SSL_write_ex(self->ssl, record.data, record.length, &written) != 1) {
            ERR_clear_error();
            /* A record that is written in part cannot be mended. */
            return self->out_of_memory ? -ENOMEM : -EPIPE;
        }
        taken += record.length;
    }
    return (ssize_t)taken;
}

ssize_t torc__tls_send(torc_io *io, const struct iovec *pieces, int count, bool more)
{
    torc__tls_session *self = TORC_CONTAINER_OF(io, torc__tls_session, filter.io);
    ssize_t taken;
    int error;

    (void)more;
    if (self->phase != TORC__TLS_OPEN && self->phase != TORC__TLS_SHAKING)
        return -EPIPE;
    if (self->phase == TORC__TLS_SHAKING || self->output.size >= TORC__TLS_OUTPUT_MAX) {
        self->blocked = true;
        return 0;
    }
    self->encrypting = true;
    taken = encrypt(self, pieces, count);
    self->encrypting = false;
    error = torc__tls_flush(self);
    return error != 0 ? -error : taken;
}
