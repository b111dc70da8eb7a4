/*
 * Waking a readiness driver from another thread or from a signal handler: a descriptor that is
 * watched like any other, an eventfd or a pipe.
 */
#include "reactor/driver/readiness_io.h"

#include "base/system_call.h"
#include "reactor/driver/socket.h"

#include <errno.h>
#include <unistd.h>

#if defined(__linux__)
# include <sys/eventfd.h>
#endif

int torc__readiness_open_waker(torc__readiness *readiness)
{
    int descriptor;
    int error;

#if defined(__linux__)
    descriptor = TORC__CALL(eventfd, 0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    readiness->wake_descriptor = descriptor;
#else
    int ends[2];

    if (TORC__CALL(pipe, ends) < 0)
        return -errno;
    (void)torc__socket_prepare(ends[0]);
    (void)torc__socket_prepare(ends[1]);
    descriptor = ends[0];
    readiness->wake_descriptor = ends[1];
#endif
    torc__readiness_set_up_socket(
        &readiness->driver, &readiness->waker, descriptor, WAKES | RECEIVES);
    error = torc__readiness_list(&readiness->waker);
    /* Whoever could not be listed forgets the number, which is still to be closed. */
    readiness->waker.descriptor = descriptor;
    return error;
}

void torc__readiness_close_waker(torc__readiness *readiness)
{
    if (readiness->waker.descriptor >= 0)
        close(readiness->waker.descriptor);
    if (readiness->wake_descriptor != readiness->waker.descriptor)
        close(readiness->wake_descriptor);
}

void torc__readiness_drain_waker(const torc_io *io)
{
    char bytes[64];

    while (TORC__CALL(read, io->descriptor, bytes, sizeof bytes) == (ssize_t)sizeof bytes)
        continue;
}

void torc__readiness_wake(torc_driver *driver)
{
    const torc__readiness *readiness = (const torc__readiness *)(const void *)driver;
    uint64_t one = 1;
    ssize_t written;

    /* A full pipe or counter has woken it already. */
    written = write(readiness->wake_descriptor, &one, sizeof one);
    (void)written;
}

int torc__readiness_show(torc_driver *driver, int shown)
{
    if (torc__readiness_is_due((const torc__readiness *)(const void *)driver))
        torc__readiness_wake(driver);
    return shown;
}
