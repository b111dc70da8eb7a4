/*
 * The load for echo servers: connections that each have one message under way, and check each
 * answer. With --http PATH it is the same for a web server: the message is a GET, its answer is
 * known by the length of the first; that gives a fixed number of requests, which wrk cannot.
 *
 *     echo_load PORT [--connections N] [--size BYTES] [--http PATH]
 *               [--messages COUNT | --seconds S] [--wait] [--spin]
 *
 * All connections are made and used once before anything counts. With --wait it then prints
 * `ready`, waits for a line on standard input, and after the figures waits again before it closes:
 * the runner reads the server's clock at both points. Prints `messages COUNT` and `seconds S`.
 *
 * With --spin it never sleeps: a server that answers then does not pay for waking the load up on
 * the other processor, which is no part of the server's work and, in a virtual machine, is more
 * than all of it.
 *
 * Each socket is watched once, for both directions and edge-triggered: no call but a send and a
 * receive per message.
 */
#include "common/client.h"
#include "common/program.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { EVENTS_MAX = 512, BUFFER_SIZE = 256 * 1024, PATIENCE_MILLISECONDS = 10000 };

typedef struct connection {
    int descriptor;
    bool busy;
    uint64_t sequence;
    size_t sent;
    size_t received;
    char *message;
} connection;

typedef struct load {
    uint16_t port;
    const char *path;
    size_t connection_count;
    size_t message_size;
    size_t answer_size;
    uint64_t message_limit;
    double second_limit;
    bool wait;
    bool spin;

    connection *connections;
    int poller;
    uint64_t begun;
    uint64_t done;
    bool stopping;
} load;

static char buffer[BUFFER_SIZE];

static void send_rest(const load *self, connection *peer)
{
    while (peer->sent < self->message_size) {
        const ssize_t sent = send(peer->descriptor, peer->message + peer->sent,
                                  self->message_size - peer->sent, MSG_NOSIGNAL);

        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0)
            bench_fatal("send");
        peer->sent += (size_t)sent;
    }
}

/* No two messages of one connection are alike, so an answer that comes twice or late is seen. */
static void begin(load *self, connection *peer)
{
    peer->sequence++;
    if (!self->path)
        memcpy(peer->message, &peer->sequence,
               self->message_size < sizeof peer->sequence ? self->message_size
                                                          : sizeof peer->sequence);
    peer->sent = 0;
    peer->received = 0;
    peer->busy = true;
    self->begun++;
    send_rest(self, peer);
}

static void check(const load *self, const connection *peer, const char *bytes, size_t size)
{
    static const char status[] = "HTTP/1.1 200 ";
    size_t length = size;
    const char *expected = peer->message + peer->received;

    errno = 0;
    if (self->path) {
        if (peer->received >= sizeof status - 1)
            return;
        expected = status + peer->received;
        if (length > sizeof status - 1 - peer->received)
            length = sizeof status - 1 - peer->received;
    }
    if (memcmp(bytes, expected, length) != 0)
        bench_fatal("a wrong answer after %llu messages", (unsigned long long)self->done);
}

/* True when the answer is whole. One byte more than is due is asked for: it must not come. */
static bool receive_answer(const load *self, connection *peer)
{
    for (;;) {
        const size_t due = self->answer_size - peer->received;
        const size_t asked = due + 1 < sizeof buffer ? due + 1 : sizeof buffer;
        const ssize_t received = recv(peer->descriptor, buffer, asked, 0);

        if (received < 0 && errno == EAGAIN)
            return false;
        if (received < 0)
            bench_fatal("receive");
        errno = 0;
        if (received == 0)
            bench_fatal("the server closed a connection");
        if ((size_t)received > due)
            bench_fatal("the answer is longer than it should be");
        check(self, peer, buffer, (size_t)received);
        peer->received += (size_t)received;
        if (peer->received == self->answer_size)
            return true;
        if ((size_t)received < asked)
            return false;
    }
}

static void serve(load *self, connection *peer)
{
    if (!peer->busy)
        return;
    send_rest(self, peer);
    if (!receive_answer(self, peer))
        return;
    peer->busy = false;
    self->done++;
    if (self->message_limit && self->begun >= self->message_limit)
        self->stopping = true;
    if (!self->stopping)
        begin(self, peer);
}

