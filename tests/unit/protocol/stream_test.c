/*
 * Streams: connections as coroutines see them, over every carrier and driver. The server is a
 * coroutine that writes down what it reads; the client a plain protocol, or a coroutine too.
 */
#include "support/transport_harness.h"

#include <torc/stream.h>

#include "base/pool.h"
#include "protocol/stream.h"
#include "support/expect_abort.h"
#include "support/failing_allocation.h"

#include <stdarg.h>
#include <stdio.h>

#ifdef TORC_NO_POOLS
enum { POOLS_ARE_OFF = true };
#else
enum { POOLS_ARE_OFF = false };
#endif

static char said[4096];     /* what the coroutines found, in order */
static torc_stream *served; /* the server's */
static bool go_on;          /* a coroutine of a test waits for it */
static size_t read_bytes;
static size_t most_unsent;
static size_t pieces_written;
static int ended;           /* coroutines of the server that have returned */

static void say(const char *format, ...) TORC_PRINTF(1, 2);

static void say(const char *format, ...)
{
    size_t length = strlen(said);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(said + length, sizeof said - length, format, arguments);
    va_end(arguments);
}

static torc_result say_result(torc_result result)
{
    if (torc_is_failure(result))
        say("!%s ", torc_failure_type_of(torc_result_failure(result))->name);
    else if (torc_is_nothing(result))
        say("- ");
    else
        say("[%.*s] ", TORC_FMT(torc_result_slice(result)));
    return result;
}

static void begin_serving(world *w, torc_stream_function *function)
{
    said[0] = '\0';
    served = NULL;
    go_on = false;
    read_bytes = most_unsent = pieces_written = 0;
    ended = 0;
    w->server.factory = torc_stream_factory_with("Server", function, w, NULL);
    if (w->client.kind == NULL)
        w->client.kind = &plain_class;
    begin_connecting(w);
    RUN_UNTIL(w, client_of(w)->made);
}

static void send_text(world *w, const char *text)
{
    torc_write(transport_of(client_of(w)), torc_slice_of(text));
}

#define EXPECT_SAID(w, expected) \
    do { \
        RUN_UNTIL((w), strlen(said) >= strlen(expected)); \
        assert_string_equal(said, expected); \
    } while (0)

/* Waits for the test's word. */
static void wait_for_word(torc_scope *scope)
{
    while (!go_on && !torc_is_failure(torc_yield(scope))) {
    }
}

/* -- reading -------------------------------------------------------------------------------- */

static torc_result read_lines(torc_scope *scope, torc_stream *stream, void *context)
{
    torc_result line = torc_nothing();

    (void)scope;
    (void)context;
    served = stream;
    while (!torc_is_failure(line))
        line = say_result(torc_read_line(stream));
    ended++;
    return line;
}

static void lines_are_read_in_whatever_pieces_they_come(world *w)
{
    begin_serving(w, read_lines);
    send_text(w, "one\r\ntw");
    EXPECT_SAID(w, "[one] ");
    send_text(w, "o\n\n\rthree\r");
    EXPECT_SAID(w, "[one] [two] [] ");
    send_text(w, "\n");
    EXPECT_SAID(w, "[one] [two] [] [\rthree] ");
}

static torc_result echo_lines(torc_scope *scope, torc_stream *stream, void *context)
{
    torc_result line = torc_read_line(stream);

    (void)scope;
    (void)context;
    while (!torc_is_failure(line)) {
        torc_write(torc_stream_transport(stream), torc_result_slice(line));
        torc_write_all(stream, TORC_SLICE("\n"));
        line = torc_read_line(stream);
    }
    return line;
}

static void echo_some(world *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t before = client_of(w)->length;

        send_text(w, "the same line again\n");
        RUN_UNTIL(w, client_of(w)->length == before + 20);
    }
}

