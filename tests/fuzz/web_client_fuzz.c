/*
 * A fetch, from the bytes that a server answers: over a network in memory, with redirects that lead
 * back to the same server. Whatever comes, and however it is cut, the deferred fires within the
 * time of the fetch, a page is no larger than it may be, and nothing is left behind.
 *
 * The first byte: bits 0 to 4 choose the size of the pieces, bit 5 the method HEAD, bit 6 that the
 * server ends the connection after the answer.
 */
#include <torc.h>
#include <torc/testing.h>
#include <torc/web.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { INPUT_MAX = 16 * 1024, BODY_MAX = 4096, HEAD_MAX = 1024, REDIRECTS_MAX = 3 };

static torc_slice answer;
static size_t piece_size;
static bool server_closes;
static unsigned fired;

static void broken(const char *what)
{
    fprintf(stderr, "web_client_fuzz: %s\n", what);
    abort();
}

typedef struct server {
    torc_protocol protocol;
    bool has_answered;
} server;

/* The answer comes with the first byte of a question; the rest of it is not looked at. */
static void answer_once(torc_protocol *self, torc_slice data)
{
    bool *has_answered = &torc_of(self, server)->has_answered;

    (void)data;
    if (*has_answered)
        return;
    *has_answered = true;
    for (torc_slice rest = answer; rest.length > 0;) {
        torc_slice piece = torc_slice_first(rest, piece_size);

        torc_write(self->transport, piece);
        rest = torc_slice_skip(rest, piece.length);
    }
    if (server_closes)
        torc_lose_connection(self->transport);
}

static const torc_protocol_class server_class = {
    .name = "Server",
    .size = sizeof(server),
    .data_received = answer_once,
};

static torc_result note(void *unused, torc_result result)
{
    (void)unused;
    fired++;
    if (torc_is_failure(result))
        return torc_nothing();
    if (torc_web_body(result).length > BODY_MAX)
        broken("a body is larger than it may be");
    if (torc_web_status(result) < 100 || torc_web_status(result) > 999)
        broken("a status of no three digits");
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    torc_web_fetch_options options = {
        .url = "http://192.0.2.1/page?a=b",
        .head_max = HEAD_MAX,
        .body_max = BODY_MAX,
        .timeout = TORC_MINUTE,
        .redirects_max = REDIRECTS_MAX,
    };
    torc_sim *net;
    torc_sim_host *client;

    if (size < 1 || size > INPUT_MAX)
        return 0;
    piece_size = (size_t)1 << (data[0] & 0x0f);
    options.method = data[0] & 0x20 ? "HEAD" : "GET";
    server_closes = data[0] & 0x40;
    answer = torc_slice_make(data + 1, size - 1);
    fired = 0;

    net = torc_sim_new(.seed = 1 + data[0]);
    if (data[0] & 0x10)
        torc_sim_faults(net, TORC_SIM_SPLIT_READS | TORC_SIM_SHORT_WRITES);
    client = torc_sim_add_host(net, "client", "192.0.2.2");
    torc_sim_listen(net, "tcp:80", torc_factory_of(&server_class));
    torc_add_both(torc_web_fetch(torc_sim_scope(client), &options), note, NULL);
    torc_sim_advance(net, 2 * TORC_MINUTE);
    if (fired != 1)
        broken("the fetch did not end within its time");
    torc_sim_free(net);
    return 0;
}
