/*
 * Calls from other threads: a list under a lock, emptied in one batch a turn. The reactor is woken
 * once for a batch, not once for each call.
 */
#include "reactor/reactor.h"

#include "base/memory.h"

typedef struct torc__post {
    struct torc__post *next;
    torc_call *call;
    void *argument;
} post;

void torc__posting_init(torc__posting *posting)
{
    pthread_mutex_init(&posting->lock, NULL);
    posting->first = NULL;
    posting->last = &posting->first;
    posting->closed = false;
}

bool torc_call_from_thread(torc_reactor *reactor, torc_call *call, void *argument)
{
    torc__posting *posting = &reactor->posting;
    post *new_post = torc__allocate(sizeof *new_post);
    bool taken;

    if (new_post == NULL)
        return false;
    new_post->next = NULL;
    new_post->call = call;
    new_post->argument = argument;

    pthread_mutex_lock(&posting->lock);
    taken = !posting->closed;
    if (taken) {
        *posting->last = new_post;
        posting->last = &new_post->next;
        /* Inside the lock: a reactor that has closed its posting is not woken any more. */
        if (!atomic_exchange(&reactor->woken, true))
            reactor->driver->kind->wake(reactor->driver);
    }
    pthread_mutex_unlock(&posting->lock);
    if (!taken)
        torc__free(new_post);
    return taken;
}

static post *take_batch(torc__posting *posting, bool close)
{
    post *batch;

    pthread_mutex_lock(&posting->lock);
    batch = posting->first;
    posting->first = NULL;
    posting->last = &posting->first;
    posting->closed = posting->closed || close;
    pthread_mutex_unlock(&posting->lock);
    return batch;
}

static void run_batch(torc_reactor *reactor, post *batch)
{
    while (batch != NULL) {
        post *next = batch->next;
        const torc__context *outer = torc__enter(reactor, NULL);

        batch->call(batch->argument);
        torc__leave(reactor, outer);
        torc__free(batch);
        batch = next;
    }
}

void torc__run_posts(torc_reactor *reactor)
{
    atomic_store(&reactor->woken, false);
    run_batch(reactor, take_batch(&reactor->posting, false));
}

bool torc__has_posts(torc_reactor *reactor)
{
    return atomic_load_explicit(&reactor->woken, memory_order_relaxed);
}

/* What was taken before runs, so that nobody's argument is lost. */
void torc__posting_close(torc_reactor *reactor)
{
    run_batch(reactor, take_batch(&reactor->posting, true));
}
