/*
 * Hosts of the simulated network: the one that is there by itself, names, crashing and coming up
 * again, limits; the network's clock, and what it finds left behind.
 */
#include "sim_support.h"

#include "base/memory.h"

static char failed_with[2000];

static void record_failure(const char *message)
{
    snprintf(failed_with, sizeof failed_with, "%s", message);
}

static void expect_failure(void)
{
    failed_with[0] = '\0';
    torc_testing_set_fail(record_failure);
}

static void assert_failed_with(const char *part)
{
    torc_testing_set_fail(fail_test);
    if (strstr(failed_with, part) == NULL)
        fail_msg("expected '%s', got '%s'", part, failed_with);
}

/* -- the server ---------------------------------------------------------------------------- */

static void one_host_needs_no_name(void **state)
{
    torc_sim_peer *by_port;
    torc_sim_peer *by_name;
    torc_sim_peer *by_path;

    (void)state;
    torc_sim_listen(net, "tcp:2000", torc_factory_of(&echo_class));
    torc_sim_listen(net, "unix:/run/door", torc_factory_of(&echo_class));
    by_port = torc_sim_dial(net, "tcp:2000");
    by_name = torc_sim_dial(net, "tcp:192.0.2.1:2000");
    by_path = torc_sim_dial(net, "unix:/run/door");
    torc_sim_run(net);
    assert_true(torc_sim_is_open(by_port));
    assert_true(torc_sim_is_open(by_name));
    assert_true(torc_sim_is_open(by_path));
    assert_ptr_equal(torc_sim_server(net), torc_sim_server(net));
}

static void peers_dial_hosts_by_name(void **state)
{
    torc_sim_peer *peer;

    (void)state;
    serve_echo();
    torc_sim_name(net, "echo.example", server);
    peer = torc_sim_dial(net, "tcp:Echo.example:7");
    torc_sim_run(net);
    assert_true(torc_sim_is_open(peer));

    expect_failure();
    peer = torc_sim_dial(net, "tcp:nowhere.example:7");
    assert_failed_with("'tcp:nowhere.example:7' is nowhere in this network");
    torc_sim_send(peer, "anybody?");
    assert_int_equal(torc_sim_state(peer), TORC_SIM_REFUSED);
    expect_failure();
    (void)torc_sim_dial(net, "carrier pigeon");
    assert_failed_with("'carrier pigeon' is nowhere");
}

/* -- names --------------------------------------------------------------------------------- */

static void a_name_has_its_hosts_in_order(void **state)
{
    torc_sim_host *six = torc_sim_add_host(net, "six", "2001:db8::6");

    (void)state;
    serve_echo();
    torc_listen(torc_sim_scope(six), "tcp6:7", torc_factory_of(&echo_class));
    torc_sim_name(net, "db.example", other);
    torc_sim_name(net, "db.example", server);
    connect_client(other, "tcp:db.example:7");
    torc_sim_run(net);
    assert_int_equal(client.made, 1);
    assert_int_equal(torc_peer_address(client.protocol->transport).ip[3], 1);
    /* Only now: with two families connecting would take them in turns. */
    torc_sim_name(net, "db.example", six);
    connect_client(other, "tcp6:db.example:7");
    torc_sim_run(net);
    assert_int_equal(client.made, 2);
    assert_int_equal(torc_peer_address(client.protocol->transport).ip[15], 6);
}

/* -- crashing and coming up ---------------------------------------------------------------- */

static int boots;
static torc_scope *booted_in;

static void boot_echo(torc_sim_host *host, void *argument)
{
    assert_string_equal(argument, "argument");
    boots++;
    booted_in = torc_sim_scope(host);
    torc_listen(booted_in, "tcp:7", torc_factory_of(&echo_class));
}

static void start_booting(void)
{
    static char argument[] = "argument";

    boots = 0;
    torc_sim_on_boot(server, boot_echo, argument);
    assert_int_equal(boots, 1);
}

