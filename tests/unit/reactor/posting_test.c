/*
 * Calls from other threads: order, batches, wake-ups, and what happens to them when the reactor
 * stops.
 */
#include "reactor/support.h"

#include "support/failing_allocation.h"

enum { POSTERS = 4, POSTS = 2000 };

typedef struct posted {
    int poster;
    int number;
} posted;

static posted posts[POSTERS][POSTS];
static int next_number[POSTERS];
static int ran;
static int out_of_order;
static atomic_int taken;

static void stop(void *argument)
{
    (void)argument;
    torc_stop(reactor);
}

static void count(void *argument)
{
    (void)argument;
    ran++;
}

/* -- order --------------------------------------------------------------------------------- */

static void run_posted(void *argument)
{
    const posted *self = argument;

    if (self->number != next_number[self->poster])
        out_of_order++;
    next_number[self->poster] = self->number + 1;
    ran++;
    if (ran == POSTERS * POSTS)
        torc_stop(reactor);
}

static void *post_all(void *argument)
{
    posted *own = argument;

    for (int i = 0; i < POSTS; i++)
        if (!torc_call_from_thread(reactor, run_posted, &own[i]))
            return argument;
    return NULL;
}

static void calls_of_several_threads_run_each_once_and_in_the_order_of_their_thread(void **state)
{
    pthread_t threads[POSTERS];

    (void)state;
    ran = 0;
    out_of_order = 0;
    for (int p = 0; p < POSTERS; p++) {
        next_number[p] = 0;
        for (int i = 0; i < POSTS; i++)
            posts[p][i] = (posted){ p, i };
        assert_int_equal(pthread_create(&threads[p], NULL, post_all, posts[p]), 0);
    }
    assert_int_equal(torc_run_and_keep(reactor), 0);
    for (int p = 0; p < POSTERS; p++) {
        void *refused;

        pthread_join(threads[p], &refused);
        assert_null(refused);
    }
    assert_int_equal(ran, POSTERS * POSTS);
    assert_int_equal(out_of_order, 0);
}

static void a_call_from_the_reactors_own_thread_does_not_run_inside_the_posting(void **state)
{
    (void)state;
    assert_true(torc_call_from_thread(reactor, say, "a"));
    assert_true(torc_call_from_thread(reactor, say, "b"));
    assert_ran("");
    turn();
    assert_ran("a b ");
    turn();
    assert_ran("");
}

static void post_again(void *name)
{
    say(name);
    torc_call_from_thread(reactor, say, "inner");
}

static void a_call_posted_by_a_posted_call_runs_in_the_next_turn(void **state)
{
    (void)state;
    torc_call_from_thread(reactor, post_again, "a");
    torc_call_from_thread(reactor, say, "b");
    turn();
    assert_ran("a b ");
    turn();
    assert_ran("inner ");
}

/* -- waking -------------------------------------------------------------------------------- */

static void a_batch_wakes_the_reactor_once(void **state)
{
    (void)state;
    turn();
    atomic_store(&wakes, 0);
    for (int i = 0; i < 10; i++)
        torc_call_from_thread(reactor, say, "x");
    assert_int_equal(atomic_load(&wakes), 1);
    turn();
    assert_ran("x x x x x x x x x x ");
    torc_call_from_thread(reactor, say, "y");
    assert_int_equal(atomic_load(&wakes), 2);
    turn();
    assert_ran("y ");
}

static void *post_stop(void *argument)
{
    (void)argument;
    torc_call_from_thread(reactor, stop, NULL);
    return NULL;
}

static void a_call_wakes_a_reactor_that_waits_for_nothing_else(void **state)
{
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, post_stop, NULL), 0);
    assert_int_equal(torc_run_and_keep(reactor), 0);
    pthread_join(thread, NULL);
}

static void post_from_inside(void *name)
{
    torc_call_from_thread(reactor, say, name);
}

static void a_reactor_that_is_awake_is_not_woken(void **state)
{
    (void)state;
    torc_call_soon(root, post_from_inside, "a");
    for (int i = 0; i < 3; i++)
        turn();
    atomic_store(&wakes, 0);
    torc_call_from_thread(reactor, post_from_inside, "b");
    assert_int_equal(atomic_load(&wakes), 1);
    for (int i = 0; i < 4; i++)
        turn();
    assert_ran("a b ");
    assert_int_equal(atomic_load(&wakes), 1);
}

/* -- before and after ---------------------------------------------------------------------- */

static void a_call_posted_before_the_reactor_runs_runs_then(void **state)
{
    (void)state;
    torc_call_from_thread(reactor, say, "a");
    torc_call_from_thread(reactor, stop, NULL);
    torc_run_and_keep(reactor);
    assert_ran("a ");
}

static void a_reactor_that_has_stopped_takes_no_call(void **state)
{
    (void)state;
    torc_stop(reactor);
    torc_run_and_keep(reactor);
    assert_false(torc_call_from_thread(reactor, say, "never"));
    torc_reactor_free(reactor);
    assert_ran("");
    reactor = NULL;
}

static void a_reactor_that_was_iterated_until_it_stopped_takes_no_call(void **state)
{
    (void)state;
    torc_stop(reactor);
    while (torc_iterate(reactor, 0))
        continue;
    assert_false(torc_call_from_thread(reactor, say, "never"));
}

