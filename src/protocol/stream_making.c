/*
 * How streams come about: a factory that starts a coroutine for each connection, a connection that
 * a coroutine makes, and a listener from which coroutines accept.
 *
 * All three are factories of the same protocol; what they do with a connection that was made is in
 * their class. The listener is the context of its factory, and is freed with it: after the last
 * connection, whatever else has ended before.
 */
#include "protocol/stream.h"

#include "base/abort.h"
#include "base/memory.h"
#include "deferred/waiting.h"
#include "transport/factory.h"

#include <torc/log.h>

#include <string.h>

typedef struct stream_kind {
    torc_protocol_class protocol;   /* first */
    torc_stream_function *function; /* of torc_stream_factory; else NULL */
} stream_kind;

struct torc_stream_listener {
    torc_scoped scoped;
    torc_reactor *reactor;
    torc_scope *scope;
    torc_port *port;          /* NULL: closed, or not open yet */
    torc_address address;
    torc__list waiting;       /* streams that wait to be accepted */
    size_t count;             /* of these */
    size_t backlog;
    torc_deferred *accepting; /* a coroutine waits; NULL: none does */
    bool closed;
};

static const stream_kind *kind_of(const torc_protocol *protocol)
{
    return (const stream_kind *)(const void *)protocol->kind;
}

static torc_factory *make_factory(const char *name, torc_stream_function *function,
    void (*made)(torc_protocol *protocol), const torc_factory_options *options)
{
    stream_kind own = {
        .protocol = {
            .name = name,
            .size = sizeof(torc__stream_protocol),
            .connection_made = made,
            .data_received = torc__stream_data_received,
            .read_lost = torc__stream_read_lost,
            .connection_lost = torc__stream_connection_lost,
        },
        .function = function,
    };
    torc_protocol_class *copy;

    return torc__factory_new_from(&own.protocol, sizeof own, options, &copy);
}

/* NULL, and the connection ends, when memory is out. */
static torc_stream *make_stream(torc_protocol *protocol, torc_scope *scope)
{
    torc_stream *stream = torc__stream_new(scope, torc_of(protocol, torc__stream_protocol));

    if (stream == NULL)
        torc_abort_because(protocol->transport,
            torc_failure_new(&torc_error_out_of_memory, "no memory for a stream"));
    return stream;
}

/* -- a coroutine for each connection --------------------------------------------------------- */

static torc_result run_function(torc_scope *scope, void *argument)
{
    torc_stream *stream = argument;

    return stream->function(scope, stream, stream->context);
}

/* That a connection has ended, or was made to, is in the nature of connections. */
static bool is_worth_a_line(const torc_failure *failure)
{
    return !torc_failure_is(failure, &torc_error_connection) &&
        !torc_failure_is(failure, &torc_error_cancelled);
}

static torc_result function_done(void *argument, torc_result result)
{
    torc_stream *stream = argument;

    if (torc_is_failure(result) && is_worth_a_line(torc_result_failure(result)))
        torc_log_describe(TORC_LOG_ERROR, "The coroutine of a connection failed",
            torc_result_failure(result));
    torc_close_stream(stream);
    return torc_nothing();
}

static void function_made(torc_protocol *protocol)
{
    torc_scope *scope = torc_scope_of(protocol);
    torc_stream *stream = make_stream(protocol, scope);

    if (stream == NULL)
        return;
    stream->function = kind_of(protocol)->function;
    stream->context = torc_context_of(protocol);
    torc_add_both(torc_spawn_named(scope, protocol->kind->name, run_function, stream),
        function_done, stream);
}

torc_factory *torc_stream_factory_with(const char *name, torc_stream_function *function,
    void *context, const torc_factory_options *options)
{
    torc_factory_options own;

    memset(&own, 0, sizeof own);
    if (options != NULL)
        own = *options;
    own.context = context;
    return make_factory(name, function, function_made, &own);
}

/* -- connecting ------------------------------------------------------------------------------ */

static void connected(torc_protocol *protocol)
{
    (void)make_stream(protocol, torc_context_of(protocol));
}

torc_result torc_open_stream(
    torc_scope *scope, const char *description, torc_stream **ret_stream)
{
    torc_factory_options options = { .context = scope };
    torc__coroutine *caller =
        torc__coroutine_to_wait(torc_scope_reactor(scope), "torc_open_stream");
    torc_result opened;

    *ret_stream = NULL;
    if (torc_scope_has_ended(scope))
        return torc__coroutine_refuse(caller, "the scope to connect in has ended");
    opened = torc_await(
        torc_connect(scope, description, make_factory("Stream", NULL, connected, &options)));
    if (torc_is_failure(opened))
        return opened;
    *ret_stream = torc_of(torc_result_pointer(opened), torc__stream_protocol)->stream;
    caller = torc__coroutine_to_wait(torc_scope_reactor(scope), "torc_open_stream");
    return torc__coroutine_lend(caller, *ret_stream != NULL ? torc_nothing()
        : torc_fail_with(&torc_error_out_of_memory, "no memory for a stream to %s", description));
}

