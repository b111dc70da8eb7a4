/*
 * Filters: over every carrier on every driver, put in before the first byte or in the middle, one
 * or several on each other. The toy turns each byte over, so two of them undo each other, and a
 * byte that went past a filter is seen at once.
 */
#include "support/toy_filter.h"
#include "support/transport_harness.h"

static void wear_one(record *self)
{
    assert_true(insert_toy(transport_of(self)));
}

static void wear_three(record *self)
{
    for (int i = 0; i < 3; i++)
        wear_one(self);
}

static void write_back(record *self, torc_slice data)
{
    torc_write(transport_of(self), data);
}

static void begin(world *w, void (*wear)(record *))
{
    toys_made = 0;
    toys_freed = 0;
    w->server.on_made = wear;
    w->client.on_made = wear;
    connect_pair(w);
}

/* -- bytes --------------------------------------------------------------------------------- */

static void bytes_pass_both_ways(world *w)
{
    begin(w, wear_one);
    w->server.on_data = write_back;
    torc_write(transport_of(client_of(w)), TORC_SLICE("hello"));
    RUN_UNTIL(w, client_of(w)->length == 5);
    assert_bytes(client_of(w), TORC_SLICE("hello"));
}

static void several_stand_on_each_other(world *w)
{
    begin(w, wear_three);
    assert_int_equal(toys_made, 6);
    w->server.on_data = write_back;
    torc_write(transport_of(client_of(w)), TORC_SLICE("hello"));
    RUN_UNTIL(w, client_of(w)->length == 5);
    assert_bytes(client_of(w), TORC_SLICE("hello"));
}

static void a_side_without_one_sees_what_is_on_the_line(world *w)
{
    begin(w, NULL);
    wear_one(client_of(w));
    torc_write(transport_of(client_of(w)), TORC_SLICE("\x55"));
    RUN_UNTIL(w, server_of(w)->length == 1);
    assert_bytes(server_of(w), torc_slice_make("\0", 1));
}

static void much_passes_while_sends_are_pending(world *w)
{
    enum { MUCH = 2 * 1024 * 1024 };

    begin(w, wear_one);
    torc_write(transport_of(client_of(w)), pattern(0, MUCH));
    RUN_UNTIL(w, server_of(w)->length == MUCH);
    assert_bytes(server_of(w), pattern(0, MUCH));
}

static void a_file_is_read_where_a_filter_cannot_send_it(world *w)
{
    begin(w, wear_one);
    torc_write_file(transport_of(client_of(w)), file_with(pattern(0, 100000)), 0, 100000);
    RUN_UNTIL(w, server_of(w)->length == 100000);
    assert_bytes(server_of(w), pattern(0, 100000));
}

static void put_in(record *self, torc_slice data)
{
    (void)data;
    if (self->note++ == 0)
        wear_one(self);
}

static void it_may_be_put_in_while_data_is_received(world *w)
{
    begin(w, NULL);
    w->server.on_data = put_in;
    torc_write(transport_of(client_of(w)), TORC_SLICE("go"));
    RUN_UNTIL(w, server_of(w)->length == 2);
    wear_one(client_of(w));
    torc_write(transport_of(client_of(w)), TORC_SLICE("on"));
    RUN_UNTIL(w, server_of(w)->length == 4);
    assert_bytes(server_of(w), TORC_SLICE("goon"));
}

static void pausing_holds_bytes_back(world *w)
{
    begin(w, wear_one);
    torc_pause_reading(transport_of(server_of(w)));
    torc_write(transport_of(client_of(w)), TORC_SLICE("later"));
    run_turns(w, 10);
    assert_int_equal(server_of(w)->length, 0);
    torc_resume_reading(transport_of(server_of(w)));
    RUN_UNTIL(w, server_of(w)->length == 5);
}

/* -- facts --------------------------------------------------------------------------------- */

static void addresses_and_options_are_asked_of_what_is_below(world *w)
{
    torc_address before;
    torc_address after;

    begin(w, NULL);
    before = torc_local_address(transport_of(client_of(w)));
    wear_three(client_of(w));
    after = torc_local_address(transport_of(client_of(w)));
    assert_int_equal(before.kind, after.kind);
    assert_int_equal(before.port, after.port);
    torc_set_keep_alive(transport_of(client_of(w)), TORC_MINUTE);
    torc_set_no_delay(transport_of(client_of(w)), false);
}

/* -- ends ---------------------------------------------------------------------------------- */

static void assert_all_freed(world *w)
{
    RUN_UNTIL(w, both_lost(w));
    run_turns(w, 3);
    assert_int_equal(toys_freed, toys_made);
}

