/*
 * decimal: a number in digits, faster than printf, for what is written with each message.
 */
#ifndef TORC_BASE_DECIMAL_H
#define TORC_BASE_DECIMAL_H

#include <torc/slice.h>

/* The digits of 2^64 - 1. */
#define TORC__DECIMAL_MAX 20

/* The digits of `number`, at the end of `text`. */
static inline torc_slice torc__decimal(uint64_t number, char text[TORC__DECIMAL_MAX])
{
    size_t start = TORC__DECIMAL_MAX;

    do {
        text[--start] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return torc_slice_make(text + start, TORC__DECIMAL_MAX - start);
}

#endif /* TORC_BASE_DECIMAL_H */
