/*
 * What slices need beyond a few inline lines. Nothing here allocates but torc_slice_dup.
 */
#include <torc/slice.h>

#include "base/memory.h"

static unsigned char lower(char byte)
{
    unsigned char value = (unsigned char)byte;

    return value >= 'A' && value <= 'Z' ? (unsigned char)(value | 0x20) : value;
}

bool torc_slice_equal_ignoring_case(torc_slice a, torc_slice b)
{
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

size_t torc_slice_find_byte(torc_slice slice, char byte)
{
    const char *found;

    if (slice.length == 0)
        return 0;
    found = memchr(slice.data, (unsigned char)byte, slice.length);
    return found != NULL ? (size_t)(found - slice.data) : slice.length;
}

size_t torc_slice_find(torc_slice slice, torc_slice needle)
{
    if (needle.length == 0)
        return 0;
    for (size_t from = 0; slice.length - from >= needle.length; from++) {
        from += torc_slice_find_byte(torc_slice_skip(slice, from), needle.data[0]);
        if (slice.length - from < needle.length)
            break;
        if (memcmp(slice.data + from, needle.data, needle.length) == 0)
            return from;
    }
    return slice.length;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

torc_slice torc_slice_trim(torc_slice slice)
{
    while (slice.length > 0 && is_blank(slice.data[0]))
        slice = torc_slice_skip(slice, 1);
    while (slice.length > 0 && is_blank(slice.data[slice.length - 1]))
        slice.length--;
    return slice;
}

torc_slice torc_next_word(torc_slice *rest)
{
    torc_slice text = *rest;
    torc_slice word;
    size_t length = 0;

    while (text.length > 0 && is_blank(text.data[0]))
        text = torc_slice_skip(text, 1);
    while (length < text.length && !is_blank(text.data[length]))
        length++;
    word = torc_slice_first(text, length);
    text = torc_slice_skip(text, length);
    while (text.length > 0 && is_blank(text.data[0]))
        text = torc_slice_skip(text, 1);
    *rest = text;
    return word;
}

bool torc_slice_to_number(torc_slice slice, uint64_t maximum, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (slice.length == 0)
        return false;
    for (size_t i = 0; i < slice.length; i++) {
        char byte = slice.data[i];
        uint64_t digit = (uint64_t)(byte - '0');

        if (byte < '0' || byte > '9' || number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    if (number > maximum)
        return false;
    *ret_number = number;
    return true;
}

char *torc_slice_dup(torc_slice slice)
{
    char *copy = torc__allocate(slice.length + 1);

    if (copy == NULL)
        return NULL;
    if (slice.length > 0)
        memcpy(copy, slice.data, slice.length);
    copy[slice.length] = '\0';
    return torc__give_away(copy);
}
