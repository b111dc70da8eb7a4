/*
 * The memory pair of datagram transports where there is no memory, no scope, or no other end.
 */
#include "support/failing_allocation.h"

#include <torc.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

typedef struct listener {
    torc_datagram_protocol protocol; /* first */
} listener;

static torc_reactor *reactor;
static unsigned started;
static unsigned stopped;
static size_t received;
static torc_datagram_protocol *one;
static torc_datagram_protocol *other;

static void on_started(torc_datagram_protocol *self)
{
    (void)self;
    started++;
}

static void on_received(torc_datagram_protocol *self, torc_slice bytes, const torc_address *peer)
{
    (void)self;
    (void)peer;
    received += bytes.length;
}

static void on_stopped(torc_datagram_protocol *self, const torc_failure *reason)
{
    (void)reason;
    stopped++;
    if (self == other)
        other = NULL;
}

static const torc_datagram_class listener_class = {
    .name = "Listener",
    .size = sizeof(listener),
    .started = on_started,
    .datagram_received = on_received,
    .stopped = on_stopped,
};

static int open_reactor(void **state)
{
    (void)state;
    started = stopped = 0;
    received = 0;
    reactor = torc_reactor_new();
    return 0;
}

static int close_reactor(void **state)
{
    (void)state;
    torc_reactor_free(reactor);
    return 0;
}

static void make_pair(torc_scope *scope)
{
    one = torc_pair_datagrams(scope, &listener_class, &listener_class, &other);
}

static void turns(unsigned count)
{
    while (count-- > 0)
        assert_true(torc_iterate(reactor, 0));
}

static void without_memory_there_is_no_pair(void **state)
{
    unsigned refused = 0;

    (void)state;
    one = NULL;
    for (unsigned i = 0; one == NULL && i < 10; i++) {
        fail_allocation_after(i);
        make_pair(torc_root(reactor));
        allow_allocations();
        refused += one == NULL;
        if (one == NULL)
            assert_null(other);
        turns(2);
    }
    assert_non_null(one);
    assert_int_equal(refused, 3); /* the link, and each end */
    turns(2);
    assert_int_equal(started, 2);
}

static void a_pair_in_a_scope_that_has_ended_never_starts(void **state)
{
    torc_scope *gone = torc_scope_new(torc_root(reactor));

    (void)state;
    torc_scope_end(gone);
    make_pair(gone);
    assert_non_null(one);
    assert_non_null(other);
    assert_false(torc_send(one->transport, TORC_SLICE("to nobody")));
    turns(3);
    assert_int_equal(started, 0);
    assert_int_equal(received, 0);
}

/* What its inbox does not take waits, and has nobody to go to in the end. */
static void what_waits_for_an_end_that_goes_is_given_up(void **state)
{
    static char bytes[32 * 1024];

    (void)state;
    make_pair(torc_root(reactor));
    turns(2);
    assert_int_equal(started, 2);
    torc_pause_datagrams(other->transport);
    for (int i = 0; i < 6; i++)
        (void)torc_send(one->transport, torc_slice_make(bytes, sizeof bytes));
    turns(2);
    assert_true(torc_datagram_count(one->transport).waiting > 0);
    torc_stop_datagrams(other->transport);
    turns(4);
    assert_null(other);
    assert_int_equal(torc_datagram_count(one->transport).waiting, 0);
    assert_int_equal(received, 0);
}

static void send_without_the_allocation_after(unsigned passed)
{
    fail_allocation_after(passed);
    (void)torc_send(one->transport, TORC_SLICE("lost"));
    turns(2);
    allow_allocations();
}

/* Memory is wanted first for what waits to be sent, and then for the other end's inbox. */
static void what_there_is_no_memory_for_is_lost_and_counted(void **state)
{
    torc_datagram_counts counts = { 0 };
    unsigned tries = 0;

    (void)state;
    make_pair(torc_root(reactor));
    turns(2);
    for (; counts.sent == 0 && tries < 10; tries++) {
        send_without_the_allocation_after(tries);
        counts = torc_datagram_count(one->transport);
        assert_int_equal(counts.dropped + counts.failed + counts.sent, tries + 1);
    }
    assert_int_equal(counts.sent, 1);
    assert_true(counts.dropped > 0);
    assert_true(counts.failed > 0);
    assert_int_equal(counts.last_error, ENOMEM);
    turns(1);
    assert_int_equal(received, 4);
}

#define REACTOR_TEST(name) cmocka_unit_test_setup_teardown(name, open_reactor, close_reactor)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REACTOR_TEST(without_memory_there_is_no_pair),
        REACTOR_TEST(a_pair_in_a_scope_that_has_ended_never_starts),
        REACTOR_TEST(what_waits_for_an_end_that_goes_is_given_up),
        REACTOR_TEST(what_there_is_no_memory_for_is_lost_and_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
