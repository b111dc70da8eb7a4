/*
 * Many jobs, some at once: a row of slots, and a task of the loop that fills those that are free.
 *
 * Only that task asks for further jobs and ends the run, so that a job that is over at once, or
 * within another's deferred, does no more than free its slot: nothing here recurses, and a million
 * jobs that are over at once take turns with the rest of the loop.
 *
 * The summary, which may outlive the run, is a counted block of its own.
 */
#include <torc/jobs.h>

#include "base/memory.h"
#include "reactor/reactor.h"
#include "task/members.h"
#include "task/waiting.h"

#include <stdio.h>

enum { AT_ONCE = 10 };

typedef struct summary {
    torc_jobs_summary told; /* first */
    torc_failure *first_failure;
    size_t holds;
} summary;

typedef struct job_run job_run;

typedef struct job_slot {
    torc_deferred *waiting; /* for the job; NULL: free */
    job_run *run;
    struct job_slot *next_free;
} job_slot;

struct job_run {
    torc__grave grave; /* first */
    torc_scoped scoped;
    torc__task filling;
    torc_reactor *reactor;
    torc_scope *scope;
    torc_deferred *done; /* NULL: it is over */
    torc_jobs_options options;
    summary *summary;
    job_slot *free_slots;
    size_t active;
    bool exhausted;      /* there are no further jobs */
    job_slot slots[];
};

/* -- the summary --------------------------------------------------------------------------- */

static void hold_summary(void *value)
{
    ((summary *)value)->holds++;
}

static void release_summary(void *value)
{
    summary *self = value;

    if (--self->holds != 0)
        return;
    torc_failure_release(self->first_failure);
    torc__free(self);
}

const torc_type torc_type_jobs = { "summary of jobs", hold_summary, release_summary };

const torc_jobs_summary *torc_result_jobs(torc_result result)
{
    return torc_result_value(result, &torc_type_jobs);
}

static void count_result(summary *self, torc_result result)
{
    if (!torc_is_failure(result)) {
        self->told.succeeded++;
        return;
    }
    self->told.failed++;
    if (self->first_failure != NULL)
        return;
    self->first_failure = torc_failure_hold(torc_result_failure(result));
    self->told.first_failure = self->first_failure;
}

/* -- ending -------------------------------------------------------------------------------- */

static void free_run(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, job_run, grave));
}

static void close_run(job_run *self)
{
    if (self->done == NULL)
        return;
    self->done = NULL;
    torc__cancel_task(&self->filling);
    torc_scope_remove(&self->scoped);
    for (size_t i = 0; i < self->options.at_once; i++)
        torc__stop_waiting(&self->slots[i].waiting);
    release_summary(self->summary);
    torc__bury(self->reactor, &self->grave, free_run);
}

static void scope_ended(torc_scoped *scoped)
{
    close_run(TORC_CONTAINER_OF(scoped, job_run, scoped));
}

static void cancelled(torc_deferred *deferred, void *argument)
{
    (void)deferred;
    close_run(argument);
}

static bool is_given_up(const job_run *self)
{
    return self->summary->first_failure != NULL && !self->options.keeps_going;
}

static void finish(job_run *self)
{
    torc_deferred *done = self->done;
    torc_result result = torc_value(&torc_type_jobs, self->summary);

    if (is_given_up(self))
        result = torc_value(&torc_type_failure, self->summary->first_failure);
    result = torc_result_hold(result);
    close_run(self);
    torc_fire(done, result);
}

static void describe(const torc_scoped *scoped, char *text, size_t size)
{
    const job_run *self = TORC_CONTAINER_OF(scoped, job_run, scoped);

    snprintf(text, size, "%zu under way, %zu done", self->active,
        self->summary->told.succeeded + self->summary->told.failed);
}

const torc__member_kind torc__members_jobs = {
    .end = scope_ended,
    .name = "run of jobs",
    .describe = describe,
};

/* -- running ------------------------------------------------------------------------------- */

static torc_result job_over(void *argument, torc_result result)
{
    job_slot *slot = argument;
    job_run *self = slot->run;

    slot->waiting = NULL;
    slot->next_free = self->free_slots;
    self->free_slots = slot;
    self->active--;
    count_result(self->summary, result);
    torc__queue_task(self->reactor, &self->filling);
    return torc_nothing();
}

/* False when there was none, or the run was over when it came. */
static bool begin_job(job_run *self)
{
    const torc__context *outer = torc__enter(self->reactor, self->scope->context);
    torc_deferred *job = self->options.next(self->options.argument);
    job_slot *slot = self->free_slots;

    torc__leave(self->reactor, outer);
    if (self->done == NULL) {
        if (job != NULL)
            torc__abandon(torc_wait_for(job));
        return false;
    }
    if (job == NULL) {
        self->exhausted = true;
        return false;
    }
    self->free_slots = slot->next_free;
    self->active++;
    torc__wait(&slot->waiting, self->scope, job, job_over, slot);
    return true;
}

static bool wants_more(const job_run *self)
{
    return self->free_slots != NULL && !self->exhausted && !is_given_up(self);
}

/*
 * At most a row of new ones in a turn, though there are always free slots where they are over at
 * once. Whichever is over asks for the next turn's filling.
 */
static void fill(torc__task *queued)
{
    job_run *self = TORC_CONTAINER_OF(queued, job_run, filling);
    size_t begun = 0;

    while (begun < self->options.at_once && wants_more(self) && begin_job(self))
        begun++;
    if (self->done == NULL)
        return;
    if (is_given_up(self) || (self->exhausted && self->active == 0))
        finish(self);
}

/* -- starting ------------------------------------------------------------------------------ */

static job_run *make_run(const torc_jobs_options *options)
{
    size_t at_once = options->at_once != 0 ? options->at_once : AT_ONCE;
    summary *told = torc__allocate_zeroed(sizeof(*told));
    job_run *self = NULL;

    if (at_once < SIZE_MAX / 2 / sizeof(job_slot))
        self = torc__allocate_zeroed(sizeof(*self) + at_once * sizeof(job_slot));
    if (told == NULL || self == NULL) {
        torc__free(told);
        torc__free(self);
        return NULL;
    }
    told->holds = 1;
    self->summary = told;
    self->options = *options;
    self->options.at_once = at_once;
    self->filling.run = fill;
    for (size_t i = at_once; i-- > 0;) {
        self->slots[i].run = self;
        self->slots[i].next_free = self->free_slots;
        self->free_slots = &self->slots[i];
    }
    return self;
}

torc_deferred *torc_run_jobs(torc_scope *scope, const torc_jobs_options *options)
{
    job_run *self;

    torc__check_thread(scope->reactor, "torc_run_jobs");
    if (scope->ended)
        return torc_deferred_new(scope, NULL, NULL);
    self = make_run(options);
    if (self == NULL)
        return torc_deferred_fired(
            scope, torc_fail_with(&torc_error_out_of_memory, "cannot run jobs"));
    self->reactor = scope->reactor;
    self->scope = scope;
    self->done = torc_deferred_new(scope, cancelled, self);
    torc_scope_add(scope, &self->scoped, scope_ended);
    torc__queue_task(self->reactor, &self->filling);
    return self->done;
}
