/*
 * stdio: listening on this process's standard input and output, for programs that inetd, ssh or a
 * pipeline starts: they serve the one connection that is there already.
 *
 * The streams are the process's: one listener or connection has them at a time, whichever reactor
 * it belongs to. What the listener has taken goes over to the connection.
 *
 *     closed -> listening (taken) -> offered -> the connection's
 */
#include "endpoint/further_kinds.h"

#include "base/memory.h"
#include "transport/pipe.h"

#include <errno.h>

typedef struct listener {
    torc__grave grave;
    torc__task task;
    torc_reactor *reactor;
    torc_io *io;
    bool has_streams; /* and may offer them */
} listener;

static void free_listener(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, listener, grave));
}

static void no_address(torc_io *io, torc_address *ret_address)
{
    (void)io;
    memset(ret_address, 0, sizeof *ret_address);
}

static bool stdio_close(torc_io *io, bool reset)
{
    listener *self = io->carrier;

    (void)reset;
    if (self->has_streams)
        torc__stdio_give_back();
    torc__cancel_task(&self->task);
    torc__bury(self->reactor, &self->grave, free_listener);
    return true;
}

static const torc_io_class listener_class = {
    .name = "standard input and output",
    .close = stdio_close,
    .local_address = no_address,
    .peer_address = no_address,
};

static void offer(torc__task *task)
{
    static const torc_address unnamed;
    listener *self = TORC_CONTAINER_OF(task, listener, task);

    self->io->events->accepted(self->io, 0, &unnamed, 0);
}

static void stdio_accepting(torc_io *io, bool on)
{
    listener *self = io->carrier;

    if (!on)
        torc__cancel_task(&self->task);
    else if (self->has_streams)
        torc__queue_task(self->reactor, &self->task);
}

/* Where it fails, the streams are offered again if nobody has taken them meanwhile. */
static int stdio_adopt(torc_io *io, int token, torc_io *taker)
{
    listener *self = io->carrier;
    int error = torc__stdio_open(TORC_CONTAINER_OF(taker, torc_transport, io));

    (void)token;
    self->has_streams = error != 0 && torc__stdio_take() == 0;
    return error;
}

/* A connection that is not welcome: the streams stay as they are, for who else may want them. */
static void stdio_discard(torc_io *io, int token)
{
    (void)io;
    (void)token;
}

static int stdio_listen(torc_reactor *reactor, torc_io *io, const torc__endpoint *endpoint)
{
    listener *self;
    int error = torc__stdio_take();

    (void)endpoint;
    if (error != 0)
        return error;
    self = torc__allocate_zeroed(sizeof *self);
    if (self == NULL) {
        torc__stdio_give_back();
        return -ENOMEM;
    }
    self->reactor = reactor;
    self->io = io;
    self->task.run = offer;
    self->has_streams = true;
    io->kind = &listener_class;
    io->carrier = self;
    return 0;
}

const torc__carrier torc__standard_io = {
    .name = "stdio",
    .listen = stdio_listen,
    .start_accepting = stdio_accepting,
    .adopt = stdio_adopt,
    .discard = stdio_discard,
};

/* "stdio" and "stdio:" are the same. */
static torc_failure *expand(const torc__kind *kind, torc__endpoint *endpoint,
    const torc__description *description, bool listening)
{
    const torc__description_part *part = description->parts;

    (void)kind;
    if (!listening)
        return torc__endpoint_bad(endpoint, "stdio is not for connecting");
    if (description->count > 1 || (description->count == 1 &&
            (part->name.length != 0 || part->value.length != 0)))
        return torc__endpoint_bad(endpoint, "stdio takes no arguments; write stdio:");
    endpoint->carrier = &torc__standard_io;
    return NULL;
}

const torc__kind torc__kind_stdio = { .name = "stdio", .expand = expand };
