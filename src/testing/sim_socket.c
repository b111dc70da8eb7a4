/*
 * Connections: what is asked of a socket, what arrives at it, and what its io is told of that.
 *
 *     connecting --SYN_ACK--> open --finish--> half closed --close--> closed
 *         '--------- broken (error != 0) ---------'
 *
 * The end that is connected to is closed until the SYN has come. A connection is freed when both
 * ends are closed and nothing of theirs is on its way.
 */
#include "testing/sim.h"

#include <errno.h>
#include <string.h>

/* How long a write that was cut short stays without room. */
#define SHORT_PAUSE (10 * TORC_MILLISECOND)

static const torc_slice nothing = { NULL, 0 };

/* -- being told ---------------------------------------------------------------------------- */

void torc__sim_wake(torc__sim_socket *socket)
{
    if (socket->peer != NULL)
        torc__sim_peer_told(socket->peer);
    else if (socket->io != NULL)
        torc__sim_make_ready(socket->host, &socket->ready);
}

size_t torc__sim_room(const torc__sim_socket *socket)
{
    size_t used = socket->outgoing.size + socket->other->inbox.size;

    return used < TORC__SIM_WINDOW ? TORC__SIM_WINDOW - used : 0;
}

static void go_on(torc_sim *sim, void *argument)
{
    torc__sim_socket *socket = argument;

    (void)sim;
    socket->connection->events--;
    socket->unblocks = false;
    socket->can_go_on = true;
    torc__sim_wake(socket);
    torc__sim_tidy(socket->connection);
}

static void go_on_later(torc__sim_socket *socket, torc_time delay)
{
    torc_sim *sim = socket->host->sim;

    if (socket->unblocks)
        return;
    socket->unblocks = true;
    socket->connection->events++;
    torc__sim_add_event(sim, sim->now + delay, go_on, socket);
}

size_t torc__sim_read(torc__sim_socket *socket, char *bytes, size_t size)
{
    torc__sim_queue *inbox = &socket->inbox;
    size_t length = 0;

    while (length < size && inbox->first != NULL) {
        torc__sim_segment *segment = inbox->first;
        size_t left = segment->length - segment->start;
        size_t part = left < size - length ? left : size - length;

        memcpy(bytes + length, segment->bytes + segment->start, part);
        length += part;
        segment->start += part;
        inbox->size -= part;
        if (part < left)
            break;
        segment->length = 0;
        torc__testing_release(torc__sim_queue_take(inbox));
    }
    if (socket->other->blocked && length > 0)
        go_on_later(socket->other, socket->route->link.delay);
    return length;
}

static void tell_connected(torc__sim_socket *socket)
{
    torc_io *io = socket->io;

    socket->connect_over = false;
    torc__sim_note(socket->host->sim, socket->host, "connected", nothing);
    io->events->connected(io, socket->error);
}

/* Into memory of its own, so that a sanitizer sees who reads beyond it, or later. */
static void tell_bytes(torc__sim_socket *socket)
{
    torc_sim *sim = socket->host->sim;
    torc_io *io = socket->io;
    size_t length = socket->inbox.size;
    char *bytes;

    if (length > 1 && torc__sim_occurs(socket->host, TORC_SIM_SPLIT_READS))
        length = 1 + (size_t)torc__sim_choose(sim, length - 1);
    bytes = torc__testing_allocate(length);
    length = torc__sim_read(socket, bytes, length);
    torc__sim_make_ready(socket->host, &socket->ready);
    torc__sim_note(sim, socket->host, "received", torc_slice_make(bytes, length));
    io->events->received(io, torc_slice_make(bytes, length), 0);
    torc__testing_release(bytes);
}

static void tell_end(torc__sim_socket *socket)
{
    torc_io *io = socket->io;

    socket->end_told = true;
    socket->receives = false;
    torc__sim_note(socket->host->sim, socket->host, "ended", nothing);
    io->events->received(io, nothing, socket->error);
}

static void tell_received(torc__sim_socket *socket)
{
    if (socket->io == NULL || !socket->receives)
        return;
    if (socket->inbox.size > 0)
        tell_bytes(socket);
    else if ((socket->ended || socket->error != 0) && !socket->end_told)
        tell_end(socket);
}

