/*
 * The echo server of datagrams with no abstraction at all: the limit that Torc is measured against.
 *
 * Level-triggered epoll; a wake-up receives a batch in one call and sends it back in one. What the
 * socket does not take is lost, as datagrams are.
 */
#include "common/program.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, SIZE = 64 * 1024, EVENTS_MAX = 512 };

static char room[BATCH][SIZE];
static struct iovec pieces[BATCH];
static struct sockaddr_storage names[BATCH];
static struct mmsghdr messages[BATCH];

static void make_ready(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pieces[i].iov_base = room[i];
        pieces[i].iov_len = SIZE;
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = &names[i];
        messages[i].msg_hdr.msg_namelen = sizeof names[i];
    }
}

static void echo(int socket)
{
    const int got = recvmmsg(socket, messages, BATCH, MSG_DONTWAIT, NULL);

    if (got <= 0)
        return;
    for (int i = 0; i < got; i++)
        pieces[i].iov_len = messages[i].msg_len;
    (void)sendmmsg(socket, messages, (unsigned int)got, MSG_DONTWAIT);
    make_ready((size_t)got);
}

static int open_socket(uint16_t port)
{
    const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&address, sizeof address))
        bench_fatal("bind to 127.0.0.1:%u", port);
    return descriptor;
}

static int stop_descriptor(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void watch(int poller, int descriptor)
{
    struct epoll_event event = { .events = EPOLLIN, .data = { .fd = descriptor } };

    if (epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event))
        bench_fatal("epoll_ctl");
}

int main(int argc, char **argv)
{
    const int socket = open_socket(bench_port_argument(argc, argv));
    const int stop = stop_descriptor();
    const int poller = epoll_create1(EPOLL_CLOEXEC);
    bool running = true;

    watch(poller, socket);
    watch(poller, stop);
    make_ready(BATCH);
    bench_say("ready");
    while (running) {
        struct epoll_event events[EVENTS_MAX];
        const int count = epoll_wait(poller, events, EVENTS_MAX, -1);

        for (int index = 0; index < count; index++) {
            if (events[index].data.fd == stop)
                running = false;
            else
                echo(socket);
        }
    }
    close(poller);
    close(stop);
    close(socket);
    return EXIT_SUCCESS;
}
