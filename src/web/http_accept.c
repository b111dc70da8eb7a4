/*
 * Accept-Encoding: a list of codings, each with its quality; "*" stands for those that are not
 * named.
 */
#include "web/http_accept.h"

#include "web/http_syntax.h"

enum { BEST = 1000, UNNAMED = UINT16_MAX };

/* "1", "0.5", "0.125", "1.000": in thousandths. Anything else is no quality: not taken. */
static uint16_t read_quality(torc_slice text)
{
    unsigned quality;
    unsigned unit = 100;

    if (text.length == 0 || text.length > 5 || (text.data[0] != '0' && text.data[0] != '1') ||
        (text.length > 1 && text.data[1] != '.'))
        return 0;
    quality = text.data[0] == '1' ? BEST : 0;
    for (size_t i = 2; i < text.length; i++, unit /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        quality += (unsigned)(text.data[i] - '0') * unit;
    }
    return quality <= BEST ? (uint16_t)quality : 0;
}

/* Parts "gzip ; q=0.5" into its coding, which stays in *member, and its quality. */
static uint16_t take_quality(torc_slice *member)
{
    size_t semicolon = torc_slice_find_byte(*member, ';');
    torc_slice weight = torc_slice_trim(torc_slice_skip(*member, semicolon + 1));

    if (semicolon == member->length)
        return BEST;
    *member = torc_slice_trim(torc_slice_first(*member, semicolon));
    if (!torc_slice_equal_ignoring_case(torc_slice_first(weight, 2), TORC_SLICE("q=")))
        return 0;
    return read_quality(torc_slice_skip(weight, 2));
}

static bool is_coding(torc_slice text, const char *name)
{
    return torc_slice_equal_ignoring_case(text, torc_slice_of(name));
}

static void settle(uint16_t *quality, uint16_t of_others)
{
    if (*quality == UNNAMED)
        *quality = of_others;
}

torc__http_codings torc__http_accept_codings(torc_slice value)
{
    torc__http_codings codings = { UNNAMED, UNNAMED, UNNAMED };
    uint16_t others = UNNAMED;
    torc_slice member;

    while (torc__http_list_next(&value, &member)) {
        uint16_t quality = take_quality(&member);

        if (is_coding(member, "br"))
            codings.brotli = quality;
        else if (is_coding(member, "gzip") || is_coding(member, "x-gzip"))
            codings.gzip = quality;
        else if (is_coding(member, "identity"))
            codings.identity = quality;
        else if (torc_slice_is(member, "*"))
            others = quality;
    }
    /* Identity is taken unless it is refused; one who names a coding likes that better. */
    settle(&codings.identity, others != UNNAMED ? others : 1);
    settle(&others, 0);
    settle(&codings.brotli, others);
    settle(&codings.gzip, others);
    return codings;
}
