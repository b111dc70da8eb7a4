/*
 * What a message says about a question: whether it belongs to it at all, what it answers, for how
 * long nothing may be kept as known, and which aliases it names.
 */
#include "names/dns_answer.h"

#include "names/dns_type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

/* In words of the header. */
enum {
    RESPONSE = 0x8000,
    OF_STATUS = 0x1000,
    BY_AUTHORITY = 0x0400,
    CUT = 0x0200,
    ASKS_OTHERS = 0x0080,
};

enum { ID = 0x1234 };

#define ASKED   "\1a\0\0\1\0\1"                       /* A of "a." */
#define ADDRESS "\300\14\0\1\0\1\0\0\0\74\0\4\300\0\2\1" /* of the name asked for, 60 s */
#define ALIAS   "\300\14\0\5\0\1\0\0\0\36\0\3\1b\0"   /* "a." is "b.", 30 s */
#define OF_B    "\1b\0\0\1\0\1\0\0\0\24\0\4\300\0\2\2" /* A of "b.", 20 s */

/* SOA of the root with names of no label, for 3 hours and 4, but at least 5. */
#define AUTHORITY(ttl, minimum) \
    "\0\0\6\0\1\0\0" ttl "\0\26\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0" minimum

typedef struct message {
    uint16_t flags;
    uint8_t counts[3]; /* questions, answers, authorities */
    const char *body;
    size_t length;
} message;

#define MESSAGE(flags, questions, answers, authorities, body) \
    ((message){ (flags), { (questions), (answers), (authorities) }, (body), sizeof(body) - 1 })

static uint8_t scratch_bytes[4096];
static torc__answer answer;

static torc__answer_kind read_as(const message *given, uint16_t id, const char *name,
    size_t name_length, uint16_t type, bool edns, unsigned aliases)
{
    torc__dns_bytes scratch = { .bytes = scratch_bytes, .size = sizeof scratch_bytes };
    size_t length = 12 + given->length;
    uint8_t *bytes = calloc(1, length); /* of just its length, for who reads beyond */

    assert_non_null(bytes);
    bytes[0] = ID >> 8;
    bytes[1] = ID & 255;
    bytes[2] = (uint8_t)(given->flags >> 8);
    bytes[3] = (uint8_t)(given->flags & 255);
    for (size_t i = 0; i < 3; i++)
        bytes[5 + 2 * i] = given->counts[i];
    memcpy(bytes + 12, given->body, given->length);
    torc__answer_read(torc_slice_make(bytes, length), id, torc_slice_make(name, name_length), type,
        edns, aliases, &scratch, &answer);
    free(bytes);
    return answer.kind;
}

static torc__answer_kind read_of(message given)
{
    return read_as(&given, ID, "\1a\0", 3, TORC_RECORD_A, false, 0);
}

/* -- belonging ----------------------------------------------------------------------------- */

static void what_is_no_answer_to_the_question_is_ignored(void **state)
{
    const message good = MESSAGE(RESPONSE, 1, 1, 0, ASKED ADDRESS);
    static const char *const questions[] = {
        "\1b\0\0\1\0\1", "\1a\0\0\2\0\1", "\1a\0\0\1\0\3",
    };

    (void)state;
    assert_int_equal(read_of(good), TORC__ANSWER_RECORDS);
    assert_int_equal(
        read_as(&good, ID + 1, "\1a\0", 3, TORC_RECORD_A, false, 0), TORC__ANSWER_IGNORED);
    assert_int_equal(read_of(MESSAGE(0, 1, 1, 0, ASKED ADDRESS)), TORC__ANSWER_IGNORED);
    assert_int_equal(
        read_of(MESSAGE(RESPONSE | OF_STATUS, 1, 1, 0, ASKED ADDRESS)), TORC__ANSWER_IGNORED);
    assert_int_equal(read_of(MESSAGE(RESPONSE, 2, 0, 0, ASKED ASKED)), TORC__ANSWER_IGNORED);
    assert_int_equal(read_of(MESSAGE(RESPONSE, 1, 0, 0, "\1a")), TORC__ANSWER_IGNORED);
    for (size_t i = 0; i < 3; i++) {
        message other = { RESPONSE, { 1, 0, 0 }, questions[i], 7 };

        assert_int_equal(read_of(other), TORC__ANSWER_IGNORED);
    }
    assert_int_equal(
        read_as(&good, ID, "\1A\0", 3, TORC_RECORD_A, false, 0), TORC__ANSWER_OTHER_CASE);
}

