/*
 * Endpoints with a handshake before the connection, and names in memory: haproxy, socks,
 * http-proxy, memory, systemd, against plain sockets, on each driver, over IPv4 and IPv6.
 */
#include "endpoint/handshake_harness.h"

#include "support/failing_allocation.h"

/* -- haproxy: listening -------------------------------------------------------------------- */

static int knock_haproxy(void)
{
    int descriptor;

    if (port == NULL)
        listen_on("haproxy:tcp:0:interface=127.0.0.1");
    descriptor = plain_connect("127.0.0.1", torc_port_address(port).port);
    assert_true(descriptor >= 0);
    return descriptor;
}

static int set_up_haproxy(void **state)
{
    port = NULL;
    return set_up_keepers(state);
}

static void the_announced_peer_is_the_transport_s(void **state)
{
    int visitor = knock_haproxy();

    (void)state;
    say(visitor, "PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\nhello");
    run_until(&got_length, 5);
    assert_string_equal(peer_text, "203.0.113.7:4711");
    assert_string_equal(local_text, "198.51.100.1:443");
    assert_memory_equal(got, "hello", 5);
    torc_write(last->transport, TORC_SLICE("answer"));
    assert_hears(visitor, "answer", 6);
    close(visitor);
    run_until(&count.lost, 1);
}

static void a_header_may_come_byte_by_byte(void **state)
{
    static const char text[] = "PROXY TCP6 2001:db8::7 ::1 4711 443\r\nhello";
    int visitor = knock_haproxy();

    (void)state;
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        say_bytes(visitor, text + i, 1);
        torc_iterate(reactor, TORC_MILLISECOND);
    }
    run_until(&got_length, 5);
    assert_string_equal(peer_text, "[2001:db8::7]:4711");
    close(visitor);
    run_until(&count.lost, 1);
}

static void of_who_says_nothing_the_own_addresses_hold(void **state)
{
    char expected[TORC_ADDRESS_TEXT_MAX];
    torc_address own;
    int visitor = knock_haproxy();

    (void)state;
    own = torc_port_address(port);
    say(visitor, "PROXY UNKNOWN\r\nx");
    run_until(&got_length, 1);
    assert_string_equal(local_text, torc_address_text(&own, expected));
    assert_memory_equal(peer_text, "127.0.0.1:", 10);
    say_bytes(visitor, "more", 4);
    run_until(&got_length, 5);
    close(visitor);
    visitor = knock_haproxy();
    say_bytes(visitor, "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);
    run_until(&count.made, 2);
    assert_memory_equal(peer_text, "127.0.0.1:", 10);
    close(visitor);
    run_until(&count.lost, 2);
}

static void hostile_headers_are_refused(void **state)
{
    static char flood[8000];
    int visitor;

    (void)state;
    memset(flood, 'x', sizeof(flood));
    memcpy(flood, "PROXY UNKNOWN ", 14);
    visitor = knock_haproxy();
    say(visitor, "GET / HTTP/1.1\r\n\r\n");
    assert_closed_by_peer(visitor);
    visitor = knock_haproxy();
    say_bytes(visitor, flood, sizeof(flood));
    assert_closed_by_peer(visitor);
    visitor = knock_haproxy();
    say_bytes(visitor, "\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", 16);
    assert_closed_by_peer(visitor);
    visitor = knock_haproxy();
    say(visitor, "PROXY TCP4");
    shutdown(visitor, SHUT_WR);
    assert_closed_by_peer(visitor);
    assert_int_equal(count.made, 0);
    assert_int_equal(times_logged("was not taken: the PROXY protocol's header: "), 4);
    assert_int_equal(times_logged("it begins like neither version"), 1);
    assert_int_equal(times_logged("longer than 107 bytes"), 1);
    assert_int_equal(times_logged("longer than 4096 bytes"), 1);
}

static void what_follows_waits_while_the_protocol_does_not_read(void **state)
{
    int visitor = knock_haproxy();

    (void)state;
    when_made = NULL;
    say(visitor, "PROXY UNKNOWN\r\n");
    run_until(&count.made, 1);
    torc_pause_reading(last->transport);
    say(visitor, "later");
    run_turns(5);
    assert_int_equal(got_length, 0);
    torc_resume_reading(last->transport);
    run_until(&got_length, 5);
    close(visitor);
    run_until(&count.lost, 1);
}

static void pause_at_once(torc_protocol *self)
{
    torc_pause_reading(self->transport);
}

static void what_came_with_the_header_waits_too(void **state)
{
    int visitor = knock_haproxy();

    (void)state;
    when_made = pause_at_once;
    say(visitor, "PROXY UNKNOWN\r\nfirst");
    run_until(&count.made, 1);
    say(visitor, "second");
    run_turns(5);
    assert_int_equal(got_length, 0);
    torc_resume_reading(last->transport);
    run_until(&got_length, 11);
    assert_memory_equal(got, "firstsecond", 11);
    close(visitor);
    run_until(&count.lost, 1);
}

/* -- haproxy: connecting ------------------------------------------------------------------- */

static void both_versions_are_sent_and_understood(void **state)
{
    static const char *const descriptions[][2] = {
        { "haproxy:tcp:0:interface=127.0.0.1", "haproxy:tcp:127.0.0.1:" },
        { "haproxy:tcp:0:interface=127.0.0.1", "haproxy-v2:tcp:127.0.0.1:" },
        { "haproxy:tcp6:0:interface=[::1]", "haproxy:tcp6:[::1]:" },
        { "haproxy:tcp6:0:interface=[::1]", "haproxy-v2:tcp6:[::1]:" },
    };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char text[96];
        char local[TORC_ADDRESS_TEXT_MAX];
        torc_address address;
        outcome connected;

        memset(&count, 0, sizeof(count));
        listen_on(descriptions[i][0]);
        snprintf(text, sizeof(text), "%s%u", descriptions[i][1], torc_port_address(port).port);
        watch_outcome(torc_connect(scope, text, counters()), &connected);
        assert_succeeded(&connected);
        run_until(&count.made, 2);
        address = torc_local_address(((torc_protocol *)connected.pointer)->transport);
        assert_string_equal(peer_text, torc_address_text(&address, local));
        torc_port_stop(port);
        run_turns(3);
    }
}

