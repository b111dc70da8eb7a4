/*
 * Signals: who is called, that handlers are put back, what SIGINT and SIGTERM do to a reactor that
 * runs, and how the program's own handlers are respected.
 */
#include "reactor/support.h"

#include "support/failing_allocation.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static torc_scope *scope;
static volatile sig_atomic_t own_handler_ran;

static void own_handler(int number)
{
    (void)number;
    own_handler_ran++;
}

static int set_up_signals(void **state)
{
    if (set_up_with_real_clock(state) != 0)
        return -1;
    own_handler_ran = 0;
    scope = torc_scope_new(root);
    return 0;
}

/* No test leaves a handler to the next one. */
static int tear_down_signals(void **state)
{
    static const int numbers[] = { SIGUSR1, SIGUSR2, SIGINT, SIGTERM };
    int left = 0;

    tear_down(state);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction current;

        sigaction(numbers[i], NULL, &current);
        left += current.sa_handler != SIG_DFL;
        signal(numbers[i], SIG_DFL);
    }
    return left == 0 ? 0 : -1;
}

#define SIGNAL_TEST(function) \
    cmocka_unit_test_setup_teardown(function, set_up_signals, tear_down_signals)

static void watch(torc_scope *owner, int number, torc_call *call, void *argument)
{
    assert_null(torc_on_signal(owner, number, call, argument));
}

static void stop(void *argument)
{
    (void)argument;
    torc_stop(reactor);
}

static void stop_with_nine(void *argument)
{
    (void)argument;
    torc_stop_with(reactor, 9);
}

static void send_signal(void *number)
{
    note("send ");
    raise(*(int *)number);
}

static int sigterm = SIGTERM;
static int sigint = SIGINT;

/* -- watching ------------------------------------------------------------------------------ */

static void a_signal_runs_the_call_from_the_next_turn(void **state)
{
    (void)state;
    watch(root, SIGUSR1, say, "usr1");
    turn();
    assert_ran("");
    raise(SIGUSR1);
    assert_ran("");
    turn();
    assert_ran("usr1 ");
    turn();
    assert_ran("");
    raise(SIGUSR1);
    turn();
    assert_ran("usr1 ");
}

static void every_watch_of_a_signal_runs_and_no_other(void **state)
{
    (void)state;
    watch(root, SIGUSR1, say, "a");
    watch(root, SIGUSR2, say, "b");
    watch(scope, SIGUSR1, say, "c");
    raise(SIGUSR1);
    turn();
    assert_ran("a c ");
    raise(SIGUSR2);
    turn();
    assert_ran("b ");
    raise(SIGUSR2);
    raise(SIGUSR1);
    turn();
    assert_ran("a b c ");
}

static void a_signal_that_comes_often_within_a_turn_is_reported_once(void **state)
{
    (void)state;
    watch(root, SIGUSR1, say, "usr1");
    for (int i = 0; i < 5; i++)
        raise(SIGUSR1);
    turn();
    turn();
    assert_ran("usr1 ");
}

static void a_signal_from_before_the_watch_is_not_reported(void **state)
{
    (void)state;
    watch(scope, SIGUSR1, say, "first");
    raise(SIGUSR1);
    watch(root, SIGUSR1, say, "second");
    turn();
    assert_ran("first ");
}

static void the_end_of_its_scope_ends_a_watch(void **state)
{
    (void)state;
    watch(root, SIGUSR1, say, "a");
    watch(scope, SIGUSR1, say, "never");
    raise(SIGUSR1);
    torc_scope_end(scope);
    turn();
    assert_ran("a ");
}

static void end_scope(void *name)
{
    say(name);
    torc_scope_end(scope);
}

static void a_watch_may_end_its_own_scope_inside_its_call(void **state)
{
    (void)state;
    watch(scope, SIGUSR1, end_scope, "a");
    watch(scope, SIGUSR1, say, "never");
    watch(root, SIGUSR1, say, "b");
    raise(SIGUSR1);
    turn();
    assert_ran("a b ");
    raise(SIGUSR1);
    turn();
    assert_ran("b ");
}

