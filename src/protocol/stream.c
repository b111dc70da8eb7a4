/*
 * Streams: what is received is kept until a coroutine reads it; what is written waits for room.
 *
 * Each function that waits is a loop: take what is there, or say why there will be no more, or wait
 * until that may have changed. Who waits is woken with nothing, and looks for itself; so nothing
 * needs to be said twice, and a wake-up too many does no harm.
 *
 * Invariants. Reading is paused only while more is kept than may be, or nobody could be told of a
 * failure. A coroutine's nodes in `writers` lie on its stack, and are out of the list when its
 * torc_await returns: by then the deferred was fired or its canceller has run.
 */
#include "protocol/stream.h"

#include "base/abort.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "deferred/waiting.h"

#include <stdarg.h>
#include <string.h>

/* A block of this size stays with an idle connection; a larger one goes. */
#define IDLE_SIZE ((size_t)4096)

/* Up to this size what is read is lent from the same buffer again and again. */
#define SPARE_SIZE ((size_t)1024)

#define NOT_FOUND SIZE_MAX

/* One coroutine that waits for what was written to leave. */
typedef struct writer {
    torc__list link;
    torc_deferred *deferred;
    torc_timer timer;
} writer;

static torc_transport *transport_of(const torc_stream *self)
{
    return self->protocol != NULL ? self->protocol->protocol.transport : NULL;
}

/* -- what is kept --------------------------------------------------------------------------- */

static torc_slice kept(const torc_stream *self)
{
    return torc_slice_make(self->kept + self->kept_start, self->kept_end - self->kept_start);
}

static size_t kept_max(const torc_stream *self)
{
    size_t most = self->line_max + 2 > TORC_STREAM_KEPT ? self->line_max + 2 : TORC_STREAM_KEPT;

    return self->need.length > most ? self->need.length : most;
}

/* Room for `count` more at the end: by moving to the front, or in a larger block. */
static bool make_room(torc_stream *self, size_t count)
{
    torc_slice old = kept(self);
    size_t capacity = self->kept_capacity > 0 ? self->kept_capacity : 256;
    char *block = self->kept;

    if (count <= self->kept_capacity - self->kept_end)
        return true;
    if (count > SIZE_MAX / 4 || old.length > SIZE_MAX / 4)
        return false;
    while (capacity < old.length + count)
        capacity *= 2;
    if (capacity > self->kept_capacity) {
        block = torc__allocate(capacity);
        if (block == NULL)
            return false;
    }
    if (old.length > 0)
        memmove(block, old.data, old.length);
    if (block != self->kept)
        torc__free(self->kept);
    self->kept = block;
    self->kept_capacity = capacity;
    self->searched = self->searched > self->kept_start ? self->searched - self->kept_start : 0;
    self->kept_start = 0;
    self->kept_end = old.length;
    return true;
}

static void drop_kept(torc_stream *self)
{
    torc__free(self->kept);
    self->kept = NULL;
    self->kept_start = self->kept_end = self->kept_capacity = self->searched = 0;
}

static void consume(torc_stream *self, size_t count)
{
    torc_transport *transport = transport_of(self);

    self->kept_start += count;
    if (self->kept_start == self->kept_end) {
        self->kept_start = self->kept_end = self->searched = 0;
        if (self->kept_capacity > IDLE_SIZE)
            drop_kept(self);
    }
    if (transport != NULL && torc_reading_is_paused(transport) &&
        kept(self).length <= kept_max(self) / 2)
        torc_resume_reading(transport);
}

/* -- what there is to be read ---------------------------------------------------------------- */

/* How long the first line is that is kept, with its end. */
static size_t find_line(torc_stream *self)
{
    size_t from = self->searched > self->kept_start ? self->searched : self->kept_start;
    const char *end = from < self->kept_end
        ? memchr(self->kept + from, '\n', self->kept_end - from) : NULL;

    if (end == NULL) {
        self->searched = self->kept_end;
        return NOT_FOUND;
    }
    self->searched = (size_t)(end - self->kept);
    return self->searched + 1 - self->kept_start;
}

