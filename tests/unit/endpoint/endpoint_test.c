/*
 * What the kinds of endpoints take, what they give, and how a mistake is explained.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "endpoint/endpoint.h"

#include <errno.h>

static torc__endpoint endpoint;

static const char *address(const torc_address *which)
{
    static char text[TORC_ADDRESS_TEXT_MAX];

    return torc_address_text(which, text);
}

static void to_listen(const char *text)
{
    torc_failure *failure = torc__endpoint_to_listen(text, &endpoint);

    if (failure != NULL)
        fail_msg("%s", torc_failure_text(failure));
}

static void to_connect(const char *text)
{
    torc_failure *failure = torc__endpoint_to_connect(text, &endpoint);

    if (failure != NULL)
        fail_msg("%s", torc_failure_text(failure));
}

static void assert_bad(torc_failure *failure, const char *message)
{
    assert_non_null(failure);
    assert_true(torc_failure_is(failure, &torc_error_invalid_argument));
    assert_string_equal(torc_failure_text(failure), message);
    torc_failure_release(failure);
}

static void assert_bad_to_listen(const char *text, const char *message)
{
    assert_bad(torc__endpoint_to_listen(text, &endpoint), message);
}

static void assert_bad_to_connect(const char *text, const char *message)
{
    assert_bad(torc__endpoint_to_connect(text, &endpoint), message);
}

static void assert_refused(torc_failure *failure)
{
    assert_true(torc_failure_is(failure, &torc_error_invalid_argument));
    torc_failure_release(failure);
}

/* -- listening ----------------------------------------------------------------------------- */

static void tcp_listens_on_all_ipv4_addresses(void **state)
{
    (void)state;
    to_listen("tcp:8080");
    assert_string_equal(address(&endpoint.address), "0.0.0.0:8080");
    assert_false(endpoint.options.both_families);
    assert_false(endpoint.options.reuse_port);
    assert_int_equal(endpoint.options.unix_mode, -1);
    assert_int_equal(endpoint.descriptor, -1);
    assert_string_equal(endpoint.text, "tcp:8080");
}

static void tcp_listens_on_an_interface(void **state)
{
    (void)state;
    to_listen("tcp:8080:interface=127.0.0.1");
    assert_string_equal(address(&endpoint.address), "127.0.0.1:8080");
    to_listen("tcp:8080:127.0.0.1:7");
    assert_string_equal(address(&endpoint.address), "127.0.0.1:8080");
    assert_int_equal(endpoint.options.backlog, 7);
    to_listen("tcp:8080:interface=localhost");
    assert_string_equal(address(&endpoint.address), "127.0.0.1:8080");
    to_listen("tcp:interface=127.0.0.1:8080");
    assert_string_equal(address(&endpoint.address), "127.0.0.1:8080");
}

static void only_the_ipv6_wildcard_of_tcp_is_of_both_families(void **state)
{
    (void)state;
    to_listen("tcp:8080:interface=\\:\\:");
    assert_string_equal(address(&endpoint.address), "[::]:8080");
    assert_true(endpoint.options.both_families);
    to_listen("tcp:8080:interface=[::]");
    assert_true(endpoint.options.both_families);
    to_listen("tcp:8080:interface=[::1]");
    assert_string_equal(address(&endpoint.address), "[::1]:8080");
    assert_false(endpoint.options.both_families);
    to_listen("tcp:8080:interface=0.0.0.0");
    assert_false(endpoint.options.both_families);
}

static void tcp6_is_ipv6_only(void **state)
{
    (void)state;
    to_listen("tcp6:8080");
    assert_string_equal(address(&endpoint.address), "[::]:8080");
    assert_false(endpoint.options.both_families);
    to_listen("tcp6:8080:interface=[::1]");
    assert_string_equal(address(&endpoint.address), "[::1]:8080");
    to_listen("tcp6:8080:interface=localhost");
    assert_string_equal(address(&endpoint.address), "[::1]:8080");
    assert_bad_to_listen("tcp6:80:interface=127.0.0.1",
        "tcp6:80:interface=127.0.0.1: interface must be a numeric IPv6 address in brackets, not "
        "one of IPv4; write tcp6:8080");
    assert_bad_to_listen("tcp6:80:interface=[::ffff:127.0.0.1]",
        "tcp6:80:interface=[::ffff:127.0.0.1]: interface must be a numeric IPv6 address in "
        "brackets, not one of IPv4; write tcp6:8080");
}

