/*
 * dns_base: bytes written in hexadecimal, base 64 and base 32 with the extended hex alphabet.
 */
#ifndef TORC_NAMES_DNS_BASE_H
#define TORC_NAMES_DNS_BASE_H

#include "base/text_writer.h"
#include "names/dns_bytes.h"

void torc__dns_hex_text(torc_slice bytes, torc__text_writer *writer);
void torc__dns_base64_text(torc_slice bytes, torc__text_writer *writer);
void torc__dns_base32_text(torc_slice bytes, torc__text_writer *writer); /* without padding */

/* Digits that may come in several pieces. */
typedef struct torc__dns_digits {
    unsigned int width; /* bits of a digit: 4, 5 or 6 */
    unsigned int held;  /* bits in `bits` that are not written yet */
    uint32_t bits;
    size_t count;       /* digits and padding so far */
    size_t padding;
} torc__dns_digits;

void torc__dns_digits_begin(torc__dns_digits *digits, unsigned int width);

/* Appends the bytes that `text` completes. False for what is no digit. */
bool torc__dns_digits_add(torc__dns_digits *digits, torc_slice text, torc__dns_bytes *out);

/* Whether the digits make whole bytes, with the padding that belongs to them. */
bool torc__dns_digits_end(const torc__dns_digits *digits);

#endif /* TORC_NAMES_DNS_BASE_H */
