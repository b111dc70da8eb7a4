/*
 * web_client: fetching from web servers over HTTP/1.1. Part of torc-web; <torc/web.h> includes it.
 *
 *     torc_deferred *page = torc_web_get(torc_scope_of(self), "http://127.0.0.1:8080/a");
 *
 *     torc_add_callback(page, show, self);            // torc_web_body(page) in there
 *     torc_add_errback(page, torc_log_failure, "fetching a");
 *
 * Each fetch has a connection of its own, which closes with it. Host names are looked up without
 * blocking. Everything is bounded: the time, the head, the body, redirects.
 *
 * https needs torc-tls: link it, and call torc_tls_use() when the program starts. The server's
 * certificate and name are checked then, against the system's authorities. A redirect from https to
 * http is a failure, because what was asked for in secret would be told, or come, in clear.
 *
 * What is meant for one server is not told to another. Where a redirect leads to another origin,
 * which is another scheme, host or port, of the caller's fields only Accept, Accept-Charset,
 * Accept-Encoding, Accept-Language, Cache-Control, Pragma and User-Agent go there. All others are
 * left out: Authorization, Proxy-Authorization, Cookie, keys in fields of any name, Referer,
 * Origin, conditions, Range; so is the body with its Content-… fields, and the certificate that
 * says who the client is. They stay left out when a later redirect leads back. To send them there
 * all the same, follow by hand: redirects_max 0, and the page's Location.
 */
#ifndef TORC_WEB_CLIENT_H
#define TORC_WEB_CLIENT_H

#include <torc/deferred.h>
#include <torc/result.h>
#include <torc/scope.h>
#include <torc/slice.h>
#include <torc/time.h>

TORC_BEGIN_DECLS

typedef struct torc_web_field {
    torc_slice name;
    torc_slice value;
} torc_web_field;

/* What is to be fetched, and how. All is copied. A field of 0 stands for its default. */
typedef struct torc_web_fetch_options {
    const char *url;    /* http[s]://host[:port][/path][?query] */
    const char *method; /* NULL: "GET" */
    const torc_web_field *fields; /* beside those that are the client's own; for this origin */
    size_t field_count;
    torc_slice body;    /* of the request; sent with its Content-Length where it is not empty */
    size_t head_max;    /* of the answer; 32 KiB */
    size_t body_max;    /* of the answer; 16 MiB */
    torc_time timeout;  /* for the whole, redirects too; 60 s; TORC_NEVER: none */
    /*
     * Of https: arguments for the endpoint "tls", as in "authorities=ca.pem". To other origins go
     * of those with their names: authorities, alpn, pin, minimum, timeout, bindAddress, endpoint.
     */
    const char *tls;
    bool follows_to_http; /* redirects from https to http too */
    unsigned redirects_max; /* how many are followed, of GET and HEAD only; 0: none */
} torc_web_fetch_options;

/*
 * Fires with a page (whatever its status), or with a failure that names the URL: of type
 * torc_error_invalid_argument (the URL, a field), torc_error_connect, torc_error_timeout,
 * torc_error_protocol (no valid answer), torc_error_connection_lost (it was cut short),
 * torc_error_limit (it is too large, or there are too many redirects). Cancelling closes the
 * connection.
 */
TORC_API torc_deferred *torc_web_fetch(torc_scope *scope, const torc_web_fetch_options *options);

/*
 * The page at `url`, following up to ten redirects. An answer with a status of 400 or above is a
 * failure of type torc_error_web_status, whose message names it.
 */
TORC_API torc_deferred *torc_web_get(torc_scope *scope, const char *url);

extern TORC_API const torc_failure_type torc_error_web_status; /* descends from torc_error */

/* -- pages --------------------------------------------------------------------------------- */

/* The type of the result. A page is counted: torc_result_hold keeps it. Slices live as long. */
extern TORC_API const torc_type torc_type_web_page;

TORC_API int torc_web_status(torc_result page);       /* 200 */
TORC_API torc_slice torc_web_body(torc_result page);  /* with its chunks put together */
TORC_API torc_slice torc_web_url(torc_result page);   /* where it was found, after redirects */

/* The value of the answer's first field of that name, in any case; false where there is none. */
TORC_API bool torc_web_page_header(torc_result page, const char *name, torc_slice *ret_value);

TORC_END_DECLS

#endif /* TORC_WEB_CLIENT_H */
