/*
 * Threads under load: several reactors in several threads that pass messages on to each other,
 * while workers, callers that wait and cancellations go on all the while. Bounded by counts and not
 * by time; what it proves, beyond the counts, is what ThreadSanitizer has to say of it.
 */
#include "reactor/thread_support.h"

#include <stdlib.h>

/* -- a ring of reactors ---------------------------------------------------------------------- */

enum { STATIONS = 3, TOKENS = 8, HOPS = 600 };

typedef struct station station;

typedef struct token {
    station *at;
    int hops; /* still to be made */
} token;

struct station {
    torc_reactor *reactor;
    station *next;
    int passed; /* its own thread's */
};

static station stations[STATIONS];
static token tokens[TOKENS];
static atomic_int tokens_left;
static pthread_barrier_t all_are_there;

static void stop_station(void *argument)
{
    torc_stop(((station *)argument)->reactor);
}

static void pass_on(void *argument)
{
    token *self = argument;

    self->at->passed++;
    if (self->hops-- > 0) {
        self->at = self->at->next;
        torc_call_from_thread(self->at->reactor, pass_on, self);
        return;
    }
    if (atomic_fetch_sub(&tokens_left, 1) == 1)
        for (int i = 0; i < STATIONS; i++)
            torc_call_from_thread(stations[i].reactor, stop_station, &stations[i]);
}

static void *run_station(void *argument)
{
    station *self = argument;

    self->reactor = torc_reactor_new();
    pthread_barrier_wait(&all_are_there);
    torc_run_and_keep(self->reactor);
    /* Nobody calls a reactor that is gone. */
    pthread_barrier_wait(&all_are_there);
    torc_reactor_free(self->reactor);
    return NULL;
}

static void reactors_in_threads_of_their_own_pass_messages_around(void **state)
{
    pthread_t threads[STATIONS];
    int passed = 0;

    (void)state;
    atomic_store(&tokens_left, TOKENS);
    pthread_barrier_init(&all_are_there, NULL, STATIONS + 1);
    for (int i = 0; i < STATIONS; i++) {
        stations[i] = (station){ .next = &stations[(i + 1) % STATIONS] };
        assert_int_equal(pthread_create(&threads[i], NULL, run_station, &stations[i]), 0);
    }
    pthread_barrier_wait(&all_are_there);
    for (int i = 0; i < TOKENS; i++) {
        tokens[i] = (token){ .at = &stations[i % STATIONS], .hops = HOPS };
        assert_true(torc_call_from_thread(tokens[i].at->reactor, pass_on, &tokens[i]));
    }
    pthread_barrier_wait(&all_are_there);
    for (int i = 0; i < STATIONS; i++) {
        pthread_join(threads[i], NULL);
        passed += stations[i].passed;
    }
    pthread_barrier_destroy(&all_are_there);
    assert_int_equal(passed, TOKENS * (HOPS + 1));
}

/* -- everything at once ---------------------------------------------------------------------- */

enum { CALLERS = 2, CALLS = 150, JOBS = 600 };

static int counted;  /* the reactor's thread's own */
static int finished; /* jobs and callers */
static int answers;
static int cancelled;
static int wrong;

static void count(void *unused)
{
    (void)unused;
    counted++;
}

static void note_end(void *unused)
{
    (void)unused;
    finished++;
}

static void unpause(void *deferred)
{
    torc_deferred_unpause(deferred);
}

static torc_result double_later(void *number)
{
    torc_deferred *deferred;

    if (*(int *)number % 2 == 0)
        return torc_integer(2 * *(int *)number);
    deferred = torc_deferred_fired(root, torc_integer(2 * *(int *)number));
    torc_deferred_pause(deferred);
    torc_call_soon(root, unpause, deferred);
    return torc_wait_for(deferred);
}

static void *call_again_and_again(void *unused)
{
    for (int i = 0; i < CALLS; i++) {
        torc_result doubled = torc_blocking_call_from_thread(reactor, double_later, &i);

        if (torc_result_integer(doubled) != 2 * i)
            abort();
        torc_call_from_thread(reactor, count, NULL);
    }
    torc_call_from_thread(reactor, note_end, NULL);
    return unused;
}

static torc_result write_number(void *argument)
{
    torc_call_from_thread(reactor, count, NULL);
    return torc_text("%d", *(int *)argument);
}

static torc_result check_answer(void *argument, torc_result result)
{
    const int *number = argument;

    finished++;
    if (torc_is_failure(result)) {
        cancelled++;
        return torc_nothing();
    }
    answers++;
    wrong += strtol(torc_result_text(result), NULL, 10) != *number;
    return torc_nothing();
}

/* Each third is cancelled: some wait, some run, some are done. */
static void ask(int number)
{
    int *argument = malloc(sizeof *argument);
    static int numbers[JOBS];
    torc_deferred *answer;

    assert_non_null(argument);
    *argument = numbers[number] = number;
    answer = torc_defer_to_thread(root, write_number, argument);
    torc_add_both(answer, check_answer, &numbers[number]);
    if (number % 3 == 0)
        torc_cancel(answer);
}

static void jobs_calls_and_cancellations_at_once_lose_nothing(void **state)
{
    pthread_t callers[CALLERS];

    (void)state;
    counted = finished = answers = cancelled = wrong = 0;
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&callers[i], NULL, call_again_and_again, NULL), 0);
    for (int i = 0; i < JOBS; i++) {
        ask(i);
        if (i % 20 == 0)
            turn();
    }
    run_until(&finished, JOBS + CALLERS);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(callers[i], NULL);
    assert_int_equal(wrong, 0);
    assert_int_equal(answers + cancelled, JOBS);
    assert_int_equal(cancelled, JOBS / 3);
    /* Those that were cancelled ran or did not. */
    assert_in_range(counted, CALLERS * CALLS + answers, CALLERS * CALLS + JOBS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reactors_in_threads_of_their_own_pass_messages_around),
        THREAD_TEST(jobs_calls_and_cancellations_at_once_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
