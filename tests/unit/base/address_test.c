/*
 * Addresses as text and back.
 */
#include <torc/address.h>

#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static torc_address parsed(const char *host)
{
    torc_address address;

    memset(&address, 0xEE, sizeof address);
    if (!torc_address_parse(torc_slice_of(host), 80, &address))
        fail_msg("\"%s\" is refused", host);
    return address;
}

static void expect_text(const char *host, const char *host_again, const char *text)
{
    torc_address address = parsed(host);
    char buffer[TORC_ADDRESS_TEXT_MAX];

    assert_ptr_equal(torc_address_host(&address, buffer), buffer);
    assert_string_equal(buffer, host_again);
    assert_ptr_equal(torc_address_text(&address, buffer), buffer);
    assert_string_equal(buffer, text);
}

static void numeric_addresses_are_read_and_written(void **state)
{
    (void)state;
    expect_text("192.0.2.7", "192.0.2.7", "192.0.2.7:80");
    expect_text("0.0.0.0", "0.0.0.0", "0.0.0.0:80");
    expect_text("2001:DB8:0:0::1", "2001:db8::1", "[2001:db8::1]:80");
    expect_text("[2001:db8::1]", "2001:db8::1", "[2001:db8::1]:80");
    expect_text("::", "::", "[::]:80");
    expect_text("::ffff:192.0.2.7", "::ffff:192.0.2.7", "[::ffff:192.0.2.7]:80");
    expect_text("fe80::1%2", "fe80::1%2", "[fe80::1%2]:80");
    expect_text("[fe80::1%4294967295]", "fe80::1%4294967295", "[fe80::1%4294967295]:80");
    expect_text("fe80::1%0", "fe80::1", "[fe80::1]:80");
}

static void what_was_read_says_its_kind_and_bytes(void **state)
{
    torc_address ipv4 = parsed("192.0.2.7");
    torc_address ipv6 = parsed("fe80::7%3");

    (void)state;
    assert_int_equal(ipv4.kind, TORC_ADDRESS_IPV4);
    assert_memory_equal(ipv4.ip, "\xC0\x00\x02\x07", 4);
    assert_int_equal(ipv4.port, 80);
    assert_int_equal(ipv6.kind, TORC_ADDRESS_IPV6);
    assert_memory_equal(ipv6.ip, "\xFE\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x07", 16);
    assert_int_equal(ipv6.scope_id, 3);
}

static void an_interface_name_is_a_scope(void **state)
{
    char name[IF_NAMESIZE];
    char host[64];

    (void)state;
    if (if_indextoname(1, name) == NULL)
        skip();
    snprintf(host, sizeof host, "fe80::1%%%s", name);
    assert_int_equal(parsed(host).scope_id, 1);
}

static void anything_else_is_refused_and_nothing_written(void **state)
{
    static const char *const bad[] = {
        "", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4",
        "0x1.2.3.4", "16909060", "1.2.3.4:80", "[1.2.3.4]", "1.2.3.4%1", "[]", "[", "]", "[::1",
        "::1]", "[[::1]]", ":::", ":", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::",
        "::1%", "::1%no_such_interface", "::1%4294967296", "::1%a_name_longer_than_any_interface",
        "%1", "::1%1%2", "[::1]%1",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
    };
    torc_address address;

    (void)state;
    memset(&address, 0xEE, sizeof address);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (torc_address_parse(torc_slice_of(bad[i]), 80, &address))
            fail_msg("\"%s\" is accepted", bad[i]);
    assert_false(torc_address_parse(TORC_SLICE("1.2.3.4\0"), 80, &address));
    assert_false(torc_address_parse(TORC_SLICE("::1\0"), 80, &address));
    assert_false(torc_address_parse(torc_slice_make(NULL, 0), 80, &address));
    for (size_t i = 0; i < sizeof address; i++)
        assert_int_equal(((unsigned char *)&address)[i], 0xEE);
}

static void a_unix_path_is_its_own_text(void **state)
{
    torc_address address = { .kind = TORC_ADDRESS_UNIX, .path = "/run/x" };
    char text[TORC_ADDRESS_TEXT_MAX];

    (void)state;
    assert_string_equal(torc_address_text(&address, text), "/run/x");
    assert_string_equal(torc_address_host(&address, text), "/run/x");
    memset(address.path, 'x', TORC_UNIX_PATH_MAX);
    assert_string_equal(torc_address_text(&address, text), address.path);
}

static void no_address_is_a_dash(void **state)
{
    torc_address none = { .kind = TORC_ADDRESS_NONE };
    torc_address unnamed = { .kind = TORC_ADDRESS_UNIX };
    char text[TORC_ADDRESS_TEXT_MAX];

    (void)state;
    assert_string_equal(torc_address_text(&none, text), "-");
    assert_string_equal(torc_address_host(&none, text), "-");
    assert_string_equal(torc_address_text(&unnamed, text), "-");
}

static void the_longest_address_fits(void **state)
{
    torc_address address = parsed("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295");
    char text[TORC_ADDRESS_TEXT_MAX];

    (void)state;
    address.port = 65535;
    assert_string_equal(torc_address_text(&address, text),
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numeric_addresses_are_read_and_written),
        cmocka_unit_test(what_was_read_says_its_kind_and_bytes),
        cmocka_unit_test(an_interface_name_is_a_scope),
        cmocka_unit_test(anything_else_is_refused_and_nothing_written),
        cmocka_unit_test(a_unix_path_is_its_own_text),
        cmocka_unit_test(no_address_is_a_dash),
        cmocka_unit_test(the_longest_address_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
