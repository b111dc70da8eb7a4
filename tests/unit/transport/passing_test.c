/*
 * Descriptors that are passed along a connection, and who is at its other end.
 */
#include "support/failing_system_call.h"
#include "support/transport_harness.h"

#include "base/system_call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GOT_MAX = 64 };

/* What a side got, in order: descriptors, and how many bytes had come before each. */
static int got[GOT_MAX];
static size_t bytes_before[GOT_MAX];
static size_t got_count;

typedef struct passing {
    torc_protocol protocol; /* first */
    record *record;
} passing;

static void on_made(torc_protocol *protocol)
{
    torc_of(protocol, passing)->record = next_record(torc_context_of(protocol), protocol);
}

static void on_data(torc_protocol *protocol, torc_slice data)
{
    note_bytes(torc_of(protocol, passing)->record, data);
}

static void on_descriptor(torc_protocol *protocol, int descriptor)
{
    record *self = torc_of(protocol, passing)->record;

    assert_true(got_count < GOT_MAX);
    bytes_before[got_count] = self->length;
    got[got_count++] = descriptor;
    if (self->note == 1)
        torc_abort_connection(protocol->transport);
}

static void on_lost(torc_protocol *protocol, const torc_failure *reason)
{
    record *self = torc_of(protocol, passing)->record;

    note_lost(self, reason);
    self->protocol = NULL;
}

static const torc_protocol_class passing_class = {
    .name = "Passing",
    .size = sizeof(passing),
    .connection_made = on_made,
    .data_received = on_data,
    .connection_lost = on_lost,
    .descriptor_received = on_descriptor,
};

static void connect_passing(world *w)
{
    got_count = 0;
    w->server.kind = &passing_class;
    connect_pair(w);
}

/* An open file of its own, whose contents say which it is. */
static int numbered_file(unsigned number)
{
    char text[16];

    return file_with(torc_slice_make(text, (size_t)snprintf(text, sizeof text, "%u", number)));
}

static void check_and_close_files(size_t count)
{
    assert_int_equal(got_count, count);
    for (size_t i = 0; i < count; i++) {
        char text[16] = "";

        assert_true(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
        assert_true(pread(got[i], text, sizeof text - 1, 0) > 0);
        assert_int_equal(strtoul(text, NULL, 10), i);
        close(got[i]);
    }
}

static void a_descriptor_arrives_before_its_bytes(world *w)
{
    connect_passing(w);
    torc_write(transport_of(client_of(w)), TORC_SLICE("one"));
    RUN_UNTIL(w, server_of(w)->length == 3);
    assert_true(torc_send_descriptor(transport_of(client_of(w)), numbered_file(0)));
    torc_write(transport_of(client_of(w)), TORC_SLICE("two"));
    RUN_UNTIL(w, server_of(w)->length == 6);
    assert_int_equal(got_count, 1);
    assert_int_equal(bytes_before[0], 3);
    check_and_close_files(1);
}

static void several_arrive_in_order(world *w)
{
    connect_passing(w);
    for (unsigned i = 0; i < 16; i++)
        assert_true(torc_send_descriptor(transport_of(client_of(w)), numbered_file(i)));
    torc_write(transport_of(client_of(w)), TORC_SLICE("sixteen"));
    for (unsigned i = 16; i < 20; i++) {
        assert_true(torc_send_descriptor(transport_of(client_of(w)), numbered_file(i)));
        torc_write(transport_of(client_of(w)), TORC_SLICE("x"));
    }
    RUN_UNTIL(w, server_of(w)->length == 11);
    check_and_close_files(20);
}

static void more_than_sixteen_before_a_byte_are_refused(world *w)
{
    connect_passing(w);
    for (unsigned i = 0; i < 16; i++)
        assert_true(torc_send_descriptor(transport_of(client_of(w)), numbered_file(i)));
    assert_false(torc_send_descriptor(transport_of(client_of(w)), numbered_file(16)));
    torc_write(transport_of(client_of(w)), TORC_SLICE("x"));
    RUN_UNTIL(w, server_of(w)->length == 1);
    check_and_close_files(16);
}

static void without_a_byte_it_is_not_sent_and_not_leaked(world *w)
{
    connect_passing(w);
    assert_true(torc_send_descriptor(transport_of(client_of(w)), numbered_file(0)));
    run_turns(w, 10);
    torc_lose_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, both_lost(w));
    assert_int_equal(got_count, 0);
}

