/*
 * A reactor on a driver that has no I/O and no clock of its own: time is what it was set to.
 *
 * Everything that a test runs is run from here, turn by turn, with a bound on turns that make no
 * headway. Threads are not waited for: what they post is found by the turn after.
 */
#include "testing/fixture.h"

#include "reactor/reactor.h"
#include "testing/pending.h"
#include "testing/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct virtual_driver {
    torc_driver driver; /* first */
    torc_time now;
    torc__watch *watch;
    unsigned turns;     /* since the clock moved or something progressed */
} virtual_driver;

/* -- the driver ---------------------------------------------------------------------------- */

static virtual_driver *of(torc_driver *driver)
{
    return (virtual_driver *)(void *)driver;
}

static int virtual_open(torc_driver *driver)
{
    (void)driver;
    return 0;
}

static void virtual_close(torc_driver *driver)
{
    (void)driver;
}

static torc_time virtual_now(torc_driver *driver)
{
    return of(driver)->now;
}

static void virtual_turn(torc_driver *driver, torc_time deadline)
{
    (void)deadline;
    torc_driver_woke(driver, of(driver)->now);
}

static void virtual_wake(torc_driver *driver)
{
    (void)driver;
}

/* To the code under test it is a machine without a network. */
static int virtual_listen(torc_driver *driver, torc_io *io, const torc_address *address,
    const torc_socket_options *options)
{
    (void)driver;
    (void)io;
    (void)address;
    (void)options;
    return -ENETDOWN;
}

static int virtual_adopt(torc_driver *driver, torc_io *io, int descriptor)
{
    (void)driver;
    (void)io;
    (void)descriptor;
    return -ENETDOWN;
}

static void virtual_start_accepting(torc_io *io, bool on)
{
    (void)io;
    (void)on;
}

static int virtual_connect(
    torc_driver *driver, torc_io *io, const torc_address *peer, const torc_address *local)
{
    (void)driver;
    (void)io;
    (void)peer;
    (void)local;
    return -ENETDOWN;
}

static const torc_driver_class virtual_class = {
    .name = "testing",
    .size = sizeof(virtual_driver),
    .open = virtual_open,
    .close = virtual_close,
    .now = virtual_now,
    .turn = virtual_turn,
    .wake = virtual_wake,
    .listen = virtual_listen,
    .adopt_listener = virtual_adopt,
    .start_accepting = virtual_start_accepting,
    .connect = virtual_connect,
    .adopt = virtual_adopt,
};

/* -- making -------------------------------------------------------------------------------- */

torc_reactor *torc_testing_reactor(void)
{
    torc__watch *watch = torc__watch_begin();
    int error = 0;
    torc_reactor *reactor = torc__reactor_new_on(&virtual_class, &error);

    if (reactor == NULL) {
        torc__report ignored = { 0 };

        torc__watch_end(watch, &ignored);
        torc_testing_failed("there is no reactor for the test: %s", strerror(-error));
        abort();
    }
    of(reactor->driver)->watch = watch;
    return reactor;
}

/* A reactor from elsewhere would wait, and for real time. */
static virtual_driver *driver_of(torc_reactor *reactor, const char *call)
{
    if (reactor->driver->kind == &virtual_class)
        return of(reactor->driver);
    torc_testing_failed("%s: the reactor was not made by torc_testing_reactor", call);
    return NULL;
}

/* -- running ------------------------------------------------------------------------------- */

static void set_clock(virtual_driver *driver, torc_time now)
{
    driver->now = now;
    driver->turns = 0;
}

void torc__fixture_progressed(torc_reactor *reactor)
{
    if (reactor->driver->kind == &virtual_class)
        of(reactor->driver)->turns = 0;
}

/* One turn; false when there were too many. */
static bool turn(torc_reactor *reactor, torc__report *report)
{
    virtual_driver *driver = of(reactor->driver);

    if (++driver->turns > TORC__IDLE_TURNS_MAX) {
        driver->turns = 0;
        torc__report_add(report,
            "the reactor does not come to rest: it has run %d turns without the clock moving",
            TORC__IDLE_TURNS_MAX);
        return false;
    }
    torc__reactor_turn(reactor);
    return true;
}

bool torc__fixture_run_idle(torc_reactor *reactor, torc__report *report)
{
    of(reactor->driver)->turns = 0;
    do
        if (!turn(reactor, report))
            return false;
    while (torc__reactor_has_work(reactor));
    return true;
}

void torc_testing_run_idle(torc_reactor *reactor)
{
    torc__report report = { 0 };

    if (driver_of(reactor, "torc_testing_run_idle") == NULL)
        return;
    (void)torc__fixture_run_idle(reactor, &report);
    torc__report_fail(&report);
}

void torc_testing_advance(torc_reactor *reactor, torc_time time)
{
    virtual_driver *driver = driver_of(reactor, "torc_testing_advance");
    torc__report report = { 0 };
    torc_time target;

    if (driver == NULL)
        return;
    target = torc_time_add(driver->now, time > 0 ? time : 0);
    while (torc__fixture_run_idle(reactor, &report)) {
        torc_time next = torc__wheel_next(&reactor->wheel);

        if (driver->now == target)
            break;
        set_clock(driver, next < target ? next : target);
    }
    torc__report_fail(&report);
}

/* Lets the next thing happen, before `limit`: a turn, or time up to the next deadline. */
static bool step(torc_reactor *reactor, torc_time limit, torc__report *report)
{
    virtual_driver *driver = of(reactor->driver);
    torc_time next;

    if (!torc__reactor_has_work(reactor)) {
        next = torc__wheel_next(&reactor->wheel);
        if (driver->now >= limit)
            return false;
        set_clock(driver, next < limit ? next : limit);
    }
    return turn(reactor, report);
}

bool torc_testing_run_until(torc_reactor *reactor, torc_time at_most,
    bool (*condition)(void *argument), void *argument)
{
    virtual_driver *driver = driver_of(reactor, "torc_testing_run_until");
    torc__report report = { 0 };
    torc_time limit;
    bool holds;

    if (driver == NULL)
        return false;
    driver->turns = 0;
    limit = torc_time_add(driver->now, at_most > 0 ? at_most : 0);
    do
        holds = condition(argument);
    while (!holds && step(reactor, limit, &report));
    torc__report_fail(&report);
    return holds;
}

/* -- at the end ---------------------------------------------------------------------------- */

static void check_clean(torc_reactor *reactor, torc__report *report)
{
    if (torc__fixture_run_idle(reactor, report))
        torc__pending_report(reactor, NULL, report);
}

void torc_testing_check_clean(torc_reactor *reactor)
{
    torc__report report = { 0 };

    if (driver_of(reactor, "torc_testing_check_clean") == NULL)
        return;
    check_clean(reactor, &report);
    torc__report_fail(&report);
}

void torc__fixture_free(torc_reactor *reactor, torc__report *report)
{
    torc__watch *watch = of(reactor->driver)->watch;

    check_clean(reactor, report);
    torc_reactor_free(reactor);
    torc__watch_end(watch, report);
}

void torc_testing_free(torc_reactor *reactor)
{
    torc__report report = { 0 };

    if (reactor == NULL || driver_of(reactor, "torc_testing_free") == NULL)
        return;
    torc__fixture_free(reactor, &report);
    torc__report_fail(&report);
}