/* -- tunnels ------------------------------------------------------------------------------- */

static void socks_leads_to_a_name_that_the_proxy_looks_up(void **state)
{
    outcome connected;

    (void)state;
    ask_proxy("socks:example.test:80:endpoint=tcp\\:127.0.0.1\\:%u", &connected);
    assert_hears(client, "\5\1\0", 3);
    say_bytes(client, "\5\0", 2);
    assert_hears(client, "\5\1\0\3\14example.test\0\120", 19);
    say_bytes(client, "\5\0\0\1\0\0\0\0\0\0welcome", 17);
    assert_succeeded(&connected);
    run_until(&got_length, 7);
    assert_memory_equal(got, "welcome", 7);
    close_proxy();
    run_until(&count.lost, 1);
}

static void socks_gives_user_and_password(void **state)
{
    outcome connected;

    (void)state;
    ask_proxy("socks:[::1]:80:proxy=tcp\\:127.0.0.1\\:%u:user=me:password=secret", &connected);
    assert_hears(client, "\5\2\0\2", 4);
    say_bytes(client, "\5\2", 2);
    assert_hears(client, "\1\2me\6secret", 11);
    say_bytes(client, "\1\0", 2);
    assert_hears(client, "\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\120", 22);
    say_bytes(client, "\5\0\0\3\4name\0\0", 11);
    assert_succeeded(&connected);
    close_proxy();
    run_until(&count.lost, 1);
}

static void assert_socks_fails(
    const void *answer, size_t length, const torc_failure_type *type, const char *text)
{
    outcome connected;

    ask_proxy("socks:192.0.2.1:80:endpoint=tcp\\:127.0.0.1\\:%u", &connected);
    say_bytes(client, answer, length);
    shutdown(client, SHUT_WR);
    assert_failed(&connected, type, text);
    close_proxy();
}

static void each_way_in_which_socks_fails_is_told(void **state)
{
    (void)state;
    assert_socks_fails("HTTP", 4, &torc_error_connect, "does not speak SOCKS5");
    assert_socks_fails("\5\xff", 2, &torc_error_connect, "give user and password");
    assert_socks_fails("\5\2", 2, &torc_error_connect, "was not offered");
    assert_socks_fails("\5\0\5\5", 4, &torc_error_refused, "the host refused");
    assert_socks_fails("\5\0\5\4", 4, &torc_error_no_route, "cannot reach the host");
    assert_socks_fails("\5\0\5\6", 4, &torc_error_connect_timed_out, "did not answer");
    assert_socks_fails("\5\0\5\1", 4, &torc_error_connect, "the proxy failed");
    assert_socks_fails("\5\0\5\0\0\7xx", 8, &torc_error_connect, "of no known kind");
    assert_socks_fails("\5\0\5\0\0\1", 6, &torc_error_connect, "in the middle of it");
    assert_socks_fails("", 0, &torc_error_connect, "in the middle of it");
    assert_int_equal(count.made, 0);
}

