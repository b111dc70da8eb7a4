/*
 * Passing a chain of layers, one after the other.
 */
#include "endpoint/layer.h"

torc__layer *torc__layer_hold(torc__layer *layer)
{
    if (layer != NULL)
        layer->holders++;
    return layer;
}

void torc__layer_release(torc__layer *layer)
{
    while (layer != NULL && --layer->holders == 0) {
        torc__layer *next = layer->next;

        layer->kind->release(layer);
        layer = next;
    }
}

static void pass_next(torc__entry *entry)
{
    torc__layer *layer = entry->next;
    int error;

    if (layer == NULL) {
        entry->entered(entry, 0);
        return;
    }
    entry->next = layer->next;
    error = layer->kind->enter(layer, entry->transport);
    if (error != 0)
        entry->entered(entry, error);
}

static void passed(torc__connector *connector, int error)
{
    torc__entry *entry = TORC_CONTAINER_OF(connector, torc__entry, connector);

    if (error != 0)
        entry->entered(entry, error);
    else
        pass_next(entry);
}

void torc__entry_start(torc__entry *entry, torc_transport *transport, torc__layer *chain)
{
    entry->connector.connected = passed;
    entry->transport = transport;
    entry->next = chain;
    transport->attached.connector = &entry->connector;
    pass_next(entry);
}

void torc__entry_peer(const torc__entry *entry, torc_address *ret_peer)
{
    torc_io *top = entry->transport->top;

    top->kind->peer_address(top, ret_peer);
}
