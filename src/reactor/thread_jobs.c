/*
 * Jobs in worker threads, with a deferred for each: <torc/thread.h>.
 *
 * A job's record belongs to the reactor's thread, which makes it, takes it back (a canceller, the
 * end) and frees it. A worker has it from the moment in which the pool takes it out of the line
 * until it posts it back; in between the reactor's thread touches only `deferred`, which the worker
 * never does, and reads `stage` and `began`, which are atomic. So there is no lock but the pool's.
 *
 *     WAITING --the pool--> RUNNING --posted--> DONE --delivered--> back to the records' pool
 *        `-- withdrawn by the canceller ------------------------------^
 *
 * A reactor that takes no posts any more finds what is DONE in the list `all`, when it has joined
 * the threads.
 */
#include <torc/thread.h>

#include "base/abort.h"
#include "base/memory.h"
#include "reactor/reactor.h"
#include "reactor/thread_pool.h"

#include <torc/log.h>

#include <errno.h>
#include <stdlib.h>

enum {
    MOST_DEFAULT = 10,
    WAITING_DEFAULT = 4096,
    RECORDS_KEPT = 64,
};

#define IDLE_TIME_DEFAULT (30 * TORC_SECOND)
#define PATIENCE_DEFAULT  (10 * TORC_SECOND)

typedef enum job_stage { WAITING, RUNNING, DONE } job_stage;

typedef struct torc__thread_jobs {
    torc__thread_pool threads;
    torc_reactor *reactor;
    torc__list all;      /* that are not delivered; the reactor's thread's own */
    torc__pool records;
    torc_time patience;
} jobs_of_reactor;

typedef struct job {
    torc__thread_work work;
    torc__task delivery;
    torc__list link; /* in `all` */
    jobs_of_reactor *owner;
    torc_job_options options;
    torc_result result;
    torc_deferred *deferred; /* NULL: nobody wants the result any more */
    atomic_int stage;
    torc_time began;         /* written before `stage` says RUNNING */
} job;

/* -- in a worker thread -------------------------------------------------------------------- */

static void run(torc__thread_work *work)
{
    job *self = TORC_CONTAINER_OF(work, job, work);

    self->began = torc_monotonic_now();
    atomic_store(&self->stage, RUNNING);
    self->result = self->options.run(self->options.argument);
    atomic_store(&self->stage, DONE);
    /* Refused at the reactor's end only, which finds it in `all`. */
    (void)torc__post_task_from_thread(self->owner->reactor, &self->delivery);
}

/* -- in the reactor's thread --------------------------------------------------------------- */

static const char *name_of(const torc_job_options *options)
{
    return options->name != NULL ? options->name : "a job";
}

static void release_argument(const torc_job_options *options)
{
    if (options->release != NULL)
        options->release(options->argument);
}

/* The argument is the last that may run code of the user's; the record is gone by then. */
static void forget(job *self)
{
    torc_job_options options = self->options;

    torc__list_remove(&self->link);
    torc__pool_give(&self->owner->records, self);
    release_argument(&options);
}

static void check_result(const job *self)
{
    if (TORC_UNLIKELY(self->result.type == &torc_type_deferred))
        torc__abort("%s, a job in a worker thread, returned a deferred, which it cannot have; "
                    "let the callback of its own deferred return that one",
            name_of(&self->options));
}

static void deliver(torc__task *task)
{
    job *self = TORC_CONTAINER_OF(task, job, delivery);

    check_result(self);
    /* The argument outlives the chain: what comes back may point into it. */
    if (self->deferred != NULL)
        torc_fire(self->deferred, self->result);
    else
        torc_result_release(self->result);
    forget(self);
}

static void cancel(torc_deferred *deferred, void *argument)
{
    job *self = argument;

    (void)deferred;
    self->deferred = NULL;
    if (torc__thread_pool_withdraw(&self->owner->threads, &self->work))
        forget(self);
}

/* -- beginning ----------------------------------------------------------------------------- */

static torc__thread_pool_limits pool_limits(const torc_thread_limits *limits)
{
    torc__thread_pool_limits filled = {
        .most = limits->most != 0 ? limits->most : MOST_DEFAULT,
        .least = limits->least,
        .waiting = limits->waiting != 0 ? limits->waiting : WAITING_DEFAULT,
        .idle_time = limits->idle_time > 0 ? limits->idle_time : IDLE_TIME_DEFAULT,
    };

    return filled;
}

/* NULL when memory is out. */
static jobs_of_reactor *jobs_in(torc_reactor *reactor)
{
    static const torc_thread_limits defaults = { 0 };
    torc__thread_pool_limits limits = pool_limits(&defaults);
    jobs_of_reactor *jobs = reactor->jobs;

    if (jobs != NULL)
        return jobs;
    jobs = torc__allocate_zeroed(sizeof(*jobs));
    if (jobs == NULL)
        return NULL;
    torc__thread_pool_init(&jobs->threads, "torc-worker", &limits);
    jobs->reactor = reactor;
    jobs->patience = PATIENCE_DEFAULT;
    torc__list_init(&jobs->all);
    torc__pool_init(&jobs->records, sizeof(job), RECORDS_KEPT);
    reactor->jobs = jobs;
    return jobs;
}

