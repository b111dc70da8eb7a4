/*
 * Configurations that connecting endpoints share. To read all authorities of a system takes
 * milliseconds, and what was agreed upon with a server is kept with the configuration: so a
 * description that is used again finds the configuration of before, in whatever thread.
 *
 * A few are kept; one is made anew when its files have changed, when it is old, and after
 * torc_tls_reload_all.
 */
#include "tls/shared.h"

#include "base/memory.h"
#include "base/text_writer.h"

#include <torc/time.h>

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#define LIFE TORC_HOUR
enum { SHARED_MAX = 16, KEY_MAX = 4096 };

typedef struct shared {
    char *key;
    torc_tls *tls; /* held; NULL: free */
    unsigned generation;
    torc_time made;
} shared;

static shared table[SHARED_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void append_file(torc__text_writer *writer, const char *path)
{
    struct stat facts;

    if (path == NULL || stat(path, &facts) != 0)
        torc__text_append(writer, TORC_SLICE("\n"));
    else
        torc__text_printf(writer, "%s %llu %lld %lld %lld\n", path,
            (unsigned long long)facts.st_ino, (long long)facts.st_size,
            (long long)facts.st_mtim.tv_sec, (long long)facts.st_mtim.tv_nsec);
}

/* False when the options do not fit: such a configuration is not shared. */
static bool write_key(const torc_tls_options *options, char key[KEY_MAX])
{
    torc__text_writer writer;

    torc__text_writer_init(&writer, key, KEY_MAX);
    append_file(&writer, options->certificate);
    append_file(&writer, options->key);
    append_file(&writer, options->authorities);
    torc__text_printf(&writer, "%s\n%s\n%s\n%d %d", options->alpn != NULL ? options->alpn : "",
        options->pin != NULL ? options->pin : "",
        options->key_log != NULL ? options->key_log : "", options->only_tls_1_3,
        options->without_authorities);
    return torc__text_finish(&writer) < KEY_MAX;
}

static shared *find(const char *key, torc_time now)
{
    for (size_t i = 0; i < SHARED_MAX; i++)
        if (table[i].tls != NULL && strcmp(table[i].key, key) == 0
            && table[i].generation == torc__tls_generation() && now - table[i].made < LIFE)
            return &table[i];
    return NULL;
}

static void forget(shared *one)
{
    torc_tls_release(one->tls);
    torc__free(one->key);
    *one = (shared){ 0 };
}

/* In the place of the oldest; without memory it is not kept. */
static void remember(const char *key, torc_tls *tls, unsigned generation, torc_time now)
{
    shared *place = &table[0];
    size_t size = strlen(key) + 1;
    char *copy = torc__allocate(size);

    if (copy == NULL)
        return;
    memcpy(copy, key, size);
    for (size_t i = 1; i < SHARED_MAX; i++)
        if (table[i].made < place->made)
            place = &table[i];
    forget(place);
    *place = (shared){ copy, torc_tls_hold(tls), generation, now };
}

torc_tls *torc__tls_shared_client(const torc_tls_options *options, torc_failure **reterr_failure)
{
    unsigned generation = torc__tls_generation();
    torc_time now = torc_monotonic_now();
    char key[KEY_MAX];
    bool fits = write_key(options, key);
    shared *found;
    torc_tls *tls;

    pthread_mutex_lock(&lock);
    found = fits ? find(key, now) : NULL;
    tls = found != NULL ? torc_tls_hold(found->tls) : NULL;
    pthread_mutex_unlock(&lock);
    if (tls != NULL)
        return tls;
    tls = torc_tls_client_new(options, reterr_failure);
    if (tls == NULL || !fits)
        return tls;
    tls->is_shared = true;
    pthread_mutex_lock(&lock);
    remember(key, tls, generation, now);
    pthread_mutex_unlock(&lock);
    return tls;
}
