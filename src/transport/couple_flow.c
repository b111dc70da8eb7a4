/*
 * Back-pressure between a stream and datagrams, and nothing else: the stream's producer is whoever
 * sends the datagrams, and the queue of datagrams has the stream held up. It goes with the first of
 * the two that does; and a stream that is to be closed does not wait for it, since a device may
 * send for ever.
 */
#include <torc/couple.h>

#include "base/memory.h"
#include "transport/datagram.h"
#include "transport/state.h"

typedef struct flow {
    torc_producer producer;
    torc__datagram_watcher watcher;
    torc__grave grave;
    torc_transport *stream;
    torc_datagram_transport *datagrams;
    torc_reactor *reactor;
} flow;

static void free_flow(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, flow, grave));
}

static void pause_datagrams(torc_producer *producer)
{
    torc_pause_datagrams(TORC_CONTAINER_OF(producer, flow, producer)->datagrams);
}

static void resume_datagrams(torc_producer *producer)
{
    torc_resume_datagrams(TORC_CONTAINER_OF(producer, flow, producer)->datagrams);
}

/* The stream is lost: then the datagrams flow freely. */
static void stop_datagrams(torc_producer *producer)
{
    flow *self = TORC_CONTAINER_OF(producer, flow, producer);

    self->datagrams->watcher = NULL;
    torc_resume_datagrams(self->datagrams);
    torc__bury(self->reactor, &self->grave, free_flow);
}

static const torc_producer_class producer_class = {
    .resume = resume_datagrams,
    .pause = pause_datagrams,
    .stop = stop_datagrams,
};

static void queue_is_full(torc__datagram_watcher *watcher, bool full)
{
    const flow *self = TORC_CONTAINER_OF(watcher, flow, watcher);

    if (full)
        torc_pause_reading(self->stream);
    else
        torc_resume_reading(self->stream);
}

static void datagrams_gone(torc__datagram_watcher *watcher)
{
    flow *self = TORC_CONTAINER_OF(watcher, flow, watcher);

    torc_unregister_producer(self->stream);
    if (watcher->is_full)
        torc_resume_reading(self->stream);
    torc__bury(self->reactor, &self->grave, free_flow);
}

bool torc_couple_flow(torc_transport *stream, torc_datagram_transport *datagrams)
{
    flow *self;

    torc__check_thread(stream->scope.reactor, "torc_couple_flow");
    if (datagrams == NULL || torc_is_closing(stream) || torc__datagrams_are_ending(datagrams)
        || datagrams->watcher != NULL)
        return false;
    self = torc__allocate_zeroed(sizeof *self);
    if (self == NULL)
        return false;
    self->producer.kind = &producer_class;
    self->watcher.full = queue_is_full;
    self->watcher.gone = datagrams_gone;
    self->stream = stream;
    self->datagrams = datagrams;
    self->reactor = stream->scope.reactor;
    datagrams->watcher = &self->watcher;
    torc_register_push_producer(stream, &self->producer);
    stream->flags |= TORC__ENDLESS;
    return true;
}
