/*
 * Waiting for room on a socket whose peer has closed its half: no driver may take that end for
 * news over and over, and each must tell of the room when it is there.
 */
#include "reactor/support.h"
#include "support/driver_works.h"

#include "base/system_call.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAITED (60 * TORC_MILLISECOND)

enum { CALLS_MAX = 30 };

static torc_io io;
static torc_driver *driver;
static int peer;

static void received(torc_io *from, torc_slice data, int error)
{
    (void)from;
    (void)data;
    note("end:%d ", error);
}

static void sent(torc_io *from, size_t count, int error)
{
    (void)from;
    note("sent:%zu:%d ", count, error);
}

static void ready(torc_io *from, bool readable, bool writable)
{
    note("%s%s ", readable ? "r" : "", writable ? "w" : "");
    from->kind->watch_for(from, false, false);
}

static const torc_io_events events = { .received = received, .sent = sent, .ready = ready };

/* The near end of a connection that takes no more, and whose peer has closed its half. */
static int full_and_half_closed(void)
{
    static const char block[4096];
    int ends[2];

    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    while (write(ends[0], block, sizeof block) > 0)
        continue;
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    peer = ends[1];
    return ends[0];
}

static void drain_peer(void)
{
    char block[4096];

    while (read(peer, block, sizeof block) > 0)
        continue;
}

static unsigned calls;

static int count_call(const char *name)
{
    (void)name;
    calls++;
    return 0;
}

static void turn_until(torc_time limit)
{
    while (driver->kind->now(driver) < limit)
        driver->kind->turn(driver, limit);
}

static void send_and_block(void)
{
    struct iovec piece = { .iov_base = (void *)(uintptr_t)"x", .iov_len = 1 };

    io.kind->receive(&io, false);
    assert_int_equal(io.kind->send(&io, &piece, 1, false), 0);
}

/* The system calls are counted, not the turns: a driver may spin inside a turn, too. */
static void wait_and_make_room(const char *told)
{
    calls = 0;
    torc__set_system_call_hook(count_call);
    turn_until(driver->kind->now(driver) + WAITED);
    torc__set_system_call_hook(NULL);
    assert_in_range(calls, 1, CALLS_MAX);
    assert_ran("");
    drain_peer();
    for (unsigned i = 0; i < 100 && record[0] == '\0'; i++)
        driver->kind->turn(driver, driver->kind->now(driver) + TORC_MILLISECOND);
    assert_ran(told);
}

static void send_on_a_socket(void)
{
    assert_int_equal(driver->kind->adopt(driver, &io, full_and_half_closed()), 0);
    send_and_block();
    wait_and_make_room("sent:0:0 ");
    assert_true(io.kind->close(&io, true));
}

static void send_on_a_stream(void)
{
    assert_int_equal(
        driver->kind->adopt_stream(driver, &io, full_and_half_closed(), true, true), 0);
    send_and_block();
    wait_and_make_room("sent:0:0 ");
    assert_true(io.kind->close(&io, false));
}

static void watch(void)
{
    int near = full_and_half_closed();

    assert_int_equal(driver->kind->watch(driver, &io, near), 0);
    io.kind->watch_for(&io, false, true);
    wait_and_make_room("w ");
    io.kind->watch_for(&io, false, true);
    driver->kind->turn(driver, 0);
    assert_ran("w ");
    assert_true(io.kind->close(&io, false));
    close(near);
}

static void on_each_driver(void (*test)(void))
{
    for (size_t i = 0; torc_driver_name(i) != NULL; i++) {
        torc_failure *failure = NULL;
        torc_reactor *named;

        if (!driver_works(torc_driver_name(i)))
            continue;
        named = torc_reactor_new_named(torc_driver_name(i), &failure);
        assert_non_null(named);
        driver = named->driver;
        memset(&io, 0, sizeof io);
        io.events = &events;
        record[0] = '\0';
        test();
        close(peer);
        torc_reactor_free(named);
    }
}

static void a_socket_waits_for_room_without_work(void **state)
{
    (void)state;
    on_each_driver(send_on_a_socket);
}

static void a_stream_waits_for_room_without_work(void **state)
{
    (void)state;
    on_each_driver(send_on_a_stream);
}

static void a_watch_waits_for_room_without_work(void **state)
{
    (void)state;
    on_each_driver(watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_waits_for_room_without_work),
        cmocka_unit_test(a_stream_waits_for_room_without_work),
        cmocka_unit_test(a_watch_waits_for_room_without_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
