/*
 * How datagram transports begin and end: told once each, in order, from wherever they are stopped.
 */
#include "support/datagram_harness.h"
#include "support/expect_abort.h"
#include "support/failing_allocation.h"
#include "support/failing_system_call.h"

#include <torc/result.h>
#include <torc/timer.h>

#include "reactor/scope.h"
#include "transport/datagram.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- beginning ----------------------------------------------------------------------------- */

static void nothing_is_told_before_the_call_returns(arena *a)
{
    open_listening(a, &a->one, "");
    assert_int_equal(a->one.started, 0);
    assert_int_not_equal(address_of(&a->one).kind, TORC_ADDRESS_NONE);
    AWAIT(a, a->one.started == 1);
}

static void what_is_sent_before_the_start_leaves_then(arena *a)
{
    open_listening(a, &a->one, "");
    open_connected(a, &a->other, &a->one, "");
    assert_true(torc_send(a->other.transport, TORC_SLICE("early")));
    AWAIT(a, a->one.received == 1);
    assert_string_equal(a->one.last, "early");
}

static torc_result note_opened(void *self, torc_result result)
{
    probe *of = self;

    of->note = torc_result_pointer(result) == of->protocol ? 1 : -1;
    assert_int_equal(of->started, 1);
    return torc_nothing();
}

static void who_asks_is_told_that_it_is_open(arena *a)
{
    if (a->carrier == BY_MEMORY)
        return;
    open_listening(a, &a->one, "");
    torc_add_callback(torc_datagrams_opened(a->one.protocol), note_opened, &a->one);
    assert_int_equal(a->one.note, 0);
    AWAIT(a, a->one.note == 1);
}

static void stop_it(probe *self)
{
    torc_stop_datagrams(self->transport);
    assert_int_equal(self->stopped, 0);
}

static void stopping_in_started_is_told_after_it(arena *a)
{
    a->one.on_started = stop_it;
    open_listening(a, &a->one, "");
    torc_add_callback(torc_datagrams_opened(a->one.protocol), note_opened, &a->one);
    AWAIT(a, a->one.stopped == 1);
    assert_int_equal(a->one.note, 1);
}

static torc_result note_failure(void *self, torc_result failed)
{
    probe *of = self;

    of->reason = torc_failure_type_of(torc_result_failure(failed));
    of->note++;
    return torc_nothing();
}

static void stopping_before_the_start_tells_who_asked(arena *a)
{
    open_listening(a, &a->one, "");
    torc_add_errback(torc_datagrams_opened(a->one.protocol), note_failure, &a->one);
    torc_stop_datagrams(a->one.transport);
    AWAIT(a, a->one.note == 1);
    assert_ptr_equal(a->one.reason, &torc_error_cancelled);
    make_turns(a, 5);
    assert_int_equal(a->one.started, 0);
}

static void cancelling_the_opening_stops_it(arena *a)
{
    torc_deferred *opened;

    open_listening(a, &a->one, "");
    opened = torc_datagrams_opened(a->one.protocol);
    torc_add_errback(opened, note_failure, &a->one);
    torc_cancel(opened);
    AWAIT(a, a->one.note == 1);
    make_turns(a, 5);
    assert_int_equal(a->one.started, 0);
}

static void a_port_that_is_taken_is_a_failure(arena *a)
{
    char text[200];
    torc_address one;

    open_listening(a, &a->one, "");
    AWAIT(a, a->one.started);
    one = address_of(&a->one);
    if (a->carrier & BY_LOCAL)
        snprintf(text, sizeof text, "unix-datagram:%s", one.path);
    else
        snprintf(text, sizeof text, a->carrier == BY_UDP4 ? "udp:%u:interface=127.0.0.1"
            : "udp6:%u:interface=[::1]", (unsigned)one.port);
    attach(a, &a->other, torc_listen_datagrams(a->scope, text, &probe_class));
    torc_add_errback(torc_datagrams_opened(a->other.protocol), note_failure, &a->other);
    AWAIT(a, a->other.note == 1);
    assert_ptr_equal(a->other.reason, &torc_error_listen);
    assert_int_equal(a->warnings, 0);
    make_turns(a, 3);
}

