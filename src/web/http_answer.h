/*
 * http_answer: the head of an HTTP/1 answer, from bytes to values (RFC 9112 4 to 6), for clients.
 *
 * As strict as http_head is with requests: a client that guesses where an answer ends can be made
 * to take one answer for another. Nothing is allocated; slices point into the input.
 */
#ifndef TORC_WEB_HTTP_ANSWER_H
#define TORC_WEB_HTTP_ANSWER_H

#include "web/http_head.h"

#define TORC__HTTP_ANSWER_MAX_FIELDS 128

typedef struct torc__http_answer {
    int status; /* 100 to 599 */
    uint8_t version_minor;
    bool has_content_length;
    bool chunked; /* never together with a length */
    uint64_t content_length;
    size_t field_count;
    torc__http_field fields[TORC__HTTP_ANSWER_MAX_FIELDS];
} torc__http_answer;

/*
 * The length of the head at the front of `input`, with its empty line; 0 while that has not come.
 * `searched` is what was looked through in vain before.
 */
size_t torc__http_answer_length(torc_slice input, size_t searched);

/* Reads a whole head. NULL, or what is wrong with it in a few words. */
const char *torc__http_answer_parse(torc_slice head, torc__http_answer *ret_answer);

/* The value of the first field of that name, ignoring case; NULL data where there is none. */
torc_slice torc__http_answer_find(const torc__http_answer *answer, torc_slice name);

/* Whether a body follows, of an answer to `method` (RFC 9112 6.3, 1 and 2). */
bool torc__http_answer_has_body(const torc__http_answer *answer, torc_slice method);

#endif /* TORC_WEB_HTTP_ANSWER_H */