/* Whether there can be no line of legal length, however it goes on. */
static bool line_is_too_long(const torc_stream *self)
{
    torc_slice bytes = kept(self);

    return bytes.length > self->line_max + 1 ||
        (bytes.length == self->line_max + 1 && bytes.data[self->line_max] != '\r');
}

static bool has_what_is_needed(torc_stream *self)
{
    if (self->need.line)
        return find_line(self) != NOT_FOUND || line_is_too_long(self);
    return kept(self).length >= self->need.length;
}

/* Lends the first `length` bytes, and lets go of these and of `end` more. */
static torc_result lend(
    torc_stream *self, torc__coroutine *caller, size_t length, size_t end)
{
    torc_slice bytes = torc_slice_first(kept(self), length);
    torc_buffer *buffer = self->spare;

    if (length > SPARE_SIZE) {
        buffer = torc_buffer_copy(bytes);
    } else if (buffer == NULL || !torc__buffer_refill(buffer, SPARE_SIZE, bytes)) {
        torc_buffer_release(buffer);
        buffer = self->spare = torc_buffer_new(SPARE_SIZE);
        if (buffer != NULL)
            (void)torc__buffer_refill(buffer, SPARE_SIZE, bytes);
    }
    if (buffer == NULL)
        return torc__coroutine_lend(caller, torc_fail_with(&torc_error_out_of_memory,
            "no memory for what is read; it is still there"));
    if (buffer == self->spare)
        torc_buffer_hold(buffer);
    consume(self, length + end);
    return torc__coroutine_lend(caller, torc_bytes(buffer));
}

static torc_result lend_failure(torc__coroutine *caller, torc_failure *failure)
{
    return torc__coroutine_lend(caller, torc_fail(failure));
}

/* Why the stream has no more to give or to take. */
static torc_failure *why_ended(const torc_stream *self)
{
    if (self->reason != NULL)
        return torc_failure_hold(self->reason);
    return torc_failure_new(&torc_error_connection_done, "the peer has ended what it sends");
}

static torc_failure *ended_within(const torc_stream *self, size_t length)
{
    torc_failure *why = why_ended(self);

    return torc_failure_because(torc_failure_new(torc_failure_type_of(why),
        "the end came after %zu of %zu bytes", kept(self).length, length), why);
}

static bool has_ended(const torc_stream *self)
{
    return self->read_ended || self->protocol == NULL;
}

/* -- waiting to read ------------------------------------------------------------------------- */

static void wake_reader(torc_stream *self, torc_result result)
{
    torc_deferred *reading = self->reading;

    self->reading = NULL;
    torc_timer_cancel(&self->reading_timer);
    if (reading != NULL)
        torc_fire(reading, result);
    else
        torc_result_release(result);
}

static void stop_reading(torc_deferred *deferred, void *argument)
{
    torc_stream *self = argument;

    (void)deferred;
    self->reading = NULL;
    torc_timer_cancel(&self->reading_timer);
}

static torc_failure *too_late(const torc_stream *self)
{
    return torc_failure_new(&torc_error_timeout, "nothing came of it within %g s",
        (double)self->timeout / (double)TORC_SECOND);
}

static void read_timed_out(void *argument)
{
    torc_stream *self = argument;

    wake_reader(self, torc_fail(too_late(self)));
}