static void a_failure_that_nobody_asks_about_is_logged(arena *a)
{
    attach(a, &a->one, torc_connect_datagrams(a->scope,
        "unix-datagram:/nonexistent/torc/socket", &probe_class));
    AWAIT(a, a->warnings == 1);
    assert_non_null(strstr(a->warning, "unix-datagram:/nonexistent/torc/socket"));
    make_turns(a, 3);
    assert_int_equal(a->one.started + a->one.stopped, 0);
}

static const struct {
    const char *text;
    const char *says;
} bad_descriptions[] = {
    { "udp:65536", "port" },
    { "udp", "port" },
    { "tcp:80", "there are udp, udp6, unix-datagram, fd" },
    { "80", "udp:80" },
    { "udp:1:size=0", "size" },
    { "udp:1:size=65536", "size" },
    { "udp:1:mode=600", "mode" },
    { "udp:1:interface=name", "interface" },
    { "udp6:1:interface=127.0.0.1", "interface" },
    { "unix-datagram:", "path" },
    { "", "empty" },
};

static torc_result note_text(void *self, torc_result failed)
{
    probe *of = self;

    snprintf(of->last, sizeof of->last, "%s", torc_failure_text(torc_result_failure(failed)));
    of->reason = torc_failure_type_of(torc_result_failure(failed));
    of->note++;
    return torc_nothing();
}

static void a_bad_description_says_what_is_wrong(arena *a)
{
    for (size_t i = 0; i < sizeof bad_descriptions / sizeof bad_descriptions[0]; i++) {
        a->one.note = 0;
        attach(a, &a->one,
            torc_listen_datagrams(a->scope, bad_descriptions[i].text, &probe_class));
        torc_add_errback(torc_datagrams_opened(a->one.protocol), note_text, &a->one);
        AWAIT(a, a->one.note == 1);
        assert_ptr_equal(a->one.reason, &torc_error_invalid_argument);
        if (strstr(a->one.last, bad_descriptions[i].says) == NULL)
            fail_msg("'%s' does not speak of %s", a->one.last, bad_descriptions[i].says);
    }
}

/* -- ending -------------------------------------------------------------------------------- */

static void stopping_is_told_once_and_last(arena *a)
{
    open_pair(a);
    torc_stop_datagrams(a->one.transport);
    torc_stop_datagrams(a->one.transport);
    assert_int_equal(a->one.stopped, 0);
    AWAIT(a, a->one.stopped == 1);
    assert_ptr_equal(a->one.reason, &torc_error_connection_done);
    torc_send(a->other.transport, TORC_SLICE("too late"));
    make_turns(a, 20);
    assert_int_equal(a->one.stopped, 1);
}

static void what_was_sent_before_the_stop_still_leaves(arena *a)
{
    open_pair(a);
    torc_send(a->other.transport, TORC_SLICE("last words"));
    torc_stop_datagrams(a->other.transport);
    assert_false(torc_send(a->other.transport, TORC_SLICE("too late")));
    AWAIT(a, a->one.received == 1);
    assert_string_equal(a->one.last, "last words");
    AWAIT(a, a->other.stopped == 1);
    make_turns(a, 20);
    assert_int_equal(a->one.received, 1);
}

static void stop_on_received(probe *self, torc_slice bytes, const torc_address *peer)
{
    (void)peer;
    torc_stop_datagrams(self->transport);
    assert_int_equal(bytes.length, 100);
    assert_int_equal((unsigned char)bytes.data[99], 99);
}

static void after_a_stop_in_a_callback_no_datagram_comes(arena *a)
{
    a->one.on_received = stop_on_received;
    open_pair(a);
    for (unsigned i = 0; i < 5; i++)
        torc_send(a->other.transport, patterned(100, 0));
    AWAIT(a, a->one.stopped == 1);
    make_turns(a, 20);
    assert_int_equal(a->one.received, 1);
}

static void use_what_has_stopped(probe *self)
{
    static const torc_address nobody;

    assert_false(torc_send(self->transport, TORC_SLICE("x")));
    assert_false(torc_send_to(self->transport, TORC_SLICE("x"), &nobody));
    torc_stop_datagrams(self->transport);
    torc_pause_datagrams(self->transport);
    torc_resume_datagrams(self->transport);
    torc_set_datagram_queue(self->transport, 1);
    (void)torc_datagram_count(self->transport);
    (void)torc_datagram_address(self->transport);
    assert_null(torc_set_multicast_loop(self->transport, false));
}

