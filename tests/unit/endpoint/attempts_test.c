/*
 * Trying addresses side by side, in the simulated network, where silence, refusal and time are
 * exact: who is tried when, who wins, what is told when nobody does, and stopping in the middle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <torc/log.h>
#include <torc/testing.h>

#include "endpoint/attempts.h"

enum { HOSTS = 6 };

static torc_sim *net;
static torc_sim_host *client;
static torc_sim_host *hosts[HOSTS];
static int served;
static int made;
static char peer[TORC_ADDRESS_TEXT_MAX];
static torc_time made_at;
static int failed;
static char failure_text[1100];
static char cause_text[1100];
static const torc_failure_type *failure_type;
static torc_deferred *deferred;

static void fail_test(const char *message)
{
    fail_msg("%s", message);
}

static void count_served(torc_protocol *self)
{
    (void)self;
    served++;
}

static void note_made(torc_protocol *self)
{
    torc_address address = torc_peer_address(self->transport);

    made++;
    made_at = torc_sim_now(net);
    torc_address_text(&address, peer);
}

static const torc_protocol_class server_class = { .name = "Server",
    .connection_made = count_served };
static const torc_protocol_class client_class = { .name = "Client", .connection_made = note_made };

static int set_up(void **state)
{
    (void)state;
    served = 0;
    made = 0;
    failed = 0;
    deferred = NULL;
    memset(hosts, 0, sizeof(hosts));
    net = torc_sim_new();
    client = torc_sim_add_host(net, "client", "10.0.0.2");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    torc_sim_free(net);
    return 0;
}

/* The next address of "many.test". */
static void add(size_t index, const char *address, bool listens)
{
    char name[16];

    snprintf(name, sizeof(name), "host%zu", index);
    hosts[index] = torc_sim_add_host(net, name, address);
    torc_sim_name(net, "many.test", hosts[index]);
    if (listens)
        torc_listen(torc_sim_scope(hosts[index]),
            strchr(address, ':') != NULL ? "tcp6:80" : "tcp:80", torc_factory_of(&server_class));
}

static void silence(size_t index)
{
    torc_sim_partition(client, hosts[index]);
}

static torc_result note_failure(void *self, torc_result result)
{
    const torc_failure *failure = torc_result_failure(result);
    const torc_failure *cause = torc_failure_cause(failure);

    (void)self;
    failed++;
    failure_type = torc_failure_type_of(failure);
    snprintf(failure_text, sizeof(failure_text), "%s", torc_failure_text(failure));
    snprintf(cause_text, sizeof(cause_text), "%s",
        cause != NULL ? torc_failure_text(cause) : "");
    return torc_nothing();
}

/* From a time on at which everybody listens; gives that time. */
static torc_time dial(const char *description)
{
    torc_time begin;

    torc_sim_advance(net, TORC_MILLISECOND);
    begin = torc_sim_now(net);
    deferred =
        torc_connect(torc_sim_scope(client), description, torc_factory_of(&client_class));
    torc_add_errback(deferred, note_failure, NULL);
    return begin;
}

/* -- order --------------------------------------------------------------------------------- */

static void assert_ordered(const char *given, const char *expected)
{
    torc_address list[16];
    char got[17] = "";
    size_t count = strlen(given);

    memset(list, 0, sizeof(list));
    for (size_t i = 0; i < count; i++) {
        list[i].kind = given[i] < 'a' ? TORC_ADDRESS_IPV6 : TORC_ADDRESS_IPV4;
        list[i].port = (uint16_t)given[i];
    }
    torc__attempts_order(list, count);
    for (size_t i = 0; i < count; i++)
        got[i] = (char)list[i].port;
    assert_string_equal(got, expected);
}

static void families_take_turns_and_keep_their_own_order(void **state)
{
    (void)state;
    assert_ordered("", "");
    assert_ordered("A", "A");
    assert_ordered("ABCabc", "AaBbCc");
    assert_ordered("abcABC", "aAbBcC");
    assert_ordered("ABCDa", "AaBCD");
    assert_ordered("aABbC", "aAbBC");
    assert_ordered("abc", "abc");
}