static void run(load *self)
{
    const double end = bench_seconds() + self->second_limit;
    double heard = bench_seconds();

    for (size_t index = 0; index < self->connection_count; index++)
        if (!self->message_limit || self->begun < self->message_limit)
            begin(self, self->connections + index);
    while (self->done < self->begun) {
        struct epoll_event events[EVENTS_MAX];
        const int count = epoll_wait(self->poller, events, EVENTS_MAX,
                                     self->spin ? 0 : PATIENCE_MILLISECONDS);
        const double now = bench_seconds();

        errno = 0;
        if (count > 0)
            heard = now;
        else if (now - heard > PATIENCE_MILLISECONDS / 1000.0 - 0.1)
            bench_fatal("no answer in %d ms", PATIENCE_MILLISECONDS);
        for (int index = 0; index < count; index++)
            serve(self, events[index].data.ptr);
        if (!self->message_limit && now >= end)
            self->stopping = true;
    }
}

static void warm_up(load *self, connection *peer)
{
    bench_send_all(peer->descriptor, peer->message, self->message_size);
    if (self->path)
        self->answer_size = bench_receive_response(peer->descriptor);
    else
        bench_receive_all(peer->descriptor, buffer, self->answer_size);
}

static void open_connection(load *self, connection *peer)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data = { .ptr = peer } };

    peer->descriptor = bench_connect(self->port, 1);
    peer->message = self->path ? bench_get_request(self->path) : malloc(self->message_size);
    if (!peer->message)
        bench_fatal("no memory");
    if (!self->path)
        memset(peer->message, 'a' + (int)((size_t)(peer - self->connections) % 26),
               self->message_size);
    else
        self->message_size = strlen(peer->message);
    warm_up(self, peer);

    fcntl(peer->descriptor, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(self->poller, EPOLL_CTL_ADD, peer->descriptor, &event))
        bench_fatal("epoll_ctl");
}

static void read_options(load *self, int argc, char **argv)
{
    static const struct option options[] = {
        { "connections", required_argument, NULL, 'c' },
        { "size", required_argument, NULL, 'b' },
        { "messages", required_argument, NULL, 'm' },
        { "seconds", required_argument, NULL, 's' },
        { "http", required_argument, NULL, 'h' },
        { "wait", no_argument, NULL, 'w' },
        { "spin", no_argument, NULL, 'p' },
        { 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'c')
            self->connection_count = bench_number("--connections", optarg, 1, 100000);
        else if (option == 'b')
            self->message_size = bench_number("--size", optarg, 1, BUFFER_SIZE - 1);
        else if (option == 'm')
            self->message_limit = bench_number("--messages", optarg, 1, UINT64_MAX);
        else if (option == 's')
            self->second_limit = strtod(optarg, NULL);
        else if (option == 'h')
            self->path = optarg;
        else if (option == 'w')
            self->wait = true;
        else if (option == 'p')
            self->spin = true;
        else
            exit(EXIT_FAILURE);
    }
    errno = 0;
    if (optind != argc - 1)
        bench_fatal("usage: %s PORT [--connections N] [--size BYTES] [--http PATH] "
                    "[--messages COUNT | --seconds S] [--wait] [--spin]", argv[0]);
    self->port = (uint16_t)bench_number("PORT", argv[optind], 1, UINT16_MAX);
    self->answer_size = self->message_size;
}

int main(int argc, char **argv)
{
    load self = { .connection_count = 1, .message_size = 64, .second_limit = 1.0 };
    double start;

    read_options(&self, argc, argv);
    self.poller = epoll_create1(EPOLL_CLOEXEC);
    self.connections = calloc(self.connection_count, sizeof *self.connections);
    if (!self.connections)
        bench_fatal("no memory");
    for (size_t index = 0; index < self.connection_count; index++)
        open_connection(&self, self.connections + index);
    if (self.wait) {
        bench_say("ready");
        bench_await_runner();
    }

    start = bench_seconds();
    run(&self);
    bench_say("messages %llu\nseconds %.6f", (unsigned long long)self.done,
              bench_seconds() - start);
    if (self.wait)
        bench_await_runner();
    for (size_t index = 0; index < self.connection_count; index++)
        free(self.connections[index].message);
    free(self.connections);
    return EXIT_SUCCESS;
}
