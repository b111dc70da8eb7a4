/*
 * http_range: what part of a representation a Range field asks for (RFC 9110 14.1, 14.2).
 *
 * A field that is malformed, of another unit, of too many ranges or of ranges that overlap is to be
 * ignored, as the RFC allows: the whole representation is always a correct answer.
 */
#ifndef TORC_WEB_HTTP_RANGE_H
#define TORC_WEB_HTTP_RANGE_H

#include <torc/slice.h>

#define TORC__HTTP_MAX_RANGES 16

typedef enum torc__http_range_outcome {
    TORC__HTTP_RANGE_IGNORED,      /* send all: 200 */
    TORC__HTTP_RANGE_SATISFIABLE,  /* send the ranges: 206 */
    TORC__HTTP_RANGE_UNSATISFIABLE /* 416, with Content-Range: bytes * and the length */
} torc__http_range_outcome;

typedef struct torc__http_range {
    uint64_t first;  /* offset of the first byte */
    uint64_t length; /* at least 1; first + length is within the representation */
} torc__http_range;

typedef struct torc__http_ranges {
    size_t count; /* at least 1 where satisfiable; in the order of the request */
    torc__http_range ranges[TORC__HTTP_MAX_RANGES];
} torc__http_ranges;

/* `value` is the field's value, `length` the representation's. */
torc__http_range_outcome torc__http_range_parse(torc_slice value, uint64_t length,
    torc__http_ranges *ret_ranges);

#endif /* TORC_WEB_HTTP_RANGE_H */
