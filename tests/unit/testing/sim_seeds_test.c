/*
 * Many seeds: the one that fails is named, whichever way it fails; it can be run alone, and with
 * fewer faults.
 */
#include "sim_support.h"

#include "base/memory.h"
#include "support/expect_abort.h"

#include <signal.h>
#include <unistd.h>

/* -- runs ---------------------------------------------------------------------------------- */

static void fail_third(void)
{
    int count = 0;

    TORC_SIM_FOR_SEEDS(sim, 10)
        if (++count == 3)
            torc_testing_failed("the third one fails");
}

/* Fails when a connection was refused; whatever else happens to its clients is no matter. */
static void fail_when_refused(torc_sim *sim)
{
    memset(&client, 0, sizeof client);
    client.sends = 3000;
    torc_sim_faults(sim, TORC_SIM_SPLIT_READS | TORC_SIM_SHORT_WRITES | TORC_SIM_DELAYS
            | TORC_SIM_REFUSALS | TORC_SIM_PARTITIONS);
    torc_sim_fault_rate(sim, 20);
    server = torc_sim_add_host(sim, "server", "10.0.0.1");
    other = torc_sim_add_host(sim, "other", "10.0.0.2");
    torc_listen(torc_sim_scope(server), "tcp:7", torc_factory_of(&echo_class));
    for (int i = 0; i < 40; i++)
        connect_client(other, "tcp:10.0.0.1:7");
    torc_sim_advance(sim, 10 * TORC_SECOND);
    if (torc_sim_fault_count(sim, TORC_SIM_REFUSALS) > 0)
        torc_testing_failed("refused");
}

/* -- calls that end in an abort ------------------------------------------------------------ */

static void run_to_failure(void)
{
    torc_testing_set_fail(NULL);
    fail_third();
}

static void leave_at_once(const char *message)
{
    (void)message;
    _exit(EXIT_FAILURE);
}

static void run_to_an_end_at_once(void)
{
    torc_testing_set_fail(leave_at_once);
    fail_third();
}

static void run_to_abort(void)
{
    int count = 0;

    TORC_SIM_FOR_SEEDS(sim, 10)
        if (++count == 3)
            abort();
}

static void *leaked;

static void run_to_leak(void)
{
    int count = 0;

    torc_testing_set_fail(NULL);
    TORC_SIM_FOR_SEEDS(sim, 10)
        if (++count == 3)
            leaked = torc__allocate(100);
}

static jmp_buf outside;

static void jump_in_third(void)
{
    int count = 0;

    TORC_SIM_FOR_SEEDS(sim, 10)
        if (++count == 3)
            longjmp(outside, 1);
}

static void leave_third(void)
{
    if (setjmp(outside) == 0)
        jump_in_third();
}

static void run_to_jump(void)
{
    leave_third();
    TORC_SIM_FOR_SEEDS(sim, 1)
        torc_sim_run(sim);
    abort();
}

static void run_to_jump_and_exit(void)
{
    leave_third();
    exit(EXIT_FAILURE);
}

static void run_to_break(void)
{
    int count = 0;

    TORC_SIM_FOR_SEEDS(sim, 10)
        if (++count == 3)
            break;
    exit(EXIT_FAILURE);
}

static void run_one_alone(void)
{
    setenv("TORC_SIM_SEED", "77", 1);
    torc_testing_set_fail(NULL);
    TORC_SIM_FOR_SEEDS(sim, 10)
        torc_testing_failed("they all fail");
}

static void free_the_loops_network(void)
{
    torc_testing_set_fail(NULL);
    TORC_SIM_FOR_SEEDS(sim, 1)
        torc_sim_free(sim);
}

static void shrink(void)
{
    setenv("TORC_SIM_SEED", "5", 1);
    setenv("TORC_SIM_SHRINK", "1", 1);
    torc_testing_set_fail(NULL);
    TORC_SIM_FOR_SEEDS(sim, 1)
        fail_when_refused(sim);
}

static void leave_test(const char *message)
{
    (void)message;
    longjmp(outside, 1);
}

/* As under a framework that jumps where an assertion of its own fails, unknown to the kit. */
static void jump_when_refused(void)
{
    TORC_SIM_FOR_SEEDS(sim, 1) {
        torc_testing_set_fail(leave_test);
        fail_when_refused(sim);
    }
}

static void shrink_what_jumps(void)
{
    setenv("TORC_SIM_SEED", "5", 1);
    setenv("TORC_SIM_SHRINK", "1", 1);
    if (setjmp(outside) == 0)
        jump_when_refused();
    TORC_SIM_FOR_SEEDS(sim, 1)
        torc_sim_run(sim);
    abort();
}

