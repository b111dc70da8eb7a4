/*
 * How connections end: flushed, half-closed, aborted, reset; told once, and last.
 */
#include "support/transport_harness.h"

#include <unistd.h>

#define MEBIBYTE ((size_t)1024 * 1024)

static void lose(record *self)
{
    torc_lose_connection(transport_of(self));
}

static void lose_on_data(record *self, torc_slice data)
{
    (void)data;
    torc_lose_connection(transport_of(self));
}

static void abort_it(record *self)
{
    torc_abort_connection(transport_of(self));
}

/* -- lose_connection ----------------------------------------------------------------------- */

static void lose_ends_both_cleanly(world *w)
{
    w->server.kind = &plain_class;
    connect_pair(w);
    torc_lose_connection(transport_of(client_of(w)));
    assert_true(torc_is_closing(transport_of(client_of(w))));
    assert_int_equal(client_of(w)->lost, 0);
    RUN_UNTIL(w, both_lost(w));
    assert_reason(client_of(w), &torc_error_connection_done);
    assert_reason(server_of(w), &torc_error_connection_done);
}

static void resume_later(void *argument)
{
    torc_resume_reading(transport_of(argument));
}

/* One piece a turn. */
static void read_slowly(record *self, torc_slice data)
{
    (void)data;
    torc_pause_reading(transport_of(self));
    torc_call_soon(torc_scope_of(self->protocol), resume_later, self);
}

static void lose_flushes_to_a_slow_reader(world *w)
{
    w->server.on_data = read_slowly;
    w->server.on_read_lost = lose;
    connect_pair(w);
    torc_write_static(transport_of(client_of(w)), pattern(0, 4 * MEBIBYTE));
    torc_lose_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, both_lost(w));
    assert_bytes(server_of(w), pattern(0, 4 * MEBIBYTE));
    assert_reason(client_of(w), &torc_error_connection_done);
    assert_reason(server_of(w), &torc_error_connection_done);
}

static void write_and_lose_on_data(record *self, torc_slice data)
{
    (void)data;
    torc_write(transport_of(self), TORC_SLICE("too big"));
    torc_lose_connection(transport_of(self));
}

static void write_nine_mebibytes(record *self)
{
    torc_write_static(transport_of(self), pattern(0, 9 * 1024 * 1024));
}

/* Closing a socket with input that nobody read would reset it, and take the answer with it. */
static void lose_with_unread_input_takes_nothing_away(world *w)
{
    const size_t answer = 48 * 1024; /* what every carrier takes though it is not read */

    connect_pair(w);
    torc_pause_reading(transport_of(server_of(w)));
    torc_pause_reading(transport_of(client_of(w)));
    torc_write_static(transport_of(client_of(w)), pattern(0, 9 * 1024 * 1024));
    run_turns(w, 20);
    torc_write_static(transport_of(server_of(w)), pattern(0, answer));
    torc_lose_connection(transport_of(server_of(w)));
    RUN_UNTIL(w, server_of(w)->lost == 1);
    assert_reason(server_of(w), &torc_error_connection_done);
    torc_resume_reading(transport_of(client_of(w)));
    RUN_UNTIL(w, client_of(w)->length == answer);
    assert_bytes(client_of(w), pattern(0, answer));
    if (client_of(w)->lost == 0) /* the end may have come with the last bytes */
        torc_abort_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, client_of(w)->lost == 1);
}

/* As an upload that is refused: the client learns why, though it has not sent it all. */
static void what_was_said_before_it_broke_is_received(world *w)
{
    w->server.on_data = write_and_lose_on_data;
    w->client.on_made = write_nine_mebibytes;
    connect_pair(w);
    RUN_UNTIL(w, server_of(w)->lost == 1 && client_of(w)->length == 7);
    assert_bytes(client_of(w), TORC_SLICE("too big"));
    if (client_of(w)->lost == 0)
        torc_abort_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, client_of(w)->lost == 1);
}

