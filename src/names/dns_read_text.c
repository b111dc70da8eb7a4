/*
 * Records read: words off a line, and a function for each kind of field.
 */
#include "names/dns_text.h"

#include "base/memory.h"
#include "names/dns_base.h"
#include "names/dns_svcb.h"
#include "names/dns_type.h"

#include <torc/address.h>

#include <time.h>

/* -- words --------------------------------------------------------------------------------- */

static void skip(torc__dns_lexer *lexer, size_t count)
{
    lexer->rest = torc_slice_skip(lexer->rest, count);
}

/* Steps over what stands between words. False where the line ends. */
static bool skip_space(torc__dns_lexer *lexer)
{
    lexer->spaced = false;
    while (lexer->rest.length > 0) {
        char byte = lexer->rest.data[0];

        if (byte == ';') {
            skip(lexer, torc_slice_find_byte(lexer->rest, '\n'));
            continue;
        }
        if (byte == '(')
            lexer->depth++;
        else if (byte == ')' && lexer->depth > 0)
            lexer->depth--;
        else if (byte == '\n' && lexer->depth == 0)
            return false;
        else if (byte != ' ' && byte != '\t' && byte != '\r' && byte != '\n')
            return true;
        lexer->spaced = true;
        skip(lexer, 1);
    }
    return false;
}

/* How far the word at the front goes; SIZE_MAX where its quotes are not closed. */
static size_t word_length(torc_slice rest, bool quoted)
{
    bool inside = quoted;
    size_t at = 0;

    for (; at < rest.length; at++) {
        char byte = rest.data[at];

        if (byte == '\\' && at + 1 < rest.length && rest.data[at + 1] != '\n') {
            at++;
            continue;
        }
        if (byte == '\n' && inside)
            return SIZE_MAX;
        if (quoted && byte == '"')
            return at;
        if (quoted)
            continue;
        /* Quotes within a word are those of a value: alpn="h2,h3". */
        if (byte == '"')
            inside = !inside;
        else if (!inside && strchr(" \t\r\n();", byte) != NULL)
            break;
    }
    return inside ? SIZE_MAX : at;
}

bool torc__dns_next_token(torc__dns_lexer *lexer, torc__dns_token *ret_token)
{
    size_t length;

    if (lexer->malformed || !skip_space(lexer)) {
        lexer->malformed |= lexer->depth > 0;
        return false;
    }
    ret_token->quoted = lexer->rest.data[0] == '"';
    if (ret_token->quoted)
        skip(lexer, 1);
    length = word_length(lexer->rest, ret_token->quoted);
    if (length == SIZE_MAX || (length == 0 && !ret_token->quoted)) {
        lexer->malformed = true;
        return false;
    }
    ret_token->text = torc_slice_first(lexer->rest, length);
    skip(lexer, length + ret_token->quoted);
    return true;
}

