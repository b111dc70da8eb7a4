/*
 * Parameters are keys of two bytes, each with a length of two bytes and a value; those that are
 * known have values of a form of their own. Lists within a written value are separated by commas,
 * which a backslash hides (RFC 9460 A.1).
 */
#include "names/dns_svcb.h"

#include "names/dns_base.h"
#include "names/dns_text.h"
#include "names/dns_type.h"

#include <torc/address.h>

enum { MANDATORY, ALPN, NO_DEFAULT_ALPN, PORT, IPV4_HINT, ECH, IPV6_HINT, DOH_PATH, OHTTP, KNOWN };

static const char *const key_names[KNOWN] = {
    "mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath",
    "ohttp",
};

/* -- on the wire --------------------------------------------------------------------------- */

static bool are_keys(torc_slice value)
{
    int last = 0;

    for (size_t i = 0; i + 1 < value.length; i += 2) {
        int key = torc__dns_get16(value.data + i);

        if (key <= last || key == UINT16_MAX)
            return false;
        last = key;
    }
    return value.length > 0 && value.length % 2 == 0
        && value.length / 2 <= TORC__DNS_SVCB_PARAMETERS_MAX;
}

static bool are_strings(torc_slice value)
{
    bool any = value.length > 0;

    while (value.length > 0) {
        size_t length = (uint8_t)value.data[0];

        if (length == 0 || value.length < 1 + length)
            return false;
        value = torc_slice_skip(value, 1 + length);
    }
    return any;
}

static bool is_value(uint16_t key, torc_slice value)
{
    switch (key) {
    case MANDATORY:
        return are_keys(value);
    case ALPN:
        return are_strings(value);
    case NO_DEFAULT_ALPN:
    case OHTTP:
        return value.length == 0;
    case PORT:
        return value.length == 2;
    case IPV4_HINT:
        return value.length > 0 && value.length % 4 == 0;
    case IPV6_HINT:
        return value.length > 0 && value.length % 16 == 0;
    case ECH:
        return value.length > 0;
    default:
        return true;
    }
}

/* Takes a parameter off the front. False: there is no whole one. */
static bool take_parameter(torc_slice *rest, uint16_t *ret_key, torc_slice *ret_value)
{
    size_t length;

    if (rest->length < 4)
        return false;
    length = torc__dns_get16(rest->data + 2);
    if (length > rest->length - 4)
        return false;
    *ret_key = torc__dns_get16(rest->data);
    *ret_value = torc_slice_make(rest->data + 4, length);
    *rest = torc_slice_skip(*rest, 4 + length);
    return true;
}

bool torc__dns_svcb_is_valid(torc_slice parameters)
{
    int last = -1;
    size_t count = 0;
    uint16_t key;
    torc_slice value;

    while (take_parameter(&parameters, &key, &value)) {
        if (key <= last || key == UINT16_MAX || !is_value(key, value)
            || ++count > TORC__DNS_SVCB_PARAMETERS_MAX)
            return false;
        last = key;
    }
    return parameters.length == 0;
}

/* -- written ------------------------------------------------------------------------------- */

static void write_key(uint16_t key, torc__text_writer *writer)
{
    if (key < KNOWN)
        torc__text_printf(writer, "%s", key_names[key]);
    else
        torc__text_printf(writer, "key%u", key);
}

static void write_keys(torc_slice value, torc__text_writer *writer)
{
    for (size_t i = 0; i < value.length; i += 2) {
        if (i > 0)
            torc__text_append(writer, TORC_SLICE(","));
        write_key(torc__dns_get16(value.data + i), writer);
    }
}

