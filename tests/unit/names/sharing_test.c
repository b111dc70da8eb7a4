/*
 * Questions that share sockets: what leaves together, how long a port is used, and what becomes of
 * those under way when something is wrong with their socket. And what look-ups cost.
 */
#include "resolver_setting.h"

#include "base/pool.h"
#include "base/system_call.h"
#include "support/failing_allocation.h"

enum { MANY = 300, QUESTIONS_OF_A_SOCKET = 256, SOCKETS_OF_A_SERVER = 4 };

static outcome outcomes[MANY];
static uint16_t ports[2 * MANY];
static int noted;

static void note_port(const query *asked)
{
    if (noted < 2 * MANY)
        ports[noted++] = asked->server->last_port;
}

static void note_and_answer(const query *asked)
{
    note_port(asked);
    answer_honestly(asked);
}

static void only_note(const query *asked)
{
    note_port(asked);
}

static int distinct_ports(int from, int to)
{
    int count = 0;

    for (int i = from; i < to; i++) {
        int before = from;

        while (ports[before] != ports[i])
            before++;
        count += before == i;
    }
    return count;
}

static void start_many(torc_resolver *resolver, int count)
{
    for (int i = 0; i < count; i++) {
        char name[32];

        snprintf(name, sizeof name, "n%d.test", i);
        start_records(resolver, name, TORC_RECORD_A, &outcomes[i]);
    }
}

static void run_until_all(int count)
{
    for (int i = 0; i < count; i++)
        run_until(&outcomes[i]);
}

static void wait_for_notes(int count)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);

    while (noted < count) {
        if (torc_monotonic_now() > deadline)
            fail_msg("%d questions came, not %d", noted, count);
        run_turns(1);
    }
}

static int open_descriptors(void)
{
    int count = 0;

    for (int i = 0; i < 256; i++)
        count += fcntl(i, F_GETFD) >= 0;
    return count;
}

static torc_resolver *noting_resolver(const torc_resolver_options *options)
{
    torc_resolver *resolver = resolver_with(options);

    noted = 0;
    server.zone = zone;
    server.behave = note_and_answer;
    return resolver;
}

/* -- system calls -------------------------------------------------------------------------- */

static int calls_made;
static int sends_made;

static int count_call(const char *name)
{
    calls_made++;
    sends_made += strcmp(name, "sendmsg") == 0 || strcmp(name, "sendmmsg") == 0;
    return 0;
}

static void count_calls(void)
{
    calls_made = sends_made = 0;
    torc__set_system_call_hook(count_call);
}

/* -- sharing ------------------------------------------------------------------------------- */

static void what_is_asked_in_one_turn_leaves_in_one_call(void **state)
{
    torc_resolver *resolver = noting_resolver(&(torc_resolver_options){ .no_cache = true });

    (void)state;
    start_many(resolver, 20);
    count_calls();
    torc_iterate(reactor, 0);
    torc__set_system_call_hook(NULL);
    assert_int_equal(sends_made, 1);
    run_until_all(20);
    assert_int_equal(noted, 20);
    assert_int_equal(distinct_ports(0, 20), 1);
    assert_int_equal(torc_resolver_count(resolver).datagrams, 20);
}

static void questions_soon_after_another_use_few_ports(void **state)
{
    torc_resolver *resolver = noting_resolver(&(torc_resolver_options){ .no_cache = true });
    torc_time began = torc_monotonic_now();
    int lives;

    (void)state;
    for (int i = 0; i < 40; i++) {
        start_many(resolver, 1);
        run_until_all(1);
    }
    lives = 1 + (int)((torc_monotonic_now() - began) / TORC_SECOND);
    assert_true(distinct_ports(0, 40) > 1);
    assert_true(distinct_ports(0, 40) <= lives * SOCKETS_OF_A_SERVER);
}

