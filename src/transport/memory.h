/*
 * memory: two ios that are each other's peer, for who pairs transports by himself (endpoints by
 * name). torc_connect_in_memory pairs two factories and needs nothing of this.
 */
#ifndef TORC_TRANSPORT_MEMORY_H
#define TORC_TRANSPORT_MEMORY_H

#include <torc/driver.h>

#include "reactor/reactor.h"

/*
 * Opens both, whose owners and events are set or will be before they receive. False when memory is
 * out. Each is closed by its class's close; the link goes with the last.
 */
bool torc__memory_open(torc_reactor *reactor, torc_io *one, torc_io *other);

/* The end that `from` was is `to` from now on; `from` may be forgotten. */
void torc__memory_move(torc_io *from, torc_io *to);

#endif /* TORC_TRANSPORT_MEMORY_H */
