/*
 * Failures: counted, with a message, a cause and the places that they passed.
 *
 * A failure is one allocation, its message behind it. Most pass few places: those stand inside,
 * and only a failure that travels far gets a second block for the rest. The standing failure for
 * when memory is out is constant: it may be in the hands of several threads at once, so it takes
 * no holder, place or cause.
 */
#include <torc/failure.h>

#include "base/abort.h"
#include "base/memory.h"
#include "base/text_writer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX   1024
#define PLACES_MAX    16
#define PLACES_INSIDE 4

struct torc_failure {
    const torc_failure_type *type;
    const char *message;
    torc_failure *cause;
    torc_place *more_places; /* PLACES_MAX - PLACES_INSIDE of them, or NULL */
    size_t holders;
    int code;
    unsigned int place_count;
    torc_place places[PLACES_INSIDE];
    char text[];
};

const torc_failure_type torc_error = { "Error", NULL };
const torc_failure_type torc_error_out_of_memory = { "OutOfMemory", &torc_error };
const torc_failure_type torc_error_invalid_argument = { "InvalidArgument", &torc_error };
const torc_failure_type torc_error_cancelled = { "Cancelled", &torc_error };
const torc_failure_type torc_error_timeout = { "TimedOut", &torc_error };
const torc_failure_type torc_error_already_called = { "AlreadyCalled", &torc_error };
const torc_failure_type torc_error_already_cancelled = { "AlreadyCancelled", &torc_error };
const torc_failure_type torc_error_system = { "SystemError", &torc_error };
const torc_failure_type torc_error_limit = { "LimitReached", &torc_error };
const torc_failure_type torc_error_listen = { "CannotListen", &torc_error };
const torc_failure_type torc_error_protocol = { "ProtocolError", &torc_error };
const torc_failure_type torc_error_connection = { "ConnectionError", &torc_error };
const torc_failure_type torc_error_connection_done = { "ConnectionDone", &torc_error_connection };
const torc_failure_type torc_error_connection_lost = { "ConnectionLost", &torc_error_connection };
const torc_failure_type torc_error_connection_aborted = {
    "ConnectionAborted", &torc_error_connection_lost
};
const torc_failure_type torc_error_connection_timed_out = {
    "ConnectionTimedOut", &torc_error_connection_lost
};
const torc_failure_type torc_error_connect = { "ConnectError", &torc_error_connection };
const torc_failure_type torc_error_refused = { "ConnectionRefused", &torc_error_connect };
const torc_failure_type torc_error_no_route = { "NoRoute", &torc_error_connect };
const torc_failure_type torc_error_connect_timed_out = { "ConnectTimedOut", &torc_error_connect };
const torc_failure_type torc_error_unknown_host = { "UnknownHost", &torc_error_connect };
const torc_failure_type torc_error_bind = { "CannotBind", &torc_error_connect };

static const torc_failure out_of_memory = {
    .type = &torc_error_out_of_memory,
    .message = "out of memory",
    .holders = 1,
};

static bool is_standing(const torc_failure *failure)
{
    return failure == &out_of_memory;
}

/* -- making -------------------------------------------------------------------------------- */

static const char *errno_meaning(int code, char *text, size_t size)
{
#ifdef __GLIBC__
    return strerror_r(code, text, size);
#else
    if (strerror_r(code, text, size) != 0)
        snprintf(text, size, "Unknown error %d", code);
    return text;
#endif
}

/* A message is one line wherever it is shown, whatever a peer put into the names in it. */
static void keep_to_one_line(char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '\n' || *text == '\r')
            *text = ' ';
}

/* Writes the message; the errno's meaning is never what is cut. Gives its length. */
static size_t write_message(
    char text[MESSAGE_MAX + 1], int code, const char *format, va_list arguments)
{
    char meaning[256];
    char tail[sizeof meaning + 2] = "";
    size_t length;
    size_t room;
    int wanted;

    wanted = vsnprintf(text, MESSAGE_MAX + 1, format, arguments);
    length = wanted < 0 ? 0 : (size_t)wanted;
    if (code != 0)
        snprintf(tail, sizeof tail, ": %s", errno_meaning(code, meaning, sizeof meaning));
    room = MESSAGE_MAX - strlen(tail);
    if (length > room)
        length = torc__utf8_cut(text, room);
    memcpy(text + length, tail, strlen(tail) + 1);
    keep_to_one_line(text);
    return length + strlen(tail);
}

