/*
 * watch_table: for pollers that must name every descriptor each time they wait (poll, select): the
 * watched ios in a dense array, found by descriptor.
 */
#ifndef TORC_REACTOR_DRIVER_WATCH_TABLE_H
#define TORC_REACTOR_DRIVER_WATCH_TABLE_H

#include <torc/driver.h>

typedef struct torc__watched {
    torc_io *io;
    int descriptor;
    unsigned wanted; /* TORC__READABLE, TORC__WRITABLE */
    unsigned ready;  /* while they are being told */
} torc__watched;

typedef struct torc__watch_table {
    torc__watched *watched;
    size_t count;
    size_t capacity;
    size_t *index_of; /* by descriptor: one more than the index in `watched`; 0: none */
    size_t descriptors;
} torc__watch_table;

/* Adds or changes. 0 or -ENOMEM. */
int torc__watch_table_set(torc__watch_table *table, torc_io *io, unsigned wanted);
void torc__watch_table_remove(torc__watch_table *table, const torc_io *io);
void torc__watch_table_free(torc__watch_table *table);

#endif /* TORC_REACTOR_DRIVER_WATCH_TABLE_H */
