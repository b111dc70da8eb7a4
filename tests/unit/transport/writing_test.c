/*
 * What is written arrives: every verb, every size, in order, over every carrier and driver.
 */
#include "support/transport_harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define MEBIBYTE ((size_t)1024 * 1024)

static void write_back(record *self, torc_slice data)
{
    torc_write(transport_of(self), data);
}

static void echo(world *w)
{
    w->server.on_data = write_back;
    connect_pair(w);
    torc_write(transport_of(client_of(w)), TORC_SLICE("hello"));
    RUN_UNTIL(w, client_of(w)->length == 5);
    assert_bytes(client_of(w), TORC_SLICE("hello"));
    assert_int_equal(torc_unsent(transport_of(client_of(w))), 0);
}

static void one_byte_each_way(world *w)
{
    connect_pair(w);
    torc_write(transport_of(client_of(w)), TORC_SLICE("c"));
    torc_write(transport_of(server_of(w)), TORC_SLICE("s"));
    RUN_UNTIL(w, client_of(w)->length == 1 && server_of(w)->length == 1);
    assert_bytes(server_of(w), TORC_SLICE("c"));
    assert_bytes(client_of(w), TORC_SLICE("s"));
}

static void greeting(record *self)
{
    torc_write(transport_of(self), TORC_SLICE("welcome"));
}

static void write_in_connection_made(world *w)
{
    w->server.on_made = greeting;
    w->client.on_made = greeting;
    connect_pair(w);
    RUN_UNTIL(w, client_of(w)->length == 7 && server_of(w)->length == 7);
    assert_bytes(client_of(w), TORC_SLICE("welcome"));
}

static void write_copies(world *w)
{
    char bytes[3000];

    connect_pair(w);
    memcpy(bytes, pattern(0, sizeof bytes).data, sizeof bytes);
    torc_write(transport_of(client_of(w)), torc_slice_make(bytes, sizeof bytes));
    memset(bytes, 'x', sizeof bytes);
    RUN_UNTIL(w, server_of(w)->length == sizeof bytes);
    assert_bytes(server_of(w), pattern(0, sizeof bytes));
}

static void count_release(void *argument)
{
    ++*(int *)argument;
}

static void write_buffer_holds_until_it_has_left(world *w)
{
    torc_buffer *buffer;

    connect_pair(w);
    torc_pause_reading(transport_of(server_of(w)));
    buffer = torc_buffer_wrap(pattern(0, 8 * MEBIBYTE), count_release, &w->note);
    torc_write_buffer(transport_of(client_of(w)), buffer);
    torc_buffer_release(buffer);
    run_turns(w, 10);
    assert_int_equal(w->note, 0);
    torc_resume_reading(transport_of(server_of(w)));
    RUN_UNTIL(w, server_of(w)->length == 8 * MEBIBYTE);
    assert_bytes(server_of(w), pattern(0, 8 * MEBIBYTE));
    RUN_UNTIL(w, w->note == 1);
}

static void write_buffer_that_is_small(world *w)
{
    torc_buffer *buffer;

    connect_pair(w);
    buffer = torc_buffer_wrap(pattern(0, 10), count_release, &w->note);
    torc_write_buffer(transport_of(client_of(w)), buffer);
    torc_buffer_release(buffer);
    RUN_UNTIL(w, server_of(w)->length == 10);
    assert_bytes(server_of(w), pattern(0, 10));
    assert_int_equal(w->note, 1);
}

static void write_part_of_a_buffer(world *w)
{
    torc_buffer *buffer;

    connect_pair(w);
    buffer = torc_buffer_copy(pattern(0, 20000));
    torc_write_part(transport_of(client_of(w)), buffer,
        torc_slice_first(torc_slice_skip(torc_buffer_slice(buffer), 5000), 4000));
    torc_write_part(transport_of(client_of(w)), buffer,
        torc_slice_first(torc_slice_skip(torc_buffer_slice(buffer), 9000), 7));
    torc_buffer_release(buffer);
    RUN_UNTIL(w, server_of(w)->length == 4007);
    assert_bytes(server_of(w), pattern(5000, 4007));
}

static void the_same_buffer_many_times(world *w)
{
    torc_buffer *buffer;

    connect_pair(w);
    buffer = torc_buffer_copy(pattern(0, 2000));
    for (int i = 0; i < 200; i++)
        torc_write_buffer(transport_of(client_of(w)), buffer);
    torc_buffer_release(buffer);
    RUN_UNTIL(w, server_of(w)->length == 400000);
    for (size_t i = 0; i < 200; i++)
        assert_memory_equal(server_of(w)->bytes + i * 2000, pattern(0, 2000).data, 2000);
}

