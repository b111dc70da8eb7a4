/*
 * IPv6 beside IPv4, with real sockets, on each driver: who a peer is said to be, addresses of IPv4
 * in the clothes of IPv6, scopes, and that all that goes on 127.0.0.1 goes on ::1.
 */
#include "endpoint/harness.h"

#include <net/if.h>

static char peers[2][TORC_ADDRESS_TEXT_MAX]; /* of the two ends, in the order they were made */
static char locals[2][TORC_ADDRESS_TEXT_MAX];
static int got_length;

static void teller_made(torc_protocol *self)
{
    torc_address peer = torc_peer_address(self->transport);
    torc_address local = torc_local_address(self->transport);

    assert_true(count.made < 2);
    torc_address_text(&peer, peers[count.made]);
    torc_address_text(&local, locals[count.made]);
    counter_made(self);
    torc_write(self->transport, TORC_SLICE("hi"));
}

static void teller_data(torc_protocol *self, torc_slice data)
{
    (void)self;
    got_length += (int)data.length;
}

static const torc_protocol_class teller_class = {
    .name = "Teller",
    .connection_made = teller_made,
    .data_received = teller_data,
    .connection_lost = counter_lost,
};

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int descriptor = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = descriptor >= 0 &&
        bind(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0;

    if (descriptor >= 0)
        close(descriptor);
    return has;
}

static int set_up_ipv6(void **state)
{
    memset(peers, 0, sizeof(peers));
    memset(locals, 0, sizeof(locals));
    got_length = 0;
    return set_up(state);
}

static uint16_t listen_on(const char *description)
{
    torc_port *port = torc_listen(scope, description, torc_factory_of(&teller_class));
    outcome opened;

    watch_outcome(torc_port_opened(port), &opened);
    assert_succeeded(&opened);
    return torc_port_address(port).port;
}

/* "%u" stands for the port. Gives what came of it. */
static outcome connect_to(const char *format, uint16_t port)
{
    char description[128];
    outcome connected;

    assert_non_null(strstr(format, "%u"));
    snprintf(description, sizeof(description), "%.*s%u%s", (int)(strstr(format, "%u") - format),
        format, port, strstr(format, "%u") + 2);
    watch_outcome(torc_connect(scope, description, torc_factory_of(&teller_class)), &connected);
    run_until(&connected.fired, 1);
    return connected;
}

/* One connection each, in which both say something and know each other by the same host. */
static void assert_meet(const char *listening, const char *connecting, const char *host)
{
    uint16_t port = listen_on(listening);
    outcome connected = connect_to(connecting, port);
    size_t length = strlen(host);

    if (connected.failure != NULL)
        fail_msg("%s", torc_failure_text(connected.failure));
    run_until(&count.made, 2);
    run_until(&got_length, 4);
    for (size_t i = 0; i < 2; i++) {
        if (strncmp(peers[i], host, length) != 0 || peers[i][length] != ':')
            fail_msg("%s, %s: the peer is %s", listening, connecting, peers[i]);
        if (strncmp(locals[i], host, length) != 0 || locals[i][length] != ':')
            fail_msg("%s, %s: it is %s itself", listening, connecting, locals[i]);
    }
    assert_string_equal(peers[0], locals[1]);
    assert_string_equal(peers[1], locals[0]);
    torc_scope_end(scope);
    scope = torc_scope_new(torc_root(reactor));
    run_turns(3);
    memset(&count, 0, sizeof(count));
    got_length = 0;
}

static void all_that_goes_on_ipv4_goes_on_ipv6(void **state)
{
    (void)state;
    if (!has_ipv6())
        skip();
    assert_meet("tcp:0:interface=127.0.0.1", "tcp:127.0.0.1:%u", "127.0.0.1");
    assert_meet("tcp:0:interface=[::1]", "tcp:[::1]:%u", "[::1]");
    assert_meet("tcp6:0:interface=[::1]", "tcp6:[::1]:%u", "[::1]");
    assert_meet("tcp6:0", "tcp6:[::1]:%u", "[::1]");
    assert_meet("tcp6:0", "tcp6:\\:\\:1:%u", "[::1]");
    assert_meet("tcp6:0:interface=[0:0::1]", "tcp6:[::1]:%u:bindAddress=[::1]", "[::1]");
    assert_meet("tcp:0:interface=[::1]:reuseport", "tcp:host=[::1]:port=%u:timeout=5", "[::1]");
}

static void a_peer_over_ipv4_is_told_as_such_where_both_come(void **state)
{
    (void)state;
    if (!has_ipv6())
        skip();
    assert_meet("tcp:0:interface=[::]", "tcp:127.0.0.1:%u", "127.0.0.1");
    assert_meet("tcp:0:interface=[::]", "tcp:[::1]:%u", "[::1]");
}

