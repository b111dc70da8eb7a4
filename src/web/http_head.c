/*
 * The parser of request heads: a machine that judges each byte once, from left to right.
 *
 * A state is an element of the grammar (method, target, version, name, value), not a byte of it,
 * and each has one function, which runs over as many bytes as are there. When they run out inside
 * an element, `position` is the first byte that is not judged yet; the next call goes on there.
 * Because an element fails at its first bad byte, and only bytes below the limit are looked at, a
 * cut anywhere changes nothing. What the fields mean is gathered as each one ends, and judged
 * together at the end.
 */
#include "web/http_head.h"
#include "web/http_runs.h"

enum {
    STATE_START,
    STATE_START_LF,
    STATE_METHOD_START,
    STATE_METHOD,
    STATE_TARGET,
    STATE_VERSION,
    STATE_FIELD_START,
    STATE_NAME,
    STATE_VALUE_START,
    STATE_VALUE,
    STATE_END_LF
};

typedef enum step {
    STEP_ON,      /* the state has changed: go on */
    STEP_STARVED, /* all bytes that may be looked at are judged */
    STEP_FAILED,
    STEP_FINISHED
} step;

enum { OPTION_CLOSE = 1, OPTION_KEEP_ALIVE = 2 };
enum { CODING_CHUNKED = 1, CODING_UNKNOWN = 2 };

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

void torc__http_head_parser_init(torc__http_head_parser *parser,
    const torc__http_head_limits *limits, torc__http_field *fields, size_t max_fields)
{
    static const torc__http_head_limits defaults = {
        .request_line = TORC__HTTP_MAX_REQUEST_LINE,
        .head = TORC__HTTP_MAX_HEAD,
    };

    parser->limits = limits != NULL ? *limits : defaults;
    parser->storage = fields;
    parser->max_fields = max_fields < UINT16_MAX ? max_fields : UINT16_MAX - 1;
    torc__http_head_parser_reset(parser);
}

void torc__http_head_parser_reset(torc__http_head_parser *parser)
{
    memset(&parser->head, 0, sizeof(parser->head));
    parser->head.fields = parser->storage;
    parser->consumed = 0;
    parser->status = 0;
    parser->problem = NULL;
    parser->base = 0;
    parser->position = 0;
    parser->element_start = 0;
    parser->line_start = 0;
    parser->state = STATE_START;
    parser->connection_options = 0;
    parser->codings = 0;
}

static step fail(torc__http_head_parser *parser, int status, const char *problem)
{
    parser->status = status;
    parser->problem = problem;
    return STEP_FAILED;
}

/* For a byte that ends an element and has no business there. */
static step fail_at_byte(torc__http_head_parser *parser, char byte, const char *problem)
{
    if (byte == '\r')
        return fail(parser, 400, "a CR without its LF, or out of place");
    if (byte == '\n')
        return fail(parser, 400, "an LF without its CR");
    if (byte == '\0')
        return fail(parser, 400, "a NUL");
    return fail(parser, 400, problem);
}

/* A recipient skips one empty line before a request line: some clients send one after a body. */
static step read_start(torc__http_head_parser *parser, torc_slice input)
{
    if (input.length == 0)
        return STEP_STARVED;
    if (input.data[0] == '\r') {
        parser->position = 1;
        parser->state = STATE_START_LF;
    } else {
        parser->state = STATE_METHOD_START;
    }
    return STEP_ON;
}

static step read_lf(torc__http_head_parser *parser, torc_slice input)
{
    if (parser->position == input.length)
        return STEP_STARVED;
    if (input.data[parser->position] != '\n')
        return fail_at_byte(parser, '\r', NULL);
    parser->position++;
    if (parser->state == STATE_END_LF)
        return STEP_FINISHED;
    parser->state = STATE_METHOD_START;
    return STEP_ON;
}

static step start_method(torc__http_head_parser *parser)
{
    parser->line_start = parser->position;
    parser->element_start = parser->position;
    parser->state = STATE_METHOD;
    return STEP_ON;
}

