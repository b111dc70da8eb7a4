/*
 * fixture: the inside of a reactor whose clock is moved by hand, for the parts of the kit that are
 * built on it.
 */
#ifndef TORC_TESTING_FIXTURE_H
#define TORC_TESTING_FIXTURE_H

#include "testing/fail.h"

#include <torc/testing.h>

/* So many turns without the clock moving are taken for a loop that never ends. */
#define TORC__IDLE_TURNS_MAX 100000

/* As torc_testing_run_idle, but writes what is wrong into the report. False when something is. */
bool torc__fixture_run_idle(torc_reactor *reactor, torc__report *report);

/* As torc_testing_free. */
void torc__fixture_free(torc_reactor *reactor, torc__report *report);

/* The turn brought something nearer to its end: it is not one of a loop that never ends. */
void torc__fixture_progressed(torc_reactor *reactor);

#endif /* TORC_TESTING_FIXTURE_H */
