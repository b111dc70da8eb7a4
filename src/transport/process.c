/*
 * A process: its pipes, each of them a transport, and what is told of it.
 *
 *   process_setup.c   opens what the child is to have    process_spawn.c   starts it
 *   process_reap.c    waits for it, ends it              process_output.c  the short forms
 *
 * The process and the user's struct are one block of memory. It lives in the scope that it was
 * started in and has one of its own, in which its pipes are. It is over when all has been told, or
 * when its scope ends; after that nothing of it is told, and the child is process_reap.c's alone.
 *
 * A pipe's transport may end at any moment, deep down on the stack. That is noted, by a member of
 * its scope, and told by a task.
 */
#include "transport/process_start.h"

#include "base/memory.h"
#include "transport/factory.h"
#include "transport/pipe.h"
#include "transport/process_reap.h"
#include "transport/process_setup.h"
#include "transport/state.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

const torc_failure_type torc_error_exited = { "Exited", &torc_error };

typedef struct process process;

typedef struct process_pipe {
    torc_scoped scoped;        /* in the transport's scope: tells of its end */
    torc_transport *transport; /* NULL: it has ended */
    process *owner;
    int number;
    bool reads;                /* we do */
    bool started;
    bool told;                 /* that it has ended */
} process_pipe;

struct process {
    torc__grave grave; /* first */
    torc_scope scope;
    torc__context context;
    torc__child *child;        /* NULL: gone, with the reactor's scope */
    torc__task begin;          /* has the pipes' protocols made */
    torc__task tell;
    process_pipe *pipes;
    size_t pipe_count;
    torc_factory *connects;    /* of the one transport of 0 and 1; or NULL. Not held */
    torc_deferred *connecting; /* fires when that transport's protocol is made */
    int terminal;              /* our end, while its pipe is open; or -1 */
    pid_t pid;
    torc_exit how;
    bool exited;
    bool over;
};

/* The protocol of a pipe that is told by `received`. */
typedef struct pipe_end {
    torc_protocol protocol; /* first */
    process *owner;
    int number;
} pipe_end;

static torc_process *public_of(process *self)
{
    return (torc_process *)(void *)(self + 1);
}

static process *process_of(const torc_process *public)
{
    return (process *)(uintptr_t)public - 1;
}

static const torc__context *enter(process *self)
{
    return torc__enter(self->scope.reactor, &self->context);
}

static void leave(process *self, const torc__context *outer)
{
    torc__leave(self->scope.reactor, outer);
}

/* -- its end ------------------------------------------------------------------------------- */

static void free_process(torc__grave *grave)
{
    process *self = TORC_CONTAINER_OF(grave, process, grave);

    torc__free(self->pipes);
    torc__free(self);
}

/* Pipes whose protocols were never made are ours to drop. */
static void drop_pipes(process *self)
{
    for (size_t i = 0; i < self->pipe_count; i++) {
        process_pipe *pipe = &self->pipes[i];

        torc_scope_remove(&pipe->scoped);
        if (!pipe->started && pipe->transport != NULL)
            torc__transport_drop(pipe->transport);
        pipe->transport = NULL;
    }
}

static void finish(process *self)
{
    if (self->over)
        return;
    self->over = true;
    torc__cancel_task(&self->begin);
    torc__cancel_task(&self->tell);
    drop_pipes(self);
    torc__scope_finish(&self->scope);
    if (self->child != NULL)
        torc__child_let_go(self->child);
    torc__bury(self->scope.reactor, &self->grave, free_process);
}

static void scope_ended(torc_scoped *scoped)
{
    torc_scope *scope = TORC_CONTAINER_OF(scoped, torc_scope, scoped);

    finish(TORC_CONTAINER_OF(scope, process, scope));
}

void torc__process_drop(torc_process *public)
{
    finish(process_of(public));
}

static void describe(const torc__context *context, char *text, size_t size)
{
    process *self = TORC_CONTAINER_OF(context, process, context);
    const char *name = public_of(self)->kind->name;

    snprintf(text, size, "%s,%ld", name != NULL ? name : "Process", (long)self->pid);
}

