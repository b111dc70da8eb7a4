/*
 * session: TLS as a filter (transport/filter.h): plain bytes above, records below.
 *
 * OpenSSL reads from `input`, which is what the event from below has brought, and writes to
 * `output`, a queue of pooled chunks that leaves in one call below. Nothing else is copied or kept,
 * except input that came while the transport above did not want to receive (`kept`).
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
    torc_slice input;    /* borrowed, while an event is handled */
    torc_buffer *kept;   /* input that was not read yet */
    torc__task task;     /* tells what became due outside of an event */
    torc_scoped lingering; /* in the reactor's root scope, while CLOSING */
    torc_timer patience;
    torc_deferred *started; /* of torc_start_tls; or NULL */
    torc__tls_phase phase;
    bool receives;       /* the transport above wants to */
    bool blocked;        /* it waits for `sent` */
    bool send_pending;   /* below */
    bool below_ended;    /* nothing more comes from below */
    bool end_told;
    bool in_middle;      /* put in by torc_start_tls: the protocol runs already */
    bool finish_wanted;  /* our half is to end as soon as the handshake is done */
    int below_error;
} torc__tls_session;

/*
 * Puts TLS on the transport, which holds it from now on. 0, or ENOMEM. With `in_middle` the protocol
 * runs already; else `connected` is told of.
 */
int torc__tls_session_insert(
    torc_tls *tls, torc_transport *transport, const char *name, bool in_middle);

/* The TLS session of a transport, the topmost where there are several; NULL: none. */
torc__tls_session *torc__tls_session_of(const torc_transport *transport);

/* Why the handshake failed, from what OpenSSL has noted. failure.c */
torc_failure *torc__tls_session_failure(const torc__tls_session *session);

/* The peer broke the rules of TLS, as OpenSSL has noted. failure.c */
torc_failure *torc__tls_broken(void);

/* bio.c: OpenSSL's way to a session's input and output. NULL when memory is out. */
BIO *torc__tls_bio_new(torc__tls_session *session);

#endif /* TORC_TLS_SESSION_H */
