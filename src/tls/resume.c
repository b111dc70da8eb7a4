/*
 * The list of kept sessions. It is short, so it is walked.
 */
#include "tls/resume.h"

#include "base/memory.h"

#include <string.h>
#include <strings.h>
#include <time.h>

typedef struct kept {
    torc__list link; /* first */
    SSL_SESSION *session;
    char name[];
} kept;

static kept *kept_of(torc__list *link)
{
    return TORC_CONTAINER_OF(link, kept, link);
}

void torc__tls_sessions_init(torc__tls_sessions *sessions)
{
    (void)pthread_mutex_init(&sessions->lock, NULL);
    torc__list_init(&sessions->kept);
    sessions->count = 0;
}

static void drop(torc__tls_sessions *sessions, kept *one)
{
    torc__list_remove(&one->link);
    sessions->count--;
    SSL_SESSION_free(one->session);
    torc__free(one);
}

void torc__tls_sessions_clear(torc__tls_sessions *sessions)
{
    pthread_mutex_lock(&sessions->lock);
    while (!torc__list_is_empty(&sessions->kept))
        drop(sessions, kept_of(sessions->kept.next));
    pthread_mutex_unlock(&sessions->lock);
}

void torc__tls_sessions_destroy(torc__tls_sessions *sessions)
{
    torc__tls_sessions_clear(sessions);
    (void)pthread_mutex_destroy(&sessions->lock);
}

/* The oldest of the name goes where there are too many of it, else the oldest of all. */
static void make_room(torc__tls_sessions *sessions, const char *name)
{
    kept *oldest = NULL;
    unsigned count = 0;

    for (torc__list *at = sessions->kept.next; at != &sessions->kept; at = at->next) {
        if (strcasecmp(kept_of(at)->name, name) != 0)
            continue;
        oldest = oldest != NULL ? oldest : kept_of(at);
        count++;
    }
    if (count >= TORC__TLS_SESSIONS_OF_A_NAME_MAX)
        drop(sessions, oldest);
    else if (sessions->count >= TORC__TLS_SESSIONS_MAX)
        drop(sessions, kept_of(sessions->kept.next));
}

bool torc__tls_sessions_add(torc__tls_sessions *sessions, const char *name, SSL_SESSION *session)
{
    size_t size = strlen(name) + 1;
    kept *one = torc__allocate(sizeof *one + size);

    if (one == NULL)
        return false;
    one->session = session;
    memcpy(one->name, name, size);
    pthread_mutex_lock(&sessions->lock);
    make_room(sessions, name);
    torc__list_append(&sessions->kept, &one->link);
    sessions->count++;
    pthread_mutex_unlock(&sessions->lock);
    return true;
}

static bool is_good(const SSL_SESSION *session)
{
    time_t ends = (time_t)(SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session));

    return SSL_SESSION_is_resumable(session) == 1 && ends > time(NULL);
}

/* The newest of the name; what is found too old on the way goes. */
static kept *find(torc__tls_sessions *sessions, const char *name)
{
    torc__list *at = sessions->kept.previous;

    while (at != &sessions->kept) {
        kept *one = kept_of(at);

        at = at->previous;
        if (strcasecmp(one->name, name) != 0)
            continue;
        if (is_good(one->session))
            return one;
        drop(sessions, one);
    }
    return NULL;
}

SSL_SESSION *torc__tls_sessions_take(torc__tls_sessions *sessions, const char *name)
{
    SSL_SESSION *session = NULL;
    kept *found;

    pthread_mutex_lock(&sessions->lock);
    found = find(sessions, name);
    if (found != NULL) {
        session = found->session;
        (void)SSL_SESSION_up_ref(session);
        if (SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION)
            drop(sessions, found);
    }
    pthread_mutex_unlock(&sessions->lock);
    return session;
}
