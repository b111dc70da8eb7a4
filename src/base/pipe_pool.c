/*
 * Pipes for splice: a stack of idle ones, so that the one whose pages are warm is used next. Of
 * systems without pipe2 there is no splice either.
 */
#include "base/pipe_pool.h"

#include "base/system_call.h"

#include <fcntl.h>
#include <unistd.h>

/* As much as is moved in one system call: reactor/driver/readiness_splice.c. */
#define PIPE_SIZE (512 * 1024)

bool torc__pipe_take(torc__pipe_pool *pool, torc__pipe *ret_pipe)
{
#if defined(__linux__)
    int ends[2];

    if (pool->count > 0) {
        *ret_pipe = pool->idle[--pool->count];
        return true;
    }
    if (TORC__CALL(pipe2, ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    /* Sixteen pages, as it comes, cost a relay twice the time; a user's limit may refuse more. */
    (void)TORC__CALL(fcntl, ends[1], F_SETPIPE_SZ, PIPE_SIZE);
    ret_pipe->read_end = ends[0];
    ret_pipe->write_end = ends[1];
    return true;
#else
    (void)pool;
    (void)ret_pipe;
    return false;
#endif
}

void torc__pipe_close(torc__pipe pipe)
{
    close(pipe.read_end);
    close(pipe.write_end);
}

void torc__pipe_give(torc__pipe_pool *pool, torc__pipe pipe)
{
    if (pool->count < TORC__PIPES_MAX)
        pool->idle[pool->count++] = pipe;
    else
        torc__pipe_close(pipe);
}

void torc__pipe_pool_drain(torc__pipe_pool *pool)
{
    while (pool->count > 0)
        torc__pipe_close(pool->idle[--pool->count]);
}