static void a_watch_may_end_the_scope_of_an_earlier_one(void **state)
{
    (void)state;
    watch(scope, SIGUSR1, say, "a");
    watch(root, SIGUSR1, end_scope, "b");
    raise(SIGUSR1);
    turn();
    assert_ran("a b ");
    scope = NULL;
}

static void watch_more(void *name)
{
    say(name);
    (void)torc_on_signal(root, SIGUSR1, say, "new");
}

static void a_watch_made_inside_a_call_is_for_the_next_signal(void **state)
{
    (void)state;
    watch(scope, SIGUSR1, watch_more, "a");
    raise(SIGUSR1);
    turn();
    assert_ran("a ");
    torc_scope_end(scope);
    raise(SIGUSR1);
    turn();
    assert_ran("new ");
}

static void *send_usr1_to_the_process(void *argument)
{
    (void)argument;
    kill(getpid(), SIGUSR1);
    return NULL;
}

static void a_signal_wakes_a_reactor_that_waits_for_nothing_else(void **state)
{
    pthread_t thread;

    (void)state;
    watch(root, SIGUSR1, stop, NULL);
    assert_int_equal(pthread_create(&thread, NULL, send_usr1_to_the_process, NULL), 0);
    assert_int_equal(torc_run_and_keep(reactor), 0);
    pthread_join(thread, NULL);
}

/* -- what cannot be watched ---------------------------------------------------------------- */

static void a_signal_that_cannot_be_caught_is_a_failure(void **state)
{
    static const int numbers[] = { 0, -1, 65, 1000, SIGKILL, SIGSTOP };

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        torc_failure *failure = torc_on_signal(root, numbers[i], say, "never");
        char expected[64];

        snprintf(expected, sizeof expected, "cannot catch signal %d", numbers[i]);
        assert_true(torc_failure_is(failure, &torc_error_system));
        assert_int_equal(torc_failure_code(failure), EINVAL);
        assert_non_null(strstr(torc_failure_text(failure), expected));
        torc_failure_release(failure);
    }
}

static void without_memory_watching_is_a_failure(void **state)
{
    torc_failure *failure;

    (void)state;
    fail_allocation_after(0);
    failure = torc_on_signal(root, SIGUSR1, say, "never");
    allow_allocations();
    assert_int_equal(torc_failure_code(failure), ENOMEM);
    torc_failure_release(failure);
}

/* -- handlers ------------------------------------------------------------------------------ */

static bool handler_is(int number, void (*handler)(int))
{
    struct sigaction current;

    sigaction(number, NULL, &current);
    return current.sa_handler == handler;
}

static void the_last_watch_puts_the_former_handler_back(void **state)
{
    torc_scope *other = torc_scope_new(root);

    (void)state;
    signal(SIGUSR1, own_handler);
    watch(scope, SIGUSR1, say, "a");
    watch(other, SIGUSR1, say, "b");
    torc_scope_end(scope);
    assert_false(handler_is(SIGUSR1, own_handler));
    torc_scope_end(other);
    assert_true(handler_is(SIGUSR1, own_handler));
    signal(SIGUSR1, SIG_DFL);
}

static void a_handler_that_the_program_set_meanwhile_stays(void **state)
{
    (void)state;
    watch(scope, SIGUSR1, say, "a");
    signal(SIGUSR1, own_handler);
    torc_scope_end(scope);
    assert_true(handler_is(SIGUSR1, own_handler));
    signal(SIGUSR1, SIG_DFL);
}

static void a_reactor_that_runs_catches_the_signals_to_stop_and_puts_them_back(void **state)
{
    (void)state;
    assert_true(handler_is(SIGTERM, SIG_DFL));
    turn();
    assert_false(handler_is(SIGTERM, SIG_DFL));
    assert_false(handler_is(SIGINT, SIG_DFL));
    torc_stop(reactor);
    torc_run_and_keep(reactor);
    assert_true(handler_is(SIGTERM, SIG_DFL));
    assert_true(handler_is(SIGINT, SIG_DFL));
}

