/*
 * The PROXY protocol's header between bytes and values: both versions, cut anywhere, hostile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "endpoint/proxy_header.h"

static torc__proxy_header header;
static const char *problem;

static int read_bytes(const void *bytes, size_t length)
{
    return torc__proxy_header_read(torc_slice_make(bytes, length), &header, &problem);
}

static int read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

static void assert_peers(const char *source, const char *destination)
{
    char text[TORC_ADDRESS_TEXT_MAX];

    assert_true(header.known);
    assert_string_equal(torc_address_text(&header.source, text), source);
    assert_string_equal(torc_address_text(&header.destination, text), destination);
}

static void version_1_is_read(void **state)
{
    (void)state;
    assert_int_equal(read_text("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET"), 42);
    assert_peers("192.0.2.1:56324", "192.0.2.2:443");
    assert_true(read_text("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n") > 0);
    assert_peers("[2001:db8::1]:0", "[::1]:65535");
    assert_int_equal(read_text("PROXY UNKNOWN\r\n"), 15);
    assert_false(header.known);
    assert_true(read_text("PROXY UNKNOWN ff 65536 whatever\r\n") > 0);
    assert_false(header.known);
}

static void version_1_that_breaks_a_rule_is_refused(void **state)
{
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n", "proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n", "PROXYTCP4 1.2.3.4\r\n",
        "PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n",
        "PROXY TCP4 1.2.3.4  1.2.3.4 1 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n",
        "PROXY TCP4 1.2.3 1.2.3.4 1 1\r\n", "PROXY TCP4 01.2.3.4 1.2.3.4 1 1\r\n",
        "PROXY TCP4 ::1 1.2.3.4 1 1\r\n", "PROXY TCP6 1.2.3.4 ::1 1 1\r\n",
        "PROXY TCP6 [::1] ::1 1 1\r\n", "PROXY TCP6 fe80::1%1 ::1 1 1\r\n", "PROXY\r\n",
        "PROXY \r\n", "PROXY TCP4\r\n", "\r\n\r\nPROXY", "\r\n\r\n\0x",
    };
    char longest[TORC__PROXY_HEADER1_MAX + 8];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (read_text(bad[i]) != -1 && i + 1 < sizeof(bad) / sizeof(bad[0]))
            fail_msg("was taken: %s", bad[i]);
    }
    memset(longest, 'x', sizeof(longest));
    memcpy(longest, "PROXY UNKNOWN ", 14);
    assert_int_equal(read_bytes(longest, TORC__PROXY_HEADER1_MAX - 1), 0);
    assert_int_equal(read_bytes(longest, sizeof(longest)), -1);
    memcpy(longest + TORC__PROXY_HEADER1_MAX - 2, "\r\n", 2);
    assert_int_equal(read_bytes(longest, TORC__PROXY_HEADER1_MAX), TORC__PROXY_HEADER1_MAX);
    memcpy(longest + TORC__PROXY_HEADER1_MAX - 2, "x\r\n", 3);
    assert_int_equal(read_bytes(longest, TORC__PROXY_HEADER1_MAX + 1), -1);
}

static size_t write2(char *to, unsigned command, unsigned family, size_t length)
{
    memcpy(to, "\r\n\r\n\0\r\nQUIT\n", 12);
    to[12] = (char)command;
    to[13] = (char)family;
    to[14] = (char)(length >> 8);
    to[15] = (char)(length & 255);
    memset(to + 16, 0, length);
    return 16 + length;
}

static void version_2_is_read(void **state)
{
    char bytes[512];
    size_t length = write2(bytes, 0x21, 0x11, 12);

    (void)state;
    memcpy(bytes + 16, "\xc0\0\2\1\xc0\0\2\2\xdc\4\1\xbb", 12);
    assert_int_equal(read_bytes(bytes, length), 28);
    assert_peers("192.0.2.1:56324", "192.0.2.2:443");

    length = write2(bytes, 0x21, 0x21, 36 + 5); /* with a field behind the addresses */
    bytes[16 + 15] = 1;
    bytes[16 + 31] = 2;
    bytes[16 + 35] = 80;
    assert_int_equal(read_bytes(bytes, length), 57);
    assert_peers("[::1]:0", "[::2]:80");

    length = write2(bytes, 0x21, 0x31, 216);
    strcpy(bytes + 16, "/run/client");
    memcpy(bytes + 16 + 108, "\0abstract", 9);
    assert_int_equal(read_bytes(bytes, length), 232);
    assert_peers("/run/client", "@abstract");
}

