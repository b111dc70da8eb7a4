/*
 * What only the kqueue driver does: how many calls a change of interest costs, what it refuses, and
 * what it makes of errors in a list of changes. What all drivers promise is in waiting_test.c.
 */
#include "reactor/support.h"

#include "base/system_call.h"
#include "reactor/drivers.h"
#include "support/failing_system_call.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static torc_reactor *made;
static torc_driver *driver;
static torc_io io;
static int peer;
static unsigned calls;

static int count_kevents(const char *name)
{
    calls += strcmp(name, "kevent") == 0;
    return 0;
}

static int interrupt_first_kevent(const char *name)
{
    return count_kevents(name) == 0 && strcmp(name, "kevent") == 0 && calls == 1 ? EINTR : 0;
}

static void received(torc_io *from, torc_slice data, int error)
{
    (void)from;
    if (data.length > 0)
        note("%.*s ", TORC_FMT(data));
    else
        note("end:%d ", error);
}

static void sent(torc_io *from, size_t count, int error)
{
    (void)from;
    note("sent:%zu:%d ", count, error);
}

static const torc_io_events events = { .received = received, .sent = sent };

static int open_pair(void **state)
{
    int error;
    int ends[2];

    (void)state;
    record[0] = '\0';
    made = torc__reactor_new_on(torc__driver_named("kqueue"), &error);
    if (made == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) < 0)
        return -1;
    driver = made->driver;
    memset(&io, 0, sizeof io);
    io.events = &events;
    peer = ends[1];
    error = driver->kind->adopt(driver, &io, ends[0]);
    calls = 0;
    torc__set_system_call_hook(count_kevents);
    return error;
}

static int close_pair(void **state)
{
    (void)state;
    allow_system_calls();
    io.kind->close(&io, false);
    if (peer >= 0)
        close(peer);
    torc_reactor_free(made);
    return 0;
}

static void turn_at_once(void)
{
    driver->kind->turn(driver, 0);
}

static void fill(void)
{
    static char bytes[65536];
    struct iovec piece = { bytes, sizeof bytes };

    while (io.kind->send(&io, &piece, 1, false) > 0)
        continue;
}

static void drain(void)
{
    static char bytes[65536];

    while (read(peer, bytes, sizeof bytes) > 0)
        continue;
}

static void both_filters_change_in_one_call(void **state)
{
    (void)state;
    io.kind->receive(&io, false);
    fill();
    assert_int_equal(calls, 1);
    drain();
    turn_at_once();
    assert_ran("sent:0:0 ");
    assert_int_equal(calls, 3); /* waiting, and both off */
}

static void pausing_and_resuming_within_a_turn_costs_no_call(void **state)
{
    (void)state;
    io.kind->receive(&io, false);
    io.kind->receive(&io, true);
    assert_int_equal(calls, 0);
    assert_int_equal(write(peer, "x", 1), 1);
    turn_at_once();
    assert_ran("x ");
    assert_int_equal(calls, 1);
}

/* Half an end is no hang-up: what is still to be sent is sent. */
static void what_is_blocked_goes_on_after_the_peer_has_ended_its_half(void **state)
{
    (void)state;
    fill();
    shutdown(peer, SHUT_WR);
    turn_at_once();
    assert_ran("end:0 ");
    turn_at_once();
    assert_ran("");
    drain();
    turn_at_once();
    assert_ran("sent:0:0 ");
}

static void a_hang_up_is_told_to_reader_and_writer(void **state)
{
    (void)state;
    fill();
    drain();
    fill();
    close(peer);
    peer = -1;
    turn_at_once();
    turn_at_once();
    assert_non_null(strstr(record, "end:"));
    assert_non_null(strstr(record, "sent:0:0 "));
}

static void a_hang_up_that_nobody_wants_to_hear_wakes_nobody(void **state)
{
    torc_time deadline;

    (void)state;
    io.kind->receive(&io, false);
    close(peer);
    peer = -1;
    turn_at_once();
    deadline = driver->kind->now(driver) + 10 * TORC_MILLISECOND;
    driver->kind->turn(driver, deadline);
    assert_true(driver->kind->now(driver) >= deadline);
    assert_ran("");
    io.kind->receive(&io, true);
    turn_at_once();
    assert_ran("end:0 ");
}

static void assert_refused(int descriptor, int error)
{
    torc_io other = { .events = &events };

    assert_int_equal(driver->kind->adopt(driver, &other, descriptor), error);
    assert_int_equal(other.descriptor, -1);
}

static void what_needs_no_waiting_for_is_refused_as_such(void **state)
{
    char path[] = "/tmp/torc-kqueue-XXXXXX";
    int file = mkstemp(path);
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)state;
    unlink(path);
    assert_refused(file, -EPERM);
    assert_refused(nothing, -EPERM);
    close(file);
    close(nothing);
}

static void what_is_not_open_is_refused(void **state)
{
    (void)state;
    assert_refused(1000, -EBADF);
}

static void a_queue_without_memory_refuses(void **state)
{
    int spare = dup(peer);

    (void)state;
    fail_system_calls_named("kevent", ENOMEM);
    assert_refused(spare, -ENOMEM);
    allow_system_calls();
    close(spare);
}

static void a_change_that_fails_later_is_told_from_the_turn(void **state)
{
    (void)state;
    fail_system_calls_named("kevent", ENOMEM);
    fill();
    io.kind->receive(&io, false);
    assert_ran("");
    turn_at_once();
    assert_ran("sent:0:12 ");
}

static void an_interrupted_change_is_made_nonetheless(void **state)
{
    (void)state;
    torc__set_system_call_hook(interrupt_first_kevent);
    fill();
    assert_int_equal(calls, 2);
    drain();
    turn_at_once();
    assert_ran("sent:0:0 ");
}

static void another_loop_can_wait_for_the_queue(void **state)
{
    struct pollfd watched = { torc_reactor_descriptor(made), POLLIN, 0 };

    (void)state;
    assert_int_equal(poll(&watched, 1, 0), 0);
    assert_int_equal(write(peer, "x", 1), 1);
    assert_int_equal(poll(&watched, 1, 1000), 1);
    turn_at_once();
    assert_ran("x ");
    assert_int_equal(poll(&watched, 1, 0), 0);
}

#define KQUEUE_TEST(function) cmocka_unit_test_setup_teardown(function, open_pair, close_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KQUEUE_TEST(both_filters_change_in_one_call),
        KQUEUE_TEST(pausing_and_resuming_within_a_turn_costs_no_call),
        KQUEUE_TEST(what_is_blocked_goes_on_after_the_peer_has_ended_its_half),
        KQUEUE_TEST(a_hang_up_is_told_to_reader_and_writer),
        KQUEUE_TEST(a_hang_up_that_nobody_wants_to_hear_wakes_nobody),
        KQUEUE_TEST(what_needs_no_waiting_for_is_refused_as_such),
        KQUEUE_TEST(what_is_not_open_is_refused),
        KQUEUE_TEST(a_queue_without_memory_refuses),
        KQUEUE_TEST(a_change_that_fails_later_is_told_from_the_turn),
        KQUEUE_TEST(an_interrupted_change_is_made_nonetheless),
        KQUEUE_TEST(another_loop_can_wait_for_the_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
