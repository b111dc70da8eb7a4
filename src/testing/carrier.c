/*
 * The carrier: a torc_io class whose other end is the test's hand. See carrier.h.
 */
#include "testing/carrier.h"

#include "testing/fixture.h"
#include "transport/transport.h"

#include <errno.h>
#include <string.h>

static torc__carrier *of(const torc_io *io)
{
    return io->carrier;
}

static void queue(torc__carrier *self)
{
    if (self->io != NULL)
        torc__queue_task(self->reactor, &self->task);
}

/* -- bytes --------------------------------------------------------------------------------- */

/* Gives how many bytes at the front went. */
static size_t compact(torc__bytes *bytes)
{
    size_t gone = bytes->start;

    if (gone == 0 || gone < bytes->length - gone)
        return 0;
    bytes->length -= gone;
    memmove(bytes->data, bytes->data + gone, bytes->length);
    bytes->start = 0;
    return gone;
}

static void append(torc__bytes *bytes, torc_slice more)
{
    if (more.length == 0)
        return;
    if (bytes->length + more.length > bytes->capacity) {
        bytes->capacity = 2 * (bytes->length + more.length);
        bytes->data = torc__testing_reallocate(bytes->data, bytes->capacity);
    }
    memcpy(bytes->data + bytes->length, more.data, more.length);
    bytes->length += more.length;
}

/* -- what is told -------------------------------------------------------------------------- */

static size_t room(const torc__carrier *self)
{
    size_t on_its_way = self->outbox.length - self->arrived;

    if (self->flooded || (self->stalled && self->send_buffer == 0))
        return 0;
    if (self->send_buffer == 0)
        return SIZE_MAX;
    return on_its_way < self->send_buffer ? self->send_buffer - on_its_way : 0;
}

static void let_arrive(torc__carrier *self)
{
    if (self->stalled || self->arrived == self->outbox.length)
        return;
    self->arrived = self->outbox.length;
    torc__fixture_progressed(self->reactor);
}

static void tell_sent(torc__carrier *self)
{
    if (!self->blocked || (self->error == 0 && room(self) == 0))
        return;
    self->blocked = false;
    self->io->events->sent(self->io, 0, self->error);
}

static void tell_bytes(torc__carrier *self)
{
    size_t length = self->inbox.length - self->inbox.start;
    char *piece;

    if (self->cut_every > 0 && length > self->cut_every)
        length = self->cut_every;
    piece = torc__testing_allocate(length);
    memcpy(piece, self->inbox.data + self->inbox.start, length);
    self->inbox.start += length;
    torc__fixture_progressed(self->reactor);
    self->io->events->received(self->io, torc_slice_make(piece, length), 0);
    torc__testing_release(piece);
}

static void tell(torc__task *task)
{
    torc__carrier *self = TORC_CONTAINER_OF(task, torc__carrier, task);

    self->broken = self->wrote_to_nobody;
    let_arrive(self);
    tell_sent(self);
    if (self->io == NULL || !self->receives)
        return;
    if (self->inbox.length > self->inbox.start) {
        tell_bytes(self);
        queue(self);
    } else if (self->input_ends && !self->end_told) {
        self->end_told = true;
        self->receives = false;
        self->io->events->received(self->io, torc_slice_make(NULL, 0), self->error);
    }
}

/* -- what the transport asks --------------------------------------------------------------- */

/* What is written in the first turn after the peer has closed is lost; later writes fail. */
static ssize_t send_to_nobody(torc__carrier *self, const struct iovec *pieces, int count)
{
    size_t lost = 0;

    if (self->broken)
        return -EPIPE;
    for (int i = 0; i < count; i++)
        lost += pieces[i].iov_len;
    self->wrote_to_nobody = true;
    queue(self);
    return (ssize_t)lost;
}

