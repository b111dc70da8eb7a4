/*
 * Text in a block of fixed size, and the few facts about UTF-8 that cutting and showing it need.
 */
#include "base/text_writer.h"

#include <stdarg.h>
#include <stdio.h>

void torc__text_writer_init(torc__text_writer *writer, char *text, size_t size)
{
    writer->text = text;
    writer->size = size;
    writer->length = 0;
}

static size_t room(const torc__text_writer *writer)
{
    return writer->length < writer->size ? writer->size - writer->length : 0;
}

void torc__text_append(torc__text_writer *writer, torc_slice piece)
{
    size_t fits = room(writer) < piece.length ? room(writer) : piece.length;

    if (fits > 0)
        memcpy(writer->text + writer->length, piece.data, fits);
    writer->length += piece.length;
}

void torc__text_printf(torc__text_writer *writer, const char *format, ...)
{
    size_t size = room(writer);
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(size > 0 ? writer->text + writer->length : NULL, size, format, arguments);
    va_end(arguments);
    if (length > 0)
        writer->length += (size_t)length;
}

size_t torc__text_finish(torc__text_writer *writer)
{
    size_t end = writer->length;

    if (writer->size == 0)
        return writer->length;
    if (end >= writer->size)
        end = torc__utf8_cut(writer->text, writer->size - 1);
    writer->text[end] = '\0';
    return writer->length;
}

size_t torc__utf8_cut(const char *text, size_t length)
{
    size_t lead = length;
    size_t needed;
    unsigned char byte;

    while (lead > 0 && length - lead < 3 && ((unsigned char)text[lead - 1] & 0xC0) == 0x80)
        lead--;
    if (lead == 0)
        return length;
    byte = (unsigned char)text[--lead];
    needed = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length - lead < needed ? lead : length;
}

/* Shuts out overlong forms, surrogates and what is beyond U+10FFFF: all show in the second byte. */
static bool second_byte_fits(unsigned char lead, unsigned char second)
{
    unsigned char least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char greatest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;

    return second >= least && second <= greatest;
}

size_t torc__utf8_character(torc_slice text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    size_t length;

    if (text.length == 0)
        return 0;
    if (bytes[0] < 0x80)
        return 1;
    if (bytes[0] < 0xC2 || bytes[0] > 0xF4)
        return 0;
    length = bytes[0] >= 0xF0 ? 4 : bytes[0] >= 0xE0 ? 3 : 2;
    if (text.length < length || !second_byte_fits(bytes[0], bytes[1]))
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
    return length;
}
