/*
 * Servers that are asked over a kept connection, in the simulated network, where time and loss are
 * exact: questions side by side, connections that end or stay silent, and how long one is kept.
 * TLS has no say in this; with it, see tests/unit/tls/dns_test.c.
 */
#include "link_server.h"

#include <torc/names.h>
#include <torc/testing.h>

#include "names/dns_link.h"

enum { MANY = 30 };

static torc_sim *net;
static torc_sim_host *host;
static torc_sim_host *client;
static torc_scope *scope;
static torc_resolver *resolver;

typedef struct outcome {
    int fired;
    size_t count;
    char text[400]; /* the first address, or the failure's message */
    const torc_failure_type *failure;
} outcome;

static outcome seen[MANY];

static torc_result host_found(void *self, torc_result result)
{
    outcome *told = self;
    const torc_host *found = torc_result_host(result);

    told->fired++;
    told->count = found->count;
    torc_address_host(&found->addresses[0], told->text);
    return torc_nothing();
}

static torc_result not_found(void *self, torc_result result)
{
    outcome *told = self;
    const torc_failure *failure = torc_result_failure(result);

    told->fired++;
    told->failure = torc_failure_type_of(failure);
    snprintf(told->text, sizeof told->text, "%s", torc_failure_text(failure));
    return torc_nothing();
}

static torc_deferred *start(const char *name, outcome *told)
{
    torc_deferred *deferred = torc_resolve_by(resolver, scope, name);

    memset(told, 0, sizeof *told);
    torc_add_callbacks(deferred, host_found, not_found, told);
    return deferred;
}

static void find(const char *name, const char *address)
{
    outcome told;

    start(name, &told);
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(told.fired, 1);
    assert_string_equal(told.text, address);
}

/* -- before and after ---------------------------------------------------------------------- */

static const char *const zone =
    "www.test. 60 A 192.0.2.80\nwww.test. 60 AAAA 2001:db8::80\n"
    "a.test. 60 A 192.0.2.1\nb.test. 60 A 192.0.2.2\nc.test. 60 A 192.0.2.3\n";

static const char *const two_servers[] = { "tcp:192.0.2.53:853", "tcp:192.0.2.54:853" };

static void use_resolver(size_t servers)
{
    torc_resolver_options options = { .hosts_file = "", .configuration_file = "",
        .connect = torc_connect, .endpoints = two_servers, .endpoint_count = servers,
        .timeout = 2 * TORC_SECOND, .attempts = 2 };

    resolver = torc_resolver_new(scope, &options);
    assert_non_null(resolver);
}

static int set_up(void **state)
{
    (void)state;
    net = torc_sim_new();
    host = torc_sim_add_host(net, "names", "192.0.2.53");
    client = torc_sim_add_host(net, "client", "192.0.2.7");
    link_server_listen(torc_sim_scope(host), "tcp:853", zone);
    scope = torc_scope_new(torc_sim_scope(client));
    use_resolver(1);
    torc_sim_advance(net, TORC_MILLISECOND);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    torc_sim_free(net);
    return 0;
}

/* -- asking -------------------------------------------------------------------------------- */

static void many_questions_share_a_connection_and_are_answered_in_any_order(void **state)
{
    char name[32];
    char text[2000] = "";

    (void)state;
    for (int i = 0; i < MANY; i++) {
        size_t used = strlen(text);

        snprintf(text + used, sizeof text - used, "n%d.test. 60 A 192.0.2.%d\n", i, i + 1);
    }
    link_server.names.zone = text;
    link_server.holds = true;
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "n%d.test", i);
        start(name, &seen[i]);
    }
    torc_sim_advance(net, TORC_SECOND);
    /* Each is for IPv6 and for IPv4. */
    assert_int_equal(link_server.questions, 2 * MANY);
    answer_held_backwards();
    torc_sim_advance(net, TORC_SECOND);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "192.0.2.%d", i + 1);
        assert_int_equal(seen[i].fired, 1);
        assert_string_equal(seen[i].text, name);
    }
    assert_int_equal(link_server.connections, 1);
    assert_int_equal(torc_resolver_count(resolver).streams, 1);
    assert_int_equal(torc_resolver_count(resolver).datagrams, 0);
}

static void questions_do_not_tell_what_they_are_about_by_their_length(void **state)
{
    (void)state;
    find("a.test", "192.0.2.1");
    start("a-name-that-is-so-long-that-it-would-stand-out.and-has-many-labels.test", &seen[0]);
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(link_server.padded, 4);
}

