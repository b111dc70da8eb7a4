/*
 * Many seeds: running them, naming the one that failed, and finding fewer faults that fail too.
 *
 * A run may fail by the kit's own call, by a jump out of the loop (as test frameworks do), by a
 * fatal signal, or in a sanitizer. So the seed that is being run is noted, and whichever of these
 * ways leads out, it is printed: at once, or, of a jump that nobody sees, when the next loop begins
 * or the process exits.
 *
 * Shrinking is delta debugging: without a half of the faults, a quarter, an eighth, does it still
 * fail? Each try is a child process, which writes what happened into memory that both share.
 */
#include "testing/sim.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
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

/* -- the loop that is under way ------------------------------------------------------------ */

typedef struct seed_loop {
    torc_sim *sim; /* whose body runs; NULL: none does */
    torc_place place;
    uint64_t seed;
    uint64_t last;
} seed_loop;

static seed_loop loop;

bool torc__sim_is_looped(const torc_sim *sim)
{
    return sim == loop.sim;
}

/* -- which seed it was --------------------------------------------------------------------- */

/* What ends a process, one that hangs too, or what a framework turns into a jump. */
static const int fatal_signals[] = {
    SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM, SIGTERM, SIGINT
};

enum { FATAL_SIGNALS = sizeof fatal_signals / sizeof fatal_signals[0] };

static struct sigaction outer_actions[FATAL_SIGNALS];
static volatile sig_atomic_t is_running;
static volatile sig_atomic_t catches_signals;
static char seed_line[400];

/* This and all that it calls does nothing that a signal handler may not do. */
static void announce(void)
{
    ssize_t written;

    if (!is_running)
        return;
    is_running = 0;
    written = write(STDERR_FILENO, seed_line, strlen(seed_line));
    (void)written;
}

static void let_signals_go(void)
{
    if (!catches_signals)
        return;
    catches_signals = 0;
    for (size_t i = 0; i < FATAL_SIGNALS; i++)
        sigaction(fatal_signals[i], &outer_actions[i], NULL);
}

/* Whose signal it was before has it now. */
static void announce_signal(int number)
{
    announce();
    let_signals_go();
    raise(number);
}

static void catch_signals(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = announce_signal;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < FATAL_SIGNALS; i++)
        sigaction(fatal_signals[i], &action, &outer_actions[i]);
    catches_signals = 1;
}

static void begin_announcing(void)
{
    static bool is_set_up;

    if (!is_set_up) {
        is_set_up = true;
        atexit(announce);
        torc__set_failing_hook(announce);
#if defined(__SANITIZE_ADDRESS__)
        __sanitizer_set_death_callback(announce);
#endif
    }
    catch_signals();
}

/* -- one seed ------------------------------------------------------------------------------ */

static torc_sim *begin_seed(void)
{
    torc_sim_options options = { .seed = loop.seed };

    snprintf(seed_line, sizeof seed_line,
        "torc-testing: %.200s:%d failed with seed %" PRIu64 "; TORC_SIM_SEED=%" PRIu64 " in the "
        "environment runs that alone, and TORC_SIM_SHRINK=1 beside it finds out why\n",
        loop.place.file, loop.place.line, loop.seed, loop.seed);
    is_running = 1;
    loop.sim = torc_sim_new_with(&options);
    return loop.sim;
}

/* The body has come to its end: whether the seed passes, its network says. */
static void end_seed(void)
{
    torc__report report = { .length = 0 };
    torc_sim *sim = loop.sim;

    loop.sim = NULL;
    torc__sim_free(sim, &report);
    torc__report_fail(&report);
    is_running = 0;
}

/*
 * A body that was left half way: nobody can end its network any more, because what the callbacks of
 * its hosts refer to is gone. `abandoned` keeps it, for tools that look for leaks.
 */
