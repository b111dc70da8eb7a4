/*
 * The reactor's inside, for the floors that are built on it (deferreds, transports, endpoints).
 *
 * A turn is, in this order:
 *   1. timers     delayed calls whose deadline has come           timer.c, wheel.c
 *   2. tasks      what the engine put off to a turn of its own    reactor.c
 *   3. posts      calls from other threads, in one batch          posting.c
 *   4. signals    what handlers noted                             signals.c
 *   5. driver     waits, and tells what was done                  driver/
 *   6. the end    what was written by others leaves (`after`), deferreds that have run dry are
 *                 looked at, and what has ended is freed (`graves`)
 *
 * Whoever calls user code brackets it with torc__enter and torc__leave, so that logs know who
 * speaks and the stall detector knows whom to name.
 */
#ifndef TORC_REACTOR_REACTOR_H
#define TORC_REACTOR_REACTOR_H

#include <torc/driver.h>
#include <torc/reactor.h>

#include "base/list.h"
#include "base/pipe_pool.h"
#include "base/pool.h"
#include "reactor/grave.h"
#include "reactor/scope.h"
#include "reactor/wheel.h"

#include <pthread.h>
#include <stdatomic.h>

/* Something the engine does in a later turn. Embed it; queue it at most once at a time. */
typedef struct torc__task {
    torc__list link;
    void (*run)(struct torc__task *task);
} torc__task;

/* Who is speaking, for logs: embedded in what has a name. */
typedef struct torc__context {
    /* Writes "CmdProtocol,0,127.0.0.1" as snprintf does. */
    void (*describe)(const struct torc__context *context, char *text, size_t size);
} torc__context;

/* The sizes of the blocks that output queues are made of: bytes each. */
#define TORC__CHUNK_SIZE     4096
#define TORC__REFERENCE_SIZE 64

/* A call from another thread. */
typedef struct torc__post {
    torc_call *call;
    void *argument;
} torc__post;

/* See posting.c. Other processors write here: it keeps away from the cache lines of the rest. */
typedef struct torc__posting {
    char before[64];
    pthread_mutex_t lock; /* of what follows, up to `pending` */
    torc__post *posts;
    size_t count;
    size_t capacity;
    torc__list tasks;     /* embedded, so that no memory can be wanting; they run after the posts */
    bool closed;          /* nothing is taken any more; the reactor's thread may read it unlocked */
    atomic_bool pending;  /* there is something; may be read by all */
    atomic_bool awake;    /* the reactor will look before it sleeps: no wake-up is needed */
    atomic_uint wakers;   /* threads that are waking the driver, which must not go under them */
    char after[64];
    torc__post *spare;    /* an empty block, the reactor's thread's own */
    size_t spare_capacity;
} torc__posting;

struct torc_reactor {
    torc_driver *driver;
    torc_scope root;
    torc__wheel wheel;
    torc_time now;
    uintptr_t thread; /* torc__thread_identity() of the owner */
    const torc__context *context;
    struct torc__coroutine *coroutine; /* on whose stack we are; NULL: on none's */
    bool in_callback;                  /* ... but in a callback there, which cannot wait */

    torc__list tasks;
    torc__list after;          /* tasks for the end of this turn */
    torc__grave *graves;
    struct torc_deferred *dry; /* deferreds to be looked at at the turn's end */

    struct torc_delayed_slot *free_delayed; /* slots live as long as the reactor: timer.c */
    struct torc__delayed_block *delayed_blocks;
    struct torc_cooperator *cooperator; /* made when the first task needs it: task/cooperator.c */
    torc__pool deferreds;
    torc__pool chunks;         /* of output queues: copied bytes; see transport/output.h */
    torc__pool references;     /* of output queues: bytes and files that stay where they are */
    torc__pipe_pool pipes;     /* of couplings: transport/couple_splice.c */
    torc_failure *connection_done; /* the reason that nearly all connections end with; or NULL */
    struct torc_resolver *resolver; /* its own, or NULL: names/resolver.c */
    torc__list late_deferreds; /* cancelled, waiting for their one late result */
    struct torc__stacks *stacks; /* of coroutines; NULL before the first: coroutine_stack.c */

    torc__list triggers[3];
    torc__list stopping;       /* triggers of the phase under way whose deferreds are open */
    torc__task stop_task;
    int phase;                 /* of shutdown; -1 before */
    int status;
    bool running;
    bool in_turn;
    bool in_signals;           /* the watches are being walked */
    bool stop_asked;
    bool hurried;              /* stops without waiting for triggers */
    bool stopped;

    torc__posting posting;
    struct torc__thread_jobs *jobs; /* worker threads and what they do; NULL: never asked for */
    torc__list blocking_calls;      /* of other threads, that wait for a deferred */
    torc__list signal_watches;
    struct torc__signal_watch *stop_watches[2]; /* of SIGINT and SIGTERM, while torc_run runs */
    unsigned signals_seen;

    torc_time stall_limit;
    torc_time entered_at;
};

/* -- by hand: reactors of tests and of simulations ------------------------------------------ */

/* A reactor on `kind`, which need not be in the list of drivers. NULL with a negative errno. */
TORC_API torc_reactor *torc__reactor_new_on(const torc_driver_class *kind, int *ret_error);

/*
 * One turn that does not wait. Unlike torc_iterate it leaves the process's signals alone, and goes
 * on after the reactor has stopped.
 */
TORC_API void torc__reactor_turn(torc_reactor *reactor);

