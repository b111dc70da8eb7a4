/*
 * result: what a deferred promises: a typed value, a failure, or another deferred to wait for.
 *
 * A torc_result is two machine words, passed and returned in registers. Its type says what the
 * second word is and how such a value is held and released. Values on the heap are counted.
 *
 * Who owns what: a callback *borrows* the result that it is handed, until it returns. To keep the
 * value, hold it (torc_result_hold) and release it later; to pass it on, return it. A callback
 * *gives away* the result that it returns.
 *
 *     static torc_result count(void *self, torc_result page)
 *     {
 *         return torc_integer((int64_t)torc_result_slice(page).length);
 *     }
 */
#ifndef TORC_RESULT_H
#define TORC_RESULT_H

#include <torc/buffer.h>
#include <torc/failure.h>

#include <inttypes.h> /* PRId64, for who prints a torc_integer */

TORC_BEGIN_DECLS

typedef struct torc_deferred torc_deferred;

/*
 * A kind of value. `hold` and `release` count its holders; both NULL: the value is not owned by
 * the result (an integer, a borrowed pointer).
 */
typedef struct torc_type {
    const char *name;
    void (*hold)(void *value);
    void (*release)(void *value);
} torc_type;

typedef struct torc_result {
    const torc_type *type; /* NULL: nothing */
    union {
        void *pointer;
        int64_t integer;
    } as;
} torc_result;

extern TORC_API const torc_type torc_type_integer;
extern TORC_API const torc_type torc_type_pointer;
extern TORC_API const torc_type torc_type_buffer;
extern TORC_API const torc_type torc_type_failure;
extern TORC_API const torc_type torc_type_deferred;
extern TORC_API const torc_type torc_type_list;

/* A value of a type of your own. The result takes over the caller's hold on `value`. */
static inline torc_result torc_value(const torc_type *type, void *value)
{
    torc_result result;

    result.type = type;
    result.as.pointer = value;
    return result;
}

static inline torc_result torc_nothing(void)
{
    return torc_value(NULL, NULL);
}

static inline torc_result torc_integer(int64_t number)
{
    torc_result result;

    result.type = &torc_type_integer;
    result.as.integer = number;
    return result;
}

/* A pointer that the result does not own. */
static inline torc_result torc_pointer(void *pointer)
{
    return torc_value(&torc_type_pointer, pointer);
}

/* Bytes; takes over the caller's hold. */
static inline torc_result torc_bytes(torc_buffer *buffer)
{
    return torc_value(&torc_type_buffer, buffer);
}

/* Text as printf: bytes in a buffer of their own, or a failure when memory is out. */
TORC_API torc_result torc_text(const char *format, ...) TORC_PRINTF(1, 2);

/* A failure, noting this line in its trace; takes over the caller's hold. */
#define torc_fail(failure) \
    torc_value(&torc_type_failure, torc_failure_trace((failure), TORC_HERE))

/* Makes a failure and gives it as a result, in one. */
#define torc_fail_with(type, ...) \
    torc_value(&torc_type_failure, torc_failure_make(TORC_HERE, (type), 0, __VA_ARGS__))

/* From a callback: the chain waits until `deferred` has its result, and goes on with that. */
static inline torc_result torc_wait_for(torc_deferred *deferred)
{
    return torc_value(&torc_type_deferred, deferred);
}

static inline bool torc_is_failure(torc_result result)
{
    return result.type == &torc_type_failure;
}

static inline bool torc_is_nothing(torc_result result)
{
    return result.type == NULL;
}

/* The accessors below abort, naming both types, when the result is of another type. */
TORC_API int64_t torc_result_integer(torc_result result);
TORC_API torc_slice torc_result_slice(torc_result result); /* bytes; nothing is an empty slice */
TORC_API const char *torc_result_text(torc_result result); /* bytes, as a C string */
TORC_API torc_failure *torc_result_failure(torc_result result);
TORC_API void *torc_result_pointer(torc_result result);    /* torc_type_pointer */
TORC_API void *torc_result_value(torc_result result, const torc_type *type);

TORC_API const char *torc_result_type_name(torc_result result);

/*
 * Lists: many results as one value, counted. What is in a list is borrowed from it.
 *
 *     for (size_t i = 0; i < torc_list_length(counts); i++)
 *         sum += torc_result_integer(torc_list_at(counts, i));
 */

/* An empty list with room for `expected` results, or a failure when memory is out. */
TORC_API torc_result torc_list_new(size_t expected);

/*
 * Adds `item` at the end, and takes it over in any case: false, and released, when memory is out.
 * Who made the list fills it, before it is given away; a list is not added to itself.
 */
TORC_API bool torc_list_append(torc_result list, torc_result item);

TORC_API size_t torc_list_length(torc_result list);

/* Borrowed from the list. Aborts where `index` is beyond the end. */
TORC_API torc_result torc_list_at(torc_result list, size_t index);

/* One holder more or less of the value inside; no-ops for values that are not counted. */
TORC_API torc_result torc_result_hold(torc_result result);
TORC_API void torc_result_release(torc_result result);

TORC_END_DECLS

#endif /* TORC_RESULT_H */
