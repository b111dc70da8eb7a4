/*
 * Many seeds: the one that fails is named, whichever way it fails; it can be run alone, and with
 * fewer faults.
 */
#include "sim_support.h"

#include "support/expect_abort.h"

#include <errno.h>
#include <unistd.h>

static uint64_t seeds_seen[16];
static size_t seed_count;

/* -- runs ---------------------------------------------------------------------------------- */

static void note_seed(torc_sim *sim, void *argument)
{
    (void)sim;
    seeds_seen[seed_count++] = *(uint64_t *)argument;
    ++*(uint64_t *)argument;
}

static void fail_third(torc_sim *sim, void *argument)
{
    (void)sim;
    if (++*(int *)argument == 3)
        torc_testing_failed("the third one fails");
}

static void abort_third(torc_sim *sim, void *argument)
{
    (void)sim;
    if (++*(int *)argument == 3)
        abort();
}

static jmp_buf outside;

static void leave_third(torc_sim *sim, void *argument)
{
    (void)sim;
    if (++*(int *)argument == 3)
        longjmp(outside, 1);
}

/* Fails when a connection was refused; whatever else happens to its clients is no matter. */
static void fail_when_refused(torc_sim *sim, void *argument)
{
    (void)argument;
    memset(&client, 0, sizeof client);
    client.sends = 3000;
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
    int count = 0;

    torc_testing_set_fail(NULL);
    torc_sim_for_seeds(NULL, 40, 10, fail_third, &count);
}

static void run_to_abort(void)
{
    int count = 0;

    torc_sim_for_seeds(NULL, 40, 10, abort_third, &count);
}

static void run_to_jump(void)
{
    int count = 0;
    uint64_t next = 0;

    if (setjmp(outside) == 0)
        torc_sim_for_seeds(NULL, 40, 10, leave_third, &count);
    torc_sim_for_seeds(NULL, 0, 1, note_seed, &next);
    abort();
}

static void run_one_alone(void)
{
    int count = 2;

    setenv("TORC_SIM_SEED", "77", 1);
    torc_testing_set_fail(NULL);
    torc_sim_for_seeds(NULL, 40, 10, fail_third, &count);
}

static void shrink(void)
{
    torc_sim_options options = { .faults = TORC_SIM_SPLIT_READS | TORC_SIM_SHORT_WRITES
            | TORC_SIM_DELAYS | TORC_SIM_REFUSALS | TORC_SIM_PARTITIONS,
        .fault_per_mille = 20 };

    setenv("TORC_SIM_SEED", "5", 1);
    setenv("TORC_SIM_SHRINK", "1", 1);
    torc_testing_set_fail(NULL);
    torc_sim_for_seeds(&options, 1, 1, fail_when_refused, NULL);
}

/* -- tests --------------------------------------------------------------------------------- */

static void each_seed_is_run_once(void **state)
{
    uint64_t next = 7;

    (void)state;
    torc_sim_for_seeds(NULL, 7, 5, note_seed, &next);
    assert_int_equal(seed_count, 5);
    assert_int_equal(next, 12);
}

static void a_seed_that_fails_is_named(void **state)
{
    (void)state;
    expect_abort(run_to_failure, "TORC_SIM_SEED=42 ");
    expect_abort(run_to_abort, "TORC_SIM_SEED=42 ");
    expect_abort(run_to_jump, "TORC_SIM_SEED=42 ");
}

static void the_environment_chooses_a_seed(void **state)
{
    (void)state;
    expect_abort(run_one_alone, "TORC_SIM_SEED=77 ");
}

static void shrinking_finds_the_fault_that_matters(void **state)
{
    (void)state;
    expect_abort(shrink, "it fails with 1 of its ");
    expect_abort(shrink, "server: a connection is refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_seed_is_run_once),
        cmocka_unit_test(a_seed_that_fails_is_named),
        cmocka_unit_test(the_environment_chooses_a_seed),
        cmocka_unit_test(shrinking_finds_the_fault_that_matters),
    };

    unsetenv("TORC_SIM_SEED");
    unsetenv("TORC_SIM_SHRINK");
    prepare_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
