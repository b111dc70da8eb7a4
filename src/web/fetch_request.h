/*
 * fetch_request: what a fetch sends, as bytes: all but the first line's target and Host, which
 * change with each redirect.
 *
 * Some of it is for the origin (scheme, host and port) that the caller named and for nobody else:
 * fields that may hold a secret, the body, a client's certificate. Once a redirect has led
 * elsewhere, that is left out for good, also when a further one leads back (RFC 9110 15.4; the
 * Fetch standard's HTTP-redirect fetch). Which fields may travel is a list of those that are known
 * to be harmless: nobody knows all names under which keys are sent.
 */
#ifndef TORC_WEB_FETCH_REQUEST_H
#define TORC_WEB_FETCH_REQUEST_H

#include <torc/buffer.h>
#include <torc/web_client.h>

#include "web/url.h"

/* Of the further arguments of the endpoint. */
#define TORC__FETCH_TLS_MAX ((size_t)1024)

typedef struct torc__fetch_request {
    torc_buffer *bytes; /* of which the slices are; NULL: none */
    torc_slice method;
    torc_slice fields; /* all behind Host, with the empty line */
    torc_slice body;   /* follows them */
    torc_slice tls;    /* arguments of the endpoint, with a ':' before them; or empty */
    torc_slice fields_elsewhere;
    torc_slice tls_elsewhere;
} torc__fetch_request;

/* NULL, or why no request can be made of it: a phrase that follows the URL and a colon. */
const char *torc__fetch_request_problem(const torc_web_fetch_options *options);

/* False when memory is out. */
bool torc__fetch_request_init(
    torc__fetch_request *request, const torc_web_fetch_options *options);
void torc__fetch_request_release(torc__fetch_request *request);

/* A redirect leads to another origin: from now on only what may be told to anybody is left. */
void torc__fetch_request_leave_origin(torc__fetch_request *request);

#endif /* TORC_WEB_FETCH_REQUEST_H */
