/*
 * The HTTP server over memory: any bytes, in one piece and in two, are answered with the same, and
 * then the connection ends. The first byte says where the second run cuts the rest.
 *
 * Checked beyond not crashing: each run comes to its end within a bounded number of turns, and but
 * for the date and for invitations to go on (which depend on what has come already) the answers do
 * not depend on the cut.
 */
#include <torc.h>
#include <torc/web.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUTPUT_MAX = 1 << 22, TURNS_MAX = 100000 };

typedef struct output {
    torc_transport *transport;
    bool lost;
    size_t length;
    char bytes[OUTPUT_MAX];
} output;

static torc_reactor *reactor;
static output outputs[2];

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* -- the client ---------------------------------------------------------------------------- */

static output *output_of(torc_protocol *self)
{
    return torc_context_of(self);
}

static void client_made(torc_protocol *self)
{
    output_of(self)->transport = self->transport;
}

static void client_data(torc_protocol *self, torc_slice data)
{
    output *out = output_of(self);

    if (data.length > OUTPUT_MAX - out->length)
        data.length = OUTPUT_MAX - out->length;
    memcpy(out->bytes + out->length, data.data, data.length);
    out->length += data.length;
}

static void client_lost(torc_protocol *self, const torc_failure *reason)
{
    (void)reason;
    output_of(self)->lost = true;
    output_of(self)->transport = NULL;
}

static const torc_protocol_class client_class = {
    .name = "FuzzClient",
    .connection_made = client_made,
    .data_received = client_data,
    .connection_lost = client_lost,
};

/* -- the server ---------------------------------------------------------------------------- */

static void echo_request(torc_web_request *request, void *context)
{
    torc_slice name;
    torc_slice value;

    (void)context;
    if (!torc_web_allow(request, "GET, HEAD, POST"))
        return;
    if (torc_web_request_field(request, 0, &name, &value))
        torc_web_add_header(request, "X-First", value);
    torc_web_start(request, 200, "text/plain", TORC_WEB_UNKNOWN_LENGTH);
    torc_web_send(request, torc_web_request_path(request));
    torc_web_send(request, torc_web_request_query(request));
    torc_web_send(request, torc_web_request_host(request));
    torc_web_send(request, torc_web_request_body(request));
    torc_web_finish(request);
}

/* -- runs ---------------------------------------------------------------------------------- */

static void turn_until_quiet(void)
{
    for (int i = 0; i < 8; i++)
        torc_iterate(reactor, 0);
}

static void run(output *out, torc_slice input, size_t cut)
{
    torc_web_site_options site = { .handle = echo_request, .limits = { .body_max = 4096 } };
    torc_factory_options client = { .kind = &client_class, .context = out };

    out->lost = false;
    out->length = 0;
    require(torc_connect_in_memory(
        torc_root(reactor), torc_factory_new(&client), torc_web_site_new(&site)));
    turn_until_quiet();
    torc_write(out->transport, torc_slice_first(input, cut));
    turn_until_quiet();
    if (out->transport != NULL) {
        torc_write(out->transport, torc_slice_skip(input, cut));
        torc_lose_write(out->transport);
    }
    for (int turns = 0; !out->lost; turns++) {
        require(turns < TURNS_MAX);
        torc_iterate(reactor, 0);
    }
}

/* Takes out every piece that begins with `start` and is `length` bytes long. */
static void strip(output *out, torc_slice start, size_t length)
{
    size_t to = 0;

    for (size_t from = 0; from < out->length;) {
        torc_slice rest = torc_slice_make(out->bytes + from, out->length - from);

        if (torc_slice_starts_with(rest, start))
            from += length < rest.length ? length : rest.length;
        else
            out->bytes[to++] = out->bytes[from++];
    }
    out->length = to;
}

static void normalise(output *out)
{
    torc_slice invitation = TORC_SLICE("HTTP/1.1 100 Continue\r\n\r\n");

    strip(out, TORC_SLICE("\r\nDate: "), sizeof("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT") - 1);
    strip(out, invitation, invitation.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    torc_slice input;

    if (size == 0 || size > 65536)
        return 0;
    if (reactor == NULL)
        reactor = torc_reactor_new();
    input = torc_slice_make(data + 1, size - 1);
    run(&outputs[0], input, 0);
    run(&outputs[1], input, input.length * data[0] / 256);
    normalise(&outputs[0]);
    normalise(&outputs[1]);
    require(outputs[0].length == outputs[1].length);
    require(memcmp(outputs[0].bytes, outputs[1].bytes, outputs[0].length) == 0);
    return 0;
}
