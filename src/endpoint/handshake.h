/*
 * handshake: a filter for what two ends say to each other before a connection begins, after which
 * every byte passes as it is: the PROXY protocol's header, SOCKS, CONNECT of HTTP.
 *
 * What is said is a conversation of few bytes: some to be sent at once (`begin`), then the peer's,
 * which are read as they come (`read`), each of which may be answered (torc__handshake_add).
 * A kind of handshake is a table of these two and a struct of its own; the codec stands apart.
 *
 * Bytes of the peer that come behind the handshake belong to what is above, and are kept until that
 * receives.
 */
#ifndef TORC_ENDPOINT_HANDSHAKE_H
#define TORC_ENDPOINT_HANDSHAKE_H

#include "endpoint/layer.h"
#include "transport/filter.h"

/* We never say more at a time; it is enough for a CONNECT with the longest name and credentials. */
#define TORC__HANDSHAKE_SAID_MAX 1536

typedef struct torc__handshake torc__handshake;

/* What reading gives beside a length. */
enum {
    TORC__HANDSHAKE_MORE = 0,   /* nothing was taken: more bytes are needed */
    TORC__HANDSHAKE_BROKEN = -1 /* the failure was told by torc__filter_explain */
};

typedef struct torc__handshake_class {
    const char *name;  /* "PROXY protocol": for messages */
    size_t size;       /* of the struct, which begins with a torc__handshake */
    size_t bytes_max;  /* of the peer's, while `read` asks for more */

    /* Sets what is to be said first; may set `over`. From the layer's data. May be NULL. */
    void (*begin)(torc__handshake *self, const torc__layer *layer);

    /*
     * Reads from the front of the peer's bytes: how many were taken (it is called again for the
     * rest), or one of the two above. Sets `over` when all has been said. NULL: there is nothing
     * to be heard.
     */
    int (*read)(torc__handshake *self, torc_slice bytes);
} torc__handshake_class;

struct torc__handshake {
    torc__filter filter; /* first */
    const torc__handshake_class *kind;
    torc__task task;     /* tells what cannot be told within a call */
    char *said;          /* still to be sent; NULL: nothing */
    size_t said_length;
    char *kept;          /* the peer's bytes that are not read or passed on yet; owned */
    size_t kept_length;
    torc_address local;  /* kind TORC_ADDRESS_NONE: as below */
    torc_address peer;
    bool announced;      /* `local` and `peer` hold, whatever they are */
    bool over;           /* all has been said and heard */
    bool passed;         /* ... and told */
    bool sending;        /* a send of ours is pending */
    bool receives;       /* above wants bytes */
    bool closed;
};

/*
 * Puts a handshake on `transport` and begins; as a layer's enter. The handshake needs nothing of
 * `layer` once this has returned, unless it copied it.
 */
int torc__handshake_enter(
    const torc__handshake_class *kind, const torc__layer *layer, torc_transport *transport);

/* From within `begin`: room for TORC__HANDSHAKE_SAID_MAX bytes; so many of them are to be said. */
char *torc__handshake_room(torc__handshake *self);
void torc__handshake_say(torc__handshake *self, size_t length);

/* From within `read`: says `bytes` next. False when memory is out, or too much is to be said. */
bool torc__handshake_add(torc__handshake *self, torc_slice bytes);

/* Explains why it broke; gives TORC__HANDSHAKE_BROKEN. */
int torc__handshake_break(torc__handshake *self, const torc_failure_type *type, const char *format,
    ...) TORC_PRINTF(3, 4);

#endif /* TORC_ENDPOINT_HANDSHAKE_H */
