/*
 * torc_test: what a protocol under test sees of its peer, and the peer of the protocol.
 */
#include "testing/support.h"

#include "support/failing_allocation.h"

#include <torc/line.h>

#include <unistd.h>

/* Notes what happens to it, and does what the test asks for. */
typedef struct witness {
    torc_protocol protocol;
} witness;

static char events[4096];
static void (*on_made)(torc_protocol *self);
static void (*on_data)(torc_protocol *self, torc_slice data);
static void (*on_read_lost)(torc_protocol *self);

static void note(const char *format, ...)
{
    size_t used = strlen(events);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(events + used, sizeof events - used, format, arguments);
    va_end(arguments);
}

static void assert_events(const char *expected)
{
    assert_string_equal(events, expected);
    events[0] = '\0';
}

static void witness_made(torc_protocol *self)
{
    note("made;");
    if (on_made != NULL)
        on_made(self);
}

static void witness_data(torc_protocol *self, torc_slice data)
{
    note("data %.*s;", TORC_FMT(data));
    if (on_data != NULL)
        on_data(self, data);
}

static void witness_read_lost(torc_protocol *self)
{
    note("read lost;");
    if (on_read_lost != NULL)
        on_read_lost(self);
}

static void witness_lost(torc_protocol *self, const torc_failure *reason)
{
    (void)self;
    note("lost %s;", torc_failure_type_of(reason)->name);
}

/* Ends when its peer does. */
static const torc_protocol_class witness_class = {
    .name = "Witness",
    .size = sizeof(witness),
    .connection_made = witness_made,
    .data_received = witness_data,
    .connection_lost = witness_lost,
};

/* Goes on when its peer has closed its half. */
static const torc_protocol_class half_witness_class = {
    .name = "Witness",
    .size = sizeof(witness),
    .connection_made = witness_made,
    .data_received = witness_data,
    .read_lost = witness_read_lost,
    .connection_lost = witness_lost,
};

static int forget(void **state)
{
    events[0] = '\0';
    on_made = NULL;
    on_data = NULL;
    on_read_lost = NULL;
    return record_failures(state);
}

static torc_test *witness_with(torc_test_options options)
{
    return torc_test_new_with(torc_factory_of(&witness_class), &options);
}

static torc_test *new_witness(void)
{
    return torc_test_new(torc_factory_of(&witness_class));
}

static torc_test *new_half_witness(void)
{
    return torc_test_new(torc_factory_of(&half_witness_class));
}

/* -- things that a protocol does ----------------------------------------------------------- */

static void greet(torc_protocol *self)
{
    torc_printf(self, "hello\n");
}

static void echo(torc_protocol *self, torc_slice data)
{
    torc_write(self->transport, data);
}

static void say_goodbye(torc_protocol *self, torc_slice data)
{
    (void)data;
    torc_printf(self, "goodbye\n");
    torc_lose_connection(self->transport);
}

static void abort_it(torc_protocol *self, torc_slice data)
{
    (void)data;
    torc_abort_connection(self->transport);
}

static void close_half(torc_protocol *self, torc_slice data)
{
    (void)data;
    torc_lose_write(self->transport);
}

static void pause_it(torc_protocol *self, torc_slice data)
{
    (void)data;
    torc_pause_reading(self->transport);
}

static void refuse(torc_protocol *self)
{
    torc_lose_connection(self->transport);
}

/* -- talking ------------------------------------------------------------------------------- */

static void it_is_made_at_once_and_may_speak_first(void **state)
{
    torc_test *t;

    (void)state;
    on_made = greet;
    t = new_witness();
    assert_events("made;");
    torc_test_expect(t, "hello\n");
    assert_int_equal(torc_test_state(t), TORC_TEST_OPEN);
    assert_non_null(torc_test_protocol(t));
    torc_test_free(t);
    assert_events("lost ConnectionDone;");
}

static void what_is_sent_is_answered_at_once(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    on_data = echo;
    torc_test_send(t, "one");
    torc_test_send_bytes(t, torc_slice_make("t\0o", 3));
    assert_int_equal(torc_test_received(t).length, 6);
    assert_memory_equal(torc_test_received(t).data, "onet\0o", 6);
    torc_test_free(t);
}

static void sending_nothing_is_no_event(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    torc_test_send(t, "");
    assert_events("made;");
    torc_test_free(t);
}

static void received_grows_until_it_is_taken(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    on_data = echo;
    torc_test_send(t, "a");
    assert_slice(torc_test_received(t), "a");
    torc_test_send(t, "b");
    assert_slice(torc_test_take(t), "ab");
    assert_slice(torc_test_received(t), "");
    torc_test_send(t, "c");
    assert_slice(torc_test_take(t), "c");
    torc_test_free(t);
}

