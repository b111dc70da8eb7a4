/*
 * datagram: the datagram ios of the readiness drivers, for readiness.c, which tells when they are
 * ready.
 */
#ifndef TORC_REACTOR_DRIVER_DATAGRAM_H
#define TORC_REACTOR_DRIVER_DATAGRAM_H

#include <torc/driver.h>

/* An io with DATAGRAMS in its state can be received from, and somebody wants that. */
void torc__datagrams_receive(torc_io *io);

#endif /* TORC_REACTOR_DRIVER_DATAGRAM_H */
