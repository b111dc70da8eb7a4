/*
 * What the tests of the io_uring driver's own share: pairs of sockets, one end of which is the
 * driver's.
 */
#ifndef TORC_TESTS_REACTOR_DRIVER_URING_SUPPORT_H
#define TORC_TESTS_REACTOR_DRIVER_URING_SUPPORT_H

#include "reactor/driver/uring.h"

#include "reactor/reactor.h"
#include "support/driver_works.h"
#include "support/failing_allocation.h"
#include "support/failing_system_call.h"
#include "support/leave_child.h"

#include <torc.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(TORC__HAS_URING)

# include <arpa/inet.h>
# include <errno.h>
# include <netinet/in.h>
# include <sys/socket.h>
# include <sys/wait.h>
# include <unistd.h>

/* One end of a pair of sockets: the driver's; the other is the test's, and blocks. */
typedef struct end {
    torc_io io; /* first */
    int peer;
    size_t received;
    uint32_t sum; /* of the bytes, weighed by where they stood */
    unsigned ends;
    int error;
    size_t sent;
    int send_error;
} end;

enum { ENDS_MAX = 300, TURNS_MAX = 1000 };

static torc_reactor *reactor;
static torc_driver *driver;
static end ends[ENDS_MAX];
static void (*when_received)(end *self, torc_slice data);

/* -- the world ----------------------------------------------------------------------------- */

static TORC_UNUSED uint32_t sum_of(uint32_t sum, torc_slice data, size_t offset)
{
    for (size_t i = 0; i < data.length; i++)
        sum += (uint32_t)(unsigned char)data.data[i] * (uint32_t)(offset + i + 1);
    return sum;
}

static void on_received(torc_io *io, torc_slice data, int error)
{
    end *self = (end *)(void *)io;

    self->sum = sum_of(self->sum, data, self->received);
    self->received += data.length;
    if (data.length == 0) {
        self->ends++;
        self->error = error;
    } else if (when_received != NULL) {
        when_received(self, data);
    }
}

static void on_sent(torc_io *io, size_t count, int error)
{
    end *self = (end *)(void *)io;

    self->sent += count;
    self->send_error = error;
}

static const torc_io_events events = { .received = on_received, .sent = on_sent };

static TORC_UNUSED int open_reactor(void **state)
{
    (void)state;
    memset(ends, 0, sizeof ends);
    when_received = NULL;
    reactor = torc_reactor_new_named("uring", NULL);
    driver = reactor->driver;
    return 0;
}

static TORC_UNUSED int close_reactor(void **state)
{
    (void)state;
    torc_reactor_free(reactor);
    torc__uring_driver_sizes = (torc__uring_sizes){ .submitted = 256, .done = 4096 };
    return 0;
}

static TORC_UNUSED int open_reactor_with_short_queues(void **state)
{
    torc__uring_driver_sizes = (torc__uring_sizes){ .submitted = 4, .done = 8 };
    return open_reactor(state);
}

static TORC_UNUSED end *adopt(int descriptor, int peer)
{
    static size_t next;
    end *self = &ends[next++ % ENDS_MAX];

    memset(self, 0, sizeof *self);
    self->io.events = &events;
    self->peer = peer;
    assert_int_equal(driver->kind->adopt(driver, &self->io, descriptor), 0);
    return self;
}

static TORC_UNUSED end *open_pair(void)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    return adopt(pair[0], pair[1]);
}

static TORC_UNUSED void close_pair(end *self)
{
    self->io.kind->close(&self->io, false);
    close(self->peer);
}

static TORC_UNUSED void turn(void)
{
    driver->kind->turn(driver, torc_monotonic_now() + 2 * TORC_MILLISECOND);
}

# define TURN_UNTIL(condition) \
    do { \
        int turns_left = TURNS_MAX; \
        while (!(condition) && turns_left-- > 0) \
            turn(); \
        assert_true(condition); \
    } while (0)

static TORC_UNUSED void say(end *self, const char *text)
{
    assert_int_equal(write(self->peer, text, strlen(text)), strlen(text));
}

static TORC_UNUSED void assert_heard(int peer, const char *text)
{
    char heard[64];
    size_t length = 0;
    ssize_t got = 1;

    while (length < strlen(text) && got > 0) {
        got = read(peer, heard + length, strlen(text) - length);
        length += got > 0 ? (size_t)got : 0;
    }
    assert_int_equal(length, strlen(text));
    assert_memory_equal(heard, text, length);
}

static TORC_UNUSED void answer(end *self, torc_slice data)
{
    struct iovec piece = { (void *)(uintptr_t)data.data, data.length };

    assert_true(self->io.kind->send(&self->io, &piece, 1, false) >= 0);
}

/* The bytes of a gathered send stay where they are until it was told: these are static. */
static TORC_UNUSED void answer_well(end *self, torc_slice data)
{
    (void)data;
    answer(self, torc_slice_make("well", 4));
}

static TORC_UNUSED size_t count_received(size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < ENDS_MAX; i++)
        count += ends[i].received == length;
    return count;
}

# define REACTOR_TEST(name) cmocka_unit_test_setup_teardown(name, open_reactor, close_reactor)

#endif

#endif /* TORC_TESTS_REACTOR_DRIVER_URING_SUPPORT_H */
