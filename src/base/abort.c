/*
 * The last words of a program that broke a rule.
 */
#include "base/abort.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void torc__abort(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("torc: programming error: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

void torc__abort_out_of_memory(const char *what)
{
    fprintf(stderr, "torc: out of memory while making %s\n", what);
    abort();
}