static void input_is_cut_as_asked(void **state)
{
    torc_test *t = witness_with((torc_test_options){ .cut_every = 2 });

    (void)state;
    torc_test_send(t, "abcde");
    torc_test_send(t, "f");
    assert_events("made;data ab;data cd;data e;data f;");
    torc_test_free(t);
}

static void much_input_in_small_pieces_arrives(void **state)
{
    static char text[300001];
    torc_test *t = witness_with((torc_test_options){ .cut_every = 1 });

    (void)state;
    memset(text, 'x', sizeof text - 1);
    on_data = echo;
    torc_test_send(t, text);
    assert_int_equal(torc_test_take(t).length, sizeof text - 1);
    torc_test_free(t);
}

static size_t bytes_seen;

static void count_bytes(torc_protocol *self, torc_slice data)
{
    (void)self;
    bytes_seen += data.length;
}

static void a_protocol_that_only_listens_gets_it_all(void **state)
{
    static char text[300001];
    torc_test *t = witness_with((torc_test_options){ .cut_every = 1 });

    (void)state;
    memset(text, 'x', sizeof text - 1);
    bytes_seen = 0;
    on_data = count_bytes;
    torc_test_send(t, text);
    assert_int_equal(bytes_seen, sizeof text - 1);
    torc_test_free(t);
}

static torc_test *neighbour;

static void tell_the_neighbour(torc_protocol *self, torc_slice data)
{
    (void)self;
    on_data = NULL;
    torc_test_send_bytes(neighbour, data);
    note("sent;");
}

static void a_peer_may_act_from_inside_a_callback(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    torc_test *t = witness_with((torc_test_options){ .reactor = reactor });

    (void)state;
    neighbour = witness_with((torc_test_options){ .reactor = reactor });
    on_data = tell_the_neighbour;
    torc_test_send(t, "x");
    assert_events("made;made;data x;sent;data x;");
    torc_test_free(t);
    torc_test_free(neighbour);
    torc_testing_free(reactor);
}

static void megabytes_are_sent_and_taken(void **state)
{
    static char text[1000001];
    torc_test *t = new_witness();

    (void)state;
    memset(text, 'x', sizeof text - 1);
    on_data = echo;
    for (int i = 0; i < 80; i++) {
        torc_test_send(t, text);
        assert_int_equal(torc_test_take(t).length, sizeof text - 1);
        events[0] = '\0';
    }
    torc_test_free(t);
}

static void addresses_are_as_given(void **state)
{
    torc_test_options options = { 0 };
    char text[TORC_ADDRESS_TEXT_MAX];
    torc_test *t;
    torc_address seen;

    (void)state;
    torc_address_parse(TORC_SLICE("192.0.2.7"), 4711, &options.peer);
    torc_address_parse(TORC_SLICE("192.0.2.1"), 80, &options.local);
    t = witness_with(options);
    seen = torc_peer_address(torc_test_protocol(t)->transport);
    assert_string_equal(torc_address_text(&seen, text), "192.0.2.7:4711");
    seen = torc_local_address(torc_test_protocol(t)->transport);
    assert_string_equal(torc_address_text(&seen, text), "192.0.2.1:80");
    torc_test_free(t);
}

static void delayed(void *argument)
{
    torc_printf(argument, "tick\n");
}

static void tick_later(torc_protocol *self, torc_slice data)
{
    (void)data;
    torc_call_later(torc_scope_of(self), 5 * TORC_SECOND, delayed, self);
}

static void time_passes_when_told(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    on_data = tick_later;
    torc_test_send(t, "x");
    torc_test_advance(t, 4 * TORC_SECOND);
    torc_test_expect(t, "");
    torc_test_advance(t, TORC_SECOND);
    torc_test_expect(t, "tick\n");
    assert_int_equal(torc_now(torc_test_reactor(t)), 5 * TORC_SECOND);
    torc_test_send(t, "and what is left of its own ends with it");
    torc_test_free(t);
}

/* -- the protocol ends --------------------------------------------------------------------- */

static void a_protocol_that_closes_is_closed(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    on_data = say_goodbye;
    torc_test_send(t, "x");
    torc_test_expect(t, "goodbye\n");
    assert_int_equal(torc_test_state(t), TORC_TEST_CLOSED);
    assert_null(torc_test_protocol(t));
    assert_true(torc_failure_is(torc_test_reason(t), &torc_error_connection_done));
    assert_false(torc_test_is_reading(t));
    torc_test_free(t);
    assert_events("made;data x;lost ConnectionDone;");
}

