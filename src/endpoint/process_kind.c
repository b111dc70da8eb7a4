/*
 * process: connecting to a command, which is started for it: what is said is its standard input,
 * what it writes to its standard output is the answer.
 *
 * A `conversation` stands between the transport and the child, which may go in either order:
 *
 *     the transport closes first: the child reads its end; where the transport was aborted, or
 *         never begun, it is asked to exit
 *     the output ends first: that is told when the child has exited too, so that the connection's
 *         end says how; or after a while, since some children go on without an output
 *
 * The child lives in the scope that was connected in, not in the connection's: a child that is
 * still at work on what it has read must not be ended because the connection was closed.
 */
#include "endpoint/further_kinds.h"

#include <torc/process.h>
#include <torc/timer.h>

#include "base/memory.h"
#include "base/system_call.h"
#include "transport/pipe.h"
#include "transport/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* So long after its output a child may exit, for the connection to end with how it did. */
#define EXIT_PATIENCE (2 * TORC_SECOND)

typedef struct conversation {
    torc__grave grave;
    torc__task made;
    torc_reactor *reactor;
    torc_transport *transport; /* NULL: has closed */
    torc_process *process;     /* NULL: gone */
    torc_scoped scoped;        /* in the process's scope */
    torc_timer waiting;        /* for the child to exit; in the transport's scope */
    torc_exit how;
    bool exited;
    bool output_ended;
    int error;                 /* of its output's end */
} conversation;

/* -- the end ------------------------------------------------------------------------------- */

static void free_conversation(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, conversation, grave));
}

static void bury_if_done(conversation *self)
{
    if (self->transport == NULL && self->process == NULL)
        torc__bury(self->reactor, &self->grave, free_conversation);
}

static torc_failure *exit_failure(const conversation *self)
{
    char how[64];
    torc_failure *cause;

    if (self->how.signal > 0)
        snprintf(how, sizeof how, "was killed by signal %d", self->how.signal);
    else
        snprintf(how, sizeof how, "exited with status %d", self->how.status);
    cause = torc_failure_new(&torc_error_exited, "the command %s", how);
    return torc_failure_because(
        torc_failure_new(&torc_error_connection_lost, "the connection was lost: the command %s",
            how), cause);
}

/* That writing to it failed, before, was a consequence. */
static void explain(conversation *self)
{
    torc_transport *transport = self->transport;

    if (transport->flags & (TORC__ABORTING | TORC__LOST))
        return;
    torc_failure_release(transport->reason);
    transport->reason = exit_failure(self);
}

static void tell_end(conversation *self)
{
    int error = self->error;

    torc_timer_cancel(&self->waiting);
    if (self->exited && (self->how.status > 0 || self->how.signal > 0)) {
        explain(self);
        error = ECONNRESET;
    }
    torc__pipe_tell_end(self->transport, error);
}

static void waited_in_vain(void *argument)
{
    tell_end(argument);
}

static void input_ended(void *argument, int error)
{
    conversation *self = argument;

    if (self->output_ended)
        return;
    self->output_ended = true;
    self->error = error;
    if (self->exited || self->process == NULL)
        tell_end(self);
    else
        torc_timer_set(
            &self->waiting, &self->transport->scope, EXIT_PATIENCE, waited_in_vain, self);
}

static void closing(void *argument)
{
    conversation *self = argument;
    const torc_transport *transport = self->transport;
    bool was_broken = (transport->flags & TORC__RESETS) || !(transport->flags & TORC__STARTED);

    self->transport = NULL;
    torc__cancel_task(&self->made);
    torc_timer_cancel(&self->waiting);
    if (self->process != NULL && was_broken)
        torc_process_end(self->process);
    bury_if_done(self);
}

static const torc__pipe_watcher watcher = { .input_ended = input_ended, .closing = closing };

/* -- the child ----------------------------------------------------------------------------- */

