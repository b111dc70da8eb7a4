/*
 * Lists of results: counted, and growing by doubling.
 *
 * Releasing a list releases what is in it, lists too: as deep as its maker nested them.
 */
#include "base/result_list.h"

#include "base/abort.h"
#include "base/memory.h"

#include <stdint.h>
#include <string.h>

enum { FIRST_CAPACITY = 8 };

static const size_t capacity_max = SIZE_MAX / 2 / sizeof(torc_result);

static void hold_list(void *value)
{
    torc__list_value *list = value;

    list->holders++;
}

static void release_list(void *value)
{
    torc__list_value_release(value);
}

const torc_type torc_type_list = { "list", hold_list, release_list };

void torc__list_value_clear(torc__list_value *list)
{
    while (list->length > 0)
        torc_result_release(list->items[--list->length]);
}

void torc__list_value_release(torc__list_value *list)
{
    if (--list->holders > 0)
        return;
    torc__list_value_clear(list);
    if (!list->items_inside)
        torc__free(list->items);
    torc__free(list);
}

torc_result torc_list_new(size_t expected)
{
    torc__list_value *list = torc__allocate_zeroed(sizeof *list);

    if (list != NULL && expected > 0 && expected <= capacity_max)
        list->items = torc__allocate(expected * sizeof(torc_result));
    if (list == NULL || (expected > 0 && list->items == NULL)) {
        torc__free(list);
        return torc_fail_with(
            &torc_error_out_of_memory, "no memory for a list of %zu results", expected);
    }
    list->holders = 1;
    list->capacity = expected;
    return torc_value(&torc_type_list, list);
}

static bool grow(torc__list_value *list)
{
    size_t capacity = list->capacity > 0 ? 2 * list->capacity : FIRST_CAPACITY;
    torc_result *items = NULL;

    if (capacity <= capacity_max)
        items = torc__allocate(capacity * sizeof(torc_result));
    if (items == NULL)
        return false;
    if (list->length > 0)
        memcpy(items, list->items, list->length * sizeof(torc_result));
    if (!list->items_inside)
        torc__free(list->items);
    list->items = items;
    list->capacity = capacity;
    list->items_inside = false;
    return true;
}

bool torc_list_append(torc_result result, torc_result item)
{
    torc__list_value *list = torc_result_value(result, &torc_type_list);

    if (item.type == &torc_type_list && item.as.pointer == list)
        torc__abort("torc_list_append: a list cannot be an item of its own: it would never be "
                    "freed");
    if (list->length == list->capacity && !grow(list)) {
        torc_result_release(item);
        return false;
    }
    list->items[list->length++] = item;
    return true;
}

size_t torc_list_length(torc_result result)
{
    const torc__list_value *list = torc_result_value(result, &torc_type_list);

    return list->length;
}

torc_result torc_list_at(torc_result result, size_t index)
{
    const torc__list_value *list = torc_result_value(result, &torc_type_list);

    if (TORC_UNLIKELY(index >= list->length))
        torc__abort("torc_list_at: there is no item %zu in a list of %zu", index, list->length);
    return list->items[index];
}
