/*
 * A dense array with an index by descriptor; what is removed is replaced by the last.
 */
#include "reactor/driver/watch_table.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>

static bool reserve_descriptor(torc__watch_table *table, size_t descriptor)
{
    size_t descriptors = table->descriptors > 0 ? table->descriptors : 64;
    size_t *index_of;

    if (descriptor < table->descriptors)
        return true;
    while (descriptors <= descriptor)
        descriptors *= 2;
    index_of = torc__reallocate(table->index_of, descriptors * sizeof *index_of);
    if (index_of == NULL)
        return false;
    memset(index_of + table->descriptors, 0, (descriptors - table->descriptors) * sizeof *index_of);
    table->index_of = index_of;
    table->descriptors = descriptors;
    return true;
}

static bool reserve_watched(torc__watch_table *table)
{
    size_t capacity = table->capacity > 0 ? table->capacity * 2 : 64;
    torc__watched *watched;

    if (table->count < table->capacity)
        return true;
    watched = torc__reallocate(table->watched, capacity * sizeof *watched);
    if (watched == NULL)
        return false;
    table->watched = watched;
    table->capacity = capacity;
    return true;
}

int torc__watch_table_set(torc__watch_table *table, torc_io *io, unsigned wanted)
{
    size_t descriptor = (size_t)io->descriptor;
    torc__watched *entry;

    if (!reserve_descriptor(table, descriptor))
        return -ENOMEM;
    if (table->index_of[descriptor] == 0) {
        if (!reserve_watched(table))
            return -ENOMEM;
        table->index_of[descriptor] = ++table->count;
    }
    entry = &table->watched[table->index_of[descriptor] - 1];
    entry->io = io;
    entry->descriptor = io->descriptor;
    entry->wanted = wanted;
    entry->ready = 0;
    return 0;
}

void torc__watch_table_remove(torc__watch_table *table, const torc_io *io)
{
    size_t descriptor = (size_t)io->descriptor;
    size_t index = descriptor < table->descriptors ? table->index_of[descriptor] : 0;

    /* Its number may be that of another by now, where it was closed behind our back. */
    if (index == 0 || table->watched[index - 1].io != io)
        return;
    table->watched[index - 1] = table->watched[table->count - 1];
    table->index_of[table->watched[index - 1].descriptor] = index;
    table->index_of[descriptor] = 0;
    table->count--;
}

void torc__watch_table_free(torc__watch_table *table)
{
    torc__free(table->watched);
    torc__free(table->index_of);
}
