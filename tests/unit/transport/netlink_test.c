/*
 * Messages to the kernel about its network interfaces: what they are made of, and what is made of
 * the answers, of which some no kernel would give.
 *
 * The kernel is the other end of a pair of sockets here, whose answers lie there before it is
 * asked. They are numbered as the requests will be: the number of the next is learned from an
 * unanswered one.
 */
#include "support/failing_system_call.h"

#include "base/system_call.h"
#include "transport/tun.h"

#include <torc.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__linux__)

# include <linux/if_link.h>
# include <linux/netlink.h>
# include <linux/rtnetlink.h>
# include <net/if.h>

static int ours;
static int kernels;
static char asked[512];
static size_t asked_length;

static void read_what_was_asked(void)
{
    ssize_t got = recv(kernels, asked, sizeof asked, 0);

    assert_true(got >= (ssize_t)sizeof(struct nlmsghdr));
    asked_length = (size_t)got;
}

static const struct nlmsghdr *request_header(void)
{
    return (const struct nlmsghdr *)(const void *)asked;
}

/* What is asked next will have this number. */
static uint32_t next_number(void)
{
    assert_int_equal(torc__netlink_set_link(ours, 1, 0, true), -EAGAIN);
    read_what_was_asked();
    return request_header()->nlmsg_seq + 1;
}

static int set_up(void **state)
{
    int ends[2];

    (void)state;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    ours = ends[0];
    kernels = ends[1];
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    allow_system_calls();
    close(ours);
    close(kernels);
    return 0;
}

typedef struct acknowledgement {
    struct nlmsghdr header;
    struct nlmsgerr body;
} acknowledgement;

static acknowledgement acknowledged(uint32_t number, int error)
{
    acknowledgement answer = {
        .header = {
            .nlmsg_len = sizeof answer,
            .nlmsg_type = NLMSG_ERROR,
            .nlmsg_seq = number,
        },
        .body = { .error = error },
    };

    return answer;
}

static void answer_with(const void *bytes, size_t length)
{
    assert_int_equal(send(kernels, bytes, length, 0), length);
}

static void answer_in_order(int error)
{
    acknowledgement answer = acknowledged(next_number(), error);

    answer_with(&answer, sizeof answer);
}

/* The value of an attribute behind a body of `body` bytes; fails where there is none. */
static const char *attribute(size_t body, unsigned type, size_t length)
{
    size_t at = NLMSG_SPACE(body);

    while (at + sizeof(struct rtattr) <= asked_length) {
        struct rtattr found;

        memcpy(&found, asked + at, sizeof found);
        assert_true(found.rta_len >= sizeof found && at + found.rta_len <= asked_length);
        if (found.rta_type == type) {
            assert_int_equal(found.rta_len, RTA_LENGTH(length));
            return asked + at + RTA_LENGTH(0);
        }
        at += RTA_ALIGN(found.rta_len);
    }
    fail_msg("there is no attribute %u", type);
    return NULL;
}

static void assert_asked(unsigned type, unsigned flags, size_t attributes, size_t body)
{
    const struct nlmsghdr *header = request_header();

    assert_int_equal(header->nlmsg_len, asked_length);
    assert_int_equal(asked_length, NLMSG_SPACE(body) + attributes);
    assert_int_equal(header->nlmsg_type, type);
    assert_int_equal(header->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | flags);
}

/* -- requests ------------------------------------------------------------------------------ */

static void a_link_gets_its_mtu_and_is_brought_up(void **state)
{
    struct ifinfomsg link;
    unsigned mtu;

    (void)state;
    answer_in_order(0);
    assert_int_equal(torc__netlink_set_link(ours, 7, 1400, true), 0);
    read_what_was_asked();
    assert_asked(RTM_NEWLINK, 0, RTA_SPACE(sizeof mtu), sizeof link);
    memcpy(&link, asked + NLMSG_LENGTH(0), sizeof link);
    assert_int_equal(link.ifi_index, 7);
    assert_int_equal(link.ifi_flags, IFF_UP);
    assert_int_equal(link.ifi_change, IFF_UP);
    memcpy(&mtu, attribute(sizeof link, IFLA_MTU, sizeof mtu), sizeof mtu);
    assert_int_equal(mtu, 1400);
}

static void what_is_not_wanted_of_a_link_is_left_alone(void **state)
{
    struct ifinfomsg link;

    (void)state;
    answer_in_order(0);
    assert_int_equal(torc__netlink_set_link(ours, 7, 0, false), 0);
    read_what_was_asked();
    assert_asked(RTM_NEWLINK, 0, 0, sizeof link);
    memcpy(&link, asked + NLMSG_LENGTH(0), sizeof link);
    assert_int_equal(link.ifi_change, 0);
}

