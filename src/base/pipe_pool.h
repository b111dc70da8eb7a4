/*
 * pipe_pool: pipes that splice moves bytes through, kept for whoever needs one next.
 *
 * Opening one costs as much as moving what it holds, and an idle connection needs none. Only an
 * empty pipe may be given back.
 */
#ifndef TORC_BASE_PIPE_POOL_H
#define TORC_BASE_PIPE_POOL_H

#include <stdbool.h>
#include <stddef.h>

/* Beyond so many idle ones they are closed. */
enum { TORC__PIPES_MAX = 16 };

typedef struct torc__pipe {
    int read_end;
    int write_end;
} torc__pipe;

typedef struct torc__pipe_pool {
    torc__pipe idle[TORC__PIPES_MAX];
    size_t count;
} torc__pipe_pool;

/* False when the system gives none. */
bool torc__pipe_take(torc__pipe_pool *pool, torc__pipe *ret_pipe);
void torc__pipe_give(torc__pipe_pool *pool, torc__pipe pipe);

/* Of one that is not empty. */
void torc__pipe_close(torc__pipe pipe);

void torc__pipe_pool_drain(torc__pipe_pool *pool);

#endif /* TORC_BASE_PIPE_POOL_H */
