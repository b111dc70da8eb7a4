/*
 * The child leaves no core file behind; its stderr is read to the end, which comes when it dies.
 */
#include "support/expect_abort.h"

#include "support/leave_child.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void run_child(int output, void (*call)(void))
{
    struct rlimit no_core = { 0, 0 };

    setrlimit(RLIMIT_CORE, &no_core);
    count_at_abort();
    dup2(output, STDERR_FILENO);
    call();
    leave_child(0);
}

/* Gives the child's status, and what it said. */
static int run_and_listen(void (*call)(void), char *said, size_t size)
{
    size_t length = 0;
    ssize_t got;
    int ends[2];
    int status;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        run_child(ends[1], call);
    close(ends[1]);
    while (length < size - 1 && (got = read(ends[0], said + length, size - 1 - length)) > 0)
        length += (size_t)got;
    close(ends[0]);
    said[length] = '\0';
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void expect_words(const char *said, const char *words)
{
    if (strstr(said, words) == NULL)
        fail_msg("\"%s\" is not in the last words: %s", words, said);
}

void expect_abort(void (*call)(void), const char *words)
{
    char said[4096];
    int status = run_and_listen(call, said, sizeof said);

    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        fail_msg("the call did not abort; it said: %s", said);
    expect_words(said, words);
}

void expect_exit(void (*call)(void), const char *words)
{
    char said[4096];
    int status = run_and_listen(call, said, sizeof said);

    if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_FAILURE)
        fail_msg("the call did not exit with status 1; it said: %s", said);
    expect_words(said, words);
}
