/*
 * thread: starting threads and waiting with a bound, where POSIX systems differ.
 *
 * Threads that are started here have a name that tools show, and leave signals to the program's
 * own threads; only those that a thread brings upon itself (SIGSEGV and its kin) reach them, so
 * that whoever reports crashes does so here too.
 */
#ifndef TORC_BASE_THREAD_H
#define TORC_BASE_THREAD_H

#include <torc/time.h>

#include <pthread.h>
#include <stdbool.h>

typedef struct torc__thread_options {
    void *(*run)(void *argument);
    void *argument;
    bool detached;
} torc__thread_options;

/*
 * 0, or an errno. Which thread it is, it says itself (pthread_self): where it is to be joined, it
 * leaves that behind when it goes.
 */
int torc__thread_start(const torc__thread_options *options);

/*
 * At most 15 bytes. To be called first by what was started: not every system can name a thread
 * from outside.
 */
void torc__thread_take_name(const char *name);

/* A condition for torc__condition_wait, whose time no setting of the clock disturbs. */
void torc__condition_init(pthread_cond_t *condition);

/* False when `time` passed without a signal; TORC_NEVER waits without a bound. */
bool torc__condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, torc_time time);

#endif /* TORC_BASE_THREAD_H */