static void a_warm_stream_allocates_nothing_for_a_line(world *w)
{
    begin_serving(w, echo_lines);
    echo_some(w, 5);
    count_allocations();
    echo_some(w, 50);
    if (allocations_counted() > 0 && !POOLS_ARE_OFF)
        fail_msg("%u allocations", allocations_counted());
    allow_allocations();
}

static torc_result read_numbers(torc_scope *scope, torc_stream *stream, void *context)
{
    (void)scope;
    (void)context;
    say_result(torc_read_exactly(stream, 3));
    say_result(torc_read_exactly(stream, 0));
    say_result(torc_read_line(stream));
    say_result(torc_read_some(stream, 2));
    say_result(torc_read_some(stream, 100));
    say_result(torc_read_exactly(stream, 4));
    say_result(torc_read_some(stream, 100));
    return torc_nothing();
}

static void each_kind_of_reading_goes_on_where_the_last_one_left_off(world *w)
{
    begin_serving(w, read_numbers);
    send_text(w, "abcline\nxyz");
    EXPECT_SAID(w, "[abc] [] [line] [xy] [z] ");
    send_text(w, "12");
    torc_lose_write(transport_of(client_of(w)));
    EXPECT_SAID(w, "[abc] [] [line] [xy] [z] !ConnectionDone [12] ");
}

static torc_result answer_at_the_end(torc_scope *scope, torc_stream *stream, void *context)
{
    (void)scope;
    (void)context;
    say_result(torc_read_line(stream));
    say_result(torc_read_line(stream));
    say_result(torc_read_line(stream));
    say_result(torc_read_some(stream, 10));
    say_result(torc_write_all(stream, TORC_SLICE("after")));
    return torc_nothing();
}

static void the_end_comes_after_what_is_there_and_writing_goes_on(world *w)
{
    begin_serving(w, answer_at_the_end);
    send_text(w, "one\nrest");
    torc_lose_write(transport_of(client_of(w)));
    EXPECT_SAID(w, "[one] !ConnectionDone !ConnectionDone [rest] - ");
    RUN_UNTIL(w, client_of(w)->lost);
    assert_bytes(client_of(w), TORC_SLICE("after"));
    assert_reason(client_of(w), &torc_error_connection_done);
}

static void a_lost_connection_is_told_with_its_reason(world *w)
{
    begin_serving(w, read_lines);
    send_text(w, "one\n");
    EXPECT_SAID(w, "[one] ");
    torc_abort_connection(transport_of(client_of(w)));
    EXPECT_SAID(w, "[one] !ConnectionLost ");
    run_turns(w, 3);
    assert_int_equal(ended, 1);
    assert_int_equal(w->warnings, 0);
}

static torc_result read_with_limits(torc_scope *scope, torc_stream *stream, void *context)
{
    (void)scope;
    (void)context;
    torc_stream_set_limits(stream, 5, 8);
    say_result(torc_read_line(stream));
    say_result(torc_read_line(stream));
    say_result(torc_read_exactly(stream, 7));
    say_result(torc_read_exactly(stream, 9));
    return torc_read_line(stream);
}

static void a_longer_line_is_a_failure_and_stays_to_be_read(world *w)
{
    begin_serving(w, read_with_limits);
    send_text(w, "12345\r\n123456\nabcdefg");
    EXPECT_SAID(w, "[12345] !LimitReached [123456\n] !LimitReached ");
    RUN_UNTIL(w, client_of(w)->lost);
    assert_int_equal(w->warnings, 1); /* what the function returned */
}

/* Without an end in sight, it is known as soon as it is too long. */
static void a_line_that_does_not_end_is_a_failure_at_its_limit(world *w)
{
    begin_serving(w, read_with_limits);
    send_text(w, "x\n1234567");
    EXPECT_SAID(w, "[x] !LimitReached [1234567] !LimitReached ");
}

