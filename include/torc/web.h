/*
 * web: an HTTP server, and the files of a directory through it. A component of its own: link
 * torc::web (pkg-config torc-web). Fetching from servers is in <torc/web_client.h>.
 *
 * A site is a factory: it is listened on as any other. Its handler is called once for each request,
 * when the request is there, body and all, and answers it, now or later:
 *
 *     static void hello(torc_web_request *request, void *context)
 *     {
 *         torc_web_respond(request, 200, "text/plain", TORC_SLICE("Hello, world!\n"));
 *     }
 *
 *     torc_listen(torc_root(reactor), "tcp:8080", torc_web_site(hello, NULL));
 *
 * A request that is answered later keeps its work in its own scope, which ends when the answer is
 * finished or the client has gone, so that no callback ever meets a request that is no more:
 *
 *     torc_call_later(torc_web_request_scope(request), TORC_SECOND, answer, request);
 *
 * The server sees to the rest: persistent connections, pipelining (answers leave in the order of
 * the requests, together), HEAD, Date, framing by length or in chunks, strict parsing, limits, and
 * a timeout on each phase. It speaks HTTP/1.1 and 1.0; nothing below names a version's framing, so
 * that a handler runs unchanged over those that come.
 *
 * A site and what belongs to it are used in one reactor's thread.
 */
#ifndef TORC_WEB_H
#define TORC_WEB_H

#include <torc/address.h>
#include <torc/buffer.h>
#include <torc/deferred.h>
#include <torc/protocol.h>
#include <torc/scope.h>
#include <torc/slice.h>
#include <torc/time.h>
#include <torc/transport.h>
#include <torc/web_client.h>

TORC_BEGIN_DECLS

typedef struct torc_web_request torc_web_request;
typedef struct torc_web_log torc_web_log;     /* an access log, below */
typedef struct torc_web_files torc_web_files; /* a directory that is served, below */

/*
 * Called for each request, in the order in which they came on a connection, one at a time: the
 * next one of a connection is handed over when the one before is finished.
 */
typedef void torc_web_handler(torc_web_request *request, void *context);

/* -- sites --------------------------------------------------------------------------------- */

/* What a client may send. A field of 0 stands for its default. */
typedef struct torc_web_limits {
    size_t line_max;   /* request line, in bytes; 8 KiB; beyond it: 414 */
    size_t head_max;   /* the whole head; 32 KiB; beyond it: 431 */
    size_t fields_max; /* header fields; 100, at most 65534; beyond it: 431 */
    size_t body_max;   /* body; 1 MiB; beyond it: 413 */
} torc_web_limits;

/* How long a client may take. 0 stands for the default, TORC_NEVER for no limit. */
typedef struct torc_web_timeouts {
    torc_time head; /* from a head's first byte to its last; 15 s; then 408 */
    torc_time body; /* between two pieces of a body; 30 s; then 408 */
    torc_time idle; /* between two requests, and before the first; 60 s; then the end */
    torc_time send; /* a client that takes nothing of what is to be sent; 60 s; then the end */
} torc_web_timeouts;

typedef struct torc_web_site_options {
    torc_web_handler *handle;
    void *context;                  /* handed to `handle` */
    void (*release)(void *context); /* called when the site goes; may be NULL */

    torc_web_limits limits;
    torc_web_timeouts timeouts;
    bool drops_bodies;       /* bodies are read and counted, and not kept for the handler */
    const char *server_name; /* for the field Server, copied; NULL: "Torc"; "": no such field */
    torc_web_log *log;       /* where each request is noted; NULL: nowhere. Must outlive the site */

    size_t connections_max; /* as in torc_factory_options */
    size_t connections_per_host_max;
} torc_web_site_options;

/* A site, to be listened on. Never NULL, as torc_factory_new. */
TORC_API torc_factory *torc_web_site_new(const torc_web_site_options *options);

