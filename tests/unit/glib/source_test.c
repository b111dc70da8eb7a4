/*
 * A reactor as a source of a GLib main loop: both loops' work runs in one thread, and stopping the
 * reactor is told.
 */
#include <glib.h>

#include <torc.h>
#include <torc/glib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/driver_works.h"
#include "support/expect_abort.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static GMainLoop *loop;
static torc_reactor *reactor;
static char answer[64];
static int stops;

static void quit(void *argument)
{
    (void)argument;
    stops++;
    g_main_loop_quit(loop);
}

static void stop(void *argument)
{
    (void)argument;
    torc_stop(reactor);
}

static gboolean too_late(gpointer unused)
{
    (void)unused;
    fprintf(stderr, "nothing ended the loop in ten seconds\n");
    abort();
}

static gboolean stop_from_glib(gpointer unused)
{
    (void)unused;
    torc_stop(reactor);
    return G_SOURCE_REMOVE;
}

static int set_up(void **state)
{
    (void)state;
    stops = 0;
    answer[0] = '\0';
    loop = g_main_loop_new(NULL, FALSE);
    reactor = torc_reactor_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    torc_reactor_free(reactor);
    g_main_loop_unref(loop);
    return 0;
}

static void run(void)
{
    guint guard = g_timeout_add_seconds(10, too_late, NULL);

    g_main_loop_run(loop);
    g_source_remove(guard);
}

/* -- an echo, with both ends in the one reactor --------------------------------------------- */

static void echo_data(torc_protocol *self, torc_slice data)
{
    torc_write(self->transport, data);
}

static void ask_made(torc_protocol *self)
{
    torc_printf(self, "hello");
}

static void ask_data(torc_protocol *self, torc_slice data)
{
    (void)self;
    snprintf(answer, sizeof answer, "%.*s", TORC_FMT(data));
    torc_stop(reactor);
}

static const torc_protocol_class echo = { .name = "Echo", .data_received = echo_data };
static const torc_protocol_class ask = {
    .name = "Ask",
    .connection_made = ask_made,
    .data_received = ask_data,
};

static torc_result connect_to(void *unused, torc_result port)
{
    torc_address address = torc_port_address(torc_result_pointer(port));
    char description[64];

    (void)unused;
    snprintf(description, sizeof description, "tcp:127.0.0.1:%u", address.port);
    torc_connect(torc_root(reactor), description, torc_factory_of(&ask));
    return torc_nothing();
}

static void connections_are_served_in_glibs_loop(void **state)
{
    torc_port *port = torc_listen(
        torc_root(reactor), "tcp:0:interface=127.0.0.1", torc_factory_of(&echo));

    (void)state;
    torc_add_callback(torc_port_opened(port), connect_to, NULL);
    assert_int_not_equal(torc_glib_attach(reactor, NULL, quit, NULL), 0);
    run();
    assert_string_equal(answer, "hello");
    assert_int_equal(stops, 1);
}

static void delayed_calls_run_on_time_though_nothing_else_happens(void **state)
{
    torc_time before = torc_monotonic_now();

    (void)state;
    torc_glib_attach(reactor, NULL, quit, NULL);
    torc_call_later(torc_root(reactor), 30 * TORC_MILLISECOND, stop, NULL);
    run();
    assert_true(torc_monotonic_now() - before >= 30 * TORC_MILLISECOND);
}

static void what_glibs_callbacks_ask_of_the_reactor_is_done(void **state)
{
    (void)state;
    torc_glib_attach(reactor, NULL, quit, NULL);
    g_idle_add(stop_from_glib, NULL);
    run();
    assert_int_equal(stops, 1);
}

static void a_source_that_was_removed_gives_no_more_turns(void **state)
{
    guint source;

    (void)state;
    source = torc_glib_attach(reactor, NULL, quit, NULL);
    g_source_remove(source);
    torc_call_soon(torc_root(reactor), stop, NULL);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    assert_int_equal(stops, 0);
}

static void a_driver_without_a_descriptor_is_refused(void **state)
{
    torc_failure *failure = NULL;
    torc_reactor *polling = torc_reactor_new_named("poll", &failure);

    (void)state;
    assert_null(failure);
    assert_int_equal(torc_glib_attach(polling, NULL, quit, NULL), 0);
    torc_reactor_free(polling);
}

