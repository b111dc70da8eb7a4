/*
 * A chained hash table. Chains are kept at one entry a bucket on average by doubling; it never
 * shrinks, because what was needed once is needed again.
 */
#include "base/hash_table.h"

#include "base/memory.h"
#include "base/random.h"

#define FIRST_BUCKETS 16

/* -- SipHash (Aumasson and Bernstein), one round a word and three at the end ---------------- */

typedef struct sip {
    uint64_t a, b, c, d;
} sip;

static uint64_t rotate_left(uint64_t value, int count)
{
    return value << count | value >> (64 - count);
}

static inline void sip_round(sip *state)
{
    state->a += state->b;
    state->c += state->d;
    state->b = rotate_left(state->b, 13) ^ state->a;
    state->d = rotate_left(state->d, 16) ^ state->c;
    state->a = rotate_left(state->a, 32);
    state->c += state->b;
    state->a += state->d;
    state->b = rotate_left(state->b, 17) ^ state->c;
    state->d = rotate_left(state->d, 21) ^ state->a;
    state->c = rotate_left(state->c, 32);
}

static uint64_t little_endian(const char *bytes, size_t count)
{
    uint64_t word = 0;

    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
    return word;
}

/* Written out, so that compilers see the one load that it is on most machines. */
static uint64_t little_endian_word(const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text;

    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16
        | (uint64_t)bytes[3] << 24 | (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40
        | (uint64_t)bytes[6] << 48 | (uint64_t)bytes[7] << 56;
}

static void sip_word(sip *state, uint64_t word)
{
    state->d ^= word;
    sip_round(state);
    state->a ^= word;
}

uint64_t torc__hash(const uint64_t secret[2], torc_slice bytes)
{
    /* The constants spell "somepseudorandomlygeneratedbytes". */
    sip state = {
        secret[0] ^ UINT64_C(0x736f6d6570736575),
        secret[1] ^ UINT64_C(0x646f72616e646f6d),
        secret[0] ^ UINT64_C(0x6c7967656e657261),
        secret[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t whole = bytes.length & ~(size_t)7;

    for (size_t i = 0; i < whole; i += 8)
        sip_word(&state, little_endian_word(bytes.data + i));
    sip_word(&state, (uint64_t)bytes.length << 56 |
        (bytes.length > whole ? little_endian(bytes.data + whole, bytes.length - whole) : 0));
    state.c ^= 0xff;
    sip_round(&state);
    sip_round(&state);
    sip_round(&state);
    return state.a ^ state.b ^ state.c ^ state.d;
}

/* -- the table ----------------------------------------------------------------------------- */

void torc__hash_table_init(torc__hash_table *table, torc__hash_key_of *key_of)
{
    table->buckets = NULL;
    table->bucket_count = 0;
    table->count = 0;
    table->key_of = key_of;
    torc__random_bytes(table->secret, sizeof table->secret);
}

void torc__hash_table_clear(torc__hash_table *table)
{
    torc__free(table->buckets);
    table->buckets = NULL;
    table->bucket_count = 0;
    table->count = 0;
}

static torc__hash_entry **bucket_of(const torc__hash_table *table, uint64_t hash)
{
    return &table->buckets[(size_t)hash & (table->bucket_count - 1)];
}

torc__hash_entry *torc__hash_table_find(const torc__hash_table *table, torc_slice key)
{
    torc__hash_entry *entry;
    uint64_t hash;

    if (table->count == 0)
        return NULL;
    hash = torc__hash(table->secret, key);
    entry = *bucket_of(table, hash);
    while (entry != NULL &&
        (entry->hash != hash || !torc_slice_equal(table->key_of(entry), key)))
        entry = entry->next;
    return entry;
}

static void link_entry(torc__hash_table *table, torc__hash_entry *entry)
{
    torc__hash_entry **bucket = bucket_of(table, entry->hash);

    entry->next = *bucket;
    *bucket = entry;
}

static bool grow(torc__hash_table *table)
{
    torc__hash_table grown = *table;

    grown.bucket_count = table->bucket_count == 0 ? FIRST_BUCKETS : 2 * table->bucket_count;
    if (grown.bucket_count > SIZE_MAX / sizeof *grown.buckets)
        return false;
    grown.buckets = torc__allocate_zeroed(grown.bucket_count * sizeof *grown.buckets);
    if (grown.buckets == NULL)
        return false;
    for (size_t i = 0; i < table->bucket_count; i++) {
        torc__hash_entry *next = table->buckets[i];

        while (next != NULL) {
            torc__hash_entry *entry = next;

            next = entry->next;
            link_entry(&grown, entry);
        }
    }
    torc__free(table->buckets);
    *table = grown;
    return true;
}

bool torc__hash_table_insert(torc__hash_table *table, torc__hash_entry *entry)
{
    if (table->count >= table->bucket_count && !grow(table) && table->bucket_count == 0)
        return false;
    entry->hash = torc__hash(table->secret, table->key_of(entry));
    link_entry(table, entry);
    table->count++;
    return true;
}

void torc__hash_table_remove(torc__hash_table *table, torc__hash_entry *entry)
{
    torc__hash_entry **link = bucket_of(table, entry->hash);

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    entry->next = NULL;
    table->count--;
}

torc__hash_entry *torc__hash_table_next(
    const torc__hash_table *table, const torc__hash_entry *entry)
{
    size_t index = 0;

    if (entry != NULL && entry->next != NULL)
        return entry->next;
    if (entry != NULL)
        index = ((size_t)entry->hash & (table->bucket_count - 1)) + 1;
    for (; index < table->bucket_count; index++)
        if (table->buckets[index] != NULL)
            return table->buckets[index];
    return NULL;
}
