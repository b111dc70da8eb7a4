/*
 * Filters: putting them in, freeing them, and what they pass on as it is.
 */
#include "transport/filter.h"

#include "transport/state.h"

#include <errno.h>

static torc__filter *self_of(torc_io *io)
{
    return TORC_CONTAINER_OF(io, torc__filter, io);
}

void torc__filter_insert(torc__filter *filter, torc_transport *transport,
    const torc_io_class *kind, const torc_io_events *events)
{
    torc_io *below = transport->top;

    filter->io.kind = kind;
    filter->io.events = below->events;
    filter->io.owner = below->owner;
    filter->io.descriptor = -1;
    filter->below = below;
    filter->transport = transport;
    below->events = events;
    below->owner = filter;
    transport->top = &filter->io;
}

void torc__filter_explain(torc__filter *filter, torc_failure *failure)
{
    if (filter->transport->reason == NULL)
        filter->transport->reason = failure;
    else
        torc_failure_release(failure);
}

void torc__filter_local_address(torc_io *io, torc_address *ret_address)
{
    torc_io *below = self_of(io)->below;

    below->kind->local_address(below, ret_address);
}

void torc__filter_peer_address(torc_io *io, torc_address *ret_address)
{
    torc_io *below = self_of(io)->below;

    below->kind->peer_address(below, ret_address);
}

int torc__filter_set_option(torc_io *io, torc_io_option option, int value)
{
    torc_io *below = self_of(io)->below;

    return below->kind->set_option != NULL ? below->kind->set_option(below, option, value)
                                           : -ENOTSUP;
}

bool torc__filter_close(torc_io *io, bool reset)
{
    torc_io *below = self_of(io)->below;

    return below->kind->close(below, reset);
}

void torc__filter_closed(torc_io *below)
{
    torc_io *io = &torc__filter_of(below)->io;

    io->events->closed(io);
}

void torc__filters_free(torc_transport *transport)
{
    while (transport->top != &transport->io) {
        torc__filter *filter = self_of(transport->top);

        transport->top = filter->below;
        filter->release(filter);
    }
}