static torc_address address_of(const char *text)
{
    torc_address address;

    assert_true(torc_address_parse(torc_slice_of(text), 0, &address));
    return address;
}

static void an_ipv4_address_is_added(void **state)
{
    torc_address address = address_of("192.0.2.1");
    struct ifaddrmsg body;

    (void)state;
    answer_in_order(0);
    assert_int_equal(torc__netlink_add_address(ours, 3, &address, 24), 0);
    read_what_was_asked();
    assert_asked(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, 2 * RTA_SPACE(4), sizeof body);
    memcpy(&body, asked + NLMSG_LENGTH(0), sizeof body);
    assert_int_equal(body.ifa_family, AF_INET);
    assert_int_equal(body.ifa_prefixlen, 24);
    assert_int_equal(body.ifa_index, 3);
    assert_int_equal(body.ifa_flags, 0);
    assert_memory_equal(attribute(sizeof body, IFA_LOCAL, 4), "\xc0\x00\x02\x01", 4);
    assert_memory_equal(attribute(sizeof body, IFA_ADDRESS, 4), "\xc0\x00\x02\x01", 4);
}

static void an_ipv6_address_can_be_used_at_once(void **state)
{
    torc_address address = address_of("2001:db8::1");
    struct ifaddrmsg body;

    (void)state;
    answer_in_order(0);
    assert_int_equal(torc__netlink_add_address(ours, 3, &address, 64), 0);
    read_what_was_asked();
    assert_asked(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, 2 * RTA_SPACE(16), sizeof body);
    memcpy(&body, asked + NLMSG_LENGTH(0), sizeof body);
    assert_int_equal(body.ifa_family, AF_INET6);
    assert_int_equal(body.ifa_prefixlen, 64);
    assert_int_equal(body.ifa_flags, IFA_F_NODAD);
    assert_memory_equal(attribute(sizeof body, IFA_ADDRESS, 16), address.ip, 16);
}

/* -- answers ------------------------------------------------------------------------------- */

static int ask(void)
{
    return torc__netlink_set_link(ours, 7, 1400, true);
}

static void what_the_kernel_refuses_is_told(void **state)
{
    (void)state;
    answer_in_order(-EPERM);
    assert_int_equal(ask(), -EPERM);
}

/* Of a request whose answer could not be read. */
static void an_answer_to_something_else_is_passed_over(void **state)
{
    uint32_t number = next_number();
    acknowledgement late = acknowledged(number - 1, -EBUSY);
    acknowledgement answer = acknowledged(number, -ENODEV);

    (void)state;
    answer_with(&late, sizeof late);
    answer_with(&answer, sizeof answer);
    assert_int_equal(ask(), -ENODEV);
}

static void answers_to_others_without_end_are_given_up(void **state)
{
    acknowledgement late = acknowledged(next_number() - 1, 0);

    (void)state;
    for (int i = 0; i < 100; i++)
        answer_with(&late, sizeof late);
    assert_int_equal(ask(), -EPROTO);
}

static void no_answer_is_told(void **state)
{
    (void)state;
    assert_int_equal(ask(), -EAGAIN);
}

static void an_answer_that_is_cut_off_anywhere_makes_no_sense(void **state)
{
    (void)state;
    for (size_t length = 1; length < sizeof(acknowledgement); length++) {
        acknowledgement answer = acknowledged(next_number(), 0);

        answer_with(&answer, length);
        assert_int_equal(ask(), -EPROTO);
        read_what_was_asked();
    }
}

static void an_answer_that_says_to_be_shorter_makes_no_sense(void **state)
{
    (void)state;
    for (uint32_t length = 0; length < sizeof(acknowledgement); length++) {
        acknowledgement answer = acknowledged(next_number(), 0);

        answer.header.nlmsg_len = length;
        answer_with(&answer, sizeof answer);
        assert_int_equal(ask(), -EPROTO);
        read_what_was_asked();
    }
}

static void an_answer_of_another_kind_makes_no_sense(void **state)
{
    const uint16_t kinds[] = { NLMSG_NOOP, NLMSG_DONE, NLMSG_OVERRUN, RTM_NEWLINK, 0, UINT16_MAX };

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        acknowledgement answer = acknowledged(next_number(), 0);

        answer.header.nlmsg_type = kinds[i];
        answer_with(&answer, sizeof answer);
        assert_int_equal(ask(), -EPROTO);
        read_what_was_asked();
    }
}

