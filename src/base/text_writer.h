/*
 * text_writer: text put together piece by piece in a block of fixed size, and where UTF-8 may be
 * cut. What does not fit is counted and left out, as snprintf does, and a character is never cut
 * in two.
 */
#ifndef TORC_BASE_TEXT_WRITER_H
#define TORC_BASE_TEXT_WRITER_H

#include <torc/slice.h>

typedef struct torc__text_writer {
    char *text;
    size_t size;
    size_t length; /* of the whole, also of what did not fit */
} torc__text_writer;

/* `text` may be NULL where `size` is 0: then only the length is counted. */
TORC_API void torc__text_writer_init(torc__text_writer *writer, char *text, size_t size);

TORC_API void torc__text_append(torc__text_writer *writer, torc_slice piece);
TORC_API void torc__text_printf(torc__text_writer *writer, const char *format, ...)
    TORC_PRINTF(2, 3);

/* Ends the text with a NUL, once. Gives the length that the whole would have. */
TORC_API size_t torc__text_finish(torc__text_writer *writer);

/* How many of the `length` bytes stay when a character that was cut at the end is left out. */
size_t torc__utf8_cut(const char *text, size_t length);

/* The length of the well-formed UTF-8 character at the front (RFC 3629); 0 where there is none. */
size_t torc__utf8_character(torc_slice text);

#endif /* TORC_BASE_TEXT_WRITER_H */
