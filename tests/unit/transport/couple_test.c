/*
 * Couplings: what one connection receives the other sends, both ways; ends and losses are passed
 * on; a side that does not read holds up the other. On sockets the bytes are spliced, where the
 * driver and the kernel do that, and pass the program where they do not.
 *
 * Each behaviour has two clients, and couples the server's ends of their connections.
 */
#include "support/failing_allocation.h"
#include "support/failing_system_call.h"
#include "support/transport_harness.h"

#include "base/system_call.h"

#include <torc/couple.h>

#include <errno.h>

#define KIBIBYTE ((size_t)1024)
#define MEBIBYTE (KIBIBYTE * KIBIBYTE)

static torc_coupling *coupling;
static torc_coupling_counts counted;
static unsigned times_over;

static record *left(world *w)
{
    return &w->client.records[0];
}

static record *right(world *w)
{
    return &w->client.records[1];
}

static record *left_server(world *w)
{
    return &w->server.records[0];
}

static record *right_server(world *w)
{
    return &w->server.records[1];
}

static torc_result over(void *unused, torc_result result)
{
    (void)unused;
    times_over++;
    counted = torc_coupling_count(torc_result_value(result, &torc_type_coupling));
    return torc_nothing();
}

static void couple(world *w)
{
    coupling = torc_couple(transport_of(left_server(w)), transport_of(right_server(w)));
    assert_non_null(coupling);
    times_over = 0;
    torc_add_callback(torc_coupling_over(torc_root(w->reactor), coupling), over, NULL);
}

static void connect_two(world *w)
{
    connect_pair(w);
    connect_pair(w);
}

static void couple_two(world *w)
{
    connect_two(w);
    couple(w);
}

static bool all_lost(world *w)
{
    return left(w)->lost && right(w)->lost && left_server(w)->lost && right_server(w)->lost;
}

/* The end of every behaviour that does not end its connections otherwise. */
static void end_all(world *w)
{
    torc_abort_connection(transport_of(left_server(w)));
    RUN_UNTIL(w, left_server(w)->lost && right_server(w)->lost && times_over == 1);
}

/* -- bytes --------------------------------------------------------------------------------- */

static void carries_both_ways(world *w)
{
    couple_two(w);
    torc_write_static(transport_of(left(w)), pattern(0, 3 * MEBIBYTE));
    torc_write_static(transport_of(right(w)), pattern(77, 2 * MEBIBYTE));
    RUN_UNTIL(w, right(w)->length == 3 * MEBIBYTE && left(w)->length == 2 * MEBIBYTE);
    assert_bytes(right(w), pattern(0, 3 * MEBIBYTE));
    assert_bytes(left(w), pattern(77, 2 * MEBIBYTE));
    assert_int_equal(left_server(w)->data + right_server(w)->data, 0);
    assert_int_equal(torc_coupling_count(coupling).there, 3 * MEBIBYTE);
    end_all(w);
    assert_int_equal(counted.there, 3 * MEBIBYTE);
    assert_int_equal(counted.back, 2 * MEBIBYTE);
}

static void what_was_written_before_leaves_first(world *w)
{
    connect_two(w);
    torc_write(transport_of(right_server(w)), pattern(0, MEBIBYTE));
    torc_write_static(transport_of(left(w)), pattern(MEBIBYTE, MEBIBYTE));
    couple(w);
    RUN_UNTIL(w, right(w)->length == 2 * MEBIBYTE);
    assert_bytes(right(w), pattern(0, 2 * MEBIBYTE));
    end_all(w);
}

static void couple_in_made(record *self)
{
    if (self == right_server(self->world))
        couple(self->world);
}

static void pause_on_made(record *self)
{
    torc_pause_reading(transport_of(self));
}

/* As a relay does: what a client says before the other connection is there waits for it. */
static void couples_in_connection_made_and_resumes(world *w)
{
    w->server.on_made = pause_on_made;
    connect_pair(w);
    torc_write(transport_of(left(w)), TORC_SLICE("early"));
    run_turns(w, 10);
    w->server.on_made = couple_in_made;
    connect_pair(w);
    torc_write(transport_of(right(w)), TORC_SLICE("answer"));
    RUN_UNTIL(w, right(w)->length == 5 && left(w)->length == 6);
    end_all(w);
}

/* -- ends ---------------------------------------------------------------------------------- */

static void an_end_is_passed_on_as_that_of_a_half(world *w)
{
    couple_two(w);
    torc_write_static(transport_of(left(w)), pattern(0, MEBIBYTE));
    torc_lose_write(transport_of(left(w)));
    RUN_UNTIL(w, right(w)->read_lost == 1);
    assert_bytes(right(w), pattern(0, MEBIBYTE));
    run_turns(w, 10);
    assert_int_equal(left_server(w)->lost + left_server(w)->read_lost, 0);
    torc_write_static(transport_of(right(w)), pattern(0, MEBIBYTE));
    torc_lose_write(transport_of(right(w)));
    RUN_UNTIL(w, all_lost(w) && times_over == 1);
    assert_bytes(left(w), pattern(0, MEBIBYTE));
    assert_reason(left(w), &torc_error_connection_done);
    assert_reason(right(w), &torc_error_connection_done);
    assert_reason(left_server(w), &torc_error_connection_done);
    assert_reason(right_server(w), &torc_error_connection_done);
    assert_int_equal(counted.there, MEBIBYTE);
    assert_int_equal(counted.back, MEBIBYTE);
}

