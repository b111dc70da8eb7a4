/*
 * web_client: a bare client for the tests of the web server. It talks to a site through memory,
 * writes just the bytes that it is told to, and keeps all that comes back.
 */
#ifndef TORC_TESTS_WEB_CLIENT_H
#define TORC_TESTS_WEB_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <torc.h>
#include <torc/web.h>

/* However slow the machine is, a test that waits longer has failed. */
#define CLIENT_PATIENCE (10 * TORC_SECOND)

enum { CLIENT_ROOM = 1 << 20 };

typedef struct client {
    torc_reactor *reactor;
    torc_transport *transport; /* NULL before it is there, and once it is lost */
    bool lost;
    bool ended; /* the server has closed its half */
    bool aborted;
    size_t pieces;
    size_t length;
    char text[CLIENT_ROOM + 1];
} client;

static inline client *client_of(torc_protocol *self)
{
    return torc_context_of(self);
}

static inline void client_made(torc_protocol *self)
{
    client_of(self)->transport = self->transport;
}

static inline void client_data(torc_protocol *self, torc_slice data)
{
    client *c = client_of(self);

    assert_true(c->length + data.length <= CLIENT_ROOM);
    memcpy(c->text + c->length, data.data, data.length);
    c->length += data.length;
    c->text[c->length] = '\0';
    c->pieces++;
}

static inline void client_read_lost(torc_protocol *self)
{
    client_of(self)->ended = true;
    torc_lose_connection(self->transport);
}

static inline void client_lost(torc_protocol *self, const torc_failure *reason)
{
    client *c = client_of(self);

    c->lost = true;
    c->aborted = torc_failure_is(reason, &torc_error_connection_lost);
    c->transport = NULL;
}

static const torc_protocol_class client_class = {
    .name = "TestClient",
    .connection_made = client_made,
    .data_received = client_data,
    .read_lost = client_read_lost,
    .connection_lost = client_lost,
};

static inline void client_forget(client *c)
{
    c->length = 0;
    c->pieces = 0;
    c->text[0] = '\0';
}

/* Turns of the loop until `done` says so; a test that waits in vain fails. */
static inline void client_wait(client *c, bool (*done)(const client *c))
{
    torc_time until = torc_monotonic_now() + CLIENT_PATIENCE;

    while (!done(c)) {
        if (torc_monotonic_now() > until)
            fail_msg("waited in vain; received so far: %s", c->text);
        torc_iterate(c->reactor, TORC_MILLISECOND);
    }
}

static inline bool client_is_connected(const client *c)
{
    return c->transport != NULL || c->lost;
}

static inline bool client_is_lost(const client *c)
{
    return c->lost;
}

/* Connects to the site, which is taken over. */
static inline client *client_connect(torc_reactor *reactor, torc_factory *site)
{
    client *c = calloc(1, sizeof(*c));
    torc_factory_options options = { .kind = &client_class, .context = c };

    assert_non_null(c);
    c->reactor = reactor;
    assert_true(torc_connect_in_memory(torc_root(reactor), torc_factory_new(&options), site));
    client_wait(c, client_is_connected);
    return c;
}

static inline void client_send(client *c, const char *text)
{
    if (c->transport != NULL)
        torc_write(c->transport, torc_slice_of(text));
}

/* A few turns, for what is to happen without anybody telling. */
static inline void client_turns(client *c)
{
    for (int i = 0; i < 10; i++)
        torc_iterate(c->reactor, 0);
}

/* Waits until the text stands somewhere in what was received. */
static inline void client_expect(client *c, const char *text)
{
    torc_time until = torc_monotonic_now() + CLIENT_PATIENCE;

    while (strstr(c->text, text) == NULL) {
        if (c->lost || torc_monotonic_now() > until)
            fail_msg("'%s' did not come; received: %s", text, c->text);
        torc_iterate(c->reactor, TORC_MILLISECOND);
    }
}

static inline void client_expect_none(const client *c, const char *text)
{
    if (strstr(c->text, text) != NULL)
        fail_msg("'%s' came: %s", text, c->text);
}

/* Lets the connection end, and frees the client. */
static inline void client_free(client *c)
{
    if (c->transport != NULL)
        torc_abort_connection(c->transport);
    client_wait(c, client_is_lost);
    free(c);
}

#endif /* TORC_TESTS_WEB_CLIENT_H */
