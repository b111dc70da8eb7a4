/*
 * Answers that are no answers, from servers and from others who would like to be taken for one.
 */
#include "resolver_setting.h"

static void (*lie)(uint8_t *bytes, size_t *length);

static void answer_with_a_lie_first(const query *asked)
{
    uint8_t bytes[TORC__DNS_MESSAGE_MAX];
    torc_slice honest = answer_of(asked, &server.header, 8, bytes, sizeof bytes);
    size_t length = honest.length;

    lie(bytes, &length);
    send_bytes(asked, torc_slice_make(bytes, length));
    answer_honestly(asked);
}

static void lie_id(uint8_t *bytes, size_t *length)
{
    (void)length;
    bytes[0] ^= 1;
    bytes[*length - 12] ^= 0xff;
}

static void lie_question(uint8_t *bytes, size_t *length)
{
    (void)length;
    bytes[13] = 'x';
}

static void lie_no_response(uint8_t *bytes, size_t *length)
{
    (void)length;
    bytes[2] &= 0x7f;
}

static void lie_type(uint8_t *bytes, size_t *length)
{
    (void)length;
    bytes[12 + 10 + 1] = 2;
}

static void lie_cut_anywhere(uint8_t *bytes, size_t *length)
{
    (void)bytes;
    *length -= 5;
}

static void lie_loop(uint8_t *bytes, size_t *length)
{
    /* The first answer's name points to itself. */
    bytes[12 + 10 + 4] = 0xc0;
    bytes[12 + 10 + 5] = 12 + 10 + 4;
    (void)length;
}

static void lie_counts(uint8_t *bytes, size_t *length)
{
    (void)length;
    bytes[6] = 0xff;
}

static void lie_oversize(uint8_t *bytes, size_t *length)
{
    memset(bytes + *length, 0, 9000 - *length);
    *length = 9000;
}

static void lie_empty(uint8_t *bytes, size_t *length)
{
    (void)bytes;
    *length = 0;
}

static void what_does_not_belong_to_the_question_is_ignored(void **state)
{
    static void (*const lies[])(uint8_t *, size_t *) = { lie_id, lie_question, lie_no_response,
        lie_type, lie_cut_anywhere, lie_loop, lie_counts, lie_oversize, lie_empty };

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        torc_resolver *resolver = plain_resolver();
        outcome seen;

        server.zone = zone;
        server.behave = answer_with_a_lie_first;
        server.queries = 0;
        lie = lies[i];
        look_up(resolver, "www.test", TORC_RECORD_A, &seen);
        assert_string_equal(
            seen.text, "www.test. 60 IN A 192.0.2.1\nwww.test. 60 IN A 192.0.2.2");
        assert_int_equal(server.queries, 1);
        assert_int_equal(server.streams, 0);
    }
}

static void answer_many_lies(const query *asked)
{
    uint8_t bytes[TORC__DNS_MESSAGE_MAX];
    torc_slice honest = answer_of(asked, &server.header, 8, bytes, sizeof bytes);
    size_t length = honest.length;

    if (asked->stream >= 0) {
        answer_honestly(asked);
        return;
    }
    lie_id(bytes, &length);
    for (int i = 0; i < 64; i++)
        send_bytes(asked, torc_slice_make(bytes, length));
}

