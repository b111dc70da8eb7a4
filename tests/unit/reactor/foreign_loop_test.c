/*
 * A reactor inside a loop of another's: what it says of itself is all that such a loop needs. All
 * of it on each driver that has a descriptor.
 */
#include "reactor/support.h"

#include "support/driver_works.h"
#include "support/failing_system_call.h"

#include <torc/watch.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* Polls as another's loop would, until `text` is what ran, or the reactor has stopped. */
static bool poll_until_ran(const char *text)
{
    struct pollfd watched = { torc_reactor_descriptor(reactor), POLLIN, 0 };

    while (strcmp(record, text) != 0) {
        torc_time deadline = torc_reactor_deadline(reactor);
        torc_time left = deadline - torc_monotonic_now();
        int wait = deadline == TORC_NEVER ? 10000 : left <= 0 ? 0 : (int)(left / 1000000 + 1);

        if (poll(&watched, 1, wait) == 0 && deadline == TORC_NEVER)
            fail_msg("nothing came in ten seconds");
        if (!torc_iterate(reactor, 0))
            return false;
    }
    return true;
}

static void *call_from_outside(void *unused)
{
    (void)unused;
    torc_call_from_thread(reactor, say, "posted");
    return NULL;
}

static void stop_it(void *argument)
{
    (void)argument;
    torc_stop(reactor);
}

static void an_idle_reactor_waits_for_its_descriptor_only(void **state)
{
    (void)state;
    torc_iterate(reactor, 0);
    assert_true(torc_reactor_deadline(reactor) == TORC_NEVER);
    assert_true(torc_reactor_descriptor(reactor) >= 0);
}

static void the_first_turn_is_due_at_once(void **state)
{
    (void)state;
    assert_true(torc_reactor_deadline(reactor) == 0);
}

/* The reactor last looked at the clock in its turn, and the other loop has waited since. */
static void a_delay_that_is_asked_for_between_turns_begins_then(void **state)
{
    torc_delayed_call later;
    torc_time asked;

    (void)state;
    torc_iterate(reactor, 0);
    poll(NULL, 0, 30);
    asked = torc_monotonic_now();
    later = torc_call_later(torc_root(reactor), 10 * TORC_MILLISECOND, say, "later");
    assert_true(torc_delayed_time(&later) >= asked + 10 * TORC_MILLISECOND);
    assert_true(poll_until_ran("later "));
    assert_true(torc_monotonic_now() - asked >= 10 * TORC_MILLISECOND);
}

static void what_is_to_be_done_at_once_is_due(void **state)
{
    (void)state;
    torc_iterate(reactor, 0);
    torc_call_soon(torc_root(reactor), say, "soon");
    assert_true(torc_reactor_deadline(reactor) <= torc_monotonic_now());
}

static void a_delayed_call_is_the_deadline(void **state)
{
    torc_time before = torc_monotonic_now();

    (void)state;
    torc_iterate(reactor, 0);
    torc_call_later(torc_root(reactor), 20 * TORC_MILLISECOND, say, "later");
    assert_in_range(torc_reactor_deadline(reactor), before + 1, before + TORC_SECOND);
    assert_true(poll_until_ran("later "));
    assert_true(torc_monotonic_now() - before >= 20 * TORC_MILLISECOND);
}

static void a_call_from_a_thread_shows_on_the_descriptor(void **state)
{
    pthread_t thread;

    (void)state;
    torc_iterate(reactor, 0);
    assert_int_equal(pthread_create(&thread, NULL, call_from_outside, NULL), 0);
    assert_true(poll_until_ran("posted "));
    pthread_join(thread, NULL);
}

/* -- what comes from outside --------------------------------------------------------------- */

static void say_ready(torc_watch *watch, unsigned ready, void *name)
{
    (void)ready;
    say(name);
    torc_watch_stop(watch);
}

static void *write_later(void *end)
{
    poll(NULL, 0, 30);
    assert_int_equal(write(*(int *)end, "x", 1), 1);
    return NULL;
}

/* Watched between turns, so that it is to be handed to the system before the other loop waits. */
static void what_comes_shows_on_the_descriptor(void **state)
{
    pthread_t thread;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    torc_iterate(reactor, 0);
    for (int i = 0; i < 3; i++) {
        char byte;

        record[0] = '\0';
        torc_watch_descriptor(torc_root(reactor), ends[0], TORC_READABLE, say_ready, "readable");
        assert_int_equal(pthread_create(&thread, NULL, write_later, &ends[1]), 0);
        assert_true(poll_until_ran("readable "));
        pthread_join(thread, NULL);
        assert_int_equal(read(ends[0], &byte, 1), 1);
    }
    close(ends[0]);
    close(ends[1]);
}

/* The system refuses to watch it, so nothing of it would ever come from there. */
static void what_is_always_ready_is_told(void **state)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    torc_iterate(reactor, 0);
    torc_watch_descriptor(torc_root(reactor), null, TORC_READABLE, say_ready, "null");
    assert_true(poll_until_ran("null "));
    close(null);
}

/* -- echoes: each side's turn asks for what the other's is told ----------------------------- */