static void a_host_that_comes_up_starts_what_it_was_given(void **state)
{
    torc_sim_peer *peer;

    (void)state;
    start_booting();
    torc_sim_crash(server);
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_advance(net, 2 * TORC_SECOND);
    assert_int_equal(torc_sim_state(peer), TORC_SIM_CONNECTING);
    torc_sim_reboot(server);
    assert_int_equal(boots, 2);
    assert_ptr_equal(booted_in, torc_sim_scope(server));
    torc_sim_advance(net, 2 * TORC_SECOND);
    assert_true(torc_sim_is_open(peer));
    torc_sim_send(peer, "hello");
    torc_sim_run(net);
    assert_true(torc_slice_is(torc_sim_received(peer), "hello"));
}

/* It forgets them: who speaks is told, who does not waits. */
static void connections_from_before_a_crash_are_reset_when_they_are_used(void **state)
{
    torc_sim_peer *speaks;
    torc_sim_peer *ends;
    torc_sim_peer *waits;

    (void)state;
    start_booting();
    speaks = torc_sim_dial(net, "tcp:10.0.0.1:7");
    ends = torc_sim_dial(net, "tcp:10.0.0.1:7");
    waits = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    torc_sim_reboot(server);
    torc_sim_run(net);
    assert_int_equal(served.lost, 3);
    torc_sim_send(speaks, "hello");
    torc_sim_close_write(ends);
    torc_sim_run(net);
    assert_int_equal(torc_sim_state(speaks), TORC_SIM_RESET);
    assert_int_equal(torc_sim_state(ends), TORC_SIM_RESET);
    assert_int_equal(torc_sim_state(waits), TORC_SIM_OPEN);
    assert_int_equal(served.bytes, 0);
}

static void what_was_sent_to_a_host_that_is_down_finds_it_changed(void **state)
{
    torc_sim_peer *peer;

    (void)state;
    start_booting();
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    torc_sim_crash(server);
    torc_sim_send(peer, "hello");
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(torc_sim_state(peer), TORC_SIM_OPEN);
    torc_sim_reboot(server);
    torc_sim_run(net);
    assert_int_equal(torc_sim_state(peer), TORC_SIM_RESET);
}

