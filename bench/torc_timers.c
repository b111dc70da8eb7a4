/*
 * What arming and cancelling a delayed call costs with ten and with a million others armed, in the
 * embedded form (arm_cancel_N), in the engine's own (call_later_cancel_N), and what putting off an
 * armed one costs (put_off_N). Prints "NAME VALUE UNIT" lines.
 *
 * Delays are spread evenly over two minutes; those that stay armed never come within the run.
 */
#include <torc.h>

#include "common/program.h"

#include <stdlib.h>

enum { FEW = 10, MANY = 1000000, OPERATIONS = 1 << 18, WORKING_SET = 64, ROUNDS = 9 };

static torc_timer *armed;
static torc_timer working[WORKING_SET];
static torc_time delays[4096];

static void never(void *unused)
{
    (void)unused;
}

static uint64_t next_random(void)
{
    static uint64_t state = 42;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return state >> 11;
}

static torc_time delay_at(size_t index)
{
    return delays[index % (sizeof(delays) / sizeof(delays[0]))];
}

static void arm_cancel(torc_scope *scope)
{
    for (size_t i = 0; i < OPERATIONS; i++) {
        torc_timer *timer = &working[i % WORKING_SET];

        torc_timer_set(timer, scope, delay_at(i), never, NULL);
        torc_timer_cancel(timer);
    }
}

static void call_later_cancel(torc_scope *scope)
{
    for (size_t i = 0; i < OPERATIONS; i++) {
        torc_delayed_call call = torc_call_later(scope, delay_at(i), never, NULL);

        torc_delayed_cancel(&call);
    }
}

static void put_off(torc_scope *scope)
{
    for (size_t i = 0; i < OPERATIONS; i++)
        torc_timer_set(
            &armed[i % FEW], scope, 3 * TORC_MINUTE + (torc_time)i * TORC_MICROSECOND, never, NULL);
}

static double measure(void (*operations)(torc_scope *scope), torc_scope *scope)
{
    double best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        torc_time begin = torc_monotonic_now();
        double each;

        operations(scope);
        each = (double)(torc_monotonic_now() - begin) / (double)OPERATIONS;
        if (each < best)
            best = each;
    }
    return best;
}

static double measure_with(torc_scope *scope, size_t count)
{
    double both;

    for (size_t i = 0; i < count; i++)
        torc_timer_set(&armed[i], scope, TORC_MINUTE + delay_at(next_random()), never, NULL);
    both = measure(arm_cancel, scope);
    bench_say("arm_cancel_%zu %.2f ns", count, both);
    bench_say("call_later_cancel_%zu %.2f ns", count, measure(call_later_cancel, scope));
    bench_say("put_off_%zu %.2f ns", count, measure(put_off, scope));
    for (size_t i = 0; i < count; i++)
        torc_timer_cancel(&armed[i]);
    return both;
}

int main(void)
{
    torc_reactor *reactor = torc_reactor_new();
    double few;
    double many;

    armed = calloc(MANY, sizeof(*armed));
    if (armed == NULL)
        bench_fatal("no memory for the timers");
    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++)
        delays[i] = TORC_MILLISECOND + (torc_time)(next_random() % (uint64_t)(2 * TORC_MINUTE));
    few = measure_with(torc_root(reactor), FEW);
    many = measure_with(torc_root(reactor), MANY);
    bench_say("arm_cancel_ratio %.2f ratio", many / few);
    torc_reactor_free(reactor);
    free(armed);
    return 0;
}
