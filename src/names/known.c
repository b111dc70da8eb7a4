/*
 * Entries, and the cache of them.
 */
#include "names/known.h"

#include "base/memory.h"
#include "names/dns_bytes.h"

static const size_t alignment = _Alignof(max_align_t);

static size_t aligned(size_t size)
{
    return (size + alignment - 1) / alignment * alignment;
}

torc__known *torc__known_new(torc__known_kind kind, torc_slice key, torc_time expires,
    size_t extra, void **ret_extra)
{
    size_t head = aligned(sizeof(torc__known));
    size_t size = head + extra + key.length;
    torc__known *entry = torc__allocate_zeroed(size);
    char *bytes = (char *)entry;

    if (entry == NULL)
        return NULL;
    entry->holders = 1;
    entry->size = size;
    entry->kind = kind;
    entry->expires = expires;
    if (key.length > 0)
        memcpy(bytes + head + extra, key.data, key.length);
    entry->key = torc_slice_make(bytes + head + extra, key.length);
    if (ret_extra != NULL)
        *ret_extra = bytes + head;
    return entry;
}

torc__known *torc__known_hold(torc__known *entry)
{
    entry->holders++;
    return entry;
}

void torc__known_release(torc__known *entry)
{
    if (entry != NULL && --entry->holders == 0)
        torc__free(entry);
}

torc__known *torc__known_of_host(torc_slice key, torc_time expires, const char *name,
    const torc_address *addresses, size_t count)
{
    size_t length = strlen(name) + 1;
    size_t size = count * sizeof *addresses;
    void *extra;
    torc__known *known = torc__known_new(TORC__KNOWN_HOST, key, expires, size + length, &extra);

    if (known == NULL)
        return NULL;
    if (count > 0)
        memcpy(extra, addresses, size);
    known->host.name = memcpy((char *)extra + size, name, length);
    known->host.expires = expires;
    known->host.count = count;
    known->host.addresses = extra;
    return known;
}

static void hold(void *value)
{
    torc__known_hold(value);
}

static void release(void *value)
{
    torc__known_release(value);
}

const torc_type torc__type_known = { .name = "names", .hold = hold, .release = release };

/* -- keys ---------------------------------------------------------------------------------- */

static void copy_lower(uint8_t *to, torc_slice from)
{
    for (size_t i = 0; i < from.length; i++) {
        char byte = from.data[i];

        to[i] = (uint8_t)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
    }
}

size_t torc__known_key(uint16_t type, torc_slice name, uint8_t key[TORC__KNOWN_KEY_MAX])
{
    key[0] = 'R';
    torc__dns_set16(key + 1, type);
    copy_lower(key + 3, name);
    return 3 + name.length;
}

size_t torc__known_host_key(torc_slice host, uint8_t key[TORC__KNOWN_KEY_MAX])
{
    if (host.length > TORC__KNOWN_KEY_MAX - 1)
        return 0;
    key[0] = 'H';
    copy_lower(key + 1, host);
    return 1 + host.length;
}

/* -- the cache ----------------------------------------------------------------------------- */

static torc_slice key_of(const torc__hash_entry *hashed)
{
    return TORC_CONTAINER_OF(hashed, torc__known, hashed)->key;
}

void torc__cache_init(torc__cache *cache, size_t count_max, size_t bytes_max)
{
    torc__hash_table_init(&cache->table, key_of);
    torc__list_init(&cache->uses);
    cache->bytes = 0;
    cache->count_max = count_max;
    cache->bytes_max = bytes_max;
}

static void drop(torc__cache *cache, torc__known *entry)
{
    torc__hash_table_remove(&cache->table, &entry->hashed);
    torc__list_remove(&entry->link);
    cache->bytes -= entry->size;
    torc__known_release(entry);
}

static torc__known *oldest(torc__cache *cache)
{
    return TORC_CONTAINER_OF(cache->uses.next, torc__known, link);
}

void torc__cache_clear(torc__cache *cache)
{
    while (!torc__list_is_empty(&cache->uses))
        drop(cache, oldest(cache));
    torc__hash_table_clear(&cache->table);
}

torc__known *torc__cache_find(torc__cache *cache, torc_slice key, torc_time now)
{
    torc__hash_entry *hashed = torc__hash_table_find(&cache->table, key);
    torc__known *entry;

    if (hashed == NULL)
        return NULL;
    entry = TORC_CONTAINER_OF(hashed, torc__known, hashed);
    if (entry->expires <= now) {
        drop(cache, entry);
        return NULL;
    }
    torc__list_remove(&entry->link);
    torc__list_append(&cache->uses, &entry->link);
    return entry;
}

void torc__cache_add(torc__cache *cache, torc__known *entry, torc_time now)
{
    torc__hash_entry *before = torc__hash_table_find(&cache->table, entry->key);

    if (before != NULL)
        drop(cache, TORC_CONTAINER_OF(before, torc__known, hashed));
    if (entry->expires <= now || entry->size > cache->bytes_max || cache->count_max == 0)
        return;
    while (cache->table.count >= cache->count_max
        || cache->bytes > cache->bytes_max - entry->size)
        drop(cache, oldest(cache));
    if (!torc__hash_table_insert(&cache->table, &entry->hashed))
        return;
    torc__list_append(&cache->uses, &entry->link);
    cache->bytes += entry->size;
    torc__known_hold(entry);
}
