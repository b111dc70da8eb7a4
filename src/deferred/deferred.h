/*
 * The inside of a deferred, for the files of this folder.
 *
 *   deferred.c   making, firing, the chain          timeout.c   torc_set_timeout
 *   ending.c     cancelling, the end of a scope, the end of a turn, memory
 *   gather.c     waiting for many at once           errbacks.c  errbacks that are ready-made
 *   debugging.c  where each was made and fired      waiting_line.c  those who wait their turn:
 *   semaphore.c, lock.c, queue.c, on the latter     file_lock.c     between processes
 *   coroutine.h  what is built on them to wait in straight code
 *
 * Invariants. A deferred that has fired owns `result`; while it waits for another, and once it has
 * handed its result on, that is nothing. `waiting` and `waiter` point at each other. What has
 * `ended` runs no link any more and is in no scope; its memory goes at the end of a turn. Nothing
 * is freed but by torc__settle_deferreds and torc__drop_late_deferreds, hence never under the feet
 * of somebody who is further down on the stack.
 */
#ifndef TORC_DEFERRED_DEFERRED_H
#define TORC_DEFERRED_DEFERRED_H

#include <torc/deferred.h>

#include "base/abort.h"
#include "base/list.h"
#include "reactor/members.h"
#include "reactor/reactor.h"

#include <stdatomic.h>

#define TORC__DEFERRED_MAGIC        0x64656672u
#define TORC__DEFERRED_INLINE_LINKS 4

/* One link of a chain. Which of the two runs depends on the result that comes along. */
typedef struct torc__link {
    torc_callback *callback;       /* for values; NULL lets them pass */
    torc_callback *errback;        /* for failures; NULL lets them pass */
    void *self;
    const torc_failure_type *type; /* the errback is for these only; NULL: for all */
} torc__link;

typedef struct torc__deferred_state {
    bool fired;
    bool running;      /* its chain is being run, further down on the stack */
    bool ended;
    bool cancelled;    /* the work behind it has been told to stop; it is not told twice */
    bool asking;       /* the canceller is on the stack */
    bool late;         /* one torc_fire may still come, and is swallowed */
    bool parked;       /* in the reactor's late_deferreds */
    bool queued;       /* in the reactor's dry list */
    bool cancel_due;   /* to be cancelled at the turn's end: who waited for it has ended */
    bool bereft;       /* what it waited for has ended: it is told so at the turn's end */
    bool quiet;        /* that it was cancelled interests nobody any more */
    bool gathered;     /* a gather has taken it over */
    bool gather_due;   /* it is a gather, and looks at its parts at the turn's end */
    bool traced;       /* debugging.c knows where it was made */
    bool keeps_result; /* as its scope's keeps_results, until somebody takes the result */
    bool taken;        /* somebody who waited for it has its result */
    bool coroutine;    /* a coroutine waits by it, and has not returned: see coroutine.h */
} torc__deferred_state;

struct torc_deferred {
    union {
        torc_scoped scoped; /* its place in its scope, until it has ended */
        torc__list late;    /* its place among the late ones, while `parked` */
    } place;
    torc_scope *scope;      /* NULL for one that was made in a scope that had ended */
    torc_reactor *reactor;

    uint32_t magic; /* TORC__DEFERRED_MAGIC from the making to the freeing */
    torc__deferred_state state;

    uint32_t first_link; /* the next to run */
    uint32_t link_count; /* one past the last */
    uint32_t link_capacity;
    uint16_t pauses;
    uint16_t holds;

    torc_result result;
    torc_deferred *waiting; /* what this one waits for */
    torc_deferred *waiter;  /* what waits for this one */
    torc_canceller *canceller;
    void *argument;
    torc_deferred *next_dry;
    struct torc__trace *trace; /* where `state.traced`, and else not even set */
    torc__link *links; /* `inline_links`, or a block on the heap */
    torc__link inline_links[TORC__DEFERRED_INLINE_LINKS];
};

TORC_NORETURN TORC_COLD void torc__abort_deferred_gone(const char *call);

/* Each public entry begins with this. */
static inline void torc__deferred_check(const torc_deferred *deferred, const char *call)
{
    if (TORC_UNLIKELY(deferred == NULL || deferred->magic != TORC__DEFERRED_MAGIC))
        torc__abort_deferred_gone(call);
    torc__check_thread(deferred->reactor, call);
}

/* Has its result, and nothing that could still change it. */
static inline bool torc__deferred_is_dry(const torc_deferred *deferred)
{
    return deferred->state.fired && deferred->first_link == deferred->link_count &&
        deferred->waiting == NULL && deferred->pauses == 0 && !deferred->state.running &&
        !deferred->state.bereft;
}

