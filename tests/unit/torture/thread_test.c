/*
 * Jobs in worker threads and a job that waits for the reactor, with everything failing in turn, the
 * starting of threads above all. The jobs themselves allocate nothing: which thread would come upon
 * the fault first could not be told.
 */
#include "torture/torture.h"

#include <torc/thread.h>

enum { JOBS = 4 };

typedef struct work {
    torc_reactor *reactor;
    int ended; /* deferreds that have told what came */
    int went_well;
    int released;
} work;

static void note_release(void *argument)
{
    ((work *)argument)->released++;
}

/* -- jobs ---------------------------------------------------------------------------------- */

static torc_result count_to_ten(void *unused)
{
    (void)unused;
    return torc_integer(10);
}

/* Late where the wait was cancelled for want of memory: that one time is swallowed. */
static void fire_later(void *deferred)
{
    torc_fire(deferred, torc_integer(10));
}

/* In the reactor's thread, in which this may want memory. */
static torc_result give_ten_later(void *argument)
{
    work *w = argument;
    torc_deferred *later = torc_deferred_new(torc_root(w->reactor), NULL, NULL);
    torc_delayed_call call =
        torc_call_later(torc_root(w->reactor), TORC_MILLISECOND, fire_later, later);

    if (!torc_delayed_is_active(&call))
        fire_later(later);
    return torc_wait_for(later);
}

static torc_result ask_reactor(void *argument)
{
    work *w = argument;

    return torc_blocking_call_from_thread(w->reactor, give_ten_later, w);
}

/* -- the conversation ---------------------------------------------------------------------- */

static torc_result note_end(void *argument, torc_result result)
{
    work *w = argument;

    w->ended++;
    if (torc_is_failure(result))
        assert_non_null(torc_failure_text(torc_result_failure(result)));
    else
        w->went_well += torc_result_integer(result) == 10;
    return torc_nothing();
}

static torc_deferred *begin(work *w, torc_job *run)
{
    const torc_job_options options = {
        .name = "tortured job",
        .run = run,
        .argument = w,
        .release = note_release,
    };
    torc_deferred *deferred = torc_defer_to_thread_with(torc_root(w->reactor), &options);

    torc_add_both(deferred, note_end, w);
    return deferred;
}

static void work_once(work *w)
{
    const torc_thread_limits limits = { .most = 2 };

    w->ended = w->went_well = w->released = 0;
    (void)torc_set_thread_limits(w->reactor, &limits);
    begin(w, count_to_ten);
    begin(w, ask_reactor);
    begin(w, count_to_ten);
    torc_cancel(begin(w, count_to_ten));
    torture_run_until(w->reactor, &w->ended, JOBS);
    torture_run_until(w->reactor, &w->released, JOBS);
    assert_int_equal(w->ended, JOBS);
    assert_int_equal(w->released, JOBS);
}

static void jobs(void *unused)
{
    work w = { 0 };

    (void)unused;
    torture_pause(true);
    w.reactor = torc_reactor_new();
    torture_pause(false);
    work_once(&w);
    torture_over();
    work_once(&w);
    assert_int_equal(w.went_well, JOBS - 1);
    torc_reactor_free(w.reactor);
}

static void jobs_survive_every_fault(void **state)
{
    (void)state;
    torc_log_set_level(TORC_LOG_CRITICAL);
    torture(jobs, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_survive_every_fault),
    };

    torc_log_add_observer(TORC_LOG_WARN, torture_hush, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