/* -- accepting ------------------------------------------------------------------------------- */

static void wake_acceptor(torc_stream_listener *self, torc_result result)
{
    torc_deferred *accepting = self->accepting;

    self->accepting = NULL;
    if (accepting != NULL)
        torc_fire(accepting, result);
    else
        torc_result_release(result);
}

static void stop_accepting(torc_deferred *deferred, void *argument)
{
    torc_stream_listener *self = argument;

    (void)deferred;
    self->accepting = NULL;
}

static void accepted(torc_protocol *protocol)
{
    torc_stream_listener *self = torc_context_of(protocol);
    torc_stream *stream;

    if (self->closed || self->count >= self->backlog) {
        torc_lose_connection(protocol->transport);
        return;
    }
    stream = make_stream(protocol, self->scope);
    if (stream == NULL)
        return;
    torc__list_append(&self->waiting, &stream->link);
    self->count++;
    wake_acceptor(self, torc_nothing());
}

/* The streams are members of the same scope, and end by themselves. */
static void listener_scope_ended(torc_scoped *scoped)
{
    torc_stream_listener *self = TORC_CONTAINER_OF(scoped, torc_stream_listener, scoped);

    self->closed = true;
    self->accepting = NULL;
    self->port = NULL;
    torc__list_init(&self->waiting);
}

/* The port is what is under way. */
const torc__member_kind torc__members_stream_listener = { .end = listener_scope_ended };

static void release_listener(void *listener)
{
    torc__free(listener);
}

static torc_stream_listener *make_listener(torc_scope *scope, size_t backlog)
{
    torc_stream_listener *self = torc__allocate_zeroed(sizeof *self);

    if (self == NULL)
        return NULL;
    self->reactor = torc_scope_reactor(scope);
    self->scope = scope;
    self->backlog = backlog > 0 ? backlog : TORC_STREAM_BACKLOG;
    torc__list_init(&self->waiting);
    torc_scope_add(scope, &self->scoped, listener_scope_ended);
    return self;
}

torc_result torc_stream_listen(torc_scope *scope, const char *description, size_t backlog,
    torc_stream_listener **ret_listener)
{
    torc__coroutine *caller =
        torc__coroutine_to_wait(torc_scope_reactor(scope), "torc_stream_listen");
    torc_factory_options options = { .release = release_listener };
    torc_stream_listener *self;
    torc_port *port;
    torc_result opened;

    *ret_listener = NULL;
    if (torc_scope_has_ended(scope))
        return torc__coroutine_refuse(caller, "the scope to listen in has ended");
    self = make_listener(scope, backlog);
    if (self == NULL)
        return torc__coroutine_lend(caller, torc_fail_with(&torc_error_out_of_memory,
            "no memory to listen on %s", description));
    options.context = self;
    port = self->port =
        torc_listen(scope, description, make_factory("Stream", NULL, accepted, &options));
    opened = torc_await(torc_port_opened(port));
    if (!torc_is_failure(opened)) {
        self->address = torc_port_address(port);
        *ret_listener = self;
        caller = torc__coroutine_to_wait(self->reactor, "torc_stream_listen");
        return torc__coroutine_lend(caller, torc_nothing());
    }
    /* Where the scope has ended, the port has ended with it. */
    if (self->port != NULL)
        torc_stream_listener_close(self);
    return opened;
}

torc_address torc_stream_listener_address(const torc_stream_listener *self)
{
    return self->address;
}

torc_result torc_accept(torc_stream_listener *self, torc_stream **ret_stream)
{
    *ret_stream = NULL;
    for (;;) {
        torc__coroutine *caller = torc__coroutine_to_wait(self->reactor, "torc_accept");
        torc__list *first = torc__list_take_first(&self->waiting);
        torc_result woken;

        if (first != NULL) {
            self->count--;
            *ret_stream = TORC_CONTAINER_OF(first, torc_stream, link);
            return torc__coroutine_lend(caller, torc_nothing());
        }
        if (self->closed)
            return torc__coroutine_refuse(caller, "the listener is closed");
        if (self->accepting != NULL)
            torc__abort("torc_accept: a coroutine accepts from this listener already");
        self->accepting = torc_deferred_new(self->scope, stop_accepting, self);
        woken = torc_await(self->accepting);
        if (torc_is_failure(woken))
            return woken;
    }
}

void torc_stream_listener_close(torc_stream_listener *self)
{
    torc__list *link;
    torc_port *port = self->port;

    if (self->closed)
        return;
    self->closed = true;
    self->port = NULL;
    torc_scope_remove(&self->scoped);
    while ((link = torc__list_take_first(&self->waiting)) != NULL)
        torc_close_stream(TORC_CONTAINER_OF(link, torc_stream, link));
    wake_acceptor(self, torc_nothing());
    (void)torc_port_stop(port);
}
