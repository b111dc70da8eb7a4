/*
 * timer: delayed calls, in two forms.
 *
 * torc_call_later is the everyday form: the engine allocates, and gives back a small handle that
 * is safe to keep as long as the reactor lives; once the call has run or been cancelled the handle
 * says so instead of dangling.
 *
 *     self->reminder = torc_call_later(torc_scope_of(self), 5 * TORC_SECOND, remind, self);
 *     ...
 *     torc_delayed_cancel(&self->reminder);
 *
 * torc_timer is the form for timeouts that are re-armed with every message: a struct that you
 * embed in your own object, with no allocation, and O(1) to arm, move and cancel whether ten or a
 * million are armed. Moving a deadline later costs a single store.
 *
 *     torc_timer_set(&self->idle, torc_scope_of(self), TORC_MINUTE, timed_out, self);
 *
 * Calls run from the loop's turn, in the order of their deadlines, and of their setting where those
 * are equal. A call set from inside a call runs in a later turn, also with a delay of 0. A delay
 * below 0 is 0. A timer is never early; it is late by at most a millisecond on an idle machine.
 */
#ifndef TORC_TIMER_H
#define TORC_TIMER_H

#include <torc/scope.h>
#include <torc/time.h>

#include <stdbool.h>
#include <stdint.h>

TORC_BEGIN_DECLS

typedef void torc_call(void *argument);

/* -- engine-allocated calls ---------------------------------------------------------------- */

typedef struct torc_delayed_call {
    /* private */
    struct torc_delayed_slot *slot;
    uint64_t generation;
} torc_delayed_call;

typedef enum torc_delayed_status {
    TORC_DELAYED_OK = 0,
    TORC_DELAYED_ALREADY_CALLED,    /* it has run, or is running */
    TORC_DELAYED_ALREADY_CANCELLED, /* by torc_delayed_cancel, or by the end of its scope */
} torc_delayed_status;

/*
 * Calls call(argument) once, `delay` from now. When memory is out, or the scope has ended, the
 * handle is one that is already cancelled (torc_delayed_is_active tells).
 */
TORC_API torc_delayed_call torc_call_later(
    torc_scope *scope, torc_time delay, torc_call *call, void *argument);

/* As torc_call_later with no delay: in the next turn, after those set before. */
TORC_API torc_delayed_call torc_call_soon(torc_scope *scope, torc_call *call, void *argument);

/* Each of the three changes a call that is still to come, and otherwise says why it cannot. */
TORC_API torc_delayed_status torc_delayed_cancel(torc_delayed_call *delayed);

/* To `delay` from now; and to `extra` later than it was to be, or sooner where that is below 0. */
TORC_API torc_delayed_status torc_delayed_reset(torc_delayed_call *delayed, torc_time delay);
TORC_API torc_delayed_status torc_delayed_delay(torc_delayed_call *delayed, torc_time extra);

/* Whether the call is still to come. A zeroed handle is not active, and counts as cancelled. */
TORC_API bool torc_delayed_is_active(const torc_delayed_call *delayed);

/* When it will run, on the reactor's clock; TORC_NEVER where it will not. */
TORC_API torc_time torc_delayed_time(const torc_delayed_call *delayed);

/* -- embedded timers ----------------------------------------------------------------------- */

/*
 * Zeroed memory is a timer that is not set. The memory is yours and must outlive the scope that
 * the timer was set in; inside a protocol's own struct, with the protocol's scope, it always does.
 */
typedef struct torc_timer {
    /* private */
    torc_scoped scoped;
    struct torc_timer *next;
    struct torc_timer **link; /* what points to this timer; NULL: not armed */
    torc_time deadline;       /* when it should run; may be later than where it is filed */
    uint64_t filed;           /* the wheel's tick that it is filed under */
    uint64_t sequence;        /* of its setting: orders equal deadlines */
    torc_call *call;
    void *argument;
    torc_scope *scope;
} torc_timer;

/* Arms the timer, or moves it when it is armed: afterwards only this call and deadline count. */
TORC_API void torc_timer_set(
    torc_timer *timer, torc_scope *scope, torc_time delay, torc_call *call, void *argument);

/* Disarms; a no-op when it is not armed. */
TORC_API void torc_timer_cancel(torc_timer *timer);

TORC_API bool torc_timer_is_set(const torc_timer *timer);

TORC_END_DECLS

#endif /* TORC_TIMER_H */