static void flags_are_given_by_their_name_alone(void **state)
{
    (void)state;
    to_listen("tcp:80:backlog=500:reuseport");
    assert_true(endpoint.options.reuse_port);
    assert_int_equal(endpoint.options.backlog, 500);
    to_listen("tcp:80:reuseport:127.0.0.1");
    assert_true(endpoint.options.reuse_port);
    assert_string_equal(address(&endpoint.address), "127.0.0.1:80");
    assert_bad_to_listen("tcp:80:reuseport=yes",
        "tcp:80:reuseport=yes: reuseport takes no value; write tcp:8080");
}

static void unix_listens_on_a_path(void **state)
{
    (void)state;
    to_listen("unix:/run/app.sock");
    assert_int_equal(endpoint.address.kind, TORC_ADDRESS_UNIX);
    assert_string_equal(endpoint.address.path, "/run/app.sock");
    assert_int_equal(endpoint.options.unix_mode, -1);
    to_listen("unix:address=/run/a\\:b:mode=660:backlog=3");
    assert_string_equal(endpoint.address.path, "/run/a:b");
    assert_int_equal(endpoint.options.unix_mode, 0660);
    assert_int_equal(endpoint.options.backlog, 3);
    to_listen("unix:@abstract");
    assert_string_equal(endpoint.address.path, "@abstract");
}

static void bad_paths_and_modes_are_refused(void **state)
{
    char text[300] = "unix:";

    (void)state;
    assert_bad_to_listen("unix:", "unix:: path must not be empty; write unix:/run/app.sock");
    assert_bad_to_listen("unix:a:mode=888",
        "unix:a:mode=888: mode must be permissions in octal, from 0 to 777; write "
        "unix:/run/app.sock");
    assert_bad_to_listen("unix:a:mode=1777",
        "unix:a:mode=1777: mode must be permissions in octal, from 0 to 777; write "
        "unix:/run/app.sock");
    memset(text + 5, 'p', 107);
    to_listen(text);
    text[5 + 107] = 'p';
    assert_refused(torc__endpoint_to_listen(text, &endpoint));
}

static void fd_names_a_descriptor(void **state)
{
    (void)state;
    to_listen("fd:3");
    assert_int_equal(endpoint.descriptor, 3);
    assert_int_equal(endpoint.address.kind, TORC_ADDRESS_NONE);
    to_connect("fd:descriptor=0");
    assert_int_equal(endpoint.descriptor, 0);
    assert_bad_to_listen("fd:stdin",
        "fd:stdin: descriptor must be the number of an open file; write fd:3");
}

/* -- connecting ---------------------------------------------------------------------------- */

static void tcp_connects_to_a_numeric_address(void **state)
{
    (void)state;
    to_connect("tcp:192.0.2.1:80");
    assert_string_equal(address(&endpoint.address), "192.0.2.1:80");
    assert_string_equal(endpoint.host, "");
    assert_int_equal(endpoint.timeout, 30 * TORC_SECOND);
    to_connect("tcp:host=192.0.2.1:port=80");
    assert_string_equal(address(&endpoint.address), "192.0.2.1:80");
    to_connect("tcp:80:host=192.0.2.1");
    assert_string_equal(address(&endpoint.address), "192.0.2.1:80");
    to_connect("tcp:[::1]:80");
    assert_string_equal(address(&endpoint.address), "[::1]:80");
    to_connect("tcp6:\\:\\:1:80");
    assert_string_equal(address(&endpoint.address), "[::1]:80");
}

static void tcp_connects_to_a_name(void **state)
{
    (void)state;
    to_connect("tcp:example.org.:80");
    assert_string_equal(endpoint.host, "example.org");
    assert_int_equal(endpoint.port, 80);
    assert_int_equal(endpoint.address.kind, TORC_ADDRESS_NONE);
    assert_false(endpoint.only_ipv6);
    to_connect("tcp:0xdead.example:80");
    assert_string_equal(endpoint.host, "0xdead.example");
    to_connect("tcp6:my_host-2:80");
    assert_string_equal(endpoint.host, "my_host-2");
    assert_true(endpoint.only_ipv6);
}

