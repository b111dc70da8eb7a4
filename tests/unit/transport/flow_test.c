/*
 * Flow control: pausing and resuming reading, by hand and by what waits to be sent; the hard cap;
 * push and pull producers.
 */
#include "support/expect_abort.h"
#include "support/transport_harness.h"

#define KIBIBYTE ((size_t)1024)
#define MEBIBYTE (KIBIBYTE * KIBIBYTE)

/* -- pausing ------------------------------------------------------------------------------- */

static void pause_on_data(record *self, torc_slice data)
{
    (void)data;
    assert_false(torc_reading_is_paused(transport_of(self)));
    torc_pause_reading(transport_of(self));
}

static void pause_in_data_received(world *w)
{
    w->server.on_data = pause_on_data;
    connect_pair(w);
    torc_write_static(transport_of(client_of(w)), pattern(0, MEBIBYTE));
    RUN_UNTIL(w, server_of(w)->data == 1);
    run_turns(w, 20);
    assert_int_equal(server_of(w)->data, 1);
    while (server_of(w)->length < MEBIBYTE) {
        unsigned before = server_of(w)->data;

        torc_resume_reading(transport_of(server_of(w)));
        RUN_UNTIL(w, server_of(w)->data == before + 1);
    }
    assert_bytes(server_of(w), pattern(0, MEBIBYTE));
}

static void data_sent_while_paused_arrives_on_resume(world *w)
{
    connect_pair(w);
    torc_pause_reading(transport_of(server_of(w)));
    assert_true(torc_reading_is_paused(transport_of(server_of(w))));
    torc_write(transport_of(client_of(w)), TORC_SLICE("kept"));
    run_turns(w, 20);
    assert_int_equal(server_of(w)->length, 0);
    torc_resume_reading(transport_of(server_of(w)));
    assert_int_equal(server_of(w)->length, 0);
    RUN_UNTIL(w, server_of(w)->length == 4);
}

static void pause_made(record *self)
{
    torc_pause_reading(transport_of(self));
}

static void pause_in_connection_made(world *w)
{
    w->server.on_made = pause_made;
    w->client.on_made = pause_made;
    connect_pair(w);
    torc_write(transport_of(client_of(w)), TORC_SLICE("to the server"));
    torc_write(transport_of(server_of(w)), TORC_SLICE("to the client"));
    run_turns(w, 20);
    assert_int_equal(server_of(w)->length + client_of(w)->length, 0);
    torc_resume_reading(transport_of(server_of(w)));
    torc_resume_reading(transport_of(client_of(w)));
    RUN_UNTIL(w, server_of(w)->length == 13 && client_of(w)->length == 13);
}

static void pause_and_resume_in_one_callback(record *self, torc_slice data)
{
    (void)data;
    torc_pause_reading(transport_of(self));
    torc_pause_reading(transport_of(self));
    torc_resume_reading(transport_of(self));
}

static void pause_and_resume_at_once(world *w)
{
    w->server.on_data = pause_and_resume_in_one_callback;
    connect_pair(w);
    torc_write_static(transport_of(client_of(w)), pattern(0, MEBIBYTE));
    RUN_UNTIL(w, server_of(w)->length == MEBIBYTE);
}

static void the_end_waits_while_paused(world *w)
{
    connect_pair(w);
    torc_pause_reading(transport_of(server_of(w)));
    torc_write(transport_of(client_of(w)), TORC_SLICE("last"));
    torc_lose_write(transport_of(client_of(w)));
    run_turns(w, 20);
    assert_int_equal(server_of(w)->read_lost, 0);
    torc_resume_reading(transport_of(server_of(w)));
    RUN_UNTIL(w, server_of(w)->read_lost == 1);
    assert_bytes(server_of(w), TORC_SLICE("last"));
}

static void pause_by_another_protocol(record *self, torc_slice data)
{
    world *w = self->world;

    (void)data;
    for (size_t i = 0; i < 2; i++)
        if (&w->server.records[i] != self)
            torc_pause_reading(transport_of(&w->server.records[i]));
}

