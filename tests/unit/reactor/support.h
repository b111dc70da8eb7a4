/*
 * What the tests of the reactor share: a reactor for each test, whose clock is moved by hand so
 * that no test waits for time to pass; a record of what ran in which order; what was logged last.
 *
 * The driver is the real one but for three things: its clock, that a turn does not sleep until a
 * deadline but moves the clock there, and that wake-ups are counted.
 */
#ifndef TORC_TESTS_REACTOR_SUPPORT_H
#define TORC_TESTS_REACTOR_SUPPORT_H

#include <torc.h>

#include "reactor/reactor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static torc_reactor *reactor;
static torc_scope *root;
static char record[4096]; /* what ran, in order */
static size_t logged;     /* events of level warn and above */
static char last_logged[8192];
static char last_context[256];

static const torc_driver_class *real_driver;
static torc_driver_class driver_by_hand;
static torc_time clock_by_hand;
static atomic_uint wakes;

static TORC_UNUSED void note(const char *format, ...)
{
    size_t length = strlen(record);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(record + length, sizeof record - length, format, arguments);
    va_end(arguments);
}

/* A call that notes its argument, a C string. */
static TORC_UNUSED void say(void *name)
{
    note("%s ", (const char *)name);
}

/* Compares what ran since the last time with `expected`, and starts anew. */
static TORC_UNUSED void assert_ran(const char *expected)
{
    assert_string_equal(record, expected);
    record[0] = '\0';
}

static void observe(void *argument, const torc_log_event *event)
{
    (void)argument;
    logged++;
    snprintf(last_logged, sizeof last_logged, "%.*s", TORC_FMT(event->message));
    snprintf(last_context, sizeof last_context, "%s", event->context);
}

/* -- the clock ----------------------------------------------------------------------------- */

static torc_time now_by_hand(torc_driver *driver)
{
    (void)driver;
    return clock_by_hand;
}

/* With nothing to wait for but time, time passes at once. */
static void turn_by_hand(torc_driver *driver, torc_time deadline)
{
    real_driver->turn(driver, deadline == TORC_NEVER ? TORC_NEVER : 0);
    if (deadline != TORC_NEVER && deadline > clock_by_hand)
        clock_by_hand = deadline;
    torc_driver_woke(driver, clock_by_hand);
}

static void wake_by_hand(torc_driver *driver)
{
    atomic_fetch_add(&wakes, 1);
    real_driver->wake(driver);
}

static TORC_UNUSED void count_wakes(torc_reactor *watched)
{
    real_driver = watched->driver->kind;
    driver_by_hand = *real_driver;
    driver_by_hand.wake = wake_by_hand;
    watched->driver->kind = &driver_by_hand;
    atomic_store(&wakes, 0);
}

static TORC_UNUSED void move_clock_by_hand(torc_reactor *moved)
{
    driver_by_hand.now = now_by_hand;
    driver_by_hand.turn = turn_by_hand;
    clock_by_hand = moved->now;
}

/* One turn, in which no time passes. */
static TORC_UNUSED void turn(void)
{
    torc_iterate(reactor, 0);
}

/* Lets `time` pass, then one turn. */
static TORC_UNUSED void pass(torc_time time)
{
    clock_by_hand += time;
    turn();
}

/* -- around each test ---------------------------------------------------------------------- */

static TORC_UNUSED int set_up_with_real_clock(void **state)
{
    (void)state;
    reactor = torc_reactor_new();
    root = torc_root(reactor);
    count_wakes(reactor);
    record[0] = '\0';
    logged = 0;
    last_logged[0] = '\0';
    last_context[0] = '\0';
    return torc_log_add_observer(TORC_LOG_WARN, observe, NULL) ? 0 : -1;
}

static TORC_UNUSED int set_up(void **state)
{
    if (set_up_with_real_clock(state) != 0)
        return -1;
    move_clock_by_hand(reactor);
    return 0;
}

static TORC_UNUSED int tear_down(void **state)
{
    (void)state;
    torc_reactor_free(reactor);
    reactor = NULL;
    torc_log_remove_observer(observe, NULL);
    return 0;
}

#define REACTOR_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
#define REAL_TIME_TEST(function) \
    cmocka_unit_test_setup_teardown(function, set_up_with_real_clock, tear_down)

#endif /* TORC_TESTS_REACTOR_SUPPORT_H */
