/*
 * Addresses to and from what the system takes, tried on real sockets too.
 */
#include <torc/address.h>

#include "base/socket_address.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static torc_address round_trip(const torc_address *address)
{
    struct sockaddr_storage socket_address;
    torc_address again;
    socklen_t length = 0;

    memset(&again, 0xEE, sizeof again);
    assert_int_equal(torc__address_to_sockaddr(address, &socket_address, &length), 0);
    torc__address_from_sockaddr(&again, (struct sockaddr *)&socket_address, length);
    return again;
}

static void expect_round_trip(const char *host)
{
    torc_address address;
    torc_address again;

    assert_true(torc_address_parse(torc_slice_of(host), 4711, &address));
    again = round_trip(&address);
    assert_memory_equal(&address, &again, sizeof address);
}

static void internet_addresses_come_back_the_same(void **state)
{
    (void)state;
    expect_round_trip("192.0.2.7");
    expect_round_trip("2001:db8::1");
    expect_round_trip("fe80::1%7");
}

static void a_mapped_address_stays_ipv6(void **state)
{
    torc_address address;

    (void)state;
    assert_true(torc_address_parse(TORC_SLICE("::ffff:192.0.2.7"), 80, &address));
    assert_int_equal(round_trip(&address).kind, TORC_ADDRESS_IPV6);
}

static void the_port_is_in_network_order(void **state)
{
    struct sockaddr_storage storage;
    struct sockaddr_in internet;
    torc_address address;
    socklen_t length;

    (void)state;
    assert_true(torc_address_parse(TORC_SLICE("127.0.0.1"), 0x1234, &address));
    assert_int_equal(torc__address_to_sockaddr(&address, &storage, &length), 0);
    assert_int_equal(length, sizeof internet);
    memcpy(&internet, &storage, sizeof internet);
    assert_int_equal(internet.sin_family, AF_INET);
    assert_memory_equal(&internet.sin_port, "\x12\x34", 2);
    assert_memory_equal(&internet.sin_addr, "\x7F\x00\x00\x01", 4);
}

static torc_address unix_address(char first, size_t length)
{
    torc_address address = { .kind = TORC_ADDRESS_UNIX };

    memset(address.path, 'x', length);
    address.path[0] = first;
    return address;
}

static void paths_of_every_permitted_length_come_back(void **state)
{
    (void)state;
    for (size_t length = 1; length < TORC_UNIX_PATH_MAX; length++) {
        torc_address address = unix_address('/', length);

        assert_string_equal(round_trip(&address).path, address.path);
    }
}

static void abstract_names_come_back_with_their_sign(void **state)
{
    torc_address address = unix_address('@', TORC_UNIX_PATH_MAX);
    struct sockaddr_storage storage;
    socklen_t length;

    (void)state;
    assert_int_equal(torc__address_to_sockaddr(&address, &storage, &length), 0);
    assert_int_equal(length, sizeof(struct sockaddr_un));
    assert_int_equal(((struct sockaddr_un *)&storage)->sun_path[0], 0);
    assert_string_equal(round_trip(&address).path, address.path);
}

static void what_the_system_cannot_take_is_refused(void **state)
{
    torc_address none = { .kind = TORC_ADDRESS_NONE };
    torc_address empty = { .kind = TORC_ADDRESS_UNIX };
    torc_address long_path = unix_address('/', TORC_UNIX_PATH_MAX);
    torc_address endless = unix_address('@', sizeof endless.path);
    struct sockaddr_storage storage;
    socklen_t length;

    (void)state;
    assert_int_equal(torc__address_to_sockaddr(&none, &storage, &length), -EINVAL);
    assert_int_equal(torc__address_to_sockaddr(&empty, &storage, &length), -EINVAL);
    assert_int_equal(torc__address_to_sockaddr(&long_path, &storage, &length), -ENAMETOOLONG);
    assert_int_equal(torc__address_to_sockaddr(&endless, &storage, &length), -ENAMETOOLONG);
}