static void who_writes_ipv4_as_ipv6_gets_ipv4(void **state)
{
    (void)state;
    if (!has_ipv6())
        skip();
    assert_meet("tcp:0:interface=127.0.0.1", "tcp:[::ffff:127.0.0.1]:%u", "127.0.0.1");
    assert_meet("tcp:0:interface=[::ffff:127.0.0.1]", "tcp:127.0.0.1:%u", "127.0.0.1");
}

static void a_port_of_ipv6_alone_is_not_reached_by_ipv4_in_disguise(void **state)
{
    outcome connected;

    (void)state;
    if (!has_ipv6())
        skip();
    connected = connect_to("tcp:[::ffff:127.0.0.1]:%u", listen_on("tcp6:0"));
    assert_failed(&connected, &torc_error_refused, "Connection refused");
}

static void a_refusal_names_the_address_in_brackets(void **state)
{
    outcome connected;

    (void)state;
    if (!has_ipv6())
        skip();
    connected = connect_to("tcp6:[::1]:%u", 1);
    assert_failed(&connected, &torc_error_refused, "cannot connect to tcp6:[::1]:1: ");
}

static bool can_bind(int family, uint16_t port)
{
    struct sockaddr_storage anything = { .ss_family = (sa_family_t)family };
    int descriptor = socket(family, SOCK_STREAM, 0);
    bool bound;

    /* Both kinds of address have the port in the same place. */
    ((struct sockaddr_in *)&anything)->sin_port = htons(port);
    assert_true(descriptor >= 0);
    bound = bind(descriptor, (struct sockaddr *)&anything, sizeof(struct sockaddr_in6)) == 0;
    close(descriptor);
    return bound;
}

/* Below those that the system gives to whoever asks for any. */
static uint16_t free_for_both(void)
{
    uint16_t port = (uint16_t)(10000 + getpid() % 20000);

    while (!can_bind(AF_INET, port) || !can_bind(AF_INET6, port))
        port++;
    return port;
}

static void a_port_of_each_family_may_have_the_same_number(void **state)
{
    char description[64];
    uint16_t port;

    (void)state;
    if (!has_ipv6())
        skip();
    port = free_for_both();
    snprintf(description, sizeof(description), "tcp6:%u", port);
    assert_int_equal(listen_on(description), port);
    snprintf(description, sizeof(description), "tcp:%u", port);
    assert_int_equal(listen_on(description), port);
    assert_non_null(connect_to("tcp:127.0.0.1:%u", port).pointer);
    run_until(&count.made, 2);
    count.made = 0;
    assert_non_null(connect_to("tcp6:[::1]:%u", port).pointer);
    run_until(&count.made, 2);
}

/* Its own address takes a scope too, of which the system does not tell the same at both ends. */
static void a_scope_is_named_by_its_interface_or_its_number(void **state)
{
    unsigned index = if_nametoindex("lo");
    char connecting[64];
    uint16_t port;

    (void)state;
    if (!has_ipv6() || index == 0)
        skip();
    port = listen_on("tcp6:0:interface=[::1%lo]");
    assert_non_null(connect_to("tcp6:[::1%lo]:%u", port).pointer);
    run_until(&count.made, 2);
    count.made = 0;
    snprintf(connecting, sizeof(connecting), "tcp:[::1%%%u]:%%u", index);
    assert_non_null(connect_to(connecting, port).pointer);
    run_until(&count.made, 2);
}

static void a_scope_that_is_none_is_told(void **state)
{
    outcome connected;

    (void)state;
    connected = connect_to("tcp6:[fe80::1%no-such-one]:%u", 80);
    assert_failed(&connected, &torc_error_invalid_argument, "must be a numeric IPv6 address");
    if (!has_ipv6())
        return;
    /* Which link it is on nobody said. */
    connected = connect_to("tcp6:[fe80::1]:%u", 80);
    assert_failed(&connected, &torc_error_connect, "Invalid argument");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_ipv6, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(all_that_goes_on_ipv4_goes_on_ipv6),
        TEST(a_peer_over_ipv4_is_told_as_such_where_both_come),
        TEST(who_writes_ipv4_as_ipv6_gets_ipv4),
        TEST(a_port_of_ipv6_alone_is_not_reached_by_ipv4_in_disguise),
        TEST(a_refusal_names_the_address_in_brackets),
        TEST(a_port_of_each_family_may_have_the_same_number),
        TEST(a_scope_is_named_by_its_interface_or_its_number),
        TEST(a_scope_that_is_none_is_told),
    };

    return run_endpoint_tests(tests);
}
