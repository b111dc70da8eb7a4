/*
 * output: the queue of what a transport has still to send, in chunks.
 *
 * Small writes are copied together into pooled chunks of 4 KiB; buffers, static bytes and files
 * stay where they are and are referred to. Chunks come from two pools of the reactor, so that a
 * warm program allocates nothing per message.
 */
#ifndef TORC_TRANSPORT_OUTPUT_H
#define TORC_TRANSPORT_OUTPUT_H

#include <torc/buffer.h>
#include <torc/driver.h>

#include "reactor/reactor.h"

typedef struct torc__chunk torc__chunk;

typedef struct torc__output {
    torc__chunk *first;
    torc__chunk *last;
    size_t size;   /* bytes to be sent, those of files included */
    size_t filed;  /* of these, bytes in files */
    unsigned passed; /* descriptors at the end, behind the last byte */
} torc__output;

/* The piece of a file that is next to be sent. */
typedef struct torc__file_piece {
    int descriptor;
    int64_t offset;
    size_t length;
} torc__file_piece;

/* Each appends; false when memory is out (nothing is appended then). */
TORC_API bool torc__output_copy(torc__output *output, torc_reactor *reactor, torc_slice bytes);
TORC_API bool torc__output_refer(
    torc__output *output, torc_reactor *reactor, torc_slice bytes, torc_buffer *holder);
bool torc__output_file(torc__output *output, torc_reactor *reactor, int file, int64_t offset,
    size_t length);

/* A descriptor to be passed before what is appended next; it is taken over, if true. */
bool torc__output_pass(torc__output *output, torc_reactor *reactor, int descriptor);

/* The descriptors that are to be sent with the next byte: how many. */
size_t torc__output_descriptors(const torc__output *output, int descriptors[TORC_DESCRIPTORS_MAX]);

/* Takes those out of the queue, for whoever hands them on. */
size_t torc__output_take_descriptors(
    torc__output *output, torc_reactor *reactor, int ret_descriptors[TORC_DESCRIPTORS_MAX]);

/*
 * Where up to `capacity` leading pieces of memory stand; gives how many, and in *ret_more whether
 * more follows. 0 where a file is first.
 */
TORC_API int torc__output_gather(
    const torc__output *output, struct iovec *pieces, int capacity, bool *ret_more);

/* Whether a file is first: then *ret_piece tells what of it. */
TORC_API bool torc__output_first_file(const torc__output *output, torc__file_piece *ret_piece);

/*
 * For carriers that cannot send from files: reads the next bytes of the file that is first into
 * memory, in its place. 0, or a negative errno.
 */
TORC_API int torc__output_load_file(torc__output *output, torc_reactor *reactor);

/* The first `count` bytes have left. */
TORC_API void torc__output_consume(torc__output *output, torc_reactor *reactor, size_t count);

/* Drops everything. */
TORC_API void torc__output_clear(torc__output *output, torc_reactor *reactor);

#endif /* TORC_TRANSPORT_OUTPUT_H */
