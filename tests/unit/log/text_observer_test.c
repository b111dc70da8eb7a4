/*
 * Where lines go: stderr by default, a file, a path that is opened again, and one that is full.
 */
#include <torc/log.h>

#include "log/log.h"
#include "support/failing_allocation.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static char path[128];
static char moved[128];

static void read_all(FILE *file, char *text, size_t size)
{
    size_t length;

    rewind(file);
    length = fread(text, 1, size - 1, file);
    text[length] = '\0';
}

static void expect_in_file(const char *name, const char *words, int times)
{
    FILE *file = fopen(name, "r");
    char text[8192];
    const char *found = text;
    int count = 0;

    assert_non_null(file);
    read_all(file, text, sizeof text);
    fclose(file);
    while ((found = strstr(found, words)) != NULL) {
        found++;
        count++;
    }
    assert_int_equal(count, times);
}

static void make_folder(void)
{
    strcpy(folder, "/tmp/torc-log-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/log", folder);
    snprintf(moved, sizeof moved, "%s/log.1", folder);
}

/* After each test, also one that failed. */
static int forget(void **state)
{
    (void)state;
    torc_log_to_file(NULL);
    torc_log_set_level(TORC_LOG_INFO);
    allow_allocations();
    unlink(path);
    unlink(moved);
    rmdir(folder);
    return 0;
}

static void ignore_event(void *argument, const torc_log_event *event)
{
    (void)argument;
    (void)event;
}

static void stderr_is_used_while_nobody_else_listens(void **state)
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    char text[4096];

    (void)state;
    assert_non_null(file);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    torc_log_info("first");
    torc_log_debug("too quiet");
    torc_log_add_observer(TORC_LOG_INFO, ignore_event, NULL);
    torc_log_info("elsewhere");
    torc_log_remove_observer(ignore_event, NULL);
    torc_log_info("last");
    dup2(saved, STDERR_FILENO);
    close(saved);
    read_all(file, text, sizeof text);
    fclose(file);
    assert_non_null(strstr(text, " [-] first\n"));
    assert_non_null(strstr(text, " [-] last\n"));
    assert_null(strstr(text, "too quiet"));
    assert_null(strstr(text, "elsewhere"));
}

static void a_chosen_file_is_used_beside_observers(void **state)
{
    FILE *file = tmpfile();
    char text[4096];

    (void)state;
    torc_log_add_observer(TORC_LOG_CRITICAL, ignore_event, NULL);
    torc_log_to_file(file);
    torc_log_info("both");
    torc_log_set_level(TORC_LOG_WARN);
    torc_log_info("too quiet");
    torc_log_set_level(TORC_LOG_DEBUG);
    torc_log_debug("heard\nwell");
    torc_log_remove_observer(ignore_event, NULL);
    torc_log_to_file(NULL);
    read_all(file, text, sizeof text);
    fclose(file);
    assert_non_null(strstr(text, "] both\n"));
    assert_null(strstr(text, "too quiet"));
    assert_non_null(strstr(text, "] heard\n\twell\n"));
}

static void a_path_is_appended_to(void **state)
{
    (void)state;
    make_folder();
    assert_null(torc_log_to_path(path));
    torc_log_info("one");
    assert_null(torc_log_to_path(path));
    torc_log_info("two");
    expect_in_file(path, "] one\n", 1);
    expect_in_file(path, "] two\n", 1);
}

static void reopening_follows_a_renamed_file(void **state)
{
    (void)state;
    make_folder();
    assert_null(torc_log_to_path(path));
    torc_log_info("one");
    assert_int_equal(rename(path, moved), 0);
    torc_log_info("two");
    assert_null(torc_log_reopen());
    torc_log_info("three");
    expect_in_file(moved, "] one\n", 1);
    expect_in_file(moved, "] two\n", 1);
    expect_in_file(moved, "] three\n", 0);
    expect_in_file(path, "] three\n", 1);
}

static void reopening_without_a_path_does_nothing(void **state)
{
    (void)state;
    assert_null(torc_log_reopen());
}

static void a_path_that_cannot_be_opened_changes_nothing(void **state)
{
    torc_failure *failure;

    (void)state;
    make_folder();
    assert_null(torc_log_to_path(path));
    failure = torc_log_to_path("/nowhere/at/all");
    assert_non_null(failure);
    assert_string_equal(torc_failure_text(failure),
        "cannot open the log file /nowhere/at/all: No such file or directory");
    assert_int_equal(torc_failure_code(failure), ENOENT);
    torc_failure_release(failure);
    torc_log_info("still here");
    expect_in_file(path, "] still here\n", 1);
}

