/*
 * The page of a directory: what it says, in which order, and that no name can say more than a name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "web/directory_listing.h"

static char *page;

static int tear_down(void **state)
{
    (void)state;
    free(page);
    page = NULL;
    return 0;
}

static torc__directory_entry file_of(const char *name, uint64_t size)
{
    torc__directory_entry entry = { .name = torc_slice_of(name), .size = size,
        .modified = 784111777 };

    return entry;
}

static torc__directory_entry folder_of(const char *name)
{
    torc__directory_entry entry = { .name = torc_slice_of(name), .is_directory = true,
        .modified = 784111777 };

    return entry;
}

/* Writes into a block of just the size that was said, so that a byte more is seen. */
static void make(const char *path, const torc__directory_entry *entries, size_t count,
    bool truncated)
{
    torc__directory_listing listing = { torc_slice_of(path), entries, count, truncated };
    size_t size = torc__directory_listing_size(&listing);
    char *exact = malloc(size);

    assert_non_null(exact);
    memset(exact, 1, size);
    torc__directory_listing_write(&listing, exact);
    free(page);
    page = malloc(size + 1);
    assert_non_null(page);
    memcpy(page, exact, size);
    page[size] = '\0';
    free(exact);
    assert_int_equal(strlen(page), size);
    assert_null(strchr(page, 1));
}

static void assert_has(const char *text)
{
    if (strstr(page, text) == NULL)
        fail_msg("the page lacks: %s", text);
}

static void assert_lacks(const char *text)
{
    if (strstr(page, text) != NULL)
        fail_msg("the page has: %s", text);
}

static void assert_order(const char *first, const char *second)
{
    assert_has(first);
    assert_has(second);
    assert_true(strstr(page, first) < strstr(page, second));
}

static void test_the_page_is_whole_html(void **state)
{
    torc__directory_entry entries[] = { folder_of("sub"), file_of("a.txt", 12) };

    (void)state;
    make("docs", entries, 2, false);
    assert_true(torc_slice_starts_with(torc_slice_of(page), TORC_SLICE("<!DOCTYPE html>\n")));
    assert_true(torc_slice_ends_with(torc_slice_of(page), TORC_SLICE("</html>\n")));
    assert_has("<meta charset=\"utf-8\">");
    assert_has("name=\"viewport\"");
    assert_has("prefers-color-scheme:dark");
    assert_has("<title>/docs/</title>");
    assert_lacks("<script");
    assert_lacks("http://");
    assert_lacks("https://");
}

static void test_entries_are_links_with_size_and_date(void **state)
{
    torc__directory_entry entries[] = { folder_of("sub"), file_of("a.txt", 1536) };

    (void)state;
    make("docs", entries, 2, false);
    assert_has("<a href=\"sub/\">");
    assert_has("<bdi>sub/</bdi>");
    assert_has("<a href=\"a.txt\">");
    assert_has("title=\"1536 bytes\">1.5 KiB<");
    assert_has(">1994-11-06 08:49<");
    assert_has("1 folder, 1 file (1.5 KiB)");
}

static void check_size(uint64_t size, const char *shown)
{
    torc__directory_entry entry = file_of("a", size);

    make(".", &entry, 1, false);
    assert_has(shown);
}

static void test_sizes_are_for_people(void **state)
{
    (void)state;
    check_size(0, "bytes\">0 B<");
    check_size(1023, "bytes\">1023 B<");
    check_size(1024, "bytes\">1.0 KiB<");
    check_size(10239, "bytes\">9.9 KiB<");
    check_size(10240, "bytes\">10 KiB<");
    check_size(1048575, "bytes\">1023 KiB<");
    check_size(1048576, "bytes\">1.0 MiB<");
    check_size(UINT64_C(5) << 30, "bytes\">5.0 GiB<");
    check_size(UINT64_MAX, "bytes\">15 EiB<");
}

static void test_names_cannot_break_out_of_the_page(void **state)
{
    torc__directory_entry entries[] = {
        file_of("<script>alert(1)</script>", 1),
        file_of("\" onmouseover=\"x", 1),
        file_of("javascript:alert(2)", 1),
        file_of("a&b'c", 1),
        file_of("\xff\n", 1),
        file_of("?q#f", 1),
    };

    (void)state;
    make("<b>/\"x", entries, 6, false);
    assert_lacks("<script>");
    assert_lacks("\" onmouseover");
    assert_lacks("href=\"javascript:");
    assert_lacks("<b>");
    assert_has("<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>");
    assert_has("href=\"javascript%3Aalert%282%29\"");
    assert_has("<bdi>a&amp;b&#39;c</bdi>");
    assert_has("href=\"%FF%0A\"");
    assert_has("<bdi>\xef\xbf\xbd\xef\xbf\xbd</bdi>");
    assert_has("href=\"%3Fq%23f\"");
    assert_has("<bdi>&lt;b&gt;</bdi>");
}