bool torc__dns_next_line(torc__dns_lexer *lexer)
{
    size_t end = torc_slice_find_byte(lexer->rest, '\n');

    skip(lexer, end + (end < lexer->rest.length));
    lexer->depth = 0;
    lexer->malformed = false;
    return lexer->rest.length > 0;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* The byte behind the backslash at text[at]; *ret_used says how far it goes. -1: a bad escape. */
static int escaped_byte(torc_slice text, size_t at, size_t *ret_used)
{
    int value = 0;

    if (at + 1 >= text.length)
        return -1;
    *ret_used = 2;
    if (!is_digit(text.data[at + 1]))
        return (uint8_t)text.data[at + 1];
    *ret_used = 4;
    if (at + 3 >= text.length || !is_digit(text.data[at + 2]) || !is_digit(text.data[at + 3]))
        return -1;
    for (size_t i = 1; i <= 3; i++)
        value = value * 10 + (text.data[at + i] - '0');
    return value <= 255 ? value : -1;
}

bool torc__dns_unescape(torc_slice text, uint8_t *bytes, size_t size, size_t *ret_length)
{
    size_t length = 0;
    size_t used;

    for (size_t at = 0; at < text.length; at += used) {
        int byte = (uint8_t)text.data[at];

        used = 1;
        if (byte == '\\')
            byte = escaped_byte(text, at, &used);
        if (byte < 0 || length == size)
            return false;
        bytes[length++] = (uint8_t)byte;
    }
    *ret_length = length;
    return true;
}

/* -- fields -------------------------------------------------------------------------------- */

/* What a field is read with. */
typedef struct reading {
    torc__dns_lexer *lexer;
    torc_slice origin;
    torc__dns_bytes *out;
} reading;

static bool next_word(const reading *from, torc_slice *ret_text)
{
    torc__dns_token token;

    if (!torc__dns_next_token(from->lexer, &token) || token.quoted)
        return false;
    *ret_text = token.text;
    return true;
}

static bool read_number(const reading *from, size_t size)
{
    torc_slice text;
    uint64_t number;

    if (!next_word(from, &text)
        || !torc__dns_number_parse(text, (UINT64_C(1) << 8 * size) - 1, &number))
        return false;
    torc__dns_put_number(from->out, number, size);
    return true;
}

static bool parse_name(torc_slice text, torc_slice origin, torc__dns_name *ret_name)
{
    if (!torc_slice_is(text, "@"))
        return torc__dns_name_parse(text, origin, ret_name);
    torc__dns_name_set(ret_name, origin.length > 0 ? origin : torc_slice_make("", 1));
    return true;
}

static bool read_name(const reading *from)
{
    torc_slice text;
    torc__dns_name name;

    if (!next_word(from, &text) || !parse_name(text, from->origin, &name))
        return false;
    torc__dns_put(from->out, torc__dns_name_slice(&name));
    return true;
}

static bool read_ip(const reading *from, torc_address_kind kind, torc_address *ret_address)
{
    torc_slice text;

    return next_word(from, &text) && torc_slice_find_byte(text, '%') == text.length
        && torc_address_parse(text, 0, ret_address) && ret_address->kind == kind;
}

static bool read_address(const reading *from, torc_address_kind kind)
{
    torc_address address;

    if (!read_ip(from, kind, &address))
        return false;
    torc__dns_put(from->out, torc_slice_make(address.ip, kind == TORC_ADDRESS_IPV4 ? 4 : 16));
    return true;
}

/* Prefix length and suffix; whether a name follows goes by the length. */
static bool read_a6(const reading *from)
{
    torc_address address;
    torc_slice text;
    uint64_t prefix;

    if (!next_word(from, &text) || !torc__dns_number_parse(text, 128, &prefix)
        || !read_ip(from, TORC_ADDRESS_IPV6, &address))
        return false;
    if (prefix % 8 != 0)
        address.ip[prefix / 8] &= (uint8_t)(0xff >> prefix % 8);
    torc__dns_put_number(from->out, prefix, 1);
    torc__dns_put(from->out, torc_slice_make(address.ip + prefix / 8, 16 - prefix / 8));
    return prefix == 0 || read_name(from);
}

/* "20261121103000", or seconds. */
static bool read_date(const reading *from)
{
    static const size_t widths[] = { 4, 2, 2, 2, 2, 2 };
    uint64_t parts[6];
    uint64_t seconds;
    torc_slice text;
    struct tm date;

    if (!next_word(from, &text))
        return false;
    if (text.length != 14) {
        if (!torc__dns_number_parse(text, UINT32_MAX, &seconds))
            return false;
        torc__dns_put_number(from->out, seconds, 4);
        return true;
    }
    for (size_t i = 0; i < 6; i++) {
        if (!torc__dns_number_parse(torc_slice_first(text, widths[i]), 9999, &parts[i]))
            return false;
        text = torc_slice_skip(text, widths[i]);
    }
    if (parts[0] < 1970 || parts[0] > 2106 || parts[1] < 1 || parts[1] > 12 || parts[2] < 1
        || parts[2] > 31 || parts[3] > 23 || parts[4] > 59 || parts[5] > 60)
        return false;
    memset(&date, 0, sizeof date);
    date.tm_year = (int)parts[0] - 1900;
    date.tm_mon = (int)parts[1] - 1;
    date.tm_mday = (int)parts[2];
    date.tm_hour = (int)parts[3];
    date.tm_min = (int)parts[4];
    date.tm_sec = (int)parts[5];
    torc__dns_put_number(from->out, (uint64_t)timegm(&date), 4);
    return true;
}

static bool read_type(const reading *from)
{
    torc_slice text;
    uint16_t type;

    if (!next_word(from, &text) || !torc_record_type_parse(text, &type))
        return false;
    torc__dns_put_number(from->out, type, 2);
    return true;
}

static bool put_string(torc_slice text, torc__dns_bytes *out)
{
    uint8_t bytes[255];
    size_t length;

    if (!torc__dns_unescape(text, bytes, sizeof bytes, &length))
        return false;
    torc__dns_put_number(out, length, 1);
    torc__dns_put(out, torc_slice_make(bytes, length));
    return true;
}

static bool read_string(const reading *from)
{
    torc__dns_token token;

    return torc__dns_next_token(from->lexer, &token) && put_string(token.text, from->out);
}

static bool read_strings(const reading *from)
{
    torc__dns_token token;

    if (!read_string(from))
        return false;
    while (torc__dns_next_token(from->lexer, &token))
        if (!put_string(token.text, from->out))
            return false;
    return true;
}

/* A string of any length: straight into what is left of the storage. */
static bool put_text(torc_slice text, torc__dns_bytes *out)
{
    size_t length;

    if (!torc__dns_unescape(text, out->bytes + out->length, out->size - out->length, &length))
        return false;
    out->length += length;
    return true;
}

static bool read_long_string(const reading *from)
{
    torc__dns_token token;

    return torc__dns_next_token(from->lexer, &token) && put_text(token.text, from->out);
}

/* Digits to the end of the line, in as many words as they come. */
static bool read_digits(const reading *from, unsigned int width)
{
    torc__dns_digits digits;
    torc__dns_token token;

    torc__dns_digits_begin(&digits, width);
    while (torc__dns_next_token(from->lexer, &token))
        if (token.quoted || !torc__dns_digits_add(&digits, token.text, from->out))
            return false;
    return torc__dns_digits_end(&digits);
}

/* One word of digits, behind its length. */
static bool read_sized_digits(const reading *from, unsigned int width)
{
    size_t start = from->out->length;
    torc__dns_digits digits;
    torc_slice text;

    if (!next_word(from, &text))
        return false;
    torc__dns_put_number(from->out, 0, 1);
    torc__dns_digits_begin(&digits, width);
    if (!torc_slice_is(text, "-")
        && (!torc__dns_digits_add(&digits, text, from->out) || !torc__dns_digits_end(&digits)))
        return false;
    if (from->out->overflow || from->out->length - start - 1 > 255)
        return false;
    from->out->bytes[start] = (uint8_t)(from->out->length - start - 1);
    return true;
}

static bool read_sized_base64(const reading *from)
{
    size_t start = from->out->length;
    torc__dns_digits digits;
    torc_slice text;
    uint64_t size;

    if (!next_word(from, &text) || !torc__dns_number_parse(text, UINT16_MAX, &size))
        return false;
    torc__dns_put_number(from->out, size, 2);
    if (size == 0)
        return true;
    torc__dns_digits_begin(&digits, 6);
    return next_word(from, &text) && torc__dns_digits_add(&digits, text, from->out)
        && torc__dns_digits_end(&digits) && from->out->length - start - 2 == size;
}

static void put_window(const uint8_t *bits, size_t window, torc__dns_bytes *out)
{
    size_t length = 32;

    while (length > 0 && bits[length - 1] == 0)
        length--;
    if (length == 0)
        return;
    torc__dns_put_number(out, window << 8 | length, 2);
    torc__dns_put(out, torc_slice_make(bits, length));
}

static bool read_types(const reading *from)
{
    uint8_t map[256][32];
    torc__dns_token token;
    uint16_t type;

    memset(map, 0, sizeof map);
    while (torc__dns_next_token(from->lexer, &token)) {
        if (token.quoted || !torc_record_type_parse(token.text, &type))
            return false;
        map[type >> 8][(type & 0xff) / 8] |= (uint8_t)(0x80 >> type % 8);
    }
    for (size_t window = 0; window < 256; window++)
        put_window(map[window], window, from->out);
    return true;
}

static bool read_services(const reading *from)
{
    uint8_t map[8192];
    size_t length = 0;
    torc__dns_token token;
    uint64_t service;

    memset(map, 0, sizeof map);
    while (torc__dns_next_token(from->lexer, &token)) {
        if (token.quoted || !torc__dns_number_parse(token.text, UINT16_MAX, &service))
            return false;
        map[service / 8] |= (uint8_t)(0x80 >> service % 8);
        if (service / 8 + 1 > length)
            length = service / 8 + 1;
    }
    torc__dns_put(from->out, torc_slice_make(map, length));
    return true;
}

/* Takes the quotes around a value off, and the escapes out of it: key="value" -> key=value. */
static bool unquote(torc_slice text, torc__dns_bytes *out)
{
    size_t equals = torc_slice_find_byte(text, '=');
    torc_slice value = torc_slice_skip(text, equals + 1);

    if (value.length >= 2 && value.data[0] == '"' && value.data[value.length - 1] == '"')
        value = torc_slice_make(value.data + 1, value.length - 2);
    torc__dns_put(out, torc_slice_first(text, equals + 1));
    return !out->overflow && put_text(value, out);
}

static bool read_parameter(torc_slice text, torc__dns_bytes *out)
{
    torc__dns_bytes plain = { .bytes = torc__allocate(text.length), .size = text.length };
    bool is_read = plain.bytes != NULL && unquote(text, &plain)
        && torc__dns_svcb_parse(torc_slice_make(plain.bytes, plain.length), out);

    torc__free(plain.bytes);
    return is_read;
}

static bool read_parameters(const reading *from)
{
    torc__dns_bytes *out = from->out;
    size_t start = out->length;
    size_t count = 0;
    torc__dns_token token;

    while (torc__dns_next_token(from->lexer, &token))
        if (token.quoted || count++ == TORC__DNS_SVCB_PARAMETERS_MAX
            || !read_parameter(token.text, out))
            return false;
    return torc__dns_svcb_sort(out->bytes + start, out->length - start);
}

static bool read_field(const reading *from, char kind)
{
    switch (kind) {
    case '1':
    case '2':
    case '4':
        return read_number(from, (size_t)(kind - '0'));
    case 'l':
        return read_number(from, 6);
    case 'n':
    case 'N':
        return read_name(from);
    case 'a':
        return read_address(from, TORC_ADDRESS_IPV4);
    case 'A':
        return read_address(from, TORC_ADDRESS_IPV6);
    case 'T':
        return read_date(from);
    case 'y':
        return read_type(from);
    case 's':
    case 'g':
        return read_string(from);
    case 'S':
        return read_strings(from);
    case 'q':
        return read_long_string(from);
    case 'h':
        return read_digits(from, 4);
    case 'b':
        return read_digits(from, 6);
    case 'H':
        return read_sized_digits(from, 4);
    case '3':
        return read_sized_digits(from, 5);
    case 'B':
        return read_sized_base64(from);
    case 'm':
        return read_types(from);
    case 'w':
        return read_services(from);
    case 'v':
        return read_parameters(from);
    case 'x':
        return read_a6(from);
    default:
        return true; /* 'o' was read with 'x' */
    }
}

/* -- data ---------------------------------------------------------------------------------- */

/* "\# 2 abcd": what stands behind the first word. */
static bool read_opaque(const reading *from)
{
    size_t start = from->out->length;
    torc_slice text;
    uint64_t size;

    return next_word(from, &text)
        && torc__dns_number_parse(text, TORC__DNS_DATA_MAX, &size) && read_digits(from, 4)
        && from->out->length - start == size;
}

static bool is_opaque(torc__dns_lexer *lexer)
{
    torc__dns_lexer ahead = *lexer;
    torc__dns_token token;

    if (!torc__dns_next_token(&ahead, &token) || token.quoted || !torc_slice_is(token.text, "\\#"))
        return false;
    *lexer = ahead;
    return true;
}

static bool read_fields(const reading *from, const char *kinds)
{
    if (kinds[0] == '\0')
        return false;
    for (; *kinds != '\0'; kinds++)
        if (!read_field(from, *kinds))
            return false;
    return true;
}

bool torc__dns_data_parse(torc__dns_lexer *lexer, torc_slice origin, uint16_t type,
    torc__dns_bytes *storage, torc_slice *ret_data)
{
    reading from = { .lexer = lexer, .origin = origin, .out = storage };
    size_t start = storage->length;
    torc__dns_token extra;
    bool is_read;

    if (is_opaque(lexer))
        is_read = read_opaque(&from);
    else
        is_read = read_fields(&from, torc__dns_type_fields(type));
    if (!is_read || torc__dns_next_token(lexer, &extra) || lexer->malformed || storage->overflow
        || storage->length - start > TORC__DNS_DATA_MAX)
        return false;
    *ret_data = torc_slice_make(storage->bytes + start, storage->length - start);
    return torc__dns_data_is_valid(type, *ret_data);
}

/* TTL and class in either order, then the type. */
static bool read_head(torc__dns_lexer *lexer, torc__dns_record *record)
{
    torc__dns_token token;
    uint64_t ttl;
    bool has_ttl = false;
    bool has_class = false;

    while (torc__dns_next_token(lexer, &token) && !token.quoted) {
        if (!has_ttl && torc__dns_number_parse(token.text, INT32_MAX, &ttl)) {
            record->ttl = (uint32_t)ttl;
            has_ttl = true;
        } else if (!has_class && torc__dns_class_parse(token.text, &record->record_class)) {
            has_class = true;
        } else {
            return torc_record_type_parse(token.text, &record->type);
        }
    }
    return false;
}

bool torc__dns_record_parse(torc__dns_lexer *lexer, torc_slice origin, uint32_t ttl,
    torc__dns_bytes *storage, torc__dns_record *ret_record)
{
    torc__dns_token token;
    torc__dns_name name;
    size_t start = storage->length;

    ret_record->ttl = ttl;
    ret_record->record_class = TORC__DNS_CLASS_IN;
    if (!torc__dns_next_token(lexer, &token) || token.quoted
        || !parse_name(token.text, origin, &name) || !read_head(lexer, ret_record))
        return false;
    torc__dns_put(storage, torc__dns_name_slice(&name));
    ret_record->name = torc_slice_make(storage->bytes + start, name.length);
    return !storage->overflow
        && torc__dns_data_parse(lexer, origin, ret_record->type, storage, &ret_record->data);
}
