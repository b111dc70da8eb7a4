/*
 * Pseudo-terminals: a pair of which one end is a terminal to whoever has it.
 */
#include "transport/process_setup.h"

#include "base/system_call.h"
#include "transport/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int torc__pty_resize(int ours, torc_terminal_size size)
{
    struct winsize window = { .ws_row = size.rows, .ws_col = size.columns };

    return TORC__CALL(ioctl, ours, TIOCSWINSZ, &window) < 0 ? -errno : 0;
}

/* The terminal's end, or -errno. */
static int open_theirs(int ours)
{
    char path[64];
    int theirs;
    int error;

    if (grantpt(ours) < 0 || unlockpt(ours) < 0)
        return -errno;
    error = ptsname_r(ours, path, sizeof path);
    if (error != 0)
        return -error;
    theirs = TORC__CALL(open, path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return theirs < 0 ? -errno : theirs;
}

int torc__pty_open(torc_terminal_size size, int *ret_ours, int *ret_theirs)
{
    int ours = TORC__CALL(posix_openpt, O_RDWR | O_NOCTTY | O_CLOEXEC);
    int theirs = -1;
    int error = 0;

    if (ours < 0)
        return -errno;
    error = torc__pipe_prepare(ours);
    if (error == 0 && (size.rows > 0 || size.columns > 0))
        error = torc__pty_resize(ours, size);
    if (error == 0) {
        theirs = open_theirs(ours);
        error = theirs < 0 ? theirs : 0;
    }
    if (error != 0) {
        close(ours);
        return error;
    }
    *ret_ours = ours;
    *ret_theirs = theirs;
    return 0;
}