static void describe_member(const torc_scoped *scoped, char *text, size_t size)
{
    const torc_scope *scope = TORC_CONTAINER_OF(scoped, torc_scope, scoped);

    describe(&TORC_CONTAINER_OF(scope, process, scope)->context, text, size);
}

const torc__member_kind torc__members_process = {
    .end = scope_ended,
    .name = "child process",
    .describe = describe_member,
};

/* -- what is told -------------------------------------------------------------------------- */

static void tell_closed(process *self, process_pipe *pipe)
{
    torc_process *public = public_of(self);
    const torc__context *outer;

    pipe->told = true;
    if (public->kind->closed == NULL)
        return;
    outer = enter(self);
    public->kind->closed(public, pipe->number);
    leave(self, outer);
}

static void tell_ended(process *self)
{
    torc_process *public = public_of(self);
    const torc__context *outer;

    if (public->kind->ended != NULL) {
        outer = enter(self);
        public->kind->ended(public, self->how);
        leave(self, outer);
    }
    finish(self);
}

/*
 * Nearly always the child was the only one that read from us. Not every poller tells that nobody
 * does any more; so the system is asked when the child has exited, and when a pipe closes later.
 */
static void close_unread_pipes(process *self)
{
    for (size_t i = 0; i < self->pipe_count && !self->over; i++) {
        torc_transport *transport = self->pipes[i].transport;
        struct pollfd look = { .fd = -1, .events = 0 };

        if (transport == NULL || self->pipes[i].reads)
            continue;
        look.fd = transport->io.descriptor;
        if (poll(&look, 1, 0) > 0 && (look.revents & POLLERR))
            torc_lose_connection(transport);
    }
}

static void tell(torc__task *task)
{
    process *self = TORC_CONTAINER_OF(task, process, tell);
    bool open = false;

    if (self->exited)
        close_unread_pipes(self);
    for (size_t i = 0; i < self->pipe_count; i++) {
        process_pipe *pipe = &self->pipes[i];

        if (pipe->transport == NULL && !pipe->told)
            tell_closed(self, pipe);
        if (self->over)
            return;
        open = open || pipe->transport != NULL;
    }
    if (self->exited && !open)
        tell_ended(self);
}

static void tell_later(process *self)
{
    if (!self->over)
        torc__queue_after(self->scope.reactor, &self->tell);
}

static void pipe_ended(torc_scoped *scoped)
{
    process_pipe *pipe = TORC_CONTAINER_OF(scoped, process_pipe, scoped);
    process *self = pipe->owner;
    bool was_broken = (pipe->transport->flags & TORC__RESETS) != 0;

    pipe->transport = NULL;
    if (pipe->number == 0)
        self->terminal = -1;
    /* There is nobody to talk to its protocol any more. */
    if (was_broken && self->connects != NULL && !self->over && self->child != NULL)
        torc__child_end(self->child);
    tell_later(self);
}

static const torc__member_kind pipe_members = { .end = pipe_ended };

static void told_exit(void *owner)
{
    process *self = owner;
    torc_process *public = public_of(self);
    const torc__context *outer;

    self->exited = true;
    self->how = self->child->how;
    if (public->kind->exited != NULL) {
        outer = enter(self);
        public->kind->exited(public, self->how);
        leave(self, outer);
    }
    tell_later(self);
}

static void told_gone(void *owner)
{
    process *self = owner;

    self->child = NULL;
    self->exited = true;
}

static void pipe_received(torc_protocol *protocol, torc_slice data)
{
    const pipe_end *end = (const pipe_end *)(const void *)protocol;
    process *self = end->owner;
    torc_process *public = public_of(self);
    const torc__context *outer;

    if (self->over || public->kind->received == NULL)
        return;
    outer = enter(self);
    public->kind->received(public, end->number, data);
    leave(self, outer);
}

static const torc_protocol_class pipe_class = {
    .name = "Pipe",
    .size = sizeof(pipe_end),
    .data_received = pipe_received,
};

/* -- its beginning ------------------------------------------------------------------------- */

static void connection_made(process *self, torc_transport *transport)
{
    torc_deferred *deferred = self->connecting;

    if (deferred == NULL)
        return;
    self->connecting = NULL;
    torc_fire(deferred, torc_pointer(torc__transport_protocol(transport)));
}

