/*
 * The line receiver on real transports: what tests/unit/protocol/line_test.c shows byte by byte
 * must hold over every carrier and driver, with pausing and ending done by the transport.
 *
 * A server of lines writes down what it gets: "[line]", raw bytes as they are, "!start!" of a line
 * that is too long. The client is a plain protocol, which writes what the behaviour says.
 */
#include "support/transport_harness.h"

#include <stdio.h>

typedef struct liner {
    torc_line_receiver lines; /* first */
    record *record;
    size_t raw_left;
} liner;

static void note_around(record *self, const char *before, torc_slice bytes, const char *after)
{
    note_bytes(self, torc_slice_of(before));
    note_bytes(self, bytes);
    note_bytes(self, torc_slice_of(after));
}

/* "raw N" makes the next N bytes raw; what else a line does is up to the side's hook. */
static void on_line(torc_line_receiver *lines, torc_slice line)
{
    liner *self = torc_of(lines, liner);
    record *told = self->record;
    torc_slice rest = line;
    torc_slice word = torc_next_word(&rest);
    uint64_t number;

    told->after_lost += told->lost;
    told->data++;
    note_around(told, "[", line, "]");
    if (torc_slice_is(word, "raw") && torc_slice_to_number(rest, 1000000, &number)) {
        self->raw_left = (size_t)number;
        torc_line_set_raw(lines);
    }
    if (told->side->on_data != NULL)
        told->side->on_data(told, line);
}

static void on_raw(torc_line_receiver *lines, torc_slice data)
{
    liner *self = torc_of(lines, liner);
    torc_slice mine = torc_slice_first(data, self->raw_left);

    note_bytes(self->record, mine);
    self->raw_left -= mine.length;
    if (self->raw_left == 0)
        torc_line_set_lines(lines, torc_slice_skip(data, mine.length));
}

static void on_too_long(torc_line_receiver *lines, torc_slice start)
{
    note_around(torc_of(lines, liner)->record, "!", start, "!");
}

static void on_made(torc_protocol *protocol)
{
    torc_of(protocol, liner)->record = next_record(torc_context_of(protocol), protocol);
}

static void on_read_lost(torc_protocol *protocol)
{
    record *self = torc_of(protocol, liner)->record;

    self->read_lost++;
    torc_lose_connection(transport_of(self));
}

static void on_lost(torc_protocol *protocol, const torc_failure *reason)
{
    record *self = torc_of(protocol, liner)->record;

    note_lost(self, reason);
    self->protocol = NULL;
}

#define LINER_PROTOCOL \
    .name = "Liner", .size = sizeof(liner), .connection_made = on_made, .connection_lost = on_lost

static const torc_line_class tolerant = {
    .protocol = { LINER_PROTOCOL, .read_lost = on_read_lost },
    .max_length = 20000,
    .line_received = on_line,
    .raw_received = on_raw,
    .line_too_long = on_too_long,
};

static const torc_line_class strict = {
    .protocol = { LINER_PROTOCOL },
    .max_length = 10,
    .line_received = on_line,
};

static const torc_line_class forgiving = {
    .protocol = { LINER_PROTOCOL },
    .max_length = 10,
    .line_received = on_line,
    .line_too_long = on_too_long,
};

static void serve(world *w, const torc_line_class *kind)
{
    torc_factory_options options = { .context = &w->server };

    if (w->server.factory == NULL)
        w->server.factory = torc_line_factory_new(kind, &options);
    connect_pair(w);
}

static void send_text(world *w, const char *text)
{
    torc_write(transport_of(client_of(w)), torc_slice_of(text));
}

static bool got(world *w, const char *text)
{
    return server_of(w)->length >= strlen(text);
}

#define EXPECT(w, text) \
    do { \
        RUN_UNTIL((w), got((w), (text))); \
        assert_bytes(server_of(w), TORC_SLICE(text)); \
    } while (0)

/* -- cutting ------------------------------------------------------------------------------- */

#define CONVERSATION "one\r\n\r\nthree \r \n\r\nraw 7\r\n\r\nr\r\nawfour\r\n\r\r\nraw 0\r\nlast\r\n"
#define CONVERSATION_SEEN "[one][][three \r \n][raw 7]\r\nr\r\naw[four][\r][raw 0][last]"

static void lines_at_once(world *w)
{
    serve(w, &tolerant);
    send_text(w, CONVERSATION);
    EXPECT(w, CONVERSATION_SEEN);
}

