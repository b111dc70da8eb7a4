/*
 * Network devices, on each driver: what is set up is there, packets come and go, devices that
 * vanish or are brought down, and what is said when one cannot be opened.
 *
 * It runs in a network namespace of its own, which takes root; without that only the mistakes of
 * arguments are tested, and the rest is skipped with a line that says so.
 */
#include "support/driver_works.h"
#include "support/failing_allocation.h"
#include "support/failing_system_call.h"

#include "reactor/reactor.h"

#include <torc.h>
#include <torc/couple.h>
#include <torc/tun.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__linux__)

# include <arpa/inet.h>
# include <fcntl.h>
# include <ifaddrs.h>
# include <linux/if_tun.h>
# include <linux/netlink.h>
# include <linux/rtnetlink.h>
# include <linux/virtio_net.h>
# include <net/if.h>
# include <sched.h>
# include <sys/ioctl.h>
# include <sys/socket.h>
# include <sys/wait.h>
# include <unistd.h>

static torc_reactor *reactor;
static torc_scope *scope;
static const char *driver;
static bool has_namespace;

static unsigned opened;
static unsigned refused;
static char refusal[256];
static unsigned packets;
static char last_packet[2048];
static size_t last_length;

/* -- what is told -------------------------------------------------------------------------- */

static torc_result note_opened(void *unused, torc_result result)
{
    (void)unused;
    assert_non_null(torc_result_pointer(result));
    opened++;
    return torc_nothing();
}

static torc_result note_refused(void *unused, torc_result failed)
{
    (void)unused;
    refused++;
    snprintf(refusal, sizeof refusal, "%s", torc_failure_text(torc_result_failure(failed)));
    return torc_nothing();
}

/* What the kernel sends by itself (IPv6) is not counted: the first half byte says. */
static void count_packet(void *self, torc_slice packet)
{
    (void)self;
    if (packet.length == 0 || (unsigned char)packet.data[0] >> 4 != 4)
        return;
    packets++;
    last_length = packet.length < sizeof last_packet ? packet.length : sizeof last_packet;
    memcpy(last_packet, packet.data, last_length);
}

/* -- around each test ---------------------------------------------------------------------- */

static int set_up(void **state)
{
    (void)state;
    reactor = torc_reactor_new_named(driver, NULL);
    scope = torc_scope_new(torc_root(reactor));
    opened = refused = packets = 0;
    refusal[0] = '\0';
    return reactor != NULL && scope != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    allow_system_calls();
    allow_allocations();
    torc_reactor_free(reactor);
    assert_int_equal(if_nametoindex("torc0"), 0);
    return 0;
}

static bool run_until_one(const unsigned *value)
{
    torc_time until = torc_monotonic_now() + 4 * TORC_SECOND;

    while (*value == 0 && torc_monotonic_now() < until)
        torc_iterate(reactor, 10 * TORC_MILLISECOND);
    return *value > 0;
}

static void run_turns(int turns)
{
    for (int i = 0; i < turns; i++)
        torc_iterate(reactor, 0);
}

static torc_tun *begin_opening(const torc_tun_options *options)
{
    torc_tun *device = torc_tun_open_with(scope, options, count_packet, NULL);
    torc_deferred *asked = torc_tun_opened(device);

    torc_add_callbacks(asked, note_opened, note_refused, NULL);
    return device;
}

static torc_tun *open_device(const torc_tun_options *options)
{
    torc_tun *device = begin_opening(options);

    opened = 0;
    if (!run_until_one(&opened))
        fail_msg("it was not opened: %s", refusal);
    return device;
}

static void assert_refused(const torc_tun_options *options, const char *part)
{
    torc_tun *device = begin_opening(options);

    refused = 0;
    assert_true(run_until_one(&refused));
    if (strstr(refusal, part) == NULL)
        fail_msg("no '%s' in: %s", part, refusal);
    run_turns(2);
    assert_string_equal(torc_tun_name(device), "");
    assert_null(torc_tun_transport(device));
    assert_false(torc_tun_send(device, TORC_SLICE("x")));
}

/* -- what the kernel says ------------------------------------------------------------------ */

