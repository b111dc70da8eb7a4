/*
 * The machine's two clocks. clock_gettime cannot fail for them on the systems that Torc runs on.
 */
#include "base/time.h"

#include <time.h>

static torc__wall_clock *wall_clock;

void torc__set_wall_clock(torc__wall_clock *clock)
{
    wall_clock = clock;
}

static torc_time read_clock(clockid_t clock)
{
    struct timespec now = { 0, 0 };

    clock_gettime(clock, &now);
    return (torc_time)now.tv_sec * TORC_SECOND + (torc_time)now.tv_nsec;
}

torc_time torc_monotonic_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

torc_time torc_wall_now(void)
{
    return wall_clock != NULL ? wall_clock() : read_clock(CLOCK_REALTIME);
}
