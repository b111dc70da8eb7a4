/*
 * Bytes that go from socket to socket by splice, through a pipe. It comes from the reactor's pool
 * when there is something to be moved and goes back empty; in between nothing is received, which is
 * how a side that does not take what comes holds up the other.
 *
 * Where the kernel will not, the bytes pass the program as ever: without a pipe they are told by
 * `received`; what is in a pipe already is read out of it and written.
 */
#include "transport/couple.h"

#include "base/system_call.h"
#include "transport/state.h"

#include <errno.h>
#include <unistd.h>


/* A filter under ours changes the bytes; and descriptors that come along are lost in a pipe. */
static bool can_splice(const torc__couple_end *end)
{
    const torc_transport *transport = end->filter.transport;
    const torc_io *io = end->filter.below;

    return io == &transport->io && io->kind->send_pipe != NULL
        && !(transport->flags & TORC__PASSES);
}

static bool set_splicing(torc__couple_end *end, bool on)
{
    torc_io *below = end->filter.below;

    end->splices = below->kind->set_option(below, TORC_IO_SPLICE, on) == 0 && on;
    return end->splices;
}

void torc__couple_splice(torc_coupling *coupling)
{
    torc__couple_end *one = &coupling->one;
    torc__couple_end *other = &coupling->other;

    if (!can_splice(one) || !can_splice(other))
        return;
    if (set_splicing(one, true) && !set_splicing(other, true))
        (void)set_splicing(one, false);
}

/* -- receiving ----------------------------------------------------------------------------- */

int torc__couple_pipe_wanted(torc_io *below)
{
    torc__couple_end *end = torc__couple_end_below(below);
    torc__couple_way *way = &end->away;

    if (!way->has_pipe)
        way->has_pipe = torc__pipe_take(&end->coupling->reactor->pipes, &way->pipe);
    return way->has_pipe ? way->pipe.write_end : -1;
}

static void give_pipe_back(torc__couple_way *way)
{
    if (!way->has_pipe)
        return;
    way->has_pipe = false;
    torc__pipe_give(&way->from->coupling->reactor->pipes, way->pipe);
}

void torc__couple_pipe_drop(torc__couple_way *way)
{
    torc__cancel_task(&way->retry);
    if (way->in_pipe == 0) {
        give_pipe_back(way);
        return;
    }
    way->has_pipe = false;
    way->in_pipe = 0;
    torc__pipe_close(way->pipe);
}

void torc__couple_spliced(torc_io *below, size_t count)
{
    torc__couple_way *way = &torc__couple_end_below(below)->away;

    if (count == 0) {
        give_pipe_back(way);
        return;
    }
    way->count += count;
    way->in_pipe += count;
    if (way->to->closed)
        torc__couple_pipe_drop(way);
    else
        torc__couple_pump(way);
}

/* -- sending ------------------------------------------------------------------------------- */

/* A socket that does not take it from a pipe: through the program, from now on. */
static void read_out(torc__couple_way *way)
{
    torc__couple_end *from = way->from;
    char bytes[4096];

    if (!from->closed)
        (void)set_splicing(from, false);
    while (way->in_pipe > 0) {
        ssize_t got = TORC__CALL(read, way->pipe.read_end, bytes, sizeof bytes);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            torc_abort_because(way->to->filter.transport, torc__connection_failure(errno));
            torc__couple_pipe_drop(way);
            return;
        }
        way->in_pipe -= (size_t)got;
        torc_write(way->to->filter.transport, torc_slice_make(bytes, (size_t)got));
    }
}

/* What was written before goes first. */
static bool nothing_else_waits(torc__couple_way *way)
{
    torc_transport *transport = way->to->filter.transport;

    torc__transport_flush(transport);
    if (transport->output.size == 0)
        return (transport->flags & (TORC__SEND_PENDING | TORC__ABORTING)) == 0;
    if (transport->flags & TORC__ABORTING)
        torc__transport_settle_later(transport);
    else if (!(transport->flags & TORC__SEND_PENDING))
        torc__queue_task(way->from->coupling->reactor, &way->retry);
    return false;
}

/* False where more has to wait. */
static bool send_all(torc__couple_way *way)
{
    torc_transport *transport = way->to->filter.transport;
    torc_io *io = way->to->filter.below;

    while (way->in_pipe > 0) {
        ssize_t sent = io->kind->send_pipe(io, way->pipe.read_end, way->in_pipe);

        if (sent == 0)
            return false;
        if (sent == -EINVAL) {
            read_out(way);
        } else if (sent < 0) {
            torc__couple_pipe_drop(way);
            torc_abort_because(transport, torc__connection_failure((int)-sent));
            return true;
        } else {
            way->in_pipe -= (size_t)sent;
        }
    }
    return true;
}

void torc__couple_pump(torc__couple_way *way)
{
    bool is_empty;

    if (way->in_pipe == 0 || way->to->closed)
        return;
    is_empty = nothing_else_waits(way) && send_all(way);
    way->from->held = !is_empty;
    if (is_empty)
        give_pipe_back(way);
    torc__couple_update_receiving(way->from);
    if (is_empty && way->ended)
        torc__couple_way_ends(way);
}
