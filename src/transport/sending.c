/*
 * Writing and sending, and the moment at which everything that was asked for is done: settling.
 */
#include "transport/state.h"

#include "base/memory.h"
#include "transport/factory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Up to so many pieces leave in one system call, and so many calls are made at a time. */
enum { PIECES_MAX = 64, ROUNDS_MAX = 16 };

/* Smaller bytes are copied even where they might be referred to: that is cheaper. */
enum { COPIED_MAX = 1024 };

/* -- when ---------------------------------------------------------------------------------- */

static void run_after(torc__task *task)
{
    torc_transport *self = TORC_CONTAINER_OF(task, torc_transport, turn.task);

    torc__transport_settle(self);
    if ((self->flags & (TORC__NEXT_WANTED | TORC__LOST)) == TORC__NEXT_WANTED)
        torc__transport_queue_next(self);
}

static void run_next(torc__task *task)
{
    torc_transport *self = TORC_CONTAINER_OF(task, torc_transport, turn.task);

    self->flags &= ~(uint32_t)TORC__NEXT_WANTED;
    torc__transport_deliver_kept(self);
    torc__transport_resume_producer(self);
    torc__transport_settle(self);
}

void torc__transport_queue_after(torc_transport *self)
{
    torc__cancel_task(&self->turn.task);
    self->turn.task.run = run_after;
    torc__queue_after(self->scope.reactor, &self->turn.task);
}

void torc__transport_queue_next(torc_transport *self)
{
    self->flags |= TORC__NEXT_WANTED;
    if (torc__list_is_linked(&self->turn.task.link))
        return;
    self->turn.task.run = run_next;
    torc__queue_task(self->scope.reactor, &self->turn.task);
}

void torc__transport_settle_later(torc_transport *self)
{
    if ((self->flags & (TORC__STARTED | TORC__IN_CALLBACK | TORC__LOST)) == TORC__STARTED)
        torc__transport_queue_after(self);
}

/* -- sending ------------------------------------------------------------------------------- */

/* As an io's send: how many bytes went, 0 when it is pending, or a negative errno. */
static ssize_t send_some(torc_transport *self)
{
    torc_io *io = self->top;
    struct iovec pieces[PIECES_MAX];
    int descriptors[TORC_DESCRIPTORS_MAX];
    size_t passed = torc__output_descriptors(&self->output, descriptors);
    torc__file_piece file;
    ssize_t sent;
    bool more;

    if (torc__output_first_file(&self->output, &file)) {
        sent = io->kind->send_file(io, file.descriptor, file.offset, file.length);
        if (sent != -ENOSYS)
            return sent;
    } else {
        int count = torc__output_gather(&self->output, pieces, PIECES_MAX, &more);

        if (TORC_UNLIKELY(passed > 0 && count > 0 && io->kind->send_descriptors == NULL))
            return -ENOTSUP; /* a filter was put on it meanwhile */
        if (TORC_UNLIKELY(passed > 0 && count > 0))
            return io->kind->send_descriptors(io, pieces, count, descriptors, passed);
        if (count > 0)
            return io->kind->send(io, pieces, count, more);
    }
    sent = torc__output_load_file(&self->output, self->scope.reactor);
    return sent < 0 ? sent : send_some(self);
}

static torc_failure *sending_failure(int error)
{
    if (error == ENODATA)
        return torc_failure_new(
            &torc_error_connection_lost, "a file that was being sent turned out shorter");
    return torc__connection_failure(error);
}

/* Whether what the peer sent before it broke off may still be there to be received. */
static bool may_still_receive(const torc_transport *self, int error)
{
    return (error == EPIPE || error == ECONNRESET) && !torc__transport_produces(self)
        && (self->flags & (TORC__RECEIVING | TORC__LOSING)) == TORC__RECEIVING;
}

/*
 * A peer that closes while we send to it may have said why, as a server does that refuses an
 * upload: then that is received first, and the connection ends with its end.
 */
static void sending_failed(torc_transport *self, int error)
{
    torc_failure *reason = sending_failure(error);

    if (may_still_receive(self, error)) {
        torc__output_clear(&self->output, self->scope.reactor);
        self->flags |= TORC__LOSING_WRITE | TORC__WRITE_FINISHED;
        /* A filter may have said more of it already. */
        if (self->reason == NULL)
            self->reason = reason;
        else
            torc_failure_release(reason);
        return;
    }
    /* The peer must not take what it has for the whole. */
    self->flags |= TORC__RESETS;
    torc__transport_fail(self, reason);
}

void torc__transport_flush(torc_transport *self)
{
    if (self->flags & (TORC__SEND_PENDING | TORC__ABORTING | TORC__LOST))
        return;
    for (int round = 0; self->output.size > 0; round++) {
        ssize_t sent;

        if (round == ROUNDS_MAX) {
            torc__transport_queue_next(self);
            return;
        }
        sent = send_some(self);
        if (sent < 0) {
            sending_failed(self, (int)-sent);
            return;
        }
        if (sent == 0) {
            self->flags |= TORC__SEND_PENDING;
            return;
        }
        torc__output_consume(&self->output, self->scope.reactor, (size_t)sent);
    }
}

void torc__transport_on_sent(torc_io *io, size_t count, int error)
{
    torc_transport *self = io->owner;

    self->flags &= ~(uint32_t)TORC__SEND_PENDING;
    if (self->flags & TORC__LOST)
        return;
    torc__output_consume(&self->output, self->scope.reactor, count);
    if (error != 0)
        sending_failed(self, error);
    torc__transport_flush(self);
    torc__transport_resume_producer(self);
    torc__transport_settle(self);
}

