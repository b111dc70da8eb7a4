/*
 * Records as users see them, on top of the codec: fields, text, and names for looking up backwards.
 */
#include <torc/names.h>

#include "names/dns_text.h"

#include <stdio.h>

const torc_failure_type torc_error_name_server = { "NameServerError", &torc_error_connect };

size_t torc_record_text(const torc_record *record, char *text, size_t size)
{
    torc__dns_name name;
    torc__dns_record wire = {
        .type = record->type,
        .record_class = record->record_class,
        .ttl = record->ttl,
        .data = record->data,
    };
    torc__text_writer writer;

    torc__text_writer_init(&writer, text, size);
    if (torc__dns_name_parse(torc_slice_of(record->name), torc_slice_make(NULL, 0), &name)
        && torc__dns_data_is_valid(record->type, record->data)) {
        wire.name = torc__dns_name_slice(&name);
        torc__dns_record_text(&wire, &writer);
    }
    return torc__text_finish(&writer);
}

/* -- fields -------------------------------------------------------------------------------- */

static void give_bytes(torc_field *field, torc_slice bytes, size_t prefix)
{
    field->kind = TORC_FIELD_BYTES;
    field->bytes = torc_slice_skip(bytes, prefix);
}

static void give_name(torc_field *field, torc_slice name)
{
    field->kind = TORC_FIELD_NAME;
    field->bytes.length = torc__dns_name_plain_text(name, field->name);
    field->bytes.data = field->name;
}

static void give_address(torc_field *field, torc_slice bytes)
{
    field->kind = TORC_FIELD_ADDRESS;
    field->bytes = bytes;
    field->address.kind = bytes.length == 4 ? TORC_ADDRESS_IPV4 : TORC_ADDRESS_IPV6;
    memcpy(field->address.ip, bytes.data, bytes.length);
}

static void give_number(torc_field *field, torc_slice bytes)
{
    field->kind = TORC_FIELD_NUMBER;
    field->bytes = bytes;
    for (size_t i = 0; i < bytes.length; i++)
        field->number = field->number << 8 | (uint8_t)bytes.data[i];
}

static void give(torc_field *field, const torc__dns_field *from)
{
    if (strchr("nNo", from->kind) != NULL)
        give_name(field, from->bytes);
    else if (strchr("aA", from->kind) != NULL)
        give_address(field, from->bytes);
    else if (strchr("124lTy", from->kind) != NULL)
        give_number(field, from->bytes);
    else if (strchr("sSgH3", from->kind) != NULL)
        give_bytes(field, from->bytes, 1);
    else
        give_bytes(field, from->bytes, from->kind == 'B' ? 2 : 0);
}

bool torc_record_field(const torc_record *record, size_t index, torc_field *ret_field)
{
    torc__dns_fields walk;
    torc__dns_field field;

    ret_field->number = 0;
    memset(&ret_field->address, 0, sizeof ret_field->address);
    torc__dns_fields_begin(&walk, record->type, record->data);
    /* Without fields the whole is one. */
    if (walk.kinds[0] == '\0' && index == 0 && record->data.length > 0) {
        give_bytes(ret_field, record->data, 0);
        return true;
    }
    while (torc__dns_fields_next(&walk, &field))
        if (index-- == 0) {
            give(ret_field, &field);
            return true;
        }
    return false;
}

/* -- backwards ----------------------------------------------------------------------------- */

bool torc_reverse_name(const torc_address *address, char text[TORC_REVERSE_NAME_MAX])
{
    const uint8_t *ip = address->ip;
    size_t used = 0;

    if (address->kind == TORC_ADDRESS_IPV4) {
        snprintf(text, TORC_REVERSE_NAME_MAX, "%u.%u.%u.%u.in-addr.arpa", ip[3], ip[2], ip[1],
            ip[0]);
        return true;
    }
    if (address->kind != TORC_ADDRESS_IPV6)
        return false;
    for (size_t i = 16; i-- > 0; used += 4)
        snprintf(text + used, TORC_REVERSE_NAME_MAX - used, "%x.%x.", ip[i] & 15U, ip[i] >> 4);
    snprintf(text + used, TORC_REVERSE_NAME_MAX - used, "ip6.arpa");
    return true;
}
