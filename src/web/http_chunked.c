/*
 * The decoder of chunked bodies: a machine of one byte a step, but for data, which passes in spans.
 *
 * The framing is a few bytes a chunk, so that nothing is won by reading it faster, and with one
 * byte a step a cut cannot make a difference.
 */
#include "web/http_chunked.h"

#include "web/http_syntax.h"

enum {
    STATE_SIZE,       /* the first digits of a chunk's size */
    STATE_SIZE_BLANK, /* white space after it, which only an extension may follow */
    STATE_EXTENSION,
    STATE_SIZE_LF,
    STATE_DATA,
    STATE_DATA_CR,
    STATE_DATA_LF,
    STATE_TRAILER_START,
    STATE_TRAILER_NAME,
    STATE_TRAILER_VALUE,
    STATE_TRAILER_LF,
    STATE_END_LF,
    STATE_DONE,
    STATE_ERROR
};

void torc__http_chunked_init(torc__http_chunked *decoder)
{
    memset(decoder, 0, sizeof(*decoder));
    decoder->state = STATE_SIZE;
}

static bool is_text(unsigned char byte)
{
    return (torc__http_kinds[byte] & TORC__HTTP_IN_VALUE) != 0;
}

static bool is_name_byte(unsigned char byte)
{
    return (torc__http_kinds[byte] & TORC__HTTP_IN_TOKEN) != 0;
}

static uint8_t read_size(torc__http_chunked *decoder, unsigned char byte)
{
    int value = torc__http_hex_value((char)byte);

    if (value >= 0) {
        if (decoder->digits == TORC__HTTP_CHUNKED_MAX_DIGITS ||
            decoder->remaining > (uint64_t)INT64_MAX >> 4)
            return STATE_ERROR;
        decoder->digits++;
        decoder->remaining = decoder->remaining << 4 | (uint64_t)value;
        return STATE_SIZE;
    }
    if (decoder->digits == 0)
        return STATE_ERROR;
    if (byte == '\r')
        return STATE_SIZE_LF;
    if (byte == ';')
        return STATE_EXTENSION;
    return byte == ' ' || byte == '\t' ? STATE_SIZE_BLANK : STATE_ERROR;
}

/* Counts one more byte that is neither size nor data; false beyond the limits. */
static bool count_extension(torc__http_chunked *decoder)
{
    decoder->extension++;
    decoder->extensions++;
    return decoder->extension <= TORC__HTTP_CHUNKED_MAX_EXTENSION &&
        decoder->extensions <= TORC__HTTP_CHUNKED_MAX_EXTENSIONS;
}

static uint8_t read_size_blank(torc__http_chunked *decoder, unsigned char byte)
{
    if (!count_extension(decoder))
        return STATE_ERROR;
    if (byte == ';')
        return STATE_EXTENSION;
    return byte == ' ' || byte == '\t' ? STATE_SIZE_BLANK : STATE_ERROR;
}

static uint8_t read_extension(torc__http_chunked *decoder, unsigned char byte)
{
    if (byte == '\r')
        return STATE_SIZE_LF;
    return is_text(byte) && count_extension(decoder) ? STATE_EXTENSION : STATE_ERROR;
}

static uint8_t end_size(torc__http_chunked *decoder, unsigned char byte)
{
    if (byte != '\n')
        return STATE_ERROR;
    decoder->digits = 0;
    decoder->extension = 0;
    return decoder->remaining > 0 ? STATE_DATA : STATE_TRAILER_START;
}

static uint8_t read_trailer(torc__http_chunked *decoder, unsigned char byte)
{
    if (++decoder->trailer > TORC__HTTP_CHUNKED_MAX_TRAILER)
        return STATE_ERROR;
    switch (decoder->state) {
    case STATE_TRAILER_START:
        if (byte == '\r')
            return STATE_END_LF;
        return is_name_byte(byte) ? STATE_TRAILER_NAME : STATE_ERROR;
    case STATE_TRAILER_NAME:
        if (byte == ':')
            return STATE_TRAILER_VALUE;
        return is_name_byte(byte) ? STATE_TRAILER_NAME : STATE_ERROR;
    case STATE_TRAILER_VALUE:
        if (byte == '\r')
            return STATE_TRAILER_LF;
        return is_text(byte) ? STATE_TRAILER_VALUE : STATE_ERROR;
    default:
        return byte == '\n' ? STATE_TRAILER_START : STATE_ERROR;
    }
}

static uint8_t read_byte(torc__http_chunked *decoder, unsigned char byte)
{
    switch (decoder->state) {
    case STATE_SIZE:
        return read_size(decoder, byte);
    case STATE_SIZE_BLANK:
        return read_size_blank(decoder, byte);
    case STATE_EXTENSION:
        return read_extension(decoder, byte);
    case STATE_SIZE_LF:
        return end_size(decoder, byte);
    case STATE_DATA_CR:
        return byte == '\r' ? STATE_DATA_LF : STATE_ERROR;
    case STATE_DATA_LF:
        return byte == '\n' ? STATE_SIZE : STATE_ERROR;
    case STATE_END_LF:
        return byte == '\n' ? STATE_DONE : STATE_ERROR;
    default:
        return read_trailer(decoder, byte);
    }
}

static torc_slice take_data(torc__http_chunked *decoder, torc_slice *input)
{
    torc_slice data = *input;

    if (data.length > decoder->remaining)
        data.length = (size_t)decoder->remaining;
    *input = torc_slice_skip(*input, data.length);
    decoder->remaining -= data.length;
    if (decoder->remaining == 0)
        decoder->state = STATE_DATA_CR;
    return data;
}

torc__http_chunked_event torc__http_chunked_next(torc__http_chunked *decoder, torc_slice *input,
    torc_slice *ret_data)
{
    for (;;) {
        if (decoder->state == STATE_DONE)
            return TORC__HTTP_CHUNKED_DONE;
        if (decoder->state == STATE_ERROR)
            return TORC__HTTP_CHUNKED_ERROR;
        if (input->length == 0)
            return TORC__HTTP_CHUNKED_NEED_MORE;
        if (decoder->state == STATE_DATA) {
            *ret_data = take_data(decoder, input);
            return TORC__HTTP_CHUNKED_DATA;
        }
        decoder->state = read_byte(decoder, (unsigned char)input->data[0]);
        *input = torc_slice_skip(*input, 1);
    }
}
