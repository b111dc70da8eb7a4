/*
 * What each system call may fail with, as its manual page has it, without what only a bug of the
 * caller's brings about (EBADF, EFAULT, EINVAL).
 *
 * Left out is what cannot be feigned by not making the call: connect() with EINTR goes on by itself
 * behind the caller's back, and so does one with EINPROGRESS; and with EPIPE or ECONNRESET of a send
 * comes an end of what can be received, for which a transport waits.
 */
#include "support/failing_system_call.h"

#include "base/system_call.h"

#include <errno.h>
#include <string.h>

enum { ERRORS_MAX = 8 };

static const struct {
    const char *name;
    int errors[ERRORS_MAX]; /* up to the first 0 */
} failures[] = {
    { "accept4", { EINTR, EAGAIN, ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM } },
    { "bind", { EADDRINUSE, EACCES, ENOMEM } },
    { "clone", { EAGAIN, ENOMEM } },
    { "close_range", { ENOSYS } },
    { "connect", { ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, ENOBUFS, ENOMEM } },
    { "epoll_create1", { EMFILE, ENFILE, ENOMEM } },
    { "epoll_ctl", { ENOMEM, ENOSPC } },
    { "epoll_wait", { EINTR } },
    { "eventfd", { EMFILE, ENFILE, ENOMEM } },
    { "execve", { E2BIG, ENOMEM, ENOENT, EACCES, ETXTBSY } },
    { "fcntl", { EMFILE } },
    { "fdopendir", { ENOMEM } },
    { "flock", { EINTR, EAGAIN, ENOLCK } },
    { "fstat", { EIO, ENOMEM } },
    { "fstatat", { EIO, ENOMEM } },
    { "ftruncate", { EIO, EACCES } },
    { "getpeername", { ENOBUFS, ENOTCONN } },
    { "getsockname", { ENOBUFS } },
    { "getsockopt", { ENOBUFS } },
    { "io_uring_enter", { EINTR, EAGAIN, EBUSY } },
    { "io_uring_register", { EACCES, ENOMEM } },
    { "io_uring_setup", { ENOSYS, EPERM, EINVAL, EMFILE, ENFILE, ENOMEM } },
    { "ioctl", { EIO } },
    { "kevent", { EINTR, ENOMEM } },
    { "kqueue", { EMFILE, ENFILE, ENOMEM } },
    { "listen", { EADDRINUSE } },
    { "lstat", { EACCES, ENOMEM } },
    { "madvise", { ENOMEM, EINVAL } },
    { "mmap", { ENOMEM } },
    { "mprotect", { ENOMEM } },
    { "open", { EMFILE, ENFILE, ENOMEM } },
    { "openat", { EMFILE, ENFILE, ENOMEM, EACCES } },
    { "openat2", { EINTR, EAGAIN, EMFILE, ENFILE, ENOMEM, EACCES } },
    { "pidfd_open", { EMFILE, ENODEV } },
    { "pipe2", { EMFILE, ENFILE } },
    { "poll", { EINTR, EAGAIN, ENOMEM } },
    { "posix_openpt", { EMFILE, ENOSPC } },
    { "pread", { EINTR, EIO, ENOBUFS } },
    { "pthread_create", { EAGAIN } },
    { "pwrite", { EINTR, EIO, ENOSPC } },
    { "read", { EAGAIN } },
    { "recv", { EINTR, EAGAIN, ECONNRESET, ETIMEDOUT, ENOBUFS, ENOMEM } },
    { "recvmmsg", { EINTR, EAGAIN, ECONNREFUSED, ENOBUFS, ENOMEM, ENOSYS } },
    { "recvmsg", { EINTR, EAGAIN, ENOBUFS, ENOMEM } },
    { "select", { EINTR, ENOMEM } },
    { "send", { EINTR, EAGAIN, ETIMEDOUT, ENOBUFS, ENOMEM } },
    { "sendfile", { EINTR, EAGAIN, ETIMEDOUT, EIO, ENOMEM } },
    { "sendmmsg", { EINTR, EAGAIN, ECONNREFUSED, EPERM, ENOBUFS, ENOMEM, ENOSYS } },
    { "sendmsg", { EINTR, EAGAIN, ETIMEDOUT, ENOBUFS, ENOMEM } },
    { "setsockopt", { ENOMEM } },
    { "shutdown", { ENOTCONN } },
    { "socket", { EMFILE, ENFILE, ENOBUFS, ENOMEM } },
    { "splice", { EINTR, EAGAIN, EINVAL, ENOMEM, ECONNRESET } },
    { "tcgetattr", { EIO } },
    { "tcsetattr", { EIO } },
    { "unlink", { EACCES } },
    { "waitid", { EINTR } },
    { "write", { EINTR, EAGAIN, EPIPE, ENOSPC } },
    { "writev", { EINTR, EAGAIN, EIO, ENOSPC } },
};

static unsigned int counted;
static unsigned int chosen;
static size_t chosen_index;
static const char *chosen_name;
static const char *name_that_fails;
static int given;
static bool paused;

static int error_of(const char *name, size_t index)
{
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
        if (strcmp(failures[i].name, name) == 0)
            return index < ERRORS_MAX ? failures[i].errors[index] : 0;
    return 0;
}

static int ask(const char *name)
{
    if (paused || counted++ != chosen)
        return 0;
    chosen_name = name;
    given = error_of(name, chosen_index);
    return given;
}

static int ask_by_name(const char *name)
{
    return strcmp(name, name_that_fails) == 0 ? given : 0;
}

void fail_system_call_after(unsigned int passed, size_t index)
{
    counted = 0;
    chosen = passed;
    chosen_index = index;
    chosen_name = NULL;
    given = 0;
    paused = false;
    torc__set_system_call_hook(ask);
}

void fail_system_calls_named(const char *name, int error)
{
    name_that_fails = name;
    given = error;
    torc__set_system_call_hook(ask_by_name);
}

void pause_system_call_failures(bool pause)
{
    paused = pause;
}

bool a_system_call_was_chosen(void)
{
    return chosen_name != NULL;
}

bool a_system_call_failed(void)
{
    return given != 0;
}

const char *chosen_system_call(void)
{
    return chosen_name != NULL ? chosen_name : "none";
}

int chosen_error(void)
{
    return given;
}

void allow_system_calls(void)
{
    torc__set_system_call_hook(NULL);
}
