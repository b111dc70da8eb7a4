/*
 * handshake_harness: what the tests of endpoints with a handshake share, beside the harness: a
 * protocol that keeps what it gets, exact bytes said and heard by plain sockets, and a proxy that
 * the test plays.
 */
#ifndef TORC_TESTS_ENDPOINT_HANDSHAKE_HARNESS_H
#define TORC_TESTS_ENDPOINT_HANDSHAKE_HARNESS_H

#include "endpoint/harness.h"

/* -- a protocol that keeps what it gets ---------------------------------------------------- */

static char got[4096];
static int got_length;
static char peer_text[TORC_ADDRESS_TEXT_MAX];
static char local_text[TORC_ADDRESS_TEXT_MAX];
static torc_protocol *last;
static void (*when_data)(torc_protocol *self);

static inline void keeper_made(torc_protocol *self)
{
    torc_address peer = torc_peer_address(self->transport);
    torc_address local = torc_local_address(self->transport);

    torc_address_text(&peer, peer_text);
    torc_address_text(&local, local_text);
    last = self;
    counter_made(self);
}

static inline void keeper_data(torc_protocol *self, torc_slice data)
{
    if (data.length > sizeof(got) - (size_t)got_length)
        return;
    memcpy(got + got_length, data.data, data.length);
    got_length += (int)data.length;
    if (when_data != NULL)
        when_data(self);
}

static const torc_protocol_class keeper_class = {
    .name = "Keeper",
    .connection_made = keeper_made,
    .data_received = keeper_data,
    .connection_lost = counter_lost,
};

static inline torc_factory *keepers(void)
{
    static const torc_factory_options options = {
        .kind = &keeper_class,
        .context = &count,
        .release = note_release,
        .started = note_start,
    };

    return torc_factory_new(&options);
}

static inline int set_up_keepers(void **state)
{
    got_length = 0;
    when_data = NULL;
    memset(got, 0, sizeof(got));
    return set_up(state);
}

static torc_port *port;

static inline void listen_on(const char *description)
{
    port = torc_listen(scope, description, keepers());
    run_until(&count.started, 1);
}

static inline void say_bytes(int descriptor, const void *bytes, size_t length)
{
    assert_int_equal(send(descriptor, bytes, length, MSG_NOSIGNAL), length);
}

static inline void say(int descriptor, const char *text)
{
    say_bytes(descriptor, text, strlen(text));
}

/* Exactly so many bytes of the peer, while the loop turns. */
static inline void hear_bytes(int descriptor, char *to, size_t length)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);
    size_t have = 0;

    while (have < length) {
        ssize_t more = recv(descriptor, to + have, length - have, MSG_DONTWAIT);

        assert_true(more != 0 && torc_monotonic_now() < deadline);
        have += more > 0 ? (size_t)more : 0;
        torc_iterate(reactor, TORC_MILLISECOND);
    }
}

static inline void assert_hears(int descriptor, const char *bytes, size_t length)
{
    char heard[2048];

    hear_bytes(descriptor, heard, length);
    assert_memory_equal(heard, bytes, length);
}

/* -- a proxy that we play ------------------------------------------------------------------ */

static int proxy;
static uint16_t proxy_port;
static int client;

/* "%u" in the description becomes the port of a proxy that we play. */
static inline torc_deferred *ask_proxy(const char *description, outcome *ret_outcome)
{
    const char *place = strstr(description, "%u");
    char text[256];
    torc_deferred *deferred;

    proxy = plain_listen(5, &proxy_port);
    fcntl(proxy, F_SETFL, O_NONBLOCK);
    snprintf(text, sizeof(text), "%.*s%u%s", (int)(place - description), description, proxy_port,
        place + 2);
    deferred = torc_connect(scope, text, keepers());
    watch_outcome(deferred, ret_outcome);
    client = -1;
    for (torc_time end = torc_time_add(torc_monotonic_now(), PATIENCE);
         client < 0 && torc_monotonic_now() < end; torc_iterate(reactor, TORC_MILLISECOND))
        client = accept(proxy, NULL, NULL);
    assert_true(client >= 0);
    return deferred;
}

static inline void close_proxy(void)
{
    close(client);
    close(proxy);
}

#endif /* TORC_TESTS_ENDPOINT_HANDSHAKE_HARNESS_H */
