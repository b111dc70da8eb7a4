/*
 * endpoint: from a description to plain data: what is to be opened, and how.
 *
 * endpoint.c holds the table of kinds (tcp, tcp6, unix, fd) with the arguments that each takes for
 * listening and for connecting; a new kind is a new row. listen.c and connect.c carry out what the
 * struct says and know nothing of descriptions. The struct can as well be filled in by hand.
 */
#ifndef TORC_ENDPOINT_ENDPOINT_H
#define TORC_ENDPOINT_ENDPOINT_H

#include <torc/driver.h>
#include <torc/failure.h>

#include "endpoint/carrier.h"
#include "endpoint/layer.h"
#include "reactor/members.h"

#define TORC__HOST_NAME_MAX     253 /* RFC 1035, without the root's dot */
#define TORC__CARRIER_NAME_MAX  107 /* as of a UNIX path */
#define TORC__ENDPOINT_TEXT_MAX 255
#define TORC__COMMAND_MAX       1040 /* what a description of the greatest length can say */
#define TORC__BACKLOG           4096 /* the kernel has the last word: net.core.somaxconn */
#define TORC__CONNECT_TIMEOUT   (30 * TORC_SECOND)

typedef struct torc__endpoint {
    /* Exactly one of the four says where: address, name with `port`, descriptor, carrier. */
    torc_address address;                /* kind TORC_ADDRESS_NONE: not by address */
    char host[TORC__HOST_NAME_MAX + 1];  /* connecting; "": not by name */
    int descriptor;                      /* -1: not by descriptor */
    const torc__carrier *carrier;        /* NULL: not by carrier */
    char name[TORC__CARRIER_NAME_MAX + 1]; /* what it is to open */

    /* ... where that is a child: words, each with a NUL: arguments, variables, directory or "". */
    char command[TORC__COMMAND_MAX];
    unsigned char argument_count;
    unsigned char variable_count;

    uint16_t port;                       /* for `host` */
    bool only_ipv6;                      /* of the addresses that `host` has */
    torc_address local;                  /* connecting from there; kind TORC_ADDRESS_NONE: any */
    torc_time timeout;                   /* connecting; listening: of passing the layers */
    torc_socket_options options;         /* listening */
    bool waits;                          /* listening: for the address to come */
    size_t datagram_max;                 /* of datagrams: the largest that is taken; 0: any */
    bool share_address;                  /* of datagrams: each socket of the port gets all */
    bool broadcast;                      /* of datagrams */
    torc__layer *layers;                 /* to be passed by each connection; or NULL; held */
    void *own;                           /* the kind's, while its arguments are read */
    unsigned depth;                      /* of endpoints in each other, while they are read */
    char text[TORC__ENDPOINT_TEXT_MAX + 1]; /* the description, for messages; cut when longer */
} torc__endpoint;

/*
 * Fills in *ret_endpoint from a description. NULL, or a failure of type
 * torc_error_invalid_argument, for the caller to release, that names the description, what is
 * wrong with it and what to write. `text` is set in both cases.
 */
TORC_API torc_failure *torc__endpoint_to_listen(
    const char *description, torc__endpoint *ret_endpoint);
TORC_API torc_failure *torc__endpoint_to_connect(
    const char *description, torc__endpoint *ret_endpoint);

/* The same for descriptions of datagrams: datagram_kinds.c. */
torc_failure *torc__datagrams_to_listen(const char *description, torc__endpoint *ret_endpoint);
torc_failure *torc__datagrams_to_connect(const char *description, torc__endpoint *ret_endpoint);

/* What the errno of a listening socket that could not be opened means, and the remedy. */
torc_failure *torc__listen_failure(const torc__endpoint *endpoint, int error);

/*
 * What an errno of connecting to `address` (one that the endpoint's host name has, or NULL) means:
 * a failure of type torc_error_connect or a descendant.
 */
torc_failure *torc__connect_failure(
    const torc__endpoint *endpoint, const torc_address *address, int error);

extern TORC_API const torc__member_kind torc__members_port;       /* listen.c */
extern TORC_API const torc__member_kind torc__members_connecting; /* connect.c */
extern TORC_API const torc__member_kind torc__members_client;     /* client.c */

#endif /* TORC_ENDPOINT_ENDPOINT_H */
