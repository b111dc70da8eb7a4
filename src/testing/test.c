/*
 * torc_test: one protocol on a carrier, and the test as its peer. What it stands for is a
 * connection that a port has accepted, so the factory is asked and told as a port does.
 */
#include "testing/carrier.h"
#include "testing/fixture.h"

#include "reactor/reactor.h"
#include "transport/factory.h"
#include "transport/transport.h"

struct torc_test {
    torc__carrier carrier;
    torc_reactor *reactor;
    torc_factory *factory;
    torc__task task;         /* opens it, and at the end lets the factory go */
    uint64_t pumped;         /* bytes of the outbox that torc_test_pump has passed on, in all */
    torc_test_end pumped_end;
    bool owns_reactor;
};

/* -- running ------------------------------------------------------------------------------- */

static bool run_reporting(torc_test *test, torc__report *report)
{
    if (!torc__fixture_run_idle(test->reactor, report))
        return false;
    if (!test->carrier.flooded)
        return true;
    torc__report_add(report, "more than %zu MiB have come from the protocol and were not taken: "
        "does it ever stop? (torc_test_stall keeps it from sending)", TORC__RECEIVED_MAX >> 20);
    return false;
}

/* From inside one of the protocol's own callbacks, what follows comes when that has returned. */
static void run(torc_test *test)
{
    torc__report report = { 0 };

    if (test->reactor->in_turn)
        return;
    (void)run_reporting(test, &report);
    torc__report_fail(&report);
}

/* -- opening ------------------------------------------------------------------------------- */

/* Turned away, or without memory, it is closed before it began; as a port does it. */
static void open_connection(torc__task *task)
{
    torc_test *test = TORC_CONTAINER_OF(task, torc_test, task);
    const torc_address *peer = &test->carrier.peer;
    torc_transport *transport = NULL;

    torc__factory_port_opened(test->factory);
    if (torc__factory_admits(test->factory, peer))
        transport = torc__transport_new(torc_root(test->reactor), test->factory);
    if (transport == NULL) {
        test->carrier.closed = true;
        return;
    }
    torc__carrier_open(&test->carrier, &transport->io);
    torc__transport_start(transport, peer);
}

torc_test *torc_test_new_with(torc_factory *factory, const torc_test_options *options)
{
    torc_test *test = torc__testing_allocate(sizeof *test);

    test->owns_reactor = options->reactor == NULL;
    test->reactor = test->owns_reactor ? torc_testing_reactor() : options->reactor;
    test->factory = factory;
    test->carrier.reactor = test->reactor;
    test->carrier.peer = options->peer;
    test->carrier.local = options->local;
    test->carrier.send_buffer = options->send_buffer;
    test->carrier.cut_every = options->cut_every;
    test->carrier.stalled = options->stalled;
    test->task.run = open_connection;
    torc__queue_task(test->reactor, &test->task);
    run(test);
    return test;
}

torc_test *torc_test_new(torc_factory *factory)
{
    torc_test_options options = { 0 };

    return torc_test_new_with(factory, &options);
}

/* -- facts --------------------------------------------------------------------------------- */

torc_reactor *torc_test_reactor(const torc_test *test)
{
    return test->reactor;
}

torc_protocol *torc_test_protocol(const torc_test *test)
{
    torc_io *io = test->carrier.io;

    return io != NULL ? torc__transport_protocol((torc_transport *)(void *)io) : NULL;
}

torc_slice torc_test_received(const torc_test *test)
{
    return torc__carrier_received(&test->carrier);
}

torc_slice torc_test_take(torc_test *test)
{
    return torc__carrier_take(&test->carrier);
}

torc_test_end torc_test_state(const torc_test *test)
{
    const torc__carrier *carrier = &test->carrier;

    if (carrier->was_reset)
        return TORC_TEST_RESET;
    if (carrier->closed)
        return TORC_TEST_CLOSED;
    return carrier->finished ? TORC_TEST_HALF_CLOSED : TORC_TEST_OPEN;
}

bool torc_test_is_reading(const torc_test *test)
{
    return test->carrier.receives;
}

