/*
 * What is the io_uring driver's own: queues and buffers that run short, what the kernel has taken
 * ahead of being asked, forks, and why it does not work. What it shares with the other drivers is
 * shown by the tests that run over all of them.
 */
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

static uint32_t sum_of(uint32_t sum, torc_slice data, size_t offset)
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

static int open_reactor(void **state)
{
    (void)state;
    memset(ends, 0, sizeof ends);
    when_received = NULL;
    reactor = torc_reactor_new_named("uring", NULL);
    driver = reactor->driver;
    return 0;
}

static int close_reactor(void **state)
{
    (void)state;
    torc_reactor_free(reactor);
    torc__uring_driver_sizes = (torc__uring_sizes){ .submitted = 256, .done = 4096 };
    return 0;
}

static int open_reactor_with_short_queues(void **state)
{
    torc__uring_driver_sizes = (torc__uring_sizes){ .submitted = 4, .done = 8 };
    return open_reactor(state);
}

static end *adopt(int descriptor, int peer)
{
    static size_t next;
    end *self = &ends[next++ % ENDS_MAX];

    memset(self, 0, sizeof *self);
    self->io.events = &events;
    self->peer = peer;
    assert_int_equal(driver->kind->adopt(driver, &self->io, descriptor), 0);
    return self;
}

static end *open_pair(void)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    return adopt(pair[0], pair[1]);
}

static void close_pair(end *self)
{
    self->io.kind->close(&self->io, false);
    close(self->peer);
}

static void turn(void)
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

static void say(end *self, const char *text)
{
    assert_int_equal(write(self->peer, text, strlen(text)), strlen(text));
}

static void assert_heard(int peer, const char *text)
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

/* -- shortages ----------------------------------------------------------------------------- */

static void answer(end *self, torc_slice data)
{
    struct iovec piece = { (void *)(uintptr_t)data.data, data.length };

    assert_true(self->io.kind->send(&self->io, &piece, 1, false) >= 0);
}

/* The bytes of a gathered send stay where they are until it was told: these are static. */
static void answer_well(end *self, torc_slice data)
{
    (void)data;
    answer(self, torc_slice_make("well", 4));
}

static size_t count_received(size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < ENDS_MAX; i++)
        count += ends[i].received == length;
    return count;
}

/* More than there are buffers at first, and than the short queues hold. */
static void all_are_served_at_once(void)
{
    when_received = answer_well;
    for (size_t i = 0; i < ENDS_MAX; i++)
        open_pair();
    for (int round = 1; round <= 3; round++) {
        for (size_t i = 0; i < ENDS_MAX; i++)
            say(&ends[i], "hello");
        TURN_UNTIL(count_received(5 * (size_t)round) == ENDS_MAX);
        turn();
        for (size_t i = 0; i < ENDS_MAX; i++)
            assert_heard(ends[i].peer, "well");
    }
    for (size_t i = 0; i < ENDS_MAX; i++)
        close(ends[i].peer);
    for (size_t i = 0; i < ENDS_MAX; i++)
        TURN_UNTIL(ends[i].ends == 1);
    for (size_t i = 0; i < ENDS_MAX; i++)
        ends[i].io.kind->close(&ends[i].io, false);
}

static void more_speak_at_once_than_there_are_buffers(void **state)
{
    const torc__uring_driver *self = (const torc__uring_driver *)(const void *)driver;

    (void)state;
    assert_true(torc__uring_buffers_count(&self->buffers) < ENDS_MAX);
    all_are_served_at_once();
    assert_true(torc__uring_buffers_count(&self->buffers) > TORC__URING_BLOCK_BUFFERS);
}

static void queues_that_overflow_lose_nothing(void **state)
{
    (void)state;
    all_are_served_at_once();
}

/* -- ahead of being asked ------------------------------------------------------------------ */

static void stop_receiving(end *self, torc_slice data)
{
    (void)data;
    self->io.kind->receive(&self->io, false);
}

enum { MUCH = 4 * 1024 * 1024 };

static char much[MUCH];

