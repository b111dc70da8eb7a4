/*
 * The driver classes of this build.
 */
#ifndef TORC_REACTOR_DRIVER_DRIVERS_H
#define TORC_REACTOR_DRIVER_DRIVERS_H

#include "reactor/driver/uring_kernel.h"

#include <torc/driver.h>

#if defined(__linux__)
extern const torc_driver_class torc__driver_epoll;
#endif
#if defined(TORC__HAS_URING)
extern const torc_driver_class torc__driver_uring;
#endif
extern const torc_driver_class torc__driver_poll;
extern const torc_driver_class torc__driver_select;

#endif /* TORC_REACTOR_DRIVER_DRIVERS_H */
