/*
 * What waiting costs: chains of callbacks, a deferred that waits for another, and gathers. The same
 * jobs as python_deferreds.py does on Twisted and on asyncio; the names of the cases are its too.
 * Prints "NAME VALUE UNIT" lines.
 *
 * Freeing at the end of a turn is counted in, once for every 64 jobs; of those that make a hundred
 * deferreds each, for every 4, as the pool keeps about a thousand.
 */
#include <torc.h>
#include <torc/gather.h>

#include "common/program.h"
#include "reactor/reactor.h"

enum { BATCH = 64, BATCH_OF_MANY = 4, ROUNDS = 5, MANY = 100 };

static int64_t sum;

static torc_result add_one(void *unused, torc_result result)
{
    (void)unused;
    sum++;
    return torc_integer(result.as.integer + 1);
}

static torc_result wait_for(void *inner, torc_result result)
{
    (void)result;
    return torc_wait_for(inner);
}

static void callbacks_10(torc_scope *scope)
{
    torc_deferred *deferred = torc_deferred_new(scope, NULL, NULL);

    for (int i = 0; i < 10; i++)
        torc_add_callback(deferred, add_one, NULL);
    torc_fire(deferred, torc_integer(1));
}

static void wait_for_another(torc_scope *scope)
{
    torc_deferred *outer = torc_deferred_new(scope, NULL, NULL);
    torc_deferred *inner = torc_deferred_new(scope, NULL, NULL);

    torc_add_callback(outer, wait_for, inner);
    torc_add_callback(outer, add_one, NULL);
    torc_fire(outer, torc_nothing());
    torc_fire(inner, torc_integer(1));
}

static void gather_of(torc_scope *scope, size_t count)
{
    torc_deferred *parts[MANY];

    for (size_t i = 0; i < count; i++)
        parts[i] = torc_deferred_new(scope, NULL, NULL);
    torc_add_callback(torc_gather(scope, parts, count), add_one, NULL);
    for (size_t i = 0; i < count; i++)
        torc_fire(parts[i], torc_integer(1));
}

static void gather_of_3(torc_scope *scope)
{
    gather_of(scope, 3);
}

static void gather_of_100(torc_scope *scope)
{
    gather_of(scope, MANY);
}

/* Nanoseconds for one, in the best of the rounds: the others were disturbed. */
static double measure(void (*job)(torc_scope *scope), torc_scope *scope, int batch, int batches)
{
    double best = 1e12;

    for (int round = 0; round < ROUNDS; round++) {
        torc_time begin = torc_monotonic_now();
        double each;

        for (int turn = 0; turn < batches; turn++) {
            for (int i = 0; i < batch; i++)
                job(scope);
            torc__settle_deferreds(torc_scope_reactor(scope));
        }
        each = (double)(torc_monotonic_now() - begin) / ((double)batch * batches);
        if (each < best)
            best = each;
    }
    return best;
}

int main(void)
{
    torc_reactor *reactor = torc_reactor_new();
    torc_scope *scope = torc_root(reactor);

    bench_say("callbacks_10 %.1f ns", measure(callbacks_10, scope, BATCH, 500));
    bench_say("wait_for_another %.1f ns", measure(wait_for_another, scope, BATCH, 500));
    bench_say("gather_of_3 %.1f ns", measure(gather_of_3, scope, BATCH, 500));
    bench_say("gather_of_100 %.1f ns", measure(gather_of_100, scope, BATCH_OF_MANY, 300));
    torc_reactor_free(reactor);
    return sum == 0;
}