static void calls_in_stopped_are_no_ops(arena *a)
{
    a->one.on_stopped = use_what_has_stopped;
    open_pair(a);
    torc_stop_datagrams(a->one.transport);
    AWAIT(a, a->one.stopped == 1);
    make_turns(a, 5);
}

static void the_end_of_the_scope_stops_it(arena *a)
{
    torc_scope *scope = torc_scope_new(a->scope);

    a->scope = scope;
    open_pair(a);
    torc_scope_end(scope);
    assert_int_equal(a->one.stopped, 0);
    AWAIT(a, a->one.stopped == 1 && a->other.stopped == 1);
    assert_ptr_equal(a->one.reason, &torc_error_connection_aborted);
}

static void end_scope_on_received(probe *self, torc_slice bytes, const torc_address *peer)
{
    (void)peer;
    torc_scope_end(self->arena->scope);
    assert_int_equal(bytes.length, 100);
    assert_int_equal((unsigned char)bytes.data[99], 99);
    assert_false(torc_send(self->transport, bytes));
}

static void the_scope_may_end_in_a_callback(arena *a)
{
    torc_scope *scope = torc_scope_new(a->scope);

    a->scope = scope;
    a->one.on_received = end_scope_on_received;
    open_pair(a);
    for (unsigned i = 0; i < 5; i++)
        torc_send(a->other.transport, patterned(100, 0));
    AWAIT(a, a->one.stopped == 1 && a->other.stopped == 1);
    assert_int_equal(a->one.received, 1);
}

static void end_scope_on_stopped(probe *self)
{
    torc_scope_end(self->arena->scope);
}

static void the_scope_may_end_in_stopped(arena *a)
{
    torc_scope *scope = torc_scope_new(a->scope);

    a->scope = scope;
    a->one.on_stopped = end_scope_on_stopped;
    open_pair(a);
    torc_stop_datagrams(a->one.transport);
    AWAIT(a, a->one.stopped == 1 && a->other.stopped == 1);
}

static void a_scope_may_end_before_the_start(arena *a)
{
    torc_scope *scope = torc_scope_new(a->scope);

    a->scope = scope;
    open_listening(a, &a->one, "");
    torc_add_errback(torc_datagrams_opened(a->one.protocol), note_failure, &a->one);
    torc_scope_end(scope);
    make_turns(a, 10);
    assert_int_equal(a->one.started + a->one.stopped, 0);
}

static void in_a_scope_that_has_ended_nothing_starts(arena *a)
{
    torc_scope *scope = torc_scope_new(a->scope);

    torc_scope_end(scope);
    a->scope = scope;
    open_listening(a, &a->one, "");
    assert_false(torc_send(a->one.transport, TORC_SLICE("x")));
    make_turns(a, 10);
    assert_int_equal(a->one.started + a->one.stopped, 0);
}

static void count_it(void *argument)
{
    probe *self = argument;

    self->note++;
}

static void arm_for_ever(probe *self)
{
    torc_scope *scope = torc_datagram_scope_of(self->protocol);

    torc_call_later(scope, TORC_MILLISECOND, count_it, self);
    assert_true(torc_scope_on_end(scope, count_it, self));
    torc_stop_datagrams(self->transport);
}

static void the_scope_of_the_protocol_ends_with_it(arena *a)
{
    a->one.on_started = arm_for_ever;
    open_pair(a);
    AWAIT(a, a->one.stopped == 1);
    assert_int_equal(a->one.note, 1);
    usleep(2000);
    make_turns(a, 5);
    assert_int_equal(a->one.note, 1);
}

static void restart(probe *self)
{
    if (self == &self->arena->one && self->arena->note++ < 3)
        open_listening(self->arena, &self->arena->third, "");
}

static void another_may_be_opened_in_stopped(arena *a)
{
    a->one.on_stopped = restart;
    open_listening(a, &a->one, "");
    AWAIT(a, a->one.started);
    torc_stop_datagrams(a->one.transport);
    AWAIT(a, a->third.started == 1);
}

