/*
 * Scopes that end at any moment: in each callback of a connection, from a timer, with the port;
 * and what a connection's own scope holds.
 */
#include "support/transport_harness.h"

/* The connections live in a scope that the behaviour can end; w->note counts its ends. */
static void in_a_scope(world *w)
{
    w->scope = torc_scope_new(torc_root(w->reactor));
    assert_non_null(w->scope);
}

static void end_scope(world *w)
{
    torc_scope *scope = w->scope;

    w->scope = NULL;
    w->port = NULL;
    torc_scope_end(scope);
}

static void end_scope_and_go_on(record *self)
{
    torc_transport *transport = transport_of(self);

    if (self->world->scope == NULL)
        return;
    end_scope(self->world);
    assert_int_equal(self->lost, 0);
    assert_true(torc_is_closing(transport));
    assert_true(torc_scope_has_ended(torc_scope_of(self->protocol)));
    torc_write(transport, TORC_SLICE("into the void"));
    torc_pause_reading(transport);
    torc_resume_reading(transport);
    torc_lose_connection(transport);
    assert_int_equal(torc_unsent(transport), 0);
}

static void end_scope_on_data(record *self, torc_slice data)
{
    assert_true(data.data[0] == 'x');
    end_scope_and_go_on(self);
    assert_true(data.data[data.length - 1] == 'x');
}

static void end_scope_when_lost(record *self)
{
    if (self->world->scope != NULL)
        end_scope(self->world);
}

static void scope_ended_in_data_received(world *w)
{
    in_a_scope(w);
    w->server.on_data = end_scope_on_data;
    connect_pair(w);
    torc_write(transport_of(client_of(w)), TORC_SLICE("xxx"));
    RUN_UNTIL(w, server_of(w)->lost == 1);
    assert_int_equal(server_of(w)->data, 1);
    assert_reason(server_of(w), &torc_error_connection_aborted);
    run_turns(w, 5);
    assert_int_equal(client_of(w)->length, 0);
}

static void scope_ended_in_connection_made(world *w)
{
    in_a_scope(w);
    w->server.on_made = end_scope_and_go_on;
    begin_connecting(w);
    RUN_UNTIL(w, server_of(w)->lost == 1);
    assert_reason(server_of(w), &torc_error_connection_aborted);
    run_turns(w, 5);
    assert_int_equal(client_of(w)->length, 0);
}

static void scope_ended_in_read_lost(world *w)
{
    in_a_scope(w);
    w->server.on_read_lost = end_scope_and_go_on;
    connect_pair(w);
    torc_lose_write(transport_of(client_of(w)));
    RUN_UNTIL(w, server_of(w)->lost == 1);
    assert_reason(server_of(w), &torc_error_connection_aborted);
}

static void scope_ended_in_connection_lost(world *w)
{
    in_a_scope(w);
    w->server.on_lost = end_scope_when_lost;
    w->client.kind = &plain_class;
    connect_pair(w);
    connect_pair(w);
    torc_lose_connection(transport_of(server_of(w)));
    RUN_UNTIL(w, w->server.records[0].lost == 1 && w->server.records[1].lost == 1);
    assert_reason(&w->server.records[0], &torc_error_connection_done);
    assert_reason(&w->server.records[1], &torc_error_connection_aborted);
}

static void end_scope_of(void *argument)
{
    end_scope(argument);
}

static void scope_ended_from_a_timer(world *w)
{
    in_a_scope(w);
    w->client.kind = &plain_class;
    connect_pair(w);
    connect_pair(w);
    torc_write_static(transport_of(server_of(w)), pattern(0, 8 * 1024 * 1024));
    torc_call_later(torc_root(w->reactor), TORC_MILLISECOND, end_scope_of, w);
    RUN_UNTIL(w, w->server.records[0].lost == 1 && w->server.records[1].lost == 1);
    assert_reason(&w->server.records[0], &torc_error_connection_aborted);
    assert_int_equal(w->server.records[0].lost, 1);
}

static void scope_ended_before_it_was_made(world *w)
{
    in_a_scope(w);
    begin_connecting(w);
    end_scope(w);
    run_turns(w, 20);
    assert_int_equal(server_of(w)->made, 0);
}

static void scope_ended_from_outside_of_the_loop(world *w)
{
    in_a_scope(w);
    connect_pair(w);
    end_scope(w);
    assert_int_equal(server_of(w)->lost, 0);
    RUN_UNTIL(w, server_of(w)->lost == 1);
}

