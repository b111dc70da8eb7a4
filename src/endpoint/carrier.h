/*
 * carrier: where connections of an endpoint come from, when it is not the reactor's driver: names
 * in memory, the pipes of a child, the standard streams. It stands beside the address, the host
 * and the descriptor of a torc__endpoint as a fourth way to say where, and does for ports and
 * connectors what torc_driver_class does for them otherwise; the rules of <torc/driver.h> hold.
 */
#ifndef TORC_ENDPOINT_CARRIER_H
#define TORC_ENDPOINT_CARRIER_H

#include "transport/transport.h"

struct torc__endpoint;

typedef struct torc__carrier {
    const char *name;

    /*
     * Opens a listening io, whose `accepted` event then gives a token in the descriptor's place,
     * for one of adopt and discard before it returns. 0 or -errno. NULL: it cannot listen.
     */
    int (*listen)(torc_reactor *reactor, torc_io *io, const struct torc__endpoint *endpoint);
    void (*start_accepting)(torc_io *io, bool on);
    int (*adopt)(torc_io *listener, int token, torc_io *io);
    void (*discard)(torc_io *listener, int token);

    /*
     * Begins to open the io of `transport`, which lives in `scope`. 0: `connected` will tell, from
     * a task. -errno: it cannot; transport->reason may know more. NULL: it cannot connect.
     */
    int (*connect)(
        const struct torc__endpoint *endpoint, torc_scope *scope, torc_transport *transport);
} torc__carrier;

extern const torc__carrier torc__memory_names;   /* memory_name.c */
extern const torc__carrier torc__standard_io;    /* stdio_kind.c */
extern const torc__carrier torc__child_commands; /* process_kind.c */

#endif /* TORC_ENDPOINT_CARRIER_H */