static void one_end_of_a_pair_may_go_before_the_other(arena *a)
{
    open_pair(a);
    torc_stop_datagrams(a->one.transport);
    AWAIT(a, a->one.stopped == 1);
    torc_send(a->other.transport, TORC_SLICE("is anybody there?"));
    make_turns(a, 10);
    assert_int_equal(a->other.stopped, 0);
    assert_int_equal(torc_datagram_count(a->other.transport).failed, 1);
}

static void send_and_stop_the_other(probe *self, torc_slice bytes, const torc_address *peer)
{
    probe *other = &self->arena->other;

    (void)bytes;
    (void)peer;
    if (other->transport == NULL)
        return;
    for (unsigned i = 0; i < 200; i++)
        torc_send(other->transport, patterned(900, i));
    torc_stop_datagrams(other->transport);
}

/* What is being told must stay where it is while more is sent. */
static void a_callback_may_use_the_other_end(arena *a)
{
    a->one.on_received = send_and_stop_the_other;
    a->one.patterns = true;
    open_pair(a);
    for (unsigned i = 0; i < 5; i++)
        torc_send(a->other.transport, patterned(100, i));
    AWAIT(a, a->other.stopped == 1);
    make_turns(a, 20);
}

/* -- paths --------------------------------------------------------------------------------- */

static bool exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

static void the_path_goes_with_the_transport(arena *a)
{
    torc_address one;
    torc_address other;

    open_pair(a);
    one = address_of(&a->one);
    other = address_of(&a->other);
    assert_true(exists(one.path) && exists(other.path));
    torc_stop_datagrams(a->one.transport);
    torc_stop_datagrams(a->other.transport);
    AWAIT(a, a->one.stopped && a->other.stopped);
    assert_false(exists(one.path));
    assert_false(exists(other.path));
}

