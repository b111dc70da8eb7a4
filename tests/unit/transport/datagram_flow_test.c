/*
 * Datagrams sent and received: whole, with their addresses, in batches, within bounds.
 */
#include "support/datagram_harness.h"
#include "support/failing_system_call.h"

#include "base/system_call.h"

#include <torc/driver.h>

#include <errno.h>

/* -- whole --------------------------------------------------------------------------------- */

static void a_datagram_arrives_whole(arena *a)
{
    open_pair(a);
    assert_true(torc_send(a->other.transport, TORC_SLICE("hello")));
    AWAIT(a, a->one.received == 1);
    assert_string_equal(a->one.last, "hello");
    assert_int_equal(a->one.lengths[0], 5);
}

static void an_empty_datagram_is_one(arena *a)
{
    open_pair(a);
    assert_true(torc_send(a->other.transport, TORC_SLICE("")));
    assert_true(torc_send(a->other.transport, TORC_SLICE("x")));
    AWAIT(a, a->one.received == 2);
    assert_int_equal(a->one.lengths[0], 0);
    assert_int_equal(a->one.lengths[1], 1);
    assert_int_equal(a->one.stopped, 0);
}

static void the_largest_datagram_arrives(arena *a)
{
    open_pair(a);
    a->one.patterns = true;
    assert_true(torc_send(a->other.transport, patterned(TORC_DATAGRAM_BYTES_MAX, 7)));
    AWAIT(a, a->one.received == 1);
    assert_int_equal(a->one.lengths[0], TORC_DATAGRAM_BYTES_MAX);
}

static void a_larger_one_is_not_taken(arena *a)
{
    open_pair(a);
    assert_false(torc_send(a->other.transport, patterned(TORC_DATAGRAM_BYTES_MAX + 1, 0)));
    assert_true(torc_send(a->other.transport, TORC_SLICE("small")));
    AWAIT(a, a->one.received == 1);
    assert_string_equal(a->one.last, "small");
}

static void many_sizes_keep_their_boundaries_and_order(arena *a)
{
    unsigned sent = 0;

    open_pair(a);
    a->one.patterns = true;
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 20; i++, sent++)
            assert_true(torc_send(a->other.transport, patterned(1 + (i * 97) % 1400, sent)));
        AWAIT(a, a->one.received == sent);
    }
    for (unsigned i = 0; i < sent; i++) {
        assert_int_equal(a->one.lengths[i], 1 + ((i % 20) * 97) % 1400);
        assert_int_equal((unsigned char)a->one.first[i], i % 256);
    }
}

/* What the kernel may hand over as one message, and take as one. */
static void a_run_of_equal_sizes_keeps_its_boundaries(arena *a)
{
    open_pair(a);
    a->one.patterns = true;
    for (unsigned i = 0; i < 40; i++)
        assert_true(torc_send(a->other.transport, patterned(i == 39 ? 100 : 1000, i)));
    AWAIT(a, a->one.received == 40);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(a->one.lengths[i], i == 39 ? 100 : 1000);
        assert_int_equal((unsigned char)a->one.first[i], i);
    }
}

static void send_back(probe *self, torc_slice bytes, const torc_address *peer)
{
    assert_true(torc_send_to(self->transport, bytes, peer));
}

static void an_echo_answers_who_asked(arena *a)
{
    a->one.on_received = send_back;
    open_pair(a);
    a->other.patterns = true;
    for (unsigned i = 0; i < 100; i++) {
        torc_send(a->other.transport, patterned(500, i));
        if (i % 10 == 9)
            AWAIT(a, a->other.received == i + 1);
    }
}

/* -- addresses ----------------------------------------------------------------------------- */

static void the_peer_is_told_with_each_datagram(arena *a)
{
    torc_address other;

    open_two(a);
    other = address_of(&a->other);
    assert_true(send_to_one(a, TORC_SLICE("from the other")));
    AWAIT(a, a->one.received == 1);
    assert_int_equal(a->one.peer.kind, other.kind);
    assert_int_equal(a->one.peer.port, other.port);
    assert_memory_equal(a->one.peer.ip, other.ip, sizeof other.ip);
    assert_string_equal(a->one.peer.path, other.path);
}

