/*
 * What a look-up costs the program that asks: each name once, of a server on this machine, many
 * under way at a time; and what one costs that is known already. Prints "NAME VALUE UNIT" lines:
 * CPU of this process, in user space and in the kernel, per look-up of a host's IPv4 and IPv6
 * addresses; as it is by default, and with a port of its own for each question.
 *
 *     torc_resolve PORT [LOOK-UPS]
 */
#include <torc.h>
#include <torc/names.h>

#include "common/program.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { AT_ONCE = 64, KNOWN = 200000 };

static torc_reactor *reactor;
static torc_resolver *resolver;
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

static torc_result next(void *unused, torc_result found);

static void start(void)
{
    char name[64];
    torc_deferred *host;

    snprintf(name, sizeof name, "h%llu.bench.test", (unsigned long long)started++);
    host = torc_resolve_by(resolver, torc_root(reactor), name);
    torc_add_both(host, next, NULL);
}

static torc_result next(void *unused, torc_result found)
{
    (void)unused;
    if (torc_is_failure(found))
        bench_fatal("a look-up failed: %s", torc_failure_text(torc_result_failure(found)));
    ended++;
    if (started < total)
        start();
    else if (ended == total)
        torc_stop(reactor);
    return torc_nothing();
}

static torc_result ignore(void *unused, torc_result found)
{
    (void)unused;
    (void)found;
    return torc_nothing();
}

static void begin(const torc_resolver_options *options, uint64_t look_ups)
{
    reactor = torc_reactor_new();
    resolver = torc_resolver_new(torc_root(reactor), options);
    started = ended = 0;
    total = look_ups;
}

static void unknown_look_ups(
    const char *figure, const torc_resolver_options *options, uint64_t look_ups)
{
    double before;

    begin(options, look_ups);
    before = cpu_seconds();
    while (started < AT_ONCE)
        start();
    torc_run_and_keep(reactor);
    bench_say("%s %.0f ns\n", figure, (cpu_seconds() - before) / (double)total * 1e9);
    torc_reactor_free(reactor);
}

static void known_look_ups(const torc_resolver_options *options)
{
    double before;

    begin(options, 1);
    start();
    while (ended == 0)
        torc_iterate(reactor, TORC_SECOND);
    before = cpu_seconds();
    for (int i = 0; i < KNOWN; i++) {
        torc_deferred *host = torc_resolve_by(resolver, torc_root(reactor), "h0.bench.test");

        torc_add_both(host, ignore, NULL);
        if (i % AT_ONCE == 0)
            torc_iterate(reactor, 0);
    }
    bench_say("known %.0f ns\n", (cpu_seconds() - before) / KNOWN * 1e9);
    torc_reactor_free(reactor);
}

int main(int argc, char **argv)
{
    torc_resolver_options options = { .configuration_file = "",
        .cache_answers = 1 << 20, .cache_bytes = 1 << 30, .server_count = 1 };
    torc_address server;
    uint64_t look_ups;

    if (argc < 2)
        bench_fatal("usage: torc_resolve PORT [LOOK-UPS]");
    if (!torc_address_parse(TORC_SLICE("127.0.0.1"), bench_port_argument(2, argv), &server))
        return 2;
    look_ups = argc > 2 ? bench_number("look-ups", argv[2], AT_ONCE, 10000000) : 100000;
    options.servers = &server;
    unknown_look_ups("resolve", &options, look_ups);
    options.fresh_ports = true;
    unknown_look_ups("resolve_fresh_ports", &options, look_ups);
    known_look_ups(&options);
    return 0;
}