/* Whoever takes it for -errno would take it for success, or overflow. */
static void what_is_no_error_number_makes_no_sense(void **state)
{
    const int errors[] = { 1, EPERM, INT32_MAX, INT32_MIN, -4096 };

    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        answer_in_order(errors[i]);
        assert_int_equal(ask(), -EPROTO);
        read_what_was_asked();
    }
}

/* As the kernel gives it with an error: the request, and more, comes back with it. */
static void an_answer_that_is_longer_than_is_read_is_taken(void **state)
{
    struct {
        acknowledgement answer;
        char rest[4096];
    } longer = { .answer = acknowledged(next_number(), -EEXIST) };

    (void)state;
    longer.answer.header.nlmsg_len = sizeof longer;
    answer_with(&longer, sizeof longer);
    assert_int_equal(ask(), -EEXIST);
}

static void random_answers_do_no_harm(void **state)
{
    (void)state;
    srandom(1);
    for (int round = 0; round < 2000; round++) {
        unsigned char bytes[64];
        acknowledgement answer = acknowledged(next_number(), 0);
        size_t length = 1 + (size_t)random() % sizeof bytes;
        int result;

        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (unsigned char)random();
        /* The number is right, or it would not be read. */
        memcpy(bytes + 8, (char *)&answer + 8, 4);
        answer_with(bytes, length);
        result = ask();
        assert_true(result <= 0 && result >= -4095);
        read_what_was_asked();
        while (recv(ours, bytes, sizeof bytes, 0) > 0)
            continue;
    }
}

/* -- failures ------------------------------------------------------------------------------ */

static void a_kernel_that_is_gone_is_told(void **state)
{
    (void)state;
    shutdown(kernels, SHUT_RDWR);
    assert_int_equal(ask(), -EPIPE);
}

static void failures_of_the_calls_are_told(void **state)
{
    (void)state;
    fail_system_calls_named("send", ENOBUFS);
    assert_int_equal(ask(), -ENOBUFS);
    fail_system_calls_named("recv", ENOMEM);
    assert_int_equal(ask(), -ENOMEM);
    fail_system_calls_named("socket", EMFILE);
    assert_int_equal(torc__netlink_open(), -EMFILE);
}

static unsigned interruptions;

static int interrupt_the_first(const char *name)
{
    (void)name;
    return interruptions++ % 2 == 0 ? EINTR : 0;
}

static void interruptions_are_no_failures(void **state)
{
    (void)state;
    answer_in_order(0);
    interruptions = 0;
    torc__set_system_call_hook(interrupt_the_first);
    assert_int_equal(ask(), 0);
    torc__set_system_call_hook(NULL);
    assert_int_equal(interruptions, 4);
}

static void the_kernel_itself_answers(void **state)
{
    int netlink = torc__netlink_open();

    (void)state;
    assert_true(netlink >= 0);
    /* Whether we may, or there is none of that number, is told before anything is done. */
    assert_true(torc__netlink_set_link(netlink, 0x7ffffff0, 1400, true) < 0);
    close(netlink);
}

# define NETLINK_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NETLINK_TEST(a_link_gets_its_mtu_and_is_brought_up),
        NETLINK_TEST(what_is_not_wanted_of_a_link_is_left_alone),
        NETLINK_TEST(an_ipv4_address_is_added),
        NETLINK_TEST(an_ipv6_address_can_be_used_at_once),
        NETLINK_TEST(what_the_kernel_refuses_is_told),
        NETLINK_TEST(an_answer_to_something_else_is_passed_over),
        NETLINK_TEST(answers_to_others_without_end_are_given_up),
        NETLINK_TEST(no_answer_is_told),
        NETLINK_TEST(an_answer_that_is_cut_off_anywhere_makes_no_sense),
        NETLINK_TEST(an_answer_that_says_to_be_shorter_makes_no_sense),
        NETLINK_TEST(an_answer_of_another_kind_makes_no_sense),
        NETLINK_TEST(what_is_no_error_number_makes_no_sense),
        NETLINK_TEST(an_answer_that_is_longer_than_is_read_is_taken),
        NETLINK_TEST(random_answers_do_no_harm),
        NETLINK_TEST(a_kernel_that_is_gone_is_told),
        NETLINK_TEST(failures_of_the_calls_are_told),
        NETLINK_TEST(interruptions_are_no_failures),
        NETLINK_TEST(the_kernel_itself_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 0;
}

#endif
