/*
 * session: TLS as a filter (transport/filter.h): plain bytes above, records below.
 *
 * OpenSSL reads from `input`, which is what the event from below has brought, and writes to
 * `output`, a queue of pooled chunks that leaves in one call below. Nothing else is copied or kept,
 * except input that came while the transport above did not want to receive: that is copied into
 * `kept`, and `input` then lies in there until it is read.
 */
#ifndef TORC_TLS_SESSION_H
#define TORC_TLS_SESSION_H

#include "tls/context.h"
#include "transport/filter.h"

typedef enum torc__tls_phase {
    TORC__TLS_SHAKING,
    TORC__TLS_OPEN,
    TORC__TLS_FAILED,   /* nothing is received or sent any more */
    TORC__TLS_CLOSING,  /* what is in `output` leaves; then it closes below */
    TORC__TLS_CLOSED,
} torc__tls_phase;

typedef struct torc__tls_session {
    torc__filter filter; /* first */
    torc_tls *tls;
    SSL *ssl;
    char *name;          /* whom a client expects; NULL: nobody in particular, or a server */
    torc_reactor *reactor;
    torc__output output;
    size_t owed;         /* what TLS itself has put in there since it was empty */
    torc_slice input;    /* not read yet: borrowed while an event is handled, else in `kept` */
    torc_buffer *kept;
    torc__task task;     /* tells what became due outside of an event */
    torc_scoped lingering; /* in the reactor's root scope, while CLOSING */
    torc_timer patience; /* of the handshake in mid-stream; then of the peer, while CLOSING */
    torc_deferred *started; /* of torc_start_tls; or NULL */
    torc__tls_phase phase;
    bool receives;       /* the transport above wants to */
    bool blocked;        /* it waits for `sent` */
    bool send_pending;   /* below */
    bool below_ended;    /* nothing more comes from below */
    bool end_told;
    bool in_middle;      /* put in by torc_start_tls: the protocol runs already */
    bool finish_wanted;  /* our half is to end as soon as the handshake is done */
    bool encrypting;     /* what is written comes from above */
    bool out_of_memory;  /* a record could not be written */
    int below_error;
} torc__tls_session;

/* What may wait to be sent before no more is taken from above. */
#define TORC__TLS_OUTPUT_MAX ((size_t)64 * 1024)

/* The plain bytes of a record at most (RFC 8446 5.1). */
enum { TORC__TLS_RECORD_MAX = 16384 };

/*
 * Puts TLS on the transport, which holds it from now on. 0, ENOMEM, or EINVAL for what is no name.
 * With `in_middle` the protocol runs already; else `connected` is told of.
 */
int torc__tls_session_insert(
    torc_tls *tls, torc_transport *transport, const char *name, bool in_middle);

/* Whether it can be the name of a host: neither empty nor longer than names are. */
static inline bool torc__tls_is_name(torc_slice name)
{
    return name.length > 0 && name.length <= 253;
}

/* The TLS session of a transport, the topmost where there are several; NULL: none. */
torc__tls_session *torc__tls_session_of(const torc_transport *transport);

/* Whom a handshake is with, for messages. */
static inline const char *torc__tls_peer(const torc__tls_session *self)
{
    return self->name != NULL ? self->name : "the peer";
}

/* Why the handshake failed, from what OpenSSL has noted. failure.c */
torc_failure *torc__tls_session_failure(const torc__tls_session *session);

/* The peer broke the rules of TLS, as OpenSSL has noted. failure.c */
torc_failure *torc__tls_broken(void);

/* Which reason OpenSSL means by its error, in words; NULL: it has noted none. failure.c */
const char *torc__tls_reason(unsigned long error);

/* What leaves by the io below, and encrypting what came from above. sending.c */

/* 0, or an errno: then nothing can be sent any more. */
int torc__tls_flush(torc__tls_session *self);

/* As an io's send. */
ssize_t torc__tls_send(torc_io *io, const struct iovec *pieces, int count, bool more);

/* Ends our half by close_notify, once. 0, or ENOMEM: it cannot be said. */
int torc__tls_say_goodbye(torc__tls_session *self);

/* bio.c: OpenSSL's way to a session's input and output. NULL when memory is out. */
BIO *torc__tls_bio_new(torc__tls_session *session);

#endif /* TORC_TLS_SESSION_H */
