/*
 * A table of chains for finding, and a ring with a hand for choosing what goes. A hit only sets a
 * flag, so that finding writes to one line of memory and no list is shuffled.
 */
#include "web/file_cache.h"

#include "base/memory.h"

#include <string.h>

static torc__cached_file *of_entry(const torc__hash_entry *entry)
{
    return TORC_CONTAINER_OF(entry, torc__cached_file, entry);
}

static torc__cached_file *of_link(torc__list *link)
{
    return TORC_CONTAINER_OF(link, torc__cached_file, link);
}

static torc_slice target_of(const torc__hash_entry *entry)
{
    return torc_slice_make(of_entry(entry)->target, of_entry(entry)->target_length);
}

void torc__file_cache_init(torc__file_cache *cache, size_t bytes_max)
{
    torc__hash_table_init(&cache->table, target_of);
    torc__list_init(&cache->ring);
    cache->bytes = 0;
    cache->bytes_max = bytes_max;
}

void torc__file_cache_destroy(torc__file_cache *cache)
{
    while (!torc__list_is_empty(&cache->ring))
        torc__file_cache_drop(cache, of_link(cache->ring.next));
    torc__hash_table_clear(&cache->table);
}

torc__cached_file *torc__file_cache_find(const torc__file_cache *cache, torc_slice target)
{
    torc__hash_entry *entry = torc__hash_table_find(&cache->table, target);

    if (entry == NULL)
        return NULL;
    of_entry(entry)->used = true;
    return of_entry(entry);
}

torc__cached_file *torc__cached_file_new(torc_slice target, const char *path)
{
    size_t path_size = strlen(path) + 1;
    torc__cached_file *file = torc__allocate_zeroed(sizeof(*file) + target.length + path_size);

    if (file == NULL)
        return NULL;
    file->target_length = (uint32_t)target.length;
    memcpy(file->target, target.data, target.length);
    file->path = file->target + target.length;
    memcpy(file->path, path, path_size);
    file->bytes = sizeof(*file) + target.length + path_size;
    return file;
}

void torc__cached_file_free(torc__cached_file *file)
{
    for (size_t i = 0; i < TORC__CODING_COUNT; i++)
        torc__web_ready_free(file->ready[i]);
    torc__free(file);
}

void torc__file_cache_drop(torc__file_cache *cache, torc__cached_file *file)
{
    torc__hash_table_remove(&cache->table, &file->entry);
    torc__list_remove(&file->link);
    cache->bytes -= file->bytes;
    torc__cached_file_free(file);
}

/* Lets the hand go round until there is room: what was used is spared once. */
static void make_room(torc__file_cache *cache, size_t bytes)
{
    while (cache->bytes + bytes > cache->bytes_max && !torc__list_is_empty(&cache->ring)) {
        torc__cached_file *file = of_link(cache->ring.next);

        if (!file->used) {
            torc__file_cache_drop(cache, file);
            continue;
        }
        file->used = false;
        torc__list_remove(&file->link);
        torc__list_append(&cache->ring, &file->link);
    }
}

bool torc__file_cache_add(torc__file_cache *cache, torc__cached_file *file)
{
    torc__cached_file *old = torc__file_cache_find(cache, target_of(&file->entry));

    if (old != NULL)
        torc__file_cache_drop(cache, old);
    make_room(cache, file->bytes);
    if (cache->bytes + file->bytes > cache->bytes_max ||
        !torc__hash_table_insert(&cache->table, &file->entry)) {
        torc__cached_file_free(file);
        return false;
    }
    torc__list_append(&cache->ring, &file->link);
    cache->bytes += file->bytes;
    return true;
}
