/*
 * Datagrams in the simulated network: how they travel, what becomes of them, and that a program
 * which asks again until it is answered gets through whatever happens to them.
 */
#include "sim_support.h"

#include <torc/datagram.h>
#include <torc/timer.h>

enum { QUESTIONS = 20 };

/* What one socket was told. */
typedef struct notes {
    int started;
    int received;
    int refused;
    int stopped;
    char order[64]; /* the first byte of each datagram */
    torc_time last;
    torc_address peer;
    bool answered[QUESTIONS];
    int answers;
    torc_timer again;
} notes;

static notes listener;
static notes asker_notes;
static notes bystander;

static notes *notes_of(torc_datagram_protocol *self)
{
    return self->context;
}

static void note_started(torc_datagram_protocol *self)
{
    notes_of(self)->started++;
}

static void note_received(
    torc_datagram_protocol *self, torc_slice bytes, const torc_address *peer)
{
    notes *its = notes_of(self);

    if ((size_t)its->received < sizeof its->order - 1 && bytes.length > 0)
        its->order[its->received] = bytes.data[0];
    its->received++;
    its->peer = *peer;
    its->last = torc_now(torc_scope_reactor(torc_datagram_scope_of(self)));
}

static void note_refused(torc_datagram_protocol *self, const torc_failure *reason)
{
    assert_ptr_equal(torc_failure_type_of(reason), &torc_error_refused);
    notes_of(self)->refused++;
}

static void note_stopped(torc_datagram_protocol *self, const torc_failure *reason)
{
    (void)reason;
    notes_of(self)->stopped++;
}

static const torc_datagram_class noting = {
    .name = "Noting",
    .started = note_started,
    .datagram_received = note_received,
    .refused = note_refused,
    .stopped = note_stopped,
};

static void echo_it(torc_datagram_protocol *self, torc_slice bytes, const torc_address *peer)
{
    note_received(self, bytes, peer);
    torc_send_to(self->transport, bytes, peer);
}

static const torc_datagram_class echoing = {
    .name = "Echoing",
    .datagram_received = echo_it,
};

static torc_datagram_protocol *noted(torc_datagram_protocol *protocol, notes *its)
{
    memset(its, 0, sizeof *its);
    protocol->context = its;
    return protocol;
}

static torc_sim_host *host_of(torc_sim *sim, const char *name, const char *address)
{
    return torc_sim_add_host(sim, name, address);
}

static torc_datagram_protocol *listen_at(
    torc_sim_host *host, const char *endpoint, const torc_datagram_class *kind, notes *its)
{
    return noted(torc_listen_datagrams(torc_sim_scope(host), endpoint, kind), its);
}

static torc_datagram_protocol *connect_to(
    torc_sim_host *host, const char *endpoint, const torc_datagram_class *kind, notes *its)
{
    return noted(torc_connect_datagrams(torc_sim_scope(host), endpoint, kind), its);
}

/* -- how they travel ----------------------------------------------------------------------- */

static void a_datagram_takes_its_links_time(void **state)
{
    torc_sim *sim = torc_sim_new(.link.delay = 30 * TORC_MILLISECOND);
    torc_sim_host *here = host_of(sim, "here", "192.0.2.1");
    torc_sim_host *there = host_of(sim, "there", "192.0.2.2");
    torc_datagram_protocol *asker;

    (void)state;
    listen_at(there, "udp:53", &echoing, &listener);
    asker = connect_to(here, "udp:there:53", &noting, &asker_notes);
    torc_sim_run(sim);
    assert_int_equal(asker_notes.started, 1);
    torc_send(asker->transport, TORC_SLICE("?"));
    torc_sim_run(sim);
    assert_int_equal(listener.received, 1);
    assert_int_equal(asker_notes.received, 1);
    assert_int_equal(asker_notes.last - listener.last, 30 * TORC_MILLISECOND);
    assert_int_equal(listener.peer.ip[3], 1);
    torc_sim_free(sim);
    assert_int_equal(asker_notes.stopped, 1);
}

