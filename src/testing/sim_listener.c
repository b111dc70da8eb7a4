/*
 * Who listens at which address of a host, and the connections that wait to be accepted.
 */
#include "testing/sim.h"

#include <errno.h>
#include <string.h>

/* As a kernel's: accepted at a time, so that one listener does not hold up the others. */
enum { ACCEPTS_MAX = 64 };

#define SHORTAGE_MAX TORC_SECOND

static bool is_any(const torc_address *address)
{
    static const uint8_t zeros[16];

    return memcmp(address->ip, zeros, address->kind == TORC_ADDRESS_IPV4 ? 4 : 16) == 0;
}

bool torc__sim_is_loopback(const torc_address *address)
{
    static const uint8_t one[16] = { [15] = 1 };

    if (address->kind == TORC_ADDRESS_IPV4)
        return address->ip[0] == 127;
    return address->kind == TORC_ADDRESS_IPV6 && memcmp(address->ip, one, 16) == 0;
}

static bool is_same_host(const torc_address *a, const torc_address *b)
{
    return a->kind == b->kind
        && memcmp(a->ip, b->ip, a->kind == TORC_ADDRESS_IPV4 ? 4 : 16) == 0;
}

static bool listens_at(const torc__sim_listener *listener, const torc_address *address)
{
    const torc_address *own = &listener->address;

    if (own->kind == TORC_ADDRESS_UNIX)
        return address->kind == own->kind && strcmp(own->path, address->path) == 0;
    if (address->kind == TORC_ADDRESS_UNIX || own->port != address->port)
        return false;
    if (is_any(own))
        return own->kind == address->kind || listener->options.both_families;
    return is_same_host(own, address);
}

/* Where several share an address, chance decides. */
torc__sim_listener *torc__sim_listener_at(torc_sim_host *host, const torc_address *address)
{
    torc__sim_listener *found = NULL;
    size_t count = 0;

    for (torc__list *link = host->listeners.next; link != &host->listeners; link = link->next) {
        torc__sim_listener *listener = TORC_CONTAINER_OF(link, torc__sim_listener, link);

        if (!listens_at(listener, address))
            continue;
        count++;
        if (count == 1 || torc__random_below(&host->sim->random, count) == 0)
            found = listener;
    }
    return found;
}

uint16_t torc__sim_choose_port(torc_sim_host *host)
{
    torc_address address = { .kind = TORC_ADDRESS_IPV4 };
    torc_address address6 = { .kind = TORC_ADDRESS_IPV6 };

    do {
        if (host->next_port < 32768)
            host->next_port = 32768;
        address.port = host->next_port++;
        address6.port = address.port;
    } while (torc__sim_listener_at(host, &address) != NULL
        || torc__sim_listener_at(host, &address6) != NULL);
    return address.port;
}

/* -- accepting ----------------------------------------------------------------------------- */

static torc__sim_socket *take_first(torc__sim_listener *listener)
{
    torc__list *link = torc__list_take_first(&listener->backlog);

    listener->waiting--;
    return TORC_CONTAINER_OF(link, torc__sim_socket, link);
}

/* As a kernel would count: who waits to be accepted has none yet. */
static size_t count_descriptors(const torc_sim_host *host)
{
    const torc__list *connections = &host->sim->connections;
    size_t count = 0;

    for (const torc__list *link = connections->next; link != connections; link = link->next) {
        const torc__sim_connection *connection =
            TORC_CONTAINER_OF(link, torc__sim_connection, link);

        for (size_t i = 0; i < 2; i++) {
            const torc__sim_socket *socket = &connection->ends[i];

            count += socket->host == host && !socket->closed
                && (socket->io != NULL || socket->number != 0);
        }
    }
    for (const torc__list *link = host->listeners.next; link != &host->listeners;
         link = link->next)
        count++;
    return count;
}

static bool is_at_limit(const torc_sim_host *host)
{
    return host->limits.descriptors != 0 && count_descriptors(host) >= host->limits.descriptors;
}

