/*
 * frame: a protocol in frames: the length of each, in one, two, four or eight bytes, then its bytes.
 *
 * The length is in network byte order and does not count itself. Frames arrive whole, whatever
 * pieces they come in, and are borrowed until the callback returns.
 *
 *     static void packet(torc_frame_receiver *self, torc_slice frame)
 *     {
 *         torc_frame_send(self, frame);
 *     }
 *
 *     static const torc_frame_class echo = {
 *         .protocol = { .name = "FrameEcho" },
 *         .frame_received = packet,
 *     };
 *
 *     torc_listen(scope, "tcp:9000", torc_frame_factory(&echo));
 *
 * A protocol of your own begins with a torc_frame_receiver, as with a torc_protocol, and its size
 * stands in protocol.size. Pausing reading holds back frames that have come already.
 */
#ifndef TORC_FRAME_H
#define TORC_FRAME_H

#include <torc/protocol.h>

TORC_BEGIN_DECLS

typedef struct torc_frame_receiver torc_frame_receiver;

/* The longest frame unless the class says otherwise, where its length can say so much. */
#define TORC_FRAME_MAX ((size_t)1024 * 1024)

typedef struct torc_frame_class {
    torc_protocol_class protocol; /* its data_received must be NULL: the frame receiver has it */

    unsigned length_size; /* of the length before each frame, in bytes: 1, 2, 4 or 8; 0: 2 */
    size_t max_length;    /* of a frame; 0: TORC_FRAME_MAX */

    /* A frame, which may be empty. Always set. */
    void (*frame_received)(torc_frame_receiver *self, torc_slice frame);

    /*
     * A frame of `length` bytes is announced, which is more than max_length. After that the
     * connection is ended as by torc_lose_connection: where the next frame begins is lost. May be
     * NULL.
     */
    void (*frame_too_long)(torc_frame_receiver *self, uint64_t length);
} torc_frame_class;

struct torc_frame_receiver {
    torc_protocol protocol;
    /* private */
    torc_buffer *kept; /* an unfinished frame, or what came while paused */
    size_t kept_start; /* in `kept`: what is before has been delivered */
    size_t kept_end;
    torc_slice *input; /* while bytes are being delivered: those that are not kept */
};

/* A factory of frame receivers; as torc_factory_of. */
TORC_API torc_factory *torc_frame_factory(const torc_frame_class *kind);

/* With options; options->kind is not used. */
TORC_API torc_factory *torc_frame_factory_new(
    const torc_frame_class *kind, const torc_factory_options *options);

/*
 * Sends a frame, of any length that its length can say; a longer one aborts the program. `self` is
 * any struct that begins with a torc_frame_receiver.
 */
TORC_API void torc_frame_send(void *self, torc_slice frame);

/* Drops what has been received and not been delivered. */
TORC_API void torc_frame_clear(torc_frame_receiver *self);

TORC_END_DECLS

#endif /* TORC_FRAME_H */
