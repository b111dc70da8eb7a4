/*
 * Conditions of requests, each given as the text of a head, against one representation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "web/http_conditional.h"

#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define THEN   "Sun, 06 Nov 1994 08:49:37 GMT"
#define AFTER  "Sun, 06 Nov 1994 08:49:38 GMT"

enum { MODIFIED = 784111777, LATER = MODIFIED + 1000 };

static torc__http_field fields[8];
static torc__http_head_parser parser;
static char text[1000];

static torc__http_validators validators;

static int set_up(void **state)
{
    (void)state;
    validators.etag = TORC_SLICE("\"abc\"");
    validators.modified = MODIFIED;
    validators.exists = true;
    validators.has_modified = true;
    return 0;
}

static const torc__http_head *head_of(const char *method, const char *lines)
{
    (void)snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: a\r\n%s\r\n", method, lines);
    torc__http_head_parser_init(&parser, NULL, fields, 8);
    assert_int_equal(torc__http_head_parse(&parser, torc_slice_of(text)), TORC__HTTP_HEAD_DONE);
    return &parser.head;
}

static void check(const char *method, const char *lines, torc__http_verdict expected)
{
    torc__http_verdict verdict =
        torc__http_evaluate_conditions(head_of(method, lines), &validators, LATER);

    if (verdict != expected)
        fail_msg("%s: %d, not %d", lines, (int)verdict, (int)expected);
}

static void test_without_conditions_a_request_proceeds(void **state)
{
    (void)state;
    check("GET", "", TORC__HTTP_PROCEED);
    check("POST", "", TORC__HTTP_PROCEED);
}

static void test_if_none_match(void **state)
{
    (void)state;
    check("GET", "If-None-Match: \"abc\"\r\n", TORC__HTTP_NOT_MODIFIED);
    check("HEAD", "If-None-Match: \"abc\"\r\n", TORC__HTTP_NOT_MODIFIED);
    check("PUT", "If-None-Match: \"abc\"\r\n", TORC__HTTP_PRECONDITION_FAILED);
    check("GET", "If-None-Match: W/\"abc\"\r\n", TORC__HTTP_NOT_MODIFIED);
    check("GET", "If-None-Match: \"x\", \"abc\"\r\n", TORC__HTTP_NOT_MODIFIED);
    check("GET", "If-None-Match: \"x\",,W/\"abc\" , \"y\"\r\n", TORC__HTTP_NOT_MODIFIED);
    check("GET", "If-None-Match: \"x\"\r\nIf-None-Match: \"abc\"\r\n", TORC__HTTP_NOT_MODIFIED);
    check("GET", "If-None-Match: *\r\n", TORC__HTTP_NOT_MODIFIED);
    check("GET", "If-None-Match: \"ABC\"\r\n", TORC__HTTP_PROCEED);
    check("GET", "If-None-Match: \"abcd\"\r\n", TORC__HTTP_PROCEED);
    check("GET", "If-None-Match: abc\r\n", TORC__HTTP_PROCEED);
    check("GET", "If-None-Match: \"abc\r\n", TORC__HTTP_PROCEED);
    check("GET", "If-None-Match:\r\n", TORC__HTTP_PROCEED);
}

static void test_entity_tags_may_hold_commas_and_backslashes(void **state)
{
    (void)state;
    validators.etag = TORC_SLICE("\"a,\\\"");
    check("GET", "If-None-Match: \"a,\\\"\r\n", TORC__HTTP_NOT_MODIFIED);
    check("GET", "If-None-Match: \"a\", \"a,\\\", \"b\"\r\n", TORC__HTTP_NOT_MODIFIED);
    check("GET", "If-None-Match: \"a\",\\\r\n", TORC__HTTP_PROCEED);
}

static void test_if_match(void **state)
{
    (void)state;
    check("GET", "If-Match: \"abc\"\r\n", TORC__HTTP_PROCEED);
    check("GET", "If-Match: \"x\", \"abc\"\r\n", TORC__HTTP_PROCEED);
    check("GET", "If-Match: \"x\"\r\nIf-Match: \"abc\"\r\n", TORC__HTTP_PROCEED);
    check("GET", "If-Match: *\r\n", TORC__HTTP_PROCEED);
    check("GET", "If-Match: \"x\"\r\n", TORC__HTTP_PRECONDITION_FAILED);
    check("GET", "If-Match: W/\"abc\"\r\n", TORC__HTTP_PRECONDITION_FAILED);
    check("GET", "If-Match:\r\n", TORC__HTTP_PRECONDITION_FAILED);
    validators.etag = TORC_SLICE("W/\"abc\"");
    check("GET", "If-Match: W/\"abc\"\r\n", TORC__HTTP_PRECONDITION_FAILED);
    check("GET", "If-Match: \"abc\"\r\n", TORC__HTTP_PRECONDITION_FAILED);
    validators.exists = false;
    check("GET", "If-Match: *\r\n", TORC__HTTP_PRECONDITION_FAILED);
    check("GET", "If-None-Match: *\r\n", TORC__HTTP_PROCEED);
}

static void test_if_modified_since(void **state)
{
    (void)state;
    check("GET", "If-Modified-Since: " THEN "\r\n", TORC__HTTP_NOT_MODIFIED);
    check("GET", "If-Modified-Since: " AFTER "\r\n", TORC__HTTP_NOT_MODIFIED);
    check("GET", "If-Modified-Since: " BEFORE "\r\n", TORC__HTTP_PROCEED);
    check("HEAD", "If-Modified-Since: " THEN "\r\n", TORC__HTTP_NOT_MODIFIED);
    check("POST", "If-Modified-Since: " THEN "\r\n", TORC__HTTP_PROCEED);
    check("GET", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", TORC__HTTP_NOT_MODIFIED);
    check("GET", "If-Modified-Since: yesterday\r\n", TORC__HTTP_PROCEED);
    validators.has_modified = false;
    check("GET", "If-Modified-Since: " AFTER "\r\n", TORC__HTTP_PROCEED);
}

static void test_if_unmodified_since(void **state)
{
    (void)state;
    check("GET", "If-Unmodified-Since: " THEN "\r\n", TORC__HTTP_PROCEED);
    check("GET", "If-Unmodified-Since: " AFTER "\r\n", TORC__HTTP_PROCEED);
    check("GET", "If-Unmodified-Since: " BEFORE "\r\n", TORC__HTTP_PRECONDITION_FAILED);
    check("POST", "If-Unmodified-Since: " BEFORE "\r\n", TORC__HTTP_PRECONDITION_FAILED);
    check("GET", "If-Unmodified-Since: tomorrow\r\n", TORC__HTTP_PROCEED);
    validators.has_modified = false;
    check("GET", "If-Unmodified-Since: " BEFORE "\r\n", TORC__HTTP_PROCEED);
}

static void test_entity_tags_go_before_dates(void **state)
{
    (void)state;
    check("GET", "If-None-Match: \"x\"\r\nIf-Modified-Since: " AFTER "\r\n", TORC__HTTP_PROCEED);
    check("GET", "If-None-Match: \"abc\"\r\nIf-Modified-Since: " BEFORE "\r\n",
        TORC__HTTP_NOT_MODIFIED);
    check("GET", "If-Match: \"abc\"\r\nIf-Unmodified-Since: " BEFORE "\r\n", TORC__HTTP_PROCEED);
    check("GET", "If-Match: \"x\"\r\nIf-Unmodified-Since: " AFTER "\r\n",
        TORC__HTTP_PRECONDITION_FAILED);
}

static void test_guards_go_before_what_spares_a_transfer(void **state)
{
    (void)state;
    check("GET", "If-None-Match: \"abc\"\r\nIf-Match: \"x\"\r\n", TORC__HTTP_PRECONDITION_FAILED);
    check("GET", "If-None-Match: \"abc\"\r\nIf-Match: \"abc\"\r\n", TORC__HTTP_NOT_MODIFIED);
    check("GET", "If-Modified-Since: " AFTER "\r\nIf-Unmodified-Since: " BEFORE "\r\n",
        TORC__HTTP_PRECONDITION_FAILED);
    check("GET", "If-Modified-Since: " AFTER "\r\nIf-Unmodified-Since: " AFTER "\r\n",
        TORC__HTTP_NOT_MODIFIED);
}

static void check_range(const char *lines, int64_t now, bool expected)
{
    bool applies = torc__http_range_applies(head_of("GET", lines), &validators, now);

    if (applies != expected)
        fail_msg("%s: %d", lines, applies);
}

static void test_if_range_with_an_entity_tag(void **state)
{
    (void)state;
    check_range("", LATER, true);
    check_range("If-Range: \"abc\"\r\n", LATER, true);
    check_range("If-Range: \"x\"\r\n", LATER, false);
    check_range("If-Range: W/\"abc\"\r\n", LATER, false);
    check_range("If-Range: \"abc\", \"x\"\r\n", LATER, false);
    check_range("If-Range: *\r\n", LATER, false);
    check_range("If-Range:\r\n", LATER, false);
    validators.etag = TORC_SLICE("W/\"abc\"");
    check_range("If-Range: W/\"abc\"\r\n", LATER, false);
    validators.etag = TORC_SLICE("");
    check_range("If-Range: \"abc\"\r\n", LATER, false);
}

static void test_if_range_with_a_date(void **state)
{
    (void)state;
    check_range("If-Range: " THEN "\r\n", LATER, true);
    check_range("If-Range: " AFTER "\r\n", LATER, false);
    check_range("If-Range: " BEFORE "\r\n", LATER, false);
    check_range("If-Range: never\r\n", LATER, false);
    /* Changed within this second, it may change again without a new date. */
    check_range("If-Range: " THEN "\r\n", MODIFIED, false);
    check_range("If-Range: " THEN "\r\n", MODIFIED + 1, true);
    validators.has_modified = false;
    check_range("If-Range: " THEN "\r\n", LATER, false);
}

