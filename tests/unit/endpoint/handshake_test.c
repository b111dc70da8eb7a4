/*
 * What a handshake does when its bytes do not leave at once, when its peer speaks too early or goes
 * away, and what passes a connection that stands behind one: files, descriptors, halves, pauses.
 */
#include "endpoint/handshake_harness.h"

#include "support/failing_system_call.h"

static void begin_without_room(const char *description, outcome *ret_outcome)
{
    fail_system_calls_named("send", EAGAIN);
    ask_proxy(description, ret_outcome);
}

static bool sends_by_itself(void)
{
    return strcmp(driver_name, "uring") == 0;
}

static void let_send(void)
{
    run_turns(3);
    allow_system_calls();
}

/* -- bytes that have to wait --------------------------------------------------------------- */

static void a_greeting_that_finds_no_room_leaves_when_there_is_some(void **state)
{
    outcome connected;

    (void)state;
    begin_without_room("socks:192.0.2.1:80:endpoint=tcp\\:127.0.0.1\\:%u", &connected);
    let_send();
    assert_hears(client, "\5\1\0", 3);
    fail_system_calls_named("send", EAGAIN);
    say_bytes(client, "\5\0", 2);
    let_send();
    assert_hears(client, "\5\1\0\1\300\0\2\1\0\120", 10);
    say_bytes(client, "\5\0\0\1\0\0\0\0\0\0", 10);
    assert_succeeded(&connected);
    close_proxy();
    run_until(&count.lost, 1);
}

static void a_connection_begins_only_when_its_header_has_left(void **state)
{
    outcome connected;

    (void)state;
    begin_without_room("haproxy:tcp:127.0.0.1:%u", &connected);
    run_turns(3);
    if (!sends_by_itself())
        assert_int_equal(count.made, 0);
    let_send();
    assert_succeeded(&connected);
    assert_hears(client, "PROXY TCP4 127.0.0.1 127.0.0.1 ", 31);
    close_proxy();
    run_until(&count.lost, 1);
}

static void an_answer_to_what_has_not_left_yet_is_heard_and_waits_for_it(void **state)
{
    outcome connected;

    (void)state;
    begin_without_room("socks:192.0.2.1:80:endpoint=tcp\\:127.0.0.1\\:%u", &connected);
    say_bytes(client, "\5\0\5\0\0\1\0\0\0\0\0\0early", 17);
    run_turns(5);
    if (!sends_by_itself())
        assert_int_equal(count.made, 0);
    let_send();
    assert_hears(client, "\5\1\0\5\1\0\1\300\0\2\1\0\120", 13);
    assert_succeeded(&connected);
    run_until(&got_length, 5);
    assert_memory_equal(got, "early", 5);
    close_proxy();
    run_until(&count.lost, 1);
}

static void a_greeting_that_cannot_be_sent_fails_the_connecting(void **state)
{
    outcome connected;

    (void)state;
    if (sends_by_itself())
        return;
    begin_without_room("socks:192.0.2.1:80:endpoint=tcp\\:127.0.0.1\\:%u", &connected);
    run_turns(3);
    fail_system_calls_named("send", ENOBUFS);
    run_until(&connected.fired, 1);
    allow_system_calls();
    assert_failed(&connected, &torc_error_connect, "");
    close_proxy();
}

/* -- peers that go away -------------------------------------------------------------------- */

static void a_proxy_that_resets_in_the_middle_fails_the_connecting(void **state)
{
    struct linger at_once = { .l_onoff = 1 };
    outcome connected;

    (void)state;
    ask_proxy("http-proxy:a.test:80:endpoint=tcp\\:127.0.0.1\\:%u", &connected);
    assert_hears(client, "CONNECT a.test:80 HTTP/1.1\r\n", 28);
    setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close_proxy();
    assert_failed(&connected, &torc_error_connect, "in the middle of it");
    assert_int_equal(count.made, 0);
}

/* -- what passes behind it ----------------------------------------------------------------- */

static torc_transport *begin_behind_a_header(void)
{
    outcome connected;
    char header[64] = "";
    size_t length = 0;

    ask_proxy("haproxy:tcp:127.0.0.1:%u", &connected);
    assert_succeeded(&connected);
    while (length == 0 || header[length - 1] != '\n')
        hear_bytes(client, header + length++, 1);
    return ((torc_protocol *)connected.pointer)->transport;
}

static void files_pass_a_handshake_and_each_half_ends_by_itself(void **state)
{
    torc_transport *transport = begin_behind_a_header();
    FILE *file = tmpfile();
    char byte;

    (void)state;
    assert_true(fputs("what is in the file", file) > 0 && fflush(file) == 0);
    torc_write_file(transport, dup(fileno(file)), 8, 11);
    assert_hears(client, "in the file", 11);
    fclose(file);
    torc_lose_write(transport);
    run_turns(3);
    assert_int_equal(recv(client, &byte, 1, 0), 0);
    say(client, "still heard");
    run_until(&got_length, 11);
    assert_int_equal(count.lost, 0);
    close_proxy();
    run_until(&count.lost, 1);
}

static int passed = -1;
static int descriptors;

static void take_descriptor(torc_protocol *self, int descriptor)
{
    (void)self;
    passed = descriptor;
    descriptors++;
}