static void after_many_lies_it_is_asked_by_a_stream(void **state)
{
    torc_resolver *resolver = plain_resolver();
    outcome seen;

    (void)state;
    server.zone = zone;
    server.behave = answer_many_lies;
    look_up(resolver, "www.test", TORC_RECORD_A, &seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(server.streams, 1);
    assert_true(torc_resolver_count(resolver).ignored >= 32);
}

static void say_nothing_but_by_streams(const query *asked)
{
    if (asked->stream >= 0)
        answer_honestly(asked);
}

static void start_four(torc_resolver *resolver, outcome seen[4])
{
    static const torc_record_type types[4] = {
        TORC_RECORD_MX, TORC_RECORD_A, TORC_RECORD_TXT, TORC_RECORD_SRV };
    static const char *const names[4] = { "mail.test", "www.test", "text.test", "_sip._udp.test" };

    for (size_t i = 0; i < 4; i++)
        start_records(resolver, names[i], types[i], &seen[i]);
}

static void run_until_four(outcome seen[4])
{
    for (size_t i = 0; i < 4; i++) {
        run_until(&seen[i]);
        assert_null(seen[i].failure);
    }
}

static void after_many_lies_the_socket_is_given_up(void **state)
{
    torc_resolver *resolver = plain_resolver();
    uint8_t guess[12] = { 0, 0, 0x80 };
    query forged = { .server = &server, .stream = -1 };
    outcome seen[4];
    outcome next;

    (void)state;
    server.zone = zone;
    server.behave = say_nothing_but_by_streams;
    start_four(resolver, seen);
    while (server.queries < 4)
        run_turns(1);
    /* Fewer than are borne, and then more. */
    forged.peer.sin_family = AF_INET;
    forged.peer.sin_port = htons(server.last_port);
    forged.peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 31; i++)
        send_bytes(&forged, torc_slice_make(guess, 1));
    run_turns(3);
    assert_int_equal(torc_resolver_count(resolver).ignored, 31);
    assert_int_equal(server.streams, 0);
    send_bytes(&forged, torc_slice_make(guess, 1));
    run_until_four(seen);
    assert_int_equal(server.streams, 4);
    /* Nobody hears what is sent to it now, and the next question leaves from elsewhere. */
    server.behave = answer_honestly;
    send_bytes(&forged, torc_slice_make(guess, sizeof guess));
    forged.peer.sin_port = 0;
    look_up(resolver, "second.test", TORC_RECORD_A, &next);
    assert_int_equal(next.count, 2);
    assert_int_equal(server.queries, 5);
    assert_int_equal(torc_resolver_count(resolver).ignored, 32);
}

static query waiting[4];

static void answer_the_first_with_the_ids_of_others(const query *asked)
{
    int at = server.queries - 1;
    uint8_t bytes[512];

    waiting[at] = *asked;
    if (at < 3)
        return;
    for (int i = 0; i < 4; i++) {
        torc_slice honest = answer_of(asked, &server.header, 8, bytes, sizeof bytes);

        memcpy(bytes, waiting[i].bytes, 2);
        send_bytes(asked, honest);
    }
}

static void an_answer_under_the_id_of_another_question_is_ignored(void **state)
{
    torc_resolver *resolver = resolver_with(&(torc_resolver_options){
        .timeout = 50 * TORC_MILLISECOND, .attempts = 1 });
    outcome seen[4];
    int answered = 0;

    (void)state;
    server.zone = zone;
    server.behave = answer_the_first_with_the_ids_of_others;
    start_four(resolver, seen);
    for (size_t i = 0; i < 4; i++) {
        run_until(&seen[i]);
        answered += seen[i].failure == NULL;
    }
    assert_int_equal(answered, 1);
    assert_int_equal(torc_resolver_count(resolver).ignored, 3);
}

enum { LATE = 60 };

static query late[LATE];

static void keep_for_later(const query *asked)
{
    if (server.queries <= LATE)
        late[server.queries - 1] = *asked;
}

