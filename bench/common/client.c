/*
 * The connecting side that the load programs share; see client.h.
 */
#include "common/client.h"

#include "common/program.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 16 * 1024, PATIENCE_SECONDS = 10 };

int bench_connect(uint16_t port, unsigned host)
{
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
    const int yes = 1;
    struct sockaddr_in here = { .sin_family = AF_INET };
    struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(port) };

    if (descriptor < 0)
        bench_fatal("socket");
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host);
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    /* The port is chosen at connect, when the whole pair is known: it may then be shared by
     * connections from other addresses, and 9000 of them do not use up the range. */
    setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (bind(descriptor, (struct sockaddr *)&here, sizeof here))
        bench_fatal("bind 127.0.0.%u", host);
    if (connect(descriptor, (struct sockaddr *)&there, sizeof there))
        bench_fatal("connect 127.0.0.1:%u", port);
    return descriptor;
}

void bench_send_all(int descriptor, const void *bytes, size_t size)
{
    const char *rest = bytes;

    while (size > 0) {
        const ssize_t sent = send(descriptor, rest, size, MSG_NOSIGNAL);

        if (sent < 0)
            bench_fatal("send");
        rest += sent;
        size -= (size_t)sent;
    }
}

static size_t receive_some(int descriptor, void *bytes, size_t size)
{
    const ssize_t received = recv(descriptor, bytes, size, 0);

    if (received < 0)
        bench_fatal("receive");
    if (received == 0) {
        errno = 0;
        bench_fatal("the server closed a connection");
    }
    return (size_t)received;
}

void bench_receive_all(int descriptor, void *bytes, size_t size)
{
    char *rest = bytes;

    while (size > 0) {
        const size_t received = receive_some(descriptor, rest, size);

        rest += received;
        size -= received;
    }
}

char *bench_get_request(const char *path)
{
    char *request;

    if (asprintf(&request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path) < 0)
        bench_fatal("no memory for the request");
    return request;
}

static size_t body_size(const char *head)
{
    static const char name[] = "\r\ncontent-length:";
    const char *line;

    errno = 0;
    if (strncmp(head, "HTTP/1.1 200 ", 13) != 0)
        bench_fatal("not the response that was expected: %.*s", (int)strcspn(head, "\r\n"), head);
    for (line = strchr(head, '\r'); line; line = strchr(line + 1, '\r'))
        if (strncasecmp(line, name, sizeof name - 1) == 0)
            return strtoul(line + sizeof name - 1, NULL, 10);
    bench_fatal("a response without Content-Length");
}

size_t bench_receive_response(int descriptor)
{
    static char buffer[64 * 1024];
    char head[HEAD_MAX + 1];
    size_t received = 0;
    size_t total;
    const char *end;

    do {
        received += receive_some(descriptor, head + received, HEAD_MAX - received);
        head[received] = '\0';
        end = strstr(head, "\r\n\r\n");
    } while (!end && received < HEAD_MAX);
    errno = 0;
    if (!end)
        bench_fatal("a response whose head does not end in %d bytes", HEAD_MAX);

    total = (size_t)(end - head) + 4 + body_size(head);
    if (received > total)
        bench_fatal("bytes after the end of a response");
    while (received < total) {
        const size_t wanted = total - received < sizeof buffer ? total - received : sizeof buffer;

        received += receive_some(descriptor, buffer, wanted);
    }
    return total;
}

void bench_await_runner(void)
{
    char byte;

    while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
        continue;
}

double bench_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