/* A site with no options but its handler. */
TORC_API torc_factory *torc_web_site(torc_web_handler *handle, void *context);

/*
 * Ends a site in order: connections without a request close at once, the others after the request
 * that they are at. Fires with nothing once all are closed, or after `grace`, when those that are
 * left are aborted. Stop listening first. A second call gives another deferred of the same kind.
 */
TORC_API torc_deferred *torc_web_site_stop(torc_factory *site, torc_scope *scope, torc_time grace);

/* -- the request --------------------------------------------------------------------------- */

/*
 * Slices that these give are borrowed until the handler (or callback) returns; asked again in a
 * later callback they are given anew.
 */

/* "GET", as it was sent: methods are case-sensitive. */
TORC_API torc_slice torc_web_request_method(const torc_web_request *request);

/* The target as it was sent: "/a%20b?c=d", "http://host/", "*". */
TORC_API torc_slice torc_web_request_target(const torc_web_request *request);

/* The target's path, not decoded: "/a%20b"; "*" and an authority's name have none (empty). */
TORC_API torc_slice torc_web_request_path(const torc_web_request *request);

/* What follows the first '?' of the target, not decoded; empty where there is none. */
TORC_API torc_slice torc_web_request_query(const torc_web_request *request);

/* The host that the client means, from the target or the field Host; may be empty in HTTP/1.0. */
TORC_API torc_slice torc_web_request_host(const torc_web_request *request);

/* 10 for HTTP/1.0, 11 for HTTP/1.1. */
TORC_API int torc_web_request_version(const torc_web_request *request);

/*
 * The value of the first field of that name, in any case, without the spaces around it. False when
 * there is none; *ret_value is then empty.
 */
TORC_API bool torc_web_request_header(
    const torc_web_request *request, const char *name, torc_slice *ret_value);

/* All fields in their order: false beyond the last. */
TORC_API bool torc_web_request_field(
    const torc_web_request *request, size_t index, torc_slice *ret_name, torc_slice *ret_value);

/* The whole body; empty where there was none, and in a site that drops bodies. */
TORC_API torc_slice torc_web_request_body(const torc_web_request *request);

TORC_API torc_address torc_web_request_peer(const torc_web_request *request);

/*
 * The scope of the work for this request: it ends when the answer is finished and when the client
 * has gone. NULL when memory is out.
 */
TORC_API torc_scope *torc_web_request_scope(torc_web_request *request);

/*
 * Whether the method is one of `methods` ("GET, HEAD, POST"). If not, the request is answered here:
 * OPTIONS with the list, a method that HTTP knows with 405 and the list (OPTIONS is added to it),
 * any other with 501.
 */
TORC_API bool torc_web_allow(torc_web_request *request, const char *methods);

/* -- the answer, in one go ----------------------------------------------------------------- */

/*
 * A request is answered once: what is said of it after that is a no-op. To HEAD, and with a status
 * that has no body (204, 304), the body stays here. `content_type` NULL: no such field.
 */
TORC_API void torc_web_respond(
    torc_web_request *request, int status, const char *content_type, torc_slice body);

/* As torc_web_respond; the body is not copied: the server takes a hold of its own. */
TORC_API void torc_web_respond_buffer(
    torc_web_request *request, int status, const char *content_type, torc_buffer *body);

/* A small page that names the status: "404 Not Found". */
TORC_API void torc_web_respond_status(torc_web_request *request, int status);

/* A redirection (301, 302, 303, 307, 308) to `location`, which is sent as it is. */
TORC_API void torc_web_redirect(torc_web_request *request, int status, torc_slice location);

/*
 * Adds a field to the answer, before it is begun. False, and nothing added: a name or a value that
 * would break the head; a field that is the server's own (Connection, Content-Length, Date,
 * Server, Transfer-Encoding); more than TORC_WEB_ANSWER_FIELDS_MAX bytes of them; memory is out.
 */
