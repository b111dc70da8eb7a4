/*
 * Faults: each does what it says, the same seed gives the same run, and nothing that goes wrong in
 * the network breaks the engine.
 */
#include "sim_support.h"

#include <torc/line.h>

enum { CLIENTS = 5, USUAL = 5 };

typedef struct totals {
    size_t happened;
    int made;
    int failed;
    int lost;
    int timed_out;
    int done;
    size_t bytes;
    torc_time longest;
} totals;

static totals total;

/* Five clients talk to an echo for a while; then all is over, whatever went wrong. */
static void converse(torc_sim *sim)
{
    torc_sim_host *host;
    torc_sim_host *clients[2];

    memset(&served, 0, sizeof served);
    memset(&client, 0, sizeof client);
    client.sends = 3000;
    host = torc_sim_add_host(sim, "server", "10.0.0.1");
    clients[0] = torc_sim_add_host(sim, "left", "10.0.0.2");
    clients[1] = torc_sim_add_host(sim, "right", "10.0.0.3");
    torc_listen(torc_sim_scope(host), "tcp:7", torc_factory_of(&echo_class));
    for (int i = 0; i < CLIENTS; i++)
        connect_client(clients[i % 2], "tcp:10.0.0.1:7");
    torc_sim_advance(sim, 60 * TORC_SECOND);
    total.happened += torc_sim_fault_count(sim, TORC_SIM_ALL_FAULTS);
    total.made += client.made;
    total.failed += client.failed;
    total.lost += client.lost;
    total.bytes += client.bytes;
    total.timed_out += client.reason == &torc_error_connect_timed_out;
    total.done += client.bytes == CLIENTS * 3000;
    if (client.last_byte > total.longest)
        total.longest = client.last_byte;
}

static void converse_with(unsigned faults, unsigned per_mille, size_t count)
{
    memset(&total, 0, sizeof total);
    TORC_SIM_FOR_SEEDS(sim, count) {
        torc_sim_faults(sim, faults);
        torc_sim_fault_rate(sim, per_mille);
        converse(sim);
    }
    torc_testing_flush_failures(NULL);
    if (faults != 0)
        assert_true(total.happened > 0);
}

static void without_faults_all_goes_well(void **state)
{
    (void)state;
    converse_with(0, USUAL, 20);
    assert_int_equal(total.done, 20);
    assert_int_equal(total.lost, 0);
}

static void harmless_faults_change_nothing_but_the_course(void **state)
{
    (void)state;
    converse_with(TORC_SIM_SPLIT_READS | TORC_SIM_SHORT_WRITES, USUAL, 100);
    assert_int_equal(total.done, 100);
    assert_int_equal(total.lost + total.failed, 0);
}

static void delays_last_up_to_seconds(void **state)
{
    (void)state;
    converse_with(TORC_SIM_DELAYS, USUAL, 100);
    assert_int_equal(total.done, 100);
    assert_true(total.longest > TORC_SECOND);
}

static void resets_break_connections(void **state)
{
    (void)state;
    converse_with(TORC_SIM_RESETS, 50, 100);
    assert_true(total.lost > 20);
    assert_true(total.failed > 5);
    assert_true(total.done > 5);
}

static void refusals_keep_connections_from_being_made(void **state)
{
    (void)state;
    converse_with(TORC_SIM_REFUSALS, 200, 100);
    assert_in_range(total.failed, 50, 150);
    assert_int_equal(total.failed + total.made, 100 * CLIENTS);
    assert_int_equal(total.lost, 0);
}

static void dead_peers_never_answer(void **state)
{
    (void)state;
    converse_with(TORC_SIM_DEAD_PEERS, 50, 100);
    assert_true(total.timed_out > 0);
    assert_true(total.bytes < 100 * CLIENTS * 3000);
    assert_int_equal(total.lost, 0);
}

static void partitions_heal(void **state)
{
    (void)state;
    converse_with(TORC_SIM_PARTITIONS, 50, 100);
    assert_true(total.longest > 5 * TORC_SECOND);
    assert_true(total.done > 80);
    assert_int_equal(total.lost, 0);
}