static void one_that_is_connected_is_told_its_peer(arena *a)
{
    torc_address one;

    a->one.on_received = send_back;
    open_pair(a);
    one = address_of(&a->one);
    torc_send(a->other.transport, TORC_SLICE("?"));
    AWAIT(a, a->other.received == 1);
    assert_int_equal(a->other.peer.kind, one.kind);
    assert_int_equal(a->other.peer.port, one.port);
    assert_string_equal(a->other.peer.path, one.path);
    assert_int_equal(torc_datagram_peer(a->other.transport).port, one.port);
}

static void one_that_is_connected_sends_to_nobody_else(arena *a)
{
    torc_address third;

    open_pair(a);
    open_listening(a, &a->third, "");
    AWAIT(a, a->third.started);
    third = address_of(&a->third);
    assert_false(torc_send_to(a->other.transport, TORC_SLICE("no"), &third));
    assert_true(send_to_one(a, TORC_SLICE("yes")));
    AWAIT(a, a->one.received == 1);
    assert_int_equal(a->third.received, 0);
}

static void one_that_is_connected_hears_nobody_else(arena *a)
{
    torc_address other;

    open_pair(a);
    open_listening(a, &a->third, "");
    AWAIT(a, a->third.started);
    other = address_of(&a->other);
    (void)torc_send_to(a->third.transport, TORC_SLICE("no"), &other);
    make_turns(a, 20);
    assert_int_equal(a->other.received, 0);
    assert_int_equal(a->third.stopped, 0);
}

static void one_that_is_not_connected_needs_an_address(arena *a)
{
    open_two(a);
    assert_false(torc_send(a->other.transport, TORC_SLICE("to whom?")));
}

static void an_address_of_another_family_is_not_taken(arena *a)
{
    torc_address strange = { .kind = TORC_ADDRESS_IPV4, .port = 9, .ip = { 127, 0, 0, 1 } };

    if (a->carrier == BY_UDP4)
        strange.kind = TORC_ADDRESS_IPV6;
    open_two(a);
    assert_false(torc_send_to(a->other.transport, TORC_SLICE("x"), &strange));
}

/* -- together ------------------------------------------------------------------------------ */

static unsigned calls_to_send;
static unsigned calls_to_receive;

static int count_calls(const char *name)
{
    calls_to_send += strcmp(name, "sendmmsg") == 0 || strcmp(name, "sendmsg") == 0;
    calls_to_receive += strcmp(name, "recvmmsg") == 0 || strcmp(name, "recvmsg") == 0;
    return 0;
}

/* As many as the queue of a UNIX socket holds, by default. */
static void send_eight(probe *self)
{
    torc_address one = address_of(&self->arena->one);

    for (unsigned i = 0; i < 8; i++)
        assert_true(torc_send_to(self->transport, patterned(100 + i % 7, i), &one));
    assert_int_equal(calls_to_send, 0);
}

static void what_one_callback_sends_leaves_together(arena *a)
{
    calls_to_send = 0;
    open_listening(a, &a->one, "");
    AWAIT(a, a->one.started);
    open_listening(a, &a->other, "");
    a->other.on_started = send_eight;
    torc__set_system_call_hook(count_calls);
    AWAIT(a, a->other.started);
    torc__set_system_call_hook(NULL);
    assert_int_equal(calls_to_send, 1);
    AWAIT(a, a->one.received == 8);
}

static void answers_to_one_batch_leave_together(arena *a)
{
    a->one.on_received = send_back;
    open_pair(a);
    for (unsigned i = 0; i < 8; i++)
        torc_send(a->other.transport, patterned(100, i));
    make_turns(a, 1);
    calls_to_send = 0;
    calls_to_receive = 0;
    torc__set_system_call_hook(count_calls);
    AWAIT(a, a->other.received == 8);
    torc__set_system_call_hook(NULL);
    assert_true(calls_to_send <= 2);
    assert_true(calls_to_receive <= 6);
}

/* -- bounds -------------------------------------------------------------------------------- */

