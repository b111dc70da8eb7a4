/*
 * Jobs in worker threads: where they run, how many at once, what becomes of their arguments and
 * results, how they are cancelled, and how they end with the reactor.
 */
#include "reactor/thread_support.h"

#include "support/expect_abort.h"
#include "support/failing_allocation.h"
#include "support/failing_system_call.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

static int released;
static int released_elsewhere; /* not in the reactor's thread */
static atomic_int begun;

static void note_release(void *argument)
{
    (void)argument;
    released++;
    released_elsewhere += !torc_is_reactor_thread(reactor);
}

static const torc_type noted_type = { "noted", NULL, note_release };

static torc_deferred *start(torc_scope *scope, torc_job *job, void *argument)
{
    const torc_job_options options = {
        .name = "the job",
        .run = job,
        .argument = argument,
        .release = note_release,
    };

    return torc_defer_to_thread_with(scope, &options);
}

static void limit(unsigned int most, size_t waiting)
{
    const torc_thread_limits limits = { .most = most, .waiting = waiting };

    assert_true(torc_set_thread_limits(reactor, &limits));
}

static int set_up_jobs(void **state)
{
    released = released_elsewhere = 0;
    atomic_store(&begun, 0);
    return set_up_threads(state);
}

/* -- jobs ---------------------------------------------------------------------------------- */

static torc_result length(void *text)
{
    return torc_integer((int64_t)strlen(text));
}

static torc_result count(void *argument)
{
    (void)argument;
    return torc_integer(atomic_fetch_add(&begun, 1));
}

static torc_result stand(void *argument)
{
    (void)argument;
    atomic_fetch_add(&begun, 1);
    pass_gate();
    return torc_value(&noted_type, &released);
}

static torc_result is_elsewhere(void *argument)
{
    (void)argument;
    return torc_integer(!torc_is_reactor_thread(reactor));
}

static torc_result greet(void *name)
{
    return torc_text("Hello, %s", (const char *)name);
}

static torc_result fail_to_read(void *path)
{
    return torc_fail(torc_failure_from_errno(ENOENT, "cannot read %s", (const char *)path));
}

/* -- results and arguments ----------------------------------------------------------------- */

static void a_job_runs_in_another_thread_and_its_result_comes_by_the_deferred(void **state)
{
    outcome told;

    (void)state;
    watch(start(root, is_elsewhere, NULL), &told);
    assert_int_equal(told.fired, 0);
    assert_integer(&told, 1);
}

static void a_copy_is_handed_over_and_freed(void **state)
{
    outcome told;

    (void)state;
    watch(torc_defer_to_thread(root, length, torc_slice_dup(TORC_SLICE("four"))), &told);
    assert_integer(&told, 4);
}

static void bytes_and_failures_come_back(void **state)
{
    outcome greeted;
    outcome failed;

    (void)state;
    watch(torc_defer_to_thread(root, greet, strdup("Ada")), &greeted);
    watch(torc_defer_to_thread(root, fail_to_read, strdup("/no/such/file")), &failed);
    run_until(&greeted.fired, 1);
    assert_string_equal(torc_result_text(greeted.result), "Hello, Ada");
    torc_result_release(greeted.result);
    assert_failed(&failed, &torc_error_system, "cannot read /no/such/file: No such file");
}

static void a_copy_for_which_there_was_no_memory_fails_the_deferred(void **state)
{
    outcome told;

    (void)state;
    watch(torc_defer_to_thread(root, length, NULL), &told);
    assert_failed(&told, &torc_error_out_of_memory, "length is not begun");
}

static torc_result note_released(void *argument, torc_result result)
{
    *(int *)argument = released;
    return result;
}

static void the_argument_is_released_in_the_reactors_thread_after_the_chain(void **state)
{
    torc_deferred *deferred;
    int released_in_chain = -1;

    (void)state;
    deferred = start(root, count, NULL);
    torc_add_callback(deferred, note_released, &released_in_chain);
    run_until(&released, 1);
    assert_int_equal(released_in_chain, 0);
    assert_int_equal(released_elsewhere, 0);
}