/* What is kept is bounded by what the kernel takes in one go, and comes whole and in order. */
static void one_who_pauses_is_not_read_ahead_for(void **state)
{
    end *self = open_pair();
    size_t said = 0;
    size_t received;

    (void)state;
    for (size_t i = 0; i < MUCH; i++)
        much[i] = (char)(i * 7 + i / 251);
    when_received = stop_receiving;
    for (int i = 0; i < 30; i++) {
        ssize_t count = send(self->peer, much + said, MUCH - said, MSG_DONTWAIT);

        said += count > 0 ? (size_t)count : 0;
        turn();
    }
    assert_true(said < 2 * 1024 * 1024);
    received = self->received;
    assert_in_range(received, 1, TORC__URING_BUFFER_SIZE);
    when_received = NULL;
    self->io.kind->receive(&self->io, true);
    TURN_UNTIL(self->received == said);
    assert_int_equal(self->sum, sum_of(0, torc_slice_make(much, said), 0));
    close_pair(self);
}

static void the_end_waits_while_receiving_is_off(void **state)
{
    end *self = open_pair();

    (void)state;
    self->io.kind->receive(&self->io, false);
    say(self, "last words");
    shutdown(self->peer, SHUT_WR);
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(self->received + self->ends, 0);
    self->io.kind->receive(&self->io, true);
    TURN_UNTIL(self->ends == 1);
    assert_int_equal(self->received, 10);
    assert_int_equal(self->error, 0);
    close_pair(self);
}

static void memory_is_out_for_what_is_kept(void **state)
{
    end *self = open_pair();

    (void)state;
    self->io.kind->receive(&self->io, false);
    say(self, "lost");
    fail_all_allocations();
    for (int i = 0; i < 3; i++)
        turn();
    allow_allocations();
    self->io.kind->receive(&self->io, true);
    TURN_UNTIL(self->ends == 1);
    assert_int_equal(self->error, ENOMEM);
    close_pair(self);
}

/* -- gathered sends ------------------------------------------------------------------------ */

static void answer_and_close(end *self, torc_slice data)
{
    answer_well(self, data);
    self->io.kind->close(&self->io, false);
}

static void an_answer_leaves_before_the_close_that_follows_it(void **state)
{
    (void)state;
    when_received = answer_and_close;
    for (size_t i = 0; i < 20; i++)
        say(open_pair(), "hello");
    TURN_UNTIL(count_received(5) == 20);
    for (size_t i = 0; i < ENDS_MAX; i++) {
        char rest;

        if (ends[i].received == 0)
            continue;
        assert_heard(ends[i].peer, "well");
        assert_int_equal(read(ends[i].peer, &rest, 1), 0);
        close(ends[i].peer);
    }
}

static void answer_in_pieces(end *self, torc_slice data)
{
    struct iovec pieces[2] = { { (void *)(uintptr_t)"we", 2 }, { (void *)(uintptr_t)"ll", 2 } };

    (void)data;
    assert_true(self->io.kind->send(&self->io, pieces, 2, false) >= 0);
}

/* More at once than can be described at once. */
static void answers_in_pieces_are_gathered(void **state)
{
    end *all[2 * TORC__URING_MESSAGES_MAX];

    (void)state;
    when_received = answer_in_pieces;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        all[i] = open_pair();
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        say(all[i], "hello");
    TURN_UNTIL(count_received(5) == sizeof all / sizeof all[0]);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_heard(all[i]->peer, "well");
        close_pair(all[i]);
    }
}

static void answer_much(end *self, torc_slice data)
{
    (void)data;
    answer(self, torc_slice_make(much, MUCH));
}

/* What was taken is told; then nothing until there is room. */
static void a_gathered_send_that_the_peer_does_not_read_is_told_in_parts(void **state)
{
    end *all[4];
    static char bytes[65536];

    (void)state;
    when_received = answer_much;
    for (size_t i = 0; i < 4; i++)
        say(all[i] = open_pair(), "hello");
    TURN_UNTIL(count_received(5) == 4 && all[0]->sent > 0);
    turn();
    assert_in_range(all[0]->sent, 1, MUCH - 1);
    when_received = NULL;
    assert_int_equal(all[0]->send_error, 0);
    for (size_t left = all[0]->sent; left > 0;)
        left -= (size_t)read(all[0]->peer, bytes, left < sizeof bytes ? left : sizeof bytes);
    for (size_t i = 0; i < 4; i++)
        close_pair(all[i]);
}

/* -- closing ------------------------------------------------------------------------------- */