static torc__http_method method_of(torc_slice name)
{
    static const struct {
        torc_slice name;
        torc__http_method method;
    } methods[] = {
        { { "GET", 3 }, TORC__HTTP_GET },
        { { "HEAD", 4 }, TORC__HTTP_HEAD },
        { { "OPTIONS", 7 }, TORC__HTTP_OPTIONS },
        { { "POST", 4 }, TORC__HTTP_POST },
        { { "PUT", 3 }, TORC__HTTP_PUT },
        { { "DELETE", 6 }, TORC__HTTP_DELETE },
        { { "PATCH", 5 }, TORC__HTTP_PATCH },
        { { "CONNECT", 7 }, TORC__HTTP_CONNECT },
        { { "TRACE", 5 }, TORC__HTTP_TRACE },
    };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (torc_slice_equal(name, methods[i].name))
            return methods[i].method;
    return TORC__HTTP_OTHER;
}

static step read_method(torc__http_head_parser *parser, torc_slice input)
{
    size_t longest = parser->element_start + TORC__HTTP_MAX_METHOD;
    size_t end = input.length < longest ? input.length : longest;
    torc_slice name;

    parser->position = torc__http_skip_kind(input.data, parser->position, end, TORC__HTTP_IN_TOKEN);
    if (parser->position == input.length)
        return STEP_STARVED;
    if (input.data[parser->position] != ' ') {
        if (parser->position == longest)
            return fail(parser, 400, "a method that is too long");
        return fail_at_byte(parser, input.data[parser->position], "no method");
    }
    name = torc_slice_make(input.data + parser->element_start,
        parser->position - parser->element_start);
    if (name.length == 0)
        return fail(parser, 400, "no method");
    parser->head.method_name = name;
    parser->head.method = method_of(name);
    parser->position++;
    parser->element_start = parser->position;
    parser->state = STATE_TARGET;
    return STEP_ON;
}

static step read_target(torc__http_head_parser *parser, torc_slice input)
{
    parser->position = torc__http_skip_target(input.data, parser->position, input.length);
    if (parser->position == input.length)
        return STEP_STARVED;
    if (input.data[parser->position] != ' ' || parser->position == parser->element_start)
        return fail_at_byte(parser, input.data[parser->position], "no valid target");
    parser->head.target = torc_slice_make(input.data + parser->element_start,
        parser->position - parser->element_start);
    parser->position++;
    parser->element_start = parser->position;
    parser->state = STATE_VERSION;
    return STEP_ON;
}

/* Judges byte `index` of "HTTP/1.1" and the CRLF after it. */
static step judge_version_byte(torc__http_head_parser *parser, torc_slice version, size_t index)
{
    static const char shape[] = "HTTP/1.1\r\n";
    char byte = version.data[index];
    bool is_number = shape[index] == '1';

    if (is_number ? byte < '0' || byte > '9' : byte != shape[index])
        return fail_at_byte(parser, index == 9 ? '\r' : byte, "no HTTP version");
    if (index == 7 && version.data[5] != '1')
        return fail(parser, 505, "a version other than HTTP/1");
    return STEP_ON;
}

static step read_version(torc__http_head_parser *parser, torc_slice input)
{
    const size_t length = 10;
    torc_slice version = torc_slice_skip(input, parser->element_start);

    if (version.length < length || memcmp(version.data, "HTTP/1.1\r\n", length) != 0) {
        while (parser->position < parser->element_start + length) {
            size_t index = parser->position - parser->element_start;

            if (index == version.length)
                return STEP_STARVED;
            if (judge_version_byte(parser, version, index) == STEP_FAILED)
                return STEP_FAILED;
            parser->position++;
        }
    }
    parser->head.version_minor = (uint8_t)(version.data[7] - '0');
    parser->position = parser->element_start + length;
    parser->state = STATE_FIELD_START;
    return STEP_ON;
}

static step read_field_start(torc__http_head_parser *parser, torc_slice input)
{
    char byte;

    if (parser->position == input.length)
        return STEP_STARVED;
    byte = input.data[parser->position];
    if (byte == '\r') {
        parser->position++;
        parser->state = STATE_END_LF;
        return STEP_ON;
    }
    if (is_blank(byte))
        return fail(parser, 400, "white space at the start of a field line");
    if (parser->head.field_count == parser->max_fields)
        return fail(parser, 431, "too many fields");
    parser->element_start = parser->position;
    parser->state = STATE_NAME;
    return STEP_ON;
}