static void lose_in_connection_made(world *w)
{
    w->client.on_made = lose;
    w->server.kind = &plain_class;
    begin_connecting(w);
    RUN_UNTIL(w, both_lost(w));
    assert_reason(client_of(w), &torc_error_connection_done);
}

static void lose_when_accepted(world *w)
{
    w->server.on_made = lose;
    w->client.kind = &plain_class;
    begin_connecting(w);
    RUN_UNTIL(w, both_lost(w));
    assert_reason(server_of(w), &torc_error_connection_done);
    assert_reason(client_of(w), &torc_error_connection_done);
}

static void write_and_lose(record *self)
{
    torc_write(transport_of(self), TORC_SLICE("bye"));
    torc_lose_connection(transport_of(self));
}

static void write_and_lose_when_made(world *w)
{
    w->server.on_made = write_and_lose;
    w->client.kind = &plain_class;
    begin_connecting(w);
    RUN_UNTIL(w, both_lost(w));
    assert_bytes(client_of(w), TORC_SLICE("bye"));
}

static void writes_after_lose_are_dropped(world *w)
{
    torc_transport *transport;

    w->server.kind = &plain_class;
    connect_pair(w);
    transport = transport_of(client_of(w));
    torc_write(transport, TORC_SLICE("before"));
    torc_lose_connection(transport);
    torc_write(transport, TORC_SLICE("after"));
    torc_write_static(transport, pattern(0, 5000));
    torc_printf(client_of(w)->protocol, "after");
    torc_write_file(transport, file_with(TORC_SLICE("after")), 0, 5);
    assert_int_equal(torc_unsent(transport), 6);
    RUN_UNTIL(w, both_lost(w));
    assert_bytes(server_of(w), TORC_SLICE("before"));
}

static void data_is_delivered_while_losing(world *w)
{
    connect_pair(w);
    torc_pause_reading(transport_of(server_of(w)));
    torc_write_static(transport_of(client_of(w)), pattern(0, 8 * MEBIBYTE));
    run_turns(w, 3);
    torc_lose_connection(transport_of(client_of(w)));
    torc_set_water_marks(transport_of(client_of(w)), 16 * MEBIBYTE, 16 * MEBIBYTE, 64 * MEBIBYTE);
    torc_write(transport_of(server_of(w)), TORC_SLICE("late"));
    RUN_UNTIL(w, client_of(w)->length == 4);
    assert_int_equal(client_of(w)->lost, 0);
    w->server.on_read_lost = lose;
    torc_resume_reading(transport_of(server_of(w)));
    RUN_UNTIL(w, both_lost(w));
    assert_int_equal(server_of(w)->length, 8 * MEBIBYTE);
}

static void lose_twice_is_once(world *w)
{
    w->server.kind = &plain_class;
    connect_pair(w);
    torc_lose_connection(transport_of(client_of(w)));
    torc_lose_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, both_lost(w));
    run_turns(w, 5);
    assert_int_equal(client_of(w)->lost, 1);
    assert_int_equal(server_of(w)->lost, 1);
}

static void both_lose_at_once(world *w)
{
    connect_pair(w);
    torc_lose_connection(transport_of(client_of(w)));
    torc_lose_connection(transport_of(server_of(w)));
    RUN_UNTIL(w, both_lost(w));
    assert_reason(client_of(w), &torc_error_connection_done);
    assert_reason(server_of(w), &torc_error_connection_done);
}

/* -- abort --------------------------------------------------------------------------------- */

static void assert_peer_saw_abort(world *w, const record *peer)
{
    assert_reason(peer, (w->carrier & ON_RESETTING)
        ? &torc_error_connection_lost : &torc_error_connection_done);
}