/* As many bytes of the pieces as there is room for go on their way. */
static size_t carry_pieces(torc__sim_socket *socket, const struct iovec *pieces, int count,
    size_t room)
{
    size_t length = 0;
    char *bytes;

    bytes = torc__testing_allocate(room);
    for (int i = 0; i < count && length < room; i++) {
        size_t part = pieces[i].iov_len < room - length ? pieces[i].iov_len : room - length;

        memcpy(bytes + length, pieces[i].iov_base, part);
        length += part;
    }
    if (length > 0) {
        torc__sim_note(socket->host->sim, socket->host, "sent", torc_slice_make(bytes, length));
        torc__sim_carry(socket, TORC__SIM_DATA, torc_slice_make(bytes, length));
    }
    torc__testing_release(bytes);
    return length;
}

static void tell_sent(torc__sim_socket *socket)
{
    torc_io *io = socket->io;
    size_t sent = 0;

    if (io == NULL || !socket->blocked || (!socket->can_go_on && socket->error == 0))
        return;
    if (socket->late_count > 0 && socket->error == 0)
        sent = carry_pieces(socket, socket->late, socket->late_count, torc__sim_room(socket));
    socket->late_count = 0;
    socket->blocked = false;
    socket->can_go_on = false;
    io->events->sent(io, sent, sent > 0 ? 0 : socket->error);
}

void torc__sim_tell(torc__sim_ready *ready)
{
    torc__sim_socket *socket = (torc__sim_socket *)(void *)ready;
    torc__sim_connection *connection = socket->connection;

    connection->events++;
    if (socket->close_is_late) {
        torc_io *io = socket->io;

        socket->close_is_late = false;
        socket->io = NULL;
        io->carrier = NULL;
        io->events->closed(io);
    } else if (socket->connect_over) {
        tell_connected(socket);
    } else if (!socket->connecting) {
        tell_received(socket);
        tell_sent(socket);
    }
    connection->events--;
    torc__sim_tidy(connection);
}

/* -- sending and closing ------------------------------------------------------------------- */

/* A write that takes a while: nothing has gone yet, and what is to go stays with its owner. */
static ssize_t send_late(torc__sim_socket *socket, const struct iovec *pieces, int count)
{
    torc_sim *sim = socket->host->sim;

    socket->late_count = count < TORC__SIM_PIECES_MAX ? count : TORC__SIM_PIECES_MAX;
    memcpy(socket->late, pieces, (size_t)socket->late_count * sizeof *pieces);
    socket->blocked = true;
    go_on_later(socket, (torc_time)torc__sim_choose(sim, SHORT_PAUSE));
    return 0;
}

static ssize_t send_short(torc__sim_socket *socket, const struct iovec *pieces, int count,
    size_t room)
{
    torc_sim *sim = socket->host->sim;

    if (torc__sim_choose(sim, 2) == 0)
        return send_late(socket, pieces, count);
    socket->blocked = true;
    go_on_later(socket, (torc_time)torc__sim_choose(sim, SHORT_PAUSE));
    return (ssize_t)carry_pieces(socket, pieces, count, (size_t)torc__sim_choose(sim, room));
}

ssize_t torc__sim_send(torc__sim_socket *socket, const struct iovec *pieces, int count)
{
    size_t room = torc__sim_room(socket);
    size_t asked = 0;

    if (socket->error != 0)
        return -socket->error;
    if (socket->finished)
        return -EPIPE;
    if (socket->blocked)
        return 0;
    for (int i = 0; i < count; i++)
        asked += pieces[i].iov_len;
    if (room > asked)
        room = asked;
    if (room > 0 && torc__sim_occurs(socket->host, TORC_SIM_SHORT_WRITES))
        return send_short(socket, pieces, count, room);
    if (room < asked)
        socket->blocked = true;
    return room > 0 ? (ssize_t)carry_pieces(socket, pieces, count, room) : 0;
}

int torc__sim_finish(torc__sim_socket *socket)
{
    if (socket->error != 0 || socket->connecting)
        return -ENOTCONN;
    if (socket->finished)
        return 0;
    socket->finished = true;
    torc__sim_note(socket->host->sim, socket->host, "finished", nothing);
    torc__sim_carry(socket, TORC__SIM_FIN, nothing);
    return 0;
}