/* -- who wins ------------------------------------------------------------------------------ */

static void the_first_that_answers_is_the_only_one_tried(void **state)
{
    torc_time begin;

    (void)state;
    add(0, "10.0.0.10", true);
    add(1, "10.0.0.11", true);
    begin = dial("tcp:many.test:80");
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(made, 1);
    assert_int_equal(served, 1);
    assert_true(made_at - begin < 10 * TORC_MILLISECOND);
    assert_string_equal(peer, "10.0.0.10:80");
}

static void silence_lets_the_next_begin_after_250_ms(void **state)
{
    torc_time begin;

    (void)state;
    add(0, "2001:db8::10", true);
    add(1, "10.0.0.11", true);
    silence(0);
    begin = dial("tcp:many.test:80");
    torc_sim_advance(net, 249 * TORC_MILLISECOND);
    assert_int_equal(made, 0);
    torc_sim_advance(net, 10 * TORC_MILLISECOND);
    assert_int_equal(made, 1);
    assert_true(made_at - begin >= TORC__ATTEMPT_DELAY);
    assert_string_equal(peer, "10.0.0.11:80");
    torc_sim_advance(net, 5 * TORC_SECOND);
    assert_int_equal(served, 1);
}

static void a_refusal_lets_the_next_begin_at_once(void **state)
{
    torc_time begin;

    (void)state;
    add(0, "10.0.0.10", false);
    add(1, "2001:db8::11", true);
    begin = dial("tcp:many.test:80");
    torc_sim_advance(net, 20 * TORC_MILLISECOND);
    assert_int_equal(made, 1);
    assert_true(made_at - begin < 20 * TORC_MILLISECOND);
}

static void a_slow_one_that_answers_first_wins_and_the_other_is_dropped(void **state)
{
    torc_sim_link slow = { .delay = 200 * TORC_MILLISECOND };
    torc_sim_link slower = { .delay = 400 * TORC_MILLISECOND };

    (void)state;
    add(0, "10.0.0.10", true);
    add(1, "10.0.0.11", true);
    torc_sim_set_link(client, hosts[0], &slow);
    torc_sim_set_link(client, hosts[1], &slower);
    dial("tcp:many.test:80");
    torc_sim_advance(net, 3 * TORC_SECOND);
    assert_int_equal(made, 1);
    assert_string_equal(peer, "10.0.0.10:80");
}

static void only_ipv6_is_tried_where_that_is_asked_for(void **state)
{
    (void)state;
    add(0, "10.0.0.10", true);
    add(1, "2001:db8::11", true);
    dial("tcp6:many.test:80");
    torc_sim_advance(net, TORC_SECOND);
    assert_string_equal(peer, "[2001:db8::11]:80");
}

/* -- nobody wins --------------------------------------------------------------------------- */

static void every_failure_is_told_in_one(void **state)
{
    (void)state;
    add(0, "2001:db8::10", false);
    add(1, "10.0.0.11", false);
    dial("tcp:many.test:80");
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(failed, 1);
    assert_ptr_equal(failure_type, &torc_error_refused);
    assert_string_equal(failure_text, "cannot connect to tcp:many.test:80 at [2001:db8::10]:80: "
        "Connection refused; at 10.0.0.11:80: Connection refused");
    assert_string_equal(cause_text,
        "cannot connect to tcp:many.test:80 at [2001:db8::10]:80: Connection refused");
}

static void the_list_of_failures_is_bounded(void **state)
{
    (void)state;
    for (size_t i = 0; i < HOSTS; i++) {
        char address[32];

        snprintf(address, sizeof(address), "10.0.0.%zu", 10 + i);
        add(i, address, false);
    }
    dial("tcp:many.test:80");
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(failed, 1);
    assert_non_null(strstr(failure_text, "; at 10.0.0.13:80: Connection refused; and 2 more"));
    assert_null(strstr(failure_text, "10.0.0.14"));
}