enum { ECHOES = 200 };

static void answer(torc_protocol *self, torc_slice data)
{
    torc_write(self->transport, data);
}

static void count_echo(torc_protocol *self, torc_slice data)
{
    static unsigned echoes;

    if (++echoes % ECHOES != 0)
        torc_write(self->transport, data);
    else
        note("echoed ");
}

static void ask(torc_protocol *self)
{
    torc_write(self->transport, TORC_SLICE("x"));
}

static const torc_protocol_class answering = { .name = "Answering", .data_received = answer };
static const torc_protocol_class asking = {
    .name = "Asking",
    .connection_made = ask,
    .data_received = count_echo,
};

static torc_result connect_to(void *unused, torc_result port)
{
    torc_address address = torc_port_address(torc_result_pointer(port));
    char where[64];

    (void)unused;
    snprintf(where, sizeof where, "tcp:127.0.0.1:%u", address.port);
    torc_connect(torc_root(reactor), where, torc_factory_of(&asking));
    return torc_nothing();
}

static void conversations_go_on(void **state)
{
    torc_port *port = torc_listen(
        torc_root(reactor), "tcp:0:interface=127.0.0.1", torc_factory_of(&answering));

    (void)state;
    torc_add_callback(torc_port_opened(port), connect_to, NULL);
    assert_true(poll_until_ran("echoed "));
}

static void an_idle_reactor_lets_the_other_loop_sleep(void **state)
{
    struct pollfd watched = { torc_reactor_descriptor(reactor), POLLIN, 0 };
    int turns = 0;

    (void)state;
    for (int quiet = 0; quiet < 3; turns++) {
        quiet = poll(&watched, 1, 10) == 0 ? quiet + 1 : 0;
        assert_true(turns < 50);
        torc_iterate(reactor, 0);
        assert_true(torc_reactor_deadline(reactor) == TORC_NEVER);
    }
}

/* -- ends ---------------------------------------------------------------------------------- */

static void a_stopped_reactor_says_so_in_its_turn(void **state)
{
    (void)state;
    torc_call_later(torc_root(reactor), TORC_MILLISECOND, stop_it, NULL);
    assert_false(poll_until_ran("never"));
    assert_true(torc_reactor_deadline(reactor) == 0);
    assert_false(torc_iterate(reactor, 0));
}

static void a_driver_that_has_no_descriptor_says_so(void **state)
{
    torc_failure *failure = NULL;
    torc_reactor *polling = torc_reactor_new_named("poll", &failure);

    (void)state;
    assert_null(failure);
    assert_int_equal(torc_reactor_descriptor(polling), -1);
    torc_reactor_free(polling);
}

/* On the driver that has to open one for it. */
static void one_that_cannot_be_had_now_may_be_later(void **state)
{
    torc_failure *failure = NULL;
    torc_reactor *refused;

    (void)state;
    if (!driver_works("uring") || strcmp(torc_reactor_driver_name(reactor), "uring") != 0)
        return;
    refused = torc_reactor_new_named("uring", &failure);
    assert_null(failure);
    fail_system_calls_named("eventfd", EMFILE);
    assert_int_equal(torc_reactor_descriptor(refused), -1);
    fail_system_calls_named("io_uring_register", ENOMEM);
    assert_int_equal(torc_reactor_descriptor(refused), -1);
    allow_system_calls();
    assert_true(torc_reactor_descriptor(refused) >= 0);
    torc_reactor_free(refused);
}

static int test_driver(const char *name)
{
    const struct CMUnitTest tests[] = {
        REAL_TIME_TEST(an_idle_reactor_waits_for_its_descriptor_only),
        REAL_TIME_TEST(the_first_turn_is_due_at_once),
        REAL_TIME_TEST(a_delay_that_is_asked_for_between_turns_begins_then),
        REAL_TIME_TEST(what_is_to_be_done_at_once_is_due),
        REAL_TIME_TEST(a_delayed_call_is_the_deadline),
        REAL_TIME_TEST(a_call_from_a_thread_shows_on_the_descriptor),
        REAL_TIME_TEST(what_comes_shows_on_the_descriptor),
        REAL_TIME_TEST(what_is_always_ready_is_told),
        REAL_TIME_TEST(conversations_go_on),
        REAL_TIME_TEST(an_idle_reactor_lets_the_other_loop_sleep),
        REAL_TIME_TEST(a_stopped_reactor_says_so_in_its_turn),
        REAL_TIME_TEST(a_driver_that_has_no_descriptor_says_so),
        REAL_TIME_TEST(one_that_cannot_be_had_now_may_be_later),
    };

    if (!driver_works(name))
        return 0;
    setenv("TORC_REACTOR", name, 1);
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

static bool has_descriptor(const char *name)
{
    return strcmp(name, "poll") != 0 && strcmp(name, "select") != 0;
}

int main(void)
{
    int failed = 0;

    for (size_t i = 0; torc_driver_name(i) != NULL; i++)
        if (has_descriptor(torc_driver_name(i)))
            failed += test_driver(torc_driver_name(i));
    return failed;
}
