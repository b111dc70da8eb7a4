/*
 * arguments: what kinds of endpoints are made of: arguments, each of which knows how to read its
 * value into the struct. endpoint.c has the kinds of streams, datagram_kinds.c those of datagrams.
 *
 * A reader gives NULL or the rule that the value broke ("must be ..."), so that every message has
 * the same shape: "DESCRIPTION: ARGUMENT RULE; write EXAMPLE".
 */
#ifndef TORC_ENDPOINT_ARGUMENTS_H
#define TORC_ENDPOINT_ARGUMENTS_H

#include "endpoint/endpoint.h"

typedef const char *torc__argument_reader(torc__endpoint *endpoint, torc_slice value);

typedef struct torc__argument_row {
    const char *name;
    const char *alias;     /* another name that is taken, or NULL */
    torc__argument_reader *read;
    bool mandatory;
    bool flag;             /* given by its name alone */
} torc__argument_row;

#define TORC__ARGUMENTS_MAX 8

/* One way to use a kind. */
typedef struct torc__usage_row {
    const char *verb;
    const char *example;
    void (*prepare)(torc__endpoint *endpoint);        /* defaults of its own; may be NULL */
    const char *(*check)(torc__endpoint *endpoint);   /* of all together; may be NULL */
    torc__argument_row arguments[TORC__ARGUMENTS_MAX + 1]; /* the last has no name */
} torc__usage_row;

typedef struct torc__kind_row {
    const char *name;
    const torc__usage_row *listening;
    const torc__usage_row *connecting;
} torc__kind_row;

/* Reads a description by a table of kinds: as torc__endpoint_to_listen in endpoint.h. */
torc_failure *torc__endpoint_read(const char *text, const torc__kind_row *kinds, size_t kind_count,
    bool listening, torc__endpoint *ret_endpoint);

/* -- readers ------------------------------------------------------------------------------- */

torc__argument_reader torc__endpoint_read_port;
torc__argument_reader torc__endpoint_read_peer_port;
torc__argument_reader torc__endpoint_read_interface;
torc__argument_reader torc__endpoint_read_interface6;
torc__argument_reader torc__endpoint_read_backlog;
torc__argument_reader torc__endpoint_read_reuse_port;
torc__argument_reader torc__endpoint_read_path;
torc__argument_reader torc__endpoint_read_mode;
torc__argument_reader torc__endpoint_read_descriptor;
torc__argument_reader torc__endpoint_read_host;
torc__argument_reader torc__endpoint_read_host6;
torc__argument_reader torc__endpoint_read_local;
torc__argument_reader torc__endpoint_read_timeout;

/* -- defaults, and what holds of all arguments together ------------------------------------ */

void torc__endpoint_prepare_any_ipv4(torc__endpoint *endpoint);
void torc__endpoint_prepare_any_ipv6(torc__endpoint *endpoint);
void torc__endpoint_prepare_only_ipv6(torc__endpoint *endpoint);
const char *torc__endpoint_put_port(torc__endpoint *endpoint);
const char *torc__endpoint_check_peer(torc__endpoint *endpoint);

#endif /* TORC_ENDPOINT_ARGUMENTS_H */
