/*
 * The io_uring driver when the kernel takes nothing for a while, so that its queue is full and
 * stays so; and what is still in the queue when the descriptor it is about goes.
 */
#include "reactor/driver/uring_support.h"

#if defined(TORC__HAS_URING)

# include <fcntl.h>

static const torc_socket_options port_options = { .unix_mode = -1 };

/* -- a queue that stays full --------------------------------------------------------------- */

enum { MANY = 12 }; /* more than the short queue takes */

static end *many[MANY];

static void open_many(void)
{
    for (size_t i = 0; i < MANY; i++)
        many[i] = open_pair();
}

static void the_kernel_takes_nothing(void)
{
    fail_system_calls_named("io_uring_enter", EBUSY);
}

static void receiving_is_asked_for_again_when_the_queue_was_full(void **state)
{
    (void)state;
    the_kernel_takes_nothing();
    open_many();
    for (size_t i = 0; i < MANY; i++)
        say(many[i], "hello");
    for (int i = 0; i < 3; i++)
        turn();
    assert_int_equal(count_received(5), 0);
    allow_system_calls();
    TURN_UNTIL(count_received(5) == MANY);
    for (size_t i = 0; i < MANY; i++)
        close_pair(many[i]);
}

static void what_is_closed_while_the_queue_is_full_is_let_go_of(void **state)
{
    const torc__uring_driver *self = (const torc__uring_driver *)(const void *)driver;
    char byte;

    (void)state;
    open_many();
    turn();
    the_kernel_takes_nothing();
    for (size_t i = 0; i < MANY; i++)
        many[i]->io.kind->close(&many[i]->io, false);
    turn();
    allow_system_calls();
    TURN_UNTIL(self->in_flight == 0);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(read(many[i]->peer, &byte, 1), 0);
        close(many[i]->peer);
    }
}

static int accepted_count;

static void on_accepted(torc_io *io, int descriptor, const torc_address *peer, int error)
{
    (void)io;
    (void)peer;
    assert_int_equal(error, 0);
    accepted_count++;
    close(descriptor);
}

static const torc_io_events port_events = { .accepted = on_accepted };

static void accepting_is_asked_for_again_when_the_queue_was_full(void **state)
{
    static torc_io ports[MANY];
    int clients[MANY];

    (void)state;
    accepted_count = 0;
    the_kernel_takes_nothing();
    for (size_t i = 0; i < MANY; i++) {
        torc_address address = { .kind = TORC_ADDRESS_IPV4, .ip = { 127, 0, 0, 1 } };
        struct sockaddr_in name = { .sin_family = AF_INET };

        memset(&ports[i], 0, sizeof ports[i]);
        ports[i].events = &port_events;
        assert_int_equal(driver->kind->listen(driver, &ports[i], &address, &port_options), 0);
        driver->kind->start_accepting(&ports[i], true);
        ports[i].kind->local_address(&ports[i], &address);
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        name.sin_port = htons(address.port);
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(clients[i], (struct sockaddr *)&name, sizeof name), 0);
    }
    turn();
    assert_int_equal(accepted_count, 0);
    allow_system_calls();
    TURN_UNTIL(accepted_count == MANY);
    for (size_t i = 0; i < MANY; i++) {
        ports[i].kind->close(&ports[i], false);
        driver->kind->start_accepting(&ports[i], true); /* a closed port is left alone */
        close(clients[i]);
    }
}

static int ready_count;

static void on_ready(torc_io *io, bool readable, bool writable)
{
    (void)writable;
    assert_true(readable);
    ready_count++;
    io->kind->watch_for(io, false, false);
}

static const torc_io_events watch_events = { .ready = on_ready };

