/*
 * The limit for torc_spawn.c: posix_spawnp and waitpid, and nothing around them.
 */
#include "common/program.h"

#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

enum { SPAWNS = 1000 };

static double now_in_microseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

int main(void)
{
    char name[] = "true";
    char *const arguments[] = { name, NULL };
    double begin = now_in_microseconds();

    for (int i = 0; i < SPAWNS; i++) {
        pid_t pid;
        int status;

        if (posix_spawnp(&pid, name, NULL, NULL, arguments, environ) != 0)
            bench_fatal("cannot run true");
        if (waitpid(pid, &status, 0) != pid || status != 0)
            bench_fatal("true did not exit well");
    }
    bench_say("spawn %.1f µs", (now_in_microseconds() - begin) / SPAWNS);
    return 0;
}