/* A list's comma and backslash are hidden, and then the string's own rules hide that again. */
static void write_list(torc_slice value, torc__text_writer *writer)
{
    bool first = true;

    torc__text_append(writer, TORC_SLICE("\""));
    while (value.length > 0) {
        size_t length = (uint8_t)value.data[0];

        if (!first)
            torc__text_append(writer, TORC_SLICE(","));
        first = false;
        for (size_t i = 1; i <= length; i++) {
            if (value.data[i] == ',' || value.data[i] == '\\')
                torc__text_append(writer, TORC_SLICE("\\\\"));
            torc__dns_string_bytes_text(torc_slice_make(value.data + i, 1), writer);
        }
        value = torc_slice_skip(value, 1 + length);
    }
    torc__text_append(writer, TORC_SLICE("\""));
}

static void write_addresses(torc_slice value, size_t size, torc__text_writer *writer)
{
    for (size_t i = 0; i < value.length; i += size) {
        torc_address address = { .kind = size == 4 ? TORC_ADDRESS_IPV4 : TORC_ADDRESS_IPV6 };
        char text[TORC_ADDRESS_TEXT_MAX];

        memcpy(address.ip, value.data + i, size);
        torc__text_printf(writer, "%s%s", i > 0 ? "," : "", torc_address_host(&address, text));
    }
}

static void write_value(uint16_t key, torc_slice value, torc__text_writer *writer)
{
    switch (key) {
    case MANDATORY:
        write_keys(value, writer);
        break;
    case ALPN:
        write_list(value, writer);
        break;
    case PORT:
        torc__text_printf(writer, "%u", torc__dns_get16(value.data));
        break;
    case IPV4_HINT:
        write_addresses(value, 4, writer);
        break;
    case IPV6_HINT:
        write_addresses(value, 16, writer);
        break;
    case ECH:
        torc__dns_base64_text(value, writer);
        break;
    default:
        torc__dns_string_text(value, writer);
        break;
    }
}

void torc__dns_svcb_text(torc_slice parameters, torc__text_writer *writer)
{
    uint16_t key;
    torc_slice value;

    while (take_parameter(&parameters, &key, &value)) {
        torc__text_append(writer, TORC_SLICE(" "));
        write_key(key, writer);
        if (value.length == 0)
            continue;
        torc__text_append(writer, TORC_SLICE("="));
        write_value(key, value, writer);
    }
}

/* -- and back ------------------------------------------------------------------------------ */

static bool parse_key(torc_slice text, uint16_t *ret_key)
{
    uint64_t number;

    for (int key = 0; key < KNOWN; key++)
        if (torc_slice_is(text, key_names[key])) {
            *ret_key = (uint16_t)key;
            return true;
        }
    if (!torc_slice_starts_with(text, TORC_SLICE("key"))
        || !torc__dns_number_parse(torc_slice_skip(text, 3), UINT16_MAX - 1, &number))
        return false;
    *ret_key = (uint16_t)number;
    return true;
}

static bool next_in_list(torc_slice *rest, torc_slice *ret_item)
{
    size_t length = torc_slice_find_byte(*rest, ',');

    if (rest->data == NULL)
        return false;
    *ret_item = torc_slice_first(*rest, length);
    *rest = length < rest->length ? torc_slice_skip(*rest, length + 1) : torc_slice_make(NULL, 0);
    return true;
}

/* In order, whatever the order that they are written in. */
static bool parse_keys(torc_slice value, torc__dns_bytes *out)
{
    uint16_t keys[TORC__DNS_SVCB_PARAMETERS_MAX];
    size_t count = 0;
    torc_slice item;
    uint16_t key;

    while (next_in_list(&value, &item)) {
        size_t place = count;

        if (count == TORC__DNS_SVCB_PARAMETERS_MAX || !parse_key(item, &key))
            return false;
        for (; place > 0 && keys[place - 1] > key; place--)
            keys[place] = keys[place - 1];
        keys[place] = key;
        count++;
    }
    for (size_t i = 0; i < count; i++)
        torc__dns_put_number(out, keys[i], 2);
    return true;
}

