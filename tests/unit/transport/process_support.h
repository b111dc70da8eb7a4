/*
 * What the tests of processes share: a reactor for each test, on each driver in turn; a record of
 * what was told; and a look at what is left behind: descriptors, children.
 */
#ifndef TORC_TESTS_TRANSPORT_PROCESS_SUPPORT_H
#define TORC_TESTS_TRANSPORT_PROCESS_SUPPORT_H

#include <torc.h>
#include <torc/process.h>

#include "base/system_call.h"
#include "reactor/reactor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUN_TIME_MAX (10 * TORC_SECOND)

static torc_reactor *reactor;
static torc_scope *root;
static char record[16384]; /* what was told, in order */
static bool done;          /* the test's own: what it waits for has come */

static TORC_UNUSED void note(const char *format, ...) TORC_PRINTF(1, 2);

static TORC_UNUSED void note(const char *format, ...)
{
    size_t length = strlen(record);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(record + length, sizeof record - length, format, arguments);
    va_end(arguments);
}

static TORC_UNUSED void turn_or_fail(torc_time deadline, const char *condition, int line)
{
    if (torc_monotonic_now() > deadline) {
        print_error("line %d: in vain: %s; told: %s\n", line, condition, record);
        fail();
    }
    (void)torc_iterate(reactor, 5 * TORC_MILLISECOND);
}

#define RUN_UNTIL(condition) \
    do { \
        torc_time run_deadline = torc_monotonic_now() + RUN_TIME_MAX; \
        while (!(condition)) \
            turn_or_fail(run_deadline, #condition, __LINE__); \
    } while (0)

static TORC_UNUSED unsigned open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/* Any child at all, running or waiting to be waited for; takes no status. */
static TORC_UNUSED bool has_children(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static TORC_UNUSED void on_each_driver(void (*test)(void))
{
    for (size_t i = 0; torc_driver_name(i) != NULL; i++) {
        unsigned descriptors = open_descriptors();
        torc_failure *failure = NULL;

        reactor = torc_reactor_new_named(torc_driver_name(i), &failure);
        assert_non_null(reactor);
        root = torc_root(reactor);
        record[0] = '\0';
        done = false;
        test();
        torc_reactor_free(reactor);
        assert_int_equal(open_descriptors(), descriptors);
        assert_false(has_children());
    }
}

#define SHELL(...) ((const char *const[]){ "sh", "-c", __VA_ARGS__, NULL })

/* Once more, for a command in a buffer; asserts what was told and starts anew. */
static TORC_UNUSED void assert_told(const char *expected)
{
    assert_string_equal(record, expected);
    record[0] = '\0';
}

#endif /* TORC_TESTS_TRANSPORT_PROCESS_SUPPORT_H */
