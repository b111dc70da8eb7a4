/*
 * What a deferred costs: made, given two callbacks, fired and freed; beside two plain calls
 * through a pointer, and beside what one would write by hand, a closure on the heap that is made,
 * called twice and freed. Prints "NAME VALUE UNIT" lines.
 *
 * Freeing happens at the end of a turn of the loop; that part of a turn is counted in, once for
 * every 64 deferreds, and its waiting for the system is not.
 */
#include <torc.h>

#include "base/memory.h"
#include "common/program.h"
#include "reactor/reactor.h"

#include <stdlib.h>

enum { BATCH = 64, BATCHES = 4000, ROUNDS = 9 };

static int64_t sum;
static size_t allocations;

static torc_result add_to_sum(void *self, torc_result result)
{
    *(int64_t *)self += result.as.integer;
    return torc_integer(result.as.integer + 1);
}

/* Read anew for each call, so that the compiler cannot call directly. */
static torc_callback *volatile first = add_to_sum;
static torc_callback *volatile second = add_to_sum;

static void plain_calls(torc_scope *unused)
{
    (void)unused;
    for (int i = 0; i < BATCH; i++)
        second(&sum, first(&sum, torc_integer(i)));
}

typedef struct closure {
    torc_callback *calls[2];
    void *selves[2];
    torc_result result;
} closure;

static void *volatile escape; /* keeps the compiler from doing without the heap */

static void closures(torc_scope *unused)
{
    closure *made[BATCH];

    (void)unused;
    for (int i = 0; i < BATCH; i++) {
        closure *self = malloc(sizeof(*self));

        if (self == NULL)
            bench_fatal("out of memory");
        escape = self;
        made[i] = self;
        self->calls[0] = first;
        self->calls[1] = second;
        self->selves[0] = self->selves[1] = &sum;
        self->result = torc_integer(i);
        for (int link = 0; link < 2; link++)
            self->result = self->calls[link](self->selves[link], self->result);
    }
    for (int i = 0; i < BATCH; i++)
        free(made[i]);
}

static void deferreds(torc_scope *scope)
{
    for (int i = 0; i < BATCH; i++) {
        torc_deferred *deferred = torc_deferred_new(scope, NULL, NULL);

        torc_add_callback(deferred, first, &sum);
        torc_add_callback(deferred, second, &sum);
        torc_fire(deferred, torc_integer(i));
    }
    torc__settle_deferreds(torc_scope_reactor(scope));
}

/* Nanoseconds for one, in the best of the rounds: the others were disturbed. */
static double measure(void (*batch)(torc_scope *scope), torc_scope *scope)
{
    double best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        torc_time begin = torc_monotonic_now();
        double each;

        for (int i = 0; i < BATCHES; i++)
            batch(scope);
        each = (double)(torc_monotonic_now() - begin) / ((double)BATCH * BATCHES);
        if (each < best)
            best = each;
    }
    return best;
}

static bool count_allocation(size_t size)
{
    (void)size;
    allocations++;
    return true;
}

int main(void)
{
    torc_reactor *reactor = torc_reactor_new();
    torc_scope *scope = torc_root(reactor);
    double calls = measure(plain_calls, scope);
    double heap = measure(closures, scope);
    double deferred = measure(deferreds, scope);

    torc__set_allocation_hook(count_allocation);
    for (int i = 0; i < BATCHES; i++)
        deferreds(scope);
    torc__set_allocation_hook(NULL);

    bench_say("plain_calls %.2f ns", calls);
    bench_say("heap_closure %.2f ns", heap);
    bench_say("deferred %.2f ns", deferred);
    bench_say("deferred_per_heap_closure %.2f ratio", deferred / heap);
    bench_say("deferred_allocations %zu count", allocations);
    bench_say("deferred_size %zu B", torc__deferred_size);
    torc_reactor_free(reactor);
    return sum == 0;
}
