/*
 * What others do to a connection behind its back: descriptors that are closed by somebody else, or
 * whose number is another file's meanwhile; peers that reset at every stage. The connection that is
 * hit may be lost; the reactor goes on, does not spin, and serves the next one.
 */
#include "support/transport_harness.h"

#include "transport/transport.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MEBIBYTE ((size_t)1024 * 1024)

static void write_back(record *self, torc_slice data)
{
    torc_write(transport_of(self), data);
}

static record *newest(side *of)
{
    return &of->records[of->count - 1];
}

static int descriptor_of(const record *self)
{
    return transport_of(self)->io.descriptor;
}

static void abort_if_there(record *self)
{
    if (self->protocol != NULL)
        torc_abort_connection(transport_of(self));
}

static void abort_all(world *w)
{
    for (size_t i = 0; i < w->server.count; i++)
        abort_if_there(&w->server.records[i]);
    for (size_t i = 0; i < w->client.count; i++)
        abort_if_there(&w->client.records[i]);
    for (size_t i = 0; i < w->server.count; i++)
        RUN_UNTIL(w, w->server.records[i].lost == 1);
    for (size_t i = 0; i < w->client.count; i++)
        RUN_UNTIL(w, w->client.records[i].lost == 1);
}

static void assert_serves_another(world *w)
{
    record *client;

    connect_pair(w);
    client = newest(&w->client);
    torc_write_static(transport_of(client), pattern(0, MEBIBYTE));
    RUN_UNTIL(w, client->length == MEBIBYTE);
}

static void assert_rests(world *w)
{
    torc_time until = torc_monotonic_now() + 60 * TORC_MILLISECOND;
    unsigned turns = 0;

    for (; torc_monotonic_now() < until; turns++)
        torc_iterate(w->reactor, 10 * TORC_MILLISECOND);
    assert_true(turns < 40);
}

/* -- descriptors --------------------------------------------------------------------------- */

static void a_connection_whose_descriptor_was_closed_is_lost_when_it_writes(world *w)
{
    w->server.on_data = write_back;
    connect_pair(w);
    close(descriptor_of(server_of(w)));
    run_turns(w, 10);
    assert_rests(w);
    if (!server_of(w)->lost)
        torc_write(transport_of(server_of(w)), TORC_SLICE("into the void"));
    RUN_UNTIL(w, server_of(w)->lost == 1);
    assert_reason(server_of(w), &torc_error_connection_lost);
    abort_all(w);
    assert_serves_another(w);
    abort_all(w);
}

static int listening_descriptor(void)
{
    for (int number = 3; number < 256; number++) {
        int listens = 0;
        socklen_t length = sizeof listens;

        if (getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens)
            return number;
    }
    fail_msg("nothing listens");
    return -1;
}

static void a_port_whose_descriptor_was_closed_does_not_spin(world *w)
{
    begin_listening(w);
    run_turns(w, 3);
    close(listening_descriptor());
    run_turns(w, 10);
    assert_rests(w);
}

static void a_number_that_is_anothers_file_harms_nobody_else(world *w)
{
    int number;
    int ends[2];

    w->server.on_data = write_back;
    connect_pair(w);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    number = descriptor_of(server_of(w));
    assert_int_equal(dup3(ends[0], number, O_CLOEXEC), number);
    run_turns(w, 10);
    assert_rests(w);
    abort_all(w);
    close(ends[0]);
    close(ends[1]);
    assert_serves_another(w);
    abort_all(w);
}

/* Two transports of one number: the first to end takes it from the other. */
static void a_number_that_is_our_next_connections_breaks_at_most_that_one(world *w)
{
    w->server.on_data = write_back;
    connect_pair(w);
    close(descriptor_of(server_of(w)));
    connect_pair(w);
    abort_if_there(server_of(w));
    RUN_UNTIL(w, server_of(w)->lost == 1);
    run_turns(w, 10);
    assert_rests(w);
    abort_all(w);
    assert_serves_another(w);
    abort_all(w);
}

/* -- resets -------------------------------------------------------------------------------- */

static void say_much(record *self)
{
    torc_write_static(transport_of(self), pattern(0, 8 * MEBIBYTE));
}

static void finish(record *self)
{
    torc_lose_write(transport_of(self));
}

static void lose_with_much_to_say(record *self)
{
    say_much(self);
    torc_lose_connection(transport_of(self));
}

static void stop_reading(record *self)
{
    torc_pause_reading(transport_of(self));
    say_much(self);
}

static void nothing(record *self)
{
    (void)self;
}

/* What the server does when it is made, and the peer before it resets. */
static const struct stage {
    void (*server)(record *self);
    bool accepted; /* the peer waits for that */
    bool speaks;
    bool half_closes;
} stages[] = {
    { nothing, false, false, false },
    { nothing, false, true, false },
    { nothing, false, true, true },
    { nothing, true, false, false },
    { nothing, true, true, false },
    { nothing, true, false, true },
    { say_much, true, false, false },
    { say_much, true, true, false },
    { say_much, true, false, true },
    { finish, true, false, false },
    { finish, true, true, true },
    { lose_with_much_to_say, true, false, false },
    { lose_with_much_to_say, true, true, false },
    { stop_reading, true, true, false },
};

/* Who does not read does not learn of it, nor who has read the end already and writes nothing. */
static void let_it_find_out(world *w, record *self)
{
    if (self->protocol != NULL)
        torc_resume_reading(transport_of(self));
    run_turns(w, 3);
    if (self->protocol != NULL && self->read_lost)
        torc_lose_connection(transport_of(self));
    RUN_UNTIL(w, self->lost == 1);
}

static void reset_at(world *w, const struct stage *stage)
{
    size_t before = w->server.count;
    int raw;

    w->server.on_made = stage->server;
    raw = connect_raw(w);
    if (stage->accepted)
        RUN_UNTIL(w, w->server.count > before);
    if (stage->accepted)
        run_turns(w, 3);
    if (stage->speaks)
        assert_int_equal(write(raw, "hello", 5), 5);
    if (stage->half_closes)
        shutdown(raw, SHUT_WR);
    close_raw_with_reset(raw);
    run_turns(w, 10);
    if (w->server.count > before)
        let_it_find_out(w, newest(&w->server));
}

static void a_peer_may_reset_at_every_stage(world *w)
{
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
        reset_at(w, &stages[i]);
    assert_rests(w);
    w->server.on_made = NULL;
    w->server.on_data = write_back;
    assert_serves_another(w);
    abort_all(w);
}

static const behaviour behaviours[] = {
    { "a connection whose descriptor was closed is lost when it writes",
        a_connection_whose_descriptor_was_closed_is_lost_when_it_writes, ON_SOCKETS },
    { "a port whose descriptor was closed does not spin",
        a_port_whose_descriptor_was_closed_does_not_spin, ON_SOCKETS },
    { "a number that is another's file harms nobody else",
        a_number_that_is_anothers_file_harms_nobody_else, ON_SOCKETS },
    { "a number that is our next connection's breaks at most that one",
        a_number_that_is_our_next_connections_breaks_at_most_that_one, ON_SOCKETS },
    { "a peer may reset at every stage", a_peer_may_reset_at_every_stage, ON_IP },
};

int main(void)
{
    return RUN_BEHAVIOURS("mishaps", behaviours);
}
