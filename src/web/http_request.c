/*
 * A request: taken from the site's pool, filled by the connection, read by handlers, given back.
 *
 * As long as it lives within one callback its head's slices point into the input. What has to live
 * longer is copied, once, and the slices are moved over to the copy.
 */
#include "web/http_server.h"

#include "base/memory.h"
#include "base/pool.h"

#include <string.h>

#ifdef TORC_NO_POOLS
# define SPARE_MAX 0
#else
# define SPARE_MAX 64
#endif

/* -- life ---------------------------------------------------------------------------------- */

torc_web_request *torc__web_request_take(
    torc__web_connection *connection, const torc__http_head *head)
{
    torc__web_site *site = connection->site;
    torc_web_request *request = site->free_requests;

    if (TORC_LIKELY(request != NULL)) {
        site->free_requests = request->next_free;
        site->free_request_count--;
    } else {
        request = torc__allocate_zeroed(sizeof(*request));
        if (request == NULL)
            return NULL;
        request->site = site;
    }
    request->connection = connection;
    request->head = head;
    return request;
}

void torc__web_request_free(torc_web_request *request)
{
    torc__free(request->fields);
    torc__free(request->bytes);
    torc__free(request);
}

/* Everything a request can have gathered; most have nothing of it. */
static void let_go(torc_web_request *request)
{
    torc_scope *scope = request->scope;

    request->scope = NULL;
    torc_scope_end(scope);
    torc__free(request->body);
    torc__free(request->answer_fields);
    request->body = NULL;
    request->answer_fields = NULL;
    request->body_length = 0;
    request->body_size = 0;
    request->answer_fields_length = 0;
    request->bytes_length = 0;
}

void torc__web_request_give(torc_web_request *request)
{
    torc__web_site *site = request->site;

    let_go(request);
    if (site->free_request_count + 1 > SPARE_MAX) {
        torc__web_request_free(request);
        return;
    }
    request->connection = NULL;
    request->head = NULL;
    request->body_taken = 0;
    request->status = 0;
    request->remaining = 0;
    request->body_sent = 0;
    request->in_handler = false;
    request->started = false;
    request->finished = false;
    request->bodyless = false;
    request->in_chunks = false;
    request->close = false;
    request->producing = false;
    request->next_free = site->free_requests;
    site->free_requests = request;
    site->free_request_count++;
}

/* -- what it keeps ------------------------------------------------------------------------- */

/* Appends to a block that doubles when it is full. */
static bool append(char **block, size_t *length, size_t *size, torc_slice bytes)
{
    if (bytes.length == 0)
        return true;
    if (bytes.length > *size - *length) {
        size_t wanted = *size != 0 ? *size : 1024;
        char *larger;

        while (wanted - *length < bytes.length)
            wanted *= 2;
        larger = torc__reallocate(*block, wanted);
        if (larger == NULL)
            return false;
        *block = larger;
        *size = wanted;
    }
    memcpy(*block + *length, bytes.data, bytes.length);
    *length += bytes.length;
    return true;
}

/* Room for fields, and a parser over it that begins at the front. */
static bool have_parser(torc_web_request *request)
{
    size_t fields_max = request->site->options.limits.fields_max;
    torc__http_head_limits limits = {
        .request_line = request->site->options.limits.line_max,
        .head = request->site->options.limits.head_max,
    };

    if (request->fields == NULL) {
        request->fields = torc__allocate(fields_max * sizeof(*request->fields));
        if (request->fields == NULL)
            return false;
    }
    torc__http_head_parser_init(&request->parser, &limits, request->fields, fields_max);
    return true;
}

bool torc__web_request_add_head_bytes(torc_web_request *request, torc_slice bytes)
{
    if (request->bytes_length == 0 && !have_parser(request))
        return false;
    return append(&request->bytes, &request->bytes_length, &request->bytes_size, bytes);
}

