/*
 * What each benchmark program needs at its edges: to read its arguments and to say why it stops.
 * Neighbour: client.h, the connecting side. Nothing here runs while something is measured.
 */
#ifndef BENCH_COMMON_PROGRAM_H
#define BENCH_COMMON_PROGRAM_H

#include <stdint.h>

/* Says the message on standard error, and errno's text where it is set; exits with status 1. */
_Noreturn void bench_fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The number that TEXT spells; anything else, or one out of bounds, is fatal and names WHAT. */
uint64_t bench_number(const char *what, const char *text, uint64_t least, uint64_t most);

/* The one argument of an echo server: the port to listen on. */
uint16_t bench_port_argument(int argc, char **argv);

/* Prints a line at once: the runner at the other end of a pipe waits for it. */
void bench_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* BENCH_COMMON_PROGRAM_H */
