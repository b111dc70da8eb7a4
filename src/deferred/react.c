/*
 * torc_react: a reactor around one coroutine.
 *
 * The job is what keeps the reactor running, and a stop from elsewhere (a signal, torc_stop) waits
 * for the job: a shutdown trigger cancels it and gives a deferred for its end.
 */
#include "deferred/coroutine.h"

#include <torc/log.h>

typedef struct main_job_state {
    torc_reactor *reactor;
    torc_deferred *job;     /* NULL: done */
    torc_deferred *stopped; /* what the shutdown waits for; NULL: it does not */
} main_job_state;

static bool is_cancelled(torc_result result)
{
    return torc_failure_is(torc_result_failure(result), &torc_error_cancelled);
}

static torc_result job_done(void *argument, torc_result result)
{
    main_job_state *state = argument;
    bool failed = torc_is_failure(result);

    if (failed && !(state->stopped != NULL && is_cancelled(result)))
        torc_log_describe(TORC_LOG_ERROR, "The main job failed", torc_result_failure(result));
    state->job = NULL;
    torc_stop_with(state->reactor, failed ? 1 : 0);
    if (state->stopped != NULL)
        torc_fire(state->stopped, torc_nothing());
    return torc_nothing();
}

static torc_deferred *stop_job(void *argument)
{
    main_job_state *state = argument;

    if (state->job == NULL)
        return NULL;
    state->stopped = torc_deferred_new(torc_root(state->reactor), NULL, NULL);
    torc_cancel(state->job);
    return state->stopped;
}

int torc_react_named(const char *name, torc_coroutine *main_job, void *argument)
{
    main_job_state state = { .reactor = torc_reactor_new() };
    torc_scope *root = torc_root(state.reactor);

    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, stop_job, &state);
    state.job = torc_spawn_named(root, name, main_job, argument);
    torc_add_both(state.job, job_done, &state);
    return torc_run(state.reactor);
}
