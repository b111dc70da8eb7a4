/*
 * The echo server on libuv, as one who knows it would write it for speed.
 *
 * One buffer serves every read. The answer goes out by uv_try_write, which needs neither a request
 * nor a copy; only what the socket did not take is copied and queued by uv_write, and the
 * connection is not read from until that has gone.
 */
#include "common/program.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { BUFFER_SIZE = 64 * 1024, BACKLOG = 4096 };

typedef struct pending_write {
    uv_write_t request;
    char bytes[];
} pending_write;

static char buffer[BUFFER_SIZE];

static void check(const char *what, int status)
{
    if (status < 0)
        bench_fatal("%s: %s", what, uv_strerror(status));
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void drop(uv_stream_t *stream)
{
    if (!uv_is_closing((uv_handle_t *)stream))
        uv_close((uv_handle_t *)stream, free_handle);
}

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *lent)
{
    (void)handle;
    (void)suggested;
    *lent = uv_buf_init(buffer, sizeof buffer);
}

static void received(uv_stream_t *stream, ssize_t size, const uv_buf_t *lent);

static void written(uv_write_t *request, int status)
{
    uv_stream_t *const stream = request->handle;

    free(request);
    if (status < 0)
        drop(stream);
    else if (!uv_is_closing((uv_handle_t *)stream))
        uv_read_start(stream, lend_buffer, received);
}

static void write_later(uv_stream_t *stream, const char *bytes, size_t size)
{
    pending_write *const pending = malloc(sizeof *pending + size);
    uv_buf_t rest;

    if (!pending)
        bench_fatal("no memory");
    memcpy(pending->bytes, bytes, size);
    rest = uv_buf_init(pending->bytes, (unsigned)size);
    uv_read_stop(stream);
    if (uv_write(&pending->request, stream, &rest, 1, written) == 0)
        return;
    free(pending);
    drop(stream);
}

static void received(uv_stream_t *stream, ssize_t size, const uv_buf_t *lent)
{
    const uv_buf_t answer = { .base = lent->base, .len = size > 0 ? (size_t)size : 0 };
    int sent;

    if (size == 0)
        return;
    if (size < 0) {
        drop(stream);
        return;
    }
    sent = uv_try_write(stream, &answer, 1);
    if (sent == (int)size)
        return;
    if (sent < 0 && sent != UV_EAGAIN) {
        drop(stream);
        return;
    }
    if (sent < 0)
        sent = 0;
    write_later(stream, answer.base + sent, answer.len - (size_t)sent);
}

static void accepted(uv_stream_t *listener, int status)
{
    uv_tcp_t *connection;

    check("accept", status);
    connection = malloc(sizeof *connection);
    if (!connection)
        bench_fatal("no memory");
    uv_tcp_init(listener->loop, connection);
    if (uv_accept(listener, (uv_stream_t *)connection)) {
        drop((uv_stream_t *)connection);
        return;
    }
    uv_tcp_nodelay(connection, 1);
    uv_read_start((uv_stream_t *)connection, lend_buffer, received);
}

static void close_handle(uv_handle_t *handle, void *listener)
{
    if (uv_is_closing(handle))
        return;
    uv_close(handle, handle->type == UV_TCP && handle != listener ? free_handle : NULL);
}

static void stop(uv_signal_t *handle, int number)
{
    (void)number;
    uv_walk(handle->loop, close_handle, handle->data);
}

int main(int argc, char **argv)
{
    const uint16_t port = bench_port_argument(argc, argv);
    uv_loop_t *const loop = uv_default_loop();
    uv_tcp_t listener;
    uv_signal_t terminate;
    struct sockaddr_in address;

    signal(SIGPIPE, SIG_IGN);
    uv_ip4_addr("127.0.0.1", port, &address);
    uv_tcp_init(loop, &listener);
    check("bind", uv_tcp_bind(&listener, (struct sockaddr *)&address, 0));
    check("listen", uv_listen((uv_stream_t *)&listener, BACKLOG, accepted));
    uv_signal_init(loop, &terminate);
    terminate.data = &listener;
    uv_signal_start(&terminate, stop, SIGTERM);
    bench_say("ready");

    uv_run(loop, UV_RUN_DEFAULT);
    return uv_loop_close(loop) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