static void the_mode_of_the_path_is_set(arena *a)
{
    torc_address one;
    struct stat status;

    open_listening(a, &a->one, ":mode=622");
    one = address_of(&a->one);
    assert_int_equal(lstat(one.path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0622);
}

static torc_result note_refusal(void *self, torc_result failed)
{
    probe *of = self;

    of->note = torc_failure_is(torc_result_failure(failed), &torc_error_cancelled) ? 1 : -1;
    return torc_nothing();
}

static void who_asks_later_is_answered_at_once(arena *a)
{
    open_listening(a, &a->one, "");
    AWAIT(a, a->one.started == 1);
    torc_add_callback(torc_datagrams_opened(a->one.protocol), note_opened, &a->one);
    assert_int_equal(a->one.note, 1);
}

static void who_asks_one_that_has_stopped_gets_a_failure(arena *a)
{
    torc_scope *scope = torc_scope_new(a->scope);
    torc_datagram_protocol *protocol;

    torc_scope_end(scope);
    protocol = torc_listen_datagrams(scope, "udp:0:interface=127.0.0.1", &probe_class);
    torc_add_errback(torc_datagrams_opened(protocol), note_refusal, &a->one);
    assert_int_equal(a->one.note, 1);
    torc_stop_datagrams(protocol->transport);
}

static void ask_twice(void)
{
    torc_reactor *reactor = torc_reactor_new();
    torc_datagram_protocol *protocol = torc_listen_datagrams(
        torc_root(reactor), "udp:0:interface=127.0.0.1", &probe_class);

    (void)torc_datagrams_opened(protocol);
    (void)torc_datagrams_opened(protocol);
}

static void to_ask_twice_is_a_mistake_of_the_program(arena *a)
{
    (void)a;
    expect_abort(ask_twice, "torc_datagrams_opened was called twice for one protocol: ask once");
}

static void open_without_memory(void)
{
    torc_reactor *reactor = torc_reactor_new();

    fail_all_allocations();
    (void)torc_listen_datagrams(torc_root(reactor), "udp:0", &probe_class);
}

static void without_memory_for_a_protocol_the_program_ends(arena *a)
{
    (void)a;
    expect_abort(open_without_memory, "out of memory while making a datagram");
}

/* As in a list of what is pending. */
static void it_is_named_by_its_class_and_address(arena *a)
{
    char text[160];
    char address[TORC_ADDRESS_TEXT_MAX];
    char expected[160];
    torc_address one;

    open_pair(a);
    one = address_of(&a->one);
    snprintf(expected, sizeof expected, "Probe,%s", torc_address_text(&one, address));
    torc__members_datagrams.describe(&a->one.transport->scope.scoped, text, sizeof text);
    assert_string_equal(text, expected);
    torc__members_datagrams.describe(&a->other.transport->scope.scoped, text, sizeof text);
    assert_string_equal(text, expected);
}

static void a_path_whose_mode_cannot_be_set_is_removed(arena *a)
{
    char path[128];
    char description[160];
    torc_datagram_protocol *protocol;

    snprintf(path, sizeof path, "%s/unset", a->directory);
    snprintf(description, sizeof description, "unix-datagram:%s:mode=622", path);
    fail_system_calls_named("chmod", EACCES);
    protocol = torc_listen_datagrams(a->scope, description, &probe_class);
    allow_system_calls();
    torc_add_errback(torc_datagrams_opened(protocol), note_failure, &a->one);
    make_turns(a, 2);
    assert_int_not_equal(a->one.note, 0);
    assert_false(exists(path));
}

static const datagram_behaviour behaviours[] = {
    { "nothing is told before the call returns", nothing_is_told_before_the_call_returns,
        BY_SOCKETS },
    { "what is sent before the start leaves then", what_is_sent_before_the_start_leaves_then,
        BY_SOCKETS },
    { "who asks is told that it is open", who_asks_is_told_that_it_is_open, BY_SOCKETS },
    { "stopping in started is told after it", stopping_in_started_is_told_after_it, BY_SOCKETS },
    { "stopping before the start tells who asked", stopping_before_the_start_tells_who_asked,
        BY_SOCKETS },
    { "cancelling the opening stops it", cancelling_the_opening_stops_it, BY_SOCKETS },
    { "a port that is taken is a failure", a_port_that_is_taken_is_a_failure, BY_SOCKETS },
    { "a failure that nobody asks about is logged", a_failure_that_nobody_asks_about_is_logged,
        BY_UNIX },
    { "a bad description says what is wrong", a_bad_description_says_what_is_wrong, BY_UDP4 },
    { "stopping is told once and last", stopping_is_told_once_and_last, BY_ALL },
    { "what was sent before the stop still leaves", what_was_sent_before_the_stop_still_leaves,
        BY_ALL },
    { "after a stop in a callback no datagram comes",
        after_a_stop_in_a_callback_no_datagram_comes, BY_ALL },
    { "calls in stopped are no-ops", calls_in_stopped_are_no_ops, BY_ALL },
    { "the end of the scope stops it", the_end_of_the_scope_stops_it, BY_ALL },
    { "the scope may end in a callback", the_scope_may_end_in_a_callback, BY_ALL },
    { "the scope may end in stopped", the_scope_may_end_in_stopped, BY_ALL },
    { "a scope may end before the start", a_scope_may_end_before_the_start, BY_SOCKETS },
    { "in a scope that has ended nothing starts", in_a_scope_that_has_ended_nothing_starts,
        BY_SOCKETS },
    { "the scope of the protocol ends with it", the_scope_of_the_protocol_ends_with_it, BY_ALL },
    { "another may be opened in stopped", another_may_be_opened_in_stopped, BY_SOCKETS },
    { "one end of a pair may go before the other", one_end_of_a_pair_may_go_before_the_other,
        BY_MEMORY },
    { "a callback may use the other end", a_callback_may_use_the_other_end, BY_ALL },
    { "the path goes with the transport", the_path_goes_with_the_transport, BY_UNIX },
    { "the mode of the path is set", the_mode_of_the_path_is_set, BY_UNIX },
    { "who asks later is answered at once", who_asks_later_is_answered_at_once, BY_SOCKETS },
    { "who asks one that has stopped gets a failure",
        who_asks_one_that_has_stopped_gets_a_failure, BY_UDP4 },
    { "to ask twice is a mistake of the program", to_ask_twice_is_a_mistake_of_the_program,
        BY_UDP4 },
    { "without memory for a protocol the program ends",
        without_memory_for_a_protocol_the_program_ends, BY_UDP4 },
    { "it is named by its class and address", it_is_named_by_its_class_and_address, BY_UDP },
    { "a path whose mode cannot be set is removed", a_path_whose_mode_cannot_be_set_is_removed,
        BY_UNIX },
};

int main(void)
{
    return RUN_DATAGRAM_BEHAVIOURS("datagram life", behaviours);
}
