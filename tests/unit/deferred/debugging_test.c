/*
 * Messages say where a deferred was made and where it was fired, when that was asked for.
 */
#include "deferred/support.h"

#include "deferred/deferred.h"
#include "support/expect_abort.h"
#include "support/failing_allocation.h"
#include "testing/pending.h"

#include <errno.h>
#include <stdlib.h>

static int set_up_debugging(void **state)
{
    torc_set_deferred_debugging(true);
    return set_up(state);
}

static int tear_down_debugging(void **state)
{
    torc_set_deferred_debugging(false);
    return tear_down(state);
}

#define DEBUGGING_TEST(function) \
    cmocka_unit_test_setup_teardown(function, set_up_debugging, tear_down_debugging)

/* What follows is a place in this program. */
static const char *place_after(const char *words)
{
    static char text[512];

    snprintf(text, sizeof text, "%s%s+0x", words, program_invocation_short_name);
    return text;
}

static void fire_twice(void)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    torc_fire(deferred, torc_nothing());
    torc_fire(deferred, torc_nothing());
}

static void fire_a_cancelled_one_twice(void)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    torc_cancel(deferred);
    torc_fire(deferred, torc_nothing());
    torc_fire(deferred, torc_nothing());
}

static void firing_twice_tells_where_it_was_made_and_fired(void **state)
{
    (void)state;
    expect_abort(fire_twice, place_after("; made in "));
    expect_abort(fire_twice, place_after("; fired in "));
    expect_abort(fire_a_cancelled_one_twice, place_after("; cancelled in "));
}

static void what_nobody_took_tells_where_it_was_made(void **state)
{
    (void)state;
    torc_deferred_fired(root, torc_fail_with(&torc_error, "no"));
    turn();
    assert_int_equal(logged, 1);
    assert_non_null(strstr(last_logged, place_after("Unhandled failure in a deferred; made in ")));
}

static void a_trace_begins_with_the_caller(void **state)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);
    char text[TORC__TRACE_TEXT_MAX];
    char first[64];

    (void)state;
    torc__trace_describe_making(deferred, first, sizeof first);
    torc__trace_describe(deferred, text, sizeof text);
    assert_non_null(strstr(first, place_after("")));
    assert_non_null(strstr(text, strstr(first, place_after(""))));
    assert_null(strstr(text, "fired in"));
}

static void what_is_pending_tells_where_it_was_made(void **state)
{
    torc__report report = { 0 };

    (void)state;
    torc_deferred_new(root, NULL, NULL);
    torc__pending_report(reactor, NULL, &report);
    assert_non_null(strstr(report.text, place_after("1 deferred (not fired, made in ")));
}

static void without_memory_for_a_trace_there_is_none(void **state)
{
    torc_deferred *deferred;
    char text[64];

    (void)state;
    spare_allocations_of(torc__deferred_size);
    fail_all_allocations();
    deferred = torc_deferred_new(root, NULL, NULL);
    torc_fire(deferred, torc_nothing());
    allow_allocations();
    spare_allocations_of(0);
    torc__trace_describe(deferred, text, sizeof text);
    assert_string_equal(text, "");
}

static void switched_off_nothing_is_kept(void **state)
{
    torc_deferred *deferred;
    char text[64];

    (void)state;
    torc_set_deferred_debugging(false);
    deferred = torc_deferred_new(root, NULL, NULL);
    torc__trace_describe(deferred, text, sizeof text);
    assert_string_equal(text, "");
}

/* In a process of its own: the environment is read once. */
static void make_a_reactor_and_fire_twice(void)
{
    setenv("TORC_DEBUG", "other,deferreds", 1);
    reactor = torc_reactor_new();
    root = torc_root(reactor);
    fire_twice();
}

static void make_another_reactor_and_fire_twice(void)
{
    setenv("TORC_DEBUG", "deferredsx,deferred", 1);
    reactor = torc_reactor_new();
    root = torc_root(reactor);
    fire_twice();
}

static void the_environment_switches_it_on(void **state)
{
    (void)state;
    expect_abort(make_a_reactor_and_fire_twice, place_after("; made in "));
    expect_abort(make_another_reactor_and_fire_twice, "or ask torc_deferred_has_fired\n");
}

int main(void)
{
    /* Before anything else makes a reactor. */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_switches_it_on),
        DEBUGGING_TEST(firing_twice_tells_where_it_was_made_and_fired),
        DEBUGGING_TEST(what_nobody_took_tells_where_it_was_made),
        DEBUGGING_TEST(a_trace_begins_with_the_caller),
        DEBUGGING_TEST(what_is_pending_tells_where_it_was_made),
        DEBUGGING_TEST(without_memory_for_a_trace_there_is_none),
        DEBUGGING_TEST(switched_off_nothing_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