static void lines_byte_by_byte(world *w)
{
    const char text[] = CONVERSATION;

    serve(w, &tolerant);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        torc_write(transport_of(client_of(w)), torc_slice_make(text + i, 1));
        run_turns(w, 2);
    }
    EXPECT(w, CONVERSATION_SEEN);
}

static void lines_cut_at_each_byte(world *w)
{
    const torc_slice text = TORC_SLICE(CONVERSATION);

    serve(w, &tolerant);
    for (size_t at = 1; at < text.length; at++) {
        server_of(w)->length = 0;
        torc_write(transport_of(client_of(w)), torc_slice_first(text, at));
        run_turns(w, 3);
        torc_write(transport_of(client_of(w)), torc_slice_skip(text, at));
        EXPECT(w, CONVERSATION_SEEN);
    }
}

static void delimiter_cut_in_two(world *w)
{
    serve(w, &tolerant);
    send_text(w, "line\r");
    run_turns(w, 5);
    assert_int_equal(server_of(w)->length, 0);
    send_text(w, "\nnext\r");
    EXPECT(w, "[line]");
    send_text(w, "\n");
    EXPECT(w, "[line][next]");
}

static void long_line_in_many_pieces(world *w)
{
    char line[15000];

    memset(line, 'a', sizeof line);
    serve(w, &tolerant);
    for (size_t at = 0; at < sizeof line; at += 1000) {
        torc_write(transport_of(client_of(w)), torc_slice_make(line + at, 1000));
        run_turns(w, 2);
    }
    send_text(w, "\r\n");
    RUN_UNTIL(w, server_of(w)->length == sizeof line + 2);
    assert_memory_equal(server_of(w)->bytes + 1, line, sizeof line);
}

static void many_lines(world *w)
{
    char line[32];
    size_t at = 0;

    serve(w, &tolerant);
    for (int i = 0; i < 20000; i++)
        torc_printf(client_of(w)->protocol, "line %d\r\n", i);
    RUN_UNTIL(w, server_of(w)->data == 20000);
    for (int i = 0; i < 20000; i++) {
        size_t length = (size_t)snprintf(line, sizeof line, "[line %d]", i);

        assert_memory_equal(server_of(w)->bytes + at, line, length);
        at += length;
    }
    assert_int_equal(server_of(w)->length, at);
}

static void answer_line(record *self, torc_slice line)
{
    torc_line_send(self->protocol, line);
}

static void answers_in_lines(world *w)
{
    w->server.on_data = answer_line;
    serve(w, &tolerant);
    send_text(w, "one\r\n\r\nthr");
    send_text(w, "ee\r\n");
    RUN_UNTIL(w, client_of(w)->length == 14);
    assert_bytes(client_of(w), TORC_SLICE("one\r\n\r\nthree\r\n"));
    assert_int_equal(client_of(w)->data, 1);
}

/* -- limits -------------------------------------------------------------------------------- */

static void too_long_ends_the_connection(world *w)
{
    w->client.kind = &plain_class;
    serve(w, &strict);
    send_text(w, "0123456789\r\n01234567890\r\nafter\r\n");
    RUN_UNTIL(w, both_lost(w));
    assert_bytes(server_of(w), TORC_SLICE("[0123456789]"));
    assert_reason(server_of(w), &torc_error_connection_done);
}

static void too_long_is_skipped(world *w)
{
    serve(w, &forgiving);
    send_text(w, "0123456789A");
    run_turns(w, 5);
    send_text(w, "BCDEFGHIJKLMNOPQRSTUVWXYZ\r");
    run_turns(w, 5);
    send_text(w, "\nafter\r\n");
    EXPECT(w, "!0123456789![after]");
}

/* -- pausing ------------------------------------------------------------------------------- */

static void pause_after_a(record *self, torc_slice line)
{
    if (torc_slice_is(line, "a"))
        torc_pause_reading(transport_of(self));
}

static void pause_in_the_middle_of_a_buffer(world *w)
{
    w->server.on_data = pause_after_a;
    serve(w, &tolerant);
    send_text(w, "1\r\na\r\n2\r\na\r\n3\r\nhal");
    EXPECT(w, "[1][a]");
    run_turns(w, 10);
    assert_bytes(server_of(w), TORC_SLICE("[1][a]"));
    send_text(w, "f\r\n");
    run_turns(w, 10);
    torc_resume_reading(transport_of(server_of(w)));
    assert_bytes(server_of(w), TORC_SLICE("[1][a]"));
    EXPECT(w, "[1][a][2][a]");
    run_turns(w, 10);
    torc_resume_reading(transport_of(server_of(w)));
    EXPECT(w, "[1][a][2][a][3][half]");
}

