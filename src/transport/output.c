/*
 * The output queue. A chunk is either copied bytes that stand in the chunk itself, or a reference:
 * to bytes that somebody holds, or to a part of a file; or a descriptor that is to be passed, which
 * has no bytes and leaves with the first that follows.
 */
#include "transport/output.h"

#include "base/memory.h"
#include "base/system_call.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum chunk_kind { COPIED, REFERRED, FILED, PASSED };

struct torc__chunk {
    torc__chunk *next;
    size_t length; /* still to be sent */
    union {
        const char *data; /* COPIED, REFERRED: the next byte to send */
        int64_t offset;   /* FILED */
    } from;
    torc_buffer *holder;  /* REFERRED; NULL: static bytes */
    int file;             /* FILED, PASSED */
    uint8_t kind;
    bool pooled;          /* COPIED: of the pool's size */
    uint32_t room;        /* COPIED: free bytes behind those in use */
};

_Static_assert(sizeof(torc__chunk) <= TORC__REFERENCE_SIZE, "a reference must fit its pool");

#define COPY_CAPACITY (TORC__CHUNK_SIZE - sizeof(torc__chunk))

/* -- chunks -------------------------------------------------------------------------------- */

static char *chunk_bytes(torc__chunk *chunk)
{
    return (char *)(chunk + 1);
}

static void append(torc__output *output, torc__chunk *chunk)
{
    chunk->next = NULL;
    output->passed = chunk->kind == PASSED ? output->passed + 1 : 0;
    if (output->last != NULL)
        output->last->next = chunk;
    else
        output->first = chunk;
    output->last = chunk;
}

static void free_chunk(torc_reactor *reactor, torc__chunk *chunk)
{
    if (chunk->kind == COPIED) {
        if (chunk->pooled)
            torc__pool_give(&reactor->chunks, chunk);
        else
            torc__free(chunk);
        return;
    }
    if (chunk->kind == FILED || chunk->kind == PASSED)
        close(chunk->file);
    torc_buffer_release(chunk->holder);
    torc__pool_give(&reactor->references, chunk);
}

static void drop_first(torc__output *output, torc_reactor *reactor)
{
    torc__chunk *chunk = output->first;

    output->first = chunk->next;
    if (output->first == NULL) {
        output->last = NULL;
        output->passed = 0;
    }
    free_chunk(reactor, chunk);
}

/* -- appending ----------------------------------------------------------------------------- */

/* What does not fit a pooled chunk gets one of its own size. */
static torc__chunk *new_copied(torc_reactor *reactor, size_t length)
{
    bool pooled = length <= COPY_CAPACITY;
    torc__chunk *chunk = pooled ? torc__pool_take(&reactor->chunks)
                                : torc__allocate(sizeof *chunk + length);

    if (chunk == NULL)
        return NULL;
    chunk->kind = COPIED;
    chunk->pooled = pooled;
    chunk->holder = NULL;
    chunk->from.data = chunk_bytes(chunk);
    chunk->length = 0;
    chunk->room = pooled ? (uint32_t)COPY_CAPACITY : 0;
    return chunk;
}

bool torc__output_copy(torc__output *output, torc_reactor *reactor, torc_slice bytes)
{
    torc__chunk *chunk = output->last;

    if (chunk == NULL || chunk->kind != COPIED || chunk->room < bytes.length) {
        chunk = new_copied(reactor, bytes.length);
        if (chunk == NULL)
            return false;
        append(output, chunk);
    }
    memcpy((char *)(uintptr_t)chunk->from.data + chunk->length, bytes.data, bytes.length);
    chunk->length += bytes.length;
    if (chunk->pooled)
        chunk->room -= (uint32_t)bytes.length;
    output->size += bytes.length;
    return true;
}

static torc__chunk *new_reference(torc_reactor *reactor, uint8_t kind, size_t length)
{
    torc__chunk *chunk = torc__pool_take(&reactor->references);

    if (chunk == NULL)
        return NULL;
    chunk->kind = kind;
    chunk->length = length;
    chunk->holder = NULL;
    return chunk;
}

bool torc__output_refer(
    torc__output *output, torc_reactor *reactor, torc_slice bytes, torc_buffer *holder)
{
    torc__chunk *chunk = new_reference(reactor, REFERRED, bytes.length);

    if (chunk == NULL)
        return false;
    chunk->from.data = bytes.data;
    chunk->holder = holder != NULL ? torc_buffer_hold(holder) : NULL;
    append(output, chunk);
    output->size += bytes.length;
    return true;
}

bool torc__output_file(
    torc__output *output, torc_reactor *reactor, int file, int64_t offset, size_t length)
{
    torc__chunk *chunk = new_reference(reactor, FILED, length);

    if (chunk == NULL)
        return false;
    chunk->from.offset = offset;
    chunk->file = file;
    append(output, chunk);
    output->size += length;
    output->filed += length;
    return true;
}