/* Gives nothing when it is worth looking again, or why there is no use in it. */
static torc_result wait_to_read(torc_stream *self, torc__stream_need need, const char *call)
{
    torc_transport *transport = transport_of(self);
    torc_deferred *reading;
    torc_result woken;

    if (self->reading != NULL)
        torc__abort("%s: a coroutine reads from this stream already; let one read, and give the "
                    "others what they need", call);
    if (torc_scope_has_ended(self->scope))
        return torc__coroutine_refuse(torc__coroutine_to_wait(self->reactor, call),
            "the scope of the stream has ended");
    reading = torc_deferred_new(self->scope, stop_reading, self);
    self->reading = reading;
    self->need = need;
    if (self->timeout > 0)
        torc_timer_set(
            &self->reading_timer, self->scope, self->timeout, read_timed_out, self);
    torc_resume_reading(transport);
    woken = torc_await(reading);
    self->need.length = 0;
    return woken;
}

/* -- reading --------------------------------------------------------------------------------- */

torc_result torc_read_line(torc_stream *self)
{
    const torc__stream_need need = { .line = true };

    for (;;) {
        torc__coroutine *caller = torc__coroutine_to_wait(self->reactor, "torc_read_line");
        size_t whole = find_line(self);
        torc_result woken;

        if (whole != NOT_FOUND) {
            size_t end = whole > 1 && kept(self).data[whole - 2] == '\r' ? 2 : 1;

            if (whole - end <= self->line_max)
                return lend(self, caller, whole - end, end);
        }
        if (whole != NOT_FOUND || line_is_too_long(self))
            return lend_failure(caller, torc_failure_new(&torc_error_limit,
                "a line of more than %zu bytes", self->line_max));
        if (has_ended(self))
            return lend_failure(caller, why_ended(self));
        woken = wait_to_read(self, need, "torc_read_line");
        if (torc_is_failure(woken))
            return woken;
    }
}

torc_result torc_read_exactly(torc_stream *self, size_t length)
{
    const torc__stream_need need = { .length = length };

    for (;;) {
        torc__coroutine *caller = torc__coroutine_to_wait(self->reactor, "torc_read_exactly");
        torc_result woken;

        if (length > self->length_max)
            return lend_failure(caller, torc_failure_new(&torc_error_limit,
                "%zu bytes are to be read at once, the limit is %zu", length, self->length_max));
        if (kept(self).length >= length)
            return lend(self, caller, length, 0);
        if (has_ended(self))
            return lend_failure(caller, ended_within(self, length));
        woken = wait_to_read(self, need, "torc_read_exactly");
        if (torc_is_failure(woken))
            return woken;
    }
}

torc_result torc_read_some(torc_stream *self, size_t max)
{
    const torc__stream_need need = { .length = 1 };

    for (;;) {
        torc__coroutine *caller = torc__coroutine_to_wait(self->reactor, "torc_read_some");
        size_t length = kept(self).length < max ? kept(self).length : max;
        torc_result woken;

        if (length > 0 || max == 0)
            return lend(self, caller, length, 0);
        if (has_ended(self))
            return lend_failure(caller, why_ended(self));
        woken = wait_to_read(self, need, "torc_read_some");
        if (torc_is_failure(woken))
            return woken;
    }
}

void torc_stream_set_timeout(torc_stream *self, torc_time timeout)
{
    self->timeout = timeout;
}

void torc_stream_set_limits(torc_stream *self, size_t line_max, size_t length_max)
{
    self->line_max = line_max < SIZE_MAX / 4 ? line_max : SIZE_MAX / 4;
    self->length_max = length_max;
}

/* -- writing --------------------------------------------------------------------------------- */

static void leave_line(torc_deferred *deferred, void *argument)
{
    writer *self = argument;

    (void)deferred;
    torc__list_remove(&self->link);
    torc_timer_cancel(&self->timer);
}

static void write_timed_out(void *argument)
{
    writer *self = argument;

    torc__list_remove(&self->link);
    torc_fire(self->deferred, torc_fail_with(&torc_error_timeout, "the peer reads too slowly"));
}

static void stop_producing(torc_stream *self)
{
    torc_transport *transport = transport_of(self);

    if (self->produces && transport != NULL)
        torc_unregister_producer(transport);
    self->produces = false;
}

