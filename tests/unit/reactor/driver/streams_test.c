/*
 * What every driver promises about streams that are no sockets, and about watched descriptors.
 */
#include "reactor/support.h"
#include "support/driver_works.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static torc_io io;
static torc_driver *driver;

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

static void ready(torc_io *from, bool readable, bool writable)
{
    (void)from;
    note("%s%s ", readable ? "r" : "", writable ? "w" : "");
}

static const torc_io_events events = { .received = received, .sent = sent, .ready = ready };

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
        test();
        record[0] = '\0';
        torc_reactor_free(named);
    }
}

static void turns(unsigned count)
{
    while (count-- > 0)
        driver->kind->turn(driver, 0);
}

/* What passes through a terminal is there only when the kernel has found the time. */
static void turn_until_told(const char *what)
{
    torc_time limit = driver->kind->now(driver) + 5 * TORC_SECOND;

    while (strstr(record, what) == NULL && driver->kind->now(driver) < limit)
        driver->kind->turn(driver, driver->kind->now(driver) + 10 * TORC_MILLISECOND);
    assert_non_null(strstr(record, what));
}

static ssize_t send_text(const char *text)
{
    struct iovec piece = { .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) };

    return io.kind->send(&io, &piece, 1, false);
}

/* select and kqueue hear of a hang-up only where they wait for something. */
static bool notices_unasked(void)
{
    return strcmp(driver->kind->name, "select") != 0 && strcmp(driver->kind->name, "kqueue") != 0;
}

static bool is_open(int descriptor)
{
    return fcntl(descriptor, F_GETFD) >= 0;
}

/* -- streams ------------------------------------------------------------------------------- */

static void read_a_pipe(void)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    assert_int_equal(driver->kind->adopt_stream(driver, &io, ends[0], true, false), 0);
    assert_int_equal(write(ends[1], "one", 3), 3);
    turns(2);
    close(ends[1]);
    turns(3);
    assert_ran("one end:0 ");
    assert_true(io.kind->close(&io, false));
    assert_false(is_open(ends[0]));
}

static void a_pipe_is_read_to_its_end(void **state)
{
    (void)state;
    on_each_driver(read_a_pipe);
}

static void finish_a_pipe(void)
{
    char bytes[8];
    int ends[2];

    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    assert_int_equal(driver->kind->adopt_stream(driver, &io, ends[1], false, true), 0);
    assert_int_equal(send_text("two"), 3);
    assert_int_equal(io.kind->finish(&io), 0);
    assert_int_equal(read(ends[0], bytes, sizeof bytes), 3);
    assert_int_equal(read(ends[0], bytes, sizeof bytes), 0);
    turns(2);
    assert_ran("");
    assert_true(io.kind->close(&io, false));
    close(ends[0]);
}

static void finishing_what_only_sends_closes_it(void **state)
{
    (void)state;
    on_each_driver(finish_a_pipe);
}

static void fill_a_pipe(void)
{
    static char bytes[64 * 1024];
    struct iovec piece = { .iov_base = bytes, .iov_len = sizeof bytes };
    int ends[2];
    ssize_t got;

    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    assert_int_equal(driver->kind->adopt_stream(driver, &io, ends[1], false, true), 0);
    do
        got = io.kind->send(&io, &piece, 1, false);
    while (got > 0);
    assert_int_equal(got, 0);
    turns(2);
    assert_ran("");
    while (read(ends[0], bytes, sizeof bytes) > 0)
        continue;
    turns(1);
    assert_ran("sent:0:0 ");
    close(ends[0]);
    assert_int_equal(send_text("x"), -EPIPE);
    assert_true(io.kind->close(&io, false));
}

static void a_full_pipe_tells_when_there_is_room(void **state)
{
    (void)state;
    on_each_driver(fill_a_pipe);
}

static void lose_the_reader(void)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    assert_int_equal(driver->kind->adopt_stream(driver, &io, ends[1], false, true), 0);
    io.kind->receive(&io, true);
    turns(2);
    assert_ran("");
    close(ends[0]);
    turns(3);
    if (notices_unasked())
        assert_ran("end:32 ");
    assert_true(io.kind->close(&io, false));
}

static void what_only_sends_tells_that_nobody_reads(void **state)
{
    (void)state;
    on_each_driver(lose_the_reader);
}

/* A terminal answers EIO when the other side has gone. */
static void hang_up(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    int slave;

    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(slave >= 0);
    assert_int_equal(driver->kind->adopt_stream(driver, &io, master, true, true), 0);
    assert_int_equal(write(slave, "hi", 2), 2);
    turn_until_told("hi ");
    assert_int_equal(send_text("ho"), 2);
    close(slave);
    turn_until_told("end:0 ");
    record[0] = '\0';
    assert_true(io.kind->close(&io, false));
}

