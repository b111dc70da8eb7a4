/*
 * pending: what is still under way in a reactor, in words.
 */
#ifndef TORC_TESTING_PENDING_H
#define TORC_TESTING_PENDING_H

#include "testing/fail.h"

#include <torc/reactor.h>

/*
 * Reports, in one line, what the reactor's scopes hold: "2 delayed calls (in 3 s, in 5 s) and
 * 1 connection (Echo,0,-) are pending". `where` is put in front, as a host's name is; or NULL.
 */
void torc__pending_report(torc_reactor *reactor, const char *where, torc__report *report);

#endif /* TORC_TESTING_PENDING_H */