static void an_end_that_came_before_is_passed_on(world *w)
{
    connect_two(w);
    torc_lose_write(transport_of(left(w)));
    RUN_UNTIL(w, left_server(w)->read_lost == 1);
    couple(w);
    RUN_UNTIL(w, right(w)->read_lost == 1);
    torc_write(transport_of(right(w)), TORC_SLICE("still"));
    torc_lose_connection(transport_of(right(w)));
    RUN_UNTIL(w, all_lost(w) && times_over == 1);
    assert_bytes(left(w), TORC_SLICE("still"));
}

static void the_loss_of_a_peer_is_passed_on(world *w)
{
    couple_two(w);
    torc_abort_connection(transport_of(left(w)));
    RUN_UNTIL(w, left_server(w)->lost && right_server(w)->lost && times_over == 1);
    assert_reason(right_server(w), &torc_error_connection_aborted);
    RUN_UNTIL(w, right(w)->lost);
}

static void aborting_one_side_aborts_the_other(world *w)
{
    couple_two(w);
    torc_abort_connection(transport_of(right_server(w)));
    RUN_UNTIL(w, left_server(w)->lost && times_over == 1);
    assert_reason(left_server(w), &torc_error_connection_aborted);
    assert_reason(right_server(w), &torc_error_connection_aborted);
    assert_non_null(strstr(left_server(w)->reason_text, "coupled"));
}

static void losing_one_side_waits_for_the_other_to_end(world *w)
{
    couple_two(w);
    torc_lose_connection(transport_of(left_server(w)));
    torc_write_static(transport_of(right(w)), pattern(0, MEBIBYTE));
    torc_lose_write(transport_of(right(w)));
    RUN_UNTIL(w, left_server(w)->lost && right_server(w)->lost && times_over == 1);
    assert_reason(right_server(w), &torc_error_connection_done);
    RUN_UNTIL(w, left(w)->length == MEBIBYTE);
}

static void one_that_is_closing_has_the_other_closed(world *w)
{
    connect_two(w);
    torc_lose_connection(transport_of(left_server(w)));
    assert_null(torc_couple(transport_of(left_server(w)), transport_of(right_server(w))));
    assert_int_equal(torc_coupling_count(NULL).there, 0);
    torc_add_errback_for(torc_coupling_over(torc_root(w->reactor), NULL), &torc_error_connection,
        torc_forget, NULL);
    RUN_UNTIL(w, left_server(w)->lost && right_server(w)->lost);
}

static void the_scope_may_end(world *w)
{
    couple_two(w);
    torc_write_static(transport_of(left(w)), pattern(0, 4 * MEBIBYTE));
    run_turns(w, 3);
    renew_world(w);
}

/* -- back-pressure ------------------------------------------------------------------------- */

/* Ten times what the kernel may keep for connections, so most of it must be waiting at the left. */
static void a_side_that_does_not_read_holds_up_the_other(world *w)
{
    torc_buffer *buffer;
    uint64_t before;
    unsigned still = 0;
    size_t total = 96 * MEBIBYTE;

    w->client.discards = true;
    couple_two(w);
    torc_pause_reading(transport_of(right(w)));
    buffer = torc_buffer_copy(pattern(0, MEBIBYTE));
    for (size_t i = 0; i < total / MEBIBYTE; i++)
        torc_write_buffer(transport_of(left(w)), buffer);
    torc_buffer_release(buffer);
    for (before = 0; still < 50; still++) {
        run_turns(w, 10);
        if (torc_coupling_count(coupling).there != before)
            still = 0;
        before = torc_coupling_count(coupling).there;
        assert_true(torc_unsent(transport_of(right_server(w))) <= 256 * KIBIBYTE);
    }
    assert_true(before < total / 2);
    assert_true(torc_unsent(transport_of(left(w))) > total / 4);
    torc_resume_reading(transport_of(right(w)));
    RUN_UNTIL(w, right(w)->length == total);
    end_all(w);
}

static void pausing_a_side_holds_it_up(world *w)
{
    couple_two(w);
    torc_pause_reading(transport_of(left_server(w)));
    torc_write(transport_of(left(w)), TORC_SLICE("waits"));
    torc_write(transport_of(right(w)), TORC_SLICE("goes"));
    RUN_UNTIL(w, left(w)->length == 4);
    run_turns(w, 20);
    assert_int_equal(right(w)->length, 0);
    torc_resume_reading(transport_of(left_server(w)));
    RUN_UNTIL(w, right(w)->length == 5);
    assert_int_equal(left_server(w)->data, 0);
    end_all(w);
}

