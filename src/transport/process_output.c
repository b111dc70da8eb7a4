/*
 * The short forms: a command is run, and what came of it is a deferred's result.
 *
 * What has been captured belongs to the process's scope, and goes with it.
 */
#include "transport/process_start.h"

#include "base/memory.h"
#include "reactor/reactor.h"

#include <errno.h>
#include <stdio.h>

/* So much of the end of what it wrote to its standard error is part of the failure. */
enum { TAIL_MAX = 512 };

enum { FIRST_CAPACITY = 4096 };

typedef struct capture {
    torc_process process; /* first */
    torc_scoped scoped;   /* in the process's scope */
    torc_deferred *deferred;
    torc_buffer *bytes;   /* the output, or the line that is not over; NULL: none yet */
    size_t length;
    size_t maximum;
    torc_process_line *line; /* NULL: the output as a whole is wanted */
    void *argument;
    char tail[TAIL_MAX];
    size_t tail_length;
    char name[64];
} capture;

static capture *capture_of(torc_process *process)
{
    return (capture *)(void *)process;
}

/* -- the result ---------------------------------------------------------------------------- */

static void give(capture *self, torc_result result)
{
    torc_deferred *deferred = self->deferred;

    self->deferred = NULL;
    torc_fire(deferred, result);
}

/* The child goes its way, which is short; its result is this. */
static void give_up(capture *self, torc_failure *failure)
{
    torc_deferred *deferred = self->deferred;

    self->deferred = NULL;
    torc__process_drop(&self->process);
    torc_fire(deferred, torc_fail(failure));
}

/* A failure's text is one line. */
static torc_slice tail_as_line(capture *self)
{
    for (size_t i = 0; i < self->tail_length; i++)
        if ((unsigned char)self->tail[i] < ' ')
            self->tail[i] = ' ';
    return torc_slice_trim(torc_slice_make(self->tail, self->tail_length));
}

static torc_failure *exit_failure(capture *self, torc_exit how)
{
    torc_slice tail = tail_as_line(self);
    const char *colon = tail.length > 0 ? ": " : "";

    if (how.status >= 0)
        return torc_failure_new(&torc_error_exited, "%s exited with status %d%s%.*s", self->name,
            how.status, colon, TORC_FMT(tail));
    if (how.signal > 0)
        return torc_failure_new(&torc_error_exited, "%s was killed by signal %d%s%.*s", self->name,
            how.signal, colon, TORC_FMT(tail));
    return torc_failure_new(&torc_error_exited,
        "%s exited, but something else in this process took its status%s%.*s", self->name, colon,
        TORC_FMT(tail));
}

static torc_result captured_bytes(capture *self)
{
    torc_buffer *bytes = self->bytes != NULL ? self->bytes : torc_buffer_new(0);

    self->bytes = NULL;
    if (bytes == NULL)
        return torc_fail_with(&torc_error_out_of_memory, "the output of %s", self->name);
    torc_buffer_truncate(bytes, self->length);
    return torc_bytes(bytes);
}

/* -- what it writes ------------------------------------------------------------------------ */

static bool reserve(capture *self, size_t more)
{
    size_t capacity = self->bytes != NULL ? torc_buffer_slice(self->bytes).length : 0;
    torc_buffer *larger;

    if (self->length + more <= capacity)
        return true;
    capacity = capacity > 0 ? 2 * capacity : FIRST_CAPACITY;
    while (capacity < self->length + more)
        capacity *= 2;
    larger = torc_buffer_new(capacity);
    if (larger == NULL)
        return false;
    if (self->length > 0)
        memcpy(torc_buffer_bytes(larger), torc_buffer_bytes(self->bytes), self->length);
    torc_buffer_release(self->bytes);
    self->bytes = larger;
    return true;
}

/* False when that was the end of it. */
static bool append(capture *self, torc_slice data)
{
    if (data.length == 0)
        return true;
    if (!reserve(self, data.length)) {
        give_up(self,
            torc_failure_new(&torc_error_out_of_memory, "the output of %s", self->name));
        return false;
    }
    memcpy(torc_buffer_bytes(self->bytes) + self->length, data.data, data.length);
    self->length += data.length;
    return true;
}

static void take_output(capture *self, torc_slice data)
{
    if (data.length <= self->maximum - self->length)
        (void)append(self, data);
    else
        give_up(self, torc_failure_new(&torc_error_limit,
            "%s wrote more than %zu bytes", self->name, self->maximum));
}

/* Tells the line that was kept, then has none. It stays until told, also if the scope ends. */
static void tell_kept(capture *self)
{
    torc_buffer *bytes = self->bytes != NULL ? torc_buffer_hold(self->bytes) : NULL;
    torc_slice line = torc_slice_make("", 0);

    if (bytes != NULL)
        line = torc_slice_first(torc_buffer_slice(bytes), self->length);
    self->length = 0;
    self->line(self->argument, line);
    torc_buffer_release(bytes);
}

/* In there the scope may end: then `deferred` is NULL, and `self` there until the turn is over. */
static void take_lines(capture *self, torc_slice data)
{
    while (data.length > 0 && self->deferred != NULL) {
        torc_slice line = torc_slice_first(data, torc_slice_find_byte(data, '\n'));
        bool is_whole = line.length < data.length;
        size_t room = TORC_PROCESS_LINE_MAX - self->length;
        bool is_cut = line.length > room;

        if (is_cut) {
            line.length = room;
            is_whole = false;
        }
        data = torc_slice_skip(data, line.length + is_whole);
        if (self->length == 0 && is_whole) {
            self->line(self->argument, line);
            continue;
        }
        if (!append(self, line))
            return;
        if (is_whole || is_cut)
            tell_kept(self);
    }
}

