/*
 * The heap, with two hooks for tests: one that may refuse, one that watches. torc__free is free():
 * what is given to users as "free with free()" (torc_slice_dup) may come from here.
 */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>

static torc__allocation_hook *allocation_hook;
static _Atomic(const torc__allocation_watch *) allocation_watch;

void torc__set_allocation_hook(torc__allocation_hook *hook)
{
    allocation_hook = hook;
}

void torc__set_allocation_watch(const torc__allocation_watch *watch)
{
    atomic_store(&allocation_watch, watch);
}

static bool refused(size_t size)
{
    return TORC_UNLIKELY(allocation_hook != NULL) && !allocation_hook(size);
}

static const torc__allocation_watch *watching(void)
{
    return atomic_load_explicit(&allocation_watch, memory_order_acquire);
}

static void *told_of(void *block, size_t size)
{
    const torc__allocation_watch *watch = watching();

    if (TORC_UNLIKELY(watch != NULL) && block != NULL)
        watch->allocated(block, size);
    return block;
}

void *torc__allocate(size_t size)
{
    return refused(size) ? NULL : told_of(malloc(size != 0 ? size : 1), size);
}

void *torc__allocate_zeroed(size_t size)
{
    return refused(size) ? NULL : told_of(calloc(1, size != 0 ? size : 1), size);
}

/* The old block is told of first: once it is freed, another thread may get its address. */
static void *reallocate_watched(const torc__allocation_watch *watch, void *block, size_t size)
{
    size_t old_size = block != NULL ? watch->freed(block) : 0;
    void *moved = realloc(block, size != 0 ? size : 1);

    if (moved != NULL)
        watch->allocated(moved, size);
    else if (old_size != 0)
        watch->allocated(block, old_size);
    return moved;
}

void *torc__reallocate(void *block, size_t size)
{
    const torc__allocation_watch *watch = watching();

    if (refused(size))
        return NULL;
    if (TORC_UNLIKELY(watch != NULL))
        return reallocate_watched(watch, block, size);
    return realloc(block, size != 0 ? size : 1);
}

void *torc__give_away(void *block)
{
    const torc__allocation_watch *watch = watching();

    if (TORC_UNLIKELY(watch != NULL) && block != NULL)
        (void)watch->freed(block);
    return block;
}

void torc__free(void *block)
{
    free(torc__give_away(block));
}