static void abort_drops_what_was_written(world *w)
{
    w->server.kind = &plain_class;
    connect_pair(w);
    torc_pause_reading(transport_of(server_of(w)));
    torc_write_static(transport_of(client_of(w)), pattern(0, 8 * MEBIBYTE));
    torc_abort_connection(transport_of(client_of(w)));
    assert_int_equal(client_of(w)->lost, 0);
    RUN_UNTIL(w, client_of(w)->lost == 1);
    assert_reason(client_of(w), &torc_error_connection_aborted);
    if (server_of(w)->lost == 0)
        torc_resume_reading(transport_of(server_of(w)));
    RUN_UNTIL(w, both_lost(w));
    assert_true(server_of(w)->length < 8 * MEBIBYTE);
    assert_peer_saw_abort(w, server_of(w));
}

static void abort_of_an_idle_connection(world *w)
{
    w->server.kind = &plain_class;
    connect_pair(w);
    torc_abort_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, both_lost(w));
    assert_reason(client_of(w), &torc_error_connection_aborted);
    assert_peer_saw_abort(w, server_of(w));
}

static void abort_by_the_accepting_side(world *w)
{
    w->server.on_made = abort_it;
    w->client.kind = &plain_class;
    begin_connecting(w);
    RUN_UNTIL(w, server_of(w)->lost == 1 && (client_of(w)->lost == 1 || w->connect_failure));
    assert_reason(server_of(w), &torc_error_connection_aborted);
    if (client_of(w)->lost == 1)
        assert_peer_saw_abort(w, client_of(w));
}

static void abort_with_a_reason(world *w)
{
    static const torc_failure_type bored = { "Bored", &torc_error };

    connect_pair(w);
    torc_abort_because(transport_of(client_of(w)), torc_failure_new(&bored, "nothing happens"));
    torc_abort_because(transport_of(client_of(w)), torc_failure_new(&torc_error, "too late"));
    torc_abort_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, client_of(w)->lost == 1);
    assert_reason(client_of(w), &bored);
    assert_string_equal(client_of(w)->reason_text, "nothing happens");
}

static void abort_overtakes_lose(world *w)
{
    connect_pair(w);
    torc_pause_reading(transport_of(server_of(w)));
    torc_write_static(transport_of(client_of(w)), pattern(0, 8 * MEBIBYTE));
    torc_lose_connection(transport_of(client_of(w)));
    run_turns(w, 5);
    assert_int_equal(client_of(w)->lost, 0);
    torc_abort_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, client_of(w)->lost == 1);
    assert_reason(client_of(w), &torc_error_connection_aborted);
}

static void abort_both(record *self, torc_slice data)
{
    (void)data;
    torc_abort_connection(transport_of(client_of(self->world)));
    torc_abort_connection(transport_of(server_of(self->world)));
}

static void both_aborted_in_one_turn(world *w)
{
    w->server.on_data = abort_both;
    connect_pair(w);
    torc_write(transport_of(client_of(w)), TORC_SLICE("x"));
    RUN_UNTIL(w, both_lost(w));
    assert_reason(client_of(w), &torc_error_connection_aborted);
    assert_reason(server_of(w), &torc_error_connection_aborted);
}

static void abort_the_other(record *self, torc_slice data)
{
    world *w = self->world;
    record *other = self == &w->server.records[0] ? &w->server.records[1] : &w->server.records[0];

    (void)data;
    if (other->lost == 0)
        torc_abort_connection(transport_of(other));
}

/* Both have data in the same turn: the one that is told first ends the other. */
static void two_connections_abort_each_other(world *w)
{
    w->server.on_data = abort_the_other;
    connect_pair(w);
    connect_pair(w);
    torc_write(transport_of(&w->client.records[0]), TORC_SLICE("x"));
    torc_write(transport_of(&w->client.records[1]), TORC_SLICE("x"));
    RUN_UNTIL(w, w->server.records[0].lost + w->server.records[1].lost > 0);
    run_turns(w, 5);
    assert_int_equal(w->server.records[0].lost + w->server.records[1].lost, 1);
    for (size_t i = 0; i < 2; i++)
        if (w->server.records[i].lost > 0)
            assert_reason(&w->server.records[i], &torc_error_connection_aborted);
}