static void version_2_may_say_nothing(void **state)
{
    char bytes[64];

    (void)state;
    assert_int_equal(read_bytes(bytes, write2(bytes, 0x20, 0x00, 0)), 16);
    assert_false(header.known);
    assert_int_equal(read_bytes(bytes, write2(bytes, 0x20, 0x11, 12)), 28);
    assert_false(header.known);
    assert_int_equal(read_bytes(bytes, write2(bytes, 0x21, 0x00, 7)), 23);
    assert_false(header.known);
}

static void version_2_that_breaks_a_rule_is_refused(void **state)
{
    char bytes[TORC__PROXY_HEADER_MAX + 64];

    (void)state;
    assert_int_equal(read_bytes(bytes, write2(bytes, 0x11, 0x11, 12)), -1);
    assert_int_equal(read_bytes(bytes, write2(bytes, 0x22, 0x11, 12)), -1);
    assert_int_equal(read_bytes(bytes, write2(bytes, 0x21, 0x12, 12)), -1);
    assert_int_equal(read_bytes(bytes, write2(bytes, 0x21, 0x41, 12)), -1);
    assert_int_equal(read_bytes(bytes, write2(bytes, 0x21, 0x11, 11)), -1);
    assert_int_equal(read_bytes(bytes, write2(bytes, 0x21, 0x21, 35)), -1);
    assert_int_equal(read_bytes(bytes, write2(bytes, 0x21, 0x31, 215)), -1);
    write2(bytes, 0x21, 0x00, TORC__PROXY_HEADER_MAX - 15);
    assert_int_equal(read_bytes(bytes, 16), -1);
    assert_int_equal(read_bytes(bytes,
        write2(bytes, 0x21, 0x00, TORC__PROXY_HEADER_MAX - 16)), TORC__PROXY_HEADER_MAX);
}

static void of_a_header_that_is_cut_more_is_wanted(void **state)
{
    static const char text[] = "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n";
    char bytes[32];
    size_t length = write2(bytes, 0x21, 0x11, 12);

    (void)state;
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        assert_int_equal(read_bytes(text, i), 0);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(read_bytes(bytes, i), 0);
}

static void what_is_written_is_read_back(void **state)
{
    static const char *const hosts[] = { "192.0.2.1", "2001:db8::1", "fe80::1%3" };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (unsigned version = 1; version <= 2; version++) {
            char bytes[TORC__PROXY_HEADER_WRITTEN_MAX];
            torc_address source;
            torc_address destination;
            size_t length;

            assert_true(torc_address_parse(torc_slice_of(hosts[i]), 1234, &source));
            assert_true(torc_address_parse(torc_slice_of(hosts[i]), 80, &destination));
            length = torc__proxy_header_write(version, &source, &destination, bytes);
            assert_int_equal(read_bytes(bytes, length), length);
            assert_true(header.known);
            assert_memory_equal(header.source.ip, source.ip, 16);
            assert_int_equal(header.source.port, 1234);
            assert_int_equal(header.destination.port, 80);
        }
    }
}

static void ends_without_addresses_are_unknown(void **state)
{
    char bytes[TORC__PROXY_HEADER_WRITTEN_MAX];
    torc_address none = { .kind = TORC_ADDRESS_NONE };
    torc_address other;

    (void)state;
    assert_true(torc_address_parse(TORC_SLICE("::1"), 80, &other));
    for (unsigned version = 1; version <= 2; version++) {
        size_t length = torc__proxy_header_write(version, &none, &other, bytes);

        assert_int_equal(read_bytes(bytes, length), length);
        assert_false(header.known);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_is_read),
        cmocka_unit_test(version_1_that_breaks_a_rule_is_refused),
        cmocka_unit_test(version_2_is_read),
        cmocka_unit_test(version_2_may_say_nothing),
        cmocka_unit_test(version_2_that_breaks_a_rule_is_refused),
        cmocka_unit_test(of_a_header_that_is_cut_more_is_wanted),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(ends_without_addresses_are_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