/* Who writes more meanwhile, and has to wait again, waits for the next time. */
static void wake_writers(torc_stream *self)
{
    torc__list batch;
    torc__list *link;

    stop_producing(self);
    torc__list_move(&self->writers, &batch);
    while ((link = torc__list_take_first(&batch)) != NULL) {
        writer *first = TORC_CONTAINER_OF(link, writer, link);

        torc_timer_cancel(&first->timer);
        torc_fire(first->deferred, torc_nothing());
    }
}

static void producer_resume(torc_producer *producer)
{
    wake_writers(TORC_CONTAINER_OF(producer, torc_stream, producer));
}

/* connection_lost comes next, and tells the writers. */
static void producer_stop(torc_producer *producer)
{
    TORC_CONTAINER_OF(producer, torc_stream, producer)->produces = false;
}

static const torc_producer_class producer_class = {
    .resume = producer_resume,
    .stop = producer_stop,
};

/* A pull producer is resumed when little is left, which is just what the writers want to know. */
static torc_result wait_for_room(torc_stream *self)
{
    writer own;

    if (torc_scope_has_ended(self->scope))
        return torc__coroutine_refuse(torc__coroutine_to_wait(self->reactor, "torc_write_all"),
            "the scope of the stream has ended");
    memset(&own, 0, sizeof own);
    own.deferred = torc_deferred_new(self->scope, leave_line, &own);
    torc__list_append(&self->writers, &own.link);
    if (self->timeout > 0)
        torc_timer_set(&own.timer, self->scope, self->timeout, write_timed_out, &own);
    if (!self->produces) {
        self->produces = true;
        torc_register_pull_producer(transport_of(self), &self->producer);
    }
    return torc_await(own.deferred);
}

/* `bytes` or `buffer`, whichever there is. */
static torc_result write_and_wait(torc_stream *self, torc_slice bytes, torc_buffer *buffer)
{
    torc__coroutine *caller = torc__coroutine_to_wait(self->reactor, "torc_write_all");
    torc_transport *transport = transport_of(self);
    torc_result waited;

    if (transport == NULL)
        return lend_failure(caller, why_ended(self));
    if (torc_is_closing(transport))
        return lend_failure(caller,
            torc_failure_new(&torc_error_connection_done, "the stream is being closed"));
    if (buffer != NULL)
        torc_write_buffer(transport, buffer);
    else
        torc_write(transport, bytes);
    if (torc_unsent(transport) <= TORC_HIGH_WATER || torc_is_closing(transport))
        return torc__coroutine_lend(caller, torc_nothing());
    waited = wait_for_room(self);
    if (torc_is_failure(waited) || self->protocol != NULL)
        return waited;
    return lend_failure(torc__coroutine_to_wait(self->reactor, "torc_write_all"), why_ended(self));
}

torc_result torc_write_all(torc_stream *self, torc_slice bytes)
{
    return write_and_wait(self, bytes, NULL);
}

torc_result torc_stream_printf(torc_stream *self, const char *format, ...)
{
    torc_buffer *text;
    torc_result result;
    va_list arguments;
    int length;

    va_start(arguments, format);
    text = torc__buffer_vprintf(format, arguments, &length);
    va_end(arguments);
    if (text == NULL)
        return lend_failure(torc__coroutine_to_wait(self->reactor, "torc_stream_printf"),
            torc_failure_new(&torc_error_out_of_memory, "no memory for what is to be written"));
    result = write_and_wait(self, torc_slice_make(NULL, 0), text);
    torc_buffer_release(text);
    return result;
}

void torc_stream_end_writing(torc_stream *self)
{
    if (self->protocol != NULL)
        torc_lose_write(transport_of(self));
}

torc_transport *torc_stream_transport(const torc_stream *self)
{
    return transport_of(self);
}

/* -- what the connection tells --------------------------------------------------------------- */