static torc_result read_impatiently(torc_scope *scope, torc_stream *stream, void *context)
{
    (void)scope;
    (void)context;
    torc_stream_set_timeout(stream, 5 * TORC_MILLISECOND);
    say_result(torc_read_line(stream));
    torc_stream_set_timeout(stream, 0);
    say_result(torc_read_line(stream));
    return torc_nothing();
}

static void a_silent_peer_is_a_timeout_and_reading_may_go_on(world *w)
{
    begin_serving(w, read_impatiently);
    EXPECT_SAID(w, "!TimedOut ");
    send_text(w, "late\n");
    EXPECT_SAID(w, "!TimedOut [late] ");
}

static torc_result read_slowly(torc_scope *scope, torc_stream *stream, void *context)
{
    (void)context;
    served = stream;
    wait_for_word(scope);
    for (;;) {
        torc_result some = torc_read_some(stream, 5000);
        torc_slice expected;

        if (torc_is_failure(some)) {
            say_result(some);
            return some;
        }
        expected = pattern(read_bytes, torc_result_slice(some).length);
        assert_true(torc_slice_equal(torc_result_slice(some), expected));
        read_bytes += expected.length;
    }
}

static void what_is_not_read_is_kept_up_to_a_bound(world *w)
{
    const size_t length = 4 << 20;

    begin_serving(w, read_slowly);
    torc_write(transport_of(client_of(w)), pattern(0, length));
    torc_lose_write(transport_of(client_of(w)));
    RUN_UNTIL(w, served != NULL && served->kept_end - served->kept_start >= TORC_STREAM_KEPT);
    run_turns(w, 20);
    assert_true(served->kept_end - served->kept_start <= TORC_STREAM_KEPT + 65536);
    go_on = true;
    EXPECT_SAID(w, "!ConnectionDone ");
    assert_int_equal(read_bytes, length);
}

static torc_result read_once(torc_scope *scope, torc_stream *stream, void *context)
{
    (void)context;
    served = stream;
    wait_for_word(scope);
    while (stream->kept_end - stream->kept_start > 1000)
        torc_read_some(stream, 1000);
    say("read ");
    return torc_sleep(scope, TORC_HOUR);
}

static void what_was_read_makes_room_for_more_at_once(world *w)
{
    begin_serving(w, read_once);
    torc_write(transport_of(client_of(w)), pattern(0, 4 << 20));
    RUN_UNTIL(w, served != NULL && served->kept_end - served->kept_start >= TORC_STREAM_KEPT);
    go_on = true;
    EXPECT_SAID(w, "read ");
    RUN_UNTIL(w, served->kept_end - served->kept_start >= TORC_STREAM_KEPT);
}

static torc_result cancelled_reader(torc_scope *scope, void *stream)
{
    (void)scope;
    return say_result(torc_read_line(stream));
}

static torc_result read_after_cancelling(torc_scope *scope, torc_stream *stream, void *context)
{
    torc_deferred *job = torc_spawn(scope, cancelled_reader, stream);

    (void)context;
    torc_yield(scope);
    torc_yield(scope);
    torc_cancel(job);
    say_result(torc_read_line(stream));
    return torc_nothing();
}

static void a_cancelled_read_takes_nothing(world *w)
{
    begin_serving(w, read_after_cancelling);
    EXPECT_SAID(w, "!Cancelled ");
    send_text(w, "one\n");
    EXPECT_SAID(w, "!Cancelled [one] ");
}

/* -- writing -------------------------------------------------------------------------------- */

enum {
    PIECE = 64 << 10,
    PIECES_AT_LEAST = 16,
    PIECES_AT_MOST = 1024, /* more than any kernel takes for a peer that does not read */
};

static torc_slice piece(size_t index)
{
    return pattern(index % PIECES_AT_LEAST * PIECE, PIECE);
}

