/*
 * The timing wheel. A timer stands at the level of the highest 6-bit digit in which its tick
 * differs from the current one, in the slot of that digit; so nothing ever wraps, and whatever is
 * at a lower level comes before all that is at a higher one.
 */
#include "reactor/wheel.h"

#include <string.h>

#define SLOT_BITS 6
#define SLOT_MASK ((uint64_t)TORC__WHEEL_SLOTS - 1)
#define LAST_TICK (((uint64_t)1 << (SLOT_BITS * TORC__WHEEL_LEVELS)) - 1)

/* So many timers of a slot are looked at to find the time to wake up at; a bound, not a limit. */
enum { SCAN_MAX = 256 };

static uint64_t tick_of(torc_time time)
{
    uint64_t tick = time > 0 ? (uint64_t)time >> TORC__WHEEL_TICK_SHIFT : 0;

    return tick < LAST_TICK ? tick : LAST_TICK;
}

static int level_of(uint64_t tick, uint64_t current)
{
    uint64_t differing = tick ^ current;

    return differing == 0 ? 0 : (63 - __builtin_clzll(differing)) / SLOT_BITS;
}

static unsigned slot_of(uint64_t tick, int level)
{
    return (unsigned)((tick >> (SLOT_BITS * level)) & SLOT_MASK);
}

void torc__wheel_init(torc__wheel *wheel, torc_time now)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->tick = tick_of(now);
    wheel->wake = TORC_NEVER;
}

static void push(torc_timer **head, torc_timer *timer)
{
    timer->next = *head;
    timer->link = head;
    if (*head != NULL)
        (*head)->link = &timer->next;
    *head = timer;
}

static void file(torc__wheel *wheel, torc_timer *timer)
{
    uint64_t tick = tick_of(timer->deadline);
    int level;
    unsigned slot;

    if (tick < wheel->tick)
        tick = wheel->tick;
    level = level_of(tick, wheel->tick);
    slot = slot_of(tick, level);
    timer->filed = tick;
    push(&wheel->slots[level][slot], timer);
    wheel->used[level] |= (uint64_t)1 << slot;
}

void torc__wheel_insert(torc__wheel *wheel, torc_timer *timer)
{
    timer->sequence = wheel->sequence++;
    wheel->count++;
    if (timer->deadline < wheel->wake)
        wheel->wake = timer->deadline;
    file(wheel, timer);
}

void torc__wheel_remove(torc__wheel *wheel, torc_timer *timer)
{
    int level = level_of(timer->filed, wheel->tick);
    unsigned slot = slot_of(timer->filed, level);

    *timer->link = timer->next;
    if (timer->next != NULL)
        timer->next->link = timer->link;
    timer->link = NULL;
    wheel->count--;
    if (wheel->slots[level][slot] == NULL)
        wheel->used[level] &= ~((uint64_t)1 << slot);
    if (wheel->count == 0)
        wheel->wake = TORC_NEVER;
}

/* -- time goes on -------------------------------------------------------------------------- */

/* The next tick at which a slot wants to be looked at, and which; false when all are empty. */
static bool next_stop(const torc__wheel *wheel, uint64_t *ret_tick, int *ret_level)
{
    for (int level = 0; level < TORC__WHEEL_LEVELS; level++) {
        int shift = SLOT_BITS * level;
        uint64_t digit = (wheel->tick >> shift) & SLOT_MASK;
        uint64_t ahead = wheel->used[level] & (~(uint64_t)0 << digit);

        if (ahead == 0)
            continue;
        *ret_level = level;
        *ret_tick = (wheel->tick >> (shift + SLOT_BITS) << (shift + SLOT_BITS))
            | (uint64_t)__builtin_ctzll(ahead) << shift;
        return true;
    }
    return false;
}

static torc_timer *empty_slot(torc__wheel *wheel, int level, unsigned slot)
{
    torc_timer *timers = wheel->slots[level][slot];

    wheel->slots[level][slot] = NULL;
    wheel->used[level] &= ~((uint64_t)1 << slot);
    return timers;
}

/* Those that are due go to *due (in no order), the others are filed again. */
static void sort_out(torc__wheel *wheel, torc_timer *timers, torc_time now, torc_timer **due)
{
    while (timers != NULL) {
        torc_timer *next = timers->next;

        if (timers->deadline <= now)
            push(due, timers);
        else
            file(wheel, timers);
        timers = next;
    }
}

static bool comes_before(const torc_timer *a, const torc_timer *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->sequence < b->sequence;
}

static torc_timer *merge(torc_timer *a, torc_timer *b)
{
    torc_timer *merged = NULL;
    torc_timer **tail = &merged;

    while (a != NULL && b != NULL) {
        torc_timer **earlier = comes_before(b, a) ? &b : &a;

        *tail = *earlier;
        tail = &(*tail)->next;
        *earlier = *tail;
    }
    *tail = a != NULL ? a : b;
    return merged;
}

/* Merge sort from the bottom up: runs[i] is empty or a sorted run of 2^i timers. */
static torc_timer *sort(torc_timer *timers)
{
    torc_timer *runs[40] = { NULL };
    torc_timer *sorted = NULL;

    while (timers != NULL) {
        torc_timer *run = timers;
        size_t i = 0;

        timers = timers->next;
        run->next = NULL;
        for (; runs[i] != NULL; i++) {
            run = merge(runs[i], run);
            runs[i] = NULL;
        }
        runs[i] = run;
    }
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++)
        sorted = merge(runs[i], sorted);
    return sorted;
}

/* Takes out all that is due, in no order. */
static torc_timer *collect(torc__wheel *wheel, torc_time now)
{
    uint64_t target = tick_of(now);
    uint64_t stop;
    int level;
    torc_timer *due = NULL;

    while (next_stop(wheel, &stop, &level) && stop < target) {
        wheel->tick = stop;
        sort_out(wheel, empty_slot(wheel, level, slot_of(stop, level)), now, &due);
    }
    if (wheel->tick < target) {
        wheel->tick = target;
        while (next_stop(wheel, &stop, &level) && stop == target && level > 0)
            sort_out(wheel, empty_slot(wheel, level, slot_of(stop, level)), now, &due);
    }
    sort_out(wheel, empty_slot(wheel, 0, slot_of(target, 0)), now, &due);
    return due;
}

static torc_time next_wake(const torc__wheel *wheel)
{
    uint64_t stop;
    int level;
    torc_time wake;
    int scanned = 0;

    if (!next_stop(wheel, &stop, &level))
        return TORC_NEVER;
    wake = (torc_time)(stop << TORC__WHEEL_TICK_SHIFT);
    if (level > 0)
        return wake;

    /* At the tick's end everything in it is due or was moved; sooner, if a deadline is sooner. */
    wake += (torc_time)1 << TORC__WHEEL_TICK_SHIFT;
    for (torc_timer *t = wheel->slots[0][slot_of(stop, 0)]; t != NULL && scanned < SCAN_MAX;
         t = t->next, scanned++)
        if (t->deadline < wake)
            wake = t->deadline;
    return wake;
}

void torc__wheel_advance(torc__wheel *wheel, torc_time now)
{
    torc_timer *due;

    if (TORC_LIKELY(now < wheel->wake))
        return;
    due = collect(wheel, now);
    wheel->wake = next_wake(wheel);
    if (due == NULL)
        return;
    wheel->due = sort(due);
    for (torc_timer **link = &wheel->due; *link != NULL; link = &(*link)->next)
        (*link)->link = link;
}