static void where_nobody_listens_a_connected_one_is_refused(void **state)
{
    torc_sim *sim = torc_sim_new();
    torc_sim_host *here = host_of(sim, "here", "192.0.2.1");
    torc_datagram_protocol *asker;

    (void)state;
    host_of(sim, "there", "192.0.2.2");
    asker = connect_to(here, "udp:192.0.2.2:9", &noting, &asker_notes);
    torc_send(asker->transport, TORC_SLICE("is anybody there?"));
    torc_sim_run(sim);
    assert_int_equal(asker_notes.refused, 1);
    torc_sim_free(sim);
}

static void what_is_parted_hears_nothing(void **state)
{
    torc_sim *sim = torc_sim_new();
    torc_sim_host *here = host_of(sim, "here", "192.0.2.1");
    torc_sim_host *there = host_of(sim, "there", "192.0.2.2");
    torc_datagram_protocol *asker;

    (void)state;
    listen_at(there, "udp:53", &echoing, &listener);
    asker = connect_to(here, "udp:192.0.2.2:53", &noting, &asker_notes);
    torc_sim_run(sim);
    torc_sim_partition(here, there);
    torc_send(asker->transport, TORC_SLICE("lost"));
    torc_sim_run(sim);
    torc_sim_heal(here, there);
    torc_send(asker->transport, TORC_SLICE("kept"));
    torc_sim_run(sim);
    assert_int_equal(listener.received, 1);
    assert_string_equal(listener.order, "k");
    torc_sim_free(sim);
}

static void jitter_has_them_overtake_each_other(void **state)
{
    torc_sim *sim = torc_sim_new(.seed = 3, .link.jitter = TORC_SECOND);
    torc_sim_host *here = host_of(sim, "here", "192.0.2.1");
    torc_sim_host *there = host_of(sim, "there", "192.0.2.2");
    torc_datagram_protocol *sender;

    (void)state;
    listen_at(there, "udp:53", &noting, &listener);
    sender = connect_to(here, "udp:192.0.2.2:53", &noting, &asker_notes);
    for (char c = 'a'; c <= 'j'; c++)
        torc_send(sender->transport, torc_slice_make(&c, 1));
    torc_sim_run(sim);
    assert_int_equal(listener.received, 10);
    assert_string_not_equal(listener.order, "abcdefghij");
    torc_sim_free(sim);
}

static void a_group_reaches_its_members(void **state)
{
    torc_sim *sim = torc_sim_new();
    torc_sim_host *here = host_of(sim, "here", "192.0.2.1");
    torc_sim_host *there = host_of(sim, "there", "192.0.2.2");
    torc_address group = { .kind = TORC_ADDRESS_IPV4, .port = 5353, .ip = { 224, 0, 0, 251 } };
    torc_datagram_protocol *members[3];

    (void)state;
    members[0] = listen_at(here, "udp:5353:shared", &noting, &asker_notes);
    members[1] = listen_at(there, "udp:5353:shared", &noting, &listener);
    members[2] = listen_at(there, "udp:5353:shared", &noting, &bystander);
    torc_sim_run(sim);
    assert_null(torc_join_group(members[0]->transport, &group, NULL));
    assert_null(torc_join_group(members[1]->transport, &group, NULL));
    torc_send_to(members[0]->transport, TORC_SLICE("to all"), &group);
    torc_sim_run(sim);
    assert_int_equal(asker_notes.received, 1);
    assert_int_equal(listener.received, 1);
    assert_int_equal(bystander.received, 0);
    torc_sim_free(sim);
}