/* Writes until it is told to stop: how much a kernel takes at once is its own affair. */
static torc_result write_much(torc_scope *scope, torc_stream *stream, void *context)
{
    (void)scope;
    (void)context;
    for (size_t i = 0; i < PIECES_AT_LEAST || (i < PIECES_AT_MOST && !go_on); i++) {
        torc_result written = torc_write_all(stream, piece(i));
        size_t unsent;

        if (torc_is_failure(written))
            return say_result(written);
        pieces_written++;
        unsent = torc_unsent(torc_stream_transport(stream));
        most_unsent = unsent > most_unsent ? unsent : most_unsent;
    }
    say("written ");
    return torc_nothing();
}

static void write_until_nothing_is_taken(world *w)
{
    size_t before;

    begin_serving(w, write_much);
    torc_pause_reading(transport_of(client_of(w)));
    do {
        before = pieces_written;
        run_turns(w, 50);
    } while (pieces_written > before);
    assert_string_equal(said, "");
}

static void who_writes_waits_for_a_slow_reader(world *w)
{
    write_until_nothing_is_taken(w);
    go_on = true;
    torc_resume_reading(transport_of(client_of(w)));
    RUN_UNTIL(w, client_of(w)->lost);
    assert_string_equal(said, "written ");
    assert_true(most_unsent <= TORC_HIGH_WATER);
    assert_int_equal(client_of(w)->length, pieces_written * PIECE);
    for (size_t i = 0; i < pieces_written; i++)
        assert_memory_equal(client_of(w)->bytes + i * PIECE, piece(i).data, PIECE);
    assert_reason(client_of(w), &torc_error_connection_done);
}

static void who_waits_to_write_is_told_of_the_loss(world *w)
{
    write_until_nothing_is_taken(w);
    torc_abort_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, said[0] != '\0');
    assert_string_equal(said, "!ConnectionLost ");
}

static torc_result write_impatiently(torc_scope *scope, torc_stream *stream, void *context)
{
    torc_stream_set_timeout(stream, 10 * TORC_MILLISECOND);
    return write_much(scope, stream, context);
}

static void a_peer_that_does_not_read_is_a_timeout(world *w)
{
    begin_serving(w, write_impatiently);
    torc_pause_reading(transport_of(client_of(w)));
    EXPECT_SAID(w, "!TimedOut ");
}

static torc_result write_job(torc_scope *scope, void *stream)
{
    return write_much(scope, stream, NULL);
}

static torc_result write_twice(torc_scope *scope, torc_stream *stream, void *context)
{
    torc_deferred *other = torc_spawn(scope, write_job, stream);

    write_much(scope, stream, context);
    return torc_await(other);
}

static void two_may_write_and_wait_at_once(world *w)
{
    begin_serving(w, write_twice);
    go_on = true;
    RUN_UNTIL(w, client_of(w)->lost);
    assert_string_equal(said, "written written ");
    assert_int_equal(client_of(w)->length, pieces_written * PIECE);
    assert_true(pieces_written >= 2 * PIECES_AT_LEAST);
}

static torc_result print_and_return(torc_scope *scope, torc_stream *stream, void *context)
{
    (void)scope;
    say_result(torc_stream_printf(stream, "%d bottles, ", 99));
    torc_stream_end_writing(stream);
    say_result(torc_read_line(stream));
    (void)context;
    return torc_nothing();
}

static void our_half_may_be_closed_first(world *w)
{
    w->client.kind = &full_class;
    begin_serving(w, print_and_return);
    RUN_UNTIL(w, client_of(w)->read_lost);
    assert_bytes(client_of(w), TORC_SLICE("99 bottles, "));
    send_text(w, "thanks\n");
    EXPECT_SAID(w, "- [thanks] ");
}

/* -- the coroutine and its connection ------------------------------------------------------- */

static torc_result sleep_through(torc_scope *scope, torc_stream *stream, void *context)
{
    (void)context;
    served = stream;
    say_result(torc_sleep(scope, TORC_HOUR));
    say_result(torc_read_line(stream));
    say_result(torc_write_all(stream, TORC_SLICE("x")));
    assert_null(torc_stream_transport(stream));
    ended++;
    return torc_nothing();
}

