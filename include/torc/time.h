/*
 * time: one unit, nanoseconds, in a signed 64-bit number.
 *
 * Intervals and points on the monotonic clock are both a torc_time. Deadlines that come from the
 * reactor (torc_now in <torc/reactor.h>) run on the reactor's clock, which a test may move by
 * hand; the two functions here read the machine's clocks.
 *
 *     torc_call_later(scope, 5 * TORC_SECOND, remind, self);
 */
#ifndef TORC_TIME_H
#define TORC_TIME_H

#include <torc/macros.h>

#include <stdint.h>

TORC_BEGIN_DECLS

typedef int64_t torc_time;

#define TORC_NANOSECOND  ((torc_time)1)
#define TORC_MICROSECOND (1000 * TORC_NANOSECOND)
#define TORC_MILLISECOND (1000 * TORC_MICROSECOND)
#define TORC_SECOND      (1000 * TORC_MILLISECOND)
#define TORC_MINUTE      (60 * TORC_SECOND)
#define TORC_HOUR        (60 * TORC_MINUTE)

/* Later than every other time: no deadline. */
#define TORC_NEVER INT64_MAX

/* Never goes back; the start is arbitrary. CLOCK_MONOTONIC. */
TORC_API torc_time torc_monotonic_now(void);

/* Since 1970-01-01 00:00 UTC; jumps when the machine's clock is set. CLOCK_REALTIME. */
TORC_API torc_time torc_wall_now(void);

/* a + b, kept within the range of torc_time: beyond it is TORC_NEVER (or its negative). */
static inline torc_time torc_time_add(torc_time a, torc_time b)
{
    if (b > 0 && a > INT64_MAX - b)
        return TORC_NEVER;
    if (b < 0 && a < -INT64_MAX - b)
        return -INT64_MAX;
    return a + b;
}

TORC_END_DECLS

#endif /* TORC_TIME_H */
