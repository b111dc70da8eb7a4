/*
 * The frame receiver: puts frames together, whatever pieces they come in.
 *
 * As in line.c, what waits to be delivered is the bytes that were kept, followed by the input of the
 * moment. Frames inside the input are delivered where they stand; only one that lies across two
 * slices is put together in `kept`. Outside of a delivery there is no input, and unless reading is
 * paused what is kept is less than a frame.
 */
#include <torc/frame.h>

#include "base/abort.h"
#include "transport/factory.h"

#include <string.h>

/* A buffer of this size stays with the connection when it is empty; a larger one goes. */
#define SPARE_SIZE ((size_t)2048)

enum { LENGTH_MAX = 8 };

/* The user's class, and what was replaced in it. The factory has the copy. */
typedef struct frame_kind {
    torc_frame_class frame;
    void (*connection_lost)(torc_protocol *self, const torc_failure *reason);
} frame_kind;

static const frame_kind *kind_of(const torc_frame_receiver *self)
{
    return (const frame_kind *)(const void *)self->protocol.kind;
}

/* -- what is kept -------------------------------------------------------------------------- */

static torc_slice kept_slice(const torc_frame_receiver *self)
{
    if (self->kept == NULL)
        return torc_slice_make(NULL, 0);
    return torc_slice_make(torc_buffer_slice(self->kept).data + self->kept_start,
        self->kept_end - self->kept_start);
}

static void drop_kept(torc_frame_receiver *self)
{
    self->kept_start = 0;
    self->kept_end = 0;
    if (self->kept == NULL || torc_buffer_slice(self->kept).length <= SPARE_SIZE)
        return;
    torc_buffer_release(self->kept);
    self->kept = NULL;
}

/* Room for `more` bytes behind what is kept; twice of what there was, so that little is copied. */
static bool make_room(torc_frame_receiver *self, size_t more)
{
    torc_slice old = kept_slice(self);
    size_t size = old.length * 2 > SPARE_SIZE ? old.length * 2 : SPARE_SIZE;
    torc_buffer *larger;

    if (self->kept != NULL && torc_buffer_slice(self->kept).length - self->kept_end >= more)
        return true;
    if (size < old.length + more)
        size = old.length + more;
    larger = torc_buffer_new(size);
    if (larger == NULL)
        return false;
    if (old.length > 0)
        memcpy(torc_buffer_bytes(larger), old.data, old.length);
    torc_buffer_release(self->kept);
    self->kept = larger;
    self->kept_start = 0;
    self->kept_end = old.length;
    return true;
}

/* Moves `count` bytes from the input to the end of what is kept. False: the connection is ended. */
static bool keep(torc_frame_receiver *self, torc_slice *input, size_t count)
{
    if (count == 0)
        return true;
    if (self->kept_start == self->kept_end)
        self->kept_start = self->kept_end = 0;
    if (!make_room(self, count)) {
        torc_abort_because(self->protocol.transport,
            torc_failure_new(&torc_error_out_of_memory, "no memory to keep what was received"));
        return false;
    }
    memcpy(torc_buffer_bytes(self->kept) + self->kept_end, input->data, count);
    self->kept_end += count;
    *input = torc_slice_skip(*input, count);
    return true;
}

/* -- delivering ---------------------------------------------------------------------------- */

/* The length that stands first in what waits, which has at least its bytes. */
static uint64_t first_length(const torc_frame_receiver *self, torc_slice input)
{
    torc_slice kept = kept_slice(self);
    uint64_t length = 0;

    for (size_t i = 0; i < kind_of(self)->frame.length_size; i++) {
        char byte = i < kept.length ? kept.data[i] : input.data[i - kept.length];

        length = length << 8 | (unsigned char)byte;
    }
    return length;
}

static void end_for_length(torc_frame_receiver *self, uint64_t length)
{
    const frame_kind *kind = kind_of(self);

    if (kind->frame.frame_too_long != NULL)
        kind->frame.frame_too_long(self, length);
    torc_lose_connection(self->protocol.transport);
}

/* With bytes that lie in `kept`, which the callee may clear or replace. */
static void deliver_kept(torc_frame_receiver *self, size_t prefix, size_t length)
{
    torc_buffer *kept = torc_buffer_hold(self->kept);
    torc_slice frame = torc_slice_make(kept_slice(self).data + prefix, length);

    self->kept_start += prefix + length;
    kind_of(self)->frame.frame_received(self, frame);
    torc_buffer_release(kept);
}