/* -- tests --------------------------------------------------------------------------------- */

static void each_seed_is_run_once(void **state)
{
    uint64_t histories[5];
    size_t count = 0;

    (void)state;
    TORC_SIM_FOR_SEEDS(sim, 5) {
        torc_sim *same = torc_sim_new(.seed = count + 1);

        torc_sim_faults(sim, TORC_SIM_CLOCK_JUMPS);
        torc_sim_faults(same, TORC_SIM_CLOCK_JUMPS);
        torc_sim_fault_rate(sim, 500);
        torc_sim_fault_rate(same, 500);
        for (int i = 0; i < 100; i++) {
            torc_sim_advance(sim, 1);
            torc_sim_advance(same, 1);
        }
        assert_int_equal(torc_sim_history(sim), torc_sim_history(same));
        torc_sim_free(same);
        histories[count++] = torc_sim_history(sim);
    }
    assert_int_equal(count, 5);
    for (size_t i = 1; i < count; i++)
        assert_int_not_equal(histories[i], histories[i - 1]);
    TORC_SIM_FOR_SEEDS(sim, 0)
        count++;
    assert_int_equal(count, 5);
}

static void a_seed_that_fails_is_named(void **state)
{
    (void)state;
    expect_abort(run_to_failure, "sim_seeds_test.c:");
    expect_abort(run_to_failure, "TORC_SIM_SEED=3 ");
    expect_abort(run_to_abort, "TORC_SIM_SEED=3 ");
    expect_exit(run_to_an_end_at_once, "TORC_SIM_SEED=3 ");
    expect_abort(run_to_leak, "TORC_SIM_SEED=3 ");
}

static void a_seed_that_is_left_by_a_jump_is_named(void **state)
{
    (void)state;
    expect_abort(run_to_jump, "TORC_SIM_SEED=3 ");
    expect_exit(run_to_jump_and_exit, "TORC_SIM_SEED=3 ");
    expect_exit(run_to_break, "TORC_SIM_SEED=3 ");
}

/* The signal's own handler has it after that, as cmocka's turns it into a failed test. */
static void handle(int number)
{
    (void)number;
    abort();
}

static void crash_with_handler(void)
{
    struct sigaction action = { .sa_handler = handle };

    sigaction(SIGFPE, &action, NULL);
    TORC_SIM_FOR_SEEDS(sim, 10)
        raise(SIGFPE);
}

static void a_seed_that_crashes_is_named(void **state)
{
    (void)state;
    expect_abort(crash_with_handler, "TORC_SIM_SEED=1 ");
}

static void signals_are_the_programs_again_after_the_loop(void **state)
{
    struct sigaction before;
    struct sigaction within;
    struct sigaction after;

    (void)state;
    sigaction(SIGSEGV, NULL, &before);
    TORC_SIM_FOR_SEEDS(sim, 1)
        sigaction(SIGSEGV, NULL, &within);
    sigaction(SIGSEGV, NULL, &after);
    assert_true(before.sa_handler != within.sa_handler);
    assert_true(before.sa_handler == after.sa_handler);
}

static void the_environment_chooses_a_seed(void **state)
{
    (void)state;
    expect_abort(run_one_alone, "TORC_SIM_SEED=77 ");
}

static void the_loop_frees_its_network(void **state)
{
    (void)state;
    expect_abort(free_the_loops_network, "TORC_SIM_FOR_SEEDS frees its network itself");
}

static void shrinking_finds_the_fault_that_matters(void **state)
{
    (void)state;
    expect_abort(shrink, "it fails with 1 of its ");
    expect_abort(shrink, "server: a connection is refused");
    expect_abort(shrink_what_jumps, "it fails with 1 of its ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_seed_is_run_once),
        cmocka_unit_test(a_seed_that_fails_is_named),
        cmocka_unit_test(a_seed_that_is_left_by_a_jump_is_named),
        cmocka_unit_test(a_seed_that_crashes_is_named),
        cmocka_unit_test(signals_are_the_programs_again_after_the_loop),
        cmocka_unit_test(the_loop_frees_its_network),
        cmocka_unit_test(the_environment_chooses_a_seed),
        cmocka_unit_test(shrinking_finds_the_fault_that_matters),
    };

    unsetenv("TORC_SIM_SEED");
    unsetenv("TORC_SIM_SHRINK");
    prepare_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
