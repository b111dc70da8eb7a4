/*
 * Connecting to names that the loop's own resolver looks up, of a name server and a hosts file of
 * the tests' own: which of the two families is tried when, what is told when there is no address,
 * and which names nobody is asked about.
 */
#include "names/name_server.h"

#include "endpoint/harness.h"

#include <torc/datagram.h>
#include <torc/names.h>

static name_server names;
static int server;
static uint16_t server_port;
static torc_resolver *resolver;

/* Questions for IPv6 or IPv4 that are not answered yet. */
static query held[2];
static uint16_t held_type; /* 0: none is held */
static size_t held_count;
static torc_time held_at;

static int write_hosts(const char *text)
{
    FILE *file = fopen(path_of("hosts"), "w");

    if (file == NULL || fputs(text, file) < 0)
        return -1;
    return fclose(file);
}

static void answer_or_hold(const query *asked)
{
    if (asked->message->questions[0].type != held_type) {
        answer_honestly(asked);
        return;
    }
    assert_true(held_count < 2);
    held_at = torc_monotonic_now();
    held[held_count++] = *asked;
}

static void answer_held(void)
{
    held_type = 0;
    for (size_t i = 0; i < held_count; i++)
        behave(&names, &held[i]);
    held_count = 0;
}

static int set_up_names(void **state)
{
    torc_resolver_options options = { .server_count = 1, .configuration_file = "" };
    torc_address address;

    if (set_up(state) != 0 || write_hosts("127.0.0.1 listed.test\n") != 0)
        return -1;
    name_server_open(&names);
    address = name_server_address(&names);
    names.behave = answer_or_hold;
    names.zone = "four.test. 60 A 127.0.0.1\n"
                 "both.test. 60 A 127.0.0.1\nboth.test. 60 AAAA ::1\n"
                 "two.test. 60 A 127.0.0.2\ntwo.test. 60 A 127.0.0.1\n";
    held_type = 0;
    held_count = 0;
    options.servers = &address;
    options.hosts_file = path_of("hosts");
    resolver = torc_resolver_new(torc_root(reactor), &options);
    torc_use_resolver(reactor, resolver);
    server = plain_listen(5, &server_port);
    return 0;
}

static int tear_down_names(void **state)
{
    unlink(path_of("hosts"));
    name_server_close(&names);
    close(server);
    return tear_down(state);
}

/* -- helpers ------------------------------------------------------------------------------- */

static torc_deferred *start(const char *host, outcome *ret_outcome)
{
    char text[160];
    torc_deferred *deferred;

    snprintf(text, sizeof text, "tcp:%s:%u", host, server_port);
    deferred = torc_connect(scope, text, counters());
    watch_outcome(deferred, ret_outcome);
    return deferred;
}

/* Lets the loop turn and the name server answer until *flag is `value`. */
static void serve_until(const int *flag, int value)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);

    while (*flag < value) {
        assert_true(torc_monotonic_now() < deadline);
        torc_iterate(reactor, TORC_MILLISECOND);
        serve(&names);
    }
}

static void serve_until_held(size_t wanted)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);

    while (held_count < wanted) {
        assert_true(torc_monotonic_now() < deadline);
        torc_iterate(reactor, TORC_MILLISECOND);
        serve(&names);
    }
}

static void assert_connects(const char *host)
{
    outcome connected;
    int made = count.made;

    start(host, &connected);
    serve_until(&connected.fired, 1);
    assert_succeeded(&connected);
    assert_int_equal(count.made, made + 1);
}

/* -- where names are from ------------------------------------------------------------------ */

static void a_name_is_asked_of_the_name_server_once(void **state)
{
    (void)state;
    assert_connects("four.test");
    assert_int_equal(names.queries, 2);
    assert_connects("four.test");
    assert_int_equal(names.queries, 2);
}

static void all_addresses_are_tried(void **state)
{
    (void)state;
    assert_connects("two.test");
}

static void the_hosts_file_and_localhost_ask_nobody(void **state)
{
    (void)state;
    assert_connects("listed.test");
    assert_connects("localhost");
    assert_connects("service.LocalHost.");
    assert_int_equal(names.queries + names.streams, 0);
}

static void a_name_that_is_not_there_is_told(void **state)
{
    outcome connected;

    (void)state;
    start("nobody.test", &connected);
    serve_until(&connected.fired, 1);
    assert_failed(&connected, &torc_error_unknown_host, "no address for nobody.test: there is no");
}

static void stay_silent(const query *asked)
{
    (void)asked;
}

static void a_name_server_that_is_silent_counts_towards_the_timeout(void **state)
{
    outcome connected;

    (void)state;
    names.behave = stay_silent;
    watch_outcome(
        torc_connect(scope, "tcp:four.test:80:timeout=0.05", counters()), &connected);
    serve_until(&connected.fired, 1);
    assert_failed(&connected, &torc_error_connect_timed_out, "no answer within 0.05 s");
    assert_int_equal(torc_resolver_count(resolver).under_way, 0);
}

static void refuse(const query *asked)
{
    static uint8_t bytes[512];
    torc__dns_header header = { .code = TORC__DNS_REFUSED };

    send_bytes(asked, answer_of(asked, &header, 8, bytes, sizeof bytes));
}