/* Our half is closed once nothing is left to be sent. */
static void finish_writing(torc_transport *self)
{
    int error;

    if (!(self->flags & TORC__LOSING_WRITE) || (self->flags & TORC__WRITE_FINISHED))
        return;
    self->flags |= TORC__WRITE_FINISHED;
    error = self->top->kind->finish(self->top);
    if (error != 0)
        torc__transport_fail(self, torc__connection_failure(-error));
}

static bool has_nothing_left_to_do(torc_transport *self)
{
    const uint32_t both_halves = TORC__READ_ENDED | TORC__WRITE_FINISHED;

    if (self->output.size > 0 || torc__transport_produces(self))
        return false;
    finish_writing(self);
    return (self->flags & TORC__LOSING) != 0 || (self->flags & both_halves) == both_halves;
}

void torc__transport_settle(torc_transport *self)
{
    if (self->flags & TORC__LOST)
        return;
    do
        torc__transport_flush(self);
    while (torc__transport_tell_pause(self));
    if (!(self->flags & TORC__ABORTING) && !has_nothing_left_to_do(self)
        && !(self->flags & TORC__ABORTING)) {
        torc__transport_check_low_water(self);
        return;
    }
    torc__transport_end(self);
}

/* -- writing ------------------------------------------------------------------------------- */

/* Whether what is written now is still to be sent. */
static bool takes_writes(const torc_transport *self)
{
    if (self->flags & (TORC__ABORTING | TORC__LOST | TORC__WRITE_FINISHED))
        return false;
    return !(self->flags & (TORC__LOSING | TORC__LOSING_WRITE)) || torc__transport_produces(self);
}

static void written(torc_transport *self, bool appended)
{
    size_t held = self->output.size - self->output.filed;

    if (!appended)
        torc_abort_because(self, torc_failure_new(&torc_error_out_of_memory,
            "out of memory: what was written cannot be kept"));
    else if (held > torc__transport_cap(self))
        torc_abort_because(self, torc_failure_new(&torc_error_limit,
            "more than %zu bytes wait to be sent: the peer reads too slowly",
            torc__transport_cap(self)));
    else
        torc__transport_check_high_water(self);
    torc__transport_settle_later(self);
}

void torc_write(torc_transport *self, torc_slice bytes)
{
    torc_reactor *reactor = self->scope.reactor;

    torc__check_thread(reactor, "torc_write");
    if (bytes.length > 0 && takes_writes(self))
        written(self, torc__output_copy(&self->output, reactor, bytes));
}

static void refer(torc_transport *self, torc_slice bytes, torc_buffer *holder)
{
    torc_reactor *reactor = self->scope.reactor;

    torc__check_thread(reactor, "torc_write_buffer");
    if (bytes.length == 0 || !takes_writes(self))
        return;
    if (bytes.length <= COPIED_MAX)
        written(self, torc__output_copy(&self->output, reactor, bytes));
    else
        written(self, torc__output_refer(&self->output, reactor, bytes, holder));
}

void torc_write_buffer(torc_transport *self, torc_buffer *buffer)
{
    refer(self, torc_buffer_slice(buffer), buffer);
}

void torc_write_part(torc_transport *self, torc_buffer *buffer, torc_slice part)
{
    refer(self, part, buffer);
}

void torc_write_static(torc_transport *self, torc_slice bytes)
{
    refer(self, bytes, NULL);
}

void torc_write_file(torc_transport *self, int file, int64_t offset, int64_t length)
{
    torc_reactor *reactor = self->scope.reactor;
    bool appended;

    torc__check_thread(reactor, "torc_write_file");
    if (length <= 0 || !takes_writes(self)) {
        close(file);
        return;
    }
    appended = torc__output_file(&self->output, reactor, file, offset, (size_t)length);
    if (!appended)
        close(file);
    written(self, appended);
}

bool torc__transport_passes_descriptors(torc_transport *self)
{
    const torc_protocol_class *kind = torc__transport_protocol(self)->kind;
    torc_io *io = self->top;

    if (io->kind == NULL || io->kind->send_descriptors == NULL)
        return false;
    if (self->flags & TORC__PASSES)
        return true;
    if (io->kind->set_option == NULL
        || io->kind->set_option(
               io, TORC_IO_TAKE_DESCRIPTORS, kind->descriptor_received != NULL) != 0)
        return false;
    self->flags |= TORC__PASSES;
    return true;
}

bool torc_send_descriptor(torc_transport *self, int descriptor)
{
    torc__check_thread(self->scope.reactor, "torc_send_descriptor");
    if (takes_writes(self) && !(self->flags & TORC__IO_CLOSED)
        && torc__transport_passes_descriptors(self)
        && torc__output_pass(&self->output, self->scope.reactor, descriptor))
        return true;
    close(descriptor);
    return false;
}

void torc_printf(void *protocol, const char *format, ...)
{
    torc_transport *self = ((torc_protocol *)protocol)->transport;
    char text[1024];
    char *longer;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    if ((size_t)length < sizeof text) {
        torc_write(self, torc_slice_make(text, (size_t)length));
        return;
    }
    longer = torc__allocate((size_t)length + 1);
    if (longer == NULL) {
        written(self, false);
        return;
    }
    va_start(arguments, format);
    vsnprintf(longer, (size_t)length + 1, format, arguments);
    va_end(arguments);
    torc_write(self, torc_slice_make(longer, (size_t)length));
    torc__free(longer);
}

size_t torc_unsent(const torc_transport *self)
{
    return self->output.size;
}