static torc_deferred *post_last(void *argument)
{
    (void)argument;
    if (torc_call_from_thread(reactor, say, "last"))
        note("taken ");
    return NULL;
}

static void a_call_that_was_taken_before_the_end_runs(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_AFTER_SHUTDOWN, post_last, NULL);
    torc_stop(reactor);
    torc_run_and_keep(reactor);
    assert_ran("taken last ");
}

static void a_call_that_was_taken_runs_when_a_reactor_is_freed_that_never_ran(void **state)
{
    torc_reactor *other = torc_reactor_new();

    (void)state;
    assert_true(torc_call_from_thread(other, say, "a"));
    torc_reactor_free(other);
    assert_ran("a ");
}

static void *post_until_refused(void *argument)
{
    (void)argument;
    while (torc_call_from_thread(reactor, count, NULL))
        atomic_fetch_add(&taken, 1);
    return NULL;
}

static void stop_after_some(void *argument)
{
    if (ran < 100)
        torc_call_soon(root, stop_after_some, argument);
    else
        torc_stop(reactor);
}

static void what_is_taken_while_the_reactor_stops_runs_and_what_is_refused_does_not(void **state)
{
    pthread_t threads[2];

    (void)state;
    ran = 0;
    atomic_store(&taken, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_until_refused, NULL), 0);
    torc_call_soon(root, stop_after_some, NULL);
    torc_run_and_keep(reactor);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(ran, atomic_load(&taken));
    assert_in_range(ran, 100, INT32_MAX);
}

static void without_memory_a_call_is_refused(void **state)
{
    (void)state;
    fail_all_allocations();
    assert_false(torc_call_from_thread(reactor, say, "never"));
    allow_allocations();
    turn();
    assert_ran("");
}

static void check_order(void *argument)
{
    out_of_order += *(const int *)argument != ran;
    ran++;
}

static void any_number_of_calls_keeps_its_order(void **state)
{
    static int numbers[20000];

    (void)state;
    ran = 0;
    out_of_order = 0;
    for (int i = 0; i < 20000; i++) {
        numbers[i] = i;
        assert_true(torc_call_from_thread(reactor, check_order, &numbers[i]));
    }
    turn();
    assert_int_equal(ran, 20000);
    assert_int_equal(out_of_order, 0);
}

static void a_call_for_which_there_is_no_memory_leaves_those_before_it(void **state)
{
    int taken_calls = 0;

    (void)state;
    ran = 0;
    assert_true(torc_call_from_thread(reactor, count, NULL));
    fail_all_allocations();
    while (torc_call_from_thread(reactor, count, NULL))
        taken_calls++;
    allow_allocations();
    turn();
    assert_int_equal(ran, taken_calls + 1);
}

static void nothing_is_allocated_once_the_reactor_has_seen_such_a_batch(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        if (round == 2)
            count_allocations();
        for (int i = 0; i < 1000; i++)
            torc_call_from_thread(reactor, count, NULL);
        turn();
    }
    assert_int_equal(allocations_counted(), 0);
    allow_allocations();
}

static void run_task(torc__task *task)
{
    (void)task;
    say("task");
}

static void a_posted_task_runs_once_after_the_calls_before_it(void **state)
{
    torc__task task = { .run = run_task };

    (void)state;
    torc_call_from_thread(reactor, say, "a");
    fail_all_allocations();
    assert_true(torc__post_task_from_thread(reactor, &task));
    allow_allocations();
    turn();
    turn();
    assert_ran("a task ");
    assert_true(torc__post_task_from_thread(reactor, &task));
    turn();
    assert_ran("task ");
    torc_stop(reactor);
    torc_run_and_keep(reactor);
    assert_false(torc__post_task_from_thread(reactor, &task));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REAL_TIME_TEST(calls_of_several_threads_run_each_once_and_in_the_order_of_their_thread),
        REAL_TIME_TEST(a_call_from_the_reactors_own_thread_does_not_run_inside_the_posting),
        REAL_TIME_TEST(a_call_posted_by_a_posted_call_runs_in_the_next_turn),
        REAL_TIME_TEST(a_batch_wakes_the_reactor_once),
        REAL_TIME_TEST(a_call_wakes_a_reactor_that_waits_for_nothing_else),
        REAL_TIME_TEST(a_call_posted_before_the_reactor_runs_runs_then),
        REAL_TIME_TEST(a_reactor_that_has_stopped_takes_no_call),
        REAL_TIME_TEST(a_reactor_that_was_iterated_until_it_stopped_takes_no_call),
        REAL_TIME_TEST(a_call_that_was_taken_before_the_end_runs),
        REAL_TIME_TEST(a_call_that_was_taken_runs_when_a_reactor_is_freed_that_never_ran),
        REAL_TIME_TEST(what_is_taken_while_the_reactor_stops_runs_and_what_is_refused_does_not),
        REAL_TIME_TEST(without_memory_a_call_is_refused),
        REAL_TIME_TEST(a_reactor_that_is_awake_is_not_woken),
        REAL_TIME_TEST(any_number_of_calls_keeps_its_order),
        REAL_TIME_TEST(a_call_for_which_there_is_no_memory_leaves_those_before_it),
        REAL_TIME_TEST(nothing_is_allocated_once_the_reactor_has_seen_such_a_batch),
        REAL_TIME_TEST(a_posted_task_runs_once_after_the_calls_before_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
