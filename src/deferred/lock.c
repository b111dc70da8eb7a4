/*
 * Locks: semaphores of one token, under a name of their own so that a program says what it means.
 */
#include "deferred/semaphore.h"

struct torc_lock {
    torc_semaphore semaphore; /* the only member: the one is made, and freed, as the other */
};

torc_lock *torc_lock_new(torc_scope *scope)
{
    return torc_of(torc__semaphore_new(scope, 1, "torc_lock_new"), torc_lock);
}

torc_deferred *torc_lock_acquire(torc_lock *lock, torc_scope *scope)
{
    return torc__semaphore_acquire(&lock->semaphore, scope, "torc_lock_acquire");
}

bool torc_lock_try(torc_lock *lock)
{
    return torc__semaphore_try(&lock->semaphore, "torc_lock_try");
}

void torc_lock_release(torc_lock *lock)
{
    torc__semaphore_release(&lock->semaphore, "torc_lock_release");
}

torc_deferred *torc_lock_run(
    torc_lock *lock, torc_scope *scope, torc_action *action, void *argument)
{
    return torc__semaphore_run(&lock->semaphore, scope, action, argument, "torc_lock_run");
}

bool torc_lock_is_held(const torc_lock *lock)
{
    torc__check_thread(lock->semaphore.reactor, "torc_lock_is_held");
    return lock->semaphore.tokens == 0;
}