static int ask_interface(unsigned long request, struct ifreq *asked, const char *name)
{
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int result;

    snprintf(asked->ifr_name, sizeof asked->ifr_name, "%s", name);
    result = ioctl(descriptor, request, asked);
    close(descriptor);
    return result;
}

static bool is_up(const char *name)
{
    struct ifreq asked = { 0 };

    return ask_interface(SIOCGIFFLAGS, &asked, name) == 0 && (asked.ifr_flags & IFF_UP) != 0;
}

static void bring(const char *name, bool up)
{
    struct ifreq asked = { 0 };

    assert_int_equal(ask_interface(SIOCGIFFLAGS, &asked, name), 0);
    asked.ifr_flags = (short)(up ? asked.ifr_flags | IFF_UP : asked.ifr_flags & ~IFF_UP);
    assert_int_equal(ask_interface(SIOCSIFFLAGS, &asked, name), 0);
}

static int mtu_of(const char *name)
{
    struct ifreq asked = { 0 };

    return ask_interface(SIOCGIFMTU, &asked, name) == 0 ? asked.ifr_mtu : -1;
}

static bool has_address(const char *name, int family, const char *text, const char *netmask)
{
    struct ifaddrs *all = NULL;
    bool found = false;

    assert_int_equal(getifaddrs(&all), 0);
    for (const struct ifaddrs *at = all; at != NULL; at = at->ifa_next) {
        size_t offset = family == AF_INET ? offsetof(struct sockaddr_in, sin_addr)
                                          : offsetof(struct sockaddr_in6, sin6_addr);
        char address[64];
        char mask[64];

        if (at->ifa_addr == NULL || at->ifa_addr->sa_family != family
            || strcmp(at->ifa_name, name) != 0)
            continue;
        inet_ntop(family, (const char *)at->ifa_addr + offset, address, sizeof address);
        inet_ntop(family, (const char *)at->ifa_netmask + offset, mask, sizeof mask);
        found = found || (strcmp(address, text) == 0 && strcmp(mask, netmask) == 0);
    }
    freeifaddrs(all);
    return found;
}

/* As "ip link delete". */
static void delete_interface(const char *name)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
    } request = {
        .header = {
            .nlmsg_len = sizeof request,
            .nlmsg_type = RTM_DELLINK,
            .nlmsg_flags = NLM_F_REQUEST,
        },
        .link = { .ifi_index = (int)if_nametoindex(name) },
    };
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    assert_int_equal(send(netlink, &request, sizeof request, 0), sizeof request);
    close(netlink);
    assert_int_equal(if_nametoindex(name), 0);
}

/* -- a peer behind the device -------------------------------------------------------------- */

/* A socket of the system's that talks to 10.9.0.2, which is behind the device. */
static int open_talker(void)
{
    struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(7) };
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct timeval patience = { .tv_sec = 4 };

    inet_pton(AF_INET, "10.9.0.2", &peer.sin_addr);
    assert_int_equal(connect(descriptor, (struct sockaddr *)&peer, sizeof peer), 0);
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return descriptor;
}

static void swap(char *one, char *other, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char kept = one[i];

        one[i] = other[i];
        other[i] = kept;
    }
}

/* Turned round, a packet is its own answer; the sums stay what they are. */
static void turn_round(char *packet)
{
    size_t header = ((size_t)packet[0] & 15) * 4;

    swap(packet + 12, packet + 16, 4);
    swap(packet + header, packet + header + 2, 2);
}

static void assert_echoes(torc_tun *device, int talker, const char *text)
{
    char answer[2048];

    packets = 0;
    assert_int_equal(send(talker, text, strlen(text), 0), strlen(text));
    assert_true(run_until_one(&packets));
    assert_memory_equal(last_packet + last_length - strlen(text), text, strlen(text));
    turn_round(last_packet);
    assert_true(torc_tun_send(device, torc_slice_make(last_packet, last_length)));
    run_turns(3);
    assert_int_equal(recv(talker, answer, sizeof answer, 0), strlen(text));
    assert_memory_equal(answer, text, strlen(text));
}

static const char *const addresses[] = { "10.9.0.1/24", "2001:db8::1/64", NULL };

static const torc_tun_options usual = { .name = "torc0", .mtu = 1300, .addresses = addresses };