static void behind_much_that_waits_it_keeps_its_place(world *w)
{
    connect_passing(w);
    torc_pause_reading(transport_of(server_of(w)));
    torc_write_static(transport_of(client_of(w)), pattern(0, 1024 * 1024));
    assert_true(torc_send_descriptor(transport_of(client_of(w)), numbered_file(0)));
    torc_write(transport_of(client_of(w)), TORC_SLICE("behind"));
    run_turns(w, 10);
    assert_int_equal(got_count, 0);
    torc_resume_reading(transport_of(server_of(w)));
    RUN_UNTIL(w, server_of(w)->length == 1024 * 1024 + 6);
    assert_true(bytes_before[0] <= 1024 * 1024);
    check_and_close_files(1);
}

static void before_a_file_it_arrives_too(world *w)
{
    connect_passing(w);
    assert_true(torc_send_descriptor(transport_of(client_of(w)), numbered_file(0)));
    torc_write_file(transport_of(client_of(w)), file_with(pattern(0, 100000)), 0, 100000);
    RUN_UNTIL(w, server_of(w)->length == 100000);
    assert_bytes(server_of(w), pattern(0, 100000));
    assert_int_equal(bytes_before[0], 0);
    check_and_close_files(1);
}

static void who_takes_none_leaks_none(world *w)
{
    unsigned before;

    got_count = 0;
    connect_pair(w);
    before = open_descriptors();
    for (unsigned i = 0; i < 8; i++) {
        (void)torc_send_descriptor(transport_of(client_of(w)), numbered_file(i));
        torc_write(transport_of(client_of(w)), TORC_SLICE("x"));
        RUN_UNTIL(w, server_of(w)->length == i + 1);
    }
    assert_int_equal(open_descriptors(), before);
}

static void what_is_not_received_any_more_is_not_leaked(world *w)
{
    connect_passing(w);
    server_of(w)->note = 1; /* aborts at the first */
    for (unsigned i = 0; i < 4; i++)
        assert_true(torc_send_descriptor(transport_of(client_of(w)), numbered_file(i)));
    torc_write(transport_of(client_of(w)), TORC_SLICE("x"));
    RUN_UNTIL(w, server_of(w)->lost == 1);
    torc_lose_connection(transport_of(client_of(w)));
    RUN_UNTIL(w, both_lost(w));
    assert_int_equal(server_of(w)->length, 0);
    check_and_close_files(1);
}

static void on_a_connection_that_closes_it_is_closed(world *w)
{
    connect_passing(w);
    torc_lose_connection(transport_of(client_of(w)));
    assert_false(torc_send_descriptor(transport_of(client_of(w)), numbered_file(0)));
    RUN_UNTIL(w, both_lost(w));
}

static void a_carrier_that_passes_none_says_so(world *w)
{
    connect_passing(w);
    assert_false(torc_send_descriptor(transport_of(client_of(w)), numbered_file(0)));
    torc_write(transport_of(client_of(w)), TORC_SLICE("well"));
    RUN_UNTIL(w, server_of(w)->length == 4);
    assert_int_equal(got_count, 0);
}

