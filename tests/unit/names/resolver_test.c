/*
 * The resolver against a name server of our own, which is honest first, and then is not.
 */
#include "resolver_setting.h"

/* -- honest answers ------------------------------------------------------------------------ */

static void a_hosts_addresses_are_found_and_known_from_then_on(void **state)
{
    torc_resolver *resolver = plain_resolver();
    outcome seen;

    (void)state;
    server.zone = zone;
    resolve(resolver, "www.test", &seen);
    assert_string_equal(seen.text, "192.0.2.1 192.0.2.2");
    assert_string_equal(seen.name, "www.test");
    assert_int_equal(server.queries, 2);
    start_host(resolver, "WWW.test", &seen);
    assert_int_equal(seen.fired, 1);
    assert_int_equal(server.queries, 2);
    assert_int_equal(torc_resolver_count(resolver).from_cache, 1);
    assert_int_equal(torc_resolver_count(resolver).under_way, 0);
}

static void records_of_any_type_are_found(void **state)
{
    torc_resolver *resolver = plain_resolver();
    torc_address address;
    char name[TORC_REVERSE_NAME_MAX];
    outcome seen;

    (void)state;
    server.zone = zone;
    look_up(resolver, "mail.test", TORC_RECORD_MX, &seen);
    assert_string_equal(
        seen.text, "mail.test. 60 IN MX 10 mx1.test.\nmail.test. 60 IN MX 20 mx2.test.");
    look_up(resolver, "_sip._udp.test.", TORC_RECORD_SRV, &seen);
    assert_string_equal(seen.text, "_sip._udp.test. 60 IN SRV 1 2 5060 sip.test.");
    look_up(resolver, "text.test", TORC_RECORD_TXT, &seen);
    assert_string_equal(seen.text, "text.test. 60 IN TXT \"a\" \"b c\"");
    assert_true(torc_address_parse(TORC_SLICE("192.0.2.7"), 0, &address));
    assert_true(torc_reverse_name(&address, name));
    look_up(resolver, name, TORC_RECORD_PTR, &seen);
    assert_string_equal(seen.text, "7.2.0.192.in-addr.arpa. 60 IN PTR www.test.");
}

static void aliases_are_followed(void **state)
{
    torc_resolver *resolver = plain_resolver();
    outcome seen;

    (void)state;
    server.zone = zone;
    resolve(resolver, "alias.test", &seen);
    assert_string_equal(seen.text, "192.0.2.1 192.0.2.2");
    assert_string_equal(seen.name, "www.test");
}

static void an_alias_that_the_server_leaves_open_is_asked_for(void **state)
{
    torc_resolver *resolver = plain_resolver();
    outcome seen;

    (void)state;
    server.zone = zone;
    server.add_soa = false;
    server.behave = answer_one_alias;
    look_up(resolver, "alias.test", TORC_RECORD_A, &seen);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.name, "www.test");
    assert_int_equal(server.queries, 3);
}

static void what_is_not_there_is_told_and_known_from_then_on(void **state)
{
    torc_resolver *resolver = plain_resolver();
    outcome seen;
    int queries;

    (void)state;
    server.zone = zone;
    resolve(resolver, "nobody.test", &seen);
    assert_ptr_equal(seen.failure, &torc_error_unknown_host);
    look_up(resolver, "www.test", TORC_RECORD_MX, &seen);
    assert_ptr_equal(seen.failure, &torc_error_unknown_host);
    queries = server.queries;
    start_host(resolver, "nobody.test", &seen);
    assert_int_equal(seen.fired, 1);
    start_records(resolver, "www.test", TORC_RECORD_MX, &seen);
    assert_int_equal(seen.fired, 1);
    assert_int_equal(server.queries, queries);
}

static void without_an_soa_what_is_not_there_is_asked_for_again(void **state)
{
    torc_resolver *resolver = plain_resolver();
    outcome seen;

    (void)state;
    server.zone = zone;
    server.add_soa = false;
    look_up(resolver, "nobody.test", TORC_RECORD_A, &seen);
    look_up(resolver, "nobody.test", TORC_RECORD_A, &seen);
    assert_ptr_equal(seen.failure, &torc_error_unknown_host);
    assert_int_equal(server.queries, 2);
}

