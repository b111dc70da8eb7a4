/*
 * The inside of a counted buffer. Nobody but buffer.c and its test looks in the struct.
 *
 * A buffer of our own is one allocation: this header, the bytes, a NUL; `release` is NULL then.
 * A wrapped one is the header alone.
 */
#ifndef TORC_BASE_BUFFER_H
#define TORC_BASE_BUFFER_H

#include <torc/buffer.h>

#include <stdarg.h>
#include <stdbool.h>

struct torc_buffer {
    const char *bytes;
    size_t length;
    size_t holders;
    void (*release)(void *argument);
    void *argument;
    char own[];
};

/*
 * Puts other bytes into a buffer of our own that was made with room for `capacity`. False, and
 * nothing done, when somebody else holds it too.
 */
TORC_API bool torc__buffer_refill(torc_buffer *buffer, size_t capacity, torc_slice bytes);

/*
 * As torc_buffer_printf. *ret_length is the text's length, below 0 where the format is bad.
 */
torc_buffer *torc__buffer_vprintf(const char *format, va_list arguments, int *ret_length)
    TORC_PRINTF(1, 0);

#endif /* TORC_BASE_BUFFER_H */
