/*
 * Calls between threads, beside libuv_async.c, which does the same on libuv. Prints lines
 * "NAME VALUE ns", each the best of some rounds: the others were disturbed.
 *
 *   one_way      a thread sends messages to a loop as fast as it can: time per message, from the
 *                first sent to the last received
 *   round_trip   two loops in two threads send one message back and forth: time per round
 *   job          one job at a time in a worker thread, and its result back
 *   jobs         the same, 64 under way
 */
#include <torc.h>
#include <torc/thread.h>

#include "common/program.h"

#include <pthread.h>

enum { MESSAGES = 300000, TRIPS = 3000, JOBS = 3000, JOBS_AT_ONCE = 64, ROUNDS = 7 };

static torc_reactor *reactor;
static torc_reactor *other_reactor;
static pthread_barrier_t both;
static int left;

/* Runs it for the rounds; `count` is what one round does. */
static void measure(const char *name, void (*round)(void), int count)
{
    double best = 1e18;

    for (int i = 0; i < ROUNDS; i++) {
        torc_time begin = torc_monotonic_now();
        double each;

        left = count;
        round();
        each = (double)(torc_monotonic_now() - begin) / count;
        if (each < best)
            best = each;
    }
    bench_say("%s %.1f ns", name, best);
}

static void run_beside(void *(*run)(void *), void (*begin)(void *))
{
    pthread_t thread;

    reactor = torc_reactor_new();
    if (pthread_create(&thread, NULL, run, NULL) != 0)
        bench_fatal("no thread");
    pthread_barrier_wait(&both);
    if (begin != NULL)
        torc_call_from_thread(reactor, begin, NULL);
    torc_run_and_keep(reactor);
    pthread_barrier_wait(&both);
    pthread_join(thread, NULL);
    torc_reactor_free(reactor);
}

/* -- one way ------------------------------------------------------------------------------- */

static void count_message(void *argument)
{
    (void)argument;
    if (--left == 0)
        torc_stop(reactor);
}

static void *send_all(void *argument)
{
    pthread_barrier_wait(&both);
    for (int i = 0; i < MESSAGES; i++)
        if (!torc_call_from_thread(reactor, count_message, argument))
            bench_fatal("a message was not taken");
    pthread_barrier_wait(&both);
    return argument;
}

static void one_way(void)
{
    run_beside(send_all, NULL);
}

/* -- round trips --------------------------------------------------------------------------- */

static void stop_other(void *argument)
{
    (void)argument;
    torc_stop(other_reactor);
}

static void come_back(void *argument);

static void go_there(void *argument)
{
    torc_call_from_thread(reactor, come_back, argument);
}

static void come_back(void *argument)
{
    if (left-- > 0) {
        torc_call_from_thread(other_reactor, go_there, argument);
        return;
    }
    torc_call_from_thread(other_reactor, stop_other, NULL);
    torc_stop(reactor);
}

static void *run_other(void *argument)
{
    other_reactor = torc_reactor_new();
    pthread_barrier_wait(&both);
    torc_run_and_keep(other_reactor);
    pthread_barrier_wait(&both);
    torc_reactor_free(other_reactor);
    return argument;
}

static void round_trips(void)
{
    run_beside(run_other, come_back);
}

/* -- jobs ---------------------------------------------------------------------------------- */

static torc_result do_nothing(void *argument)
{
    (void)argument;
    return torc_nothing();
}

static int begun;

static void begin_job(void *argument);

static torc_result job_done(void *argument, torc_result result)
{
    (void)result;
    if (--left == 0)
        torc_stop(reactor);
    else if (begun < JOBS)
        begin_job(argument);
    return torc_nothing();
}

static void begin_job(void *argument)
{
    static const torc_job_options options = { .run = do_nothing };

    begun++;
    torc_add_both(torc_defer_to_thread_with(torc_root(reactor), &options), job_done, argument);
}

static void run_jobs(int at_once)
{
    static const torc_thread_limits limits = { .most = 4 }; /* as many as libuv has */

    reactor = torc_reactor_new();
    torc_set_thread_limits(reactor, &limits);
    begun = 0;
    for (int i = 0; i < at_once; i++)
        begin_job(NULL);
    torc_run_and_keep(reactor);
    torc_reactor_free(reactor);
}

static void one_job_at_a_time(void)
{
    run_jobs(1);
}

static void many_jobs_at_once(void)
{
    run_jobs(JOBS_AT_ONCE);
}

int main(void)
{
    pthread_barrier_init(&both, NULL, 2);
    measure("one_way", one_way, MESSAGES);
    measure("round_trip", round_trips, TRIPS);
    measure("job", one_job_at_a_time, JOBS);
    measure("jobs", many_jobs_at_once, JOBS);
    return 0;
}
