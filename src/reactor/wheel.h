/*
 * wheel: a hierarchical timing wheel. Arming, moving and disarming a timer costs the same however
 * many are armed.
 *
 * Time is cut into ticks of 2^20 ns (1.05 ms). Level 0 has a slot for each of the next 64 ticks,
 * level 1 one for each 64 ticks, and so on for seven levels: 2^62 ns, more than a century. As time
 * goes on, the slots of higher levels are emptied into lower ones. A bit map per level finds the
 * next slot that holds anything.
 *
 * Invariants: a timer is filed under a tick that is not later than its deadline's; a timer whose
 * deadline was moved to a later one stays where it is and is filed anew when its old tick comes.
 * All timers of the current tick and before are in level 0's slot of the current tick.
 */
#ifndef TORC_REACTOR_WHEEL_H
#define TORC_REACTOR_WHEEL_H

#include <torc/timer.h>

#include <stddef.h>

#define TORC__WHEEL_LEVELS     7
#define TORC__WHEEL_SLOTS      64
#define TORC__WHEEL_TICK_SHIFT 20

typedef struct torc__wheel {
    uint64_t tick; /* the current one, or an earlier one while nothing is due */
    torc_time wake; /* not later than the earliest deadline; TORC_NEVER when there is none */
    uint64_t sequence;
    size_t count;
    uint64_t used[TORC__WHEEL_LEVELS];
    torc_timer *slots[TORC__WHEEL_LEVELS][TORC__WHEEL_SLOTS];
    torc_timer *due; /* sorted; taken out of the slots, still to be run */
} torc__wheel;

void torc__wheel_init(torc__wheel *wheel, torc_time now);

/* Files the timer by its deadline. It must not be filed. */
void torc__wheel_insert(torc__wheel *wheel, torc_timer *timer);

/* Takes it out; it must be filed (timer->link != NULL). */
void torc__wheel_remove(torc__wheel *wheel, torc_timer *timer);

/* Moves all timers whose deadline is not after `now` to wheel->due, in order. */
void torc__wheel_advance(torc__wheel *wheel, torc_time now);

/* Not later than the earliest deadline, as a time to wake up at; TORC_NEVER when it is empty. */
static inline torc_time torc__wheel_next(const torc__wheel *wheel)
{
    return wheel->wake;
}

#endif /* TORC_REACTOR_WHEEL_H */