/* Nothing more comes from the peer: what was kept is all there is. */
static void resume_delivers_what_was_kept(world *w)
{
    w->server.on_data = pause_after_a;
    serve(w, &tolerant);
    send_text(w, "a\r\nlast\r\n");
    EXPECT(w, "[a]");
    torc_resume_reading(transport_of(server_of(w)));
    EXPECT(w, "[a][last]");
}

static void the_peers_end_does_not_overtake_what_was_kept(world *w)
{
    w->server.on_data = pause_after_a;
    w->client.kind = &plain_class;
    serve(w, &tolerant);
    send_text(w, "a\r\n1\r\na\r\n2\r\n");
    torc_lose_connection(transport_of(client_of(w)));
    EXPECT(w, "[a]");
    run_turns(w, 10);
    torc_resume_reading(transport_of(server_of(w)));
    EXPECT(w, "[a][1][a]");
    run_turns(w, 10);
    assert_int_equal(server_of(w)->lost, 0);
    torc_resume_reading(transport_of(server_of(w)));
    RUN_UNTIL(w, server_of(w)->lost == 1);
    assert_bytes(server_of(w), TORC_SLICE("[a][1][a][2]"));
    assert_int_equal(server_of(w)->read_lost, 1);
    assert_reason(server_of(w), &torc_error_connection_done);
}

static void resume_the_other(record *self, torc_slice data)
{
    (void)data;
    torc_resume_reading(transport_of(server_of(self->world)));
}

/* One protocol resumes another in the turn in which that one's end is known already. */
static void the_end_in_the_turn_of_the_resume(world *w)
{
    w->server.on_data = pause_after_a;
    w->client.kind = &plain_class;
    w->client.on_data = resume_the_other;
    serve(w, &tolerant);
    connect_pair(w);
    send_text(w, "a\r\n1\r\n");
    EXPECT(w, "[a]");
    torc_line_send(w->server.records[1].protocol, TORC_SLICE("resume the other"));
    torc_lose_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, server_of(w)->lost == 1);
    assert_bytes(server_of(w), TORC_SLICE("[a][1]"));
}

static void resume_later(void *argument)
{
    torc_resume_reading(transport_of(argument));
}

static void pause_at_each(record *self, torc_slice line)
{
    (void)line;
    torc_pause_reading(transport_of(self));
    torc_call_soon(torc_scope_of(self->protocol), resume_later, self);
}

static void pause_at_each_line(world *w)
{
    w->server.on_data = pause_at_each;
    serve(w, &tolerant);
    for (int i = 0; i < 300; i++)
        torc_printf(client_of(w)->protocol, "%03d\r\n", i);
    RUN_UNTIL(w, server_of(w)->data == 300);
    assert_memory_equal(server_of(w)->bytes + 299 * 5, "[299]", 5);
    assert_int_equal(server_of(w)->length, 300 * 5);
}

static void pause_and_resume(record *self, torc_slice line)
{
    (void)line;
    torc_pause_reading(transport_of(self));
    torc_resume_reading(transport_of(self));
}

static void pause_and_resume_at_once(world *w)
{
    w->server.on_data = pause_and_resume;
    serve(w, &tolerant);
    send_text(w, CONVERSATION);
    EXPECT(w, CONVERSATION_SEEN);
}

static void answer_much(record *self, torc_slice line)
{
    (void)line;
    torc_write_static(transport_of(self), pattern(0, 8 * 1024 * 1024));
}

/* Answers hold back the lines of the buffer that they were read from, too. */
static void answers_do_not_pile_up(world *w)
{
    w->server.on_data = answer_much;
    w->client.discards = true;
    serve(w, &tolerant);
    torc_pause_reading(transport_of(client_of(w)));
    send_text(w, "1\r\n2\r\n3\r\n");
    EXPECT(w, "[1]");
    run_turns(w, 50);
    assert_bytes(server_of(w), TORC_SLICE("[1]"));
    torc_resume_reading(transport_of(client_of(w)));
    RUN_UNTIL(w, client_of(w)->length == 3 * 8 * 1024 * 1024);
    assert_bytes(server_of(w), TORC_SLICE("[1][2][3]"));
}