/* Nobody reads, so the carrier fills up; what is beyond the queue is dropped, and counted. */
static void a_full_carrier_fills_the_queue_and_no_more(arena *a)
{
    torc_datagram_counts counts;
    unsigned taken = 0;
    unsigned sent = 0;

    open_pair(a);
    torc_pause_datagrams(a->one.transport);
    for (; sent < 4000; sent++)
        taken += torc_send(a->other.transport, patterned(1000, sent)) ? 1 : 0;
    counts = torc_datagram_count(a->other.transport);
    assert_true(taken < sent);
    assert_int_equal(counts.dropped, sent - taken);
    assert_int_equal(counts.sent + counts.failed + counts.waiting, taken);
    assert_true(counts.waiting * (1000 + 192) <= TORC_DATAGRAM_QUEUE);
    assert_true(counts.waiting > 100);
    torc_resume_datagrams(a->one.transport);
    AWAIT(a, a->one.received == taken);
    for (unsigned i = 0; i < taken; i++)
        assert_int_equal((unsigned char)a->one.first[i], i % 256);
    AWAIT(a, a->other.room == 1);
    assert_int_equal(torc_datagram_count(a->other.transport).waiting, 0);
}

static void room_send_more(probe *self)
{
    if (self->note++ < 5)
        while (torc_send(self->transport, patterned(1000, 0)))
            self->arena->note++;
}

static void who_waits_for_room_goes_on_when_there_is_some(arena *a)
{
    a->other.on_room = room_send_more;
    open_pair(a);
    torc_pause_datagrams(a->one.transport);
    while (torc_send(a->other.transport, patterned(1000, 0)))
        a->note++;
    torc_resume_datagrams(a->one.transport);
    AWAIT(a, a->other.note >= 6);
    AWAIT(a, a->one.received == (unsigned)a->note);
}

static void the_bound_of_the_queue_can_be_set(arena *a)
{
    open_pair(a);
    torc_pause_datagrams(a->one.transport);
    torc_set_datagram_queue(a->other.transport, 10 * (1000 + 192));
    while (torc_send(a->other.transport, patterned(1000, 0)))
        a->note++;
    assert_int_equal(torc_datagram_count(a->other.transport).waiting, 10);
    torc_resume_datagrams(a->one.transport);
    AWAIT(a, a->one.received == (unsigned)a->note);
}

static void of_a_bound_of_nothing_one_still_fits(arena *a)
{
    open_pair(a);
    torc_set_datagram_queue(a->other.transport, 0);
    assert_true(torc_send(a->other.transport, TORC_SLICE("one")));
    AWAIT(a, a->one.received == 1);
}

static void send_to_oneself(probe *self, torc_slice bytes, const torc_address *peer)
{
    torc_address own = address_of(self);

    (void)peer;
    (void)torc_send_to(self->transport, bytes, &own);
}

static void send_to_oneself_and_pause(probe *self, torc_slice bytes, const torc_address *peer)
{
    send_to_oneself(self, bytes, peer);
    torc_pause_datagrams(self->transport);
}

static unsigned told_in_a_turn(arena *a)
{
    unsigned before = a->one.received;

    make_turns(a, 1);
    return a->one.received - before;
}

/* What is sent to oneself is there at once, so that there is always more to receive. */
static void a_turn_takes_what_came_meanwhile_within_its_bound(arena *a)
{
    unsigned most = 0;

    a->one.on_received = send_to_oneself;
    open_two(a);
    assert_true(send_to_one(a, TORC_SLICE("round and round")));
    for (unsigned i = 0; i < 20; i++) {
        unsigned told = told_in_a_turn(a);

        assert_true(told <= TORC_DATAGRAMS_MAX);
        most = told > most ? told : most;
    }
    assert_true(most > 1);
}

static void one_paused_takes_no_more_in_its_turn(arena *a)
{
    a->one.on_received = send_to_oneself_and_pause;
    open_two(a);
    assert_true(send_to_one(a, TORC_SLICE("once")));
    AWAIT(a, a->one.received == 1);
    make_turns(a, 5);
    assert_int_equal(a->one.received, 1);
    torc_resume_datagrams(a->one.transport);
    AWAIT(a, a->one.received == 2);
}

/* One that is not connected cannot learn when a UNIX peer reads again: see driver/datagram.c. */
static void to_a_full_unix_peer_datagrams_are_lost_without_spinning(arena *a)
{
    torc_datagram_counts counts;

    open_two(a);
    torc_pause_datagrams(a->one.transport);
    for (unsigned i = 0; i < 4000; i++)
        (void)send_to_one(a, patterned(100, i));
    make_turns(a, 5);
    counts = torc_datagram_count(a->other.transport);
    assert_int_equal(counts.waiting, 0);
    assert_true(counts.failed > 0);
    assert_int_equal(counts.last_error, ENOBUFS);
    torc_resume_datagrams(a->one.transport);
    AWAIT(a, a->one.received == counts.sent);
}

