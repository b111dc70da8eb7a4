/*
 * Couplings: two transports joined by a filter on each, see couple.h. Events of what is below come
 * here first; the end of one side becomes what a protocol would do about it at the other, and the
 * transports do the rest, as for any producer.
 */
#include "transport/couple.h"

#include "base/abort.h"
#include "base/memory.h"
#include "transport/state.h"

#include <errno.h>

static torc__couple_end *end_of(torc_io *io)
{
    return TORC_CONTAINER_OF(TORC_CONTAINER_OF(io, torc__filter, io), torc__couple_end, filter);
}

static torc_transport *transport_of(const torc__couple_end *end)
{
    return end->filter.transport;
}

void torc__couple_update_receiving(torc__couple_end *end)
{
    torc_io *below = end->filter.below;
    bool receives = end->wanted && !end->held && !end->paused;

    if (end->closed || receives == end->receives)
        return;
    end->receives = receives;
    below->kind->receive(below, receives);
}

/* -- the memory ---------------------------------------------------------------------------- */

static void hold_coupling(void *value)
{
    ((torc_coupling *)value)->holds++;
}

static void release_coupling(void *value)
{
    torc_coupling *self = value;

    if (--self->holds == 0)
        torc__free(self);
}

const torc_type torc_type_coupling = {
    .name = "coupling",
    .hold = hold_coupling,
    .release = release_coupling,
};

static void release_end(torc__filter *filter)
{
    release_coupling(TORC_CONTAINER_OF(filter, torc__couple_end, filter)->coupling);
}

/* -- a way --------------------------------------------------------------------------------- */

static torc__couple_way *way_of(torc_producer *producer)
{
    return TORC_CONTAINER_OF(producer, torc__couple_way, producer);
}

static void pause_way(torc_producer *producer)
{
    torc__couple_end *from = way_of(producer)->from;

    from->paused = true;
    torc__couple_update_receiving(from);
}

static void resume_way(torc_producer *producer)
{
    torc__couple_end *from = way_of(producer)->from;

    from->paused = false;
    torc__couple_update_receiving(from);
}

static void stop_way(torc_producer *producer)
{
    way_of(producer)->produces = false;
}

static const torc_producer_class way_class = {
    .resume = resume_way,
    .pause = pause_way,
    .stop = stop_way,
};

void torc__couple_way_ends(torc__couple_way *way)
{
    torc_transport *transport = transport_of(way->to);

    way->ended = true;
    if (way->in_pipe > 0 || way->to->closed)
        return;
    if (way->closes)
        torc_lose_connection(transport);
    else
        torc_lose_write(transport);
    if (way->produces)
        torc_unregister_producer(transport);
    way->produces = false;
}

static void retry_way(torc__task *task)
{
    torc__couple_pump(TORC_CONTAINER_OF(task, torc__couple_way, retry));
}

/* -- both are lost ------------------------------------------------------------------------- */

static void tell_over(torc__task *task)
{
    torc_coupling *self = TORC_CONTAINER_OF(task, torc_coupling, tell);
    torc_deferred *over = self->over;

    self->over = NULL;
    torc_fire(over, torc_value(&torc_type_coupling, self));
}

static void cancel_over(torc_deferred *deferred, void *argument)
{
    torc_coupling *self = argument;

    (void)deferred;
    self->over = NULL;
    torc__cancel_task(&self->tell);
    release_coupling(self);
}

torc_deferred *torc_coupling_over(torc_scope *scope, torc_coupling *self)
{
    if (self == NULL)
        return torc_deferred_fired(scope, torc_fail_with(&torc_error_connection,
            "the connections were not coupled: one is closing already, or memory is out"));
    if (self->over != NULL)
        torc__abort("torc_coupling_over was called twice for one coupling: ask once");
    hold_coupling(self);
    self->over = torc_deferred_new(scope, cancel_over, self);
    return self->over;
}

torc_coupling_counts torc_coupling_count(const torc_coupling *self)
{
    torc_coupling_counts counts = { 0, 0 };

    if (self != NULL) {
        counts.there = self->one.away.count;
        counts.back = self->other.away.count;
    }
    return counts;
}

/* -- one is lost --------------------------------------------------------------------------- */

static bool ends_cleanly(const torc_transport *transport, bool reset)
{
    return !reset
        && (transport->reason == NULL
            || torc_failure_is(transport->reason, &torc_error_connection_done));
}

/* The loss of one side, passed on to the other. */
static void pass_loss_on(torc__couple_end *end, bool reset)
{
    torc_transport *transport = transport_of(end);
    torc__couple_end *other = end->away.to;

    if (other->closed)
        return;
    if (ends_cleanly(transport, reset)) {
        end->away.closes = true;
        torc__couple_way_ends(&end->away);
    } else {
        torc_abort_because(transport_of(other), torc_failure_because(
            torc_failure_new(&torc_error_connection_aborted,
                "the connection that it was coupled to was lost"),
            torc_failure_hold(transport->reason)));
    }
}

static bool couple_close(torc_io *io, bool reset)
{
    torc__couple_end *end = end_of(io);

    end->closed = true;
    torc__couple_pipe_drop(torc__couple_way_to(end));
    pass_loss_on(end, reset);
    if (end->away.to->closed) {
        torc__couple_pipe_drop(&end->away);
        if (end->coupling->over != NULL)
            torc__queue_task(end->coupling->reactor, &end->coupling->tell);
    }
    return torc__filter_close(io, reset);
}

/* -- what is asked from above -------------------------------------------------------------- */

static ssize_t couple_send(torc_io *io, const struct iovec *pieces, int count, bool more)
{
    torc_io *below = end_of(io)->filter.below;

    return below->kind->send(below, pieces, count, more);
}

