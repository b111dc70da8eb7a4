/*
 * A whole web server, from the bytes that a client sends to those that it gets, over a memory link.
 *
 * The first byte says how the rest is cut into pieces. Whatever the bytes are: nothing crashes, each
 * answer begins where the one before ended and says HTTP/1., and once the client has closed its half
 * the loop comes to rest and the connection ends.
 */
#include <torc.h>
#include <torc/web.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INPUT_MAX = 64 * 1024,
    ANSWERS_MAX = 8 * 1024 * 1024, /* of bytes; more is read and not looked at */
    TURNS_MAX = 20000,
};

static torc_reactor *reactor;
static torc_transport *client;
static bool lost;
static char *answers;
static size_t length;

static void broken(const char *what)
{
    fprintf(stderr, "web_server_fuzz: %s\n", what);
    abort();
}

/* -- the site ------------------------------------------------------------------------------ */

static void answer_in_pieces(torc_web_request *request)
{
    torc_web_start(request, 200, "text/plain", TORC_WEB_UNKNOWN_LENGTH);
    torc_web_send(request, torc_web_request_path(request));
    torc_web_send(request, torc_web_request_body(request));
    torc_web_finish(request);
}

static void answer_soon(void *request)
{
    torc_web_respond(request, 200, "text/plain", torc_web_request_target(request));
}

/* One way of answering for each first letter of the path. */
static void handle(torc_web_request *request, void *context)
{
    torc_slice path = torc_web_request_path(request);
    torc_slice value;

    (void)context;
    switch (path.length > 1 ? path.data[1] : '\0') {
    case 'a':
        if (torc_web_allow(request, "GET, HEAD"))
            torc_web_respond(request, 200, NULL, TORC_SLICE("allowed"));
        break;
    case 'c':
        answer_in_pieces(request);
        break;
    case 'f':
        torc_web_request_header(request, "x-field", &value);
        torc_web_add_header(request, "X-Field", value);
        torc_web_respond_status(request, 404);
        break;
    case 'n':
        torc_web_respond(request, 204, NULL, TORC_SLICE(""));
        break;
    case 'r':
        torc_web_redirect(request, 302, TORC_SLICE("/"));
        break;
    case 's':
        torc_call_soon(torc_web_request_scope(request), answer_soon, request);
        break;
    default:
        torc_web_respond(request, 200, "text/plain", torc_web_request_body(request));
        break;
    }
}

/* -- the client ---------------------------------------------------------------------------- */

static void client_made(torc_protocol *self)
{
    client = self->transport;
}

static void client_data(torc_protocol *self, torc_slice data)
{
    size_t room = ANSWERS_MAX - length;
    size_t taken = data.length < room ? data.length : room;

    (void)self;
    memcpy(answers + length, data.data, taken);
    length += taken;
}

static void client_lost(torc_protocol *self, const torc_failure *reason)
{
    (void)self;
    (void)reason;
    client = NULL;
    lost = true;
}

static void client_read_lost(torc_protocol *self)
{
    torc_lose_connection(self->transport);
}

static const torc_protocol_class client_class = {
    .name = "FuzzClient",
    .connection_made = client_made,
    .data_received = client_data,
    .read_lost = client_read_lost,
    .connection_lost = client_lost,
};

static void send_in_pieces(const char *bytes, size_t size, size_t piece)
{
    for (size_t sent = 0; sent < size && client != NULL; sent += piece) {
        torc_write(client, torc_slice_make(bytes + sent, size - sent < piece ? size - sent : piece));
        torc_iterate(reactor, 0);
    }
}

static void run_to_the_end(void)
{
    for (int turns = 0; !lost; turns++) {
        if (turns == TURNS_MAX)
            broken("the connection does not end although the client has closed its half");
        torc_iterate(reactor, 0);
    }
}

/* -- the answers --------------------------------------------------------------------------- */

static const char *find(const char *from, const char *text)
{
    return memmem(from, (size_t)(answers + length - from), text, strlen(text));
}

/* The end of a body in chunks; NULL when it is cut off. */
static const char *skip_chunks(const char *at)
{
    for (;;) {
        const char *line = find(at, "\r\n");
        size_t size = line != NULL ? strtoull(at, NULL, 16) : 0;

        if (line == NULL || size + 4 > (size_t)(answers + length - line))
            return NULL;
        at = line + 2 + size;
        if (memcmp(at, "\r\n", 2) != 0)
            broken("a chunk does not end as it should");
        at += 2;
        if (size == 0)
            return at;
    }
}

/* The end of the answer that begins at `at`; NULL when nothing can follow it. */
static const char *skip_answer(const char *at)
{
    size_t left = (size_t)(answers + length - at);
    const char *end;
    const char *field;

    if (memcmp(at, "HTTP/1.1", left < 8 ? left : 8) != 0)
        broken("an answer does not begin with HTTP/1.1");
    end = find(at, "\r\n\r\n");
    if (end == NULL)
        return NULL;
    end += 4;
    if (memcmp(at + 8, " 1", 2) == 0 || memcmp(at + 8, " 204", 4) == 0)
        return end;
    field = memmem(at, (size_t)(end - at), "\r\nContent-Length: ", 18);
    if (field != NULL) {
        size_t size = strtoull(field + 18, NULL, 10);

        return size <= (size_t)(answers + length - end) ? end + size : NULL;
    }
    if (memmem(at, (size_t)(end - at), "\r\nTransfer-Encoding: chunked", 28) != NULL)
        return skip_chunks(end);
    return NULL;
}

static void check_answers(void)
{
    const char *at = answers;

    while (at != NULL && at < answers + length)
        at = skip_answer(at);
}

/* -- one input ----------------------------------------------------------------------------- */

static void set_up(void)
{
    reactor = torc_reactor_new();
    answers = malloc(ANSWERS_MAX + 1);
    if (answers == NULL)
        abort();
    torc_log_set_level(TORC_LOG_CRITICAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (reactor == NULL)
        set_up();
    if (size < 2 || size > INPUT_MAX)
        return 0;
    lost = false;
    length = 0;
    if (!torc_connect_in_memory(
            torc_root(reactor), torc_factory_of(&client_class), torc_web_site(handle, NULL)))
        abort();
    while (client == NULL && !lost)
        torc_iterate(reactor, 0);
    /* Few turns for a long input: those of one byte are for the short ones. */
    send_in_pieces((const char *)data + 1, size - 1,
        data[0] == 0 ? size : (size_t)data[0] + size / 1024);
    if (client != NULL)
        torc_lose_write(client);
    run_to_the_end();
    answers[length] = '\0';
    /* Without knowing which request is HEAD nobody knows where its answer ends. */
    if (memmem(data, size, "HEAD", 4) == NULL)
        check_answers();
    else if (length >= 8 && memcmp(answers, "HTTP/1.1", 8) != 0)
        broken("the first answer does not begin with HTTP/1.1");
    return 0;
}