static void reset(torc__sim_socket *socket)
{
    torc__sim_carry(socket, TORC__SIM_RST, nothing);
}

void torc__sim_close(torc__sim_socket *socket, bool resets)
{
    torc__list_remove(&socket->link);
    if (!socket->close_is_late) {
        torc__list_remove(&socket->ready.link);
        socket->io = NULL;
    }
    socket->peer = NULL;
    socket->closed = true;
    socket->late_count = 0;
    torc__sim_note(socket->host->sim, socket->host, resets ? "reset" : "closed", nothing);
    if (resets)
        torc__sim_queue_clear(&socket->outgoing);
    /* Nobody will read what has come: its sender must not believe so. */
    if (socket->error == 0 && !socket->connecting) {
        if (resets || socket->inbox.size > 0)
            reset(socket);
        else if (!socket->finished)
            torc__sim_carry(socket, TORC__SIM_FIN, nothing);
    }
    torc__sim_queue_clear(&socket->inbox);
    torc__sim_tidy(socket->connection);
}

void torc__sim_close_late(torc__sim_socket *socket, bool resets)
{
    torc__list_remove(&socket->ready.link);
    socket->close_is_late = true;
    go_on_later(socket, (torc_time)torc__sim_choose(socket->host->sim, SHORT_PAUSE));
    torc__sim_close(socket, resets);
}

/* -- arriving ------------------------------------------------------------------------------ */

/* All that is on its way but resets, which are perhaps not the socket's own. */
static void forget_outgoing(torc__sim_socket *socket)
{
    torc__sim_queue resets;

    torc__sim_queue_init(&resets);
    while (socket->outgoing.first != NULL) {
        torc__sim_segment *segment = torc__sim_queue_take(&socket->outgoing);

        if (segment->kind == TORC__SIM_RST)
            torc__sim_queue_append(&resets, segment);
        else
            torc__testing_release(segment);
    }
    while (resets.first != NULL)
        torc__sim_queue_append(&socket->outgoing, torc__sim_queue_take(&resets));
}

void torc__sim_break(torc__sim_socket *socket, int error)
{
    forget_outgoing(socket);
    if (socket->closed || socket->error != 0)
        return;
    if (socket->connecting && error == ECONNRESET)
        error = ECONNREFUSED;
    socket->error = error;
    socket->connect_over = socket->connecting;
    socket->connecting = false;
    torc__sim_wake(socket);
}

void torc__sim_forget(torc__sim_socket *socket)
{
    torc__sim_queue_clear(&socket->inbox);
    torc__sim_queue_clear(&socket->outgoing);
    socket->forgotten = true;
    socket->connecting = false;
    socket->error = ECONNRESET;
}

bool torc__sim_admits(torc__sim_socket *socket, const torc__sim_segment *segment)
{
    const torc__sim_listener *listener;

    if (segment->kind != TORC__SIM_SYN)
        return true;
    listener = torc__sim_listener_at(socket->host, &socket->address);
    return listener == NULL || listener->waiting < (size_t)listener->options.backlog;
}

static void connection_asked_for(torc__sim_socket *socket)
{
    torc_sim_host *host = socket->host;
    torc__sim_listener *listener = torc__sim_listener_at(host, &socket->address);

    if (listener == NULL || torc__sim_occurs(host, TORC_SIM_REFUSALS)) {
        reset(socket);
        return;
    }
    socket->closed = false;
    torc__list_append(&listener->backlog, &socket->link);
    listener->waiting++;
    torc__sim_make_ready(host, &listener->ready);
    torc__sim_carry(socket, TORC__SIM_SYN_ACK, nothing);
}

static void connection_granted(torc__sim_socket *socket)
{
    if (socket->closed) {
        reset(socket);
        return;
    }
    if (!socket->connecting)
        return;
    socket->connecting = false;
    socket->connect_over = true;
    torc__sim_wake(socket);
}

