/*
 * Sending datagrams: the queue, its bound, and when it is emptied. None of it runs user code: what
 * is to be told is noted in flags, for datagram.c to tell from the loop's turn.
 */
#include "transport/datagram.h"

#include <errno.h>
#include <string.h>

/* So many calls are made to send what waits before the rest of the loop has its turn. */
enum { ROUNDS_MAX = 16 };

void torc__datagrams_note_refused(torc_datagram_transport *self, int error)
{
    self->counts.refused++;
    self->counts.last_error = error;
    self->flags |= TORC__DG_REFUSED;
}

/* False: no more goes now. */
static bool send_some(torc_datagram_transport *self)
{
    torc__datagram_queue *queue = &self->queue;
    size_t count = queue->count < TORC_DATAGRAMS_MAX ? queue->count : TORC_DATAGRAMS_MAX;
    ssize_t sent = self->io.kind->send_datagrams(
        &self->io, torc__datagram_queue_first(queue), count);

    if (sent > 0) {
        self->counts.sent += (uint64_t)sent;
        torc__datagram_queue_consume(queue, (size_t)sent);
    } else if (sent == 0) {
        self->flags |= TORC__DG_BLOCKED;
    } else if (sent == -ECONNREFUSED) {
        torc__datagrams_note_refused(self, ECONNREFUSED);
    } else {
        self->counts.failed++;
        self->counts.last_error = (int)-sent;
        torc__datagram_queue_consume(queue, 1);
    }
    return sent != 0;
}

void torc__datagrams_flush(torc_datagram_transport *self)
{
    if ((self->flags & (TORC__DG_OPEN | TORC__DG_STARTED)) != (TORC__DG_OPEN | TORC__DG_STARTED))
        return;
    for (int round = 0; self->queue.count > 0; round++) {
        if (self->flags & (TORC__DG_BLOCKED | TORC__DG_IO_CLOSED))
            return;
        if (round == ROUNDS_MAX) {
            torc__queue_task(self->scope.reactor, &self->task);
            return;
        }
        if (!send_some(self))
            return;
    }
}

/* Not full again at once, so that a pause is worth its while. */
void torc__datagrams_tell_fullness(torc_datagram_transport *self)
{
    torc__datagram_watcher *watcher = self->watcher;
    size_t bound;

    if (TORC_LIKELY(watcher == NULL))
        return;
    bound = watcher->is_full ? self->queue_max / 4 : self->queue_max / 2;
    if (watcher->is_full == (self->queue.cost > bound))
        return;
    watcher->is_full = !watcher->is_full;
    watcher->full(watcher, watcher->is_full);
}

static bool drop(torc_datagram_transport *self)
{
    self->counts.dropped++;
    self->flags |= TORC__DG_WANTS_ROOM;
    return false;
}

static bool send_to(torc_datagram_transport *self, torc_slice bytes, const torc_address *peer)
{
    size_t cost = bytes.length + TORC__DATAGRAM_COST;

    if (self->queue.count > 0 && self->queue.cost + cost > self->queue_max)
        return drop(self);
    if (!torc__datagram_queue_add(&self->queue, bytes, peer))
        return drop(self);
    if (self->queue.count >= TORC_DATAGRAMS_MAX && !(self->flags & TORC__DG_BLOCKED))
        torc__datagrams_flush(self);
    torc__datagrams_tell_fullness(self);
    torc__datagrams_settle_later(self);
    return true;
}

static bool may_send(const torc_datagram_transport *self, torc_slice bytes)
{
    return !torc__datagrams_are_ending(self) && bytes.length <= TORC_DATAGRAM_BYTES_MAX;
}

static bool is_same(const torc_address *one, const torc_address *other)
{
    if (one->kind != other->kind || one->port != other->port)
        return false;
    if (one->kind == TORC_ADDRESS_UNIX)
        return strcmp(one->path, other->path) == 0;
    return memcmp(one->ip, other->ip, sizeof one->ip) == 0;
}

/* A carrier that has no address of its own cannot tell which ones it might send to. */
static bool suits(const torc_datagram_transport *self, const torc_address *peer)
{
    if (self->flags & TORC__DG_CONNECTED)
        return is_same(peer, &self->peer);
    return self->local.kind == TORC_ADDRESS_NONE || peer->kind == self->local.kind;
}

bool torc_send_to(
    torc_datagram_transport *self, torc_slice bytes, const torc_address *peer)
{
    static const torc_address nobody;

    torc__check_thread(self->scope.reactor, "torc_send_to");
    if (!may_send(self, bytes) || !suits(self, peer))
        return false;
    return send_to(self, bytes, (self->flags & TORC__DG_CONNECTED) ? &nobody : peer);
}

bool torc_send(torc_datagram_transport *self, torc_slice bytes)
{
    static const torc_address nobody;

    torc__check_thread(self->scope.reactor, "torc_send");
    if (!may_send(self, bytes)
        || (!(self->flags & TORC__DG_CONNECTED) && self->local.kind != TORC_ADDRESS_NONE))
        return false;
    return send_to(self, bytes, &nobody);
}

void torc_set_datagram_queue(torc_datagram_transport *self, size_t bytes)
{
    torc__check_thread(self->scope.reactor, "torc_set_datagram_queue");
    self->queue_max = bytes;
}

torc_datagram_counts torc_datagram_count(const torc_datagram_transport *self)
{
    torc_datagram_counts counts = self->counts;

    counts.waiting = self->queue.count;
    return counts;
}
