/*
 * http_server: the inside of a site, its connections and its requests, for the files that share
 * them:
 *
 *   site.c            options, the date, the pool of requests, stopping
 *   http_server.c     a connection: phases, timeouts, the loop over what comes in
 *   http_receive.c    heads and bodies, off the front of the input
 *   http_request.c    a request: its life, and what the public accessors tell of it
 *   http_response.c   an answer: what goes out
 *
 * Invariants. A connection has a request from the first byte of a head that is not complete, or
 * from a complete head, until the answer is finished; between requests it owns no memory besides
 * its struct. While a request is under way nothing of the next one is looked at: what came of it
 * waits in `kept`, and reading is paused.
 */
#ifndef TORC_WEB_HTTP_SERVER_H
#define TORC_WEB_HTTP_SERVER_H

#include <torc/reactor.h>
#include <torc/timer.h>
#include <torc/web.h>

#include "base/list.h"
#include "web/http_chunked.h"
#include "web/http_date.h"
#include "web/http_head.h"

/* -- the site ------------------------------------------------------------------------------ */

typedef struct torc__web_site {
    torc_web_site_options options; /* defaults filled in */
    char *server_field;            /* "Server: name\r\n", or "" */
    size_t server_field_length;

    torc_reactor *reactor; /* of the first connection, hence of all */
    torc_time date_until;  /* on the reactor's clock: when `date` must be made anew */
    uint32_t date_serial;  /* counts them, for who keeps a copy */
    int64_t date_seconds;  /* the same as a number: since 1970 */
    char date[TORC__HTTP_DATE_LENGTH + 1];

    /* For heads that come in one piece; see http_head.h. */
    torc__http_head_parser parser;
    torc__http_field *fields;

    torc_web_request *free_requests;
    size_t free_request_count;

    torc__list connections;
    torc__list waiters; /* for the last connection's end */
    bool stopping;
} torc__web_site;

void torc__web_site_refresh_date(torc__web_site *site);

/* Makes the date anew when its second is over: before each use of it. */
static inline void torc__web_site_tick(torc__web_site *site)
{
    if (TORC_UNLIKELY(torc_now(site->reactor) >= site->date_until))
        torc__web_site_refresh_date(site);
}

/* Tells those who wait for the end, when the last connection has gone. */
void torc__web_site_connection_gone(torc__web_site *site);

/* -- connections --------------------------------------------------------------------------- */

typedef enum torc__web_phase {
    TORC__WEB_IDLE,     /* no byte of a request yet */
    TORC__WEB_IN_HEAD,  /* a part of a head is there */
    TORC__WEB_IN_BODY,
    TORC__WEB_BUSY,     /* the handler has the request */
    TORC__WEB_WAITING,  /* further requests are here: for the output to drain, or for a next turn */
    TORC__WEB_LINGERING, /* answered and half closed; what comes is dropped */
    TORC__WEB_CLOSING,
} torc__web_phase;

typedef struct torc__web_connection {
    torc_protocol protocol;
    torc__list link;
    torc_timer timer;
    torc__web_site *site;
    torc_web_request *request;
    torc_producer drain;    /* registered while waiting for the output to drain */
    torc_time deadline;     /* of the phase, on the reactor's clock */
    torc_time armed;        /* when the timer goes off; never later than it must */
    torc_time stalled_at;   /* when nothing must have moved since `left` was noted */
    uint64_t written;       /* bytes given to the transport */
    uint64_t left;          /* of these, had left when it was noted */
    char *kept;             /* input that waits for its turn */
    uint32_t kept_length;
    uint32_t dropped;       /* bytes, while lingering */
    uint8_t phase;
    bool read_lost;
    bool draining;          /* `drain` is registered */
} torc__web_connection;

extern const torc_protocol_class torc__web_connection_class;

/* The answer is finished: the connection goes on, at once or from the loop. */
void torc__web_connection_answered(torc__web_connection *connection);

/* Ends a connection that has no request; leaves one that has alone. */
void torc__web_connection_stop(torc__web_connection *connection);

void torc__web_connection_enter(
    torc__web_connection *connection, torc__web_phase phase, torc_time delay);

/* Answers the request, or what should have been one, with a status that ends the connection. */
void torc__web_connection_refuse(torc__web_connection *connection, int status);

void torc__web_connection_out_of_memory(torc__web_connection *connection);

