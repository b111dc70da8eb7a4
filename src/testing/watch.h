/*
 * watch: what a test leaves behind: errors in the log, memory and descriptors.
 *
 * Each reactor of a test, and each simulated network, begins a watch when it is made and ends it
 * when it has gone. What came since its beginning and is still there is reported. Watches may
 * overlap in any order: one that ends before a younger one has ended leaves memory and descriptors
 * to that one, because they cannot be told apart. One that is never ended (a test that failed half
 * way) does not disturb those after it.
 */
#ifndef TORC_TESTING_WATCH_H
#define TORC_TESTING_WATCH_H

#include "testing/fail.h"

typedef struct torc__watch torc__watch;

torc__watch *torc__watch_begin(void);

/* Writes what is left into `report`, and frees the watch. */
void torc__watch_end(torc__watch *watch, torc__report *report);

#endif /* TORC_TESTING_WATCH_H */