static void a_reactor_that_runs_ignores_broken_pipes(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_DFL);
    turn();
    assert_true(handler_is(SIGPIPE, SIG_IGN));
}

static void a_programs_handler_of_broken_pipes_stays(void **state)
{
    (void)state;
    signal(SIGPIPE, own_handler);
    turn();
    assert_true(handler_is(SIGPIPE, own_handler));
    signal(SIGPIPE, SIG_DFL);
}

/* -- stopping ------------------------------------------------------------------------------ */

static torc_deferred *trigger_say(void *name)
{
    say(name);
    return NULL;
}

static torc_deferred *trigger_never(void *name)
{
    say(name);
    return torc_deferred_new(root, NULL, NULL);
}

static void sigterm_stops_in_order_with_status_0(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_say, "trigger");
    torc_call_soon(root, send_signal, &sigterm);
    assert_int_equal(torc_run_and_keep(reactor), 0);
    assert_ran("send trigger ");
}

static void sigint_stops_in_order_with_status_0(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_say, "trigger");
    torc_call_soon(root, send_signal, &sigint);
    assert_int_equal(torc_run_and_keep(reactor), 0);
    assert_ran("send trigger ");
}

static void a_second_signal_does_not_wait_for_triggers(void **state)
{
    (void)state;
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, trigger_never, "before");
    torc_on_shutdown(root, TORC_DURING_SHUTDOWN, trigger_never, "during");
    turn();
    raise(SIGTERM);
    for (int i = 0; i < 5; i++)
        assert_true(torc_iterate(reactor, 0));
    assert_ran("before ");
    assert_int_equal(logged, 0);
    raise(SIGINT);
    assert_int_equal(torc_run_and_keep(reactor), 0);
    assert_ran("during ");
    assert_int_equal(logged, 1);
    assert_non_null(strstr(last_logged, "asked to stop a second time"));
}

static void a_handler_of_the_program_is_left_alone(void **state)
{
    (void)state;
    signal(SIGTERM, own_handler);
    turn();
    assert_true(handler_is(SIGTERM, own_handler));
    raise(SIGTERM);
    assert_int_equal(own_handler_ran, 1);
    turn();
    assert_true(torc_is_running(reactor));
    torc_stop(reactor);
    torc_run_and_keep(reactor);
    assert_true(handler_is(SIGTERM, own_handler));
    signal(SIGTERM, SIG_DFL);
}

static void a_signal_that_is_ignored_stays_ignored(void **state)
{
    (void)state;
    signal(SIGINT, SIG_IGN);
    turn();
    assert_true(handler_is(SIGINT, SIG_IGN));
    signal(SIGINT, SIG_DFL);
}

static void a_watch_made_before_the_run_replaces_the_stopping(void **state)
{
    (void)state;
    watch(root, SIGTERM, stop_with_nine, NULL);
    torc_call_soon(root, send_signal, &sigterm);
    assert_int_equal(torc_run_and_keep(reactor), 9);
}

static void a_watch_made_during_the_run_replaces_the_stopping(void **state)
{
    (void)state;
    turn();
    watch(root, SIGTERM, say, "mine");
    raise(SIGTERM);
    for (int i = 0; i < 3; i++)
        assert_true(torc_iterate(reactor, 0));
    assert_ran("mine ");
    assert_true(torc_is_running(reactor));
}

static void when_the_programs_watch_has_ended_the_signal_stops_again(void **state)
{
    (void)state;
    watch(scope, SIGTERM, end_scope, "mine");
    turn();
    raise(SIGTERM);
    turn();
    assert_ran("mine ");
    assert_true(torc_is_running(reactor));
    assert_false(handler_is(SIGTERM, SIG_DFL));
    raise(SIGTERM);
    assert_int_equal(torc_run_and_keep(reactor), 0);
}

/* -- several reactors ---------------------------------------------------------------------- */

typedef struct other_thread {
    torc_reactor *reactor;
    pthread_t thread;
    int status;
    int signals;
} other_thread;

static other_thread others[3];
static atomic_int ready;

static void count_signal(void *argument)
{
    ((other_thread *)argument)->signals++;
    torc_stop_with(((other_thread *)argument)->reactor, 2);
}

