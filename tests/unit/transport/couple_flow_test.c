/*
 * Back-pressure between a stream and datagrams, as a tunnel needs it: neither is taken from while
 * the other takes nothing, and nothing is lost on the way; whichever ends, the other goes on.
 *
 * The server's end of a connection is coupled with `near`, one of a pair of datagram transports in
 * memory; `far`, the other, stands for a device's or a network's other side.
 */
#include "support/failing_allocation.h"
#include "support/transport_harness.h"

#include <torc/couple.h>
#include <torc/datagram.h>

/* More than a connection and a pair hold together. */
enum { PACKET = 1000, PACKETS = 30000 };

static torc_datagram_protocol *near_end;
static torc_datagram_protocol *far_end;
static world *current;
static size_t near_received;
static size_t far_received;
static unsigned near_stopped;
static unsigned dropped;

/* What comes by datagram goes out by the stream. */
static void near_takes(torc_datagram_protocol *self, torc_slice bytes, const torc_address *peer)
{
    (void)self;
    (void)peer;
    near_received++;
    if (server_of(current)->protocol != NULL)
        torc_write(transport_of(server_of(current)), bytes);
}

static void near_stops(torc_datagram_protocol *self, const torc_failure *reason)
{
    (void)self;
    (void)reason;
    near_stopped++;
    near_end = NULL;
}

static void far_takes(torc_datagram_protocol *self, torc_slice bytes, const torc_address *peer)
{
    (void)self;
    (void)peer;
    far_received += bytes.length;
}

static const torc_datagram_class near_class = {
    .name = "Near",
    .datagram_received = near_takes,
    .stopped = near_stops,
};

static const torc_datagram_class far_class = { .name = "Far", .datagram_received = far_takes };

/* ... and the other way round. */
static void send_on(record *self, torc_slice data)
{
    (void)self;
    if (near_end == NULL)
        return;
    while (data.length > 0) {
        size_t length = data.length < PACKET ? data.length : PACKET;

        dropped += !torc_send(near_end->transport, torc_slice_make(data.data, length));
        data = torc_slice_make(data.data + length, data.length - length);
    }
}

static torc_transport *stream(world *w)
{
    return transport_of(server_of(w));
}

static void connect_both(world *w)
{
    current = w;
    near_received = far_received = 0;
    near_stopped = dropped = 0;
    w->server.on_data = send_on;
    w->client.discards = w->server.discards = true;
    connect_pair(w);
    near_end = torc_pair_datagrams(w->scope, &near_class, &far_class, &far_end);
    assert_non_null(near_end);
    run_turns(w, 3);
}

static void couple(world *w)
{
    connect_both(w);
    assert_true(torc_couple_flow(stream(w), near_end->transport));
}

static void run_until_still(world *w, const size_t *count)
{
    unsigned still = 0;
    size_t before = *count;

    for (; still < 100; still++) {
        run_turns(w, 1);
        if (*count != before)
            still = 0;
        before = *count;
    }
}

/* -- from datagrams to the stream ---------------------------------------------------------- */

/* As a device does: it sends whenever there is room, and keeps the rest. */
static size_t send_packets(world *w, size_t count)
{
    size_t sent = 0;
    unsigned full = 0;

    while (sent < count && full < 100) {
        if (torc_send(far_end->transport, pattern(0, PACKET))) {
            sent++;
            full = 0;
        } else {
            run_turns(w, 1);
            full++;
        }
    }
    return sent;
}

static void a_stream_that_takes_nothing_holds_up_the_datagrams(world *w)
{
    size_t sent;

    couple(w);
    torc_pause_reading(transport_of(client_of(w)));
    sent = send_packets(w, PACKETS);
    assert_true(sent < PACKETS);
    run_until_still(w, &near_received);
    assert_true(near_received < sent);
    assert_true(torc_unsent(stream(w)) < TORC_HIGH_WATER + 300 * PACKET);
    torc_resume_reading(transport_of(client_of(w)));
    RUN_UNTIL(w, client_of(w)->length == sent * PACKET);
    assert_int_equal(near_received, sent);
}

static void what_is_taken_flows(world *w)
{
    couple(w);
    for (size_t sent = 0; sent < 5000;) {
        size_t more = send_packets(w, 100);

        assert_true(more > 0);
        sent += more;
        RUN_UNTIL(w, client_of(w)->length == sent * PACKET);
    }
}

/* -- from the stream to datagrams ---------------------------------------------------------- */

static void datagrams_that_take_nothing_hold_up_the_stream(world *w)
{
    size_t total = (size_t)PACKETS * PACKET;
    size_t given;

    couple(w);
    torc_pause_datagrams(far_end->transport);
    for (size_t i = 0; i < total / 1000000; i++)
        torc_write_static(transport_of(client_of(w)), pattern(0, 1000000));
    run_until_still(w, &server_of(w)->length);
    given = server_of(w)->length;
    assert_true(given < total / 2);
    assert_int_equal(dropped, 0);
    torc_resume_datagrams(far_end->transport);
    RUN_UNTIL(w, far_received == total);
    assert_int_equal(dropped, 0);
}

