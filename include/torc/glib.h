/*
 * glib: a reactor inside a GLib main loop, for programs of GTK, GStreamer and their like.
 *
 * The program runs GLib's loop as ever; the reactor is a source of it and has its turns there.
 * Torc's callbacks and GLib's run in the one thread, one after the other. A component of its own:
 * torc-glib.
 *
 *     static void quit(void *loop)
 *     {
 *         g_main_loop_quit(loop);
 *     }
 *     ...
 *     torc_reactor *reactor = torc_reactor_new();
 *     GMainLoop *loop = g_main_loop_new(NULL, FALSE);
 *
 *     torc_glib_attach(reactor, NULL, quit, loop);
 *     torc_listen(torc_root(reactor), "tcp:8000", torc_factory_of(&echo));
 *     g_main_loop_run(loop);
 *     torc_reactor_free(reactor);
 */
#ifndef TORC_GLIB_H
#define TORC_GLIB_H

#include <torc/reactor.h>

TORC_BEGIN_DECLS

struct _GMainContext;

/*
 * Gives the reactor its turns in `context` (a GMainContext; NULL: GLib's default one), which must
 * be run by the reactor's own thread. Gives the source's id, for g_source_remove; 0 when the driver
 * has no descriptor to watch ("poll", "select").
 *
 * When the reactor stops (torc_stop, SIGINT, SIGTERM) its source removes itself and calls
 * stopped(argument), which may be NULL, and may free the reactor. Otherwise free it after that, or
 * after having removed the source, and not from inside a callback of the reactor's. A source that
 * was removed calls nothing any more.
 *
 * A callback of the reactor's that runs a loop of GLib's in its turn (a dialog) holds the reactor
 * up until that loop is over: there are no turns within a turn. In such a loop run from elsewhere
 * there are.
 */
TORC_API unsigned torc_glib_attach(
    torc_reactor *reactor, struct _GMainContext *context, torc_call *stopped, void *argument);

TORC_END_DECLS

#endif /* TORC_GLIB_H */