static void write_static_bytes(world *w)
{
    connect_pair(w);
    torc_write_static(transport_of(client_of(w)), TORC_SLICE("short, "));
    torc_write_static(transport_of(client_of(w)), pattern(0, 100000));
    RUN_UNTIL(w, server_of(w)->length == 100007);
    assert_memory_equal(server_of(w)->bytes, "short, ", 7);
    assert_memory_equal(server_of(w)->bytes + 7, pattern(0, 100000).data, 100000);
}

static void printf_short(world *w)
{
    connect_pair(w);
    torc_printf(client_of(w)->protocol, "%s, %d!", "hello", 42);
    RUN_UNTIL(w, server_of(w)->length == 10);
    assert_bytes(server_of(w), TORC_SLICE("hello, 42!"));
}

static void printf_at_and_beyond_a_kibibyte(world *w)
{
    static const int lengths[] = { 1022, 1023, 1024, 1025, 5000 };
    char expected[10000];
    size_t total = 0;

    connect_pair(w);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        torc_printf(client_of(w)->protocol, "%*d", lengths[i], (int)i);
        total += (size_t)snprintf(expected + total, sizeof expected - total, "%*d", lengths[i],
            (int)i);
    }
    RUN_UNTIL(w, server_of(w)->length == total);
    assert_bytes(server_of(w), torc_slice_make(expected, total));
}

static void empty_writes_are_nothing(world *w)
{
    torc_buffer *empty = torc_buffer_copy(TORC_SLICE(""));

    connect_pair(w);
    torc_write(transport_of(client_of(w)), TORC_SLICE(""));
    torc_write(transport_of(client_of(w)), torc_slice_make(NULL, 0));
    torc_write_static(transport_of(client_of(w)), TORC_SLICE(""));
    torc_write_buffer(transport_of(client_of(w)), empty);
    torc_printf(client_of(w)->protocol, "%s", "");
    torc_buffer_release(empty);
    assert_int_equal(torc_unsent(transport_of(client_of(w))), 0);
    run_turns(w, 20);
    assert_int_equal(server_of(w)->data, 0);
    torc_write(transport_of(client_of(w)), TORC_SLICE("x"));
    RUN_UNTIL(w, server_of(w)->length == 1);
}

static void eight_mebibytes_one_way(world *w)
{
    connect_pair(w);
    torc_write(transport_of(client_of(w)), pattern(0, 8 * MEBIBYTE));
    RUN_UNTIL(w, server_of(w)->length == 8 * MEBIBYTE);
    assert_bytes(server_of(w), pattern(0, 8 * MEBIBYTE));
}

static void eight_mebibytes_the_other_way(world *w)
{
    connect_pair(w);
    torc_write_static(transport_of(server_of(w)), pattern(7, 8 * MEBIBYTE));
    RUN_UNTIL(w, client_of(w)->length == 8 * MEBIBYTE);
    assert_bytes(client_of(w), pattern(7, 8 * MEBIBYTE));
}

/* Each writes its next piece when it got the other's, so that neither holds back the other. */
static void write_next_piece(record *self, torc_slice data)
{
    const size_t piece = 32 * 1024;
    size_t wanted = self->length / piece + 1;

    (void)data;
    while ((size_t)self->note < wanted && (size_t)self->note * piece < 8 * MEBIBYTE)
        torc_write(transport_of(self), pattern((size_t)self->note++ * piece, piece));
}

static void write_first_piece(record *self)
{
    write_next_piece(self, TORC_SLICE(""));
}

static void eight_mebibytes_both_ways(world *w)
{
    w->server.on_made = w->client.on_made = write_first_piece;
    w->server.on_data = w->client.on_data = write_next_piece;
    connect_pair(w);
    RUN_UNTIL(w, server_of(w)->length == 8 * MEBIBYTE && client_of(w)->length == 8 * MEBIBYTE);
    assert_bytes(server_of(w), pattern(0, 8 * MEBIBYTE));
    assert_bytes(client_of(w), pattern(0, 8 * MEBIBYTE));
}

static void write_in_many_pieces(record *self, torc_slice data)
{
    (void)data;
    for (size_t i = 0; i < 1000; i++)
        torc_write(transport_of(self), pattern(i * 3, 3));
    self->note = (int)torc_unsent(transport_of(self));
}

static void small_writes_leave_together_and_in_order(world *w)
{
    w->server.on_data = write_in_many_pieces;
    connect_pair(w);
    torc_write(transport_of(client_of(w)), TORC_SLICE("go"));
    RUN_UNTIL(w, client_of(w)->length == 3000);
    assert_bytes(client_of(w), pattern(0, 3000));
    assert_int_equal(server_of(w)->note, 3000);
    /* What a terminal is given, a thread of the kernel's hands on in pieces of its own. */
    if (w->carrier != ON_PTY)
        assert_int_equal(client_of(w)->data, 1);
}

