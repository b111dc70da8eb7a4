/*
 * What torc_resolve measures, on c-ares as it is by default: a host's IPv4 and IPv6 addresses, each
 * name once, many under way at a time. All its questions leave from one socket.
 *
 *     cares_resolve PORT [LOOK-UPS]
 */
#include <ares.h>

#include "common/program.h"

#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { AT_ONCE = 64 };

static ares_channel channel;
static uint64_t started;
static uint64_t ended;
static uint64_t total;

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void next(void *unused, int status, int timeouts, struct ares_addrinfo *found);

static void start(void)
{
    const struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    char name[64];

    snprintf(name, sizeof name, "h%llu.bench.test", (unsigned long long)started++);
    ares_getaddrinfo(channel, name, NULL, &hints, next, NULL);
}

static void next(void *unused, int status, int timeouts, struct ares_addrinfo *found)
{
    (void)unused;
    (void)timeouts;
    if (status != ARES_SUCCESS)
        bench_fatal("a look-up failed: %s", ares_strerror(status));
    ares_freeaddrinfo(found);
    ended++;
    if (started < total)
        start();
}

static void turn(void)
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    struct pollfd watched[ARES_GETSOCK_MAXNUM];
    int bits = ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
    nfds_t count = 0;

    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++)
        if (ARES_GETSOCK_READABLE(bits, i))
            watched[count++] = (struct pollfd){ .fd = sockets[i], .events = POLLIN };
    poll(watched, count, 1000);
    for (nfds_t i = 0; i < count; i++)
        ares_process_fd(channel, watched[i].revents != 0 ? watched[i].fd : ARES_SOCKET_BAD,
            ARES_SOCKET_BAD);
}

int main(int argc, char **argv)
{
    char server[32];
    double before;

    if (argc < 2)
        bench_fatal("usage: cares_resolve PORT [LOOK-UPS]");
    total = argc > 2 ? bench_number("look-ups", argv[2], AT_ONCE, 10000000) : 100000;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS
        || ares_init(&channel) != ARES_SUCCESS)
        bench_fatal("c-ares does not start");
    snprintf(server, sizeof server, "127.0.0.1:%u", bench_port_argument(2, argv));
    if (ares_set_servers_ports_csv(channel, server) != ARES_SUCCESS)
        bench_fatal("c-ares does not take the server");
    before = cpu_seconds();
    while (started < AT_ONCE)
        start();
    while (ended < total)
        turn();
    bench_say("resolve %.0f ns\n", (cpu_seconds() - before) / (double)total * 1e9);
    ares_destroy(channel);
    return 0;
}