static void exited(torc_process *process, torc_exit how)
{
    conversation *self = process->context;

    self->exited = true;
    self->how = how;
    if (self->transport != NULL && self->output_ended && torc_timer_is_set(&self->waiting))
        tell_end(self);
}

static void process_gone(torc_scoped *scoped)
{
    conversation *self = TORC_CONTAINER_OF(scoped, conversation, scoped);

    self->process = NULL;
    bury_if_done(self);
}

static const torc_process_class child_class = { .name = "ConnectedProcess", .exited = exited };

static const char *next_word(const char *word)
{
    return word + strlen(word) + 1;
}

/* NULL, with *reterr_failure set, when it cannot be started. The descriptors stay the caller's. */
static torc_process *spawn(const torc__endpoint *endpoint, torc_scope *scope, int reads,
    int writes, torc_failure **reterr_failure)
{
    const torc_child_descriptor descriptors[] = {
        { .number = 0, .end = TORC_CHILD_GIVEN, .descriptor = reads },
        { .number = 1, .end = TORC_CHILD_GIVEN, .descriptor = writes },
        { .number = 2, .end = TORC_CHILD_INHERITS },
    };
    const char *arguments[TORC__DESCRIPTION_PARTS_MAX + 1] = { NULL };
    const char *variables[TORC__DESCRIPTION_PARTS_MAX + 1] = { NULL };
    torc_process_options options = {
        .arguments = arguments,
        .variables = variables,
        .descriptors = descriptors,
        .descriptor_count = 3,
    };
    const char *word = endpoint->command;

    for (size_t i = 0; i < endpoint->argument_count; i++, word = next_word(word))
        arguments[i] = word;
    for (size_t i = 0; i < endpoint->variable_count; i++, word = next_word(word))
        variables[i] = word;
    if (word[0] != '\0')
        options.directory = word;
    return torc_process_spawn(scope, &child_class, &options, reterr_failure);
}

/* -- connecting ---------------------------------------------------------------------------- */

/* Two pipes, as the child has them: it reads [0] and writes [1]; ours are `input` and `output`. */
typedef struct pipes {
    int theirs[2];
    int input;
    int output;
} pipes;

/* 0 or an errno, and then none is open. */
static int open_pipes(pipes *self)
{
    int ends[2];
    int error;

    if (TORC__CALL(pipe2, ends, O_CLOEXEC) < 0)
        return errno;
    self->theirs[0] = ends[0];
    self->output = ends[1];
    if (TORC__CALL(pipe2, ends, O_CLOEXEC) < 0) {
        error = errno;
        close(self->theirs[0]);
        close(self->output);
        return error;
    }
    self->input = ends[0];
    self->theirs[1] = ends[1];
    error = -torc__pipe_prepare(self->input);
    if (error == 0)
        error = -torc__pipe_prepare(self->output);
    if (error == 0)
        return 0;
    close(self->theirs[0]);
    close(self->theirs[1]);
    close(self->input);
    close(self->output);
    return error;
}

/* 0 or an errno; transport->reason says more. */
static int start_child(conversation *self, const torc__endpoint *endpoint, torc_scope *scope)
{
    torc_failure *failure = NULL;
    pipes ends;
    int error = open_pipes(&ends);

    if (error != 0)
        return error;
    self->process = spawn(endpoint, scope, ends.theirs[0], ends.theirs[1], &failure);
    close(ends.theirs[0]);
    close(ends.theirs[1]);
    if (self->process == NULL) {
        close(ends.input);
        close(ends.output);
        self->transport->reason = failure;
        return ECHILD;
    }
    self->process->context = self;
    torc_scope_add(torc_process_scope(self->process), &self->scoped, process_gone);
    /* Where this fails `closing` is called, and the child asked to exit. */
    return -torc__pipe_open(self->transport, ends.input, ends.output, &watcher, self);
}

static void tell_connected(torc__task *task)
{
    conversation *self = TORC_CONTAINER_OF(task, conversation, made);
    torc_io *io = &self->transport->io;

    io->events->connected(io, 0);
}

