/*
 * context: what a configuration holds: OpenSSL's context, and the options to make it anew from.
 */
#ifndef TORC_TLS_CONTEXT_H
#define TORC_TLS_CONTEXT_H

#include <torc/tls.h>

#include "tls/resume.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

#define TORC__TLS_PIN_SIZE 32 /* SHA-256 */

struct torc_tls {
    atomic_size_t holders;
    bool is_server;
    bool is_self_signed;
    bool is_shared;           /* by endpoints of several threads: never changed in place */
    unsigned generation;      /* of what was read from files: see torc__tls_generation */
    torc_tls_options options; /* its strings are our own */
    SSL_CTX *context;
    struct torc__tls_names *names; /* further certificates, by name; or NULL */
    unsigned char *alpn;   /* as it goes over the wire */
    unsigned alpn_length;
    torc_buffer *ocsp;     /* the response to staple; or NULL */
    torc__tls_sessions sessions; /* of clients, to go on with */
    bool has_pin;
    unsigned char pin[TORC__TLS_PIN_SIZE];
};

/* A new SSL of the configuration, for `name` where it is a client. NULL when memory is out. */
SSL *torc__tls_session_new(torc_tls *tls, const char *name);

/* Counts the calls of torc_tls_reload_all. tls.c */
unsigned torc__tls_generation(void);

/* Has keys that were given beforehand be used. psk.c */
void torc__tls_psk_use(torc_tls *tls);

/* Fills in tls->context and what belongs to it from the options. NULL, or a failure. context.c */
torc_failure *torc__tls_context_open(torc_tls *tls);

/* Has `context` show a certificate for `name` that is made and signed here. self_signed.c */
torc_failure *torc__tls_sign_itself(SSL_CTX *context, const char *name);

/* How long a handshake in mid-stream may take. */
torc_time torc__tls_handshake_limit(const torc_tls *tls);

/* Why OpenSSL refused what was asked of it: the newest error it has noted, which is then gone. */
torc_failure *torc__tls_failure(const torc_failure_type *type, const char *format, ...)
    TORC_PRINTF(2, 3);

#endif /* TORC_TLS_CONTEXT_H */
