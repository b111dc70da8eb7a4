/*
 * Blocking calls from a thread: what comes back, and that nobody waits for a reactor in vain.
 */
#include "reactor/thread_support.h"

#include "support/expect_abort.h"
#include "support/failing_allocation.h"

#include <sched.h>

static torc_deferred *awaited; /* what the function of a call waits for */
static int arrived;            /* calls whose function has run */
static pthread_t caller;
static torc_result result;     /* the caller's, once it is joined */

/* -- functions in the reactor's thread ------------------------------------------------------ */

static torc_result double_it(void *number)
{
    arrived++;
    assert_true(torc_is_reactor_thread(reactor));
    return torc_integer(2 * *(int *)number);
}

static torc_result refuse(void *unused)
{
    (void)unused;
    arrived++;
    return torc_fail_with(&torc_error_limit, "not today");
}

static torc_result wait_for_awaited(void *unused)
{
    (void)unused;
    arrived++;
    return torc_wait_for(awaited);
}

static torc_result wait_without_memory(void *unused)
{
    (void)unused;
    arrived++;
    spare_allocations_of(torc__deferred_size);
    fail_all_allocations();
    return torc_wait_for(awaited);
}

static torc_result give_bytes(void *unused, torc_result nothing)
{
    (void)unused;
    (void)nothing;
    return torc_text("from afar");
}

/* -- the thread that calls ------------------------------------------------------------------ */

typedef struct call {
    torc_job *function;
    void *argument;
} call;

static void *call_and_wait(void *argument)
{
    const call *self = argument;

    result = torc_blocking_call_from_thread(reactor, self->function, self->argument);
    /* It wakes the reactor, should the test wait for that. */
    torc_call_from_thread(reactor, say, "returned");
    return NULL;
}

/* For where memory is out, which a post might ask for. */
static void *only_call(void *argument)
{
    const call *self = argument;

    result = torc_blocking_call_from_thread(reactor, self->function, self->argument);
    return NULL;
}

static void begin_by(void *(*run)(void *), const call *self)
{
    arrived = 0;
    assert_int_equal(pthread_create(&caller, NULL, run, (void *)(uintptr_t)self), 0);
}

static void begin(const call *self)
{
    begin_by(call_and_wait, self);
}

static void join(void)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);

    while (record[0] == '\0') {
        assert_true(torc_monotonic_now() < deadline);
        torc_iterate(reactor, TORC_MILLISECOND);
    }
    pthread_join(caller, NULL);
    assert_ran("returned ");
}

/* -- what comes back ------------------------------------------------------------------------ */

static void the_result_of_a_function_in_the_reactors_thread_comes_back(void **state)
{
    int number = 21;
    const call doubling = { double_it, &number };

    (void)state;
    assert_true(torc_is_reactor_thread(reactor));
    begin(&doubling);
    join();
    assert_int_equal(torc_result_integer(result), 42);
}

static void a_failure_comes_back(void **state)
{
    const call refusing = { refuse, NULL };

    (void)state;
    begin(&refusing);
    join();
    assert_failure(result, &torc_error_limit, "not today");
}

static void fire_awaited(void *unused)
{
    (void)unused;
    torc_fire(awaited, torc_integer(7));
}

static void the_result_of_a_deferred_comes_back_when_it_is_there(void **state)
{
    const call waiting = { wait_for_awaited, NULL };

    (void)state;
    awaited = torc_deferred_new(root, NULL, NULL);
    begin(&waiting);
    run_until(&arrived, 1);
    turn();
    assert_ran("");
    torc_call_soon(root, fire_awaited, NULL);
    join();
    assert_int_equal(torc_result_integer(result), 7);
}

static void whoever_waited_is_the_only_holder_of_what_a_deferred_gave(void **state)
{
    const call waiting = { wait_for_awaited, NULL };
    torc_buffer *bytes;

    (void)state;
    awaited = torc_deferred_new(root, NULL, NULL);
    torc_add_callback(awaited, give_bytes, NULL);
    begin(&waiting);
    run_until(&arrived, 1);
    torc_call_soon(root, fire_awaited, NULL);
    join();
    bytes = torc_result_value(result, &torc_type_buffer);
    torc_buffer_truncate(bytes, 4); /* aborts where there is another holder */
    assert_string_equal(torc_result_text(result), "from");
    torc_result_release(result);
}