static void watching_is_asked_for_again_when_the_queue_was_full(void **state)
{
    static torc_io watches[MANY];
    int pair[2];

    (void)state;
    ready_count = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    the_kernel_takes_nothing();
    for (size_t i = 0; i < MANY; i++) {
        memset(&watches[i], 0, sizeof watches[i]);
        watches[i].events = &watch_events;
        assert_int_equal(driver->kind->watch(driver, &watches[i], pair[0]), 0);
        watches[i].kind->watch_for(&watches[i], true, false);
    }
    assert_int_equal(write(pair[1], "x", 1), 1);
    turn();
    assert_int_equal(ready_count, 0);
    allow_system_calls();
    TURN_UNTIL(ready_count == MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_true(watches[i].kind->close(&watches[i], false));
    close(pair[0]);
    close(pair[1]);
}

/* What cannot be gathered leaves by a system call of its own. */
static void answer_while_the_queue_is_full(end *self, torc_slice data)
{
    the_kernel_takes_nothing();
    answer_well(self, data);
}

static void answers_leave_though_the_queue_is_full(void **state)
{
    (void)state;
    open_many();
    turn();
    when_received = answer_while_the_queue_is_full;
    for (size_t i = 0; i < MANY; i++)
        say(many[i], "hello");
    for (int i = 0; i < TURNS_MAX && count_received(5) < MANY; i++) {
        turn();
        allow_system_calls();
    }
    assert_int_equal(count_received(5), MANY);
    turn();
    for (size_t i = 0; i < MANY; i++) {
        assert_heard(many[i]->peer, "well");
        close_pair(many[i]);
    }
}

/* Its bytes are gone afterwards, and its descriptor another's. */
static void answer_and_close_while_the_kernel_takes_nothing(end *self, torc_slice data)
{
    char bytes[4] = { 'w', 'e', 'l', 'l' };

    (void)data;
    answer(self, torc_slice_make(bytes, 4));
    the_kernel_takes_nothing();
    self->io.kind->close(&self->io, false);
    memset(bytes, '-', sizeof bytes);
    allow_system_calls();
}

static void a_gathered_answer_leaves_before_the_close_though_the_kernel_takes_nothing(void **state)
{
    (void)state;
    open_many();
    turn();
    when_received = answer_and_close_while_the_kernel_takes_nothing;
    for (size_t i = 0; i < MANY; i++)
        say(many[i], "hello");
    TURN_UNTIL(count_received(5) == MANY);
    for (size_t i = 0; i < MANY; i++) {
        char rest;

        assert_heard(many[i]->peer, "well");
        assert_int_equal(read(many[i]->peer, &rest, 1), 0);
        close(many[i]->peer);
    }
}

/* -- a number that is another's ------------------------------------------------------------ */

static end *second;

/* The first is closed before the kernel knows of it; its number is the second's at once. */
static void open_close_and_open(end *self, torc_slice data)
{
    int pair[2];
    int number;
    end *first;

    (void)self;
    (void)data;
    when_received = NULL;
    first = open_pair();
    number = first->io.descriptor;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(write(pair[1], "for the second", 14), 14);
    first->io.kind->close(&first->io, false);
    close(first->peer);
    assert_int_equal(fcntl(pair[0], F_DUPFD_CLOEXEC, number), number);
    close(pair[0]);
    second = adopt(number, pair[1]);
}

static void what_comes_for_a_number_that_was_another_s_is_not_lost(void **state)
{
    end *opener = open_pair();

    (void)state;
    when_received = open_close_and_open;
    say(opener, "now");
    TURN_UNTIL(opener->received == 3);
    TURN_UNTIL(second->received == 14);
    close_pair(second);
    close_pair(opener);
}

/* The shortage is only put off: what comes waits for the buffers that there are. */
static void all_are_served_without_memory_for_more_buffers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ENDS_MAX; i++)
        open_pair();
    turn();
    for (size_t i = 0; i < ENDS_MAX; i++)
        say(&ends[i], "hello");
    fail_all_allocations();
    TURN_UNTIL(count_received(5) == ENDS_MAX);
    allow_allocations();
    for (size_t i = 0; i < ENDS_MAX; i++)
        close_pair(&ends[i]);
}

# define SHORT_TEST(name) \
    cmocka_unit_test_setup_teardown(name, open_reactor_with_short_queues, close_reactor)

/* -- what is refused on receipt ------------------------------------------------------------ */

static int told_error;

static void on_shortage(torc_io *io, int descriptor, const torc_address *peer, int error)
{
    (void)io;
    (void)descriptor;
    (void)peer;
    told_error = error;
}

static const torc_io_events short_events = { .accepted = on_shortage };

static void without_memory_a_connection_that_has_to_wait_is_closed(void **state)
{
    static torc_io port;
    torc_address address = { .kind = TORC_ADDRESS_IPV4, .ip = { 127, 0, 0, 1 } };
    struct sockaddr_in name = { .sin_family = AF_INET };
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char byte;

    (void)state;
    memset(&port, 0, sizeof port);
    port.events = &short_events;
    assert_int_equal(driver->kind->listen(driver, &port, &address, &port_options), 0);
    driver->kind->start_accepting(&port, true);
    port.kind->local_address(&port, &address);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = htons(address.port);
    told_error = 0;
    assert_int_equal(connect(client, (struct sockaddr *)&name, sizeof name), 0);
    fail_system_calls_named("accept4", EMFILE);
    fail_all_allocations();
    TURN_UNTIL(told_error == EMFILE);
    allow_allocations();
    allow_system_calls();
    assert_int_equal(read(client, &byte, 1), 0);
    close(client);
    assert_true(port.kind->close(&port, false));
}

static void what_comes_while_receiving_is_refused_is_told_in_order_later(void **state)
{
    end *self = open_pair();

    (void)state;
    turn();
    fail_system_calls_named("recv", EAGAIN);
    say(self, "one, ");
    turn();
    say(self, "two, ");
    turn();
    say(self, "three");
    shutdown(self->peer, SHUT_WR);
    turn();
    allow_system_calls();
    TURN_UNTIL(self->ends == 1);
    assert_int_equal(self->received, 15);
    assert_int_equal(self->sum, sum_of(0, TORC_SLICE("one, two, three"), 0));
    close_pair(self);
}