/* -- opening ------------------------------------------------------------------------------- */

# define NEEDS_ROOT() \
    do { \
        if (!has_namespace) \
            skip(); \
    } while (0)

static void it_is_set_up_as_asked(void **state)
{
    torc_tun *device;

    (void)state;
    NEEDS_ROOT();
    device = open_device(&usual);
    assert_string_equal(torc_tun_name(device), "torc0");
    assert_true(is_up("torc0"));
    assert_int_equal(mtu_of("torc0"), 1300);
    assert_true(has_address("torc0", AF_INET, "10.9.0.1", "255.255.255.0"));
    assert_true(has_address("torc0", AF_INET6, "2001:db8::1", "ffff:ffff:ffff:ffff::"));
    assert_non_null(torc_tun_transport(device));
}

static void by_a_name_alone_it_is_up_with_the_systems_mtu(void **state)
{
    (void)state;
    NEEDS_ROOT();
    torc_add_callbacks(torc_tun_opened(torc_tun_open(scope, "torc0", count_packet, NULL)),
        note_opened, note_refused, NULL);
    assert_true(run_until_one(&opened));
    assert_true(is_up("torc0"));
    assert_int_equal(mtu_of("torc0"), 1500);
}

static void it_may_stay_down(void **state)
{
    torc_tun_options options = { .name = "torc0", .mtu = 1280, .stays_down = true };

    (void)state;
    NEEDS_ROOT();
    open_device(&options);
    assert_false(is_up("torc0"));
    assert_int_equal(mtu_of("torc0"), 1280);
}

static void the_first_free_name_is_taken(void **state)
{
    torc_tun_options options = { .name = "torc%d" };
    torc_tun *one;
    torc_tun *other;

    (void)state;
    NEEDS_ROOT();
    one = open_device(&options);
    other = open_device(&options);
    assert_string_equal(torc_tun_name(one), "torc0");
    assert_string_equal(torc_tun_name(other), "torc1");
}

static void an_address_without_a_length_is_a_single_one(void **state)
{
    const char *const single[] = { "10.9.0.1", NULL };
    torc_tun_options options = { .name = "torc0", .addresses = single };

    (void)state;
    NEEDS_ROOT();
    open_device(&options);
    assert_true(has_address("torc0", AF_INET, "10.9.0.1", "255.255.255.255"));
}

static void it_is_gone_with_its_scope(void **state)
{
    torc_tun *device;

    (void)state;
    NEEDS_ROOT();
    device = open_device(&usual);
    torc_scope_end(scope);
    assert_false(torc_tun_send(device, TORC_SLICE("x")));
    assert_null(torc_tun_transport(device));
    run_turns(3);
    assert_int_equal(if_nametoindex("torc0"), 0);
}

static void in_a_scope_that_has_ended_none_is_opened(void **state)
{
    torc_tun *device;

    (void)state;
    torc_scope_end(scope);
    device = torc_tun_open(scope, "torc0", count_packet, NULL);
    assert_non_null(device);
    assert_null(torc_tun_transport(device));
    assert_false(torc_tun_send(device, TORC_SLICE("x")));
    assert_int_equal(if_nametoindex("torc0"), 0);
}

/* -- packets ------------------------------------------------------------------------------- */

static void packets_come_and_go(void **state)
{
    torc_tun *device;
    int talker;

    (void)state;
    NEEDS_ROOT();
    device = open_device(&usual);
    talker = open_talker();
    assert_echoes(device, talker, "hello");
    assert_echoes(device, talker, "and again");
    close(talker);
}

/* More than are read at a wake-up; each comes once. */
static void many_come(void **state)
{
    torc_tun *device;
    int talker;

    (void)state;
    NEEDS_ROOT();
    device = open_device(&usual);
    talker = open_talker();
    for (int i = 0; i < 300; i++)
        assert_int_equal(send(talker, "x", 1, 0), 1);
    for (int i = 0; i < 100 && packets < 300; i++)
        torc_iterate(reactor, 10 * TORC_MILLISECOND);
    run_turns(5);
    assert_int_equal(packets, 300);
    assert_true(torc_datagram_count(torc_tun_transport(device)).received >= 300);
    close(talker);
}

