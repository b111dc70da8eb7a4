/*
 * Watches of foreign descriptors: a scope's hold on an io of the driver's `watch`.
 *
 * A watch that has stopped keeps its memory until the turn is over, or, where the driver still has
 * something under way for its io, until that is told.
 */
#include <torc/watch.h>

#include "base/memory.h"
#include "reactor/members.h"
#include "reactor/reactor.h"

#include <errno.h>

struct torc_watch {
    torc__grave grave; /* first */
    torc_io io;
    torc_scoped scoped;
    torc_scope *scope;
    torc_reactor *reactor;
    torc_watch_call *call;
    void *argument;
    int number;
    bool stopped;
};

static void free_watch(torc__grave *grave)
{
    torc__free(grave);
}

static void close_watch(torc_watch *watch)
{
    if (watch->stopped)
        return;
    watch->stopped = true;
    if (watch->io.kind->close(&watch->io, false))
        torc__bury(watch->reactor, &watch->grave, free_watch);
}

static void scope_ended(torc_scoped *scoped)
{
    close_watch(TORC_CONTAINER_OF(scoped, torc_watch, scoped));
}

const torc__member_kind torc__members_watch = { .end = scope_ended };

static void on_ready(torc_io *io, bool readable, bool writable)
{
    torc_watch *watch = TORC_CONTAINER_OF(io, torc_watch, io);
    unsigned ready = (readable ? TORC_READABLE : 0u) | (writable ? TORC_WRITABLE : 0u);
    const torc__context *outer;

    if (watch->stopped)
        return;
    outer = torc__enter(watch->reactor, watch->scope->context);
    watch->call(watch, ready, watch->argument);
    torc__leave(watch->reactor, outer);
}

static void on_closed(torc_io *io)
{
    torc_watch *watch = TORC_CONTAINER_OF(io, torc_watch, io);

    torc__bury(watch->reactor, &watch->grave, free_watch);
}

static const torc_io_events watch_events = { .ready = on_ready, .closed = on_closed };

/* 0 or an errno. */
static int open_watch(torc_watch *watch, int descriptor)
{
    torc_driver *driver = watch->reactor->driver;

    if (watch->scope->ended)
        return ECANCELED;
    if (driver->kind->watch == NULL)
        return ENOTSUP;
    return -driver->kind->watch(driver, &watch->io, descriptor);
}

torc_watch *torc_watch_descriptor(
    torc_scope *scope, int descriptor, unsigned events, torc_watch_call *call, void *argument)
{
    torc_watch *watch;
    int error;

    torc__check_thread(scope->reactor, "torc_watch_descriptor");
    watch = torc__allocate_zeroed(sizeof *watch);
    if (watch == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    watch->scope = scope;
    watch->reactor = scope->reactor;
    watch->call = call;
    watch->argument = argument;
    watch->number = descriptor;
    watch->io.events = &watch_events;
    error = open_watch(watch, descriptor);
    if (error != 0) {
        torc__free(watch);
        errno = error;
        return NULL;
    }
    torc_scope_add(scope, &watch->scoped, scope_ended);
    torc_watch_change(watch, events);
    return watch;
}

void torc_watch_change(torc_watch *watch, unsigned events)
{
    torc__check_thread(watch->reactor, "torc_watch_change");
    if (!watch->stopped)
        watch->io.kind->watch_for(
            &watch->io, (events & TORC_READABLE) != 0, (events & TORC_WRITABLE) != 0);
}

void torc_watch_stop(torc_watch *watch)
{
    if (watch == NULL)
        return;
    torc__check_thread(watch->reactor, "torc_watch_stop");
    torc_scope_remove(&watch->scoped);
    close_watch(watch);
}

int torc_watch_number(const torc_watch *watch)
{
    return watch->number;
}
