/*
 * A web site with twenty clients in a network where everything goes wrong that can. Whatever
 * happens: an answer that arrives whole is the right one, no connection outlives the site's
 * timeouts, and afterwards the site serves as before.
 *
 * TORC_SIM_COUNT in the environment is how many seeds to run.
 */
#include "sim_support.h"

#include <torc/web.h>

#include <inttypes.h>

enum { HOSTS = 4, CLIENTS = 20, REQUESTS = 3 };

static const struct route {
    const char *request;
    size_t length;
} routes[] = {
    { "GET /size/10 HTTP/1.1\r\nHost: a\r\n\r\n", 10 },
    { "GET /later/700 HTTP/1.1\r\nHost: a\r\n\r\n", 700 },
    { "GET /chunks/5000 HTTP/1.1\r\nHost: a\r\n\r\n", 5000 },
    { "POST /size/300 HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nhello, world", 300 },
    { "GET /size/90000 HTTP/1.1\r\nHost: a\r\n\r\n", 90000 },
};

enum { ROUTES = sizeof routes / sizeof routes[0] };

static char pattern[100000];

/* -- the site ------------------------------------------------------------------------------ */

static size_t length_asked_for(torc_web_request *request)
{
    torc_slice path = torc_web_request_path(request);
    uint64_t length = 0;

    while (path.length > 0 && (path.data[0] < '0' || path.data[0] > '9'))
        path = torc_slice_skip(path, 1);
    (void)torc_slice_to_number(path, sizeof pattern, &length);
    return (size_t)length;
}

static void answer(void *argument)
{
    torc_web_request *request = argument;

    torc_web_respond(request, 200, "text/plain",
        torc_slice_make(pattern, length_asked_for(request)));
}

static void answer_later(torc_web_request *request)
{
    torc_scope *scope = torc_web_request_scope(request);
    torc_delayed_call call = { NULL, 0 };

    if (scope != NULL)
        call = torc_call_later(scope, 50 * TORC_MILLISECOND, answer, request);
    if (!torc_delayed_is_active(&call))
        torc_web_respond_status(request, 503);
}

static void answer_in_chunks(torc_web_request *request)
{
    torc_slice rest = torc_slice_make(pattern, length_asked_for(request));

    torc_web_start(request, 200, "text/plain", TORC_WEB_UNKNOWN_LENGTH);
    while (rest.length > 0) {
        torc_web_send(request, torc_slice_first(rest, 1000));
        rest = torc_slice_skip(rest, 1000);
    }
    torc_web_finish(request);
}

static void handle(torc_web_request *request, void *context)
{
    torc_slice path = torc_web_request_path(request);

    (void)context;
    if (torc_slice_starts_with(path, TORC_SLICE("/later/")))
        answer_later(request);
    else if (torc_slice_starts_with(path, TORC_SLICE("/chunks/")))
        answer_in_chunks(request);
    else
        answer(request);
}

/* -- the clients --------------------------------------------------------------------------- */

typedef enum reading {
    READING_HEAD,
    READING_BODY,
    READING_CHUNK_SIZE,
    READING_CHUNK,
    READING_CHUNK_END,
    READING_LAST_LINE,
} reading;

typedef struct web_client {
    torc_protocol protocol;
    unsigned number;
    unsigned asked;
    reading reading;
    int status;
    bool chunked;
    size_t left;     /* of the body or the chunk */
    size_t received; /* of the body */
    size_t line_length;
    char line[256];
} web_client;

static unsigned clients_made;
static size_t runs;
static size_t right_answers;
static size_t other_answers;

static const struct route *route_of(const web_client *self)
{
    return &routes[(self->number + self->asked) % ROUTES];
}

static void ask(web_client *self)
{
    self->reading = READING_HEAD;
    self->chunked = false;
    self->received = 0;
    self->left = 0;
    torc_write(self->protocol.transport, torc_slice_of(route_of(self)->request));
}

static void web_client_made(torc_protocol *protocol)
{
    web_client *self = torc_of(protocol, web_client);

    self->number = clients_made++;
    ask(self);
}

static void answered(web_client *self)
{
    if (self->status == 200) {
        assert_int_equal(self->received, route_of(self)->length);
        right_answers++;
    } else {
        other_answers++;
    }
    self->asked++;
    if (self->asked == REQUESTS)
        torc_lose_connection(self->protocol.transport);
    else
        ask(self);
}

static void end_of_head(web_client *self)
{
    if (self->chunked)
        self->reading = READING_CHUNK_SIZE;
    else if (self->left > 0)
        self->reading = READING_BODY;
    else
        answered(self);
}