/* Whether a turn would do anything at the driver's present time, apart from what the driver has. */
TORC_API bool torc__reactor_has_work(torc_reactor *reactor);

/* -- threads ------------------------------------------------------------------------------- */

/* A number that no two live threads share, as cheap as a register. */
static inline uintptr_t torc__thread_identity(void)
{
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__)) && !defined(__clang__)
    return (uintptr_t)__builtin_thread_pointer();
#else
    return (uintptr_t)pthread_self();
#endif
}

TORC_API TORC_NORETURN TORC_COLD void torc__abort_wrong_thread(const char *call);

/* Each public entry that touches a reactor's state begins with this. */
static inline void torc__check_thread(const torc_reactor *reactor, const char *call)
{
    if (TORC_UNLIKELY(reactor->thread != torc__thread_identity()))
        torc__abort_wrong_thread(call);
}

/* -- tasks and graves ---------------------------------------------------------------------- */

/* Runs task->run in the next turn (those queued in a turn's tasks wait for the next one). */
static inline void torc__queue_task(torc_reactor *reactor, torc__task *task)
{
    if (!torc__list_is_linked(&task->link))
        torc__list_append(&reactor->tasks, &task->link);
}

/* Runs task->run before this turn is over; outside a turn, in the next one. */
static inline void torc__queue_after(torc_reactor *reactor, torc__task *task)
{
    if (!torc__list_is_linked(&task->link))
        torc__list_append(&reactor->after, &task->link);
}

/*
 * From any thread: runs task->run in the reactor's, in order with torc_call_from_thread. It needs
 * no memory. False when the reactor takes nothing any more. Not to be queued again until it runs.
 */
bool torc__post_task_from_thread(torc_reactor *reactor, torc__task *task);

static inline void torc__cancel_task(torc__task *task)
{
    torc__list_remove(&task->link);
}

/* Frees by free(grave) when the turn is over. */
static inline void torc__bury(
    torc_reactor *reactor, torc__grave *grave, void (*release)(torc__grave *grave))
{
    grave->free = release;
    grave->next = reactor->graves;
    reactor->graves = grave;
}

/* -- entering user code -------------------------------------------------------------------- */

/* The reactor whose turn runs in this thread, for logs; NULL outside of any. */
torc_reactor *torc__current_reactor(void);

/* For what runs on its behalf outside of a turn. */
void torc__set_current_reactor(torc_reactor *reactor);

void torc__note_stall(torc_reactor *reactor, const torc__context *context);

/* Gives the context to hand to torc__leave. `context` may be NULL: nobody in particular. */
static inline const torc__context *torc__enter(torc_reactor *reactor, const torc__context *context)
{
    const torc__context *outer = reactor->context;

    reactor->context = context;
    if (TORC_UNLIKELY(reactor->stall_limit != 0))
        reactor->entered_at = torc_monotonic_now();
    return outer;
}

static inline void torc__leave(torc_reactor *reactor, const torc__context *outer)
{
    if (TORC_UNLIKELY(reactor->stall_limit != 0))
        torc__note_stall(reactor, reactor->context);
    reactor->context = outer;
}

/* -- parts of a turn, each in its own file ------------------------------------------------- */

void torc__run_posts(torc_reactor *reactor);         /* posting.c */
void torc__posting_init(torc__posting *posting);
void torc__posting_close(torc_reactor *reactor);     /* runs what was taken; takes no more */
void torc__posting_await_wakers(torc__posting *posting); /* before the driver is closed */
void torc__posting_destroy(torc__posting *posting);

/* In one order with the posting, for the last look before sleep: see posting.c. */
static inline bool torc__has_posts(const torc_reactor *reactor)
{
    return atomic_load(&reactor->posting.pending);
}

void torc__blocking_calls_close(torc_reactor *reactor); /* blocking_call.c: none waits longer */

void torc__thread_jobs_close(torc_reactor *reactor); /* thread_jobs.c: waits for what runs */

void torc__run_signals(torc_reactor *reactor);       /* signals.c */
void torc__signals_run_begins(torc_reactor *reactor);
void torc__signals_run_ends(torc_reactor *reactor);

void torc__shutdown_init(torc_reactor *reactor);     /* shutdown.c */
void torc__shutdown_hurry(torc_reactor *reactor);    /* waits for no trigger any more */
void torc__shutdown_drop(torc_reactor *reactor);     /* forgets what never ran */

void torc__run_timers(torc_reactor *reactor);        /* timer.c */
void torc__timers_drop(torc_reactor *reactor);

/* Cancels the slot's call if it is still call(argument): for who had no room for a handle. */
void torc__delayed_drop(struct torc_delayed_slot *slot, torc_call *call, const void *argument);

/* Looks at each deferred that has run dry in this turn: reports, frees. deferred/deferred.c */
void torc__settle_deferreds(torc_reactor *reactor);

/* Frees those that still waited for a late result. deferred/deferred.c */
void torc__drop_late_deferreds(torc_reactor *reactor);

/* Heeds TORC_DEBUG, the first time in a process. deferred/debugging.c */
void torc__deferred_debugging_from_environment(void);
/* Gives back the stacks that wait for another coroutine. deferred/coroutine_stack.c */
void torc__coroutines_drop(torc_reactor *reactor);

/* The size of a deferred, for the pool. deferred/deferred.c */
extern const size_t torc__deferred_size;

#endif /* TORC_REACTOR_REACTOR_H */
