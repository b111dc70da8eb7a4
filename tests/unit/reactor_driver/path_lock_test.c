/*
 * The lock beside the path of a UNIX socket, and that no two programs clear the same one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <torc.h>

#include "endpoint/socket_path.h"
#include "reactor/driver/path_lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[] = "/tmp/torc-lock-XXXXXX";
static char path[64];

static int set_up(void **state)
{
    (void)state;
    memcpy(directory + sizeof directory - 7, "XXXXXX", 6);
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/socket", directory);
    return 0;
}

/* Fails when anything but a socket's own path was left. */
static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory);
}

static bool exists(const char *name)
{
    struct stat status;

    return lstat(name, &status) == 0;
}

static void leave_dead_socket(int type)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int descriptor = socket(AF_UNIX, type, 0);

    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&name, sizeof name), 0);
    close(descriptor);
}

static torc_address address_of_path(void)
{
    torc_address address = { .kind = TORC_ADDRESS_UNIX };

    snprintf(address.path, sizeof address.path, "%s", path);
    return address;
}

static void one_at_a_time_has_it(void **state)
{
    int first = torc__path_lock(path);
    int second;

    (void)state;
    assert_true(first >= 0);
    assert_int_equal(torc__path_lock(path), -1);
    torc__path_unlock(first, path);
    second = torc__path_lock(path);
    assert_true(second >= 0);
    torc__path_unlock(second, path);
}

/* As when its owner has just let it go, and somebody else was about to take it. */
static void a_lock_on_a_file_that_is_gone_is_none(void **state)
{
    int first = torc__path_lock(path);
    int second;

    (void)state;
    torc__path_unlock(first, path);
    second = torc__path_lock(path);
    assert_true(second >= 0);
    torc__path_unlock(second, path);
    torc__path_unlock(-1, path);
}

static void a_path_that_somebody_opens_is_not_cleared(void **state)
{
    torc_address address = address_of_path();
    int lock;

    (void)state;
    leave_dead_socket(SOCK_STREAM);
    lock = torc__path_lock(path);
    assert_false(torc__socket_path_clear(&address, SOCK_STREAM));
    assert_true(exists(path));
    torc__path_unlock(lock, path);
    assert_true(torc__socket_path_clear(&address, SOCK_STREAM));
    assert_false(exists(path));
}

static void a_live_socket_of_either_type_is_left_alone(void **state)
{
    static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
    torc_address address = address_of_path();

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        int live = socket(AF_UNIX, types[i], 0);

        snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
        assert_int_equal(bind(live, (struct sockaddr *)&name, sizeof name), 0);
        if (types[i] == SOCK_STREAM)
            assert_int_equal(listen(live, 5), 0);
        assert_false(torc__socket_path_clear(&address, SOCK_STREAM));
        assert_false(torc__socket_path_clear(&address, SOCK_DGRAM));
        assert_true(exists(path));
        close(live);
        unlink(path);
    }
}

static void a_dead_socket_of_datagrams_is_cleared(void **state)
{
    torc_address address = address_of_path();

    (void)state;
    leave_dead_socket(SOCK_DGRAM);
    assert_true(torc__socket_path_clear(&address, SOCK_DGRAM));
    assert_false(exists(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_at_a_time_has_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_lock_on_a_file_that_is_gone_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_path_that_somebody_opens_is_not_cleared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_live_socket_of_either_type_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_dead_socket_of_datagrams_is_cleared, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