static void the_ids_on_a_connection_differ(void **state)
{
    (void)state;
    link_server.holds = true;
    start("www.test", &seen[0]);
    start("a.test", &seen[1]);
    torc_sim_advance(net, TORC_SECOND);
    for (size_t i = 1; i < link_server.held_count; i++)
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(
                link_server.held[i].bytes, link_server.held[k].bytes, 2);
    answer_held_backwards();
    torc_sim_advance(net, TORC_SECOND);
    assert_string_equal(seen[1].text, "192.0.2.1");
}

static void an_answer_under_another_id_is_ignored(void **state)
{
    (void)state;
    link_server.lies = true;
    find("a.test", "192.0.2.1");
    assert_true(torc_resolver_count(resolver).ignored > 0);
}

static void what_is_not_there_is_told(void **state)
{
    (void)state;
    start("nobody.test", &seen[0]);
    torc_sim_advance(net, TORC_SECOND);
    assert_ptr_equal(seen[0].failure, &torc_error_unknown_host);
}

static void a_server_that_says_it_cut_its_answer_cannot_be_asked_in_another_way(void **state)
{
    (void)state;
    link_server.names.header.truncated = true;
    start("a.test", &seen[0]);
    torc_sim_advance(net, 10 * TORC_SECOND);
    assert_ptr_equal(seen[0].failure, &torc_error_name_server);
    assert_non_null(strstr(seen[0].text, "no name server can answer"));
}

/* -- how long a connection is kept --------------------------------------------------------- */

static void a_connection_is_kept_until_nothing_was_asked_for_a_while(void **state)
{
    (void)state;
    find("a.test", "192.0.2.1");
    torc_sim_advance(net, TORC__DNS_LINK_IDLE - 2 * TORC_SECOND);
    find("b.test", "192.0.2.2");
    assert_int_equal(link_server.connections, 1);
    torc_sim_advance(net, TORC__DNS_LINK_IDLE - 2 * TORC_SECOND);
    assert_int_equal(link_server.open, 1);
    torc_sim_advance(net, 2 * TORC_SECOND);
    assert_int_equal(link_server.open, 0);
    find("c.test", "192.0.2.3");
    assert_int_equal(link_server.connections, 2);
}

static void a_connection_that_the_server_closed_is_opened_anew(void **state)
{
    (void)state;
    find("a.test", "192.0.2.1");
    torc_lose_connection(link_server.last->transport);
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(link_server.open, 0);
    find("b.test", "192.0.2.2");
    assert_int_equal(link_server.connections, 2);
}

/* -- loss ---------------------------------------------------------------------------------- */

static void questions_on_a_lost_connection_are_asked_once_more(void **state)
{
    (void)state;
    link_server.closes_at = 1;
    find("a.test", "192.0.2.1");
    assert_int_equal(link_server.connections, 2);
    assert_int_equal(torc_resolver_count(resolver).failures, 0);
}

static void questions_that_lose_every_connection_fail(void **state)
{
    (void)state;
    link_server.always_closes = true;
    start("a.test", &seen[0]);
    torc_sim_advance(net, TORC_SECOND);
    assert_ptr_equal(seen[0].failure, &torc_error_name_server);
    /* Two attempts, each on two connections, which the questions for IPv6 and IPv4 share. */
    assert_int_equal(link_server.connections, 4);
}

static void a_server_that_refuses_makes_way_for_the_next(void **state)
{
    torc_sim_host *other = torc_sim_add_host(net, "other", "192.0.2.54");

    (void)state;
    torc_sim_crash(host);
    link_server_listen(torc_sim_scope(other), "tcp:853", zone);
    use_resolver(2);
    torc_sim_advance(net, TORC_SECOND);
    start("a.test", &seen[0]);
    torc_sim_advance(net, 20 * TORC_SECOND);
    assert_string_equal(seen[0].text, "192.0.2.1");
}

static void why_nobody_can_be_asked_is_told(void **state)
{
    static const char *const nobody[] = { "tcp:192.0.2.53:854" };
    torc_resolver_options options = { .hosts_file = "", .configuration_file = "",
        .connect = torc_connect, .endpoints = nobody, .endpoint_count = 1 };

    (void)state;
    resolver = torc_resolver_new(scope, &options);
    start("a.test", &seen[0]);
    torc_sim_advance(net, TORC_SECOND);
    assert_ptr_equal(seen[0].failure, &torc_error_name_server);
    /* The questions for IPv6 and IPv4 wait for one connection, and each has two attempts. */
    assert_int_equal(torc_resolver_count(resolver).streams, 2);
    assert_non_null(strstr(seen[0].text, "for "));
    assert_int_equal(link_server.questions, 0);
}