static void a_socket_takes_a_bounded_number_of_questions(void **state)
{
    torc_resolver *resolver = noting_resolver(&(torc_resolver_options){ .no_cache = true });
    int room = 1024 * 1024;

    (void)state;
    server.behave = only_note;
    /* Here they come faster than they are taken. */
    assert_int_equal(setsockopt(server.udp, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
    start_many(resolver, MANY);
    wait_for_notes(MANY);
    assert_int_equal(distinct_ports(0, QUESTIONS_OF_A_SOCKET), 1);
    assert_int_equal(distinct_ports(0, MANY), 2);
}

static void a_socket_is_closed_a_second_later(void **state)
{
    torc_resolver *resolver = noting_resolver(&(torc_resolver_options){ .no_cache = true });
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);
    int before = open_descriptors();
    outcome seen;

    (void)state;
    look_up(resolver, "www.test", TORC_RECORD_A, &seen);
    assert_in_range(open_descriptors(), before, before + 1);
    while (open_descriptors() > before) {
        assert_true(torc_monotonic_now() < deadline);
        torc_iterate(reactor, 100 * TORC_MILLISECOND);
    }
    look_up(resolver, "www.test", TORC_RECORD_A, &seen);
    assert_int_equal(distinct_ports(0, 2), 2);
}

static query held;

static void hold_the_first(const query *asked)
{
    if (noted == 0)
        held = *asked;
    else
        answer_honestly(asked);
    note_port(asked);
}

static void answer_what_is_held(void)
{
    assert_int_equal(torc__dns_message_read(
        torc_slice_make(held.bytes, held.length), &held.message), TORC__DNS_OK);
    answer_honestly(&held);
    torc__free(held.message);
}

static void an_answer_comes_through_a_socket_that_takes_no_more_questions(void **state)
{
    torc_resolver *resolver = noting_resolver(
        &(torc_resolver_options){ .no_cache = true, .timeout = 3 * PATIENCE });
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);
    torc_time past_its_life = torc_time_add(torc_monotonic_now(), TORC_SECOND * 12 / 10);
    int others = 0;
    outcome seen;
    outcome late;

    (void)state;
    server.behave = hold_the_first;
    start_records(resolver, "www.test", TORC_RECORD_A, &late);
    wait_for_notes(1);
    while (torc_monotonic_now() < past_its_life)
        torc_iterate(reactor, 100 * TORC_MILLISECOND);
    for (; others < 40; others++) {
        assert_true(torc_monotonic_now() < deadline);
        look_up(resolver, "mail.test", TORC_RECORD_MX, &seen);
        assert_int_not_equal(ports[noted - 1], ports[0]);
    }
    assert_int_equal(late.fired, 0);
    answer_what_is_held();
    run_until(&late);
    assert_int_equal(late.count, 2);
    assert_int_equal(torc_resolver_count(resolver).ignored, 0);
}

static void when_the_server_has_gone_all_under_way_are_told(void **state)
{
    torc_resolver *resolver = noting_resolver(&(torc_resolver_options){ .no_cache = true });

    (void)state;
    close(server.udp);
    server.udp = -1;
    /* More than leave at once: the first are refused before the last have left. */
    start_many(resolver, 100);
    run_until_all(100);
    for (int i = 0; i < 100; i++)
        assert_ptr_equal(outcomes[i].failure, &torc_error_name_server);
    assert_int_equal(torc_resolver_count(resolver).timeouts, 0);
}

static int refuse_one_send(const char *name)
{
    bool sends = strcmp(name, "sendmsg") == 0 || strcmp(name, "sendmmsg") == 0;

    sends_made += sends;
    return sends && sends_made == 1 ? EAGAIN : 0;
}

static void what_cannot_leave_at_once_leaves_when_it_can(void **state)
{
    torc_resolver *resolver = noting_resolver(&(torc_resolver_options){ .no_cache = true });

    (void)state;
    sends_made = 0;
    torc__set_system_call_hook(refuse_one_send);
    start_many(resolver, 3);
    run_until_all(3);
    torc__set_system_call_hook(NULL);
    assert_true(sends_made >= 2);
    assert_int_equal(noted, 3);
    assert_int_equal(torc_resolver_count(resolver).timeouts, 0);
}

static void a_question_that_is_dropped_before_it_leaves_does_not_leave(void **state)
{
    torc_resolver *resolver = noting_resolver(&(torc_resolver_options){ .no_cache = true });
    torc_deferred *dropped = torc_look_up_by(resolver, scope, "www.test", TORC_RECORD_A);
    outcome seen;

    (void)state;
    torc_add_callbacks(dropped, records_found, look_up_failed, &outcomes[0]);
    start_records(resolver, "mail.test", TORC_RECORD_MX, &seen);
    torc_cancel(dropped);
    run_until(&seen);
    run_turns(3);
    assert_int_equal(seen.count, 2);
    assert_int_equal(noted, 1);
}

static void a_resolver_that_ends_takes_along_what_has_not_left(void **state)
{
    torc_address address = name_server_address(&server);
    torc_resolver_options options = {
        .hosts_file = "", .configuration_file = "", .servers = &address, .server_count = 1 };
    torc_scope *inner = torc_scope_new(scope);
    torc_resolver *resolver = torc_resolver_new(inner, &options);
    outcome seen;

    (void)state;
    noted = 0;
    server.behave = note_and_answer;
    start_records(resolver, "www.test", TORC_RECORD_A, &seen);
    torc_scope_end(inner);
    run_until(&seen);
    assert_ptr_equal(seen.failure, &torc_error_cancelled);
    run_turns(3);
    assert_int_equal(noted, 0);
}

