/*
 * The echo server on libuv as its guide teaches it and most programs have it: a buffer of the size
 * that libuv suggests is allocated for each read and handed on to uv_write, with a request of its
 * own; both are freed when the write is done. Neighbour: libuv_echo.c, the same written for speed.
 * What lies between the two is what a library costs whose plain way is not its quick way.
 */
#include "common/program.h"

#include <signal.h>
#include <stdlib.h>
#include <uv.h>

enum { BACKLOG = 4096 };

typedef struct answer {
    uv_write_t request;
    uv_buf_t buffer;
} answer;

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

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    *buffer = uv_buf_init(malloc(suggested), (unsigned)suggested);
}

static void written(uv_write_t *request, int status)
{
    answer *const self = (answer *)request;

    if (status < 0)
        drop(request->handle);
    free(self->buffer.base);
    free(self);
}

static void shut_down(uv_shutdown_t *request, int status)
{
    (void)status;
    drop(request->handle);
    free(request);
}

/* What is still to be written goes out before the connection is closed. */
static void finish(uv_stream_t *stream)
{
    uv_shutdown_t *const request = malloc(sizeof *request);

    if (!request)
        bench_fatal("no memory");
    if (uv_shutdown(request, stream, shut_down) == 0)
        return;
    free(request);
    drop(stream);
}

static void received(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    answer *echoed;

    if (size <= 0) {
        free(buffer->base);
        if (size == UV_EOF)
            finish(stream);
        else if (size < 0)
            drop(stream);
        return;
    }
    echoed = malloc(sizeof *echoed);
    if (!echoed)
        bench_fatal("no memory");
    echoed->buffer = uv_buf_init(buffer->base, (unsigned)size);
    check("write", uv_write(&echoed->request, stream, &echoed->buffer, 1, written));
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
    uv_read_start((uv_stream_t *)connection, allocate, received);
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
