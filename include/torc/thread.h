/*
 * thread: work that blocks or computes, in threads beside the loop; and the way back.
 *
 * A reactor's thread must not wait. What has to wait (a library that blocks, a long computation, a
 * slow file) runs as a job in one of the reactor's worker threads, and its result comes back as a
 * deferred's:
 *
 *     static torc_result sha1_of_file(void *path)      // in a worker: touches nothing of Torc's
 *     {                                                 // but slices, buffers, results, failures
 *         ...
 *         return torc_text("%s", digest);
 *     }
 *
 *     torc_deferred *hash =
 *         torc_defer_to_thread(torc_scope_of(self), sha1_of_file, torc_slice_dup(path));
 *
 *     torc_add_callbacks(hash, send_hash, send_error, self);
 *
 * Each reactor has threads of its own, started when jobs ask for them and gone when idle for a
 * while. The jobs begin in the order in which they were given.
 *
 * Cancelling: a job that has not begun never begins. One that runs cannot be stopped: its deferred
 * fails with torc_error_cancelled at once, and its late result is released when it comes. The end
 * of the scope does the same, in silence.
 *
 * The end: torc_run and torc_reactor_free drop the jobs that wait, and return when those that run
 * have returned. A job that never returns holds them up for ever; after a while (`patience`) the
 * log says which one. So give what may block without end a timeout of its own.
 *
 * What crosses between threads is handed over, never shared: results, buffers and failures are
 * counted without locks. A job must not keep a holder of what it returns, or of its argument.
 */
#ifndef TORC_THREAD_H
#define TORC_THREAD_H

#include <torc/deferred.h>
#include <torc/reactor.h>

TORC_BEGIN_DECLS

/*
 * What runs elsewhere. It gives away the result that it returns: a value or a failure. In a worker
 * thread it may call torc_call_from_thread, torc_blocking_call_from_thread and the log, apart from
 * what makes values; any other call on a reactor's objects aborts with a message.
 */
typedef torc_result torc_job(void *argument);

/* -- to a worker thread -------------------------------------------------------------------- */

/*
 * Runs job(argument) in a worker thread; the deferred gets its result. `argument` is memory that
 * free() frees: torc_slice_dup, strdup and malloc give it. It is the engine's from now on, also
 * when this fails: it is freed once, after the deferred's chain has run, or when the job is
 * dropped. NULL is taken for such a copy for which there was no memory: the deferred fails with
 * torc_error_out_of_memory, so that what torc_slice_dup gave needs no check. For a job without an
 * argument, or one of another kind, there is torc_defer_to_thread_with.
 *
 * Also fails, with nothing begun: torc_error_limit when too many jobs wait (torc_thread_limits),
 * torc_error_system when no thread can be started, torc_error_cancelled when the reactor has
 * stopped or the scope has ended.
 */
#define torc_defer_to_thread(scope, job, argument) \
    torc_defer_to_thread_named((scope), #job, (job), (argument))

/* What torc_defer_to_thread is made of. `name` is for the log; it must stay, as a literal does. */
TORC_API torc_deferred *torc_defer_to_thread_named(
    torc_scope *scope, const char *name, torc_job *job, void *argument);

typedef struct torc_job_options {
    const char *name;                /* for the log; must stay, as a literal does. NULL: "a job" */
    torc_job *run;
    void *argument;                  /* anything, also NULL */
    void (*release)(void *argument); /* NULL: the argument stays the caller's */
} torc_job_options;

/*
 * As torc_defer_to_thread, with any argument. release(argument) is called once, always in the
 * reactor's thread: after the deferred's chain has run, or when the job is dropped; before this
 * returns when the job cannot begin. What a job that runs still needs is not released under it.
 */
TORC_API torc_deferred *torc_defer_to_thread_with(
    torc_scope *scope, const torc_job_options *options);

/* -- how many ------------------------------------------------------------------------------ */

/* A field of 0 stands for the default. */
typedef struct torc_thread_limits {
    unsigned int most;   /* threads at once: 10 */
    unsigned int least;  /* of those that were started, so many stay though idle: 0 */
    size_t waiting;      /* jobs that may wait for a thread: 4096. One more fails */
    torc_time idle_time; /* after which an idle thread goes: 30 s */
    torc_time patience;  /* at the end, before the log names the jobs that still run: 10 s */
} torc_thread_limits;

/* May be called at any time; fewer threads are reached as jobs end. False when memory is out. */
TORC_API bool torc_set_thread_limits(torc_reactor *reactor, const torc_thread_limits *limits);

typedef struct torc_thread_counts {
    unsigned int threads; /* that there are */
    size_t running;       /* jobs */
    size_t waiting;       /* jobs */
} torc_thread_counts;

/* How it is at this moment: for figures, not for decisions. */
TORC_API torc_thread_counts torc_count_threads(torc_reactor *reactor);

/* -- and back ------------------------------------------------------------------------------ */

/*
 * From a thread other than the reactor's: runs function(argument) in the reactor's thread, in
 * order with torc_call_from_thread, waits for it, and gives its result. The function may return a
 * deferred (torc_wait_for): then the wait is for that one's result. The caller releases the result
 * (torc_result_release); nobody in the reactor's thread may hold it as well.
 *
 *     torc_result page = torc_blocking_call_from_thread(reactor, fetch_index, self);
 *
 * Never hangs on a reactor that stops: then the result is a failure, torc_error_cancelled. As with
 * torc_call_from_thread, the reactor must not have been freed: end your threads before it (a
 * reactor's own workers are ended by it). In the reactor's own thread it would wait for itself:
 * that aborts with a message. The thread of another reactor may call it, and does not turn
 * meanwhile: two that call each other wait for ever. There use torc_call_from_thread.
 */
TORC_API torc_result torc_blocking_call_from_thread(
    torc_reactor *reactor, torc_job *function, void *argument);

/* Whether this is the reactor's own thread; may be asked from any. */
TORC_API bool torc_is_reactor_thread(const torc_reactor *reactor);

TORC_END_DECLS

#endif /* TORC_THREAD_H */