TORC_API bool torc_web_add_header(torc_web_request *request, const char *name, torc_slice value);

#define TORC_WEB_ANSWER_FIELDS_MAX ((size_t)16384)

/* -- the answer, piece by piece ------------------------------------------------------------ */

#define TORC_WEB_UNKNOWN_LENGTH ((int64_t)-1)

/*
 * Begins an answer whose body follows: `length` bytes, or TORC_WEB_UNKNOWN_LENGTH, which goes in
 * chunks, or to a client of HTTP/1.0 up to the connection's end.
 */
TORC_API void torc_web_start(
    torc_web_request *request, int status, const char *content_type, int64_t length);

/* A piece of the body: copied; held; or out of an open file, which is taken over in every case. */
TORC_API void torc_web_send(torc_web_request *request, torc_slice piece);
TORC_API void torc_web_send_buffer(torc_web_request *request, torc_buffer *piece);
TORC_API void torc_web_send_file(
    torc_web_request *request, int file, int64_t offset, int64_t length);

/*
 * The body is complete. What goes beyond the length announced was not sent; where it is short, the
 * connection is aborted, because the client must not take what it has for the whole.
 */
TORC_API void torc_web_finish(torc_web_request *request);

/* Gives up an answer: a client that has part of it sees the connection break. */
TORC_API void torc_web_abort(torc_web_request *request);

/* Flow control for a long answer, as in <torc/transport.h>; ends by itself when it is finished. */
TORC_API void torc_web_register_push_producer(torc_web_request *request, torc_producer *producer);
TORC_API void torc_web_register_pull_producer(torc_web_request *request, torc_producer *producer);

/* -- files --------------------------------------------------------------------------------- */

typedef struct torc_web_files_options {
    const char *path;     /* the directory */
    const char *index;    /* what stands for a directory; NULL: "index.html" */
    bool no_listing;      /* a directory without an index is 403, not a listing */
    size_t cache_max;     /* bytes of small files kept in memory; 0: 16 MiB */
    size_t cache_file_max; /* the largest that is kept; 0: 64 KiB */
} torc_web_files_options;

/*
 * Serves a directory, in one site: GET and HEAD, ranges, conditional requests, ready-made .br and
 * .gz siblings, listings. Nothing outside of the directory is served, whatever the path and its
 * symbolic links say, and nothing but regular files. NULL, with *reterr_failure set (the caller
 * releases it), when the directory cannot be opened.
 *
 *     torc_web_files *files = torc_web_files_new(&(torc_web_files_options){ .path = "/srv/www" },
 *         &failure);
 *     torc_web_site_options options = {
 *         .handle = torc_web_files_handle, .context = files, .release = torc_web_files_free,
 *         .drops_bodies = true,
 *     };
 */
TORC_API torc_web_files *torc_web_files_new(
    const torc_web_files_options *options, torc_failure **reterr_failure);

/* A torc_web_handler; `files` is the torc_web_files. */
TORC_API void torc_web_files_handle(torc_web_request *request, void *files);

TORC_API void torc_web_files_free(void *files);

/* -- the access log ------------------------------------------------------------------------ */

/*
 * An access log in the combined format, one line a request. Lines are gathered and written at 64
 * KiB, within a second, and when `scope` ends; then the log goes. `path` NULL or "-": the standard
 * output. Where the reader of a pipe is too slow, lines are dropped and counted: the loop does not
 * wait. NULL, with *reterr_failure set, when the file cannot be opened.
 */
TORC_API torc_web_log *torc_web_log_open(
    torc_scope *scope, const char *path, torc_failure **reterr_failure);

/* Writes what is gathered, and opens the path again, after it was renamed. A failure, or NULL. */
TORC_API torc_failure *torc_web_log_reopen(torc_web_log *log);

TORC_API void torc_web_log_flush(torc_web_log *log);

TORC_END_DECLS

#endif /* TORC_WEB_H */
