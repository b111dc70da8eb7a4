/*
 * Raw peers: sockets of the network's outside that the test itself plays. What comes is taken in at
 * once, unless the peer has been told to stall; what is to be sent waits here until there is room.
 */
#include "testing/sim.h"

#include "endpoint/endpoint.h"

#include <errno.h>
#include <string.h>

typedef struct byte_store {
    char *bytes;
    size_t length;
    size_t capacity;
} byte_store;

struct torc_sim_peer {
    torc_sim_peer *next;
    torc_sim *sim;
    torc__sim_socket *socket; /* NULL once closed */
    byte_store received;
    byte_store unsent;
    bool stalled;
    bool closes;              /* its half, once all has been sent */
    bool other_closed;
    bool connected;
    int error;
};

static char *store_room(byte_store *store, size_t length)
{
    size_t needed = store->length + length;

    if (needed > store->capacity) {
        store->capacity = needed * 2;
        store->bytes = torc__testing_reallocate(store->bytes, store->capacity);
    }
    return store->bytes + store->length;
}

static void flush(torc_sim_peer *peer)
{
    torc__sim_socket *socket = peer->socket;
    size_t sent = 0;

    if (socket == NULL || socket->connecting)
        return;
    while (sent < peer->unsent.length) {
        struct iovec piece = {
            .iov_base = peer->unsent.bytes + sent,
            .iov_len = peer->unsent.length - sent,
        };
        ssize_t count = torc__sim_send(socket, &piece, 1);

        if (count <= 0)
            break;
        sent += (size_t)count;
    }
    if (sent > 0)
        memmove(peer->unsent.bytes, peer->unsent.bytes + sent, peer->unsent.length - sent);
    peer->unsent.length -= sent;
    if (peer->closes && peer->unsent.length == 0)
        (void)torc__sim_finish(socket);
}

static void take_in(torc_sim_peer *peer)
{
    torc__sim_socket *socket = peer->socket;
    size_t length = socket->inbox.size;

    if (peer->stalled || length == 0)
        return;
    length = torc__sim_read(socket, store_room(&peer->received, length), length);
    torc__sim_note(peer->sim, peer->sim->outside, "received",
        torc_slice_make(peer->received.bytes + peer->received.length, length));
    peer->received.length += length;
}

void torc__sim_peer_told(torc_sim_peer *peer)
{
    torc__sim_socket *socket = peer->socket;

    if (socket->connect_over) {
        socket->connect_over = false;
        peer->connected = socket->error == 0;
    }
    if (socket->can_go_on) {
        socket->can_go_on = false;
        socket->blocked = false;
        socket->late_count = 0;
    }
    take_in(peer);
    peer->error = socket->error;
    peer->other_closed = socket->ended && socket->inbox.size == 0;
    flush(peer);
}

/* -- dialling ------------------------------------------------------------------------------ */

/* A description that names no host is one as for listening: at the server. */
static bool find_at_server(torc_sim *sim, const char *description, torc_address *ret_address)
{
    torc__endpoint endpoint;
    torc_failure *failure = torc__endpoint_to_listen(description, &endpoint);
    uint16_t port = endpoint.address.port;

    torc_failure_release(failure);
    if (failure != NULL || endpoint.address.kind == TORC_ADDRESS_NONE)
        return false;
    *ret_address = torc_sim_server(sim)->address;
    ret_address->port = port;
    return true;
}

static bool find_by_name(const torc_sim *sim, const torc__endpoint *endpoint,
    torc_address *ret_address)
{
    const torc_sim_host *host = torc__sim_named(sim, endpoint->host);

    if (host == NULL)
        return false;
    *ret_address = host->address;
    ret_address->port = endpoint->port;
    return true;
}

