/*
 * The reader of what a SOCKS5 proxy answers, byte by byte: it asks for more until a message is
 * whole, takes no more than that, and names each way in which it fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "endpoint/socks.h"

static char message[TORC__SOCKS_MESSAGE_MAX];
static size_t message_length;
static const char *problem;
static const torc_failure_type *type;

static int read_at(torc__socks_stage *stage, const torc__tunnel *tunnel, const char *bytes,
    size_t length)
{
    problem = NULL;
    return torc__socks_read(stage, tunnel, torc_slice_make(bytes, length), message,
        &message_length, &problem, &type);
}

static void assert_whole_after(
    torc__socks_stage from, torc__socks_stage to, const char *bytes, size_t length)
{
    torc__tunnel tunnel = { .host = "a.test", .has_user = true, .user = "me", .password = "pw" };

    for (size_t part = 0; part < length; part++) {
        torc__socks_stage stage = from;

        assert_int_equal(read_at(&stage, &tunnel, bytes, part), 0);
        assert_int_equal(stage, from);
        assert_int_equal(message_length, 0);
    }
    assert_int_equal(read_at(&from, &tunnel, bytes, length + 3), length);
    assert_int_equal(from, to);
}

static void a_message_is_taken_when_it_is_whole_and_not_before(void **state)
{
    (void)state;
    assert_whole_after(TORC__SOCKS_METHOD, TORC__SOCKS_REPLY, "\5\0xxx", 2);
    assert_int_equal(message_length, 3 + 1 + 7 + 2);
    assert_whole_after(TORC__SOCKS_METHOD, TORC__SOCKS_PASSWORD, "\5\2xxx", 2);
    assert_memory_equal(message, "\1\2me\2pw", 7);
    assert_whole_after(TORC__SOCKS_PASSWORD, TORC__SOCKS_REPLY, "\1\0xxx", 2);
    assert_whole_after(TORC__SOCKS_REPLY, TORC__SOCKS_DONE, "\5\0\0\1" "\1\2\3\4" "\0\1xxx", 10);
    assert_whole_after(TORC__SOCKS_REPLY, TORC__SOCKS_DONE, "\5\0\0\3\2ab\0\1xxx", 9);
    assert_whole_after(
        TORC__SOCKS_REPLY, TORC__SOCKS_DONE, "\5\0\0\4" "0123456789abcdef" "\0\1xxx", 22);
}

static void after_the_reply_nothing_is_taken(void **state)
{
    torc__socks_stage stage = TORC__SOCKS_DONE;
    torc__tunnel tunnel = { .host = "a.test" };

    (void)state;
    assert_int_equal(read_at(&stage, &tunnel, "\5\0", 2), 0);
    assert_null(problem);
}

static void assert_breaks(torc__socks_stage stage, bool has_user, const char *bytes,
    size_t length, const torc_failure_type *as, const char *words)
{
    torc__tunnel tunnel = { .host = "a.test", .has_user = has_user };

    assert_int_equal(read_at(&stage, &tunnel, bytes, length), -1);
    assert_ptr_equal(type, as);
    if (strstr(problem, words) == NULL)
        fail_msg("not '%s': %s", words, problem);
}

static void each_refusal_is_named(void **state)
{
    static const struct {
        char code;
        const torc_failure_type *type;
        const char *words;
    } refusals[] = {
        { 1, &torc_error_connect, "the proxy failed" },
        { 2, &torc_error_connect, "rules do not allow" },
        { 3, &torc_error_no_route, "cannot reach the network" },
        { 4, &torc_error_no_route, "cannot reach the host" },
        { 5, &torc_error_refused, "the host refused" },
        { 6, &torc_error_connect_timed_out, "did not answer" },
        { 7, &torc_error_connect, "does not make connections" },
        { 8, &torc_error_connect, "does not take such addresses" },
        { 99, &torc_error_connect, "the proxy failed" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        char reply[2] = { 5, refusals[i].code };

        assert_breaks(
            TORC__SOCKS_REPLY, false, reply, 2, refusals[i].type, refusals[i].words);
    }
}

static void what_is_not_socks_is_named(void **state)
{
    const torc_failure_type *nonsense = &torc_error_protocol;

    (void)state;
    assert_breaks(TORC__SOCKS_METHOD, false, "\4", 1, nonsense, "does not speak SOCKS5");
    assert_breaks(TORC__SOCKS_METHOD, false, "\5\2", 2, nonsense, "was not offered");
    assert_breaks(TORC__SOCKS_METHOD, true, "\5\1", 2, nonsense, "was not offered");
    assert_breaks(TORC__SOCKS_PASSWORD, true, "\5\0", 2, nonsense, "no version 1");
    assert_breaks(TORC__SOCKS_REPLY, true, "H", 1, nonsense, "not of SOCKS5");
    assert_breaks(TORC__SOCKS_REPLY, true, "\5\0\1\1\0", 5, nonsense, "no known kind");
    assert_breaks(TORC__SOCKS_REPLY, true, "\5\0\0\2\0", 5, nonsense, "no known kind");
}

static void who_is_not_let_in_is_told_what_was_missing(void **state)
{
    const torc_failure_type *refused = &torc_error_connect;

    (void)state;
    assert_breaks(TORC__SOCKS_METHOD, false, "\5\xff", 2, refused, "give user and password");
    assert_breaks(TORC__SOCKS_METHOD, true, "\5\xff", 2, refused, "neither user and password");
    assert_breaks(TORC__SOCKS_PASSWORD, true, "\1\1", 2, refused, "refused user and password");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_taken_when_it_is_whole_and_not_before),
        cmocka_unit_test(after_the_reply_nothing_is_taken),
        cmocka_unit_test(each_refusal_is_named),
        cmocka_unit_test(what_is_not_socks_is_named),
        cmocka_unit_test(who_is_not_let_in_is_told_what_was_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