void torc__sim_arrived(torc__sim_socket *socket, torc__sim_segment *segment)
{
    torc__sim_kind kind = segment->kind;

    if (socket->forgotten) {
        torc__testing_release(segment);
        if (kind != TORC__SIM_RST)
            reset(socket);
        return;
    }
    if (socket->connection->severed && kind != TORC__SIM_RST) {
        torc__testing_release(segment);
        torc__sim_break(socket, ECONNRESET);
        reset(socket);
        return;
    }
    if (kind == TORC__SIM_DATA && !socket->closed && socket->error == 0) {
        torc__sim_queue_append(&socket->inbox, segment);
        torc__sim_wake(socket);
        return;
    }
    torc__testing_release(segment);
    if (kind == TORC__SIM_SYN)
        connection_asked_for(socket);
    else if (kind == TORC__SIM_SYN_ACK)
        connection_granted(socket);
    else if (kind == TORC__SIM_DATA && socket->closed)
        reset(socket);
    else if (kind == TORC__SIM_RST)
        torc__sim_break(socket, ECONNRESET);
    else if (kind == TORC__SIM_FIN && !socket->closed) {
        socket->ended = true;
        torc__sim_wake(socket);
    }
}

/* -- making and freeing -------------------------------------------------------------------- */

static void init_socket(torc__sim_connection *connection, size_t index, torc_sim_host *host)
{
    torc__sim_socket *socket = &connection->ends[index];

    socket->ready.tell = torc__sim_tell;
    socket->connection = connection;
    socket->other = &connection->ends[1 - index];
    socket->host = host;
    socket->scheduled = TORC_NEVER;
    torc__sim_queue_init(&socket->inbox);
    torc__sim_queue_init(&socket->outgoing);
}

static torc__sim_connection *make_connection(torc_sim_host *from, torc_sim_host *to)
{
    torc__sim_connection *connection = torc__testing_allocate(sizeof *connection);

    connection->sim = from->sim;
    init_socket(connection, 0, from);
    init_socket(connection, 1, to);
    connection->ends[0].route = torc__sim_route_to(from, to);
    connection->ends[1].route = torc__sim_route_to(to, from);
    connection->ends[1].closed = true;
    torc__list_append(&from->sim->connections, &connection->link);
    return connection;
}

/* The host's end of a connection to `peer`. */
static void choose_address(torc_sim_host *host, const torc_address *peer,
    const torc_address *local, torc_address *ret_address)
{
    memset(ret_address, 0, sizeof *ret_address);
    if (peer->kind == TORC_ADDRESS_UNIX)
        return;
    if (local != NULL)
        *ret_address = *local;
    else if (torc__sim_is_loopback(peer))
        *ret_address = *peer;
    else
        *ret_address = host->address;
    if (local == NULL || local->port == 0)
        ret_address->port = torc__sim_choose_port(host);
}

torc__sim_socket *torc__sim_connect(torc_sim_host *host, const torc_address *peer,
    const torc_address *local, int *ret_error)
{
    bool silent = torc__sim_is_silent(peer);
    torc_sim_host *to = silent ? host->sim->outside : torc__sim_find_host(host, peer);
    torc__sim_connection *connection;
    torc__sim_socket *socket;

    if (peer->kind == TORC_ADDRESS_UNIX && torc__sim_listener_at(host, peer) == NULL) {
        *ret_error = -ENOENT;
        return NULL;
    }
    connection = make_connection(host, to != NULL ? to : host);
    connection->dead = silent;
    socket = &connection->ends[0];
    socket->connecting = true;
    socket->other->address = *peer;
    choose_address(host, peer, local, &socket->address);
    if (to != NULL) {
        torc__sim_carry(socket, TORC__SIM_SYN, nothing);
    } else {
        socket->error = EHOSTUNREACH;
        socket->connecting = false;
        socket->connect_over = true;
        torc__sim_make_ready(host, &socket->ready);
    }
    return socket;
}

void torc__sim_free_connection(torc__sim_connection *connection)
{
    for (size_t i = 0; i < 2; i++) {
        torc__list_remove(&connection->ends[i].ready.link);
        torc__list_remove(&connection->ends[i].link);
        torc__sim_queue_clear(&connection->ends[i].inbox);
        torc__sim_queue_clear(&connection->ends[i].outgoing);
    }
    torc__list_remove(&connection->link);
    torc__testing_release(connection);
}

void torc__sim_tidy(torc__sim_connection *connection)
{
    for (size_t i = 0; i < 2; i++) {
        const torc__sim_socket *socket = &connection->ends[i];

        if (!socket->closed || socket->close_is_late || socket->outgoing.first != NULL)
            return;
    }
    if (connection->events == 0)
        torc__sim_free_connection(connection);
}