static void a_protocol_may_close_as_soon_as_it_is_made(void **state)
{
    torc_test *t;

    (void)state;
    on_made = refuse;
    t = new_witness();
    assert_int_equal(torc_test_state(t), TORC_TEST_CLOSED);
    torc_test_free(t);
    assert_events("made;lost ConnectionDone;");
}

static void a_protocol_that_aborts_resets(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    on_data = abort_it;
    torc_test_send(t, "x");
    assert_int_equal(torc_test_state(t), TORC_TEST_RESET);
    assert_true(torc_failure_is(torc_test_reason(t), &torc_error_connection_aborted));
    torc_test_free(t);
}

static void a_protocol_may_close_its_half(void **state)
{
    torc_test *t = new_half_witness();

    (void)state;
    on_data = close_half;
    torc_test_send(t, "x");
    assert_int_equal(torc_test_state(t), TORC_TEST_HALF_CLOSED);
    assert_null(torc_test_reason(t));
    on_data = NULL;
    torc_test_send(t, "y");
    torc_test_close_write(t);
    assert_int_equal(torc_test_state(t), TORC_TEST_CLOSED);
    torc_test_free(t);
    assert_events("made;data x;data y;read lost;lost ConnectionDone;");
}

static torc_failure *own_reason(void)
{
    return torc_failure_new(&torc_error_protocol, "that was no sense");
}

static void abort_for_a_reason(torc_protocol *self, torc_slice data)
{
    (void)data;
    torc_abort_because(self->transport, own_reason());
}

static void the_reason_is_what_connection_lost_was_told(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    on_data = abort_for_a_reason;
    torc_test_send(t, "x");
    assert_true(torc_failure_is(torc_test_reason(t), &torc_error_protocol));
    assert_string_equal(torc_failure_text(torc_test_reason(t)), "that was no sense");
    torc_test_free(t);
}

/* -- the peer ends ------------------------------------------------------------------------- */

static void a_peer_that_closes_ends_the_protocol(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    torc_test_send(t, "x");
    torc_test_close(t);
    assert_events("made;data x;lost ConnectionDone;");
    assert_int_equal(torc_test_state(t), TORC_TEST_CLOSED);
    torc_test_send(t, "y");
    torc_test_close(t);
    torc_test_reset(t);
    assert_int_equal(torc_test_state(t), TORC_TEST_CLOSED);
    torc_test_free(t);
    assert_events("");
}

static void after_a_half_close_the_protocol_may_still_speak(void **state)
{
    torc_test *t = new_half_witness();

    (void)state;
    torc_test_close_write(t);
    assert_events("made;read lost;");
    assert_int_equal(torc_test_state(t), TORC_TEST_OPEN);
    torc_printf(torc_test_protocol(t), "still here\n");
    torc_testing_run_idle(torc_test_reactor(t));
    torc_test_expect(t, "still here\n");
    torc_test_send(t, "this cannot be sent any more");
    torc_test_free(t);
    assert_events("lost ConnectionAborted;");
}

static void what_was_sent_before_the_end_still_arrives(void **state)
{
    torc_test *t = witness_with((torc_test_options){ .cut_every = 1 });

    (void)state;
    on_data = pause_it;
    torc_test_send(t, "ab");
    torc_test_close(t);
    assert_events("made;data a;");
    on_data = NULL;
    torc_resume_reading(torc_test_protocol(t)->transport);
    torc_testing_run_idle(torc_test_reactor(t));
    assert_events("data b;lost ConnectionDone;");
    torc_test_free(t);
}

static void a_reset_is_a_loss(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    torc_test_reset(t);
    assert_events("made;lost ConnectionLost;");
    assert_int_equal(torc_test_state(t), TORC_TEST_RESET);
    assert_true(torc_failure_is(torc_test_reason(t), &torc_error_connection_lost));
    torc_test_free(t);
}

static void a_reset_overtakes_what_was_sent(void **state)
{
    torc_test *t = witness_with((torc_test_options){ .cut_every = 1 });

    (void)state;
    on_data = pause_it;
    torc_test_send(t, "ab");
    torc_test_reset(t);
    torc_resume_reading(torc_test_protocol(t)->transport);
    torc_testing_run_idle(torc_test_reactor(t));
    assert_events("made;data a;lost ConnectionLost;");
    torc_test_free(t);
}

static void a_reset_ends_a_send_that_waits(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    torc_test_stall(t);
    on_data = echo;
    torc_test_send(t, "x");
    torc_pause_reading(torc_test_protocol(t)->transport);
    torc_test_reset(t);
    assert_events("made;data x;lost ConnectionLost;");
    torc_test_free(t);
}

