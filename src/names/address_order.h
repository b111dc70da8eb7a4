/*
 * address_order: the order in which a host's addresses are to be tried (RFC 6724, section 6).
 */
#ifndef TORC_NAMES_ADDRESS_ORDER_H
#define TORC_NAMES_ADDRESS_ORDER_H

#include <torc/address.h>
#include <torc/time.h>

/*
 * What the system would send from to an address, remembered for a short while, so that hosts at the
 * same addresses do not cost system calls each.
 */
enum { TORC__ROUTES_MAX = 16 };

typedef struct torc__routes {
    torc_time until; /* then all are forgotten */
    size_t count;
    size_t next;     /* which one makes room */
    torc_address addresses[TORC__ROUTES_MAX];
    torc_address sources[TORC__ROUTES_MAX];
} torc__routes;

/*
 * Sorts by what the system would send from; equals keep their order. Asks the system only where
 * there is a choice. No bytes are sent.
 */
void torc__order_addresses(
    torc__routes *routes, torc_time now, torc_address *addresses, size_t count);

/* As above, with the source address of each; of kind TORC_ADDRESS_NONE where there is no route. */
void torc__order_addresses_by(torc_address *addresses, torc_address *sources, size_t count);

#endif /* TORC_NAMES_ADDRESS_ORDER_H */
