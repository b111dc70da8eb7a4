/*
 * The simulated network without faults: streams behave as TCP does, and links as they are told to.
 */
#include "sim_support.h"

static void connections_are_made_and_carry_bytes(void **state)
{
    torc_sim_peer *peer;

    (void)state;
    serve_echo();
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_send(peer, "hello");
    torc_sim_run(net);
    assert_true(torc_sim_is_open(peer));
    assert_true(torc_slice_is(torc_sim_received(peer), "hello"));
    assert_int_equal(torc_sim_now(net), 0);
}

static void hosts_connect_to_each_other(void **state)
{
    (void)state;
    serve_echo();
    client.sends = 100;
    connect_client(other, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    assert_int_equal(client.made, 1);
    assert_int_equal(client.bytes, 100);
    assert_int_equal(served.bytes, 100);
}

static void a_host_reaches_itself_by_loopback_and_unix_sockets(void **state)
{
    (void)state;
    torc_listen(torc_sim_scope(server), "tcp:7:interface=127.0.0.1", torc_factory_of(&echo_class));
    torc_listen(torc_sim_scope(server), "unix:/run/echo", torc_factory_of(&echo_class));
    torc_sim_run(net);
    connect_client(server, "tcp:127.0.0.1:7");
    connect_client(server, "unix:/run/echo");
    torc_sim_run(net);
    assert_int_equal(client.made, 2);
    connect_client(other, "tcp:127.0.0.1:7");
    connect_client(other, "tcp:10.0.0.1:7");
    connect_client(other, "unix:/run/echo");
    torc_sim_run(net);
    assert_int_equal(client.made, 2);
    assert_int_equal(client.failed, 3);
}

static void ipv6_hosts_are_reached(void **state)
{
    torc_sim_host *six = torc_sim_add_host(net, "six", "2001:db8::6");

    (void)state;
    torc_listen(torc_sim_scope(six), "tcp6:7", torc_factory_of(&echo_class));
    torc_sim_run(net);
    connect_client(other, "tcp6:2001\\:db8\\:\\:6:7");
    torc_sim_run(net);
    assert_int_equal(client.made, 1);
}

static void hosts_are_found_by_name(void **state)
{
    (void)state;
    serve_echo();
    connect_client(other, "tcp:server:7");
    torc_sim_run(net);
    assert_int_equal(client.made, 1);
    connect_client(other, "tcp:nowhere.example:7");
    torc_sim_run(net);
    assert_int_equal(client.failed, 1);
    assert_ptr_equal(client.reason, &torc_error_unknown_host);
}

/* Two hosts of one name, of which the first does not serve. */
static void each_address_of_a_name_is_tried(void **state)
{
    torc_sim_host *second = torc_sim_add_host(net, "Server", "10.0.0.9");

    (void)state;
    torc_listen(torc_sim_scope(second), "tcp:7", torc_factory_of(&echo_class));
    torc_sim_run(net);
    connect_client(other, "tcp:server:7");
    torc_sim_run(net);
    assert_int_equal(client.made, 1);
    assert_int_equal(torc_peer_address(client.protocol->transport).ip[3], 9);
}

static void port_0_chooses_and_a_taken_one_is_refused(void **state)
{
    torc_port *one = torc_listen(torc_sim_scope(server), "tcp:0", torc_factory_of(&echo_class));
    torc_port *two = torc_listen(torc_sim_scope(server), "tcp:0", torc_factory_of(&echo_class));
    torc_sim_peer *peer;
    char endpoint[40];

    (void)state;
    torc_sim_run(net);
    assert_int_not_equal(torc_port_address(one).port, 0);
    assert_int_not_equal(torc_port_address(one).port, torc_port_address(two).port);
    snprintf(endpoint, sizeof endpoint, "tcp:10.0.0.1:%u", torc_port_address(two).port);
    peer = torc_sim_dial(net, endpoint);
    torc_sim_run(net);
    assert_true(torc_sim_is_open(peer));

    torc_listen(torc_sim_scope(server), "tcp:80", torc_factory_of(&echo_class));
    torc_add_errback(torc_port_opened(torc_listen(
        torc_sim_scope(server), "tcp:80", torc_factory_of(&echo_class))), client_failed, NULL);
    torc_sim_run(net);
    assert_int_equal(client.failed, 1);
    assert_ptr_equal(client.reason, &torc_error_listen);
}

static void where_nobody_listens_connections_are_refused(void **state)
{
    torc_sim_peer *peer = torc_sim_dial(net, "tcp:10.0.0.1:7");

    (void)state;
    connect_client(other, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    assert_int_equal(torc_sim_state(peer), TORC_SIM_REFUSED);
    assert_ptr_equal(client.reason, &torc_error_refused);
    connect_client(other, "tcp:10.9.9.9:7");
    torc_sim_run(net);
    assert_ptr_equal(client.reason, &torc_error_no_route);
}

static void a_link_delays_each_way(void **state)
{
    (void)state;
    serve_echo();
    torc_sim_set_link(server, other, &(torc_sim_link){ .delay = 30 * TORC_MILLISECOND });
    client.sends = 10;
    connect_client(other, "tcp:10.0.0.1:7");
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(client.made_at, 60 * TORC_MILLISECOND);
    assert_int_equal(served.last_byte, 90 * TORC_MILLISECOND);
    assert_int_equal(client.last_byte, 120 * TORC_MILLISECOND);
}

static void a_link_has_its_bandwidth(void **state)
{
    (void)state;
    serve_echo();
    torc_sim_set_link(server, other, &(torc_sim_link){ .bytes_per_second = 1000 });
    client.sends = 5000;
    connect_client(other, "tcp:10.0.0.1:7");
    torc_sim_advance(net, 2 * TORC_SECOND);
    assert_in_range(served.bytes, 1, 2000);
    torc_sim_advance(net, 10 * TORC_SECOND);
    assert_int_equal(served.bytes, 5000);
    assert_int_equal(served.last_byte, 5 * TORC_SECOND);
}

static void what_is_lost_is_sent_again_in_order(void **state)
{
    torc_sim_peer *peer;
    char bytes[50000];
    torc_slice got;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i % 251);
    serve_echo();
    torc_sim_set_link(server, torc_sim_outside(net),
        &(torc_sim_link){ .loss_per_mille = 100, .jitter = 5 * TORC_MILLISECOND });
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_send_bytes(peer, torc_slice_make(bytes, sizeof bytes));
    torc_sim_advance(net, 600 * TORC_SECOND);
    got = torc_sim_received(peer);
    assert_int_equal(got.length, sizeof bytes);
    assert_memory_equal(got.data, bytes, sizeof bytes);
    assert_true(served.last_byte > TORC_SECOND);
}

static void firehose_made(torc_protocol *self)
{
    static const char block[4096];

    for (int i = 0; i < 100; i++)
        torc_write(self->transport, torc_slice_make(block, sizeof block));
    torc_lose_connection(self->transport);
}

static const torc_protocol_class firehose_class = {
    .name = "Firehose", .connection_made = firehose_made, .connection_lost = echo_lost,
};

static void a_peer_that_does_not_read_holds_up_the_sender(void **state)
{
    torc_sim_peer *peer;

    (void)state;
    torc_listen(torc_sim_scope(server), "tcp:7", torc_factory_of(&firehose_class));
    torc_sim_run(net);
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_stall(peer);
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(torc_sim_received(peer).length, 0);
    assert_int_equal(served.lost, 0);
    torc_sim_unstall(peer);
    torc_sim_run(net);
    assert_int_equal(torc_sim_received(peer).length, 100 * 4096);
    assert_int_equal(served.lost, 1);
    assert_int_equal(torc_sim_state(peer), TORC_SIM_ENDED);
}

static void halves_close_apart(void **state)
{
    torc_sim_peer *peer;

    (void)state;
    serve_echo();
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_send(peer, "last words");
    torc_sim_close_write(peer);
    torc_sim_run(net);
    assert_int_equal(served.ended, 1);
    assert_true(torc_slice_is(torc_sim_received(peer), "last words"));
    assert_int_equal(torc_sim_state(peer), TORC_SIM_ENDED);
    assert_ptr_equal(served.reason, &torc_error_connection_done);
}

static void a_reset_reaches_the_other_side(void **state)
{
    torc_sim_peer *peer;

    (void)state;
    serve_echo();
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    torc_sim_reset(peer);
    torc_sim_run(net);
    assert_ptr_equal(served.reason, &torc_error_connection_lost);

    client.sends = 1;
    connect_client(other, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    torc_abort_connection(client.protocol->transport);
    torc_sim_run(net);
    assert_int_equal(served.lost, 2);
    assert_ptr_equal(served.reason, &torc_error_connection_lost);
    assert_ptr_equal(client.reason, &torc_error_connection_aborted);
}

static void closing_with_unread_bytes_resets(void **state)
{
    torc_sim_peer *peer;

    (void)state;
    torc_listen(torc_sim_scope(server), "tcp:7", torc_factory_of(&firehose_class));
    torc_sim_run(net);
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_stall(peer);
    torc_sim_run(net);
    torc_sim_close(peer);
    torc_sim_run(net);
    assert_int_equal(served.lost, 1);
    assert_ptr_equal(served.reason, &torc_error_connection_lost);
}

static void a_partition_holds_bytes_back_until_it_heals(void **state)
{
    (void)state;
    serve_echo();
    client.sends = 10;
    connect_client(other, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    assert_int_equal(client.bytes, 10);

    torc_sim_partition(server, other);
    torc_write(client.protocol->transport, TORC_SLICE("0123456789"));
    torc_sim_advance(net, 10 * TORC_SECOND);
    assert_int_equal(served.bytes, 10);
    torc_sim_heal(server, other);
    torc_sim_advance(net, 30 * TORC_SECOND);
    assert_int_equal(served.bytes, 20);
    assert_int_equal(client.bytes, 20);
    assert_int_equal(client.lost, 0);
}

/* As on any network: who was not told finds out when it says something. */
static void a_reset_that_is_lost_is_found_out_later(void **state)
{
    torc_sim_peer *peer;

    (void)state;
    serve_echo();
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    torc_sim_partition(server, torc_sim_outside(net));
    torc_sim_reset(peer);
    torc_sim_advance(net, TORC_SECOND);
    torc_sim_heal(server, torc_sim_outside(net));
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(served.lost, 0);
    torc_write(served.last_made->transport, TORC_SLICE("still there?"));
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(served.lost, 1);
    assert_ptr_equal(served.reason, &torc_error_connection_lost);
}

static void connecting_across_a_partition_times_out(void **state)
{
    (void)state;
    serve_echo();
    torc_sim_partition(server, other);
    connect_client(other, "tcp:10.0.0.1:7:timeout=5");
    torc_sim_advance(net, 4 * TORC_SECOND);
    assert_int_equal(client.failed, 0);
    torc_sim_advance(net, 2 * TORC_SECOND);
    assert_ptr_equal(client.reason, &torc_error_connect_timed_out);
    connect_client(other, "tcp:10.0.0.1:7:timeout=500");
    torc_sim_advance(net, 126 * TORC_SECOND);
    assert_int_equal(client.failed, 1);
    torc_sim_advance(net, 2 * TORC_SECOND);
    assert_int_equal(client.failed, 2);
    assert_int_equal(client.made, 0);
}

static void a_crashed_host_falls_silent(void **state)
{
    (void)state;
    serve_echo();
    client.sends = 10;
    connect_client(other, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    torc_sim_crash(server);
    torc_write(client.protocol->transport, TORC_SLICE("anybody?"));
    torc_sim_advance(net, 60 * TORC_SECOND);
    assert_int_equal(client.lost, 0);
    torc_sim_advance(net, 3600 * TORC_SECOND);
    assert_int_equal(client.lost, 1);
    assert_ptr_equal(client.reason, &torc_error_connection_timed_out);
    assert_int_equal(served.bytes, 10);
}

static void keep_alive_finds_out_about_a_silent_peer(void **state)
{
    (void)state;
    serve_echo();
    connect_client(other, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    torc_set_keep_alive(client.protocol->transport, 60 * TORC_SECOND);
    torc_sim_advance(net, 7200 * TORC_SECOND);
    assert_int_equal(client.lost, 0);
    torc_sim_crash(server);
    torc_sim_advance(net, 9 * 75 * TORC_SECOND);
    assert_int_equal(client.lost, 0);
    torc_sim_advance(net, 200 * TORC_SECOND);
    assert_int_equal(client.lost, 1);
    assert_ptr_equal(client.reason, &torc_error_connection_timed_out);
}

static void a_full_queue_makes_callers_wait(void **state)
{
    torc_sim_peer *peers[4];

    (void)state;
    torc_listen(torc_sim_scope(server), "tcp:7:backlog=2", torc_factory_of(&echo_class));
    for (size_t i = 0; i < 4; i++)
        peers[i] = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_advance(net, 0);
    assert_int_equal(torc_sim_state(peers[3]), TORC_SIM_CONNECTING);
    torc_sim_advance(net, 2 * TORC_SECOND);
    assert_int_equal(served.made, 4);
    assert_true(torc_sim_is_open(peers[3]));
}

static void count_up(void *argument)
{
    ++*(int *)argument;
}

static bool has_been_asked(void *argument)
{
    ++*(int *)argument;
    return torc_sim_now(net) >= 3 * TORC_SECOND;
}

static void running_until_stops_at_the_bound(void **state)
{
    int asked = 0;
    int fired = 0;

    (void)state;
    assert_false(torc_sim_run_until(net, TORC_SECOND, has_been_asked, &asked));
    assert_int_equal(torc_sim_now(net), TORC_SECOND);
    assert_int_equal(torc_now(torc_sim_reactor(server)), TORC_SECOND);
    torc_call_later(torc_sim_scope(server), 2 * TORC_SECOND, count_up, &fired);
    assert_true(torc_sim_run_until(net, TORC_NEVER, has_been_asked, &asked));
    assert_int_equal(torc_sim_now(net), 3 * TORC_SECOND);
    torc_sim_run(net);
    assert_int_equal(fired, 1);
}

int main(void)
{
#define NETWORK_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        NETWORK_TEST(connections_are_made_and_carry_bytes),
        NETWORK_TEST(hosts_connect_to_each_other),
        NETWORK_TEST(a_host_reaches_itself_by_loopback_and_unix_sockets),
        NETWORK_TEST(ipv6_hosts_are_reached),
        NETWORK_TEST(hosts_are_found_by_name),
        NETWORK_TEST(each_address_of_a_name_is_tried),
        NETWORK_TEST(port_0_chooses_and_a_taken_one_is_refused),
        NETWORK_TEST(where_nobody_listens_connections_are_refused),
        NETWORK_TEST(a_link_delays_each_way),
        NETWORK_TEST(a_link_has_its_bandwidth),
        NETWORK_TEST(what_is_lost_is_sent_again_in_order),
        NETWORK_TEST(a_peer_that_does_not_read_holds_up_the_sender),
        NETWORK_TEST(halves_close_apart),
        NETWORK_TEST(a_reset_reaches_the_other_side),
        NETWORK_TEST(closing_with_unread_bytes_resets),
        NETWORK_TEST(a_partition_holds_bytes_back_until_it_heals),
        NETWORK_TEST(a_reset_that_is_lost_is_found_out_later),
        NETWORK_TEST(connecting_across_a_partition_times_out),
        NETWORK_TEST(a_crashed_host_falls_silent),
        NETWORK_TEST(keep_alive_finds_out_about_a_silent_peer),
        NETWORK_TEST(a_full_queue_makes_callers_wait),
        NETWORK_TEST(running_until_stops_at_the_bound),
    };

    prepare_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
