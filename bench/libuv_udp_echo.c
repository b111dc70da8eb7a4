/*
 * The echo server of datagrams on libuv, as one who knows it would write it for speed: received in
 * batches (UV_UDP_RECVMMSG) into one buffer, answered by uv_udp_try_send, which needs neither a
 * request nor a copy. What the socket does not take is lost.
 */
#include "common/program.h"

#include <signal.h>
#include <stdlib.h>
#include <uv.h>

/* libuv takes 64 KiB of it for each datagram of a batch, and receives up to 20 at once. */
static char buffer[20 * 64 * 1024];

static void check(const char *what, int status)
{
    if (status < 0)
        bench_fatal("%s: %s", what, uv_strerror(status));
}

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *lent)
{
    (void)handle;
    (void)suggested;
    *lent = uv_buf_init(buffer, sizeof buffer);
}

static void received(uv_udp_t *socket, ssize_t size, const uv_buf_t *bytes,
    const struct sockaddr *peer, unsigned flags)
{
    uv_buf_t answer;

    (void)flags;
    if (size < 0 || peer == NULL)
        return;
    answer = uv_buf_init(bytes->base, (unsigned int)size);
    (void)uv_udp_try_send(socket, &answer, 1, peer);
}

static void stop(uv_signal_t *watcher, int number)
{
    (void)number;
    uv_stop(watcher->loop);
}

int main(int argc, char **argv)
{
    const uint16_t port = bench_port_argument(argc, argv);
    uv_loop_t *const loop = uv_default_loop();
    struct sockaddr_in address;
    uv_signal_t watcher;
    uv_udp_t socket;

    check("address", uv_ip4_addr("127.0.0.1", port, &address));
    check("socket", uv_udp_init_ex(loop, &socket, AF_INET | UV_UDP_RECVMMSG));
    check("bind", uv_udp_bind(&socket, (const struct sockaddr *)&address, 0));
    check("receive", uv_udp_recv_start(&socket, lend_buffer, received));
    check("signal", uv_signal_init(loop, &watcher));
    check("signal", uv_signal_start(&watcher, stop, SIGTERM));
    bench_say("ready");
    uv_run(loop, UV_RUN_DEFAULT);
    return EXIT_SUCCESS;
}
