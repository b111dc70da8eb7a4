/*
 * Gathers, locks, queues and what stands between them, with each allocation failing in turn:
 * whatever fails, everything that was asked for has an outcome, and what was held is let go.
 */
#include "torture/torture.h"

#include <torc/gather.h>
#include <torc/lock.h>
#include <torc/queue.h>

enum { JOBS = 3 };

typedef struct errand {
    torc_reactor *reactor;
    torc_scope *scope;
    torc_lock *lock;
    torc_semaphore *semaphore;
    torc_queue *queue;
    int outcomes;
} errand;

static torc_result count_outcome(void *counted, torc_result result)
{
    errand *self = counted;

    (void)result;
    self->outcomes++;
    return torc_nothing();
}

static torc_result put_words(torc_scope *scope, void *argument)
{
    errand *self = argument;

    return torc_wait_for(torc_queue_put(self->queue, scope, torc_text("three words long")));
}

static torc_result get_words(torc_scope *scope, void *argument)
{
    errand *self = argument;

    return torc_wait_for(torc_queue_get(self->queue, scope));
}

static torc_result run_locked(torc_scope *scope, void *argument)
{
    errand *self = argument;

    return torc_wait_for(torc_lock_run(self->lock, scope, put_words, self));
}

static void gather_jobs(errand *self, torc_action *action,
    torc_deferred *(*gather)(torc_scope *scope, torc_deferred *const *deferreds, size_t count))
{
    torc_deferred *jobs[JOBS];

    for (int i = 0; i < JOBS; i++)
        jobs[i] = torc_semaphore_run(self->semaphore, self->scope, action, self);
    torc_add_both(gather(self->scope, jobs, JOBS), count_outcome, self);
}

static void run_errand(void *unused)
{
    errand self = { 0 };

    (void)unused;
    torture_pause(true);
    self.reactor = torc_reactor_new();
    self.scope = torc_root(self.reactor);
    self.lock = torc_lock_new(self.scope);
    self.semaphore = torc_semaphore_new(self.scope, 2);
    self.queue = torc_queue_new(self.scope, 1, 2 * JOBS);
    torture_pause(false);
    gather_jobs(&self, run_locked, torc_gather);
    torc_add_both(torc_maybe(self.scope, get_words, &self), count_outcome, &self);
    gather_jobs(&self, get_words, torc_gather_outcomes);
    gather_jobs(&self, run_locked, torc_race);
    torture_over();
    torc_queue_close(self.queue);
    torture_run_until(self.reactor, &self.outcomes, 4);
    if (torc_lock_is_held(self.lock) || torc_semaphore_available(self.semaphore) != 2)
        fail_msg("%s: what was acquired has not been released", torture_fault());
    torc_reactor_free(self.reactor);
}

static void an_errand_comes_to_its_end_whatever_fails(void **state)
{
    (void)state;
    torc_log_add_observer(TORC_LOG_DEBUG, torture_hush, NULL);
    torture(run_errand, NULL);
    torc_log_remove_observer(torture_hush, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_errand_comes_to_its_end_whatever_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