static step read_name(torc__http_head_parser *parser, torc_slice input)
{
    size_t start = parser->element_start;
    size_t position = parser->position;

    position = torc__http_skip_kind(input.data, position, input.length, TORC__HTTP_IN_TOKEN);
    parser->position = position;
    if (position == input.length)
        return STEP_STARVED;
    if (input.data[position] != ':') {
        if (is_blank(input.data[position]))
            return fail(parser, 400, "white space in a field's name or before its colon");
        return fail_at_byte(parser, input.data[position], "a bad byte in a field's name");
    }
    if (position == start)
        return fail(parser, 400, "a field without a name");
    parser->storage[parser->head.field_count].name =
        torc_slice_make(input.data + start, position - start);
    parser->position++;
    parser->state = STATE_VALUE_START;
    return STEP_ON;
}

static step read_value_start(torc__http_head_parser *parser, torc_slice input)
{
    while (parser->position < input.length && is_blank(input.data[parser->position]))
        parser->position++;
    if (parser->position == input.length)
        return STEP_STARVED;
    parser->element_start = parser->position;
    parser->state = STATE_VALUE;
    return STEP_ON;
}

/*
 * Whether `text` is `lower`, a literal of small letters, digits and hyphens of the same length.
 * Setting bit 5 turns large letters small, and no other byte that a value may have into a letter or
 * hyphen.
 */
static bool is_word_of(const char *text, const char *lower, size_t length)
{
    const uint64_t bit_5 = UINT64_C(0x2020202020202020);
    uint64_t word;
    uint64_t wanted;

    for (; length >= 8; text += 8, lower += 8, length -= 8) {
        memcpy(&word, text, 8);
        memcpy(&wanted, lower, 8);
        if ((word | bit_5) != wanted)
            return false;
    }
    for (; length > 0; text++, lower++, length--)
        if ((*text | 0x20) != *lower)
            return false;
    return true;
}

static bool is_word(torc_slice text, torc_slice lower)
{
    return text.length == lower.length && is_word_of(text.data, lower.data, text.length);
}

/* At most two known names have the same length. */
static torc__http_known_field known_field(torc_slice name)
{
    static const struct {
        const char *name[2];
        uint8_t field[2];
    } by_length[20] = {
        [4] = { { "host", NULL }, { TORC__HTTP_HOST, 0 } },
        [5] = { { "range", NULL }, { TORC__HTTP_RANGE, 0 } },
        [6] = { { "expect", NULL }, { TORC__HTTP_EXPECT, 0 } },
        [7] = { { "referer", NULL }, { TORC__HTTP_REFERER, 0 } },
        [8] = { { "if-match", "if-range" }, { TORC__HTTP_IF_MATCH, TORC__HTTP_IF_RANGE } },
        [10] = { { "connection", "user-agent" }, { TORC__HTTP_CONNECTION, TORC__HTTP_USER_AGENT } },
        [13] = { { "if-none-match", NULL }, { TORC__HTTP_IF_NONE_MATCH, 0 } },
        [14] = { { "content-length", NULL }, { TORC__HTTP_CONTENT_LENGTH, 0 } },
        [15] = { { "accept-encoding", NULL }, { TORC__HTTP_ACCEPT_ENCODING, 0 } },
        [17] = { { "transfer-encoding", "if-modified-since" },
            { TORC__HTTP_TRANSFER_ENCODING, TORC__HTTP_IF_MODIFIED_SINCE } },
        [19] = { { "if-unmodified-since", NULL }, { TORC__HTTP_IF_UNMODIFIED_SINCE, 0 } },
    };

    if (name.length >= sizeof(by_length) / sizeof(by_length[0]))
        return TORC__HTTP_KNOWN_FIELD_COUNT;
    for (size_t i = 0; i < 2; i++) {
        const char *candidate = by_length[name.length].name[i];

        if (candidate != NULL && is_word_of(name.data, candidate, name.length))
            return (torc__http_known_field)by_length[name.length].field[i];
    }
    return TORC__HTTP_KNOWN_FIELD_COUNT;
}

static step gather_content_length(torc__http_head_parser *parser, torc_slice value)
{
    /* Even the same length twice: who sent that did not write it once on purpose. */
    if (parser->head.has_content_length)
        return fail(parser, 400, "Content-Length more than once");
    if (!torc_slice_to_number(value, INT64_MAX, &parser->head.content_length))
        return fail(parser, 400, "a Content-Length that is no number");
    parser->head.has_content_length = true;
    return STEP_ON;
}