/* Whether a shortage of descriptors is on, or begins. */
bool torc__sim_lacks_descriptors(torc_sim_host *host)
{
    torc_sim *sim = host->sim;

    if (is_at_limit(host))
        return true;
    if (sim->now >= host->short_until && torc__sim_occurs(host, TORC_SIM_DESCRIPTORS))
        host->short_until = sim->now + 1 + (torc_time)torc__sim_choose(sim, SHORTAGE_MAX);
    return sim->now < host->short_until;
}

static void tell_accepted(torc__sim_listener *listener, torc__sim_socket *socket)
{
    torc_sim_host *host = listener->host;
    torc_io *io = listener->io;

    socket->number = host->next_number++;
    torc__list_append(&host->accepted, &socket->link);
    torc__sim_note(host->sim, host, "accepted", torc_slice_make(NULL, 0));
    io->events->accepted(io, socket->number, &socket->other->address, 0);
}

/* One that was reset while it waited: some systems show it as an error of accept. */
static bool is_gone(torc__sim_socket *socket)
{
    return socket->error != 0 && torc__random_below(&socket->host->sim->random, 2) == 0;
}

static void tell_listener(torc__sim_ready *ready)
{
    torc__sim_listener *listener = (torc__sim_listener *)(void *)ready;
    torc_io *io = listener->io;

    for (int i = 0; i < ACCEPTS_MAX && listener->waiting > 0; i++) {
        torc__sim_socket *socket;

        /* Closed by what was told last. */
        if (listener->io == NULL || !listener->accepts)
            return;
        if (torc__sim_lacks_descriptors(listener->host)) {
            io->events->accepted(io, -1, NULL, EMFILE);
            return;
        }
        socket = take_first(listener);
        if (is_gone(socket)) {
            torc__sim_close(socket, false);
            io->events->accepted(io, -1, NULL, ECONNABORTED);
        } else {
            tell_accepted(listener, socket);
        }
    }
    if (listener->io != NULL && listener->waiting > 0)
        torc__sim_make_ready(listener->host, &listener->ready);
}

/* -- beginning and ending ------------------------------------------------------------------ */

static bool is_own(const torc_sim_host *host, const torc_address *address)
{
    return is_any(address) || is_same_host(address, &host->address)
        || torc__sim_is_loopback(address);
}

static bool is_taken(const torc_sim_host *host, const torc_address *address, bool shared)
{
    for (torc__list *link = host->listeners.next; link != &host->listeners; link = link->next) {
        const torc__sim_listener *listener = TORC_CONTAINER_OF(link, torc__sim_listener, link);
        const torc_address *other = &listener->address;

        if (shared && listener->options.reuse_port)
            continue;
        if (address->kind == TORC_ADDRESS_UNIX) {
            if (listens_at(listener, address))
                return true;
        } else if (other->kind == address->kind && other->port == address->port
            && (is_any(other) || is_any(address) || is_same_host(other, address))) {
            return true;
        }
    }
    return false;
}

int torc__sim_listen(torc_sim_host *host, torc_io *io, const torc_address *address,
    const torc_socket_options *options, torc__sim_listener **ret_listener)
{
    torc__sim_listener *listener;

    if (address->kind != TORC_ADDRESS_UNIX && !is_own(host, address))
        return -EADDRNOTAVAIL;
    if ((address->kind == TORC_ADDRESS_UNIX || address->port != 0)
        && is_taken(host, address, options->reuse_port))
        return -EADDRINUSE;
    if (is_at_limit(host))
        return -EMFILE;
    listener = torc__testing_allocate(sizeof *listener);
    listener->ready.tell = tell_listener;
    listener->host = host;
    listener->io = io;
    listener->address = *address;
    if (address->kind != TORC_ADDRESS_UNIX && address->port == 0)
        listener->address.port = torc__sim_choose_port(host);
    listener->options = *options;
    torc__list_init(&listener->backlog);
    torc__list_append(&host->listeners, &listener->link);
    *ret_listener = listener;
    return 0;
}

void torc__sim_stop_listening(torc__sim_listener *listener)
{
    listener->io = NULL;
    torc__list_remove(&listener->link);
    torc__list_append(&listener->host->old_listeners, &listener->link);
    torc__list_remove(&listener->ready.link);
    while (listener->waiting > 0)
        torc__sim_close(take_first(listener), true);
}
