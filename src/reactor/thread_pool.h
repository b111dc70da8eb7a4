/*
 * thread_pool: a bounded set of threads, and the line of work before them.
 *
 * It knows nothing of reactors, deferreds or results: work is a record with a function that one of
 * the threads calls, and whoever gives it says in that function how the outcome goes back. Users:
 * the jobs of a reactor (thread_jobs.c) and look-ups of names (names/system_lookup.c), which have
 * different ideas of the end: a reactor waits for its threads, a look-up is left to its own.
 *
 * Invariants, all under `lock`. A record is linked as long as it waits and at no other time. There
 * is never work in the line and a thread that could take it but none on its way. Of the threads
 * that have gone, each has been joined but the last one, `gone`: who goes joins the one before.
 */
#ifndef TORC_REACTOR_THREAD_POOL_H
#define TORC_REACTOR_THREAD_POOL_H

#include <torc/time.h>

#include "base/list.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Embed it, zeroed. After run() has been called the pool does not touch it any more. */
typedef struct torc__thread_work {
    torc__list link;
    void (*run)(struct torc__thread_work *work); /* in a thread of the pool */
} torc__thread_work;

typedef struct torc__thread_pool_limits {
    unsigned int most;
    unsigned int least;  /* idle threads that do not go */
    size_t waiting;
    torc_time idle_time; /* 0: a thread that finds the line empty goes at once */
} torc__thread_pool_limits;

typedef struct torc__thread_pool {
    const char *thread_name;
    torc__thread_pool_limits limits;
    bool detached; /* nobody waits for the threads: for a pool that is never freed */

    pthread_mutex_t lock;
    pthread_cond_t work_came; /* or the threads are to look whether they are to go */
    pthread_cond_t thread_went;
    torc__list line;
    size_t waiting;
    size_t running;
    unsigned int threads;
    unsigned int starting; /* of these, not yet come to look for work */
    unsigned int idle;     /* of these, those that wait for work */
    bool closed;
    bool some_gone;
    pthread_t gone;
} torc__thread_pool;

void torc__thread_pool_init(
    torc__thread_pool *pool, const char *thread_name, const torc__thread_pool_limits *limits);

/*
 * Puts the work into the line. 0, or with nothing done: ENOBUFS when the line is full, else the
 * errno for which there is no thread to take it.
 */
int torc__thread_pool_add(torc__thread_pool *pool, torc__thread_work *work);

/* Takes it back. False when it is being run, or has been; the caller knows it still exists. */
bool torc__thread_pool_withdraw(torc__thread_pool *pool, torc__thread_work *work);

void torc__thread_pool_set_limits(
    torc__thread_pool *pool, const torc__thread_pool_limits *limits);

/*
 * Waits for the threads to end, after what they run; the line must be empty, and stays so. When
 * that takes longer than `patience`, overdue(argument) is called once, without the lock.
 */
void torc__thread_pool_join(torc__thread_pool *pool, torc_time patience,
    void (*overdue)(void *argument), void *argument);

/* After torc__thread_pool_join. */
void torc__thread_pool_destroy(torc__thread_pool *pool);

#endif /* TORC_REACTOR_THREAD_POOL_H */
