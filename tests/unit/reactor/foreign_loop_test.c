/*
 * A reactor inside a loop of another's: what it says of itself is all that such a loop needs.
 */
#include "reactor/support.h"

#include <poll.h>
#include <pthread.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        REAL_TIME_TEST(an_idle_reactor_waits_for_its_descriptor_only),
        REAL_TIME_TEST(the_first_turn_is_due_at_once),
        REAL_TIME_TEST(a_delay_that_is_asked_for_between_turns_begins_then),
        REAL_TIME_TEST(what_is_to_be_done_at_once_is_due),
        REAL_TIME_TEST(a_delayed_call_is_the_deadline),
        REAL_TIME_TEST(a_call_from_a_thread_shows_on_the_descriptor),
        REAL_TIME_TEST(a_stopped_reactor_says_so_in_its_turn),
        REAL_TIME_TEST(a_driver_that_has_no_descriptor_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
