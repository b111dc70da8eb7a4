/*
 * expect_abort: checks that a call ends the program, and what its last words are.
 */
#ifndef TORC_TESTS_SUPPORT_EXPECT_ABORT_H
#define TORC_TESTS_SUPPORT_EXPECT_ABORT_H

/* Runs call() in a child process, which must abort after writing `words` to stderr. */
void expect_abort(void (*call)(void), const char *words);

/* As expect_abort; the child must exit with EXIT_FAILURE. */
void expect_exit(void (*call)(void), const char *words);

#endif /* TORC_TESTS_SUPPORT_EXPECT_ABORT_H */
