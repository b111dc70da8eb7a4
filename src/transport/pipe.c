/*
 * A torc_io made of two, one that is read and one that is written; and torc_attach.
 *
 * The two tell what they have to tell as the one that the transport knows. What breaks when is said
 * written does not end what is read: a command may close its input early and go on to answer.
 */
#include "transport/pipe.h"

#include <torc/process.h>

#include "base/memory.h"
#include "base/system_call.h"
#include "transport/state.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

typedef struct pipe_pair {
    torc__grave grave; /* first */
    torc_io input;     /* its class is NULL where there is none */
    torc_io output;    /* as well, also where the input is both */
    torc_io *whole;    /* the transport's */
    torc__task telling; /* of the end: nobody reads the output, or the watcher's to tell */
    torc_reactor *reactor;
    const torc__pipe_watcher *watcher; /* or NULL */
    void *argument;
    unsigned closing;  /* of the two, those whose closing is pending */
    int end_error;
    bool receives;
    bool input_is_over; /* and the watcher was told */
    bool has_end;       /* that is to be told */
} pipe_pair;

static pipe_pair *pair_of(const torc_io *io)
{
    return io->carrier;
}

static torc_io *writing_io(pipe_pair *pair)
{
    return pair->output.kind != NULL ? &pair->output : &pair->input;
}

/* -- what the two tell --------------------------------------------------------------------- */

static void input_received(torc_io *io, torc_slice data, int error)
{
    pipe_pair *pair = TORC_CONTAINER_OF(io, pipe_pair, input);

    if (data.length == 0 && pair->watcher != NULL && pair->watcher->input_ended != NULL) {
        pair->input_is_over = true;
        pair->watcher->input_ended(pair->argument, error);
        return;
    }
    if (data.length == 0)
        pair->receives = false;
    pair->whole->events->received(pair->whole, data, error);
}

static void tell_end(torc__task *task)
{
    pipe_pair *pair = TORC_CONTAINER_OF(task, pipe_pair, telling);

    if (!pair->receives)
        return;
    pair->receives = false;
    pair->whole->events->received(pair->whole, torc_slice_make(NULL, 0), pair->end_error);
}

static void tell_end_later(pipe_pair *pair, int error)
{
    pair->has_end = true;
    pair->end_error = error;
    torc__queue_task(pair->reactor, &pair->telling);
}

void torc__pipe_tell_end(torc_transport *transport, int error)
{
    tell_end_later(pair_of(&transport->io), error);
}

static void output_broke(pipe_pair *pair)
{
    if (pair->watcher != NULL && pair->watcher->output_is_vital)
        tell_end_later(pair, EPIPE);
}

/* The output is told to receive only so that it notices that nobody reads it. */
static void output_received(torc_io *io, torc_slice data, int error)
{
    pipe_pair *pair = TORC_CONTAINER_OF(io, pipe_pair, output);

    (void)data;
    (void)error;
    output_broke(pair);
}

static void input_sent(torc_io *io, size_t count, int error)
{
    pipe_pair *pair = TORC_CONTAINER_OF(io, pipe_pair, input);

    pair->whole->events->sent(pair->whole, count, error);
}

static void output_sent(torc_io *io, size_t count, int error)
{
    pipe_pair *pair = TORC_CONTAINER_OF(io, pipe_pair, output);

    if (error == EPIPE)
        output_broke(pair);
    pair->whole->events->sent(pair->whole, count, error);
}

static void free_pair(torc__grave *grave)
{
    torc__free(grave);
}

static void half_closed(pipe_pair *pair)
{
    if (--pair->closing > 0)
        return;
    pair->whole->events->closed(pair->whole);
    torc__bury(pair->reactor, &pair->grave, free_pair);
}

static void input_closed(torc_io *io)
{
    half_closed(TORC_CONTAINER_OF(io, pipe_pair, input));
}

static void output_closed(torc_io *io)
{
    half_closed(TORC_CONTAINER_OF(io, pipe_pair, output));
}

static const torc_io_events input_events = {
    .received = input_received,
    .sent = input_sent,
    .closed = input_closed,
};

static const torc_io_events output_events = {
    .received = output_received,
    .sent = output_sent,
    .closed = output_closed,
};

/* -- what can be asked of the whole -------------------------------------------------------- */

static ssize_t noting_a_break(pipe_pair *pair, ssize_t sent)
{
    if (sent == -EPIPE)
        output_broke(pair);
    return sent;
}

static ssize_t pair_send(torc_io *io, const struct iovec *pieces, int count, bool more)
{
    torc_io *out = writing_io(pair_of(io));

    return noting_a_break(pair_of(io), out->kind->send(out, pieces, count, more));
}

