/*
 * buffer: bytes that several owners share by counting.
 *
 * A torc_buffer is written once, by whoever makes it, and read by all who hold it after that. The
 * last torc_buffer_release frees it. It is what a transport keeps when it is asked to send without
 * copying (torc_write_buffer), and what a result carries when it carries text.
 *
 * The count is not atomic: a buffer is used by one thread at a time. A byte of 0 always follows
 * the last byte of a buffer that Torc allocated, so that text in it is a C string too.
 *
 *     torc_buffer *page = torc_buffer_copy(TORC_SLICE("hello\n"));
 *
 *     torc_write_buffer(transport, page);      // the transport holds it now
 *     torc_buffer_release(page);               // and we no longer do
 */
#ifndef TORC_BUFFER_H
#define TORC_BUFFER_H

#include <torc/slice.h>

TORC_BEGIN_DECLS

typedef struct torc_buffer torc_buffer;

/* A buffer of `length` bytes to be filled through torc_buffer_bytes. NULL when memory is out. */
TORC_API torc_buffer *torc_buffer_new(size_t length);

/* A buffer with a copy of `bytes`. NULL when memory is out. */
TORC_API torc_buffer *torc_buffer_copy(torc_slice bytes);

/* A buffer of formatted text, as printf. NULL when memory is out or the format is bad. */
TORC_API torc_buffer *torc_buffer_printf(const char *format, ...) TORC_PRINTF(1, 2);

/*
 * A buffer over bytes that live elsewhere (a mapped file, another library's memory). When the last
 * holder lets go, release(argument) is called, once. NULL when memory is out; release is then
 * called before returning, so that the bytes have an owner in every case.
 */
TORC_API torc_buffer *torc_buffer_wrap(
    torc_slice bytes, void (*release)(void *argument), void *argument);

/* One more holder. Gives `buffer` back. */
TORC_API torc_buffer *torc_buffer_hold(torc_buffer *buffer);

/* One holder less; NULL is a no-op. */
TORC_API void torc_buffer_release(torc_buffer *buffer);

/* To fill a new buffer, before anyone else holds it. */
TORC_API char *torc_buffer_bytes(torc_buffer *buffer);

/* Borrowed: valid as long as the buffer is held. */
TORC_API torc_slice torc_buffer_slice(const torc_buffer *buffer);

/* Makes a new buffer, not yet shared, shorter: `length` must not exceed what it has. */
TORC_API void torc_buffer_truncate(torc_buffer *buffer, size_t length);

TORC_END_DECLS

#endif /* TORC_BUFFER_H */
