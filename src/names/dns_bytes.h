/*
 * dns_bytes: numbers in network order, and bytes put together in a block of fixed size.
 *
 * What does not fit sets `overflow` and is left out; whoever writes looks at it once, at the end.
 */
#ifndef TORC_NAMES_DNS_BYTES_H
#define TORC_NAMES_DNS_BYTES_H

#include <torc/slice.h>

typedef struct torc__dns_bytes {
    uint8_t *bytes;
    size_t size;
    size_t length;
    bool overflow;
} torc__dns_bytes;

static inline uint16_t torc__dns_get16(const void *from)
{
    const uint8_t *bytes = from;

    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline uint32_t torc__dns_get32(const void *from)
{
    return (uint32_t)torc__dns_get16(from) << 16 | torc__dns_get16((const uint8_t *)from + 2);
}

static inline void torc__dns_set16(void *to, uint16_t number)
{
    uint8_t *bytes = to;

    bytes[0] = (uint8_t)(number >> 8);
    bytes[1] = (uint8_t)number;
}

static inline void torc__dns_put(torc__dns_bytes *out, torc_slice bytes)
{
    if (out->overflow || out->size - out->length < bytes.length) {
        out->overflow = true;
        return;
    }
    if (bytes.length > 0)
        memcpy(out->bytes + out->length, bytes.data, bytes.length);
    out->length += bytes.length;
}

/* The last `count` bytes of a number. */
static inline void torc__dns_put_number(torc__dns_bytes *out, uint64_t number, size_t count)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(number >> 8 * (count - 1 - i));
    torc__dns_put(out, torc_slice_make(bytes, count));
}

#endif /* TORC_NAMES_DNS_BYTES_H */