static void the_timeout_tells_what_failed_before(void **state)
{
    (void)state;
    add(0, "10.0.0.10", false);
    add(1, "10.0.0.11", true);
    silence(1);
    dial("tcp:many.test:80:timeout=2");
    torc_sim_advance(net, 3 * TORC_SECOND);
    assert_int_equal(failed, 1);
    assert_ptr_equal(failure_type, &torc_error_connect_timed_out);
    assert_string_equal(failure_text, "cannot connect to tcp:many.test:80:timeout=2: no answer "
        "within 2 s; at 10.0.0.10:80: Connection refused");
}

static void thirty_seconds_are_the_default(void **state)
{
    (void)state;
    add(0, "10.0.0.10", true);
    silence(0);
    dial("tcp:many.test:80");
    torc_sim_advance(net, 29 * TORC_SECOND);
    assert_int_equal(failed, 0);
    torc_sim_advance(net, 2 * TORC_SECOND);
    assert_int_equal(failed, 1);
    assert_ptr_equal(failure_type, &torc_error_connect_timed_out);
}

/* -- stopping ------------------------------------------------------------------------------ */

static void cancelling_stops_all_attempts(void **state)
{
    (void)state;
    add(0, "10.0.0.10", true);
    add(1, "10.0.0.11", true);
    silence(0);
    silence(1);
    dial("tcp:many.test:80");
    torc_sim_advance(net, TORC_SECOND);
    torc_cancel(deferred);
    torc_sim_heal(client, hosts[0]);
    torc_sim_heal(client, hosts[1]);
    torc_sim_advance(net, 60 * TORC_SECOND);
    assert_int_equal(failed, 1);
    assert_ptr_equal(failure_type, &torc_error_cancelled);
    assert_int_equal(made, 0);
}

static void the_end_of_the_scope_stops_all_attempts(void **state)
{
    torc_scope *scope = torc_scope_new(torc_sim_scope(client));

    (void)state;
    add(0, "10.0.0.10", true);
    add(1, "10.0.0.11", true);
    silence(0);
    silence(1);
    torc_sim_advance(net, TORC_MILLISECOND);
    deferred = torc_connect(scope, "tcp:many.test:80", torc_factory_of(&client_class));
    torc_add_errback(deferred, note_failure, NULL);
    torc_sim_advance(net, 300 * TORC_MILLISECOND);
    torc_scope_end(scope);
    torc_sim_advance(net, 60 * TORC_SECOND);
    assert_int_equal(failed, 0);
    assert_int_equal(made, 0);
}

static void every_seed_ends_in_one_way(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        torc_sim_free(net);
        net = torc_sim_new(.seed = seed, .link.delay = 40 * TORC_MILLISECOND,
            .link.jitter = 300 * TORC_MILLISECOND, .link.loss_per_mille = 200);
        client = torc_sim_add_host(net, "client", "10.0.0.2");
        made = 0;
        failed = 0;
        add(0, "2001:db8::10", true);
        add(1, "10.0.0.11", true);
        add(2, "2001:db8::12", false);
        add(3, "10.0.0.13", true);
        dial("tcp:many.test:80");
        torc_sim_advance(net, 40 * TORC_SECOND);
        assert_int_equal(made + failed, 1);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_take_turns_and_keep_their_own_order),
        TEST(the_first_that_answers_is_the_only_one_tried),
        TEST(silence_lets_the_next_begin_after_250_ms),
        TEST(a_refusal_lets_the_next_begin_at_once),
        TEST(a_slow_one_that_answers_first_wins_and_the_other_is_dropped),
        TEST(only_ipv6_is_tried_where_that_is_asked_for),
        TEST(every_failure_is_told_in_one),
        TEST(the_list_of_failures_is_bounded),
        TEST(the_timeout_tells_what_failed_before),
        TEST(thirty_seconds_are_the_default),
        TEST(cancelling_stops_all_attempts),
        TEST(the_end_of_the_scope_stops_all_attempts),
        TEST(every_seed_ends_in_one_way),
    };

    torc_testing_set_fail(fail_test);
    torc_log_set_level(TORC_LOG_CRITICAL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
