/*
 * What a connection receives: heads and bodies, taken off the front of its input. A head that is
 * all there is read where it stands; one that is not goes into its request, piece by piece.
 *
 * What breaks the rules or a limit is refused here: the connection is then in a phase in which it
 * takes no more requests.
 */
#include "web/http_server.h"

/* -- bodies -------------------------------------------------------------------------------- */

static bool take_body(torc__web_connection *self, torc_slice piece)
{
    torc_web_request *request = self->request;

    request->body_taken += piece.length;
    if (request->body_taken > self->site->options.limits.body_max) {
        torc__web_connection_refuse(self, 413);
        return false;
    }
    if (self->site->options.drops_bodies || torc__web_request_add_body(request, piece))
        return true;
    torc__web_connection_out_of_memory(self);
    return false;
}

static torc__web_body_state read_chunks(torc__web_connection *self, torc_slice *input)
{
    for (;;) {
        torc_slice piece;

        switch (torc__http_chunked_next(&self->request->chunked, input, &piece)) {
        case TORC__HTTP_CHUNKED_NEED_MORE:
            return TORC__WEB_BODY_NEEDS_MORE;
        case TORC__HTTP_CHUNKED_DONE:
            return TORC__WEB_BODY_COMPLETE;
        case TORC__HTTP_CHUNKED_DATA:
            if (!take_body(self, piece))
                return TORC__WEB_BODY_REFUSED;
            break;
        case TORC__HTTP_CHUNKED_ERROR:
            torc__web_connection_refuse(self, 400);
            return TORC__WEB_BODY_REFUSED;
        }
    }
}

torc__web_body_state torc__web_read_body(torc__web_connection *self, torc_slice *input)
{
    torc_web_request *request = self->request;
    uint64_t missing;
    torc_slice piece;

    if (request->head->chunked)
        return read_chunks(self, input);
    missing = request->head->content_length - request->body_taken;
    piece = torc_slice_first(*input, missing < SIZE_MAX ? (size_t)missing : SIZE_MAX);
    *input = torc_slice_skip(*input, piece.length);
    if (!take_body(self, piece))
        return TORC__WEB_BODY_REFUSED;
    return piece.length == missing ? TORC__WEB_BODY_COMPLETE : TORC__WEB_BODY_NEEDS_MORE;
}

bool torc__web_begin_body(torc__web_connection *self, torc_slice input)
{
    const torc__http_head *head = self->request->head;

    if (head->content_length > self->site->options.limits.body_max) {
        torc__web_connection_refuse(self, 413);
        return false;
    }
    if (head->chunked)
        torc__http_chunked_init(&self->request->chunked);
    if (head->expects_continue && input.length == 0) {
        torc_slice invitation = TORC_SLICE("HTTP/1.1 100 Continue\r\n\r\n");

        self->written += invitation.length;
        torc_write_static(self->protocol.transport, invitation);
    }
    return true;
}

/* -- heads --------------------------------------------------------------------------------- */

bool torc__web_read_head(
    torc__web_connection *self, torc_slice *input, torc_slice *ret_head_bytes)
{
    torc__http_head_parser *parser = &self->site->parser;
    torc__http_head_outcome outcome;

    torc__http_head_parser_reset(parser);
    outcome = torc__http_head_parse(parser, *input);
    if (TORC_LIKELY(outcome == TORC__HTTP_HEAD_DONE)) {
        self->request = torc__web_request_take(self, &parser->head);
        *ret_head_bytes = torc_slice_first(*input, parser->consumed);
        *input = torc_slice_skip(*input, parser->consumed);
        if (self->request == NULL)
            torc__web_connection_out_of_memory(self);
        return self->request != NULL;
    }
    if (outcome == TORC__HTTP_HEAD_ERROR) {
        torc__web_connection_refuse(self, parser->status);
        return false;
    }
    self->request = torc__web_request_take(self, NULL);
    if (self->request == NULL || !torc__web_request_add_head_bytes(self->request, *input)) {
        torc__web_connection_out_of_memory(self);
        return false;
    }
    torc__http_head_parse(
        &self->request->parser, torc_slice_make(self->request->bytes, self->request->bytes_length));
    torc__web_connection_enter(
        self, TORC__WEB_IN_HEAD, self->site->options.timeouts.head);
    *input = torc_slice_make(NULL, 0);
    return false;
}

bool torc__web_read_rest_of_head(torc__web_connection *self, torc_slice *input)
{
    torc_web_request *request = self->request;
    torc__http_head_parser *parser = &request->parser;
    size_t before = request->bytes_length;

    if (!torc__web_request_add_head_bytes(request, *input)) {
        torc__web_connection_out_of_memory(self);
        return false;
    }
    switch (torc__http_head_parse(parser, torc_slice_make(request->bytes, request->bytes_length))) {
    case TORC__HTTP_HEAD_DONE:
        *input = torc_slice_skip(*input, parser->consumed - before);
        request->bytes_length = parser->consumed;
        request->head = &parser->head;
        return true;
    case TORC__HTTP_HEAD_ERROR:
        torc__web_connection_refuse(self, parser->status);
        return false;
    case TORC__HTTP_HEAD_NEED_MORE:
        break;
    }
    *input = torc_slice_make(NULL, 0);
    return false;
}