static void what_is_no_name_is_refused(void **state)
{
    static const char *const bad[] = { "tcp:127.1:80", "tcp:1:80", "tcp::80", "tcp:a..b:80",
        "tcp:.a:80", "tcp:a b:80", "tcp:0x7f000001:80", "tcp:1.2.3.256:80", "tcp:a%b:80",
        "tcp:a/b:80", "tcp:0x7f.1:80",
        "tcp:1.0X7f:80", "tcp:.:80", "tcp:a..:80" };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        torc_failure *failure = torc__endpoint_to_connect(bad[i], &endpoint);

        if (failure == NULL)
            fail_msg("%s was taken", bad[i]);
        assert_true(torc_failure_is(failure, &torc_error_invalid_argument));
        torc_failure_release(failure);
    }
    assert_bad_to_connect("tcp6:192.0.2.1:80",
        "tcp6:192.0.2.1:80: host must be a numeric IPv6 address in brackets, not one of IPv4, or "
        "a name; write tcp6:[2001:db8::1]:80");
}

static void names_are_bounded(void **state)
{
    char text[400] = "tcp:";

    (void)state;
    for (int i = 0; i < 127; i++)
        strcat(text, "a.");
    text[4 + 253] = '\0';
    strcat(text, ":80");
    to_connect(text);
    assert_int_equal(strlen(endpoint.host), 253);
    text[4 + 253] = '\0';
    strcat(text, "aa:80");
    assert_refused(torc__endpoint_to_connect(text, &endpoint));
    strcpy(text, "tcp:");
    memset(text + 4, 'a', 64);
    strcpy(text + 68, ":80");
    assert_refused(torc__endpoint_to_connect(text, &endpoint));
}

static void timeouts_are_in_seconds(void **state)
{
    (void)state;
    to_connect("tcp:a:80:timeout=10");
    assert_int_equal(endpoint.timeout, 10 * TORC_SECOND);
    to_connect("unix:a:0.25");
    assert_int_equal(endpoint.timeout, 250 * TORC_MILLISECOND);
    to_connect("unix:a:timeout=1.000000001");
    assert_int_equal(endpoint.timeout, TORC_SECOND + 1);
    assert_bad_to_connect("unix:a:timeout=0",
        "unix:a:timeout=0: timeout must be a number of seconds from 0.001 to 86400; write "
        "unix:/run/app.sock");
    assert_refused(torc__endpoint_to_connect("unix:a:timeout=86400.1", &endpoint));
    assert_refused(torc__endpoint_to_connect("unix:a:timeout=1.", &endpoint));
    assert_refused(torc__endpoint_to_connect("unix:a:timeout=-1", &endpoint));
}

static void the_local_address_is_of_the_same_family(void **state)
{
    (void)state;
    to_connect("tcp:192.0.2.1:80:bindAddress=192.0.2.9");
    assert_string_equal(address(&endpoint.local), "192.0.2.9:0");
    to_connect("tcp:example.org:80:bindAddress=192.0.2.9");
    assert_bad_to_connect("tcp:192.0.2.1:80:bindAddress=[::1]",
        "tcp:192.0.2.1:80:bindAddress=[::1]: bindAddress must be of the same family as host");
    assert_bad_to_connect("tcp6:example.org:80:bindAddress=127.0.0.1",
        "tcp6:example.org:80:bindAddress=127.0.0.1: bindAddress must be an IPv6 address");
}

/* -- mistakes ------------------------------------------------------------------------------ */

