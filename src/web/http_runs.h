/*
 * http_runs: how far the runs of bytes reach that make up most of a head, targets and values: the
 * one part of the parser that is worth sixteen bytes at a time. With TORC_NO_SIMD, and on other
 * processors, byte by byte; both find the same end.
 */
#ifndef TORC_WEB_HTTP_RUNS_H
#define TORC_WEB_HTTP_RUNS_H

#include "web/http_syntax.h"

#if defined(__SSE2__) && !defined(TORC_NO_SIMD)
# define TORC__HTTP_BY_SIXTEEN 1
# include <x86intrin.h>
#endif

#if defined(TORC__HTTP_BY_SIXTEEN)

/*
 * A bit for each of sixteen bytes: set where the byte is below `least` (unless it is `also`) or
 * DEL, that is, where a value (0x20, tab) or a target (0x21, nothing more) ends.
 */
static inline unsigned torc__http_find_ends(const char *data, char least, char also)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)data);
    __m128i good = _mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(least)), bytes);

    good = _mm_or_si128(good, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(also)));
    good = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)), good);
    return (unsigned)_mm_movemask_epi8(good) ^ 0xffff;
}

/* `end` is at least 16. */
static inline size_t torc__http_skip_visible(
    const char *data, size_t position, size_t end, char least, char also)
{
    unsigned ends;

    for (; end - position >= 16; position += 16) {
        ends = torc__http_find_ends(data + position, least, also);
        if (ends != 0)
            return position + (size_t)__bsfd((int)ends);
    }
    /* The last sixteen bytes, without those that are already judged. */
    ends = torc__http_find_ends(data + end - 16, least, also) >> (16 - (end - position));
    return ends != 0 ? position + (size_t)__bsfd((int)ends) : end;
}

static inline size_t torc__http_skip_value(const char *data, size_t position, size_t end)
{
    if (end < 16)
        return torc__http_skip_kind(data, position, end, TORC__HTTP_IN_VALUE);
    return torc__http_skip_visible(data, position, end, 0x20, '\t');
}

static inline size_t torc__http_skip_target(const char *data, size_t position, size_t end)
{
    if (end < 16)
        return torc__http_skip_kind(data, position, end, TORC__HTTP_IN_TARGET);
    return torc__http_skip_visible(data, position, end, 0x21, 0x21);
}

#else

static inline size_t torc__http_skip_value(const char *data, size_t position, size_t end)
{
    return torc__http_skip_kind(data, position, end, TORC__HTTP_IN_VALUE);
}

static inline size_t torc__http_skip_target(const char *data, size_t position, size_t end)
{
    return torc__http_skip_kind(data, position, end, TORC__HTTP_IN_TARGET);
}

#endif

#endif /* TORC_WEB_HTTP_RUNS_H */
