/*
 * What only sockets have: multicast, broadcast, shared ports, errors of the network, stale paths,
 * sockets that came from elsewhere.
 */
#include "support/datagram_harness.h"
#include "support/failing_system_call.h"

#include <torc/result.h>

#include "transport/datagram.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void expect_done(torc_failure *failure)
{
    if (failure != NULL)
        fail_msg("%s", torc_failure_text(failure));
}

static void expect_failure(torc_failure *failure, const torc_failure_type *type)
{
    assert_non_null(failure);
    assert_ptr_equal(torc_failure_type_of(failure), type);
    torc_failure_release(failure);
}

/* -- errors of the network ----------------------------------------------------------------- */

static void a_peer_that_is_gone_is_told_as_refused(arena *a)
{
    open_pair(a);
    torc_stop_datagrams(a->one.transport);
    AWAIT(a, a->one.stopped);
    torc_send(a->other.transport, TORC_SLICE("is anybody there?"));
    AWAIT(a, a->other.refused >= 1);
    assert_ptr_equal(a->other.refusal, &torc_error_refused);
    assert_int_equal(torc_datagram_count(a->other.transport).last_error, ECONNREFUSED);
    assert_int_equal(a->other.stopped, 0);
}

static void send_again(probe *self)
{
    torc_send(self->transport, TORC_SLICE("again"));
}

static void who_sends_again_when_refused_does_not_hold_the_loop(arena *a)
{
    open_pair(a);
    a->other.on_refused = send_again;
    torc_stop_datagrams(a->one.transport);
    AWAIT(a, a->one.stopped);
    torc_send(a->other.transport, TORC_SLICE("is anybody there?"));
    AWAIT(a, a->other.refused >= 20);
    torc_stop_datagrams(a->other.transport);
    AWAIT(a, a->other.stopped);
}

/* What was to be sent when the error of an earlier one shows is not what got lost. */
static void an_error_of_one_datagram_takes_no_other_with_it(arena *a)
{
    torc_datagram_counts counts;

    open_pair(a);
    torc_stop_datagrams(a->one.transport);
    AWAIT(a, a->one.stopped);
    for (unsigned i = 0; i < 200; i++)
        torc_send(a->other.transport, patterned(1 + i % 2 * 100 + i, i));
    AWAIT(a, torc_datagram_count(a->other.transport).waiting == 0);
    counts = torc_datagram_count(a->other.transport);
    assert_int_equal(counts.sent, 200);
    assert_int_equal(counts.failed, 0);
}

static void one_that_is_not_connected_hears_of_no_errors(arena *a)
{
    torc_address gone;
    torc_address one;

    open_two(a);
    open_listening(a, &a->third, "");
    AWAIT(a, a->third.started);
    gone = address_of(&a->third);
    one = address_of(&a->one);
    torc_stop_datagrams(a->third.transport);
    AWAIT(a, a->third.stopped);
    for (unsigned i = 0; i < 10; i++) {
        torc_send_to(a->other.transport, TORC_SLICE("lost"), &gone);
        make_turns(a, 2);
        torc_send_to(a->other.transport, TORC_SLICE("kept"), &one);
        make_turns(a, 2);
    }
    AWAIT(a, a->one.received == 10);
    assert_int_equal(a->other.refused, 0);
}

static void receiving_that_fails_for_want_of_memory_goes_on(arena *a)
{
    open_pair(a);
    fail_system_calls_named("recvmmsg", ENOMEM);
    torc_send(a->other.transport, TORC_SLICE("waits"));
    AWAIT(a, a->warnings == 1);
    make_turns(a, 50);
    assert_int_equal(a->warnings, 1);
    allow_system_calls();
    AWAIT(a, a->one.received == 1);
    assert_string_equal(a->one.last, "waits");
}

static void receiving_that_is_broken_ends_it(arena *a)
{
    open_pair(a);
    fail_system_calls_named("recvmmsg", EBADF);
    torc_send(a->other.transport, TORC_SLICE("x"));
    AWAIT(a, a->one.stopped == 1);
    allow_system_calls();
    assert_ptr_equal(a->one.reason, &torc_error_connection_lost);
}

/* -- families ------------------------------------------------------------------------------ */

