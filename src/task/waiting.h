/*
 * waiting: for a deferred of whatever scope, and being able to stop; and letting go of promises.
 *
 * Who is handed a deferred by the program knows nothing of its scope. A callback added to it would
 * run even when who added it is gone. So a deferred of our own scope, the guard, waits for it: it
 * ends with our scope, or when we want no more, and then what it waited for is cancelled.
 */
#ifndef TORC_TASK_WAITING_H
#define TORC_TASK_WAITING_H

#include <torc/deferred.h>

/*
 * Calls over(self, result) when `inner` has its result, which may be before this returns. *guard is
 * what waits until then; `over` begins by setting it to NULL, and what it gives counts for nothing.
 */
void torc__wait(torc_deferred **guard, torc_scope *scope, torc_deferred *inner,
    torc_callback *over, void *self);

/* `over` is not called any more, and what was waited for is cancelled by the end of the turn. */
void torc__stop_waiting(torc_deferred **guard);

/* Releases what a function of the program's gave to somebody who has ended; cancels a deferred. */
void torc__abandon(torc_result result);

/*
 * Fails a deferred that has not fired, at the end of the turn: what was to fire it ends together
 * with its scope, and no callback runs inside of that.
 */
void torc__bereave(torc_deferred *deferred);

/* The failure of what was stopped; where nobody takes it from `deferred`, it is not logged. */
void torc__fire_stopped(torc_deferred *deferred, const char *what);

#endif /* TORC_TASK_WAITING_H */
