/*
 * http_syntax: the small grammar that all fields of HTTP share (RFC 9110 5.6): what each byte may
 * be part of, tokens, lists, and the hosts of RFC 3986.
 */
#ifndef TORC_WEB_HTTP_SYNTAX_H
#define TORC_WEB_HTTP_SYNTAX_H

#include <torc/slice.h>

/* What a byte may be part of; a byte may be of several kinds. */
enum {
    TORC__HTTP_IN_TOKEN = 1,
    TORC__HTTP_IN_TARGET = 2,
    TORC__HTTP_IN_VALUE = 4, /* of a field */
    TORC__HTTP_IN_HOST = 8   /* a name, its brackets and port apart */
};

extern const uint8_t torc__http_kinds[256];

/* The first index from `position` on whose byte is not of `kind`, or `end`. */
static inline size_t torc__http_skip_kind(const char *data, size_t position, size_t end, int kind)
{
    while (position < end && (torc__http_kinds[(unsigned char)data[position]] & kind) != 0)
        position++;
    return position;
}

/* The value of a hexadecimal digit, or -1. */
static inline int torc__http_hex_value(char digit)
{
    unsigned char byte = (unsigned char)digit;

    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/*
 * Whether `host` is what a Host field may hold: a name or address, and perhaps a port, or nothing.
 */
bool torc__http_host_is_valid(torc_slice host);

/* Whether `text` is a token of RFC 9110: not empty, of letters, digits and a few marks. */
bool torc__http_is_token(torc_slice text);

/*
 * Takes the next member off the front of a comma-separated list, without white space around it, and
 * skips empty members, as RFC 9110 5.6.1 asks. False at the end. Commas in quoted strings do not
 * part.
 */
bool torc__http_list_next(torc_slice *list, torc_slice *ret_member);

#endif /* TORC_WEB_HTTP_SYNTAX_H */
