/*
 * kind: a kind of endpoint ("tcp", "tls") as a row of a table: its arguments in their places, each
 * of which knows how to read its value into a torc__endpoint.
 *
 * A reader gives NULL or the rule that the value broke ("must be …"), so that every message has the
 * same shape: "DESCRIPTION: ARGUMENT RULE; write EXAMPLE".
 *
 * A component registers kinds of its own when the program asks for it. What a kind has to keep
 * beside the fields of torc__endpoint while its arguments are read goes into `own`.
 */
#ifndef TORC_ENDPOINT_KIND_TABLE_H
#define TORC_ENDPOINT_KIND_TABLE_H

#include "endpoint/description.h"
#include "endpoint/endpoint.h"

typedef const char *torc__argument_reader(torc__endpoint *endpoint, torc_slice value);

typedef struct torc__argument {
    const char *name;
    const char *alias;           /* another name that is taken, or NULL */
    torc__argument_reader *read; /* the value is followed by a NUL */
    bool mandatory;
    bool flag;                   /* given by its name alone */
    bool secret;                 /* given with its name only, by which messages leave it out */
} torc__argument;

#define TORC__ARGUMENTS_MAX 16

/* One way to use a kind. */
typedef struct torc__usage {
    const char *verb;    /* "listening" */
    const char *example;
    size_t own_size;     /* of endpoint->own, zeroed, while the arguments are read */
    void (*prepare)(torc__endpoint *endpoint);      /* defaults of its own; may be NULL */
    const char *(*check)(torc__endpoint *endpoint); /* of all together; may be NULL */

    /* The last step, where something must be opened: NULL or why it cannot be. May be NULL. */
    torc_failure *(*finish)(torc__endpoint *endpoint);
    void (*clear)(torc__endpoint *endpoint); /* releases what `own` holds, in every case; or NULL */
    torc__argument arguments[TORC__ARGUMENTS_MAX + 1]; /* the last has no name */
} torc__usage;

typedef struct torc__kind {
    const char *name;
    const torc__usage *listening;  /* NULL: it cannot */
    const torc__usage *connecting;

    /*
     * For kinds without arguments, which stand before another description ("haproxy:tcp:8080"):
     * what they do to the endpoint that the rest gave. NULL, or a failure.
     */
    torc_failure *(*wrap)(torc__endpoint *endpoint, bool listening);

    /* For kinds that are read as a whole (user_kinds.c), in place of all of the above. */
    torc_failure *(*expand)(const struct torc__kind *kind, torc__endpoint *endpoint,
        const torc__description *description, bool listening);
} torc__kind;

#define TORC__FURTHER_KINDS_MAX 32

/* NULL beyond the last; and NULL when there is none of that name. */
const torc__kind *torc__kind_at(size_t index);
const torc__kind *torc__kind_named(torc_slice name);

/*
 * Adds a kind, which must stay where it is; from the main thread, before others run. Adding it
 * again is a no-op. False when another of its name is known, or there are too many.
 */
TORC_API bool torc__kind_register(const torc__kind *kind);

/*
 * Reads another description into `endpoint`, whose `text` and `own` stay: for the argument
 * "endpoint" of kinds that are built on others. NULL, or a failure.
 */
TORC_API torc_failure *torc__endpoint_read_inner(
    torc__endpoint *endpoint, torc_slice description, bool listening);

/*
 * Reads a description by a table of its own, as those of datagrams are, whose kinds are no streams.
 * NULL, or a failure; `text` is set in both cases.
 */
torc_failure *torc__endpoint_read_by(const torc__kind *kinds, size_t count, const char *text,
    bool listening, torc__endpoint *ret_endpoint);

/* Adds a layer behind those that are there; takes over the caller's hold on it. */
TORC_API void torc__endpoint_add_layer(torc__endpoint *endpoint, torc__layer *layer);

/* A failure of type torc_error_invalid_argument: "DESCRIPTION: …". */
TORC_API torc_failure *torc__endpoint_bad(const torc__endpoint *endpoint, const char *format, ...)
    TORC_PRINTF(2, 3);

/* Readers that several kinds use. */
TORC_API const char *torc__read_port(torc__endpoint *endpoint, torc_slice value);
TORC_API const char *torc__read_peer_port(torc__endpoint *endpoint, torc_slice value);
TORC_API const char *torc__read_host(torc__endpoint *endpoint, torc_slice value);
TORC_API const char *torc__read_timeout(torc__endpoint *endpoint, torc_slice value);
TORC_API const char *torc__read_backlog(torc__endpoint *endpoint, torc_slice value);
TORC_API const char *torc__read_interface(torc__endpoint *endpoint, torc_slice value);
TORC_API const char *torc__read_local(torc__endpoint *endpoint, torc_slice value);
TORC_API const char *torc__read_path(torc__endpoint *endpoint, torc_slice value);
torc__argument_reader torc__read_interface6;
torc__argument_reader torc__read_reuse_port;
torc__argument_reader torc__read_mode;
torc__argument_reader torc__read_descriptor;
torc__argument_reader torc__read_host6;

/* What they have in common of defaults, and of what holds of all arguments together. */
void torc__prepare_any_ipv4(torc__endpoint *endpoint);
void torc__prepare_any_ipv6(torc__endpoint *endpoint);
void torc__prepare_only_ipv6(torc__endpoint *endpoint);
const char *torc__put_port(torc__endpoint *endpoint);
const char *torc__check_peer(torc__endpoint *endpoint);

#endif /* TORC_ENDPOINT_KIND_TABLE_H */
