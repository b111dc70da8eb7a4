/*
 * http_head: the head of an HTTP/1 request, from bytes to values.
 *
 * Strict (RFC 9110, RFC 9112): what two implementations could frame in two ways is an error here.
 * The input is one contiguous run of bytes that begins with the head and grows between calls; it
 * may stand elsewhere at each call. The outcome, and the status of an error, are the same however
 * the bytes are cut, because each byte is judged once, in order, and limits count from the front.
 *
 * Nothing is allocated. The slices of a finished head point into the input of the last call. A
 * server parses with one parser and one set of fields for all its connections; only when a head
 * is not complete does it need a parser of the connection's own, which it starts from the front.
 */
#ifndef TORC_WEB_HTTP_HEAD_H
#define TORC_WEB_HTTP_HEAD_H

#include "web/http_syntax.h"

#define TORC__HTTP_MAX_REQUEST_LINE 8192 /* without its CRLF */
#define TORC__HTTP_MAX_HEAD         32768 /* all of it, with the empty line */
#define TORC__HTTP_MAX_FIELDS       100
#define TORC__HTTP_MAX_METHOD       32

typedef enum torc__http_method {
    TORC__HTTP_OTHER, /* a valid token that is none of the following */
    TORC__HTTP_GET,
    TORC__HTTP_HEAD,
    TORC__HTTP_OPTIONS,
    TORC__HTTP_POST,
    TORC__HTTP_PUT,
    TORC__HTTP_DELETE,
    TORC__HTTP_PATCH,
    TORC__HTTP_CONNECT,
    TORC__HTTP_TRACE
} torc__http_method;

/* The fields that the parser finds by itself; torc__http_head_value gives their values. */
typedef enum torc__http_known_field {
    TORC__HTTP_HOST,
    TORC__HTTP_CONTENT_LENGTH,
    TORC__HTTP_TRANSFER_ENCODING,
    TORC__HTTP_CONNECTION,
    TORC__HTTP_EXPECT,
    TORC__HTTP_RANGE,
    TORC__HTTP_IF_RANGE,
    TORC__HTTP_IF_MATCH,
    TORC__HTTP_IF_NONE_MATCH,
    TORC__HTTP_IF_MODIFIED_SINCE,
    TORC__HTTP_IF_UNMODIFIED_SINCE,
    TORC__HTTP_ACCEPT_ENCODING,
    TORC__HTTP_REFERER,
    TORC__HTTP_USER_AGENT,
    TORC__HTTP_KNOWN_FIELD_COUNT
} torc__http_known_field;

typedef struct torc__http_field {
    torc_slice name;  /* as it was sent: compare ignoring case */
    torc_slice value; /* without white space at its ends */
} torc__http_field;

typedef struct torc__http_head {
    torc__http_method method;
    uint8_t version_minor; /* of HTTP/1.x */
    bool keep_alive;       /* the client's wish: the version's default and the Connection field */
    bool expects_continue; /* Expect: 100-continue, from a client that speaks HTTP/1.1 */
    bool has_content_length;
    bool chunked;            /* the body comes in chunks; never together with a length */
    uint64_t content_length; /* 0 where there is none; at most INT64_MAX */
    torc_slice method_name;
    torc_slice target; /* not empty; bytes 0x21 to 0x7e and 0x80 to 0xff; see url_path.h */
    const torc__http_field *fields;
    size_t field_count;
    uint16_t known[TORC__HTTP_KNOWN_FIELD_COUNT]; /* first such field's index plus 1, or 0 */
} torc__http_head;

typedef struct torc__http_head_limits {
    size_t request_line;
    size_t head;
} torc__http_head_limits;

typedef enum torc__http_head_outcome {
    TORC__HTTP_HEAD_NEED_MORE,
    TORC__HTTP_HEAD_DONE,
    TORC__HTTP_HEAD_ERROR
} torc__http_head_outcome;

typedef struct torc__http_head_parser {
    torc__http_head head; /* valid after DONE */
    size_t consumed;      /* after DONE: bytes of the head, with its empty line */
    int status;           /* after ERROR: 400, 414, 417, 431, 501 or 505; then close */
    const char *problem;  /* after ERROR: what was wrong, in a few words, for a log */

    /* Private from here on. */
    torc__http_head_limits limits;
    torc__http_field *storage;
    size_t max_fields;
    uintptr_t base;       /* where the input stood at the last call */
    size_t position;      /* bytes before this one are judged */
    size_t element_start; /* of the method, target, name or value under way */
    size_t line_start;    /* of the request line */
    uint8_t state;
    uint8_t connection_options;
    uint8_t codings;
} torc__http_head_parser;

/*
 * Makes `parser` ready for a first head. `fields` is the caller's room for `max_fields` (at most
 * 65534) fields and stays with the parser. NULL `limits` are the defaults above.
 */
void torc__http_head_parser_init(torc__http_head_parser *parser,
    const torc__http_head_limits *limits, torc__http_field *fields, size_t max_fields);

/* Ready for the next head, with the same limits and room. */
void torc__http_head_parser_reset(torc__http_head_parser *parser);

/*
 * Reads on in `input`, which is all that came so far, from the head's first byte. One empty line
 * before the request line is skipped and counts as part of the head. After DONE or ERROR the parser
 * must be reset before it is used again.
 */
torc__http_head_outcome torc__http_head_parse(torc__http_head_parser *parser, torc_slice input);

static inline bool torc__http_head_has(const torc__http_head *head, torc__http_known_field field)
{
    return head->known[field] != 0;
}

/* The value of the first such field; an empty slice with NULL data where there is none. */
static inline torc_slice torc__http_head_value(const torc__http_head *head,
    torc__http_known_field field)
{
    size_t index = head->known[field];

    return index != 0 ? head->fields[index - 1].value : torc_slice_make(NULL, 0);
}

/* The value of the first field of that name, ignoring case; NULL data where there is none. */
torc_slice torc__http_head_find(const torc__http_head *head, torc_slice name);

#endif /* TORC_WEB_HTTP_HEAD_H */
