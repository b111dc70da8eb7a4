/*
 * Opening datagram transports by description. The socket is opened at once, but for a peer that is
 * named: its name is looked up first, once, since a look-up for each datagram would take them out
 * of order and hold them for seconds.
 *
 * What has to be kept meanwhile, and the path that is to be removed in the end, stand in an
 * `opening`, which the transport lets go of when its io is closed.
 */
#include <torc/datagram.h>

#include "base/memory.h"
#include "endpoint/endpoint.h"
#include "names/host_lookup.h"
#include "endpoint/socket_path.h"
#include "transport/datagram.h"

#include <errno.h>
#include <string.h>

/* A path to be removed when the transport has gone. */
typedef struct path_keeper {
    torc__datagram_opener opener;
    torc__socket_path path;
    torc_address address;
} path_keeper;

/* A name that is looked up. */
typedef struct name_seeker {
    torc__datagram_opener opener;
    torc__host_lookup lookup;
    torc_timer delay;       /* until the driver's answer is known */
    torc__host_addresses answer; /* ... which this is */
    torc__endpoint endpoint;
} name_seeker;

static torc_driver *driver_of(const torc_datagram_transport *transport)
{
    return transport->scope.reactor->driver;
}

static torc_datagram_options options_of(const torc__endpoint *endpoint)
{
    torc_datagram_options options = {
        .size_max = endpoint->datagram_max,
        .unix_mode = endpoint->options.unix_mode,
        .reuse_port = endpoint->options.reuse_port,
        .share_address = endpoint->share_address,
        .both_families = endpoint->options.both_families,
        .broadcast = endpoint->broadcast,
    };

    return options;
}

/* -- paths --------------------------------------------------------------------------------- */

static void remove_path(torc__datagram_opener *opener)
{
    path_keeper *keeper = TORC_CONTAINER_OF(opener, path_keeper, opener);

    torc__socket_path_remove(&keeper->path, &keeper->address);
    torc__free(keeper);
}

/* Without a descriptor it is not of this machine's kernel, and leaves no file. */
static bool has_path(const torc_datagram_transport *transport, const torc_address *local)
{
    return local != NULL && local->kind == TORC_ADDRESS_UNIX && local->path[0] != '@'
        && transport->io.descriptor >= 0;
}

/* 0 or an errno. A path that cannot be kept in mind stays behind: better than not to open. */
static void keep_path(torc_datagram_transport *transport, const torc_address *local)
{
    path_keeper *keeper;

    if (!has_path(transport, local))
        return;
    keeper = torc__allocate_zeroed(sizeof *keeper);
    if (keeper == NULL)
        return;
    keeper->opener.done = remove_path;
    keeper->address = *local;
    torc__socket_path_note(&keeper->path, local);
    transport->opener = &keeper->opener;
}

/* -- opening ------------------------------------------------------------------------------- */

/* 0 or an errno. */
static int open_socket(torc_datagram_transport *transport, const torc__endpoint *endpoint,
    const torc_address *local, const torc_address *peer)
{
    torc_driver *driver = driver_of(transport);
    torc_datagram_options options = options_of(endpoint);
    int error;

    if (driver->kind->open_datagrams == NULL)
        return ENOTSUP;
    error = -driver->kind->open_datagrams(driver, &transport->io, local, peer, &options);
    if (error == EADDRINUSE && local != NULL && torc__socket_path_clear(local, SOCK_DGRAM))
        error = -driver->kind->open_datagrams(driver, &transport->io, local, peer, &options);
    if (error != 0)
        return error;
    keep_path(transport, local);
    torc__datagrams_open(transport, peer);
    return 0;
}

static int adopt(torc_datagram_transport *transport, const torc__endpoint *endpoint)
{
    torc_driver *driver = driver_of(transport);
    torc_datagram_options options = options_of(endpoint);
    torc_address peer;
    int error = ENOTSUP;

    if (driver->kind->adopt_datagrams != NULL)
        error = -driver->kind->adopt_datagrams(
            driver, &transport->io, endpoint->descriptor, &options);
    if (error != 0)
        return error;
    memset(&peer, 0, sizeof peer);
    transport->io.kind->peer_address(&transport->io, &peer);
    torc__datagrams_open(transport, peer.kind != TORC_ADDRESS_NONE ? &peer : NULL);
    return 0;
}

/* An io that could not be opened must not look like one that was. */
static void fail(torc_datagram_transport *transport, torc_failure *failure)
{
    transport->io.kind = NULL;
    torc__datagrams_fail(transport, failure);
}

torc_datagram_protocol *torc_listen_datagrams(
    torc_scope *scope, const char *description, const torc_datagram_class *kind)
{
    torc_datagram_transport *transport;
    torc__endpoint endpoint;
    torc_failure *failure;
    int error = 0;

    torc__check_thread(torc_scope_reactor(scope), "torc_listen_datagrams");
    transport = torc__datagrams_new(scope, kind, NULL);
    if (torc__datagrams_are_over(transport))
        return torc__datagrams_protocol(transport);
    transport->flags |= TORC__DG_VITAL | TORC__DG_GROUPS;
    failure = torc__datagrams_to_listen(description, &endpoint);
    if (failure == NULL)
        error = endpoint.descriptor >= 0
            ? adopt(transport, &endpoint)
            : open_socket(transport, &endpoint, &endpoint.address, NULL);
    if (error != 0)
        failure = torc__listen_failure(&endpoint, error);
    if (failure != NULL)
        fail(transport, failure);
    return torc__datagrams_protocol(transport);
}