static int process_connect(
    const torc__endpoint *endpoint, torc_scope *scope, torc_transport *transport)
{
    conversation *self = torc__allocate_zeroed(sizeof *self);
    int error;

    if (self == NULL)
        return -ENOMEM;
    self->reactor = scope->reactor;
    self->transport = transport;
    self->made.run = tell_connected;
    error = start_child(self, endpoint, scope);
    if (error == 0) {
        torc__queue_task(self->reactor, &self->made);
    } else if (self->process == NULL && self->transport != NULL) {
        torc__free(self);
    }
    return -error;
}

const torc__carrier torc__child_commands = { .name = "process", .connect = process_connect };

/* -- the description ----------------------------------------------------------------------- */

enum part_kind { ARGUMENT, VARIABLE, DIRECTORY, TIMEOUT, UNKNOWN };

static enum part_kind kind_of(const torc__description_part *part)
{
    static const char *const names[] = { "", "variable", "directory", "timeout" };
    enum part_kind kind = ARGUMENT;

    while (kind != UNKNOWN && !torc_slice_is(part->name, names[kind]))
        kind++;
    return kind;
}

/* Gives how many there are; *ret_end moves behind them. */
static unsigned char keep_words(
    const torc__description *description, enum part_kind kind, char **ret_end)
{
    unsigned char count = 0;

    for (size_t i = 0; i < description->count; i++) {
        torc_slice value = description->parts[i].value;

        if (kind_of(&description->parts[i]) != kind)
            continue;
        memcpy(*ret_end, value.data, value.length);
        (*ret_end)[value.length] = '\0';
        *ret_end += value.length + 1;
        count++;
    }
    return count;
}

static torc_failure *check_parts(
    torc__endpoint *endpoint, const torc__description *description)
{
    for (size_t i = 0; i < description->count; i++) {
        const torc__description_part *part = &description->parts[i];
        const char *rule = NULL;

        switch (kind_of(part)) {
        case UNKNOWN:
            return torc__endpoint_bad(endpoint, "process takes no '%.*s'; it takes variable, "
                "directory and timeout; write '\\=' for a '=' of the command's",
                TORC_FMT(torc_slice_first(part->name, 64)));
        case TIMEOUT:
            rule = torc__read_timeout(endpoint, part->value);
            break;
        case VARIABLE:
            rule = torc_slice_find_byte(part->value, '=') == 0 || part->value.length == 0
                ? "must be NAME=value, or NAME alone to take it away" : NULL;
            break;
        case DIRECTORY:
            rule = part->value.length == 0 ? "must not be empty" : NULL;
            break;
        default:
            break;
        }
        if (rule != NULL)
            return torc__endpoint_bad(endpoint, "%.*s %s", TORC_FMT(part->name), rule);
    }
    return NULL;
}

static torc_failure *expand(const torc__kind *kind, torc__endpoint *endpoint,
    const torc__description *description, bool listening)
{
    torc_failure *failure;
    char *end = endpoint->command;

    (void)kind;
    if (listening)
        return torc__endpoint_bad(endpoint, "process is not for listening");
    failure = check_parts(endpoint, description);
    if (failure != NULL)
        return failure;
    endpoint->argument_count = keep_words(description, ARGUMENT, &end);
    endpoint->variable_count = keep_words(description, VARIABLE, &end);
    if (keep_words(description, DIRECTORY, &end) > 1)
        return torc__endpoint_bad(endpoint, "directory is given twice; give it once");
    *end = '\0';
    if (endpoint->argument_count == 0 || endpoint->command[0] == '\0')
        return torc__endpoint_bad(
            endpoint, "the command is missing; write process:/usr/bin/bc:-q");
    endpoint->carrier = &torc__child_commands;
    return NULL;
}

const torc__kind torc__kind_process = { .name = "process", .expand = expand };
