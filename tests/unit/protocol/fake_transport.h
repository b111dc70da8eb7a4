/*
 * The line receiver on a transport that is nothing but flags and a record of what was written, so
 * that its code can be driven byte by byte, with no reactor, by the unit test and the fuzzer alike.
 *
 * line.c is compiled into the test with the calls that it makes on its transport renamed.
 */
#ifndef TORC_TESTS_PROTOCOL_FAKE_TRANSPORT_H
#define TORC_TESTS_PROTOCOL_FAKE_TRANSPORT_H

#include <torc/line.h>
#include <torc/transport.h>

#include "transport/factory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define torc_is_closing         fake_is_closing
#define torc_reading_is_paused  fake_reading_is_paused
#define torc_pause_reading      fake_pause_reading
#define torc_resume_reading     fake_resume_reading
#define torc_lose_connection    fake_lose_connection
#define torc_abort_because      fake_abort_because
#define torc_write              fake_write
#define torc__factory_new_from  fake_factory_new_from

static struct fake_transport {
    bool closing;
    bool paused;
    bool resumed; /* data_received is due, with nothing */
    bool failed;
    char written[256];
    size_t written_length;
} fake;

static TORC_UNUSED bool fake_is_closing(const torc_transport *transport)
{
    (void)transport;
    return fake.closing;
}

static TORC_UNUSED bool fake_reading_is_paused(const torc_transport *transport)
{
    (void)transport;
    return fake.paused;
}

static TORC_UNUSED void fake_pause_reading(torc_transport *transport)
{
    (void)transport;
    fake.paused = true;
}

static TORC_UNUSED void fake_resume_reading(torc_transport *transport)
{
    (void)transport;
    fake.resumed = fake.resumed || fake.paused;
    fake.paused = false;
}

static TORC_UNUSED void fake_lose_connection(torc_transport *transport)
{
    (void)transport;
    fake.closing = true;
}

static TORC_UNUSED void fake_abort_because(torc_transport *transport, torc_failure *reason)
{
    (void)transport;
    torc_failure_release(reason);
    fake.closing = true;
    fake.failed = true;
}

static TORC_UNUSED void fake_write(torc_transport *transport, torc_slice bytes)
{
    (void)transport;
    if (bytes.length > sizeof(fake.written) - fake.written_length)
        abort();
    memcpy(fake.written + fake.written_length, bytes.data, bytes.length);
    fake.written_length += bytes.length;
}

static TORC_UNUSED torc_factory *fake_factory_new_from(const torc_protocol_class *kind,
    size_t kind_size, const torc_factory_options *options, torc_protocol_class **ret_copy)
{
    torc_factory *factory = calloc(1, sizeof(*factory));

    (void)options;
    if (factory == NULL)
        abort();
    factory->copied_kind = malloc(kind_size);
    if (factory->copied_kind == NULL)
        abort();
    memcpy(factory->copied_kind, kind, kind_size);
    *ret_copy = factory->copied_kind;
    return factory;
}

#include "protocol/line.c"

/* A connection of class `kind` in `self`, zeroed memory of the class's size. */
static TORC_UNUSED void fake_open(torc_line_receiver *self, const torc_line_class *kind)
{
    memset(&fake, 0, sizeof(fake));
    self->protocol.factory = torc_line_factory(kind);
    self->protocol.kind = self->protocol.factory->copied_kind;
    self->protocol.transport = (torc_transport *)(void *)&fake;
}

/* As a transport does: bytes only while they are wanted. They are copied, to be of their length. */
static TORC_UNUSED void fake_feed(torc_line_receiver *self, const char *bytes, size_t length)
{
    char *copy = malloc(length > 0 ? length : 1);

    if (copy == NULL)
        abort();
    if (length > 0)
        memcpy(copy, bytes, length);
    self->protocol.kind->data_received(&self->protocol, torc_slice_make(copy, length));
    free(copy);
}

/* The turn after reading was resumed. */
static TORC_UNUSED void fake_turn(torc_line_receiver *self)
{
    if (!fake.resumed || fake.closing || fake.paused)
        return;
    fake.resumed = false;
    self->protocol.kind->data_received(&self->protocol, torc_slice_make(NULL, 0));
}

static TORC_UNUSED void fake_close(torc_line_receiver *self)
{
    torc_factory *factory = self->protocol.factory;

    self->protocol.kind->connection_lost(&self->protocol, NULL);
    free(factory->copied_kind);
    free(factory);
}

#endif /* TORC_TESTS_PROTOCOL_FAKE_TRANSPORT_H */
