/*
 * page: what a fetch ends with: an answer's status, its head and its body, in one counted value.
 */
#ifndef TORC_WEB_PAGE_H
#define TORC_WEB_PAGE_H

#include <torc/buffer.h>
#include <torc/web_client.h>

#include "web/http_answer.h"

typedef struct torc__web_page {
    size_t holders;
    torc_buffer *head;        /* the fields' slices point into it */
    torc_buffer *body;        /* may be longer than what came */
    size_t body_length;
    torc_slice url;           /* behind the struct */
    torc__http_answer answer;
} torc__web_page;

/* With the answer that `head` holds, and without a body. NULL when memory is out. */
torc__web_page *torc__web_page_new(torc_slice url, torc_slice head);

/* Appends to the body. False when memory is out. */
bool torc__web_page_append(torc__web_page *page, torc_slice piece);

void torc__web_page_release(torc__web_page *page);

#endif /* TORC_WEB_PAGE_H */