static void what_is_no_packet_is_dropped(void **state)
{
    torc_tun *device;
    int talker;

    (void)state;
    NEEDS_ROOT();
    device = open_device(&usual);
    talker = open_talker();
    torc_tun_send(device, TORC_SLICE("this is none"));
    torc_tun_send(device, TORC_SLICE(""));
    run_turns(3);
    assert_echoes(device, talker, "still there");
    close(talker);
}

static unsigned arps;

static void count_frame(void *self, torc_slice frame)
{
    (void)self;
    if (frame.length >= 14 && memcmp(frame.data + 12, "\x08\x06", 2) == 0)
        arps++;
}

static void a_tap_device_gives_whole_frames(void **state)
{
    torc_tun_options options = { .name = "torc0", .addresses = addresses, .ethernet = true };
    int talker;

    (void)state;
    NEEDS_ROOT();
    arps = 0;
    torc_add_callbacks(torc_tun_opened(torc_tun_open_with(scope, &options, count_frame, NULL)),
        note_opened, note_refused, NULL);
    assert_true(run_until_one(&opened));
    talker = open_talker();
    (void)!send(talker, "who is it?", 10, 0);
    assert_true(run_until_one(&arps));
    close(talker);
}

static void keep_offloaded(void *self, torc_slice packet)
{
    (void)self;
    if (packet.length > 10 && (unsigned char)packet.data[10] >> 4 != 4)
        return;
    packets++;
    last_length = packet.length;
    memcpy(last_packet, packet.data, packet.length);
}

/* The sum is left to whoever gets the packet, here the system again. */
static void offloaded_packets_have_a_header_that_says_what_is_not_done(void **state)
{
    torc_tun_options options = usual;
    char answer[16];
    torc_tun *device;
    int talker;

    (void)state;
    NEEDS_ROOT();
    options.offloads = true;
    device = torc_tun_open_with(scope, &options, keep_offloaded, NULL);
    torc_add_callbacks(torc_tun_opened(device), note_opened, note_refused, NULL);
    assert_true(run_until_one(&opened));
    talker = open_talker();
    assert_int_equal(send(talker, "hello", 5, 0), 5);
    assert_true(run_until_one(&packets));
    assert_int_equal(last_length, 10 + 20 + 8 + 5);
    assert_int_equal(last_packet[0], VIRTIO_NET_HDR_F_NEEDS_CSUM);
    assert_memory_equal(last_packet + 38, "hello", 5);
    turn_round(last_packet + 10);
    assert_true(torc_tun_send(device, torc_slice_make(last_packet, last_length)));
    run_turns(3);
    assert_int_equal(recv(talker, answer, sizeof answer, 0), 5);
    close(talker);
}

/* Each flow stays on a queue; together they are all that was sent. */
static void several_queues_share_the_packets(void **state)
{
    torc_tun_options options = usual;
    torc_tun *queues[3];

    (void)state;
    NEEDS_ROOT();
    options.several_queues = true;
    for (int i = 0; i < 3; i++)
        queues[i] = open_device(&options);
    for (int i = 0; i < 60; i++) {
        int talker = open_talker();

        assert_int_equal(send(talker, "x", 1, 0), 1);
        close(talker);
    }
    for (int i = 0; i < 100 && packets < 60; i++)
        torc_iterate(reactor, 10 * TORC_MILLISECOND);
    assert_int_equal(packets, 60);
    for (int i = 0; i < 3; i++) {
        int talker = open_talker();

        assert_echoes(queues[i], talker, "by any of them");
        close(talker);
    }
}

/* -- back-pressure ------------------------------------------------------------------------- */

/* While it is paused packets wait in the device, which drops what is too much. */
static void one_that_is_paused_takes_no_packets(void **state)
{
    torc_tun *device;
    int talker;

    (void)state;
    NEEDS_ROOT();
    device = open_device(&usual);
    talker = open_talker();
    torc_pause_datagrams(torc_tun_transport(device));
    run_turns(3);
    assert_int_equal(send(talker, "x", 1, 0), 1);
    run_turns(10);
    assert_int_equal(packets, 0);
    torc_resume_datagrams(torc_tun_transport(device));
    assert_true(run_until_one(&packets));
    close(talker);
}