static void slow_peers_take_their_time(void **state)
{
    (void)state;
    converse_with(TORC_SIM_SLOW_PEERS, 50, 100);
    assert_true(total.longest > 20 * TORC_SECOND);
    assert_true(total.bytes > 100 * CLIENTS * 3000 / 2);
    assert_int_equal(total.lost, 0);
}

/* -- look-ups ------------------------------------------------------------------------------ */

typedef struct look_up_totals {
    int at_once;
    int late;
    int unknown;
    int timed_out;
    int elsewhere;
} look_up_totals;

/* One client looks a name up that two hosts have; it serves at both. */
static void ask_for_a_name(torc_sim *sim, const char *endpoint, look_up_totals *sum)
{
    torc_sim_host *hosts[2];

    memset(&client, 0, sizeof client);
    hosts[0] = torc_sim_add_host(sim, "one", "10.0.0.1");
    hosts[1] = torc_sim_add_host(sim, "two", "10.0.0.2");
    for (size_t i = 0; i < 2; i++) {
        torc_sim_name(sim, "both.example", hosts[i]);
        torc_listen(torc_sim_scope(hosts[i]), "tcp:7", torc_factory_of(&echo_class));
    }
    connect_client(torc_sim_add_host(sim, "asker", "10.0.0.3"), endpoint);
    torc_sim_advance(sim, 60 * TORC_SECOND);
    assert_int_equal(client.made + client.failed, 1);
    sum->at_once += client.made > 0 && client.made_at == 0;
    sum->late += client.made > 0 && client.made_at > 0;
    sum->elsewhere += client.made > 0
        && torc_peer_address(client.protocol->transport).ip[3] != 1;
    sum->unknown += client.reason == &torc_error_unknown_host;
    sum->timed_out += client.reason == &torc_error_connect_timed_out;
}

static void look_ups_fail_are_late_or_give_dead_addresses(void **state)
{
    look_up_totals sum = { 0 };

    (void)state;
    TORC_SIM_FOR_SEEDS(sim, 200) {
        torc_sim_faults(sim, TORC_SIM_LOOK_UPS);
        torc_sim_fault_rate(sim, 1000);
        ask_for_a_name(sim, "tcp:both.example:7", &sum);
    }
    assert_in_range(sum.unknown, 40, 100);
    /* A dead address costs the delay until the next one is tried too, and no more. */
    assert_in_range(sum.late, 50, 160);
    assert_int_equal(sum.timed_out, 0);
    assert_in_range(sum.at_once, 20, 80);
    assert_int_equal(sum.unknown + sum.late + sum.timed_out + sum.at_once, 200);
    assert_int_equal(sum.elsewhere, 0);
}

static void a_late_look_up_counts_towards_the_timeout(void **state)
{
    look_up_totals sum = { 0 };

    (void)state;
    TORC_SIM_FOR_SEEDS(sim, 100) {
        torc_sim_faults(sim, TORC_SIM_LOOK_UPS);
        torc_sim_fault_rate(sim, 1000);
        ask_for_a_name(sim, "tcp:both.example:7:timeout=1", &sum);
        assert_true(client.made_at <= TORC_SECOND);
    }
    assert_in_range(sum.timed_out, 40, 80);
    assert_in_range(sum.late, 0, 10);
}

/* -- crashes ------------------------------------------------------------------------------- */

static int boots;

static void boot_echo(torc_sim_host *host, void *argument)
{
    (void)argument;
    boots++;
    torc_listen(torc_sim_scope(host), "tcp:7", torc_factory_of(&echo_class));
}