/* -- receiving ----------------------------------------------------------------------------- */

/*
 * Looks for a head at the front of *input and takes it off. Gives whether there is one: then
 * connection->request has it, and *ret_head_bytes are the bytes that it points into.
 */
bool torc__web_read_head(
    torc__web_connection *connection, torc_slice *input, torc_slice *ret_head_bytes);

/* The same for a head of which a part is there already. */
bool torc__web_read_rest_of_head(torc__web_connection *connection, torc_slice *input);

typedef enum torc__web_body_state {
    TORC__WEB_BODY_COMPLETE,
    TORC__WEB_BODY_NEEDS_MORE,
    TORC__WEB_BODY_REFUSED, /* the connection has been answered */
} torc__web_body_state;

/* After a head that announces a body, with what follows it. False: refused. */
bool torc__web_begin_body(torc__web_connection *connection, torc_slice input);

torc__web_body_state torc__web_read_body(torc__web_connection *connection, torc_slice *input);

/* -- requests ------------------------------------------------------------------------------ */

struct torc_web_request {
    torc_web_request *next_free;
    torc__web_connection *connection;
    torc__web_site *site;
    const torc__http_head *head; /* the site's parser's, or `parser`'s */
    torc_scope *scope;

    /* Of its own, once the head is not in one piece or outlives the callback. */
    torc__http_head_parser parser;
    torc__http_field *fields;
    char *bytes;
    size_t bytes_length;
    size_t bytes_size;

    torc__http_chunked chunked;
    uint64_t body_taken; /* bytes of body that came */
    char *body;
    size_t body_length;
    size_t body_size;

    char *answer_fields; /* added by torc_web_add_header, each with its CRLF */
    size_t answer_fields_length;
    int status;
    int64_t remaining;   /* of the announced length; TORC_WEB_UNKNOWN_LENGTH */
    uint64_t body_sent;

    bool in_handler;
    bool started;    /* the answer's head has been written */
    bool finished;
    bool bodyless;   /* HEAD, 204, 304: the body is counted and not sent */
    bool in_chunks;
    bool close;      /* the connection ends after this answer */
    bool producing;  /* a producer of the user's is registered */
};

/* For a connection whose head is at `head`. NULL when memory is out. */
torc_web_request *torc__web_request_take(
    torc__web_connection *connection, const torc__http_head *head);

/* Frees what it owns; the struct goes back to the site's pool. */
void torc__web_request_give(torc_web_request *request);

/* Frees the struct itself, for the pool's end. */
void torc__web_request_free(torc_web_request *request);

/*
 * Adds bytes of a head that is not complete. False when memory is out.
 */
bool torc__web_request_add_head_bytes(torc_web_request *request, torc_slice bytes);

/*
 * Makes the request independent of the input that its head stands in, whose bytes are `head_bytes`.
 * A no-op where it is. False when memory is out.
 */
bool torc__web_request_own_head(torc_web_request *request, torc_slice head_bytes);

/* Adds to the body for the handler. False when memory is out. */
bool torc__web_request_add_body(torc_web_request *request, torc_slice bytes);

/* -- answers ------------------------------------------------------------------------------- */

/* Adds whole lines, each with its CRLF, to the answer's head. False when memory is out. */
bool torc__web_add_lines(torc_web_request *request, torc_slice lines);

/*
 * An answer that is ready to go but for its date: 200 with a body that does not change. The text is
 * the head and, where it is small, the body after it; else the body is in a buffer.
 */
typedef struct torc__web_ready {
    torc_buffer *body; /* NULL: the body is in the text */
    uint32_t date_serial;
    uint32_t date_offset;
    uint32_t head_length; /* with the empty line */
    uint32_t text_length;
    uint64_t body_length;
    char text[];
} torc__web_ready;

/* Bodies up to this size are copied behind their heads: one piece costs less than two. */
#define TORC__WEB_READY_INLINE ((size_t)2048)

/*
 * Takes over `body`. `fields` are whole lines, each with its CRLF, Content-Length among them. NULL
 * when memory is out.
 */
torc__web_ready *torc__web_ready_new(
    const torc__web_site *site, torc_slice fields, torc_buffer *body);

void torc__web_ready_free(torc__web_ready *ready);

/* Answers with it. */
void torc__web_respond_ready(torc_web_request *request, torc__web_ready *ready);

#endif /* TORC_WEB_HTTP_SERVER_H */
