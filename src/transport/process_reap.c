/*
 * Waiting for children, one by one: waitpid(-1) would take the status of children that are none of
 * ours. Where a process has a descriptor (Linux), that becomes readable when it exits; elsewhere
 * each SIGCHLD has every child of this file ask for itself.
 */
#include "transport/process_reap.h"

#include "base/memory.h"
#include "base/system_call.h"

#include <torc/log.h>
#include <torc/reactor.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long a child that was killed is waited for when the reactor ends, in milliseconds. */
enum { LAST_WAIT_MAX = 2000 };

/* -- memory -------------------------------------------------------------------------------- */

static void free_child(torc__grave *grave)
{
    torc__free(grave);
}

torc__child *torc__child_new(torc_reactor *reactor)
{
    torc__child *child = torc__allocate_zeroed(sizeof *child);

    if (child == NULL)
        return NULL;
    child->reactor = reactor;
    child->descriptor = -1;
    child->patience = TORC_PROCESS_PATIENCE;
    return child;
}

void torc__child_discard(torc__child *child)
{
    torc__free(child);
}

static void stop_watching(torc__child *child)
{
    torc_watch_stop(child->watch);
    child->watch = NULL;
    torc_scope_end(child->signals);
    child->signals = NULL;
    torc__cancel_task(&child->check);
}

static void close_child(torc__child *child)
{
    if (child->over)
        return;
    child->over = true;
    stop_watching(child);
    torc_timer_cancel(&child->killing);
    torc_scope_remove(&child->scoped);
    if (child->descriptor >= 0)
        close(child->descriptor);
    child->descriptor = -1;
    torc__bury(child->reactor, &child->grave, free_child);
}

/* -- waiting ------------------------------------------------------------------------------- */

static torc_exit exit_of(const siginfo_t *info)
{
    torc_exit how = { .status = info->si_status, .signal = 0 };

    if (info->si_code != CLD_EXITED) {
        how.status = -1;
        how.signal = info->si_status;
    }
    return how;
}

/* By number even where there is a descriptor: until it has been waited for, the number is its. */
static int wait_for(const torc__child *child, siginfo_t *ret_info, int options)
{
    int got;

    memset(ret_info, 0, sizeof *ret_info);
    do
        got = TORC__CALL(waitid, P_PID, (id_t)child->pid, ret_info, WEXITED | options);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Whether it has exited; then how is noted. One that somebody else waited for has, somehow. */
static bool look(torc__child *child)
{
    siginfo_t info;

    if (child->exited)
        return true;
    if (wait_for(child, &info, WNOHANG | (child->has_group ? WNOWAIT : 0)) < 0) {
        child->how.status = -1;
        child->how.signal = -1;
    } else if (info.si_pid == 0) {
        return false;
    } else {
        child->how = exit_of(&info);
    }
    child->exited = true;
    return true;
}

/* Takes the status of one that has exited, after which its number may be another's. */
static void take_status(torc__child *child)
{
    siginfo_t info;

    if (child->has_group)
        (void)wait_for(child, &info, WNOHANG);
}

static void check_exit(torc__child *child)
{
    if (child->over || child->exited || !look(child))
        return;
    stop_watching(child);
    if (child->owner != NULL) {
        child->told_exit(child->owner);
    } else if (!child->has_group || !torc_timer_is_set(&child->killing)) {
        take_status(child);
        close_child(child);
    }
}

static void descriptor_ready(torc_watch *watch, unsigned ready, void *argument)
{
    (void)watch;
    (void)ready;
    check_exit(argument);
}

static void signal_came(void *argument)
{
    check_exit(argument);
}

static void check_task(torc__task *task)
{
    check_exit(TORC_CONTAINER_OF(task, torc__child, check));
}

/* -- ending -------------------------------------------------------------------------------- */

bool torc__child_signal(torc__child *child, int number, bool to_group)
{
    if (to_group)
        return child->has_group && kill(-child->pid, number) == 0;
    return !child->exited && kill(child->pid, number) == 0;
}

static void kill_now(void *argument)
{
    torc__child *child = argument;

    (void)torc__child_signal(child, SIGKILL, child->has_group);
    if (child->exited && child->owner == NULL) {
        take_status(child);
        close_child(child);
    }
}

void torc__child_end(torc__child *child)
{
    if (child->over || (child->exited && !child->has_group))
        return;
    if (child->asked) {
        kill_now(child);
        return;
    }
    child->asked = true;
    (void)torc__child_signal(child, SIGTERM, child->has_group);
    (void)torc__child_signal(child, SIGCONT, child->has_group); /* one that is stopped hears it */
    torc_timer_set(
        &child->killing, torc_root(child->reactor), child->patience, kill_now, child);
}

void torc__child_let_go(torc__child *child)
{
    bool is_killed_later = torc_timer_is_set(&child->killing);

    child->owner = NULL;
    if (child->over || (is_killed_later && (!child->exited || child->has_group)))
        return;
    if (child->exited) {
        take_status(child);
        close_child(child);
    } else if (!child->stays) {
        torc__child_end(child);
    }
}

/* Bounded, since even a killed child cannot go while the kernel is busy with it. */
static void wait_for_killed(torc__child *child)
{
    for (int waited = 0; waited < LAST_WAIT_MAX && !look(child); waited++)
        (void)poll(NULL, 0, 1);
    take_status(child);
}

static void reactor_ends(torc_scoped *scoped)
{
    torc__child *child = TORC_CONTAINER_OF(scoped, torc__child, scoped);
    void *owner = child->owner;

    child->owner = NULL;
    if (!child->stays || child->asked) {
        (void)torc__child_signal(child, SIGKILL, child->has_group);
        wait_for_killed(child);
    }
    close_child(child);
    if (owner != NULL)
        child->told_gone(owner);
}

/* -- beginning ----------------------------------------------------------------------------- */

static int watch_signal(torc__child *child)
{
    torc_failure *failure;

    child->signals = torc_scope_new(torc_root(child->reactor));
    if (child->signals == NULL)
        return ENOMEM;
    failure = torc_on_signal(child->signals, SIGCHLD, signal_came, child);
    if (failure != NULL) {
        torc_failure_release(failure);
        torc_scope_end(child->signals);
        child->signals = NULL;
        return ENOMEM;
    }
    torc__queue_task(child->reactor, &child->check);
    return 0;
}

int torc__child_started(torc__child *child, pid_t pid, int descriptor)
{
    int error = 0;

    child->pid = pid;
    child->descriptor = descriptor;
    child->check.run = check_task;
    if (descriptor >= 0)
        child->watch = torc_watch_descriptor(
            torc_root(child->reactor), descriptor, TORC_READABLE, descriptor_ready, child);
    if (child->watch == NULL)
        error = watch_signal(child);
    torc_scope_add(torc_root(child->reactor), &child->scoped, reactor_ends);
    if (error == 0)
        return 0;
    child->stays = false;
    torc_scope_remove(&child->scoped);
    reactor_ends(&child->scoped);
    return error;
}

/* Not named: the process that owns it is, and is in the scope where it was started. */
const torc__member_kind torc__members_child = { .end = reactor_ends };
