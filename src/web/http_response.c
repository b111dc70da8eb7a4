/*
 * An answer: the head, built on the stack, and the body behind it, written to the transport.
 *
 * The bytes of a body are counted against what the head announced, and those that HEAD or the
 * status forbid are counted and dropped, here and nowhere else. After `finished` every call on the
 * request is a no-op.
 */
#include "web/http_server.h"

#include "base/decimal.h"
#include "base/memory.h"
#include "web/http_status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Answers up to this size leave as one piece. */
#define PIECE_MAX ((size_t)4096)

/* All that the server itself puts into a head fits into this, beside a long content type. */
#define HEAD_ROOM ((size_t)1024)

/* -- writing and counting ------------------------------------------------------------------ */

static torc_transport *transport_of(const torc_web_request *request)
{
    return request->connection->protocol.transport;
}

static void put(torc_web_request *request, torc_slice bytes)
{
    request->connection->written += bytes.length;
    torc_write(transport_of(request), bytes);
}

/* How much of a piece of body may be sent. */
static uint64_t admit(torc_web_request *request, uint64_t length)
{
    if (!request->started || request->finished)
        return 0;
    if (request->remaining != TORC_WEB_UNKNOWN_LENGTH) {
        if (length > (uint64_t)request->remaining)
            length = (uint64_t)request->remaining;
        request->remaining -= (int64_t)length;
    }
    if (request->bodyless)
        return 0;
    request->body_sent += length;
    return length;
}

static void begin_chunk(torc_web_request *request, uint64_t length)
{
    char line[24];

    if (request->in_chunks)
        put(request, torc_slice_make(line,
            (size_t)snprintf(line, sizeof(line), "%" PRIx64 "\r\n", length)));
}

static void end_chunk(torc_web_request *request)
{
    if (request->in_chunks)
        put(request, TORC_SLICE("\r\n"));
}

static void finish(torc_web_request *request)
{
    request->finished = true;
    torc__web_connection_answered(request->connection);
}

/* -- heads --------------------------------------------------------------------------------- */

/* A head being built. What does not fit is left out: the sizes are chosen so that all does. */
typedef struct builder {
    char *text;
    size_t length;
    size_t size;
} builder;

static void add(builder *self, torc_slice text)
{
    if (text.length == 0 || text.length > self->size - self->length)
        return;
    memcpy(self->text + self->length, text.data, text.length);
    self->length += text.length;
}

static void add_number(builder *self, uint64_t number)
{
    char digits[TORC__DECIMAL_MAX];

    add(self, torc__decimal(number, digits));
}

