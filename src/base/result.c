/*
 * What results are made of: the types of the core, and the checked ways in.
 *
 * An accessor that meets another type ends the program: the result's type is known from who made
 * the deferred, so it is a programming error and not bad luck. A failure that is met in its place
 * is told, because it is what the program forgot to handle.
 */
#include <torc/result.h>

#include "base/abort.h"
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>

static void hold_buffer(void *value)
{
    torc_buffer_hold(value);
}

static void release_buffer(void *value)
{
    torc_buffer_release(value);
}

static void hold_failure(void *value)
{
    torc_failure_hold(value);
}

static void release_failure(void *value)
{
    torc_failure_release(value);
}

const torc_type torc_type_integer = { "integer", NULL, NULL };
const torc_type torc_type_pointer = { "pointer", NULL, NULL };
const torc_type torc_type_buffer = { "bytes", hold_buffer, release_buffer };
const torc_type torc_type_failure = { "failure", hold_failure, release_failure };
/* The scope that a deferred was made in owns it, never the result that names it. */
const torc_type torc_type_deferred = { "deferred", NULL, NULL };

torc_result torc_text(const char *format, ...)
{
    torc_buffer *buffer;
    va_list arguments;
    int length;

    va_start(arguments, format);
    buffer = torc__buffer_vprintf(format, arguments, &length);
    va_end(arguments);
    if (length < 0)
        return torc_fail_with(&torc_error_invalid_argument, "cannot format a text");
    if (buffer == NULL)
        return torc_fail_with(
            &torc_error_out_of_memory, "no memory for a text of %d bytes", length);
    return torc_bytes(buffer);
}

TORC_NORETURN TORC_COLD static void abort_wrong_type(
    const char *call, torc_result result, const char *wanted)
{
    const torc_failure *failure;

    if (!torc_is_failure(result))
        torc__abort("%s: the result is of type %s, not %s", call, torc_result_type_name(result),
            wanted);
    failure = result.as.pointer;
    torc__abort("%s: the result is of type failure, not %s; the failure is %s: %s", call, wanted,
        torc_failure_type_of(failure)->name, torc_failure_text(failure));
}

static void check_type(const char *call, torc_result result, const torc_type *wanted)
{
    if (TORC_UNLIKELY(result.type != wanted))
        abort_wrong_type(call, result, wanted != NULL ? wanted->name : "nothing");
}

int64_t torc_result_integer(torc_result result)
{
    check_type("torc_result_integer", result, &torc_type_integer);
    return result.as.integer;
}

torc_slice torc_result_slice(torc_result result)
{
    if (torc_is_nothing(result))
        return torc_slice_make(NULL, 0);
    check_type("torc_result_slice", result, &torc_type_buffer);
    return torc_buffer_slice(result.as.pointer);
}

const char *torc_result_text(torc_result result)
{
    check_type("torc_result_text", result, &torc_type_buffer);
    return torc_buffer_slice(result.as.pointer).data;
}

torc_failure *torc_result_failure(torc_result result)
{
    if (TORC_UNLIKELY(!torc_is_failure(result)))
        abort_wrong_type("torc_result_failure", result, torc_type_failure.name);
    return result.as.pointer;
}

void *torc_result_pointer(torc_result result)
{
    check_type("torc_result_pointer", result, &torc_type_pointer);
    return result.as.pointer;
}

void *torc_result_value(torc_result result, const torc_type *type)
{
    check_type("torc_result_value", result, type);
    return result.as.pointer;
}

const char *torc_result_type_name(torc_result result)
{
    return result.type != NULL ? result.type->name : "nothing";
}

torc_result torc_result_hold(torc_result result)
{
    if (result.type != NULL && result.type->hold != NULL)
        result.type->hold(result.as.pointer);
    return result;
}

void torc_result_release(torc_result result)
{
    if (result.type != NULL && result.type->release != NULL)
        result.type->release(result.as.pointer);
}
