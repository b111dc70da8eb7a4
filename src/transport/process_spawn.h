/*
 * process_spawn: a child is started, and nothing else: no pipes are made, nobody waits for it.
 */
#ifndef TORC_TRANSPORT_PROCESS_SPAWN_H
#define TORC_TRANSPORT_PROCESS_SPAWN_H

#include <torc/process.h>

/* The child's descriptors have numbers below this. */
enum { TORC__CHILD_NUMBERS_MAX = 1024 };

/* All that a child is told. What it points to must stay until torc__spawn returns. */
typedef struct torc__spawn {
    const char *const *arguments;
    const char *path;               /* as in torc_process_options */
    const char *const *environment; /* complete */
    const char *directory;          /* or NULL */
    const torc_process_user *user;  /* by its numbers; or NULL */
    const mode_t *umask;            /* or NULL */
    bool new_group;
    bool new_session;
    int terminal;                   /* one of ours, that is to be its terminal; -1: none */

    /* Which of our descriptors become which of the child's: it has no others. */
    size_t count;
    int numbers[TORC_CHILD_DESCRIPTORS_MAX];
    int sources[TORC_CHILD_DESCRIPTORS_MAX];

    /* Results. */
    pid_t pid;
    int descriptor; /* of the process (a pidfd), closed on exec; -1 where there is none */
} torc__spawn;

/*
 * 0 once the child's program has begun, or an errno; *ret_step then says what failed, as in "cannot
 * <step>: …", and there is no child.
 */
int torc__spawn_child(torc__spawn *request, const char **ret_step);

#endif /* TORC_TRANSPORT_PROCESS_SPAWN_H */
