/*
 * Free lists, last in first out: the block that was used last is the one in the cache.
 */
#include "base/pool.h"

#include "base/memory.h"

#include <string.h>

void torc__pool_init(torc__pool *pool, size_t block_size, size_t keep)
{
    pool->free_blocks = NULL;
    pool->block_size = block_size < sizeof(void *) ? sizeof(void *) : block_size;
    pool->free_count = 0;
    pool->keep = keep;
#ifdef TORC_NO_POOLS
    pool->keep = 0;
#endif
}

void torc__pool_drain(torc__pool *pool)
{
    while (pool->free_blocks != NULL) {
        void *block = pool->free_blocks;

        memcpy(&pool->free_blocks, block, sizeof(void *));
        torc__free(block);
    }
    pool->free_count = 0;
}

void *torc__pool_take(torc__pool *pool)
{
    void *block = pool->free_blocks;

    if (block == NULL)
        return torc__allocate(pool->block_size);
    memcpy(&pool->free_blocks, block, sizeof(void *));
    pool->free_count--;
    return block;
}

void torc__pool_give(torc__pool *pool, void *block)
{
    if (pool->free_count >= pool->keep) {
        torc__free(block);
        return;
    }
    memcpy(block, &pool->free_blocks, sizeof(void *));
    pool->free_blocks = block;
    pool->free_count++;
}