static int connect_over_tcp(end **ret_end)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    *ret_end = adopt(accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), client);
    close(listener);
    return client;
}

/* All that the peer said is off the socket when it is closed, and part of it was never told. */
static void what_was_received_and_not_told_is_unread_input(void **state)
{
    end *self;
    int client = connect_over_tcp(&self);
    char rest[16];

    (void)state;
    when_received = answer_and_close;
    assert_int_equal(write(client, much, 40000), 40000);
    TURN_UNTIL(self->received > 0);
    assert_true(self->received < 40000);
    /* The first of these would be answered by a reset, were the socket closed altogether. */
    assert_int_equal(send(client, "more", 4, MSG_NOSIGNAL), 4);
    assert_int_equal(send(client, "more", 4, MSG_NOSIGNAL), 4);
    assert_heard(client, "well");
    assert_int_equal(read(client, rest, sizeof rest), 0);
    close(client);
}

static const torc_socket_options port_options = { .unix_mode = -1 };
static torc_io port;

static void listen_anew(end *self, torc_slice data)
{
    torc_address address;

    (void)self;
    (void)data;
    port.kind->local_address(&port, &address);
    assert_true(port.kind->close(&port, false));
    assert_int_equal(driver->kind->listen(driver, &port, &address, &port_options), 0);
}

static void the_address_of_a_closed_port_is_free(void **state)
{
    const torc_address address = { .kind = TORC_ADDRESS_IPV4, .ip = { 127, 0, 0, 1 } };
    end *self = open_pair();

    (void)state;
    port.events = &events;
    assert_int_equal(driver->kind->listen(driver, &port, &address, &port_options), 0);
    driver->kind->start_accepting(&port, true);
    turn();
    when_received = listen_anew;
    say(self, "now");
    TURN_UNTIL(self->received == 3);
    assert_true(port.kind->close(&port, false));
    close_pair(self);
}

/* -- forks --------------------------------------------------------------------------------- */

/* Ends the child by what it found, which the parent gets. */
static void assert_child_well(pid_t child)
{
    int status = -1;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool serves(end *self, const char *words)
{
    size_t before = self->received;

    say(self, words);
    for (int i = 0; i < 100 && self->received < before + strlen(words); i++)
        turn();
    return self->received == before + strlen(words);
}

static void a_forked_process_goes_on_and_so_does_the_first(void **state)
{
    end *self = open_pair();
    pid_t child;

    (void)state;
    assert_true(serves(self, "before"));
    child = fork();
    if (child == 0)
        leave_child(serves(self, "in the child") && serves(self, "again") ? 0 : 1);
    assert_child_well(child);
    assert_true(serves(self, "in the parent"));
    close_pair(self);
}

static pid_t forked;
static bool in_child;

static void fork_once(end *self, torc_slice data)
{
    (void)self;
    (void)data;
    if (forked != 0 || in_child)
        return;
    forked = fork();
    in_child = forked == 0;
}

/* What the kernel had done before the fork is told in both. */
static void a_fork_inside_an_event_loses_nothing_of_the_batch(void **state)
{
    end *first = open_pair();
    end *second = open_pair();

    (void)state;
    when_received = fork_once;
    say(first, "one");
    say(second, "two");
    TURN_UNTIL(first->received == 3 && second->received == 3);
    if (in_child)
        leave_child(serves(first, "child") && serves(second, "child") ? 0 : 1);
    assert_child_well(forked);
    assert_true(serves(first, "parent"));
    close_pair(first);
    close_pair(second);
}

static void a_forked_process_frees_the_reactor_and_the_first_goes_on(void **state)
{
    end *self = open_pair();
    pid_t child;

    (void)state;
    assert_true(serves(self, "before"));
    child = fork();
    if (child == 0) {
        close_pair(self);
        torc_reactor_free(reactor);
        leave_child(0);
    }
    assert_child_well(child);
    assert_true(serves(self, "after"));
    close_pair(self);
}

/* The child holds the ring's descriptor, but nothing that was closed here. */
static void a_connection_is_closed_though_a_forked_process_lives(void **state)
{
    int to_child[2];
    char byte;
    end *self;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(to_child), 0);
    child = fork();
    if (child == 0) {
        close(to_child[1]);
        leave_child((int)read(to_child[0], &byte, 1));
    }
    self = open_pair();
    assert_true(serves(self, "hello"));
    self->io.kind->close(&self->io, false);
    assert_int_equal(read(self->peer, &byte, 1), 0);
    close(self->peer);
    close(to_child[0]);
    close(to_child[1]);
    assert_child_well(child);
}

