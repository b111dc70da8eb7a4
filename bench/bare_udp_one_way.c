/*
 * Datagrams one way with no abstraction at all: epoll, recvmmsg and sendmmsg, many in each call.
 * See common/one_way.h for who sends when.
 */
#include "common/one_way.h"
#include "common/program.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { BATCH = 64 };

static char room[BATCH][64 * 1024];
static struct iovec pieces[BATCH];
static struct sockaddr_storage names[BATCH];
static struct mmsghdr incoming[BATCH];
static struct iovec piece;
static struct mmsghdr outgoing[ONE_WAY_WINDOW];

static void make_ready(const one_way *self)
{
    for (size_t i = 0; i < BATCH; i++) {
        pieces[i].iov_base = room[i];
        pieces[i].iov_len = sizeof room[i];
        incoming[i].msg_hdr.msg_iov = &pieces[i];
        incoming[i].msg_hdr.msg_iovlen = 1;
        incoming[i].msg_hdr.msg_name = &names[i];
    }
    piece.iov_base = one_way_bytes;
    piece.iov_len = self->size;
    for (size_t i = 0; i < ONE_WAY_WINDOW; i++) {
        outgoing[i].msg_hdr.msg_iov = &piece;
        outgoing[i].msg_hdr.msg_iovlen = 1;
    }
}

/* How many came. */
static unsigned receive(int socket)
{
    int got;

    for (size_t i = 0; i < BATCH; i++)
        incoming[i].msg_hdr.msg_namelen = sizeof names[i];
    got = recvmmsg(socket, incoming, BATCH, MSG_DONTWAIT, NULL);
    return got > 0 ? (unsigned)got : 0;
}

static void send_some(const one_way *self, int socket, unsigned count)
{
    const int sent = sendmmsg(socket, outgoing, count, MSG_DONTWAIT);

    if (sent > 0)
        *self->count += (uint64_t)sent;
}

static void go_on_sending(const one_way *self, int socket, bool heard)
{
    unsigned bursts = heard ? receive(socket) : 0;

    if (!heard)
        send_some(self, socket, ONE_WAY_WINDOW);
    for (; bursts > 1; bursts -= 2)
        send_some(self, socket, 2 * ONE_WAY_BURST);
    if (bursts > 0)
        send_some(self, socket, ONE_WAY_BURST);
}

static void go_on_receiving(const one_way *self, int socket)
{
    const unsigned count = receive(socket);
    unsigned answers = one_way_received(self, count);

    for (; answers > 0; answers--)
        (void)sendto(socket, "", 1, MSG_DONTWAIT, (const struct sockaddr *)&names[count - 1],
            incoming[count - 1].msg_hdr.msg_namelen);
}

static int open_socket(const one_way *self)
{
    const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(self->port) };
    int failed;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (self->sends)
        failed = connect(descriptor, (struct sockaddr *)&address, sizeof address);
    else
        failed = bind(descriptor, (struct sockaddr *)&address, sizeof address);
    if (descriptor < 0 || failed)
        bench_fatal("socket at 127.0.0.1:%u", self->port);
    return descriptor;
}

int main(int argc, char **argv)
{
    const one_way self = one_way_arguments(argc, argv);
    const int socket = open_socket(&self);
    const int poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN };

    if (epoll_ctl(poller, EPOLL_CTL_ADD, socket, &event))
        bench_fatal("epoll_ctl");
    make_ready(&self);
    bench_say("ready");
    for (;;) {
        const int count = epoll_wait(poller, &event, 1, ONE_WAY_PATIENCE);

        if (self.sends)
            go_on_sending(&self, socket, count > 0);
        else if (count > 0)
            go_on_receiving(&self, socket);
    }
}