static void a_path_that_fills_the_field_needs_no_nul(void **state)
{
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    torc_address address;

    (void)state;
    memset(local.sun_path, 'y', sizeof local.sun_path);
    torc__address_from_sockaddr(&address, (struct sockaddr *)&local, sizeof local);
    assert_int_equal(strlen(address.path), sizeof local.sun_path);
    torc__address_from_sockaddr(&address, (struct sockaddr *)&local, sizeof local + 1);
    assert_int_equal(strlen(address.path), sizeof local.sun_path);
}

static void nuls_in_an_abstract_name_are_shown(void **state)
{
    struct sockaddr_un local = { .sun_family = AF_UNIX, .sun_path = "\0a\0b" };
    torc_address address;

    (void)state;
    torc__address_from_sockaddr(&address, (struct sockaddr *)&local,
        (socklen_t)offsetof(struct sockaddr_un, sun_path) + 4);
    assert_string_equal(address.path, "@a@b");
}

static void what_is_not_an_address_has_no_kind(void **state)
{
    struct sockaddr_storage storage = { .ss_family = AF_INET6 };
    torc_address address;

    (void)state;
    torc__address_from_sockaddr(&address, (struct sockaddr *)&storage, 0);
    assert_int_equal(address.kind, TORC_ADDRESS_NONE);
    torc__address_from_sockaddr(
        &address, (struct sockaddr *)&storage, sizeof(struct sockaddr_in6) - 1);
    assert_int_equal(address.kind, TORC_ADDRESS_NONE);
    storage.ss_family = AF_UNIX;
    torc__address_from_sockaddr(&address, (struct sockaddr *)&storage, sizeof storage.ss_family);
    assert_int_equal(address.kind, TORC_ADDRESS_NONE);
    storage.ss_family = AF_UNSPEC;
    torc__address_from_sockaddr(&address, (struct sockaddr *)&storage, sizeof storage);
    assert_int_equal(address.kind, TORC_ADDRESS_NONE);
}

/* Binds a socket there and asks the system where it is bound. */
static torc_address bound(const torc_address *address, int family)
{
    int descriptor = socket(family, SOCK_STREAM, 0);
    struct sockaddr_storage storage;
    torc_address again;
    socklen_t length;

    assert_true(descriptor >= 0);
    assert_int_equal(torc__address_to_sockaddr(address, &storage, &length), 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&storage, length), 0);
    length = sizeof storage;
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&storage, &length), 0);
    torc__address_from_sockaddr(&again, (struct sockaddr *)&storage, length);
    close(descriptor);
    return again;
}

static void the_system_agrees(void **state)
{
    char folder[] = "/tmp/torc-address-XXXXXX";
    torc_address loopback;
    torc_address path = { .kind = TORC_ADDRESS_UNIX };
    torc_address again;

    (void)state;
    assert_true(torc_address_parse(TORC_SLICE("127.0.0.1"), 0, &loopback));
    again = bound(&loopback, AF_INET);
    assert_memory_equal(again.ip, loopback.ip, 4);
    assert_int_not_equal(again.port, 0);
    assert_non_null(mkdtemp(folder));
    strcpy(path.path, folder);
    strcat(path.path, "/socket");
    again = bound(&path, AF_UNIX);
    assert_string_equal(again.path, path.path);
    unlink(path.path);
    rmdir(folder);
#ifdef __linux__
    path.path[0] = '@';
    assert_string_equal(bound(&path, AF_UNIX).path, path.path);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(internet_addresses_come_back_the_same),
        cmocka_unit_test(a_mapped_address_stays_ipv6),
        cmocka_unit_test(the_port_is_in_network_order),
        cmocka_unit_test(paths_of_every_permitted_length_come_back),
        cmocka_unit_test(abstract_names_come_back_with_their_sign),
        cmocka_unit_test(what_the_system_cannot_take_is_refused),
        cmocka_unit_test(a_path_that_fills_the_field_needs_no_nul),
        cmocka_unit_test(nuls_in_an_abstract_name_are_shown),
        cmocka_unit_test(what_is_not_an_address_has_no_kind),
        cmocka_unit_test(the_system_agrees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