static void the_first_write_to_a_peer_that_has_gone_is_lost(void **state)
{
    torc_test *t = new_half_witness();

    (void)state;
    torc_test_close(t);
    assert_events("made;read lost;");
    torc_printf(torc_test_protocol(t), "into the void");
    torc_testing_run_idle(torc_test_reactor(t));
    torc_test_expect(t, "");
    assert_events("");
    torc_printf(torc_test_protocol(t), "and again");
    torc_testing_run_idle(torc_test_reactor(t));
    assert_events("lost ConnectionLost;");
    torc_test_free(t);
}

static void write_much(torc_protocol *self)
{
    static const char text[2000];

    for (int i = 0; i < 200; i++)
        torc_write_static(self->transport, torc_slice_make(text, sizeof text));
}

static void much_may_be_lost_before_that_is_noticed(void **state)
{
    torc_test *t = new_half_witness();

    (void)state;
    on_read_lost = write_much;
    torc_test_close(t);
    assert_events("made;read lost;");
    torc_test_free(t);
}

static void a_write_after_a_reset_finds_it_out(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    on_data = pause_it;
    torc_test_send(t, "x");
    torc_test_reset(t);
    assert_events("made;data x;");
    assert_int_equal(torc_test_state(t), TORC_TEST_RESET);
    torc_printf(torc_test_protocol(t), "hello?");
    torc_testing_run_idle(torc_test_reactor(t));
    assert_events("lost ConnectionLost;");
    torc_test_expect(t, "");
    torc_test_free(t);
}

static void a_stalled_peer_that_closes_stalls_no_longer(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    on_data = echo;
    torc_test_stall(t);
    torc_test_send(t, "x");
    torc_test_close(t);
    assert_events("made;data x;lost ConnectionDone;");
    torc_test_free(t);
}

static void nothing_is_sent_after_the_end(void **state)
{
    torc_test *t = new_half_witness();

    (void)state;
    on_data = pause_it;
    torc_test_send(t, "x");
    torc_test_close_write(t);
    torc_test_send(t, "y");
    torc_resume_reading(torc_test_protocol(t)->transport);
    torc_testing_run_idle(torc_test_reactor(t));
    assert_events("made;data x;read lost;");
    assert_false(torc_test_is_reading(t));
    torc_test_free(t);
}

/* -- flow control -------------------------------------------------------------------------- */

static void a_protocol_that_pauses_gets_nothing(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    assert_true(torc_test_is_reading(t));
    on_data = pause_it;
    torc_test_send(t, "a");
    assert_false(torc_test_is_reading(t));
    torc_test_send(t, "b");
    assert_events("made;data a;");
    torc_resume_reading(torc_test_protocol(t)->transport);
    torc_testing_run_idle(torc_test_reactor(t));
    assert_events("data b;");
    torc_test_free(t);
}

static void a_stalled_peer_takes_nothing(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    on_data = echo;
    torc_test_stall(t);
    torc_test_send(t, "abc");
    torc_test_expect(t, "");
    assert_int_equal(torc_unsent(torc_test_protocol(t)->transport), 3);
    torc_test_unstall(t);
    torc_test_expect(t, "abc");
    assert_int_equal(torc_unsent(torc_test_protocol(t)->transport), 0);
    torc_test_free(t);
}

static void a_peer_may_be_stalled_from_the_start(void **state)
{
    torc_test *t;

    (void)state;
    on_made = greet;
    t = witness_with((torc_test_options){ .stalled = true });
    torc_test_expect(t, "");
    torc_test_unstall(t);
    torc_test_expect(t, "hello\n");
    torc_test_free(t);
}

static void a_send_buffer_takes_so_much_of_a_stalled_peer(void **state)
{
    torc_test *t = witness_with((torc_test_options){ .send_buffer = 4 });

    (void)state;
    on_data = echo;
    torc_test_stall(t);
    torc_test_send(t, "abcdefghij");
    torc_test_expect(t, "");
    assert_int_equal(torc_unsent(torc_test_protocol(t)->transport), 6);
    torc_test_unstall(t);
    torc_test_expect(t, "abcdefghij");
    torc_test_free(t);
}

static void a_small_send_buffer_lets_everything_through(void **state)
{
    static char text[300001];
    torc_test *t = witness_with((torc_test_options){ .send_buffer = 1 });

    (void)state;
    memset(text, 'x', sizeof text - 1);
    on_data = echo;
    torc_test_send(t, text);
    assert_int_equal(torc_test_take(t).length, sizeof text - 1);
    torc_test_free(t);
}

