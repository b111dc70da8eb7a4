/*
 * process_reap: a child that runs, from its start until it has been waited for.
 *
 * It lives in the reactor's root scope, and so outlives its owner where that does not wait: it is
 * then asked to exit, killed after a while, and waited for. When the reactor goes it is killed at
 * once, and its owner, if there still is one, is told `gone`.
 *
 * A child with a process group of its own is not waited for before its owner lets go of it: as long
 * as it is not, no other process can get its number, which is the group's.
 */
#ifndef TORC_TRANSPORT_PROCESS_REAP_H
#define TORC_TRANSPORT_PROCESS_REAP_H

#include <torc/process.h>
#include <torc/watch.h>

#include "reactor/members.h"
#include "reactor/reactor.h"

typedef struct torc__child {
    torc__grave grave; /* first */
    torc_scoped scoped;
    torc_reactor *reactor;
    pid_t pid;
    int descriptor;      /* of the process; -1: its exit shows by SIGCHLD */
    torc_watch *watch;   /* of the descriptor */
    torc_scope *signals; /* in which SIGCHLD is watched */
    torc__task check;    /* whether it exited before SIGCHLD was watched */
    torc_timer killing;
    torc_time patience;
    bool has_group;      /* its number is a process group's, too */
    bool stays;          /* it is not asked to exit when its owner lets go */
    bool asked;          /* to exit */
    bool exited;
    bool over;
    torc_exit how;
    void (*told_exit)(void *owner); /* from an event */
    void (*told_gone)(void *owner); /* from within the end of the reactor's scope */
    void *owner;         /* NULL: has let go */
} torc__child;

/* Memory for a child that is to be started, so that it cannot be missing afterwards. Or NULL. */
torc__child *torc__child_new(torc_reactor *reactor);

/* It could not be started. */
void torc__child_discard(torc__child *child);

/*
 * It was started. 0, or an errno: nothing would tell when it exits, so it has been killed and
 * waited for, and `child` is gone.
 */
int torc__child_started(torc__child *child, pid_t pid, int descriptor);

/* Sends a signal to it, or to its group. False when there is nothing left to send it to. */
bool torc__child_signal(torc__child *child, int number, bool to_group);

/* Asks it to exit and kills it after its patience; the second time at once. */
void torc__child_end(torc__child *child);

/* The owner has no interest any more: `child` must not be used. */
void torc__child_let_go(torc__child *child);

extern TORC_API const torc__member_kind torc__members_child;

#endif /* TORC_TRANSPORT_PROCESS_REAP_H */
