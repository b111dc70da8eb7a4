/*
 * File locks: between processes and within one, by a clock that the test moves.
 */
#include <torc.h>
#include <torc/file_lock.h>
#include <torc/testing.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "deferred/deferred.h"
#include "support/expect_abort.h"
#include "support/failing_allocation.h"
#include "support/failing_system_call.h"
#include "testing/pending.h"
#include "torture/torture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static torc_reactor *reactor;
static torc_scope *root;
static char directory[64];
static char path[128];
static char seen[512];         /* what came of what was waited for, in order */
static torc_file_lock *locks[2];
static size_t had;

static void fail_test(const char *message)
{
    fail_msg("%s", message);
}

static int set_up(void **state)
{
    (void)state;
    torc_testing_set_fail(fail_test);
    strcpy(directory, "/tmp/torc-file-lock-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/lock", directory);
    reactor = torc_testing_reactor();
    root = torc_root(reactor);
    seen[0] = '\0';
    had = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    torc_testing_free(reactor);
    unlink(path);
    return rmdir(directory);
}

#define FILE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static torc_result note(void *name, torc_result result)
{
    size_t length = strlen(seen);

    if (torc_is_failure(result)) {
        snprintf(seen + length, sizeof seen - length, "%s!%s: %s ", (const char *)name,
            torc_failure_type_of(torc_result_failure(result))->name,
            torc_failure_text(torc_result_failure(result)));
        return torc_nothing();
    }
    locks[had++] = torc_result_file_lock(result);
    snprintf(seen + length, sizeof seen - length, "%s ", (const char *)name);
    return torc_nothing();
}

static void assert_seen(const char *expected)
{
    assert_string_equal(seen, expected);
    seen[0] = '\0';
}

static torc_deferred *acquire(torc_scope *scope, const char *name, torc_time patience)
{
    torc_deferred *deferred = torc_file_lock_acquire(scope, path, patience);

    torc_add_both(deferred, note, (void *)(uintptr_t)name);
    return deferred;
}

static long number_in_file(void)
{
    char text[32] = "";
    int file = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(file >= 0);
    assert_true(read(file, text, sizeof text - 1) > 0);
    close(file);
    return strtol(text, NULL, 10);
}

static bool is_there(void)
{
    return access(path, F_OK) == 0;
}

/* -- within a process ---------------------------------------------------------------------- */

static void a_free_lock_is_had_at_once_and_tells_who_has_it(void **state)
{
    (void)state;
    acquire(root, "a", 0);
    assert_seen("a ");
    assert_int_equal(number_in_file(), getpid());
    torc_file_lock_release(locks[0]);
    assert_false(is_there());
}

static void who_waits_has_it_once_it_is_released(void **state)
{
    (void)state;
    acquire(root, "a", 0);
    acquire(root, "b", TORC_MINUTE);
    torc_testing_advance(reactor, 10 * TORC_SECOND);
    assert_seen("a ");
    torc_file_lock_release(locks[0]);
    torc_testing_advance(reactor, TORC_SECOND);
    assert_seen("b ");
    assert_int_equal(number_in_file(), getpid());
    torc_file_lock_release(locks[1]);
}

static void who_waits_too_long_is_told_who_has_it(void **state)
{
    char expected[256];

    (void)state;
    acquire(root, "a", 0);
    acquire(root, "b", 2500 * TORC_MILLISECOND);
    torc_testing_advance(reactor, 2499 * TORC_MILLISECOND);
    assert_seen("a ");
    torc_testing_advance(reactor, TORC_MILLISECOND);
    snprintf(expected, sizeof expected,
        "b!TimedOut: %s is locked by process %ld; waited for 2.500 s ", path, (long)getpid());
    assert_seen(expected);
    torc_file_lock_release(locks[0]);
}

static void where_the_holder_cannot_be_read_none_is_told(void **state)
{
    (void)state;
    acquire(root, "a", 0);
    fail_system_calls_named("pread", EIO);
    acquire(root, "b", 0);
    allow_system_calls();
    assert_non_null(strstr(seen, "is locked; waited for 0.000 s"));
    torc_file_lock_release(locks[0]);
}

static void a_program_that_is_started_meanwhile_does_not_inherit_it(void **state)
{
    struct stat named;
    struct stat opened;
    int found = 0;

    (void)state;
    acquire(root, "a", 0);
    assert_int_equal(stat(path, &named), 0);
    for (int file = 0; file < 256; file++) {
        if (fstat(file, &opened) != 0 || opened.st_ino != named.st_ino ||
            opened.st_dev != named.st_dev)
            continue;
        found++;
        assert_true(fcntl(file, F_GETFD) & FD_CLOEXEC);
    }
    assert_int_equal(found, 1);
    torc_file_lock_release(locks[0]);
}