/* -- loops within loops, and other contexts -------------------------------------------------- */

static int nested_turns;
static guint attached;

static gboolean quit_nested(gpointer nested)
{
    g_main_loop_quit(nested);
    return G_SOURCE_REMOVE;
}

static void count_turn(void *nested)
{
    nested_turns++;
    if (nested != NULL)
        g_main_loop_quit(nested);
}

static gboolean run_nested_from_glib(gpointer unused)
{
    GMainLoop *nested = g_main_loop_new(NULL, FALSE);

    (void)unused;
    torc_call_later(torc_root(reactor), TORC_MILLISECOND, count_turn, nested);
    g_main_loop_run(nested);
    g_main_loop_unref(nested);
    torc_stop(reactor);
    return G_SOURCE_REMOVE;
}

static void a_nested_loop_of_a_glib_callback_gives_turns(void **state)
{
    (void)state;
    nested_turns = 0;
    torc_glib_attach(reactor, NULL, quit, NULL);
    g_idle_add(run_nested_from_glib, NULL);
    run();
    assert_int_equal(nested_turns, 1);
    assert_int_equal(stops, 1);
}

static void run_nested_from_torc(void *unused)
{
    GMainLoop *nested = g_main_loop_new(NULL, FALSE);

    (void)unused;
    torc_call_soon(torc_root(reactor), count_turn, NULL);
    g_timeout_add(5, quit_nested, nested);
    g_main_loop_run(nested);
    g_main_loop_unref(nested);
    assert_int_equal(nested_turns, 0);
    torc_call_later(torc_root(reactor), TORC_MILLISECOND, stop, NULL);
}

static void a_nested_loop_of_a_reactors_callback_gives_none_until_it_is_over(void **state)
{
    (void)state;
    nested_turns = 0;
    torc_glib_attach(reactor, NULL, quit, NULL);
    torc_call_soon(torc_root(reactor), run_nested_from_torc, NULL);
    run();
    assert_int_equal(nested_turns, 1);
    assert_int_equal(stops, 1);
}

static void a_context_that_is_not_the_default_one_gives_turns(void **state)
{
    GMainContext *context = g_main_context_new();

    (void)state;
    g_main_context_push_thread_default(context);
    torc_glib_attach(reactor, context, quit, NULL);
    torc_call_later(torc_root(reactor), TORC_MILLISECOND, stop, NULL);
    while (stops == 0)
        g_main_context_iteration(context, TRUE);
    g_main_context_pop_thread_default(context);
    g_main_context_unref(context);
}

static gpointer run_in_another_thread(gpointer context)
{
    g_main_context_iteration(context, TRUE);
    return NULL;
}

static void let_another_thread_run_it(void)
{
    GMainContext *context = g_main_context_new();

    torc_glib_attach(torc_reactor_new(), context, NULL, NULL);
    g_thread_join(g_thread_new("another", run_in_another_thread, context));
}

static void a_context_that_another_thread_runs_is_a_mistake_that_is_told(void **state)
{
    (void)state;
    expect_abort(let_another_thread_run_it,
        "torc_reactor_deadline was called from a thread that the reactor does not belong to");
}

typedef struct other_thread {
    GMainContext *context;
    bool served;
} other_thread;

static void stop_reactor(void *stopping)
{
    torc_stop(stopping);
}

static void note_served(void *argument)
{
    ((other_thread *)argument)->served = true;
}

static gpointer serve_in_a_thread(gpointer argument)
{
    other_thread *self = argument;
    torc_reactor *own = torc_reactor_new();

    torc_glib_attach(own, self->context, note_served, self);
    torc_call_later(torc_root(own), TORC_MILLISECOND, stop_reactor, own);
    while (!self->served)
        g_main_context_iteration(self->context, TRUE);
    torc_reactor_free(own);
    return NULL;
}