/* Whether the text can stand in a head without breaking it. */
static bool is_field_text(torc_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

static bool closes(const torc_web_request *request)
{
    return request->close || request->site->stopping;
}

/* What the connection does next, where that is not what the client's version takes for granted. */
static torc_slice connection_field(const torc_web_request *request)
{
    if (closes(request))
        return TORC_SLICE("Connection: close\r\n");
    if (request->head->version_minor == 0)
        return TORC_SLICE("Connection: keep-alive\r\n");
    return torc_slice_make("", 0);
}

static bool status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static void add_framing(builder *self, torc_web_request *request, int status, int64_t length)
{
    if (!status_has_body(status))
        return;
    if (length != TORC_WEB_UNKNOWN_LENGTH) {
        add(self, TORC_SLICE("Content-Length: "));
        add_number(self, (uint64_t)length);
        add(self, TORC_SLICE("\r\n"));
    } else if (request->in_chunks) {
        add(self, TORC_SLICE("Transfer-Encoding: chunked\r\n"));
    }
}

/* Decides how the body is framed, and writes the head into `self`. */
static void build_head(builder *self, torc_web_request *request, int status,
    const char *content_type, int64_t length)
{
    torc__web_site *site = request->site;
    torc_slice type = torc_slice_of(content_type);

    torc__web_site_tick(site);
    request->started = true;
    request->status = status;
    request->remaining = length;
    request->bodyless = request->head->method == TORC__HTTP_HEAD || !status_has_body(status);
    if (length == TORC_WEB_UNKNOWN_LENGTH && request->head->version_minor != 0)
        request->in_chunks = true;
    else if (length == TORC_WEB_UNKNOWN_LENGTH)
        request->close = true;
    add(self, torc__http_status_line(status));
    add(self, TORC_SLICE("Date: "));
    add(self, torc_slice_make(site->date, TORC__HTTP_DATE_LENGTH));
    add(self, TORC_SLICE("\r\n"));
    add(self, torc_slice_make(site->server_field, site->server_field_length));
    add(self, connection_field(request));
    add_framing(self, request, status, length);
    if (type.length != 0 && type.length < HEAD_ROOM / 2 && is_field_text(type)) {
        add(self, TORC_SLICE("Content-Type: "));
        add(self, type);
        add(self, TORC_SLICE("\r\n"));
    }
}

/* Ends the head and writes it; the body too, where there is room for it in the same piece. */
static void write_head(builder *self, torc_web_request *request, torc_slice body)
{
    torc_slice fields = torc_slice_make(request->answer_fields, request->answer_fields_length);

    if (fields.length + 2 + body.length > self->size - self->length) {
        put(request, torc_slice_make(self->text, self->length));
        put(request, fields);
        self->length = 0;
        fields.length = 0;
    }
    add(self, fields);
    add(self, TORC_SLICE("\r\n"));
    if (body.length <= self->size - self->length) {
        add(self, body);
        body.length = 0;
    }
    put(request, torc_slice_make(self->text, self->length));
    if (body.length != 0)
        put(request, body);
}

/* -- in one go ----------------------------------------------------------------------------- */

void torc_web_respond(
    torc_web_request *request, int status, const char *content_type, torc_slice body)
{
    char text[PIECE_MAX];
    builder head = { .text = text, .size = sizeof(text) };

    if (request->started || request->finished)
        return;
    build_head(&head, request, status, content_type, (int64_t)body.length);
    body.length = (size_t)admit(request, body.length);
    write_head(&head, request, body);
    finish(request);
}

void torc_web_respond_buffer(
    torc_web_request *request, int status, const char *content_type, torc_buffer *body)
{
    torc_slice bytes = torc_buffer_slice(body);

    if (request->started || request->finished)
        return;
    torc_web_start(request, status, content_type, (int64_t)bytes.length);
    torc_web_send_buffer(request, body);
    torc_web_finish(request);
}

void torc_web_respond_status(torc_web_request *request, int status)
{
    torc_slice reason = torc__http_status_reason(status);
    char page[512];
    int length = snprintf(page, sizeof(page),
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n"
        "<title>%d %.*s</title>\n<h1>%d %.*s</h1>\n</html>\n",
        status, TORC_FMT(reason), status, TORC_FMT(reason));

    if (status_has_body(status))
        torc_web_respond(request, status, "text/html; charset=utf-8",
            torc_slice_make(page, (size_t)length));
    else
        torc_web_respond(request, status, NULL, torc_slice_make(NULL, 0));
}

void torc_web_redirect(torc_web_request *request, int status, torc_slice location)
{
    if (torc_web_add_header(request, "Location", location))
        torc_web_respond_status(request, status);
    else
        torc_web_respond_status(request, 500);
}

/* -- fields -------------------------------------------------------------------------------- */

static bool is_the_servers_own(torc_slice name)
{
    static const char *const own[] = {
        "Connection", "Content-Length", "Date", "Server", "Transfer-Encoding",
    };

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (torc_slice_equal_ignoring_case(name, torc_slice_of(own[i])))
            return true;
    }
    return false;
}

bool torc__web_add_lines(torc_web_request *request, torc_slice lines)
{
    size_t length = request->answer_fields_length;
    char *fields = torc__reallocate(request->answer_fields, length + lines.length);

    if (fields == NULL)
        return false;
    memcpy(fields + length, lines.data, lines.length);
    request->answer_fields = fields;
    request->answer_fields_length = length + lines.length;
    return true;
}