static void several_who_wait_share_a_question(void **state)
{
    torc_resolver *resolver = plain_resolver();
    outcome seen[3];

    (void)state;
    server.zone = zone;
    for (size_t i = 0; i < 3; i++)
        start_records(resolver, "mail.test", TORC_RECORD_MX, &seen[i]);
    for (size_t i = 0; i < 3; i++)
        run_until(&seen[i]);
    assert_int_equal(server.queries, 1);
    assert_int_equal(torc_resolver_count(resolver).shared, 2);
}

static void the_cache_has_a_bound(void **state)
{
    torc_resolver *resolver =
        resolver_with(&(torc_resolver_options){ .cache_answers = 2 });
    outcome seen;

    (void)state;
    server.zone = zone;
    look_up(resolver, "mail.test", TORC_RECORD_MX, &seen);
    look_up(resolver, "text.test", TORC_RECORD_TXT, &seen);
    look_up(resolver, "www.test", TORC_RECORD_A, &seen);
    assert_int_equal(torc_resolver_count(resolver).cached, 2);
    look_up(resolver, "mail.test", TORC_RECORD_MX, &seen);
    assert_int_equal(server.queries, 4);
    torc_resolver_forget(resolver);
    assert_int_equal(torc_resolver_count(resolver).cached, 0);
    assert_int_equal(torc_resolver_count(resolver).cached_bytes, 0);
}

/* -- what needs no server ------------------------------------------------------------------ */

static void numeric_addresses_and_localhost_ask_nobody(void **state)
{
    torc_resolver *resolver = plain_resolver();
    outcome seen;

    (void)state;
    start_host(resolver, "192.0.2.77", &seen);
    assert_string_equal(seen.text, "192.0.2.77");
    start_host(resolver, "2001:db8::1", &seen);
    assert_string_equal(seen.text, "2001:db8::1");
    start_host(resolver, "LocalHost.", &seen);
    assert_int_equal(seen.count, 2);
    start_host(resolver, "x.localhost", &seen);
    assert_int_equal(seen.count, 2);
    start_host(resolver, "", &seen);
    assert_ptr_equal(seen.failure, &torc_error_unknown_host);
    assert_int_equal(seen.fired, 1);
    run_turns(3);
    assert_int_equal(server.queries, 0);
}

static void the_hosts_file_is_read_and_read_again_when_it_changes(void **state)
{
    char path[128];
    torc_resolver *resolver;
    outcome seen;

    (void)state;
    write_file("hosts", "# comment\n192.0.2.50 One one.test two # three\n192.0.2.51 two\r\n"
        "bad line\n::zz x\n", path);
    resolver = resolver_with(&(torc_resolver_options){ .hosts_file = path });
    start_host(resolver, "one", &seen);
    assert_string_equal(seen.text, "192.0.2.50");
    start_host(resolver, "two.", &seen);
    assert_string_equal(seen.text, "192.0.2.50 192.0.2.51");
    write_file("hosts", "192.0.2.60 one\n", path);
    torc_resolver_forget(resolver);
    start_host(resolver, "ONE", &seen);
    assert_string_equal(seen.text, "192.0.2.60");
    assert_int_equal(server.queries, 0);
}

static void the_search_domains_are_tried_in_the_order_that_the_dots_say(void **state)
{
    char path[128];
    torc_resolver *resolver;
    outcome seen;

    (void)state;
    write_file("resolv.conf", "search none.test search.test\noptions ndots:2 timeout:1\n", path);
    server.zone = zone;
    resolver = resolver_with(&(torc_resolver_options){ .configuration_file = path });
    resolve(resolver, "host", &seen);
    assert_string_equal(seen.text, "192.0.2.8");
    assert_string_equal(seen.name, "host.search.test");
    assert_int_equal(server.queries, 4);
    resolve(resolver, "a.b", &seen);
    assert_string_equal(seen.text, "192.0.2.9");
    assert_int_equal(server.queries, 8);
    /* With two dots it is tried as it is first; with one at the end only so. */
    server.zone = "x.y.test. 60 A 192.0.2.3\n";
    resolve(resolver, "x.y.test", &seen);
    assert_int_equal(server.queries, 10);
    resolve(resolver, "host.", &seen);
    assert_ptr_equal(seen.failure, &torc_error_unknown_host);
    assert_int_equal(server.queries, 12);
}

