/*
 * Factories, limits, addresses and options; many connections; what fails on the way: descriptors
 * that run out, memory that does.
 */
#include "support/failing_allocation.h"
#include "support/transport_harness.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

/* -- factories ----------------------------------------------------------------------------- */

static size_t alive(const side *of)
{
    size_t count = 0;

    for (size_t i = 0; i < of->count; i++)
        count += of->records[i].lost == 0;
    return count;
}

static size_t ended(const side *of)
{
    return of->count - alive(of);
}

static void factory_limits_connections(world *w)
{
    w->server.options.connections_max = 2;
    w->client.kind = &plain_class;
    for (int i = 0; i < 5; i++)
        begin_connecting(w);
    RUN_UNTIL(w, w->client.count == 5 && ended(&w->client) == 3);
    assert_int_equal(alive(&w->server), 2);
    assert_int_equal(torc_factory_connections(w->server.factory), 2);
    torc_lose_connection(transport_of(server_of(w)));
    RUN_UNTIL(w, torc_factory_connections(w->server.factory) == 1);
    connect_pair(w);
    assert_int_equal(w->server.count, 3);
}

static void factory_limits_connections_of_a_host(world *w)
{
    w->server.options.connections_per_host_max = 3;
    w->client.kind = &plain_class;
    for (int i = 0; i < 5; i++)
        begin_connecting(w);
    RUN_UNTIL(w, w->client.count == 5 && ended(&w->client) == 2);
    assert_int_equal(alive(&w->server), 3);
    torc_abort_connection(transport_of(server_of(w)));
    RUN_UNTIL(w, server_of(w)->lost == 1);
    connect_pair(w);
    assert_int_equal(alive(&w->server), 3);
}

static bool admit_every_second(void *context, const torc_address *peer)
{
    side *of = context;

    assert_non_null(peer);
    return of->world->note++ % 2 == 0;
}

static void factory_admits(world *w)
{
    w->server.options.admits = admit_every_second;
    w->client.kind = &plain_class;
    for (int i = 0; i < 6; i++)
        begin_connecting(w);
    RUN_UNTIL(w, w->client.count == 6 && ended(&w->client) == 3);
    assert_int_equal(w->server.count, 3);
}

static void note_started(void *context)
{
    ((side *)context)->world->note += 1;
}

static void note_stopped(void *context)
{
    ((side *)context)->world->note += 100;
}

static void factory_is_started_and_stopped(world *w)
{
    w->server.options.started = note_started;
    w->server.options.stopped = note_stopped;
    connect_pair(w);
    assert_int_equal(w->note, 1);
    torc_port_stop(w->port);
    RUN_UNTIL(w, w->note == 101);
    w->port = NULL;
    torc_write(transport_of(client_of(w)), TORC_SLICE("still here"));
    RUN_UNTIL(w, server_of(w)->length == 10);
    if (w->carrier == ON_UNIX)
        assert_int_equal(access(w->endpoint + 5, F_OK), -1);
}

static void note_release(void *context)
{
    ++*(int *)context;
}

static void factory_goes_with_its_last_connection(world *w)
{
    int released = 0;
    torc_factory_options options = {
        .kind = &plain_class,
        .context = &released,
        .release = note_release,
    };
    torc_factory_options silent = { .kind = &(torc_protocol_class){ .name = "Silent" } };

    options.kind = silent.kind;
    assert_true(torc_connect_in_memory(
        w->scope, torc_factory_new(&options), torc_factory_new(&silent)));
    run_turns(w, 3);
    assert_int_equal(released, 0);
    renew_world(w);
    assert_int_equal(released, 1);
}

static void stop_port(record *self)
{
    world *w = self->world;

    if (w->port != NULL)
        torc_port_stop(w->port);
    w->port = NULL;
}

static void unlisten_in_connection_made(world *w)
{
    w->server.on_made = stop_port;
    begin_connecting(w);
    RUN_UNTIL(w, server_of(w)->made == 1 && client_of(w)->made == 1);
    torc_write(transport_of(client_of(w)), TORC_SLICE("on"));
    RUN_UNTIL(w, server_of(w)->length == 2);
}

/* -- addresses, options, logs -------------------------------------------------------------- */

