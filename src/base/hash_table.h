/*
 * hash_table: finds an object of yours by a key of bytes.
 *
 * Intrusive: embed a torc__hash_entry in the object, and tell the table how to get the key of an
 * entry. The table owns neither objects nor keys, and inserting allocates only when it grows. Keys
 * may come from peers: they are hashed by SipHash-1-3 under a key that differs in each table, so
 * that nobody outside can choose keys that collide.
 *
 *     struct host { torc__hash_entry entry; torc_slice name; unsigned connections; };
 *
 * Invariants: the number of buckets is 0 (nothing allocated) or a power of two; an entry's key does
 * not change while it is in the table; a key is in the table at most once.
 */
#ifndef TORC_BASE_HASH_TABLE_H
#define TORC_BASE_HASH_TABLE_H

#include <torc/slice.h>

TORC_BEGIN_DECLS

typedef struct torc__hash_entry {
    struct torc__hash_entry *next; /* in its bucket */
    uint64_t hash;
} torc__hash_entry;

typedef torc_slice torc__hash_key_of(const torc__hash_entry *entry);

typedef struct torc__hash_table {
    torc__hash_entry **buckets;
    size_t bucket_count;
    size_t count;
    torc__hash_key_of *key_of;
    uint64_t secret[2];
} torc__hash_table;

/* Allocates nothing. */
TORC_API void torc__hash_table_init(torc__hash_table *table, torc__hash_key_of *key_of);

/* Frees the buckets; the objects are the owner's. The table is then empty, and usable again. */
TORC_API void torc__hash_table_clear(torc__hash_table *table);

/* The entry with this key, or NULL. */
TORC_API torc__hash_entry *torc__hash_table_find(const torc__hash_table *table, torc_slice key);

/*
 * Adds an entry whose key is not in the table. False, with nothing changed, when memory is out;
 * that can only happen while the table is empty: where growing fails it goes on, slower.
 */
TORC_API bool torc__hash_table_insert(torc__hash_table *table, torc__hash_entry *entry);

/* Takes an entry out, which must be in the table. */
TORC_API void torc__hash_table_remove(torc__hash_table *table, torc__hash_entry *entry);

/*
 * The entry after `entry`, or the first for NULL; NULL at the end. In no useful order. To remove an
 * entry on the way, ask for the next one first; insert nothing on the way.
 */
TORC_API torc__hash_entry *torc__hash_table_next(
    const torc__hash_table *table, const torc__hash_entry *entry);

/* SipHash-1-3 of `bytes` under `secret`. */
TORC_API uint64_t torc__hash(const uint64_t secret[2], torc_slice bytes);

TORC_END_DECLS

#endif /* TORC_BASE_HASH_TABLE_H */