static void one_that_waits_for_something_else_ends_with_its_connection(world *w)
{
    begin_serving(w, sleep_through);
    RUN_UNTIL(w, served != NULL);
    torc_abort_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, ended == 1);
    assert_string_equal(said, "!Cancelled !ConnectionLost !ConnectionLost ");
}

static torc_result go_wrong(torc_scope *scope, torc_stream *stream, void *context)
{
    (void)scope;
    (void)stream;
    (void)context;
    return torc_fail_with(&torc_error_protocol, "nonsense");
}

static void a_failure_of_its_own_is_logged_and_closes(world *w)
{
    begin_serving(w, go_wrong);
    RUN_UNTIL(w, client_of(w)->lost);
    assert_int_equal(w->warnings, 1);
    assert_non_null(strstr(w->warning, "nonsense"));
    assert_non_null(strstr(w->context, "Server,0"));
}

static torc_result close_early(torc_scope *scope, torc_stream *stream, void *context)
{
    (void)context;
    torc_close_stream(stream);
    torc_close_stream(stream);
    say_result(torc_write_all(stream, TORC_SLICE("x")));
    torc_yield(scope);
    return torc_nothing();
}

static void what_is_written_after_closing_is_refused(world *w)
{
    begin_serving(w, close_early);
    RUN_UNTIL(w, client_of(w)->lost);
    assert_string_equal(said, "!ConnectionDone ");
}

/* -- connecting and accepting --------------------------------------------------------------- */

static char where[200];

/* Listens on the world's carrier, and writes down where. */
static torc_stream_listener *listen_with(torc_scope *scope, world *w, size_t backlog)
{
    torc_stream_listener *listener;
    char text[200];

    snprintf(text, sizeof text, w->carrier == ON_UNIX ? "unix:%s/stream"
        : w->carrier == ON_TCP ? "tcp:0:interface=127.0.0.1" : "tcp6:0:interface=\\:\\:1",
        w->directory);
    if (torc_is_failure(say_result(torc_stream_listen(scope, text, backlog, &listener))))
        return NULL;
    if (w->carrier == ON_UNIX)
        snprintf(where, sizeof where, "unix:%s/stream", w->directory);
    else
        snprintf(where, sizeof where, w->carrier == ON_TCP ? "tcp:127.0.0.1:%u" : "tcp6:\\:\\:1:%u",
            (unsigned)torc_stream_listener_address(listener).port);
    return listener;
}

static torc_result listen_and_serve(torc_scope *scope, void *context)
{
    torc_stream_listener *listener = listen_with(scope, context, 2);
    torc_stream *one;
    torc_stream *other;

    torc_accept(listener, &one);
    torc_accept(listener, &other);
    while (!torc_is_failure(say_result(torc_read_line(one))))
        torc_stream_printf(other, "%s\n", "passed on");
    torc_stream_listener_close(listener);
    return torc_nothing();
}

static torc_result connect_twice(torc_scope *scope, void *context)
{
    torc_stream *first;
    torc_stream *second;

    (void)context;
    while (where[0] == '\0' && !torc_is_failure(torc_yield(scope))) {
    }
    if (torc_is_failure(say_result(torc_open_stream(scope, where, &first))) ||
        torc_is_failure(say_result(torc_open_stream(scope, where, &second))))
        return torc_nothing();
    torc_stream_printf(first, "hello\n");
    say_result(torc_read_line(second));
    torc_close_stream(first);
    say_result(torc_read_line(second));
    ended++;
    return torc_nothing();
}