static void a_connection_that_went_deaf_is_given_up(void **state)
{
    (void)state;
    find("a.test", "192.0.2.1");
    link_server.is_silent = true;
    start("b.test", &seen[0]);
    torc_sim_advance(net, TORC_SECOND);
    assert_int_equal(seen[0].fired, 0);
    link_server.is_silent = false;
    /* Its time is over after two seconds: the attempts that follow are on another connection. */
    torc_sim_advance(net, 2 * TORC_SECOND);
    assert_string_equal(seen[0].text, "192.0.2.2");
    assert_int_equal(link_server.connections, 2);
    assert_int_equal(link_server.open, 1);
    assert_true(torc_resolver_count(resolver).timeouts > 0);
}

/* -- ending -------------------------------------------------------------------------------- */

static void a_cancelled_look_up_leaves_the_connection_to_the_others(void **state)
{
    torc_deferred *deferred;

    (void)state;
    link_server.holds = true;
    deferred = start("a.test", &seen[0]);
    start("b.test", &seen[1]);
    torc_sim_advance(net, TORC_SECOND);
    torc_cancel(deferred);
    answer_held_backwards();
    torc_sim_advance(net, TORC_SECOND);
    assert_ptr_equal(seen[0].failure, &torc_error_cancelled);
    assert_string_equal(seen[1].text, "192.0.2.2");
}

static void a_resolver_may_end_at_each_stage(void **state)
{
    static const torc_time stages[] = { 0, TORC_MILLISECOND / 4, TORC_SECOND, 5 * TORC_SECOND };

    (void)state;
    link_server.holds = true;
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        use_resolver(1);
        start("a.test", &seen[0]);
        torc_sim_advance(net, stages[i]);
        link_server.held_count = 0;
        torc_scope_end(scope);
        torc_sim_advance(net, TORC_SECOND);
        assert_int_equal(seen[0].fired, 0);
        scope = torc_scope_new(torc_sim_scope(client));
    }
    assert_int_equal(link_server.open, 0);
}

/* The connection that is being made is of no use any more, and goes when its time is over. */
static void who_leaves_while_it_connects_leaves_nothing_behind(void **state)
{
    torc_deferred *deferred;

    (void)state;
    torc_sim_partition(host, client);
    deferred = start("a.test", &seen[0]);
    torc_sim_advance(net, TORC_MILLISECOND);
    torc_cancel(deferred);
    torc_sim_advance(net, TORC__DNS_LINK_IDLE + TORC_SECOND);
    torc_sim_heal(host, client);
    find("b.test", "192.0.2.2");
}

/* -- faults -------------------------------------------------------------------------------- */

static void each_look_up_comes_to_an_end_whatever_fails(void **state)
{
    (void)state;
    TORC_SIM_FOR_SEEDS(world, 200) {
        net = world;
        host = torc_sim_add_host(net, "names", "192.0.2.53");
        client = torc_sim_add_host(net, "client", "192.0.2.7");
        link_server_listen(torc_sim_scope(host), "tcp:853", zone);
        scope = torc_sim_scope(client);
        use_resolver(1);
        torc_sim_faults(net, TORC_SIM_ALL_FAULTS);
        torc_sim_fault_rate(net, 20);
        start("a.test", &seen[0]);
        start("www.test", &seen[1]);
        torc_sim_advance(net, TORC_MINUTE);
        assert_int_equal(seen[0].fired + seen[1].fired, 2);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(many_questions_share_a_connection_and_are_answered_in_any_order),
        TEST(questions_do_not_tell_what_they_are_about_by_their_length),
        TEST(the_ids_on_a_connection_differ),
        TEST(an_answer_under_another_id_is_ignored),
        TEST(what_is_not_there_is_told),
        TEST(a_server_that_says_it_cut_its_answer_cannot_be_asked_in_another_way),
        TEST(a_connection_is_kept_until_nothing_was_asked_for_a_while),
        TEST(a_connection_that_the_server_closed_is_opened_anew),
        TEST(questions_on_a_lost_connection_are_asked_once_more),
        TEST(questions_that_lose_every_connection_fail),
        TEST(a_server_that_refuses_makes_way_for_the_next),
        TEST(why_nobody_can_be_asked_is_told),
        TEST(a_connection_that_went_deaf_is_given_up),
        TEST(a_cancelled_look_up_leaves_the_connection_to_the_others),
        TEST(a_resolver_may_end_at_each_stage),
        TEST(who_leaves_while_it_connects_leaves_nothing_behind),
        cmocka_unit_test(each_look_up_comes_to_an_end_whatever_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
