/*
 * The drivers of this build, best first.
 */
#ifndef TORC_REACTOR_DRIVER_DRIVERS_H
#define TORC_REACTOR_DRIVER_DRIVERS_H

#include <torc/driver.h>

#if defined(__linux__)
extern const torc_driver_class torc__driver_epoll;
#endif
extern const torc_driver_class torc__driver_poll;
extern const torc_driver_class torc__driver_select;

/* NULL beyond the last. */
const torc_driver_class *torc__driver_at(size_t index);

/* NULL when there is none of that name. */
const torc_driver_class *torc__driver_named(const char *name);

#endif /* TORC_REACTOR_DRIVER_DRIVERS_H */
