/*
 * What coroutines cost: a switch beside the barest one that assembly can do, an await beside the
 * deferred that is awaited, a spawn, and the memory of many that sleep. Prints "NAME VALUE UNIT"
 * lines. The one argument is how many sleep: 100 000, unless it says otherwise.
 *
 * The bare switch exchanges what a call preserves and the stack pointer, and nothing else: no
 * floating-point modes, no bookkeeping. It can be had on x86-64 only.
 */
#include <torc.h>
#include <torc/coroutine.h>

#include "common/program.h"
#include "deferred/deferred.h"
#include "deferred/switch.h"
#include "reactor/reactor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 7, SWITCHES = 2000000, BATCH = 64, BATCHES = 4000 };
enum { SPAWNS = 64, SPAWN_TURNS = 2000 };

static char stack[64 << 10] __attribute__((aligned(64)));

/* -- switches ------------------------------------------------------------------------------ */

#ifdef TORC__SWITCH_X86_64
void bare_switch(void **from, void *to);

__asm__(
    ".text\n"
    ".p2align 4\n"
    ".globl bare_switch\n"
    "bare_switch:\n"
    "    pushq %rbp\n"
    "    pushq %rbx\n"
    "    pushq %r12\n"
    "    pushq %r13\n"
    "    pushq %r14\n"
    "    pushq %r15\n"
    "    movq %rsp, (%rdi)\n"
    "    movq %rsi, %rsp\n"
    "    popq %r15\n"
    "    popq %r14\n"
    "    popq %r13\n"
    "    popq %r12\n"
    "    popq %rbx\n"
    "    popq %rbp\n"
    "    ret\n");

static void *bare_main;
static void *bare_other;

static void bare_loop(void)
{
    for (;;)
        bare_switch(&bare_other, bare_main);
}

static double measure_bare(void)
{
    void **top = (void **)(void *)(stack + sizeof stack - 64);
    torc_time begin;

    memset(top - 8, 0, 8 * sizeof *top);
    top[-2] = (void *)(uintptr_t)bare_loop;
    bare_other = top - 8;
    begin = torc_monotonic_now();
    for (int i = 0; i < SWITCHES / 2; i++)
        bare_switch(&bare_main, bare_other);
    return (double)(torc_monotonic_now() - begin) / SWITCHES;
}
#endif

static torc__stand main_stand;
static torc__stand other_stand;

static void torc_loop(void *unused)
{
    (void)unused;
    for (;;)
        torc__switch(&other_stand, &main_stand);
}

static double measure_switch(void)
{
    torc_time begin;

    torc__stand_init(&other_stand, stack, sizeof stack, torc_loop, NULL);
    begin = torc_monotonic_now();
    for (int i = 0; i < SWITCHES / 2; i++)
        torc__switch(&main_stand, &other_stand);
    return (double)(torc_monotonic_now() - begin) / SWITCHES;
}

static double best_of(double (*measure)(void))
{
    double best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        double each = measure();

        best = each < best ? each : best;
    }
    return best;
}

/* -- awaiting ------------------------------------------------------------------------------ */

static double ready_alone;
static double ready_awaited;

static double measure_ready(torc_scope *scope, bool awaits)
{
    double best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        torc_time begin = torc_monotonic_now();
        double each;

        for (int i = 0; i < BATCHES; i++) {
            for (int one = 0; one < BATCH; one++) {
                torc_deferred *ready = torc_deferred_fired(scope, torc_integer(one));

                if (awaits)
                    torc_await(ready);
            }
            torc__settle_deferreds(torc_scope_reactor(scope));
        }
        each = (double)(torc_monotonic_now() - begin) / ((double)BATCH * BATCHES);
        best = each < best ? each : best;
    }
    return best;
}

static torc_result await_ready(torc_scope *unused, void *root)
{
    (void)unused;
    ready_alone = measure_ready(root, false);
    ready_awaited = measure_ready(root, true);
    return torc_nothing();
}

static torc_deferred *pending;

