/*
 * The frame receiver: any bytes, cut anywhere, give the same frames as when they come in one piece,
 * with pauses, clearing and the end of the connection in between.
 *
 * The first byte: bits 0 and 1 choose the size of lengths, the rest the cuts. A frame says by its
 * first byte what the receiver does: 'p', a pause; 'c', the end; 'x', what is kept is dropped.
 */
#include <torc.h>
#include <torc/frame.h>
#include <torc/testing.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_LENGTH = 40, INPUT_MAX = 4096 };

static uint64_t events; /* a sum over all that happened, in order */
static bool may_clear;

static void require(bool truth, const char *what)
{
    if (truth)
        return;
    fprintf(stderr, "frame_receiver_fuzz: %s\n", what);
    abort();
}

/* FNV-1a: any difference in what happens shows. */
static void note(uint64_t value)
{
    events = (events ^ value) * UINT64_C(1099511628211);
}

static void on_frame(torc_frame_receiver *frames, torc_slice frame)
{
    char command = frame.length > 0 ? frame.data[0] : '\0';

    require(frame.length <= MAX_LENGTH, "a frame is longer than it may be");
    note('f');
    for (size_t i = 0; i < frame.length; i++)
        note((unsigned char)frame.data[i]);
    if (command == 'p')
        torc_pause_reading(frames->protocol.transport);
    else if (command == 'c')
        torc_lose_connection(frames->protocol.transport);
    else if (command == 'x' && may_clear)
        torc_frame_clear(frames);
}

static void on_too_long(torc_frame_receiver *frames, uint64_t length)
{
    (void)frames;
    require(length > MAX_LENGTH, "a short frame is called too long");
    note('L');
    note(length);
}

/* All the bytes, in pieces of `size`. */
static uint64_t run(torc_factory *factory, torc_slice bytes, size_t size)
{
    torc_test *test = torc_test_new(factory);
    torc_transport *transport = torc_test_protocol(test)->transport;

    events = 0;
    while (bytes.length > 0 && torc_test_state(test) == TORC_TEST_OPEN) {
        torc_slice piece = torc_slice_first(bytes, size);

        bytes = torc_slice_skip(bytes, piece.length);
        torc_test_send_bytes(test, piece);
        while (torc_test_state(test) == TORC_TEST_OPEN && torc_reading_is_paused(transport)) {
            torc_resume_reading(transport);
            torc_test_advance(test, 0);
        }
    }
    torc_test_free(test);
    return events;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    torc_frame_class kind = {
        .protocol = { .name = "Recorder", .size = sizeof(torc_frame_receiver) },
        .max_length = MAX_LENGTH,
        .frame_received = on_frame,
        .frame_too_long = on_too_long,
    };
    torc_slice bytes;
    uint64_t whole;

    if (size < 2 || size > INPUT_MAX)
        return 0;
    kind.length_size = 1u << (data[0] & 3);
    bytes = torc_slice_make(data + 1, size - 1);
    /* What clearing drops depends on what has come by then: no two ways of cutting agree. */
    may_clear = true;
    run(torc_frame_factory(&kind), bytes, (size_t)1 + (data[0] >> 2));
    may_clear = false;
    whole = run(torc_frame_factory(&kind), bytes, size);
    require(run(torc_frame_factory(&kind), bytes, 1) == whole, "cut at every byte it differs");
    require(run(torc_frame_factory(&kind), bytes, (size_t)2 + (data[0] >> 2)) == whole,
        "cut into pieces it differs");
    return 0;
}
