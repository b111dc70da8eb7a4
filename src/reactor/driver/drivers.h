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

/* The tests make a build that has it on a system that has not. */
#if !defined(TORC__HAS_KQUEUE) \
    && (defined(__APPLE__) || defined(__FreeBSD__) || defined(__OpenBSD__) \
        || defined(__NetBSD__) || defined(__DragonFly__))
# define TORC__HAS_KQUEUE 1
#endif
#if defined(TORC__HAS_KQUEUE)
extern const torc_driver_class torc__driver_kqueue;
#endif

extern const torc_driver_class torc__driver_poll;
extern const torc_driver_class torc__driver_select;

#endif /* TORC_REACTOR_DRIVER_DRIVERS_H */