static void addresses_of_both_ends(world *w)
{
    torc_address here;
    torc_address there;
    torc_address peer_of_client;
    char one[TORC_ADDRESS_TEXT_MAX];
    char other[TORC_ADDRESS_TEXT_MAX];

    connect_pair(w);
    here = torc_local_address(transport_of(client_of(w)));
    there = torc_peer_address(transport_of(server_of(w)));
    peer_of_client = torc_peer_address(transport_of(client_of(w)));
    assert_string_equal(torc_address_text(&here, one), torc_address_text(&there, other));
    if (w->carrier & (ON_MEMORY | ON_TLS_MEMORY)) {
        assert_int_equal(here.kind, TORC_ADDRESS_NONE);
        assert_int_equal(peer_of_client.kind, TORC_ADDRESS_NONE);
        return;
    }
    here = torc_port_address(w->port);
    assert_string_equal(
        torc_address_text(&peer_of_client, one), torc_address_text(&here, other));
    here = torc_local_address(transport_of(server_of(w)));
    assert_string_equal(torc_address_text(&here, one), other);
}

static const char *host_of(const world *w)
{
    return w->carrier & (ON_TCP | ON_TLS) ? "127.0.0.1" : w->carrier == ON_TCP6 ? "::1" : "-";
}

static void note_peer_host(record *self)
{
    char text[TORC_ADDRESS_TEXT_MAX];

    assert_string_equal(torc_peer_host(transport_of(self), text), host_of(self->world));
    self->note++;
}

/* Also when the connection is gone, so that it can be logged. */
static void peer_host_from_beginning_to_end(world *w)
{
    w->server.on_made = note_peer_host;
    w->server.on_lost = note_peer_host;
    connect_pair(w);
    torc_lose_connection(transport_of(server_of(w)));
    RUN_UNTIL(w, server_of(w)->lost == 1);
    assert_int_equal(server_of(w)->note, 2);
}

static void options_are_accepted(world *w)
{
    torc_transport *transport;

    connect_pair(w);
    transport = transport_of(client_of(w));
    torc_set_no_delay(transport, false);
    torc_set_no_delay(transport, true);
    torc_set_keep_alive(transport, TORC_MINUTE);
    torc_set_keep_alive(transport, 0);
    torc_write(transport, TORC_SLICE("fine"));
    RUN_UNTIL(w, server_of(w)->length == 4);
    assert_int_equal(w->warnings, 0);
    assert_ptr_equal(torc_transport_reactor(transport), w->reactor);
}

static void say_something(record *self, torc_slice data)
{
    (void)self;
    torc_log_info("got %.*s", TORC_FMT(data));
}

static void log_shows_who_speaks(world *w)
{
    char expected[128];

    w->server.on_data = say_something;
    connect_pair(w);
    connect_pair(w);
    for (unsigned i = 0; i < 2; i++) {
        torc_write(transport_of(&w->client.records[i]), TORC_SLICE("word"));
        RUN_UNTIL(w, w->server.records[0].length + w->server.records[1].length == 4 * (i + 1));
        snprintf(expected, sizeof expected, "Recorder,%u,%s",
            w->server.records[0].length == 4 * (i + 1) ? 0u : i, host_of(w));
        assert_string_equal(w->context, expected);
        assert_string_equal(w->message, "got word");
    }
    torc_log_info("outside");
    assert_string_equal(w->context, "-");
}

/* -- many ---------------------------------------------------------------------------------- */

static void write_back(record *self, torc_slice data)
{
    torc_write(transport_of(self), data);
}

static void say_hello(record *self)
{
    torc_write(transport_of(self), TORC_SLICE("hello"));
}

static size_t answered(const world *w)
{
    size_t count = 0;

    for (size_t i = 0; i < w->client.count; i++)
        count += w->client.records[i].length == 5;
    return count;
}

static void two_hundred_connections(world *w)
{
    w->server.on_data = write_back;
    w->server.kind = &plain_class;
    w->client.on_made = say_hello;
    for (int i = 0; i < 200; i++)
        begin_connecting(w);
    RUN_UNTIL(w, w->client.count == 200 && answered(w) == 200);
    assert_int_equal(torc_factory_connections(w->server.factory), 200);
    for (size_t i = 0; i < 200; i++)
        torc_lose_connection(transport_of(&w->client.records[i]));
    RUN_UNTIL(w, torc_factory_connections(w->server.factory) == 0);
    assert_int_equal(ended(&w->client), 200);
}

