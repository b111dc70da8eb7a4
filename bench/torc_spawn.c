/*
 * What it costs to run `true` and to be told how it exited, one after another, a thousand times.
 * Prints "spawn VALUE µs", the time of each. Beside it: posix_spawn.c, libuv_spawn.c.
 *
 * The child has our standard descriptors and no others; nothing is piped, as with posix_spawn.
 */
#include <torc.h>
#include <torc/process.h>

#include "common/program.h"

enum { SPAWNS = 1000 };

static unsigned left = SPAWNS;

static void run_true(torc_scope *scope);

static void ended(torc_process *process, torc_exit how)
{
    torc_scope *root = process->context;

    if (how.status != 0)
        bench_fatal("true exited with status %d", how.status);
    if (--left > 0)
        run_true(root);
    else
        torc_stop(torc_scope_reactor(root));
}

static const torc_process_class true_class = { .name = "True", .ended = ended };

static void run_true(torc_scope *scope)
{
    static const char *const arguments[] = { "true", NULL };
    static const torc_child_descriptor descriptors[] = {
        { .number = 0, .end = TORC_CHILD_INHERITS },
        { .number = 1, .end = TORC_CHILD_INHERITS },
        { .number = 2, .end = TORC_CHILD_INHERITS },
    };
    torc_process_options options = {
        .arguments = arguments,
        .descriptors = descriptors,
        .descriptor_count = 3,
    };
    torc_failure *failure = NULL;
    torc_process *process = torc_process_spawn(scope, &true_class, &options, &failure);

    if (process == NULL)
        bench_fatal("%s", torc_failure_text(failure));
    process->context = scope;
}

int main(void)
{
    torc_reactor *reactor = torc_reactor_new();
    torc_time begin = torc_monotonic_now();
    int status;

    run_true(torc_root(reactor));
    status = torc_run(reactor);
    bench_say("spawn %.1f µs",
        (double)(torc_monotonic_now() - begin) / (double)(SPAWNS * TORC_MICROSECOND));
    return status;
}
