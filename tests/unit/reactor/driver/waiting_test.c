/*
 * What every driver promises about waiting and about an io's events, shown by each driver of this
 * build on a pair of sockets.
 */
#include "reactor/support.h"

#include "support/driver_works.h"

#include <unistd.h>

static torc_io io;
static int peer;
static bool closes;

static void received(torc_io *from, torc_slice data, int error)
{
    if (data.length > 0)
        note("%.*s ", TORC_FMT(data));
    else
        note("end:%d ", error);
    if (closes)
        from->kind->close(from, false);
}

static void sent(torc_io *from, size_t count, int error)
{
    (void)from;
    note("sent:%zu:%d ", count, error);
}

static const torc_io_events events = { .received = received, .sent = sent };

/* Runs `test` on a reactor of each driver, with `io` on one end of a pair and `peer` the other. */
static void on_each_driver(void (*test)(torc_driver *driver))
{
    for (size_t i = 0; torc_driver_name(i) != NULL; i++) {
        torc_failure *failure = NULL;
        torc_reactor *named;
        int ends[2];

        if (!driver_works(torc_driver_name(i)))
            continue;
        named = torc_reactor_new_named(torc_driver_name(i), &failure);
        assert_non_null(named);
        assert_int_equal(
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
        memset(&io, 0, sizeof io);
        io.events = &events;
        peer = ends[1];
        closes = false;
        assert_int_equal(named->driver->kind->adopt(named->driver, &io, ends[0]), 0);
        test(named->driver);
        record[0] = '\0';
        io.kind->close(&io, false);
        close(peer);
        torc_reactor_free(named);
    }
}

static void turn_without_waiting(torc_driver *driver)
{
    driver->kind->turn(driver, 0);
}

static void tell_each_piece(torc_driver *driver)
{
    assert_int_equal(write(peer, "one", 3), 3);
    turn_without_waiting(driver);
    assert_ran("one ");
    turn_without_waiting(driver);
    assert_ran("");
    assert_int_equal(write(peer, "two", 3), 3);
    shutdown(peer, SHUT_WR);
    turn_without_waiting(driver);
    turn_without_waiting(driver);
    turn_without_waiting(driver);
    assert_ran("two end:0 ");
}

static void bytes_are_told_and_then_the_end_once(void **state)
{
    (void)state;
    on_each_driver(tell_each_piece);
}

static void close_inside(torc_driver *driver)
{
    closes = true;
    assert_int_equal(write(peer, "one", 3), 3);
    turn_without_waiting(driver);
    turn_without_waiting(driver);
    assert_ran("one ");
}

static void an_io_closed_inside_its_event_tells_nothing_more(void **state)
{
    (void)state;
    on_each_driver(close_inside);
}

static void keep_what_is_off(torc_driver *driver)
{
    io.kind->receive(&io, false);
    assert_int_equal(write(peer, "kept", 4), 4);
    turn_without_waiting(driver);
    turn_without_waiting(driver);
    assert_ran("");
    io.kind->receive(&io, true);
    turn_without_waiting(driver);
    assert_ran("kept ");
}

static void what_comes_while_receiving_is_off_is_kept(void **state)
{
    (void)state;
    on_each_driver(keep_what_is_off);
}

/* Or a reactor spins as long as a protocol is paused. The peer reads nothing: the io is watched. */
static void wait_with_bytes_unread(torc_driver *driver)
{
    static char bytes[65536];
    struct iovec piece = { bytes, sizeof bytes };
    torc_time deadline;

    io.kind->receive(&io, false);
    while (io.kind->send(&io, &piece, 1, false) > 0)
        continue;
    assert_int_equal(write(peer, "kept", 4), 4);
    turn_without_waiting(driver);
    deadline = driver->kind->now(driver) + 20 * TORC_MILLISECOND;
    driver->kind->turn(driver, deadline);
    assert_true(driver->kind->now(driver) >= deadline);
}

static void what_comes_while_receiving_is_off_wakes_nobody(void **state)
{
    (void)state;
    on_each_driver(wait_with_bytes_unread);
}

static void fill_and_drain(torc_driver *driver)
{
    static char bytes[65536];
    struct iovec piece = { bytes, sizeof bytes };

    while (io.kind->send(&io, &piece, 1, false) > 0)
        continue;
    turn_without_waiting(driver);
    assert_ran("");
    while (read(peer, bytes, sizeof bytes) > 0)
        continue;
    turn_without_waiting(driver);
    assert_ran("sent:0:0 ");
    assert_true(io.kind->send(&io, &piece, 1, false) > 0);
}

static void a_pending_send_is_told_once_the_peer_has_read(void **state)
{
    (void)state;
    on_each_driver(fill_and_drain);
}

/* Would wait for ever if the wake-up were lost. */
static void wake_then_wait(torc_driver *driver)
{
    driver->kind->wake(driver);
    driver->kind->wake(driver);
    driver->kind->turn(driver, TORC_NEVER);
}

static void a_wake_up_before_the_waiting_is_not_lost(void **state)
{
    (void)state;
    on_each_driver(wake_then_wait);
}

static void wait_for_deadline(torc_driver *driver)
{
    torc_time deadline = driver->kind->now(driver) + 5 * TORC_MILLISECOND + 1;

    driver->kind->turn(driver, deadline);
    assert_true(driver->kind->now(driver) >= deadline);
    assert_true(torc_now(driver->reactor) >= deadline);
}

static void waiting_ends_not_before_the_deadline_and_moves_the_clock(void **state)
{
    (void)state;
    on_each_driver(wait_for_deadline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REAL_TIME_TEST(bytes_are_told_and_then_the_end_once),
        REAL_TIME_TEST(an_io_closed_inside_its_event_tells_nothing_more),
        REAL_TIME_TEST(what_comes_while_receiving_is_off_is_kept),
        REAL_TIME_TEST(what_comes_while_receiving_is_off_wakes_nobody),
        REAL_TIME_TEST(a_pending_send_is_told_once_the_peer_has_read),
        REAL_TIME_TEST(a_wake_up_before_the_waiting_is_not_lost),
        REAL_TIME_TEST(waiting_ends_not_before_the_deadline_and_moves_the_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
