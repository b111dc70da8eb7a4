/*
 * The fields of records' data: how long each is, and whether it is what it should be.
 */
#include "names/dns_record.h"

#include "names/dns_svcb.h"
#include "names/dns_type.h"

#define MALFORMED SIZE_MAX

static bool is_name(char kind)
{
    return kind == 'n' || kind == 'N' || kind == 'o';
}

/* `prefix` bytes hold the length of what follows, which must be at least `least`. */
static size_t prefixed_size(torc_slice rest, size_t prefix, size_t least)
{
    size_t length;

    if (rest.length < prefix)
        return MALFORMED;
    length = prefix == 1 ? (uint8_t)rest.data[0] : torc__dns_get16(rest.data);
    return length < least || length > rest.length - prefix ? MALFORMED : prefix + length;
}

/* RFC 4034 4.1.2: windows in order, none empty, none with zeros at its end. */
static bool is_bit_map(torc_slice rest)
{
    int last = -1;

    while (rest.length >= 2) {
        int window = (uint8_t)rest.data[0];
        size_t length = (uint8_t)rest.data[1];

        if (window <= last || length == 0 || length > 32 || rest.length < 2 + length
            || rest.data[1 + length] == 0)
            return false;
        last = window;
        rest = torc_slice_skip(rest, 2 + length);
    }
    return rest.length == 0;
}

static bool is_service_map(torc_slice rest)
{
    return rest.length <= 8192 && (rest.length == 0 || rest.data[rest.length - 1] != 0);
}

/* RFC 2874 3.1.1: the bits of the suffix that the prefix covers are zero. */
static size_t a6_size(torc_slice rest)
{
    size_t prefix = rest.length > 0 ? (uint8_t)rest.data[0] : 255;
    size_t length;

    if (prefix > 128)
        return MALFORMED;
    length = 16 - prefix / 8;
    if (rest.length < 1 + length || (prefix == 0) != (rest.length == 1 + length))
        return MALFORMED;
    if (prefix % 8 != 0 && (uint8_t)rest.data[1] >> (8 - prefix % 8) != 0)
        return MALFORMED;
    return 1 + length;
}

static size_t name_size(torc_slice rest)
{
    size_t length = torc__dns_name_measure(rest);

    return length > 0 ? length : MALFORMED;
}

/* Of the field at the front of `rest`, or MALFORMED. */
static size_t field_size(char kind, torc_slice rest)
{
    switch (kind) {
    case '1':
        return 1;
    case '2':
    case 'y':
        return 2;
    case '4':
    case 'T':
    case 'a':
        return 4;
    case 'l':
        return 6;
    case 'A':
        return 16;
    case 'n':
    case 'N':
        return name_size(rest);
    case 'o':
        return rest.length > 0 ? name_size(rest) : 0;
    case 's':
    case 'S':
    case 'g':
    case 'H':
        return prefixed_size(rest, 1, 0);
    case '3':
        return prefixed_size(rest, 1, 1);
    case 'B':
        return prefixed_size(rest, 2, 0);
    case 'x':
        return a6_size(rest);
    case 'm':
        return is_bit_map(rest) ? rest.length : MALFORMED;
    case 'w':
        return is_service_map(rest) ? rest.length : MALFORMED;
    case 'v':
        return torc__dns_svcb_is_valid(rest) ? rest.length : MALFORMED;
    default:
        return rest.length;
    }
}

void torc__dns_fields_begin(torc__dns_fields *walk, uint16_t type, torc_slice data)
{
    walk->kinds = data.length > 0 ? torc__dns_type_fields(type) : "";
    walk->rest = data;
    walk->malformed = false;
    if (walk->kinds[0] == '\0')
        walk->rest.length = 0;
}

bool torc__dns_fields_next(torc__dns_fields *walk, torc__dns_field *ret_field)
{
    char kind = walk->kinds[0];
    size_t size;

    if (kind == '\0') {
        walk->malformed |= walk->rest.length > 0;
        return false;
    }
    size = field_size(kind, walk->rest);
    if (size > walk->rest.length) {
        walk->malformed = true;
        return false;
    }
    ret_field->kind = kind;
    ret_field->bytes = torc_slice_first(walk->rest, size);
    walk->rest = torc_slice_skip(walk->rest, size);
    if (kind != 'S' || walk->rest.length == 0)
        walk->kinds++;
    return kind != 'o' || size > 0;
}

bool torc__dns_data_is_valid(uint16_t type, torc_slice data)
{
    torc__dns_fields walk;
    torc__dns_field field;

    torc__dns_fields_begin(&walk, type, data);
    while (torc__dns_fields_next(&walk, &field))
        continue;
    return !walk.malformed;
}

/* -- from messages ------------------------------------------------------------------------- */

static bool has_names(const char *kinds)
{
    while (*kinds != '\0' && !is_name(*kinds))
        kinds++;
    return *kinds != '\0';
}

/* Copies a name, written out. */
static bool expand_name(torc_slice message, size_t *offset, torc__dns_bytes *scratch)
{
    torc__dns_name name;

    if (!torc__dns_name_read(message, offset, &name))
        return false;
    torc__dns_put(scratch, torc__dns_name_slice(&name));
    return true;
}

/* A message ends for names where the record does; what they point to lies before it anyway. */
static bool expand(torc_slice message, size_t offset, const char *kinds, torc__dns_bytes *scratch)
{
    for (; *kinds != '\0'; kinds++) {
        torc_slice rest = torc_slice_skip(message, offset);
        size_t size;

        if (*kinds == 'o' && rest.length == 0)
            continue;
        if (is_name(*kinds)) {
            if (!expand_name(message, &offset, scratch))
                return false;
            continue;
        }
        size = field_size(*kinds, rest);
        if (size > rest.length)
            return false;
        torc__dns_put(scratch, torc_slice_first(rest, size));
        offset += size;
    }
    return offset == message.length && !scratch->overflow;
}

bool torc__dns_data_read(torc_slice message, size_t offset, size_t length, uint16_t type,
    torc__dns_bytes *scratch, torc_slice *ret_data)
{
    const char *kinds = torc__dns_type_fields(type);

    *ret_data = torc_slice_make(message.data + offset, length);
    if (length == 0)
        return true;
    if (!has_names(kinds))
        return torc__dns_data_is_valid(type, *ret_data);
    scratch->length = 0;
    scratch->overflow = false;
    if (!expand(torc_slice_first(message, offset + length), offset, kinds, scratch)
        || scratch->length > TORC__DNS_DATA_MAX)
        return false;
    *ret_data = torc_slice_make(scratch->bytes, scratch->length);
    return true;
}
