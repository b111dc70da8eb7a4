/*
 * What the driver needs is in Linux 6.0; some of it shows in no flag of the kernel's, but came with
 * something that does: receiving many times by one request with sending without copies.
 */
#include "reactor/driver/uring_probe.h"

#if defined(TORC__HAS_URING)

# include <errno.h>
# include <stdio.h>
# include <string.h>

enum { OPERATIONS = 64 };

static const struct {
    uint8_t operation;
    const char *name;
} needed[] = {
    { IORING_OP_ACCEPT, "accepting" },
    { IORING_OP_RECV, "receiving" },
    { IORING_OP_SEND, "sending" },
    { IORING_OP_SENDMSG, "sending from several places" },
    { IORING_OP_POLL_ADD, "polling" },
    { IORING_OP_ASYNC_CANCEL, "cancelling" },
    { IORING_OP_READ, "reading" },
    { IORING_OP_SEND_ZC, "receiving many times by one request (Linux 6.0 has it)" },
};

/* What the last probe in this thread missed. */
static _Thread_local const char *missing;

static int lacks(const char *what)
{
    missing = what;
    return -EOPNOTSUPP;
}

static bool has(const struct io_uring_probe *probe, uint8_t operation)
{
    return operation <= probe->last_op && operation < OPERATIONS
        && (probe->ops[operation].flags & IO_URING_OP_SUPPORTED) != 0;
}

int torc__uring_probe(const torc__uring_ring *ring)
{
    _Alignas(struct io_uring_probe) unsigned char
        memory[sizeof(struct io_uring_probe) + OPERATIONS * sizeof(struct io_uring_probe_op)];
    struct io_uring_probe *probe = (struct io_uring_probe *)(void *)memory;
    int error;

    if (!(ring->features & IORING_FEAT_SINGLE_MMAP))
        return lacks("queues in one mapping (Linux 5.4 has them)");
    if (!(ring->features & IORING_FEAT_NODROP))
        return lacks("completions that are never dropped (Linux 5.5 has them)");
    if (!(ring->features & IORING_FEAT_EXT_ARG))
        return lacks("waiting with a time-out (Linux 5.11 has it)");
    memset(memory, 0, sizeof memory);
    error = torc__uring_ring_register(ring, IORING_REGISTER_PROBE, probe, OPERATIONS);
    if (error < 0)
        return error;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!has(probe, needed[i].operation))
            return lacks(needed[i].name);
    return 0;
}

const char *torc__uring_why_not(int error)
{
    static _Thread_local char text[128];

    switch (error) {
    case ENOSYS:
        return "the kernel has no io_uring, or a sandbox hides it";
    case EPERM:
    case EACCES:
        return "io_uring is forbidden here, by the sysctl kernel.io_uring_disabled or by a sandbox";
    case EINVAL:
        return "the kernel's io_uring is older than that of Linux 6.0";
    case EOPNOTSUPP:
        snprintf(text, sizeof text, "the kernel's io_uring lacks %s",
            missing != NULL ? missing : "something");
        return text;
    case ENOMEM:
        return "out of memory, or of what may be locked of it (ulimit -l)";
    default:
        return NULL;
    }
}

#endif /* TORC__HAS_URING */
