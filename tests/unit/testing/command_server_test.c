/*
 * A line protocol that serves two clients at once, and its tests: the kit as its users are meant to
 * write with it, in both sizes, without socket, sleep or luck.
 */
#include "sim_support.h"

#include <torc.h>
#include <torc/line.h>

#define assert_slice(slice, text) assert_true(torc_slice_is((slice), (text)))

/* -- the protocol -------------------------------------------------------------------------- */

enum { CLIENTS_MAX = 2 };

typedef struct command {
    torc_line_receiver lines; /* first member */
    bool counted;
} command;

static size_t clients;

static void command_made(torc_protocol *protocol)
{
    command *self = torc_of(protocol, command);

    if (clients == CLIENTS_MAX) {
        torc_lose_connection(protocol->transport);
        return;
    }
    self->counted = true;
    clients++;
}

static void command_line(torc_line_receiver *lines, torc_slice line)
{
    torc_slice word = torc_next_word(&line);

    if (torc_slice_is(word, "exit"))
        torc_lose_connection(lines->protocol.transport);
    else
        torc_printf(lines, "Command not found.\n");
}

static void command_lost(torc_protocol *protocol, const torc_failure *reason)
{
    (void)reason;
    clients -= torc_of(protocol, command)->counted;
}

static const torc_line_class command_class = {
    .protocol = {
        .name = "CmdProtocol",
        .size = sizeof(command),
        .connection_made = command_made,
        .connection_lost = command_lost,
    },
    .delimiter = "\n",
    .line_received = command_line,
};

/* -- its tests ----------------------------------------------------------------------------- */

static void unknown_command(void **state)
{
    torc_test *t = torc_test_new(torc_line_factory(&command_class));

    (void)state;
    torc_test_send(t, "dance\n");
    assert_slice(torc_test_received(t), "Command not found.\n");
    torc_test_free(t);
}

static void third_client_is_turned_away(void **state)
{
    torc_sim *sim = torc_sim_new(.seed = 7);
    torc_sim_peer *a;
    torc_sim_peer *b;
    torc_sim_peer *c;

    (void)state;
    torc_sim_listen(sim, "tcp:9999", torc_line_factory(&command_class));
    a = torc_sim_dial(sim, "tcp:9999");
    b = torc_sim_dial(sim, "tcp:9999");
    c = torc_sim_dial(sim, "tcp:9999");
    torc_sim_run(sim);
    assert_true(torc_sim_is_open(a) && torc_sim_is_open(b));
    assert_false(torc_sim_is_open(c));
    torc_sim_free(sim);
}

static void start(torc_sim_host *host, void *argument)
{
    (void)argument;
    torc_listen(torc_sim_scope(host), "tcp:9999", torc_line_factory(&command_class));
}

static void run_a_busy_hour(torc_sim *sim)
{
    torc_sim_on_boot(torc_sim_server(sim), start, NULL);
    for (int minute = 0; minute < 60; minute++) {
        torc_sim_peer *peer = torc_sim_dial(sim, "tcp:9999");

        torc_sim_send(peer, minute % 2 == 0 ? "dance\nexit\n" : "exit\n");
        torc_sim_advance(sim, TORC_MINUTE);
        torc_sim_close(peer);
        assert_true(clients <= CLIENTS_MAX);
    }
}

static void survives_any_network(void **state)
{
    (void)state;
    TORC_SIM_FOR_SEEDS(sim, 1000) {
        torc_sim_faults(sim, TORC_SIM_ALL_FAULTS);
        run_a_busy_hour(sim);
        assert_int_equal(torc_sim_leaks(sim), 0);
        assert_int_equal(clients, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_command),
        cmocka_unit_test(third_client_is_turned_away),
        cmocka_unit_test(survives_any_network),
    };

    prepare_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
