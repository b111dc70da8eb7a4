/*
 * The echo server with no abstraction at all: the limit that Torc is measured against.
 *
 * Level-triggered epoll, one receive per wake-up into one buffer for all, the answer sent at once.
 * A connection is nothing but a descriptor. Only where a send is short are the bytes left over
 * kept, in a table by descriptor; such a connection is watched for writing alone, and not read
 * from, until they have gone. So the common path looks nothing up and changes no interest, and the
 * kind of the event tells in which of the two states a connection is.
 */
#include "common/program.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_SIZE = 64 * 1024, EVENTS_MAX = 512, ACCEPTS_MAX = 64, BACKLOG = 4096 };

typedef struct leftover {
    char *bytes;
    size_t size;
    size_t sent;
} leftover;

static char buffer[BUFFER_SIZE];
static leftover *leftovers;
static size_t leftover_count;
static int poller;

static void watch(int operation, int descriptor, uint32_t events)
{
    struct epoll_event event = { .events = events, .data = { .fd = descriptor } };

    if (epoll_ctl(poller, operation, descriptor, &event))
        bench_fatal("epoll_ctl");
}

static leftover *leftover_of(int descriptor)
{
    const size_t index = (size_t)descriptor;

    if (index >= leftover_count) {
        leftovers = realloc(leftovers, (index + 1) * sizeof *leftovers);
        if (!leftovers)
            bench_fatal("no memory");
        memset(leftovers + leftover_count, 0, (index + 1 - leftover_count) * sizeof *leftovers);
        leftover_count = index + 1;
    }
    return leftovers + index;
}

static void drop(int descriptor)
{
    if ((size_t)descriptor < leftover_count) {
        free(leftovers[descriptor].bytes);
        leftovers[descriptor] = (leftover){ 0 };
    }
    close(descriptor);
}

static void keep(int descriptor, const char *bytes, size_t size)
{
    leftover *rest = leftover_of(descriptor);

    rest->bytes = malloc(size);
    if (!rest->bytes)
        bench_fatal("no memory");
    memcpy(rest->bytes, bytes, size);
    rest->size = size;
    rest->sent = 0;
    watch(EPOLL_CTL_MOD, descriptor, EPOLLOUT);
}

static void echo(int descriptor)
{
    const ssize_t received = recv(descriptor, buffer, sizeof buffer, 0);
    ssize_t sent;

    if (received <= 0) {
        if (received == 0 || errno != EAGAIN)
            drop(descriptor);
        return;
    }
    sent = send(descriptor, buffer, (size_t)received, MSG_NOSIGNAL);
    if (sent == received)
        return;
    if (sent < 0 && errno != EAGAIN) {
        drop(descriptor);
        return;
    }
    if (sent < 0)
        sent = 0;
    keep(descriptor, buffer + sent, (size_t)(received - sent));
}

static void send_leftover(int descriptor)
{
    leftover *rest = leftover_of(descriptor);
    const ssize_t sent =
        send(descriptor, rest->bytes + rest->sent, rest->size - rest->sent, MSG_NOSIGNAL);

    if (sent < 0) {
        if (errno != EAGAIN)
            drop(descriptor);
        return;
    }
    rest->sent += (size_t)sent;
    if (rest->sent < rest->size)
        return;
    free(rest->bytes);
    *rest = (leftover){ 0 };
    watch(EPOLL_CTL_MOD, descriptor, EPOLLIN);
}

static void accept_some(int listener)
{
    const int yes = 1;

    for (int count = 0; count < ACCEPTS_MAX; count++) {
        const int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (descriptor < 0) {
            if (errno == EMFILE || errno == ENFILE)
                bench_fatal("accept");
            return;
        }
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        watch(EPOLL_CTL_ADD, descriptor, EPOLLIN);
    }
}

static int listen_on(uint16_t port)
{
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int yes = 1;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) ||
        listen(listener, BACKLOG))
        bench_fatal("listen on 127.0.0.1:%u", port);
    return listener;
}

/* The end comes as an event like any other: the loop need not look for it at each turn. */
static int stop_descriptor(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
    const int listener = listen_on(bench_port_argument(argc, argv));
    const int stop = stop_descriptor();
    bool running = true;

    poller = epoll_create1(EPOLL_CLOEXEC);
    watch(EPOLL_CTL_ADD, listener, EPOLLIN);
    watch(EPOLL_CTL_ADD, stop, EPOLLIN);
    bench_say("ready");

    while (running) {
        struct epoll_event events[EVENTS_MAX];
        const int count = epoll_wait(poller, events, EVENTS_MAX, -1);

        for (int index = 0; index < count; index++) {
            const int descriptor = events[index].data.fd;

            if (descriptor == listener)
                accept_some(listener);
            else if (descriptor == stop)
                running = false;
            else if (events[index].events & EPOLLIN)
                echo(descriptor);
            else if (events[index].events & EPOLLOUT)
                send_leftover(descriptor);
            else
                drop(descriptor);
        }
    }
    for (size_t index = 0; index < leftover_count; index++)
        free(leftovers[index].bytes);
    free(leftovers);
    return EXIT_SUCCESS;
}