static void take_errors(capture *self, torc_slice data)
{
    size_t kept = self->tail_length;

    if (data.length > TAIL_MAX)
        data = torc_slice_skip(data, data.length - TAIL_MAX);
    if (kept + data.length > TAIL_MAX) {
        size_t gone = kept + data.length - TAIL_MAX;

        memmove(self->tail, self->tail + gone, kept - gone);
        kept -= gone;
    }
    memcpy(self->tail + kept, data.data, data.length);
    self->tail_length = kept + data.length;
}

static void received(torc_process *process, int number, torc_slice data)
{
    capture *self = capture_of(process);

    if (self->deferred == NULL)
        return;
    if (number == 2)
        take_errors(self, data);
    else if (self->line != NULL)
        take_lines(self, data);
    else
        take_output(self, data);
}

static void ended(torc_process *process, torc_exit how)
{
    capture *self = capture_of(process);

    if (self->line != NULL && self->length > 0 && self->deferred != NULL)
        tell_kept(self);
    if (self->deferred == NULL)
        return;
    if (how.status != 0)
        give(self, torc_fail(exit_failure(self, how)));
    else
        give(self, self->line != NULL ? torc_nothing() : captured_bytes(self));
}

static const torc_process_class capture_class = {
    .name = "Command",
    .size = sizeof(capture),
    .received = received,
    .ended = ended,
};

/* -- beginning ----------------------------------------------------------------------------- */

static void drop_capture(torc_scoped *scoped)
{
    capture *self = TORC_CONTAINER_OF(scoped, capture, scoped);

    self->deferred = NULL;
    torc_buffer_release(self->bytes);
    self->bytes = NULL;
}

static const torc__member_kind capture_members = { .end = drop_capture };

static void cancel(torc_deferred *deferred, void *process)
{
    (void)deferred;
    torc__process_drop(process);
}

static torc_deferred *run(torc_scope *scope, const torc_process_options *given,
    torc_process_line *line, void *argument)
{
    const torc_child_descriptor descriptors[] = {
        { .number = 0, .end = given->input.length > 0 ? TORC_CHILD_READS : TORC_CHILD_NULL },
        { .number = 1, .end = TORC_CHILD_WRITES },
        { .number = 2, .end = TORC_CHILD_WRITES },
    };
    torc_process_options options = *given;
    torc_failure *failure = NULL;
    torc_process *process;
    capture *self;

    options.descriptors = descriptors;
    options.descriptor_count = 3;
    options.terminal = NULL;
    process = torc__process_start(scope, &capture_class, &options, NULL, &failure);
    if (process == NULL)
        return torc_deferred_fired(scope, torc_fail(failure));
    self = capture_of(process);
    self->maximum = options.output_max > 0 ? options.output_max : TORC_PROCESS_OUTPUT_MAX;
    self->line = line;
    self->argument = argument;
    snprintf(self->name, sizeof self->name, "%s", options.arguments[0]);
    self->deferred = torc_deferred_new(scope, cancel, process);
    torc_scope_add(torc_process_scope(process), &self->scoped, capture_members.end);
    torc_process_write(process, 0, options.input);
    torc_process_close(process, 0);
    return self->deferred;
}

torc_deferred *torc_process_output_of(torc_scope *scope, const torc_process_options *options)
{
    torc__check_thread(torc_scope_reactor(scope), "torc_process_output_of");
    return run(scope, options, NULL, NULL);
}

torc_deferred *torc_process_output(torc_scope *scope, const char *const *arguments)
{
    torc_process_options options = { .arguments = arguments };

    torc__check_thread(torc_scope_reactor(scope), "torc_process_output");
    return run(scope, &options, NULL, NULL);
}

torc_deferred *torc_process_lines(
    torc_scope *scope, const char *const *arguments, torc_process_line *line, void *argument)
{
    torc_process_options options = { .arguments = arguments };

    torc__check_thread(torc_scope_reactor(scope), "torc_process_lines");
    return run(scope, &options, line, argument);
}

/* -- torc_process_value -------------------------------------------------------------------- */

typedef struct valued {
    torc_process process; /* first */
    torc_deferred *deferred;
} valued;

static void value_ended(torc_process *process, torc_exit how)
{
    valued *self = (valued *)(void *)process;

    torc_fire(self->deferred, torc_integer(how.status >= 0 ? how.status : -how.signal));
}

static const torc_process_class value_class = {
    .name = "Command",
    .size = sizeof(valued),
    .ended = value_ended,
};

torc_deferred *torc_process_value(torc_scope *scope, const char *const *arguments)
{
    static const torc_child_descriptor descriptors[] = {
        { .number = 0, .end = TORC_CHILD_NULL },
        { .number = 1, .end = TORC_CHILD_INHERITS },
        { .number = 2, .end = TORC_CHILD_INHERITS },
    };
    torc_process_options options = { .arguments = arguments };
    torc_failure *failure = NULL;
    torc_process *process;

    torc__check_thread(torc_scope_reactor(scope), "torc_process_value");
    options.descriptors = descriptors;
    options.descriptor_count = 3;
    process = torc__process_start(scope, &value_class, &options, NULL, &failure);
    if (process == NULL)
        return torc_deferred_fired(scope, torc_fail(failure));
    ((valued *)(void *)process)->deferred = torc_deferred_new(scope, cancel, process);
    return ((valued *)(void *)process)->deferred;
}
