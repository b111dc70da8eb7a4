/*
 * While the handshake lasts, what comes from below is ours; afterwards it is passed on by the
 * shortest way. The buffers exist only as long as there is something in them, so that an idle
 * connection behind a handshake costs no more than its filter.
 */
#include "endpoint/handshake.h"

#include "base/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static torc__handshake *self_of(torc_io *io)
{
    return TORC_CONTAINER_OF(io, torc__handshake, filter.io);
}

static torc_io *below_of(torc_io *io)
{
    return self_of(io)->filter.below;
}

static torc_reactor *reactor_of(const torc__handshake *self)
{
    return self->filter.transport->scope.reactor;
}

static void queue(torc__handshake *self)
{
    torc__queue_task(reactor_of(self), &self->task);
}

/* -- telling ------------------------------------------------------------------------------- */

static void tell_connected(torc__handshake *self, int error)
{
    torc_io *io = &self->filter.io;

    if (self->passed)
        return;
    self->passed = true;
    io->events->connected(io, error);
}

int torc__handshake_break(
    torc__handshake *self, const torc_failure_type *type, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    torc__filter_explain(
        &self->filter, torc_failure_new(type, "%s: %s", self->kind->name, text));
    return TORC__HANDSHAKE_BROKEN;
}

/* -- saying -------------------------------------------------------------------------------- */

char *torc__handshake_room(torc__handshake *self)
{
    if (self->said == NULL)
        self->said = torc__allocate(TORC__HANDSHAKE_SAID_MAX);
    return self->said;
}

void torc__handshake_say(torc__handshake *self, size_t length)
{
    self->said_length = length;
}

bool torc__handshake_add(torc__handshake *self, torc_slice bytes)
{
    if (bytes.length > TORC__HANDSHAKE_SAID_MAX - self->said_length ||
        torc__handshake_room(self) == NULL)
        return false;
    memcpy(self->said + self->said_length, bytes.data, bytes.length);
    self->said_length += bytes.length;
    return true;
}

static void drop_said(torc__handshake *self)
{
    torc__free(self->said);
    self->said = NULL;
    self->said_length = 0;
}

static void note_sent(torc__handshake *self, size_t count)
{
    self->said_length -= count;
    if (self->said_length == 0)
        drop_said(self);
    else
        memmove(self->said, self->said + count, self->said_length);
}

/* 0, or an errno. Afterwards a send is pending, or nothing is left. */
static int send_said(torc__handshake *self)
{
    torc_io *below = self->filter.below;

    while (self->said_length > 0 && !self->sending) {
        struct iovec piece = { .iov_base = self->said, .iov_len = self->said_length };
        ssize_t sent = below->kind->send(below, &piece, 1, false);

        if (sent < 0)
            return (int)-sent;
        if (sent == 0)
            self->sending = true;
        else
            note_sent(self, (size_t)sent);
    }
    return 0;
}

static bool is_done(const torc__handshake *self)
{
    return self->over && self->said_length == 0;
}

/* -- hearing ------------------------------------------------------------------------------- */

static void drop_kept(torc__handshake *self)
{
    torc__free(self->kept);
    self->kept = NULL;
    self->kept_length = 0;
}

/* Keeps `bytes` in the place of what was kept; they may be a part of that. */
static bool keep(torc__handshake *self, torc_slice bytes)
{
    char *copy = NULL;

    if (bytes.length > 0) {
        copy = torc__allocate(bytes.length);
        if (copy == NULL)
            return false;
        memcpy(copy, bytes.data, bytes.length);
    }
    drop_kept(self);
    self->kept = copy;
    self->kept_length = bytes.length;
    return true;
}

static bool append(torc__handshake *self, torc_slice bytes)
{
    char *longer = torc__reallocate(self->kept, self->kept_length + bytes.length);

    if (longer == NULL)
        return false;
    memcpy(longer + self->kept_length, bytes.data, bytes.length);
    self->kept = longer;
    self->kept_length += bytes.length;
    return true;
}

/* All that can be read of `bytes`: gives how much that was, or BROKEN. */
static int read_all(torc__handshake *self, torc_slice bytes)
{
    size_t taken = 0;

    while (!self->over && taken < bytes.length) {
        torc_slice rest = torc_slice_skip(bytes, taken);
        int length = self->kind->read != NULL ? self->kind->read(self, rest) : 0;

        if (length < 0)
            return length;
        if (length == 0 && rest.length >= self->kind->bytes_max)
            return torc__handshake_break(self, &torc_error_limit,
                "more than %zu bytes were sent", self->kind->bytes_max);
        if (length == 0)
            break;
        taken += (size_t)length;
    }
    return (int)taken;
}

/* What follows the handshake belongs to what is above, and waits in `kept` until that receives. */
static void pass(torc__handshake *self)
{
    torc_io *below = self->filter.below;

    below->kind->receive(below, false);
    tell_connected(self, 0);
}

/* What comes before what is said of us has left is kept too. */
static void hear(torc__handshake *self, torc_slice bytes)
{
    torc_io *below = self->filter.below;
    int taken;
    int error;

    if (self->kept_length > 0) {
        if (!append(self, bytes)) {
            tell_connected(self, ENOMEM);
            return;
        }
        bytes = torc_slice_make(self->kept, self->kept_length);
    }
    taken = read_all(self, bytes);
    error = taken < 0 ? EPROTO : send_said(self);
    if (error == 0 && !keep(self, torc_slice_skip(bytes, (size_t)taken)))
        error = ENOMEM;
    if (error != 0)
        tell_connected(self, error);
    else if (is_done(self))
        pass(self);
    else if (self->over)
        below->kind->receive(below, false);
}