/* -- half-closing -------------------------------------------------------------------------- */

static void answer_and_lose(record *self)
{
    torc_write(transport_of(self), TORC_SLICE("answer"));
    torc_lose_connection(transport_of(self));
}

static void lose_write_then_the_answer_arrives(world *w)
{
    w->server.on_read_lost = answer_and_lose;
    connect_pair(w);
    torc_write_static(transport_of(client_of(w)), pattern(0, MEBIBYTE));
    torc_lose_write(transport_of(client_of(w)));
    assert_false(torc_is_closing(transport_of(client_of(w))));
    RUN_UNTIL(w, both_lost(w));
    assert_bytes(server_of(w), pattern(0, MEBIBYTE));
    assert_bytes(client_of(w), TORC_SLICE("answer"));
    assert_int_equal(server_of(w)->read_lost, 1);
    assert_reason(client_of(w), &torc_error_connection_done);
    assert_reason(server_of(w), &torc_error_connection_done);
}

static void writes_after_lose_write_are_dropped(world *w)
{
    w->server.on_read_lost = lose;
    connect_pair(w);
    torc_write(transport_of(client_of(w)), TORC_SLICE("all"));
    torc_lose_write(transport_of(client_of(w)));
    torc_write(transport_of(client_of(w)), TORC_SLICE("more"));
    RUN_UNTIL(w, server_of(w)->read_lost == 1);
    if (client_of(w)->lost == 0)
        torc_write(transport_of(client_of(w)), TORC_SLICE("more"));
    RUN_UNTIL(w, both_lost(w));
    assert_bytes(server_of(w), TORC_SLICE("all"));
}

static void lose_write(record *self)
{
    torc_lose_write(transport_of(self));
}

static void half_closed_both_ways_is_done(world *w)
{
    w->server.on_read_lost = lose_write;
    connect_pair(w);
    torc_lose_write(transport_of(client_of(w)));
    RUN_UNTIL(w, both_lost(w));
    assert_int_equal(client_of(w)->read_lost, 1);
    assert_int_equal(server_of(w)->read_lost, 1);
    assert_reason(client_of(w), &torc_error_connection_done);
    assert_reason(server_of(w), &torc_error_connection_done);
}

static void write_on_after_the_peers_end(world *w)
{
    connect_pair(w);
    torc_lose_write(transport_of(client_of(w)));
    RUN_UNTIL(w, server_of(w)->read_lost == 1);
    torc_write_static(transport_of(server_of(w)), pattern(0, 2 * MEBIBYTE));
    RUN_UNTIL(w, client_of(w)->length == 2 * MEBIBYTE);
    assert_int_equal(server_of(w)->lost, 0);
    torc_lose_connection(transport_of(server_of(w)));
    RUN_UNTIL(w, both_lost(w));
    assert_reason(client_of(w), &torc_error_connection_done);
}

static void end_without_read_lost_closes(world *w)
{
    w->server.kind = &plain_class;
    connect_pair(w);
    torc_lose_write(transport_of(client_of(w)));
    RUN_UNTIL(w, both_lost(w));
    assert_reason(server_of(w), &torc_error_connection_done);
    assert_reason(client_of(w), &torc_error_connection_done);
}

static void end_without_read_lost_flushes_first(world *w)
{
    w->server.kind = &plain_class;
    connect_pair(w);
    torc_write_static(transport_of(server_of(w)), pattern(0, 4 * MEBIBYTE));
    torc_set_water_marks(transport_of(server_of(w)), 8 * MEBIBYTE, 8 * MEBIBYTE, 8 * MEBIBYTE);
    torc_lose_write(transport_of(client_of(w)));
    RUN_UNTIL(w, both_lost(w));
    assert_bytes(client_of(w), pattern(0, 4 * MEBIBYTE));
}

