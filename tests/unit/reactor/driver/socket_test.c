/*
 * Sockets by themselves: what is refused, with which error, and that nothing is left behind then.
 */
#include "reactor/driver/socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reactor/driver/datagram_socket.h"
#include "reactor/driver/socket_passing.h"
#include "support/failing_system_call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const torc_socket_options plain = { .unix_mode = -1 };
static const torc_address nowhere = { .kind = TORC_ADDRESS_NONE };
static const torc_address loopback4 = { .kind = TORC_ADDRESS_IPV4, .ip = { 127, 0, 0, 1 } };
static const torc_address loopback6 = { .kind = TORC_ADDRESS_IPV6, .ip = { [15] = 1 } };

static int descriptors_open(void)
{
    int count = 0;

    for (int i = 0; i < 256; i++)
        count += fcntl(i, F_GETFD) != -1;
    return count;
}

static torc_address path_of_test(void)
{
    torc_address address = { .kind = TORC_ADDRESS_UNIX };

    snprintf(address.path, sizeof address.path, "/tmp/torc-socket-test-%ld", (long)getpid());
    return address;
}

/* -- opening ------------------------------------------------------------------------------- */

static int listen_without(const char *call, int error, const torc_address *address, int mode)
{
    torc_socket_options options = plain;
    int descriptor;

    options.unix_mode = mode;
    fail_system_calls_named(call, error);
    descriptor = torc__socket_listen(address, &options);
    allow_system_calls();
    return descriptor;
}

static void a_socket_that_cannot_listen_is_closed_and_its_path_removed(void **state)
{
    const torc_address path = path_of_test();
    int before = descriptors_open();

    (void)state;
    assert_int_equal(listen_without("socket", EMFILE, &loopback4, -1), -EMFILE);
    assert_int_equal(listen_without("setsockopt", ENOMEM, &loopback4, -1), -ENOMEM);
    assert_int_equal(listen_without("setsockopt", ENOMEM, &loopback6, -1), -ENOMEM);
    assert_int_equal(listen_without("bind", EADDRINUSE, &loopback4, -1), -EADDRINUSE);
    assert_int_equal(listen_without("listen", EADDRINUSE, &loopback4, -1), -EADDRINUSE);
    assert_int_equal(listen_without("chmod", EACCES, &path, 0600), -EACCES);
    assert_int_equal(access(path.path, F_OK), -1);
    assert_int_equal(listen_without("listen", EADDRINUSE, &path, -1), -EADDRINUSE);
    assert_int_equal(access(path.path, F_OK), -1);
    assert_int_equal(descriptors_open(), before);
}

static void there_is_no_socket_without_an_address(void **state)
{
    const torc_datagram_options options = { .unix_mode = -1 };

    (void)state;
    assert_true(torc__socket_listen(&nowhere, &plain) < 0);
    assert_true(torc__socket_connect(&nowhere, NULL) < 0);
    assert_true(torc__datagram_socket_open(&nowhere, NULL, &options) < 0);
    assert_int_equal(torc__datagram_socket_open(NULL, NULL, &options), -EINVAL);
}

static void the_two_ends_of_a_connection_are_of_one_family(void **state)
{
    const torc_datagram_options options = { .unix_mode = -1 };
    int before = descriptors_open();

    (void)state;
    assert_true(torc__socket_connect(&loopback4, &loopback6) < 0);
    assert_int_equal(
        torc__datagram_socket_open(&loopback4, &loopback6, &options), -EAFNOSUPPORT);
    assert_int_equal(descriptors_open(), before);
}

static void what_comes_from_elsewhere_must_be_what_it_is_taken_for(void **state)
{
    int stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_device;

    (void)state;
    assert_int_equal(torc__socket_adopt_listener(stream), -EINVAL);
    assert_int_equal(torc__socket_adopt_listener(9999), -EBADF);
    assert_int_equal(torc__datagram_socket_adopt(stream, &is_device), -EPROTOTYPE);
    assert_int_equal(torc__datagram_socket_adopt(9999, &is_device), -EBADF);
    close(stream);
}