static void a_clean_end_passes(world *w)
{
    w->server.kind = &plain_class;
    begin(w, wear_three);
    torc_write(transport_of(client_of(w)), TORC_SLICE("last"));
    torc_lose_connection(transport_of(client_of(w)));
    assert_all_freed(w);
    assert_bytes(server_of(w), TORC_SLICE("last"));
    assert_reason(server_of(w), &torc_error_connection_done);
    assert_reason(client_of(w), &torc_error_connection_done);
}

static void half_a_close_passes(world *w)
{
    begin(w, wear_one);
    torc_lose_write(transport_of(client_of(w)));
    RUN_UNTIL(w, server_of(w)->read_lost == 1);
    torc_write(transport_of(server_of(w)), TORC_SLICE("still"));
    torc_lose_connection(transport_of(server_of(w)));
    assert_all_freed(w);
    assert_bytes(client_of(w), TORC_SLICE("still"));
}

static void a_reset_passes(world *w)
{
    begin(w, wear_three);
    torc_abort_connection(transport_of(client_of(w)));
    assert_all_freed(w);
    assert_reason(server_of(w), &torc_error_connection_lost);
}

static void the_reactors_end_frees_them(world *w)
{
    begin(w, wear_three);
    torc_write(transport_of(client_of(w)), pattern(0, 1024 * 1024));
    renew_world(w);
    assert_int_equal(toys_freed, 6);
}

/* -- why ----------------------------------------------------------------------------------- */

static void explain(record *self)
{
    torc_transport *transport = transport_of(self);
    torc__filter *top = TORC_CONTAINER_OF(transport->top, torc__filter, io);

    torc__filter_explain(top, torc_failure_new(&torc_error_protocol, "the first word"));
    torc__filter_explain(top, torc_failure_new(&torc_error_limit, "the second word"));
}

static void explain_on_data(record *self, torc_slice data)
{
    (void)data;
    explain(self);
}

static void the_first_explanation_is_the_reason(world *w)
{
    begin(w, wear_one);
    w->server.on_data = explain_on_data;
    torc_write(transport_of(client_of(w)), TORC_SLICE("x"));
    RUN_UNTIL(w, server_of(w)->length == 1);
    torc_abort_connection(transport_of(client_of(w)));
    assert_all_freed(w);
    assert_reason(server_of(w), &torc_error_protocol);
    assert_string_equal(server_of(w)->reason_text, "the first word");
}

/* A send that fails while there is something to be received must not lose what was explained. */
static void an_explanation_outlasts_a_send_that_fails(world *w)
{
    int raw;

    toys_made = 0;
    toys_freed = 0;
    begin_listening(w);
    w->server.on_made = wear_one;
    raw = connect_raw(w);
    RUN_UNTIL(w, server_of(w)->made == 1);
    explain(server_of(w));
    torc_write(transport_of(server_of(w)), pattern(0, 8 * 1024 * 1024));
    run_turns(w, 5);
    close_raw_with_reset(raw);
    RUN_UNTIL(w, server_of(w)->lost == 1);
    assert_reason(server_of(w), &torc_error_protocol);
}

int main(void)
{
    static const behaviour behaviours[] = {
        { "bytes pass both ways", bytes_pass_both_ways, ON_ALL },
        { "several stand on each other", several_stand_on_each_other, ON_ALL },
        { "a side without one sees what is on the line",
            a_side_without_one_sees_what_is_on_the_line, ON_ALL },
        { "much passes while sends are pending", much_passes_while_sends_are_pending, ON_ALL },
        { "a file is read where a filter cannot send it",
            a_file_is_read_where_a_filter_cannot_send_it, ON_ALL },
        { "it may be put in while data is received",
            it_may_be_put_in_while_data_is_received, ON_ALL },
        { "pausing holds bytes back", pausing_holds_bytes_back, ON_ALL },
        { "addresses and options are asked of what is below",
            addresses_and_options_are_asked_of_what_is_below, ON_ALL },
        { "a clean end passes", a_clean_end_passes, ON_ALL },
        { "half a close passes", half_a_close_passes, ON_ALL },
        { "a reset passes", a_reset_passes, ON_RESETTING },
        { "the reactor's end frees them", the_reactors_end_frees_them, ON_ALL },
        { "the first explanation is the reason", the_first_explanation_is_the_reason,
            ON_RESETTING },
        { "an explanation outlasts a send that fails",
            an_explanation_outlasts_a_send_that_fails, ON_IP },
    };

    return RUN_BEHAVIOURS("filter", behaviours);
}
