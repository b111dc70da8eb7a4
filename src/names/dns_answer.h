/*
 * dns_answer: what a server's message says to a question, as a value; no I/O.
 */
#ifndef TORC_NAMES_DNS_ANSWER_H
#define TORC_NAMES_DNS_ANSWER_H

#include "names/dns_message.h"
#include "names/known.h"

/* So many aliases are followed, in one message and over several. */
enum { TORC__ALIASES_MAX = 8 };

typedef enum torc__answer_kind {
    TORC__ANSWER_RECORDS,
    TORC__ANSWER_NO_NAME,
    TORC__ANSWER_NO_DATA,
    TORC__ANSWER_ALIAS,     /* another name has to be asked for, `name` */
    TORC__ANSWER_TOO_MANY,  /* aliases of aliases */
    TORC__ANSWER_TRUNCATED, /* ask again by TCP */
    TORC__ANSWER_NO_EDNS,   /* ask again without EDNS */
    TORC__ANSWER_NO_HELP,   /* this server cannot or will not say: `code` */
    TORC__ANSWER_OTHER_CASE, /* all is right but upper and lower case in the question */
    TORC__ANSWER_IGNORED,   /* it does not belong to the question, or is malformed */
} torc__answer_kind;

typedef struct torc__answer {
    torc__answer_kind kind;
    uint16_t code;
    torc__dns_name name;  /* at the end of the aliases */
    uint32_t ttl;         /* the lowest of all records on the way; 0: not to be kept */
    unsigned int aliases; /* that were followed */
    size_t count;         /* of records that fit */
    size_t bytes;         /* of their data together */
} torc__answer;

/*
 * Takes `message` for the answer to a question for `type` that was asked as `name`, in this case,
 * under `id`; with EDNS where `edns`. `aliases`: how many were followed before.
 */
void torc__answer_read(torc_slice message, uint16_t id, torc_slice name, uint16_t type, bool edns,
    unsigned int aliases, torc__dns_bytes *scratch, torc__answer *ret_answer);

/*
 * The entry of an answer with records, or that says that there are none. NULL when memory is out.
 */
torc__known *torc__answer_known(const torc__answer *answer, torc_slice message, uint16_t type,
    torc_slice key, torc_time expires, torc__dns_bytes *scratch);

#endif /* TORC_NAMES_DNS_ANSWER_H */
