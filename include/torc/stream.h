/*
 * stream: a connection as a coroutine sees it: reads, writes and accepts that wait.
 *
 *     static torc_result echo(torc_scope *scope, torc_stream *stream, void *unused)
 *     {
 *         for (;;) {
 *             torc_result line = torc_read_line(stream);
 *
 *             if (torc_is_failure(line))
 *                 return line;
 *             torc_write(torc_stream_transport(stream), torc_result_slice(line));
 *             torc_write_all(stream, TORC_SLICE("\n"));
 *         }
 *     }
 *
 *     torc_listen(torc_root(reactor), "tcp:7", torc_stream_factory(echo, NULL));
 *
 * A coroutine runs for each connection, in the connection's scope. When it returns, what was
 * written is sent and the connection is closed. When the connection is lost first, what it waits
 * for gives a failure that says why. What it returns is logged if it is a failure, unless that only
 * says that the connection has ended (torc_error_connection and its descendants) or that it was
 * cancelled.
 *
 * All that waits may be used in coroutines only, and gives a result that is borrowed as
 * torc_await's is: until the coroutine waits the next time. One coroutine may read while another
 * writes; two that read from one stream at once abort.
 *
 * Ends. The peer has closed its half: reads give what is there, and then a failure of type
 * torc_error_connection_done; writing goes on. The connection is lost: reads give what is there,
 * and then the reason; writes fail with it. The stream itself stays until the scope that it was
 * made in ends, so it may be asked at any time.
 *
 * Limits. A line is at most TORC_STREAM_LINE_MAX bytes, and a read of an exact length at most
 * TORC_STREAM_LENGTH_MAX, unless torc_stream_set_limits says otherwise; more is a failure of type
 * torc_error_limit, and leaves the bytes to be read by other means. What is received and not read
 * is kept up to the larger of the line's limit, TORC_STREAM_KEPT, and what a read is waiting for;
 * then the peer is not read from until it has been read.
 */
#ifndef TORC_STREAM_H
#define TORC_STREAM_H

#include <torc/coroutine.h>
#include <torc/endpoint.h>
#include <torc/protocol.h>

TORC_BEGIN_DECLS

typedef struct torc_stream torc_stream;
typedef struct torc_stream_listener torc_stream_listener;

#define TORC_STREAM_LINE_MAX   ((size_t)16384)       /* bytes, its end not counted */
#define TORC_STREAM_LENGTH_MAX ((size_t)1024 * 1024)
#define TORC_STREAM_KEPT       ((size_t)65536)
#define TORC_STREAM_BACKLOG    ((size_t)64)

/* -- a coroutine for each connection ------------------------------------------------------- */

/* `scope` is the coroutine's own; `context` is the factory's. */
typedef torc_result torc_stream_function(torc_scope *scope, torc_stream *stream, void *context);

/* For torc_listen, and torc_connect. Logs call the connection by the function's name. */
#define torc_stream_factory(function, context) \
    torc_stream_factory_with(#function, (function), (context), NULL)

/* With limits, and the rest of a factory's options; `kind` and `context` of these are not used. */
TORC_API torc_factory *torc_stream_factory_with(const char *name, torc_stream_function *function,
    void *context, const torc_factory_options *options);

/* -- connecting and accepting, from a coroutine -------------------------------------------- */

/*
 * Connects, as torc_connect does: in *ret_stream, which is in `scope`, when the result is nothing;
 * else the result is a failure and *ret_stream is NULL.
 */
TORC_API torc_result torc_open_stream(
    torc_scope *scope, const char *description, torc_stream **ret_stream);

/*
 * Listens, as torc_listen does: in *ret_listener, which is in `scope`, when the result is nothing.
 * At most `backlog` connections (0: TORC_STREAM_BACKLOG) wait to be accepted; more are closed.
 */
TORC_API torc_result torc_stream_listen(torc_scope *scope, const char *description, size_t backlog,
    torc_stream_listener **ret_listener);

/* The address that it listens on. */
TORC_API torc_address torc_stream_listener_address(const torc_stream_listener *listener);

/*
 * Waits for the next connection: in *ret_stream, which is in the listener's scope until
 * torc_close_stream. A failure when the listener is closed.
 */
TORC_API torc_result torc_accept(torc_stream_listener *listener, torc_stream **ret_stream);

/* Stops listening; what was not accepted is closed. Do not use it afterwards. */
TORC_API void torc_stream_listener_close(torc_stream_listener *listener);

/* -- reading ------------------------------------------------------------------------------- */

/* A line, without its "\n" or "\r\n". */
TORC_API torc_result torc_read_line(torc_stream *stream);

/* Just `length` bytes; where there are fewer before the end, none are taken. */
TORC_API torc_result torc_read_exactly(torc_stream *stream, size_t length);

/* What there is, at least one byte and at most `max`. */
TORC_API torc_result torc_read_some(torc_stream *stream, size_t max);

/* Each of the three that has to wait longer than this fails with torc_error_timeout. 0: never. */
TORC_API void torc_stream_set_timeout(torc_stream *stream, torc_time timeout);

TORC_API void torc_stream_set_limits(torc_stream *stream, size_t line_max, size_t length_max);

/* -- writing ------------------------------------------------------------------------------- */

/*
 * Writes a copy, and waits while more than the high-water mark is unsent until it is less than the
 * low one. Nothing, or why the connection was lost. To write without waiting, use torc_write and
 * its like on the transport: then torc_set_water_marks bounds what may pile up.
 */
TORC_API torc_result torc_write_all(torc_stream *stream, torc_slice bytes);

/* As torc_write_all, of formatted text. */
TORC_API torc_result torc_stream_printf(torc_stream *stream, const char *format, ...)
    TORC_PRINTF(2, 3);

/* Sends what was written, then closes our half; reading goes on. */
TORC_API void torc_stream_end_writing(torc_stream *stream);

/* -- the rest ------------------------------------------------------------------------------ */

/* NULL once the connection is lost. */
TORC_API torc_transport *torc_stream_transport(const torc_stream *stream);

/*
 * Sends what was written and closes. Do not use it afterwards. The stream of a torc_stream_function
 * is closed when that returns, and need not be.
 */
TORC_API void torc_close_stream(torc_stream *stream);

TORC_END_DECLS

#endif /* TORC_STREAM_H */
