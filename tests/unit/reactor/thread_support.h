/*
 * What the tests of threads share, besides support.h: a gate at which jobs stand until the test
 * opens it, waiting for the loop with a bound, and what a deferred gave.
 */
#ifndef TORC_TESTS_REACTOR_THREAD_SUPPORT_H
#define TORC_TESTS_REACTOR_THREAD_SUPPORT_H

#include "reactor/support.h"

#include <torc/thread.h>

/* Longer than anything that works takes, on the slowest machine. */
#define PATIENCE (20 * TORC_SECOND)

/* -- a gate -------------------------------------------------------------------------------- */

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static bool gate_is_open;
static int at_gate;      /* stand there */
static int most_at_gate; /* at once */
static int passed_gate;

static TORC_UNUSED void pass_gate(void)
{
    pthread_mutex_lock(&gate_lock);
    at_gate++;
    if (at_gate > most_at_gate)
        most_at_gate = at_gate;
    pthread_cond_broadcast(&gate_moved);
    while (!gate_is_open)
        pthread_cond_wait(&gate_moved, &gate_lock);
    at_gate--;
    passed_gate++;
    pthread_mutex_unlock(&gate_lock);
}

static TORC_UNUSED void open_gate(void)
{
    pthread_mutex_lock(&gate_lock);
    gate_is_open = true;
    pthread_cond_broadcast(&gate_moved);
    pthread_mutex_unlock(&gate_lock);
}

static TORC_UNUSED void wait_until_at_gate(int count)
{
    pthread_mutex_lock(&gate_lock);
    while (at_gate < count)
        pthread_cond_wait(&gate_moved, &gate_lock);
    pthread_mutex_unlock(&gate_lock);
}

static TORC_UNUSED int close_gate(void)
{
    pthread_mutex_lock(&gate_lock);
    gate_is_open = false;
    at_gate = most_at_gate = passed_gate = 0;
    pthread_mutex_unlock(&gate_lock);
    return 0;
}

/* -- waiting ------------------------------------------------------------------------------- */

/* Lets the loop turn until *number, which only the reactor's thread changes, is `value`. */
static TORC_UNUSED void run_until(const int *number, int value)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);

    while (*number != value) {
        if (torc_monotonic_now() > deadline)
            fail_msg("waited in vain: is %d, was to become %d", *number, value);
        torc_iterate(reactor, 20 * TORC_MILLISECOND);
    }
}

/* -- what a deferred gave ------------------------------------------------------------------ */

typedef struct outcome {
    int fired;
    torc_result result; /* held */
} outcome;

static TORC_UNUSED torc_result note_outcome(void *argument, torc_result result)
{
    outcome *self = argument;

    self->fired++;
    self->result = torc_result_hold(result);
    return torc_nothing();
}

static TORC_UNUSED void watch(torc_deferred *deferred, outcome *ret_outcome)
{
    memset(ret_outcome, 0, sizeof *ret_outcome);
    torc_add_both(deferred, note_outcome, ret_outcome);
}

static TORC_UNUSED void assert_failure(
    torc_result result, const torc_failure_type *type, const char *words)
{
    const torc_failure *failure;

    assert_true(torc_is_failure(result));
    failure = torc_result_failure(result);
    if (!torc_failure_is(failure, type) || strstr(torc_failure_text(failure), words) == NULL)
        fail_msg("is %s: %s", torc_failure_type_of(failure)->name, torc_failure_text(failure));
    torc_result_release(result);
}

static TORC_UNUSED void assert_failed(
    outcome *told, const torc_failure_type *type, const char *words)
{
    run_until(&told->fired, 1);
    assert_failure(told->result, type, words);
}

static TORC_UNUSED void assert_integer(outcome *told, int64_t number)
{
    run_until(&told->fired, 1);
    assert_int_equal(torc_result_integer(told->result), number);
}

/* -- around each test ---------------------------------------------------------------------- */

static TORC_UNUSED int set_up_threads(void **state)
{
    return set_up_with_real_clock(state) + close_gate();
}

static TORC_UNUSED int tear_down_threads(void **state)
{
    open_gate();
    return tear_down(state);
}

#define THREAD_TEST(function) \
    cmocka_unit_test_setup_teardown(function, set_up_threads, tear_down_threads)

#endif /* TORC_TESTS_REACTOR_THREAD_SUPPORT_H */
