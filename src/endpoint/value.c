/*
 * Endpoints as structs: written as a description, which is then read like any other. So each kind
 * has one way to be understood and one set of messages, and what a struct says can be shown.
 */
#include <torc/endpoint.h>

#include "base/text_writer.h"
#include "endpoint/description.h"
#include "endpoint/kind.h"

#include <stdio.h>

/* Longer than any description that is taken, so that a longer one is refused and not cut. */
enum { TEXT_MAX = TORC__DESCRIPTION_LENGTH_MAX + 2, INNER_MAX = 6 };

/* -- quoting ------------------------------------------------------------------------------- */

static void append_quoted(torc__text_writer *writer, torc_slice value)
{
    for (size_t i = 0; i < value.length; i++) {
        char byte = value.data[i];

        if (byte == ':' || byte == '\\' || byte == '=' || (byte == '[' && i == 0))
            torc__text_append(writer, TORC_SLICE("\\"));
        torc__text_append(writer, torc_slice_make(&byte, 1));
    }
}

size_t torc_endpoint_quote(torc_slice value, char *text, size_t size)
{
    torc__text_writer writer;

    torc__text_writer_init(&writer, text, size);
    append_quoted(&writer, value);
    return torc__text_finish(&writer);
}

/* -- a struct's members -------------------------------------------------------------------- */

typedef struct composer {
    torc__text_writer writer;
    const torc__usage *usage; /* NULL: of no kind that we know; the reader will say so */
    bool listening;
} composer;

static const torc__argument *argument(const composer *self, const char *name)
{
    const torc__argument *each = self->usage != NULL ? self->usage->arguments : NULL;

    while (each != NULL && each->name != NULL && strcmp(each->name, name) != 0)
        each++;
    return each != NULL && each->name != NULL ? each : NULL;
}

static void put(composer *self, const char *name, const char *value)
{
    if (value == NULL)
        return;
    torc__text_printf(&self->writer, ":%s=", name);
    append_quoted(&self->writer, torc_slice_of(value));
}

static void put_number(composer *self, const char *name, unsigned number)
{
    torc__text_printf(&self->writer, ":%s=%u", name, number);
}

static void put_flag(composer *self, const char *name, bool on)
{
    if (on)
        put(self, name, "");
}

static void put_timeout(composer *self, torc_time timeout)
{
    char text[32];

    if (timeout == 0)
        return;
    snprintf(text, sizeof(text), "%lld.%09lld", (long long)(timeout / TORC_SECOND),
        (long long)(timeout % TORC_SECOND));
    put(self, "timeout", text);
}

static void compose(torc__text_writer *writer, const torc_endpoint *endpoint, bool listening,
    unsigned depth);

static void put_inner(composer *self, const torc_endpoint *inner, unsigned depth)
{
    char text[TEXT_MAX];
    torc__text_writer writer;

    if (inner == NULL)
        return;
    torc__text_writer_init(&writer, text, sizeof(text));
    compose(&writer, inner, self->listening, depth + 1);
    torc__text_finish(&writer);
    put(self, "endpoint", text);
}

static void put_each(composer *self, const char *name, const char *const *values)
{
    for (; values != NULL && *values != NULL; values++)
        put(self, name, *values);
}

static void put_command(composer *self, const torc_endpoint *endpoint)
{
    for (size_t i = 0; endpoint->arguments != NULL && endpoint->arguments[i] != NULL; i++) {
        torc__text_append(&self->writer, TORC_SLICE(":"));
        append_quoted(&self->writer, torc_slice_of(endpoint->arguments[i]));
    }
    put_each(self, "variable", endpoint->variables);
    put(self, "directory", endpoint->directory);
}

static void put_where(composer *self, const torc_endpoint *endpoint)
{
    const torc__argument *port = argument(self, "port");

    put(self, self->listening ? "interface" : "host", endpoint->host);
    if (endpoint->port != 0 || (port != NULL && port->mandatory))
        put_number(self, "port", endpoint->port);
    put(self, "path", endpoint->path);
    put(self, "name", endpoint->name);
    if (argument(self, "descriptor") != NULL)
        put_number(self, "descriptor", (unsigned)endpoint->descriptor);
    else if (argument(self, "index") != NULL && endpoint->name == NULL)
        put_number(self, "index", (unsigned)endpoint->descriptor);
}

static void put_how(composer *self, const torc_endpoint *endpoint)
{
    if (endpoint->mode != 0)
        torc__text_printf(&self->writer, ":mode=%o", endpoint->mode);
    if (endpoint->backlog != 0)
        put_number(self, "backlog", endpoint->backlog);
    put_flag(self, "reuseport", endpoint->reuse_port);
    put_flag(self, "wait", endpoint->waits);
    put_timeout(self, endpoint->timeout);
    put(self, "bindAddress", endpoint->local_host);
    put(self, "user", endpoint->user);
    put(self, "password", endpoint->password);
    for (const torc_endpoint_argument *each = endpoint->further;
         each != NULL && each->name != NULL; each++)
        put(self, each->name, each->value);
}

static void compose(torc__text_writer *writer, const torc_endpoint *endpoint, bool listening,
    unsigned depth)
{
    const char *name = endpoint->kind != NULL ? endpoint->kind : "tcp";
    const torc__kind *kind = torc__kind_named(torc_slice_of(name));
    composer self = { .listening = listening };

    append_quoted(writer, torc_slice_of(name));
    if (depth > INNER_MAX)
        return;
    if (kind != NULL && kind->wrap != NULL) {
        torc__text_append(writer, TORC_SLICE(":"));
        if (endpoint->inner != NULL)
            compose(writer, endpoint->inner, listening, depth + 1);
        return;
    }
    if (kind != NULL)
        self.usage = listening ? kind->listening : kind->connecting;
    self.writer = *writer;
    put_where(&self, endpoint);
    put_command(&self, endpoint);
    put_inner(&self, endpoint->inner, depth);
    put_how(&self, endpoint);
    *writer = self.writer;
}

size_t torc_endpoint_describe(
    const torc_endpoint *endpoint, bool listening, char *text, size_t size)
{
    torc__text_writer writer;

    torc__text_writer_init(&writer, text, size);
    compose(&writer, endpoint, listening, 0);
    return torc__text_finish(&writer);
}

/* -- using one ----------------------------------------------------------------------------- */

torc_port *torc_listen_at(
    torc_scope *scope, const torc_endpoint *endpoint, torc_factory *factory)
{
    char text[TEXT_MAX];

    torc_endpoint_describe(endpoint, true, text, sizeof(text));
    return torc_listen(scope, text, factory);
}

torc_deferred *torc_connect_to(
    torc_scope *scope, const torc_endpoint *endpoint, torc_factory *factory)
{
    char text[TEXT_MAX];

    torc_endpoint_describe(endpoint, false, text, sizeof(text));
    return torc_connect(scope, text, factory);
}
