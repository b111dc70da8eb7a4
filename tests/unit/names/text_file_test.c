/*
 * A configuration file that is read when it has changed: what counts as a change, and that one that
 * cannot be read is as an empty one.
 */
#include "names/text_file.h"

#include "base/memory.h"
#include "support/failing_allocation.h"
#include "support/failing_system_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAXIMUM = 20 };

static char path[] = "/tmp/torc-text-file-XXXXXX";
static torc__text_file file;

/* Each time as a file of its own, so that the times that stat gives do not matter. */
static void write_text(const char *text)
{
    char other[64];
    FILE *out;

    snprintf(other, sizeof other, "%s.new", path);
    out = fopen(other, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    assert_int_equal(rename(other, path), 0);
}

static int set_up(void **state)
{
    (void)state;
    memset(&file, 0, sizeof file);
    file.path = path;
    write_text("first");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    allow_allocations();
    allow_system_calls();
    (void)unlink(path);
    return 0;
}

static void assert_reads(const char *expected)
{
    torc_slice text;

    assert_true(torc__text_file_changed(&file, MAXIMUM, &text));
    assert_true(torc_slice_is(text, expected));
    torc__free((char *)(uintptr_t)text.data);
}

static void assert_unchanged(void)
{
    torc_slice text;

    assert_false(torc__text_file_changed(&file, MAXIMUM, &text));
    assert_int_equal(text.length, 0);
}

static void it_is_read_at_first_and_when_it_has_changed(void **state)
{
    (void)state;
    assert_reads("first");
    assert_unchanged();
    write_text("second");
    assert_reads("second");
    assert_unchanged();
    assert_int_equal(truncate(path, 3), 0); /* the same file, and shorter */
    assert_reads("sec");
    assert_unchanged();
}

static void one_that_goes_has_changed_and_one_that_comes_too(void **state)
{
    (void)state;
    assert_reads("first");
    assert_int_equal(unlink(path), 0);
    assert_reads("");
    assert_unchanged();
    write_text("again");
    assert_reads("again");
}

static void where_there_is_none_only_the_first_look_is_a_change(void **state)
{
    (void)state;
    file.path = "";
    assert_reads("");
    assert_unchanged();
}

static void one_that_is_too_long_or_empty_or_no_file_is_as_an_empty_one(void **state)
{
    (void)state;
    write_text("of more than twenty bytes");
    assert_reads("");
    write_text("");
    assert_reads("");
    memset(&file, 0, sizeof file);
    file.path = "/tmp";
    assert_reads("");
}

static void one_that_cannot_be_read_is_as_an_empty_one(void **state)
{
    static const char *const calls[] = { "stat", "open", "read" };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        memset(&file, 0, sizeof file);
        file.path = path;
        fail_system_calls_named(calls[i], EACCES);
        assert_reads("");
        allow_system_calls();
    }
    memset(&file, 0, sizeof file);
    file.path = path;
    fail_all_allocations();
    assert_reads("");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_is_read_at_first_and_when_it_has_changed),
        TEST(one_that_goes_has_changed_and_one_that_comes_too),
        TEST(where_there_is_none_only_the_first_look_is_a_change),
        TEST(one_that_is_too_long_or_empty_or_no_file_is_as_an_empty_one),
        TEST(one_that_cannot_be_read_is_as_an_empty_one),
    };
    int descriptor = mkstemp(path);

    if (descriptor < 0)
        return 1;
    close(descriptor);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
