/*
 * The grammar that fields share. The table of bytes is worked out by the compiler from the rules
 * above it.
 */
#include "web/http_syntax.h"

#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
#define IS_ALPHA(c) (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z'))
#define IS_ALNUM(c) (IS_DIGIT(c) || IS_ALPHA(c))
#define IS_SHARED_MARK(c) \
    ((c) == '!' || (c) == '$' || (c) == '%' || (c) == '&' || (c) == '\'' || (c) == '*' || \
        (c) == '+' || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define IS_TOKEN(c) \
    (IS_ALNUM(c) || IS_SHARED_MARK(c) || (c) == '#' || (c) == '^' || (c) == '`' || (c) == '|')
#define IS_HOST(c) \
    (IS_ALNUM(c) || IS_SHARED_MARK(c) || (c) == '(' || (c) == ')' || (c) == ',' || (c) == ';' || \
        (c) == '=')
#define IS_TARGET(c) ((c) > 0x20 && (c) != 0x7f)
#define IS_VALUE(c)  (((c) >= 0x20 && (c) != 0x7f) || (c) == '\t')

#define KIND(c) \
    ((IS_TOKEN(c) ? TORC__HTTP_IN_TOKEN : 0) | (IS_TARGET(c) ? TORC__HTTP_IN_TARGET : 0) | \
        (IS_VALUE(c) ? TORC__HTTP_IN_VALUE : 0) | (IS_HOST(c) ? TORC__HTTP_IN_HOST : 0))
#define KINDS_4(c)  KIND(c), KIND((c) + 1), KIND((c) + 2), KIND((c) + 3)
#define KINDS_16(c) KINDS_4(c), KINDS_4((c) + 4), KINDS_4((c) + 8), KINDS_4((c) + 12)
#define KINDS_64(c) KINDS_16(c), KINDS_16((c) + 16), KINDS_16((c) + 32), KINDS_16((c) + 48)

const uint8_t torc__http_kinds[256] = {
    KINDS_64(0),
    KINDS_64(64),
    KINDS_64(128),
    KINDS_64(192),
};

bool torc__http_is_token(torc_slice text)
{
    return text.length > 0 &&
        torc__http_skip_kind(text.data, 0, text.length, TORC__HTTP_IN_TOKEN) == text.length;
}

bool torc__http_list_next(torc_slice *list, torc_slice *ret_member)
{
    torc_slice rest = *list;
    torc_slice member;

    do {
        bool quoted = false;
        size_t length = 0;

        if (rest.length == 0) {
            *list = rest;
            return false;
        }
        for (; length < rest.length && (quoted || rest.data[length] != ','); length++) {
            if (rest.data[length] == '"')
                quoted = !quoted;
            else if (quoted && rest.data[length] == '\\' && length + 1 < rest.length)
                length++;
        }
        member = torc_slice_trim(torc_slice_first(rest, length));
        rest = torc_slice_skip(rest, length + 1);
    } while (member.length == 0);
    *list = rest;
    *ret_member = member;
    return true;
}

static bool is_port(torc_slice port)
{
    unsigned number = 0;

    if (port.length > 5)
        return false;
    for (size_t i = 0; i < port.length; i++) {
        if (!IS_DIGIT(port.data[i]))
            return false;
        number = number * 10 + (unsigned)(port.data[i] - '0');
    }
    return number <= 65535;
}

/* "[::1]": the length with its brackets, or 0 where it is no literal address. */
static size_t address_length(torc_slice host)
{
    size_t length = 1;

    while (length < host.length &&
        (host.data[length] == ':' ||
            (torc__http_kinds[(unsigned char)host.data[length]] & TORC__HTTP_IN_HOST) != 0))
        length++;
    if (length == 1 || length == host.length || host.data[length] != ']')
        return 0;
    return length + 1;
}

bool torc__http_host_is_valid(torc_slice host)
{
    size_t length;

    if (host.length > 0 && host.data[0] == '[') {
        length = address_length(host);
        if (length == 0)
            return false;
    } else {
        length = torc__http_skip_kind(host.data, 0, host.length, TORC__HTTP_IN_HOST);
    }
    if (length == host.length)
        return true;
    return host.data[length] == ':' && is_port(torc_slice_skip(host, length + 1));
}
