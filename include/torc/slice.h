/*
 * slice: bytes that belong to somebody else.
 *
 * A torc_slice is a pointer and a length, passed by value. It owns nothing: what a callback is
 * handed is valid until the callback returns; to keep the bytes, copy them (torc_slice_dup) or
 * hold a counted torc_buffer (<torc/buffer.h>). Slices need no terminating NUL and may hold any
 * byte. An empty slice may have a NULL pointer.
 *
 *     static void received(torc_protocol *self, torc_slice data)
 *     {
 *         torc_slice word = torc_next_word(&data);
 *
 *         if (torc_slice_is(word, "quit"))
 *             printf("rest: %.*s\n", TORC_FMT(data));
 *     }
 */
#ifndef TORC_SLICE_H
#define TORC_SLICE_H

#include <torc/macros.h>

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

TORC_BEGIN_DECLS

typedef struct torc_slice {
    const char *data;
    size_t length; /* in bytes */
} torc_slice;

/* For printf's "%.*s": at most INT_MAX bytes are printed. */
#define TORC_FMT(slice) \
    ((slice).length > (size_t)INT_MAX ? INT_MAX : (int)(slice).length), (slice).data

/* The slice of a string literal; its length is known at compile time. */
#define TORC_SLICE(literal) torc_slice_make("" literal, sizeof(literal) - 1)

static inline torc_slice torc_slice_make(const void *data, size_t length)
{
    torc_slice slice;

    slice.data = (const char *)data;
    slice.length = length;
    return slice;
}

/* The bytes of a NUL-terminated string, without its NUL; NULL gives an empty slice. */
static inline torc_slice torc_slice_of(const char *text)
{
    return torc_slice_make(text, text != NULL ? strlen(text) : 0);
}

static inline bool torc_slice_is_empty(torc_slice slice)
{
    return slice.length == 0;
}

static inline bool torc_slice_equal(torc_slice a, torc_slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* Whether the slice holds exactly the bytes of `text`. */
static inline bool torc_slice_is(torc_slice slice, const char *text)
{
    return torc_slice_equal(slice, torc_slice_of(text));
}

static inline bool torc_slice_starts_with(torc_slice slice, torc_slice prefix)
{
    return slice.length >= prefix.length &&
        (prefix.length == 0 || memcmp(slice.data, prefix.data, prefix.length) == 0);
}

static inline bool torc_slice_ends_with(torc_slice slice, torc_slice suffix)
{
    return slice.length >= suffix.length &&
        (suffix.length == 0 ||
            memcmp(slice.data + (slice.length - suffix.length), suffix.data, suffix.length) == 0);
}

/* The slice without its first `count` bytes; a count beyond the end gives an empty slice. */
static inline torc_slice torc_slice_skip(torc_slice slice, size_t count)
{
    if (count > slice.length)
        count = slice.length;
    if (count == 0)
        return slice;
    return torc_slice_make(slice.data + count, slice.length - count);
}

/* The first `count` bytes, or all of them where there are fewer. */
static inline torc_slice torc_slice_first(torc_slice slice, size_t count)
{
    return torc_slice_make(slice.data, count < slice.length ? count : slice.length);
}

/* ASCII letters compare without regard to case; all other bytes must be the same. */
TORC_API bool torc_slice_equal_ignoring_case(torc_slice a, torc_slice b);

/* The index of the first `byte`, or the slice's length where there is none. */
TORC_API size_t torc_slice_find_byte(torc_slice slice, char byte);

/* The index of the first occurrence of `needle`, or the slice's length; an empty needle is at 0. */
TORC_API size_t torc_slice_find(torc_slice slice, torc_slice needle);

/* Without the spaces and tabs at both ends. */
TORC_API torc_slice torc_slice_trim(torc_slice slice);

/*
 * Takes the next word off the front of *rest: skips spaces and tabs, gives what stands up to the
 * next space or tab, and leaves in *rest what follows, without the spaces before it. At the end:
 * an empty slice.
 */
TORC_API torc_slice torc_next_word(torc_slice *rest);

/*
 * Reads a decimal number made of digits only, all of the slice. False (and *ret_number untouched)
 * for an empty slice, any other byte, or a number beyond `maximum`.
 */
TORC_API bool torc_slice_to_number(torc_slice slice, uint64_t maximum, uint64_t *ret_number);

/*
 * A NUL-terminated copy on the heap, which the caller owns and frees with free(). NULL only when
 * memory is out. A NUL byte inside the slice is copied as it is.
 */
TORC_API char *torc_slice_dup(torc_slice slice);

TORC_END_DECLS

#endif /* TORC_SLICE_H */
