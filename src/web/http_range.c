/*
 * Ranges of bytes. First the whole field is checked for its form, as a field that is malformed
 * anywhere is not there at all; a range that lies behind the end is only left out.
 */
#include "web/http_range.h"

#include "web/http_syntax.h"

/* Stops at the largest number: a position beyond any end is valid, and just that. */
static bool read_number(torc_slice digits, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (size_t i = 0; i < digits.length; i++) {
        unsigned digit = (unsigned)(unsigned char)digits.data[i] - '0';

        if (digit > 9)
            return false;
        if (number > (UINT64_MAX - digit) / 10)
            number = UINT64_MAX;
        else
            number = number * 10 + digit;
    }
    *ret_number = number;
    return digits.length > 0;
}

/* "-500": the last bytes. No length comes out where nothing is there to be sent. */
static bool read_suffix(torc_slice digits, uint64_t length, torc__http_range *ret_range)
{
    uint64_t count;

    if (!read_number(digits, &count))
        return false;
    ret_range->length = count < length ? count : length;
    ret_range->first = length - ret_range->length;
    return true;
}

/* False where it is malformed; a length of 0 where it lies behind the end. */
static bool read_range(torc_slice text, uint64_t length, torc__http_range *ret_range)
{
    size_t dash = torc_slice_find_byte(text, '-');
    torc_slice behind = torc_slice_skip(text, dash + 1);
    uint64_t last = UINT64_MAX;

    if (dash == text.length)
        return false;
    if (dash == 0)
        return read_suffix(behind, length, ret_range);
    if (!read_number(torc_slice_first(text, dash), &ret_range->first))
        return false;
    if (behind.length > 0 && !read_number(behind, &last))
        return false;
    if (last < ret_range->first)
        return false;
    ret_range->length = 0;
    if (ret_range->first < length)
        ret_range->length = (last < length ? last + 1 : length) - ret_range->first;
    return true;
}

static bool overlaps(const torc__http_ranges *ranges, const torc__http_range *range)
{
    for (size_t i = 0; i < ranges->count; i++) {
        const torc__http_range *other = &ranges->ranges[i];

        if (range->first < other->first + other->length &&
            other->first < range->first + range->length)
            return true;
    }
    return false;
}

static bool take_unit(torc_slice *value)
{
    torc_slice unit = TORC_SLICE("bytes=");

    if (!torc_slice_equal_ignoring_case(torc_slice_first(*value, unit.length), unit))
        return false;
    *value = torc_slice_skip(*value, unit.length);
    return true;
}

torc__http_range_outcome torc__http_range_parse(torc_slice value, uint64_t length,
    torc__http_ranges *ret_ranges)
{
    torc__http_range range;
    torc_slice member;
    size_t members = 0;
    bool overlapping = false;

    ret_ranges->count = 0;
    if (!take_unit(&value))
        return TORC__HTTP_RANGE_IGNORED;
    while (torc__http_list_next(&value, &member)) {
        if (++members > TORC__HTTP_MAX_RANGES || !read_range(member, length, &range))
            return TORC__HTTP_RANGE_IGNORED;
        /* The last bytes of nothing: no Content-Range can say that, while all of it is right. */
        if (length == 0 && member.data[0] == '-' && !torc_slice_is(member, "-0"))
            return TORC__HTTP_RANGE_IGNORED;
        if (range.length == 0)
            continue;
        overlapping = overlapping || overlaps(ret_ranges, &range);
        ret_ranges->ranges[ret_ranges->count++] = range;
    }
    if (members == 0 || overlapping)
        return TORC__HTTP_RANGE_IGNORED;
    return ret_ranges->count > 0 ? TORC__HTTP_RANGE_SATISFIABLE : TORC__HTTP_RANGE_UNSATISFIABLE;
}
