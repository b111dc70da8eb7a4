/*
 * What the tests of coroutines share, beside what those of deferreds do: turns until something has
 * come about, and a coroutine that awaits what it is handed.
 */
#ifndef TORC_TESTS_DEFERRED_COROUTINE_SUPPORT_H
#define TORC_TESTS_DEFERRED_COROUTINE_SUPPORT_H

#include "deferred/support.h"

#include <torc/coroutine.h>

#include "deferred/coroutine.h"
#include "deferred/deferred.h"

/* Turns that wait for nothing: what is ready comes about. */
static TORC_UNUSED void turns(int count)
{
    for (int i = 0; i < count; i++)
        torc_iterate(reactor, 0);
}

/* Turns until *done, within a bound. */
static TORC_UNUSED void turn_until(const bool *done)
{
    torc_time until = torc_time_add(torc_monotonic_now(), 10 * TORC_SECOND);

    while (!*done) {
        assert_true(torc_monotonic_now() < until);
        torc_iterate(reactor, TORC_MILLISECOND);
    }
}

/* Awaits one deferred, notes the result as "got", and returns it. */
static TORC_UNUSED torc_result await_it(torc_scope *scope, void *deferred)
{
    torc_result result;

    (void)scope;
    note("begin ");
    result = torc_await(deferred);
    note_result("got", result);
    return result;
}

static TORC_UNUSED size_t coroutines_running(void)
{
    torc_coroutine_report report;

    torc_coroutine_look(reactor, &report);
    return report.running;
}

#endif /* TORC_TESTS_DEFERRED_COROUTINE_SUPPORT_H */
