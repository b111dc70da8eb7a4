/*
 * Targets into paths. What matters most is what cannot come out: see `assert_safe`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "web/url_path.h"

static char buffer[10000];

/* A path that openat() can take: relative, and with no segment that leads elsewhere. */
static void assert_safe(torc_slice path)
{
    torc_slice rest = path;

    assert_true(path.length > 0);
    assert_int_equal(path.data[path.length], '\0');
    assert_int_equal(torc_slice_find_byte(path, '\0'), path.length);
    if (torc_slice_is(path, "."))
        return;
    while (rest.length > 0) {
        torc_slice segment = torc_slice_first(rest, torc_slice_find_byte(rest, '/'));

        assert_true(segment.length > 0);
        assert_false(torc_slice_is(segment, "."));
        assert_false(torc_slice_is(segment, ".."));
        rest = torc_slice_skip(rest, segment.length + 1);
    }
    assert_true(path.data[path.length - 1] != '/');
}

/* Parses in a buffer of just the size that the header promises to suffice. */
static int parse(torc_slice target, torc__url_target *result)
{
    size_t size = TORC__URL_PATH_SIZE(target.length);
    char *room = malloc(size);
    int status;

    assert_non_null(room);
    status = torc__url_target_parse(target, room, size, result);
    assert_int_not_equal(status, 414);
    if (status == 0) {
        assert_safe(result->path);
        memcpy(buffer, result->path.data, result->path.length + 1);
        result->path.data = buffer;
    }
    free(room);
    return status;
}

/* `expected` is the path, with a slash behind it where the target had one, or NULL for 400. */
static void check(const char *target, const char *expected)
{
    torc__url_target result;
    int status = parse(torc_slice_of(target), &result);
    char shown[1000];

    if (expected == NULL) {
        if (status != 400)
            fail_msg("%s: status %d", target, status);
        return;
    }
    if (status != 0)
        fail_msg("%s: status %d", target, status);
    (void)snprintf(shown, sizeof(shown), "%.*s%s", TORC_FMT(result.path),
        result.ends_in_slash ? "/" : "");
    assert_string_equal(shown, expected);
}

static void test_plain_paths(void **state)
{
    (void)state;
    check("/", "./");
    check("/a", "a");
    check("/a/", "a/");
    check("/a/b.html", "a/b.html");
    check("/a/b/c/", "a/b/c/");
    check("/.hidden", ".hidden");
    check("/...", "...");
    check("/..a/b..", "..a/b..");
    check("/a b", "a b");
    check("/\xc3\xa4", "\xc3\xa4");
}

static void test_percent_encoding_is_decoded_once(void **state)
{
    (void)state;
    check("/a%20b", "a b");
    check("/%41%5a%7A", "AZz");
    check("/%C3%A4/%e2%82%ac", "\xc3\xa4/\xe2\x82\xac");
    check("/a%25b", "a%b");
    check("/a%2520b", "a%20b");
    check("/a%3Fb%23c", "a?b#c");
    check("/a+b", "a+b");
    check("/%ff", "\xff");
    check("/a%0Ab", "a\nb");
    check("/a%5Cb\\c", "a\\b\\c");
}

static void test_bad_encodings_are_refused(void **state)
{
    (void)state;
    check("/%", NULL);
    check("/%4", NULL);
    check("/a%4/b", NULL);
    check("/%zz", NULL);
    check("/%4g", NULL);
    check("/%%41", NULL);
    check("/%u0041", NULL);
    check("/a%00b", NULL);
    check("/a.html%00.png", NULL);
    check("/a#b", NULL);
    check("/a?b#c", NULL);
}

static void test_an_encoded_slash_names_no_file(void **state)
{
    torc__url_target result;

    (void)state;
    assert_int_equal(parse(TORC_SLICE("/a%2fb"), &result), 404);
    assert_int_equal(parse(TORC_SLICE("/a%2Fb"), &result), 404);
    assert_int_equal(parse(TORC_SLICE("/..%2f..%2fetc/passwd"), &result), 404);
    assert_int_equal(parse(TORC_SLICE("/%2fetc/passwd"), &result), 404);
}

static void test_dots_and_empty_segments_are_resolved(void **state)
{
    (void)state;
    check("//", "./");
    check("//a", "a");
    check("/a//b", "a/b");
    check("///a///", "a/");
    check("/.", "./");
    check("/./a", "a");
    check("/a/.", "a/");
    check("/a/./b", "a/b");
    check("/a/..", "./");
    check("/a/../", "./");
    check("/a/../b", "b");
    check("/a/b/../c", "a/c");
    check("/a/b/../../c", "c");
    check("/a/b/..", "a/");
    check("/a/./../b/.//./c", "b/c");
    check("/a/%2e%2E/b", "b");
    check("/a/.%2e/b", "b");
    check("/%2e/a", "a");
    check("/a//../b", "b");
}

