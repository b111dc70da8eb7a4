/*
 * Writing without waiting: to a file everything, to a pipe what it takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/write_at_once.h"

#include "support/failing_system_call.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static char bytes[1 << 20];

static void a_file_takes_everything(void **state)
{
    char path[] = "/tmp/torc_write_XXXXXX";
    int file = mkstemp(path);

    (void)state;
    assert_true(file >= 0);
    unlink(path);
    assert_int_equal(torc__write_at_once(file, bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(lseek(file, 0, SEEK_END), sizeof(bytes));
    close(file);
}

static void a_pipe_that_nobody_reads_takes_what_fits(void **state)
{
    int ends[2];
    ssize_t first;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    first = torc__write_at_once(ends[1], bytes, sizeof(bytes));
    assert_true(first > 0);
    assert_true(first < (ssize_t)sizeof(bytes));
    assert_int_equal(torc__write_at_once(ends[1], bytes, sizeof(bytes)), 0);
    assert_true(read(ends[0], bytes, 8192) > 0);
    assert_true(torc__write_at_once(ends[1], bytes, sizeof(bytes)) > 0);
    close(ends[0]);
    close(ends[1]);
}

static void what_cannot_be_written_to_is_told(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(torc__write_at_once(ends[1], bytes, 1), -EPIPE);
    close(ends[1]);
}

/* The order of a pipe's calls is poll, write; and of the errors of write EINTR, EAGAIN. */
static void an_interrupted_write_is_made_again_and_a_full_one_left(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    fail_system_call_after(1, 0);
    assert_int_equal(torc__write_at_once(ends[1], bytes, 10), 10);
    assert_int_equal(chosen_error(), EINTR);
    fail_system_call_after(1, 1);
    assert_int_equal(torc__write_at_once(ends[1], bytes, 10), 0);
    assert_int_equal(chosen_error(), EAGAIN);
    allow_system_calls();
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_takes_everything),
        cmocka_unit_test(a_pipe_that_nobody_reads_takes_what_fits),
        cmocka_unit_test(what_cannot_be_written_to_is_told),
        cmocka_unit_test(an_interrupted_write_is_made_again_and_a_full_one_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