/* Both have data in the same turn: the one that is told first keeps the other from being told. */
static void pause_of_one_that_is_ready_too(world *w)
{
    record *records = w->server.records;

    w->server.on_data = pause_by_another_protocol;
    connect_pair(w);
    connect_pair(w);
    torc_write(transport_of(&w->client.records[0]), TORC_SLICE("x"));
    torc_write(transport_of(&w->client.records[1]), TORC_SLICE("x"));
    RUN_UNTIL(w, records[0].data + records[1].data > 0);
    run_turns(w, 10);
    assert_int_equal(records[0].data + records[1].data, 1);
    w->server.on_data = NULL;
    torc_resume_reading(transport_of(&records[0]));
    torc_resume_reading(transport_of(&records[1]));
    RUN_UNTIL(w, records[0].data + records[1].data == 2);
}

/* -- water marks without a producer -------------------------------------------------------- */

static void write_back(record *self, torc_slice data)
{
    torc_write(transport_of(self), data);
    if (torc_unsent(transport_of(self)) > (size_t)self->note)
        self->note = (int)torc_unsent(transport_of(self));
}

/* The client sends, and does not read what comes back. */
static void answers_do_not_pile_up(world *w)
{
    w->server.on_data = write_back;
    w->server.discards = true;
    connect_pair(w);
    torc_pause_reading(transport_of(client_of(w)));
    for (int i = 0; i < 8; i++) /* more than four socket buffers hold */
        torc_write_static(transport_of(client_of(w)), pattern(0, 9 * MEBIBYTE));
    run_turns(w, 1000);
    RUN_UNTIL(w, torc_reading_is_paused(transport_of(server_of(w))));
    assert_true(server_of(w)->note <= (int)(TORC_HIGH_WATER + 64 * KIBIBYTE));
    assert_true(torc_unsent(transport_of(client_of(w))) > 0);
}

static void answer_much(record *self, torc_slice data)
{
    (void)data;
    torc_write_static(transport_of(self), pattern(0, 8 * MEBIBYTE));
}

static void reading_goes_on_below_low_water(world *w)
{
    w->server.on_data = answer_much;
    connect_pair(w);
    torc_pause_reading(transport_of(client_of(w)));
    torc_write(transport_of(client_of(w)), TORC_SLICE("first"));
    RUN_UNTIL(w, server_of(w)->data == 1);
    assert_true(torc_reading_is_paused(transport_of(server_of(w))));
    torc_write(transport_of(client_of(w)), TORC_SLICE("second"));
    run_turns(w, 50);
    assert_int_equal(server_of(w)->data, 1);
    torc_resume_reading(transport_of(client_of(w)));
    RUN_UNTIL(w, client_of(w)->length == 16 * MEBIBYTE);
    assert_int_equal(server_of(w)->data, 2);
}

static void write_much(record *self)
{
    torc_write_static(transport_of(self), pattern(0, 8 * MEBIBYTE));
}

/* Neither is read from for what it says unasked: both would wait for the other to read. */
static void two_that_say_much_at_once_are_both_heard(world *w)
{
    w->server.on_made = write_much;
    w->client.on_made = write_much;
    connect_pair(w);
    RUN_UNTIL(w, server_of(w)->length == 8 * MEBIBYTE && client_of(w)->length == 8 * MEBIBYTE);
}

static void much_at_once_comes_back_from_an_echo(world *w)
{
    w->server.on_data = write_back;
    w->server.discards = true;
    connect_pair(w);
    torc_write_static(transport_of(client_of(w)), pattern(0, 8 * MEBIBYTE));
    RUN_UNTIL(w, client_of(w)->length == 8 * MEBIBYTE);
    assert_bytes(client_of(w), pattern(0, 8 * MEBIBYTE));
}

static void own_pause_outlasts_the_automatic_one(world *w)
{
    connect_pair(w);
    torc_pause_reading(transport_of(server_of(w)));
    torc_write_static(transport_of(server_of(w)), pattern(0, 8 * MEBIBYTE));
    torc_write(transport_of(client_of(w)), TORC_SLICE("question"));
    RUN_UNTIL(w, client_of(w)->length == 8 * MEBIBYTE);
    run_turns(w, 20);
    assert_int_equal(server_of(w)->length, 0);
    torc_resume_reading(transport_of(server_of(w)));
    RUN_UNTIL(w, server_of(w)->length == 8);
}

