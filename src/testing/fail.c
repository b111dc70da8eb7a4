/*
 * Failing, and the memory that the kit itself needs for it.
 */
#include "testing/fail.h"

#include <torc/testing.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void print_and_abort(const char *message)
{
    fprintf(stderr, "torc-testing: %s\n", message);
    abort();
}

static torc_testing_fail *fail_function = print_and_abort;

void torc_testing_set_fail(torc_testing_fail *fail)
{
    fail_function = fail != NULL ? fail : print_and_abort;
}

static void (*failing_hook)(void);

void torc__set_failing_hook(void (*hook)(void))
{
    failing_hook = hook;
}

static void fail(const char *message)
{
    if (failing_hook != NULL)
        failing_hook();
    fail_function(message);
}

void torc_testing_failed(const char *format, ...)
{
    char message[4096];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fail(message);
}

/* -- reports ------------------------------------------------------------------------------- */

void torc__report_add(torc__report *report, const char *format, ...)
{
    size_t room;
    va_list arguments;
    int length;

    report->lines++;
    if (report->length > 0 && report->length + 1 < sizeof report->text)
        report->text[report->length++] = '\n';
    room = sizeof report->text - report->length;
    va_start(arguments, format);
    length = vsnprintf(report->text + report->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        report->length += (size_t)length < room ? (size_t)length : room - 1;
}

void torc__report_fail(const torc__report *report)
{
    if (report->length > 0)
        fail(report->text);
}

/* -- memory -------------------------------------------------------------------------------- */

static void *or_abort(void *block)
{
    if (block != NULL)
        return block;
    fputs("torc-testing: out of memory\n", stderr);
    abort();
}

void *torc__testing_allocate(size_t size)
{
    return or_abort(calloc(1, size != 0 ? size : 1));
}

void *torc__testing_reallocate(void *block, size_t size)
{
    return or_abort(realloc(block, size != 0 ? size : 1));
}

void torc__testing_release(void *block)
{
    free(block);
}
