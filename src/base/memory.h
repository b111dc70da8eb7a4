/*
 * memory: the one door to the heap, so that a test can make any allocation fail.
 *
 * Everything under src/ allocates here. The hook is for tests: it is asked before each allocation
 * and makes that allocation fail by returning false.
 */
#ifndef TORC_BASE_MEMORY_H
#define TORC_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include <torc/macros.h>

typedef bool torc__allocation_hook(size_t size);

/* NULL takes the hook away. Set it only while no other thread allocates. */
TORC_API void torc__set_allocation_hook(torc__allocation_hook *hook);

/*
 * Also for tests: told of each block that is got and given back, from whichever thread. `freed`
 * gives the size that it was told of the block, 0 for one that it does not know.
 */
typedef struct torc__allocation_watch {
    void (*allocated)(void *block, size_t size);
    size_t (*freed)(void *block);
} torc__allocation_watch;

/* NULL takes it away. */
TORC_API void torc__set_allocation_watch(const torc__allocation_watch *watch);

/* `block` is the user's from now on, who frees it with free(). Gives it back. */
TORC_API void *torc__give_away(void *block);

/* NULL when memory is out. A size of 0 gives a block that may be freed and not used. */
TORC_API void *torc__allocate(size_t size);
TORC_API void *torc__allocate_zeroed(size_t size);

/* As realloc: on failure NULL, and the old block is as it was. */
TORC_API void *torc__reallocate(void *block, size_t size);

/* NULL is a no-op. */
TORC_API void torc__free(void *block);

#endif /* TORC_BASE_MEMORY_H */
