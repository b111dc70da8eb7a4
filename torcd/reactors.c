/*
 * Which drivers work here: each is opened and closed again. Neighbours: daemon.c, which takes one;
 * <torc/reactor.h>, which has the list.
 */
#include "torcd/reactors.h"

#include <torc/failure.h>
#include <torc/reactor.h>

void torcd_reactors_print(FILE *file)
{
    const char *name;
    const char *ending = ", and is taken by default";

    for (size_t i = 0; (name = torc_driver_name(i)) != NULL; i++) {
        torc_failure *failure = NULL;
        torc_reactor *reactor = torc_reactor_new_named(name, &failure);

        if (reactor == NULL) {
            fprintf(file, "  %-24s %s\n", name, torc_failure_text(failure));
            torc_failure_release(failure);
            continue;
        }
        fprintf(file, "  %-24s works here%s\n", name, ending);
        ending = "";
        torc_reactor_free(reactor);
    }
}