static int send_raw(int family, const void *to, socklen_t length)
{
    int raw = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ssize_t sent = sendto(raw, "raw", 3, 0, to, length);

    close(raw);
    return sent == 3 ? 0 : -1;
}

static void ipv6_alone_takes_no_ipv4(arena *a)
{
    struct sockaddr_in to = { .sin_family = AF_INET };

    attach(a, &a->one, torc_listen_datagrams(a->scope, "udp6:0", &probe_class));
    AWAIT(a, a->one.started);
    to.sin_port = htons(address_of(&a->one).port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)send_raw(AF_INET, &to, sizeof to);
    make_turns(a, 20);
    assert_int_equal(a->one.received, 0);
}

static void any_interface_of_both_takes_both(arena *a)
{
    struct sockaddr_in to = { .sin_family = AF_INET };
    struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

    attach(a, &a->one, torc_listen_datagrams(a->scope, "udp:0:interface=[::]", &probe_class));
    AWAIT(a, a->one.started);
    to.sin_port = htons(address_of(&a->one).port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to6.sin6_port = to.sin_port;
    assert_int_equal(send_raw(AF_INET, &to, sizeof to), 0);
    assert_int_equal(send_raw(AF_INET6, &to6, sizeof to6), 0);
    AWAIT(a, a->one.received == 2);
}

static void a_name_is_looked_up_at_the_start(arena *a)
{
    char text[64];

    open_listening(a, &a->one, "");
    AWAIT(a, a->one.started);
    snprintf(text, sizeof text, "udp:localhost:%u", (unsigned)address_of(&a->one).port);
    attach(a, &a->other, torc_connect_datagrams(a->scope, text, &probe_class));
    assert_true(torc_datagram_peer(a->other.transport).kind == TORC_ADDRESS_NONE);
    AWAIT(a, a->other.started);
    assert_int_equal(
        torc_datagram_peer(a->other.transport).port, address_of(&a->one).port);
}

static void a_look_up_may_be_stopped(arena *a)
{
    torc_scope *scope = torc_scope_new(a->scope);

    attach(a, &a->one, torc_connect_datagrams(a->scope, "udp:localhost:9", &probe_class));
    torc_stop_datagrams(a->one.transport);
    attach(a, &a->other, torc_connect_datagrams(scope, "udp:localhost:9", &probe_class));
    torc_scope_end(scope);
    make_turns(a, 10);
    assert_int_equal(a->one.started + a->other.started, 0);
}

/* -- shared ports, broadcast --------------------------------------------------------------- */

static void reused_ports_share_what_comes(arena *a)
{
    char text[80];
    unsigned port;

    attach(a, &a->one,
        torc_listen_datagrams(a->scope, "udp:0:interface=127.0.0.1:reuseport", &probe_class));
    port = address_of(&a->one).port;
    snprintf(text, sizeof text, "udp:%u:interface=127.0.0.1:reuseport", port);
    attach(a, &a->other, torc_listen_datagrams(a->scope, text, &probe_class));
    AWAIT(a, a->one.started && a->other.started);
    for (unsigned i = 0; i < 200; i++) {
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(send_raw(AF_INET, &to, sizeof to), 0);
        if (i % 20 == 19)
            AWAIT(a, a->one.received + a->other.received == i + 1);
    }
    assert_true(a->one.received > 0 && a->other.received > 0);
}

static void broadcast_has_to_be_asked_for(arena *a)
{
    static const torc_address everybody = {
        .kind = TORC_ADDRESS_IPV4, .port = 9, .ip = { 255, 255, 255, 255 } };

    open_listening(a, &a->one, "");
    attach(a, &a->other,
        torc_listen_datagrams(a->scope, "udp:0:interface=127.0.0.1:broadcast", &probe_class));
    AWAIT(a, a->one.started && a->other.started);
    torc_send_to(a->one.transport, TORC_SLICE("x"), &everybody);
    torc_send_to(a->other.transport, TORC_SLICE("x"), &everybody);
    make_turns(a, 3);
    assert_int_equal(torc_datagram_count(a->one.transport).last_error, EACCES);
    assert_int_not_equal(torc_datagram_count(a->other.transport).last_error, EACCES);
}

/* -- multicast ----------------------------------------------------------------------------- */

static char interface_name[IF_NAMESIZE];

/*
 * By which groups can be reached on this machine: the loopback interface for IPv4, for which IPv6
 * mostly has no route there; NULL: none.
 */
static const char *interface_of(const arena *a)
{
    struct ifaddrs *all = NULL;

    if (a->carrier == BY_UDP4)
        return "lo";
    interface_name[0] = '\0';
    if (getifaddrs(&all) != 0)
        return NULL;
    for (const struct ifaddrs *each = all; each != NULL; each = each->ifa_next)
        if (each->ifa_addr != NULL && each->ifa_addr->sa_family == AF_INET6
            && (each->ifa_flags & (IFF_LOOPBACK | IFF_MULTICAST | IFF_UP))
                == (IFF_MULTICAST | IFF_UP))
            snprintf(interface_name, sizeof interface_name, "%s", each->ifa_name);
    freeifaddrs(all);
    return interface_name[0] != '\0' ? interface_name : NULL;
}

static torc_address group_of(const arena *a)
{
    torc_address group = { .kind = TORC_ADDRESS_IPV4, .ip = { 239, 255, 17, 3 } };

    if (a->carrier == BY_UDP6)
        assert_true(torc_address_parse(TORC_SLICE("ff02::7:1703"), 0, &group));
    return group;
}

/* Two on one port, both in a group, and a third that sends; false where there is no interface. */
static bool open_group(arena *a, torc_address *ret_group)
{
    const char *kind = a->carrier == BY_UDP4 ? "udp" : "udp6";
    const char *interface = interface_of(a);
    char number[16];
    char text[80];

    if (interface == NULL)
        return false;
    *ret_group = group_of(a);
    snprintf(text, sizeof text, "%s:0:shared", kind);
    attach(a, &a->one, torc_listen_datagrams(a->scope, text, &probe_class));
    ret_group->port = address_of(&a->one).port;
    snprintf(text, sizeof text, "%s:%u:shared", kind, (unsigned)ret_group->port);
    attach(a, &a->other, torc_listen_datagrams(a->scope, text, &probe_class));
    snprintf(text, sizeof text, "%s:0", kind);
    attach(a, &a->third, torc_listen_datagrams(a->scope, text, &probe_class));
    AWAIT(a, a->one.started && a->other.started && a->third.started);
    snprintf(number, sizeof number, "%u", if_nametoindex(interface));
    expect_done(torc_join_group(a->one.transport, ret_group, interface));
    expect_done(torc_join_group(a->other.transport, ret_group, number));
    expect_done(torc_set_multicast_interface(a->third.transport, interface));
    return true;
}

static void all_members_of_a_group_get_a_datagram(arena *a)
{
    torc_address group;

    if (!open_group(a, &group))
        return;
    assert_true(torc_send_to(a->third.transport, TORC_SLICE("to all"), &group));
    AWAIT(a, a->one.received == 1 && a->other.received == 1);
    assert_string_equal(a->other.last, "to all");
    assert_int_equal(a->one.peer.port, address_of(&a->third).port);
}

static void who_has_left_a_group_gets_none(arena *a)
{
    torc_address group;

    if (!open_group(a, &group))
        return;
    expect_done(torc_leave_group(a->one.transport, &group, interface_of(a)));
    expect_done(torc_leave_group(a->other.transport, &group, interface_of(a)));
    torc_send_to(a->third.transport, TORC_SLICE("to nobody"), &group);
    make_turns(a, 20);
    assert_int_equal(a->one.received + a->other.received, 0);
    expect_failure(torc_leave_group(a->one.transport, &group, interface_of(a)), &torc_error_system);
}

static int option_of(const probe *self, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;

    assert_int_equal(
        getsockopt(self->transport->io.descriptor, level, option, &value, &size), 0);
    return value;
}

/* Asked of the system, because the loopback interface brings everything back. */
static void loop_and_hops_are_set(arena *a)
{
    int level = a->carrier == BY_UDP4 ? IPPROTO_IP : IPPROTO_IPV6;
    int loop = a->carrier == BY_UDP4 ? IP_MULTICAST_LOOP : IPV6_MULTICAST_LOOP;
    int hops = a->carrier == BY_UDP4 ? IP_MULTICAST_TTL : IPV6_MULTICAST_HOPS;

    open_listening(a, &a->one, "");
    AWAIT(a, a->one.started);
    assert_int_equal(option_of(&a->one, level, loop), 1);
    assert_int_equal(option_of(&a->one, level, hops), 1);
    expect_done(torc_set_multicast_loop(a->one.transport, false));
    expect_done(torc_set_multicast_hops(a->one.transport, 7));
    assert_int_equal(option_of(&a->one, level, loop), 0);
    assert_int_equal(option_of(&a->one, level, hops), 7);
}

static void what_is_no_group_is_refused(arena *a)
{
    torc_address group;
    torc_address single = { .kind = TORC_ADDRESS_IPV4, .ip = { 127, 0, 0, 1 } };
    torc_address none = { .kind = TORC_ADDRESS_NONE };

    if (!open_group(a, &group))
        return;
    expect_failure(
        torc_join_group(a->one.transport, &single, "lo"), &torc_error_invalid_argument);
    expect_failure(torc_join_group(a->one.transport, &none, NULL), &torc_error_invalid_argument);
    expect_failure(torc_join_group(a->one.transport, &group, "no-such-interface"),
        &torc_error_invalid_argument);
    expect_failure(torc_set_multicast_hops(a->one.transport, 256), &torc_error_invalid_argument);
    expect_failure(
        torc_join_group(a->one.transport, &group, interface_of(a)), &torc_error_system);
}

static void an_interface_may_be_named_by_its_address(arena *a)
{
    torc_address group = group_of(a);

    open_listening(a, &a->one, "");
    AWAIT(a, a->one.started);
    expect_done(torc_join_group(a->one.transport, &group, "127.0.0.1"));
    expect_done(torc_set_multicast_interface(a->one.transport, "127.0.0.1"));
}

static void no_group_without_a_network(arena *a)
{
    torc_address group = { .kind = TORC_ADDRESS_IPV4, .ip = { 239, 1, 2, 3 } };

    open_pair(a);
    expect_failure(torc_join_group(a->one.transport, &group, NULL), &torc_error_system);
}

/* -- paths --------------------------------------------------------------------------------- */

static void leave_stale(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int stale = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    assert_int_equal(bind(stale, (struct sockaddr *)&name, sizeof name), 0);
    close(stale);
}

static void a_dead_programs_path_is_taken_over(arena *a)
{
    char path[100];
    char text[128];

    snprintf(path, sizeof path, "%s/stale", a->directory);
    leave_stale(path);
    snprintf(text, sizeof text, "unix-datagram:%s", path);
    attach(a, &a->one, torc_listen_datagrams(a->scope, text, &probe_class));
    open_connected(a, &a->other, &a->one, "");
    torc_send(a->other.transport, TORC_SLICE("alive"));
    AWAIT(a, a->one.received == 1);
}

static void one_that_is_only_connected_can_be_answered(arena *a)
{
    char text[160];

    open_listening(a, &a->one, "");
    AWAIT(a, a->one.started);
    snprintf(text, sizeof text, "unix-datagram:%s", address_of(&a->one).path);
    attach(a, &a->other, torc_connect_datagrams(a->scope, text, &probe_class));
    AWAIT(a, a->other.started);
    assert_int_equal(address_of(&a->other).path[0], '@');
    torc_send(a->other.transport, TORC_SLICE("?"));
    AWAIT(a, a->one.received == 1);
    assert_true(torc_send_to(a->one.transport, TORC_SLICE("!"), &a->one.peer));
    AWAIT(a, a->other.received == 1);
}

/* -- from elsewhere ------------------------------------------------------------------------ */

static void a_socket_from_elsewhere_is_adopted(arena *a)
{
    int ends[2];
    char text[32];

    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    snprintf(text, sizeof text, "fd:%d", ends[0]);
    attach(a, &a->one, torc_listen_datagrams(a->scope, text, &probe_class));
    AWAIT(a, a->one.started);
    assert_int_equal(send(ends[1], "adopted", 7, 0), 7);
    AWAIT(a, a->one.received == 1);
    assert_string_equal(a->one.last, "adopted");
    close(ends[1]);
}

static torc_result note_refused(void *self, torc_result failed)
{
    (void)failed;
    ((probe *)self)->note = 1;
    return torc_nothing();
}

static void a_stream_is_not_adopted(arena *a)
{
    int ends[2];
    char text[32];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    snprintf(text, sizeof text, "fd:%d", ends[0]);
    attach(a, &a->one, torc_listen_datagrams(a->scope, text, &probe_class));
    torc_add_errback(torc_datagrams_opened(a->one.protocol), note_refused, &a->one);
    AWAIT(a, a->one.note == 1);
    close(ends[0]);
    close(ends[1]);
}

/* -- closing ------------------------------------------------------------------------------- */

/* A system whose closing takes its time: what is closed is told so by the test. */
static const torc_io_class *real_class;
static torc_io_class slow_class;

static bool close_slowly(torc_io *io, bool reset)
{
    assert_true(real_class->close(io, reset));
    return false;
}

static void close_one_slowly(arena *a, torc_io **ret_io)
{
    open_pair(a);
    *ret_io = &a->one.transport->io;
    real_class = (*ret_io)->kind;
    slow_class = *real_class;
    slow_class.close = close_slowly;
    (*ret_io)->kind = &slow_class;
    torc_stop_datagrams(a->one.transport);
}

static void its_memory_stays_until_the_system_has_let_go(arena *a)
{
    torc_io *io;

    close_one_slowly(a, &io);
    AWAIT(a, a->one.stopped == 1);
    make_turns(a, 2);
    io->events->closed(io);
    make_turns(a, 1);
    assert_int_equal(a->one.stopped, 1);
    assert_int_equal(a->one.after_stop, 0);
}

static const datagram_behaviour behaviours[] = {
    { "a peer that is gone is told as refused", a_peer_that_is_gone_is_told_as_refused, BY_UDP },
    { "who sends again when refused does not hold the loop",
        who_sends_again_when_refused_does_not_hold_the_loop, BY_UDP },
    { "an error of one datagram takes no other with it",
        an_error_of_one_datagram_takes_no_other_with_it, BY_UDP },
    { "one that is not connected hears of no errors",
        one_that_is_not_connected_hears_of_no_errors, BY_UDP },
    { "receiving that fails for want of memory goes on",
        receiving_that_fails_for_want_of_memory_goes_on, BY_SOCKETS },
    { "receiving that is broken ends it", receiving_that_is_broken_ends_it, BY_SOCKETS },
    { "IPv6 alone takes no IPv4", ipv6_alone_takes_no_ipv4, BY_UDP6 },
    { "any interface of both takes both", any_interface_of_both_takes_both, BY_UDP6 },
    { "a name is looked up at the start", a_name_is_looked_up_at_the_start, BY_UDP4 },
    { "a look-up may be stopped", a_look_up_may_be_stopped, BY_UDP4 },
    { "reused ports share what comes", reused_ports_share_what_comes, BY_UDP4 },
    { "broadcast has to be asked for", broadcast_has_to_be_asked_for, BY_UDP4 },
    { "all members of a group get a datagram", all_members_of_a_group_get_a_datagram, BY_UDP },
    { "who has left a group gets none", who_has_left_a_group_gets_none, BY_UDP },
    { "loop and hops are set", loop_and_hops_are_set, BY_UDP },
    { "what is no group is refused", what_is_no_group_is_refused, BY_UDP },
    { "an interface may be named by its address", an_interface_may_be_named_by_its_address,
        BY_UDP4 },
    { "no group without a network", no_group_without_a_network, BY_MEMORY | BY_LOCAL },
    { "a dead program's path is taken over", a_dead_programs_path_is_taken_over, BY_UNIX },
    { "one that is only connected can be answered", one_that_is_only_connected_can_be_answered,
        BY_LOCAL },
    { "a socket from elsewhere is adopted", a_socket_from_elsewhere_is_adopted, BY_UNIX },
    { "a stream is not adopted", a_stream_is_not_adopted, BY_UNIX },
    { "its memory stays until the system has let go",
        its_memory_stays_until_the_system_has_let_go, BY_SOCKETS },
};

int main(void)
{
    return RUN_DATAGRAM_BEHAVIOURS("datagram sockets", behaviours);
}
