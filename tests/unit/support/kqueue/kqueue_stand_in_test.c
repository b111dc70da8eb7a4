/*
 * That the tests' kqueue is like the real one in what the driver relies on: otherwise what is shown
 * on it says nothing of a real one.
 */
#include "support/kqueue/sys/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static int queue;
static int ends[2];
static struct kevent events[4];
static int what_told;
static const struct timespec at_once;

static int set_up(void **state)
{
    (void)state;
    queue = kqueue();
    return queue < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(queue);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* Makes one change of ends[0]'s filter, with room for `room` answers. */
static int change(int filter, int flags, int room)
{
    struct kevent asked;

    EV_SET(&asked, (uintptr_t)ends[0], (short)filter, (unsigned short)flags, 0, 0, &what_told);
    return kevent(queue, &asked, 1, events, room, &at_once);
}

static int look(void)
{
    return kevent(queue, NULL, 0, events, 4, &at_once);
}

static void assert_told(int filter, int flags)
{
    assert_int_equal(events[0].ident, ends[0]);
    assert_int_equal(events[0].filter, filter);
    assert_int_equal(events[0].flags, flags);
    assert_ptr_equal(events[0].udata, &what_told);
}

static void what_is_ready_is_told_again_and_again(void **state)
{
    (void)state;
    assert_int_equal(change(EVFILT_READ, EV_ADD, 0), 0);
    assert_int_equal(look(), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(look(), 1);
        assert_told(EVFILT_READ, 0);
    }
}

static void each_filter_is_switched_by_itself(void **state)
{
    (void)state;
    assert_int_equal(write(ends[1], "x", 1), 1);
    change(EVFILT_READ, EV_ADD, 0);
    change(EVFILT_WRITE, EV_ADD | EV_DISABLE, 0);
    assert_int_equal(look(), 1);
    change(EVFILT_WRITE, EV_ENABLE, 0);
    assert_int_equal(look(), 2);
    change(EVFILT_READ, EV_DISABLE, 0);
    assert_int_equal(look(), 1);
    assert_told(EVFILT_WRITE, 0);
    change(EVFILT_READ, EV_ADD, 0);
    assert_int_equal(look(), 2);
    change(EVFILT_WRITE, EV_DELETE, 0);
    assert_int_equal(look(), 1);
    assert_told(EVFILT_READ, 0);
}

static void an_end_is_a_flag_of_the_event(void **state)
{
    (void)state;
    change(EVFILT_READ, EV_ADD, 0);
    change(EVFILT_WRITE, EV_ADD, 0);
    shutdown(ends[1], SHUT_WR);
    assert_int_equal(look(), 2);
    assert_told(EVFILT_READ, EV_EOF);
    assert_int_equal(events[1].flags, 0);
    close(ends[1]);
    assert_int_equal(look(), 2);
    assert_int_equal(events[1].filter, EVFILT_WRITE);
    assert_int_equal(events[1].flags, EV_EOF);
}

static void filters_that_are_off_tell_nothing_not_even_an_end(void **state)
{
    (void)state;
    change(EVFILT_READ, EV_ADD | EV_DISABLE, 0);
    change(EVFILT_WRITE, EV_ADD | EV_DISABLE, 0);
    close(ends[1]);
    assert_int_equal(look(), 0);
}

static void a_filter_that_is_to_tell_once_is_gone_then(void **state)
{
    (void)state;
    change(EVFILT_WRITE, EV_ADD | EV_ONESHOT, 0);
    assert_int_equal(look(), 1);
    assert_int_equal(look(), 0);
    assert_int_equal(change(EVFILT_WRITE, EV_ENABLE, 0), -1);
    assert_int_equal(errno, ENOENT);
}

static void a_filter_that_is_not_there_cannot_be_changed(void **state)
{
    static const int changes[] = { EV_ENABLE, EV_DISABLE, EV_DELETE };

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        assert_int_equal(change(EVFILT_READ, changes[i], 0), -1);
        assert_int_equal(errno, ENOENT);
        assert_int_equal(change(EVFILT_READ, changes[i], 1), 1);
        assert_told(EVFILT_READ, EV_ERROR);
        assert_int_equal(events[0].data, ENOENT);
    }
}

static void a_receipt_answers_what_went_well_too(void **state)
{
    (void)state;
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(change(EVFILT_READ, EV_ADD | EV_RECEIPT, 1), 1);
    assert_told(EVFILT_READ, EV_ERROR);
    assert_int_equal(events[0].data, 0);
}

static void what_is_not_open_is_a_bad_descriptor(void **state)
{
    int open = ends[0];

    (void)state;
    ends[0] = 1000;
    assert_int_equal(change(EVFILT_READ, EV_ADD, 1), 1);
    assert_int_equal(events[0].data, EBADF);
    ends[0] = open;
    assert_int_equal(kevent(1000, NULL, 0, events, 4, &at_once), -1);
    assert_int_equal(errno, EBADF);
}

static void closing_a_descriptor_takes_its_filters_along(void **state)
{
    int other = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    change(EVFILT_READ, EV_ADD, 0);
    change(EVFILT_WRITE, EV_ADD, 0);
    close(ends[0]);
    assert_int_equal(dup2(other, ends[0]), ends[0]);
    close(other);
    assert_int_equal(change(EVFILT_READ, EV_ENABLE, 0), -1);
    assert_int_equal(errno, ENOENT);
}

#define STAND_IN_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAND_IN_TEST(what_is_ready_is_told_again_and_again),
        STAND_IN_TEST(each_filter_is_switched_by_itself),
        STAND_IN_TEST(an_end_is_a_flag_of_the_event),
        STAND_IN_TEST(filters_that_are_off_tell_nothing_not_even_an_end),
        STAND_IN_TEST(a_filter_that_is_to_tell_once_is_gone_then),
        STAND_IN_TEST(a_filter_that_is_not_there_cannot_be_changed),
        STAND_IN_TEST(a_receipt_answers_what_went_well_too),
        STAND_IN_TEST(what_is_not_open_is_a_bad_descriptor),
        STAND_IN_TEST(closing_a_descriptor_takes_its_filters_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