/* `value` has had the string's escapes taken out; the list's are still there. */
static bool parse_list(torc_slice value, torc__dns_bytes *out)
{
    uint8_t item[256];
    size_t length = 0;

    for (size_t i = 0; i <= value.length; i++) {
        if (i == value.length || value.data[i] == ',') {
            item[0] = (uint8_t)length;
            torc__dns_put(out, torc_slice_make(item, 1 + length));
            length = 0;
            continue;
        }
        if (value.data[i] == '\\' && ++i == value.length)
            return false;
        if (length == 255)
            return false;
        item[++length] = (uint8_t)value.data[i];
    }
    return true;
}

static bool parse_addresses(torc_slice value, torc_address_kind kind, torc__dns_bytes *out)
{
    torc_slice item;
    torc_address address;

    while (next_in_list(&value, &item)) {
        if (!torc_address_parse(item, 0, &address) || address.kind != kind || address.scope_id != 0)
            return false;
        torc__dns_put(out, torc_slice_make(address.ip, kind == TORC_ADDRESS_IPV4 ? 4 : 16));
    }
    return true;
}

static bool parse_base64(torc_slice value, torc__dns_bytes *out)
{
    torc__dns_digits digits;

    torc__dns_digits_begin(&digits, 6);
    return torc__dns_digits_add(&digits, value, out) && torc__dns_digits_end(&digits);
}

static bool parse_value(uint16_t key, torc_slice value, torc__dns_bytes *out)
{
    uint64_t number;

    switch (key) {
    case MANDATORY:
        return parse_keys(value, out);
    case ALPN:
        return parse_list(value, out);
    case PORT:
        if (!torc__dns_number_parse(value, UINT16_MAX, &number))
            return false;
        torc__dns_put_number(out, number, 2);
        return true;
    case IPV4_HINT:
        return parse_addresses(value, TORC_ADDRESS_IPV4, out);
    case IPV6_HINT:
        return parse_addresses(value, TORC_ADDRESS_IPV6, out);
    case ECH:
        return parse_base64(value, out);
    default:
        torc__dns_put(out, value);
        return true;
    }
}

bool torc__dns_svcb_parse(torc_slice text, torc__dns_bytes *out)
{
    size_t equals = torc_slice_find_byte(text, '=');
    size_t start = out->length;
    torc_slice value = torc_slice_skip(text, equals + 1);
    uint8_t *bytes;
    uint16_t key;

    if (!parse_key(torc_slice_first(text, equals), &key))
        return false;
    torc__dns_put_number(out, (uint64_t)key << 16, 4);
    if (equals < text.length && value.length > 0 && !parse_value(key, value, out))
        return false;
    if (out->overflow)
        return false;
    bytes = out->bytes + start;
    if (out->length - start - 4 > UINT16_MAX)
        return false;
    torc__dns_set16(bytes + 2, (uint16_t)(out->length - start - 4));
    return is_value(key, torc_slice_make(bytes + 4, out->length - start - 4));
}

/* The length of the parameter at `bytes`, which was parsed here. */
static size_t parameter_size(const uint8_t *bytes)
{
    return 4 + (size_t)torc__dns_get16(bytes + 2);
}

static void reverse(uint8_t *first, uint8_t *end)
{
    while (first + 1 < end) {
        uint8_t byte = *first;

        *first++ = *--end;
        *end = byte;
    }
}

/* Two neighbours change places: both turned round, then each. */
static void swap_neighbours(uint8_t *first, uint8_t *second, uint8_t *end)
{
    size_t length = (size_t)(end - second);

    reverse(first, end);
    reverse(first, first + length);
    reverse(first + length, end);
}

bool torc__dns_svcb_sort(uint8_t *parameters, size_t length)
{
    for (size_t done = 0; done < length; done += parameter_size(parameters + done)) {
        size_t size = parameter_size(parameters + done);
        uint16_t key = torc__dns_get16(parameters + done);
        size_t at = 0;

        while (at < done && torc__dns_get16(parameters + at) < key)
            at += parameter_size(parameters + at);
        if (at < done && torc__dns_get16(parameters + at) == key)
            return false;
        if (at < done)
            swap_neighbours(parameters + at, parameters + done, parameters + done + size);
    }
    return true;
}
