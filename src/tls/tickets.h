/*
 * tickets: the keys that session tickets are sealed with (RFC 5077 4, RFC 8446 4.6.1). A new key is
 * made each hour and seals for that hour; it opens for two more, and is then forgotten, so that what
 * was recorded earlier stays secret though the machine be taken. All servers of the process share
 * the keys.
 */
#ifndef TORC_TLS_TICKETS_H
#define TORC_TLS_TICKETS_H

#include <torc/time.h>

#include <openssl/ssl.h>

void torc__tls_tickets_use(SSL_CTX *context);

/* The clock that keys age by; NULL: the system's. All keys are forgotten. For tests. */
void torc__tls_tickets_set_clock(torc_time (*now)(void));

#endif /* TORC_TLS_TICKETS_H */