static void begin(torc__task *task)
{
    process *self = TORC_CONTAINER_OF(task, process, begin);

    for (size_t i = 0; i < self->pipe_count && !self->over; i++) {
        torc_transport *transport = self->pipes[i].transport;

        self->pipes[i].started = true;
        torc__transport_start(transport, NULL);
        if (!self->over)
            connection_made(self, transport);
    }
    tell_later(self);
}

/* 0 or an errno. */
static int open_pipe(
    process *self, process_pipe *pipe, torc__setup_pipe *opened, torc_factory *factory)
{
    int input = opened->input;
    int output = opened->output;
    pipe_end *end;
    int error;

    pipe->owner = self;
    pipe->number = opened->number;
    pipe->reads = input >= 0;
    pipe->transport = torc__transport_new(&self->scope, factory);
    if (pipe->transport == NULL)
        return ENOMEM;
    torc_scope_add(&pipe->transport->scope, &pipe->scoped, pipe_members.end);
    opened->input = -1;
    opened->output = -1;
    error = -torc__pipe_open(pipe->transport, input, output, NULL, NULL);
    if (error == 0 && torc__transport_protocol(pipe->transport)->kind == &pipe_class) {
        end = (pipe_end *)(void *)torc__transport_protocol(pipe->transport);
        end->owner = self;
        end->number = pipe->number;
        if (input >= 0 && input == output)
            self->terminal = input;
    }
    return error;
}

/* NULL when memory is out. */
static torc_factory *factory_of(const process *self, const torc__setup_pipe *pipe)
{
    const torc_factory_options options = { .kind = &pipe_class };

    if (self->connects != NULL)
        return torc_factory_hold(self->connects);
    if (pipe->factory != NULL)
        return torc_factory_hold(pipe->factory);
    return torc__factory_try_new(&options);
}

/* 0 or an errno. */
static int open_pipes(process *self, torc__setup *setup)
{
    if (setup->pipe_count == 0)
        return 0;
    self->pipes = torc__allocate_zeroed(setup->pipe_count * sizeof *self->pipes);
    if (self->pipes == NULL)
        return ENOMEM;
    for (size_t i = 0; i < setup->pipe_count; i++) {
        torc_factory *factory = factory_of(self, &setup->pipes[i]);
        int error = ENOMEM;

        if (factory == NULL)
            return error;
        error = open_pipe(self, &self->pipes[i], &setup->pipes[i], factory);
        torc_factory_release(factory);
        if (self->pipes[i].transport != NULL)
            self->pipe_count++;
        if (error != 0)
            return error;
    }
    return 0;
}

/* NULL, or why there is no child. */
static torc_failure *start_child(process *self, torc__setup *setup)
{
    torc__spawn *spawn = &setup->spawn;
    const char *step = "keep the pipes of";
    int error = open_pipes(self, setup);
    torc__child *child;

    if (error == 0)
        error = torc__spawn_child(spawn, &step);
    if (error == 0) {
        child = self->child;
        child->has_group = spawn->new_group || spawn->new_session;
        step = "watch";
        error = torc__child_started(child, spawn->pid, spawn->descriptor);
        self->child = error == 0 ? child : NULL;
    }
    if (error != 0)
        return torc_failure_from_errno(error, "cannot %s %s", step, spawn->arguments[0]);
    self->pid = spawn->pid;
    child->told_exit = told_exit;
    child->told_gone = told_gone;
    child->owner = self;
    return NULL;
}

static process *allocate(torc_scope *scope, const torc_process_class *kind,
    const torc_process_options *options)
{
    size_t size = kind->size > sizeof(torc_process) ? kind->size : sizeof(torc_process);
    process *self = torc__allocate_zeroed(sizeof *self + size);

    if (self == NULL)
        return NULL;
    self->child = torc__child_new(scope->reactor);
    if (self->child == NULL) {
        torc__free(self);
        return NULL;
    }
    if (options->patience > 0)
        self->child->patience = options->patience;
    self->child->stays = options->stays;
    self->terminal = -1;
    self->begin.run = begin;
    self->tell.run = tell;
    self->context.describe = describe;
    torc__scope_init(&self->scope, scope, scope->reactor, scope_ended);
    self->scope.context = &self->context;
    public_of(self)->kind = kind;
    return self;
}