static void a_message_that_breaks_off_is_ignored(void **state)
{
    message whole = MESSAGE(RESPONSE, 1, 2, 0, ASKED ALIAS OF_B);

    (void)state;
    assert_int_equal(read_of(whole), TORC__ANSWER_RECORDS);
    while (whole.length-- > 0)
        assert_int_equal(read_of(whole), TORC__ANSWER_IGNORED);
}

static void without_a_question_only_a_refusal_of_it_is_heard(void **state)
{
    (void)state;
    assert_int_equal(read_of(MESSAGE(RESPONSE, 0, 0, 0, "")), TORC__ANSWER_IGNORED);
    assert_int_equal(read_of(MESSAGE(RESPONSE | TORC__DNS_SERVER_FAILURE, 0, 0, 0, "")),
        TORC__ANSWER_IGNORED);
    assert_int_equal(
        read_of(MESSAGE(RESPONSE | TORC__DNS_FORMAT_ERROR, 0, 0, 0, "")), TORC__ANSWER_NO_HELP);
    assert_int_equal(
        read_of(MESSAGE(RESPONSE | TORC__DNS_NOT_IMPLEMENTED, 0, 0, 0, "")), TORC__ANSWER_NO_HELP);
}

/* -- codes --------------------------------------------------------------------------------- */

static void codes_that_blame_edns_are_a_reason_to_ask_without(void **state)
{
    static const struct {
        uint16_t code;
        torc__answer_kind with, without;
    } cases[] = {
        { TORC__DNS_FORMAT_ERROR, TORC__ANSWER_NO_EDNS, TORC__ANSWER_NO_HELP },
        { TORC__DNS_NOT_IMPLEMENTED, TORC__ANSWER_NO_EDNS, TORC__ANSWER_NO_HELP },
        { TORC__DNS_SERVER_FAILURE, TORC__ANSWER_NO_HELP, TORC__ANSWER_NO_HELP },
        { TORC__DNS_REFUSED, TORC__ANSWER_NO_HELP, TORC__ANSWER_NO_HELP },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        message given = MESSAGE(RESPONSE, 1, 0, 0, ASKED);

        given.flags |= cases[i].code;
        assert_int_equal(
            read_as(&given, ID, "\1a\0", 3, TORC_RECORD_A, true, 0), cases[i].with);
        assert_int_equal(
            read_as(&given, ID, "\1a\0", 3, TORC_RECORD_A, false, 0), cases[i].without);
        assert_int_equal(answer.code, cases[i].code);
    }
}

static void of_what_is_cut_nothing_is_read(void **state)
{
    (void)state;
    assert_int_equal(read_of(MESSAGE(RESPONSE | CUT, 1, 9, 0, ASKED)), TORC__ANSWER_TRUNCATED);
}

/* -- nothing ------------------------------------------------------------------------------- */

static void that_there_is_nothing_holds_as_long_as_the_authority_says(void **state)
{
    const message none = MESSAGE(
        RESPONSE | TORC__DNS_NO_NAME, 1, 0, 1, ASKED AUTHORITY("\0\74", "\0\36"));
    const message shorter = MESSAGE(
        RESPONSE | TORC__DNS_NO_NAME, 1, 0, 2,
        ASKED AUTHORITY("\0\12", "\0\36") AUTHORITY("\0\1", "\0\1"));
    const message endless = MESSAGE(
        RESPONSE, 1, 0, 1, ASKED "\0\0\6\0\1\0\x10\0\0\0\26\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4"
        "\0\x10\0\0");

    (void)state;
    assert_int_equal(read_of(none), TORC__ANSWER_NO_NAME);
    assert_int_equal(answer.ttl, 30);
    assert_int_equal(read_of(shorter), TORC__ANSWER_NO_NAME);
    assert_int_equal(answer.ttl, 10); /* the first that is given counts */
    assert_int_equal(read_of(endless), TORC__ANSWER_NO_DATA);
    assert_true(answer.ttl < 0x100000); /* bounded */
    assert_int_equal(read_of(MESSAGE(RESPONSE | TORC__DNS_NO_NAME, 1, 0, 0, ASKED)),
        TORC__ANSWER_NO_NAME);
    assert_int_equal(answer.ttl, 0);
}