static step gather_transfer_encoding(torc__http_head_parser *parser, torc_slice value)
{
    torc_slice coding;
    bool any = false;

    while (torc__http_list_next(&value, &coding)) {
        any = true;
        if ((parser->codings & CODING_CHUNKED) != 0)
            return fail(parser, 400, "a transfer coding after chunked");
        if (is_word(coding, TORC_SLICE("chunked")))
            parser->codings |= CODING_CHUNKED;
        else
            parser->codings |= CODING_UNKNOWN;
    }
    return any ? STEP_ON : fail(parser, 400, "an empty Transfer-Encoding");
}

static step gather_connection(torc__http_head_parser *parser, torc_slice value)
{
    torc_slice option;

    /* What nearly everybody sends. */
    if (is_word(value, TORC_SLICE("keep-alive"))) {
        parser->connection_options |= OPTION_KEEP_ALIVE;
        return STEP_ON;
    }
    while (torc__http_list_next(&value, &option)) {
        if (is_word(option, TORC_SLICE("close")))
            parser->connection_options |= OPTION_CLOSE;
        else if (is_word(option, TORC_SLICE("keep-alive")))
            parser->connection_options |= OPTION_KEEP_ALIVE;
    }
    return STEP_ON;
}

static step gather_expect(torc__http_head_parser *parser, torc_slice value)
{
    torc_slice member;

    while (torc__http_list_next(&value, &member)) {
        if (!is_word(member, TORC_SLICE("100-continue")))
            return fail(parser, 417, "an expectation other than 100-continue");
        parser->head.expects_continue = true;
    }
    return STEP_ON;
}

static step gather_field(torc__http_head_parser *parser, torc__http_known_field field,
    torc_slice value)
{
    bool repeated = parser->head.known[field] != 0;

    if (!repeated)
        parser->head.known[field] = (uint16_t)(parser->head.field_count + 1);
    switch (field) {
    case TORC__HTTP_HOST:
        if (repeated)
            return fail(parser, 400, "Host more than once");
        return torc__http_host_is_valid(value) ? STEP_ON : fail(parser, 400, "an invalid Host");
    case TORC__HTTP_CONTENT_LENGTH:
        return gather_content_length(parser, value);
    case TORC__HTTP_TRANSFER_ENCODING:
        return gather_transfer_encoding(parser, value);
    case TORC__HTTP_CONNECTION:
        return gather_connection(parser, value);
    case TORC__HTTP_EXPECT:
        return gather_expect(parser, value);
    default:
        return STEP_ON;
    }
}

static step read_value(torc__http_head_parser *parser, torc_slice input)
{
    size_t position = torc__http_skip_value(input.data, parser->position, input.length);
    torc__http_field *field = &parser->storage[parser->head.field_count];
    torc__http_known_field known;
    size_t value_end;

    parser->position = position;
    if (position == input.length || (input.data[position] == '\r' && position + 1 == input.length))
        return STEP_STARVED;
    if (input.data[position] != '\r' || input.data[position + 1] != '\n')
        return fail_at_byte(parser, input.data[position], "a control byte in a field's value");
    value_end = position;
    while (value_end > parser->element_start && is_blank(input.data[value_end - 1]))
        value_end--;
    field->value = torc_slice_make(input.data + parser->element_start,
        value_end - parser->element_start);
    known = known_field(field->name);
    if (known != TORC__HTTP_KNOWN_FIELD_COUNT &&
        gather_field(parser, known, field->value) == STEP_FAILED)
        return STEP_FAILED;
    parser->head.field_count++;
    parser->position += 2;
    parser->state = STATE_FIELD_START;
    return STEP_ON;
}

/* RFC 9112 6.1 and 6.3: where a length could be read in two ways, somebody is being deceived. */
static step judge_framing(torc__http_head_parser *parser)
{
    torc__http_head *head = &parser->head;

    if (!torc__http_head_has(head, TORC__HTTP_TRANSFER_ENCODING))
        return STEP_FINISHED;
    if (head->version_minor == 0)
        return fail(parser, 400, "Transfer-Encoding in HTTP/1.0");
    if (head->has_content_length)
        return fail(parser, 400, "both Transfer-Encoding and Content-Length");
    if ((parser->codings & CODING_UNKNOWN) != 0)
        return fail(parser, 501, "an unknown transfer coding");
    head->chunked = true;
    return STEP_FINISHED;
}

