/*
 * torture: a conversation, repeated with the first allocation failing, then with the second, and so
 * on until there are no more; then the same with each system call, and each error that it may give.
 *
 * Whatever fails, a conversation must come to an end within a bound of turns (no spinning) and of
 * time (no hanging), tell of each connection that was made that it was lost, leave no descriptor
 * and no memory behind (the latter where a leak checker is linked in), and work once the fault is
 * gone. What fails names the fault: "system call 17, accept4: Too many open files".
 */
#ifndef TORC_TESTS_TORTURE_H
#define TORC_TESTS_TORTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <torc.h>

#include "deferred/deferred.h"
#include "support/failing_allocation.h"
#include "support/failing_system_call.h"

#include <errno.h>
#include <fcntl.h>

/* Far more than a conversation has, and than a loop that spins makes in the time. */
enum { TURNS_MAX = 20000, FAULTS_MAX = 2000 };

/* However slow the machine is: a conversation takes milliseconds. */
#define TORTURE_PATIENCE (10 * TORC_SECOND)

#if defined(__GNUC__)
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
# define HAS_LEAK_CHECK (__lsan_do_recoverable_leak_check != NULL)
# define LEAKS()        (__lsan_do_recoverable_leak_check() != 0)
#else
# define HAS_LEAK_CHECK false
# define LEAKS()        false
#endif

typedef enum torture_kind { NO_FAULT, ALLOCATION, SYSTEM_CALL } torture_kind;

static torture_kind torture_now;
static unsigned int torture_number;
static char torture_text[160];

/* What this run does, for messages. */
static inline const char *torture_fault(void)
{
    if (torture_now == NO_FAULT)
        return "without any fault";
    if (torture_now == ALLOCATION)
        snprintf(torture_text, sizeof torture_text, "allocation %u", torture_number);
    else
        snprintf(torture_text, sizeof torture_text, "system call %u, %s: %s", torture_number,
            chosen_system_call(), strerror(chosen_error()));
    return torture_text;
}

/* For what a program does at its start, which may end it when memory is out. */
static inline void torture_pause(bool paused)
{
    pause_system_call_failures(paused);
    if (paused)
        pause_allocation_failures();
    else
        resume_allocation_failures();
}

/* Takes the fault away, so that what follows must go well. */
static inline void torture_over(void)
{
    allow_allocations();
    allow_system_calls();
}

/* Whether the fault is one that a program never notices. */
static inline bool torture_is_passing(void)
{
    int error = chosen_error();

    return torture_now == NO_FAULT ||
        (torture_now == SYSTEM_CALL &&
            (error == EINTR || error == EAGAIN || error == ECONNABORTED));
}

/* Turns of the loop until *done is at least `value`. */
static inline void torture_run_until(torc_reactor *reactor, const int *done, int value)
{
    torc_time until = torc_time_add(torc_monotonic_now(), TORTURE_PATIENCE);
    int turns = 0;

    while (*done < value) {
        if (++turns > TURNS_MAX)
            fail_msg("%s: the loop spins", torture_fault());
        if (torc_monotonic_now() > until)
            fail_msg("%s: the conversation neither goes on nor ends", torture_fault());
        torc_iterate(reactor, 2 * TORC_MILLISECOND);
    }
}

static inline int torture_descriptors(void)
{
    int count = 0;

    for (int i = 0; i < 256; i++)
        count += fcntl(i, F_GETFD) != -1;
    return count;
}

typedef void torture_conversation(void *argument);

/* Looking for leaks stops the process for a while: not after each run. */
enum { RUNS_BETWEEN_LEAK_CHECKS = 5 };

static inline void torture_once(torture_conversation *conversation, void *argument)
{
    static int runs;
    int descriptors = torture_descriptors();

    conversation(argument);
    if (torture_descriptors() != descriptors)
        fail_msg("%s: %d descriptors, %d before", torture_fault(), torture_descriptors(),
            descriptors);
    if (HAS_LEAK_CHECK && ++runs % RUNS_BETWEEN_LEAK_CHECKS == 0 && LEAKS())
        fail_msg("%s, or one of the %d runs before it: memory is leaked", torture_fault(),
            RUNS_BETWEEN_LEAK_CHECKS - 1);
}

static inline void torture_allocations(torture_conversation *conversation, void *argument)
{
    torture_now = ALLOCATION;
    for (torture_number = 0; torture_number < FAULTS_MAX; torture_number++) {
        fail_allocation_after(torture_number);
        torture_once(conversation, argument);
        torture_over();
        if (!an_allocation_failed())
            return;
    }
    fail_msg("a conversation of more than %d allocations", FAULTS_MAX);
}

/* Whether there was such a call; then it has failed with each error that it may give. */
static inline bool torture_one_call(torture_conversation *conversation, void *argument)
{
    for (size_t index = 0;; index++) {
        fail_system_call_after(torture_number, index);
        torture_once(conversation, argument);
        torture_over();
        if (!a_system_call_was_chosen())
            return false;
        if (!a_system_call_failed())
            return true;
    }
}

static inline void torture_system_calls(torture_conversation *conversation, void *argument)
{
    torture_now = SYSTEM_CALL;
    for (torture_number = 0; torture_number < FAULTS_MAX; torture_number++)
        if (!torture_one_call(conversation, argument))
            return;
    fail_msg("a conversation of more than %d system calls", FAULTS_MAX);
}

/* To make a deferred without memory ends the process, so those are spared. */
static inline void torture(torture_conversation *conversation, void *argument)
{
    spare_allocations_of(torc__deferred_size);
    torture_now = NO_FAULT;
    torture_once(conversation, argument);
    torture_allocations(conversation, argument);
    torture_system_calls(conversation, argument);
}

/* Events of the log are expected in a torture, and nobody reads them. */
static inline void torture_hush(void *argument, const torc_log_event *event)
{
    (void)argument;
    (void)event;
}

#endif /* TORC_TESTS_TORTURE_H */
