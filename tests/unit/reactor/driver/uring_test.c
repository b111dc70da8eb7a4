/*
 * What is the io_uring driver's own: queues and buffers that run short, what the kernel has taken
 * ahead of being asked, sends that are gathered, closing. What it shares with the other drivers is
 * shown by the tests that run over all of them.
 */
#include "reactor/driver/uring_support.h"

#if defined(TORC__HAS_URING)

/* -- shortages ----------------------------------------------------------------------------- */

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

static int connect_over_tcp_plainly(int *ret_accepted)
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
    *ret_accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    close(listener);
    return client;
}

static int connect_over_tcp(end **ret_end)
{
    int accepted;
    int client = connect_over_tcp_plainly(&accepted);

    *ret_end = adopt(accepted, client);
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

/* `count` buffers full, and a reset behind them, are there when the driver is given the socket. */
static void reset_behind(size_t count)
{
    const struct linger linger = { .l_onoff = 1 };
    const int room = 2 * MUCH;
    const size_t length = count * TORC__URING_BUFFER_SIZE;
    size_t said = 0;
    int accepted;
    int client = connect_over_tcp_plainly(&accepted);
    end *self;

    setsockopt(accepted, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    setsockopt(client, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    while (said < length) {
        ssize_t more = send(client, much, length - said, 0);

        assert_true(more > 0);
        said += (size_t)more;
    }
    close(client);
    self = adopt(accepted, -1);
    TURN_UNTIL(self->ends == 1);
    assert_int_equal(self->error, ECONNRESET);
    assert_int_equal(self->received, length);
    self->io.kind->close(&self->io, false);
}

/* In one go, in two, in three: of 32 buffers each, after which the kernel does something else. */
static void a_reset_behind_much_is_told(void **state)
{
    torc__uring_driver *self = (torc__uring_driver *)(void *)driver;

    (void)state;
    while (torc__uring_buffers_count(&self->buffers) < 128)
        torc__uring_buffers_grow(&self->buffers);
    for (size_t count = 1; count <= 70; count += 3)
        reset_behind(count);
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
        REACTOR_TEST(a_reset_behind_much_is_told),
        REACTOR_TEST(the_address_of_a_closed_port_is_free),
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
