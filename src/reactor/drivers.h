/*
 * The drivers of this build, best first. The reactor knows them by this list alone, which the
 * drivers' folder defines.
 */
#ifndef TORC_REACTOR_DRIVERS_H
#define TORC_REACTOR_DRIVERS_H

#include <torc/driver.h>

/* NULL beyond the last. */
const torc_driver_class *torc__driver_at(size_t index);

/* NULL when there is none of that name. */
const torc_driver_class *torc__driver_named(const char *name);

#endif /* TORC_REACTOR_DRIVERS_H */