/* -- ends ---------------------------------------------------------------------------------- */

static void when_the_stream_is_lost_datagrams_flow(world *w)
{
    size_t received;

    couple(w);
    torc_pause_reading(transport_of(client_of(w)));
    (void)send_packets(w, PACKETS);
    run_until_still(w, &near_received);
    received = near_received;
    torc_abort_connection(stream(w));
    RUN_UNTIL(w, server_of(w)->lost);
    (void)send_packets(w, 10);
    RUN_UNTIL(w, near_received > received);
    torc_stop_datagrams(near_end->transport);
    RUN_UNTIL(w, near_stopped == 1);
}

static void when_the_datagrams_have_stopped_the_stream_flows(world *w)
{
    size_t total = (size_t)PACKETS * PACKET;

    couple(w);
    torc_pause_datagrams(far_end->transport);
    for (size_t i = 0; i < total / 1000000; i++)
        torc_write_static(transport_of(client_of(w)), pattern(0, 1000000));
    run_until_still(w, &server_of(w)->length);
    torc_stop_datagrams(near_end->transport);
    RUN_UNTIL(w, near_stopped == 1 && server_of(w)->length == total);
    torc_lose_connection(stream(w));
    RUN_UNTIL(w, server_of(w)->lost);
}

static void the_scope_of_both_may_end(world *w)
{
    couple(w);
    (void)send_packets(w, 200);
    torc_write_static(transport_of(client_of(w)), pattern(0, 1000000));
    run_turns(w, 3);
    renew_world(w);
}

/* They might go on for ever, as a device does. */
static void a_connection_that_is_to_be_lost_waits_for_no_datagrams(world *w)
{
    w->client.kind = &plain_class;
    couple(w);
    (void)send_packets(w, 100);
    torc_lose_connection(stream(w));
    RUN_UNTIL(w, server_of(w)->lost && client_of(w)->lost);
    assert_int_equal(near_stopped, 0);
}

static void the_end_of_a_peer_is_waited_for_no_longer_than_without(world *w)
{
    couple(w);
    torc_lose_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, client_of(w)->lost && server_of(w)->read_lost + server_of(w)->lost > 0);
    torc_lose_connection(stream(w));
    RUN_UNTIL(w, server_of(w)->lost);
}

/* -- refusals ------------------------------------------------------------------------------ */

static void they_are_coupled_once(world *w)
{
    couple(w);
    assert_false(torc_couple_flow(stream(w), near_end->transport));
}

static void nothing_is_coupled_with_what_has_ended(world *w)
{
    connect_both(w);
    assert_false(torc_couple_flow(stream(w), NULL));
    torc_stop_datagrams(near_end->transport);
    assert_false(torc_couple_flow(stream(w), near_end->transport));
    assert_true(torc_couple_flow(stream(w), far_end->transport));
}

static void what_is_closing_is_not_coupled(world *w)
{
    connect_both(w);
    torc_lose_connection(stream(w));
    assert_false(torc_couple_flow(stream(w), near_end->transport));
    RUN_UNTIL(w, server_of(w)->lost);
}

static void without_memory_they_are_not_coupled(world *w)
{
    connect_both(w);
    fail_allocation_after(0);
    assert_false(torc_couple_flow(stream(w), near_end->transport));
    allow_allocations();
    assert_true(torc_couple_flow(stream(w), near_end->transport));
}

static const behaviour behaviours[] = {
    { "a stream that takes nothing holds up the datagrams",
        a_stream_that_takes_nothing_holds_up_the_datagrams, ON_CLEAR },
    { "what is taken flows", what_is_taken_flows, ON_ALL },
    { "datagrams that take nothing hold up the stream",
        datagrams_that_take_nothing_hold_up_the_stream, ON_CLEAR },
    { "when the stream is lost datagrams flow", when_the_stream_is_lost_datagrams_flow, ON_CLEAR },
    { "when the datagrams have stopped the stream flows",
        when_the_datagrams_have_stopped_the_stream_flows, ON_CLEAR },
    { "the scope of both may end", the_scope_of_both_may_end, ON_ALL },
    { "a connection that is to be lost waits for no datagrams",
        a_connection_that_is_to_be_lost_waits_for_no_datagrams, ON_ALL },
    { "the end of a peer is waited for no longer than without",
        the_end_of_a_peer_is_waited_for_no_longer_than_without, ON_ALL },
    { "they are coupled once", they_are_coupled_once, ON_MEMORY },
    { "nothing is coupled with what has ended", nothing_is_coupled_with_what_has_ended, ON_MEMORY },
    { "what is closing is not coupled", what_is_closing_is_not_coupled, ON_MEMORY },
    { "without memory they are not coupled", without_memory_they_are_not_coupled, ON_MEMORY },
};

int main(void)
{
    return RUN_BEHAVIOURS("couple_flow", behaviours);
}
