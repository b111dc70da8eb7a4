/*
 * Names, taken apart and put together.
 */
#include "names/dns_name.h"

/* Of one name: pointers may lead to pointers, and a message could make each name walk them all. */
enum { POINTER = 0xc0, POINTERS_MAX = 128 };

void torc__dns_name_set(torc__dns_name *name, torc_slice from)
{
    memcpy(name->wire, from.data, from.length);
    name->length = (uint8_t)from.length;
}

/* -- from messages ------------------------------------------------------------------------- */

/*
 * Where the pointer at `at` leads. 0: to nowhere that is allowed, which the header is. `before` is
 * where the labels that it ends begin: each pointer leads further to the front, so there is an end.
 */
static size_t follow(torc_slice message, size_t at, size_t before)
{
    const uint8_t *bytes = (const uint8_t *)message.data;
    size_t target;

    if (at + 1 >= message.length)
        return 0;
    target = (size_t)(bytes[at] & ~POINTER) << 8 | bytes[at + 1];
    return target >= TORC__DNS_HEADER_SIZE && target < before ? target : 0;
}

bool torc__dns_name_read(torc_slice message, size_t *offset, torc__dns_name *ret_name)
{
    const uint8_t *bytes = (const uint8_t *)message.data;
    size_t at = *offset;
    size_t start = at;
    size_t length = 0;
    size_t jumps = 0;

    while (at < message.length) {
        size_t label = bytes[at];

        if (label >= POINTER) {
            if (jumps++ == 0)
                *offset = at + 2;
            start = at = follow(message, at, start);
            if (at == 0 || jumps > POINTERS_MAX)
                return false;
            continue;
        }
        if (label > TORC__DNS_LABEL_MAX || at + 1 + label > message.length
            || length + 1 + label > TORC__DNS_NAME_MAX)
            return false;
        memcpy(ret_name->wire + length, bytes + at, 1 + label);
        length += 1 + label;
        at += 1 + label;
        if (label != 0)
            continue;
        if (jumps == 0)
            *offset = at;
        ret_name->length = (uint8_t)length;
        return true;
    }
    return false;
}

size_t torc__dns_name_measure(torc_slice bytes)
{
    size_t at = 0;

    while (at < bytes.length && at < TORC__DNS_NAME_MAX) {
        size_t label = (uint8_t)bytes.data[at];

        if (label > TORC__DNS_LABEL_MAX)
            return 0;
        at += 1 + label;
        if (label == 0)
            return at;
    }
    return 0;
}

/* -- from text ----------------------------------------------------------------------------- */

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Takes what stands behind a backslash off the front of *text. -1: nothing that is allowed. */
static int take_escaped(torc_slice *text)
{
    int value = 0;

    if (text->length == 0)
        return -1;
    if (!is_digit(text->data[0])) {
        value = (uint8_t)text->data[0];
        *text = torc_slice_skip(*text, 1);
        return value;
    }
    if (text->length < 3)
        return -1;
    for (size_t i = 0; i < 3; i++) {
        if (!is_digit(text->data[i]))
            return -1;
        value = value * 10 + (text->data[i] - '0');
    }
    *text = torc_slice_skip(*text, 3);
    return value <= 255 ? value : -1;
}

/*
 * Takes a label and the dot behind it off the front of *text, and appends it to the name. False:
 * there is none, or no room for it and the root.
 */
static bool take_label(torc_slice *text, torc__dns_name *name)
{
    size_t start = name->length;
    size_t length = 0;

    while (text->length > 0) {
        int byte = (uint8_t)text->data[0];

        *text = torc_slice_skip(*text, 1);
        if (byte == '.')
            break;
        if (byte == '\\')
            byte = take_escaped(text);
        if (byte < 0 || length == TORC__DNS_LABEL_MAX
            || start + 1 + length + 1 >= TORC__DNS_NAME_MAX)
            return false;
        length++;
        name->wire[start + length] = (uint8_t)byte;
    }
    if (length == 0)
        return false;
    name->wire[start] = (uint8_t)length;
    name->length = (uint8_t)(start + 1 + length);
    return true;
}

/* Whether the text's last dot ends the name: it is not escaped. */
static bool is_absolute(torc_slice text)
{
    size_t backslashes = 0;

    if (text.length == 0 || text.data[text.length - 1] != '.')
        return false;
    while (backslashes + 1 < text.length && text.data[text.length - 2 - backslashes] == '\\')
        backslashes++;
    return backslashes % 2 == 0;
}

bool torc__dns_name_parse(torc_slice text, torc_slice origin, torc__dns_name *ret_name)
{
    bool absolute = is_absolute(text);

    ret_name->length = 0;
    if (absolute && text.length == 1)
        text.length = 0;
    else if (text.length == 0)
        return false;
    while (text.length > 0)
        if (!take_label(&text, ret_name))
            return false;
    if (absolute || origin.length == 0)
        origin = torc_slice_make("", 1);
    if (ret_name->length + origin.length > TORC__DNS_NAME_MAX)
        return false;
    memcpy(ret_name->wire + ret_name->length, origin.data, origin.length);
    ret_name->length = (uint8_t)(ret_name->length + origin.length);
    return true;
}

/* -- to text ------------------------------------------------------------------------------- */

static size_t write_byte(uint8_t byte, char *text)
{
    if (byte <= ' ' || byte >= 0x7f) {
        text[0] = '\\';
        text[1] = (char)('0' + byte / 100);
        text[2] = (char)('0' + byte / 10 % 10);
        text[3] = (char)('0' + byte % 10);
        return 4;
    }
    if (strchr("\".;\\()@$", byte) != NULL) {
        text[0] = '\\';
        text[1] = (char)byte;
        return 2;
    }
    text[0] = (char)byte;
    return 1;
}

size_t torc__dns_name_text(torc_slice name, char text[TORC_NAME_TEXT_MAX])
{
    const uint8_t *wire = (const uint8_t *)name.data;
    size_t at = 0;
    size_t used = 0;

    while (wire[at] != 0) {
        size_t end = at + 1 + wire[at];

        for (at++; at < end; at++)
            used += write_byte(wire[at], text + used);
        text[used++] = '.';
    }
    if (used == 0)
        text[used++] = '.';
    text[used] = '\0';
    return used;
}

size_t torc__dns_name_plain_text(torc_slice name, char text[TORC_NAME_TEXT_MAX])
{
    size_t length = torc__dns_name_text(name, text);

    if (length > 1)
        text[--length] = '\0';
    return length;
}

/* -- comparing ----------------------------------------------------------------------------- */

bool torc__dns_name_equal(torc_slice a, torc_slice b)
{
    /* Mostly they are of one case, which is the quicker thing to see. */
    return torc_slice_equal(a, b) || torc_slice_equal_ignoring_case(a, b);
}

void torc__dns_name_lower(torc__dns_name *name)
{
    for (size_t i = 0; i < name->length; i++)
        if (name->wire[i] >= 'A' && name->wire[i] <= 'Z')
            name->wire[i] = (uint8_t)(name->wire[i] | 0x20);
}

bool torc__dns_name_is_within(torc_slice name, torc_slice parent)
{
    size_t at = 0;

    while (name.length - at > parent.length)
        at += 1 + (size_t)(uint8_t)name.data[at];
    return name.length - at == parent.length
        && torc__dns_name_equal(torc_slice_skip(name, at), parent);
}

size_t torc__dns_name_labels(torc_slice name)
{
    size_t count = 0;

    for (size_t at = 0; name.data[at] != 0; at += 1 + (size_t)(uint8_t)name.data[at])
        count++;
    return count;
}