static void end_of_a_port_ends_its_connections(world *w)
{
    in_a_scope(w);
    w->client.kind = &plain_class;
    connect_pair(w);
    connect_pair(w);
    end_scope(w);
    RUN_UNTIL(w, w->server.records[0].lost && w->server.records[1].lost
        && w->client.records[0].lost && w->client.records[1].lost);
    assert_reason(server_of(w), &torc_error_connection_aborted);
}

/* -- what a connection's own scope holds --------------------------------------------------- */

static void count_up(void *argument)
{
    record *self = argument;

    assert_int_equal(self->lost, 0);
    self->note++;
    torc_call_soon(torc_scope_of(self->protocol), count_up, self);
}

static void start_counting(record *self)
{
    torc_call_soon(torc_scope_of(self->protocol), count_up, self);
}

static void never_runs(void *argument)
{
    (void)argument;
    fail();
}

static void start_what_never_runs(record *self)
{
    torc_delayed_call call;

    call = torc_call_soon(torc_scope_of(self->protocol), never_runs, NULL);
    (void)call;
}

static void timers_stop_with_the_connection(world *w)
{
    int counted;

    w->server.on_made = start_counting;
    w->server.on_lost = start_what_never_runs;
    w->client.on_made = start_counting;
    connect_pair(w);
    RUN_UNTIL(w, server_of(w)->note >= 3 && client_of(w)->note >= 3);
    torc_abort_connection(transport_of(client_of(w)));
    torc_abort_connection(transport_of(server_of(w)));
    RUN_UNTIL(w, both_lost(w));
    counted = server_of(w)->note + client_of(w)->note;
    run_turns(w, 10);
    assert_int_equal(server_of(w)->note + client_of(w)->note, counted);
}

static void note_scope_end(void *argument)
{
    record *self = argument;

    self->note = (int)self->lost;
}

static void hook_scope(record *self)
{
    assert_true(torc_scope_on_end(torc_scope_of(self->protocol), note_scope_end, self));
}

static void scope_is_open(record *self)
{
    assert_false(torc_scope_has_ended(torc_scope_of(self->protocol)));
}

static void scope_ends_right_after_connection_lost(world *w)
{
    w->server.on_made = hook_scope;
    w->server.on_lost = scope_is_open;
    connect_pair(w);
    torc_lose_connection(transport_of(server_of(w)));
    RUN_UNTIL(w, server_of(w)->lost == 1);
    assert_int_equal(server_of(w)->note, 1);
}

/* A connection inside another's scope ends with it: a proxy's outgoing half. */
static void connection_inside_a_connections_scope(world *w)
{
    record *inner = &w->server.records[1];

    connect_pair(w);
    assert_true(torc_connect_in_memory(torc_scope_of(client_of(w)->protocol),
        torc_factory_hold(w->server.factory), torc_factory_hold(w->client.factory)));
    RUN_UNTIL(w, inner->made == 1);
    torc_abort_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, client_of(w)->lost == 1 && inner->lost == 1 && w->client.records[1].lost == 1);
    assert_reason(inner, &torc_error_connection_aborted);
}

static const behaviour behaviours[] = {
    { "scope ended in data_received", scope_ended_in_data_received, ON_ALL },
    { "scope ended in connection_made", scope_ended_in_connection_made, ON_ALL },
    { "scope ended in read_lost", scope_ended_in_read_lost, ON_ALL },
    { "scope ended in connection_lost", scope_ended_in_connection_lost, ON_ALL },
    { "scope ended from a timer", scope_ended_from_a_timer, ON_ALL },
    { "scope ended before it was made", scope_ended_before_it_was_made, ON_ALL },
    { "scope ended from outside of the loop", scope_ended_from_outside_of_the_loop, ON_ALL },
    { "the end of a port ends its connections", end_of_a_port_ends_its_connections, ON_ALL },
    { "timers stop with the connection", timers_stop_with_the_connection, ON_ALL },
    { "the scope ends right after connection_lost", scope_ends_right_after_connection_lost,
        ON_ALL },
    { "a connection inside a connection's scope", connection_inside_a_connections_scope, ON_ALL },
};

int main(void)
{
    return RUN_BEHAVIOURS("scopes", behaviours);
}
