/*
 * What is particular to io_uring of the ios that it polls for: in a forked process the polls are
 * asked for anew, and a socket may be told at any time that descriptors are wanted of it.
 */
#include "reactor/support.h"
#include "support/driver_works.h"
#include "support/leave_child.h"

#include "reactor/driver/socket_passing.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static torc_driver *driver;
static torc_io io;
static int ends[2];
static int passed;

static void received(torc_io *from, torc_slice data, int error)
{
    (void)from;
    if (data.length > 0)
        note("%.*s ", TORC_FMT(data));
    else
        note("end:%d ", error);
}

static void ready(torc_io *from, bool readable, bool writable)
{
    (void)from;
    note("%s%s ", readable ? "r" : "", writable ? "w" : "");
}

static void descriptor(torc_io *from, int which)
{
    (void)from;
    note("descriptor ");
    passed = which;
}

static const torc_io_events events = {
    .received = received, .ready = ready, .descriptor = descriptor,
};

static int open_reactor(void **state)
{
    (void)state;
    reactor = torc_reactor_new_named("uring", NULL);
    driver = reactor->driver;
    memset(&io, 0, sizeof io);
    io.events = &events;
    record[0] = '\0';
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
}

static int close_reactor(void **state)
{
    (void)state;
    assert_true(io.kind->close(&io, false));
    close(ends[1]);
    torc_reactor_free(reactor);
    return 0;
}

static void turn_until_noted(const char *what)
{
    torc_time limit = torc_monotonic_now() + 5 * TORC_SECOND;

    while (strcmp(record, what) != 0 && torc_monotonic_now() < limit)
        driver->kind->turn(driver, torc_monotonic_now() + 10 * TORC_MILLISECOND);
}

static void turns(unsigned count)
{
    while (count-- > 0)
        driver->kind->turn(driver, 0);
}

static int exit_code_of(pid_t child)
{
    int status = -1;

    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_forked_process_goes_on_watching(void **state)
{
    pid_t child;

    (void)state;
    assert_int_equal(driver->kind->watch(driver, &io, ends[0]), 0);
    io.kind->watch_for(&io, true, false);
    turns(2);
    child = fork();
    if (child == 0) {
        (void)!write(ends[1], "x", 1);
        turn_until_noted("r ");
        leave_child(strcmp(record, "r ") == 0 ? 0 : 1);
    }
    assert_int_equal(exit_code_of(child), 0);
    turn_until_noted("r ");
    assert_ran("r ");
    close(ends[0]);
}

static void pass_standard_input(void)
{
    struct iovec piece = { .iov_base = (void *)(uintptr_t)"with", .iov_len = 4 };
    int input = STDIN_FILENO;

    assert_int_equal(torc__socket_send_descriptors(ends[1], &piece, 1, &input, 1), 4);
}

static void check_passed(const char *noted)
{
    turn_until_noted(noted);
    assert_ran(noted);
    assert_true(fcntl(passed, F_GETFD) & FD_CLOEXEC);
    close(passed);
}

static void what_is_sent_before_it_is_known_that_descriptors_are_wanted_has_them(void **state)
{
    (void)state;
    pass_standard_input();
    assert_int_equal(driver->kind->adopt(driver, &io, ends[0]), 0);
    assert_int_equal(io.kind->set_option(&io, TORC_IO_TAKE_DESCRIPTORS, 1), 0);
    check_passed("descriptor with ");
}

static void descriptors_may_be_wanted_of_a_socket_that_receives_already(void **state)
{
    (void)state;
    assert_int_equal(driver->kind->adopt(driver, &io, ends[0]), 0);
    assert_int_equal(write(ends[1], "first", 5), 5);
    turn_until_noted("first ");
    assert_ran("first ");
    assert_int_equal(io.kind->set_option(&io, TORC_IO_TAKE_DESCRIPTORS, 1), 0);
    pass_standard_input();
    check_passed("descriptor with ");
    assert_int_equal(io.kind->set_option(&io, TORC_IO_TAKE_DESCRIPTORS, 0), 0);
    assert_int_equal(write(ends[1], "last", 4), 4);
    turn_until_noted("last ");
    assert_ran("last ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_forked_process_goes_on_watching, open_reactor, close_reactor),
        cmocka_unit_test_setup_teardown(
            what_is_sent_before_it_is_known_that_descriptors_are_wanted_has_them, open_reactor,
            close_reactor),
        cmocka_unit_test_setup_teardown(
            descriptors_may_be_wanted_of_a_socket_that_receives_already, open_reactor,
            close_reactor),
    };

    if (!driver_works("uring"))
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
