/*
 * Random numbers: same seed, same numbers; even choices.
 */
#include "base/random.h"

#include "support/failing_system_call.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_same_seed_gives_the_same_numbers(void **state)
{
    torc__random a;
    torc__random b;
    torc__random c;
    int differences = 0;

    (void)state;
    torc__random_init_from(&a, 42);
    torc__random_init_from(&b, 42);
    torc__random_init_from(&c, 43);
    for (int i = 0; i < 100; i++) {
        uint64_t number = torc__random_next(&a);

        assert_true(number == torc__random_next(&b));
        differences += number != torc__random_next(&c);
    }
    assert_int_equal(differences, 100);
}

/* As splitmix64 and xoshiro256++ are published: a simulation's seed means the same everywhere. */
static void the_numbers_of_a_seed_never_change(void **state)
{
    torc__random random;

    (void)state;
    torc__random_init_from(&random, 0);
    assert_true(random.state[0] == UINT64_C(0xE220A8397B1DCDAF));
    assert_true(random.state[1] == UINT64_C(0x6E789E6AA1B965F4));
    random = (torc__random){ { 1, 2, 3, 4 } };
    assert_true(torc__random_next(&random) == 41943041);
    assert_true(torc__random_next(&random) == 58720359);
}

static void two_generators_differ_without_a_seed(void **state)
{
    torc__random a;
    torc__random b;

    (void)state;
    torc__random_init(&a);
    torc__random_init(&b);
    assert_true(torc__random_next(&a) != torc__random_next(&b));
}

static void choices_stay_below_the_limit_and_reach_all(void **state)
{
    torc__random random;
    unsigned int counts[6] = { 0 };

    (void)state;
    torc__random_init_from(&random, 1);
    for (int i = 0; i < 6000; i++)
        counts[torc__random_below(&random, 6)]++;
    for (int i = 0; i < 6; i++)
        assert_in_range(counts[i], 850, 1150);
    assert_true(torc__random_below(&random, 0) == 0);
    assert_true(torc__random_below(&random, 1) == 0);
    for (int i = 0; i < 100; i++)
        assert_true(torc__random_below(&random, UINT64_MAX) < UINT64_MAX);
}

static void bytes_of_any_length_are_filled(void **state)
{
    unsigned char bytes[600];
    int zeros = 0;

    (void)state;
    memset(bytes, 0, sizeof bytes);
    torc__random_bytes(bytes, sizeof bytes - 1);
    for (size_t i = 0; i < sizeof bytes - 1; i++)
        zeros += bytes[i] == 0;
    assert_in_range(zeros, 0, 30);
    assert_int_equal(bytes[sizeof bytes - 1], 0);
    torc__random_bytes(bytes, 0);
}

/* In a jail without the system call, say: hash seeds and the like must still differ. */
static void without_the_system_the_bytes_differ_all_the_same(void **state)
{
    unsigned char first[300] = { 0 };
    unsigned char second[300] = { 0 };
    int zeros = 0;

    (void)state;
    fail_system_calls_named("getentropy", ENOSYS);
    torc__random_bytes(first, sizeof first - 1);
    torc__random_bytes(second, sizeof second);
    allow_system_calls();
    for (size_t i = 0; i < sizeof first - 1; i++)
        zeros += first[i] == 0;
    assert_in_range(zeros, 0, 15);
    assert_int_equal(first[sizeof first - 1], 0);
    assert_memory_not_equal(first, second, sizeof first - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(the_numbers_of_a_seed_never_change),
        cmocka_unit_test(two_generators_differ_without_a_seed),
        cmocka_unit_test(choices_stay_below_the_limit_and_reach_all),
        cmocka_unit_test(bytes_of_any_length_are_filled),
        cmocka_unit_test(without_the_system_the_bytes_differ_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