static void pausing_keeps_datagrams_back(arena *a)
{
    open_pair(a);
    torc_pause_datagrams(a->one.transport);
    torc_send(a->other.transport, TORC_SLICE("kept"));
    make_turns(a, 20);
    assert_int_equal(a->one.received, 0);
    torc_resume_datagrams(a->one.transport);
    assert_int_equal(a->one.received, 0);
    AWAIT(a, a->one.received == 1);
}

static void pause_it(probe *self)
{
    torc_pause_datagrams(self->transport);
}

static void pausing_from_the_start_holds(arena *a)
{
    a->one.on_started = pause_it;
    open_pair(a);
    torc_send(a->other.transport, TORC_SLICE("kept"));
    make_turns(a, 20);
    assert_int_equal(a->one.received, 0);
    torc_resume_datagrams(a->one.transport);
    AWAIT(a, a->one.received == 1);
}

/* -- truncation ---------------------------------------------------------------------------- */

static void one_beyond_the_size_is_told_as_truncated(arena *a)
{
    torc_address one;

    open_listening(a, &a->one, ":size=100");
    open_listening(a, &a->other, "");
    AWAIT(a, a->one.started && a->other.started);
    one = address_of(&a->one);
    torc_send_to(a->other.transport, patterned(101, 0), &one);
    torc_send_to(a->other.transport, patterned(100, 0), &one);
    AWAIT(a, a->one.received == 1);
    assert_int_equal(a->one.truncated, 1);
    assert_int_equal(a->one.lengths[0], 100);
    assert_int_equal(torc_datagram_count(a->one.transport).truncated, 1);
    assert_int_equal(torc_datagram_count(a->one.transport).received, 2);
}

/* In a message of several, each is held to the size by itself. */
static void a_run_beyond_the_size_is_truncated_each(arena *a)
{
    torc_address one;

    open_listening(a, &a->one, ":size=500");
    open_listening(a, &a->other, "");
    AWAIT(a, a->one.started && a->other.started);
    one = address_of(&a->one);
    for (unsigned i = 0; i < 10; i++)
        torc_send_to(a->other.transport, patterned(i == 9 ? 400 : 600, i), &one);
    AWAIT(a, a->one.truncated + a->one.received == 10);
    assert_int_equal(a->one.truncated, 9);
    assert_int_equal(a->one.received, 1);
}

/* -- without what only some systems have --------------------------------------------------- */

static int refuse_multiple(const char *name)
{
    return strcmp(name, "recvmmsg") == 0 || strcmp(name, "sendmmsg") == 0 ? ENOSYS : 0;
}

static void without_calls_for_several_each_is_moved_by_itself(arena *a)
{
    a->one.on_received = send_back;
    torc__set_system_call_hook(refuse_multiple);
    open_pair(a);
    a->other.patterns = true;
    for (unsigned i = 0; i < 8; i++)
        torc_send(a->other.transport, patterned(300 + i, i));
    AWAIT(a, a->other.received == 8);
    torc__set_system_call_hook(NULL);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(a->other.lengths[i], 300 + i);
}

static unsigned refusals;

/* The first message of all is refused, as by a device that cannot take several in one. */
static int refuse_once(const char *name)
{
    return strcmp(name, "sendmsg") == 0 && refusals++ == 0 ? EIO : 0;
}

static void a_message_of_several_that_is_refused_is_sent_one_by_one(arena *a)
{
    refusals = 0;
    open_pair(a);
    torc__set_system_call_hook(refuse_once);
    for (unsigned i = 0; i < 20; i++)
        torc_send(a->other.transport, patterned(200, i));
    AWAIT(a, a->one.received == 20);
    torc__set_system_call_hook(NULL);
    assert_int_equal(torc_datagram_count(a->other.transport).failed, 0);
}

static int tell_of_an_earlier_one(const char *name)
{
    return strcmp(name, "sendmsg") == 0 && refusals++ == 0 ? ECONNREFUSED : 0;
}

static void an_error_of_an_earlier_one_does_not_lose_the_next(arena *a)
{
    refusals = 0;
    open_pair(a);
    torc__set_system_call_hook(tell_of_an_earlier_one);
    torc_send(a->other.transport, TORC_SLICE("sent all the same"));
    AWAIT(a, a->one.received == 1);
    torc__set_system_call_hook(NULL);
    AWAIT(a, a->other.refused == 1);
    assert_int_equal(torc_datagram_count(a->other.transport).failed, 0);
}

