/*
 * linger: closing a socket on which input waits that nobody is going to read.
 *
 * close() on such a socket resets the connection, and the peer may lose what it was sent and has
 * not read yet. So our half is closed, what comes is dropped for a while, and then the socket is
 * closed.
 */
#ifndef TORC_REACTOR_DRIVER_LINGER_H
#define TORC_REACTOR_DRIVER_LINGER_H

#include <torc/driver.h>

/*
 * Takes over a descriptor that no io has any more, if it needs this: false, and it is still the
 * caller's, when no input waits, when the reactor ends, and when memory is out.
 */
bool torc__linger(torc_driver *driver, int descriptor);

/* As torc__linger, where the caller knows that there was input, wherever it is now. */
bool torc__linger_anyway(torc_driver *driver, int descriptor);

/* Whether the io is a lingering one, which just closes. */
bool torc__linger_is(const torc_io *io);

#endif /* TORC_REACTOR_DRIVER_LINGER_H */
