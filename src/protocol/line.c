/*
 * The line receiver: cuts bytes into lines, whatever pieces they come in.
 *
 * What waits to be delivered is always the bytes that were kept, followed by the input: what is
 * left of the slice that data_received was handed. Lines inside the input are delivered where they
 * stand; only a line that lies across two slices is put together in `kept`. One loop delivers, and
 * asks before each step whether the connection is closing, whether reading is paused, and which
 * mode it is in: so a callback may change any of them any number of times.
 *
 * Invariants: outside of the loop there is no input. No delimiter begins in `kept` before
 * `searched`. Unless reading is paused, what is kept is less than a line of the maximal length and
 * its delimiter.
 */
#include <torc/line.h>

#include "base/abort.h"
#include "transport/factory.h"

#include <string.h>

/* A buffer of this size stays with the connection when it is empty; a larger one goes. */
#define SPARE_SIZE ((size_t)512)

#define NOT_FOUND SIZE_MAX

/* The user's class, and what was replaced in it. The factory has the copy. */
typedef struct line_kind {
    torc_line_class line;
    torc_slice delimiter;
    void (*connection_lost)(torc_protocol *self, const torc_failure *reason);
} line_kind;

typedef struct torc__line_delivery {
    torc_slice input;
    torc_slice raw; /* what raw_received was handed and may give back a part of */
    bool raw_kept;  /* that lies in `kept`, not in the input's slice */
} delivery;

static const line_kind *kind_of(const torc_line_receiver *self)
{
    return (const line_kind *)(const void *)self->protocol.kind;
}

/* -- what is kept -------------------------------------------------------------------------- */

static size_t kept_length(const torc_line_receiver *self)
{
    return self->kept_end - self->kept_start;
}

static torc_slice kept_slice(const torc_line_receiver *self)
{
    if (self->kept == NULL)
        return torc_slice_make(NULL, 0);
    return torc_slice_skip(
        torc_slice_first(torc_buffer_slice(self->kept), self->kept_end), self->kept_start);
}

static void drop_kept(torc_line_receiver *self)
{
    self->kept_start = 0;
    self->kept_end = 0;
    self->searched = 0;
    if (self->kept == NULL || torc_buffer_slice(self->kept).length <= SPARE_SIZE)
        return;
    torc_buffer_release(self->kept);
    self->kept = NULL;
}

static size_t rounded_up(size_t size)
{
    size_t rounded = 128;

    while (rounded < size && rounded <= SIZE_MAX / 2)
        rounded *= 2;
    return rounded < size ? size : rounded;
}

/* Makes `front` followed by what is kept the new content, in a new buffer with room for `more`. */
static bool rebuild_kept(torc_line_receiver *self, torc_slice front, size_t more)
{
    torc_slice old = kept_slice(self);
    torc_buffer *buffer;

    if (more > SIZE_MAX / 4 || front.length > SIZE_MAX / 4)
        return false;
    buffer = torc_buffer_new(rounded_up(front.length + old.length + more));
    if (buffer == NULL)
        return false;
    if (front.length > 0)
        memcpy(torc_buffer_bytes(buffer), front.data, front.length);
    if (old.length > 0)
        memcpy(torc_buffer_bytes(buffer) + front.length, old.data, old.length);
    torc_buffer_release(self->kept);
    self->kept = buffer;
    /* Bytes in front may begin a delimiter that ends in what was searched. */
    self->searched = front.length > 0 || self->searched < self->kept_start
        ? 0 : self->searched - self->kept_start;
    self->kept_start = 0;
    self->kept_end = front.length + old.length;
    return true;
}

static void out_of_memory(torc_line_receiver *self)
{
    torc_abort_because(self->protocol.transport,
        torc_failure_new(&torc_error_out_of_memory, "no memory to keep what was received"));
}

/* Moves `count` bytes from the input to the end of what is kept. False: the connection is ended. */
static bool keep(torc_line_receiver *self, delivery *under_way, size_t count)
{
    if (count == 0)
        return true;
    if (kept_length(self) == 0)
        self->kept_start = self->kept_end = self->searched = 0;
    if ((self->kept == NULL ||
            count > torc_buffer_slice(self->kept).length - self->kept_end) &&
        !rebuild_kept(self, torc_slice_make(NULL, 0), count)) {
        out_of_memory(self);
        return false;
    }
    memcpy(torc_buffer_bytes(self->kept) + self->kept_end, under_way->input.data, count);
    self->kept_end += count;
    under_way->input = torc_slice_skip(under_way->input, count);
    return true;
}