static void leave_last_loop(void)
{
    static torc_sim *abandoned;

    announce();
    let_signals_go();
    if (loop.sim == NULL)
        return;
    torc__sim_leave_world(loop.sim);
    loop.sim->outer = abandoned;
    abandoned = loop.sim;
    loop.sim = NULL;
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
static jmp_buf child_begins;

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

/* A framework must not go on with other tests here: cmocka is asked to abort where it fails. */
static void be_child(void)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    is_child = true;
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    alarm(SECONDS_MAX);
    let_signals_go();
    for (size_t i = 0; i < FATAL_SIGNALS; i++)
        signal(fatal_signals[i], SIG_DFL);
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    torc_testing_set_fail(fail_child);
}

/*
 * With only those faults (NULL: all): whether it fails. `tracing` tells what happened. The child
 * leaves the search by a jump, to run the body.
 */
static bool fails_with(const uint64_t *occasions, size_t count)
{
    pid_t child;
    int status;

    tracing->passed = false;
    tracing->count = 0;
    fflush(NULL);
    torc__sim_restrict(occasions, count);
    child = fork();
    if (child == 0)
        longjmp(child_begins, 1);
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
static bool leave_out(schedule *self, size_t size, int *tries)
{
    for (size_t start = 0; start < self->count && *tries > 0; start += size) {
        size_t end = start + size < self->count ? start + size : self->count;
        size_t count = self->count - (end - start);

        memcpy(self->fewer, self->occasions, start * sizeof self->fewer[0]);
        memcpy(self->fewer + start, self->occasions + end,
            (self->count - end) * sizeof self->fewer[0]);
        --*tries;
        if (fails_with(self->fewer, count)) {
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

static void shrink_schedule(schedule *self)
{
    size_t all = tracing->count;
    int tries = TRIES_MAX;
    size_t size;

    take_what_happened(self);
    size = (self->count + 1) / 2;
    while (self->count > 0 && size > 0) {
        if (!leave_out(self, size, &tries))
            size /= 2;
        else if (size > self->count)
            size = self->count;
    }
    (void)fails_with(self->occasions, self->count);
    print_schedule(self, all);
}

/* From here on only those faults happen that matter, if it fails. */
static void shrink(void)
{
    static schedule fewest;

    tracing = mmap(
        NULL, sizeof *tracing, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tracing == MAP_FAILED) {
        tracing = NULL;
        torc_testing_failed("there is no memory to find fewer faults with");
        return;
    }
    if (fails_with(NULL, 0))
        shrink_schedule(&fewest);
    else
        fprintf(stderr, "torc-testing: it does not fail\n");
    munmap(tracing, sizeof *tracing);
    tracing = NULL;
    torc__sim_restrict(fewest.count > 0 ? fewest.occasions : NULL, fewest.count);
}

/* -- all of them --------------------------------------------------------------------------- */

static const char *setting(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static torc_sim *shrink_and_begin(void)
{
    if (setjmp(child_begins) != 0)
        be_child();
    else
        shrink();
    return begin_seed();
}

torc_sim *torc_sim_first_seed(size_t count, torc_place place)
{
    const char *chosen = setting("TORC_SIM_SEED");

    /* The body was left by a jump, and its framework goes on: it has failed. */
    if (is_child)
        _exit(EXIT_FAILURE);
    leave_last_loop();
    if (count == 0)
        return NULL;
    loop.place = place;
    loop.seed = chosen != NULL ? strtoull(chosen, NULL, 10) : 1;
    loop.last = chosen != NULL ? loop.seed : count;
    begin_announcing();
    if (chosen != NULL && setting("TORC_SIM_SHRINK") != NULL)
        return shrink_and_begin();
    return begin_seed();
}

torc_sim *torc_sim_next_seed(torc_sim *sim)
{
    if (sim != loop.sim) {
        torc_testing_failed("TORC_SIM_FOR_SEEDS: its variable is for the body to use, not to set");
        return NULL;
    }
    end_seed();
    if (is_child) {
        tracing->passed = true;
        _exit(EXIT_SUCCESS);
    }
    if (loop.seed++ != loop.last)
        return begin_seed();
    torc__sim_restrict(NULL, 0);
    let_signals_go();
    return NULL;
}
