/*
 * The block grows to the largest message so far, and holds the length and the message.
 */
#include "names/dns_frame.h"

#include "base/memory.h"
#include "names/dns_bytes.h"

static bool make_room(torc__dns_frame *self, size_t size)
{
    uint8_t *bytes;

    if (size <= self->size)
        return true;
    bytes = torc__reallocate(self->bytes, size);
    if (bytes == NULL)
        return false;
    self->bytes = bytes;
    self->size = size;
    return true;
}

/* Of the length and, once it is there, the message. */
static size_t wanted(const torc__dns_frame *self)
{
    return self->length < 2 ? 2 : 2 + (size_t)torc__dns_get16(self->bytes);
}

torc__dns_frame_outcome torc__dns_frame_take(
    torc__dns_frame *self, torc_slice *data, torc_slice *ret_message)
{
    while (data->length > 0) {
        torc_slice piece = torc_slice_first(*data, wanted(self) - self->length);

        if (!make_room(self, wanted(self)))
            return TORC__DNS_FRAME_NO_MEMORY;
        memcpy(self->bytes + self->length, piece.data, piece.length);
        self->length += piece.length;
        *data = torc_slice_skip(*data, piece.length);
        if (self->length < 2 || self->length < wanted(self))
            continue;
        *ret_message = torc_slice_make(self->bytes + 2, self->length - 2);
        self->length = 0;
        return TORC__DNS_FRAME_WHOLE;
    }
    return TORC__DNS_FRAME_PART;
}

void torc__dns_frame_clear(torc__dns_frame *self)
{
    torc__free(self->bytes);
    memset(self, 0, sizeof *self);
}