static torc_result report_progress(void *argument)
{
    torc_call_from_thread(reactor, say, "half");
    torc_call_from_thread(reactor, say, "all");
    return torc_pointer(argument);
}

static torc_result say_done(void *argument, torc_result result)
{
    say(argument);
    released += torc_result_pointer(result) != NULL;
    return torc_nothing();
}

static void calls_that_a_job_makes_run_before_its_result_comes(void **state)
{
    const torc_job_options options = { .run = report_progress, .argument = &released };

    (void)state;
    torc_add_callback(torc_defer_to_thread_with(root, &options), say_done, "done");
    run_until(&released, 1);
    assert_ran("half all done ");
}

static torc_result return_deferred(void *argument)
{
    return torc_wait_for(argument);
}

static void start_deferred_in_thread(void)
{
    int never = 0;

    start(root, return_deferred, torc_deferred_new(root, NULL, NULL));
    run_until(&never, 1);
}

static torc_result use_reactor(void *argument)
{
    torc_call_soon(root, say, argument);
    return torc_nothing();
}

static void start_misuse(void)
{
    int never = 0;

    start(root, use_reactor, "x");
    run_until(&never, 1);
}

static void misuse_in_a_job_aborts(void **state)
{
    (void)state;
    expect_abort(
        start_deferred_in_thread, "the job, a job in a worker thread, returned a deferred");
    expect_abort(start_misuse, "was called from a thread that the reactor does not belong to");
}

static torc_result look_around(void *name)
{
    sigset_t mask;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
#if defined(__linux__)
    pthread_getname_np(pthread_self(), name, 16);
#endif
    return torc_integer(sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM)
        && !sigismember(&mask, SIGSEGV));
}

static void a_worker_has_a_name_and_leaves_signals_to_the_program(void **state)
{
    char name[16] = "torc-worker";
    sigset_t mask;
    outcome told;

    (void)state;
    watch(start(root, look_around, name), &told);
    assert_integer(&told, 1);
    assert_string_equal(name, "torc-worker");
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_false(sigismember(&mask, SIGINT));
}

/* -- how many ------------------------------------------------------------------------------ */

static torc_result note_begin(void *number)
{
    return torc_integer(atomic_fetch_add(&begun, 1) == *(int *)number);
}

static void jobs_begin_in_the_order_in_which_they_were_given(void **state)
{
    enum { MANY = 50 };
    int numbers[MANY];
    outcome told[MANY];

    (void)state;
    limit(1, 0);
    for (int i = 0; i < MANY; i++) {
        numbers[i] = i;
        watch(start(root, note_begin, &numbers[i]), &told[i]);
    }
    for (int i = 0; i < MANY; i++)
        assert_integer(&told[i], 1);
}

static void no_more_threads_run_than_are_allowed(void **state)
{
    torc_thread_counts counts;

    (void)state;
    limit(3, 0);
    for (int i = 0; i < 8; i++)
        start(root, stand, NULL);
    wait_until_at_gate(3);
    counts = torc_count_threads(reactor);
    assert_int_equal(counts.threads, 3);
    assert_int_equal(counts.running, 3);
    assert_int_equal(counts.waiting, 5);
    open_gate();
    run_until(&released, 16);
    assert_int_equal(most_at_gate, 3);
}

static void more_threads_may_be_allowed_while_jobs_wait(void **state)
{
    (void)state;
    limit(1, 0);
    for (int i = 0; i < 3; i++)
        start(root, stand, NULL);
    wait_until_at_gate(1);
    limit(3, 0);
    wait_until_at_gate(3);
    limit(1, 0);
    open_gate();
    run_until(&released, 6);
}

static void wait_for_threads(unsigned int threads)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);

    while (torc_count_threads(reactor).threads != threads) {
        assert_true(torc_monotonic_now() < deadline);
        torc_iterate(reactor, TORC_MILLISECOND);
    }
}

