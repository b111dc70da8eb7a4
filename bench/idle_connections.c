/*
 * Opens connections that do one thing each and then stay idle, so that the runner can read what
 * they cost the server in memory.
 *
 *     idle_connections echo PORT COUNT...          one message echoed on each
 *     idle_connections http PORT COUNT... PATH     one keep-alive GET of PATH on each, read whole
 *
 * At each COUNT it prints `open COUNT` and waits for a line on standard input. The connections come
 * from several addresses of the loopback network.
 */
#include "common/client.h"
#include "common/program.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_SIZE = 64, PER_ADDRESS = 1000, COUNT_MAX = 100000 };

typedef struct visit {
    uint16_t port;
    bool http;
    char *request;
} visit;

static void exchange(const visit *what, int descriptor)
{
    char answer[MESSAGE_SIZE];

    if (what->http) {
        bench_send_all(descriptor, what->request, strlen(what->request));
        bench_receive_response(descriptor);
        return;
    }
    bench_send_all(descriptor, what->request, MESSAGE_SIZE);
    bench_receive_all(descriptor, answer, MESSAGE_SIZE);
    errno = 0;
    if (memcmp(answer, what->request, MESSAGE_SIZE) != 0)
        bench_fatal("the echo differs from what was sent");
}

int main(int argc, char **argv)
{
    visit what = { 0 };
    size_t open = 0;
    int last = argc;

    if (argc < 4)
        bench_fatal("usage: %s echo PORT COUNT... | http PORT COUNT... PATH", argv[0]);
    what.http = strcmp(argv[1], "http") == 0;
    what.port = (uint16_t)bench_number("PORT", argv[2], 1, UINT16_MAX);
    if (what.http)
        what.request = bench_get_request(argv[--last]);
    else
        what.request = strdup("An idle connection costs what the server keeps for it: 64 bytes");
    if (!what.request)
        bench_fatal("no memory");

    for (int index = 3; index < last; index++) {
        const size_t count = bench_number("COUNT", argv[index], 1, COUNT_MAX);

        for (; open < count; open++)
            exchange(&what, bench_connect(what.port, 1 + (unsigned)(open / PER_ADDRESS)));
        bench_say("open %zu", open);
        bench_await_runner();
    }
    free(what.request);
    return EXIT_SUCCESS;
}
