/*
 * grave: memory that may still be used until the turn is over, for floors that know of a reactor
 * only that there is one. Those that see its inside have torc__bury, in line.
 */
#ifndef TORC_REACTOR_GRAVE_H
#define TORC_REACTOR_GRAVE_H

#include <torc/scope.h>

/* Embed it first in what is freed. */
typedef struct torc__grave {
    struct torc__grave *next;
    void (*free)(struct torc__grave *grave);
} torc__grave;

/* Frees by release(grave) when the turn is over. */
TORC_API void torc__bury_out_of_line(
    torc_reactor *reactor, torc__grave *grave, void (*release)(torc__grave *grave));

#endif /* TORC_REACTOR_GRAVE_H */
