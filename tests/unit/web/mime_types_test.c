/*
 * The table of types, and what it makes of lists that are not as they should be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "web/mime_types.h"

static torc__mime_types *types;

static int set_up(void **state)
{
    (void)state;
    types = torc__mime_types_new();
    return types != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    torc__mime_types_free(types);
    return 0;
}

static void check(const char *name, const char *expected)
{
    torc_slice type = torc__mime_types_find(types, torc_slice_of(name));

    if (!torc_slice_is(type, expected))
        fail_msg("%s: %.*s, not %s", name, TORC_FMT(type), expected);
}

static void test_the_commonest_types_are_built_in(void **state)
{
    (void)state;
    check("index.html", "text/html; charset=utf-8");
    check("style.css", "text/css; charset=utf-8");
    check("main.js", "text/javascript; charset=utf-8");
    check("main.mjs", "text/javascript; charset=utf-8");
    check("data.json", "application/json; charset=utf-8");
    check("a.txt", "text/plain; charset=utf-8");
    check("a.md", "text/markdown; charset=utf-8");
    check("a.svg", "image/svg+xml");
    check("a.xml", "application/xml");
    check("a.png", "image/png");
    check("a.jpeg", "image/jpeg");
    check("a.ico", "image/vnd.microsoft.icon");
    check("a.woff2", "font/woff2");
    check("a.wasm", "application/wasm");
    check("a.mp4", "video/mp4");
    check("a.pdf", "application/pdf");
    check("a.zip", "application/zip");
    check("a.c", "text/plain; charset=utf-8");
}

static void test_only_the_last_extension_of_the_last_segment_counts(void **state)
{
    (void)state;
    check("a.tar.gz", "application/gzip");
    check("a.html.png", "image/png");
    check("dir.html/a.png", "image/png");
    check("dir.html/a", "application/octet-stream");
    check("a/b/c.css", "text/css; charset=utf-8");
    check(".html", "text/html; charset=utf-8");
}

static void test_case_does_not_matter(void **state)
{
    (void)state;
    check("INDEX.HTML", "text/html; charset=utf-8");
    check("a.PnG", "image/png");
}

static void test_what_is_not_known_is_bytes(void **state)
{
    (void)state;
    check("", "application/octet-stream");
    check("a", "application/octet-stream");
    check("a.", "application/octet-stream");
    check(".", "application/octet-stream");
    check("html", "application/octet-stream");
    check("a.unheardof", "application/octet-stream");
    check("a.htmlhtmlhtmlhtmlhtmlhtmlhtmlhtmlhtmlhtmlhtmlhtml", "application/octet-stream");
    check("a.ht ml", "application/octet-stream");
}

static void test_files_for_reading_need_no_extension(void **state)
{
    (void)state;
    check("README", "text/plain; charset=utf-8");
    check("src/Makefile", "text/plain; charset=utf-8");
    check("LICENSE", "text/plain; charset=utf-8");
}

static void test_a_list_stands_in_place_of_what_is_built_in(void **state)
{
    (void)state;
    assert_true(torc__mime_types_add(types,
        TORC_SLICE("# a comment\n"
                   "\n"
                   "image/x-new\t\tpng  NEW\n"
                   "text/x-second new png\n"
                   "  application/x-third   third  \r\n"
                   "text/x-last last")));
    check("a.png", "image/x-new");
    check("a.new", "image/x-new");
    check("a.NEW", "image/x-new");
    check("a.third", "application/x-third");
    check("a.last", "text/x-last; charset=utf-8");
    check("a.gif", "image/gif");
    assert_true(torc__mime_types_add(types, TORC_SLICE("image/x-newer new\n")));
    check("a.new", "image/x-newer");
    check("a.png", "image/x-new");
}

static void test_lines_that_make_no_sense_are_passed_over(void **state)
{
    (void)state;
    assert_true(torc__mime_types_add(types,
        TORC_SLICE("nonsense one\n"
                   "a/b/c two\n"
                   "/b three\n"
                   "a/ four\n"
                   "text/plain;charset=x five\n"
                   "text/\x01plain six\n"
                   "text/x-none\n"
                   "text/x-good seven\n"
                   "#text/x-off eight\n")));
    check("a.one", "application/octet-stream");
    check("a.two", "application/octet-stream");
    check("a.three", "application/octet-stream");
    check("a.four", "application/octet-stream");
    check("a.five", "application/octet-stream");
    check("a.six", "application/octet-stream");
    check("a.seven", "text/x-good; charset=utf-8");
    check("a.eight", "application/octet-stream");
}

static void test_the_table_grows(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++) {
        char line[64];

        (void)snprintf(line, sizeof(line), "application/x-%d e%d f%d\n", i, i, i);
        assert_true(torc__mime_types_add(types, torc_slice_of(line)));
    }
    for (int i = 0; i < 5000; i++) {
        char name[64];
        char type[64];

        (void)snprintf(name, sizeof(name), "a.%c%d", i % 2 == 0 ? 'e' : 'F', i);
        (void)snprintf(type, sizeof(type), "application/x-%d", i);
        check(name, type);
    }
    check("a.html", "text/html; charset=utf-8");
}

static void test_a_file_is_loaded(void **state)
{
    char path[] = "/tmp/torc-mime-types-XXXXXX";
    int descriptor = mkstemp(path);
    static const char list[] = "text/x-mine mine\n";

    (void)state;
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, list, sizeof(list) - 1), sizeof(list) - 1);
    close(descriptor);
    assert_true(torc__mime_types_load(types, path));
    unlink(path);
    check("a.mine", "text/x-mine; charset=utf-8");
}

static void test_a_file_that_is_not_there_leaves_what_is_built_in(void **state)
{
    (void)state;
    errno = 0;
    assert_false(torc__mime_types_load(types, "/nonexistent/mime.types"));
    assert_int_equal(errno, ENOENT);
    assert_false(torc__mime_types_load(types, "/"));
    assert_int_not_equal(errno, 0);
    check("a.html", "text/html; charset=utf-8");
}

static int allocations_left;

static bool allow(size_t size)
{
    (void)size;
    return allocations_left-- > 0;
}

static void test_memory_may_be_out_at_any_time(void **state)
{
    torc__mime_types *made = NULL;

    (void)state;
    for (int count = 0; made == NULL; count++) {
        assert_true(count < 1000);
        allocations_left = count;
        torc__set_allocation_hook(allow);
        made = torc__mime_types_new();
        torc__set_allocation_hook(NULL);
    }
    allocations_left = 0;
    torc__set_allocation_hook(allow);
    errno = 0;
    assert_false(torc__mime_types_load(made, "/dev/null"));
    torc__set_allocation_hook(NULL);
    assert_int_equal(errno, ENOMEM);
    torc__mime_types_free(made);
    torc__mime_types_free(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_commonest_types_are_built_in),
        TEST(test_only_the_last_extension_of_the_last_segment_counts),
        TEST(test_case_does_not_matter),
        TEST(test_what_is_not_known_is_bytes),
        TEST(test_files_for_reading_need_no_extension),
        TEST(test_a_list_stands_in_place_of_what_is_built_in),
        TEST(test_lines_that_make_no_sense_are_passed_over),
        TEST(test_the_table_grows),
        TEST(test_a_file_is_loaded),
        TEST(test_a_file_that_is_not_there_leaves_what_is_built_in),
        TEST(test_memory_may_be_out_at_any_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