/* -- the last call ------------------------------------------------------------------------- */

static void call_everything(record *self)
{
    torc_transport *transport = transport_of(self);
    torc_buffer *buffer = torc_buffer_copy(pattern(0, 3000));

    assert_true(torc_is_closing(transport));
    torc_write(transport, TORC_SLICE("x"));
    torc_write_static(transport, pattern(0, 5000));
    torc_write_buffer(transport, buffer);
    torc_write_part(transport, buffer, torc_slice_first(torc_buffer_slice(buffer), 2000));
    torc_buffer_release(buffer);
    torc_write_file(transport, file_with(TORC_SLICE("x")), 0, 1);
    torc_printf(self->protocol, "%2000d", 1);
    torc_pause_reading(transport);
    torc_resume_reading(transport);
    torc_lose_write(transport);
    torc_lose_connection(transport);
    torc_abort_connection(transport);
    torc_abort_because(transport, torc_failure_new(&torc_error, "again"));
    torc_set_water_marks(transport, 1, 2, 3);
    torc_unregister_producer(transport);
    torc_set_no_delay(transport, false);
    torc_set_keep_alive(transport, TORC_MINUTE);
}

static void calls_inside_connection_lost_are_nothing(world *w)
{
    w->server.kind = &plain_class;
    w->server.on_lost = call_everything;
    w->client.on_lost = call_everything;
    connect_pair(w);
    torc_lose_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, both_lost(w));
    run_turns(w, 5);
    assert_int_equal(server_of(w)->length, 0);
    assert_reason(client_of(w), &torc_error_connection_done);
}

static void calls_after_abort_are_nothing(world *w)
{
    connect_pair(w);
    torc_abort_connection(transport_of(client_of(w)));
    call_everything(client_of(w));
    RUN_UNTIL(w, client_of(w)->lost == 1);
    assert_reason(client_of(w), &torc_error_connection_aborted);
    run_turns(w, 5);
    assert_int_equal(server_of(w)->length, 0);
}

static void lose_on_the_first_of_much_data(world *w)
{
    w->server.on_data = lose_on_data;
    w->client.kind = &plain_class;
    connect_pair(w);
    torc_write_static(transport_of(client_of(w)), pattern(0, 4 * MEBIBYTE));
    RUN_UNTIL(w, both_lost(w));
    assert_int_equal(server_of(w)->data, 1);
    assert_reason(server_of(w), &torc_error_connection_done);
}

static void reactor_that_goes_tells_connection_lost(world *w)
{
    connect_pair(w);
    torc_write_static(transport_of(client_of(w)), pattern(0, 4 * MEBIBYTE));
    w->client.on_lost = call_everything;
}

/* -- peers that are not ours --------------------------------------------------------------- */

static void reset_by_the_peer(world *w)
{
    int raw = connect_raw(w);

    RUN_UNTIL(w, server_of(w)->made == 1);
    close_raw_with_reset(raw);
    RUN_UNTIL(w, server_of(w)->lost == 1);
    assert_reason(server_of(w), &torc_error_connection_lost);
}

static void peer_vanishes_while_we_write(world *w)
{
    int raw = connect_raw(w);

    RUN_UNTIL(w, server_of(w)->made == 1);
    torc_write_static(transport_of(server_of(w)), pattern(0, 8 * MEBIBYTE));
    run_turns(w, 5);
    close_raw_with_reset(raw);
    RUN_UNTIL(w, server_of(w)->lost == 1);
    assert_reason(server_of(w), &torc_error_connection_lost);
}

static void peer_vanishes_while_we_are_paused(world *w)
{
    int raw;

    w->server.kind = &plain_class;
    raw = connect_raw(w);
    RUN_UNTIL(w, server_of(w)->made == 1);
    torc_pause_reading(transport_of(server_of(w)));
    close_raw_with_reset(raw);
    run_turns(w, 20);
    if (server_of(w)->lost == 0)
        torc_resume_reading(transport_of(server_of(w)));
    RUN_UNTIL(w, server_of(w)->lost == 1);
}

