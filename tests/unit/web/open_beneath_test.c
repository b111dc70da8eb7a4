/*
 * Opening beneath a directory: both ways, by the kernel and by walking, give the same answers, and
 * nothing outside is ever opened.
 */
#include <fcntl.h>

#include "web/open_beneath.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef int opener(const torc__root *root, const char *path, int flags);

static opener *const ways[] = { torc__open_beneath, torc__open_beneath_by_walking };

static char base[64];
static char root_path[96];
static int root;
static torc__root given;

static void put(int directory, const char *name, const char *text)
{
    int file = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
}

/* A link that says where it leads from the very top: to the root's path with `rest` behind it. */
static void link_absolutely(const char *rest, const char *name)
{
    char target[128];

    snprintf(target, sizeof(target), "%s%s", root_path, rest);
    assert_int_equal(symlinkat(target, root, name), 0);
}

static int set_up(void **state)
{
    int outside;

    (void)state;
    strcpy(base, "/tmp/torc_beneath_XXXXXX");
    assert_non_null(mkdtemp(base));
    outside = open(base, O_RDONLY | O_DIRECTORY);
    put(outside, "secret", "secret");
    assert_int_equal(mkdirat(outside, "root", 0755), 0);
    root = openat(outside, "root", O_RDONLY | O_DIRECTORY);
    snprintf(root_path, sizeof(root_path), "%s/root", base);
    assert_int_equal(mkdirat(outside, "root2", 0755), 0);
    put(outside, "root2/secret", "secret");
    put(root, "a", "file a");
    assert_int_equal(mkdirat(root, "d", 0755), 0);
    assert_int_equal(mkdirat(root, "d/e", 0755), 0);
    put(root, "d/e/b", "file b");
    assert_int_equal(symlinkat("d/e/b", root, "in"), 0);
    assert_int_equal(symlinkat("../../a", root, "d/e/up"), 0);
    assert_int_equal(symlinkat("../secret", root, "out"), 0);
    assert_int_equal(symlinkat("/etc/passwd", root, "absolute"), 0);
    assert_int_equal(symlinkat("..", root, "parent"), 0);
    assert_int_equal(symlinkat("d/e", root, "to_directory"), 0);
    assert_int_equal(symlinkat("circle", root, "circle"), 0);
    assert_int_equal(mkfifoat(root, "pipe", 0644), 0);
    link_absolutely("/d/e/b", "d/absolute_in");
    link_absolutely("", "d/absolute_root");
    link_absolutely("/d/../../secret", "absolute_out");
    link_absolutely("2/secret", "absolute_beside");
    given = (torc__root){ .directory = root, .path = root_path };
    close(outside);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    close(root);
    snprintf(command, sizeof(command), "rm -rf '%s'", base);
    return system(command);
}

static void expect_text(opener *open_it, const char *path, const char *text)
{
    char bytes[32] = "";
    int file = open_it(&given, path, O_RDONLY);

    if (file < 0)
        fail_msg("%s: %s", path, strerror(-file));
    assert_true(read(file, bytes, sizeof(bytes) - 1) >= 0);
    assert_string_equal(bytes, text);
    close(file);
}

static void expect_error(opener *open_it, const char *path, int error)
{
    int file = open_it(&given, path, O_RDONLY);

    if (file != -error)
        fail_msg("%s: got %d, not %d", path, file, -error);
}

static void opens_what_is_inside(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        expect_text(ways[i], "a", "file a");
        expect_text(ways[i], "./a", "file a");
        expect_text(ways[i], "d/e/b", "file b");
        expect_text(ways[i], "d//e/./b", "file b");
        expect_text(ways[i], "d/../a", "file a");
        expect_text(ways[i], "d/e/../../a", "file a");
    }
}

static void follows_links_that_stay_inside(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        expect_text(ways[i], "in", "file b");
        expect_text(ways[i], "d/e/up", "file a");
        expect_text(ways[i], "to_directory/b", "file b");
        expect_text(ways[i], "to_directory/../e/b", "file b");
        expect_text(ways[i], "d/absolute_in", "file b");
        expect_text(ways[i], "d/absolute_root/d/e/b", "file b");
    }
}

static void never_leads_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        expect_error(ways[i], "../secret", EXDEV);
        expect_error(ways[i], "d/../../secret", EXDEV);
        expect_error(ways[i], "/etc/passwd", EXDEV);
        expect_error(ways[i], "out", EXDEV);
        expect_error(ways[i], "absolute", EXDEV);
        expect_error(ways[i], "absolute_out", EXDEV);
        expect_error(ways[i], "absolute_beside", EXDEV);
        expect_error(ways[i], "d/absolute_root/../secret", EXDEV);
        expect_error(ways[i], "parent", EXDEV);
        expect_error(ways[i], "parent/secret", EXDEV);
    }
}

static void tells_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        expect_error(ways[i], "missing", ENOENT);
        expect_error(ways[i], "missing/a", ENOENT);
        expect_error(ways[i], "a/b", ENOTDIR);
        expect_error(ways[i], "circle", ELOOP);
    }
}

static void opens_the_directory_itself_and_does_not_wait_for_a_pipe(void **state)
{
    struct stat status;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int file = ways[i](&given, "", O_RDONLY);

        assert_true(file >= 0);
        assert_int_equal(fstat(file, &status), 0);
        assert_true(S_ISDIR(status.st_mode));
        close(file);
        file = ways[i](&given, "pipe", O_RDONLY);
        assert_true(file >= 0);
        close(file);
    }
}

static void looks_at_what_a_link_leads_to(void **state)
{
    struct stat status;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int file = ways[i](&given, "in", TORC__O_LOOK);

        assert_true(file >= 0);
        assert_int_equal(fstat(file, &status), 0);
        assert_true(S_ISREG(status.st_mode));
        close(file);
        assert_int_equal(ways[i](&given, "out", TORC__O_LOOK), -EXDEV);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_is_inside),
        cmocka_unit_test(follows_links_that_stay_inside),
        cmocka_unit_test(never_leads_out),
        cmocka_unit_test(tells_what_is_wrong),
        cmocka_unit_test(opens_the_directory_itself_and_does_not_wait_for_a_pipe),
        cmocka_unit_test(looks_at_what_a_link_leads_to),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
