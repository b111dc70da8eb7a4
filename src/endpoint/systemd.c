/*
 * systemd: listening sockets that the service manager opened and handed to the program, as
 * sd_listen_fds(3) describes, without libsystemd:
 *
 *     LISTEN_PID      for whom they are; anybody else's are left alone
 *     LISTEN_FDS      how many; they are the descriptors from 3 on
 *     LISTEN_FDNAMES  their names, divided by ':'
 *
 *     systemd:0                  the first
 *     systemd:name=web           the first of that name
 *
 * Each can be listened on once.
 */
#include "endpoint/further_kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FIRST_DESCRIPTOR = 3, DESCRIPTORS_MAX = 1024 };

typedef struct systemd_own {
    torc_slice name; /* empty: by index */
    uint64_t index;
    bool indexed;
} systemd_own;

static const char *read_index(torc__endpoint *endpoint, torc_slice value)
{
    systemd_own *own = endpoint->own;

    own->indexed = true;
    return torc_slice_to_number(value, DESCRIPTORS_MAX - 1, &own->index)
        ? NULL : "must be a number from 0 on";
}

static const char *read_name(torc__endpoint *endpoint, torc_slice value)
{
    ((systemd_own *)endpoint->own)->name = value;
    return value.length != 0 ? NULL : "must not be empty";
}

/* Of Twisted's descriptions: what family it is, the socket itself knows. */
static const char *read_domain(torc__endpoint *endpoint, torc_slice value)
{
    (void)endpoint;
    if (torc_slice_is(value, "INET") || torc_slice_is(value, "INET6") ||
        torc_slice_is(value, "UNIX"))
        return NULL;
    return "must be INET, INET6 or UNIX";
}

static const char *check(torc__endpoint *endpoint)
{
    const systemd_own *own = endpoint->own;

    if (own->indexed == (own->name.length != 0))
        return "give either the index or the name; write systemd:0 or systemd:name=web";
    return NULL;
}

static uint64_t number_in(const char *variable)
{
    uint64_t number = 0;

    (void)torc_slice_to_number(torc_slice_of(getenv(variable)), INT32_MAX, &number);
    return number;
}

/* How many were handed to this very process. */
static uint64_t descriptors(void)
{
    uint64_t count = number_in("LISTEN_FDS");

    if (number_in("LISTEN_PID") != (uint64_t)getpid())
        return 0;
    return count < DESCRIPTORS_MAX ? count : DESCRIPTORS_MAX;
}

/* `count` where there is none of the name. */
static uint64_t index_of(torc_slice name, uint64_t count)
{
    torc_slice rest = torc_slice_of(getenv("LISTEN_FDNAMES"));

    for (uint64_t i = 0; i < count; i++) {
        torc_slice each = torc_slice_first(rest, torc_slice_find_byte(rest, ':'));

        if (torc_slice_equal(each, name))
            return i;
        rest = torc_slice_skip(rest, each.length + 1);
    }
    return count;
}

static torc_failure *finish(torc__endpoint *endpoint)
{
    const systemd_own *own = endpoint->own;
    uint64_t count = descriptors();
    uint64_t index = own->indexed ? own->index : index_of(own->name, count);

    if (count == 0)
        return torc__endpoint_bad(endpoint, "no sockets were handed to this process (LISTEN_PID "
            "and LISTEN_FDS); start it by a .socket unit");
    if (index >= count && own->indexed)
        return torc__endpoint_bad(endpoint, "only %u sockets were handed to this process",
            (unsigned)count);
    if (index >= count)
        return torc__endpoint_bad(endpoint, "no socket of that name was handed to this process; "
            "set FileDescriptorName= in the .socket unit");
    endpoint->descriptor = (int)(FIRST_DESCRIPTOR + index);
    return NULL;
}

static const torc__usage listening = {
    .verb = "listening",
    .example = "systemd:0",
    .own_size = sizeof(systemd_own),
    .check = check,
    .finish = finish,
    .arguments = {
        { .name = "index", .read = read_index },
        { .name = "name", .read = read_name },
        { .name = "domain", .read = read_domain },
    },
};

const torc__kind torc__kind_systemd = { .name = "systemd", .listening = &listening };
