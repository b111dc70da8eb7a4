/*
 * A reactor inside a loop of another's: what that loop must watch, and until when it may wait. The
 * turn itself is torc_iterate.
 */
#include "reactor/reactor.h"

int torc_reactor_descriptor(const torc_reactor *reactor)
{
    torc_driver *driver = reactor->driver;

    torc__check_thread(reactor, "torc_reactor_descriptor");
    return driver->kind->descriptor != NULL ? driver->kind->descriptor(driver) : -1;
}

/* The first turn is due at once: only from it on are signals caught. */
torc_time torc_reactor_deadline(torc_reactor *reactor)
{
    torc_driver *driver = reactor->driver;

    torc__check_thread(reactor, "torc_reactor_deadline");
    if (reactor->stopped || !reactor->running || torc__reactor_has_work(reactor))
        return 0;
    if (driver->kind->descriptor != NULL)
        (void)driver->kind->descriptor(driver);
    return torc__wheel_next(&reactor->wheel);
}
