/*
 * Records as their users see them: each kind of field, what is no record, names for looking up
 * backwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <torc/names.h>

/* -- fields -------------------------------------------------------------------------------- */

static torc_field field_of(uint16_t type, torc_slice data, size_t index)
{
    torc_record record = { .name = "a", .type = type, .record_class = 1, .data = data };
    torc_field field;

    assert_true(torc_record_field(&record, index, &field));
    return field;
}

static void assert_bytes(uint16_t type, torc_slice data, size_t index, const char *expected)
{
    torc_field field = field_of(type, data, index);

    assert_int_equal(field.kind, TORC_FIELD_BYTES);
    assert_true(torc_slice_is(field.bytes, expected));
}

static void assert_number(uint16_t type, torc_slice data, size_t index, uint64_t expected)
{
    torc_field field = field_of(type, data, index);

    assert_int_equal(field.kind, TORC_FIELD_NUMBER);
    assert_int_equal(field.number, expected);
}

static void addresses_are_fields_of_both_families(void **state)
{
    torc_field field = field_of(TORC_RECORD_A, torc_slice_make("\300\0\2\7", 4), 0);
    char text[TORC_ADDRESS_TEXT_MAX];

    (void)state;
    assert_int_equal(field.kind, TORC_FIELD_ADDRESS);
    assert_string_equal(torc_address_text(&field.address, text), "192.0.2.7:0");
    field = field_of(
        TORC_RECORD_AAAA, torc_slice_make("\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\7", 16), 0);
    assert_int_equal(field.kind, TORC_FIELD_ADDRESS);
    assert_string_equal(torc_address_text(&field.address, text), "[2001:db8::7]:0");
}

static void strings_are_fields_without_their_lengths(void **state)
{
    torc_slice text = torc_slice_make("\1a\0\3b c", 7);
    torc_slice pointer = torc_slice_make("\0\1\0\2\1s\3SIP\0\4next\0", 17);
    torc_slice authority = torc_slice_make("\200\5issueca.test", 14);

    (void)state;
    assert_bytes(TORC_RECORD_TXT, text, 0, "a");
    assert_bytes(TORC_RECORD_TXT, text, 1, "");
    assert_bytes(TORC_RECORD_TXT, text, 2, "b c");
    assert_number(TORC_RECORD_NAPTR, pointer, 1, 2);
    assert_bytes(TORC_RECORD_NAPTR, pointer, 2, "s");
    assert_bytes(TORC_RECORD_NAPTR, pointer, 3, "SIP");
    assert_bytes(TORC_RECORD_NAPTR, pointer, 4, "");
    assert_string_equal(field_of(TORC_RECORD_NAPTR, pointer, 5).name, "next");
    assert_number(TORC_RECORD_CAA, authority, 0, 128);
    assert_bytes(TORC_RECORD_CAA, authority, 1, "issue");
    assert_bytes(TORC_RECORD_CAA, authority, 2, "ca.test");
}

static void what_follows_the_numbers_of_a_key_is_one_field(void **state)
{
    torc_slice digest = torc_slice_make("\x12\x34\5\2digest", 10);

    (void)state;
    assert_number(TORC_RECORD_DS, digest, 0, 0x1234);
    assert_number(TORC_RECORD_DS, digest, 2, 2);
    assert_bytes(TORC_RECORD_DS, digest, 3, "digest");
}

static void a_record_without_data_has_no_field(void **state)
{
    torc_record record = { .name = "a", .type = 65280, .record_class = 1 };
    torc_field field;

    (void)state;
    assert_false(torc_record_field(&record, 0, &field));
    record.type = TORC_RECORD_A;
    assert_false(torc_record_field(&record, 0, &field));
}

static void of_what_is_no_record_the_text_is_empty(void **state)
{
    torc_record record = { .name = "a..b", .type = TORC_RECORD_A, .record_class = 1,
        .data = { "\300\0\2\7", 4 } };
    char text[64];

    (void)state;
    assert_int_equal(torc_record_text(&record, text, sizeof text), 0);
    assert_string_equal(text, "");
    record.name = "a.b";
    assert_true(torc_record_text(&record, text, sizeof text) > 0);
    assert_string_equal(text, "a.b. 0 IN A 192.0.2.7");
    record.data.length = 3;
    assert_int_equal(torc_record_text(&record, text, sizeof text), 0);
    assert_string_equal(text, "");
}

/* -- backwards ----------------------------------------------------------------------------- */

static void each_family_has_its_tree_for_looking_up_backwards(void **state)
{
    torc_address address;
    char name[TORC_REVERSE_NAME_MAX];

    (void)state;
    assert_true(torc_address_parse(TORC_SLICE("192.0.2.7"), 0, &address));
    assert_true(torc_reverse_name(&address, name));
    assert_string_equal(name, "7.2.0.192.in-addr.arpa");
    assert_true(torc_address_parse(TORC_SLICE("2001:db8::567:89ab"), 0, &address));
    assert_true(torc_reverse_name(&address, name));
    assert_string_equal(name,
        "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
    address.kind = TORC_ADDRESS_UNIX;
    assert_false(torc_reverse_name(&address, name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_fields_of_both_families),
        cmocka_unit_test(strings_are_fields_without_their_lengths),
        cmocka_unit_test(what_follows_the_numbers_of_a_key_is_one_field),
        cmocka_unit_test(a_record_without_data_has_no_field),
        cmocka_unit_test(of_what_is_no_record_the_text_is_empty),
        cmocka_unit_test(each_family_has_its_tree_for_looking_up_backwards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
