/*
 * Only a build for coverage has the function of gcov's that writes the counts down; elsewhere a
 * child just ends.
 */
#include "support/leave_child.h"

#include <signal.h>
#include <unistd.h>

#if defined(TORC_COVERAGE)
void __gcov_dump(void);
# define WRITE_COUNTS() __gcov_dump()
#else
# define WRITE_COUNTS() ((void)0)
#endif

_Noreturn void leave_child(int status)
{
    WRITE_COUNTS();
    _exit(status);
}

/* abort() goes on when this returns, with the default action. */
static void aborting(int number)
{
    (void)number;
    WRITE_COUNTS();
}

void count_at_abort(void)
{
    signal(SIGABRT, aborting);
}