/* Half of them go, new ones take their descriptors, and each still gets its own answer. */
static void connections_that_come_and_go_do_not_disturb_others(world *w)
{
    w->server.on_data = write_back;
    w->server.kind = &plain_class;
    w->client.on_made = say_hello;
    for (int i = 0; i < 60; i++)
        begin_connecting(w);
    RUN_UNTIL(w, w->client.count == 60 && answered(w) == 60);
    for (size_t i = 0; i < 60; i += 2)
        torc_lose_connection(transport_of(&w->client.records[i]));
    RUN_UNTIL(w, ended(&w->client) == 30 && ended(&w->server) == 30);
    for (int i = 0; i < 30; i++)
        begin_connecting(w);
    RUN_UNTIL(w, w->client.count == 90 && answered(w) == 90);
    for (size_t i = 1; i < 60; i += 2)
        torc_pause_reading(transport_of(&w->client.records[i]));
    for (size_t i = 1; i < 60; i += 2)
        torc_write(transport_of(&w->client.records[i]), pattern(i, 100));
    run_turns(w, 20);
    for (size_t i = 1; i < 60; i += 2)
        torc_resume_reading(transport_of(&w->client.records[i]));
    for (size_t i = 1; i < 60; i += 2) {
        RUN_UNTIL(w, w->client.records[i].length == 105);
        assert_memory_equal(w->client.records[i].bytes + 5, pattern(i, 100).data, 100);
    }
}

/* -- shortages ----------------------------------------------------------------------------- */

static void limit_descriptors_to(rlim_t limit)
{
    struct rlimit limits;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limits), 0);
    limits.rlim_cur = limit;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limits), 0);
}

/* More than listening and three connections take. */
enum { SPARE_DESCRIPTORS = 16 };

static void accept_without_descriptors(world *w)
{
    struct rlimit before;
    int raw[3];
    int taken[SPARE_DESCRIPTORS];
    int used = 0;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    /* Before listening: io_uring goes by the limit of when it was asked to accept. */
    taken[0] = dup(STDIN_FILENO);
    close(taken[0]);
    limit_descriptors_to((rlim_t)taken[0] + SPARE_DESCRIPTORS);
    begin_listening(w);
    run_turns(w, 2);
    for (int i = 0; i < 3; i++)
        raw[i] = connect_raw(w);
    while (used < SPARE_DESCRIPTORS && (taken[used] = dup(STDIN_FILENO)) >= 0)
        used++;
    RUN_UNTIL(w, w->warnings > 0);
    w->turns = 0;
    for (torc_time until = torc_monotonic_now() + 30 * TORC_MILLISECOND;
        torc_monotonic_now() < until; w->turns++)
        assert_true(torc_iterate(w->reactor, 10 * TORC_MILLISECOND));
    while (used > 0)
        close(taken[--used]);
    limit_descriptors_to(before.rlim_cur);
    assert_true(w->turns < 20);
    assert_non_null(strstr(w->warning, "cannot accept"));
    RUN_UNTIL(w, w->server.count == 3);
    assert_int_equal(w->warnings, 1);
    for (int i = 0; i < 3; i++)
        close(raw[i]);
}

/* select knows only so many: beyond them a connection fails, and the loop goes on. */
static void descriptors_beyond_what_select_knows(world *w)
{
    struct rlimit before;
    int taken[FD_SETSIZE + 1];
    size_t count = 0;

    begin_listening(w);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    if (before.rlim_max < FD_SETSIZE + 100)
        skip();
    limit_descriptors_to(FD_SETSIZE + 100);
    do
        taken[count] = dup(STDIN_FILENO);
    while (taken[count++] < FD_SETSIZE - 1);
    w->server.on_data = write_back;
    w->client.on_made = say_hello;
    begin_connecting(w);
    RUN_UNTIL(w, w->connect_failure != NULL || client_of(w)->length == 5);
    assert_int_equal(w->connect_failure != NULL, strcmp(w->driver, "select") == 0);
    while (count > 0)
        close(taken[--count]);
    limit_descriptors_to(before.rlim_cur);
    connect_pair(w);
    RUN_UNTIL(w, w->client.records[w->client.count - 1].length == 5);
}

