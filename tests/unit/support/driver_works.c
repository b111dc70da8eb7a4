/*
 * Only io_uring is ever left out: another driver that does not work is a failure of the tests.
 */
#include "support/driver_works.h"

#include <torc/failure.h>
#include <torc/reactor.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>

bool driver_works(const char *name)
{
    static bool tried;
    static bool works;
    torc_failure *failure = NULL;
    torc_reactor *reactor;

    if (strcmp(name, "uring") != 0)
        return true;
    if (tried)
        return works;
    tried = true;
    reactor = torc_reactor_new_named(name, &failure);
    works = reactor != NULL;
    if (!works)
        printf("skipped: %s\n", torc_failure_text(failure));
    torc_failure_release(failure);
    torc_reactor_free(reactor);
    return works;
}