static void each_thread_may_have_a_reactor_in_a_context_of_its_own(void **state)
{
    other_thread other = { .context = g_main_context_new() };
    GThread *thread = g_thread_new("other", serve_in_a_thread, &other);

    (void)state;
    torc_glib_attach(reactor, NULL, quit, NULL);
    torc_call_later(torc_root(reactor), TORC_MILLISECOND, stop, NULL);
    run();
    g_thread_join(thread);
    g_main_context_unref(other.context);
    assert_true(other.served);
    assert_int_equal(stops, 1);
}

/* -- ending ---------------------------------------------------------------------------------- */

static gboolean quit_loop(gpointer unused)
{
    (void)unused;
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

static void remove_source_and_stop(void *unused)
{
    (void)unused;
    g_source_remove(attached);
    torc_stop(reactor);
    g_timeout_add(5, quit_loop, NULL);
}

static void a_source_that_is_removed_inside_a_callback_tells_no_stop(void **state)
{
    (void)state;
    attached = torc_glib_attach(reactor, NULL, quit, NULL);
    torc_call_soon(torc_root(reactor), remove_source_and_stop, NULL);
    run();
    assert_int_equal(stops, 0);
}

static void free_and_quit(void *unused)
{
    torc_reactor_free(reactor);
    reactor = NULL;
    quit(unused);
}

static void the_reactor_may_be_freed_when_it_is_told_to_have_stopped(void **state)
{
    (void)state;
    torc_glib_attach(reactor, NULL, free_and_quit, NULL);
    torc_call_soon(torc_root(reactor), stop, NULL);
    run();
    assert_null(reactor);
    assert_int_equal(stops, 1);
}

static gboolean interrupt(gpointer unused)
{
    (void)unused;
    raise(SIGINT);
    return G_SOURCE_REMOVE;
}

/* The reactor has nothing to do at all, and must have had its first turn nonetheless. */
static void an_interrupt_stops_an_idle_reactor_in_order(void **state)
{
    (void)state;
    torc_glib_attach(reactor, NULL, quit, NULL);
    g_timeout_add(10, interrupt, NULL);
    run();
    assert_int_equal(stops, 1);
}

static gboolean ask_for_a_delayed_stop(gpointer before)
{
    *(torc_time *)before = torc_monotonic_now();
    torc_call_later(torc_root(reactor), 20 * TORC_MILLISECOND, stop, NULL);
    return G_SOURCE_REMOVE;
}

static void a_delay_asked_for_by_a_glib_callback_begins_then(void **state)
{
    torc_time before;

    (void)state;
    torc_glib_attach(reactor, NULL, quit, NULL);
    g_timeout_add(40, ask_for_a_delayed_stop, &before);
    run();
    assert_true(torc_monotonic_now() - before >= 20 * TORC_MILLISECOND);
}

#define SOURCE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static int test_driver(const char *name)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connections_are_served_in_glibs_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            delayed_calls_run_on_time_though_nothing_else_happens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_glibs_callbacks_ask_of_the_reactor_is_done, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_source_that_was_removed_gives_no_more_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_driver_without_a_descriptor_is_refused, set_up, tear_down),
        SOURCE_TEST(a_nested_loop_of_a_glib_callback_gives_turns),
        SOURCE_TEST(a_nested_loop_of_a_reactors_callback_gives_none_until_it_is_over),
        SOURCE_TEST(a_context_that_is_not_the_default_one_gives_turns),
        SOURCE_TEST(a_context_that_another_thread_runs_is_a_mistake_that_is_told),
        SOURCE_TEST(each_thread_may_have_a_reactor_in_a_context_of_its_own),
        SOURCE_TEST(a_source_that_is_removed_inside_a_callback_tells_no_stop),
        SOURCE_TEST(the_reactor_may_be_freed_when_it_is_told_to_have_stopped),
        SOURCE_TEST(an_interrupt_stops_an_idle_reactor_in_order),
        SOURCE_TEST(a_delay_asked_for_by_a_glib_callback_begins_then),
    };

    if (!driver_works(name))
        return 0;
    setenv("TORC_REACTOR", name, 1);
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    int failed = 0;

    for (size_t i = 0; torc_driver_name(i) != NULL; i++)
        if (strcmp(torc_driver_name(i), "poll") != 0 && strcmp(torc_driver_name(i), "select") != 0)
            failed += test_driver(torc_driver_name(i));
    return failed;
}