static void http_connect_is_asked_for_and_its_answer_read(void **state)
{
    static const char request[] = "CONNECT example.test:443 HTTP/1.1\r\n"
        "Host: example.test:443\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n";
    outcome connected;

    (void)state;
    ask_proxy("http-proxy:example.test:443:endpoint=tcp\\:127.0.0.1\\:%u:user=me:password=secret",
        &connected);
    assert_hears(client, request, sizeof(request) - 1);
    say(client, "HTTP/1.1 100 Wait\r\n\r\nHTTP/1.1 200 Fine\r\nVia: x\r\n\r\nwelcome");
    assert_succeeded(&connected);
    run_until(&got_length, 7);
    assert_memory_equal(got, "welcome", 7);
    close_proxy();
    run_until(&count.lost, 1);
}

static void assert_http_fails(const char *answer, const char *text)
{
    outcome connected;

    ask_proxy("http-proxy:[2001:db8::1]:80:endpoint=tcp\\:127.0.0.1\\:%u", &connected);
    assert_hears(client, "CONNECT [2001:db8::1]:80 HTTP/1.1\r\n", 35);
    say(client, answer);
    shutdown(client, SHUT_WR);
    assert_failed(&connected, &torc_error_connect, text);
    close_proxy();
}

static void each_way_in_which_http_connect_fails_is_told(void **state)
{
    static char flood[9000];

    (void)state;
    memset(flood, 'x', sizeof(flood) - 1);
    memcpy(flood, "HTTP/1.1 200 ", 13);
    assert_http_fails("HTTP/1.1 403 No\x1b way\r\n\r\n", "answered 403 No? way");
    assert_http_fails("HTTP/1.1 407 Who\r\n\r\n", "answered 407 Who; give user and password");
    assert_http_fails("SSH-2.0-x\r\n", "does not speak HTTP/1");
    assert_http_fails("HTTP/1.1 20\r\n\r\n", "does not speak HTTP/1");
    assert_http_fails("HTTP/1.1 200 OK\r\nVia:", "in the middle of it");
    assert_http_fails(flood, "more than 8192 bytes");
    assert_int_equal(count.made, 0);
}

static void proxies_stand_behind_proxies(void **state)
{
    outcome connected;

    (void)state;
    ask_proxy("http-proxy:[::1]:7:endpoint=socks\\:192.0.2.9\\:3128\\:endpoint=tcp"
        "\\\\\\:127.0.0.1\\\\\\:%u", &connected);
    assert_hears(client, "\5\1\0", 3);
    say_bytes(client, "\5\0", 2);
    assert_hears(client, "\5\1\0\1\300\0\2\11\14\70", 10);
    say_bytes(client, "\5\0\0\1\0\0\0\0\0\0", 10);
    assert_hears(client, "CONNECT [::1]:7 HTTP", 20);
    say(client, "HTTP/1.0 200\r\n\r\n");
    assert_succeeded(&connected);
    close_proxy();
    run_until(&count.lost, 1);
}

static void a_tunnel_is_cancelled_times_out_and_ends_with_its_scope(void **state)
{
    outcome connected;
    torc_deferred *deferred;

    (void)state;
    deferred = ask_proxy("socks:a.test:80:endpoint=tcp\\:127.0.0.1\\:%u", &connected);
    run_turns(3);
    torc_cancel(deferred);
    assert_failed(&connected, &torc_error_cancelled, "");
    close_proxy();
    ask_proxy("socks:a.test:80:endpoint=tcp\\:127.0.0.1\\:%u:timeout=0.05", &connected);
    assert_failed(&connected, &torc_error_connect_timed_out, "no answer within 0.05 s");
    close_proxy();
    ask_proxy("http-proxy:a.test:80:endpoint=tcp\\:127.0.0.1\\:%u", &connected);
    torc_scope_end(scope);
    run_turns(3);
    assert_int_equal(connected.fired, 0);
    close_proxy();
    run_until(&count.released, 3);
}