static void mistakes_name_the_endpoint_and_the_remedy(void **state)
{
    (void)state;
    assert_bad_to_listen("tcp:port=x",
        "tcp:port=x: port must be a number from 0 to 65535; write tcp:8080");
    assert_bad_to_listen("tcp:65536",
        "tcp:65536: port must be a number from 0 to 65535; write tcp:8080");
    assert_bad_to_listen("tcp", "tcp: port is missing; write tcp:8080");
    assert_bad_to_listen("8080", "8080: the kind is missing; write tcp:8080");
    assert_bad_to_listen("http:80",
        "http:80: there is no kind of endpoint named 'http'; there are tcp, tcp6, unix, fd, "
        "memory, systemd, stdio, process, haproxy, haproxy-v2, socks, http-proxy");
    assert_bad_to_listen("tcp:80:foo=1",
        "tcp:80:foo=1: tcp takes no 'foo' for listening; it takes port, interface, backlog, "
        "reuseport, wait");
    assert_bad_to_listen("tcp:80:port=81", "tcp:80:port=81: interface must be a numeric address, "
        "an IPv6 one in brackets; write tcp:8080");
    assert_bad_to_listen(
        "tcp:port=80:port=81", "tcp:port=80:port=81: port is given twice; give it once");
    assert_bad_to_listen("unix:path=a:address=b",
        "unix:path=a:address=b: path is given twice; give it once");
    assert_bad_to_listen("fd:3:4", "fd:3:4: fd takes no '4' for listening; it takes descriptor");
    assert_bad_to_connect("tcp:127.0.0.1:0",
        "tcp:127.0.0.1:0: port must be a number from 1 to 65535; write tcp:192.0.2.1:80");
    assert_bad_to_connect("tcp:80",
        "tcp:80: host must be a numeric address, an IPv6 one in brackets, or a name; write "
        "tcp:192.0.2.1:80");
    assert_bad_to_listen(
        "", "endpoint: the description is empty; write for example tcp:8080");
    assert_bad_to_listen(
        NULL, "endpoint: the description is empty; write for example tcp:8080");
}

static void assert_failure(torc_failure *failure, const torc_failure_type *type, int code)
{
    assert_ptr_equal(torc_failure_type_of(failure), type);
    assert_int_equal(torc_failure_code(failure), code);
    assert_non_null(strstr(torc_failure_text(failure), endpoint.text));
    torc_failure_release(failure);
}

static void errors_of_connecting_have_their_types(void **state)
{
    (void)state;
    to_connect("tcp:127.0.0.1:1");
    assert_failure(torc__connect_failure(&endpoint, NULL, ECONNREFUSED), &torc_error_refused,
        ECONNREFUSED);
    assert_failure(torc__connect_failure(&endpoint, NULL, EHOSTUNREACH), &torc_error_no_route,
        EHOSTUNREACH);
    assert_failure(torc__connect_failure(&endpoint, NULL, ETIMEDOUT),
        &torc_error_connect_timed_out, ETIMEDOUT);
    assert_failure(torc__connect_failure(&endpoint, NULL, EADDRNOTAVAIL), &torc_error_connect,
        EADDRNOTAVAIL);
    to_connect("tcp:127.0.0.1:1:bindAddress=192.0.2.1");
    assert_failure(torc__connect_failure(&endpoint, NULL, EADDRNOTAVAIL), &torc_error_bind,
        EADDRNOTAVAIL);
}

static void errors_of_listening_name_the_remedy(void **state)
{
    torc_failure *failure;

    (void)state;
    to_listen("tcp:80");
    failure = torc__listen_failure(&endpoint, EADDRINUSE);
    assert_string_equal(torc_failure_text(failure),
        "cannot listen on tcp:80 (it is in use: another program listens there; choose another "
        "port or stop it): Address already in use");
    assert_failure(failure, &torc_error_listen, EADDRINUSE);
    assert_failure(torc__listen_failure(&endpoint, ENOBUFS), &torc_error_listen, ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_listens_on_all_ipv4_addresses),
        cmocka_unit_test(tcp_listens_on_an_interface),
        cmocka_unit_test(only_the_ipv6_wildcard_of_tcp_is_of_both_families),
        cmocka_unit_test(tcp6_is_ipv6_only),
        cmocka_unit_test(flags_are_given_by_their_name_alone),
        cmocka_unit_test(unix_listens_on_a_path),
        cmocka_unit_test(bad_paths_and_modes_are_refused),
        cmocka_unit_test(fd_names_a_descriptor),
        cmocka_unit_test(tcp_connects_to_a_numeric_address),
        cmocka_unit_test(tcp_connects_to_a_name),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(names_are_bounded),
        cmocka_unit_test(timeouts_are_in_seconds),
        cmocka_unit_test(the_local_address_is_of_the_same_family),
        cmocka_unit_test(mistakes_name_the_endpoint_and_the_remedy),
        cmocka_unit_test(errors_of_connecting_have_their_types),
        cmocka_unit_test(errors_of_listening_name_the_remedy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