/* NULL when memory is out. */
static job *make_job(torc_reactor *reactor, const torc_job_options *options)
{
    jobs_of_reactor *jobs = jobs_in(reactor);
    job *self = jobs != NULL ? torc__pool_take(&jobs->records) : NULL;

    if (self == NULL)
        return NULL;
    *self = (job){
        .work.run = run,
        .delivery.run = deliver,
        .owner = jobs,
        .options = *options,
        .stage = WAITING,
    };
    torc__list_append(&jobs->all, &self->link);
    return self;
}

static torc_deferred *not_begun(
    torc_scope *scope, const torc_job_options *options, torc_result reason)
{
    torc_deferred *deferred = torc_deferred_fired(scope, reason);

    release_argument(options);
    return deferred;
}

static torc_result why_not(const job *self, int error)
{
    const char *name = name_of(&self->options);

    if (error == ENOBUFS)
        return torc_fail_with(&torc_error_limit,
            "%s is not begun: so many jobs wait for a thread already as are allowed to", name);
    return torc_fail(torc_failure_from_errno(error, "no thread can be started for %s", name));
}

torc_deferred *torc_defer_to_thread_with(torc_scope *scope, const torc_job_options *options)
{
    torc_reactor *reactor = scope->reactor;
    torc_deferred *deferred;
    torc_result reason;
    int error;
    job *self;

    torc__check_thread(reactor, "torc_defer_to_thread");
    if (scope->ended || reactor->posting.closed)
        return not_begun(scope, options,
            torc_fail_with(&torc_error_cancelled, "the reactor has stopped"));
    self = make_job(reactor, options);
    if (self == NULL)
        return not_begun(scope, options,
            torc_fail_with(&torc_error_out_of_memory, "no memory for %s", name_of(options)));
    /* Before a thread has the record: afterwards nothing but the worker may write to it. */
    deferred = torc_deferred_new(scope, cancel, self);
    self->deferred = deferred;
    error = torc__thread_pool_add(&self->owner->threads, &self->work);
    if (error == 0)
        return deferred;
    reason = why_not(self, error);
    torc_fire(deferred, reason);
    forget(self);
    return deferred;
}

torc_deferred *torc_defer_to_thread_named(
    torc_scope *scope, const char *name, torc_job *function, void *argument)
{
    const torc_job_options options = {
        .name = name,
        .run = function,
        .argument = argument,
        .release = free,
    };

    torc__check_thread(scope->reactor, "torc_defer_to_thread");
    if (argument == NULL)
        return torc_deferred_fired(scope, torc_fail_with(&torc_error_out_of_memory,
            "%s is not begun: its argument is NULL, a copy for which there was no memory", name));
    return torc_defer_to_thread_with(scope, &options);
}

/* -- how many ------------------------------------------------------------------------------ */

bool torc_set_thread_limits(torc_reactor *reactor, const torc_thread_limits *limits)
{
    torc__thread_pool_limits filled = pool_limits(limits);
    jobs_of_reactor *jobs;

    torc__check_thread(reactor, "torc_set_thread_limits");
    jobs = jobs_in(reactor);
    if (jobs == NULL)
        return false;
    jobs->patience = limits->patience > 0 ? limits->patience : PATIENCE_DEFAULT;
    torc__thread_pool_set_limits(&jobs->threads, &filled);
    return true;
}

torc_thread_counts torc_count_threads(torc_reactor *reactor)
{
    torc_thread_counts counts = { 0 };
    torc__thread_pool *threads;

    torc__check_thread(reactor, "torc_count_threads");
    if (reactor->jobs == NULL)
        return counts;
    threads = &reactor->jobs->threads;
    pthread_mutex_lock(&threads->lock);
    counts.threads = threads->threads;
    counts.running = threads->running;
    counts.waiting = threads->waiting;
    pthread_mutex_unlock(&threads->lock);
    return counts;
}

/* -- the end ------------------------------------------------------------------------------- */

static void name_those_that_run(void *argument)
{
    const jobs_of_reactor *jobs = argument;

    for (const torc__list *link = jobs->all.next; link != &jobs->all; link = link->next) {
        const job *self = TORC_CONTAINER_OF(link, job, link);
        torc_time held;

        if (atomic_load(&self->stage) != RUNNING)
            continue;
        held = torc_monotonic_now() - self->began;
        torc_log_warn("the end waits for %s, a job that has been running in a thread for %lld s",
            name_of(&self->options), (long long)(held / TORC_SECOND));
    }
}

/* The scopes have ended: no deferred is left, nothing waits, and nobody posts. */
void torc__thread_jobs_close(torc_reactor *reactor)
{
    jobs_of_reactor *jobs = reactor->jobs;

    if (jobs == NULL)
        return;
    torc__thread_pool_join(&jobs->threads, jobs->patience, name_those_that_run, jobs);
    while (!torc__list_is_empty(&jobs->all))
        deliver(&TORC_CONTAINER_OF(jobs->all.next, job, link)->delivery);
    torc__thread_pool_destroy(&jobs->threads);
    torc__pool_drain(&jobs->records);
    torc__free(jobs);
    reactor->jobs = NULL;
}
