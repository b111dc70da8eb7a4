/*
 * dns_frame: messages in a stream of bytes: each behind its length in two bytes (RFC 1035 4.2.2).
 */
#ifndef TORC_NAMES_DNS_FRAME_H
#define TORC_NAMES_DNS_FRAME_H

#include <torc/slice.h>

/* What has come of a message; zeroed at the beginning. */
typedef struct torc__dns_frame {
    size_t length;
    size_t size;
    uint8_t *bytes; /* owned */
} torc__dns_frame;

typedef enum torc__dns_frame_outcome {
    TORC__DNS_FRAME_PART,
    TORC__DNS_FRAME_WHOLE,
    TORC__DNS_FRAME_NO_MEMORY,
} torc__dns_frame_outcome;

/*
 * Takes what is missing of the message under way off the front of *data. When it is whole,
 * *ret_message is the message, at frame->bytes + 2, until the next call.
 */
torc__dns_frame_outcome torc__dns_frame_take(
    torc__dns_frame *frame, torc_slice *data, torc_slice *ret_message);

void torc__dns_frame_clear(torc__dns_frame *frame);

#endif /* TORC_NAMES_DNS_FRAME_H */
