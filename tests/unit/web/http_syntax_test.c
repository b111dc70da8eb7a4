/*
 * The grammar that fields share: tokens, lists, hosts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "web/http_syntax.h"

static void test_hosts(void **state)
{
    static const char *const good[] = { "", "a", "a.b", "A-b_c.d", "127.0.0.1:65535", "[::1]",
        "[fe80::1%25eth0]:8080", "a:", "%41" };
    static const char *const bad[] = { "a b", "a:65536", "a:123456", "a:1x", "[::1", "[]", "::1",
        "[::1]x", "a?b", "a#b", "a\\b", "<a>", "\xc3\xa4" };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(torc__http_host_is_valid(torc_slice_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(torc__http_host_is_valid(torc_slice_of(bad[i])));
}

static void check_list(const char *text, const char *expected)
{
    torc_slice list = torc_slice_of(text);
    torc_slice member;
    char joined[100] = "";

    while (torc__http_list_next(&list, &member)) {
        strcat(joined, "[");
        strncat(joined, member.data, member.length);
        strcat(joined, "]");
    }
    assert_string_equal(joined, expected);
}

static void test_lists(void **state)
{
    (void)state;
    check_list("", "");
    check_list(" , ,\t,", "");
    check_list("a", "[a]");
    check_list(" a , b,c ,", "[a][b][c]");
    check_list("a b, c", "[a b][c]");
    check_list("\"a,b\", c", "[\"a,b\"][c]");
    check_list("\"a\\\",b\", c", "[\"a\\\",b\"][c]");
    check_list("\"a,b", "[\"a,b]");
}

static void test_tokens(void **state)
{
    (void)state;
    assert_true(torc__http_is_token(TORC_SLICE("x-token+1")));
    assert_false(torc__http_is_token(TORC_SLICE("")));
    assert_false(torc__http_is_token(TORC_SLICE("a b")));
    assert_false(torc__http_is_token(TORC_SLICE("a/b")));
    assert_false(torc__http_is_token(TORC_SLICE("a\xff")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_tokens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
