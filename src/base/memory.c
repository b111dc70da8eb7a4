/*
 * The heap, with a hook for tests. torc__free is free(): what is given to users as "free with
 * free()" (torc_slice_dup) may come from here.
 */
#include "base/memory.h"

#include <stdlib.h>

static torc__allocation_hook *allocation_hook;

static _Thread_local bool vital;

void torc__set_allocation_hook(torc__allocation_hook *hook)
{
    allocation_hook = hook;
}

static bool refused(size_t size)
{
    return TORC_UNLIKELY(allocation_hook != NULL) && !allocation_hook(size);
}

void *torc__allocate(size_t size)
{
    return refused(size) ? NULL : malloc(size != 0 ? size : 1);
}

void *torc__allocate_zeroed(size_t size)
{
    return refused(size) ? NULL : calloc(1, size != 0 ? size : 1);
}

void *torc__allocate_vital(size_t size)
{
    void *block;

    vital = true;
    block = torc__allocate_zeroed(size);
    vital = false;
    return block;
}

bool torc__allocation_is_vital(void)
{
    return vital;
}

void *torc__reallocate(void *block, size_t size)
{
    return refused(size) ? NULL : realloc(block, size != 0 ? size : 1);
}

void torc__free(void *block)
{
    free(block);
}