/* Whether somebody waits for it: it has one result, and that is for one. */
static inline bool torc__deferred_is_taken(const torc_deferred *deferred)
{
    return deferred->waiter != NULL || deferred->state.gathered;
}

/* Has it looked at when the turn is over. */
static inline void torc__deferred_queue(torc_deferred *deferred)
{
    if (deferred->state.queued)
        return;
    deferred->state.queued = true;
    deferred->next_dry = deferred->reactor->dry;
    deferred->reactor->dry = deferred;
}

/* Takes the result out, which leaves nothing. */
static inline torc_result torc__deferred_take_result(torc_deferred *deferred)
{
    torc_result result = deferred->result;

    deferred->result = torc_nothing();
    return result;
}

/*
 * For who waits for a deferred by callbacks, and will not let anybody else have its result: one of
 * a coroutine's own scope is then kept no longer than others.
 */
static inline void torc__deferred_let_go(torc_deferred *deferred)
{
    deferred->state.keeps_result = false;
    torc__deferred_queue(deferred);
}

/* A failure that says that `what` was the reason. */
torc_result torc__cancelled(const char *what);

/* -- deferred.c ---------------------------------------------------------------------------- */

/* Gives the result to one that has not fired, and runs the chain. */
void torc__deferred_give(torc_deferred *deferred, torc_result result);

/* Runs what can run of the chain, and then of the chains that wait for it. */
void torc__deferred_run(torc_deferred *deferred);

/* Takes over the result of `inner`, now or when it has one. `call` is for messages. */
void torc__deferred_wait_for(torc_deferred *outer, torc_deferred *inner, const char *call);

/* Puts what a callback returned in the place of what it was handed. */
void torc__deferred_replace_result(torc_deferred *deferred, torc_result returned);

/* -- ending.c ------------------------------------------------------------------------------ */

extern TORC_API const torc__member_kind torc__members_deferred;

/* The end of its scope. */
void torc__deferred_end(torc_scoped *scoped);

/* As torc__deferred_queue, for one about which something is to be done, and not only looked at. */
void torc__deferred_queue_due(torc_deferred *deferred);

/* What a callback returned whose deferred ended meanwhile: nobody will ever see it. */
void torc__deferred_discard(torc_deferred *deferred, torc_result returned);

/* Logs a failure that nobody took, unless it only says that what nobody wants was cancelled. */
void torc__deferred_report(const torc_deferred *deferred, torc_result result);

/* What it waits for will not come: it fails at the turn's end, unless it ends before. */
void torc__deferred_bereave(torc_deferred *deferred);

/* -- debugging.c --------------------------------------------------------------------------- */

extern atomic_bool torc__deferred_debugging;

static inline bool torc__is_deferred_debugging(void)
{
    return atomic_load_explicit(&torc__deferred_debugging, memory_order_relaxed);
}

/* From `caller` on outwards; each is a no-op where there is no memory. */
TORC_COLD void torc__trace_made(torc_deferred *deferred, const void *caller);
TORC_COLD void torc__trace_fired(torc_deferred *deferred, const void *caller);
TORC_COLD void torc__trace_cancelled(torc_deferred *deferred, const void *caller);

#define TORC__TRACE_TEXT_MAX 1536

/* Text that begins with "; made in ..."; an empty one where nothing is known. Cut at `size`. */
void torc__trace_describe(const torc_deferred *deferred, char *text, size_t size);

/* The innermost place of the making only. */
void torc__trace_describe_making(const torc_deferred *deferred, char *text, size_t size);

/* -- gather.c ------------------------------------------------------------------------------ */

/* The callback of the link that a gather adds; one that is dropped must be told. */
torc_result torc__gather_take(void *taken, torc_result result);
void torc__gather_lose(void *lost);

/* The turn's end, for a gather that is due. */
void torc__gather_look(void *argument);
/* -- coroutine.c --------------------------------------------------------------------------- */

/* Has the coroutine that waits by this one go on with the result that it has now. */
void torc__coroutine_resume(torc_deferred *promise);

/* For one that waits for nothing: it has not begun, or runs. */
void torc__coroutine_cancel(torc_deferred *promise);

/* -- timeout.c ----------------------------------------------------------------------------- */

/* The callback of the link that a timeout is; one that is dropped must be given back. */
torc_result torc__timeout_passed(void *passed, torc_result result);
void torc__timeout_drop(void *dropped);

#endif /* TORC_DEFERRED_DEFERRED_H */
