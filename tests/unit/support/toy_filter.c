/*
 * The toy's bytes are turned over in a buffer of its own, which stays as it is while a send is
 * pending, as <torc/driver.h> demands.
 */
#include "support/toy_filter.h"

#include "base/memory.h"
#include "endpoint/kind.h"

#include <errno.h>

toy_mood toy_mood_now;
int toys_made;
int toys_freed;
int toy_layers_freed;
bool toy_tells_peer;

typedef struct toy {
    torc__filter filter;
    bool receives; /* above wants bytes */
    bool sending;  /* our greeting is on its way */
    bool heard;    /* the peer's has come */
    bool told;     /* whether the connection may begin */
    char turned[512];
} toy;

static toy *toy_of(torc_io *io)
{
    return TORC_CONTAINER_OF(io, toy, filter.io);
}

static void turn_over(char *to, const char *from, size_t length)
{
    for (size_t i = 0; i < length; i++)
        to[i] = (char)(from[i] ^ TOY_TURNED);
}

/* -- asked from above ---------------------------------------------------------------------- */

static ssize_t toy_send(torc_io *io, const struct iovec *pieces, int count, bool more)
{
    toy *self = toy_of(io);
    torc_io *below = self->filter.below;
    size_t length = pieces->iov_len < sizeof self->turned ? pieces->iov_len : sizeof self->turned;
    struct iovec piece = { .iov_base = self->turned, .iov_len = length };

    turn_over(self->turned, pieces->iov_base, length);
    return below->kind->send(below, &piece, 1, more || count > 1 || length < pieces->iov_len);
}

static ssize_t toy_send_file(torc_io *io, int file, int64_t offset, size_t length)
{
    (void)io;
    (void)file;
    (void)offset;
    (void)length;
    return -ENOSYS;
}

static void toy_receive(torc_io *io, bool on)
{
    torc_io *below = toy_of(io)->filter.below;

    toy_of(io)->receives = on;
    below->kind->receive(below, on);
}

static int toy_finish(torc_io *io)
{
    torc_io *below = toy_of(io)->filter.below;

    return below->kind->finish(below);
}

static void toy_peer_address(torc_io *io, torc_address *ret_address)
{
    if (toy_tells_peer)
        (void)torc_address_parse(TORC_SLICE("192.0.2.77"), 7, ret_address);
    else
        torc__filter_peer_address(io, ret_address);
}

static const torc_io_class toy_class = {
    .name = "toy",
    .send = toy_send,
    .send_file = toy_send_file,
    .receive = toy_receive,
    .finish = toy_finish,
    .close = torc__filter_close,
    .local_address = torc__filter_local_address,
    .peer_address = toy_peer_address,
    .set_option = torc__filter_set_option,
};

/* -- told from below ----------------------------------------------------------------------- */

static void tell_failure(toy *self, int error, const char *text)
{
    self->told = true;
    torc__filter_explain(&self->filter, torc_failure_new(&torc_error_protocol, "%s", text));
    self->filter.io.events->connected(&self->filter.io, error);
}

static void tell_connected(toy *self)
{
    torc_io *below = self->filter.below;

    self->told = true;
    below->kind->receive(below, false);
    self->filter.io.events->connected(&self->filter.io, 0);
}

static void pass_on(toy *self, torc_slice data, int error)
{
    torc_io *io = &self->filter.io;
    char piece[512];

    if (data.length == 0)
        io->events->received(io, data, error);
    while (data.length > 0) {
        torc_slice first = torc_slice_first(data, sizeof piece);

        turn_over(piece, first.data, first.length);
        io->events->received(io, torc_slice_make(piece, first.length), 0);
        data = torc_slice_skip(data, first.length);
    }
}

static void toy_received(torc_io *below, torc_slice data, int error)
{
    toy *self = torc_of(torc__filter_of(below), toy);

    if (self->told) {
        pass_on(self, data, error);
        return;
    }
    if (data.length == 0) {
        tell_failure(self, error != 0 ? error : ECONNRESET, "the peer left without a greeting");
        return;
    }
    if (data.data[0] != TOY_GREETING) {
        tell_failure(self, EPROTO, "that is no greeting");
        return;
    }
    self->heard = true;
    if (self->sending) {
        below->kind->receive(below, false);
        return;
    }
    tell_connected(self);
    /* Of who reads at once: another toy. The tests' peers wait before they go on to a protocol. */
    if (self->receives && data.length > 1)
        pass_on(self, torc_slice_skip(data, 1), 0);
}

static void toy_sent(torc_io *below, size_t count, int error)
{
    toy *self = torc_of(torc__filter_of(below), toy);
    torc_io *io = &self->filter.io;

    if (!self->sending) {
        io->events->sent(io, count, error);
        return;
    }
    self->sending = false;
    if (error != 0)
        tell_failure(self, error, "the greeting could not be sent");
    else if (self->heard)
        tell_connected(self);
}

static const torc_io_events toy_events = {
    .received = toy_received,
    .sent = toy_sent,
    .closed = torc__filter_closed,
};

/* -- making -------------------------------------------------------------------------------- */

static void free_toy(torc__filter *filter)
{
    toys_freed++;
    torc__free(filter);
}

static toy *new_toy(torc_transport *transport)
{
    toy *self = torc__allocate_zeroed(sizeof *self);

    if (self == NULL)
        return NULL;
    toys_made++;
    self->filter.release = free_toy;
    torc__filter_insert(&self->filter, transport, &toy_class, &toy_events);
    return self;
}

bool insert_toy(torc_transport *transport)
{
    toy *self = new_toy(transport);

    if (self == NULL)
        return false;
    self->told = true;
    return true;
}

static int enter(torc__layer *layer, torc_transport *transport)
{
    static const char greeting = TOY_GREETING;
    struct iovec piece = { .iov_base = (void *)(uintptr_t)&greeting, .iov_len = 1 };
    torc_io *below = transport->top;
    ssize_t sent = 1;
    toy *self;

    (void)layer;
    if (toy_mood_now == TOY_CANNOT_ENTER)
        return EPROTO;
    self = new_toy(transport);
    if (self == NULL)
        return ENOMEM;
    if (toy_mood_now == TOY_GREETS)
        sent = below->kind->send(below, &piece, 1, false);
    if (sent < 0)
        return (int)-sent;
    self->sending = sent == 0;
    below->kind->receive(below, true);
    return 0;
}

static void free_layer(torc__layer *layer)
{
    toy_layers_freed++;
    torc__free(layer);
}

torc__layer *toy_layer(void)
{
    static const torc__layer_class kind = {
        .name = "toy", .enter = enter, .release = free_layer,
    };
    static const torc__layer_class telling_kind = {
        .name = "toy", .tells_peer = true, .enter = enter, .release = free_layer,
    };
    torc__layer *layer = torc__allocate_zeroed(sizeof *layer);

    if (layer == NULL)
        return NULL;
    layer->kind = toy_tells_peer ? &telling_kind : &kind;
    layer->holders = 1;
    return layer;
}

static torc_failure *wrap(torc__endpoint *endpoint, bool listening)
{
    torc__layer *layer = toy_layer();

    (void)listening;
    if (layer == NULL)
        return torc_failure_new(&torc_error_out_of_memory, "%s: out of memory", endpoint->text);
    torc__endpoint_add_layer(endpoint, layer);
    return NULL;
}

void register_toy_kind(void)
{
    static const torc__kind kind = { .name = "toy", .wrap = wrap };

    torc__kind_register(&kind);
}
