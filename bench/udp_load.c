/*
 * The load for echo servers of datagrams: sockets that each have so many datagrams under way. What
 * comes back is counted and sent again, in one call each way; what got lost is made up for after a
 * while in which nothing came.
 *
 *     udp_load PORT [--sockets N] [--window W] [--size BYTES] [--seconds S] [--wait]
 *
 * With --wait it prints `ready` once each socket has been answered, waits for a line on standard
 * input, and after the figures waits again before it closes: the runner reads the server's clock at
 * both points. Prints `messages COUNT` and `seconds S`. It never sleeps, so that a server that
 * answers does not pay for waking it up.
 */
#include "common/client.h"
#include "common/program.h"

#include <getopt.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WINDOW_MAX = 64, SIZE_MAX_OF_ALL = 1472 };

static const double patience = 0.02;

typedef struct load {
    uint16_t port;
    size_t socket_count;
    size_t window;
    size_t size;
    double second_limit;
    bool wait;
    int *sockets;
    double *asked;      /* when each sent last */
    bool *heard;        /* whether each was answered ever */
    uint64_t done;
} load;

static char room[WINDOW_MAX][SIZE_MAX_OF_ALL];
static struct iovec pieces[WINDOW_MAX];
static struct mmsghdr messages[WINDOW_MAX];

static void fill(size_t size)
{
    for (size_t i = 0; i < WINDOW_MAX; i++) {
        memset(room[i], 'a' + (int)(i % 26), sizeof room[i]);
        pieces[i].iov_base = room[i];
        pieces[i].iov_len = size;
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
}

static void send_some(int socket, size_t count)
{
    (void)sendmmsg(socket, messages, (unsigned int)count, MSG_DONTWAIT);
}

static void visit(load *self, size_t index, double now)
{
    const int got =
        recvmmsg(self->sockets[index], messages, (unsigned int)self->window, MSG_DONTWAIT, NULL);

    if (got > 0) {
        self->done += (uint64_t)got;
        self->asked[index] = now;
        self->heard[index] = true;
        send_some(self->sockets[index], (size_t)got);
    } else if (now - self->asked[index] > patience) {
        self->asked[index] = now;
        send_some(self->sockets[index], self->window);
    }
}

static int open_socket(uint16_t port)
{
    const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address))
        bench_fatal("socket to 127.0.0.1:%u", port);
    return descriptor;
}

static void open_all(load *self)
{
    self->sockets = calloc(self->socket_count, sizeof *self->sockets);
    self->heard = calloc(self->socket_count, sizeof *self->heard);
    self->asked = calloc(self->socket_count, sizeof *self->asked);
    if (!self->sockets || !self->heard || !self->asked)
        bench_fatal("no memory");
    for (size_t i = 0; i < self->socket_count; i++)
        self->sockets[i] = open_socket(self->port);
}

static bool all_heard(const load *self)
{
    for (size_t i = 0; i < self->socket_count; i++)
        if (!self->heard[i])
            return false;
    return true;
}

static double run(load *self, double limit)
{
    const double start = bench_seconds();
    double now = start;

    self->done = 0;
    while (now - start < limit) {
        for (size_t i = 0; i < self->socket_count; i++)
            visit(self, i, now);
        now = bench_seconds();
    }
    return now - start;
}

static void read_options(load *self, int argc, char **argv)
{
    static const struct option options[] = {
        { "sockets", required_argument, NULL, 'n' },
        { "window", required_argument, NULL, 'w' },
        { "size", required_argument, NULL, 's' },
        { "seconds", required_argument, NULL, 't' },
        { "wait", no_argument, NULL, 'p' },
        { 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'n')
            self->socket_count = bench_number("--sockets", optarg, 1, 1000);
        else if (option == 'w')
            self->window = bench_number("--window", optarg, 1, WINDOW_MAX);
        else if (option == 's')
            self->size = bench_number("--size", optarg, 1, SIZE_MAX_OF_ALL);
        else if (option == 't')
            self->second_limit = strtod(optarg, NULL);
        else if (option == 'p')
            self->wait = true;
        else
            optind = argc + 1;
    }
    if (optind != argc - 1)
        bench_fatal("usage: %s PORT [--sockets N] [--window W] [--size BYTES] [--seconds S] "
                    "[--wait]", argv[0]);
    self->port = (uint16_t)bench_number("PORT", argv[optind], 1, UINT16_MAX);
}

int main(int argc, char **argv)
{
    load self = { .socket_count = 1, .window = 1, .size = 64, .second_limit = 1 };
    double seconds;

    read_options(&self, argc, argv);
    fill(self.size);
    open_all(&self);
    for (int i = 0; i < 50 && (i == 0 || !all_heard(&self)); i++)
        run(&self, 0.1);
    if (!all_heard(&self))
        bench_fatal("nobody answers on port %u", self.port);
    if (self.wait) {
        bench_say("ready");
        bench_await_runner();
    }
    seconds = run(&self, self.second_limit);
    bench_say("messages %llu\nseconds %.6f", (unsigned long long)self.done, seconds);
    if (self.wait)
        bench_await_runner();
    for (size_t i = 0; i < self.socket_count; i++)
        close(self.sockets[i]);
    free(self.sockets);
    free(self.heard);
    free(self.asked);
    return EXIT_SUCCESS;
}