static void a_reactor_without_jobs_has_no_threads_and_an_idle_thread_is_used_again(void **state)
{
    outcome told;

    (void)state;
    assert_int_equal(torc_count_threads(reactor).threads, 0);
    for (int i = 0; i < 5; i++) {
        watch(start(root, count, NULL), &told);
        assert_integer(&told, i);
        while (torc_count_threads(reactor).running != 0)
            torc_iterate(reactor, TORC_MILLISECOND);
    }
    assert_in_range(torc_count_threads(reactor).threads, 1, 2);
}

static void idle_threads_go_but_for_those_that_are_to_stay(void **state)
{
    const torc_thread_limits two_stay = { .least = 2, .idle_time = TORC_MILLISECOND };
    const torc_thread_limits none_stays = { .idle_time = TORC_MILLISECOND };
    outcome told;

    (void)state;
    assert_true(torc_set_thread_limits(reactor, &two_stay));
    for (int i = 0; i < 4; i++)
        start(root, stand, NULL);
    wait_until_at_gate(4);
    assert_int_equal(torc_count_threads(reactor).threads, 4);
    open_gate();
    wait_for_threads(2);
    assert_true(torc_set_thread_limits(reactor, &none_stays));
    wait_for_threads(0);
    watch(start(root, count, NULL), &told);
    assert_integer(&told, 4);
}

static void lowering_the_limit_ends_threads(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        start(root, stand, NULL);
    wait_until_at_gate(4);
    limit(1, 0);
    open_gate();
    wait_for_threads(1);
}

static void one_job_more_than_may_wait_fails(void **state)
{
    outcome told;

    (void)state;
    limit(2, 3);
    for (int i = 0; i < 5; i++)
        start(root, stand, NULL);
    watch(start(root, stand, NULL), &told);
    assert_failed(&told, &torc_error_limit, "the job is not begun");
    assert_int_equal(released, 1);
    open_gate();
    run_until(&released, 11);
    assert_int_equal(passed_gate, 5);
}

/* -- cancelling ---------------------------------------------------------------------------- */

static void a_job_that_waits_is_cancelled_before_it_begins(void **state)
{
    torc_deferred *waiting;
    outcome told;

    (void)state;
    limit(1, 0);
    start(root, stand, NULL);
    waiting = start(root, stand, NULL);
    watch(waiting, &told);
    wait_until_at_gate(1);
    torc_cancel(waiting);
    assert_int_equal(told.fired, 1);
    assert_failed(&told, &torc_error_cancelled, "");
    assert_int_equal(released, 1);
    open_gate();
    run_until(&released, 3);
    assert_int_equal(passed_gate, 1);
}

static void a_job_that_runs_is_cancelled_at_once_and_its_late_result_released(void **state)
{
    torc_deferred *running;
    outcome told;

    (void)state;
    running = start(root, stand, NULL);
    watch(running, &told);
    wait_until_at_gate(1);
    torc_cancel(running);
    assert_int_equal(told.fired, 1);
    assert_failed(&told, &torc_error_cancelled, "");
    turn();
    assert_int_equal(released, 0);
    open_gate();
    run_until(&released, 2);
    assert_int_equal(released_elsewhere, 0);
    assert_int_equal(told.fired, 1);
}

static void a_result_that_is_under_way_when_its_job_is_cancelled_is_released(void **state)
{
    torc_deferred *done;
    outcome told;

    (void)state;
    open_gate();
    done = start(root, stand, NULL);
    watch(done, &told);
    while (!torc__has_posts(reactor))
        sched_yield();
    torc_cancel(done);
    run_until(&released, 2);
    assert_failed(&told, &torc_error_cancelled, "");
}

static void the_end_of_the_scope_cancels_in_silence(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    outcome told[2];

    (void)state;
    limit(1, 0);
    watch(start(scope, stand, NULL), &told[0]);
    watch(start(scope, stand, NULL), &told[1]);
    wait_until_at_gate(1);
    torc_scope_end(scope);
    assert_int_equal(released, 1);
    open_gate();
    run_until(&released, 3);
    assert_int_equal(told[0].fired + told[1].fired, 0);
    assert_int_equal(passed_gate, 1);
    assert_int_equal(logged, 0);
}

static torc_result end_scope(void *scope, torc_result result)
{
    (void)result;
    torc_scope_end(scope);
    return torc_nothing();
}