static void without_patience_it_is_tried_once(void **state)
{
    (void)state;
    acquire(root, "a", 0);
    acquire(root, "b", -1);
    assert_non_null(strstr(seen, "a b!TimedOut: "));
    torc_file_lock_release(locks[0]);
}

static void who_is_cancelled_waits_no_longer(void **state)
{
    torc_deferred *waiting;

    (void)state;
    acquire(root, "a", 0);
    waiting = acquire(root, "b", TORC_MINUTE);
    torc_cancel(waiting);
    assert_seen("a b!Cancelled: cancelled before there was a result ");
    torc_file_lock_release(locks[0]);
    torc_testing_advance(reactor, TORC_MINUTE);
    assert_seen("");
    assert_false(is_there());
}

static void the_end_of_the_scope_releases_and_stops_waiting(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_scope *other = torc_scope_new(root);

    (void)state;
    acquire(scope, "a", 0);
    acquire(other, "never", TORC_MINUTE);
    assert_seen("a ");
    torc_scope_end(other);
    torc_scope_end(scope);
    assert_false(is_there());
    torc_testing_advance(reactor, TORC_MINUTE);
    assert_seen("");
}

static void in_a_scope_that_has_ended_nothing_is_locked(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_scope_end(scope);
    acquire(scope, "a", 0);
    assert_non_null(strstr(seen, "a!Cancelled"));
    assert_false(is_there());
    torc_testing_run_idle(reactor);
}

static torc_result release_at_once(void *unused, torc_result result)
{
    (void)unused;
    torc_file_lock_release(torc_result_file_lock(result));
    return torc_nothing();
}

static void it_may_be_released_in_the_callback_that_got_it(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        torc_add_callback(torc_file_lock_acquire(root, path, 0), release_at_once, NULL);
    assert_false(is_there());
}

/* -- between processes --------------------------------------------------------------------- */

static int tell_child;

/* A process that has the lock until it is killed; gives its number. */
static pid_t fork_holder(void)
{
    char ready = 0;
    int ends[2];
    pid_t child;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        acquire(root, "child", 0);
        ready = had == 1;
        (void)!write(ends[1], &ready, 1);
        for (;;)
            pause();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &ready, 1), 1);
    assert_int_equal(ready, 1);
    tell_child = ends[0];
    return child;
}

static void kill_holder(pid_t child)
{
    int status;

    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(tell_child);
}

static void another_process_keeps_it_until_it_dies(void **state)
{
    pid_t child = fork_holder();

    (void)state;
    assert_int_equal(number_in_file(), child);
    acquire(root, "a", TORC_MINUTE);
    torc_testing_advance(reactor, 10 * TORC_SECOND);
    assert_seen("");
    kill_holder(child);
    assert_true(is_there());
    torc_testing_advance(reactor, TORC_SECOND);
    assert_seen("a ");
    assert_int_equal(number_in_file(), getpid());
    torc_file_lock_release(locks[0]);
}

static void a_file_that_was_left_behind_keeps_nobody_out(void **state)
{
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    /* A number that is in use, by somebody else; and longer than what is to stand there. */
    assert_int_equal(write(file, "000000000000000000001\n", 22), 22);
    close(file);
    acquire(root, "a", 0);
    assert_seen("a ");
    assert_int_equal(number_in_file(), getpid());
    torc_file_lock_release(locks[0]);
}

static void a_file_that_was_put_in_its_place_is_left_alone(void **state)
{
    int file;

    (void)state;
    acquire(root, "a", 0);
    unlink(path);
    file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(file);
    torc_file_lock_release(locks[0]);
    assert_true(is_there());
}

static void a_file_that_vanishes_again_and_again_counts_as_locked(void **state)
{
    (void)state;
    fail_system_calls_named("lstat", ENOENT);
    acquire(root, "a", TORC_MINUTE);
    torc_testing_advance(reactor, TORC_SECOND);
    assert_seen("");
    allow_system_calls();
    torc_testing_advance(reactor, TORC_SECOND);
    assert_seen("a ");
    torc_file_lock_release(locks[0]);
}

/* -- what cannot be locked ----------------------------------------------------------------- */