bool torc_web_add_header(torc_web_request *request, const char *name, torc_slice value)
{
    torc_slice name_text = torc_slice_of(name);
    size_t length = request->answer_fields_length;
    size_t more = name_text.length + value.length + 4;
    builder line;
    char *fields;

    if (request->started || request->finished || is_the_servers_own(name_text) ||
        !torc__http_is_token(name_text) || !is_field_text(value) ||
        value.length > TORC_WEB_ANSWER_FIELDS_MAX || length + more > TORC_WEB_ANSWER_FIELDS_MAX)
        return false;
    fields = torc__reallocate(request->answer_fields, length + more);
    if (fields == NULL)
        return false;
    line = (builder){ .text = fields, .length = length, .size = length + more };
    add(&line, name_text);
    add(&line, TORC_SLICE(": "));
    add(&line, value);
    add(&line, TORC_SLICE("\r\n"));
    request->answer_fields = fields;
    request->answer_fields_length = line.length;
    return true;
}

/* -- methods ------------------------------------------------------------------------------- */

bool torc_web_allow(torc_web_request *request, const char *methods)
{
    torc_slice list = torc_slice_of(methods);
    torc_slice method;
    char allowed[128];

    while (torc__http_list_next(&list, &method)) {
        if (torc_slice_equal(method, request->head->method_name))
            return true;
    }
    if (request->head->method == TORC__HTTP_OTHER) {
        torc_web_respond_status(request, 501);
        return false;
    }
    snprintf(allowed, sizeof(allowed), "%s, OPTIONS", methods);
    torc_web_add_header(request, "Allow", torc_slice_of(allowed));
    torc_web_respond_status(request, request->head->method == TORC__HTTP_OPTIONS ? 204 : 405);
    return false;
}

/* -- piece by piece ------------------------------------------------------------------------ */

void torc_web_start(torc_web_request *request, int status, const char *content_type, int64_t length)
{
    char text[HEAD_ROOM];
    builder head = { .text = text, .size = sizeof(text) };

    if (request->started || request->finished)
        return;
    build_head(&head, request, status, content_type, length < 0 ? TORC_WEB_UNKNOWN_LENGTH : length);
    write_head(&head, request, torc_slice_make(NULL, 0));
}

void torc_web_send(torc_web_request *request, torc_slice piece)
{
    piece.length = (size_t)admit(request, piece.length);
    if (piece.length == 0)
        return;
    begin_chunk(request, piece.length);
    put(request, piece);
    end_chunk(request);
}

void torc_web_send_buffer(torc_web_request *request, torc_buffer *piece)
{
    torc_slice bytes = torc_buffer_slice(piece);

    bytes.length = (size_t)admit(request, bytes.length);
    if (bytes.length == 0)
        return;
    begin_chunk(request, bytes.length);
    request->connection->written += bytes.length;
    torc_write_part(transport_of(request), piece, bytes);
    end_chunk(request);
}

void torc_web_send_file(torc_web_request *request, int file, int64_t offset, int64_t length)
{
    uint64_t admitted = length > 0 ? admit(request, (uint64_t)length) : 0;

    if (admitted == 0) {
        close(file);
        return;
    }
    begin_chunk(request, admitted);
    request->connection->written += admitted;
    torc_write_file(transport_of(request), file, offset, (int64_t)admitted);
    end_chunk(request);
}

void torc_web_abort(torc_web_request *request)
{
    if (request->finished)
        return;
    if (!request->started) {
        request->close = true;
        torc_web_respond_status(request, 500);
        return;
    }
    request->connection->phase = TORC__WEB_CLOSING;
    torc_abort_connection(transport_of(request));
    finish(request);
}

