/*
 * A table of blocks by their address: open addressing with linear probing, under a lock, because
 * helper threads allocate too.
 *
 * Invariant: no run of occupied places has a hole, so that a search may stop at the first that is
 * empty.
 */
#include "testing/blocks.h"

#include "base/memory.h"
#include "testing/fail.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define FIRST_CAPACITY ((size_t)256) /* a power of two, as all that follow */

typedef struct held_block {
    uintptr_t address; /* 0: an empty place */
    size_t size;
    uint64_t number;
    size_t *account; /* in which it counts, or NULL */
} held_block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static held_block *table;
static size_t capacity;
static size_t count;
static uint64_t next_number = 1;
static size_t *charged;

/* -- the table ----------------------------------------------------------------------------- */

static size_t home_of(uintptr_t address)
{
    return (size_t)((uint64_t)address * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (capacity - 1);
}

/* Its place, or the empty one where it belongs. */
static size_t find(uintptr_t address)
{
    size_t place = home_of(address);

    while (table[place].address != 0 && table[place].address != address)
        place = (place + 1) & (capacity - 1);
    return place;
}

static void grow(void)
{
    held_block *old = table;
    size_t old_capacity = capacity;

    capacity = old_capacity == 0 ? FIRST_CAPACITY : 2 * old_capacity;
    table = torc__testing_allocate(capacity * sizeof *table);
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].address != 0)
            table[find(old[i].address)] = old[i];
    torc__testing_release(old);
}

/* Closes the hole at `place` with those behind it that may stand there. */
static void remove_at(size_t place)
{
    size_t next = place;

    table[place].address = 0;
    count--;
    for (;;) {
        size_t distance;

        next = (next + 1) & (capacity - 1);
        if (table[next].address == 0)
            return;
        distance = (next - home_of(table[next].address)) & (capacity - 1);
        if (distance < ((next - place) & (capacity - 1)))
            continue;
        table[place] = table[next];
        table[next].address = 0;
        place = next;
    }
}

/* -- what the heap tells ------------------------------------------------------------------- */

static void credit(const held_block *block)
{
    if (block->account != NULL)
        *block->account -= block->size;
}

static void allocated(void *block, size_t size)
{
    held_block *place;

    pthread_mutex_lock(&lock);
    if (2 * (count + 1) > capacity)
        grow();
    place = &table[find((uintptr_t)block)];
    if (place->address == 0)
        count++;
    else
        credit(place);
    place->address = (uintptr_t)block;
    place->size = size;
    place->number = next_number++;
    place->account = charged;
    if (charged != NULL)
        *charged += size;
    pthread_mutex_unlock(&lock);
}

static size_t freed(void *block)
{
    size_t size = 0;

    pthread_mutex_lock(&lock);
    if (capacity > 0) {
        size_t place = find((uintptr_t)block);

        if (table[place].address != 0) {
            size = table[place].size;
            credit(&table[place]);
            remove_at(place);
        }
    }
    pthread_mutex_unlock(&lock);
    return size;
}

static const torc__allocation_watch watch = { .allocated = allocated, .freed = freed };

/* -- for the watcher ----------------------------------------------------------------------- */

void torc__blocks_watch(void)
{
    torc__set_allocation_watch(&watch);
}

void torc__blocks_unwatch(void)
{
    torc__set_allocation_watch(NULL);
    pthread_mutex_lock(&lock);
    torc__testing_release(table);
    table = NULL;
    capacity = 0;
    count = 0;
    pthread_mutex_unlock(&lock);
}

uint64_t torc__blocks_next(void)
{
    uint64_t number;

    pthread_mutex_lock(&lock);
    number = next_number;
    pthread_mutex_unlock(&lock);
    return number;
}

torc__held_blocks torc__blocks_held(uint64_t first)
{
    torc__held_blocks held = { 0, 0, 0 };

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < capacity; i++) {
        if (table[i].address == 0 || table[i].number < first)
            continue;
        held.count++;
        held.bytes += table[i].size;
        if (table[i].size > held.largest)
            held.largest = table[i].size;
    }
    pthread_mutex_unlock(&lock);
    return held;
}

void torc__blocks_charge(size_t *account)
{
    pthread_mutex_lock(&lock);
    charged = account;
    pthread_mutex_unlock(&lock);
}

void torc__blocks_drop(const size_t *account)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < capacity; i++)
        if (table[i].account == account)
            table[i].account = NULL;
    pthread_mutex_unlock(&lock);
}

void torc__blocks_forget(uint64_t first)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < capacity; i++)
        while (table[i].address != 0 && table[i].number >= first)
            remove_at(i);
    pthread_mutex_unlock(&lock);
}
