/*
 * The inside of a list, for who makes one as part of a larger block (a gather, deferred/gather.c).
 *
 * Invariants: `items` is the list's own block, or lies in the block that the list is the first
 * member of; the latter goes with the list's last holder.
 */
#ifndef TORC_BASE_RESULT_LIST_H
#define TORC_BASE_RESULT_LIST_H

#include <torc/result.h>

typedef struct torc__list_value {
    size_t holders;
    size_t length;
    size_t capacity;
    torc_result *items;
    bool items_inside; /* the items lie in the block that the list is part of */
} torc__list_value;

/* Takes all items out, and releases them. */
void torc__list_value_clear(torc__list_value *list);

/* One holder less; the last one frees the list, and the block that it begins. */
void torc__list_value_release(torc__list_value *list);

#endif /* TORC_BASE_RESULT_LIST_H */