static torc_slice moved(torc_slice slice, const char *from, const char *to)
{
    if (slice.data == NULL)
        return slice;
    return torc_slice_make(to + (slice.data - from), slice.length);
}

bool torc__web_request_own_head(torc_web_request *request, torc_slice head_bytes)
{
    torc__http_head *head = &request->parser.head;

    if (request->head == head)
        return true;
    if (!have_parser(request))
        return false;
    request->bytes_length = 0;
    if (!append(&request->bytes, &request->bytes_length, &request->bytes_size, head_bytes))
        return false;
    *head = *request->head;
    head->method_name = moved(head->method_name, head_bytes.data, request->bytes);
    head->target = moved(head->target, head_bytes.data, request->bytes);
    for (size_t i = 0; i < head->field_count; i++) {
        const torc__http_field *field = &request->head->fields[i];

        request->fields[i].name = moved(field->name, head_bytes.data, request->bytes);
        request->fields[i].value = moved(field->value, head_bytes.data, request->bytes);
    }
    head->fields = request->fields;
    request->head = head;
    return true;
}

bool torc__web_request_add_body(torc_web_request *request, torc_slice bytes)
{
    return append(&request->body, &request->body_length, &request->body_size, bytes);
}

/* -- what it tells ------------------------------------------------------------------------- */

torc_slice torc_web_request_method(const torc_web_request *request)
{
    return request->head->method_name;
}

torc_slice torc_web_request_target(const torc_web_request *request)
{
    return request->head->target;
}

/* Of "http://host/path": what follows "//", up to the path; for any other form empty. */
static torc_slice authority_of(torc_slice target)
{
    torc_slice rest = torc_slice_skip(target, torc_slice_find(target, TORC_SLICE("://")) + 3);

    if (target.length == 0 || target.data[0] == '/')
        return torc_slice_make(NULL, 0);
    for (size_t i = 0; i < rest.length; i++) {
        if (rest.data[i] == '/' || rest.data[i] == '?')
            return torc_slice_first(rest, i);
    }
    return rest;
}

torc_slice torc_web_request_path(const torc_web_request *request)
{
    torc_slice target = request->head->target;
    torc_slice authority = authority_of(target);

    if (authority.length != 0)
        target = torc_slice_skip(target, (size_t)(authority.data - target.data) + authority.length);
    if (target.length == 0 || target.data[0] != '/')
        return torc_slice_make(NULL, 0);
    return torc_slice_first(target, torc_slice_find_byte(target, '?'));
}

torc_slice torc_web_request_query(const torc_web_request *request)
{
    torc_slice target = request->head->target;

    return torc_slice_skip(target, torc_slice_find_byte(target, '?') + 1);
}

torc_slice torc_web_request_host(const torc_web_request *request)
{
    torc_slice authority = authority_of(request->head->target);

    if (authority.length != 0)
        return authority;
    return torc__http_head_value(request->head, TORC__HTTP_HOST);
}

int torc_web_request_version(const torc_web_request *request)
{
    return 10 + request->head->version_minor;
}

bool torc_web_request_header(
    const torc_web_request *request, const char *name, torc_slice *ret_value)
{
    *ret_value = torc__http_head_find(request->head, torc_slice_of(name));
    return ret_value->data != NULL;
}

bool torc_web_request_field(
    const torc_web_request *request, size_t index, torc_slice *ret_name, torc_slice *ret_value)
{
    if (index >= request->head->field_count)
        return false;
    *ret_name = request->head->fields[index].name;
    *ret_value = request->head->fields[index].value;
    return true;
}

torc_slice torc_web_request_body(const torc_web_request *request)
{
    return torc_slice_make(request->body, request->body_length);
}

torc_address torc_web_request_peer(const torc_web_request *request)
{
    return torc_peer_address(request->connection->protocol.transport);
}

torc_scope *torc_web_request_scope(torc_web_request *request)
{
    if (request->scope == NULL && !request->finished)
        request->scope = torc_scope_new(torc_scope_of(request->connection));
    return request->scope;
}
