/*
 * tls_carrier: TLS under the harness's connections, where the build has it. Without OpenSSL nothing
 * here is called: there are no such carriers then.
 */
#ifndef TORC_TESTS_SUPPORT_TLS_CARRIER_H
#define TORC_TESTS_SUPPORT_TLS_CARRIER_H

#include "support/transport_harness.h"

#ifdef TORC_TESTS_HAVE_TLS
# define HAVE_TLS true
#else
# define HAVE_TLS false
#endif

/* Writes a certificate for 127.0.0.1 into the world's directory; and takes it away. */
void open_tls(world *w);
void close_tls(world *w);

/* For the description of a port, and of what connects to it. */
void write_tls_listening(const world *w, char *text, size_t size);
void write_tls_connecting(const world *w, unsigned port, char *text, size_t size);

/* Starts TLS on a connection of the memory carrier, which has no endpoints. */
void start_tls(side *of, void *protocol);

/* The handshake is done, or the connection is over. */
bool tls_is_open(const record *self);

#endif /* TORC_TESTS_SUPPORT_TLS_CARRIER_H */