static void a_name_server_that_cannot_say_is_told(void **state)
{
    outcome connected;

    (void)state;
    names.behave = refuse;
    start("other.example", &connected);
    serve_until(&connected.fired, 1);
    assert_failed(&connected, &torc_error_unknown_host, "no name server can answer");
}

/* -- one family after the other ------------------------------------------------------------ */

/* What a look-up gives is no pointer. */
static torc_result count_outcome(void *self, torc_result result)
{
    ((outcome *)self)->fired += !torc_is_failure(result);
    return torc_nothing();
}

static void ipv4_alone_is_tried_after_50_ms(void **state)
{
    outcome connected;
    outcome resolved;
    torc_time waited;

    (void)state;
    held_type = TORC_RECORD_AAAA;
    start("both.test", &connected);
    memset(&resolved, 0, sizeof resolved);
    torc_add_both(torc_resolve(scope, "both.test"), count_outcome, &resolved);
    serve_until_held(1);
    serve_until(&connected.fired, 1);
    waited = torc_monotonic_now() - held_at;
    assert_succeeded(&connected);
    /* Well before the second for which others wait for the answer for IPv6. */
    assert_true(waited >= 40 * TORC_MILLISECOND && waited < 900 * TORC_MILLISECOND);
    assert_int_equal(resolved.fired, 0);
    answer_held();
    serve_until(&resolved.fired, 1);
    assert_int_equal(torc_resolver_count(resolver).under_way, 0);
}

static void ipv6_is_tried_at_once_and_ipv4_when_it_comes(void **state)
{
    outcome connected;

    (void)state;
    held_type = TORC_RECORD_A;
    start("both.test", &connected);
    serve_until_held(1);
    /* Nobody listens on ::1, which is found out meanwhile; that is not the end of it. */
    run_turns(10);
    assert_int_equal(connected.fired, 0);
    assert_int_equal(count.released, 0);
    answer_held();
    serve_until(&connected.fired, 1);
    assert_succeeded(&connected);
}

static void when_the_other_family_comes_to_nothing_the_failure_is_told(void **state)
{
    outcome connected;

    (void)state;
    names.zone = "six.test. 60 AAAA ::1\n";
    held_type = TORC_RECORD_A;
    start("six.test", &connected);
    serve_until_held(1);
    run_turns(10);
    assert_int_equal(connected.fired, 0);
    answer_held();
    serve_until(&connected.fired, 1);
    assert_failed(&connected, &torc_error_connect, "six.test");
}

static void cancelling_while_one_family_is_awaited_leaves_nothing(void **state)
{
    outcome connected;
    torc_deferred *deferred;

    (void)state;
    held_type = TORC_RECORD_A;
    deferred = start("both.test", &connected);
    serve_until_held(1);
    run_turns(5);
    torc_cancel(deferred);
    assert_failed(&connected, &torc_error_cancelled, "");
    assert_int_equal(torc_resolver_count(resolver).under_way, 0);
}

/* Who comes while one family is there already does not wait anew. */
static void who_comes_later_begins_with_what_is_there(void **state)
{
    outcome connected[2];

    (void)state;
    names.zone = "both.test. 60 A 127.0.0.2\nboth.test. 60 AAAA ::1\n";
    held_type = TORC_RECORD_A;
    start("both.test", &connected[0]);
    serve_until_held(1);
    run_turns(5);
    start("both.test", &connected[1]);
    run_turns(5);
    answer_held();
    for (int i = 0; i < 2; i++) {
        serve_until(&connected[i].fired, 1);
        assert_failed(&connected[i], &torc_error_connect, "127.0.0.2");
    }
    assert_int_equal(names.queries, 2);
}

/* -- datagrams ----------------------------------------------------------------------------- */

static int opened;

static void note_opened(torc_datagram_protocol *self)
{
    (void)self;
    opened++;
}

static const torc_datagram_class datagram_class = { .name = "Asker", .started = note_opened };

static void datagrams_are_sent_to_names_too(void **state)
{
    (void)state;
    opened = 0;
    (void)torc_connect_datagrams(scope, "udp:four.test:9", &datagram_class);
    serve_until(&opened, 1);
    assert_int_equal(names.queries, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_names, tear_down_names)
    const struct CMUnitTest tests[] = {
        TEST(a_name_is_asked_of_the_name_server_once),
        TEST(all_addresses_are_tried),
        TEST(the_hosts_file_and_localhost_ask_nobody),
        TEST(a_name_that_is_not_there_is_told),
        TEST(a_name_server_that_is_silent_counts_towards_the_timeout),
        TEST(a_name_server_that_cannot_say_is_told),
        TEST(ipv4_alone_is_tried_after_50_ms),
        TEST(ipv6_is_tried_at_once_and_ipv4_when_it_comes),
        TEST(when_the_other_family_comes_to_nothing_the_failure_is_told),
        TEST(cancelling_while_one_family_is_awaited_leaves_nothing),
        TEST(who_comes_later_begins_with_what_is_there),
        TEST(datagrams_are_sent_to_names_too),
    };

    return run_endpoint_tests(tests);
}
