/*
 * Records written: a function for each kind of field.
 */
#include "names/dns_text.h"

#include "names/dns_base.h"
#include "names/dns_svcb.h"
#include "names/dns_type.h"

#include <torc/address.h>

#include <time.h>

void torc__dns_string_bytes_text(torc_slice bytes, torc__text_writer *writer)
{
    for (size_t i = 0; i < bytes.length; i++) {
        uint8_t byte = (uint8_t)bytes.data[i];

        if (byte < ' ' || byte >= 0x7f)
            torc__text_printf(writer, "\\%03u", byte);
        else if (byte == '"' || byte == '\\')
            torc__text_printf(writer, "\\%c", byte);
        else
            torc__text_append(writer, torc_slice_make(bytes.data + i, 1));
    }
}

void torc__dns_string_text(torc_slice bytes, torc__text_writer *writer)
{
    torc__text_append(writer, TORC_SLICE("\""));
    torc__dns_string_bytes_text(bytes, writer);
    torc__text_append(writer, TORC_SLICE("\""));
}

static void write_name(torc_slice name, torc__text_writer *writer)
{
    char text[TORC_NAME_TEXT_MAX];
    size_t length = torc__dns_name_text(name, text);

    torc__text_append(writer, torc_slice_make(text, length));
}

static void write_number(torc_slice bytes, torc__text_writer *writer)
{
    unsigned long long number = 0;

    for (size_t i = 0; i < bytes.length; i++)
        number = number << 8 | (uint8_t)bytes.data[i];
    torc__text_printf(writer, "%llu", number);
}

static void write_address(torc_slice bytes, torc__text_writer *writer)
{
    torc_address address = {
        .kind = bytes.length == 4 ? TORC_ADDRESS_IPV4 : TORC_ADDRESS_IPV6,
    };
    char text[TORC_ADDRESS_TEXT_MAX];

    memcpy(address.ip, bytes.data, bytes.length);
    torc__text_printf(writer, "%s", torc_address_host(&address, text));
}

static void write_date(torc_slice bytes, torc__text_writer *writer)
{
    time_t seconds = (time_t)torc__dns_get32(bytes.data);
    struct tm parts;
    char text[32];

    gmtime_r(&seconds, &parts);
    (void)strftime(text, sizeof text, "%Y%m%d%H%M%S", &parts);
    torc__text_printf(writer, "%s", text);
}

static void write_type(uint16_t type, torc__text_writer *writer)
{
    char text[TORC_RECORD_TYPE_TEXT_MAX];

    torc__text_printf(writer, "%s", torc_record_type_text(type, text));
}

static bool is_alphanumeric(torc_slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        char lower = (char)(bytes.data[i] | 0x20);

        if (!(lower >= 'a' && lower <= 'z') && !(bytes.data[i] >= '0' && bytes.data[i] <= '9'))
            return false;
    }
    return bytes.length > 0;
}

static void write_tag(torc_slice bytes, torc__text_writer *writer)
{
    if (is_alphanumeric(bytes))
        torc__text_append(writer, bytes);
    else
        torc__dns_string_text(bytes, writer);
}

static void write_types(torc_slice map, torc__text_writer *writer)
{
    const char *separator = "";

    while (map.length > 0) {
        size_t length = (uint8_t)map.data[1];

        for (size_t bit = 0; bit < length * 8; bit++) {
            if (((uint8_t)map.data[2 + bit / 8] & 0x80 >> bit % 8) == 0)
                continue;
            torc__text_printf(writer, "%s", separator);
            separator = " ";
            write_type((uint16_t)((size_t)(uint8_t)map.data[0] << 8 | bit), writer);
        }
        map = torc_slice_skip(map, 2 + length);
    }
}

static void write_services(torc_slice map, torc__text_writer *writer)
{
    const char *separator = "";

    for (size_t bit = 0; bit < map.length * 8; bit++) {
        if (((uint8_t)map.data[bit / 8] & 0x80 >> bit % 8) == 0)
            continue;
        torc__text_printf(writer, "%s%zu", separator, bit);
        separator = " ";
    }
}

