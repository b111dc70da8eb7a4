/*
 * How the two families of a host are put together: one that is silent, one that fails, and what is
 * known of both already.
 */
#include <torc/names.h>
#include <torc/reactor.h>

#include "name_server.h"

/* Longer than anything that works takes, on the slowest machine. */
#define PATIENCE (10 * TORC_SECOND)

static torc_reactor *reactor;
static torc_resolver *resolver;
static name_server server;

static int fired;
static size_t found;
static const torc_failure_type *failed;

static torc_result note_host(void *unused, torc_result result)
{
    (void)unused;
    fired++;
    found = torc_result_host(result)->count;
    return torc_nothing();
}

static torc_result note_done(void *unused, torc_result result)
{
    (void)unused;
    fired++;
    if (torc_is_failure(result))
        failed = torc_failure_type_of(torc_result_failure(result));
    return torc_nothing();
}

static void run_until_told(void)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);

    while (fired == 0) {
        assert_true(torc_monotonic_now() < deadline);
        torc_iterate(reactor, TORC_MILLISECOND);
        serve(&server);
    }
}

static void resolve(const char *name)
{
    fired = 0;
    found = 0;
    failed = NULL;
    torc_add_callbacks(torc_resolve_by(resolver, torc_root(reactor), name), note_host, note_done,
        NULL);
    run_until_told();
}

static void look_up(const char *name, torc_record_type type)
{
    fired = 0;
    torc_add_both(torc_look_up_by(resolver, torc_root(reactor), name, type), note_done, NULL);
    run_until_told();
}

static int set_up(void **state)
{
    torc_address address;
    torc_resolver_options options = {
        .hosts_file = "", .configuration_file = "", .servers = &address, .server_count = 1,
    };

    (void)state;
    name_server_open(&server);
    server.zone = "www.test. 60 A 192.0.2.1\nwww.test. 60 AAAA 2001:db8::1\n";
    address = name_server_address(&server);
    reactor = torc_reactor_new();
    resolver = torc_resolver_new(torc_root(reactor), &options);
    return resolver == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    torc_reactor_free(reactor);
    name_server_close(&server);
    return 0;
}

static void be_silent_about_ipv6(const query *asked)
{
    if (asked->message->questions[0].type != TORC_RECORD_AAAA)
        answer_honestly(asked);
}

static void a_family_that_stays_silent_is_not_waited_for_long(void **state)
{
    torc_time before = torc_monotonic_now();

    (void)state;
    server.behave = be_silent_about_ipv6;
    resolve("www.test");
    assert_int_equal(found, 1);
    /* Less than the server has to answer before it is asked again. */
    assert_true(torc_monotonic_now() - before < 4 * TORC_SECOND);
}

static void refuse_ipv6(const query *asked)
{
    if (asked->message->questions[0].type == TORC_RECORD_AAAA)
        asked->server->header.code = TORC__DNS_REFUSED;
    answer_honestly(asked);
    asked->server->header.code = TORC__DNS_NO_ERROR;
}

static void the_addresses_of_one_family_are_a_host_where_the_other_is_refused(void **state)
{
    (void)state;
    server.behave = refuse_ipv6;
    resolve("www.test");
    assert_int_equal(found, 1);
    assert_null(failed);
}

static void what_is_known_of_both_families_is_asked_nobody(void **state)
{
    int queries;

    (void)state;
    look_up("www.test", TORC_RECORD_A);
    look_up("www.test", TORC_RECORD_AAAA);
    queries = server.queries;
    resolve("www.test");
    assert_int_equal(found, 2);
    assert_int_equal(server.queries, queries);
}

static void that_neither_family_is_there_is_known_too(void **state)
{
    int queries;

    (void)state;
    look_up("none.test", TORC_RECORD_A);
    look_up("none.test", TORC_RECORD_AAAA);
    queries = server.queries;
    resolve("none.test");
    assert_ptr_equal(failed, &torc_error_unknown_host);
    assert_int_equal(server.queries, queries);
}

static void what_is_no_name_of_a_host_is_asked_nobody(void **state)
{
    static const char *const names[] = { "", "..", "a..b", ".a" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        resolve(names[i]);
        assert_ptr_equal(failed, &torc_error_unknown_host);
    }
    assert_int_equal(server.queries, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_family_that_stays_silent_is_not_waited_for_long),
        TEST(the_addresses_of_one_family_are_a_host_where_the_other_is_refused),
        TEST(what_is_known_of_both_families_is_asked_nobody),
        TEST(that_neither_family_is_there_is_known_too),
        TEST(what_is_no_name_of_a_host_is_asked_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