static ssize_t pair_send_file(torc_io *io, int file, int64_t offset, size_t length)
{
    torc_io *out = writing_io(pair_of(io));

    return noting_a_break(pair_of(io), out->kind->send_file(out, file, offset, length));
}

static void pair_receive(torc_io *io, bool on)
{
    pipe_pair *pair = pair_of(io);

    pair->receives = on;
    if (on && pair->has_end)
        torc__queue_task(pair->reactor, &pair->telling);
    if (!pair->input_is_over)
        pair->input.kind->receive(&pair->input, on);
}

static int pair_finish(torc_io *io)
{
    pipe_pair *pair = pair_of(io);
    torc_io *out = writing_io(pair);
    int error = out->kind->finish(out);

    if (pair->watcher != NULL && pair->watcher->finished != NULL)
        pair->watcher->finished(pair->argument);
    return error;
}

static void tell_closing(const torc__pipe_watcher *watcher, void *argument)
{
    if (watcher != NULL && watcher->closing != NULL)
        watcher->closing(argument);
}

static bool pair_close(torc_io *io, bool reset)
{
    pipe_pair *pair = pair_of(io);

    torc__cancel_task(&pair->telling);
    tell_closing(pair->watcher, pair->argument);
    pair->closing = 0;
    if (!pair->input.kind->close(&pair->input, reset))
        pair->closing++;
    if (pair->output.kind != NULL && !pair->output.kind->close(&pair->output, reset))
        pair->closing++;
    if (pair->closing > 0)
        return false;
    torc__bury(pair->reactor, &pair->grave, free_pair);
    return true;
}

static void pair_address(torc_io *io, torc_address *ret_address)
{
    (void)io;
    ret_address->kind = TORC_ADDRESS_NONE;
}

static const torc_io_class pair_class = {
    .name = "pair of descriptors",
    .send = pair_send,
    .send_file = pair_send_file,
    .receive = pair_receive,
    .finish = pair_finish,
    .close = pair_close,
    .local_address = pair_address,
    .peer_address = pair_address,
};

/* -- opening ------------------------------------------------------------------------------- */