void torc_web_finish(torc_web_request *request)
{
    if (request->finished)
        return;
    if (!request->started || (request->remaining > 0 && !request->bodyless)) {
        torc_web_abort(request);
        return;
    }
    if (request->in_chunks && !request->bodyless)
        put(request, TORC_SLICE("0\r\n\r\n"));
    finish(request);
}

void torc_web_register_push_producer(torc_web_request *request, torc_producer *producer)
{
    if (request->finished)
        return;
    request->producing = true;
    torc_register_push_producer(transport_of(request), producer);
}

void torc_web_register_pull_producer(torc_web_request *request, torc_producer *producer)
{
    if (request->finished)
        return;
    request->producing = true;
    torc_register_pull_producer(transport_of(request), producer);
}

/* -- ready answers ------------------------------------------------------------------------- */

torc__web_ready *torc__web_ready_new(
    const torc__web_site *site, torc_slice fields, torc_buffer *body)
{
    torc_slice bytes = torc_buffer_slice(body);
    torc_slice start = TORC_SLICE("HTTP/1.1 200 OK\r\nDate: ");
    bool in_text = bytes.length <= TORC__WEB_READY_INLINE;
    size_t size = start.length + TORC__HTTP_DATE_LENGTH + 2 + site->server_field_length +
        fields.length + 2 + (in_text ? bytes.length : 0);
    torc__web_ready *ready = torc__allocate(sizeof(*ready) + size);
    builder text;

    if (ready == NULL) {
        torc_buffer_release(body);
        return NULL;
    }
    text = (builder){ .text = ready->text, .size = size };
    add(&text, start);
    ready->date_offset = (uint32_t)text.length;
    ready->date_serial = site->date_serial;
    add(&text, torc_slice_make(site->date, TORC__HTTP_DATE_LENGTH));
    add(&text, TORC_SLICE("\r\n"));
    add(&text, torc_slice_make(site->server_field, site->server_field_length));
    add(&text, fields);
    add(&text, TORC_SLICE("\r\n"));
    ready->head_length = (uint32_t)text.length;
    ready->body_length = bytes.length;
    ready->body = body;
    if (in_text) {
        add(&text, bytes);
        torc_buffer_release(body);
        ready->body = NULL;
    }
    ready->text_length = (uint32_t)text.length;
    return ready;
}

void torc__web_ready_free(torc__web_ready *ready)
{
    if (ready == NULL)
        return;
    torc_buffer_release(ready->body);
    torc__free(ready);
}

/* For HEAD, HTTP/1.0 and a connection that ends: with a field more in the head, or no body. */
static void respond_unusual(torc_web_request *request, torc__web_ready *ready)
{
    torc_slice body = torc_slice_make(
        ready->text + ready->head_length, ready->text_length - ready->head_length);

    put(request, torc_slice_make(ready->text, ready->head_length - 2));
    put(request, connection_field(request));
    put(request, TORC_SLICE("\r\n"));
    if (request->head->method == TORC__HTTP_HEAD)
        return;
    request->body_sent = ready->body_length;
    put(request, body);
    if (ready->body == NULL)
        return;
    request->connection->written += ready->body_length;
    torc_write_buffer(transport_of(request), ready->body);
}

void torc__web_respond_ready(torc_web_request *request, torc__web_ready *ready)
{
    torc__web_site *site = request->site;

    torc__web_site_tick(site);
    if (ready->date_serial != site->date_serial) {
        memcpy(ready->text + ready->date_offset, site->date, TORC__HTTP_DATE_LENGTH);
        ready->date_serial = site->date_serial;
    }
    request->started = true;
    request->status = 200;
    if (TORC_UNLIKELY(closes(request) || request->head->version_minor == 0 ||
            request->head->method != TORC__HTTP_GET)) {
        respond_unusual(request, ready);
    } else {
        request->body_sent = ready->body_length;
        put(request, torc_slice_make(ready->text, ready->text_length));
        if (ready->body != NULL) {
            request->connection->written += ready->body_length;
            torc_write_buffer(transport_of(request), ready->body);
        }
    }
    finish(request);
}