static void a_terminal_that_hangs_up_has_ended(void **state)
{
    (void)state;
    on_each_driver(hang_up);
}

static void read_a_file(void)
{
    char path[] = "/tmp/torc-stream-XXXXXX";
    int file = mkstemp(path);

    assert_true(file >= 0);
    assert_int_equal(write(file, "text", 4), 4);
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    assert_int_equal(driver->kind->adopt_stream(driver, &io, file, true, false), 0);
    io.kind->receive(&io, false);
    turns(2);
    assert_ran("");
    io.kind->receive(&io, true);
    turns(4);
    assert_ran("text end:0 ");
    assert_true(io.kind->close(&io, false));
    assert_int_equal(unlink(path), 0);
}

static void a_regular_file_is_always_ready(void **state)
{
    (void)state;
    on_each_driver(read_a_file);
}

static void write_to_nowhere(void)
{
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

    assert_true(nowhere >= 0);
    assert_int_equal(driver->kind->adopt_stream(driver, &io, nowhere, false, true), 0);
    io.kind->receive(&io, true);
    assert_int_equal(send_text("gone"), 4);
    turns(2);
    assert_ran("");
    assert_true(io.kind->close(&io, false));
}

static void the_null_device_takes_all(void **state)
{
    (void)state;
    on_each_driver(write_to_nowhere);
}

/* -- watched ------------------------------------------------------------------------------- */

static void watch_a_pair(void)
{
    int ends[2];
    char byte;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(driver->kind->watch(driver, &io, ends[0]), 0);
    turns(1);
    assert_ran("");
    io.kind->watch_for(&io, true, false);
    turns(1);
    assert_ran("");
    assert_int_equal(write(ends[1], "x", 1), 1);
    turns(2);
    assert_ran("r r ");
    io.kind->watch_for(&io, true, true);
    turns(1);
    assert_ran("rw ");
    assert_int_equal(read(ends[0], &byte, 1), 1);
    turns(1);
    assert_ran("w ");
    io.kind->watch_for(&io, false, false);
    turns(2);
    assert_ran("");
    assert_true(io.kind->close(&io, false));
    assert_true(is_open(ends[0]));
    close(ends[0]);
    close(ends[1]);
}

static void a_watched_descriptor_tells_as_long_as_it_is_ready(void **state)
{
    (void)state;
    on_each_driver(watch_a_pair);
}

/* Its number goes to another file, which is watched as well: neither takes the other's place. */
static void reuse_a_number(void)
{
    torc_io other = { .events = &events };
    int first[2];
    int second[2];

    assert_int_equal(pipe2(first, O_CLOEXEC), 0);
    assert_int_equal(driver->kind->watch(driver, &io, first[0]), 0);
    io.kind->watch_for(&io, true, false);
    close(first[0]);
    assert_int_equal(pipe2(second, O_CLOEXEC), 0);
    assert_int_equal(second[0], first[0]);
    assert_int_equal(driver->kind->watch(driver, &other, second[0]), 0);
    other.kind->watch_for(&other, true, false);
    turns(1);
    assert_ran("");
    assert_true(io.kind->close(&io, false));
    assert_int_equal(write(second[1], "x", 1), 1);
    turns(1);
    assert_ran("r ");
    assert_true(other.kind->close(&other, false));
    close(second[0]);
    close(second[1]);
    close(first[1]);
}

static void a_number_that_is_reused_disturbs_no_watch(void **state)
{
    (void)state;
    on_each_driver(reuse_a_number);
}

static void refuse_a_closed_one(void)
{
    assert_int_equal(driver->kind->watch(driver, &io, 9999), -EBADF);
}

static void a_descriptor_that_is_not_open_is_refused(void **state)
{
    (void)state;
    on_each_driver(refuse_a_closed_one);
}

