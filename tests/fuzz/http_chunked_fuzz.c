/*
 * Any bytes as a chunked body. The first two say where to cut. Whole, cut there, and byte by byte
 * it must give the same data and end at the same byte with the same event.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "web/http_chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

typedef struct attempt {
    torc__http_chunked decoder;
    torc__http_chunked_event event;
    size_t consumed;
    size_t length;
    char *body; /* as long as the whole input, which is more than can come out */
} attempt;

static void begin(attempt *self, size_t input)
{
    torc__http_chunked_init(&self->decoder);
    self->event = TORC__HTTP_CHUNKED_NEED_MORE;
    self->consumed = 0;
    self->length = 0;
    self->body = malloc(input + 1);
    REQUIRE(self->body != NULL);
}

static void end(attempt *self)
{
    free(self->body);
}

static void take(attempt *self, torc_slice piece, torc_slice input, torc_slice data)
{
    REQUIRE(data.length > 0);
    REQUIRE(data.data >= piece.data);
    REQUIRE(data.data + data.length <= piece.data + piece.length);
    REQUIRE(data.data + data.length == input.data);
    memcpy(self->body + self->length, data.data, data.length);
    self->length += data.length;
}

static void feed(attempt *self, torc_slice text)
{
    char *block;
    torc_slice piece;
    torc_slice input;
    torc_slice data;

    if (self->event != TORC__HTTP_CHUNKED_NEED_MORE)
        return;
    block = malloc(text.length > 0 ? text.length : 1);
    REQUIRE(block != NULL);
    if (text.length > 0)
        memcpy(block, text.data, text.length);
    piece = torc_slice_make(block, text.length);
    input = piece;
    while ((self->event = torc__http_chunked_next(&self->decoder, &input, &data)) ==
        TORC__HTTP_CHUNKED_DATA)
        take(self, piece, input, data);
    REQUIRE(self->event != TORC__HTTP_CHUNKED_NEED_MORE || input.length == 0);
    REQUIRE(input.data + input.length == piece.data + piece.length);
    self->consumed += piece.length - input.length;
    free(block);
}

static void require_same(const attempt *a, const attempt *b)
{
    REQUIRE(a->event == b->event);
    REQUIRE(a->consumed == b->consumed);
    REQUIRE(a->length == b->length);
    REQUIRE(memcmp(a->body, b->body, a->length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attempt whole;
    attempt cut;
    torc_slice text;
    size_t at;

    if (size < 2)
        return 0;
    text = torc_slice_make(data + 2, size - 2);
    at = (size_t)(data[0] << 8 | data[1]) % (text.length + 1);

    begin(&whole, text.length);
    feed(&whole, text);
    REQUIRE(whole.consumed <= text.length);
    REQUIRE(whole.length < whole.consumed || whole.length == 0);

    begin(&cut, text.length);
    feed(&cut, torc_slice_first(text, at));
    feed(&cut, torc_slice_skip(text, at));
    require_same(&whole, &cut);
    end(&cut);

    begin(&cut, text.length);
    for (at = 0; at < text.length; at++)
        feed(&cut, torc_slice_make(text.data + at, 1));
    require_same(&whole, &cut);
    end(&cut);
    end(&whole);
    return 0;
}