static void new_servers_are_asked_while_the_old_ones_answers_still_come(void **state)
{
    torc_resolver_options options = { .hosts_file = "", .no_cache = true };
    torc_resolver *resolver;
    char path[128];
    outcome late;
    outcome missing;

    (void)state;
    write_file("resolv.conf", "nameserver 127.0.0.1\n", path);
    options.configuration_file = path;
    resolver = noting_resolver(&options);
    server.behave = hold_the_first;
    start_records(resolver, "www.test", TORC_RECORD_A, &late);
    wait_for_notes(1);
    write_file("resolv.conf", "nameserver 127.0.0.1\noptions rotate\n", path);
    torc_resolver_forget(resolver);
    look_up(resolver, "mail.test", TORC_RECORD_MX, &missing);
    assert_int_not_equal(ports[0], ports[1]);
    answer_what_is_held();
    run_until(&late);
    assert_int_equal(late.count, 2);
}

/* -- what look-ups cost -------------------------------------------------------------------- */

static void look_what_is_known_up(torc_resolver *resolver)
{
    outcome seen;

    start_host(resolver, "WWW.test", &seen);
    assert_int_equal(seen.count, 2);
    start_records(resolver, "mail.test", TORC_RECORD_MX, &seen);
    assert_int_equal(seen.count, 2);
    start_host(resolver, "localhost", &seen);
    assert_int_equal(seen.count, 2);
}

static void what_is_known_costs_no_system_call_and_no_memory(void **state)
{
    torc_resolver *resolver = noting_resolver(&(torc_resolver_options){ .hosts_file = "" });
    outcome seen;

    (void)state;
    resolve(resolver, "www.test", &seen);
    look_up(resolver, "mail.test", TORC_RECORD_MX, &seen);
    look_what_is_known_up(resolver);
    torc_iterate(reactor, 0);
    count_allocations();
    count_calls();
    for (int i = 0; i < 100; i++) {
        look_what_is_known_up(resolver);
        /* The turn itself asks the system for events. */
        torc__set_system_call_hook(NULL);
        torc_iterate(reactor, 0);
        torc__set_system_call_hook(count_call);
    }
    torc__set_system_call_hook(NULL);
    assert_int_equal(calls_made, 0);
#ifndef TORC_NO_POOLS
    assert_int_equal(allocations_counted(), 0);
#endif
    allow_allocations();
}

#ifndef TORC_NO_POOLS
static void only_what_is_kept_takes_memory(void **state)
{
    torc_resolver *resolver = noting_resolver(&(torc_resolver_options){ .hosts_file = "" });
    unsigned int counted;
    outcome seen;

    (void)state;
    server.zone = "a.test. 60 A 192.0.2.1\na.test. 60 AAAA 2001:db8::1\n"
                  "b.test. 60 A 192.0.2.2\nb.test. 60 AAAA 2001:db8::2\n";
    /* Sockets are opened while this goes on; each of those that may be is there afterwards. */
    for (int i = 0; i < 30; i++) {
        torc_resolver_forget(resolver);
        resolve(resolver, "a.test", &seen);
    }
    count_allocations();
    start_host(resolver, "b.test", &seen);
    while (seen.fired == 0) {
        torc_iterate(reactor, TORC_MILLISECOND);
        pause_allocation_failures();
        serve(&server);
        resume_allocation_failures();
    }
    counted = allocations_counted();
    allow_allocations();
    /* The records of either kind and the host, and perhaps a socket that has been replaced. */
    assert_in_range(counted, 3, 4);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVERS(what_is_asked_in_one_turn_leaves_in_one_call),
        WITH_SERVERS(questions_soon_after_another_use_few_ports),
        WITH_SERVERS(a_socket_takes_a_bounded_number_of_questions),
        WITH_SERVERS(a_socket_is_closed_a_second_later),
        WITH_SERVERS(an_answer_comes_through_a_socket_that_takes_no_more_questions),
        WITH_SERVERS(when_the_server_has_gone_all_under_way_are_told),
        WITH_SERVERS(what_cannot_leave_at_once_leaves_when_it_can),
        WITH_SERVERS(a_question_that_is_dropped_before_it_leaves_does_not_leave),
        WITH_SERVERS(a_resolver_that_ends_takes_along_what_has_not_left),
        WITH_SERVERS(new_servers_are_asked_while_the_old_ones_answers_still_come),
        WITH_SERVERS(what_is_known_costs_no_system_call_and_no_memory),
#ifndef TORC_NO_POOLS
        WITH_SERVERS(only_what_is_kept_takes_memory),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
