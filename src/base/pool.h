/*
 * pool: a free list of blocks of one size, so that what comes and goes all the time does not go
 * through the heap. One pool belongs to one reactor, hence to one thread.
 *
 * Under AddressSanitizer and valgrind-friendly builds (TORC_NO_POOLS) each block is a heap block,
 * so that a use after free is seen.
 */
#ifndef TORC_BASE_POOL_H
#define TORC_BASE_POOL_H

#include <torc/macros.h>

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
# define TORC_NO_POOLS 1
#elif defined(__has_feature)
# if __has_feature(address_sanitizer)
#  define TORC_NO_POOLS 1
# endif
#endif

typedef struct torc__pool {
    void *free_blocks; /* each begins with a pointer to the next */
    size_t block_size;
    size_t free_count;
    size_t keep; /* more free blocks than this go back to the heap */
} torc__pool;

void torc__pool_init(torc__pool *pool, size_t block_size, size_t keep);

/* Frees the blocks that nobody has. */
void torc__pool_drain(torc__pool *pool);

/* A block of block_size bytes, not zeroed. NULL when memory is out. */
void *torc__pool_take(torc__pool *pool);

void torc__pool_give(torc__pool *pool, void *block);

#endif /* TORC_BASE_POOL_H */