/* -- servers that fail --------------------------------------------------------------------- */

static void say_nothing(const query *asked)
{
    (void)asked;
}

static void a_silent_server_is_given_up_and_the_next_one_asked(void **state)
{
    torc_resolver *resolver = resolver_with(&(torc_resolver_options){
        .server_count = 2, .timeout = 30 * TORC_MILLISECOND });
    outcome seen;

    (void)state;
    server.behave = say_nothing;
    second.zone = zone;
    look_up(resolver, "www.test", TORC_RECORD_A, &seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(torc_resolver_count(resolver).timeouts, 1);
    /* From then on the one that answers is asked first. */
    look_up(resolver, "mail.test", TORC_RECORD_MX, &seen);
    assert_int_equal(server.queries, 1);
}

static void when_all_servers_are_silent_it_times_out(void **state)
{
    torc_resolver *resolver = resolver_with(&(torc_resolver_options){
        .timeout = 20 * TORC_MILLISECOND, .attempts = 3 });
    outcome seen;

    (void)state;
    server.behave = say_nothing;
    look_up(resolver, "www.test", TORC_RECORD_A, &seen);
    assert_ptr_equal(seen.failure, &torc_error_timeout);
    assert_non_null(strstr(seen.text, "A of www.test"));
    assert_int_equal(server.queries, 3);
    assert_int_equal(torc_resolver_count(resolver).failures, 1);
}

static void answer_code(const query *asked)
{
    uint8_t bytes[512];
    torc__dns_header header = { .code = asked->server->header.code };
    torc__dns_writer writer;

    header.id = asked->message->header.id;
    header.is_response = true;
    torc__dns_writer_begin(&writer, bytes, sizeof bytes, &header, NULL);
    if (header.code != TORC__DNS_FORMAT_ERROR)
        (void)torc__dns_writer_question(&writer, &asked->message->questions[0]);
    send_bytes(asked, torc__dns_writer_end(&writer));
}

static void a_server_that_cannot_say_makes_way_for_the_next_one(void **state)
{
    torc_resolver *resolver = resolver_with(&(torc_resolver_options){ .server_count = 2 });
    outcome seen;

    (void)state;
    server.behave = answer_code;
    server.header.code = TORC__DNS_REFUSED;
    second.zone = zone;
    look_up(resolver, "www.test", TORC_RECORD_A, &seen);
    assert_int_equal(seen.count, 2);
    second.behave = answer_code;
    second.header.code = TORC__DNS_SERVER_FAILURE;
    look_up(resolver, "mail.test", TORC_RECORD_MX, &seen);
    assert_ptr_equal(seen.failure, &torc_error_name_server);
}

static void answer_without_edns_only(const query *asked)
{
    server.header.code = asked->message->edns.present ? TORC__DNS_FORMAT_ERROR : 0;
    if (asked->message->edns.present)
        answer_code(asked);
    else
        answer_honestly(asked);
}

static void a_server_that_does_not_know_edns_is_asked_without(void **state)
{
    torc_resolver *resolver = plain_resolver();
    outcome seen;

    (void)state;
    server.zone = zone;
    server.behave = answer_without_edns_only;
    look_up(resolver, "mail.test", TORC_RECORD_MX, &seen);
    assert_int_equal(server.queries, 2);
    look_up(resolver, "text.test", TORC_RECORD_TXT, &seen);
    assert_int_equal(seen.count, 1);
    assert_int_equal(server.queries, 3);
}

static void a_server_that_is_not_there_is_told(void **state)
{
    torc_resolver *resolver = plain_resolver();
    outcome seen;

    (void)state;
    close(server.udp);
    server.udp = -1;
    look_up(resolver, "www.test", TORC_RECORD_A, &seen);
    assert_ptr_equal(seen.failure, &torc_error_name_server);
    assert_int_equal(torc_resolver_count(resolver).timeouts, 0);
}

/* -- long answers -------------------------------------------------------------------------- */

static void answer_cut(const query *asked)
{
    torc__dns_header header = { .truncated = asked->stream < 0 };
    static uint8_t bytes[TORC__DNS_MESSAGE_MAX];

    send_bytes(asked, answer_of(asked, &header, 8, bytes, asked->stream < 0 ? 512 : sizeof bytes));
}

static void an_answer_that_is_cut_is_asked_for_by_a_stream(void **state)
{
    static char long_zone[40000];
    torc_resolver *resolver = plain_resolver();
    outcome seen;

    (void)state;
    for (int i = 0; i < 800; i++)
        snprintf(long_zone + strlen(long_zone), 45, "long.test. 60 A 192.0.%d.%d\n", i / 256,
            i % 256);
    server.zone = long_zone;
    server.behave = answer_cut;
    look_up(resolver, "long.test", TORC_RECORD_A, &seen);
    assert_int_equal(seen.count, 800);
    assert_int_equal(server.streams, 1);
    resolve(resolver, "long.test", &seen);
    assert_int_equal(seen.count, TORC_HOST_ADDRESSES_MAX / 2);
}

static void cut_on_streams_too(const query *asked)
{
    torc__dns_header header = { .truncated = true };
    uint8_t bytes[512];

    if (asked->stream < 0 || server.streams % 2 == 0)
        send_bytes(asked, answer_of(asked, &header, 8, bytes, sizeof bytes));
}

static void a_stream_that_is_cut_or_closed_early_is_a_failure(void **state)
{
    torc_resolver *resolver = plain_resolver();
    outcome seen;

    (void)state;
    server.zone = zone;
    server.behave = cut_on_streams_too;
    look_up(resolver, "www.test", TORC_RECORD_A, &seen);
    assert_ptr_equal(seen.failure, &torc_error_name_server);
    assert_int_equal(server.streams, 2);
}

/* -- ending early -------------------------------------------------------------------------- */

static void a_cancelled_look_up_asks_no_more(void **state)
{
    torc_resolver *resolver = resolver_with(&(torc_resolver_options){
        .timeout = 10 * TORC_MILLISECOND, .attempts = 50 });
    torc_deferred *deferred = torc_look_up_by(resolver, scope, "www.test", TORC_RECORD_A);
    outcome seen = { .fired = 0 };

    (void)state;
    torc_add_callbacks(deferred, records_found, look_up_failed, &seen);
    server.behave = say_nothing;
    run_turns(2);
    torc_cancel(deferred);
    assert_ptr_equal(seen.failure, &torc_error_cancelled);
    assert_int_equal(torc_resolver_count(resolver).under_way, 0);
}

static void one_who_leaves_does_not_disturb_the_other(void **state)
{
    torc_resolver *resolver = plain_resolver();
    torc_scope *inner = torc_scope_new(scope);
    outcome seen;

    (void)state;
    server.zone = zone;
    (void)torc_resolve_by(resolver, inner, "www.test");
    start_host(resolver, "www.test", &seen);
    run_turns(1);
    torc_scope_end(inner);
    run_until(&seen);
    assert_int_equal(seen.count, 2);
}

static void a_resolver_that_ends_cancels_what_it_was_asked(void **state)
{
    torc_scope *inner = torc_scope_new(scope);
    torc_address address = name_server_address(&server);
    torc_resolver_options options = {
        .hosts_file = "", .configuration_file = "", .servers = &address, .server_count = 1 };
    torc_resolver *resolver = torc_resolver_new(inner, &options);
    outcome seen[2];

    (void)state;
    server.behave = cut_on_streams_too;
    start_host(resolver, "www.test", &seen[0]);
    start_records(resolver, "www.test", TORC_RECORD_MX, &seen[1]);
    run_turns(3);
    torc_scope_end(inner);
    run_until(&seen[0]);
    run_until(&seen[1]);
    assert_ptr_equal(seen[0].failure, &torc_error_cancelled);
    assert_ptr_equal(seen[1].failure, &torc_error_cancelled);
}

static void a_reactor_that_ends_meanwhile_leaves_nothing_behind(void **state)
{
    torc_address address = name_server_address(&server);
    torc_resolver_options options = {
        .hosts_file = "", .configuration_file = "", .servers = &address, .server_count = 1 };
    torc_resolver *resolver = torc_resolver_new(torc_root(reactor), &options);
    outcome seen[2];

    (void)state;
    server.behave = cut_on_streams_too;
    start_host(resolver, "www.test", &seen[0]);
    start_records(resolver, "www.test", TORC_RECORD_MX, &seen[1]);
    (void)torc_look_up_by(resolver, torc_root(reactor), "www.test", TORC_RECORD_MX);
    run_turns(2);
    torc_reactor_free(reactor);
    /* Nobody is told, though the resolver is younger than the scope, and so ends before it. */
    assert_int_equal(seen[0].fired + seen[1].fired, 0);
    reactor = torc_reactor_new();
}

static void the_system_can_be_asked_instead(void **state)
{
    torc_resolver *resolver = resolver_with(&(torc_resolver_options){ .nss = true });
    outcome seen;

    (void)state;
    resolve(resolver, "name.invalid", &seen);
    assert_non_null(seen.failure);
    assert_int_equal(server.queries, 0);
}

static void the_name_switch_file_says_whether_the_system_is_asked(void **state)
{
    char path[128];
    torc_resolver *resolver;
    outcome seen;

    (void)state;
    server.zone = zone;
    write_file("nsswitch.conf", "hosts: files nis dns\n", path);
    resolver = resolver_with(&(torc_resolver_options){ .name_switch_file = path });
    resolve(resolver, "name.invalid", &seen);
    assert_non_null(seen.failure);
    start_host(resolver, "localhost", &seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(server.queries, 0);
    /* Records are the DNS's alone. */
    look_up(resolver, "www.test", TORC_RECORD_A, &seen);
    assert_int_equal(server.queries, 1);
    write_file("nsswitch.conf", "hosts: files dns\n", path);
    torc_resolver_forget(resolver);
    resolve(resolver, "www.test", &seen);
    assert_int_equal(seen.count, 2);
}

#define WITH_SERVERS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVERS(a_hosts_addresses_are_found_and_known_from_then_on),
        WITH_SERVERS(records_of_any_type_are_found),
        WITH_SERVERS(aliases_are_followed),
        WITH_SERVERS(an_alias_that_the_server_leaves_open_is_asked_for),
        WITH_SERVERS(what_is_not_there_is_told_and_known_from_then_on),
        WITH_SERVERS(without_an_soa_what_is_not_there_is_asked_for_again),
        WITH_SERVERS(several_who_wait_share_a_question),
        WITH_SERVERS(the_cache_has_a_bound),
        WITH_SERVERS(numeric_addresses_and_localhost_ask_nobody),
        WITH_SERVERS(the_hosts_file_is_read_and_read_again_when_it_changes),
        WITH_SERVERS(the_search_domains_are_tried_in_the_order_that_the_dots_say),
        WITH_SERVERS(a_silent_server_is_given_up_and_the_next_one_asked),
        WITH_SERVERS(when_all_servers_are_silent_it_times_out),
        WITH_SERVERS(a_server_that_cannot_say_makes_way_for_the_next_one),
        WITH_SERVERS(a_server_that_does_not_know_edns_is_asked_without),
        WITH_SERVERS(a_server_that_is_not_there_is_told),
        WITH_SERVERS(an_answer_that_is_cut_is_asked_for_by_a_stream),
        WITH_SERVERS(a_stream_that_is_cut_or_closed_early_is_a_failure),
        WITH_SERVERS(a_cancelled_look_up_asks_no_more),
        WITH_SERVERS(one_who_leaves_does_not_disturb_the_other),
        WITH_SERVERS(a_resolver_that_ends_cancels_what_it_was_asked),
        WITH_SERVERS(a_reactor_that_ends_meanwhile_leaves_nothing_behind),
        WITH_SERVERS(the_system_can_be_asked_instead),
        WITH_SERVERS(the_name_switch_file_says_whether_the_system_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