static void the_scope_may_end_inside_the_jobs_own_callback(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    limit(1, 0);
    torc_add_both(start(scope, count, NULL), end_scope, scope);
    start(scope, stand, NULL);
    open_gate();
    while (released < 2)
        torc_iterate(reactor, TORC_MILLISECOND);
    assert_int_equal(released_elsewhere, 0);
}

static void a_job_may_have_a_timeout(void **state)
{
    torc_deferred *slow;
    outcome told;

    (void)state;
    slow = start(root, stand, NULL);
    torc_set_timeout(slow, TORC_MILLISECOND);
    watch(slow, &told);
    assert_failed(&told, &torc_error_timeout, "0.001 s");
}

static void nothing_begins_in_a_scope_that_has_ended(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    outcome told;

    (void)state;
    torc_scope_end(scope);
    watch(start(scope, count, NULL), &told);
    assert_failed(&told, &torc_error_cancelled, "");
    watch(torc_defer_to_thread(scope, length, strdup("x")), &told);
    assert_failed(&told, &torc_error_cancelled, "");
    assert_int_equal(released, 1);
    assert_int_equal(torc_count_threads(reactor).threads, 0);
}

/* -- the end ------------------------------------------------------------------------------- */

static void open_gate_at_end(void *unused)
{
    (void)unused;
    open_gate();
}

static void the_reactors_end_waits_for_what_runs_and_drops_what_waits(void **state)
{
    outcome told;

    (void)state;
    limit(1, 0);
    /* Registered first, called last: when all jobs have been told that their scope has ended. */
    assert_true(torc_scope_on_end(root, open_gate_at_end, NULL));
    watch(start(root, stand, NULL), &told);
    for (int i = 0; i < 3; i++)
        start(root, count, NULL);
    wait_until_at_gate(1);
    torc_reactor_free(reactor);
    assert_int_equal(passed_gate, 1);
    assert_int_equal(atomic_load(&begun), 1);
    assert_int_equal(released, 5);
    assert_int_equal(told.fired, 0);
    reactor = NULL;
}

static torc_result call_and_stand(void *argument)
{
    torc_call_from_thread(reactor, say, argument);
    return stand(NULL);
}

static void stop_when_at_gate(void *argument)
{
    wait_until_at_gate(1);
    torc_stop(reactor);
    (void)argument;
}

static void a_result_that_comes_after_torc_run_is_released_by_the_end(void **state)
{
    outcome told;

    (void)state;
    watch(start(root, call_and_stand, "called"), &told);
    torc_call_soon(root, stop_when_at_gate, NULL);
    assert_int_equal(torc_run_and_keep(reactor), 0);
    assert_ran("called ");
    assert_int_equal(released, 0);
    watch(start(root, count, NULL), &told);
    assert_int_equal(told.fired, 1);
    assert_failure(told.result, &torc_error_cancelled, "the reactor has stopped");
    assert_int_equal(released, 1);
    open_gate();
    torc_reactor_free(reactor);
    assert_int_equal(released, 3);
    reactor = NULL;
}

static void open_gate_when_logged(void *argument, const torc_log_event *event)
{
    (void)argument;
    (void)event;
    open_gate();
}

static void the_log_names_a_job_that_holds_up_the_end(void **state)
{
    const torc_thread_limits limits = { .patience = TORC_MILLISECOND };

    (void)state;
    assert_true(torc_set_thread_limits(reactor, &limits));
    torc_log_add_observer(TORC_LOG_WARN, open_gate_when_logged, NULL);
    start(root, stand, NULL);
    wait_until_at_gate(1);
    torc_reactor_free(reactor);
    torc_log_remove_observer(open_gate_when_logged, NULL);
    assert_int_equal(logged, 1);
    assert_non_null(strstr(last_logged, "the end waits for the job, a job that has been running"));
    reactor = NULL;
}

/* -- when there is too little -------------------------------------------------------------- */

