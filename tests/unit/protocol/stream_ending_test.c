/*
 * Streams whose scope, listener or waiting ends under them: what the coroutines that use them are
 * told, and that nothing of them stays.
 */
#include "deferred/coroutine_support.h"

#include <torc/stream.h>

static torc_stream_listener *listener;
static torc_stream *accepted;
static bool done;

/* -- scopes that have ended ---------------------------------------------------------------- */

static torc_result use_an_ended_scope(torc_scope *scope, void *argument)
{
    torc_scope *ended = torc_scope_new(scope);
    torc_stream *stream = (torc_stream *)argument;

    torc_scope_end(ended);
    note_result("open", torc_open_stream(ended, "memory:house", &stream));
    assert_null(stream);
    note_result("listen", torc_stream_listen(ended, "memory:house", 5, &listener));
    assert_null(listener);
    return torc_nothing();
}

static void in_a_scope_that_has_ended_nothing_is_opened(void **state)
{
    (void)state;
    torc_spawn(root, use_an_ended_scope, NULL);
    turns(3);
    assert_ran("open!Cancelled listen!Cancelled ");
}

static torc_result listen_at_home(torc_scope *scope, void *unused)
{
    (void)unused;
    note_result("listen", torc_stream_listen(root, "memory:house", 5, &listener));
    (void)scope;
    return torc_nothing();
}

static torc_result accept_one(torc_scope *scope, void *unused)
{
    (void)scope;
    (void)unused;
    note_result("accept", torc_accept(listener, &accepted));
    return torc_nothing();
}

static torc_result use_after_the_end(torc_scope *scope, void *unused)
{
    torc_scope *own = torc_scope_new(root);
    torc_stream *stream;

    (void)scope;
    (void)unused;
    note_result("open", torc_open_stream(own, "memory:house", &stream));
    torc_scope_end(own);
    note_result("read", torc_read_line(stream));
    note_result("write", torc_write_all(stream, TORC_SLICE("x")));
    return torc_nothing();
}

static void a_stream_whose_scope_has_ended_is_not_read_from_nor_written_to(void **state)
{
    (void)state;
    torc_spawn(root, listen_at_home, NULL);
    turns(3);
    torc_spawn(root, use_after_the_end, NULL);
    turns(5);
    assert_int_equal(strncmp(record, "listen- open- read!", 19), 0);
    assert_non_null(strstr(record, " write!"));
}

/* -- listeners ----------------------------------------------------------------------------- */

static torc_result open_and_read(torc_scope *scope, void *unused)
{
    torc_stream *stream;

    (void)unused;
    note_result("open", torc_open_stream(scope, "memory:house", &stream));
    note_result("read", torc_read_line(stream));
    torc_close_stream(stream);
    done = true;
    return torc_nothing();
}

static void closing_a_listener_closes_those_whom_nobody_accepted(void **state)
{
    (void)state;
    done = false;
    torc_spawn(root, listen_at_home, NULL);
    turns(3);
    torc_spawn(root, open_and_read, NULL);
    turns(5);
    assert_ran("listen- open- ");
    torc_stream_listener_close(listener);
    turn_until(&done);
    assert_ran("read!ConnectionDone ");
}

static void who_waits_to_accept_is_told_of_the_closing(void **state)
{
    (void)state;
    torc_spawn(root, listen_at_home, NULL);
    turns(3);
    torc_spawn(root, accept_one, NULL);
    turns(2);
    torc_stream_listener_close(listener);
    turns(3);
    assert_ran("listen- accept!Cancelled ");
}

/* -- waiting to write ---------------------------------------------------------------------- */

static torc_result write_for_ever(torc_scope *scope, void *unused)
{
    static char piece[65536];
    torc_result written = torc_nothing();
    torc_stream *stream;

    (void)unused;
    note_result("open", torc_open_stream(scope, "memory:house", &stream));
    while (!torc_is_failure(written))
        written = torc_write_all(stream, torc_slice_make(piece, sizeof piece));
    note_result("write", written);
    return torc_nothing();
}

static void who_waits_to_write_may_be_cancelled(void **state)
{
    torc_deferred *writing;

    (void)state;
    torc_spawn(root, listen_at_home, NULL);
    turns(3);
    writing = torc_spawn(root, write_for_ever, NULL);
    turns(50);
    assert_ran("listen- open- ");
    torc_cancel(writing);
    turns(3);
    assert_ran("write!Cancelled ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEFERRED_TEST(in_a_scope_that_has_ended_nothing_is_opened),
        DEFERRED_TEST(a_stream_whose_scope_has_ended_is_not_read_from_nor_written_to),
        DEFERRED_TEST(closing_a_listener_closes_those_whom_nobody_accepted),
        DEFERRED_TEST(who_waits_to_accept_is_told_of_the_closing),
        DEFERRED_TEST(who_waits_to_write_may_be_cancelled),
    };

    torc_log_set_level(TORC_LOG_CRITICAL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