static void coroutines_connect_and_accept(world *w)
{
    said[0] = where[0] = '\0';
    ended = 0;
    torc_spawn(w->scope, listen_and_serve, w);
    torc_spawn(w->scope, connect_twice, w);
    RUN_UNTIL(w, ended == 1);
    assert_string_equal(said, "- - - [hello] [passed on] !ConnectionDone !ConnectionDone ");
}

static torc_result connect_to_nobody(torc_scope *scope, void *context)
{
    torc_stream *stream;

    (void)context;
    torc_open_stream(scope, "unix:/nowhere/at/all", &stream);
    assert_null(stream);
    say_result(torc_open_stream(scope, "what:is this", &stream));
    ended++;
    return torc_nothing();
}

static void a_connection_that_cannot_be_made_is_a_failure(world *w)
{
    said[0] = '\0';
    ended = 0;
    torc_spawn(w->scope, connect_to_nobody, w);
    RUN_UNTIL(w, ended == 1);
    assert_string_equal(said, "!InvalidArgument ");
}

static torc_result listen_in_vain(torc_scope *scope, void *context)
{
    torc_stream_listener *listener;

    (void)context;
    say_result(torc_stream_listen(scope, "what:is this", 0, &listener));
    assert_null(listener);
    ended++;
    return torc_nothing();
}

static void a_listener_that_cannot_be_opened_is_a_failure(world *w)
{
    said[0] = '\0';
    ended = 0;
    torc_spawn(w->scope, listen_in_vain, w);
    RUN_UNTIL(w, ended == 1);
    run_turns(w, 3);
    assert_string_equal(said, "!InvalidArgument ");
    assert_true(torc_is_running(w->reactor));
}

static torc_result listen_and_wait(torc_scope *scope, void *context)
{
    torc_stream_listener *listener = listen_with(scope, context, 2);
    torc_stream *stream;

    wait_for_word(scope);
    while (!torc_is_failure(torc_accept(listener, &stream)))
        say("accepted ");
    return torc_nothing();
}

static torc_result connect_and_read(torc_scope *scope, void *context)
{
    torc_stream *stream;

    (void)context;
    if (torc_is_failure(torc_open_stream(scope, where, &stream)))
        return torc_nothing();
    torc_read_line(stream);
    ended++;
    return torc_nothing();
}

static void more_than_the_backlog_are_closed(world *w)
{
    said[0] = where[0] = '\0';
    ended = 0;
    go_on = false;
    torc_spawn(w->scope, listen_and_wait, w);
    RUN_UNTIL(w, where[0] != '\0');
    for (int i = 0; i < 5; i++)
        torc_spawn(w->scope, connect_and_read, w);
    RUN_UNTIL(w, ended == 3);
    go_on = true;
    EXPECT_SAID(w, "- accepted accepted ");
    run_turns(w, 5);
    assert_string_equal(said, "- accepted accepted ");
}

/* -- misuse --------------------------------------------------------------------------------- */

static torc_result read_twice(torc_scope *scope, torc_stream *stream, void *context)
{
    (void)context;
    torc_spawn(scope, cancelled_reader, stream);
    torc_spawn(scope, cancelled_reader, stream);
    return torc_sleep(scope, TORC_SECOND);
}

static void let_two_read(void)
{
    torc_reactor *reactor = torc_reactor_new();
    const torc_protocol_class silent = { .name = "Silent" };

    torc_connect_in_memory(torc_root(reactor), torc_stream_factory(read_twice, NULL),
        torc_factory_of(&silent));
    for (int i = 0; i < 5; i++)
        torc_iterate(reactor, 0);
}

static void two_that_read_from_one_abort(world *w)
{
    (void)w;
    expect_abort(let_two_read, "torc_read_line: a coroutine reads from this stream already");
}

static torc_stream *kept_stream;

static torc_result keep_stream(torc_scope *scope, torc_stream *stream, void *context)
{
    (void)context;
    kept_stream = stream;
    return torc_sleep(scope, TORC_SECOND);
}

