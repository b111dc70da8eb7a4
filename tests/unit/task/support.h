/*
 * What the tests of tasks and jobs share: a reactor on a virtual clock for each test, a record of
 * what ran in which order, and a way to take the result of a deferred.
 */
#ifndef TORC_TESTS_TASK_SUPPORT_H
#define TORC_TESTS_TASK_SUPPORT_H

#include <torc.h>
#include <torc/jobs.h>
#include <torc/task.h>
#include <torc/testing.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/pool.h"
#include "reactor/reactor.h"
#include "support/expect_abort.h"
#include "support/failing_allocation.h"

static torc_reactor *reactor;
static torc_scope *root;
static char record[4096]; /* what ran, in order */

static TORC_UNUSED void note(const char *format, ...) TORC_PRINTF(1, 2);

static TORC_UNUSED void note(const char *format, ...)
{
    size_t length = strlen(record);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(record + length, sizeof(record) - length, format, arguments);
    va_end(arguments);
}

/* Compares what ran since the last time with `expected`, and starts anew. */
#define assert_ran(expected) \
    do { \
        assert_string_equal(record, expected); \
        record[0] = '\0'; \
    } while (0)

static void fail_test(const char *message)
{
    fail_msg("%s", message);
}

static TORC_UNUSED int set_up(void **state)
{
    (void)state;
    torc_testing_set_fail(fail_test);
    reactor = torc_testing_reactor();
    root = torc_root(reactor);
    record[0] = '\0';
    return 0;
}

/* Fails the test for what is pending, logged as an error, or leaked. */
static TORC_UNUSED int tear_down(void **state)
{
    (void)state;
    torc_testing_free(reactor);
    return 0;
}

#define TASK_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static TORC_UNUSED void advance(torc_time time)
{
    torc_testing_advance(reactor, time);
}

static TORC_UNUSED void run_idle(void)
{
    torc_testing_run_idle(reactor);
}

#define MS TORC_MILLISECOND
#define S  TORC_SECOND

/* -- callbacks that write down what they get ------------------------------------------------ */

/* `name` is a C string. Takes the result, failures too. */
static TORC_UNUSED torc_result see(void *name, torc_result result)
{
    const char *text = name;

    if (torc_is_failure(result))
        note("%s!%s ", text, torc_failure_type_of(torc_result_failure(result))->name);
    else if (torc_is_nothing(result))
        note("%s- ", text);
    else if (result.type == &torc_type_integer)
        note("%s=%" PRId64 " ", text, torc_result_integer(result));
    else
        note("%s:%s ", text, torc_result_type_name(result));
    return torc_nothing();
}

static TORC_UNUSED void watch(torc_deferred *deferred, const char *name)
{
    torc_add_both(deferred, see, (void *)(uintptr_t)name);
}

static TORC_UNUSED void note_cancelled(torc_deferred *deferred, void *name)
{
    (void)deferred;
    note("%s-cancelled ", (const char *)name);
}

/* A deferred that tells when it is cancelled. */
static TORC_UNUSED torc_deferred *promise(torc_scope *scope, const char *name)
{
    return torc_deferred_new(scope, note_cancelled, (void *)(uintptr_t)name);
}

#endif /* TORC_TESTS_TASK_SUPPORT_H */
