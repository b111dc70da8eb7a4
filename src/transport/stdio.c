/*
 * This process's standard input and output as a transport.
 *
 * The transport has duplicates of 0 and 1, which it closes; 0 and 1 stay. What is put back is that
 * they block, since the flag belongs to the open file, which the shell and others share. Only where
 * our half is closed is 1 given up, as the reader would not see the end otherwise: it is /dev/null
 * from then on, lest the number become some connection's and printf write to that.
 */
#include "transport/pipe.h"

#include <torc/process.h>

#include "base/memory.h"
#include "base/system_call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

typedef struct stdio_flags {
    int of[2]; /* fcntl's flags of 0 and 1 as they were */
    int descriptors[2];
    bool taken; /* by torc__stdio_take */
} stdio_flags;

static atomic_bool is_taken;

static void put_back(const stdio_flags *flags)
{
    for (int i = 0; i < 2; i++)
        (void)fcntl(i, F_SETFL, flags->of[i]);
}

static void finished(void *argument)
{
    const stdio_flags *flags = argument;
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    (void)fcntl(STDOUT_FILENO, F_SETFL, flags->of[1]);
    if (nowhere < 0)
        return;
    (void)dup2(nowhere, STDOUT_FILENO);
    close(nowhere);
}

static void closing(void *argument)
{
    const stdio_flags *flags = argument;

    put_back(flags);
    if (flags->taken)
        torc__stdio_give_back();
    torc__free(argument);
}

static const torc__pipe_watcher watcher = {
    .finished = finished,
    .closing = closing,
    .output_is_vital = true,
};

/* Both are read before either is changed: the two may be the same open file. 0 or an errno. */
static int note_flags(stdio_flags *flags)
{
    for (int i = 0; i < 2; i++) {
        flags->of[i] = TORC__CALL(fcntl, i, F_GETFL);
        if (flags->of[i] < 0)
            return errno;
    }
    return 0;
}

static int duplicate(stdio_flags *flags)
{
    for (int i = 0; i < 2; i++) {
        int error = 0;

        flags->descriptors[i] = TORC__CALL(fcntl, i, F_DUPFD_CLOEXEC, 3);
        if (flags->descriptors[i] < 0)
            error = errno;
        else if (TORC__CALL(fcntl, i, F_SETFL, flags->of[i] | O_NONBLOCK) < 0) {
            error = errno;
            close(flags->descriptors[i]);
        }
        if (error != 0 && i == 1)
            close(flags->descriptors[0]);
        if (error != 0) {
            put_back(flags);
            return error;
        }
    }
    return 0;
}

/* 0 with what the watcher is to put back, or an errno. */
static int prepare(stdio_flags **ret_flags)
{
    stdio_flags *flags = torc__allocate_zeroed(sizeof *flags);
    int error = flags != NULL ? note_flags(flags) : ENOMEM;

    if (error == 0)
        error = duplicate(flags);
    if (error != 0)
        torc__free(flags);
    *ret_flags = error == 0 ? flags : NULL;
    return error;
}

int torc__stdio_take(void)
{
    stdio_flags flags;
    int error;

    if (atomic_exchange(&is_taken, true))
        return -EADDRINUSE;
    error = note_flags(&flags);
    if (error != 0)
        torc__stdio_give_back();
    return -error;
}

void torc__stdio_give_back(void)
{
    atomic_store(&is_taken, false);
}

int torc__stdio_open(torc_transport *transport)
{
    stdio_flags *flags;
    int error = prepare(&flags);

    if (error != 0) {
        torc__stdio_give_back();
        return -error;
    }
    flags->taken = true;
    return torc__pipe_open(
        transport, flags->descriptors[0], flags->descriptors[1], &watcher, flags);
}

torc_deferred *torc_attach_stdio(torc_scope *scope, torc_factory *factory)
{
    stdio_flags *flags;
    int error;

    torc__check_thread(scope->reactor, "torc_attach_stdio");
    error = prepare(&flags);
    if (error == 0)
        return torc__attach_prepared(scope, flags->descriptors[0], flags->descriptors[1], factory,
            &watcher, flags);
    torc_factory_release(factory);
    return torc_deferred_fired(scope, torc_fail(torc_failure_from_errno(
        error, "the standard input and output cannot be attached")));
}