static void read_outside(void)
{
    torc_reactor *reactor = torc_reactor_new();
    const torc_protocol_class silent = { .name = "Silent" };

    torc_connect_in_memory(torc_root(reactor), torc_stream_factory(keep_stream, NULL),
        torc_factory_of(&silent));
    for (int i = 0; i < 5; i++)
        torc_iterate(reactor, 0);
    torc_read_line(kept_stream);
}

static void reading_outside_of_a_coroutine_aborts(world *w)
{
    (void)w;
    expect_abort(read_outside, "torc_read_line: only a coroutine can wait");
}

/* A stream reads from the start: the carrier that starts TLS in the server's connection_made is not
   for it. */
enum { ON_STREAMS = ON_ALL & ~ON_TLS_MEMORY };

static const behaviour behaviours[] = {
    { "lines are read in whatever pieces they come",
        lines_are_read_in_whatever_pieces_they_come, ON_STREAMS },
    { "a warm stream allocates nothing for a line",
        a_warm_stream_allocates_nothing_for_a_line, ON_STREAMS },
    { "each kind of reading goes on where the last one left off",
        each_kind_of_reading_goes_on_where_the_last_one_left_off, ON_STREAMS },
    { "the end comes after what is there, and writing goes on",
        the_end_comes_after_what_is_there_and_writing_goes_on, ON_STREAMS },
    { "a lost connection is told with its reason",
        a_lost_connection_is_told_with_its_reason, ON_RESETTING & ON_STREAMS },
    { "a longer line is a failure, and stays to be read",
        a_longer_line_is_a_failure_and_stays_to_be_read, ON_STREAMS },
    { "a line that does not end is a failure at its limit",
        a_line_that_does_not_end_is_a_failure_at_its_limit, ON_STREAMS },
    { "a silent peer is a timeout, and reading may go on",
        a_silent_peer_is_a_timeout_and_reading_may_go_on, ON_STREAMS },
    { "what is not read is kept up to a bound",
        what_is_not_read_is_kept_up_to_a_bound, ON_STREAMS },
    { "what was read makes room for more at once",
        what_was_read_makes_room_for_more_at_once, ON_STREAMS },
    { "a cancelled read takes nothing", a_cancelled_read_takes_nothing, ON_STREAMS },
    { "who writes waits for a slow reader", who_writes_waits_for_a_slow_reader, ON_STREAMS },
    { "who waits to write is told of the loss",
        who_waits_to_write_is_told_of_the_loss, ON_RESETTING & ON_STREAMS },
    { "a peer that does not read is a timeout",
        a_peer_that_does_not_read_is_a_timeout, ON_STREAMS },
    { "two may write and wait at once", two_may_write_and_wait_at_once, ON_STREAMS },
    { "our half may be closed first", our_half_may_be_closed_first, ON_STREAMS },
    { "one that waits for something else ends with its connection",
        one_that_waits_for_something_else_ends_with_its_connection, ON_RESETTING & ON_STREAMS },
    { "a failure of its own is logged, and closes",
        a_failure_of_its_own_is_logged_and_closes, ON_STREAMS },
    { "what is written after closing is refused",
        what_is_written_after_closing_is_refused, ON_STREAMS },
    { "coroutines connect and accept", coroutines_connect_and_accept, ON_SOCKETS },
    { "a connection that cannot be made is a failure",
        a_connection_that_cannot_be_made_is_a_failure, ON_TCP },
    { "a listener that cannot be opened is a failure",
        a_listener_that_cannot_be_opened_is_a_failure, ON_TCP },
    { "more than the backlog are closed", more_than_the_backlog_are_closed, ON_SOCKETS },
    { "two that read from one abort", two_that_read_from_one_abort, ON_MEMORY },
    { "reading outside of a coroutine aborts",
        reading_outside_of_a_coroutine_aborts, ON_MEMORY },
};

int main(void)
{
    return RUN_BEHAVIOURS("stream", behaviours);
}