static void test_utf_8_names_are_shown_as_they_are_however_long(void **state)
{
    char name[256] = "";
    char shown[300] = "<bdi>";
    torc__directory_entry entry;

    (void)state;
    /* With one byte before, no power of two parts the characters. */
    strcat(name, "x");
    for (int i = 0; i < 84; i++)
        strcat(name, "\xe2\x82\xac");
    strcat(strcat(shown, name), "</bdi>");
    entry = file_of(name, 1);
    make(".", &entry, 1, false);
    assert_has(shown);
    assert_has("href=\"x%E2%82%AC%E2%82%AC");
    assert_lacks("\xef\xbf\xbd");
}

static void test_the_way_up_is_linked(void **state)
{
    (void)state;
    make("a/b c/d", NULL, 0, false);
    assert_has("href=\"../../../\" aria-label=\"Root\"");
    assert_has("<a href=\"../../\"><bdi>a</bdi>");
    assert_has("<a href=\"../\"><bdi>b c</bdi>");
    assert_has("<a href=\"./\" aria-current=\"page\"><bdi>d</bdi>");
    assert_has("<a href=\"../\"><svg><use href=\"#u\"/></svg>Parent folder</a>");
    assert_has("<title>/a/b c/d/</title>");
}

static void test_the_root_has_no_parent(void **state)
{
    (void)state;
    make(".", NULL, 0, false);
    assert_has("<title>/</title>");
    assert_has("href=\"./\" aria-label=\"Root\"");
    assert_lacks("href=\"../\"");
    assert_lacks("Parent folder");
}

static void test_an_empty_folder_says_so(void **state)
{
    (void)state;
    make("a", NULL, 0, false);
    assert_has("This folder is empty.");
    assert_has("0 folders, 0 files</p>");
}

static void test_a_truncated_listing_says_so(void **state)
{
    torc__directory_entry entry = file_of("a", 1);

    (void)state;
    make("a", &entry, 1, false);
    assert_lacks("more entries");
    make("a", &entry, 1, true);
    assert_has("There are more entries than can be shown here.");
}

static void test_folders_come_first_then_names_in_the_order_of_people(void **state)
{
    torc__directory_entry entries[] = {
        file_of("file10", 1), file_of("beta", 1), folder_of("zoo"), file_of("Alpha", 1),
        file_of("file9", 1), folder_of("Yard"), file_of("file009b", 1), file_of("alpha", 1),
        file_of("file", 1), file_of("2", 1), file_of("10", 1), file_of("_", 1),
    };
    static const char *const expected[] = { "Yard", "zoo", "2", "10", "_", "Alpha", "alpha", "beta",
        "file", "file9", "file009b", "file10" };
    size_t count = sizeof(entries) / sizeof(entries[0]);

    (void)state;
    torc__directory_listing_sort(entries, count);
    for (size_t i = 0; i < count; i++)
        if (!torc_slice_is(entries[i].name, expected[i]))
            fail_msg("place %zu: %.*s, not %s", i, TORC_FMT(entries[i].name), expected[i]);
    make("a", entries, count, false);
    assert_order("<bdi>zoo/</bdi>", "<bdi>2</bdi>");
    assert_order("<bdi>file9</bdi>", "<bdi>file10</bdi>");
    torc__directory_listing_sort(NULL, 0);
}

/* qsort may do anything with a comparison that contradicts itself. */
static void test_the_order_is_a_total_one(void **state)
{
    static const char *const names[] = { "a", "A", "a0", "a00", "a000", "a1", "a01", "a01b", "a1a",
        "a1b", "b", "0", "00", "", "_", "\xff", "a-", "a1-", "a18446744073709551617", "a2" };
    enum { COUNT = sizeof(names) / sizeof(names[0]) };
    torc__directory_entry sorted[COUNT];

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        sorted[i] = file_of(names[i], 1);
    torc__directory_listing_sort(sorted, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = i + 1; j < COUNT; j++) {
            torc__directory_entry pair[2] = { sorted[j], sorted[i] };

            torc__directory_listing_sort(pair, 2);
            assert_true(torc_slice_equal(pair[0].name, sorted[i].name));
        }
    }
}

#define TEST(function) cmocka_unit_test_teardown(function, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_page_is_whole_html),
        TEST(test_entries_are_links_with_size_and_date),
        TEST(test_sizes_are_for_people),
        TEST(test_names_cannot_break_out_of_the_page),
        TEST(test_utf_8_names_are_shown_as_they_are_however_long),
        TEST(test_the_way_up_is_linked),
        TEST(test_the_root_has_no_parent),
        TEST(test_an_empty_folder_says_so),
        TEST(test_a_truncated_listing_says_so),
        TEST(test_folders_come_first_then_names_in_the_order_of_people),
        TEST(test_the_order_is_a_total_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
