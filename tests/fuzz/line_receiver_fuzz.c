/*
 * The line receiver: any bytes, cut anywhere, give the same events as when they come in one piece,
 * with changes of mode, pauses and the end of the connection in between; and it never keeps more
 * than it must.
 *
 * The first byte chooses the delimiter and the cuts. Lines say what the receiver does: 'r' and a
 * byte, so many bytes of raw data; 'p', a pause; 'c', the end; 'y', raw data is given back as a
 * copy from here on.
 */
#include "../unit/protocol/fake_transport.h"

#include <stdint.h>

enum { MAX_LENGTH = 12 };

typedef struct recorder {
    torc_line_receiver lines;
    uint64_t events; /* a sum over all that happened, in order */
    size_t raw_left;
    bool by_copy;
    bool last_was_raw;
} recorder;

static recorder self;

static void require(bool truth)
{
    if (!truth)
        abort();
}

/* FNV-1a: any difference in what happens shows. */
static void note_byte(unsigned char byte)
{
    self.events = (self.events ^ byte) * UINT64_C(1099511628211);
}

static void note(char kind, torc_slice bytes)
{
    if (kind != 'r' || !self.last_was_raw)
        note_byte((unsigned char)kind);
    for (size_t i = 0; i < bytes.length; i++)
        note_byte((unsigned char)bytes.data[i]);
    if (kind != 'r')
        note_byte(0xff);
    self.last_was_raw = kind == 'r';
}

static void on_line(torc_line_receiver *lines, torc_slice line)
{
    require(line.length <= MAX_LENGTH);
    note('l', line);
    if (line.length == 2 && line.data[0] == 'r') {
        self.raw_left = (unsigned char)line.data[1] % 32;
        torc_line_set_raw(lines);
    } else if (torc_slice_is(line, "p"))
        fake_pause_reading(lines->protocol.transport);
    else if (torc_slice_is(line, "c"))
        fake_lose_connection(lines->protocol.transport);
    else if (torc_slice_is(line, "y"))
        self.by_copy = true;
}

static void on_raw(torc_line_receiver *lines, torc_slice data)
{
    torc_slice mine = torc_slice_first(data, self.raw_left);
    torc_slice rest = torc_slice_skip(data, mine.length);
    char *copy;

    if (mine.length > 0)
        note('r', mine);
    self.raw_left -= mine.length;
    if (self.raw_left > 0)
        return;
    if (!self.by_copy) {
        torc_line_set_lines(lines, rest);
        return;
    }
    copy = torc_slice_dup(rest);
    require(copy != NULL);
    torc_line_set_lines(lines, torc_slice_make(copy, rest.length));
    free(copy);
}

static void on_too_long(torc_line_receiver *lines, torc_slice start)
{
    (void)lines;
    require(start.length == MAX_LENGTH);
    note('L', start);
}

static void feed(const char *bytes, size_t length)
{
    if (fake.closing)
        return;
    fake_feed(&self.lines, bytes, length);
    while (fake.paused && !fake.closing) {
        fake_resume_reading(self.lines.protocol.transport);
        fake_turn(&self.lines);
    }
    if (fake.closing)
        require(kept_length(&self.lines) == 0);
    else
        require(kept_length(&self.lines) < MAX_LENGTH + 8);
}

/* All the bytes, in pieces of 1 to `most` bytes. */
static uint64_t run(const torc_line_class *kind, const char *bytes, size_t length, size_t most)
{
    uint64_t seed = most;
    uint64_t events;

    memset(&self, 0, sizeof(self));
    fake_open(&self.lines, kind);
    while (length > 0) {
        size_t piece = most;

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        if (most > 1 && most < length)
            piece = 1 + (size_t)(seed >> 33) % most;
        if (piece > length)
            piece = length;
        feed(bytes, piece);
        bytes += piece;
        length -= piece;
    }
    events = self.events;
    fake_close(&self.lines);
    return events;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const delimiters[] = { NULL, "\n", "aab", "--" };
    torc_line_class kind = {
        .protocol = { .name = "Recorder", .size = sizeof(recorder) },
        .max_length = MAX_LENGTH,
        .line_received = on_line,
        .raw_received = on_raw,
        .line_too_long = on_too_long,
    };
    const char *bytes = (const char *)data + 1;
    uint64_t events;

    if (size < 2)
        return 0;
    kind.delimiter = delimiters[data[0] & 3];
    events = run(&kind, bytes, size - 1, size);
    require(run(&kind, bytes, size - 1, 1) == events);
    require(run(&kind, bytes, size - 1, 2 + (data[0] >> 2)) == events);
    return 0;
}
