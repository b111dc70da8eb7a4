/*
 * The pool's threads: when one is started, what it does, when it goes.
 */
#include "reactor/thread_pool.h"

#include "base/thread.h"

#include <errno.h>

void torc__thread_pool_init(
    torc__thread_pool *pool, const char *thread_name, const torc__thread_pool_limits *limits)
{
    *pool = (torc__thread_pool){ .thread_name = thread_name, .limits = *limits };
    pthread_mutex_init(&pool->lock, NULL);
    torc__condition_init(&pool->work_came);
    torc__condition_init(&pool->thread_went);
    torc__list_init(&pool->line);
}

void torc__thread_pool_destroy(torc__thread_pool *pool)
{
    pthread_cond_destroy(&pool->thread_went);
    pthread_cond_destroy(&pool->work_came);
    pthread_mutex_destroy(&pool->lock);
}

/* -- in a thread, with the lock held ------------------------------------------------------- */

/* What is to be done next, which may have to be waited for. NULL: the thread is to go. */
static torc__thread_work *next_work(torc__thread_pool *pool)
{
    torc__list *node;
    bool in_time = true;

    while (pool->threads <= pool->limits.most && torc__list_is_empty(&pool->line)) {
        bool stays = pool->threads <= pool->limits.least;

        if (pool->closed || (!stays && (!in_time || pool->limits.idle_time == 0)))
            return NULL;
        pool->idle++;
        in_time = torc__condition_wait(
            &pool->work_came, &pool->lock, stays ? TORC_NEVER : pool->limits.idle_time);
        pool->idle--;
    }
    node = pool->threads <= pool->limits.most ? torc__list_take_first(&pool->line) : NULL;
    if (node == NULL)
        return NULL;
    pool->waiting--;
    return TORC_CONTAINER_OF(node, torc__thread_work, link);
}

static void do_work(torc__thread_pool *pool, torc__thread_work *work)
{
    pool->running++;
    pthread_mutex_unlock(&pool->lock);
    work->run(work);
    pthread_mutex_lock(&pool->lock);
    pool->running--;
}

static void *live(void *argument)
{
    torc__thread_pool *pool = argument;
    torc__thread_work *work;
    bool some_went_before;
    pthread_t before;

    torc__thread_take_name(pool->thread_name);
    pthread_mutex_lock(&pool->lock);
    pool->starting--;
    while ((work = next_work(pool)) != NULL)
        do_work(pool, work);
    pool->threads--;
    some_went_before = pool->some_gone;
    before = pool->gone;
    if (!pool->detached) {
        pool->some_gone = true;
        pool->gone = pthread_self();
    }
    pthread_cond_signal(&pool->thread_went);
    pthread_mutex_unlock(&pool->lock);
    if (some_went_before)
        pthread_join(before, NULL);
    return NULL;
}

/* -- from outside -------------------------------------------------------------------------- */

/* With the lock held: as many threads as the line asks for. 0, or the errno of the last try. */
static int grow(torc__thread_pool *pool)
{
    const torc__thread_options options = {
        .run = live,
        .argument = pool,
        .detached = pool->detached,
    };
    int error = 0;

    while (error == 0 && pool->waiting > pool->idle + pool->starting &&
           pool->threads < pool->limits.most) {
        error = torc__thread_start(&options);
        if (error == 0) {
            pool->threads++;
            pool->starting++;
        }
    }
    return error;
}

/* Those that a thread is to take at once do not count as waiting, though none has yet. */
static bool is_full(const torc__thread_pool *pool)
{
    size_t under_way = pool->waiting + pool->running;

    return under_way >= pool->limits.most && under_way - pool->limits.most >= pool->limits.waiting;
}

int torc__thread_pool_add(torc__thread_pool *pool, torc__thread_work *work)
{
    bool wakes_one;
    int error;

    pthread_mutex_lock(&pool->lock);
    if (is_full(pool)) {
        pthread_mutex_unlock(&pool->lock);
        return ENOBUFS;
    }
    torc__list_append(&pool->line, &work->link);
    pool->waiting++;
    /* Where more waits than there are idle threads, all of them have been woken already. */
    wakes_one = pool->waiting <= pool->idle;
    error = grow(pool);
    /* Without a thread of its own it still has its turn while others run. */
    if (pool->threads != 0)
        error = 0;
    if (error != 0) {
        torc__list_remove(&work->link);
        pool->waiting--;
    }
    pthread_mutex_unlock(&pool->lock);
    /* Without the lock, for which it would only have to wait. */
    if (wakes_one)
        pthread_cond_signal(&pool->work_came);
    return error;
}

bool torc__thread_pool_withdraw(torc__thread_pool *pool, torc__thread_work *work)
{
    bool waited;

    pthread_mutex_lock(&pool->lock);
    waited = torc__list_is_linked(&work->link);
    if (waited) {
        torc__list_remove(&work->link);
        pool->waiting--;
    }
    pthread_mutex_unlock(&pool->lock);
    return waited;
}

void torc__thread_pool_set_limits(
    torc__thread_pool *pool, const torc__thread_pool_limits *limits)
{
    pthread_mutex_lock(&pool->lock);
    pool->limits = *limits;
    (void)grow(pool);
    pthread_cond_broadcast(&pool->work_came);
    pthread_mutex_unlock(&pool->lock);
}

void torc__thread_pool_join(torc__thread_pool *pool, torc_time patience,
    void (*overdue)(void *argument), void *argument)
{
    pthread_mutex_lock(&pool->lock);
    pool->closed = true;
    pthread_cond_broadcast(&pool->work_came);
    while (pool->threads != 0) {
        if (torc__condition_wait(&pool->thread_went, &pool->lock, patience))
            continue;
        pthread_mutex_unlock(&pool->lock);
        overdue(argument);
        patience = TORC_NEVER;
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    if (pool->some_gone)
        pthread_join(pool->gone, NULL);
    pool->some_gone = false;
}