/* The table of RFC 9110 8.8.3.2. */
static void test_comparisons(void **state)
{
    torc_slice weak_1 = TORC_SLICE("W/\"1\"");
    torc_slice weak_2 = TORC_SLICE("W/\"2\"");
    torc_slice strong_1 = TORC_SLICE("\"1\"");
    torc_slice none = TORC_SLICE("");

    (void)state;
    assert_false(torc__http_etags_match_strongly(weak_1, weak_1));
    assert_false(torc__http_etags_match_strongly(weak_1, weak_2));
    assert_false(torc__http_etags_match_strongly(weak_1, strong_1));
    assert_false(torc__http_etags_match_strongly(strong_1, weak_1));
    assert_true(torc__http_etags_match_strongly(strong_1, strong_1));
    assert_true(torc__http_etags_match_weakly(weak_1, weak_1));
    assert_false(torc__http_etags_match_weakly(weak_1, weak_2));
    assert_true(torc__http_etags_match_weakly(weak_1, strong_1));
    assert_true(torc__http_etags_match_weakly(strong_1, strong_1));
    assert_false(torc__http_etags_match_strongly(none, none));
    assert_false(torc__http_etags_match_weakly(none, none));
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_conditions_a_request_proceeds),
        TEST(test_if_none_match),
        TEST(test_entity_tags_may_hold_commas_and_backslashes),
        TEST(test_if_match),
        TEST(test_if_modified_since),
        TEST(test_if_unmodified_since),
        TEST(test_entity_tags_go_before_dates),
        TEST(test_guards_go_before_what_spares_a_transfer),
        TEST(test_if_range_with_an_entity_tag),
        TEST(test_if_range_with_a_date),
        TEST(test_comparisons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
