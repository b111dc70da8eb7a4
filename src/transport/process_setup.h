/*
 * process_setup: from what the user wants of a child to what is told to it: descriptors opened,
 * environment and ids gathered.
 */
#ifndef TORC_TRANSPORT_PROCESS_SETUP_H
#define TORC_TRANSPORT_PROCESS_SETUP_H

#include "transport/process_spawn.h"

/* Our end of a pipe. */
typedef struct torc__setup_pipe {
    int number;  /* the child's */
    int input;   /* what we read from; or -1 */
    int output;  /* what we write to; or -1; may be the same */
    torc_factory *factory; /* the user's, not held; or NULL */
} torc__setup_pipe;

typedef struct torc__setup {
    torc__spawn spawn;
    torc__setup_pipe pipes[TORC_CHILD_DESCRIPTORS_MAX]; /* taken by whoever sets `input`, … to -1 */
    size_t pipe_count;
    int theirs[TORC_CHILD_DESCRIPTORS_MAX]; /* what was opened for the child alone */
    size_t theirs_count;
    const char **environment;  /* owned; or NULL */
    torc_process_user user;
    gid_t *groups;             /* owned; or NULL */
} torc__setup;

/*
 * Opens all. With `pair` set, what we write to 0 and read from 1 is one pipe. NULL, or why it could
 * not be done (the caller's to release). Afterwards torc__setup_close in every case.
 */
torc_failure *torc__setup_open(
    torc__setup *setup, const torc_process_options *options, bool pair);

/* Closes what is the child's, which has its own by now, and what nobody has taken. */
void torc__setup_close(torc__setup *setup);

/* process_environment.c: `base` (NULL: ours) with `variables`. NULL when memory is out. */
const char **torc__environment_with(
    const char *const *base, const char *const *variables);
const char *const *torc__environment_own(void);

/* process_user.c: the ids of options->user. *ret_groups is to be freed. NULL, or a failure. */
torc_failure *torc__user_find(
    const torc_process_user *wanted, torc_process_user *ret_user, gid_t **ret_groups);

/* pty.c: a pseudo-terminal: our end, which does not block, and the child's. 0 or -errno. */
int torc__pty_open(torc_terminal_size size, int *ret_ours, int *ret_theirs);

/* 0 or -errno. */
int torc__pty_resize(int ours, torc_terminal_size size);

#endif /* TORC_TRANSPORT_PROCESS_SETUP_H */
