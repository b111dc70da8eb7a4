/*
 * Datagrams one way on libuv, as one who knows it would write it for speed: received in batches
 * (UV_UDP_RECVMMSG) into one buffer, sent by uv_udp_try_send on a connected socket, which needs
 * neither a request nor an address. See common/one_way.h for who sends when.
 */
#include "common/one_way.h"
#include "common/program.h"

#include <uv.h>

/* libuv takes 64 KiB of it for each datagram of a batch, and receives up to 20 at once. */
static char buffer[20 * 64 * 1024];

static one_way self;
static uv_udp_t socket_handle;
static bool heard;

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

static void send_some(unsigned count)
{
    uv_buf_t bytes = uv_buf_init(one_way_bytes, (unsigned int)self.size);
    unsigned sent = 0;

    while (sent < count && uv_udp_try_send(&socket_handle, &bytes, 1, NULL) >= 0)
        sent++;
    *self.count += sent;
}

static void received(uv_udp_t *handle, ssize_t size, const uv_buf_t *bytes,
    const struct sockaddr *peer, unsigned flags)
{
    uv_buf_t answer = uv_buf_init(one_way_bytes, 1);

    (void)bytes;
    (void)flags;
    if (size < 0 || peer == NULL)
        return;
    heard = true;
    if (self.sends)
        send_some(ONE_WAY_BURST);
    else if (one_way_received(&self, 1) > 0)
        (void)uv_udp_try_send(handle, &answer, 1, peer);
}

static void look_after(uv_timer_t *timer)
{
    (void)timer;
    if (!heard)
        send_some(ONE_WAY_WINDOW);
    heard = false;
}

int main(int argc, char **argv)
{
    uv_loop_t *const loop = uv_default_loop();
    struct sockaddr_in address;
    uv_timer_t timer;

    self = one_way_arguments(argc, argv);
    check("address", uv_ip4_addr("127.0.0.1", self.port, &address));
    check("socket", uv_udp_init_ex(loop, &socket_handle, AF_INET | UV_UDP_RECVMMSG));
    if (self.sends)
        check("connect", uv_udp_connect(&socket_handle, (const struct sockaddr *)&address));
    else
        check("bind", uv_udp_bind(&socket_handle, (const struct sockaddr *)&address, 0));
    check("receive", uv_udp_recv_start(&socket_handle, lend_buffer, received));
    check("timer", uv_timer_init(loop, &timer));
    if (self.sends)
        check("timer", uv_timer_start(&timer, look_after, 0, ONE_WAY_PATIENCE));
    bench_say("ready");
    return uv_run(loop, UV_RUN_DEFAULT);
}
