/*
 * The machine's two clocks. clock_gettime cannot fail for them on the systems that Torc runs on.
 */
#include <torc/time.h>

#include <time.h>

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
    return read_clock(CLOCK_REALTIME);
}