static void ask_a_watch(void)
{
    struct iovec piece = { (void *)(uintptr_t)"x", 1 };
    torc_address address = { .kind = TORC_ADDRESS_IPV4 };
    int pipe_ends[2];

    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
    assert_int_equal(driver->kind->watch(driver, &io, pipe_ends[1]), 0);
    assert_int_equal(io.kind->send(&io, &piece, 1, false), -ENOTSUP);
    assert_int_equal(io.kind->send_file(&io, pipe_ends[0], 0, 1), -ENOTSUP);
    assert_int_equal(io.kind->finish(&io), -ENOTSUP);
    io.kind->receive(&io, true);
    io.kind->local_address(&io, &address);
    assert_int_equal(address.kind, TORC_ADDRESS_NONE);
    address.kind = TORC_ADDRESS_IPV4;
    io.kind->peer_address(&io, &address);
    assert_int_equal(address.kind, TORC_ADDRESS_NONE);
    turns(2);
    assert_ran("");
    assert_true(io.kind->close(&io, false));
    assert_true(io.kind->close(&io, false));
    io.kind->watch_for(&io, true, true);
    turns(1);
    assert_ran("");
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

static void what_is_only_watched_carries_nothing_and_has_no_address(void **state)
{
    (void)state;
    on_each_driver(ask_a_watch);
}

static void ask_a_stream(void)
{
    torc_address address = { .kind = TORC_ADDRESS_IPV4 };
    int pipe_ends[2];

    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(driver->kind->adopt_stream(driver, &io, pipe_ends[1], false, true), 0);
    io.kind->local_address(&io, &address);
    assert_int_equal(address.kind, TORC_ADDRESS_NONE);
    address.kind = TORC_ADDRESS_IPV4;
    io.kind->peer_address(&io, &address);
    assert_int_equal(address.kind, TORC_ADDRESS_NONE);
    assert_true(io.kind->close(&io, false));
    close(pipe_ends[0]);
}

static void a_stream_has_no_address(void **state)
{
    (void)state;
    on_each_driver(ask_a_stream);
}

static void refuse_a_file_for_a_full_pipe(void)
{
    static char much[256 * 1024];
    struct iovec piece = { much, sizeof much };
    int pipe_ends[2];
    ssize_t sent;

    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(driver->kind->adopt_stream(driver, &io, pipe_ends[1], false, true), 0);
    sent = io.kind->send(&io, &piece, 1, false);
    assert_in_range(sent, 1, sizeof much - 1);
    assert_int_equal(io.kind->send_file(&io, pipe_ends[0], 0, 1), 0);
    assert_true(io.kind->close(&io, false));
    close(pipe_ends[0]);
}

static void a_file_waits_for_what_was_said_before(void **state)
{
    (void)state;
    on_each_driver(refuse_a_file_for_a_full_pipe);
}

/*
 * Two ios of one number, since somebody closed the first one's: whichever is closed first takes the
 * descriptor from the other, and that is all the harm there is.
 */
static void share_a_number(bool first_goes_first)
{
    torc_io other = { .events = &events };
    int ends[2];
    int next[2];

    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    assert_int_equal(pipe2(next, O_NONBLOCK | O_CLOEXEC), 0);
    assert_int_equal(driver->kind->adopt_stream(driver, &io, ends[0], true, false), 0);
    turns(2);
    assert_int_equal(dup3(next[0], ends[0], O_CLOEXEC), ends[0]);
    assert_int_equal(driver->kind->adopt_stream(driver, &other, ends[0], true, false), 0);
    turns(2);
    assert_int_equal(write(next[1], "x", 1), 1);
    turns(3);
    assert_true(first_goes_first ? io.kind->close(&io, false) : other.kind->close(&other, false));
    turns(3);
    assert_true(first_goes_first ? other.kind->close(&other, false) : io.kind->close(&io, false));
    turns(3);
    close(ends[1]);
    close(next[0]);
    close(next[1]);
}

static void share_a_number_and_go_in_order(void)
{
    share_a_number(true);
}

static void share_a_number_and_go_in_reverse(void)
{
    share_a_number(false);
}

static void a_number_that_two_have_harms_no_third(void **state)
{
    (void)state;
    on_each_driver(share_a_number_and_go_in_order);
    on_each_driver(share_a_number_and_go_in_reverse);
    on_each_driver(read_a_pipe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_is_read_to_its_end),
        cmocka_unit_test(finishing_what_only_sends_closes_it),
        cmocka_unit_test(a_full_pipe_tells_when_there_is_room),
        cmocka_unit_test(what_only_sends_tells_that_nobody_reads),
        cmocka_unit_test(a_terminal_that_hangs_up_has_ended),
        cmocka_unit_test(a_regular_file_is_always_ready),
        cmocka_unit_test(the_null_device_takes_all),
        cmocka_unit_test(a_watched_descriptor_tells_as_long_as_it_is_ready),
        cmocka_unit_test(a_number_that_is_reused_disturbs_no_watch),
        cmocka_unit_test(a_descriptor_that_is_not_open_is_refused),
        cmocka_unit_test(what_is_only_watched_carries_nothing_and_has_no_address),
        cmocka_unit_test(a_stream_has_no_address),
        cmocka_unit_test(a_file_waits_for_what_was_said_before),
        cmocka_unit_test(a_number_that_two_have_harms_no_third),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
