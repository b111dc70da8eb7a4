/*
 * The driver classes of this build.
 */
#ifndef TORC_REACTOR_DRIVER_DRIVERS_H
#define TORC_REACTOR_DRIVER_DRIVERS_H

#include <torc/driver.h>

#if defined(__linux__)
extern const torc_driver_class torc__driver_epoll;
#endif
extern const torc_driver_class torc__driver_poll;
extern const torc_driver_class torc__driver_select;

#endif /* TORC_REACTOR_DRIVER_DRIVERS_H */
