/*
 * What each benchmark program needs at its edges; see program.h.
 */
#include "common/program.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_fatal(const char *format, ...)
{
    const int error = errno;
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s%s\n", error ? ": " : "", error ? strerror(error) : "");
    exit(EXIT_FAILURE);
}

uint64_t bench_number(const char *what, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    unsigned long long number;

    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || number < least || number > most) {
        errno = 0;
        bench_fatal("%s: '%s' is not a number from %llu to %llu", what, text,
                    (unsigned long long)least, (unsigned long long)most);
    }
    return number;
}

uint16_t bench_port_argument(int argc, char **argv)
{
    errno = 0;
    if (argc != 2)
        bench_fatal("usage: %s PORT", argv[0]);
    return (uint16_t)bench_number("PORT", argv[1], 1, UINT16_MAX);
}

void bench_say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}