static void answer_in_every_way(record *self, torc_slice data)
{
    torc_transport *transport = transport_of(self);
    torc_buffer *buffer;

    if (self->length != data.length)
        return;
    torc_write(transport, data);
    torc_write_static(transport, pattern(0, 100000));
    torc_printf(self->protocol, "%2000d", 1);
    buffer = torc_buffer_copy(pattern(0, 5000));
    if (buffer != NULL)
        torc_write_buffer(transport, buffer);
    torc_buffer_release(buffer);
    torc_write_file(transport, dup(self->world->note), 0, 3000);
    torc_set_water_marks(transport, 1000, 2000, 10 * 1024 * 1024);
    torc_set_keep_alive(transport, TORC_MINUTE);
    torc_lose_connection(transport);
}

static bool conversation_is_over(const world *w)
{
    bool begun = w->client.count > 0;

    return (w->connect_failure != NULL || (begun && alive(&w->client) == 0))
        && alive(&w->server) == 0;
}

/* Each allocation of a conversation fails in its turn: it ends, and nothing is left behind. */
static void memory_is_out_once(world *w)
{
    bool failed = true;
    int file = file_with(pattern(0, 3000));

    for (unsigned passed = 0; failed; passed++) {
        assert_true(passed < 1000);
        renew_world(w);
        w->note = file;
        w->server.on_data = answer_in_every_way;
        w->client.kind = &plain_class;
        w->client.on_made = say_hello;
        w->server.kind = &plain_class;
        begin_connecting(w);
        fail_allocation_after(passed);
        RUN_UNTIL(w, conversation_is_over(w));
        failed = an_allocation_failed();
        allow_allocations();
    }
    assert_int_equal(client_of(w)->length, 5 + 100000 + 2000 + 5000 + 3000);
    assert_reason(client_of(w), &torc_error_connection_done);
    close(file);
}

static void memory_is_out_for_good(world *w)
{
    connect_pair(w);
    fail_all_allocations();
    torc_write_static(transport_of(client_of(w)), pattern(0, 100000));
    RUN_UNTIL(w, client_of(w)->lost == 1 || server_of(w)->length == 100000);
    allow_allocations();
}

static void memory_link_without_memory(world *w)
{
    torc_factory *factory = torc_factory_of(&(torc_protocol_class){ .name = "Silent" });

    for (unsigned passed = 0; passed < 3; passed++) {
        fail_allocation_after(passed);
        assert_false(torc_connect_in_memory(
            w->scope, torc_factory_hold(factory), torc_factory_hold(factory)));
        allow_allocations();
        run_turns(w, 2);
    }
    torc_factory_release(factory);
}

static const behaviour behaviours[] = {
    { "a factory limits connections", factory_limits_connections, ON_SOCKETS },
    { "a factory limits connections of a host", factory_limits_connections_of_a_host, ON_IP },
    { "a factory admits", factory_admits, ON_SOCKETS },
    { "a factory is started and stopped", factory_is_started_and_stopped, ON_SOCKETS },
    { "a factory goes with its last connection", factory_goes_with_its_last_connection,
        ON_MEMORY },
    { "unlisten in connection_made", unlisten_in_connection_made, ON_ALL },
    { "addresses of both ends", addresses_of_both_ends, ON_SOCKETS | ON_MEMORY },
    { "the peer's host from beginning to end", peer_host_from_beginning_to_end, ON_ALL },
    { "options are accepted", options_are_accepted, ON_ALL },
    { "the log shows who speaks", log_shows_who_speaks, ON_ALL },
    { "two hundred connections", two_hundred_connections, ON_SOCKETS },
    { "connections that come and go do not disturb others",
        connections_that_come_and_go_do_not_disturb_others, ON_SOCKETS },
    { "accept without descriptors", accept_without_descriptors, ON_SOCKETS },
    { "descriptors beyond what select knows", descriptors_beyond_what_select_knows, ON_SOCKETS },
    { "memory is out, once, everywhere", memory_is_out_once, ON_ALL },
    { "memory is out for good", memory_is_out_for_good, ON_ALL },
    { "a memory link without memory", memory_link_without_memory, ON_MEMORY },
};

int main(void)
{
    return RUN_BEHAVIOURS("ports", behaviours);
}