static void a_path_that_cannot_be_made_is_a_failure_that_names_it(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/none/lock", directory);
    acquire(root, "a", TORC_MINUTE);
    assert_non_null(strstr(seen, "a!SystemError: cannot lock /tmp/"));
    assert_non_null(strstr(seen, "/none/lock: No such file or directory"));
}

static void links_pipes_and_directories_are_not_locked(void **state)
{
    (void)state;
    assert_int_equal(symlink("elsewhere", path), 0);
    acquire(root, "a", TORC_MINUTE);
    assert_non_null(strstr(seen, "a!SystemError"));
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    acquire(root, "b", TORC_MINUTE);
    assert_non_null(strstr(seen, "b!SystemError"));
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    acquire(root, "c", TORC_MINUTE);
    assert_non_null(strstr(seen, "c!SystemError"));
    rmdir(path);
}

static void without_memory_nothing_is_locked(void **state)
{
    (void)state;
    spare_allocations_of(torc__deferred_size);
    fail_all_allocations();
    acquire(root, "a", 0);
    allow_allocations();
    spare_allocations_of(0);
    assert_non_null(strstr(seen, "a!OutOfMemory"));
    assert_false(is_there());
}

/* Whatever call fails: no descriptor stays open, and the lock can be had afterwards. */
static void try_with_faults(void *unused)
{
    (void)unused;
    torture_pause(true);
    reactor = torc_testing_reactor();
    root = torc_root(reactor);
    seen[0] = '\0';
    had = 0;
    torture_pause(false);
    acquire(root, "a", TORC_SECOND);
    torc_testing_advance(reactor, 500 * TORC_MILLISECOND);
    torture_over();
    if (had == 0 && seen[0] == '\0')
        fail_msg("%s: neither had nor failed", torture_fault());
    if (had > 0)
        torc_file_lock_release(locks[0]);
    had = 0;
    acquire(root, "b", 0);
    if (had == 0)
        fail_msg("%s: the lock cannot be had any more: %s", torture_fault(), seen);
    torc_file_lock_release(locks[0]);
    torc_testing_free(reactor);
}

static void whatever_fails_nothing_is_left_open(void **state)
{
    (void)state;
    torc_testing_free(reactor);
    torture(try_with_faults, NULL);
    spare_allocations_of(0);
    reactor = torc_testing_reactor();
}

/* -- misuse -------------------------------------------------------------------------------- */

static void release_twice(void)
{
    acquire(root, "a", 0);
    torc_file_lock_release(locks[0]);
    torc_file_lock_release(locks[0]);
}

static void releasing_twice_aborts(void **state)
{
    (void)state;
    expect_abort(release_twice, "torc_file_lock_release: ");
    expect_abort(release_twice, " is not held");
}

static void what_is_held_is_pending(void **state)
{
    torc__report report = { 0 };
    char expected[256];

    (void)state;
    acquire(root, "a", 0);
    torc_testing_run_idle(reactor);
    torc__pending_report(reactor, NULL, &report);
    snprintf(expected, sizeof expected, "1 file lock (%s) is pending", path);
    assert_non_null(strstr(report.text, expected));
    torc_file_lock_release(locks[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(a_free_lock_is_had_at_once_and_tells_who_has_it),
        FILE_TEST(who_waits_has_it_once_it_is_released),
        FILE_TEST(who_waits_too_long_is_told_who_has_it),
        FILE_TEST(where_the_holder_cannot_be_read_none_is_told),
        FILE_TEST(a_program_that_is_started_meanwhile_does_not_inherit_it),
        FILE_TEST(without_patience_it_is_tried_once),
        FILE_TEST(who_is_cancelled_waits_no_longer),
        FILE_TEST(the_end_of_the_scope_releases_and_stops_waiting),
        FILE_TEST(in_a_scope_that_has_ended_nothing_is_locked),
        FILE_TEST(it_may_be_released_in_the_callback_that_got_it),
        FILE_TEST(another_process_keeps_it_until_it_dies),
        FILE_TEST(a_file_that_was_left_behind_keeps_nobody_out),
        FILE_TEST(a_file_that_was_put_in_its_place_is_left_alone),
        FILE_TEST(a_file_that_vanishes_again_and_again_counts_as_locked),
        FILE_TEST(a_path_that_cannot_be_made_is_a_failure_that_names_it),
        FILE_TEST(links_pipes_and_directories_are_not_locked),
        FILE_TEST(without_memory_nothing_is_locked),
        FILE_TEST(whatever_fails_nothing_is_left_open),
        FILE_TEST(releasing_twice_aborts),
        FILE_TEST(what_is_held_is_pending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
