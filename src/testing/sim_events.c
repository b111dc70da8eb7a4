/*
 * What is to happen: a binary heap, ordered by time and, where that is the same, by who was first.
 */
#include "testing/sim.h"

#include <string.h>

static bool comes_before(const torc__sim_event *a, const torc__sim_event *b)
{
    return a->time != b->time ? a->time < b->time : a->sequence < b->sequence;
}

static void swap(torc__sim_event *a, torc__sim_event *b)
{
    torc__sim_event kept = *a;

    *a = *b;
    *b = kept;
}

static void grow(torc__sim_events *events)
{
    size_t capacity = events->capacity != 0 ? events->capacity * 2 : 64;
    torc__sim_event *heap = torc__testing_allocate(capacity * sizeof *heap);

    if (events->count > 0)
        memcpy(heap, events->heap, events->count * sizeof *heap);
    torc__testing_release(events->heap);
    events->heap = heap;
    events->capacity = capacity;
}

static void add(torc_sim *sim, torc__sim_event event)
{
    torc__sim_events *events = &sim->events;
    size_t at = events->count;

    if (at == events->capacity)
        grow(events);
    if (event.time < sim->now)
        event.time = sim->now;
    event.sequence = events->sequence++;
    events->moving += !event.waits;
    events->heap[at] = event;
    events->count++;
    while (at > 0 && comes_before(&events->heap[at], &events->heap[(at - 1) / 2])) {
        swap(&events->heap[at], &events->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

void torc__sim_add_event(torc_sim *sim, torc_time time, torc__sim_call *call, void *argument)
{
    add(sim, (torc__sim_event){ .time = time, .call = call, .argument = argument });
}

void torc__sim_add_wait(torc_sim *sim, torc_time time, torc__sim_call *call, void *argument)
{
    add(sim,
        (torc__sim_event){ .time = time, .call = call, .argument = argument, .waits = true });
}

torc_time torc__sim_next_event(const torc_sim *sim)
{
    return sim->events.count > 0 ? sim->events.heap[0].time : TORC_NEVER;
}

static void sift_down(torc__sim_events *events)
{
    size_t at = 0;

    for (;;) {
        size_t first = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < events->count; child++)
            if (comes_before(&events->heap[child], &events->heap[first]))
                first = child;
        if (first == at)
            return;
        swap(&events->heap[at], &events->heap[first]);
        at = first;
    }
}

void torc__sim_run_event(torc_sim *sim)
{
    torc__sim_events *events = &sim->events;
    torc__sim_event event = events->heap[0];

    events->heap[0] = events->heap[--events->count];
    sift_down(events);
    events->moving -= !event.waits;
    event.call(sim, event.argument);
}