static void a_protocol_that_answers_too_much_stops_reading(void **state)
{
    static char text[100001];
    torc_test *t = new_witness();

    (void)state;
    memset(text, 'x', sizeof text - 1);
    on_data = echo;
    torc_test_stall(t);
    torc_test_send(t, text);
    assert_false(torc_test_is_reading(t));
    torc_test_unstall(t);
    assert_true(torc_test_is_reading(t));
    torc_test_free(t);
}

static void what_is_closed_with_a_full_buffer_arrives_later(void **state)
{
    torc_test *t = witness_with((torc_test_options){ .send_buffer = 100 });

    (void)state;
    on_data = say_goodbye;
    torc_test_stall(t);
    torc_test_send(t, "x");
    torc_test_expect(t, "");
    assert_int_equal(torc_test_state(t), TORC_TEST_CLOSED);
    torc_test_unstall(t);
    torc_test_expect(t, "goodbye\n");
    torc_test_free(t);
}

static void abort_soon(void *argument)
{
    torc_abort_connection(((torc_protocol *)argument)->transport);
}

static void echo_then_abort(torc_protocol *self, torc_slice data)
{
    torc_write(self->transport, data);
    torc_call_later(torc_scope_of(self), TORC_SECOND, abort_soon, self);
}

static void an_abort_drops_what_is_on_its_way(void **state)
{
    torc_test *t = witness_with((torc_test_options){ .send_buffer = 100 });

    (void)state;
    on_data = echo_then_abort;
    torc_test_stall(t);
    torc_test_send(t, "lost");
    assert_int_equal(torc_unsent(torc_test_protocol(t)->transport), 0);
    torc_test_advance(t, TORC_SECOND);
    torc_test_unstall(t);
    torc_test_expect(t, "");
    assert_int_equal(torc_test_state(t), TORC_TEST_RESET);
    torc_test_free(t);
}

static void what_is_on_its_way_when_the_protocol_closes_arrives(void **state)
{
    torc_test *t = witness_with((torc_test_options){ .send_buffer = 100 });

    (void)state;
    on_data = say_goodbye;
    torc_test_send(t, "x");
    torc_test_expect(t, "goodbye\n");
    torc_test_free(t);
}

static void what_is_taken_makes_no_room_by_itself(void **state)
{
    torc_test *t = witness_with((torc_test_options){ .send_buffer = 4 });

    (void)state;
    on_data = echo;
    torc_test_send(t, "abcdefgh");
    torc_test_expect(t, "abcdefgh");
    torc_test_stall(t);
    torc_test_send(t, "123456");
    torc_test_expect(t, "");
    assert_int_equal(torc_unsent(torc_test_protocol(t)->transport), 2);
    torc_test_unstall(t);
    torc_test_expect(t, "123456");
    torc_test_free(t);
}

typedef struct flood {
    torc_protocol protocol;
    torc_producer producer;
} flood;

static void flood_resume(torc_producer *producer)
{
    static const char water[10000];
    flood *self = TORC_CONTAINER_OF(producer, flood, producer);

    torc_write(self->protocol.transport, torc_slice_make(water, sizeof water));
}

static void flood_stop(torc_producer *producer)
{
    (void)producer;
}

static const torc_producer_class flood_producer = { .resume = flood_resume, .stop = flood_stop };

static void flood_made(torc_protocol *self)
{
    torc_of(self, flood)->producer.kind = &flood_producer;
    torc_register_pull_producer(self->transport, &torc_of(self, flood)->producer);
}

static const torc_protocol_class flood_class = {
    .name = "Flood",
    .size = sizeof(flood),
    .connection_made = flood_made,
};

static void a_protocol_that_never_stops_sending_fails_the_test(void **state)
{
    torc_test *t = torc_test_new(torc_factory_of(&flood_class));

    (void)state;
    assert_failed_with("more than 64 MiB have come from the protocol");
    (void)torc_test_take(t);
    torc_testing_run_idle(torc_test_reactor(t));
    assert_true(torc_test_take(t).length > 0);
    torc_test_free(t);
}

static void a_flood_against_a_stalled_peer_comes_to_rest(void **state)
{
    torc_test_options options = { .stalled = true, .send_buffer = 1000 };
    torc_test *t = torc_test_new_with(torc_factory_of(&flood_class), &options);

    (void)state;
    assert_true(torc_unsent(torc_test_protocol(t)->transport) >= TORC_LOW_WATER);
    torc_test_free(t);
}

/* -- files --------------------------------------------------------------------------------- */

