/*
 * What a process has only one of, as the newest network has it: the heap, the wall clock, and the
 * source of randomness.
 */
#include "testing/sim.h"

#include "base/memory.h"
#include "base/time.h"
#include "testing/blocks.h"

/* 2026-01-01 00:00 UTC: when each simulation begins. */
#define BEGINNING ((torc_time)1767225600 * TORC_SECOND)

static torc_sim *newest;

/* Only what runs on a host meets with a shortage, and no promise of the engine's is broken. */
static bool may_allocate(size_t size)
{
    torc_sim_host *host = newest->running;
    const torc_sim_limits *limits;

    if (host == NULL || torc__allocation_is_vital())
        return true;
    limits = &host->limits;
    if (limits->memory != 0 && (size > limits->memory || host->memory > limits->memory - size))
        return false;
    return !torc__sim_occurs(host, TORC_SIM_MEMORY);
}

static torc_time wall_clock(void)
{
    return BEGINNING + newest->now + newest->wall_offset;
}

static void fill_at_random(void *bytes, size_t length)
{
    unsigned char *next = bytes;

    for (size_t i = 0; i < length; i++)
        next[i] = (unsigned char)torc__random_next(&newest->hash_keys);
}

static void set_hooks(void)
{
    torc__set_allocation_hook(newest != NULL ? may_allocate : NULL);
    torc__set_wall_clock(newest != NULL ? wall_clock : NULL);
    torc__set_random_source(newest != NULL ? fill_at_random : NULL);
}

void torc__sim_take_world(torc_sim *sim)
{
    /* One in whose turn a test has failed, by a jump, was left for good. */
    while (newest != NULL && newest->running != NULL)
        newest = newest->outer;
    torc__blocks_charge(NULL);
    sim->outer = newest;
    newest = sim;
    set_hooks();
}

void torc__sim_leave_world(torc_sim *sim)
{
    torc_sim **link = &newest;

    while (*link != NULL && *link != sim)
        link = &(*link)->outer;
    if (*link != NULL)
        *link = sim->outer;
    set_hooks();
}