static void a_deferred_that_ends_with_its_scope_is_told_of(void **state)
{
    const call waiting = { wait_for_awaited, NULL };
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    awaited = torc_deferred_new(scope, NULL, NULL);
    begin(&waiting);
    run_until(&arrived, 1);
    torc_scope_end(scope);
    join();
    assert_failure(result, &torc_error_cancelled, "");
}

static void without_memory_to_wait_the_call_fails_and_what_it_waited_for_is_cancelled(void **state)
{
    const call waiting = { wait_without_memory, NULL };
    outcome told;

    (void)state;
    turn();
    awaited = torc_deferred_new(root, NULL, NULL);
    watch(awaited, &told);
    begin_by(only_call, &waiting);
    run_until(&arrived, 1);
    allow_allocations();
    spare_allocations_of(0);
    pthread_join(caller, NULL);
    assert_int_equal(told.fired, 1);
    assert_failure(told.result, &torc_error_out_of_memory, "");
    assert_failure(result, &torc_error_out_of_memory, "");
}

/* -- a reactor that ends --------------------------------------------------------------------- */

static void stop(void *unused)
{
    (void)unused;
    torc_stop(reactor);
}

static void a_reactor_that_stops_fails_those_who_wait(void **state)
{
    const call waiting = { wait_for_awaited, NULL };

    (void)state;
    awaited = torc_deferred_new(root, NULL, NULL);
    begin(&waiting);
    run_until(&arrived, 1);
    torc_call_soon(root, stop, NULL);
    assert_int_equal(torc_run_and_keep(reactor), 0);
    pthread_join(caller, NULL);
    assert_failure(result, &torc_error_cancelled, "the reactor has stopped");
    /* Comes too late, and must not come back to a call that is over. */
    torc_fire(awaited, torc_integer(1));
}

static void a_reactor_that_has_stopped_fails_the_call(void **state)
{
    int number = 1;
    const call doubling = { double_it, &number };

    (void)state;
    torc_stop(reactor);
    torc_run_and_keep(reactor);
    begin(&doubling);
    pthread_join(caller, NULL);
    assert_failure(result, &torc_error_cancelled, "the reactor has stopped");
    assert_int_equal(arrived, 0);
}

static torc_result call_back(void *unused)
{
    (void)unused;
    return torc_blocking_call_from_thread(reactor, wait_for_awaited, NULL);
}

static void a_job_that_waits_for_the_reactor_does_not_hold_up_its_end(void **state)
{
    const torc_job_options options = { .run = call_back };

    (void)state;
    arrived = 0;
    awaited = torc_deferred_new(root, NULL, NULL);
    torc_defer_to_thread_with(root, &options);
    run_until(&arrived, 1);
    torc_reactor_free(reactor);
    reactor = NULL;
}

static void a_call_that_was_taken_runs_when_the_reactor_is_freed(void **state)
{
    int number = 4;
    const call doubling = { double_it, &number };

    (void)state;
    begin(&doubling);
    while (!torc__has_posts(reactor))
        sched_yield();
    torc_stop(reactor);
    torc_run_and_keep(reactor);
    pthread_join(caller, NULL);
    assert_int_equal(torc_result_integer(result), 8);
}

/* -- misuse --------------------------------------------------------------------------------- */

static void call_oneself(void)
{
    torc_blocking_call_from_thread(reactor, refuse, NULL);
}

static void a_call_from_the_reactors_own_thread_aborts(void **state)
{
    (void)state;
    expect_abort(call_oneself,
        "torc_blocking_call_from_thread was called from the reactor's own thread");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREAD_TEST(the_result_of_a_function_in_the_reactors_thread_comes_back),
        THREAD_TEST(a_failure_comes_back),
        THREAD_TEST(the_result_of_a_deferred_comes_back_when_it_is_there),
        THREAD_TEST(whoever_waited_is_the_only_holder_of_what_a_deferred_gave),
        THREAD_TEST(a_deferred_that_ends_with_its_scope_is_told_of),
        THREAD_TEST(without_memory_to_wait_the_call_fails_and_what_it_waited_for_is_cancelled),
        THREAD_TEST(a_reactor_that_stops_fails_those_who_wait),
        THREAD_TEST(a_reactor_that_has_stopped_fails_the_call),
        THREAD_TEST(a_job_that_waits_for_the_reactor_does_not_hold_up_its_end),
        THREAD_TEST(a_call_that_was_taken_runs_when_the_reactor_is_freed),
        THREAD_TEST(a_call_from_the_reactors_own_thread_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
