/*
 * system_lookup: the addresses of a host name, by the system's own resolver (getaddrinfo: files,
 * DNS, whatever nsswitch.conf says), without holding up the loop.
 *
 * getaddrinfo blocks, so it runs in helper threads: at most TORC__SYSTEM_THREADS in the process,
 * the other look-ups wait in line. A thread that is in getaddrinfo cannot be stopped; a look-up
 * that is cancelled is disowned, and its thread comes to its end by itself.
 */
#ifndef TORC_NAMES_SYSTEM_LOOKUP_H
#define TORC_NAMES_SYSTEM_LOOKUP_H

#include <torc/address.h>
#include <torc/reactor.h>

#include "reactor/members.h"

#define TORC__SYSTEM_THREADS       16
#define TORC__SYSTEM_WAITING_MAX   10000
#define TORC__SYSTEM_ADDRESSES_MAX 32

typedef struct torc__system_lookup torc__system_lookup;
typedef struct torc__system_job torc__system_job;

typedef struct torc__system_addresses {
    size_t count;
    const char *problem; /* why there are none; static */
    bool is_missing;     /* there are none because there is no such name */
    torc_address list[TORC__SYSTEM_ADDRESSES_MAX];
} torc__system_addresses;

/* Embed it, zeroed, in what wants to know. */
struct torc__system_lookup {
    torc__system_job *job; /* NULL: nothing is under way */
    void (*found)(torc__system_lookup *lookup, const torc__system_addresses *addresses);
};

/*
 * Looks up `host`; lookup->found is called from the loop's turn with addresses that have `port`,
 * borrowed until it returns. 0, or an errno when it cannot begin; then nothing is called.
 */
int torc__system_lookup_start(torc__system_lookup *lookup, torc_reactor *reactor, const char *host,
    uint16_t port, bool only_ipv6);

extern TORC_API const torc__member_kind torc__members_system_lookup;

/* `found` will not be called any more. A no-op where nothing is under way. */
void torc__system_lookup_cancel(torc__system_lookup *lookup);

#endif /* TORC_NAMES_SYSTEM_LOOKUP_H */