static void got_line(web_client *self)
{
    const char *line = self->line;

    self->line[self->line_length] = '\0';
    self->line_length = 0;
    if (self->reading == READING_CHUNK_SIZE) {
        self->left = (size_t)strtoul(line, NULL, 16);
        self->reading = self->left > 0 ? READING_CHUNK : READING_LAST_LINE;
    } else if (self->reading == READING_CHUNK_END) {
        self->reading = READING_CHUNK_SIZE;
    } else if (self->reading == READING_LAST_LINE) {
        answered(self);
    } else if (strncmp(line, "HTTP/1.1 ", 9) == 0) {
        self->status = (int)strtol(line + 9, NULL, 10);
    } else if (strncmp(line, "Content-Length: ", 16) == 0) {
        self->left = (size_t)strtoul(line + 16, NULL, 10);
    } else if (strncmp(line, "Transfer-Encoding: chunked", 26) == 0) {
        self->chunked = true;
    } else if (line[0] == '\r') {
        end_of_head(self);
    }
}

static void got_body(web_client *self, torc_slice part)
{
    assert_true(self->received + part.length <= sizeof pattern);
    if (self->status == 200)
        assert_memory_equal(part.data, pattern + self->received, part.length);
    self->received += part.length;
    self->left -= part.length;
    if (self->left > 0)
        return;
    if (self->reading == READING_CHUNK)
        self->reading = READING_CHUNK_END;
    else
        answered(self);
}

static void web_client_data(torc_protocol *protocol, torc_slice data)
{
    web_client *self = torc_of(protocol, web_client);

    while (data.length > 0 && !torc_is_closing(protocol->transport)) {
        torc_slice part = torc_slice_first(data, 1);

        if (self->reading == READING_BODY || self->reading == READING_CHUNK) {
            part = torc_slice_first(data, self->left);
            got_body(self, part);
        } else {
            assert_true(self->line_length < sizeof self->line - 1);
            self->line[self->line_length++] = part.data[0];
            if (part.data[0] == '\n')
                got_line(self);
        }
        data = torc_slice_skip(data, part.length);
    }
}

static const torc_protocol_class web_client_class = {
    .name = "WebClient",
    .size = sizeof(web_client),
    .connection_made = web_client_made,
    .data_received = web_client_data,
};

static torc_result forgive(void *self, torc_result result)
{
    (void)self;
    (void)result;
    return torc_nothing();
}

/* -- the run ------------------------------------------------------------------------------- */

static torc_factory *site;

static void add_clients(torc_sim *sim)
{
    torc_sim_host *hosts[HOSTS];

    for (unsigned i = 0; i < HOSTS; i++) {
        char address[32];

        snprintf(address, sizeof address, "10.0.0.%u", i + 2);
        hosts[i] = torc_sim_add_host(sim, "client", address);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        torc_add_errback(torc_connect(torc_sim_scope(hosts[i % HOSTS]), "tcp:10.0.0.1:80",
            torc_factory_of(&web_client_class)), forgive, NULL);
}

static void assert_serves(torc_sim *sim)
{
    torc_sim_peer *peer = torc_sim_dial(sim, "tcp:10.0.0.1:80");

    torc_sim_send(peer, routes[0].request);
    torc_sim_advance(sim, 30 * TORC_SECOND);
    assert_true(torc_slice_starts_with(torc_sim_received(peer), TORC_SLICE("HTTP/1.1 200 ")));
}

static void start_site(torc_sim_host *host, void *argument)
{
    (void)argument;
    site = torc_web_site(handle, NULL);
    torc_listen(torc_sim_scope(host), "tcp:80", site);
}

static void busy_hour(torc_sim *sim)
{
    runs++;
    clients_made = 0;
    torc_sim_on_boot(torc_sim_add_host(sim, "server", "10.0.0.1"), start_site, NULL);
    add_clients(sim);
    torc_sim_advance(sim, 60 * TORC_SECOND);
    torc_sim_faults(sim, 0);
    torc_sim_advance(sim, 240 * TORC_SECOND);
    assert_int_equal(torc_factory_connections(site), 0);
    assert_serves(sim);
}

static void serve_seeds(unsigned faults, size_t count)
{
    runs = 0;
    right_answers = 0;
    other_answers = 0;
    TORC_SIM_FOR_SEEDS(sim, count) {
        torc_sim_faults(sim, faults);
        busy_hour(sim);
    }
}

static void every_answer_arrives_in_a_good_network(void **state)
{
    (void)state;
    serve_seeds(0, 3);
    assert_int_equal(right_answers, runs * CLIENTS * REQUESTS);
    serve_seeds(TORC_SIM_SPLIT_READS | TORC_SIM_SHORT_WRITES | TORC_SIM_CLOCK_JUMPS, 30);
    assert_int_equal(right_answers, runs * CLIENTS * REQUESTS);
}

static void the_site_survives_any_network(void **state)
{
    const char *wanted = getenv("TORC_SIM_COUNT");
    size_t count = wanted != NULL ? (size_t)strtoul(wanted, NULL, 10) : 300;

    (void)state;
    serve_seeds(TORC_SIM_ALL_FAULTS, count);
    print_message("%zu seeds: %zu right answers, %zu others\n", runs, right_answers,
        other_answers);
    assert_true(right_answers > runs * CLIENTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_arrives_in_a_good_network),
        cmocka_unit_test(the_site_survives_any_network),
    };

    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (char)('a' + i * 7 % 26);
    prepare_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