static void a_reopening_that_fails_keeps_the_old_file(void **state)
{
    torc_failure *failure;

    (void)state;
    make_folder();
    assert_null(torc_log_to_path(path));
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(symlink("/nowhere/at/all", path), 0);
    failure = torc_log_reopen();
    assert_non_null(failure);
    torc_failure_release(failure);
    torc_log_info("still here");
    expect_in_file(moved, "] still here\n", 1);
}

static void a_path_without_memory_is_a_failure(void **state)
{
    torc_failure *failure;

    (void)state;
    make_folder();
    fail_allocation_after(0);
    failure = torc_log_to_path(path);
    allow_allocations();
    assert_true(torc_failure_is(failure, &torc_error_out_of_memory));
    torc_failure_release(failure);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void events_that_cannot_be_written_are_counted_and_told(void **state)
{
    uint64_t before = torc__log_dropped();
    FILE *full = fopen("/dev/full", "w");
    FILE *file = tmpfile();
    char text[4096];
    const char *told;

    (void)state;
    if (full == NULL)
        skip();
    torc_log_to_file(full);
    torc_log_info("lost");
    torc_log_info("lost too");
    assert_true(torc__log_dropped() == before + 2);
    torc_log_to_file(file);
    torc_log_info("found");
    torc_log_info("found too");
    assert_true(torc__log_dropped() == before + 2);
    torc_log_to_file(NULL);
    fclose(full);
    read_all(file, text, sizeof text);
    fclose(file);
    assert_non_null(strstr(text, "] events before this line that could not be logged: 2\n"));
    told = strstr(text, "could not be logged");
    assert_null(strstr(told + 1, "could not be logged"));
    assert_non_null(strstr(text, "] found too\n"));
}

static void what_was_lost_does_not_turn_up_later(void **state)
{
    static char flood[4096];
    static char text[2048];
    FILE *file;
    int ends[2];
    ssize_t length = 0;

    (void)state;
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    while (write(ends[1], flood, sizeof flood) > 0)
        continue;
    file = fdopen(ends[1], "w");
    torc_log_to_file(file);
    torc_log_info("lost");
    while (read(ends[0], flood, sizeof flood) > 0)
        continue;
    torc_log_info("found");
    torc_log_to_file(NULL);
    length = read(ends[0], text, sizeof text - 1);
    assert_true(length > 0);
    text[length] = '\0';
    assert_null(strstr(text, "] lost"));
    assert_non_null(strstr(text, "] found\n"));
    assert_non_null(strstr(text, "could not be logged: 1\n"));
    fclose(file);
    close(ends[0]);
}

static void the_longest_escaped_message_is_one_line(void **state)
{
    static char noise[TORC_LOG_MESSAGE_MAX + 1];
    static char text[8 * TORC_LOG_MESSAGE_MAX];
    FILE *file = tmpfile();

    (void)state;
    memset(noise, '\x01', TORC_LOG_MESSAGE_MAX);
    torc_log_to_file(file);
    torc_log_info("%s", noise);
    torc_log_to_file(NULL);
    read_all(file, text, sizeof text);
    fclose(file);
    assert_true(strlen(text) > (size_t)4 * TORC_LOG_MESSAGE_MAX);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(stderr_is_used_while_nobody_else_listens, forget),
        cmocka_unit_test_teardown(a_chosen_file_is_used_beside_observers, forget),
        cmocka_unit_test_teardown(a_path_is_appended_to, forget),
        cmocka_unit_test_teardown(reopening_follows_a_renamed_file, forget),
        cmocka_unit_test_teardown(reopening_without_a_path_does_nothing, forget),
        cmocka_unit_test_teardown(a_path_that_cannot_be_opened_changes_nothing, forget),
        cmocka_unit_test_teardown(a_reopening_that_fails_keeps_the_old_file, forget),
        cmocka_unit_test_teardown(a_path_without_memory_is_a_failure, forget),
        cmocka_unit_test_teardown(events_that_cannot_be_written_are_counted_and_told, forget),
        cmocka_unit_test_teardown(what_was_lost_does_not_turn_up_later, forget),
        cmocka_unit_test_teardown(the_longest_escaped_message_is_one_line, forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