static void unix_datagrams_stay_on_their_host(void **state)
{
    torc_sim *sim = torc_sim_new();
    torc_sim_host *here = host_of(sim, "here", "192.0.2.1");
    torc_datagram_protocol *asker;

    (void)state;
    listen_at(here, "unix-datagram:/run/echo", &echoing, &listener);
    asker = connect_to(here, "unix-datagram:/run/echo", &noting, &asker_notes);
    torc_send(asker->transport, TORC_SLICE("?"));
    torc_sim_run(sim);
    assert_int_equal(asker_notes.received, 1);
    torc_sim_free(sim);
}

/* -- whatever happens to them -------------------------------------------------------------- */

static void ask_again(void *argument)
{
    torc_datagram_protocol *self = argument;
    notes *its = notes_of(self);

    for (char i = 0; i < QUESTIONS; i++)
        if (!its->answered[(int)i])
            torc_send(self->transport, torc_slice_make(&i, 1));
    torc_timer_set(&its->again, torc_datagram_scope_of(self), 200 * TORC_MILLISECOND, ask_again,
        self);
}

static void ask_received(
    torc_datagram_protocol *self, torc_slice bytes, const torc_address *peer)
{
    notes *its = notes_of(self);
    int index = bytes.data[0];

    (void)peer;
    its->received++;
    its->answers += !its->answered[index];
    its->answered[index] = true;
    if (its->answers == QUESTIONS)
        torc_timer_cancel(&its->again);
}

static void ask_started(torc_datagram_protocol *self)
{
    ask_again(self);
}

static const torc_datagram_class asking = {
    .name = "Asking",
    .started = ask_started,
    .datagram_received = ask_received,
};

static bool has_all_answers(void *unused)
{
    (void)unused;
    return asker_notes.answers == QUESTIONS;
}

static const unsigned of_datagrams =
    TORC_SIM_LOST_DATAGRAMS | TORC_SIM_LATE_DATAGRAMS | TORC_SIM_DOUBLED_DATAGRAMS;

static uint64_t ask_all(torc_sim *sim)
{
    torc_sim_host *here = host_of(sim, "here", "192.0.2.1");
    torc_sim_host *there = host_of(sim, "there", "192.0.2.2");

    listen_at(there, "udp:53", &echoing, &listener);
    connect_to(here, "udp:192.0.2.2:53", &asking, &asker_notes);
    torc_sim_faults(sim, of_datagrams | TORC_SIM_PARTITIONS);
    assert_true(torc_sim_run_until(sim, 5 * TORC_MINUTE, has_all_answers, NULL));
    return torc_sim_history(sim);
}

static void who_asks_again_gets_every_answer(void **state)
{
    size_t happened[3] = { 0 };

    (void)state;
    TORC_SIM_FOR_SEEDS(sim, 200) {
        ask_all(sim);
        happened[0] += torc_sim_fault_count(sim, TORC_SIM_LOST_DATAGRAMS);
        happened[1] += torc_sim_fault_count(sim, TORC_SIM_LATE_DATAGRAMS);
        happened[2] += torc_sim_fault_count(sim, TORC_SIM_DOUBLED_DATAGRAMS);
    }
    assert_true(happened[0] > 100 && happened[1] > 100 && happened[2] > 100);
}

static void the_same_seed_gives_the_same_history(void **state)
{
    uint64_t histories[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        torc_sim *sim = torc_sim_new(.seed = i < 2 ? 7 : 8);

        histories[i] = ask_all(sim);
        torc_sim_free(sim);
    }
    assert_true(histories[0] == histories[1]);
    assert_true(histories[0] != histories[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datagram_takes_its_links_time),
        cmocka_unit_test(where_nobody_listens_a_connected_one_is_refused),
        cmocka_unit_test(what_is_parted_hears_nothing),
        cmocka_unit_test(jitter_has_them_overtake_each_other),
        cmocka_unit_test(a_group_reaches_its_members),
        cmocka_unit_test(unix_datagrams_stay_on_their_host),
        cmocka_unit_test(who_asks_again_gets_every_answer),
        cmocka_unit_test(the_same_seed_gives_the_same_history),
    };

    prepare_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