/* One frame. False: it takes more input to go on, or the connection ends. */
static bool deliver_frame(torc_frame_receiver *self, torc_slice *input)
{
    const frame_kind *kind = kind_of(self);
    size_t prefix = kind->frame.length_size;
    size_t kept = kept_slice(self).length;
    size_t waiting = kept + input->length;
    uint64_t length;
    torc_slice frame;

    if (waiting < prefix)
        return false;
    length = first_length(self, *input);
    if (length > kind->frame.max_length) {
        end_for_length(self, length);
        return false;
    }
    if (waiting - prefix < length)
        return false;
    if (kept == 0) {
        frame = torc_slice_make(input->data + prefix, (size_t)length);
        *input = torc_slice_skip(*input, prefix + frame.length);
        kind->frame.frame_received(self, frame);
        return true;
    }
    if (kept < prefix + length && !keep(self, input, prefix + (size_t)length - kept))
        return false;
    deliver_kept(self, prefix, (size_t)length);
    return true;
}

static bool may_go_on(const torc_frame_receiver *self)
{
    return !torc_is_closing(self->protocol.transport)
        && !torc_reading_is_paused(self->protocol.transport);
}

static void frame_data_received(torc_protocol *protocol, torc_slice data)
{
    torc_frame_receiver *self = torc_of(protocol, torc_frame_receiver);

    self->input = &data;
    while (may_go_on(self) && deliver_frame(self, &data))
        continue;
    if (torc_is_closing(protocol->transport))
        torc_frame_clear(self);
    else
        (void)keep(self, &data, data.length);
    self->input = NULL;
    if (self->kept_start == self->kept_end)
        drop_kept(self);
}

static void frame_connection_lost(torc_protocol *protocol, const torc_failure *reason)
{
    torc_frame_receiver *self = torc_of(protocol, torc_frame_receiver);
    const frame_kind *kind = kind_of(self);

    if (kind->connection_lost != NULL)
        kind->connection_lost(protocol, reason);
    torc_buffer_release(self->kept);
    self->kept = NULL;
    self->kept_start = self->kept_end = 0;
}

/* -- what users call ----------------------------------------------------------------------- */

void torc_frame_clear(torc_frame_receiver *self)
{
    drop_kept(self);
    if (self->input != NULL)
        *self->input = torc_slice_make(NULL, 0);
}

static void forget_input(torc_protocol *protocol)
{
    torc_frame_clear(torc_of(protocol, torc_frame_receiver));
}

void torc_frame_send(void *receiver, torc_slice frame)
{
    torc_frame_receiver *self = receiver;
    unsigned size = kind_of(self)->frame.length_size;
    uint64_t length = frame.length;
    char prefix[LENGTH_MAX];

    if (size < LENGTH_MAX && length >> (8 * size) != 0)
        torc__abort("torc_frame_send: a frame of %zu bytes, whose length does not fit into %u bytes",
            frame.length, size);
    for (unsigned i = size; i-- > 0; length >>= 8)
        prefix[i] = (char)(length & 0xff);
    torc_write(self->protocol.transport, torc_slice_make(prefix, size));
    torc_write(self->protocol.transport, frame);
}

torc_factory *torc_frame_factory_new(
    const torc_frame_class *kind, const torc_factory_options *options)
{
    frame_kind own = { .frame = *kind };
    unsigned size = kind->length_size != 0 ? kind->length_size : 2;
    torc_protocol_class *copy;
    torc_factory *factory;

    own.connection_lost = kind->protocol.connection_lost;
    if (kind->frame_received == NULL || kind->protocol.data_received != NULL)
        torc__abort("torc_frame_factory: the class of a frame receiver has frame_received in place "
                    "of data_received");
    if (size != 1 && size != 2 && size != 4 && size != 8)
        torc__abort("torc_frame_factory: a length has 1, 2, 4 or 8 bytes, not %u", size);
    own.frame.length_size = size;
    if (own.frame.max_length == 0)
        own.frame.max_length = TORC_FRAME_MAX;
    if (own.frame.protocol.size == 0)
        own.frame.protocol.size = sizeof(torc_frame_receiver);
    factory = torc__factory_new_from(&own.frame.protocol, sizeof(own), options, &copy);
    copy->data_received = frame_data_received;
    copy->connection_lost = frame_connection_lost;
    factory->wants_resume = true;
    factory->forget_input = forget_input;
    return factory;
}

torc_factory *torc_frame_factory(const torc_frame_class *kind)
{
    return torc_frame_factory_new(kind, NULL);
}
