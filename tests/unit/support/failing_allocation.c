/*
 * One hook for all ways of failing: it counts, and refuses what is in the range [first, last).
 */
#include "support/failing_allocation.h"

#include "base/memory.h"

#include <limits.h>

static unsigned int counted;
static unsigned int first;
static unsigned int last;
static bool failed;
static bool watching;
static size_t spared;
static bool vital_spared;

static bool allow(size_t size)
{
    bool refused = counted >= first && counted < last;

    if (size == spared || (vital_spared && torc__allocation_is_vital()))
        return true;
    counted++;
    failed = failed || refused;
    return !refused;
}

static void watch(unsigned int from, unsigned int to)
{
    counted = 0;
    first = from;
    last = to;
    failed = false;
    watching = true;
    torc__set_allocation_hook(allow);
}

void fail_allocation_after(unsigned int passed)
{
    watch(passed, passed + 1);
}

void fail_all_allocations(void)
{
    watch(0, UINT_MAX);
}

void count_allocations(void)
{
    watch(0, 0);
}

unsigned int allocations_counted(void)
{
    return counted;
}

bool an_allocation_failed(void)
{
    return failed;
}

void spare_allocations_of(size_t size)
{
    spared = size;
}

void spare_vital_allocations(void)
{
    vital_spared = true;
}

void pause_allocation_failures(void)
{
    torc__set_allocation_hook(NULL);
}

void resume_allocation_failures(void)
{
    torc__set_allocation_hook(watching ? allow : NULL);
}

void allow_allocations(void)
{
    watching = false;
    torc__set_allocation_hook(NULL);
}
