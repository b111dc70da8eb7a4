/*
 * A process that writes down what it is told, and ways to run one and to look at that. Neighbour:
 * process_support.h, which has the reactor.
 */
#ifndef TORC_TESTS_TRANSPORT_PROCESS_RECORDER_H
#define TORC_TESTS_TRANSPORT_PROCESS_RECORDER_H

#include "transport/process_support.h"

typedef struct recorder {
    torc_process process; /* first */
    unsigned exits;
    unsigned ends;
} recorder;

static char output[65536]; /* what was received, joined */
static recorder *last;     /* that was spawned; NULL once it has ended */
static bool ends_scope; /* when something is received */
static torc_scope *scope_to_end;

static void received(torc_process *self, int number, torc_slice data)
{
    (void)self;
    if (strlen(record) + data.length < sizeof record / 2)
        note("%d:%.*s ", number, TORC_FMT(data));
    if (strlen(output) + data.length < sizeof output)
        strncat(output, data.data, data.length);
    if (ends_scope)
        torc_scope_end(scope_to_end);
}

static void closed(torc_process *self, int number)
{
    (void)self;
    note("closed:%d ", number);
}

static void exited(torc_process *self, torc_exit how)
{
    ((recorder *)(void *)self)->exits++;
    assert_true(torc_process_has_exited(self));
    note("exited:%d:%d ", how.status, how.signal);
}

static void ended(torc_process *self, torc_exit how)
{
    recorder *of = (recorder *)(void *)self;

    of->ends++;
    assert_int_equal(of->exits, 1);
    assert_int_equal(of->ends, 1);
    note("ended:%d:%d", how.status, how.signal);
    if (of == last)
        last = NULL;
    done = true;
}

static const torc_process_class recorder_class = {
    .name = "Recorder",
    .size = sizeof(recorder),
    .received = received,
    .closed = closed,
    .exited = exited,
    .ended = ended,
};

static TORC_UNUSED torc_process *spawn_in(torc_scope *scope, const torc_process_options *options)
{
    torc_failure *failure = NULL;
    torc_process *process = torc_process_spawn(scope, &recorder_class, options, &failure);

    if (process == NULL)
        fail_msg("%s", torc_failure_text(failure));
    last = (recorder *)(void *)process;
    done = false;
    return process;
}

static TORC_UNUSED torc_process *spawn(const torc_process_options *options)
{
    return spawn_in(root, options);
}

static TORC_UNUSED torc_process *spawn_shell(const char *script)
{
    torc_process_options options = { .arguments = SHELL(script) };

    return spawn(&options);
}

/* Among what was told, or what it said. */
static void run_and_expect(const torc_process_options *options, const char *expected)
{
    record[0] = '\0';
    output[0] = '\0';
    (void)spawn(options);
    RUN_UNTIL(done);
    if (strstr(record, expected) == NULL && strstr(output, expected) == NULL)
        fail_msg("told %s, not %s", record, expected);
    record[0] = '\0';
}

/* All that it said. */
static TORC_UNUSED void run_and_expect_just(const torc_process_options *options, const char *expected)
{
    run_and_expect(options, expected);
    assert_string_equal(output, expected);
}

static TORC_UNUSED void run_script_and_expect(const char *script, const char *expected)
{
    torc_process_options options = { .arguments = SHELL(script) };

    run_and_expect(&options, expected);
}

#endif /* TORC_TESTS_TRANSPORT_PROCESS_RECORDER_H */