static void send_file(torc_protocol *self, torc_slice data)
{
    FILE *file = tmpfile();

    fputs("out of a file", file);
    fflush(file);
    torc_write(self->transport, data);
    torc_write_file(self->transport, dup(fileno(file)), 7, 6);
    fclose(file);
}

static void files_are_sent(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    on_data = send_file;
    torc_test_send(t, "> ");
    torc_test_expect(t, "> a file");
    torc_test_free(t);
}

/* -- several, of one factory --------------------------------------------------------------- */

static void a_factory_turns_away_whom_it_does_not_admit(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    torc_factory *factory = torc_factory_limit(torc_factory_of(&witness_class), 1);
    torc_test_options options = { .reactor = reactor };
    torc_test *first = torc_test_new_with(torc_factory_hold(factory), &options);
    torc_test *second = torc_test_new_with(factory, &options);

    (void)state;
    assert_int_equal(torc_test_state(first), TORC_TEST_OPEN);
    assert_int_equal(torc_test_state(second), TORC_TEST_CLOSED);
    assert_null(torc_test_protocol(second));
    assert_null(torc_test_reason(second));
    torc_test_send(second, "nobody hears this");
    torc_test_free(second);
    torc_test_free(first);
    torc_testing_free(reactor);
    assert_events("made;lost ConnectionDone;");
}

static void note_call(void *context)
{
    note("%s;", (const char *)context);
}

static void a_factory_is_told_of_its_first_and_last_port(void **state)
{
    static char context[] = "told";
    torc_factory_options options = {
        .kind = &witness_class,
        .context = context,
        .started = note_call,
        .stopped = note_call,
        .release = note_call,
    };

    (void)state;
    torc_test_free(torc_test_new(torc_factory_new(&options)));
    assert_events("told;made;lost ConnectionDone;told;told;");
}

static void what_is_pending_fails_when_the_shared_reactor_goes(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    torc_test_options options = { .reactor = reactor };
    torc_test *t = torc_test_new_with(torc_factory_of(&witness_class), &options);

    (void)state;
    torc_call_later(torc_root(reactor), TORC_SECOND, note_call, "late");
    torc_test_free(t);
    assert_not_failed();
    torc_testing_free(reactor);
    assert_failed_with("1 delayed call");
}

static void call_outside(torc_protocol *self, torc_slice data)
{
    (void)data;
    torc_call_later(
        torc_root(torc_transport_reactor(self->transport)), TORC_SECOND, note_call, "late");
}

static void what_a_protocol_leaves_outside_of_its_scope_fails_the_test(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    on_data = call_outside;
    torc_test_send(t, "x");
    torc_test_free(t);
    assert_failed_with("1 delayed call (in 1 s) is pending");
}

static void a_protocol_that_will_not_notice_is_ended_all_the_same(void **state)
{
    torc_test *t = new_witness();

    (void)state;
    on_data = pause_it;
    torc_test_send(t, "x");
    torc_test_free(t);
    assert_events("made;data x;lost ConnectionAborted;");
}

static void out_of_memory_the_connection_is_closed_before_it_begins(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    torc_test_options options = { .reactor = reactor };
    torc_factory *factory = torc_factory_of(&witness_class);
    torc_test *t;

    (void)state;
    fail_all_allocations();
    t = torc_test_new_with(factory, &options);
    allow_allocations();
    assert_int_equal(torc_test_state(t), TORC_TEST_CLOSED);
    torc_test_free(t);
    torc_testing_free(reactor);
    assert_events("");
}

/* -- the pump ------------------------------------------------------------------------------ */

static void ping(torc_protocol *self)
{
    torc_printf(self, "1");
}

static void add_one_up_to_five(torc_protocol *self, torc_slice data)
{
    if (data.data[0] < '5')
        torc_printf(self, "%c", data.data[0] + 1);
    else
        torc_lose_connection(self->transport);
}

static void two_protocols_talk_until_both_are_silent(void **state)
{
    torc_test *one;
    torc_test *other;

    (void)state;
    on_data = add_one_up_to_five;
    one = new_witness();
    on_made = ping;
    other = new_witness();
    torc_test_pump(one, other);
    assert_slice(torc_test_received(one), "24");
    assert_slice(torc_test_received(other), "135");
    assert_int_equal(torc_test_state(one), TORC_TEST_CLOSED);
    assert_int_equal(torc_test_state(other), TORC_TEST_CLOSED);
    torc_test_free(one);
    torc_test_free(other);
}