/* -- devices that change ------------------------------------------------------------------- */

static void assert_rests(void)
{
    torc_time until = torc_monotonic_now() + 100 * TORC_MILLISECOND;
    unsigned turns = 0;

    while (torc_monotonic_now() < until) {
        torc_iterate(reactor, 20 * TORC_MILLISECOND);
        turns++;
    }
    assert_true(turns < 50);
}

static void one_that_is_brought_down_goes_on_when_it_is_up_again(void **state)
{
    torc_tun *device;
    int talker;

    (void)state;
    NEEDS_ROOT();
    device = open_device(&usual);
    talker = open_talker();
    assert_echoes(device, talker, "before");
    bring("torc0", false);
    torc_tun_send(device, torc_slice_make(last_packet, last_length));
    run_turns(20);
    assert_non_null(torc_tun_transport(device));
    assert_rests();
    bring("torc0", true);
    assert_echoes(device, talker, "after");
    close(talker);
}

/* It may be told of by the next packet only that is sent; and nothing spins. */
static void one_that_was_deleted_stops(void **state)
{
    torc_tun *device;

    (void)state;
    NEEDS_ROOT();
    device = open_device(&usual);
    delete_interface("torc0");
    for (int i = 0; i < 400 && torc_tun_transport(device) != NULL; i++)
        torc_iterate(reactor, 10 * TORC_MILLISECOND);
    assert_null(torc_tun_transport(device));
    assert_false(torc_tun_send(device, TORC_SLICE("x")));
}

/* -- failures ------------------------------------------------------------------------------ */

static void a_name_that_is_none_is_told(void **state)
{
    torc_tun_options too_long = { .name = "sixteen-letters-" };
    torc_tun_options none = { .name = NULL };

    (void)state;
    assert_refused(&too_long, "no name of at most 15 characters: 'sixteen-letters-'");
    assert_refused(&none, "no name of at most 15 characters");
}

static void what_is_no_address_is_told(void **state)
{
    const char *const wrong[] = { "10.9.0.1/33", "10.9.0.1/", "10.9.0.1/-1", "10.9.0.1/ 8",
        "10.9.0.1/4294967320", "10.9.0.1/99999999999999999999", "10.9.0.1/8x", "10.9.0/8", "",
        "/24", "2001:db8::1/129", "host/24" };

    (void)state;
    NEEDS_ROOT();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *const one[] = { wrong[i], NULL };
        torc_tun_options options = { .name = "torc0", .addresses = one };

        assert_refused(&options, "no address with a prefix length");
        assert_int_equal(if_nametoindex("torc0"), 0);
    }
}

static void an_mtu_that_cannot_be_is_told(void **state)
{
    torc_tun_options options = { .name = "torc0", .mtu = 1000000 };

    (void)state;
    NEEDS_ROOT();
    assert_refused(&options, "setting its MTU");
}

static void one_that_is_open_already_is_told(void **state)
{
    torc_tun_options options = { .name = "torc0" };

    (void)state;
    NEEDS_ROOT();
    open_device(&options);
    assert_refused(&options, "another program has it open");
    options.several_queues = true;
    assert_refused(&options, "opening it as TUN with several queues: Invalid argument");
}