int torc__pipe_prepare(int descriptor)
{
    int flags = TORC__CALL(fcntl, descriptor, F_GETFL);

    if (flags < 0 || TORC__CALL(fcntl, descriptor, F_SETFL, flags | O_NONBLOCK) < 0
        || TORC__CALL(fcntl, descriptor, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    return 0;
}

static void close_both(int input, int output)
{
    if (input >= 0)
        close(input);
    if (output >= 0 && output != input)
        close(output);
}

/* The watcher comes first: it may put back what the descriptors were like. */
static int given_up(
    int input, int output, const torc__pipe_watcher *watcher, void *argument, int error)
{
    tell_closing(watcher, argument);
    close_both(input, output);
    return error;
}

/* Where it fails at the input both are still open, and the input's class is NULL. */
static int open_pair(pipe_pair *pair, int input, int output)
{
    torc_driver *driver = pair->reactor->driver;
    int error = driver->kind->adopt_stream(driver, &pair->input, input, true, input == output);

    if (error != 0)
        pair->input.kind = NULL;
    if (error != 0 || input == output)
        return error;
    error = driver->kind->adopt_stream(driver, &pair->output, output, false, true);
    if (error == 0)
        return 0;
    close(output);
    pair->output.kind = NULL;
    return error;
}

static int open_whole(torc_transport *transport, int input, int output,
    const torc__pipe_watcher *watcher, void *argument)
{
    pipe_pair *pair = torc__allocate_zeroed(sizeof *pair);
    int error;

    if (pair == NULL)
        return given_up(input, output, watcher, argument, -ENOMEM);
    pair->reactor = transport->scope.reactor;
    pair->whole = &transport->io;
    pair->telling.run = tell_end;
    pair->watcher = watcher;
    pair->argument = argument;
    pair->input.events = &input_events;
    pair->output.events = &output_events;
    error = open_pair(pair, input, output);
    if (error != 0 && pair->input.kind == NULL) {
        torc__free(pair);
        return given_up(input, output, watcher, argument, error);
    }
    transport->io.kind = &pair_class;
    transport->io.carrier = pair;
    if (error == 0 && pair->output.kind != NULL && watcher != NULL && watcher->output_is_vital)
        pair->output.kind->receive(&pair->output, true);
    return error;
}

int torc__pipe_open(torc_transport *transport, int input, int output,
    const torc__pipe_watcher *watcher, void *argument)
{
    torc_driver *driver = transport->scope.reactor->driver;
    bool is_single = input < 0 || output < 0 || input == output;
    int error;

    if (driver->kind->adopt_stream == NULL)
        return given_up(input, output, watcher, argument, -ENOTSUP);
    if (!is_single || watcher != NULL)
        return open_whole(transport, input, output, watcher, argument);
    error = driver->kind->adopt_stream(driver, &transport->io, input >= 0 ? input : output,
        input >= 0, output >= 0);
    if (error != 0) {
        close_both(input, output);
        transport->io.kind = NULL;
    }
    return error;
}

int torc__pipe_input(const torc_transport *transport)
{
    if (transport->io.kind != &pair_class || (transport->flags & TORC__IO_CLOSED))
        return -1;
    return pair_of(&transport->io)->input.descriptor;
}

/* -- starting ------------------------------------------------------------------------------ */

typedef struct attaching {
    torc__grave grave; /* first */
    torc_scoped scoped;
    torc__task task;
    torc_reactor *reactor;
    torc_transport *transport;
    torc_deferred *deferred; /* NULL: nobody waits any more */
    bool starting;           /* its connection_made runs */
    bool closed;
} attaching;

static void free_attaching(torc__grave *grave)
{
    torc__free(grave);
}

static void close_attaching(attaching *self)
{
    if (self->closed)
        return;
    self->closed = true;
    self->deferred = NULL;
    torc__cancel_task(&self->task);
    torc_scope_remove(&self->scoped);
    if (!self->starting && self->transport != NULL)
        torc__transport_drop(self->transport);
    torc__bury(self->reactor, &self->grave, free_attaching);
}

static void end_attaching(torc_scoped *scoped)
{
    close_attaching(TORC_CONTAINER_OF(scoped, attaching, scoped));
}

const torc__member_kind torc__members_attaching = {
    .end = end_attaching,
    .name = "connection in the making",
};

static void cancel_attaching(torc_deferred *deferred, void *argument)
{
    attaching *self = argument;

    (void)deferred;
    if (self->closed)
        return;
    if (self->starting)
        torc_abort_connection(self->transport);
    close_attaching(self);
}

static void start(torc__task *task)
{
    attaching *self = TORC_CONTAINER_OF(task, attaching, task);
    torc_transport *transport = self->transport;
    torc_deferred *deferred;

    self->starting = true;
    torc__transport_start(transport, NULL);
    deferred = self->deferred;
    close_attaching(self);
    if (deferred != NULL)
        torc_fire(deferred, torc_pointer(torc__transport_protocol(transport)));
}

torc_deferred *torc__attach_in_next_turn(torc_scope *scope, torc_transport *transport)
{
    attaching *self = torc__allocate_zeroed(sizeof *self);

    if (self == NULL) {
        torc__transport_drop(transport);
        return torc_deferred_fired(scope,
            torc_fail_with(&torc_error_out_of_memory, "out of memory: a connection is not made"));
    }
    self->reactor = scope->reactor;
    self->transport = transport;
    self->task.run = start;
    self->deferred = torc_deferred_new(scope, cancel_attaching, self);
    torc_scope_add(scope, &self->scoped, end_attaching);
    torc__queue_task(scope->reactor, &self->task);
    return self->deferred;
}

/* -- torc_attach --------------------------------------------------------------------------- */

/* 0 or -errno; both are closed when it fails. */
static int prepare_both(int input, int output)
{
    int error = input >= 0 ? torc__pipe_prepare(input) : 0;

    if (input < 0 && output < 0)
        error = -EBADF;
    if (error == 0 && output >= 0 && output != input)
        error = torc__pipe_prepare(output);
    if (error != 0)
        close_both(input, output);
    return error;
}

torc_deferred *torc__attach_prepared(torc_scope *scope, int input, int output,
    torc_factory *factory, const torc__pipe_watcher *watcher, void *argument)
{
    torc_transport *transport = torc__transport_new(scope, factory);
    int error;

    torc_factory_release(factory);
    if (transport == NULL) {
        (void)given_up(input, output, watcher, argument, 0);
        return torc_deferred_fired(scope,
            torc_fail_with(scope->ended ? &torc_error_cancelled : &torc_error_out_of_memory,
                "descriptors %d and %d cannot be attached", input, output));
    }
    error = torc__pipe_open(transport, input, output, watcher, argument);
    if (error == 0)
        return torc__attach_in_next_turn(scope, transport);
    torc__transport_drop(transport);
    return torc_deferred_fired(scope, torc_fail(torc_failure_from_errno(
        -error, "descriptors %d and %d cannot be attached", input, output)));
}

torc_deferred *torc_attach(torc_scope *scope, int input, int output, torc_factory *factory)
{
    int error;

    torc__check_thread(scope->reactor, "torc_attach");
    error = prepare_both(input, output);
    if (error == 0)
        return torc__attach_prepared(scope, input, output, factory, NULL, NULL);
    torc_factory_release(factory);
    return torc_deferred_fired(scope, torc_fail(torc_failure_from_errno(
        -error, "descriptors %d and %d cannot be attached", input, output)));
}
