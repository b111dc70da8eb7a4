/*
 * The cache of small files: finding, replacing, and what goes when there is no room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/failing_allocation.h"
#include "web/file_cache.h"

static torc__file_cache cache;

static torc_slice slice(const char *text)
{
    return torc_slice_of(text);
}

/* Adds an entry that counts for `bytes`. */
static bool add(const char *target, size_t bytes)
{
    torc__cached_file *file = torc__cached_file_new(slice(target), "path");

    assert_non_null(file);
    file->bytes = bytes;
    return torc__file_cache_add(&cache, file);
}

/* Whether it is there, without using it. */
static bool has(const char *target)
{
    torc__cached_file *file = torc__file_cache_find(&cache, slice(target));

    if (file != NULL)
        file->used = false;
    return file != NULL;
}

static int set_up(void **state)
{
    (void)state;
    torc__file_cache_init(&cache, 100);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    torc__file_cache_destroy(&cache);
    return 0;
}

static void finds_what_was_added(void **state)
{
    torc__cached_file *file;

    (void)state;
    assert_null(torc__file_cache_find(&cache, slice("/a")));
    assert_true(add("/a", 10));
    assert_true(add("/b", 10));
    file = torc__file_cache_find(&cache, slice("/a"));
    assert_non_null(file);
    assert_string_equal(file->path, "path");
    assert_null(torc__file_cache_find(&cache, slice("/ab")));
    assert_null(torc__file_cache_find(&cache, slice("/")));
    torc__file_cache_drop(&cache, file);
    assert_false(has("/a"));
    assert_true(has("/b"));
    assert_int_equal(cache.bytes, 10);
}

static void one_target_has_one_entry(void **state)
{
    (void)state;
    assert_true(add("/a", 60));
    assert_true(add("/a", 70));
    assert_int_equal(cache.bytes, 70);
    assert_true(has("/a"));
}

static void is_bounded(void **state)
{
    char target[16] = "/?";

    (void)state;
    for (char c = 'a'; c <= 'z'; c++) {
        target[1] = c;
        assert_true(add(target, 30));
        assert_true(cache.bytes <= 100);
        assert_true(has(target));
    }
    assert_false(add("/large", 101));
    assert_false(has("/large"));
}

static void what_is_used_stays_longer(void **state)
{
    (void)state;
    assert_true(add("/a", 30));
    assert_true(add("/b", 30));
    assert_true(add("/c", 30));
    torc__file_cache_find(&cache, slice("/a"));
    assert_true(add("/d", 30));
    assert_true(has("/a"));
    assert_false(has("/b"));
    assert_true(has("/c"));
    assert_true(has("/d"));
}

static void goes_on_without_memory(void **state)
{
    (void)state;
    fail_allocation_after(0);
    assert_null(torc__cached_file_new(slice("/a"), "path"));
    fail_allocation_after(1);
    assert_false(add("/a", 10));
    allow_allocations();
    assert_int_equal(cache.bytes, 0);
    assert_true(add("/a", 10));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_what_was_added),
        TEST(one_target_has_one_entry),
        TEST(is_bounded),
        TEST(what_is_used_stays_longer),
        TEST(goes_on_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