static void writes_of_all_kinds_stay_in_order(world *w)
{
    size_t at = 0;

    connect_pair(w);
    for (size_t round = 0; round < 60; round++) {
        torc_transport *transport = transport_of(client_of(w));
        torc_buffer *buffer = torc_buffer_copy(pattern(at, 6000));

        torc_write_buffer(transport, buffer);
        torc_write_part(transport, buffer, torc_slice_first(torc_buffer_slice(buffer), 0));
        torc_buffer_release(buffer);
        torc_write(transport, pattern(at + 6000, 10));
        torc_write_static(transport, pattern(at + 6010, 2000));
        torc_write(transport, pattern(at + 8010, 4500));
        torc_write_file(transport, file_with(pattern(at + 12510, 700)), 0, 700);
        at += 13210;
    }
    RUN_UNTIL(w, server_of(w)->length == at);
    assert_bytes(server_of(w), pattern(0, at));
}

/* -- files --------------------------------------------------------------------------------- */

static void file_small(world *w)
{
    connect_pair(w);
    torc_write_file(transport_of(client_of(w)), file_with(pattern(0, 13)), 0, 13);
    RUN_UNTIL(w, server_of(w)->length == 13);
    assert_bytes(server_of(w), pattern(0, 13));
}

static void file_large(world *w)
{
    connect_pair(w);
    torc_write_file(
        transport_of(client_of(w)), file_with(pattern(0, 5 * MEBIBYTE)), 0, 5 * MEBIBYTE);
    assert_true(torc_unsent(transport_of(client_of(w))) > 0);
    RUN_UNTIL(w, server_of(w)->length == 5 * MEBIBYTE);
    assert_bytes(server_of(w), pattern(0, 5 * MEBIBYTE));
}

static void file_part_from_an_offset(world *w)
{
    connect_pair(w);
    torc_write_file(transport_of(client_of(w)), file_with(pattern(0, MEBIBYTE)), 70001, 200000);
    RUN_UNTIL(w, server_of(w)->length == 200000);
    run_turns(w, 5);
    assert_bytes(server_of(w), pattern(70001, 200000));
}

static void file_between_bytes(world *w)
{
    torc_transport *transport;

    connect_pair(w);
    transport = transport_of(client_of(w));
    torc_write(transport, pattern(0, 100));
    torc_write_file(transport, file_with(pattern(0, 300000)), 100, 299900);
    torc_write(transport, pattern(300000, 50));
    torc_write_file(transport, file_with(pattern(300050, 1)), 0, 1);
    torc_write_file(transport, file_with(pattern(300051, 9)), 0, 9);
    torc_write_static(transport, pattern(300060, 40));
    RUN_UNTIL(w, server_of(w)->length == 300100);
    assert_bytes(server_of(w), pattern(0, 300100));
}

/* The peer must not take the part for the whole, so it sees more than a clean end. */
static void file_shorter_than_said(world *w)
{
    w->server.kind = &plain_class;
    connect_pair(w);
    torc_write_file(transport_of(client_of(w)), file_with(pattern(0, 1000)), 0, 2000);
    RUN_UNTIL(w, both_lost(w));
    assert_reason(client_of(w), &torc_error_connection_lost);
    assert_non_null(strstr(client_of(w)->reason_text, "shorter"));
    if (w->carrier & ON_RESETTING)
        assert_reason(server_of(w), &torc_error_connection_lost);
}

static void file_that_cannot_be_read(world *w)
{
    int write_only = open("/dev/null", O_WRONLY | O_CLOEXEC);

    w->server.kind = &plain_class;
    connect_pair(w);
    torc_write_file(transport_of(client_of(w)), write_only, 0, 100);
    RUN_UNTIL(w, both_lost(w));
    assert_reason(client_of(w), &torc_error_connection_lost);
}

static void file_is_closed_when_it_has_left(world *w)
{
    int file = file_with(pattern(0, 200000));
    int other;

    connect_pair(w);
    torc_write_file(transport_of(client_of(w)), file, 0, 200000);
    RUN_UNTIL(w, server_of(w)->length == 200000 && torc_unsent(transport_of(client_of(w))) == 0);
    run_turns(w, 2);
    assert_int_equal(fcntl(file, F_GETFD), -1);
    other = file_with(pattern(0, 1));
    torc_write_file(transport_of(client_of(w)), other, 0, 0);
    assert_int_equal(fcntl(other, F_GETFD), -1);
}