static void pass_descriptor(int to, int descriptor)
{
    char room[CMSG_SPACE(sizeof(int))] = "";
    struct iovec byte = { .iov_base = "x", .iov_len = 1 };
    struct msghdr message = { .msg_iov = &byte, .msg_iovlen = 1, .msg_control = room,
        .msg_controllen = sizeof(room) };
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);

    assert_non_null(head);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &descriptor, sizeof(int));
    assert_int_equal(sendmsg(to, &message, 0), 1);
}

/* The peer's end, given with the next byte. */
static int take_passed(int from)
{
    char room[CMSG_SPACE(sizeof(int))];
    char byte;
    struct iovec bytes = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = room,
        .msg_controllen = sizeof(room) };
    int descriptor;

    assert_int_equal(recvmsg(from, &message, MSG_DONTWAIT), 1);
    assert_non_null(CMSG_FIRSTHDR(&message));
    memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
    assert_true(fcntl(descriptor, F_GETFD) >= 0);
    return descriptor;
}

static void descriptors_pass_a_handshake(void **state)
{
    static const torc_protocol_class kind = {
        .name = "Taker", .connection_made = keeper_made, .connection_lost = counter_lost,
        .descriptor_received = take_descriptor,
    };
    char description[160];
    outcome opened;
    int visitor;

    (void)state;
    descriptors = 0;
    snprintf(description, sizeof(description), "haproxy:unix:%s", path_of("socket"));
    watch_outcome(torc_port_opened(torc_listen(scope, description, torc_factory_of(&kind))),
        &opened);
    assert_succeeded(&opened);
    visitor = plain_unix(path_of("socket"), false);
    say(visitor, "PROXY UNKNOWN\r\n");
    run_until(&count.made, 1);
    pass_descriptor(visitor, STDIN_FILENO);
    run_until(&descriptors, 1);
    assert_true(fcntl(passed, F_GETFD) >= 0);
    assert_true(torc_send_descriptor(last->transport, passed));
    torc_write(last->transport, TORC_SLICE("y"));
    run_turns(3);
    close(take_passed(visitor));
    close(visitor);
    run_until(&count.lost, 1);
    watch_outcome(torc_port_stop(opened.pointer), &opened);
    assert_succeeded(&opened);
}

static void where_no_descriptor_can_pass_a_handshake_changes_nothing(void **state)
{
    torc_transport *transport = begin_behind_a_header();

    (void)state;
    assert_false(torc_send_descriptor(transport, dup(STDIN_FILENO)));
    torc_write(transport, TORC_SLICE("goes on"));
    assert_hears(client, "goes on", 7);
    close_proxy();
    run_until(&count.lost, 1);
}

/* -- what came along with it --------------------------------------------------------------- */

static void pause_it(torc_protocol *self)
{
    torc_pause_reading(self->transport);
}

static int knock(const char *text)
{
    int visitor;

    listen_on("haproxy:tcp:0:interface=127.0.0.1");
    visitor = plain_connect("127.0.0.1", torc_port_address(port).port);
    say(visitor, text);
    return visitor;
}

static void reading_paused_again_at_once_leaves_what_came_along_where_it_is(void **state)
{
    int visitor;

    (void)state;
    when_made = pause_it;
    visitor = knock("PROXY UNKNOWN\r\nfirst");
    run_until(&count.made, 1);
    torc_resume_reading(last->transport);
    torc_pause_reading(last->transport);
    run_turns(3);
    assert_int_equal(got_length, 0);
    torc_resume_reading(last->transport);
    run_until(&got_length, 5);
    close(visitor);
    run_until(&count.lost, 1);
}

static void reading_may_be_paused_by_what_came_along(void **state)
{
    int visitor;

    (void)state;
    when_data = pause_it;
    visitor = knock("PROXY UNKNOWN\r\nfirst");
    run_until(&got_length, 5);
    say(visitor, "second");
    run_turns(5);
    assert_int_equal(got_length, 5);
    torc_resume_reading(last->transport);
    run_until(&got_length, 11);
    close(visitor);
    torc_resume_reading(last->transport);
    run_until(&count.lost, 1);
}

static void abort_it(torc_protocol *self)
{
    torc_abort_connection(self->transport);
}

static void the_connection_may_be_aborted_by_what_came_along(void **state)
{
    int visitor;

    (void)state;
    when_data = abort_it;
    visitor = knock("PROXY UNKNOWN\r\nfirst");
    run_until(&count.lost, 1);
    assert_memory_equal(got, "first", 5);
    close(visitor);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_keepers, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_greeting_that_finds_no_room_leaves_when_there_is_some),
        TEST(a_connection_begins_only_when_its_header_has_left),
        TEST(an_answer_to_what_has_not_left_yet_is_heard_and_waits_for_it),
        TEST(a_greeting_that_cannot_be_sent_fails_the_connecting),
        TEST(a_proxy_that_resets_in_the_middle_fails_the_connecting),
        TEST(files_pass_a_handshake_and_each_half_ends_by_itself),
        TEST(descriptors_pass_a_handshake),
        TEST(where_no_descriptor_can_pass_a_handshake_changes_nothing),
        TEST(reading_paused_again_at_once_leaves_what_came_along_where_it_is),
        TEST(reading_may_be_paused_by_what_came_along),
        TEST(the_connection_may_be_aborted_by_what_came_along),
    };

    return run_endpoint_tests(tests);
}