/* -- connecting ---------------------------------------------------------------------------- */

/* 0 or an errno. */
static int connect_to(torc_datagram_transport *transport, const torc__endpoint *endpoint,
    const torc_address *peer)
{
    const torc_address *local = &endpoint->local;

    return open_socket(
        transport, endpoint, local->kind != TORC_ADDRESS_NONE ? local : NULL, peer);
}

static void stop_seeking(torc__datagram_opener *opener)
{
    name_seeker *seeker = TORC_CONTAINER_OF(opener, name_seeker, opener);

    torc__host_lookup_cancel(&seeker->lookup);
    torc_timer_cancel(&seeker->delay);
    torc__free(seeker);
}

/* The first address that a socket can be connected to; the others need no network to be tried. */
static void try_addresses(torc_datagram_transport *transport, const torc__endpoint *endpoint,
    const torc__host_addresses *found)
{
    torc_failure *failure = NULL;

    for (size_t i = 0; i < found->count; i++) {
        int error = connect_to(transport, endpoint, &found->list[i]);

        if (error == 0) {
            torc_failure_release(failure);
            return;
        }
        torc_failure_release(failure);
        failure = torc__connect_failure(endpoint, &found->list[i], error);
    }
    if (failure == NULL)
        failure = torc_failure_new(&torc_error_unknown_host,
            "cannot connect to %s: no address for %s: %s", endpoint->text, endpoint->host,
            found->problem);
    fail(transport, failure);
}

static void host_found(torc__host_lookup *lookup, const torc__host_addresses *found)
{
    name_seeker *seeker = TORC_CONTAINER_OF(lookup, name_seeker, lookup);
    torc_datagram_transport *transport = seeker->opener.transport;

    transport->opener = NULL;
    try_addresses(transport, &seeker->endpoint, found);
    torc__free(seeker);
}

static void driver_answered(void *argument)
{
    name_seeker *seeker = argument;

    host_found(&seeker->lookup, &seeker->answer);
}

static void ask_driver(name_seeker *seeker)
{
    const torc__endpoint *endpoint = &seeker->endpoint;
    torc_datagram_transport *transport = seeker->opener.transport;
    torc_driver *driver = driver_of(transport);
    torc__host_addresses *answer = &seeker->answer;
    torc_time delay = 0;

    answer->problem = "there is no such name, or it has no address of the kind asked for";
    answer->count = driver->kind->look_up(driver, endpoint->host, endpoint->port,
        endpoint->only_ipv6, answer->list, TORC_HOST_ADDRESSES_MAX, &delay);
    if (delay > 0)
        torc_timer_set(&seeker->delay, &transport->scope, delay, driver_answered, seeker);
    else
        driver_answered(seeker);
}

/* 0 or an errno. */
static int look_up(torc_datagram_transport *transport, const torc__endpoint *endpoint)
{
    name_seeker *seeker = torc__allocate_zeroed(sizeof *seeker);
    int error;

    if (seeker == NULL)
        return ENOMEM;
    seeker->opener.done = stop_seeking;
    seeker->opener.transport = transport;
    seeker->lookup.found = host_found;
    seeker->endpoint = *endpoint;
    transport->opener = &seeker->opener;
    if (driver_of(transport)->kind->look_up != NULL) {
        ask_driver(seeker);
        return 0;
    }
    error = torc__host_lookup_start(&seeker->lookup, transport->scope.reactor, endpoint->host,
        endpoint->port, endpoint->only_ipv6);
    if (error == 0)
        return 0;
    transport->opener = NULL;
    torc__free(seeker);
    return error;
}

torc_datagram_protocol *torc_connect_datagrams(
    torc_scope *scope, const char *description, const torc_datagram_class *kind)
{
    torc_datagram_transport *transport;
    torc__endpoint endpoint;
    torc_failure *failure;
    int error = 0;

    torc__check_thread(torc_scope_reactor(scope), "torc_connect_datagrams");
    transport = torc__datagrams_new(scope, kind, NULL);
    if (torc__datagrams_are_over(transport))
        return torc__datagrams_protocol(transport);
    transport->flags |= TORC__DG_GROUPS;
    failure = torc__datagrams_to_connect(description, &endpoint);
    if (failure == NULL && endpoint.descriptor >= 0)
        error = adopt(transport, &endpoint);
    else if (failure == NULL && endpoint.host[0] != '\0')
        error = look_up(transport, &endpoint);
    else if (failure == NULL)
        error = connect_to(transport, &endpoint, &endpoint.address);
    if (error != 0)
        failure = torc__connect_failure(&endpoint, NULL, error);
    if (failure != NULL)
        fail(transport, failure);
    return torc__datagrams_protocol(transport);
}
