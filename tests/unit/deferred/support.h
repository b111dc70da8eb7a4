/*
 * What the tests of deferreds share: a reactor for each test, a record of what ran in which order,
 * a count of what was logged, and values that count their holders.
 */
#ifndef TORC_TESTS_DEFERRED_SUPPORT_H
#define TORC_TESTS_DEFERRED_SUPPORT_H

#include <torc.h>

#include "reactor/reactor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static torc_reactor *reactor;
static torc_scope *root;
static char record[4096]; /* what ran, in order */
static size_t logged;     /* events of level error */
static char last_logged[8192];

static TORC_UNUSED void note(const char *format, ...)
{
    size_t length = strlen(record);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(record + length, sizeof(record) - length, format, arguments);
    va_end(arguments);
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
    snprintf(last_logged, sizeof(last_logged), "%.*s", TORC_FMT(event->message));
}

static TORC_UNUSED int set_up(void **state)
{
    (void)state;
    reactor = torc_reactor_new();
    root = torc_root(reactor);
    record[0] = '\0';
    logged = 0;
    last_logged[0] = '\0';
    return torc_log_add_observer(TORC_LOG_ERROR, observe, NULL) ? 0 : -1;
}

static TORC_UNUSED int tear_down(void **state)
{
    (void)state;
    torc_log_remove_observer(observe, NULL);
    torc_reactor_free(reactor);
    return 0;
}

#define DEFERRED_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* One turn of the loop: what has run dry is looked at. */
static TORC_UNUSED void turn(void)
{
    torc_iterate(reactor, 0);
}

/* -- callbacks that write down what they get ------------------------------------------------ */

static TORC_UNUSED void note_result(const char *name, torc_result result)
{
    if (torc_is_failure(result))
        note("%s!%s ", name, torc_failure_type_of(torc_result_failure(result))->name);
    else if (torc_is_nothing(result))
        note("%s- ", name);
    else if (result.type == &torc_type_integer)
        note("%s=%" PRId64 " ", name, torc_result_integer(result));
    else
        note("%s:%s ", name, torc_result_type_name(result));
}

/* Passes on what it got. `name` is a C string. */
static TORC_UNUSED torc_result see(void *name, torc_result result)
{
    note_result(name, result);
    return result;
}

/* Ends what it got. */
static TORC_UNUSED torc_result swallow(void *name, torc_result result)
{
    note_result(name, result);
    return torc_nothing();
}

static TORC_UNUSED torc_result add_one(void *name, torc_result result)
{
    note_result(name, result);
    return torc_integer(torc_result_integer(result) + 1);
}

static TORC_UNUSED torc_result refuse(void *name, torc_result result)
{
    note_result(name, result);
    return torc_fail_with(&torc_error_refused, "refused by %s", (const char *)name);
}

/* Waits for the deferred that it is added with. */
static TORC_UNUSED torc_result wait_for_it(void *inner, torc_result result)
{
    note_result("wait", result);
    return torc_wait_for(inner);
}

/* -- values that count their holders -------------------------------------------------------- */

static TORC_UNUSED int holders;

static TORC_UNUSED void hold_counted(void *value)
{
    (void)value;
    holders++;
}

static TORC_UNUSED void release_counted(void *value)
{
    (void)value;
    holders--;
}

static TORC_UNUSED const torc_type counted = { "counted", hold_counted, release_counted };

/* Each is another value: what is the same is taken for passed on. */
static TORC_UNUSED torc_result new_counted(void)
{
    static char values[64];
    static size_t next;

    holders++;
    return torc_value(&counted, &values[next++ % sizeof(values)]);
}

#endif /* TORC_TESTS_DEFERRED_SUPPORT_H */