static void a_forked_process_without_a_ring_waits_and_does_not_spin(void **state)
{
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        torc_time begin = torc_monotonic_now();

        fail_system_calls_named("io_uring_setup", EMFILE);
        driver->kind->turn(driver, begin + 10 * TORC_MILLISECOND);
        leave_child(torc_monotonic_now() - begin >= 9 * TORC_MILLISECOND ? 0 : 1);
    }
    assert_child_well(child);
}

/* -- where it does not work ---------------------------------------------------------------- */

static void expect_why_not(const char *name, int error, const char *words)
{
    torc_failure *failure = NULL;

    fail_system_calls_named(name, error);
    assert_null(torc_reactor_new_named("uring", &failure));
    allow_system_calls();
    if (strstr(torc_failure_text(failure), words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, torc_failure_text(failure));
    assert_non_null(strstr(torc_failure_text(failure), "the reactor 'uring' does not work here"));
    torc_failure_release(failure);
}

static void a_failure_says_why_it_does_not_work(void **state)
{
    (void)state;
    expect_why_not("io_uring_setup", ENOSYS, "the kernel has no io_uring");
    expect_why_not("io_uring_setup", EPERM, "kernel.io_uring_disabled");
    expect_why_not("io_uring_setup", EINVAL, "Linux 6.0");
    expect_why_not("io_uring_setup", ENOMEM, "ulimit -l");
    expect_why_not("io_uring_setup", EMFILE, "Too many open files");
    expect_why_not("io_uring_register", EACCES, "sandbox");
}

static void where_it_does_not_work_another_is_taken(void **state)
{
    torc_reactor *other;

    (void)state;
    fail_system_calls_named("io_uring_setup", EPERM);
    other = torc_reactor_new();
    allow_system_calls();
    assert_string_equal(torc_reactor_driver_name(other), "epoll");
    torc_reactor_free(other);
}

static void the_environment_chooses_it(void **state)
{
    torc_reactor *chosen;

    (void)state;
    setenv("TORC_REACTOR", "uring", 1);
    chosen = torc_reactor_new();
    unsetenv("TORC_REACTOR");
    assert_string_equal(torc_reactor_driver_name(chosen), "uring");
    torc_reactor_free(chosen);
}

# define REACTOR_TEST(name) cmocka_unit_test_setup_teardown(name, open_reactor, close_reactor)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REACTOR_TEST(more_speak_at_once_than_there_are_buffers),
        cmocka_unit_test_setup_teardown(queues_that_overflow_lose_nothing,
            open_reactor_with_short_queues, close_reactor),
        REACTOR_TEST(one_who_pauses_is_not_read_ahead_for),
        REACTOR_TEST(the_end_waits_while_receiving_is_off),
        REACTOR_TEST(memory_is_out_for_what_is_kept),
        REACTOR_TEST(an_answer_leaves_before_the_close_that_follows_it),
        REACTOR_TEST(answers_in_pieces_are_gathered),
        REACTOR_TEST(a_gathered_send_that_the_peer_does_not_read_is_told_in_parts),
        REACTOR_TEST(what_was_received_and_not_told_is_unread_input),
        REACTOR_TEST(the_address_of_a_closed_port_is_free),
        REACTOR_TEST(a_forked_process_goes_on_and_so_does_the_first),
        REACTOR_TEST(a_fork_inside_an_event_loses_nothing_of_the_batch),
        REACTOR_TEST(a_forked_process_frees_the_reactor_and_the_first_goes_on),
        REACTOR_TEST(a_connection_is_closed_though_a_forked_process_lives),
        REACTOR_TEST(a_forked_process_without_a_ring_waits_and_does_not_spin),
        cmocka_unit_test(a_failure_says_why_it_does_not_work),
        cmocka_unit_test(where_it_does_not_work_another_is_taken),
        cmocka_unit_test(the_environment_chooses_it),
    };

    if (!driver_works("uring"))
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    printf("skipped: this build has no io_uring\n");
    return 0;
}

#endif