static void file_is_closed_when_the_connection_is_gone(world *w)
{
    int dropped = file_with(pattern(0, MEBIBYTE));
    int late = file_with(pattern(0, 10));

    connect_pair(w);
    torc_pause_reading(transport_of(server_of(w)));
    torc_write_static(transport_of(client_of(w)), pattern(0, 8 * MEBIBYTE));
    torc_write_file(transport_of(client_of(w)), dropped, 0, MEBIBYTE);
    torc_abort_connection(transport_of(client_of(w)));
    torc_write_file(transport_of(client_of(w)), late, 0, 10);
    assert_int_equal(fcntl(late, F_GETFD), -1);
    RUN_UNTIL(w, client_of(w)->lost > 0);
    assert_int_equal(fcntl(dropped, F_GETFD), -1);
}

/* -- from elsewhere ------------------------------------------------------------------------ */

static void write_for_the_other(record *self, torc_slice data)
{
    torc_write(transport_of(&self->world->client.records[1]), data);
}

/* A relay: what the first server receives, the second client sends. */
static void write_from_another_protocols_callback(world *w)
{
    connect_pair(w);
    connect_pair(w);
    w->server.on_data = NULL;
    w->client.on_data = write_for_the_other;
    torc_write(transport_of(server_of(w)), TORC_SLICE("across"));
    RUN_UNTIL(w, w->server.records[1].length + w->server.records[0].length == 6);
    assert_bytes(client_of(w), TORC_SLICE("across"));
}

static void write_later(void *argument)
{
    record *self = argument;

    torc_printf(self->protocol, "timer");
}

static void write_from_a_timer(world *w)
{
    connect_pair(w);
    torc_call_later(torc_scope_of(client_of(w)->protocol), TORC_MILLISECOND, write_later,
        client_of(w));
    RUN_UNTIL(w, server_of(w)->length == 5);
}

static void write_from_outside_of_the_loop(world *w)
{
    connect_pair(w);
    torc_write(transport_of(client_of(w)), TORC_SLICE("a"));
    torc_write(transport_of(client_of(w)), TORC_SLICE("b"));
    assert_int_equal(server_of(w)->length, 0);
    RUN_UNTIL(w, server_of(w)->length == 2);
    assert_int_equal(server_of(w)->data, 1);
}

static const behaviour behaviours[] = {
    { "echo", echo, ON_ALL | ON_PTY },
    { "one byte each way", one_byte_each_way, ON_ALL | ON_PTY },
    { "write in connection_made", write_in_connection_made, ON_ALL | ON_PTY },
    { "write copies", write_copies, ON_ALL | ON_PTY },
    { "write_buffer holds it until it has left", write_buffer_holds_until_it_has_left,
        ON_ALL | ON_PTY },
    { "write_buffer that is small", write_buffer_that_is_small, ON_ALL | ON_PTY },
    { "write_part of a buffer", write_part_of_a_buffer, ON_ALL | ON_PTY },
    { "the same buffer many times", the_same_buffer_many_times, ON_ALL | ON_PTY },
    { "write_static", write_static_bytes, ON_ALL | ON_PTY },
    { "printf, short", printf_short, ON_ALL | ON_PTY },
    { "printf at and beyond a KiB", printf_at_and_beyond_a_kibibyte, ON_ALL | ON_PTY },
    { "empty writes are nothing", empty_writes_are_nothing, ON_ALL | ON_PTY },
    { "8 MiB one way", eight_mebibytes_one_way, ON_ALL },
    { "8 MiB the other way", eight_mebibytes_the_other_way, ON_ALL },
    { "8 MiB both ways", eight_mebibytes_both_ways, ON_ALL },
    { "small writes leave together and in order", small_writes_leave_together_and_in_order,
        ON_ALL | ON_PTY },
    { "writes of all kinds stay in order", writes_of_all_kinds_stay_in_order, ON_ALL | ON_PTY },
    { "file, small", file_small, ON_ALL | ON_PTY },
    { "file, large", file_large, ON_ALL | ON_PTY },
    { "file, a part from an offset", file_part_from_an_offset, ON_ALL | ON_PTY },
    { "file between bytes", file_between_bytes, ON_ALL | ON_PTY },
    { "file shorter than said", file_shorter_than_said, ON_ALL | ON_PTY },
    { "file that cannot be read", file_that_cannot_be_read, ON_ALL | ON_PTY },
    { "file is closed when it has left", file_is_closed_when_it_has_left, ON_ALL | ON_PTY },
    { "file is closed when the connection is gone", file_is_closed_when_the_connection_is_gone,
        ON_ALL | ON_PTY },
    { "write from another protocol's callback", write_from_another_protocols_callback,
        ON_ALL | ON_PTY },
    { "write from a timer", write_from_a_timer, ON_ALL | ON_PTY },
    { "write from outside of the loop", write_from_outside_of_the_loop, ON_ALL | ON_PTY },
};

int main(void)
{
    return RUN_BEHAVIOURS("writing", behaviours);
}