static void the_pump_goes_on_where_it_stopped(void **state)
{
    torc_test *one = new_witness();
    torc_test *other = new_witness();

    (void)state;
    on_data = echo;
    torc_test_send(one, "seen by the test alone");
    (void)torc_test_take(one);
    on_data = NULL;
    torc_test_pump(one, other);
    assert_slice(torc_test_received(one), "");
    events[0] = '\0';
    torc_printf(torc_test_protocol(one), "a");
    torc_testing_run_idle(torc_test_reactor(one));
    torc_test_pump(one, other);
    torc_printf(torc_test_protocol(one), "b");
    torc_testing_run_idle(torc_test_reactor(one));
    torc_test_pump(one, other);
    assert_slice(torc_test_take(one), "ab");
    torc_printf(torc_test_protocol(one), "c");
    torc_testing_run_idle(torc_test_reactor(one));
    torc_test_pump(one, other);
    assert_events("data a;data b;data c;");
    torc_test_free(one);
    torc_test_free(other);
}

static void the_pump_passes_on_a_half_close_and_a_reset(void **state)
{
    torc_test *one = new_half_witness();
    torc_test *other = new_half_witness();

    (void)state;
    torc_lose_write(torc_test_protocol(one)->transport);
    torc_testing_run_idle(torc_test_reactor(one));
    torc_test_pump(one, other);
    assert_events("made;made;read lost;");
    torc_printf(torc_test_protocol(other), "still here");
    torc_testing_run_idle(torc_test_reactor(other));
    torc_test_pump(one, other);
    assert_events("data still here;");
    torc_abort_connection(torc_test_protocol(other)->transport);
    torc_testing_run_idle(torc_test_reactor(other));
    torc_test_pump(one, other);
    assert_events("lost ConnectionAborted;lost ConnectionLost;");
    torc_test_free(one);
    torc_test_free(other);
}

static void the_pump_goes_on_after_a_half_close(void **state)
{
    torc_test *one = new_half_witness();
    torc_test *other = new_half_witness();

    (void)state;
    on_read_lost = greet;
    torc_lose_write(torc_test_protocol(other)->transport);
    torc_testing_run_idle(torc_test_reactor(other));
    torc_test_pump(one, other);
    assert_events("made;made;read lost;data hello\n;");
    torc_test_free(one);
    torc_test_free(other);
}

static void two_that_never_fall_silent_fail_the_test(void **state)
{
    static char text[100001];
    torc_test *one = new_witness();
    torc_test *other = new_witness();

    (void)state;
    memset(text, 'x', sizeof text - 1);
    on_data = echo;
    torc_test_send(one, text);
    torc_test_pump(one, other);
    assert_failed_with("they never stop");
    torc_test_free(one);
    torc_test_free(other);
}

/* -- expecting ----------------------------------------------------------------------------- */

static void what_was_not_expected_is_shown(void **state)
{
    torc_test *t;

    (void)state;
    on_made = greet;
    t = new_witness();
    torc_test_expect(t, "help\r\n");
    assert_non_null(strstr(failed_with, "protocol_test.c:"));
    assert_non_null(strstr(failed_with, "expected      6 bytes: \"help\\r\\n\""));
    assert_non_null(strstr(failed_with, "got           6 bytes: \"hello\\n\""));
    assert_failed_with("they differ from byte 3 on");
    torc_test_expect(t, "");
    torc_test_free(t);
}

static void of_long_texts_the_part_that_differs_is_shown(void **state)
{
    static char expected[5001];
    static char sent[5001];
    torc_test *t = new_witness();

    (void)state;
    memset(expected, 'a', 5000);
    memset(sent, 'a', 5000);
    sent[4000] = '\x01';
    on_data = echo;
    torc_test_send(t, sent);
    torc_test_expect(t, expected);
    assert_non_null(strstr(failed_with, "…\"aaa"));
    assert_non_null(strstr(failed_with, "aaa\\x01aaa"));
    assert_failed_with("they differ from byte 4000 on");
    torc_test_free(t);
}

/* -- the shape of a user's test ------------------------------------------------------------ */

static void command_line(torc_line_receiver *lines, torc_slice line)
{
    if (torc_slice_is(line, "help"))
        torc_printf(lines, "There is no help.\n");
    else
        torc_printf(lines, "Command not found.\n");
}

static const torc_line_class command_class = {
    .protocol = { .name = "Command", .size = sizeof(torc_line_receiver) },
    .delimiter = "\n",
    .line_received = command_line,
};

static void unknown_command(void **state)
{
    torc_test *t = torc_test_new(torc_line_factory(&command_class));

    (void)state;
    torc_test_send(t, "dance\n");
    torc_test_expect(t, "Command not found.\n");
    torc_test_free(t);
}