static void test_nothing_climbs_above_the_root(void **state)
{
    (void)state;
    check("/..", NULL);
    check("/../", NULL);
    check("/../etc/passwd", NULL);
    check("/a/../../etc/passwd", NULL);
    check("/a/b/../../../c", NULL);
    check("/./../a", NULL);
    check("//../a", NULL);
    check("/%2e%2e/a", NULL);
    check("/.%2E/a", NULL);
    check("/%2e./a", NULL);
    check("/a/../%2e%2e/%2e%2e/etc", NULL);
    check("http://example.org/../a", NULL);
    /* What is no dot to a file system stays a name. */
    check("/%252e%252e/a", "%2e%2e/a");
    check("/..\\..\\a", "..\\..\\a");
    check("/..%5c..%5ca", "..\\..\\a");
    check("/\xc0\xae\xc0\xae/a", "\xc0\xae\xc0\xae/a");
    check("/%c0%ae%c0%ae/a", "\xc0\xae\xc0\xae/a");
    check("/..;/a", "..;/a");
    check("/.. /a", ".. /a");
}

/* Every target of up to six pieces that could make trouble together. */
static void test_no_combination_gets_out(void **state)
{
    static const char *const pieces[] = { "/", ".", "..", "%2e", "a", "%2E%2e", "//", "\\" };
    enum { PIECES = 8, LONGEST = 6 };
    size_t total = 1;

    (void)state;
    for (int i = 0; i < LONGEST; i++)
        total *= PIECES;
    for (size_t number = 0; number < total; number++) {
        char target[100] = "/";
        size_t rest = number;
        torc__url_target result;
        int status;

        for (int i = 0; i < LONGEST; i++, rest /= PIECES)
            strcat(target, pieces[rest % PIECES]);
        status = torc__url_target_parse(torc_slice_of(target), buffer, sizeof(buffer), &result);
        if (status == 0)
            assert_safe(result.path);
        else
            assert_int_equal(status, 400);
    }
}

static void test_the_query_is_kept_as_it_is(void **state)
{
    torc__url_target result;

    (void)state;
    assert_int_equal(parse(TORC_SLICE("/a?b=%41/../c?d"), &result), 0);
    assert_true(torc_slice_is(result.path, "a"));
    assert_true(result.has_query);
    assert_true(torc_slice_is(result.query, "b=%41/../c?d"));
    assert_int_equal(parse(TORC_SLICE("/a?"), &result), 0);
    assert_true(result.has_query);
    assert_int_equal(result.query.length, 0);
    assert_int_equal(parse(TORC_SLICE("/a"), &result), 0);
    assert_false(result.has_query);
}

static void test_the_absolute_form(void **state)
{
    torc__url_target result;

    (void)state;
    assert_int_equal(parse(TORC_SLICE("http://example.org:80/a/b?c"), &result), 0);
    assert_int_equal(result.form, TORC__URL_ABSOLUTE);
    assert_true(torc_slice_is(result.authority, "example.org:80"));
    assert_true(torc_slice_is(result.path, "a/b"));
    assert_true(torc_slice_is(result.query, "c"));
    assert_int_equal(parse(TORC_SLICE("HTTPS://[::1]?c"), &result), 0);
    assert_true(torc_slice_is(result.authority, "[::1]"));
    assert_true(torc_slice_is(result.path, "."));
    assert_true(torc_slice_is(result.query, "c"));
    check("http://a", "./");
    check("http://a//b", "b");
    check("http:///a", NULL);
    check("http://", NULL);
    check("http:/a", NULL);
    check("http://user@a/", NULL);
    check("http://a:b/", NULL);
    check("ftp://a/b", NULL);
}

static void test_other_forms(void **state)
{
    torc__url_target result;

    (void)state;
    assert_int_equal(parse(TORC_SLICE("*"), &result), 0);
    assert_int_equal(result.form, TORC__URL_ASTERISK);
    assert_true(torc_slice_is(result.path, "."));
    assert_int_equal(parse(TORC_SLICE("/*"), &result), 0);
    assert_int_equal(result.form, TORC__URL_ORIGIN);
    check("", NULL);
    check("a", NULL);
    check("**", NULL);
    check("?a", NULL);
    check("example.org:443", NULL);
}

static void test_a_path_beyond_the_buffer_is_too_long(void **state)
{
    torc__url_target result;
    char room[6];

    (void)state;
    assert_int_equal(torc__url_target_parse(TORC_SLICE("/12345"), room, 6, &result), 0);
    assert_int_equal(torc__url_target_parse(TORC_SLICE("/123456"), room, 6, &result), 414);
    assert_int_equal(torc__url_target_parse(TORC_SLICE("/1234/"), room, 6, &result), 0);
    assert_int_equal(torc__url_target_parse(TORC_SLICE("/1/2/345"), room, 6, &result), 414);
    assert_int_equal(torc__url_target_parse(TORC_SLICE("/"), room, 1, &result), 414);
    assert_int_equal(torc__url_target_parse(TORC_SLICE("/"), room, 0, &result), 414);
}

