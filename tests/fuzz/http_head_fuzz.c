/*
 * Any bytes as a request head. The first two say where to cut and which limits to set; the rest is
 * parsed whole, cut there, and byte by byte where it is short. The outcome must be the same, and
 * all that comes out must lie inside the head.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "web/http_head.h"
#include "web/url_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

enum { MAX_FIELDS = 12, SHORT = 300 };

typedef struct attempt {
    torc__http_head_parser parser;
    torc__http_field fields[MAX_FIELDS];
    torc__http_head_outcome outcome;
    torc_slice input; /* a block of its own, as long as what has come */
} attempt;

static void begin(attempt *self, const torc__http_head_limits *limits)
{
    torc__http_head_parser_init(&self->parser, limits, self->fields, MAX_FIELDS);
    self->outcome = TORC__HTTP_HEAD_NEED_MORE;
    self->input = torc_slice_make(NULL, 0);
}

static void end(attempt *self)
{
    free((void *)(uintptr_t)self->input.data);
}

static void feed(attempt *self, torc_slice text, size_t length)
{
    char *block;

    if (self->outcome != TORC__HTTP_HEAD_NEED_MORE)
        return;
    block = malloc(length > 0 ? length : 1);
    REQUIRE(block != NULL);
    if (length > 0)
        memcpy(block, text.data, length);
    end(self);
    self->input = torc_slice_make(block, length);
    self->outcome = torc__http_head_parse(&self->parser, self->input);
}

static void require_inside(const attempt *self, torc_slice part)
{
    REQUIRE(part.data >= self->input.data);
    REQUIRE(part.data + part.length <= self->input.data + self->parser.consumed);
}

static void require_safe_path(torc_slice target)
{
    size_t size = TORC__URL_PATH_SIZE(target.length);
    char *buffer = malloc(size);
    torc__url_target result;
    int status;

    REQUIRE(buffer != NULL);
    status = torc__url_target_parse(target, buffer, size, &result);
    REQUIRE(status == 0 || status == 400 || status == 404);
    if (status == 0) {
        torc_slice rest = result.path;

        REQUIRE(rest.length > 0 && rest.data[0] != '/' && rest.data[rest.length] == '\0');
        REQUIRE(strlen(rest.data) == rest.length);
        while (rest.length > 0) {
            torc_slice segment = torc_slice_first(rest, torc_slice_find_byte(rest, '/'));

            REQUIRE(segment.length > 0 && !torc_slice_is(segment, ".."));
            REQUIRE(!torc_slice_is(segment, ".") || result.path.length == 1);
            rest = torc_slice_skip(rest, segment.length + 1);
        }
    }
    free(buffer);
}

static void require_sound(const attempt *self)
{
    const torc__http_head *head = &self->parser.head;

    if (self->outcome == TORC__HTTP_HEAD_ERROR) {
        int status = self->parser.status;

        REQUIRE(status == 400 || status == 414 || status == 417 || status == 431 ||
            status == 501 || status == 505);
        REQUIRE(self->parser.problem != NULL);
    }
    if (self->outcome != TORC__HTTP_HEAD_DONE)
        return;
    REQUIRE(self->parser.consumed <= self->input.length);
    REQUIRE(self->parser.consumed <= self->parser.limits.head);
    REQUIRE(memcmp(self->input.data + self->parser.consumed - 4, "\r\n\r\n", 4) == 0);
    REQUIRE(head->method_name.length > 0 && head->target.length > 0);
    REQUIRE(head->field_count <= MAX_FIELDS);
    REQUIRE(!(head->chunked && head->has_content_length));
    REQUIRE(head->version_minor == 0 || torc__http_head_has(head, TORC__HTTP_HOST));
    require_inside(self, head->method_name);
    require_inside(self, head->target);
    for (size_t i = 0; i < head->field_count; i++) {
        torc_slice value = head->fields[i].value;

        require_inside(self, head->fields[i].name);
        require_inside(self, value);
        REQUIRE(torc__http_is_token(head->fields[i].name));
        REQUIRE(torc_slice_equal(value, torc_slice_trim(value)));
        REQUIRE(torc_slice_find_byte(value, '\n') == value.length);
        REQUIRE(torc_slice_find_byte(value, '\r') == value.length);
        REQUIRE(torc_slice_find_byte(value, '\0') == value.length);
    }
    require_safe_path(head->target);
}

static void require_same(const attempt *a, const attempt *b)
{
    const torc__http_head *first = &a->parser.head;
    const torc__http_head *second = &b->parser.head;

    REQUIRE(a->outcome == b->outcome);
    REQUIRE(a->parser.status == b->parser.status);
    REQUIRE(a->parser.problem == b->parser.problem);
    if (a->outcome != TORC__HTTP_HEAD_DONE)
        return;
    REQUIRE(a->parser.consumed == b->parser.consumed);
    REQUIRE(first->method == second->method);
    REQUIRE(first->version_minor == second->version_minor);
    REQUIRE(first->keep_alive == second->keep_alive);
    REQUIRE(first->expects_continue == second->expects_continue);
    REQUIRE(first->has_content_length == second->has_content_length);
    REQUIRE(first->content_length == second->content_length);
    REQUIRE(first->chunked == second->chunked);
    REQUIRE(torc_slice_equal(first->method_name, second->method_name));
    REQUIRE(torc_slice_equal(first->target, second->target));
    REQUIRE(memcmp(first->known, second->known, sizeof(first->known)) == 0);
    REQUIRE(first->field_count == second->field_count);
    for (size_t i = 0; i < first->field_count; i++) {
        REQUIRE(torc_slice_equal(first->fields[i].name, second->fields[i].name));
        REQUIRE(torc_slice_equal(first->fields[i].value, second->fields[i].value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static attempt whole;
    static attempt cut;
    torc__http_head_limits limits = { .request_line = 100, .head = 1000 };
    torc_slice text;
    size_t at;

    if (size < 2)
        return 0;
    text = torc_slice_make(data + 2, size - 2);
    at = text.length > 0 ? data[0] % (text.length + 1) : 0;
    if (data[1] % 2 == 1)
        limits.head = 40 + data[1];
    begin(&whole, &limits);
    feed(&whole, text, text.length);
    require_sound(&whole);

    begin(&cut, &limits);
    feed(&cut, text, at);
    feed(&cut, text, text.length);
    require_same(&whole, &cut);
    require_sound(&cut);
    end(&cut);

    begin(&cut, &limits);
    for (at = 0; text.length <= SHORT && at <= text.length; at++)
        feed(&cut, text, at);
    if (text.length <= SHORT)
        require_same(&whole, &cut);
    end(&cut);
    end(&whole);
    return 0;
}
