/*
 * leave_child: how a child process of a test ends, so that what it ran counts.
 *
 * A child must not leave by exit(), which would run what the tests' own process has registered;
 * but _exit() and abort() leave without writing down what gcov has counted.
 */
#ifndef TORC_TESTS_SUPPORT_LEAVE_CHILD_H
#define TORC_TESTS_SUPPORT_LEAVE_CHILD_H

/* _exit(status), with what has run counted where the build counts. */
_Noreturn void leave_child(int status);

/* From now on an abort() counts what has run, and then ends the process as ever. */
void count_at_abort(void);

#endif /* TORC_TESTS_SUPPORT_LEAVE_CHILD_H */
