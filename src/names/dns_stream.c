/*
 * A stream is a protocol of its own; the object that its maker has stands beside it, because the
 * protocol goes with its connection, and the maker's hold may end before and after that.
 *
 *     opening: `transport` is ours to drop -> started: `protocol` is set until connection_lost
 */
#include "names/dns_stream.h"

#include "base/memory.h"
#include "names/dns_bytes.h"
#include "names/dns_frame.h"
#include "transport/factory.h"

#include <errno.h>

typedef struct dns_stream {
    torc_protocol protocol;
    torc__dns_stream *stream; /* NULL: its maker has closed it */
    torc__dns_frame frame;
} dns_stream;

struct torc__dns_stream {
    torc__grave grave;
    torc__connector connector;
    torc_reactor *reactor;
    const torc__dns_stream_events *events;
    void *owner;               /* NULL: closed */
    torc_transport *transport; /* while it is being opened */
    dns_stream *protocol;
    torc_address server;
    size_t length;
    uint8_t query[]; /* with its length in front */
};

static void bury(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, torc__dns_stream, grave));
}

/* -- the protocol -------------------------------------------------------------------------- */

static void made(torc_protocol *protocol)
{
    torc__dns_stream *stream = torc_of(protocol, dns_stream)->stream;

    torc_write(protocol->transport, torc_slice_make(stream->query, stream->length));
}

static void fail(torc__dns_stream *stream, int error)
{
    if (stream != NULL && stream->owner != NULL)
        stream->events->failed(stream->owner, error);
}

static void data_received(torc_protocol *protocol, torc_slice data)
{
    dns_stream *self = torc_of(protocol, dns_stream);
    torc_slice message;

    while (self->stream != NULL) {
        switch (torc__dns_frame_take(&self->frame, &data, &message)) {
        case TORC__DNS_FRAME_WHOLE:
            self->stream->events->received(self->stream->owner, message);
            break;
        case TORC__DNS_FRAME_NO_MEMORY:
            fail(self->stream, ENOMEM);
            return;
        default:
            return;
        }
    }
}

static void lost(torc_protocol *protocol, const torc_failure *reason)
{
    dns_stream *self = torc_of(protocol, dns_stream);
    torc__dns_stream *stream = self->stream;

    (void)reason;
    self->stream = NULL;
    torc__dns_frame_clear(&self->frame);
    if (stream == NULL)
        return;
    stream->protocol = NULL;
    fail(stream, ECONNRESET);
}

static const torc_protocol_class stream_class = {
    .name = "DNS",
    .size = sizeof(dns_stream),
    .connection_made = made,
    .data_received = data_received,
    .connection_lost = lost,
};

/* -- opening and closing ------------------------------------------------------------------- */

static void connected(torc__connector *connector, int error)
{
    torc__dns_stream *self = TORC_CONTAINER_OF(connector, torc__dns_stream, connector);
    torc_transport *transport = self->transport;

    if (error != 0) {
        fail(self, error);
        return;
    }
    self->transport = NULL;
    self->protocol = torc_of(torc__transport_protocol(transport), dns_stream);
    self->protocol->stream = self;
    torc__transport_start(transport, &self->server);
}

int torc__dns_stream_open_tcp(
    torc_transport *transport, const torc_address *server, torc__connector *connector)
{
    torc_driver *driver = torc_transport_reactor(transport)->driver;

    transport->attached.connector = connector;
    return -driver->kind->connect(driver, &transport->io, server, NULL);
}

void torc__dns_stream_close(torc__dns_stream *stream)
{
    torc_transport *transport;

    if (stream == NULL || stream->owner == NULL)
        return;
    stream->owner = NULL;
    transport = stream->transport;
    stream->transport = NULL;
    if (transport != NULL)
        torc__transport_drop(transport);
    if (stream->protocol != NULL) {
        stream->protocol->stream = NULL;
        torc_abort_connection(stream->protocol->protocol.transport);
    }
    torc__bury(stream->reactor, &stream->grave, bury);
}

static int open_transport(
    torc__dns_stream *self, torc_scope *scope, torc__dns_stream_opener *open)
{
    const torc_factory_options options = { .kind = &stream_class };
    torc_factory *factory = torc__factory_try_new(&options);
    int error;

    if (factory == NULL)
        return ENOMEM;
    self->transport = torc__transport_new(scope, factory);
    torc_factory_release(factory);
    if (self->transport == NULL)
        return ENOMEM;
    error = open(self->transport, &self->server, &self->connector);
    if (error == 0)
        return 0;
    torc__transport_drop(self->transport);
    self->transport = NULL;
    return error;
}

torc__dns_stream *torc__dns_stream_new(torc_scope *scope, torc__dns_stream_opener *open,
    const torc_address *server, torc_slice bytes, const torc__dns_stream_events *events,
    void *owner, int *ret_error)
{
    torc__dns_stream *self = torc__allocate_zeroed(sizeof *self + 2 + bytes.length);

    *ret_error = ENOMEM;
    if (self == NULL)
        return NULL;
    self->connector.connected = connected;
    self->reactor = torc_scope_reactor(scope);
    self->events = events;
    self->owner = owner;
    self->server = *server;
    self->length = 2 + bytes.length;
    torc__dns_set16(self->query, (uint16_t)bytes.length);
    memcpy(self->query + 2, bytes.data, bytes.length);
    *ret_error = open_transport(self, scope, open);
    if (*ret_error == 0)
        return self;
    torc__free(self);
    return NULL;
}
