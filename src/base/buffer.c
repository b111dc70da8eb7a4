/*
 * Counted buffers. The rules that keep sharing safe (fill and shorten only while there is a single
 * holder) are checked here, so that a program that breaks them ends at once and not much later.
 */
#include "base/buffer.h"

#include "base/abort.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>

torc_buffer *torc_buffer_new(size_t length)
{
    torc_buffer *buffer;

    if (length > (size_t)PTRDIFF_MAX - sizeof *buffer - 1)
        return NULL;
    buffer = torc__allocate(sizeof *buffer + length + 1);
    if (buffer == NULL)
        return NULL;
    buffer->bytes = buffer->own;
    buffer->length = length;
    buffer->holders = 1;
    buffer->release = NULL;
    buffer->argument = NULL;
    buffer->own[length] = '\0';
    return buffer;
}

torc_buffer *torc_buffer_copy(torc_slice bytes)
{
    torc_buffer *buffer = torc_buffer_new(bytes.length);

    if (buffer != NULL && bytes.length > 0)
        memcpy(buffer->own, bytes.data, bytes.length);
    return buffer;
}

torc_buffer *torc__buffer_vprintf(const char *format, va_list arguments, int *ret_length)
{
    torc_buffer *buffer = NULL;
    va_list again;

    va_copy(again, arguments);
    *ret_length = vsnprintf(NULL, 0, format, arguments);
    if (*ret_length >= 0)
        buffer = torc_buffer_new((size_t)*ret_length);
    if (buffer != NULL)
        vsnprintf(buffer->own, (size_t)*ret_length + 1, format, again);
    va_end(again);
    return buffer;
}

torc_buffer *torc_buffer_printf(const char *format, ...)
{
    torc_buffer *buffer;
    va_list arguments;
    int length;

    va_start(arguments, format);
    buffer = torc__buffer_vprintf(format, arguments, &length);
    va_end(arguments);
    return buffer;
}

torc_buffer *torc_buffer_wrap(torc_slice bytes, void (*release)(void *argument), void *argument)
{
    torc_buffer *buffer = torc__allocate(sizeof *buffer);

    if (buffer == NULL) {
        if (release != NULL)
            release(argument);
        return NULL;
    }
    buffer->bytes = bytes.data;
    buffer->length = bytes.length;
    buffer->holders = 1;
    buffer->release = release;
    buffer->argument = argument;
    return buffer;
}

torc_buffer *torc_buffer_hold(torc_buffer *buffer)
{
    buffer->holders++;
    return buffer;
}

void torc_buffer_release(torc_buffer *buffer)
{
    if (buffer == NULL || --buffer->holders > 0)
        return;
    if (buffer->release != NULL)
        buffer->release(buffer->argument);
    torc__free(buffer);
}

char *torc_buffer_bytes(torc_buffer *buffer)
{
    if (TORC_UNLIKELY(buffer->bytes != buffer->own))
        torc__abort("torc_buffer_bytes: wrapped bytes are not the buffer's to change");
    if (TORC_UNLIKELY(buffer->holders > 1))
        torc__abort("torc_buffer_bytes: the buffer has %zu holders; fill it before that",
            buffer->holders);
    return buffer->own;
}

torc_slice torc_buffer_slice(const torc_buffer *buffer)
{
    return torc_slice_make(buffer->bytes, buffer->length);
}

bool torc__buffer_refill(torc_buffer *buffer, size_t capacity, torc_slice bytes)
{
    if (buffer->holders != 1 || bytes.length > capacity)
        return false;
    if (bytes.length > 0)
        memcpy(buffer->own, bytes.data, bytes.length);
    buffer->own[bytes.length] = '\0';
    buffer->length = bytes.length;
    return true;
}

void torc_buffer_truncate(torc_buffer *buffer, size_t length)
{
    if (TORC_UNLIKELY(length > buffer->length))
        torc__abort("torc_buffer_truncate: %zu bytes asked of a buffer of %zu", length,
            buffer->length);
    if (TORC_UNLIKELY(buffer->holders > 1))
        torc__abort("torc_buffer_truncate: the buffer has %zu holders; shorten it before that",
            buffer->holders);
    buffer->length = length;
    if (buffer->bytes == buffer->own)
        buffer->own[length] = '\0';
}