void torc__stream_data_received(torc_protocol *protocol, torc_slice data)
{
    torc_stream *self = torc_of(protocol, torc__stream_protocol)->stream;

    if (self == NULL || data.length == 0)
        return;
    if (!make_room(self, data.length)) {
        torc_abort_because(protocol->transport,
            torc_failure_new(&torc_error_out_of_memory, "no memory to keep what was received"));
        return;
    }
    memcpy(self->kept + self->kept_end, data.data, data.length);
    self->kept_end += data.length;
    if (kept(self).length >= kept_max(self))
        torc_pause_reading(protocol->transport);
    if (self->reading != NULL && has_what_is_needed(self))
        wake_reader(self, torc_nothing());
}

void torc__stream_read_lost(torc_protocol *protocol)
{
    torc_stream *self = torc_of(protocol, torc__stream_protocol)->stream;

    if (self == NULL)
        return;
    self->read_ended = true;
    wake_reader(self, torc_nothing());
}

/* Lets go of the connection; both sides' coroutines go on, and may end the stream in doing so. */
static void part(torc_stream *self, torc_failure *reason)
{
    self->reason = reason;
    self->protocol->stream = NULL;
    stop_producing(self);
    self->protocol = NULL;
    wake_reader(self, torc_nothing());
    wake_writers(self);
}

void torc__stream_connection_lost(torc_protocol *protocol, const torc_failure *reason)
{
    torc_stream *self = torc_of(protocol, torc__stream_protocol)->stream;

    if (self != NULL)
        part(self, torc_failure_hold(reason));
}

/* -- beginning and end ----------------------------------------------------------------------- */

static void free_stream(torc__grave *grave)
{
    torc_stream *self = TORC_CONTAINER_OF(grave, torc_stream, grave);

    drop_kept(self);
    torc_buffer_release(self->spare);
    torc_failure_release(self->reason);
    torc__free(self);
}

/* Its waits are members of the same scope, and newer: they have ended before it. */
static void scope_ended(torc_scoped *scoped)
{
    torc_stream *self = TORC_CONTAINER_OF(scoped, torc_stream, scoped);

    torc__list_remove(&self->link);
    if (self->protocol != NULL) {
        self->protocol->stream = NULL;
        stop_producing(self);
        self->protocol = NULL;
    }
    if (self->reason == NULL)
        self->reason =
            torc_failure_new(&torc_error_connection_aborted, "the scope of the stream has ended");
    torc__bury_out_of_line(self->reactor, &self->grave, free_stream);
}

/* The connection is what is under way. */
const torc__member_kind torc__members_stream = { .end = scope_ended };

torc_stream *torc__stream_new(torc_scope *scope, torc__stream_protocol *protocol)
{
    torc_stream *self = torc__allocate_zeroed(sizeof *self);

    if (self == NULL)
        return NULL;
    self->reactor = torc_scope_reactor(scope);
    self->scope = scope;
    self->protocol = protocol;
    self->line_max = TORC_STREAM_LINE_MAX;
    self->length_max = TORC_STREAM_LENGTH_MAX;
    self->producer.kind = &producer_class;
    torc__list_init(&self->writers);
    torc_scope_add(scope, &self->scoped, scope_ended);
    protocol->stream = self;
    return self;
}

void torc_close_stream(torc_stream *self)
{
    torc_transport *transport = transport_of(self);

    if (transport != NULL)
        torc_lose_connection(transport);
    /* That of a function goes with the connection, because the function may still use it. */
    if (self->function != NULL || self->closed)
        return;
    self->closed = true;
    if (self->protocol != NULL)
        part(self, torc_failure_new(&torc_error_connection_done, "the stream was closed by us"));
    if (self->scoped.newer == NULL)
        return; /* its scope ended meanwhile */
    torc_scope_remove(&self->scoped);
    torc__list_remove(&self->link);
    torc__bury_out_of_line(self->reactor, &self->grave, free_stream);
}
