/*
 * file_cache: small files that are asked for often, as answers that are ready to go.
 *
 * Found by the target as it was sent, so that a hit decodes nothing and opens nothing. An entry
 * holds the file as it is and, where there are any, its compressed siblings, each with a stamp by
 * which static_files.c sees that it has changed. The cache is bounded in bytes; what has not been
 * used since the last round of a clock's hand goes first.
 */
#ifndef TORC_WEB_FILE_CACHE_H
#define TORC_WEB_FILE_CACHE_H

#include "base/hash_table.h"
#include "web/file_versions.h"
#include "web/http_server.h"

#define TORC__CACHED_TARGET_MAX ((size_t)512)

typedef struct torc__cached_file {
    torc__hash_entry entry;
    torc__list link;
    torc_time fresh_until; /* no look at the file before this time, on the reactor's clock */
    size_t bytes;          /* of memory, for the bound */
    bool used;             /* since the hand last passed */
    bool unsettled;        /* changed so shortly before it was read that the stamp cannot tell */
    bool varies;           /* there are compressed siblings */
    torc__file_stamp stamps[TORC__CODING_COUNT];
    torc__web_ready *ready[TORC__CODING_COUNT]; /* NULL where there is no such version */
    uint32_t target_length;
    char *path;            /* of the file, below the root; behind the target */
    char target[];
} torc__cached_file;

typedef struct torc__file_cache {
    torc__hash_table table;
    torc__list ring; /* the hand points to the first */
    size_t bytes;
    size_t bytes_max;
} torc__file_cache;

void torc__file_cache_init(torc__file_cache *cache, size_t bytes_max);

void torc__file_cache_destroy(torc__file_cache *cache);

/* NULL when it is not there. */
torc__cached_file *torc__file_cache_find(const torc__file_cache *cache, torc_slice target);

/* An entry that is not in the cache yet. NULL when memory is out. */
torc__cached_file *torc__cached_file_new(torc_slice target, const char *path);

void torc__cached_file_free(torc__cached_file *file);

/* Takes the entry over, making room first. One for the same target goes. False: it is freed. */
bool torc__file_cache_add(torc__file_cache *cache, torc__cached_file *file);

/* Takes the entry out and frees it. */
void torc__file_cache_drop(torc__file_cache *cache, torc__cached_file *file);

#endif /* TORC_WEB_FILE_CACHE_H */
