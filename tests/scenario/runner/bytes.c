/*
 * Growing bytes; see bytes.h.
 */
#include "scenario/runner/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *claim(size_t size)
{
    void *memory = calloc(1, size != 0 ? size : 1);

    if (memory == NULL) {
        fputs("torc-scenario: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void bytes_add(torcs_bytes *self, torc_slice more)
{
    if (self->length + more.length + 1 > self->size) {
        size_t size = 2 * self->size + more.length + 64;
        char *larger = claim(size);

        if (self->length > 0)
            memcpy(larger, self->data, self->length);
        free(self->data);
        self->data = larger;
        self->size = size;
    }
    if (more.length > 0)
        memcpy(self->data + self->length, more.data, more.length);
    self->length += more.length;
    self->data[self->length] = '\0';
}

void bytes_add_text(torcs_bytes *self, const char *text)
{
    bytes_add(self, torc_slice_of(text));
}

void bytes_printf(torcs_bytes *self, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof(text))
        length = (int)sizeof(text) - 1;
    if (length > 0)
        bytes_add(self, torc_slice_make(text, (size_t)length));
}

void bytes_clear(torcs_bytes *self)
{
    self->length = 0;
    if (self->data != NULL)
        self->data[0] = '\0';
}

void bytes_free(torcs_bytes *self)
{
    free(self->data);
    memset(self, 0, sizeof(*self));
}

torc_slice bytes_slice(const torcs_bytes *self)
{
    return torc_slice_make(self->data, self->length);
}

const char *bytes_text(const torcs_bytes *self)
{
    return self->data != NULL ? self->data : "";
}

static void add_escaped(torcs_bytes *self, torc_slice raw)
{
    for (size_t i = 0; i < raw.length; i++) {
        unsigned char byte = (unsigned char)raw.data[i];

        switch (byte) {
        case '\r':
            bytes_add_text(self, "\\r");
            break;
        case '\n':
            bytes_add_text(self, "\\n");
            break;
        case '\t':
            bytes_add_text(self, "\\t");
            break;
        case '"':
            bytes_add_text(self, "\\\"");
            break;
        case '\\':
            bytes_add_text(self, "\\\\");
            break;
        default:
            if (byte < 0x20 || byte >= 0x7f)
                bytes_printf(self, "\\x%02x", byte);
            else
                bytes_add(self, torc_slice_make(&raw.data[i], 1));
            break;
        }
    }
}

void bytes_add_quoted(torcs_bytes *self, torc_slice raw, size_t at_most)
{
    size_t half = at_most / 2;

    bytes_add_text(self, "\"");
    if (raw.length <= at_most) {
        add_escaped(self, raw);
        bytes_add_text(self, "\"");
        return;
    }
    add_escaped(self, torc_slice_first(raw, half));
    bytes_printf(self, "\" ... %zu bytes ... \"", raw.length - 2 * half);
    add_escaped(self, torc_slice_skip(raw, raw.length - half));
    bytes_add_text(self, "\"");
}
