/*
 * The head ends with the first empty line; lines end with CR LF, or with LF alone, as RFC 9112 2.2
 * lets a client take them.
 */
#include "endpoint/http_connect.h"

#include <stdio.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* -- the request --------------------------------------------------------------------------- */

/* RFC 4648 4. Gives the length; ends with a NUL. */
static size_t put_base64(char *to, const char *bytes, size_t length)
{
    size_t written = 0;

    for (size_t i = 0; i < length; i += 3) {
        size_t have = length - i < 3 ? length - i : 3;
        uint32_t group = 0;

        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (j < have ? (unsigned char)bytes[i + j] : 0);
        for (size_t j = 0; j < 4; j++)
            to[written++] = j <= have ? alphabet[group >> (18 - 6 * j) & 63] : '=';
    }
    to[written] = '\0';
    return written;
}

static void write_target(const torc__tunnel *tunnel, char *to, size_t size)
{
    char host[TORC_ADDRESS_TEXT_MAX];
    torc_address address = tunnel->address;

    address.port = tunnel->port;
    if (address.kind != TORC_ADDRESS_NONE)
        snprintf(to, size, "%s", torc_address_text(&address, host));
    else
        snprintf(to, size, "%s:%u", tunnel->host, (unsigned)tunnel->port);
}

size_t torc__http_connect_request(
    const torc__tunnel *tunnel, char ret_request[TORC__HTTP_CONNECT_MAX])
{
    char target[sizeof(tunnel->host) + 8];
    char secret[2 * TORC__TUNNEL_SECRET_MAX + 2];
    char encoded[(sizeof(secret) / 3 + 1) * 4 + 1];
    int length;

    write_target(tunnel, target, sizeof(target));
    snprintf(secret, sizeof(secret), "%s:%s", tunnel->user, tunnel->password);
    put_base64(encoded, secret, strlen(secret));
    length = snprintf(ret_request, TORC__HTTP_CONNECT_MAX,
        "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n", target, target,
        tunnel->has_user ? "Proxy-Authorization: Basic " : "", tunnel->has_user ? encoded : "",
        tunnel->has_user ? "\r\n" : "");
    return (size_t)length;
}

/* -- the answer ---------------------------------------------------------------------------- */

/* Behind the first empty line; 0: there is none yet. */
static size_t end_of_head(torc_slice bytes)
{
    size_t line = 0;

    while (line < bytes.length) {
        size_t length = torc_slice_find_byte(torc_slice_skip(bytes, line), '\n');

        if (line + length >= bytes.length)
            return 0;
        if (length == 0 || (length == 1 && bytes.data[line] == '\r'))
            return line == 0 ? 0 : line + length + 1;
        line += length + 1;
    }
    return 0;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* "HTTP/1.1 200 Reason", without the line's end. */
static bool read_status_line(torc_slice line, int *ret_status, torc_slice *ret_reason)
{
    const char *at = line.data;

    if (line.length < 12 || !torc_slice_starts_with(line, TORC_SLICE("HTTP/1.")) ||
        !is_digit(at[7]) || at[8] != ' ')
        return false;
    if (!is_digit(at[9]) || !is_digit(at[10]) || !is_digit(at[11]) || at[9] == '0')
        return false;
    if (line.length > 12 && at[12] != ' ')
        return false;
    *ret_status = (at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0');
    *ret_reason = torc_slice_skip(line, 13);
    return true;
}

/* As much of the first line as is there must be how one begins. */
static bool may_be_status_line(torc_slice bytes)
{
    torc_slice begin = TORC_SLICE("HTTP/1.");

    return torc_slice_starts_with(begin, torc_slice_first(bytes, begin.length));
}

int torc__http_connect_read(torc_slice bytes, int *ret_status, torc_slice *ret_reason)
{
    torc_slice line = torc_slice_first(bytes, torc_slice_find_byte(bytes, '\n'));
    size_t end;

    if (!may_be_status_line(bytes))
        return -1;
    end = end_of_head(torc_slice_first(bytes, TORC__HTTP_CONNECT_HEAD_MAX));
    if (end == 0)
        return 0;
    if (torc_slice_ends_with(line, TORC_SLICE("\r")))
        line.length--;
    return read_status_line(line, ret_status, ret_reason) ? (int)end : -1;
}
