/*
 * http_conditional: whether the conditions of a request hold (RFC 9110 13), in the order that the
 * RFC prescribes, given the validators of the representation that would be sent.
 */
#ifndef TORC_WEB_HTTP_CONDITIONAL_H
#define TORC_WEB_HTTP_CONDITIONAL_H

#include "web/http_head.h"

typedef struct torc__http_validators {
    torc_slice etag;  /* as sent: with its quotes, and W/ before them if weak; empty: none */
    int64_t modified; /* seconds since 1970 */
    bool exists;      /* whether there is a representation at all: for If-Match: * */
    bool has_modified;
} torc__http_validators;

typedef enum torc__http_verdict {
    TORC__HTTP_PROCEED,
    TORC__HTTP_NOT_MODIFIED,       /* 304 */
    TORC__HTTP_PRECONDITION_FAILED /* 412 */
} torc__http_verdict;

/* `now` is in seconds. A date that cannot be read is as if its field were not there. */
torc__http_verdict torc__http_evaluate_conditions(const torc__http_head *head,
    const torc__http_validators *validators, int64_t now);

/*
 * Whether a Range field of this request is to be looked at: there is no If-Range, or it names just
 * this representation. A date counts only where it is a strong validator: older than `now`.
 */
bool torc__http_range_applies(const torc__http_head *head, const torc__http_validators *validators,
    int64_t now);

/* Entity tags as sent, with quotes. Two weak tags are never the same in the strong comparison. */
bool torc__http_etags_match_strongly(torc_slice a, torc_slice b);
bool torc__http_etags_match_weakly(torc_slice a, torc_slice b);

#endif /* TORC_WEB_HTTP_CONDITIONAL_H */