static void hear_end(torc__handshake *self, int error)
{
    (void)torc__handshake_break(self, &torc_error_connection_lost,
        "the peer ended the connection in the middle of it");
    tell_connected(self, error != 0 ? error : ECONNRESET);
}

/* -- events from below --------------------------------------------------------------------- */

static void on_received(torc_io *below, torc_slice data, int error)
{
    torc__handshake *self = torc_of(torc__filter_of(below), torc__handshake);
    torc_io *io = &self->filter.io;

    if (TORC_LIKELY(self->passed))
        io->events->received(io, data, error);
    else if (data.length > 0)
        hear(self, data);
    else
        hear_end(self, error);
}

static void on_sent(torc_io *below, size_t count, int error)
{
    torc__handshake *self = torc_of(torc__filter_of(below), torc__handshake);
    torc_io *io = &self->filter.io;

    if (TORC_LIKELY(!self->sending)) {
        io->events->sent(io, count, error);
        return;
    }
    self->sending = false;
    note_sent(self, count);
    if (error == 0)
        error = send_said(self);
    if (error != 0)
        tell_connected(self, error);
    else if (is_done(self))
        pass(self);
}

static void on_descriptor(torc_io *below, int descriptor)
{
    torc_io *io = &torc__filter_of(below)->io;

    io->events->descriptor(io, descriptor);
}

static const torc_io_events handshake_events = {
    .received = on_received,
    .sent = on_sent,
    .descriptor = on_descriptor,
    .closed = torc__filter_closed,
};

static void pass_on_kept(torc__handshake *self)
{
    torc_io *io = &self->filter.io;
    char *bytes = self->kept;
    size_t length = self->kept_length;

    if (length == 0)
        return;
    self->kept = NULL;
    self->kept_length = 0;
    io->events->received(io, torc_slice_make(bytes, length), 0);
    torc__free(bytes);
}

/* What could not be told within a call: that it is over, or what was kept. */
static void run(torc__task *task)
{
    torc__handshake *self = TORC_CONTAINER_OF(task, torc__handshake, task);
    torc_io *below = self->filter.below;

    if (self->closed)
        return;
    if (!self->passed) {
        pass(self);
        return;
    }
    if (!self->receives)
        return;
    pass_on_kept(self);
    if (!self->closed && self->receives)
        below->kind->receive(below, true);
}

/* -- asked from above ---------------------------------------------------------------------- */

static ssize_t send_on(torc_io *io, const struct iovec *pieces, int count, bool more)
{
    torc_io *below = below_of(io);

    return below->kind->send(below, pieces, count, more);
}

static ssize_t send_file_on(torc_io *io, int file, int64_t offset, size_t length)
{
    torc_io *below = below_of(io);

    return below->kind->send_file(below, file, offset, length);
}

static ssize_t send_descriptors_on(torc_io *io, const struct iovec *pieces, int count,
    const int *descriptors, size_t descriptor_count)
{
    torc_io *below = below_of(io);

    return below->kind->send_descriptors(below, pieces, count, descriptors, descriptor_count);
}

/* Descriptors are sent only after they were asked for, which is refused where none can pass. */
static int set_option(torc_io *io, torc_io_option option, int value)
{
    if (option == TORC_IO_TAKE_DESCRIPTORS && below_of(io)->kind->send_descriptors == NULL)
        return -ENOTSUP;
    return torc__filter_set_option(io, option, value);
}

static void receive(torc_io *io, bool on)
{
    torc__handshake *self = self_of(io);
    torc_io *below = self->filter.below;

    self->receives = on;
    if (self->kept_length > 0 && on)
        queue(self);
    else
        below->kind->receive(below, on);
}

static int finish(torc_io *io)
{
    torc_io *below = below_of(io);

    return below->kind->finish(below);
}

static bool close_handshake(torc_io *io, bool reset)
{
    torc__handshake *self = self_of(io);

    self->closed = true;
    torc__cancel_task(&self->task);
    return torc__filter_close(io, reset);
}

static void local_address(torc_io *io, torc_address *ret_address)
{
    if (self_of(io)->announced)
        *ret_address = self_of(io)->local;
    else
        torc__filter_local_address(io, ret_address);
}

static void peer_address(torc_io *io, torc_address *ret_address)
{
    if (self_of(io)->announced)
        *ret_address = self_of(io)->peer;
    else
        torc__filter_peer_address(io, ret_address);
}

static const torc_io_class handshake_class = {
    .name = "handshake",
    .send = send_on,
    .send_file = send_file_on,
    .receive = receive,
    .finish = finish,
    .close = close_handshake,
    .local_address = local_address,
    .peer_address = peer_address,
    .set_option = set_option,
    .send_descriptors = send_descriptors_on,
};

/* -- making -------------------------------------------------------------------------------- */

static void free_handshake(torc__filter *filter)
{
    torc__handshake *self = torc_of(filter, torc__handshake);

    drop_said(self);
    drop_kept(self);
    torc__free(self);
}

int torc__handshake_enter(
    const torc__handshake_class *kind, const torc__layer *layer, torc_transport *transport)
{
    torc__handshake *self = torc__allocate_zeroed(kind->size);
    torc_io *below;
    int error;

    if (self == NULL)
        return ENOMEM;
    self->kind = kind;
    self->task.run = run;
    self->filter.release = free_handshake;
    torc__filter_insert(&self->filter, transport, &handshake_class, &handshake_events);
    below = self->filter.below;
    if (kind->begin != NULL) {
        if (torc__handshake_room(self) == NULL)
            return ENOMEM;
        kind->begin(self, layer);
        if (self->said_length == 0)
            drop_said(self);
    }
    error = send_said(self);
    if (error != 0)
        return error;
    if (is_done(self))
        queue(self);
    else if (kind->read != NULL)
        below->kind->receive(below, true);
    return 0;
}
