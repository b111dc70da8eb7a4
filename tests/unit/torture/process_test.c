/*
 * Children, with everything failing in turn: one that is given input and gives output, one with a
 * terminal. Whatever fails, no child and no descriptor is left, and what follows works.
 */
#include "torture/torture.h"

#include <torc/process.h>

#include <sys/wait.h>

typedef struct talk {
    int answered;
    bool whole;
    int ended;
} talk;

static torc_result note_output(void *self, torc_result result)
{
    talk *t = self;

    t->answered++;
    t->whole = !torc_is_failure(result) && torc_slice_is(torc_result_slice(result), "hello");
    if (torc_is_failure(result))
        assert_true(torc_failure_text(torc_result_failure(result))[0] != '\0');
    return torc_nothing();
}

static void run_cat(torc_reactor *reactor, talk *t)
{
    const char *const cat[] = { "cat", NULL };
    const char *const variables[] = { "TORC_TORTURE=1", NULL };
    torc_process_options options = { .arguments = cat, .variables = variables };

    options.input = TORC_SLICE("hello");
    t->answered = 0;
    t->whole = false;
    torc_add_both(torc_process_output_of(torc_root(reactor), &options), note_output, t);
    torture_run_until(reactor, &t->answered, 1);
}

static void note_ended(torc_process *self, torc_exit how)
{
    (void)how;
    ((talk *)self->context)->ended++;
}

static const torc_process_class terminal_class = { .name = "Terminal", .ended = note_ended };

static void run_terminal(torc_reactor *reactor, talk *t)
{
    const char *const nothing[] = { "true", NULL };
    torc_terminal_size size = { .columns = 80, .rows = 25 };
    torc_process_options options = { .arguments = nothing, .terminal = &size };
    torc_failure *failure = NULL;
    torc_process *process = torc_process_spawn(torc_root(reactor), &terminal_class, &options, &failure);

    if (process == NULL) {
        assert_non_null(failure);
        torc_failure_release(failure);
        return;
    }
    process->context = t;
    t->ended = 0;
    torture_run_until(reactor, &t->ended, 1);
}

static void assert_no_children(void)
{
    siginfo_t info;

    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
        fail_msg("%s: a child is left", torture_fault());
}

/* That a call is to be made again is noticed by nobody, but for a fork that is refused so. */
static bool is_passing(void)
{
    return torture_is_passing()
        && (torture_now == NO_FAULT || strcmp(chosen_system_call(), "clone") != 0);
}

static void spawn(void *driver)
{
    torc_failure *failure = NULL;
    torc_reactor *reactor = torc_reactor_new_named(driver, &failure);
    talk t = { 0 };

    if (reactor == NULL) {
        assert_non_null(failure);
        torc_failure_release(failure);
        return;
    }
    run_cat(reactor, &t);
    if (is_passing() && !t.whole)
        fail_msg("%s: the output is not what it should be", torture_fault());
    run_terminal(reactor, &t);
    torture_over();
    run_cat(reactor, &t);
    if (!t.whole)
        fail_msg("%s: nothing works any more", torture_fault());
    torc_reactor_free(reactor);
    assert_no_children();
}

static void children_survive_each_fault(void **state)
{
    (void)state;
    for (size_t i = 0; torc_driver_name(i) != NULL; i++)
        torture(spawn, (void *)(uintptr_t)torc_driver_name(i));
}

/* Where the system has no descriptors of processes, or none is left, SIGCHLD tells of exits. */
static void spawn_without_descriptors(void *driver)
{
    fail_system_calls_named("pidfd_open", ENODEV);
    spawn(driver);
}

static void children_without_descriptors_survive_each_failing_allocation(void **state)
{
    (void)state;
    spare_allocations_of(torc__deferred_size);
    for (size_t i = 0; torc_driver_name(i) != NULL; i++)
        torture_allocations(
            spawn_without_descriptors, (void *)(uintptr_t)torc_driver_name(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_survive_each_fault),
        cmocka_unit_test(children_without_descriptors_survive_each_failing_allocation),
    };

    torc_log_add_observer(TORC_LOG_DEBUG, torture_hush, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