static void what_was_kept_goes_with_its_connection(void **state)
{
    end *self = open_pair();

    (void)state;
    turn();
    self->io.kind->receive(&self->io, false);
    say(self, "never read");
    turn();
    turn();
    close_pair(self);
    assert_int_equal(self->received, 0);
}

static void after_an_error_nothing_more_is_told(void **state)
{
    end *self = open_pair();

    (void)state;
    turn();
    self->io.kind->receive(&self->io, false);
    fail_system_calls_named("recv", ECONNRESET);
    say(self, "one");
    turn();
    say(self, "two");
    turn();
    allow_system_calls();
    self->io.kind->receive(&self->io, true);
    TURN_UNTIL(self->ends == 1);
    assert_int_equal(self->error, ECONNRESET);
    self->io.kind->receive(&self->io, true);
    turn();
    assert_int_equal(self->received, 0);
    close_pair(self);
}

static void answer_in_pieces_and_close(end *self, torc_slice data)
{
    char bytes[4] = { 'w', 'e', 'l', 'l' };
    struct iovec pieces[2] = { { bytes, 2 }, { bytes + 2, 2 } };

    (void)data;
    assert_true(self->io.kind->send(&self->io, pieces, 2, false) >= 0);
    the_kernel_takes_nothing();
    self->io.kind->close(&self->io, false);
    memset(bytes, '-', sizeof bytes);
    allow_system_calls();
}

static void an_answer_in_pieces_leaves_before_the_close_likewise(void **state)
{
    (void)state;
    open_many();
    turn();
    when_received = answer_in_pieces_and_close;
    for (size_t i = 0; i < MANY; i++)
        say(many[i], "hello");
    TURN_UNTIL(count_received(5) == MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_heard(many[i]->peer, "well");
        close(many[i]->peer);
    }
}

/* -- what there is no memory for ----------------------------------------------------------- */

static void without_memory_for_it_nothing_is_adopted(void **state)
{
    static torc_io adopted[TORC__URING_CHUNK_SLOTS + 1];
    int peers[TORC__URING_CHUNK_SLOTS + 1];
    size_t count = 0;
    int error = 0;

    (void)state;
    fail_all_allocations();
    while (error == 0 && count < sizeof peers / sizeof peers[0]) {
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        memset(&adopted[count], 0, sizeof adopted[count]);
        adopted[count].events = &events;
        error = driver->kind->adopt(driver, &adopted[count], pair[0]);
        if (error != 0)
            close(pair[0]);
        peers[count++] = pair[1];
    }
    allow_allocations();
    assert_int_equal(error, -ENOMEM);
    assert_int_equal(adopted[count - 1].descriptor, -1);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count)
            assert_true(adopted[i].kind->close(&adopted[i], true));
        close(peers[i]);
    }
}

static void what_is_woken_up_is_told_though_the_queue_was_full(void **state)
{
    torc_time begin = torc_monotonic_now();

    (void)state;
    the_kernel_takes_nothing();
    open_many();
    turn();
    allow_system_calls();
    turn();
    driver->kind->wake(driver);
    driver->kind->turn(driver, begin + 20 * TORC_SECOND);
    assert_true(torc_monotonic_now() - begin < 10 * TORC_SECOND);
    for (size_t i = 0; i < MANY; i++)
        close_pair(many[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHORT_TEST(receiving_is_asked_for_again_when_the_queue_was_full),
        SHORT_TEST(what_is_closed_while_the_queue_is_full_is_let_go_of),
        SHORT_TEST(accepting_is_asked_for_again_when_the_queue_was_full),
        SHORT_TEST(watching_is_asked_for_again_when_the_queue_was_full),
        SHORT_TEST(answers_leave_though_the_queue_is_full),
        REACTOR_TEST(a_gathered_answer_leaves_before_the_close_though_the_kernel_takes_nothing),
        REACTOR_TEST(what_comes_for_a_number_that_was_another_s_is_not_lost),
        SHORT_TEST(without_memory_a_connection_that_has_to_wait_is_closed),
        SHORT_TEST(what_comes_while_receiving_is_refused_is_told_in_order_later),
        SHORT_TEST(what_was_kept_goes_with_its_connection),
        SHORT_TEST(after_an_error_nothing_more_is_told),
        REACTOR_TEST(an_answer_in_pieces_leaves_before_the_close_likewise),
        REACTOR_TEST(without_memory_for_it_nothing_is_adopted),
        SHORT_TEST(what_is_woken_up_is_told_though_the_queue_was_full),
        REACTOR_TEST(all_are_served_without_memory_for_more_buffers),
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
