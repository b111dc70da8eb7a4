/*
 * The inside of a factory: what makes a protocol for each connection, and counts them.
 */
#ifndef TORC_TRANSPORT_FACTORY_H
#define TORC_TRANSPORT_FACTORY_H

#include <torc/protocol.h>

#include "base/hash_table.h"

struct torc_factory {
    torc_factory_options options;
    torc_protocol_class *copied_kind; /* owned; NULL where options.kind is the user's own table */
    size_t holders;
    size_t ports;          /* that are open with it: `started` and `stopped` go by this */
    size_t connections;    /* open now */
    uint32_t next_number;  /* of a connection, for logs */
    void (*forget_input)(torc_protocol *protocol); /* NULL: its protocols keep none */
    bool wants_resume;     /* its protocols keep bytes while paused: see torc__factory_new_from */
    torc__hash_table hosts; /* connections by peer; used only where there is a limit per host */
};

/* As torc_factory_new, for factories that are made while the loop runs: NULL when memory is out. */
TORC_API torc_factory *torc__factory_try_new(const torc_factory_options *options);

/*
 * For protocols that are classes of their own (lines, frames): copies the class table of
 * `kind_size` bytes, which begins with a torc_protocol_class, and makes a factory that uses the
 * copy, so that the maker can put functions of its own into *ret_copy. options->kind is not used;
 * `options` may be NULL. Never NULL.
 *
 * With `wants_resume` set, data_received is called with an empty slice in the turn after reading
 * was resumed, so that bytes that were kept while it was paused are delivered.
 */
torc_factory *torc__factory_new_from(const torc_protocol_class *kind, size_t kind_size,
    const torc_factory_options *options, torc_protocol_class **ret_copy);

/*
 * Has a protocol forget what it was handed and has not used yet: bytes in clear must not count as
 * if they had come by TLS.
 */
TORC_API void torc__factory_forget_input(torc_protocol *protocol);

/* Whether the limits of the factory leave room for a connection with `peer`. */
bool torc__factory_has_room(const torc_factory *factory, const torc_address *peer);

/*
 * Whether one more connection from `peer` is welcome: the limits and the user's `admits`. Runs
 * user code, so call it from an event only.
 */
TORC_API bool torc__factory_admits(torc_factory *factory, const torc_address *peer);

/* A connection opens (before its connection_made) and closes. They pair. */
void torc__factory_opened(torc_factory *factory, const torc_address *peer);
void torc__factory_closed(torc_factory *factory, const torc_address *peer);

/* A port opens and closes: calls `started` at the first and `stopped` at the last. */
TORC_API void torc__factory_port_opened(torc_factory *factory);
TORC_API void torc__factory_port_closed(torc_factory *factory);

#endif /* TORC_TRANSPORT_FACTORY_H */