/* The write end of a pipe, held by nobody else, shows that the receiver's copy is all there is. */
static void a_pipe_passed_is_the_receivers_alone(world *w)
{
    int ends[2];
    char byte;

    connect_passing(w);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_true(torc_send_descriptor(transport_of(client_of(w)), ends[1]));
    torc_write(transport_of(client_of(w)), TORC_SLICE("x"));
    RUN_UNTIL(w, server_of(w)->length == 1);
    assert_int_equal(write(got[0], "!", 1), 1);
    close(got[0]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

static const int passing_errors[] = { EINTR, EAGAIN, ENOBUFS, ENOMEM, ETOOMANYREFS };

static int failing_error;
static unsigned failing_left;

static int fail_some(const char *name)
{
    bool chosen = strcmp(name, "sendmsg") == 0 || strcmp(name, "recvmsg") == 0;

    return chosen && failing_left > 0 && failing_left-- > 0 ? failing_error : 0;
}


static void a_call_that_fails_leaks_nothing(world *w)
{
    for (size_t i = 0; i < sizeof passing_errors / sizeof passing_errors[0]; i++) {
        connect_passing(w);
        failing_error = passing_errors[i];
        failing_left = 2;
        torc__set_system_call_hook(fail_some);
        (void)torc_send_descriptor(transport_of(client_of(w)), numbered_file(0));
        torc_write(transport_of(client_of(w)), TORC_SLICE("x"));
        RUN_UNTIL(w, server_of(w)->length == 1 || both_lost(w));
        torc__set_system_call_hook(NULL);
        for (size_t k = 0; k < got_count; k++)
            close(got[k]);
        renew_world(w);
    }
}

static void credentials_name_the_peer(world *w)
{
    int64_t process = 0;
    uint32_t user = 0;
    uint32_t group = 0;

    connect_pair(w);
    assert_true(torc_peer_credentials(transport_of(server_of(w)), &process, &user, &group));
    assert_int_equal(process, getpid());
    assert_int_equal(user, geteuid());
    assert_int_equal(group, getegid());
}

static void without_a_process_there_are_no_credentials(world *w)
{
    int64_t process = 42;
    uint32_t user = 42;
    uint32_t group = 42;

    connect_pair(w);
    assert_false(torc_peer_credentials(transport_of(server_of(w)), &process, &user, &group));
    assert_int_equal(process, 42);
}

static const behaviour behaviours[] = {
    { "a descriptor arrives before its bytes", a_descriptor_arrives_before_its_bytes,
        ON_UNIX | ON_MEMORY },
    { "several arrive in order", several_arrive_in_order, ON_UNIX | ON_MEMORY },
    { "more than sixteen before a byte are refused",
        more_than_sixteen_before_a_byte_are_refused, ON_UNIX | ON_MEMORY },
    { "without a byte it is not sent and not leaked",
        without_a_byte_it_is_not_sent_and_not_leaked, ON_UNIX | ON_MEMORY },
    { "behind much that waits it keeps its place", behind_much_that_waits_it_keeps_its_place,
        ON_UNIX | ON_MEMORY },
    { "before a file it arrives too", before_a_file_it_arrives_too, ON_UNIX | ON_MEMORY },
    { "who takes none leaks none", who_takes_none_leaks_none, ON_ALL },
    { "what is not received any more is not leaked", what_is_not_received_any_more_is_not_leaked,
        ON_UNIX | ON_MEMORY },
    { "on a connection that closes it is closed", on_a_connection_that_closes_it_is_closed,
        ON_ALL },
    { "a carrier that passes none says so", a_carrier_that_passes_none_says_so, ON_IP },
    { "a pipe passed is the receiver's alone", a_pipe_passed_is_the_receivers_alone,
        ON_UNIX | ON_MEMORY },
    { "a call that fails leaks nothing", a_call_that_fails_leaks_nothing, ON_UNIX },
    { "credentials name the peer", credentials_name_the_peer, ON_UNIX },
    { "without a process there are no credentials", without_a_process_there_are_no_credentials,
        ON_IP | ON_MEMORY },
};

int main(void)
{
    return RUN_BEHAVIOURS("passing", behaviours);
}