static void keep_alive_finds_out_that_a_host_came_up_anew(void **state)
{
    (void)state;
    start_booting();
    connect_client(other, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    torc_set_keep_alive(client.protocol->transport, 60 * TORC_SECOND);
    torc_sim_reboot(server);
    torc_sim_advance(net, 59 * TORC_SECOND);
    assert_int_equal(client.lost, 0);
    torc_sim_advance(net, 2 * TORC_SECOND);
    assert_int_equal(client.lost, 1);
    assert_ptr_equal(client.reason, &torc_error_connection_lost);
}

static void bump(void *argument)
{
    ++*(int *)argument;
}

static void nothing_of_before_runs_after_a_crash(void **state)
{
    int fired = 0;

    (void)state;
    start_booting();
    client.sends = 100;
    connect_client(server, "tcp:10.0.0.2:7");
    torc_call_later(torc_sim_scope(server), TORC_SECOND, bump, &fired);
    torc_sim_reboot(server);
    torc_sim_advance(net, 10 * TORC_SECOND);
    assert_int_equal(fired, 0);
    assert_int_equal(client.made + client.failed, 0);
    assert_int_equal(torc_now(torc_sim_reactor(server)), 10 * TORC_SECOND);
}

static void write_last_words(torc_protocol *self, const torc_failure *reason)
{
    (void)reason;
    served.lost++;
    torc_write(self->transport, TORC_SLICE("last words"));
}

static const torc_protocol_class talkative_class = {
    .name = "Talkative",
    .connection_made = echo_made,
    .connection_lost = write_last_words,
};

static void what_a_crashed_host_says_at_its_end_reaches_nobody(void **state)
{
    torc_sim_peer *peer;

    (void)state;
    torc_listen(torc_sim_scope(server), "tcp:7", torc_factory_of(&talkative_class));
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    torc_sim_reboot(server);
    torc_sim_run(net);
    assert_int_equal(served.lost, 1);
    assert_int_equal(torc_sim_received(peer).length, 0);
    assert_true(torc_sim_is_open(peer));
}

static void who_waits_to_be_accepted_is_forgotten_too(void **state)
{
    torc_sim_peer *peer;

    (void)state;
    start_booting();
    torc_sim_run(net);
    torc_sim_limit(server, &(torc_sim_limits){ .descriptors = 1 });
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    assert_true(torc_sim_is_open(peer));
    assert_int_equal(served.made, 0);
    torc_sim_reboot(server);
    torc_sim_send(peer, "hello");
    torc_sim_run(net);
    assert_int_equal(torc_sim_state(peer), TORC_SIM_RESET);
}

static void the_outside_cannot_crash(void **state)
{
    (void)state;
    expect_failure();
    torc_sim_crash(torc_sim_outside(net));
    assert_failed_with("outside is no host that could crash");
    expect_failure();
    torc_sim_reboot(torc_sim_outside(net));
    assert_failed_with("not of what is no host");
}

static void reboot_from_inside(void *argument)
{
    (void)argument;
    torc_sim_reboot(server);
}

static void crash_and_talk(torc_protocol *self, torc_slice data)
{
    torc_sim_crash(server);
    torc_write(self->transport, data);
    torc_lose_connection(self->transport);
}

static const torc_protocol_class self_destroying_class = {
    .name = "SelfDestroying", .data_received = crash_and_talk, .connection_lost = echo_lost,
};

static void a_callback_may_crash_its_host_but_not_bring_it_up(void **state)
{
    torc_sim_peer *peer;

    (void)state;
    torc_listen(torc_sim_scope(server), "tcp:7", torc_factory_of(&self_destroying_class));
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_send(peer, "hello");
    torc_sim_run(net);
    assert_true(torc_sim_is_open(peer));
    assert_int_equal(torc_sim_received(peer).length, 0);
    torc_sim_reboot(server);
    assert_int_equal(served.lost, 1);

    torc_call_later(torc_sim_scope(other), 1, reboot_from_inside, NULL);
    expect_failure();
    torc_sim_advance(net, TORC_SECOND);
    assert_failed_with("not from inside a callback");
}

static void a_host_that_the_test_crashes_stays_down(void **state)
{
    torc_sim_peer *peer;

    (void)state;
    start_booting();
    torc_sim_faults(net, TORC_SIM_CRASHES);
    torc_sim_fault_rate(net, 10000);
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_advance(net, 10 * TORC_MILLISECOND);
    assert_int_equal(torc_sim_fault_count(net, TORC_SIM_CRASHES), 1);
    torc_sim_reboot(server);
    torc_sim_crash(server);
    torc_sim_advance(net, 60 * TORC_SECOND);
    assert_int_equal(boots, 2);
    torc_sim_faults(net, 0);
    torc_sim_reboot(server);
    torc_sim_close(peer);
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    assert_true(torc_sim_is_open(peer));
}

/* -- limits -------------------------------------------------------------------------------- */

static void connections_beyond_the_descriptors_wait(void **state)
{
    torc_sim_peer *peers[4];

    (void)state;
    serve_echo();
    torc_sim_limit(server, &(torc_sim_limits){ .descriptors = 4 });
    for (size_t i = 0; i < 4; i++)
        peers[i] = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_advance(net, 10 * TORC_SECOND);
    assert_int_equal(served.made, 3);
    connect_client(server, "tcp:10.0.0.2:7");
    torc_add_errback(torc_port_opened(torc_listen(
        torc_sim_scope(server), "tcp:9", torc_factory_of(&echo_class))), client_failed, NULL);
    torc_sim_advance(net, 0);
    assert_int_equal(client.failed, 2);
    torc_sim_close(peers[0]);
    torc_sim_advance(net, 10 * TORC_SECOND);
    assert_int_equal(served.made, 4);
}

static void hoard(torc_protocol *self)
{
    static const char block[4096];

    for (int i = 0; i < 100; i++)
        torc_write(self->transport, torc_slice_make(block, sizeof block));
}

static const torc_protocol_class hoarder_class = {
    .name = "Hoarder", .connection_made = hoard, .connection_lost = echo_lost,
};

static void memory_beyond_the_limit_is_not_given(void **state)
{
    torc_sim_peer *peer;

    (void)state;
    torc_listen(torc_sim_scope(server), "tcp:7", torc_factory_of(&hoarder_class));
    torc_sim_run(net);
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_stall(peer);
    torc_sim_run(net);
    assert_int_equal(served.lost, 0);
    torc_sim_reset(peer);
    torc_sim_run(net);
    assert_ptr_equal(served.reason, &torc_error_connection_lost);

    torc_sim_limit(server, &(torc_sim_limits){ .memory = 200000 });
    for (int i = 0; i < 5; i++) {
        peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
        torc_sim_stall(peer);
        torc_sim_run(net);
        assert_int_equal(served.lost, 2 + i);
        assert_ptr_equal(served.reason, &torc_error_out_of_memory);
    }
    torc_sim_limit(server, &(torc_sim_limits){ .memory = 0 });
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_stall(peer);
    torc_sim_run(net);
    assert_true(torc_sim_is_open(peer));
    assert_int_equal(served.lost, 6);
}

/* -- links and time ------------------------------------------------------------------------ */

static void hosts_without_a_link_of_their_own_have_the_networks(void **state)
{
    torc_sim *sim = torc_sim_new(.seed = 3, .link.delay = 30 * TORC_MILLISECOND);
    torc_sim_peer *peer;

    (void)state;
    torc_sim_listen(sim, "tcp:7", torc_factory_of(&echo_class));
    peer = torc_sim_dial(sim, "tcp:7");
    torc_sim_advance(sim, 59 * TORC_MILLISECOND);
    assert_int_equal(torc_sim_state(peer), TORC_SIM_CONNECTING);
    torc_sim_run(sim);
    assert_true(torc_sim_is_open(peer));
    assert_int_equal(torc_sim_now(sim), 60 * TORC_MILLISECOND);
    connect_client(torc_sim_server(sim), "tcp:127.0.0.1:7");
    torc_sim_run(sim);
    assert_int_equal(client.made_at, 60 * TORC_MILLISECOND);
    torc_sim_free(sim);
}

static void jitter_is_added_and_keeps_the_order(void **state)
{
    torc_time earliest = TORC_NEVER;
    torc_time latest = 0;

    (void)state;
    serve_echo();
    torc_sim_set_link(server, torc_sim_outside(net),
        &(torc_sim_link){ .delay = 10 * TORC_MILLISECOND, .jitter = 5 * TORC_MILLISECOND });
    for (int i = 0; i < 50; i++) {
        torc_time begin = torc_sim_now(net);
        torc_sim_peer *peer = torc_sim_dial(net, "tcp:10.0.0.1:7");

        while (!torc_sim_is_open(peer))
            torc_sim_advance(net, TORC_MILLISECOND / 10);
        if (torc_sim_now(net) - begin < earliest)
            earliest = torc_sim_now(net) - begin;
        if (torc_sim_now(net) - begin > latest)
            latest = torc_sim_now(net) - begin;
        for (char letter[2] = "a"; letter[0] <= 'z'; letter[0]++)
            torc_sim_send(peer, letter);
        torc_sim_run(net);
        assert_true(torc_slice_is(torc_sim_received(peer), "abcdefghijklmnopqrstuvwxyz"));
    }
    assert_in_range(earliest, 20 * TORC_MILLISECOND, 24 * TORC_MILLISECOND);
    assert_in_range(latest, 26 * TORC_MILLISECOND, 30 * TORC_MILLISECOND + TORC_MILLISECOND / 10);
}

static void reads_are_joined_where_nobody_has_read_yet(void **state)
{
    torc_sim_peer *peer;

    (void)state;
    serve_echo();
    peer = torc_sim_dial(net, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    torc_pause_reading(served.last_made->transport);
    torc_sim_send(peer, "one ");
    torc_sim_send(peer, "two");
    torc_sim_run(net);
    assert_int_equal(served.bytes, 0);
    served.reads = 0;
    torc_resume_reading(served.last_made->transport);
    torc_sim_run(net);
    assert_int_equal(served.bytes, 7);
    assert_int_equal(served.reads, 1);
}

static void running_ends_when_nothing_is_on_its_way(void **state)
{
    int fired = 0;

    (void)state;
    serve_echo();
    torc_call_later(torc_sim_scope(server), TORC_SECOND, bump, &fired);
    torc_sim_run(net);
    assert_int_equal(torc_sim_now(net), 0);
    assert_int_equal(fired, 0);
    torc_sim_set_link(server, other, &(torc_sim_link){ .delay = 2 * TORC_SECOND });
    connect_client(other, "tcp:10.0.0.1:7");
    torc_sim_run(net);
    assert_int_equal(client.made, 1);
    assert_int_equal(fired, 1);
    assert_int_equal(torc_sim_now(net), 4 * TORC_SECOND);
    torc_sim_crash(server);
    torc_write(client.protocol->transport, TORC_SLICE("anybody?"));
    torc_sim_run(net);
    assert_in_range(torc_sim_now(net), 30 * TORC_SECOND, 64 * TORC_SECOND);
}

static void the_wall_clock_jumps_when_told_and_timers_do_not_notice(void **state)
{
    torc_time before = torc_wall_now();
    int fired = 0;

    (void)state;
    torc_call_later(torc_sim_scope(server), TORC_SECOND, bump, &fired);
    torc_sim_jump_clock(net, -3600 * TORC_SECOND);
    assert_int_equal(torc_wall_now(), before - 3600 * TORC_SECOND);
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(torc_wall_now(), before - 3599 * TORC_SECOND);
    assert_int_equal(fired, 1);
}

/* -- what is left behind ------------------------------------------------------------------- */

static torc_result fail_in_vain(void *argument, torc_result result)
{
    (void)argument;
    (void)result;
    return torc_fail_with(&torc_error_connect, "nobody takes this");
}

static void leaks_are_counted_once(void **state)
{
    torc_sim *sim = torc_sim_new(.seed = 12);
    void *block;

    (void)state;
    torc_sim_listen(sim, "tcp:7", torc_factory_of(&echo_class));
    torc_sim_run(sim);
    assert_int_equal(torc_sim_leaks(sim), 0);
    torc_sim_free(sim);

    sim = torc_sim_new();
    block = torc__allocate(10);
    torc_add_callback(torc_deferred_fired(torc_sim_scope(torc_sim_server(sim)), torc_nothing()),
        fail_in_vain, NULL);
    torc_sim_run(sim);
    assert_int_equal(torc_sim_leaks(sim), 2);
    assert_int_equal(torc_sim_leaks(sim), 0);
    torc_sim_free(sim);
    torc__free(block);
}

static void what_is_left_behind_fails_the_test_and_names_the_seed(void **state)
{
    torc_sim *sim = torc_sim_new(.seed = 12);
    void *block = torc__allocate(10);

    (void)state;
    expect_failure();
    torc_sim_free(sim);
    assert_failed_with("the simulation's seed is 12");
    torc__free(block);
}

int main(void)
{
#define NETWORK_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        NETWORK_TEST(one_host_needs_no_name),
        NETWORK_TEST(peers_dial_hosts_by_name),
        NETWORK_TEST(a_name_has_its_hosts_in_order),
        NETWORK_TEST(a_host_that_comes_up_starts_what_it_was_given),
        NETWORK_TEST(connections_from_before_a_crash_are_reset_when_they_are_used),
        NETWORK_TEST(what_was_sent_to_a_host_that_is_down_finds_it_changed),
        NETWORK_TEST(keep_alive_finds_out_that_a_host_came_up_anew),
        NETWORK_TEST(nothing_of_before_runs_after_a_crash),
        NETWORK_TEST(what_a_crashed_host_says_at_its_end_reaches_nobody),
        NETWORK_TEST(who_waits_to_be_accepted_is_forgotten_too),
        NETWORK_TEST(the_outside_cannot_crash),
        NETWORK_TEST(a_callback_may_crash_its_host_but_not_bring_it_up),
        NETWORK_TEST(a_host_that_the_test_crashes_stays_down),
        NETWORK_TEST(connections_beyond_the_descriptors_wait),
        NETWORK_TEST(memory_beyond_the_limit_is_not_given),
        NETWORK_TEST(hosts_without_a_link_of_their_own_have_the_networks),
        NETWORK_TEST(jitter_is_added_and_keeps_the_order),
        NETWORK_TEST(reads_are_joined_where_nobody_has_read_yet),
        NETWORK_TEST(running_ends_when_nothing_is_on_its_way),
        NETWORK_TEST(the_wall_clock_jumps_when_told_and_timers_do_not_notice),
        cmocka_unit_test(leaks_are_counted_once),
        cmocka_unit_test(what_is_left_behind_fails_the_test_and_names_the_seed),
    };

    prepare_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