/* -- options ------------------------------------------------------------------------------- */

static void options_of_other_sockets_are_refused(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(torc__socket_set_option(ends[0], TORC_IO_KEEP_ALIVE, 0), 0);
    assert_int_equal(torc__socket_set_option(ends[0], TORC_IO_KEEP_ALIVE, 10), -EOPNOTSUPP);
    assert_int_equal(torc__socket_set_option(ends[0], TORC_IO_SPLICE, 1), -ENOTSUP);
    fail_system_calls_named("setsockopt", ENOMEM);
    assert_int_equal(torc__socket_set_option(ends[0], TORC_IO_KEEP_ALIVE, 10), -ENOMEM);
    allow_system_calls();
    close(ends[0]);
    close(ends[1]);
}

static int ask_for_multicast(const torc_address *local, int request)
{
    const torc_datagram_options options = { .unix_mode = -1 };
    const torc_multicast asked = { .request = (torc_multicast_request)request, .value = 1 };
    int descriptor = torc__datagram_socket_open(local, NULL, &options);
    int error;

    assert_true(descriptor >= 0);
    error = torc__datagram_socket_multicast(descriptor, &asked);
    close(descriptor);
    return error;
}

static void multicast_is_for_sockets_of_ip_and_for_what_there_is(void **state)
{
    const torc_address path = path_of_test();

    (void)state;
    assert_int_equal(ask_for_multicast(&loopback4, TORC_MULTICAST_LOOP), 0);
    assert_int_equal(ask_for_multicast(&loopback4, 99), -ENOTSUP);
    assert_int_equal(ask_for_multicast(&loopback6, TORC_MULTICAST_LOOP), 0);
    assert_int_equal(ask_for_multicast(&loopback6, 99), -ENOTSUP);
    assert_int_equal(ask_for_multicast(&path, TORC_MULTICAST_LOOP), -ENOTSUP);
    unlink(path.path);
}

/* -- who is there, and what comes along ---------------------------------------------------- */

static void only_a_unix_socket_says_who_is_there(void **state)
{
    torc_io_credentials who = { 0 };
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(torc__socket_credentials(ends[0], &who), 0);
    assert_int_equal(who.process, getpid());
    assert_int_equal(who.user, getuid());
    assert_int_equal(torc__socket_credentials(tcp, &who), -ENOTSUP);
    fail_system_calls_named("getsockopt", ENOBUFS);
    assert_int_equal(torc__socket_credentials(ends[0], &who), -ENOBUFS);
    fail_system_calls_named("getsockname", ENOBUFS);
    assert_int_equal(torc__socket_credentials(ends[0], &who), -ENOBUFS);
    allow_system_calls();
    close(tcp);
    close(ends[0]);
    close(ends[1]);
}

static void descriptors_are_found_among_what_else_comes_along(void **state)
{
    struct iovec piece = { (void *)(uintptr_t)"with", 4 };
    int passed[TORC_DESCRIPTORS_MAX];
    int input = STDIN_FILENO;
    size_t count = 0;
    char bytes[8];
    int on = 1;
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    assert_int_equal(torc__socket_send_descriptors(ends[1], &piece, 1, &input, 1), 4);
    assert_int_equal(
        torc__socket_receive_descriptors(ends[0], bytes, sizeof bytes, passed, &count), 4);
    assert_int_equal(count, 1);
    assert_true(fcntl(passed[0], F_GETFD) & FD_CLOEXEC);
    close(passed[0]);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_that_cannot_listen_is_closed_and_its_path_removed),
        cmocka_unit_test(there_is_no_socket_without_an_address),
        cmocka_unit_test(the_two_ends_of_a_connection_are_of_one_family),
        cmocka_unit_test(what_comes_from_elsewhere_must_be_what_it_is_taken_for),
        cmocka_unit_test(options_of_other_sockets_are_refused),
        cmocka_unit_test(multicast_is_for_sockets_of_ip_and_for_what_there_is),
        cmocka_unit_test(only_a_unix_socket_says_who_is_there),
        cmocka_unit_test(descriptors_are_found_among_what_else_comes_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
