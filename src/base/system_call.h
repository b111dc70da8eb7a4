/*
 * system_call: the one way of making a system call that may fail, so that a test can make it fail.
 *
 * Drivers, sockets and files call through TORC__CALL. The hook is for tests: it is asked before
 * each such call, by the call's name, and gives 0 to let it go on, or the errno that it is to fail
 * with; the call is then not made. Without a hook this costs one branch that is always predicted.
 *
 * close() does not come here: nobody can do anything about its failure, and a close that is not
 * made would be a leak of the test's own making.
 */
#ifndef TORC_BASE_SYSTEM_CALL_H
#define TORC_BASE_SYSTEM_CALL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include <torc/macros.h>

typedef int torc__system_call_hook(const char *name);

/* To be read by torc__call_fails only. */
extern TORC_API torc__system_call_hook *torc__system_call_hooked;

/* NULL takes the hook away. Set it only while no other thread makes system calls. */
TORC_API void torc__set_system_call_hook(torc__system_call_hook *hook);

/* Whether the call of this name is to fail; errno then says why. */
static inline bool torc__call_fails(const char *name)
{
    int error;

    if (TORC_LIKELY(torc__system_call_hooked == NULL))
        return false;
    error = torc__system_call_hooked(name);
    if (error == 0)
        return false;
    errno = error;
    return true;
}

/* TORC__CALL(read, file, bytes, size) is read(file, bytes, size). For calls that fail with -1. */
#define TORC__CALL(function, ...) (torc__call_fails(#function) ? -1 : function(__VA_ARGS__))

#endif /* TORC_BASE_SYSTEM_CALL_H */