static void passwords_are_not_told(void **state)
{
    outcome connected;

    watch_outcome(torc_connect(scope, "http-proxy:a.test:80:endpoint=socks\\:b.test\\:1\\:user\\=a"
        "\\:password\\=hunter2\\:endpoint\\=memory\\\\\\:none", keepers()), &connected);
    run_until(&connected.fired, 1);
    assert_null(strstr(torc_failure_text(connected.failure), "hunter2"));
    assert_failed(&connected, &torc_error_refused, "password\\=***");

    (void)state;
    watch_outcome(torc_connect(scope,
        "socks:a.test:80:endpoint=tcp\\:127.0.0.1\\:1:user=me:password=hunter2\\:x", keepers()),
        &connected);
    run_until(&connected.fired, 1);
    assert_null(strstr(torc_failure_text(connected.failure), "hunter2"));
    assert_null(strstr(torc_failure_text(connected.failure), ":x"));
    assert_failed(&connected, &torc_error_refused, "password=***");
}

/* -- memory -------------------------------------------------------------------------------- */

static void a_name_in_memory_is_connected_to(void **state)
{
    outcome connected;

    (void)state;
    listen_on("memory:service");
    watch_outcome(torc_connect(scope, "memory:service", counters()), &connected);
    assert_succeeded(&connected);
    assert_int_equal(count.made, 2);
    torc_write(((torc_protocol *)connected.pointer)->transport, TORC_SLICE("hello"));
    run_until(&got_length, 5);
    torc_lose_connection(last->transport);
    run_until(&count.lost, 2);
}

static void a_name_is_listened_on_once_and_free_again_afterwards(void **state)
{
    outcome opened;
    outcome stopped;

    (void)state;
    listen_on("memory:service");
    watch_outcome(torc_port_opened(torc_listen(scope, "memory:service", counters())), &opened);
    assert_failed(&opened, &torc_error_listen, "Address already in use");
    watch_outcome(torc_port_stop(port), &stopped);
    assert_succeeded(&stopped);
    listen_on("memory:service");
}

static void where_nobody_listens_in_memory_is_refused(void **state)
{
    outcome connected;

    (void)state;
    watch_outcome(torc_connect(scope, "memory:nobody", counters()), &connected);
    assert_failed(&connected, &torc_error_refused, "memory:nobody");
    listen_on("memory:service:backlog=1");
    watch_outcome(torc_connect(scope, "memory:service", counters()), &connected);
    torc_port_stop(port);
    assert_failed(&connected, &torc_error_refused, "memory:service");
}

static void stop_inside(torc_protocol *self)
{
    (void)self;
    torc_port_stop(port);
}

static void end_scope_inside(torc_protocol *self)
{
    (void)self;
    torc_scope_end(scope);
}

static void a_port_in_memory_may_stop_inside_connection_made(void **state)
{
    outcome told[2];

    (void)state;
    listen_on("memory:service");
    when_made = stop_inside;
    watch_outcome(torc_connect(scope, "memory:service", keepers()), &told[0]);
    watch_outcome(torc_connect(scope, "memory:service", keepers()), &told[1]);
    run_until(&told[0].fired, 1);
    run_until(&told[1].fired, 1);
    assert_null(told[0].failure);
    assert_failed(&told[1], &torc_error_refused, "memory:service");
}

static void a_scope_may_end_inside_connection_made_in_memory(void **state)
{
    outcome connected;

    (void)state;
    listen_on("memory:service");
    when_made = end_scope_inside;
    watch_outcome(torc_connect(scope, "memory:service", keepers()), &connected);
    run_until(&count.released, 2);
    assert_int_equal(connected.fired, 0);
}

static void calls_in_memory_are_cancelled_and_freed_with_the_reactor(void **state)
{
    outcome told[3];

    (void)state;
    listen_on("memory:service");
    torc_cancel(torc_connect(scope, "memory:service", counters()));
    watch_outcome(torc_connect(scope, "memory:service", counters()), &told[0]);
    watch_outcome(torc_connect(scope, "memory:service", counters()), &told[1]);
    torc_iterate(reactor, 0);
    torc_reactor_free(reactor);
    reactor = torc_reactor_new_named(driver_name, NULL);
}

static void layers_stand_on_names_in_memory(void **state)
{
    outcome connected;

    (void)state;
    listen_on("haproxy:memory:service");
    watch_outcome(torc_connect(scope, "haproxy-v2:memory:service", counters()), &connected);
    assert_succeeded(&connected);
    run_until(&count.made, 2);
}

/* -- systemd ------------------------------------------------------------------------------- */

