/*
 * uring_probe: whether the kernel, and a sandbox around us, let the io_uring driver work.
 */
#ifndef TORC_REACTOR_DRIVER_URING_PROBE_H
#define TORC_REACTOR_DRIVER_URING_PROBE_H

#include "reactor/driver/uring_ring.h"

/* Whether an open ring has all that the driver asks of it: 0 or -errno. */
int torc__uring_probe(const torc__uring_ring *ring);

/* What an errno of opening a ring or of probing it means, for people. */
const char *torc__uring_why_not(int error);

#endif /* TORC_REACTOR_DRIVER_URING_PROBE_H */
