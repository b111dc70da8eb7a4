/*
 * client: staying connected. A client connects, and connects again whenever the connection was lost
 * or could not be made, each time after a longer while, until it is stopped.
 *
 *     torc_client *client =
 *         torc_client_start(scope, "tcp:db.example:5432", torc_factory_of(&db_class), NULL);
 *
 *     torc_deferred *db = torc_client_when_connected(client, 0);
 *
 *     torc_add_callback(db, ask, self);          // gets the protocol
 *     ...
 *     torc_add_callback(torc_client_stop(client), go_on, self);
 *
 * After the first failure it waits for a second, then half as long again each time, up to a minute;
 * of each wait a random part of up to a half is left out, so that the clients of a server that
 * comes back do not come all at once. A connection that was made and prepared sets this back to the
 * beginning. A name is looked up for each attempt (<torc/names.h>), so that a server may move.
 */
#ifndef TORC_CLIENT_H
#define TORC_CLIENT_H

#include <torc/endpoint.h>

TORC_BEGIN_DECLS

typedef struct torc_client torc_client;

typedef struct torc_client_options {
    torc_time first_delay;   /* 0: 1 s */
    torc_time longest_delay; /* 0: 60 s */
    unsigned growth_percent; /* of each delay over the last; 0: 50 */

    /* So many failures in a row, and it gives up. 0: it never does. */
    size_t failures_max;

    /*
     * What a new connection needs before anybody is told of it: a greeting, a login. It has begun
     * when connection_made has returned. Gives nothing, a deferred to be waited for
     * (torc_wait_for), or a failure: then, as when that deferred fails, the connection is ended and
     * counts as one that failed. NULL: there is nothing to prepare.
     */
    torc_result (*prepare)(void *context, torc_protocol *protocol);
    void *context;
} torc_client_options;

/*
 * Begins to connect to `description`, as torc_connect, and stays connected until it is stopped or
 * `scope` ends. Takes over the hold on `factory`. `options` may be NULL. Never NULL: when memory is
 * out the process ends with a message. In a scope that has ended it is one that was stopped.
 */
TORC_API torc_client *torc_client_start(torc_scope *scope, const char *description,
    torc_factory *factory, const torc_client_options *options);

/* As torc_client_start, to an endpoint without text. */
TORC_API torc_client *torc_client_start_at(torc_scope *scope, const torc_endpoint *endpoint,
    torc_factory *factory, const torc_client_options *options);

/*
 * Fires with a torc_pointer to the protocol: at once where it is connected and prepared, else as
 * soon as it is. Fails when the client gives up or is stopped, and after `failures_max` further
 * failures, with the last of them (0: however many there are). Any number may wait; each may be
 * cancelled.
 */
TORC_API torc_deferred *torc_client_when_connected(torc_client *client, size_t failures_max);

/* The protocol; NULL while it is not connected and prepared. */
TORC_API torc_protocol *torc_client_protocol(const torc_client *client);

/* How many times in a row it has failed. */
TORC_API size_t torc_client_failures(const torc_client *client);

/*
 * Stops: what is under way is cancelled, a connection is ended as by torc_lose_connection, and who
 * waits fails with torc_error_cancelled. Fires with nothing when all of that is over; the client
 * must not be used after that.
 */
TORC_API torc_deferred *torc_client_stop(torc_client *client);

TORC_END_DECLS

#endif /* TORC_CLIENT_H */