/* Takes `count` bytes off the front of what waits. */
static void consume(torc_line_receiver *self, delivery *under_way, size_t count)
{
    size_t from_kept = count < kept_length(self) ? count : kept_length(self);

    self->kept_start += from_kept;
    under_way->input = torc_slice_skip(under_way->input, count - from_kept);
}

/*
 * The first `count` bytes of what waits, in one piece, which stays as it is until consume. Data
 * NULL with a count above 0: the connection is ended.
 */
static torc_slice gather(torc_line_receiver *self, delivery *under_way, size_t count)
{
    size_t kept = kept_length(self);

    if (kept == 0)
        return torc_slice_first(under_way->input, count);
    if (count > kept && !keep(self, under_way, count - kept))
        return torc_slice_make(NULL, count);
    return torc_slice_first(kept_slice(self), count);
}

/* -- finding delimiters -------------------------------------------------------------------- */

/* By the delimiter's last byte, because memchr is much faster than a search for several. */
static size_t find(torc_slice bytes, torc_slice delimiter)
{
    size_t before = delimiter.length - 1;
    char last = delimiter.data[before];
    size_t at = before;

    while (at < bytes.length) {
        const char *hit = memchr(bytes.data + at, last, bytes.length - at);

        if (hit == NULL)
            return NOT_FOUND;
        at = (size_t)(hit - bytes.data);
        if (before == 0 || memcmp(hit - before, delimiter.data, before) == 0)
            return at - before;
        at++;
    }
    return NOT_FOUND;
}

/* Where in `kept` a delimiter begins that ends in `input`. */
static size_t find_across(torc_slice kept, size_t from, torc_slice input, torc_slice delimiter)
{
    for (size_t at = from; at < kept.length; at++) {
        size_t here = kept.length - at;

        if (delimiter.length - here <= input.length &&
            memcmp(kept.data + at, delimiter.data, here) == 0 &&
            memcmp(input.data, delimiter.data + here, delimiter.length - here) == 0)
            return at;
    }
    return NOT_FOUND;
}

/* Where in what waits the first delimiter begins. */
static size_t find_delimiter(torc_line_receiver *self, const delivery *under_way)
{
    torc_slice delimiter = kind_of(self)->delimiter;
    torc_slice kept = kept_slice(self);
    size_t from = self->searched > self->kept_start ? self->searched - self->kept_start : 0;
    size_t at;

    if (kept.length > 0) {
        at = find(torc_slice_skip(kept, from), delimiter);
        if (at != NOT_FOUND)
            return from + at;
        if (kept.length >= delimiter.length && from < kept.length - (delimiter.length - 1))
            from = kept.length - (delimiter.length - 1);
        self->searched = self->kept_start + from;
        at = find_across(kept, from, under_way->input, delimiter);
        if (at != NOT_FOUND)
            return at;
    }
    at = find(under_way->input, delimiter);
    return at != NOT_FOUND ? kept.length + at : NOT_FOUND;
}

/* Whether a line that begins with `start`, which has no delimiter in it, may be short enough. */
static bool may_fit(const torc_line_receiver *self, torc_slice start)
{
    const line_kind *kind = kind_of(self);
    size_t maximum = kind->line.max_length;

    if (start.length <= maximum)
        return true;
    for (size_t at = maximum + 1; at-- > 0 && start.length - at < kind->delimiter.length;)
        if (memcmp(start.data + at, kind->delimiter.data, start.length - at) == 0)
            return true;
    return false;
}

/* -- delivering ---------------------------------------------------------------------------- */

static bool may_go_on(const torc_line_receiver *self)
{
    return !torc_is_closing(self->protocol.transport) &&
        !torc_reading_is_paused(self->protocol.transport);
}