/* -- ending -------------------------------------------------------------------------------- */

static void lose_after_a(record *self, torc_slice line)
{
    if (!torc_slice_is(line, "a"))
        return;
    torc_line_send(self->protocol, TORC_SLICE("bye"));
    torc_lose_connection(transport_of(self));
}

static void lose_in_the_middle_of_a_buffer(world *w)
{
    w->server.on_data = lose_after_a;
    w->client.kind = &plain_class;
    serve(w, &tolerant);
    send_text(w, "1\r\na\r\n2\r\n3\r\n");
    RUN_UNTIL(w, both_lost(w));
    assert_bytes(server_of(w), TORC_SLICE("[1][a]"));
    assert_bytes(client_of(w), TORC_SLICE("bye\r\n"));
}

static void abort_after_a(record *self, torc_slice line)
{
    if (torc_slice_is(line, "a"))
        torc_abort_connection(transport_of(self));
}

static void abort_in_the_middle_of_a_buffer(world *w)
{
    w->server.on_data = abort_after_a;
    serve(w, &tolerant);
    send_text(w, "1\r\na\r\n2\r\n3\r\n");
    RUN_UNTIL(w, server_of(w)->lost == 1);
    assert_bytes(server_of(w), TORC_SLICE("[1][a]"));
    assert_reason(server_of(w), &torc_error_connection_aborted);
}

static void end_the_scope(record *self, torc_slice line)
{
    torc_scope *scope = self->world->scope;

    (void)line;
    if (!torc_scope_has_ended(scope))
        torc_scope_end(scope);
    self->world->port = NULL;
}

static void scope_ends_in_the_middle_of_a_buffer(world *w)
{
    w->scope = torc_scope_new(torc_root(w->reactor));
    w->server.on_data = end_the_scope;
    serve(w, &tolerant);
    send_text(w, "1\r\n2\r\n");
    RUN_UNTIL(w, server_of(w)->lost == 1);
    assert_bytes(server_of(w), TORC_SLICE("[1]"));
}

static void end_in_the_middle_of_a_line(world *w)
{
    w->client.kind = &plain_class;
    serve(w, &tolerant);
    send_text(w, "whole\r\nhalf");
    torc_lose_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, both_lost(w));
    assert_bytes(server_of(w), TORC_SLICE("[whole]"));
    assert_reason(server_of(w), &torc_error_connection_done);
}

static const behaviour behaviours[] = {
    { "lines at once", lines_at_once, ON_ALL },
    { "lines byte by byte", lines_byte_by_byte, ON_ALL },
    { "lines cut at each byte", lines_cut_at_each_byte, ON_ALL },
    { "a delimiter cut in two", delimiter_cut_in_two, ON_ALL },
    { "a long line in many pieces", long_line_in_many_pieces, ON_ALL },
    { "many lines", many_lines, ON_ALL },
    { "answers in lines", answers_in_lines, ON_ALL },
    { "too long ends the connection", too_long_ends_the_connection, ON_ALL },
    { "too long is skipped", too_long_is_skipped, ON_ALL },
    { "pause in the middle of a buffer", pause_in_the_middle_of_a_buffer, ON_ALL },
    { "resume delivers what was kept", resume_delivers_what_was_kept, ON_ALL },
    { "the peer's end does not overtake what was kept",
        the_peers_end_does_not_overtake_what_was_kept, ON_ALL },
    { "the end in the turn of the resume", the_end_in_the_turn_of_the_resume, ON_ALL },
    { "pause at each line", pause_at_each_line, ON_ALL },
    { "pause and resume at once", pause_and_resume_at_once, ON_ALL },
    { "answers do not pile up", answers_do_not_pile_up, ON_ALL },
    { "lose in the middle of a buffer", lose_in_the_middle_of_a_buffer, ON_ALL },
    { "abort in the middle of a buffer", abort_in_the_middle_of_a_buffer, ON_ALL },
    { "the scope ends in the middle of a buffer", scope_ends_in_the_middle_of_a_buffer, ON_ALL },
    { "the end in the middle of a line", end_in_the_middle_of_a_line, ON_ALL },
};

int main(void)
{
    return RUN_BEHAVIOURS("line_carriers", behaviours);
}