static void beyond_the_cap_is_the_end(world *w)
{
    w->client.kind = &plain_class;
    connect_pair(w);
    torc_pause_reading(transport_of(client_of(w)));
    torc_set_water_marks(transport_of(server_of(w)), KIBIBYTE, 4 * KIBIBYTE, MEBIBYTE);
    for (size_t i = 0; i < 9; i++)
        torc_write_static(transport_of(server_of(w)), pattern(i * MEBIBYTE, MEBIBYTE));
    assert_true(torc_is_closing(transport_of(server_of(w))));
    RUN_UNTIL(w, server_of(w)->lost == 1);
    assert_reason(server_of(w), &torc_error_limit);
    if (client_of(w)->lost == 0)
        torc_resume_reading(transport_of(client_of(w)));
    RUN_UNTIL(w, client_of(w)->lost == 1);
    if (w->carrier & ON_RESETTING)
        assert_reason(client_of(w), &torc_error_connection_lost);
}

static void files_do_not_count_for_the_cap(world *w)
{
    connect_pair(w);
    torc_set_water_marks(transport_of(server_of(w)), KIBIBYTE, 4 * KIBIBYTE, 64 * KIBIBYTE);
    torc_write_file(
        transport_of(server_of(w)), file_with(pattern(0, 6 * MEBIBYTE)), 0, 6 * MEBIBYTE);
    RUN_UNTIL(w, client_of(w)->length == 6 * MEBIBYTE);
    assert_bytes(client_of(w), pattern(0, 6 * MEBIBYTE));
}

/* -- producers ----------------------------------------------------------------------------- */

/* Produces `total` bytes of the pattern in pieces; of one connection. */
typedef struct source {
    torc_producer producer; /* first */
    record *owner;
    torc_transport *transport;
    size_t at;
    size_t total;
    unsigned resumed;
    unsigned paused;
    unsigned stopped;
    bool is_paused;
} source;

enum { PIECE = 10000 };

static void produce_piece(source *self)
{
    size_t left = self->total - self->at;
    size_t length = left < PIECE ? left : PIECE;

    torc_write(self->transport, pattern(self->at, length));
    self->at += length;
    if (self->at == self->total)
        torc_unregister_producer(self->transport);
}

static void source_resume(torc_producer *producer)
{
    source *self = (source *)(void *)producer;

    self->resumed++;
    self->is_paused = false;
    produce_piece(self);
}

static void push_on(void *argument)
{
    source *self = argument;

    for (int i = 0; i < 4 && !self->is_paused && self->at < self->total; i++)
        produce_piece(self);
    if (self->at < self->total && self->stopped == 0)
        torc_call_soon(torc_scope_of(self->owner->protocol), push_on, self);
}

static void source_pause(torc_producer *producer)
{
    source *self = (source *)(void *)producer;

    assert_false(self->is_paused);
    self->paused++;
    self->is_paused = true;
}

static void source_stop(torc_producer *producer)
{
    ((source *)(void *)producer)->stopped++;
}

static const torc_producer_class pull_class = { .resume = source_resume, .stop = source_stop };
static const torc_producer_class push_class = {
    .resume = source_resume,
    .pause = source_pause,
    .stop = source_stop,
};

static source new_source(const torc_producer_class *kind, record *owner, size_t total)
{
    source self = { .producer = { kind }, .owner = owner, .total = total };

    self.transport = transport_of(owner);
    return self;
}

static void pull_producer_is_resumed_until_it_unregisters(world *w)
{
    source self;

    connect_pair(w);
    self = new_source(&pull_class, client_of(w), 4 * MEBIBYTE);
    torc_register_pull_producer(self.transport, &self.producer);
    assert_int_equal(self.resumed, 0);
    RUN_UNTIL(w, server_of(w)->length == 4 * MEBIBYTE);
    assert_bytes(server_of(w), pattern(0, 4 * MEBIBYTE));
    assert_int_equal(self.resumed, (4 * MEBIBYTE + PIECE - 1) / PIECE);
    assert_int_equal(self.stopped, 0);
}