/* Where it is; false: nowhere. */
static bool find(torc_sim *sim, const char *description, torc_address *ret_address)
{
    torc__endpoint endpoint;
    torc_failure *failure = torc__endpoint_to_connect(description, &endpoint);

    if (failure != NULL) {
        torc_failure_release(failure);
        return find_at_server(sim, description, ret_address);
    }
    if (endpoint.host[0] != '\0')
        return find_by_name(sim, &endpoint, ret_address);
    *ret_address = endpoint.address;
    return endpoint.address.kind != TORC_ADDRESS_NONE;
}

/* UNIX sockets are reached from their own host only. */
static torc_sim_host *caller_of(torc_sim *sim, const torc_address *address)
{
    return address->kind == TORC_ADDRESS_UNIX ? torc_sim_server(sim) : sim->outside;
}

torc_sim_peer *torc_sim_dial(torc_sim *sim, const char *endpoint)
{
    torc_sim_peer *peer = torc__testing_allocate(sizeof *peer);
    torc_address address;
    int error = -EINVAL;

    peer->sim = sim;
    peer->next = sim->peers;
    sim->peers = peer;
    if (find(sim, endpoint, &address))
        peer->socket = torc__sim_connect(caller_of(sim, &address), &address, NULL, &error);
    else
        torc_testing_failed("torc_sim_dial: '%s' is nowhere in this network", endpoint);
    peer->error = peer->socket != NULL ? peer->socket->error : -error;
    if (peer->socket != NULL)
        peer->socket->peer = peer;
    return peer;
}

/* -- what the test does with it ------------------------------------------------------------ */

void torc_sim_send_bytes(torc_sim_peer *peer, torc_slice bytes)
{
    if (bytes.length == 0 || peer->closes || peer->socket == NULL)
        return;
    memcpy(store_room(&peer->unsent, bytes.length), bytes.data, bytes.length);
    peer->unsent.length += bytes.length;
    flush(peer);
}

void torc_sim_send(torc_sim_peer *peer, const char *text)
{
    torc_sim_send_bytes(peer, torc_slice_of(text));
}

void torc_sim_close_write(torc_sim_peer *peer)
{
    peer->closes = true;
    flush(peer);
}

static void close_both(torc_sim_peer *peer, bool reset)
{
    torc__sim_socket *socket = peer->socket;

    if (socket == NULL)
        return;
    flush(peer);
    peer->socket = NULL;
    peer->closes = true;
    torc__sim_close(socket, reset);
}

void torc_sim_close(torc_sim_peer *peer)
{
    close_both(peer, false);
}

void torc_sim_reset(torc_sim_peer *peer)
{
    close_both(peer, true);
}

void torc_sim_stall(torc_sim_peer *peer)
{
    peer->stalled = true;
}

void torc_sim_unstall(torc_sim_peer *peer)
{
    peer->stalled = false;
    if (peer->socket != NULL)
        torc__sim_peer_told(peer);
}

torc_slice torc_sim_received(const torc_sim_peer *peer)
{
    return torc_slice_make(peer->received.bytes, peer->received.length);
}

bool torc_sim_is_open(const torc_sim_peer *peer)
{
    return peer->socket != NULL && peer->connected && !peer->other_closed && !peer->closes
        && peer->error == 0;
}

torc_sim_end torc_sim_state(const torc_sim_peer *peer)
{
    if (peer->error == ETIMEDOUT || peer->error == EHOSTUNREACH)
        return TORC_SIM_TIMED_OUT;
    if (peer->error != 0)
        return peer->connected ? TORC_SIM_RESET : TORC_SIM_REFUSED;
    if (peer->socket == NULL)
        return TORC_SIM_CLOSED;
    if (!peer->connected)
        return TORC_SIM_CONNECTING;
    return peer->other_closed ? TORC_SIM_ENDED : TORC_SIM_OPEN;
}

void torc__sim_free_peers(torc_sim *sim)
{
    while (sim->peers != NULL) {
        torc_sim_peer *peer = sim->peers;

        sim->peers = peer->next;
        torc__testing_release(peer->received.bytes);
        torc__testing_release(peer->unsent.bytes);
        torc__testing_release(peer);
    }
}
