/*
 * waiting_line: deferreds that wait for their turn, first come, first served.
 *
 * What a lock's waiters and a queue's getters and putters have in common: one that is cancelled, or
 * whose scope ends, is no longer in the line. Each may bring an item along, which is released where
 * it leaves without having had its turn. Places are kept for reuse: a line that is as long as it
 * has been before allocates nothing.
 */
#ifndef TORC_DEFERRED_WAITING_LINE_H
#define TORC_DEFERRED_WAITING_LINE_H

#include "deferred/deferred.h"

typedef struct torc__waiting_line {
    torc__list waiters; /* the first is the next */
    torc__list spare;
    size_t length;
    size_t spare_count;
} torc__waiting_line;

void torc__line_init(torc__waiting_line *line);

/* A deferred at the line's end, which takes `item` over. NULL when memory is out. */
torc_deferred *torc__line_join(torc__waiting_line *line, torc_scope *scope, torc_result item);

/* Takes the first out, to be fired at once, and its item. NULL when nobody waits. */
torc_deferred *torc__line_next(torc__waiting_line *line, torc_result *ret_item);

/* Those who wait fail when the turn is over. The line is then empty, and holds no memory. */
void torc__line_end(torc__waiting_line *line);

/* Aborts where the scope belongs to another reactor. */
void torc__line_check(
    const torc_reactor *reactor, const torc_scope *scope, const char *call);

#endif /* TORC_DEFERRED_WAITING_LINE_H */