static ssize_t carrier_send(torc_io *io, const struct iovec *pieces, int count, bool more)
{
    torc__carrier *self = of(io);
    size_t sent = 0;

    (void)more;
    if (self->error != 0)
        return -self->error;
    if (self->peer_gone)
        return send_to_nobody(self, pieces, count);
    self->arrived -= compact(&self->outbox);
    for (int i = 0; i < count && room(self) > 0; i++) {
        torc_slice part = torc_slice_first(
            torc_slice_make(pieces[i].iov_base, pieces[i].iov_len), room(self));

        append(&self->outbox, part);
        sent += part.length;
        self->flooded = self->outbox.length - self->outbox.start > TORC__RECEIVED_MAX;
        if (self->send_buffer == 0)
            let_arrive(self);
    }
    self->blocked = sent == 0;
    queue(self);
    return (ssize_t)sent;
}

static ssize_t carrier_send_file(torc_io *io, int file, int64_t offset, size_t length)
{
    (void)io;
    (void)file;
    (void)offset;
    (void)length;
    return -ENOSYS;
}

static void carrier_receive(torc_io *io, bool on)
{
    torc__carrier *self = of(io);

    self->receives = on;
    if (self->receives)
        queue(self);
}

static int carrier_finish(torc_io *io)
{
    of(io)->finished = true;
    return 0;
}

static bool carrier_close(torc_io *io, bool reset)
{
    torc__carrier *self = of(io);
    const torc_failure *reason = ((torc_transport *)(void *)io)->reason;

    if (reason != NULL)
        self->reason = torc_failure_hold(reason);
    self->io = NULL;
    self->closed = true;
    self->receives = false;
    self->was_reset = self->was_reset || reset;
    torc__cancel_task(&self->task);
    if (reset)
        self->outbox.length = self->arrived;
    let_arrive(self);
    return true;
}

static void carrier_local_address(torc_io *io, torc_address *ret_address)
{
    *ret_address = of(io)->local;
}

static void carrier_peer_address(torc_io *io, torc_address *ret_address)
{
    *ret_address = of(io)->peer;
}

static const torc_io_class carrier_class = {
    .name = "test",
    .send = carrier_send,
    .send_file = carrier_send_file,
    .receive = carrier_receive,
    .finish = carrier_finish,
    .close = carrier_close,
    .local_address = carrier_local_address,
    .peer_address = carrier_peer_address,
};

void torc__carrier_open(torc__carrier *self, torc_io *io)
{
    self->task.run = tell;
    self->io = io;
    io->kind = &carrier_class;
    io->carrier = self;
}

/* -- what the peer does -------------------------------------------------------------------- */

void torc__carrier_send(torc__carrier *self, torc_slice bytes)
{
    if (self->closed || self->input_ends)
        return;
    (void)compact(&self->inbox);
    append(&self->inbox, bytes);
    queue(self);
}

void torc__carrier_close_write(torc__carrier *self)
{
    self->input_ends = true;
    queue(self);
}

void torc__carrier_close(torc__carrier *self)
{
    torc__carrier_stall(self, false);
    self->peer_gone = true;
    torc__carrier_close_write(self);
}

void torc__carrier_reset(torc__carrier *self)
{
    if (self->closed)
        return;
    self->error = ECONNRESET;
    self->was_reset = true;
    self->inbox.start = self->inbox.length;
    torc__carrier_close_write(self);
}

void torc__carrier_stall(torc__carrier *self, bool stalled)
{
    self->stalled = stalled;
    let_arrive(self);
    queue(self);
}

torc_slice torc__carrier_received(const torc__carrier *self)
{
    size_t length = self->arrived - self->outbox.start;

    return torc_slice_make(length > 0 ? self->outbox.data + self->outbox.start : "", length);
}

torc_slice torc__carrier_take(torc__carrier *self)
{
    torc_slice taken = torc__carrier_received(self);

    self->outbox.start = self->arrived;
    self->taken += taken.length;
    self->flooded = false;
    queue(self);
    return taken;
}

void torc__carrier_clear(torc__carrier *self)
{
    torc__testing_release(self->inbox.data);
    torc__testing_release(self->outbox.data);
    torc_failure_release(self->reason);
}
