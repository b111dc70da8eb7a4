/*
 * What the programs that send datagrams one way share: their arguments, how much is under way, and
 * the counter that the runner reads.
 *
 *     PROGRAM send|receive PORT SIZE FILE
 *
 * The receiver answers every ONE_WAY_BURST datagrams with one, whatever is in it, and each such
 * answer lets the sender send as many again: so the two go at the pace of the slower, and what gets
 * lost is the exception. A sender that has heard nothing for ONE_WAY_PATIENCE milliseconds starts
 * again. FILE holds a number of eight bytes, which is how many were sent or received.
 */
#ifndef BENCH_COMMON_ONE_WAY_H
#define BENCH_COMMON_ONE_WAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ONE_WAY_BURST = 32, ONE_WAY_WINDOW = 64, ONE_WAY_SIZE_MAX = 1472, ONE_WAY_PATIENCE = 20 };

typedef struct one_way {
    bool sends;
    uint16_t port;
    size_t size;
    volatile uint64_t *count;
} one_way;

/* What is sent: the first `size` bytes of it. */
extern char one_way_bytes[ONE_WAY_SIZE_MAX];

one_way one_way_arguments(int argc, char **argv);

/* Counts what was received, and gives how many answers are due. */
static inline unsigned one_way_received(const one_way *self, unsigned count)
{
    uint64_t before = *self->count;

    *self->count = before + count;
    return (unsigned)((before + count) / ONE_WAY_BURST - before / ONE_WAY_BURST);
}

#endif /* BENCH_COMMON_ONE_WAY_H */