static void pull_producer_waits_for_the_reader(world *w)
{
    source self;
    unsigned resumed;

    connect_pair(w);
    torc_pause_reading(transport_of(server_of(w)));
    self = new_source(&pull_class, client_of(w), 9 * MEBIBYTE);
    torc_register_pull_producer(self.transport, &self.producer);
    run_turns(w, 1500);
    resumed = self.resumed;
    assert_true(torc_unsent(self.transport) <= TORC_LOW_WATER + PIECE);
    run_turns(w, 20);
    assert_int_equal(self.resumed, resumed);
    torc_resume_reading(transport_of(server_of(w)));
    RUN_UNTIL(w, server_of(w)->length == 9 * MEBIBYTE);
    assert_bytes(server_of(w), pattern(0, 9 * MEBIBYTE));
}

static void push_producer_is_paused_and_resumed(world *w)
{
    source self;

    connect_pair(w);
    torc_pause_reading(transport_of(server_of(w)));
    self = new_source(&push_class, client_of(w), 9 * MEBIBYTE);
    torc_register_push_producer(self.transport, &self.producer);
    push_on(&self);
    RUN_UNTIL(w, self.is_paused);
    assert_true(torc_unsent(self.transport) <= TORC_HIGH_WATER + 4 * PIECE);
    assert_false(torc_reading_is_paused(self.transport));
    torc_resume_reading(transport_of(server_of(w)));
    RUN_UNTIL(w, server_of(w)->length == 9 * MEBIBYTE);
    assert_bytes(server_of(w), pattern(0, 9 * MEBIBYTE));
    assert_int_equal(self.resumed, self.paused);
    assert_int_equal(self.stopped, 0);
}

static void producer_is_stopped_when_the_connection_goes(world *w)
{
    source self;

    connect_pair(w);
    self = new_source(&push_class, client_of(w), MEBIBYTE);
    torc_register_push_producer(self.transport, &self.producer);
    torc_abort_connection(self.transport);
    RUN_UNTIL(w, client_of(w)->lost == 1);
    assert_int_equal(self.stopped, 1);
    assert_int_equal(self.resumed, 0);
}

static void producer_of_a_closing_connection_is_stopped(world *w)
{
    source self;

    connect_pair(w);
    self = new_source(&pull_class, client_of(w), MEBIBYTE);
    torc_abort_connection(self.transport);
    torc_register_pull_producer(self.transport, &self.producer);
    assert_int_equal(self.stopped, 0);
    RUN_UNTIL(w, self.stopped == 1);
    assert_int_equal(self.resumed, 0);
    assert_int_equal(client_of(w)->lost, 1);
}

static source late_source;

static void register_late(record *self)
{
    late_source = new_source(&pull_class, self, MEBIBYTE);
    torc_register_pull_producer(late_source.transport, &late_source.producer);
}

static void producer_registered_in_connection_lost_is_stopped(world *w)
{
    w->client.on_lost = register_late;
    connect_pair(w);
    torc_abort_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, client_of(w)->lost == 1);
    assert_int_equal(late_source.stopped, 1);
    assert_int_equal(late_source.resumed, 0);
}

static void lose_waits_for_the_producer(world *w)
{
    source self;

    w->server.kind = &plain_class;
    connect_pair(w);
    self = new_source(&pull_class, client_of(w), 3 * MEBIBYTE);
    torc_register_pull_producer(self.transport, &self.producer);
    torc_lose_connection(self.transport);
    RUN_UNTIL(w, both_lost(w));
    assert_bytes(server_of(w), pattern(0, 3 * MEBIBYTE));
    assert_reason(client_of(w), &torc_error_connection_done);
    assert_int_equal(self.stopped, 0);
}

static void lose_write_waits_for_the_producer(world *w)
{
    source self;

    connect_pair(w);
    self = new_source(&pull_class, client_of(w), MEBIBYTE);
    torc_register_pull_producer(self.transport, &self.producer);
    torc_lose_write(self.transport);
    RUN_UNTIL(w, server_of(w)->read_lost == 1);
    assert_bytes(server_of(w), pattern(0, MEBIBYTE));
    assert_int_equal(client_of(w)->lost, 0);
}

