/*
 * time: how a test takes the place of the wall clock, so that dates are the same in each run.
 */
#ifndef TORC_BASE_TIME_H
#define TORC_BASE_TIME_H

#include <torc/time.h>

typedef torc_time torc__wall_clock(void);

/* NULL is the machine's clock again. Set it only while no other thread asks for the time. */
TORC_API void torc__set_wall_clock(torc__wall_clock *clock);

#endif /* TORC_BASE_TIME_H */
