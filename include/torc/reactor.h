/*
 * reactor: the loop that everything runs in.
 *
 * A reactor waits for what the system has to tell (bytes, connections, deadlines, signals) and
 * calls the code that wants to know. It belongs to the thread that made it. There is no global
 * reactor: make any number, one per thread. Only the functions whose names end in _from_thread
 * may be called from elsewhere; any other call from a wrong thread aborts with a message.
 *
 *     int main(void)
 *     {
 *         torc_reactor *reactor = torc_reactor_new();
 *
 *         torc_listen(torc_root(reactor), "tcp:8000", torc_factory_of(&echo));
 *         return torc_run(reactor);
 *     }
 *
 * A turn of the loop: delayed calls whose time has come; calls from other threads; then waiting,
 * and whatever the driver reports; then what was written leaves, and what has ended is freed.
 */
#ifndef TORC_REACTOR_H
#define TORC_REACTOR_H

#include <torc/deferred.h>
#include <torc/scope.h>
#include <torc/time.h>
#include <torc/timer.h>

TORC_BEGIN_DECLS

/* -- making and running -------------------------------------------------------------------- */

/*
 * A reactor on the driver that the environment variable TORC_REACTOR names, else on the best that
 * works here. Never NULL: a machine on which none works ends the process with a message.
 */
TORC_API torc_reactor *torc_reactor_new(void);

/*
 * A reactor on the driver `name` ("epoll", "uring", "kqueue", "poll", "select"). NULL, with
 * *reterr_failure set (the caller releases it), when there is no such driver or it does not work
 * here; the failure says why.
 */
TORC_API torc_reactor *torc_reactor_new_named(const char *name, torc_failure **reterr_failure);

/* The names of the drivers in this build, best first; NULL beyond the last. */
TORC_API const char *torc_driver_name(size_t index);

/* The name of the driver that this reactor runs on. */
TORC_API const char *torc_reactor_driver_name(const torc_reactor *reactor);

/*
 * Runs until the reactor is stopped, frees it, and gives the exit status: 0 after torc_stop or a
 * signal that asks to end, else what torc_stop_with was given. SIGINT and SIGTERM stop it in
 * order, unless the program has handlers of its own for them. SIGPIPE is ignored from now on.
 */
TORC_API int torc_run(torc_reactor *reactor);

/* As torc_run, but leaves the reactor to be freed by torc_reactor_free. It cannot be run again. */
TORC_API int torc_run_and_keep(torc_reactor *reactor);

/*
 * One turn, for a program with a loop of its own: where there is nothing to do, waits at most `wait`
 * (0: not at all) for something. False when the reactor has stopped.
 */
TORC_API bool torc_iterate(torc_reactor *reactor, torc_time wait);

/* Ends the root scope and frees everything. Not from inside a callback. NULL is a no-op. */
TORC_API void torc_reactor_free(torc_reactor *reactor);

/*
 * Asks the reactor to stop: the shutdown triggers run from the next turn on, then torc_run
 * returns. A second call is a no-op.
 */
TORC_API void torc_stop(torc_reactor *reactor);

/* As torc_stop, with an exit status for torc_run; the first status that is not 0 stays. */
TORC_API void torc_stop_with(torc_reactor *reactor, int status);

TORC_API bool torc_is_running(const torc_reactor *reactor);

/* The scope of all that has no narrower one. */
TORC_API torc_scope *torc_root(torc_reactor *reactor);

/* The reactor's clock: monotonic, read once a turn, so that it stands still within a callback. */
TORC_API torc_time torc_now(const torc_reactor *reactor);

/* -- inside a loop of another's ------------------------------------------------------------ */

/*
 * For a program whose thread belongs to another loop (a toolkit, a game, a test runner): one
 * descriptor to poll, one deadline to ask, one call to make.
 *
 *     struct pollfd watched = { torc_reactor_descriptor(reactor), POLLIN, 0 };
 *
 *     do {
 *         poll(&watched, 1, milliseconds_until(torc_reactor_deadline(reactor)));
 *         work_of_the_other_loop();
 *     } while (torc_iterate(reactor, 0));
 *     torc_reactor_free(reactor);
 *
 * The other loop's callbacks may call anything of Torc's, in this thread; a delay that is given
 * there begins then. <torc/glib.h> is this for GLib, examples/inside_another_loop.c for poll().
 */

/*
 * Can be read from when the reactor has something to do; it stays the reactor's, and the same. -1
 * on a driver that has none ("poll", "select").
 */
TORC_API int torc_reactor_descriptor(const torc_reactor *reactor);

/*
 * When torc_iterate must be called at the latest, on the clock of torc_monotonic_now: 0 when there
 * is something to do already, as before the first turn and once the reactor has stopped; TORC_NEVER
 * while only the descriptor counts. Ask before each wait: calls made since the last one may have
 * changed it.
 */
TORC_API torc_time torc_reactor_deadline(torc_reactor *reactor);

/* -- start and end ------------------------------------------------------------------------- */

/* Calls call(argument) when the loop runs: in the next turn if it runs already. */
TORC_API void torc_call_when_running(torc_scope *scope, torc_call *call, void *argument);

typedef enum torc_phase {
    TORC_BEFORE_SHUTDOWN, /* may take its time: the next phase waits for the deferreds of all */
    TORC_DURING_SHUTDOWN, /* as well; here services let go of what they hold */
    TORC_AFTER_SHUTDOWN,  /* the last thing that runs */
} torc_phase;

/* NULL: done. Otherwise the phase is not over before the deferred has its result. */
typedef torc_deferred *torc_trigger(void *argument);

/*
 * Calls trigger(argument) once when the reactor stops, in order of registration within the phase.
 * It is forgotten when its scope ends before that. A failure of its deferred is logged and does
 * not hold up the others.
 */
TORC_API void torc_on_shutdown(
    torc_scope *scope, torc_phase phase, torc_trigger *trigger, void *argument);

/* -- signals ------------------------------------------------------------------------------- */

/*
 * Calls call(argument) from the loop's turn each time the process receives `signal`, until the
 * scope ends. A signal that comes several times within one turn may be reported once. A failure
 * (the caller releases it) when the signal cannot be caught, else NULL.
 */
TORC_API torc_failure *torc_on_signal(
    torc_scope *scope, int signal, torc_call *call, void *argument);

/* -- other threads ------------------------------------------------------------------------- */

/*
 * The one door from another thread: call(argument) runs in the reactor's thread, in the order of
 * these calls. False, and nothing will run, when the reactor has stopped or memory is out. The
 * reactor must not have been freed: end your threads before it.
 */
TORC_API bool torc_call_from_thread(torc_reactor *reactor, torc_call *call, void *argument);

/* -- how it is doing ----------------------------------------------------------------------- */

/*
 * A callback that holds the loop longer than this is named in the log (warning); 0 turns it off.
 * The default is off for a program, 500 ms in torcd.
 */
TORC_API void torc_set_stall_limit(torc_reactor *reactor, torc_time limit);

TORC_END_DECLS

#endif /* TORC_REACTOR_H */