static void one_that_the_system_refuses_is_counted_and_the_rest_goes(arena *a)
{
    open_pair(a);
    fail_system_calls_named("sendmsg", EPERM);
    torc_send(a->other.transport, TORC_SLICE("refused"));
    make_turns(a, 2);
    allow_system_calls();
    assert_int_equal(torc_datagram_count(a->other.transport).failed, 1);
    assert_int_equal(torc_datagram_count(a->other.transport).last_error, EPERM);
    torc_send(a->other.transport, TORC_SLICE("sent"));
    AWAIT(a, a->one.received == 1);
    assert_string_equal(a->one.last, "sent");
}

static const datagram_behaviour behaviours[] = {
    { "a datagram arrives whole", a_datagram_arrives_whole, BY_ALL },
    { "an empty datagram is one", an_empty_datagram_is_one, BY_ALL },
    { "the largest datagram arrives", the_largest_datagram_arrives, BY_ALL },
    { "a larger one is not taken", a_larger_one_is_not_taken, BY_ALL },
    { "many sizes keep their boundaries and order", many_sizes_keep_their_boundaries_and_order,
        BY_ALL },
    { "a run of equal sizes keeps its boundaries", a_run_of_equal_sizes_keeps_its_boundaries,
        BY_ALL },
    { "an echo answers who asked", an_echo_answers_who_asked, BY_ALL },
    { "the peer is told with each datagram", the_peer_is_told_with_each_datagram, BY_SOCKETS },
    { "one that is connected is told its peer", one_that_is_connected_is_told_its_peer,
        BY_SOCKETS },
    { "one that is connected sends to nobody else", one_that_is_connected_sends_to_nobody_else,
        BY_SOCKETS },
    { "one that is connected hears nobody else", one_that_is_connected_hears_nobody_else,
        BY_SOCKETS },
    { "one that is not connected needs an address", one_that_is_not_connected_needs_an_address,
        BY_SOCKETS },
    { "an address of another family is not taken", an_address_of_another_family_is_not_taken,
        BY_SOCKETS },
    { "what one callback sends leaves together", what_one_callback_sends_leaves_together,
        BY_SOCKETS },
    { "answers to one batch leave together", answers_to_one_batch_leave_together, BY_SOCKETS },
    { "a full carrier fills the queue and no more", a_full_carrier_fills_the_queue_and_no_more,
        BY_LOCAL | BY_MEMORY },
    { "who waits for room goes on when there is some",
        who_waits_for_room_goes_on_when_there_is_some, BY_LOCAL | BY_MEMORY },
    { "the bound of the queue can be set", the_bound_of_the_queue_can_be_set,
        BY_LOCAL | BY_MEMORY },
    { "of a bound of nothing one still fits", of_a_bound_of_nothing_one_still_fits, BY_ALL },
    { "a turn takes what came meanwhile within its bound",
        a_turn_takes_what_came_meanwhile_within_its_bound, BY_SOCKETS },
    { "one paused takes no more in its turn", one_paused_takes_no_more_in_its_turn, BY_SOCKETS },
    { "to a full UNIX peer datagrams are lost without spinning",
        to_a_full_unix_peer_datagrams_are_lost_without_spinning, BY_LOCAL },
    { "pausing keeps datagrams back", pausing_keeps_datagrams_back, BY_ALL },
    { "pausing from the start holds", pausing_from_the_start_holds, BY_ALL },
    { "one beyond the size is told as truncated", one_beyond_the_size_is_told_as_truncated,
        BY_SOCKETS },
    { "a run beyond the size is truncated each", a_run_beyond_the_size_is_truncated_each,
        BY_SOCKETS },
    { "without calls for several each is moved by itself",
        without_calls_for_several_each_is_moved_by_itself, BY_SOCKETS },
    { "a message of several that is refused is sent one by one",
        a_message_of_several_that_is_refused_is_sent_one_by_one, BY_UDP },
    { "an error of an earlier one does not lose the next",
        an_error_of_an_earlier_one_does_not_lose_the_next, BY_SOCKETS },
    { "one that the system refuses is counted and the rest goes",
        one_that_the_system_refuses_is_counted_and_the_rest_goes, BY_SOCKETS },
};

int main(void)
{
    return RUN_DATAGRAM_BEHAVIOURS("datagram flow", behaviours);
}