/* Of one whose child was never started. */
static void give_up(process *self)
{
    if (self->child != NULL)
        torc__child_discard(self->child);
    self->child = NULL;
    finish(self);
}

torc_process *torc__process_start(torc_scope *scope, const torc_process_class *kind,
    const torc_process_options *options, torc_factory *connects, torc_failure **reterr_failure)
{
    process *self = scope->ended ? NULL : allocate(scope, kind, options);
    torc__setup setup;

    if (self == NULL) {
        *reterr_failure = torc_failure_new(
            scope->ended ? &torc_error_cancelled : &torc_error_out_of_memory,
            "a child process cannot be started");
        return NULL;
    }
    self->connects = connects;
    *reterr_failure = torc__setup_open(&setup, options, connects != NULL);
    if (*reterr_failure == NULL)
        *reterr_failure = start_child(self, &setup);
    torc__setup_close(&setup);
    if (*reterr_failure != NULL) {
        give_up(self);
        return NULL;
    }
    torc__queue_task(scope->reactor, &self->begin);
    return public_of(self);
}

void torc__process_tell_made(torc_process *public, torc_deferred *deferred)
{
    process_of(public)->connecting = deferred;
}

torc_process *torc_process_spawn(torc_scope *scope, const torc_process_class *kind,
    const torc_process_options *options, torc_failure **reterr_failure)
{
    torc_process *public;

    torc__check_thread(scope->reactor, "torc_process_spawn");
    public = torc__process_start(scope, kind, options, NULL, reterr_failure);
    for (size_t i = 0; options->descriptors != NULL && i < options->descriptor_count; i++)
        if (options->descriptors[i].factory != NULL)
            torc_factory_release(options->descriptors[i].factory);
    return public;
}

torc_process *torc_spawn_command(torc_scope *scope, const torc_process_class *kind,
    const char *const *arguments, torc_failure **reterr_failure)
{
    torc_process_options options = { .arguments = arguments };

    return torc_process_spawn(scope, kind, &options, reterr_failure);
}

/* -- what can be asked of it --------------------------------------------------------------- */

torc_scope *torc_process_scope(torc_process *public)
{
    return &process_of(public)->scope;
}

pid_t torc_process_id(const torc_process *public)
{
    return process_of(public)->pid;
}

bool torc_process_has_exited(const torc_process *public)
{
    return process_of(public)->exited;
}

torc_transport *torc_process_transport(torc_process *public, int number)
{
    process *self = process_of(public);

    for (size_t i = 0; i < self->pipe_count; i++)
        if (self->pipes[i].number == number)
            return self->pipes[i].transport;
    return NULL;
}

void torc_process_write(torc_process *public, int number, torc_slice bytes)
{
    torc_transport *transport = torc_process_transport(public, number);

    torc__check_thread(process_of(public)->scope.reactor, "torc_process_write");
    if (transport != NULL)
        torc_write(transport, bytes);
}

void torc_process_close(torc_process *public, int number)
{
    torc_transport *transport = torc_process_transport(public, number);

    torc__check_thread(process_of(public)->scope.reactor, "torc_process_close");
    if (transport != NULL)
        torc_lose_connection(transport);
}

bool torc_process_resize(torc_process *public, torc_terminal_size size)
{
    const process *self = process_of(public);

    torc__check_thread(self->scope.reactor, "torc_process_resize");
    return self->terminal >= 0 && torc__pty_resize(self->terminal, size) == 0;
}

static bool send_signal(torc_process *public, const char *name, bool to_group)
{
    process *self = process_of(public);
    int number = torc_signal_number(name);

    torc__check_thread(self->scope.reactor, "torc_process_signal");
    return number > 0 && self->child != NULL && torc__child_signal(self->child, number, to_group);
}

bool torc_process_signal(torc_process *public, const char *name)
{
    return send_signal(public, name, false);
}

bool torc_process_signal_group(torc_process *public, const char *name)
{
    return send_signal(public, name, true);
}

void torc_process_end(torc_process *public)
{
    process *self = process_of(public);

    torc__check_thread(self->scope.reactor, "torc_process_end");
    if (self->child != NULL)
        torc__child_end(self->child);
}