static void answers_that_come_too_late_are_no_attack(void **state)
{
    torc_resolver *resolver = plain_resolver();
    torc_scope *impatient = torc_scope_new(scope);
    outcome seen;

    (void)state;
    server.zone = zone;
    server.behave = keep_for_later;
    for (size_t i = 0; i < LATE - 1; i++) {
        char name[32];

        snprintf(name, sizeof name, "n%zu.test", i);
        (void)torc_look_up_by(resolver, impatient, name, TORC_RECORD_A);
    }
    start_records(resolver, "www.test", TORC_RECORD_A, &seen);
    while (server.queries < LATE)
        run_turns(1);
    torc_scope_end(impatient);
    for (size_t i = 0; i < LATE; i++) {
        assert_int_equal(torc__dns_message_read(
            torc_slice_make(late[i].bytes, late[i].length), &late[i].message), TORC__DNS_OK);
        answer_honestly(&late[i]);
        torc__free(late[i].message);
    }
    run_until(&seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(server.queries, LATE);
    assert_int_equal(server.streams, 0);
    assert_int_equal(torc_resolver_count(resolver).ignored, LATE - 1);
}

static void answer_in_lower_case(const query *asked)
{
    uint8_t bytes[512];
    torc_slice honest = answer_of(asked, &server.header, 8, bytes, sizeof bytes);

    for (size_t i = 12; i < 40 && asked->stream < 0; i++)
        if (bytes[i] >= 'A' && bytes[i] <= 'Z')
            bytes[i] |= 0x20;
    send_bytes(asked, honest);
}

static void a_server_that_does_not_keep_case_is_asked_by_a_stream(void **state)
{
    torc_resolver *resolver = plain_resolver();
    outcome seen;

    (void)state;
    server.zone = "a-long-name-with-many-letters.test. 60 A 192.0.2.1\n";
    server.behave = answer_in_lower_case;
    look_up(resolver, "a-long-name-with-many-letters.test", TORC_RECORD_A, &seen);
    assert_int_equal(seen.count, 1);
    assert_int_equal(server.streams, 1);
}

static void answer_from_another_port(const query *asked)
{
    query elsewhere = *asked;
    static uint8_t bytes[512];
    name_server stranger = *asked->server;

    stranger.udp = second.udp;
    elsewhere.server = &stranger;
    send_bytes(&elsewhere, answer_of(asked, &server.header, 8, bytes, sizeof bytes));
}

static void what_comes_from_elsewhere_is_not_seen(void **state)
{
    torc_resolver *resolver = resolver_with(&(torc_resolver_options){
        .timeout = 30 * TORC_MILLISECOND, .attempts = 2 });
    outcome seen;

    (void)state;
    server.zone = zone;
    server.behave = answer_from_another_port;
    look_up(resolver, "www.test", TORC_RECORD_A, &seen);
    assert_ptr_equal(seen.failure, &torc_error_timeout);
    assert_int_equal(server.queries, 2);
    assert_int_equal(torc_resolver_count(resolver).ignored, 0);
}

static void aliases_in_a_circle_come_to_an_end(void **state)
{
    torc_resolver *resolver = plain_resolver();
    outcome seen;

    (void)state;
    server.add_soa = false;
    server.zone = "a.test. CNAME b.test.\nb.test. CNAME a.test.\n";
    look_up(resolver, "a.test", TORC_RECORD_A, &seen);
    assert_ptr_equal(seen.failure, &torc_error_name_server);
    server.behave = answer_one_alias;
    look_up(resolver, "b.test", TORC_RECORD_A, &seen);
    assert_ptr_equal(seen.failure, &torc_error_name_server);
    assert_true(server.queries < 15);
}

static uint16_t ids[40];
static uint16_t ports[40];

static void note_and_answer(const query *asked)
{
    int at = server.queries - 1;

    ids[at] = asked->message->header.id;
    ports[at] = server.last_port;
    answer_honestly(asked);
}

static void ids_and_ports_are_not_to_be_guessed(void **state)
{
    torc_resolver *resolver =
        resolver_with(&(torc_resolver_options){ .no_cache = true, .fresh_ports = true });
    int in_order = 0;
    int same_port = 0;
    outcome seen;

    (void)state;
    server.zone = zone;
    server.behave = note_and_answer;
    for (int i = 0; i < 40; i++)
        look_up(resolver, "www.test", TORC_RECORD_A, &seen);
    for (int i = 1; i < 40; i++) {
        in_order += (uint16_t)(ids[i] - ids[i - 1]) < 64;
        same_port += ports[i] == ports[i - 1];
    }
    assert_true(in_order < 5);
    assert_true(same_port < 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVERS(what_does_not_belong_to_the_question_is_ignored),
        WITH_SERVERS(after_many_lies_it_is_asked_by_a_stream),
        WITH_SERVERS(after_many_lies_the_socket_is_given_up),
        WITH_SERVERS(an_answer_under_the_id_of_another_question_is_ignored),
        WITH_SERVERS(answers_that_come_too_late_are_no_attack),
        WITH_SERVERS(a_server_that_does_not_keep_case_is_asked_by_a_stream),
        WITH_SERVERS(what_comes_from_elsewhere_is_not_seen),
        WITH_SERVERS(aliases_in_a_circle_come_to_an_end),
        WITH_SERVERS(ids_and_ports_are_not_to_be_guessed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