static void who_neither_knows_nor_asks_is_no_help(void **state)
{
    (void)state;
    assert_int_equal(read_of(MESSAGE(RESPONSE, 1, 0, 0, ASKED)), TORC__ANSWER_NO_HELP);
    assert_int_equal(
        read_of(MESSAGE(RESPONSE | BY_AUTHORITY, 1, 0, 0, ASKED)), TORC__ANSWER_NO_DATA);
    assert_int_equal(
        read_of(MESSAGE(RESPONSE | ASKS_OTHERS, 1, 0, 0, ASKED)), TORC__ANSWER_NO_DATA);
}

/* -- aliases ------------------------------------------------------------------------------- */

static void an_alias_is_followed_in_whatever_order_it_comes(void **state)
{
    (void)state;
    assert_int_equal(
        read_of(MESSAGE(RESPONSE, 1, 2, 0, ASKED OF_B ALIAS)), TORC__ANSWER_RECORDS);
    assert_int_equal(answer.aliases, 1);
    assert_int_equal(answer.ttl, 20);
    assert_memory_equal(answer.name.wire, "\1b\0", 3);
    assert_int_equal(read_of(MESSAGE(RESPONSE, 1, 1, 0, ASKED ALIAS)), TORC__ANSWER_ALIAS);
    assert_int_equal(answer.ttl, 30);
    assert_int_equal(
        read_of(MESSAGE(RESPONSE | TORC__DNS_NO_NAME, 1, 1, 0, ASKED ALIAS)),
        TORC__ANSWER_NO_NAME);
}

static void an_alias_beside_records_is_passed_over(void **state)
{
    (void)state;
    assert_int_equal(
        read_of(MESSAGE(RESPONSE, 1, 3, 0, ASKED ADDRESS ALIAS OF_B)), TORC__ANSWER_RECORDS);
    assert_int_equal(answer.aliases, 0);
    assert_int_equal(answer.count, 1);
}

static void aliases_that_lead_to_each_other_come_to_an_end(void **state)
{
    static const char back[] = ASKED ALIAS "\1b\0\0\5\0\1\0\0\0\36\0\3\1a\0";
    message given = { RESPONSE, { 1, 2, 0 }, back, sizeof back - 1 };

    (void)state;
    assert_int_equal(read_of(given), TORC__ANSWER_TOO_MANY);
}

static void records_of_another_class_or_empty_ones_do_not_count(void **state)
{
    (void)state;
    assert_int_equal(read_of(MESSAGE(RESPONSE | BY_AUTHORITY, 1, 2, 0, ASKED
        "\300\14\0\1\0\3\0\0\0\74\0\4\300\0\2\1"
        "\300\14\0\20\0\1\0\0\0\74\0\2\1x")), TORC__ANSWER_NO_DATA);
    assert_int_equal(answer.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_answer_to_the_question_is_ignored),
        cmocka_unit_test(a_message_that_breaks_off_is_ignored),
        cmocka_unit_test(without_a_question_only_a_refusal_of_it_is_heard),
        cmocka_unit_test(codes_that_blame_edns_are_a_reason_to_ask_without),
        cmocka_unit_test(of_what_is_cut_nothing_is_read),
        cmocka_unit_test(that_there_is_nothing_holds_as_long_as_the_authority_says),
        cmocka_unit_test(who_neither_knows_nor_asks_is_no_help),
        cmocka_unit_test(an_alias_is_followed_in_whatever_order_it_comes),
        cmocka_unit_test(an_alias_beside_records_is_passed_over),
        cmocka_unit_test(aliases_that_lead_to_each_other_come_to_an_end),
        cmocka_unit_test(records_of_another_class_or_empty_ones_do_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
