/*
 * Threads, over what Linux, the BSDs and macOS call the same things by. The signals are blocked in
 * the starter while the thread begins, because it inherits the mask and must not run one
 * instruction without it.
 */
#include "base/thread.h"

#include "base/system_call.h"

#include <signal.h>
#include <time.h>

#if defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__DragonFly__)
# include <pthread_np.h>
#endif

/* All but those that a thread brings upon itself. */
static void fill_mask(sigset_t *mask)
{
    static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };

    sigfillset(mask);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        sigdelset(mask, own[i]);
}

int torc__thread_start(const torc__thread_options *options)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t mask;
    sigset_t before;
    int error = pthread_attr_init(&attributes);

    if (error != 0)
        return error;
    if (options->detached)
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    fill_mask(&mask);
    pthread_sigmask(SIG_SETMASK, &mask, &before);
    error = torc__call_fails("pthread_create")
        ? errno : pthread_create(&thread, &attributes, options->run, options->argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

void torc__thread_take_name(const char *name)
{
#if defined(__linux__)
    (void)pthread_setname_np(pthread_self(), name);
#elif defined(__APPLE__)
    (void)pthread_setname_np(name);
#elif defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__DragonFly__)
    pthread_set_name_np(pthread_self(), name);
#elif defined(__NetBSD__)
    (void)pthread_setname_np(pthread_self(), "%s", (void *)(uintptr_t)name);
#else
    (void)name;
#endif
}

void torc__condition_init(pthread_cond_t *condition)
{
#if defined(__APPLE__)
    pthread_cond_init(condition, NULL);
#else
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
#endif
}

static struct timespec to_timespec(torc_time time)
{
    struct timespec spec = {
        .tv_sec = (time_t)(time / TORC_SECOND),
        .tv_nsec = (long)(time % TORC_SECOND),
    };

    return spec;
}

bool torc__condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, torc_time time)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), time);
    struct timespec spec;

    if (deadline == TORC_NEVER)
        return pthread_cond_wait(condition, lock) == 0;
#if defined(__APPLE__)
    spec = to_timespec(time);
    return pthread_cond_timedwait_relative_np(condition, lock, &spec) == 0;
#else
    spec = to_timespec(deadline);
    return pthread_cond_timedwait(condition, lock, &spec) == 0;
#endif
}
