/*
 * A regular file takes everything. Anything else is asked first, and given no more than a pipe that
 * says yes takes for certain.
 */
#include "base/write_at_once.h"

#include "base/system_call.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_writable(int descriptor)
{
    struct pollfd query = { .fd = descriptor, .events = POLLOUT };

    return TORC__CALL(poll, &query, 1, 0) == 1;
}

ssize_t torc__write_at_once(int descriptor, const void *bytes, size_t length)
{
    struct stat status;
    bool regular = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    size_t done = 0;

    while (done < length && (regular || is_writable(descriptor))) {
        size_t piece = length - done;
        ssize_t count;

        if (!regular && piece > PIPE_BUF)
            piece = PIPE_BUF;
        count = TORC__CALL(write, descriptor, (const char *)bytes + done, piece);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            break;
        if (count < 0)
            return done != 0 ? (ssize_t)done : -errno;
        done += (size_t)count;
    }
    return (ssize_t)done;
}
