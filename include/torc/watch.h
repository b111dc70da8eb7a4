/*
 * watch: a descriptor that is somebody else's, watched for being readable or writable.
 *
 * For libraries that do their own I/O and only want to be told when (a database's client, a
 * resolver, a desktop's connection), and for what is no stream: an inotify descriptor, a timerfd.
 * What carries a protocol's bytes is better handed to torc_attach (<torc/process.h>).
 *
 *     static void changed(torc_watch *watch, unsigned ready, void *argument)
 *     {
 *         read_the_events_of(argument);
 *     }
 *
 *     torc_watch_descriptor(torc_scope_of(self), inotify, TORC_READABLE, changed, self);
 *
 * The call comes from the loop's turn, as long as the descriptor is ready: who does not read is
 * called again in the next turn. A peer that is gone and an error count as ready for whatever is
 * watched; reading or writing says which it is. Regular files are always ready.
 *
 * Stop a watch before you close its descriptor. A watch holds the open file behind it, so that a
 * descriptor that was closed nevertheless, and its number when it is another file's, disturb
 * nobody: the watch goes on telling of the file that it was made for, whose peer sees its end only
 * when the watch has stopped.
 */
#ifndef TORC_WATCH_H
#define TORC_WATCH_H

#include <torc/scope.h>

TORC_BEGIN_DECLS

typedef struct torc_watch torc_watch;

enum {
    TORC_READABLE = 1,
    TORC_WRITABLE = 2,
};

/* `ready` is one of the above or both. */
typedef void torc_watch_call(torc_watch *watch, unsigned ready, void *argument);

/*
 * Watches for `events` (one of the above, both, or 0 for nothing yet) until the scope ends or
 * torc_watch_stop. A descriptor may be watched several times. NULL, and errno says why: EBADF, it
 * is not open; EMFILE, there are no more descriptors; ENOMEM; ECANCELED, the scope has ended;
 * ENOTSUP, the reactor's driver does no I/O of the system's.
 */
TORC_API torc_watch *torc_watch_descriptor(
    torc_scope *scope, int descriptor, unsigned events, torc_watch_call *call, void *argument);

/* Watches for other events from now on. */
TORC_API void torc_watch_change(torc_watch *watch, unsigned events);

/* No call comes any more, and `watch` must not be used after this turn. NULL is a no-op. */
TORC_API void torc_watch_stop(torc_watch *watch);

/* The number that it was made with. */
TORC_API int torc_watch_number(const torc_watch *watch);

TORC_END_DECLS

#endif /* TORC_WATCH_H */