static torc_result await_pending(torc_scope *scope, void *root)
{
    (void)scope;
    do
        pending = torc_deferred_new(root, NULL, NULL);
    while (!torc_is_failure(torc_await(pending)));
    return torc_nothing();
}

/* A deferred made, awaited, fired and freed, there and back again. */
static double measure_pending(torc_reactor *reactor)
{
    double best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        torc_time begin = torc_monotonic_now();
        double each;

        for (int i = 0; i < BATCHES; i++) {
            for (int one = 0; one < BATCH; one++)
                torc_fire(pending, torc_integer(one));
            torc__settle_deferreds(reactor);
        }
        each = (double)(torc_monotonic_now() - begin) / ((double)BATCH * BATCHES);
        best = each < best ? each : best;
    }
    return best;
}

/* -- spawning ------------------------------------------------------------------------------ */

static torc_result do_nothing(torc_scope *scope, void *unused)
{
    (void)scope;
    (void)unused;
    return torc_nothing();
}

static double measure_spawn(torc_reactor *reactor)
{
    torc_time begin = torc_monotonic_now();

    for (int turn = 0; turn < SPAWN_TURNS; turn++) {
        for (int i = 0; i < SPAWNS; i++)
            torc_spawn(torc_root(reactor), do_nothing, NULL);
        torc_iterate(reactor, 0);
    }
    return (double)(torc_monotonic_now() - begin) / ((double)SPAWNS * SPAWN_TURNS);
}

/* -- memory -------------------------------------------------------------------------------- */

/* What is in memory, with the page tables; as the system counts it. */
static int64_t memory_used(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    int64_t kilobytes = 0;
    char line[128];

    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        int64_t number;

        if (sscanf(line, "VmRSS: %" SCNd64, &number) == 1 ||
            sscanf(line, "VmPTE: %" SCNd64, &number) == 1)
            kilobytes += number;
    }
    if (status != NULL)
        fclose(status);
    return kilobytes * 1024;
}

static torc_result sleep_long(torc_scope *scope, void *unused)
{
    (void)unused;
    return torc_sleep(scope, TORC_HOUR);
}

static void measure_sleeping(torc_reactor *reactor, uint64_t count)
{
    torc_coroutine_options options = { .name = "sleeper", .stack_size = 16 << 10 };
    int64_t before = memory_used();
    torc_coroutine_report report;

    for (uint64_t i = 0; i < count; i++)
        torc_add_errback(torc_spawn_with(torc_root(reactor), &options, sleep_long, NULL),
            torc_log_failure, "a sleeper");
    for (int turn = 0; turn < 3; turn++)
        torc_iterate(reactor, 0);
    torc_coroutine_look(reactor, &report);
    if (report.running < count)
        bench_fatal("only %zu of %" PRIu64 " coroutines sleep", report.running, count);
    bench_say("sleeping_coroutines %" PRIu64 " count", count);
    bench_say("sleeping_coroutine %.0f B", (double)(memory_used() - before) / (double)count);
}

int main(int argc, char **argv)
{
    uint64_t sleepers = argc > 1 ? bench_number("sleepers", argv[1], 1, 10000000) : 100000;
    torc_reactor *reactor = torc_reactor_new();
    double switched = best_of(measure_switch);

#ifdef TORC__SWITCH_X86_64
    double bare = best_of(measure_bare);

    bench_say("bare_switch %.2f ns", bare);
    bench_say("switch_per_bare_switch %.2f ratio", switched / bare);
#endif
    bench_say("switch %.2f ns", switched);
    torc_spawn(torc_root(reactor), await_ready, torc_root(reactor));
    torc_spawn(torc_root(reactor), await_pending, torc_root(reactor));
    torc_iterate(reactor, 0);
    bench_say("ready_deferred %.2f ns", ready_alone);
    bench_say("await_of_ready_on_top %.2f ns", ready_awaited - ready_alone);
    bench_say("await_and_fire %.2f ns", measure_pending(reactor));
    bench_say("spawn_and_return %.2f ns", measure_spawn(reactor));
    measure_sleeping(reactor, sleepers);
    torc_reactor_free(reactor);
    return 0;
}
