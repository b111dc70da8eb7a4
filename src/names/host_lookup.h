/*
 * host_lookup: a host's addresses for who connects to it: told to a function, and with a port.
 *
 * The reactor's own resolver is asked. On a driver that knows names itself, ask that instead.
 *
 * The addresses of the two families come separately. Who tries one after the other can begin with
 * the first ones, as RFC 8305 3 has it: those for IPv6 at once, those for IPv4 alone after 50 ms.
 */
#ifndef TORC_NAMES_HOST_LOOKUP_H
#define TORC_NAMES_HOST_LOOKUP_H

#include "names/resolver.h"

typedef struct torc__host_lookup torc__host_lookup;

typedef struct torc__host_addresses {
    size_t count;
    const char *problem; /* why there are none; borrowed as the list is */
    bool more_may_come;  /* then `found` is called again, with all of them */
    torc_address list[TORC_HOST_ADDRESSES_MAX];
} torc__host_addresses;

/* Embed it, zeroed, in what wants to know. */
struct torc__host_lookup {
    torc__asker asker;
    torc__task task;
    torc__known *entry; /* that was known, until it is told */
    uint16_t port;
    bool only_ipv6;
    bool wants_some; /* set before the start: not to wait for all */
    void (*found)(torc__host_lookup *lookup, const torc__host_addresses *addresses);
};

/*
 * Looks up `host`; lookup->found is called from the loop's turn with addresses that have `port`,
 * borrowed until it returns. 0, or an errno when it cannot begin; then nothing is called.
 */
int torc__host_lookup_start(torc__host_lookup *lookup, torc_reactor *reactor, const char *host,
    uint16_t port, bool only_ipv6);

/* `found` will not be called any more. A no-op where nothing is under way. */
void torc__host_lookup_cancel(torc__host_lookup *lookup);

#endif /* TORC_NAMES_HOST_LOOKUP_H */