static void without_a_thread_the_job_fails_and_with_one_it_waits(void **state)
{
    outcome told[2];

    (void)state;
    fail_system_calls_named("pthread_create", EAGAIN);
    watch(start(root, count, NULL), &told[0]);
    allow_system_calls();
    assert_failed(&told[0], &torc_error_system, "no thread can be started for the job");
    assert_int_equal(released, 1);
    start(root, stand, NULL);
    wait_until_at_gate(1);
    fail_system_calls_named("pthread_create", EAGAIN);
    watch(start(root, count, NULL), &told[1]);
    allow_system_calls();
    assert_int_equal(told[1].fired, 0);
    open_gate();
    assert_integer(&told[1], 1);
}

/* False when no allocation was left to fail. */
static bool survives_failing_allocation(unsigned int number)
{
    outcome told;
    bool failed;

    reactor = torc_reactor_new();
    released = 0;
    spare_allocations_of(torc__deferred_size);
    fail_allocation_after(number);
    watch(start(torc_root(reactor), is_elsewhere, NULL), &told);
    failed = an_allocation_failed();
    allow_allocations();
    spare_allocations_of(0);
    if (failed)
        assert_failed(&told, &torc_error_out_of_memory, "");
    else
        assert_integer(&told, 1);
    assert_int_equal(released, 1);
    torc_reactor_free(reactor);
    return failed;
}

static void each_allocation_may_fail(void **state)
{
    torc_reactor *kept = reactor;
    unsigned int number = 0;

    (void)state;
    while (survives_failing_allocation(number))
        number++;
    assert_in_range(number, 2, 10);
    reactor = torc_reactor_new();
    fail_all_allocations();
    assert_false(torc_set_thread_limits(reactor, &(torc_thread_limits){ .most = 1 }));
    allow_allocations();
    torc_reactor_free(reactor);
    reactor = kept;
}

#define JOB_TEST(function) \
    cmocka_unit_test_setup_teardown(function, set_up_jobs, tear_down_threads)

int main(void)
{
    const struct CMUnitTest tests[] = {
        JOB_TEST(a_job_runs_in_another_thread_and_its_result_comes_by_the_deferred),
        JOB_TEST(a_copy_is_handed_over_and_freed),
        JOB_TEST(bytes_and_failures_come_back),
        JOB_TEST(a_copy_for_which_there_was_no_memory_fails_the_deferred),
        JOB_TEST(the_argument_is_released_in_the_reactors_thread_after_the_chain),
        JOB_TEST(calls_that_a_job_makes_run_before_its_result_comes),
        JOB_TEST(misuse_in_a_job_aborts),
        JOB_TEST(a_worker_has_a_name_and_leaves_signals_to_the_program),
        JOB_TEST(jobs_begin_in_the_order_in_which_they_were_given),
        JOB_TEST(no_more_threads_run_than_are_allowed),
        JOB_TEST(more_threads_may_be_allowed_while_jobs_wait),
        JOB_TEST(a_reactor_without_jobs_has_no_threads_and_an_idle_thread_is_used_again),
        JOB_TEST(idle_threads_go_but_for_those_that_are_to_stay),
        JOB_TEST(lowering_the_limit_ends_threads),
        JOB_TEST(one_job_more_than_may_wait_fails),
        JOB_TEST(a_job_that_waits_is_cancelled_before_it_begins),
        JOB_TEST(a_job_that_runs_is_cancelled_at_once_and_its_late_result_released),
        JOB_TEST(a_result_that_is_under_way_when_its_job_is_cancelled_is_released),
        JOB_TEST(the_end_of_the_scope_cancels_in_silence),
        JOB_TEST(the_scope_may_end_inside_the_jobs_own_callback),
        JOB_TEST(a_job_may_have_a_timeout),
        JOB_TEST(nothing_begins_in_a_scope_that_has_ended),
        JOB_TEST(the_reactors_end_waits_for_what_runs_and_drops_what_waits),
        JOB_TEST(a_result_that_comes_after_torc_run_is_released_by_the_end),
        JOB_TEST(the_log_names_a_job_that_holds_up_the_end),
        JOB_TEST(without_a_thread_the_job_fails_and_with_one_it_waits),
        JOB_TEST(each_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