static void unregister_without_a_word_ends_a_losing_connection(world *w)
{
    source self;

    w->server.kind = &plain_class;
    connect_pair(w);
    self = new_source(&push_class, client_of(w), MEBIBYTE);
    torc_register_push_producer(self.transport, &self.producer);
    torc_lose_connection(self.transport);
    run_turns(w, 10);
    assert_int_equal(client_of(w)->lost, 0);
    torc_unregister_producer(self.transport);
    RUN_UNTIL(w, both_lost(w));
    assert_int_equal(self.stopped, 0);
}

static void one_producer_after_another(world *w)
{
    source first;
    source second;

    connect_pair(w);
    first = new_source(&pull_class, client_of(w), MEBIBYTE);
    second = new_source(&pull_class, client_of(w), 2 * MEBIBYTE);
    second.at = MEBIBYTE;
    torc_register_pull_producer(first.transport, &first.producer);
    RUN_UNTIL(w, first.at == MEBIBYTE);
    torc_register_pull_producer(second.transport, &second.producer);
    RUN_UNTIL(w, server_of(w)->length == 2 * MEBIBYTE);
    assert_bytes(server_of(w), pattern(0, 2 * MEBIBYTE));
}

static world *aborting_world;

static void register_twice(void)
{
    source first = new_source(&pull_class, client_of(aborting_world), 1);
    source second = new_source(&pull_class, client_of(aborting_world), 1);

    torc_register_pull_producer(first.transport, &first.producer);
    torc_register_push_producer(second.transport, &second.producer);
}

static void producer_registered_twice_aborts(world *w)
{
    connect_pair(w);
    aborting_world = w;
    expect_abort(register_twice, "at most one producer");
}

static void bad_marks(void)
{
    torc_set_water_marks(transport_of(client_of(aborting_world)), 3, 2, 1);
}

static void water_marks_out_of_order_abort(world *w)
{
    connect_pair(w);
    aborting_world = w;
    expect_abort(bad_marks, "low <= high <= cap");
}

static const behaviour behaviours[] = {
    { "pause in data_received", pause_in_data_received, ON_ALL },
    { "data sent while paused arrives on resume", data_sent_while_paused_arrives_on_resume,
        ON_ALL },
    { "pause in connection_made", pause_in_connection_made, ON_ALL },
    { "pause and resume at once", pause_and_resume_at_once, ON_ALL },
    { "the end waits while paused", the_end_waits_while_paused, ON_ALL },
    { "pause of one that is ready too", pause_of_one_that_is_ready_too, ON_ALL },
    { "answers do not pile up", answers_do_not_pile_up, ON_ALL },
    { "reading goes on below low water", reading_goes_on_below_low_water, ON_ALL },
    { "two that say much at once are both heard", two_that_say_much_at_once_are_both_heard,
        ON_ALL },
    { "much at once comes back from an echo", much_at_once_comes_back_from_an_echo, ON_ALL },
    { "one's own pause outlasts the automatic one", own_pause_outlasts_the_automatic_one, ON_ALL },
    { "beyond the cap is the end", beyond_the_cap_is_the_end, ON_ALL },
    { "files do not count for the cap", files_do_not_count_for_the_cap, ON_ALL },
    { "a pull producer is resumed until it unregisters",
        pull_producer_is_resumed_until_it_unregisters, ON_ALL },
    { "a pull producer waits for the reader", pull_producer_waits_for_the_reader, ON_ALL },
    { "a push producer is paused and resumed", push_producer_is_paused_and_resumed, ON_ALL },
    { "a producer is stopped when the connection goes",
        producer_is_stopped_when_the_connection_goes, ON_ALL },
    { "a producer of a closing connection is stopped",
        producer_of_a_closing_connection_is_stopped, ON_ALL },
    { "a producer registered in connection_lost is stopped",
        producer_registered_in_connection_lost_is_stopped, ON_ALL },
    { "lose waits for the producer", lose_waits_for_the_producer, ON_ALL },
    { "lose_write waits for the producer", lose_write_waits_for_the_producer, ON_ALL },
    { "unregistering ends a losing connection",
        unregister_without_a_word_ends_a_losing_connection, ON_ALL },
    { "one producer after another", one_producer_after_another, ON_ALL },
    { "a producer registered twice aborts", producer_registered_twice_aborts, ON_ALL },
    { "water marks out of order abort", water_marks_out_of_order_abort, ON_ALL },
};

int main(void)
{
    return RUN_BEHAVIOURS("flow", behaviours);
}
