/*
 * context: what a configuration holds: OpenSSL's context, and the options to make it anew from.
 */
#ifndef TORC_TLS_CONTEXT_H
#define TORC_TLS_CONTEXT_H

#include <torc/tls.h>

#include <openssl/ssl.h>
#include <stdatomic.h>

#define TORC__TLS_PIN_SIZE 32 /* SHA-256 */

struct torc_tls {
    atomic_size_t holders;
    bool is_server;
    bool is_self_signed;
    torc_tls_options options; /* its strings are our own */
    SSL_CTX *context;
    struct torc__tls_names *names; /* further certificates, by name; or NULL */
    unsigned char *alpn;   /* as it goes over the wire */
    unsigned alpn_length;
    torc_buffer *ocsp;     /* the response to staple; or NULL */
    bool has_pin;
    unsigned char pin[TORC__TLS_PIN_SIZE];
};

/* A new SSL of the configuration, for `name` where it is a client. NULL when memory is out. */
SSL *torc__tls_session_new(torc_tls *tls, const char *name);

/* Fills in tls->context and what belongs to it from the options. NULL, or a failure. context.c */
torc_failure *torc__tls_context_open(torc_tls *tls);

/* Has `context` show a certificate for `name` that is made and signed here. self_signed.c */
torc_failure *torc__tls_sign_itself(SSL_CTX *context, const char *name);

/* Why OpenSSL refused what was asked of it: the newest error it has noted, which is then gone. */
torc_failure *torc__tls_failure(const torc_failure_type *type, const char *format, ...)
    TORC_PRINTF(2, 3);

#endif /* TORC_TLS_CONTEXT_H */
