/*
 * names: a server's certificates by the names that they are for, so that what a client asks for by
 * SNI (RFC 6066 3) chooses among them.
 */
#ifndef TORC_TLS_NAMES_H
#define TORC_TLS_NAMES_H

#include "tls/context.h"

/* Of certificates in a directory, and of names in all. */
#define TORC__TLS_CERTIFICATES_MAX 4096
#define TORC__TLS_NAMES_MAX        65536

typedef struct torc__tls_names torc__tls_names;

/*
 * Reads each *.pem of tls->options.certificates, in the order of their names, into tls->names, and
 * has tls->context choose among them. Where there is no other certificate, the first one is for who
 * asks for none of the names.
 */
torc_failure *torc__tls_names_open(torc_tls *tls);

void torc__tls_names_free(torc__tls_names *names);

/* Has `context` show the certificate. context.c */
torc_failure *torc__tls_use_certificate(SSL_CTX *context, const char *certificate, const char *key);

#endif /* TORC_TLS_NAMES_H */
