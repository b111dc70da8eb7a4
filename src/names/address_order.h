/*
 * address_order: the order in which a host's addresses are to be tried (RFC 6724, section 6).
 */
#ifndef TORC_NAMES_ADDRESS_ORDER_H
#define TORC_NAMES_ADDRESS_ORDER_H

#include <torc/address.h>

/*
 * Sorts by what the system would send from; equals keep their order. Asks the system only where
 * there is a choice. No bytes are sent.
 */
void torc__order_addresses(torc_address *addresses, size_t count);

/* As above, with the source address of each; of kind TORC_ADDRESS_NONE where there is no route. */
void torc__order_addresses_by(torc_address *addresses, torc_address *sources, size_t count);

#endif /* TORC_NAMES_ADDRESS_ORDER_H */
