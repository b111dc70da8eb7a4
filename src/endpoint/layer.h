/*
 * layer: what a connection must pass before its protocol is told of it: a TLS handshake, the header
 * of the PROXY protocol, the request to a SOCKS server. An endpoint has a chain of them, in the
 * order in which they are passed; each puts a filter (transport/filter.h) on the transport.
 *
 *     open -> layer -> layer -> entered: the transport can be started
 */
#ifndef TORC_ENDPOINT_LAYER_H
#define TORC_ENDPOINT_LAYER_H

#include "transport/transport.h"

typedef struct torc__layer torc__layer;

typedef struct torc__layer_class {
    const char *name; /* "TLS" */

    /* Listening: the peer is known only behind it, so only there it can be refused. */
    bool tells_peer;

    /*
     * Puts its filter on `transport`, which is open and not started, and begins. 0: the filter's
     * `connected` event will tell, from the loop's turn. Else an errno.
     */
    int (*enter)(torc__layer *layer, torc_transport *transport);

    /* Frees it, when nobody holds it any more. */
    void (*release)(torc__layer *layer);
} torc__layer_class;

/* Embed it first. */
struct torc__layer {
    const torc__layer_class *kind;
    torc__layer *next; /* which is passed after this one; held by this one */
    size_t holders;
};

/* One holder more, or less, of the chain that begins with `layer`; NULL is a chain of none. */
torc__layer *torc__layer_hold(torc__layer *layer);
void torc__layer_release(torc__layer *layer);

/* A transport on its way through a chain. */
typedef struct torc__entry {
    torc__connector connector;
    torc_transport *transport;
    torc__layer *next;

    /*
     * Told once: error 0, and the transport can be started; or why not, and it must be dropped.
     * torc__transport_take_reason may know more.
     */
    void (*entered)(struct torc__entry *entry, int error);
} torc__entry;

/*
 * Has `transport` pass the chain, which must stay held until then. From the loop's turn; where the
 * chain is empty, or breaks at once, `entered` is told before this returns.
 */
void torc__entry_start(torc__entry *entry, torc_transport *transport, torc__layer *chain);

/* The peer, as the topmost layer knows it. */
void torc__entry_peer(const torc__entry *entry, torc_address *ret_peer);

#endif /* TORC_ENDPOINT_LAYER_H */
