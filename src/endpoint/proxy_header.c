/*
 * Reading begins anew with each piece that comes: a header is short, and nearly always whole.
 */
#include "endpoint/proxy_header.h"

#include <stdio.h>

static const char signature1[] = "PROXY";
static const char signature2[] = "\r\n\r\n\0\r\nQUIT\n";

enum { SIGNATURE2 = 12, HEAD2 = 16 };

/* -- version 1 ----------------------------------------------------------------------------- */

/* The word up to the next space, or to the end, which is taken too. */
static torc_slice take_word(torc_slice *rest)
{
    torc_slice word = torc_slice_first(*rest, torc_slice_find_byte(*rest, ' '));

    *rest = torc_slice_skip(*rest, word.length + 1);
    return word;
}

/* Decimal, without zeros before it: nobody may take it for octal. */
static bool read_port(torc_slice text, uint16_t *ret_port)
{
    uint64_t port;

    if ((text.length > 1 && text.data[0] == '0') || !torc_slice_to_number(text, 65535, &port))
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static bool read_host(torc_slice text, torc_address_kind kind, torc_address *ret_address)
{
    bool has_zone = torc_slice_find_byte(text, '%') < text.length ||
        torc_slice_find_byte(text, '[') < text.length;

    return !has_zone && torc_address_parse(text, 0, ret_address) && ret_address->kind == kind;
}

static const char *read_addresses(
    torc_slice rest, torc_address_kind kind, torc__proxy_header *header)
{
    torc_slice words[4];
    bool ends_in_space = torc_slice_ends_with(rest, TORC_SLICE(" "));

    for (size_t i = 0; i < 4; i++)
        words[i] = take_word(&rest);
    if (rest.length != 0 || ends_in_space)
        return "there is more than four fields";
    if (!read_host(words[0], kind, &header->source) ||
        !read_host(words[1], kind, &header->destination))
        return "an address is not of the family that was announced";
    if (!read_port(words[2], &header->source.port) ||
        !read_port(words[3], &header->destination.port))
        return "a port is not a number from 0 to 65535";
    header->known = true;
    return NULL;
}

static const char *read_line(torc_slice line, torc__proxy_header *header)
{
    torc_slice rest = torc_slice_skip(line, sizeof(signature1)); /* with the space */
    torc_slice family = take_word(&rest);

    if (line.length < sizeof(signature1) || line.data[sizeof(signature1) - 1] != ' ')
        return "there is no space after PROXY";
    if (torc_slice_is(family, "UNKNOWN"))
        return NULL;
    if (torc_slice_is(family, "TCP4"))
        return read_addresses(rest, TORC_ADDRESS_IPV4, header);
    if (torc_slice_is(family, "TCP6"))
        return read_addresses(rest, TORC_ADDRESS_IPV6, header);
    return "the family is neither TCP4 nor TCP6 nor UNKNOWN";
}

static int read_version1(torc_slice bytes, torc__proxy_header *header, const char **ret_problem)
{
    size_t end = torc_slice_find(torc_slice_first(bytes, TORC__PROXY_HEADER1_MAX),
        TORC_SLICE("\r\n"));

    if (end >= bytes.length && bytes.length < TORC__PROXY_HEADER1_MAX)
        return 0;
    if (end + 2 > TORC__PROXY_HEADER1_MAX) {
        *ret_problem = "the line is longer than 107 bytes";
        return -1;
    }
    *ret_problem = read_line(torc_slice_first(bytes, end), header);
    return *ret_problem == NULL ? (int)(end + 2) : -1;
}

/* -- version 2 ----------------------------------------------------------------------------- */

static unsigned byte_at(torc_slice bytes, size_t index)
{
    return (unsigned char)bytes.data[index];
}

static uint16_t number_at(torc_slice bytes, size_t index)
{
    return (uint16_t)(byte_at(bytes, index) << 8 | byte_at(bytes, index + 1));
}

static void take_ip(
    torc_slice body, torc_address_kind kind, size_t size, torc__proxy_header *header)
{
    header->known = true;
    header->source.kind = kind;
    header->destination.kind = kind;
    memcpy(header->source.ip, body.data, size);
    memcpy(header->destination.ip, body.data + size, size);
    header->source.port = number_at(body, 2 * size);
    header->destination.port = number_at(body, 2 * size + 2);
}

/* A path of 108 bytes, filled up with NULs. An abstract one begins with a NUL. */
static void take_path(torc_slice field, torc_address *ret_address)
{
    bool is_abstract = field.data[0] == '\0' && field.data[1] != '\0';
    size_t length = is_abstract ? 1 : 0;

    length += torc_slice_find_byte(torc_slice_skip(field, length), '\0');
    ret_address->kind = length > 0 ? TORC_ADDRESS_UNIX : TORC_ADDRESS_NONE;
    memcpy(ret_address->path, field.data, length);
    ret_address->path[length] = '\0';
    if (is_abstract)
        ret_address->path[0] = '@';
}

static const char *read_body(unsigned family, torc_slice body, torc__proxy_header *header)
{
    static const char too_short[] = "the addresses are longer than the header";

    switch (family) {
    case 0x00:
        return NULL;
    case 0x11:
        if (body.length < 12)
            return too_short;
        take_ip(body, TORC_ADDRESS_IPV4, 4, header);
        return NULL;
    case 0x21:
        if (body.length < 36)
            return too_short;
        take_ip(body, TORC_ADDRESS_IPV6, 16, header);
        return NULL;
    case 0x31:
        if (body.length < 216)
            return too_short;
        header->known = true;
        take_path(torc_slice_first(body, 108), &header->source);
        take_path(torc_slice_first(torc_slice_skip(body, 108), 108), &header->destination);
        return NULL;
    default:
        return "the family is not one of a stream";
    }
}

static const char *read_version2_head(torc_slice bytes)
{
    if (byte_at(bytes, 12) >> 4 != 2)
        return "the version is not 2";
    if ((byte_at(bytes, 12) & 15) > 1)
        return "the command is neither LOCAL nor PROXY";
    if (HEAD2 + number_at(bytes, 14) > TORC__PROXY_HEADER_MAX)
        return "the header is longer than 4096 bytes";
    return NULL;
}

static int read_version2(torc_slice bytes, torc__proxy_header *header, const char **ret_problem)
{
    size_t length;

    if (bytes.length < HEAD2)
        return 0;
    *ret_problem = read_version2_head(bytes);
    if (*ret_problem != NULL)
        return -1;
    length = (size_t)HEAD2 + number_at(bytes, 14);
    if (bytes.length < length)
        return 0;
    /* LOCAL: a proxy that asks whether we are well speaks for itself. */
    if ((byte_at(bytes, 12) & 15) == 1)
        *ret_problem = read_body(byte_at(bytes, 13),
            torc_slice_skip(torc_slice_first(bytes, length), HEAD2), header);
    return *ret_problem == NULL ? (int)length : -1;
}

/* -- either -------------------------------------------------------------------------------- */

/* Whether what is there of `bytes` is how `whole` begins. */
static bool may_become(torc_slice bytes, const char *whole, size_t length)
{
    return memcmp(bytes.data, whole, bytes.length < length ? bytes.length : length) == 0;
}

int torc__proxy_header_read(
    torc_slice bytes, torc__proxy_header *ret_header, const char **ret_problem)
{
    memset(ret_header, 0, sizeof(*ret_header));
    *ret_problem = NULL;
    if (bytes.length == 0)
        return 0;
    if (may_become(bytes, signature2, SIGNATURE2))
        return read_version2(bytes, ret_header, ret_problem);
    if (may_become(bytes, signature1, sizeof(signature1) - 1))
        return read_version1(bytes, ret_header, ret_problem);
    *ret_problem = "it begins like neither version";
    return -1;
}

/* -- writing ------------------------------------------------------------------------------- */

static bool are_ip(const torc_address *source, const torc_address *destination)
{
    return source->kind == destination->kind &&
        (source->kind == TORC_ADDRESS_IPV4 || source->kind == TORC_ADDRESS_IPV6);
}

/* Without the interface of a link-local address, which means nothing elsewhere. */
static const char *host_of(const torc_address *address, char text[TORC_ADDRESS_TEXT_MAX])
{
    torc_address plain = *address;

    plain.scope_id = 0;
    return torc_address_host(&plain, text);
}

static size_t write_version1(
    const torc_address *source, const torc_address *destination, char *ret_bytes)
{
    char hosts[2][TORC_ADDRESS_TEXT_MAX];

    if (!are_ip(source, destination))
        return (size_t)snprintf(ret_bytes, TORC__PROXY_HEADER_WRITTEN_MAX, "PROXY UNKNOWN\r\n");
    return (size_t)snprintf(ret_bytes, TORC__PROXY_HEADER_WRITTEN_MAX,
        "PROXY TCP%c %s %s %u %u\r\n", source->kind == TORC_ADDRESS_IPV4 ? '4' : '6',
        host_of(source, hosts[0]), host_of(destination, hosts[1]), (unsigned)source->port,
        (unsigned)destination->port);
}

static void put_number(char *to, size_t number)
{
    to[0] = (char)(number >> 8);
    to[1] = (char)(number & 255);
}

static size_t write_version2(
    const torc_address *source, const torc_address *destination, char *ret_bytes)
{
    size_t size = source->kind == TORC_ADDRESS_IPV4 ? 4 : 16;
    bool known = are_ip(source, destination);

    memcpy(ret_bytes, signature2, SIGNATURE2);
    ret_bytes[12] = 0x21;
    ret_bytes[13] = (char)(!known ? 0x00 : size == 4 ? 0x11 : 0x21);
    put_number(ret_bytes + 14, known ? 2 * size + 4 : 0);
    if (!known)
        return HEAD2;
    memcpy(ret_bytes + HEAD2, source->ip, size);
    memcpy(ret_bytes + HEAD2 + size, destination->ip, size);
    put_number(ret_bytes + HEAD2 + 2 * size, source->port);
    put_number(ret_bytes + HEAD2 + 2 * size + 2, destination->port);
    return HEAD2 + 2 * size + 4;
}

size_t torc__proxy_header_write(unsigned version, const torc_address *source,
    const torc_address *destination, char ret_bytes[TORC__PROXY_HEADER_WRITTEN_MAX])
{
    return version == 1 ? write_version1(source, destination, ret_bytes)
                        : write_version2(source, destination, ret_bytes);
}
