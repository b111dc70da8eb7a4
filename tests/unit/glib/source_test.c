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

#include <stdio.h>
#include <stdlib.h>

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

int main(void)
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