static void what_the_system_refuses_says_what_would_help(void **state)
{
    static const struct {
        const char *call;
        int error;
        const char *part;
    } refusals[] = {
        { "open", ENOENT, "/dev/net/tun: No such file or directory (is the module 'tun' loaded?)" },
        { "open", EMFILE, "/dev/net/tun: Too many open files" },
        { "ioctl", EPERM, "CAP_NET_ADMIN" },
        { "ioctl", EBUSY, "another program has it open" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        torc_tun_options options = { .name = "torc0" };

        if (strcmp(refusals[i].call, "ioctl") == 0 && !has_namespace)
            continue;
        fail_system_calls_named(refusals[i].call, refusals[i].error);
        assert_refused(&options, refusals[i].part);
        allow_system_calls();
    }
}

/* Run by a child of another user; what it exits with is 0 when it went as expected. */
static int open_as_nobody(const char *name, bool goes_well)
{
    torc_tun_options options = { .name = name };

    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
        return 2;
    reactor = torc_reactor_new_named("poll", NULL);
    scope = torc_scope_new(torc_root(reactor));
    opened = refused = 0;
    begin_opening(&options);
    run_until_one(goes_well ? &opened : &refused);
    if (goes_well)
        return opened == 1 ? 0 : 1;
    return refused == 1 && strstr(refusal, "CAP_NET_ADMIN") != NULL ? 0 : 1;
}

static void assert_as_nobody(const char *name, bool goes_well)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0)
        _exit(open_as_nobody(name, goes_well));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void without_the_right_only_ones_own_device_is_opened(void **state)
{
    struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
    int descriptor;

    (void)state;
    NEEDS_ROOT();
    if (access("/dev/net/tun", R_OK | W_OK) != 0)
        skip();
    assert_as_nobody("torc7", false);
    descriptor = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    snprintf(request.ifr_name, sizeof request.ifr_name, "torc7");
    assert_int_equal(ioctl(descriptor, TUNSETIFF, &request), 0);
    assert_int_equal(ioctl(descriptor, TUNSETOWNER, 65534), 0);
    assert_int_equal(ioctl(descriptor, TUNSETPERSIST, 1), 0);
    close(descriptor);
    bring("torc7", true);
    assert_as_nobody("torc7", true);
    delete_interface("torc7");
}

static void without_memory_what_is_open_goes_on(void **state)
{
    torc_tun *device;
    int talker;

    (void)state;
    NEEDS_ROOT();
    device = open_device(&usual);
    talker = open_talker();
    fail_allocation_after(0);
    torc_tun_send(device, TORC_SLICE("no packet, and no memory for it"));
    run_turns(3);
    allow_allocations();
    assert_echoes(device, talker, "later");
    close(talker);
}

# define TUN_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static int test_driver(const char *name)
{
    const struct CMUnitTest tests[] = {
        TUN_TEST(it_is_set_up_as_asked),
        TUN_TEST(by_a_name_alone_it_is_up_with_the_systems_mtu),
        TUN_TEST(it_may_stay_down),
        TUN_TEST(the_first_free_name_is_taken),
        TUN_TEST(an_address_without_a_length_is_a_single_one),
        TUN_TEST(it_is_gone_with_its_scope),
        TUN_TEST(in_a_scope_that_has_ended_none_is_opened),
        TUN_TEST(packets_come_and_go),
        TUN_TEST(many_come),
        TUN_TEST(what_is_no_packet_is_dropped),
        TUN_TEST(a_tap_device_gives_whole_frames),
        TUN_TEST(offloaded_packets_have_a_header_that_says_what_is_not_done),
        TUN_TEST(several_queues_share_the_packets),
        TUN_TEST(one_that_is_paused_takes_no_packets),
        TUN_TEST(one_that_is_brought_down_goes_on_when_it_is_up_again),
        TUN_TEST(one_that_was_deleted_stops),
        TUN_TEST(a_name_that_is_none_is_told),
        TUN_TEST(what_is_no_address_is_told),
        TUN_TEST(an_mtu_that_cannot_be_is_told),
        TUN_TEST(one_that_is_open_already_is_told),
        TUN_TEST(what_the_system_refuses_says_what_would_help),
        TUN_TEST(without_the_right_only_ones_own_device_is_opened),
        TUN_TEST(without_memory_what_is_open_goes_on),
    };

    driver = name;
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

static bool carries_datagrams(const char *name)
{
    torc_reactor *tried = torc_reactor_new_named(name, NULL);
    bool carries = tried != NULL && tried->driver->kind->adopt_datagrams != NULL;

    torc_reactor_free(tried);
    return carries;
}

int main(void)
{
    int failed = 0;

    has_namespace = access("/dev/net/tun", F_OK) == 0 && unshare(CLONE_NEWNET) == 0;
    if (!has_namespace)
        printf("left out: devices take root, network namespaces and /dev/net/tun\n");
    for (size_t i = 0; torc_driver_name(i) != NULL; i++)
        if (driver_works(torc_driver_name(i)) && carries_datagrams(torc_driver_name(i)))
            failed += test_driver(torc_driver_name(i));
    return failed;
}

#else

int main(void)
{
    return 0;
}

#endif