const torc_failure *torc_test_reason(const torc_test *test)
{
    return test->carrier.reason;
}

/* -- what the peer does -------------------------------------------------------------------- */

void torc_test_send_bytes(torc_test *test, torc_slice bytes)
{
    torc__carrier_send(&test->carrier, bytes);
    run(test);
}

void torc_test_send(torc_test *test, const char *text)
{
    torc_test_send_bytes(test, torc_slice_of(text));
}

void torc_test_close(torc_test *test)
{
    torc__carrier_close(&test->carrier);
    run(test);
}

void torc_test_close_write(torc_test *test)
{
    torc__carrier_close_write(&test->carrier);
    run(test);
}

void torc_test_reset(torc_test *test)
{
    torc__carrier_reset(&test->carrier);
    run(test);
}

void torc_test_advance(torc_test *test, torc_time time)
{
    torc_testing_advance(test->reactor, time);
}

void torc_test_stall(torc_test *test)
{
    torc__carrier_stall(&test->carrier, true);
}

void torc_test_unstall(torc_test *test)
{
    torc__carrier_stall(&test->carrier, false);
    run(test);
}

/* -- two at once --------------------------------------------------------------------------- */

/* Passes on what has come from one since the last time; gives how many bytes. */
static size_t pump_bytes(torc_test *from, torc_test *to)
{
    torc_slice received = torc_test_received(from);
    uint64_t taken = from->carrier.taken;
    size_t passed = from->pumped > taken ? (size_t)(from->pumped - taken) : 0;
    torc_slice fresh = torc_slice_skip(received, passed);

    from->pumped = taken + received.length;
    if (fresh.length > 0)
        torc_test_send_bytes(to, fresh);
    return fresh.length;
}

/* Passes on that one has closed; false where that is no news. */
static bool pump_end(torc_test *from, torc_test *to)
{
    torc_test_end end = torc_test_state(from);

    if (end == from->pumped_end)
        return false;
    from->pumped_end = end;
    if (end == TORC_TEST_HALF_CLOSED)
        torc_test_close_write(to);
    else if (end == TORC_TEST_CLOSED)
        torc_test_close(to);
    else
        torc_test_reset(to);
    return true;
}

void torc_test_pump(torc_test *one, torc_test *other)
{
    size_t total = 0;
    bool moved;

    do {
        size_t bytes = pump_bytes(one, other) + pump_bytes(other, one);
        bool one_ended = pump_end(one, other);
        bool other_ended = pump_end(other, one);

        total += bytes;
        moved = bytes > 0 || one_ended || other_ended;
    } while (moved && total <= TORC__RECEIVED_MAX);
    if (moved)
        torc_testing_failed("the two protocols have exchanged more than %zu MiB: they never stop",
            TORC__RECEIVED_MAX >> 20);
}

/* -- the end ------------------------------------------------------------------------------- */

static void let_factory_go(torc__task *task)
{
    torc_test *test = TORC_CONTAINER_OF(task, torc_test, task);

    torc__factory_port_closed(test->factory);
    torc_factory_release(test->factory);
}

/* A protocol that neither reads nor writes does not notice that its peer has gone. */
static void end_connection(torc_test *test, torc__report *report)
{
    torc__carrier *carrier = &test->carrier;

    torc__carrier_close(carrier);
    (void)torc__fixture_run_idle(test->reactor, report);
    if (carrier->io != NULL) {
        torc_abort_connection((torc_transport *)(void *)carrier->io);
        (void)torc__fixture_run_idle(test->reactor, report);
    }
}

void torc_test_free(torc_test *test)
{
    torc__report report = { 0 };

    if (test == NULL)
        return;
    end_connection(test, &report);
    test->task.run = let_factory_go;
    torc__queue_task(test->reactor, &test->task);
    (void)torc__fixture_run_idle(test->reactor, &report);
    torc__carrier_clear(&test->carrier);
    if (test->owns_reactor)
        torc__fixture_free(test->reactor, &report);
    torc__testing_release(test);
    torc__report_fail(&report);
}
