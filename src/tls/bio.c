/*
 * How OpenSSL gets at a session's bytes: reading takes them out of the input of the moment, writing
 * appends to the output queue. Both never block and never fail but for want of memory.
 */
#include "tls/session.h"

#include <openssl/bio.h>
#include <pthread.h>

enum { PIECE_MAX = TORC__CHUNK_SIZE - 96 };

static BIO_METHOD *method;
static pthread_once_t made = PTHREAD_ONCE_INIT;

static int bio_read(BIO *bio, char *data, size_t size, size_t *ret_read)
{
    torc__tls_session *session = BIO_get_data(bio);
    torc_slice piece = torc_slice_first(session->input, size);

    BIO_clear_retry_flags(bio);
    *ret_read = piece.length;
    if (piece.length == 0) {
        if (!session->below_ended)
            BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(data, piece.data, piece.length);
    session->input = torc_slice_skip(session->input, piece.length);
    return 1;
}

/* In pieces that fit into pooled chunks, so that nothing is allocated for a record. */
static int bio_write(BIO *bio, const char *data, size_t size, size_t *ret_written)
{
    torc__tls_session *session = BIO_get_data(bio);
    torc_slice rest = torc_slice_make(data, size);

    BIO_clear_retry_flags(bio);
    while (rest.length > 0) {
        torc_slice piece = torc_slice_first(rest, PIECE_MAX);

        if (!torc__output_copy(&session->output, session->reactor, piece))
            break; /* out of memory */
        rest = torc_slice_skip(rest, piece.length);
    }
    session->out_of_memory = session->out_of_memory || rest.length > 0;
    session->owed += session->encrypting ? 0 : size;
    *ret_written = size - rest.length;
    return *ret_written > 0;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    torc__tls_session *session = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return session->below_ended && session->input.length == 0;
    default:
        return 0;
    }
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "Torc session");
    if (method == NULL)
        return;
    BIO_meth_set_read_ex(method, bio_read);
    BIO_meth_set_write_ex(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
    BIO_meth_set_create(method, bio_create);
}

BIO *torc__tls_bio_new(torc__tls_session *session)
{
    BIO *bio;

    (void)pthread_once(&made, make_method);
    bio = method != NULL ? BIO_new(method) : NULL;
    if (bio != NULL)
        BIO_set_data(bio, session);
    return bio;
}
