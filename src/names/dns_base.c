/*
 * The three ways of writing bytes differ in the width of a digit and in the alphabet.
 */
#include "names/dns_base.h"

static const char hex[] = "0123456789abcdef";
static const char base32[] = "0123456789abcdefghijklmnopqrstuv";
static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void write_digits(
    torc_slice bytes, const char *alphabet, unsigned int width, torc__text_writer *writer)
{
    uint32_t mask = (1U << width) - 1;
    uint32_t bits = 0;
    unsigned int held = 0;

    for (size_t i = 0; i < bytes.length; i++) {
        bits = bits << 8 | (uint8_t)bytes.data[i];
        for (held += 8; held >= width; held -= width)
            torc__text_append(writer, torc_slice_make(&alphabet[bits >> (held - width) & mask], 1));
    }
    if (held > 0)
        torc__text_append(writer, torc_slice_make(&alphabet[bits << (width - held) & mask], 1));
}

void torc__dns_hex_text(torc_slice bytes, torc__text_writer *writer)
{
    write_digits(bytes, hex, 4, writer);
}

void torc__dns_base32_text(torc_slice bytes, torc__text_writer *writer)
{
    write_digits(bytes, base32, 5, writer);
}

void torc__dns_base64_text(torc_slice bytes, torc__text_writer *writer)
{
    write_digits(bytes, base64, 6, writer);
    torc__text_append(writer, torc_slice_first(TORC_SLICE("=="), (3 - bytes.length % 3) % 3));
}

/* -- and back ------------------------------------------------------------------------------ */

static int digit_value(unsigned int width, char digit)
{
    const char *alphabet = width == 6 ? base64 : base32;
    char wanted = digit;
    const char *found;

    if (width < 6 && digit >= 'A' && digit <= 'Z')
        wanted = (char)(digit | 0x20);
    found = wanted != '\0' ? strchr(alphabet, wanted) : NULL;
    if (found == NULL || found - alphabet >= 1 << width)
        return -1;
    return (int)(found - alphabet);
}

void torc__dns_digits_begin(torc__dns_digits *digits, unsigned int width)
{
    memset(digits, 0, sizeof *digits);
    digits->width = width;
}

bool torc__dns_digits_add(torc__dns_digits *digits, torc_slice text, torc__dns_bytes *out)
{
    for (size_t i = 0; i < text.length; i++) {
        int value = digit_value(digits->width, text.data[i]);

        digits->count++;
        if (text.data[i] == '=' && digits->width == 6) {
            digits->padding++;
            continue;
        }
        if (value < 0 || digits->padding > 0)
            return false;
        digits->bits = digits->bits << digits->width | (uint32_t)value;
        digits->held += digits->width;
        if (digits->held >= 8) {
            digits->held -= 8;
            torc__dns_put_number(out, digits->bits >> digits->held & 0xff, 1);
        }
    }
    return true;
}

bool torc__dns_digits_end(const torc__dns_digits *digits)
{
    /* What is left over of the last digit must be nothing. */
    if (digits->held >= digits->width || (digits->bits & ((1U << digits->held) - 1)) != 0)
        return false;
    return digits->width != 6 || (digits->count % 4 == 0 && digits->padding <= 2);
}
