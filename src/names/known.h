/*
 * known: what is known of a name: records, addresses, or that there is nothing. And the cache,
 * which keeps entries for as long as they may be kept, within a bound.
 *
 * An entry is one block of memory, counted, and is what the results of look-ups carry: who was
 * given one keeps it while the cache drops it. It does not change once it is made.
 *
 * Invariants of the cache: each entry is in the table and in the list of uses, or in neither; the
 * one that was used longest ago is the first of the list, and goes first.
 */
#ifndef TORC_NAMES_KNOWN_H
#define TORC_NAMES_KNOWN_H

#include <torc/names.h>

#include "base/hash_table.h"
#include "base/list.h"
#include "names/dns_name.h"

typedef enum torc__known_kind {
    TORC__KNOWN_RECORDS,
    TORC__KNOWN_HOST,
    TORC__KNOWN_NO_NAME,
    TORC__KNOWN_NO_DATA, /* the name exists, but has nothing of the type */
} torc__known_kind;

/* A type and a name, or 'H' and a host's name as it was given; in lower case. */
enum { TORC__KNOWN_KEY_MAX = 3 + TORC__DNS_NAME_MAX };

typedef struct torc__known {
    torc__hash_entry hashed;
    torc__list link;
    size_t holders;
    size_t size; /* of the block */
    torc__known_kind kind;
    torc_time expires;
    torc_slice key;
    torc_records records; /* of TORC__KNOWN_RECORDS */
    torc_host host;       /* of TORC__KNOWN_HOST */
} torc__known;

/*
 * An entry that its maker holds, with `extra` bytes behind it, at *ret_extra, which are aligned for
 * anything. NULL when memory is out.
 */
torc__known *torc__known_new(torc__known_kind kind, torc_slice key, torc_time expires,
    size_t extra, void **ret_extra);

torc__known *torc__known_hold(torc__known *entry);
void torc__known_release(torc__known *entry);

/* A host's entry with `count` addresses, copied. NULL when memory is out. */
torc__known *torc__known_of_host(torc_slice key, torc_time expires, const char *name,
    const torc_address *addresses, size_t count);

extern const torc_type torc__type_known;

/* Writes the key of a question; gives its length. `name` is a name. */
size_t torc__known_key(uint16_t type, torc_slice name, uint8_t key[TORC__KNOWN_KEY_MAX]);

/* And of a host, without a dot at the end unless it has one. 0: too long. */
size_t torc__known_host_key(torc_slice host, uint8_t key[TORC__KNOWN_KEY_MAX]);

/* -- the cache ----------------------------------------------------------------------------- */

typedef struct torc__cache {
    torc__hash_table table;
    torc__list uses;
    size_t bytes;
    size_t bytes_max;
    size_t count_max;
} torc__cache;

void torc__cache_init(torc__cache *cache, size_t count_max, size_t bytes_max);
void torc__cache_clear(torc__cache *cache);

/* Borrowed. NULL where there is none that holds good at `now`. */
torc__known *torc__cache_find(torc__cache *cache, torc_slice key, torc_time now);

/* Keeps a hold of its own, in the place of what was there; others go to make room. */
void torc__cache_add(torc__cache *cache, torc__known *entry, torc_time now);

#endif /* TORC_NAMES_KNOWN_H */