#define PROTOCOL_TEST(function) \
    cmocka_unit_test_setup_teardown(function, forget, check_failures)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROTOCOL_TEST(it_is_made_at_once_and_may_speak_first),
        PROTOCOL_TEST(what_is_sent_is_answered_at_once),
        PROTOCOL_TEST(sending_nothing_is_no_event),
        PROTOCOL_TEST(received_grows_until_it_is_taken),
        PROTOCOL_TEST(input_is_cut_as_asked),
        PROTOCOL_TEST(much_input_in_small_pieces_arrives),
        PROTOCOL_TEST(a_protocol_that_only_listens_gets_it_all),
        PROTOCOL_TEST(a_peer_may_act_from_inside_a_callback),
        PROTOCOL_TEST(megabytes_are_sent_and_taken),
        PROTOCOL_TEST(addresses_are_as_given),
        PROTOCOL_TEST(time_passes_when_told),
        PROTOCOL_TEST(a_protocol_that_closes_is_closed),
        PROTOCOL_TEST(a_protocol_may_close_as_soon_as_it_is_made),
        PROTOCOL_TEST(a_protocol_that_aborts_resets),
        PROTOCOL_TEST(a_protocol_may_close_its_half),
        PROTOCOL_TEST(the_reason_is_what_connection_lost_was_told),
        PROTOCOL_TEST(a_peer_that_closes_ends_the_protocol),
        PROTOCOL_TEST(after_a_half_close_the_protocol_may_still_speak),
        PROTOCOL_TEST(what_was_sent_before_the_end_still_arrives),
        PROTOCOL_TEST(a_reset_is_a_loss),
        PROTOCOL_TEST(a_reset_overtakes_what_was_sent),
        PROTOCOL_TEST(a_reset_ends_a_send_that_waits),
        PROTOCOL_TEST(the_first_write_to_a_peer_that_has_gone_is_lost),
        PROTOCOL_TEST(much_may_be_lost_before_that_is_noticed),
        PROTOCOL_TEST(a_write_after_a_reset_finds_it_out),
        PROTOCOL_TEST(a_stalled_peer_that_closes_stalls_no_longer),
        PROTOCOL_TEST(nothing_is_sent_after_the_end),
        PROTOCOL_TEST(a_protocol_that_pauses_gets_nothing),
        PROTOCOL_TEST(a_stalled_peer_takes_nothing),
        PROTOCOL_TEST(a_peer_may_be_stalled_from_the_start),
        PROTOCOL_TEST(a_send_buffer_takes_so_much_of_a_stalled_peer),
        PROTOCOL_TEST(a_small_send_buffer_lets_everything_through),
        PROTOCOL_TEST(a_protocol_that_answers_too_much_stops_reading),
        PROTOCOL_TEST(what_is_closed_with_a_full_buffer_arrives_later),
        PROTOCOL_TEST(an_abort_drops_what_is_on_its_way),
        PROTOCOL_TEST(what_is_on_its_way_when_the_protocol_closes_arrives),
        PROTOCOL_TEST(what_is_taken_makes_no_room_by_itself),
        PROTOCOL_TEST(a_protocol_that_never_stops_sending_fails_the_test),
        PROTOCOL_TEST(a_flood_against_a_stalled_peer_comes_to_rest),
        PROTOCOL_TEST(files_are_sent),
        PROTOCOL_TEST(a_factory_turns_away_whom_it_does_not_admit),
        PROTOCOL_TEST(a_factory_is_told_of_its_first_and_last_port),
        PROTOCOL_TEST(what_is_pending_fails_when_the_shared_reactor_goes),
        PROTOCOL_TEST(what_a_protocol_leaves_outside_of_its_scope_fails_the_test),
        PROTOCOL_TEST(a_protocol_that_will_not_notice_is_ended_all_the_same),
        PROTOCOL_TEST(out_of_memory_the_connection_is_closed_before_it_begins),
        PROTOCOL_TEST(two_protocols_talk_until_both_are_silent),
        PROTOCOL_TEST(the_pump_goes_on_where_it_stopped),
        PROTOCOL_TEST(the_pump_passes_on_a_half_close_and_a_reset),
        PROTOCOL_TEST(the_pump_goes_on_after_a_half_close),
        PROTOCOL_TEST(two_that_never_fall_silent_fail_the_test),
        PROTOCOL_TEST(what_was_not_expected_is_shown),
        PROTOCOL_TEST(of_long_texts_the_part_that_differs_is_shown),
        PROTOCOL_TEST(unknown_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