static void check_encoded(torc_slice path, const char *expected)
{
    char *out = malloc(TORC__URL_ENCODED_SIZE(path.length) + 1);
    size_t length;

    assert_non_null(out);
    length = torc__url_encode_path(path, out);
    assert_true(length <= TORC__URL_ENCODED_SIZE(path.length));
    assert_true(torc_slice_is(torc_slice_make(out, length), expected));
    free(out);
}

static void test_paths_are_encoded_for_links(void **state)
{
    (void)state;
    check_encoded(TORC_SLICE(""), "");
    check_encoded(TORC_SLICE("a/B-c_d.e~f/0"), "a/B-c_d.e~f/0");
    check_encoded(TORC_SLICE("a b"), "a%20b");
    check_encoded(TORC_SLICE("javascript:alert(1)"), "javascript%3Aalert%281%29");
    check_encoded(TORC_SLICE("\xc3\xa4%?#&\"'<>\\\r\n"), "%C3%A4%25%3F%23%26%22%27%3C%3E%5C%0D%0A");
    check_encoded(torc_slice_make("\0\xff", 2), "%00%FF");
}

static void test_every_byte_of_a_name_survives_encoding_and_decoding(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        char name[] = { 'x', (char)byte, '\0' };
        char target[20] = "/";
        torc__url_target result;

        if (byte == '/')
            continue;
        (void)torc__url_encode_path(torc_slice_of(name), target + 1);
        assert_int_equal(parse(torc_slice_of(target), &result), 0);
        assert_true(torc_slice_is(result.path, name));
    }
}

static void check_escaped(torc_slice text, const char *expected)
{
    char *out = malloc(TORC__HTML_ESCAPED_SIZE(text.length) + 1);
    size_t length;

    assert_non_null(out);
    length = torc__html_escape(text, out);
    assert_true(length <= TORC__HTML_ESCAPED_SIZE(text.length));
    assert_true(torc_slice_is(torc_slice_make(out, length), expected));
    free(out);
}

#define REPLACED "\xef\xbf\xbd"

static void test_text_is_escaped_for_pages(void **state)
{
    (void)state;
    check_escaped(TORC_SLICE(""), "");
    check_escaped(TORC_SLICE("plain text"), "plain text");
    check_escaped(TORC_SLICE("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    check_escaped(TORC_SLICE("\"\"\"\""), "&quot;&quot;&quot;&quot;");
    check_escaped(TORC_SLICE("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
        "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    check_escaped(TORC_SLICE("a\nb\x7f"), "a" REPLACED "b" REPLACED);
    check_escaped(torc_slice_make("\0", 1), REPLACED);
    check_escaped(TORC_SLICE("\xc2\x85"), REPLACED REPLACED);
}

static void test_what_is_not_utf_8_is_replaced(void **state)
{
    (void)state;
    check_escaped(TORC_SLICE("a\xff" "b"), "a" REPLACED "b");
    check_escaped(TORC_SLICE("\x80"), REPLACED);
    check_escaped(TORC_SLICE("\xc3"), REPLACED);
    check_escaped(TORC_SLICE("\xc3<"), REPLACED "&lt;");
    check_escaped(TORC_SLICE("\xe2\x82"), REPLACED REPLACED);
    check_escaped(TORC_SLICE("\xc0\xbc"), REPLACED REPLACED);
    check_escaped(TORC_SLICE("\xe0\x80\xbc"), REPLACED REPLACED REPLACED);
    check_escaped(TORC_SLICE("\xed\xa0\x80"), REPLACED REPLACED REPLACED);
    check_escaped(TORC_SLICE("\xf4\x90\x80\x80"), REPLACED REPLACED REPLACED REPLACED);
    check_escaped(TORC_SLICE("\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_paths),
        cmocka_unit_test(test_percent_encoding_is_decoded_once),
        cmocka_unit_test(test_bad_encodings_are_refused),
        cmocka_unit_test(test_an_encoded_slash_names_no_file),
        cmocka_unit_test(test_dots_and_empty_segments_are_resolved),
        cmocka_unit_test(test_nothing_climbs_above_the_root),
        cmocka_unit_test(test_no_combination_gets_out),
        cmocka_unit_test(test_the_query_is_kept_as_it_is),
        cmocka_unit_test(test_the_absolute_form),
        cmocka_unit_test(test_other_forms),
        cmocka_unit_test(test_a_path_beyond_the_buffer_is_too_long),
        cmocka_unit_test(test_paths_are_encoded_for_links),
        cmocka_unit_test(test_every_byte_of_a_name_survives_encoding_and_decoding),
        cmocka_unit_test(test_text_is_escaped_for_pages),
        cmocka_unit_test(test_what_is_not_utf_8_is_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