static void tell_ready(void *argument)
{
    (void)argument;
    if (atomic_fetch_add(&ready, 1) + 1 == 3)
        kill(getpid(), SIGUSR1);
}

static void *run_other(void *argument)
{
    other_thread *self = argument;
    torc_failure *failure;

    self->reactor = torc_reactor_new();
    failure = torc_on_signal(torc_root(self->reactor), SIGUSR1, count_signal, self);
    torc_failure_release(failure);
    torc_call_when_running(torc_root(self->reactor), tell_ready, NULL);
    self->status = failure == NULL ? torc_run(self->reactor) : -1;
    return NULL;
}

static void a_signal_reaches_every_reactor_that_watches_it(void **state)
{
    (void)state;
    atomic_store(&ready, 0);
    memset(others, 0, sizeof others);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&others[i].thread, NULL, run_other, &others[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(others[i].thread, NULL);
        assert_int_equal(others[i].signals, 1);
        assert_int_equal(others[i].status, 2);
    }
}

static void end_by_sigterm(void *argument)
{
    (void)argument;
    if (atomic_fetch_add(&ready, 1) + 1 == 3)
        kill(getpid(), SIGTERM);
}

static void *run_until_sigterm(void *argument)
{
    other_thread *self = argument;

    self->reactor = torc_reactor_new();
    torc_call_when_running(torc_root(self->reactor), end_by_sigterm, NULL);
    self->status = torc_run(self->reactor);
    return NULL;
}

static void sigterm_stops_every_reactor_that_runs(void **state)
{
    (void)state;
    atomic_store(&ready, 0);
    memset(others, 0, sizeof others);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&others[i].thread, NULL, run_until_sigterm, &others[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(others[i].thread, NULL);
        assert_int_equal(others[i].status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIGNAL_TEST(a_signal_runs_the_call_from_the_next_turn),
        SIGNAL_TEST(every_watch_of_a_signal_runs_and_no_other),
        SIGNAL_TEST(a_signal_that_comes_often_within_a_turn_is_reported_once),
        SIGNAL_TEST(a_signal_from_before_the_watch_is_not_reported),
        SIGNAL_TEST(the_end_of_its_scope_ends_a_watch),
        SIGNAL_TEST(a_watch_may_end_its_own_scope_inside_its_call),
        SIGNAL_TEST(a_watch_may_end_the_scope_of_an_earlier_one),
        SIGNAL_TEST(a_watch_made_inside_a_call_is_for_the_next_signal),
        SIGNAL_TEST(a_signal_wakes_a_reactor_that_waits_for_nothing_else),
        SIGNAL_TEST(a_signal_that_cannot_be_caught_is_a_failure),
        SIGNAL_TEST(without_memory_watching_is_a_failure),
        SIGNAL_TEST(the_last_watch_puts_the_former_handler_back),
        SIGNAL_TEST(a_handler_that_the_program_set_meanwhile_stays),
        SIGNAL_TEST(a_reactor_that_runs_catches_the_signals_to_stop_and_puts_them_back),
        SIGNAL_TEST(a_reactor_that_runs_ignores_broken_pipes),
        SIGNAL_TEST(a_programs_handler_of_broken_pipes_stays),
        SIGNAL_TEST(sigterm_stops_in_order_with_status_0),
        SIGNAL_TEST(sigint_stops_in_order_with_status_0),
        SIGNAL_TEST(a_second_signal_does_not_wait_for_triggers),
        SIGNAL_TEST(a_handler_of_the_program_is_left_alone),
        SIGNAL_TEST(a_signal_that_is_ignored_stays_ignored),
        SIGNAL_TEST(a_watch_made_before_the_run_replaces_the_stopping),
        SIGNAL_TEST(a_watch_made_during_the_run_replaces_the_stopping),
        SIGNAL_TEST(when_the_programs_watch_has_ended_the_signal_stops_again),
        SIGNAL_TEST(a_signal_reaches_every_reactor_that_watches_it),
        SIGNAL_TEST(sigterm_stops_every_reactor_that_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
