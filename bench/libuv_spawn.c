/*
 * What torc_spawn.c does, on libuv.
 */
#include "common/program.h"

#include <string.h>
#include <uv.h>

enum { SPAWNS = 1000 };

static unsigned left = SPAWNS;
static uv_process_t process;

static void run_true(void);

static void closed(uv_handle_t *handle)
{
    (void)handle;
    if (--left > 0)
        run_true();
}

static void exited(uv_process_t *handle, int64_t status, int signal)
{
    if (status != 0 || signal != 0)
        bench_fatal("true exited with status %d", (int)status);
    uv_close((uv_handle_t *)handle, closed);
}

static void run_true(void)
{
    static char name[] = "true";
    char *arguments[] = { name, NULL };
    uv_stdio_container_t inherited[3];
    uv_process_options_t options;
    int error;

    memset(&options, 0, sizeof options);
    for (int i = 0; i < 3; i++) {
        inherited[i].flags = UV_INHERIT_FD;
        inherited[i].data.fd = i;
    }
    options.file = name;
    options.args = arguments;
    options.exit_cb = exited;
    options.stdio = inherited;
    options.stdio_count = 3;
    error = uv_spawn(uv_default_loop(), &process, &options);
    if (error != 0)
        bench_fatal("cannot run true: %s", uv_strerror(error));
}

int main(void)
{
    uint64_t begin = uv_hrtime();

    run_true();
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    bench_say("spawn %.1f µs", (double)(uv_hrtime() - begin) / 1e3 / SPAWNS);
    return 0;
}
