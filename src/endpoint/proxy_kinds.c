/*
 * haproxy: the PROXY protocol's header before a connection.
 *
 *     haproxy:tcp:8080           listening: each connection begins with one, of either version
 *     haproxy:tcp:host:80        connecting: sends one of version 1 with our own addresses
 *     haproxy-v2:tcp:host:80     ... of version 2
 */
#include "endpoint/further_kinds.h"

#include "base/memory.h"
#include "endpoint/handshake.h"
#include "endpoint/proxy_header.h"

typedef struct header_layer {
    torc__layer layer;
    unsigned version; /* connecting */
} header_layer;

/* -- listening ----------------------------------------------------------------------------- */

static int read_header(torc__handshake *self, torc_slice bytes)
{
    torc__proxy_header header;
    const char *problem;
    int length = torc__proxy_header_read(bytes, &header, &problem);

    if (length < 0)
        return torc__handshake_break(self, &torc_error_protocol, "%s", problem);
    if (length == 0)
        return TORC__HANDSHAKE_MORE;
    self->announced = header.known;
    self->peer = header.source;
    self->local = header.destination;
    self->over = true;
    return length;
}

static int enter_listening(torc__layer *layer, torc_transport *transport)
{
    static const torc__handshake_class kind = {
        .name = "the PROXY protocol's header",
        .size = sizeof(torc__handshake),
        .bytes_max = TORC__PROXY_HEADER_MAX,
        .read = read_header,
    };

    return torc__handshake_enter(&kind, layer, transport);
}

/* -- connecting ---------------------------------------------------------------------------- */

static void say_header(torc__handshake *self, const torc__layer *layer)
{
    torc_io *below = self->filter.below;
    torc_address source = { .kind = TORC_ADDRESS_NONE };
    torc_address destination = { .kind = TORC_ADDRESS_NONE };

    below->kind->local_address(below, &source);
    below->kind->peer_address(below, &destination);
    torc__handshake_say(self,
        torc__proxy_header_write(TORC_CONTAINER_OF(layer, const header_layer, layer)->version,
            &source, &destination, torc__handshake_room(self)));
    self->over = true;
}

static int enter_connecting(torc__layer *layer, torc_transport *transport)
{
    static const torc__handshake_class kind = {
        .name = "the PROXY protocol's header",
        .size = sizeof(torc__handshake),
        .begin = say_header,
    };

    return torc__handshake_enter(&kind, layer, transport);
}

/* -- the kinds ----------------------------------------------------------------------------- */

static void free_layer(torc__layer *layer)
{
    torc__free(TORC_CONTAINER_OF(layer, header_layer, layer));
}

static torc_failure *add_layer(torc__endpoint *endpoint, bool listening, unsigned version)
{
    static const torc__layer_class listens = {
        .name = "PROXY", .tells_peer = true, .enter = enter_listening, .release = free_layer,
    };
    static const torc__layer_class connects = {
        .name = "PROXY", .enter = enter_connecting, .release = free_layer,
    };
    header_layer *layer = torc__allocate_zeroed(sizeof(*layer));

    if (layer == NULL)
        return torc_failure_new(&torc_error_out_of_memory, "%s: out of memory", endpoint->text);
    layer->layer.kind = listening ? &listens : &connects;
    layer->layer.holders = 1;
    layer->version = version;
    torc__endpoint_add_layer(endpoint, &layer->layer);
    return NULL;
}

static torc_failure *wrap(torc__endpoint *endpoint, bool listening)
{
    return add_layer(endpoint, listening, 1);
}

static torc_failure *wrap_v2(torc__endpoint *endpoint, bool listening)
{
    return add_layer(endpoint, listening, 2);
}

const torc__kind torc__kind_haproxy = { .name = "haproxy", .wrap = wrap };
const torc__kind torc__kind_haproxy_v2 = { .name = "haproxy-v2", .wrap = wrap_v2 };