static void write_a6(torc_slice bytes, torc__text_writer *writer)
{
    uint8_t ip[16] = { 0 };

    memcpy(ip + 16 - (bytes.length - 1), bytes.data + 1, bytes.length - 1);
    torc__text_printf(writer, "%u ", (uint8_t)bytes.data[0]);
    write_address(torc_slice_make(ip, sizeof ip), writer);
}

/* The length in decimal, so that no word is missing where it is 0. */
static void write_sized_base64(torc_slice bytes, torc__text_writer *writer)
{
    torc__text_printf(writer, "%zu", bytes.length);
    if (bytes.length > 0)
        torc__text_append(writer, TORC_SLICE(" "));
    torc__dns_base64_text(bytes, writer);
}

static void write_salt(torc_slice bytes, torc__text_writer *writer)
{
    if (bytes.length == 0)
        torc__text_append(writer, TORC_SLICE("-"));
    torc__dns_hex_text(bytes, writer);
}

static void write_field(const torc__dns_field *field, torc__text_writer *writer)
{
    torc_slice bytes = field->bytes;

    switch (field->kind) {
    case 'n':
    case 'N':
    case 'o':
        write_name(bytes, writer);
        break;
    case 'a':
    case 'A':
        write_address(bytes, writer);
        break;
    case 'T':
        write_date(bytes, writer);
        break;
    case 'y':
        write_type(torc__dns_get16(bytes.data), writer);
        break;
    case 's':
    case 'S':
        torc__dns_string_text(torc_slice_skip(bytes, 1), writer);
        break;
    case 'g':
        write_tag(torc_slice_skip(bytes, 1), writer);
        break;
    case 'q':
        torc__dns_string_text(bytes, writer);
        break;
    case 'h':
        torc__dns_hex_text(bytes, writer);
        break;
    case 'b':
        torc__dns_base64_text(bytes, writer);
        break;
    case 'H':
        write_salt(torc_slice_skip(bytes, 1), writer);
        break;
    case '3':
        torc__dns_base32_text(torc_slice_skip(bytes, 1), writer);
        break;
    case 'B':
        write_sized_base64(torc_slice_skip(bytes, 2), writer);
        break;
    case 'm':
        write_types(bytes, writer);
        break;
    case 'w':
        write_services(bytes, writer);
        break;
    case 'v':
        torc__dns_svcb_text(bytes, writer);
        break;
    case 'x':
        write_a6(bytes, writer);
        break;
    default:
        write_number(bytes, writer);
        break;
    }
}

void torc__dns_data_text(uint16_t type, torc_slice data, torc__text_writer *writer)
{
    torc__dns_fields walk;
    torc__dns_field field;
    const char *separator = "";

    if (data.length == 0 || torc__dns_type_fields(type)[0] == '\0') {
        torc__text_printf(writer, "\\# %zu%s", data.length, data.length > 0 ? " " : "");
        torc__dns_hex_text(data, writer);
        return;
    }
    torc__dns_fields_begin(&walk, type, data);
    while (torc__dns_fields_next(&walk, &field)) {
        /* The parameters of SVCB bring their own. */
        torc__text_printf(writer, "%s", field.kind != 'v' ? separator : "");
        separator = " ";
        write_field(&field, writer);
    }
}

void torc__dns_record_text(const torc__dns_record *record, torc__text_writer *writer)
{
    char text[TORC_RECORD_TYPE_TEXT_MAX];

    write_name(record->name, writer);
    torc__text_printf(
        writer, " %u %s ", record->ttl, torc__dns_class_text(record->record_class, text));
    write_type(record->type, writer);
    torc__text_append(writer, TORC_SLICE(" "));
    torc__dns_data_text(record->type, record->data, writer);
}
