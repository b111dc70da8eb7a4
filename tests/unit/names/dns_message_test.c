/*
 * Messages on the wire: names and their compression, hostile ones first; heads, EDNS, records.
 */
#include "names/dns_message.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static torc__dns_name name_of(const char *text)
{
    torc__dns_name name;

    assert_true(torc__dns_name_parse(torc_slice_of(text), torc_slice_make(NULL, 0), &name));
    return name;
}

/* -- names --------------------------------------------------------------------------------- */

static void names_are_read_and_written(void **state)
{
    static const struct {
        const char *text;
        const char *written; /* NULL: as it is read */
    } cases[] = {
        { ".", NULL },
        { "example.org.", NULL },
        { "example.org", "example.org." },
        { "a\\.b.c.", NULL },
        { "a\\046b.c.", "a\\.b.c." },
        { "\\000\\032\\255.", NULL },
        { "*.Example.", NULL },
        { "a\\\\.", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        torc__dns_name name = name_of(cases[i].text);
        char text[TORC_NAME_TEXT_MAX];

        torc__dns_name_text(torc__dns_name_slice(&name), text);
        assert_string_equal(text, cases[i].written != NULL ? cases[i].written : cases[i].text);
    }
}

static void what_is_no_name_is_refused(void **state)
{
    static const char *const cases[] = { "", "..", ".a", "a..", "a..b", "a\\", "a\\25", "a\\256" };
    char label[70] = "";
    char longest[300] = "";
    torc__dns_name name;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_false(torc__dns_name_parse(torc_slice_of(cases[i]), TORC_SLICE(""), &name));
    memset(label, 'a', 63);
    assert_true(torc__dns_name_parse(torc_slice_of(label), TORC_SLICE(""), &name));
    label[63] = 'a';
    assert_false(torc__dns_name_parse(torc_slice_of(label), TORC_SLICE(""), &name));
    for (size_t i = 0; i < 254; i += 2) {
        longest[i] = 'a';
        longest[i + 1] = '.';
    }
    assert_true(torc__dns_name_parse(torc_slice_make(longest, 254), TORC_SLICE(""), &name));
    assert_int_equal(name.length, 255);
    assert_int_equal(torc__dns_name_labels(torc__dns_name_slice(&name)), 127);
    longest[254] = 'a';
    assert_false(torc__dns_name_parse(torc_slice_make(longest, 255), TORC_SLICE(""), &name));
}

static void names_compare_without_case_and_label_by_label(void **state)
{
    torc__dns_name name = name_of("WWW.Example.ORG");
    torc__dns_name parent = name_of("example.org");
    torc__dns_name tail = name_of("ample.org");
    torc__dns_name same = name_of("www.example.org");

    (void)state;
    assert_true(torc__dns_name_equal(torc__dns_name_slice(&name), torc__dns_name_slice(&same)));
    assert_true(
        torc__dns_name_is_within(torc__dns_name_slice(&name), torc__dns_name_slice(&parent)));
    assert_true(
        torc__dns_name_is_within(torc__dns_name_slice(&name), torc__dns_name_slice(&same)));
    assert_false(
        torc__dns_name_is_within(torc__dns_name_slice(&name), torc__dns_name_slice(&tail)));
    assert_false(
        torc__dns_name_is_within(torc__dns_name_slice(&parent), torc__dns_name_slice(&name)));
    torc__dns_name_lower(&name);
    assert_memory_equal(name.wire, same.wire, same.length);
}

/* -- hostile names ------------------------------------------------------------------------- */

/* Whether the name at `offset` behind a header of zeros can be read. */
static bool can_read(const char *bytes, size_t length, size_t offset)
{
    uint8_t message[TORC__DNS_MESSAGE_MAX] = { 0 };
    torc__dns_name name;

    memcpy(message + TORC__DNS_HEADER_SIZE, bytes, length);
    offset += TORC__DNS_HEADER_SIZE;
    return torc__dns_name_read(
        torc_slice_make(message, TORC__DNS_HEADER_SIZE + length), &offset, &name);
}

static void pointers_that_loop_or_lead_forward_or_outside_are_refused(void **state)
{
    (void)state;
    assert_true(can_read("\1a\0\1b\xc0\x0c", 7, 3));
    assert_false(can_read("\xc0\x0c", 2, 0));         /* to itself */
    assert_false(can_read("\xc0\x0e\xc0\x0c", 4, 0)); /* forward */
    assert_false(can_read("\xc0\x0e\xc0\x0c", 4, 2)); /* back, then forward: a loop of two */
    assert_false(can_read("\1a\xc0\x0c", 4, 0));      /* into the name that it ends */
    assert_false(can_read("\1a\0\xc0\x00", 5, 3));    /* into the header */
    assert_false(can_read("\1a\0\xff\xff", 5, 3));    /* far outside */
    assert_false(can_read("\1a\0\xc0", 4, 3));        /* half of one */
    assert_false(can_read("\x40" "a\0", 3, 0));       /* kinds of labels that are none */
    assert_false(can_read("\x80" "a\0", 3, 0));
    assert_false(can_read("\5ab", 3, 0));             /* longer than what is there */
    assert_false(can_read("\1a", 2, 0));              /* no end */
}

static void a_name_that_pointers_make_too_long_is_refused(void **state)
{
    char bytes[1024];
    size_t length = 0;

    (void)state;
    bytes[length++] = 0;
    /* Each name is a label of 63 bytes and the name before it: the fifth has 257 bytes. */
    for (size_t i = 0, before = 0; i < 5; i++) {
        size_t here = length;

        bytes[length++] = 63;
        memset(bytes + length, 'x', 63);
        length += 63;
        bytes[length++] = (char)(0xc0 | (before + TORC__DNS_HEADER_SIZE) >> 8);
        bytes[length++] = (char)(before + TORC__DNS_HEADER_SIZE);
        assert_int_equal(can_read(bytes, length, here), i < 3);
        before = here;
    }
}

static void a_long_chain_of_pointers_is_refused(void **state)
{
    static char bytes[2 + 2 * 4000];
    size_t length = 1;

    (void)state;
    bytes[0] = 0;
    for (size_t i = 0, before = 0; i < 1000; i++) {
        size_t here = length;

        bytes[length++] = (char)(0xc0 | (before + TORC__DNS_HEADER_SIZE) >> 8);
        bytes[length++] = (char)(before + TORC__DNS_HEADER_SIZE);
        before = here;
        assert_int_equal(can_read(bytes, length, here), i < 128);
    }
}

/* -- messages ------------------------------------------------------------------------------ */

static torc_slice write_example(uint8_t *bytes, size_t size, bool *ret_whole)
{
    torc__dns_header header = {
        .id = 0x1234, .is_response = true, .recursion_desired = true, .recursion_available = true,
        .code = TORC__DNS_BAD_VERSION,
    };
    torc__dns_edns edns = {
        .present = true, .dnssec_ok = true, .size = 1232, .options = { "\0\12\0\2ab", 6 },
    };
    torc__dns_name name = name_of("www.example.org");
    torc__dns_name mail = name_of("mail.example.org");
    uint8_t mx[2 + TORC__DNS_NAME_MAX] = { 0, 10 };
    torc__dns_question question = { torc__dns_name_slice(&name), TORC_RECORD_MX, 1 };
    torc__dns_record record = { torc__dns_name_slice(&name), TORC_RECORD_MX, 1, 300,
        { (const char *)mx, 2 + (size_t)mail.length } };
    torc__dns_record address = { torc__dns_name_slice(&mail), TORC_RECORD_A, 1, 60,
        { "\xc0\0\2\1", 4 } };
    torc__dns_writer writer;

    memcpy(mx + 2, mail.wire, mail.length);
    torc__dns_writer_begin(&writer, bytes, size, &header, &edns);
    *ret_whole = torc__dns_writer_question(&writer, &question);
    *ret_whole &= torc__dns_writer_record(&writer, TORC__DNS_ANSWER, &record);
    *ret_whole &= torc__dns_writer_record(&writer, TORC__DNS_ADDITIONAL, &address);
    return torc__dns_writer_end(&writer);
}

static void a_message_is_read_as_it_was_written(void **state)
{
    uint8_t bytes[512];
    bool whole;
    torc_slice message = write_example(bytes, sizeof bytes, &whole);
    torc__dns_message *read;
    torc__dns_name mail = name_of("mail.example.org");

    (void)state;
    assert_true(whole);
    /* www.example.org once; then a pointer to it, mail and a pointer, and a pointer to that. */
    assert_int_equal(message.length, 12 + 21 + (2 + 10 + 2 + 7) + (2 + 10 + 4) + 11 + 6);
    assert_int_equal(torc__dns_message_read(message, &read), TORC__DNS_OK);
    assert_int_equal(read->header.id, 0x1234);
    assert_true(read->header.is_response && read->header.recursion_available);
    assert_false(read->header.truncated);
    assert_int_equal(read->header.code, TORC__DNS_BAD_VERSION);
    assert_true(read->edns.present && read->edns.dnssec_ok);
    assert_int_equal(read->edns.size, 1232);
    assert_int_equal(read->edns.options.length, 6);
    assert_int_equal(read->question_count, 1);
    assert_int_equal(read->counts[TORC__DNS_ANSWER], 1);
    assert_int_equal(read->counts[TORC__DNS_ADDITIONAL], 1);
    assert_true(torc_slice_equal(
        torc_slice_skip(read->records[TORC__DNS_ANSWER][0].data, 2), torc__dns_name_slice(&mail)));
    torc__free(read);
}

static void what_does_not_fit_is_left_out_and_the_message_stays_whole(void **state)
{
    (void)state;
    for (size_t size = 12 + 11 + 6 + 21; size < 100; size++) {
        uint8_t bytes[512];
        bool whole;
        torc_slice message = write_example(bytes, size, &whole);
        torc__dns_message *read;

        assert_true(message.length <= size);
        assert_int_equal(torc__dns_message_read(message, &read), TORC__DNS_OK);
        assert_int_equal(
            whole, read->question_count == 1 && read->counts[1] + read->counts[3] == 2);
        assert_true(read->edns.present);
        torc__free(read);
    }
}

static void a_message_that_is_cut_anywhere_is_refused(void **state)
{
    uint8_t bytes[512];
    bool whole;
    torc_slice message = write_example(bytes, sizeof bytes, &whole);
    torc__dns_message *read;

    (void)state;
    for (size_t length = 0; length < message.length; length++)
        assert_int_equal(torc__dns_message_read(torc_slice_first(message, length), &read),
            TORC__DNS_MALFORMED);
    bytes[message.length] = 0;
    assert_int_equal(torc__dns_message_read(torc_slice_make(bytes, message.length + 1), &read),
        TORC__DNS_MALFORMED);
}

static torc__dns_outcome read_records(const char *records, size_t length, uint8_t answers,
    uint8_t additional)
{
    uint8_t bytes[512] = { 0 };
    torc__dns_message *read = NULL;
    torc__dns_outcome outcome;

    bytes[7] = answers;
    bytes[11] = additional;
    memcpy(bytes + TORC__DNS_HEADER_SIZE, records, length);
    outcome = torc__dns_message_read(
        torc_slice_make(bytes, TORC__DNS_HEADER_SIZE + length), &read);
    torc__free(read);
    return outcome;
}

static void records_whose_data_is_not_their_types_are_refused(void **state)
{
    (void)state;
    assert_int_equal(read_records("\0\0\1\0\1\0\0\0\0\0\4abcd", 15, 1, 0), TORC__DNS_OK);
    assert_int_equal(read_records("\0\0\1\0\1\0\0\0\0\0\5abcde", 16, 1, 0), TORC__DNS_MALFORMED);
    assert_int_equal(read_records("\0\0\1\0\1\0\0\0\0\0\3abc", 14, 1, 0), TORC__DNS_MALFORMED);
    /* MX with bytes behind its name, and without one */
    assert_int_equal(
        read_records("\0\0\x0f\0\1\0\0\0\0\0\4\0\1\0x", 15, 1, 0), TORC__DNS_MALFORMED);
    assert_int_equal(read_records("\0\0\x0f\0\1\0\0\0\0\0\2\0\1", 13, 1, 0), TORC__DNS_MALFORMED);
    /* a name that goes on behind its record */
    assert_int_equal(
        read_records("\0\0\5\0\1\0\0\0\0\0\1\1a\0", 14, 1, 0), TORC__DNS_MALFORMED);
    /* TXT whose string is longer than it */
    assert_int_equal(read_records("\0\0\x10\0\1\0\0\0\0\0\2\2a", 13, 1, 0), TORC__DNS_MALFORMED);
    /* more records than there are */
    assert_int_equal(read_records("\0\0\1\0\1\0\0\0\0\0\4abcd", 15, 2, 0), TORC__DNS_MALFORMED);
}

static void there_is_one_opt_record_in_its_place_at_most(void **state)
{
    static const char opt[] = "\0\0\51\4\xd0\0\0\0\0\0\0" "\0\0\51\4\xd0\0\0\0\0\0\0";

    (void)state;
    assert_int_equal(read_records(opt, 11, 0, 1), TORC__DNS_OK);
    assert_int_equal(read_records(opt, 11, 1, 0), TORC__DNS_MALFORMED);
    assert_int_equal(read_records(opt, 22, 0, 2), TORC__DNS_MALFORMED);
    assert_int_equal(read_records("\0\0\51\4\xd0\0\0\0\0\0\4\0\3\0\1", 15, 0, 1),
        TORC__DNS_MALFORMED);
}

static void a_message_that_grows_too_much_is_refused(void **state)
{
    static uint8_t bytes[TORC__DNS_MESSAGE_MAX];
    size_t length = TORC__DNS_HEADER_SIZE;
    torc__dns_message *read;
    uint16_t count = 0;

    (void)state;
    /* A name of 255 bytes, and then CNAMEs of 14 bytes from it to it. */
    memset(bytes, 0, sizeof bytes);
    for (size_t i = 0; i < 254; i += 2) {
        bytes[length + i] = 1;
        bytes[length + i + 1] = 'a';
    }
    length += 255;
    torc__dns_set16(bytes + 4, 1);
    torc__dns_set16(bytes + length, 1);
    torc__dns_set16(bytes + length + 2, 1);
    length += 4;
    for (; length + 14 <= sizeof bytes; length += 14, count++)
        memcpy(bytes + length, "\xc0\x0c\0\5\0\1\0\0\0\0\0\2\xc0\x0c", 14);
    torc__dns_set16(bytes + 6, count);
    assert_int_equal(
        torc__dns_message_read(torc_slice_make(bytes, length), &read), TORC__DNS_MALFORMED);
}

static void a_ttl_with_its_highest_bit_set_is_zero(void **state)
{
    uint8_t bytes[64] = { 0 };
    torc__dns_message *read;

    (void)state;
    bytes[7] = 1;
    memcpy(bytes + 12, "\0\0\1\0\1\x80\0\0\1\0\4abcd", 15);
    assert_int_equal(torc__dns_message_read(torc_slice_make(bytes, 27), &read), TORC__DNS_OK);
    assert_int_equal(read->records[TORC__DNS_ANSWER][0].ttl, 0);
    torc__free(read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_and_written),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(names_compare_without_case_and_label_by_label),
        cmocka_unit_test(pointers_that_loop_or_lead_forward_or_outside_are_refused),
        cmocka_unit_test(a_name_that_pointers_make_too_long_is_refused),
        cmocka_unit_test(a_long_chain_of_pointers_is_refused),
        cmocka_unit_test(a_message_is_read_as_it_was_written),
        cmocka_unit_test(what_does_not_fit_is_left_out_and_the_message_stays_whole),
        cmocka_unit_test(a_message_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(records_whose_data_is_not_their_types_are_refused),
        cmocka_unit_test(there_is_one_opt_record_in_its_place_at_most),
        cmocka_unit_test(a_message_that_grows_too_much_is_refused),
        cmocka_unit_test(a_ttl_with_its_highest_bit_set_is_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