static torc_failure *make(
    torc_place place, const torc_failure_type *type, int code, const char *text, size_t length)
{
    torc_failure *failure = torc__allocate(sizeof *failure + length + 1);

    if (failure == NULL)
        return torc_failure_hold(&out_of_memory);
    memcpy(failure->text, text, length + 1);
    failure->type = type;
    failure->message = failure->text;
    failure->cause = NULL;
    failure->more_places = NULL;
    failure->holders = 1;
    failure->code = code;
    failure->place_count = 1;
    failure->places[0] = place;
    return failure;
}

torc_failure *torc_failure_make(
    torc_place place, const torc_failure_type *type, int code, const char *format, ...)
{
    int saved_errno = errno;
    char text[MESSAGE_MAX + 1];
    torc_failure *failure;
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    length = write_message(text, code, format, arguments);
    va_end(arguments);
    failure = make(place, type, code, text, length);
    errno = saved_errno;
    return failure;
}

torc_failure *torc_failure_make_around(
    torc_place place, torc_failure *cause, const char *format, ...)
{
    int saved_errno = errno;
    char text[MESSAGE_MAX + 1];
    torc_failure *failure;
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    length = write_message(text, 0, format, arguments);
    va_end(arguments);
    failure = make(place, cause->type, cause->code, text, length);
    errno = saved_errno;
    return is_standing(failure) ? cause : torc_failure_because(failure, cause);
}

torc_failure *torc_failure_because(torc_failure *failure, torc_failure *cause)
{
    if (is_standing(failure)) {
        torc_failure_release(cause);
        return failure;
    }
    for (const torc_failure *deeper = cause; deeper != NULL; deeper = deeper->cause)
        if (TORC_UNLIKELY(deeper == failure))
            torc__abort("torc_failure_because: a failure cannot be its own cause (%s: %s)",
                failure->type->name, failure->message);
    torc_failure_release(failure->cause);
    failure->cause = cause;
    return failure;
}

/* -- holding ------------------------------------------------------------------------------- */

torc_failure *torc_failure_hold(const torc_failure *failure)
{
    /* The count is not part of what a borrower may rely on not to change. */
    torc_failure *held = (torc_failure *)(uintptr_t)failure;

    if (!is_standing(failure))
        held->holders++;
    return held;
}

void torc_failure_release(torc_failure *failure)
{
    /* A loop, so that a chain of causes of any length needs no stack. */
    while (failure != NULL && !is_standing(failure) && --failure->holders == 0) {
        torc_failure *cause = failure->cause;

        torc__free(failure->more_places);
        torc__free(failure);
        failure = cause;
    }
}

/* -- asking -------------------------------------------------------------------------------- */

bool torc_failure_is(const torc_failure *failure, const torc_failure_type *type)
{
    const torc_failure_type *own = failure != NULL ? failure->type : NULL;

    while (own != NULL && own != type)
        own = own->parent;
    return own != NULL;
}

const torc_failure_type *torc_failure_type_of(const torc_failure *failure)
{
    return failure->type;
}

const char *torc_failure_text(const torc_failure *failure)
{
    return failure->message;
}

int torc_failure_code(const torc_failure *failure)
{
    return failure->code;
}

const torc_failure *torc_failure_cause(const torc_failure *failure)
{
    return failure->cause;
}

/* -- places -------------------------------------------------------------------------------- */

torc_failure *torc_failure_trace(torc_failure *failure, torc_place place)
{
    unsigned int index = failure->place_count;

    if (is_standing(failure) || index >= PLACES_MAX)
        return failure;
    if (index < PLACES_INSIDE) {
        failure->places[index] = place;
        failure->place_count++;
        return failure;
    }
    if (failure->more_places == NULL)
        failure->more_places = torc__allocate((PLACES_MAX - PLACES_INSIDE) * sizeof place);
    if (failure->more_places == NULL)
        return failure;
    failure->more_places[index - PLACES_INSIDE] = place;
    failure->place_count++;
    return failure;
}

const torc_place *torc_failure_place(const torc_failure *failure, size_t index)
{
    if (index >= failure->place_count)
        return NULL;
    if (index < PLACES_INSIDE)
        return &failure->places[index];
    return &failure->more_places[index - PLACES_INSIDE];
}

size_t torc_failure_describe(const torc_failure *failure, char *text, size_t size)
{
    torc__text_writer writer;
    const torc_place *place;

    torc__text_writer_init(&writer, text, size);
    for (const torc_failure *one = failure; one != NULL; one = one->cause) {
        torc__text_printf(&writer, "%s%s: %s", one == failure ? "" : "\ncaused by: ",
            one->type->name, one->message);
        for (size_t i = 0; (place = torc_failure_place(one, i)) != NULL; i++)
            torc__text_printf(
                &writer, "\n  %s:%d in %s", place->file, place->line, place->function);
    }
    return torc__text_finish(&writer);
}
