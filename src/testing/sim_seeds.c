/*
 * Many seeds: running them, naming the one that failed, and finding fewer faults that fail too.
 *
 * A run may fail by a jump out of here (as test frameworks do), by abort, or in a sanitizer. So the
 * seed that is being run is noted, and whichever of these ways leads out, it is printed: at once,
 * at the next run, or when the process exits.
 *
 * Shrinking is delta debugging: without a half of the faults, a quarter, an eighth, does it still
 * fail? Each try is a child process, which writes what happened into memory that both share.
 */
#include "testing/sim.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
# include <sanitizer/common_interface_defs.h>
#endif

enum { FAULTS_MAX = 65536, TRIES_MAX = 1000, SECONDS_MAX = 60 };

/* -- which seed it was --------------------------------------------------------------------- */

static volatile sig_atomic_t is_running;
static char seed_line[160];
static bool announces;

/* Nothing here that a signal handler may not do. */
static void announce(void)
{
    ssize_t written;

    if (!is_running)
        return;
    is_running = 0;
    written = write(STDERR_FILENO, seed_line, strlen(seed_line));
    (void)written;
}

static void announce_abort(int number)
{
    announce();
    signal(number, SIG_DFL);
    raise(number);
}

static void begin_seed(uint64_t seed)
{
    snprintf(seed_line, sizeof seed_line,
        "torc-testing: it failed with seed %" PRIu64 "; TORC_SIM_SEED=%" PRIu64 " in the "
        "environment runs that alone, and TORC_SIM_SHRINK=1 beside it finds out why\n",
        seed, seed);
    is_running = 1;
}

static void begin_announcing(void)
{
    announce();
    if (announces)
        return;
    announces = true;
    atexit(announce);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_set_death_callback(announce);
#endif
}

/* -- one seed ------------------------------------------------------------------------------ */

typedef struct seed_run {
    torc_sim_options options;
    void (*run)(torc_sim *sim, void *argument);
    void *argument;
} seed_run;

static void run_seed(const seed_run *self)
{
    torc_sim *sim;

    begin_seed(self->options.seed);
    sim = torc_sim_new(&self->options);
    self->run(sim, self->argument);
    torc_sim_free(sim);
    is_running = 0;
}

/* -- trying with fewer faults -------------------------------------------------------------- */

/* What a child tells. */
typedef struct child_report {
    bool passed;
    size_t count;
    torc__sim_happening happened[FAULTS_MAX];
} child_report;

static child_report *tracing;
static bool is_child;

void torc__sim_trace(const torc__sim_happening *happening)
{
    if (tracing != NULL && tracing->count < FAULTS_MAX)
        tracing->happened[tracing->count++] = *happening;
}

static void fail_child(const char *message)
{
    (void)message;
    _exit(EXIT_FAILURE);
}

static TORC_NORETURN void be_child(const seed_run *self)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    alarm(SECONDS_MAX);
    signal(SIGABRT, SIG_DFL);
    torc_testing_set_fail(fail_child);
    run_seed(self);
    tracing->passed = true;
    _exit(EXIT_SUCCESS);
}

/* With only those faults (NULL: all): whether it fails. `tracing` tells what happened. */
static bool fails_with(const seed_run *self, const uint64_t *occasions, size_t count)
{
    pid_t child;
    int status;

    tracing->passed = false;
    tracing->count = 0;
    fflush(NULL);
    torc__sim_restrict(occasions, count);
    child = fork();
    if (child == 0) {
        is_child = true;
        be_child(self);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0)
        continue;
    return child > 0 && !tracing->passed;
}

/* The faults that still matter, as far as is known. */
typedef struct schedule {
    size_t count;
    uint64_t occasions[FAULTS_MAX];
    uint64_t fewer[FAULTS_MAX];
} schedule;

static int compare_occasions(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a;
    uint64_t other = *(const uint64_t *)b;

    return one < other ? -1 : one > other;
}

/* Those of one fault and one host are neighbours: they often matter together, or not at all. */
static void take_what_happened(schedule *self)
{
    self->count = tracing->count;
    for (size_t i = 0; i < self->count; i++)
        self->occasions[i] = tracing->happened[i].occasion;
    qsort(self->occasions, self->count, sizeof self->occasions[0], compare_occasions);
}

/* Leaves out each piece of that size in turn. True when one could be left out. */
static bool leave_out(schedule *self, const seed_run *run, size_t size, int *tries)
{
    for (size_t start = 0; start < self->count && *tries > 0; start += size) {
        size_t end = start + size < self->count ? start + size : self->count;
        size_t count = self->count - (end - start);

        memcpy(self->fewer, self->occasions, start * sizeof self->fewer[0]);
        memcpy(self->fewer + start, self->occasions + end,
            (self->count - end) * sizeof self->fewer[0]);
        --*tries;
        if (fails_with(run, self->fewer, count)) {
            take_what_happened(self);
            return true;
        }
    }
    return false;
}

static void print_schedule(const schedule *self, size_t all)
{
    fprintf(stderr, "torc-testing: it fails with %zu of its %zu faults:\n", self->count, all);
    for (size_t i = 0; i < self->count; i++)
        fprintf(stderr, "torc-testing:   at %.6f s, %s: %s\n",
            (double)tracing->happened[i].time / (double)TORC_SECOND, tracing->happened[i].host,
            torc__sim_fault_name(tracing->happened[i].fault));
}

static void shrink_schedule(schedule *self, const seed_run *run)
{
    size_t all = tracing->count;
    int tries = TRIES_MAX;
    size_t size;

    take_what_happened(self);
    size = (self->count + 1) / 2;
    while (self->count > 0 && size > 0) {
        if (!leave_out(self, run, size, &tries))
            size /= 2;
        else if (size > self->count)
            size = self->count;
    }
    (void)fails_with(run, self->occasions, self->count);
    print_schedule(self, all);
}

static void shrink_and_run(const seed_run *run)
{
    static schedule fewest;

    tracing = mmap(
        NULL, sizeof *tracing, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tracing == MAP_FAILED) {
        tracing = NULL;
        torc_testing_failed("there is no memory to find fewer faults with");
        return;
    }
    if (fails_with(run, NULL, 0))
        shrink_schedule(&fewest, run);
    else
        fprintf(stderr, "torc-testing: it does not fail\n");
    munmap(tracing, sizeof *tracing);
    tracing = NULL;
    torc__sim_restrict(fewest.count > 0 ? fewest.occasions : NULL, fewest.count);
    run_seed(run);
    torc__sim_restrict(NULL, 0);
}

/* -- all of them --------------------------------------------------------------------------- */

static const char *setting(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

void torc_sim_for_seeds(const torc_sim_options *options, uint64_t first, size_t count,
    void (*run)(torc_sim *sim, void *argument), void *argument)
{
    seed_run self = { .run = run, .argument = argument };
    const char *chosen = setting("TORC_SIM_SEED");
    void (*outer)(int);

    if (options != NULL)
        self.options = *options;
    if (chosen != NULL) {
        first = strtoull(chosen, NULL, 10);
        count = 1;
    }
    /* A try that failed by a jump goes on with the tests after it. */
    if (is_child)
        _exit(EXIT_FAILURE);
    begin_announcing();
    outer = signal(SIGABRT, announce_abort);
    self.options.seed = first;
    if (chosen != NULL && setting("TORC_SIM_SHRINK") != NULL) {
        shrink_and_run(&self);
    } else {
        for (size_t i = 0; i < count; i++, self.options.seed++)
            run_seed(&self);
    }
    signal(SIGABRT, outer);
}