static void hosts_crash_and_come_up_again(void **state)
{
    size_t crashes = 0;
    size_t silent = 0;

    (void)state;
    boots = 0;
    TORC_SIM_FOR_SEEDS(sim, 100) {
        torc_sim_peer *peer;

        memset(&client, 0, sizeof client);
        torc_sim_faults(sim, TORC_SIM_CRASHES);
        torc_sim_fault_rate(sim, 1000);
        torc_sim_on_boot(torc_sim_server(sim), boot_echo, NULL);
        connect_client(torc_sim_add_host(sim, "home", "10.0.0.3"), "tcp:server:7");
        for (int i = 0; i < 20 && client.protocol == NULL; i++)
            torc_sim_advance(sim, TORC_MILLISECOND);
        for (int i = 0; i < 100 && client.protocol != NULL; i++) {
            torc_write(client.protocol->transport, TORC_SLICE("hello"));
            torc_sim_advance(sim, TORC_SECOND);
        }
        crashes += torc_sim_fault_count(sim, TORC_SIM_CRASHES);
        silent += client.reason == NULL;
        torc_sim_faults(sim, 0);
        torc_sim_advance(sim, 30 * TORC_SECOND);
        peer = torc_sim_dial(sim, "tcp:7");
        torc_sim_send(peer, "hello");
        torc_sim_run(sim);
        assert_true(torc_slice_is(torc_sim_received(peer), "hello"));
    }
    assert_int_equal(boots, 100 + crashes);
    assert_in_range(crashes, 80, 1000);
    assert_true(silent < 50);
}

/* -- shortages ----------------------------------------------------------------------------- */

static void descriptors_run_out_for_a_while(void **state)
{
    (void)state;
    converse_with(TORC_SIM_DESCRIPTORS, 100, 100);
    assert_true(total.failed > 10);
    assert_int_equal(total.failed + total.made, 100 * CLIENTS);
    assert_int_equal(total.bytes, (size_t)total.made * 3000);
}

static void allocations_fail(void **state)
{
    (void)state;
    converse_with(TORC_SIM_MEMORY, 20, 200);
    assert_true(total.failed + total.lost > 0);
    assert_true(total.done > 50);
}

static void the_wall_clock_jumps(void **state)
{
    torc_time before;
    bool jumped = false;

    (void)state;
    torc_sim_faults(net, TORC_SIM_CLOCK_JUMPS);
    torc_sim_fault_rate(net, 500);
    for (int i = 0; i < 20; i++) {
        before = torc_wall_now();
        torc_sim_advance(net, TORC_SECOND);
        jumped = jumped || torc_wall_now() - before != TORC_SECOND;
        assert_in_range(torc_wall_now() - before + 86401 * TORC_SECOND, 0, 172802 * TORC_SECOND);
    }
    assert_true(jumped);
}

static uint64_t history_of(uint64_t seed)
{
    torc_sim *sim = torc_sim_new(.seed = seed);
    uint64_t history;

    torc_sim_faults(sim, TORC_SIM_ALL_FAULTS);
    torc_sim_fault_rate(sim, 10);
    converse(sim);
    history = torc_sim_history(sim);
    torc_testing_flush_failures(NULL);
    torc_sim_free(sim);
    return history;
}

static void the_same_seed_gives_the_same_run(void **state)
{
    size_t different = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        uint64_t history = history_of(seed);

        assert_int_equal(history_of(seed), history);
        different += history_of(seed + 1) != history;
    }
    assert_int_equal(different, 50);
}

static void ten_thousand_seeds_of_everything(void **state)
{
    (void)state;
    converse_with(TORC_SIM_ALL_FAULTS, USUAL, getenv("TORC_SIM_FEW") != NULL ? 500 : 10000);
    assert_true(total.made > total.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults_all_goes_well),
        cmocka_unit_test(harmless_faults_change_nothing_but_the_course),
        cmocka_unit_test(delays_last_up_to_seconds),
        cmocka_unit_test(resets_break_connections),
        cmocka_unit_test(refusals_keep_connections_from_being_made),
        cmocka_unit_test(dead_peers_never_answer),
        cmocka_unit_test(partitions_heal),
        cmocka_unit_test(slow_peers_take_their_time),
        cmocka_unit_test(look_ups_fail_are_late_or_give_dead_addresses),
        cmocka_unit_test(a_late_look_up_counts_towards_the_timeout),
        cmocka_unit_test(hosts_crash_and_come_up_again),
        cmocka_unit_test(descriptors_run_out_for_a_while),
        cmocka_unit_test(allocations_fail),
        cmocka_unit_test_setup_teardown(the_wall_clock_jumps, set_up, tear_down),
        cmocka_unit_test(the_same_seed_gives_the_same_run),
        cmocka_unit_test(ten_thousand_seeds_of_everything),
    };

    prepare_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
