/*
 * resume: sessions that a client goes on with instead of a full handshake (RFC 8446 2.2, RFC 5077).
 *
 * Kept by the name of the server, with the configuration: so a session that was checked by one
 * configuration is never used by another. A ticket of TLS 1.3 is used once, so that nobody can tell
 * by it that two connections are of the same client (RFC 8446 C.4).
 */
#ifndef TORC_TLS_RESUME_H
#define TORC_TLS_RESUME_H

#include "base/list.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* In all, and of one name. */
enum { TORC__TLS_SESSIONS_MAX = 256, TORC__TLS_SESSIONS_OF_A_NAME_MAX = 4 };

typedef struct torc__tls_sessions {
    pthread_mutex_t lock; /* shared configurations are used in several threads */
    torc__list kept;      /* the oldest first */
    size_t count;
} torc__tls_sessions;

void torc__tls_sessions_init(torc__tls_sessions *sessions);

/* Forgets all. */
void torc__tls_sessions_clear(torc__tls_sessions *sessions);
void torc__tls_sessions_destroy(torc__tls_sessions *sessions);

/* Takes over `session`, if it can be kept. */
bool torc__tls_sessions_add(
    torc__tls_sessions *sessions, const char *name, SSL_SESSION *session);

/* One to go on with, for the caller to free; NULL: there is none. */
SSL_SESSION *torc__tls_sessions_take(torc__tls_sessions *sessions, const char *name);

#endif /* TORC_TLS_RESUME_H */