bool torc__output_pass(torc__output *output, torc_reactor *reactor, int descriptor)
{
    torc__chunk *chunk;

    if (output->passed == TORC_DESCRIPTORS_MAX)
        return false;
    chunk = new_reference(reactor, PASSED, 0);
    if (chunk == NULL)
        return false;
    chunk->file = descriptor;
    append(output, chunk);
    return true;
}

/* -- sending ------------------------------------------------------------------------------- */

/* The link to the first chunk that has bytes. */
static torc__chunk **first_of_bytes(torc__chunk **link)
{
    while (*link != NULL && (*link)->kind == PASSED)
        link = &(*link)->next;
    return link;
}

size_t torc__output_descriptors(const torc__output *output, int descriptors[TORC_DESCRIPTORS_MAX])
{
    size_t count = 0;

    for (const torc__chunk *chunk = output->first; chunk != NULL && chunk->kind == PASSED;
            chunk = chunk->next)
        descriptors[count++] = chunk->file;
    return count;
}

size_t torc__output_take_descriptors(
    torc__output *output, torc_reactor *reactor, int ret_descriptors[TORC_DESCRIPTORS_MAX])
{
    size_t count = torc__output_descriptors(output, ret_descriptors);

    for (size_t i = 0; i < count; i++) {
        torc__chunk *chunk = output->first;

        output->first = chunk->next;
        torc__pool_give(&reactor->references, chunk);
    }
    if (output->first == NULL) {
        output->last = NULL;
        output->passed = 0;
    }
    return count;
}

static bool is_of_memory(const torc__chunk *chunk)
{
    return chunk->kind == COPIED || chunk->kind == REFERRED;
}

int torc__output_gather(
    const torc__output *output, struct iovec *pieces, int capacity, bool *ret_more)
{
    torc__chunk *first = output->first;
    const torc__chunk *chunk = *first_of_bytes(&first);
    int count = 0;

    for (; chunk != NULL && is_of_memory(chunk) && count < capacity; chunk = chunk->next) {
        pieces[count].iov_base = (void *)(uintptr_t)chunk->from.data;
        pieces[count].iov_len = chunk->length;
        count++;
    }
    *ret_more = chunk != NULL;
    return count;
}

bool torc__output_first_file(const torc__output *output, torc__file_piece *ret_piece)
{
    const torc__chunk *chunk = output->first;

    if (chunk == NULL || chunk->kind != FILED)
        return false;
    ret_piece->descriptor = chunk->file;
    ret_piece->offset = chunk->from.offset;
    ret_piece->length = chunk->length;
    return true;
}

/* Bytes that are read from a file at a time, where it must be read. */
#define LOAD_SIZE ((size_t)64 * 1024)

int torc__output_load_file(torc__output *output, torc_reactor *reactor)
{
    torc__chunk **link = first_of_bytes(&output->first);
    torc__chunk *file = *link;
    torc__chunk *loaded;
    size_t wanted;
    ssize_t got;

    if (file == NULL)
        return -ENODATA;
    wanted = file->length < LOAD_SIZE ? file->length : LOAD_SIZE;
    loaded = new_copied(reactor, wanted);
    if (loaded == NULL)
        return -ENOMEM;
    do
        got = TORC__CALL(
            pread, file->file, chunk_bytes(loaded), wanted, (off_t)file->from.offset);
    while (got < 0 && errno == EINTR);
    if (got <= 0) {
        int error = got == 0 ? ENODATA : errno;

        free_chunk(reactor, loaded);
        return -error;
    }
    loaded->length = (size_t)got;
    loaded->room = 0;
    loaded->next = file;
    *link = loaded;
    file->from.offset += got;
    file->length -= (size_t)got;
    output->filed -= (size_t)got;
    if (file->length == 0) {
        loaded->next = file->next;
        if (output->last == file)
            output->last = loaded;
        free_chunk(reactor, file);
    }
    return 0;
}

static void advance(torc__output *output, torc__chunk *chunk, size_t count)
{
    chunk->length -= count;
    output->size -= count;
    if (chunk->kind == FILED) {
        chunk->from.offset += (int64_t)count;
        output->filed -= count;
    } else {
        chunk->from.data += count;
    }
}

void torc__output_consume(torc__output *output, torc_reactor *reactor, size_t count)
{
    while (count > 0) {
        torc__chunk *chunk = output->first;
        size_t part = count < chunk->length ? count : chunk->length;

        advance(output, chunk, part);
        count -= part;
        if (chunk->length == 0)
            drop_first(output, reactor);
    }
}

void torc__output_clear(torc__output *output, torc_reactor *reactor)
{
    while (output->first != NULL)
        drop_first(output, reactor);
    output->size = 0;
    output->filed = 0;
    output->passed = 0;
}
