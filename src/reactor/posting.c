/*
 * Calls from other threads: an array under a lock, emptied in one batch a turn.
 *
 * Two blocks of memory take turns: one is filled while the other's calls run, so that nothing is
 * allocated once they are as large as the traffic asks for. The reactor is woken at most once for
 * a batch, and only when it sleeps: `awake` is true from a turn's beginning, and from the driver's
 * return, to the last look at `pending` before it waits. Poster and reactor each write one of the
 * two and then read the other, all in one order that both agree on (memory_order_seq_cst); so at
 * least one of them sees what the other wrote, and no call is slept over.
 */
#include "reactor/reactor.h"

#include "base/memory.h"

#include <sched.h>

enum {
    CAPACITY_FIRST = 64,
    CAPACITY_KEPT = 4096, /* a larger block goes back to the heap when it is hardly used */
};

typedef struct batch {
    torc__post *posts;
    size_t count;
    size_t capacity;
    torc__list tasks;
} batch;

void torc__posting_init(torc__posting *posting)
{
    pthread_mutex_init(&posting->lock, NULL);
    torc__list_init(&posting->tasks);
}

/* A wake-up takes a moment, which nobody but who frees a reactor has to wait for. */
void torc__posting_await_wakers(torc__posting *posting)
{
    while (atomic_load(&posting->wakers) != 0)
        sched_yield();
}

void torc__posting_destroy(torc__posting *posting)
{
    torc__free(posting->posts);
    torc__free(posting->spare);
    pthread_mutex_destroy(&posting->lock);
}

/* -- from any thread, with the lock held --------------------------------------------------- */

static bool make_room(torc__posting *posting)
{
    size_t capacity = posting->capacity != 0 ? posting->capacity * 2 : CAPACITY_FIRST;
    torc__post *posts = torc__reallocate(posting->posts, capacity * sizeof(*posts));

    if (posts == NULL)
        return false;
    posting->posts = posts;
    posting->capacity = capacity;
    return true;
}

/* Whether the reactor is to be woken, when the lock has been let go of. */
static bool announce(torc__posting *posting)
{
    if (atomic_load_explicit(&posting->pending, memory_order_relaxed))
        return false;
    atomic_store(&posting->pending, true);
    if (atomic_load(&posting->awake))
        return false;
    atomic_fetch_add(&posting->wakers, 1);
    return true;
}

/* -- from any thread ----------------------------------------------------------------------- */

/* Without the lock, for which the reactor would only have to wait. */
static void wake(torc_reactor *reactor)
{
    reactor->driver->kind->wake(reactor->driver);
    atomic_fetch_sub(&reactor->posting.wakers, 1);
}

bool torc_call_from_thread(torc_reactor *reactor, torc_call *call, void *argument)
{
    torc__posting *posting = &reactor->posting;
    bool wakes = false;
    bool taken;

    pthread_mutex_lock(&posting->lock);
    taken = !posting->closed &&
        (TORC_LIKELY(posting->count < posting->capacity) || make_room(posting));
    if (taken) {
        posting->posts[posting->count].call = call;
        posting->posts[posting->count].argument = argument;
        posting->count++;
        wakes = announce(posting);
    }
    pthread_mutex_unlock(&posting->lock);
    if (wakes)
        wake(reactor);
    return taken;
}

bool torc__post_task_from_thread(torc_reactor *reactor, torc__task *task)
{
    torc__posting *posting = &reactor->posting;
    bool wakes = false;
    bool taken;

    pthread_mutex_lock(&posting->lock);
    taken = !posting->closed;
    if (taken) {
        torc__list_append(&posting->tasks, &task->link);
        wakes = announce(posting);
    }
    pthread_mutex_unlock(&posting->lock);
    if (wakes)
        wake(reactor);
    return taken;
}

/* -- in the reactor's thread --------------------------------------------------------------- */

static void take_batch(torc__posting *posting, bool close, batch *ret_batch)
{
    pthread_mutex_lock(&posting->lock);
    ret_batch->posts = posting->posts;
    ret_batch->count = posting->count;
    ret_batch->capacity = posting->capacity;
    torc__list_move(&posting->tasks, &ret_batch->tasks);
    posting->posts = posting->spare;
    posting->count = 0;
    posting->capacity = posting->spare_capacity;
    posting->closed = posting->closed || close;
    atomic_store_explicit(&posting->pending, false, memory_order_relaxed);
    pthread_mutex_unlock(&posting->lock);
    posting->spare = NULL;
    posting->spare_capacity = 0;
}

static void run_batch(torc_reactor *reactor, batch *taken)
{
    torc__list *link;

    for (size_t i = 0; i < taken->count; i++) {
        const torc__context *outer = torc__enter(reactor, NULL);

        taken->posts[i].call(taken->posts[i].argument);
        torc__leave(reactor, outer);
    }
    while ((link = torc__list_take_first(&taken->tasks)) != NULL) {
        torc__task *task = TORC_CONTAINER_OF(link, torc__task, link);
        const torc__context *outer = torc__enter(reactor, NULL);

        task->run(task);
        torc__leave(reactor, outer);
    }
}

static void give_block_back(torc__posting *posting, const batch *ran)
{
    if (ran->capacity > CAPACITY_KEPT && ran->count < ran->capacity / 8) {
        torc__free(ran->posts);
        return;
    }
    posting->spare = ran->posts;
    posting->spare_capacity = ran->capacity;
}

void torc__run_posts(torc_reactor *reactor)
{
    batch taken;

    take_batch(&reactor->posting, false, &taken);
    run_batch(reactor, &taken);
    give_block_back(&reactor->posting, &taken);
}

/* What was taken before runs, so that nobody's argument is lost. */
void torc__posting_close(torc_reactor *reactor)
{
    batch taken;

    take_batch(&reactor->posting, true, &taken);
    run_batch(reactor, &taken);
    give_block_back(&reactor->posting, &taken);
}