/* Calls with bytes that may lie in `kept`, which the callee may clear or replace. */
static void call_with(torc_line_receiver *self,
    void (*call)(torc_line_receiver *self, torc_slice bytes), torc_slice bytes)
{
    torc_buffer *kept = self->kept;

    if (kept == NULL) {
        call(self, bytes);
        return;
    }
    torc_buffer_hold(kept);
    call(self, bytes);
    torc_buffer_release(kept);
}

static void deliver_raw(torc_line_receiver *self, delivery *under_way)
{
    const line_kind *kind = kind_of(self);

    under_way->raw_kept = kept_length(self) > 0;
    under_way->raw = under_way->raw_kept ? kept_slice(self) : under_way->input;
    consume(self, under_way, under_way->raw.length);
    if (kind->line.raw_received != NULL)
        call_with(self, kind->line.raw_received, under_way->raw);
    under_way->raw = torc_slice_make(NULL, 0);
}

static void deliver_too_long(torc_line_receiver *self, delivery *under_way)
{
    const line_kind *kind = kind_of(self);
    torc_slice start = gather(self, under_way, kind->line.max_length);

    if (start.data == NULL)
        return;
    consume(self, under_way, start.length);
    self->skipping = true;
    if (kind->line.line_too_long != NULL)
        call_with(self, kind->line.line_too_long, start);
    else
        torc_lose_connection(self->protocol.transport);
}

/* Keeps what waits, all of which has been searched: of a line that is skipped only its end. */
static bool keep_searched(torc_line_receiver *self, delivery *under_way)
{
    size_t tail = kind_of(self)->delimiter.length - 1;
    size_t length = kept_length(self) + under_way->input.length;

    if (self->skipping && length > tail)
        consume(self, under_way, length - tail);
    if (!keep(self, under_way, under_way->input.length))
        return false;
    if (kept_length(self) > tail)
        self->searched = self->kept_end - tail;
    return true;
}

/* There is no delimiter in what waits. False: it takes more input to go on. */
static bool wait_for_more(torc_line_receiver *self, delivery *under_way)
{
    const line_kind *kind = kind_of(self);
    size_t maximum = kind->line.max_length;
    size_t length = kept_length(self) + under_way->input.length;
    bool fits = length <= maximum || length - maximum < kind->delimiter.length;

    if (fits || self->skipping) {
        if (!keep_searched(self, under_way) || self->skipping || may_fit(self, kept_slice(self)))
            return false;
    }
    deliver_too_long(self, under_way);
    return true;
}

/* One line, or one step towards it. False: it takes more input to go on. */
static bool deliver_line(torc_line_receiver *self, delivery *under_way)
{
    const line_kind *kind = kind_of(self);
    size_t length = find_delimiter(self, under_way);
    torc_slice line;

    if (length == NOT_FOUND)
        return wait_for_more(self, under_way);
    if (self->skipping) {
        self->skipping = false;
        consume(self, under_way, length + kind->delimiter.length);
        return true;
    }
    if (length > kind->line.max_length) {
        deliver_too_long(self, under_way);
        return true;
    }
    line = gather(self, under_way, length);
    if (line.data == NULL && length > 0)
        return false;
    consume(self, under_way, length + kind->delimiter.length);
    call_with(self, kind->line.line_received, line);
    return true;
}

static void line_data_received(torc_protocol *protocol, torc_slice data)
{
    torc_line_receiver *self = torc_of(protocol, torc_line_receiver);
    delivery under_way = { .input = data };
    bool more = true;

    self->delivery = &under_way;
    while (more && (kept_length(self) > 0 || under_way.input.length > 0) && may_go_on(self)) {
        if (self->raw)
            deliver_raw(self, &under_way);
        else
            more = deliver_line(self, &under_way);
    }
    if (torc_is_closing(protocol->transport))
        torc_line_clear(self);
    else
        keep(self, &under_way, under_way.input.length);
    self->delivery = NULL;
    if (kept_length(self) == 0)
        drop_kept(self);
}

static void line_connection_lost(torc_protocol *protocol, const torc_failure *reason)
{
    torc_line_receiver *self = torc_of(protocol, torc_line_receiver);
    const line_kind *kind = kind_of(self);

    if (kind->connection_lost != NULL)
        kind->connection_lost(protocol, reason);
    torc_buffer_release(self->kept);
    self->kept = NULL;
    self->kept_start = self->kept_end = 0;
}