/* -- splice -------------------------------------------------------------------------------- */

static bool splices_here(const world *w)
{
    return (w->carrier & ON_SOCKETS) != 0;
}

static unsigned splices;
static unsigned refused_after;

static int count_splices(const char *name)
{
    if (strcmp(name, "splice") == 0)
        splices++;
    return splices > refused_after && strcmp(name, "splice") == 0 ? EINVAL : 0;
}

static void exchange(world *w)
{
    couple_two(w);
    torc_write_static(transport_of(left(w)), pattern(0, MEBIBYTE));
    torc_write_static(transport_of(right(w)), pattern(0, MEBIBYTE));
    RUN_UNTIL(w, right(w)->length == MEBIBYTE && left(w)->length == MEBIBYTE);
    assert_bytes(right(w), pattern(0, MEBIBYTE));
    assert_bytes(left(w), pattern(0, MEBIBYTE));
    end_all(w);
}

static void sockets_are_spliced(world *w)
{
    bool splicing = splices_here(w);

    splices = 0;
    refused_after = UINT_MAX;
    torc__set_system_call_hook(count_splices);
    exchange(w);
    torc__set_system_call_hook(NULL);
#if defined(__linux__)
    assert_true((splices > 0) == splicing);
#else
    (void)splicing;
#endif
}

/* The first that is refused takes bytes in, the second gives them out. */
static void where_splice_is_refused_bytes_pass_the_program(world *w)
{
    for (refused_after = 0; refused_after < 6; refused_after++) {
        splices = 0;
        torc__set_system_call_hook(count_splices);
        exchange(w);
        torc__set_system_call_hook(NULL);
        renew_world(w);
    }
}

static void without_pipes_bytes_pass_the_program(world *w)
{
    couple_two(w);
    fail_system_calls_named("pipe2", EMFILE);
    torc_write_static(transport_of(left(w)), pattern(0, MEBIBYTE));
    RUN_UNTIL(w, right(w)->length == MEBIBYTE);
    allow_system_calls();
    assert_bytes(right(w), pattern(0, MEBIBYTE));
    end_all(w);
}

static void a_failure_to_splice_ends_both(world *w)
{
    couple_two(w);
    fail_system_calls_named("splice", ENOMEM);
    torc_write_static(transport_of(left(w)), pattern(0, MEBIBYTE));
    if (splices_here(w)) {
        RUN_UNTIL(w, left_server(w)->lost && right_server(w)->lost && times_over == 1);
        assert_reason(left_server(w), &torc_error_connection_lost);
    } else {
        RUN_UNTIL(w, right(w)->length == MEBIBYTE);
    }
    allow_system_calls();
}

static void without_memory_neither_is_coupled(world *w)
{
    connect_two(w);
    fail_allocation_after(0);
    coupling = torc_couple(transport_of(left_server(w)), transport_of(right_server(w)));
    allow_allocations();
    assert_null(coupling);
    RUN_UNTIL(w, left_server(w)->lost && right_server(w)->lost);
    assert_reason(left_server(w), &torc_error_out_of_memory);
    assert_reason(right_server(w), &torc_error_out_of_memory);
}

static const behaviour behaviours[] = {
    { "carries both ways", carries_both_ways, ON_ALL },
    { "what was written before leaves first", what_was_written_before_leaves_first, ON_ALL },
    { "couples in connection_made and resumes", couples_in_connection_made_and_resumes, ON_ALL },
    { "an end is passed on as that of a half", an_end_is_passed_on_as_that_of_a_half, ON_ALL },
    { "an end that came before is passed on", an_end_that_came_before_is_passed_on, ON_ALL },
    { "the loss of a peer is passed on", the_loss_of_a_peer_is_passed_on, ON_RESETTING },
    { "aborting one side aborts the other", aborting_one_side_aborts_the_other, ON_ALL },
    { "losing one side waits for the other", losing_one_side_waits_for_the_other_to_end, ON_ALL },
    { "one that is closing has the other closed", one_that_is_closing_has_the_other_closed,
        ON_ALL },
    { "the scope may end", the_scope_may_end, ON_ALL },
    { "a side that does not read holds up the other", a_side_that_does_not_read_holds_up_the_other,
        ON_TCP | ON_UNIX | ON_MEMORY | ON_PIPES },
    { "pausing a side holds it up", pausing_a_side_holds_it_up, ON_ALL },
    { "sockets are spliced", sockets_are_spliced, ON_ALL },
    { "refused splices", where_splice_is_refused_bytes_pass_the_program, ON_SOCKETS },
    { "without pipes", without_pipes_bytes_pass_the_program, ON_SOCKETS },
    { "a failure to splice ends both", a_failure_to_splice_ends_both, ON_SOCKETS },
    { "without memory neither is coupled", without_memory_neither_is_coupled, ON_ALL },
};

int main(void)
{
    return RUN_BEHAVIOURS("couple", behaviours);
}