/* What cannot be switched off must not keep the loop busy. */
static void paused_connection_of_a_dead_peer_does_not_spin(world *w)
{
    int raw = connect_raw(w);
    torc_time before;

    RUN_UNTIL(w, server_of(w)->made == 1);
    torc_pause_reading(transport_of(server_of(w)));
    close_raw_with_reset(raw);
    run_turns(w, 20);
    before = torc_monotonic_now();
    assert_true(torc_iterate(w->reactor, 20 * TORC_MILLISECOND));
    assert_true(torc_monotonic_now() - before >= 19 * TORC_MILLISECOND);
}

static const behaviour behaviours[] = {
    { "lose ends both cleanly", lose_ends_both_cleanly, ON_ALL },
    { "lose flushes 4 MiB to a slow reader", lose_flushes_to_a_slow_reader, ON_ALL },
    { "lose with unread input takes nothing away", lose_with_unread_input_takes_nothing_away,
        ON_SOCKETS | ON_MEMORY },
    { "what was said before it broke is received", what_was_said_before_it_broke_is_received,
        ON_ALL },
    { "lose in connection_made", lose_in_connection_made, ON_ALL },
    { "lose when accepted", lose_when_accepted, ON_OPEN_WHEN_MADE },
    { "write and lose when made", write_and_lose_when_made, ON_ALL },
    { "writes after lose are dropped", writes_after_lose_are_dropped, ON_ALL },
    { "data is delivered while losing", data_is_delivered_while_losing, ON_ALL },
    { "lose twice is once", lose_twice_is_once, ON_ALL },
    { "both lose at once", both_lose_at_once, ON_ALL },
    { "abort drops what was written", abort_drops_what_was_written, ON_ALL },
    { "abort of an idle connection", abort_of_an_idle_connection, ON_ALL },
    { "abort by the accepting side", abort_by_the_accepting_side, ON_ALL },
    { "abort with a reason: the first stays", abort_with_a_reason, ON_ALL },
    { "abort overtakes lose", abort_overtakes_lose, ON_ALL },
    { "both ends aborted in one turn", both_aborted_in_one_turn, ON_ALL },
    { "two connections abort each other", two_connections_abort_each_other, ON_ALL },
    { "lose_write, then the answer arrives", lose_write_then_the_answer_arrives, ON_ALL },
    { "writes after lose_write are dropped", writes_after_lose_write_are_dropped, ON_ALL },
    { "half-closed both ways is done", half_closed_both_ways_is_done, ON_ALL },
    { "writing goes on after the peer's end", write_on_after_the_peers_end, ON_ALL },
    { "an end without read_lost closes", end_without_read_lost_closes, ON_ALL },
    { "an end without read_lost flushes first", end_without_read_lost_flushes_first, ON_ALL },
    { "calls inside connection_lost are nothing", calls_inside_connection_lost_are_nothing,
        ON_ALL },
    { "calls after abort are nothing", calls_after_abort_are_nothing, ON_ALL },
    { "lose on the first of much data", lose_on_the_first_of_much_data, ON_ALL },
    { "a reactor that goes tells connection_lost", reactor_that_goes_tells_connection_lost,
        ON_ALL },
    { "reset by the peer", reset_by_the_peer, ON_IP },
    { "the peer vanishes while we write", peer_vanishes_while_we_write, ON_SOCKETS },
    { "the peer vanishes while we are paused", peer_vanishes_while_we_are_paused, ON_SOCKETS },
    { "a paused connection of a dead peer does not spin",
        paused_connection_of_a_dead_peer_does_not_spin, ON_SOCKETS },
};

int main(void)
{
    return RUN_BEHAVIOURS("ending", behaviours);
}