/* -- what users call ----------------------------------------------------------------------- */

/*
 * Has what is kept looked at in the next turn: after a change of mode from elsewhere than inside a
 * delivery it may be deliverable, with no further byte to come.
 */
static void look_again(torc_line_receiver *self)
{
    torc_transport *transport = self->protocol.transport;

    if (self->delivery != NULL || kept_length(self) == 0 || !may_go_on(self))
        return;
    torc_pause_reading(transport);
    torc_resume_reading(transport);
}

void torc_line_set_raw(torc_line_receiver *self)
{
    self->raw = true;
    self->skipping = false;
    look_again(self);
}

/* Whether `rest` is the end of what raw_received was handed, and can be taken back as it stands. */
static bool take_back(torc_line_receiver *self, torc_slice rest)
{
    delivery *under_way = self->delivery;
    torc_slice raw;

    if (under_way == NULL || rest.length > under_way->raw.length)
        return false;
    raw = torc_slice_skip(under_way->raw, under_way->raw.length - rest.length);
    if (raw.data != rest.data)
        return false;
    if (under_way->raw_kept) {
        if (self->kept == NULL || self->kept_start < rest.length ||
            torc_buffer_slice(self->kept).data + self->kept_start - rest.length != rest.data)
            return false;
        self->kept_start -= rest.length;
    } else {
        if (kept_length(self) > 0 || under_way->input.data != rest.data + rest.length)
            return false;
        under_way->input = torc_slice_make(rest.data, rest.length + under_way->input.length);
    }
    /* Given back once, it is not the end of what was handed any more. */
    under_way->raw = torc_slice_first(under_way->raw, under_way->raw.length - rest.length);
    return true;
}

void torc_line_set_lines(torc_line_receiver *self, torc_slice rest)
{
    self->raw = false;
    if (rest.length > 0 && !take_back(self, rest) && !rebuild_kept(self, rest, 0))
        out_of_memory(self);
    look_again(self);
}

void torc_line_clear(torc_line_receiver *self)
{
    drop_kept(self);
    if (self->delivery != NULL)
        self->delivery->input = torc_slice_make(NULL, 0);
}

/* Also of the slice that is being delivered, and of what raw_received could give back. */
static void forget_input(torc_protocol *protocol)
{
    torc_line_receiver *self = torc_of(protocol, torc_line_receiver);

    torc_line_clear(self);
    self->skipping = false;
    if (self->delivery != NULL)
        self->delivery->raw = torc_slice_make(NULL, 0);
}

void torc_line_send(torc_line_receiver *self, torc_slice line)
{
    torc_write(self->protocol.transport, line);
    torc_write(self->protocol.transport, kind_of(self)->delimiter);
}

torc_factory *torc_line_factory_new(
    const torc_line_class *kind, const torc_factory_options *options)
{
    line_kind own = { .line = *kind };
    torc_protocol_class *copy;
    torc_factory *factory;

    own.delimiter = torc_slice_of(kind->delimiter != NULL ? kind->delimiter : "\r\n");
    own.connection_lost = kind->protocol.connection_lost;
    if (kind->line_received == NULL || kind->protocol.data_received != NULL)
        torc__abort("torc_line_factory: the class of a line receiver has line_received, and "
                    "raw_received where it is needed, in place of data_received");
    if (own.delimiter.length == 0)
        torc__abort("torc_line_factory: the delimiter is empty; NULL stands for \"\\r\\n\"");
    if (own.line.max_length == 0)
        own.line.max_length = TORC_LINE_MAX;
    if (own.line.protocol.size == 0)
        own.line.protocol.size = sizeof(torc_line_receiver);
    factory = torc__factory_new_from(&own.line.protocol, sizeof(own), options, &copy);
    copy->data_received = line_data_received;
    copy->connection_lost = line_connection_lost;
    factory->wants_resume = true;
    factory->forget_input = forget_input;
    return factory;
}

torc_factory *torc_line_factory(const torc_line_class *kind)
{
    return torc_line_factory_new(kind, NULL);
}