static void assert_not_listening(const char *description, const char *text)
{
    outcome opened;

    watch_outcome(torc_port_opened(torc_listen(scope, description, counters())), &opened);
    assert_failed(&opened, &torc_error_invalid_argument, text);
}

static void sockets_of_the_service_manager_are_found(void **state)
{
    char number[16];
    uint16_t to;
    int listener = plain_listen(5, &to);
    int saved = dup(3);
    outcome opened;
    torc_port *adopted;

    (void)state;
    unsetenv("LISTEN_PID");
    assert_not_listening("systemd:0", "no sockets were handed");
    snprintf(number, sizeof(number), "%d", (int)getpid() + 1);
    setenv("LISTEN_PID", number, 1);
    setenv("LISTEN_FDS", "1", 1);
    assert_not_listening("systemd:0", "no sockets were handed");
    snprintf(number, sizeof(number), "%d", (int)getpid());
    setenv("LISTEN_PID", number, 1);
    setenv("LISTEN_FDNAMES", "web", 1);
    assert_not_listening("systemd:1", "only 1 sockets");
    assert_not_listening("systemd:name=mail", "no socket of that name");
    assert_not_listening("systemd:domain=INET", "either the index or the name");
    if (listener != 3)
        assert_int_equal(dup2(listener, 3), 3);
    adopted = torc_listen(scope, "systemd:domain=INET:name=web", counters());
    watch_outcome(torc_port_opened(adopted), &opened);
    assert_succeeded(&opened);
    assert_int_equal(torc_port_address(adopted).port, to);
    watch_outcome(torc_port_stop(adopted), &opened);
    assert_succeeded(&opened);
    if (listener != 3)
        close(listener);
    if (saved >= 0) {
        dup2(saved, 3);
        close(saved);
    }
    unsetenv("LISTEN_PID");
}

/* -- out of memory ------------------------------------------------------------------------- */

static bool survives(const char *description, unsigned number)
{
    outcome connected;
    bool failed;

    watch_outcome(torc_connect(scope, description, counters()), &connected);
    fail_allocation_after(number);
    run_until(&connected.fired, 1);
    run_turns(3);
    failed = an_allocation_failed();
    allow_allocations();
    torc_failure_release(connected.failure);
    return failed;
}

static void each_allocation_may_fail(void **state)
{
    static const char *const listening[] = { "haproxy:tcp:0:interface=127.0.0.1", "memory:m" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char text[64];
        unsigned number = 0;

        memset(&count, 0, sizeof(count));
        listen_on(listening[i]);
        snprintf(text, sizeof(text), i == 0 ? "haproxy:tcp:127.0.0.1:%u" : "memory:m",
            torc_port_address(port).port);
        while (survives(text, number))
            number++;
        assert_true(number > 2);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_haproxy, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_announced_peer_is_the_transport_s),
        TEST(a_header_may_come_byte_by_byte),
        TEST(of_who_says_nothing_the_own_addresses_hold),
        TEST(hostile_headers_are_refused),
        TEST(what_follows_waits_while_the_protocol_does_not_read),
        TEST(what_came_with_the_header_waits_too),
        TEST(both_versions_are_sent_and_understood),
        TEST(socks_leads_to_a_name_that_the_proxy_looks_up),
        TEST(socks_gives_user_and_password),
        TEST(each_way_in_which_socks_fails_is_told),
        TEST(http_connect_is_asked_for_and_its_answer_read),
        TEST(each_way_in_which_http_connect_fails_is_told),
        TEST(proxies_stand_behind_proxies),
        TEST(a_tunnel_is_cancelled_times_out_and_ends_with_its_scope),
        TEST(passwords_are_not_told),
        TEST(a_name_in_memory_is_connected_to),
        TEST(a_name_is_listened_on_once_and_free_again_afterwards),
        TEST(where_nobody_listens_in_memory_is_refused),
        TEST(a_port_in_memory_may_stop_inside_connection_made),
        TEST(a_scope_may_end_inside_connection_made_in_memory),
        TEST(calls_in_memory_are_cancelled_and_freed_with_the_reactor),
        TEST(layers_stand_on_names_in_memory),
        TEST(sockets_of_the_service_manager_are_found),
        TEST(each_allocation_may_fail),
    };

    /* Where a service manager's first socket will be no reactor may put its own. */
    assert_true(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 3 || dup2(0, 3) == 3);
    return run_endpoint_tests(tests);
}