static step judge_head(torc__http_head_parser *parser)
{
    torc__http_head *head = &parser->head;
    uint8_t options = parser->connection_options;

    if (head->version_minor > 0 && !torc__http_head_has(head, TORC__HTTP_HOST))
        return fail(parser, 400, "no Host");
    /* RFC 9110 10.1.1: an HTTP/1.0 client could not understand a 100. */
    if (head->version_minor == 0)
        head->expects_continue = false;
    head->keep_alive = (options & OPTION_CLOSE) == 0 &&
        (head->version_minor > 0 || (options & OPTION_KEEP_ALIVE) != 0);
    return judge_framing(parser);
}

static step take_step(torc__http_head_parser *parser, torc_slice input)
{
    switch (parser->state) {
    case STATE_START:
        return read_start(parser, input);
    case STATE_START_LF:
    case STATE_END_LF:
        return read_lf(parser, input);
    case STATE_METHOD_START:
        return start_method(parser);
    case STATE_METHOD:
        return read_method(parser, input);
    case STATE_TARGET:
        return read_target(parser, input);
    case STATE_VERSION:
        return read_version(parser, input);
    case STATE_FIELD_START:
        return read_field_start(parser, input);
    case STATE_NAME:
        return read_name(parser, input);
    case STATE_VALUE_START:
        return read_value_start(parser, input);
    default:
        return read_value(parser, input);
    }
}

static void move_slice(torc_slice *slice, uintptr_t from, const char *to)
{
    if (slice->data != NULL)
        slice->data = to + ((uintptr_t)slice->data - from);
}

/*
 * The input may have been moved to grow. The name of a field under way stands behind the last
 * field.
 */
static void follow_input(torc__http_head_parser *parser, const char *data)
{
    torc__http_head *head = &parser->head;
    bool has_open_name = parser->state == STATE_VALUE_START || parser->state == STATE_VALUE;

    if (parser->position != 0 && parser->base != (uintptr_t)data) {
        move_slice(&head->method_name, parser->base, data);
        move_slice(&head->target, parser->base, data);
        for (size_t i = 0; i < head->field_count; i++) {
            move_slice(&parser->storage[i].name, parser->base, data);
            move_slice(&parser->storage[i].value, parser->base, data);
        }
        if (has_open_name)
            move_slice(&parser->storage[head->field_count].name, parser->base, data);
    }
    parser->base = (uintptr_t)data;
}

/* How many bytes may be looked at in the present state: those beyond do not exist for it. */
static size_t limit_of(const torc__http_head_parser *parser)
{
    const torc__http_head_limits *limits = &parser->limits;
    size_t around_line = parser->line_start + 2;

    if (parser->state >= STATE_FIELD_START || limits->head < around_line ||
        limits->head - around_line < limits->request_line)
        return limits->head;
    return around_line + limits->request_line;
}

torc__http_head_outcome torc__http_head_parse(torc__http_head_parser *parser, torc_slice input)
{
    step outcome;
    size_t limit;

    follow_input(parser, input.data);
    do {
        limit = limit_of(parser);
        outcome = take_step(parser, torc_slice_first(input, limit));
    } while (outcome == STEP_ON);

    if (outcome == STEP_STARVED && input.length < limit)
        return TORC__HTTP_HEAD_NEED_MORE;
    if (outcome == STEP_STARVED && parser->state < STATE_FIELD_START)
        (void)fail(parser, 414, "a request line that is too long");
    else if (outcome == STEP_STARVED)
        (void)fail(parser, 431, "a head that is too large");
    else if (outcome == STEP_FINISHED)
        outcome = judge_head(parser);
    if (outcome != STEP_FINISHED)
        return TORC__HTTP_HEAD_ERROR;
    parser->consumed = parser->position;
    return TORC__HTTP_HEAD_DONE;
}

torc_slice torc__http_head_find(const torc__http_head *head, torc_slice name)
{
    for (size_t i = 0; i < head->field_count; i++)
        if (torc_slice_equal_ignoring_case(head->fields[i].name, name))
            return head->fields[i].value;
    return torc_slice_make(NULL, 0);
}
