/*
 * The inside of a semaphore, which a lock is with one token (lock.c). `call` is the name of the
 * public call, for messages.
 */
#ifndef TORC_DEFERRED_SEMAPHORE_H
#define TORC_DEFERRED_SEMAPHORE_H

#include <torc/lock.h>

#include "deferred/waiting_line.h"

struct torc_semaphore {
    torc__grave grave; /* first */
    torc_scoped scoped;
    torc__task handing;
    torc_reactor *reactor;
    torc__waiting_line line;
    size_t tokens;     /* that nobody holds */
    size_t limit;
    bool handing_over; /* further down on the stack, where the next one gets his turn */
    bool ended;
    bool buried;
};

torc_semaphore *torc__semaphore_new(torc_scope *scope, size_t tokens, const char *call);
torc_deferred *torc__semaphore_acquire(
    torc_semaphore *self, torc_scope *scope, const char *call);
bool torc__semaphore_try(torc_semaphore *self, const char *call);
void torc__semaphore_release(torc_semaphore *self, const char *call);
torc_deferred *torc__semaphore_run(torc_semaphore *self, torc_scope *scope, torc_action *action,
    void *argument, const char *call);

/* Semaphores and locks; those that outlive their scope because somebody holds them; runs. */
extern TORC_API const torc__member_kind torc__members_semaphore;
extern TORC_API const torc__member_kind torc__members_held_semaphore;
extern TORC_API const torc__member_kind torc__members_locked_run;

#endif /* TORC_DEFERRED_SEMAPHORE_H */