static ssize_t couple_send_file(torc_io *io, int file, int64_t offset, size_t length)
{
    torc_io *below = end_of(io)->filter.below;

    return below->kind->send_file(below, file, offset, length);
}

static ssize_t couple_send_descriptors(torc_io *io, const struct iovec *pieces, int count,
    const int *descriptors, size_t descriptor_count)
{
    torc_io *below = end_of(io)->filter.below;

    if (below->kind->send_descriptors == NULL)
        return -ENOTSUP;
    return below->kind->send_descriptors(below, pieces, count, descriptors, descriptor_count);
}

static void couple_receive(torc_io *io, bool on)
{
    torc__couple_end *end = end_of(io);

    end->wanted = on;
    end->receives |= !on; /* an accepted socket receives though nobody has said so */
    torc__couple_update_receiving(end);
}

static int couple_finish(torc_io *io)
{
    torc_io *below = end_of(io)->filter.below;

    return below->kind->finish(below);
}

static const torc_io_class couple_class = {
    .name = "coupling",
    .send = couple_send,
    .send_file = couple_send_file,
    .receive = couple_receive,
    .finish = couple_finish,
    .close = couple_close,
    .local_address = torc__filter_local_address,
    .peer_address = torc__filter_peer_address,
    .send_descriptors = couple_send_descriptors,
    .set_option = torc__filter_set_option,
};

/* -- what is told from below --------------------------------------------------------------- */

/* Then the connection closes as soon as the other side has said its last, without read_lost. */
static void note_end(torc__couple_end *end)
{
    transport_of(end)->flags |= TORC__LOSING;
    torc__couple_way_ends(&end->away);
}

/* A pause is told at once: more may have come in this turn, and would be told before its end. */
static void pass_bytes_on(torc__couple_way *way, torc_slice data)
{
    torc_transport *transport = transport_of(way->to);

    way->count += data.length;
    if (way->to->closed)
        return;
    torc_write(transport, data);
    (void)torc__transport_tell_pause(transport);
}

static void below_received(torc_io *below, torc_slice data, int error)
{
    torc__couple_end *end = torc__couple_end_below(below);
    torc_io *io = &end->filter.io;

    if (TORC_LIKELY(data.length > 0)) {
        pass_bytes_on(&end->away, data);
        return;
    }
    end->receives = false;
    if (error == 0)
        note_end(end);
    io->events->received(io, data, error);
}

/* The transport's own goes first, then what is in the pipe for it. */
static void below_sent(torc_io *below, size_t count, int error)
{
    torc__couple_end *end = torc__couple_end_below(below);
    torc_io *io = &end->filter.io;

    io->events->sent(io, count, error);
    torc__couple_pump(torc__couple_way_to(end));
}

static void below_descriptor(torc_io *below, int descriptor)
{
    torc_io *io = &torc__filter_of(below)->io;

    io->events->descriptor(io, descriptor);
}

static const torc_io_events below_events = {
    .received = below_received,
    .sent = below_sent,
    .descriptor = below_descriptor,
    .closed = torc__filter_closed,
    .pipe_wanted = torc__couple_pipe_wanted,
    .spliced = torc__couple_spliced,
};

/* -- coupling ------------------------------------------------------------------------------ */

static void set_up_end(torc_coupling *self, torc__couple_end *end, torc__couple_end *other,
    torc_transport *transport)
{
    end->coupling = self;
    end->wanted = end->receives = (transport->flags & TORC__RECEIVING) != 0;
    end->away.producer.kind = &way_class;
    end->away.retry.run = retry_way;
    end->away.from = end;
    end->away.to = other;
    end->away.produces = true;
    end->filter.release = release_end;
    torc__filter_insert(&end->filter, transport, &couple_class, &below_events);
    transport->flags |= TORC__COUPLED;
}

/* In connection_made, receiving has not begun; then the transport says so when that returns. */
static void begin(torc_coupling *self)
{
    torc__couple_end *one = &self->one;
    torc__couple_end *other = &self->other;

    torc_register_push_producer(transport_of(other), &one->away.producer);
    torc_register_push_producer(transport_of(one), &other->away.producer);
    torc__couple_splice(self);
    torc_resume_reading(transport_of(one));
    torc_resume_reading(transport_of(other));
    if (transport_of(one)->flags & TORC__READ_ENDED)
        note_end(one);
    if (transport_of(other)->flags & TORC__READ_ENDED)
        note_end(other);
}

static void check(const torc_transport *one, const torc_transport *other)
{
    torc__check_thread(one->scope.reactor, "torc_couple");
    if (one == other || one->scope.reactor != other->scope.reactor)
        torc__abort("torc_couple: two different connections of one reactor are coupled");
    if ((one->flags | other->flags) & TORC__COUPLED)
        torc__abort("torc_couple: a connection is coupled once");
}

torc_coupling *(torc_couple)(torc_transport *one, torc_transport *other)
{
    torc_coupling *self;

    check(one, other);
    if (torc_is_closing(one) || torc_is_closing(other)) {
        torc_lose_connection(one);
        torc_lose_connection(other);
        return NULL;
    }
    self = torc__allocate_zeroed(sizeof *self);
    if (self == NULL) {
        torc_abort_because(one, torc_failure_new(&torc_error_out_of_memory, "not coupled"));
        torc_abort_because(other, torc_failure_new(&torc_error_out_of_memory, "not coupled"));
        return NULL;
    }
    self->reactor = one->scope.reactor;
    self->tell.run = tell_over;
    self->holds = 2; /* of the filters */
    set_up_end(self, &self->one, &self->other, one);
    set_up_end(self, &self->other, &self->one, other);
    begin(self);
    return self;
}
