/*
 * Deferreds: making them, firing them, and running their chains.
 *
 * A chain is run by one loop (torc__deferred_run) that goes from a deferred to the one that waits
 * for it, so that neither a long chain nor a deep one needs stack. Whoever comes upon a chain that
 * is being run already adds to it and leaves the running to the loop further down.
 *
 * Who owns a result: the deferred, while a callback borrows it. What a callback returns replaces
 * it, unless it is the very same value: then it has been passed on, and its count is left alone.
 */
#include "deferred/deferred.h"

#include "base/memory.h"

#include <string.h>

const size_t torc__deferred_size = sizeof(torc_deferred);

void torc__abort_deferred_gone(const char *call)
{
    torc__abort("%s: this deferred is gone. It is freed at the end of the turn in which its chain "
                "ran dry, or in which its scope ended: add callbacks in the turn in which you are "
                "handed it, or keep it by torc_deferred_hold", call);
}

torc_result torc__cancelled(const char *what)
{
    return torc_fail_with(&torc_error_cancelled, "%s", what);
}

/* -- making -------------------------------------------------------------------------------- */

/* Field by field: for the compiler that is less work than to clear the whole first. */
static torc_deferred *make(torc_scope *scope, torc_canceller *cancel, void *argument)
{
    torc_reactor *reactor = scope->reactor;
    torc_deferred *deferred = torc__pool_take(&reactor->deferreds);

    if (TORC_UNLIKELY(deferred == NULL))
        deferred = torc__allocate_vital(sizeof *deferred);
    if (TORC_UNLIKELY(deferred == NULL))
        torc__abort_out_of_memory("a deferred");
    memset(&deferred->place, 0, sizeof(deferred->place));
    deferred->scope = scope;
    deferred->reactor = reactor;
    deferred->magic = TORC__DEFERRED_MAGIC;
    deferred->state = (torc__deferred_state){ .keeps_result = scope->keeps_results };
    deferred->first_link = 0;
    deferred->link_count = 0;
    deferred->link_capacity = TORC__DEFERRED_INLINE_LINKS;
    deferred->pauses = 0;
    deferred->holds = 0;
    deferred->result = torc_nothing();
    deferred->waiting = NULL;
    deferred->waiter = NULL;
    deferred->canceller = cancel;
    deferred->argument = argument;
    /* The inline links are written before they are read. */
    deferred->links = deferred->inline_links;
    return deferred;
}

/*
 * One in a scope that is over has failed from the start. It is ended at the turn's end, so that
 * nothing added to it can run after what it belongs to is freed.
 */
static TORC_COLD void make_cancelled(torc_deferred *deferred)
{
    deferred->scope = NULL;
    deferred->state.keeps_result = false;
    deferred->state.quiet = true;
    deferred->state.cancelled = true;
    deferred->state.fired = true;
    deferred->result = torc__cancelled("started in a scope that has ended");
    torc__deferred_queue_due(deferred);
}

torc_deferred *torc_deferred_new(torc_scope *scope, torc_canceller *cancel, void *argument)
{
    torc_deferred *deferred;

    torc__check_thread(scope->reactor, "torc_deferred_new");
    deferred = make(scope, cancel, argument);
    if (TORC_UNLIKELY(torc__is_deferred_debugging()))
        torc__trace_made(deferred, TORC_CALLER);
    if (TORC_LIKELY(!scope->ended)) {
        torc_scope_add(scope, &deferred->place.scoped, torc__deferred_end);
        return deferred;
    }
    /* Who makes the promise need not know that nobody wants it, and will fire it. */
    deferred->state.late = true;
    make_cancelled(deferred);
    return deferred;
}

torc_deferred *torc_deferred_fired(torc_scope *scope, torc_result result)
{
    torc_deferred *deferred;

    torc__check_thread(scope->reactor, "torc_deferred_fired");
    deferred = make(scope, NULL, NULL);
    if (TORC_UNLIKELY(torc__is_deferred_debugging()))
        torc__trace_made(deferred, TORC_CALLER);
    if (TORC_UNLIKELY(scope->ended)) {
        torc_result_release(result);
        make_cancelled(deferred);
        return deferred;
    }
    torc_scope_add(scope, &deferred->place.scoped, torc__deferred_end);
    torc_fire(deferred, result);
    return deferred;
}

/* -- waiting for another ------------------------------------------------------------------- */

/*
 * Whether waiting for `inner` would close a ring: it would if `inner` is the outermost of those
 * that wait for `outer`. Both lines are walked in step, so the shorter one sets the cost and
 * building a deep line from either end takes no time.
 */
static bool closes_ring(const torc_deferred *outer, const torc_deferred *inner)
{
    const torc_deferred *outwards = outer;
    const torc_deferred *inwards = inner;

    while (outwards->waiter != NULL && inwards->waiting != NULL) {
        outwards = outwards->waiter;
        inwards = inwards->waiting;
    }
    return outwards->waiter == NULL ? outwards == inner : inwards == outer;
}

void torc__deferred_wait_for(torc_deferred *outer, torc_deferred *inner, const char *call)
{
    torc__deferred_check(inner, call);
    if (TORC_UNLIKELY(inner->reactor != outer->reactor))
        torc__abort("%s: the deferred belongs to another reactor; pass results between reactors by "
                    "torc_call_from_thread", call);
    if (TORC_UNLIKELY(torc__deferred_is_taken(inner)))
        torc__abort("%s: another deferred waits for this one already; let the first one's callback "
                    "fire a deferred for each who wants the result", call);
    inner->state.taken = true;
    inner->state.keeps_result = false;
    if (inner->state.ended) {
        outer->result = torc__cancelled("the scope of what was waited for has ended");
        return;
    }
    inner->state.cancel_due = false;
    if (torc__deferred_is_dry(inner) && inner != outer) {
        outer->result = torc__deferred_take_result(inner);
        torc__deferred_queue(inner);
        return;
    }
    if (TORC_UNLIKELY(closes_ring(outer, inner)))
        torc__abort("%s: a deferred would wait for itself and never fire; return the result, or a "
                    "deferred that does not wait for this one", call);
    inner->waiter = outer;
    outer->waiting = inner;
}

/* -- the chain ----------------------------------------------------------------------------- */

void torc__deferred_replace_result(torc_deferred *deferred, torc_result returned)
{
    const torc_type *type = deferred->result.type;
    void *value = deferred->result.as.pointer;

    if (TORC_UNLIKELY(deferred->state.ended)) {
        torc__deferred_discard(deferred, returned);
        return;
    }
    if (returned.type == type && returned.as.pointer == value)
        return;
    if (TORC_UNLIKELY(returned.type == &torc_type_deferred)) {
        deferred->result = torc_nothing();
        torc__deferred_wait_for(deferred, returned.as.pointer, "torc_wait_for");
    } else {
        /* In two halves, as it came in two registers: compilers make a detour by the stack for
           a single wide store, and the wait for that is half the cost of a callback. */
        if (returned.type != type)
            deferred->result.type = returned.type;
        deferred->result.as.pointer = returned.as.pointer;
    }
    if (type != NULL && type->release != NULL)
        type->release(value);
}

/* The function of the link that this result goes to; NULL when it passes by. */
static torc_callback *taker(const torc__link *link, torc_result result)
{
    if (TORC_LIKELY(!torc_is_failure(result)))
        return link->callback;
    if (link->type != NULL && !torc_failure_is(result.as.pointer, link->type))
        return NULL;
    return link->errback;
}

/* While a scope ends, nothing in it runs any more, also what it has not come to yet. */
static bool may_run(const torc_deferred *deferred)
{
    const torc__deferred_state *state = &deferred->state;

    return state->fired && !state->running && !state->ended && !state->bereft &&
        deferred->waiting == NULL && (deferred->scope == NULL || !deferred->scope->ended);
}

/* A callback is no coroutine, also where one made it run: reactor->in_callback says so. */
static void run_links(torc_deferred *deferred)
{
    torc_reactor *reactor = deferred->reactor;
    bool outer_callback = reactor->in_callback;

    reactor->in_callback = true;
    deferred->state.running = true;
    while (deferred->first_link != deferred->link_count && deferred->pauses == 0 &&
           deferred->waiting == NULL) {
        const torc__link *link = &deferred->links[deferred->first_link];
        torc_callback *call = taker(link, deferred->result);
        void *self = link->self;

        /* The callback may add links, and so move them all. */
        deferred->first_link++;
        if (deferred->first_link == deferred->link_count)
            deferred->first_link = deferred->link_count = 0;
        if (call != NULL)
            torc__deferred_replace_result(deferred, call(self, deferred->result));
    }
    deferred->state.running = false;
    reactor->in_callback = outer_callback;
}

/* Callbacks speak, in logs, for who owns the deferred, and not for who fires it. */
static void run_as_owner(torc_deferred *deferred)
{
    const torc__context *owner = deferred->scope != NULL ? deferred->scope->context : NULL;
    torc_reactor *reactor = deferred->reactor;
    const torc__context *outer;

    if (owner == NULL || owner == reactor->context) {
        run_links(deferred);
        return;
    }
    outer = torc__enter(reactor, owner);
    run_links(deferred);
    torc__leave(reactor, outer);
}

void torc__deferred_run(torc_deferred *deferred)
{
    while (deferred != NULL && may_run(deferred)) {
        torc_deferred *waiter;

        run_as_owner(deferred);
        if (!torc__deferred_is_dry(deferred) && !deferred->state.ended)
            return;
        torc__deferred_queue(deferred);
        waiter = deferred->waiter;
        if (waiter != NULL) {
            deferred->waiter = NULL;
            waiter->waiting = NULL;
            waiter->result = torc__deferred_take_result(deferred);
            if (waiter->state.coroutine)
                torc__coroutine_resume(waiter);
        }
        deferred = waiter;
    }
}

/* -- firing -------------------------------------------------------------------------------- */

void torc__deferred_give(torc_deferred *deferred, torc_result result)
{
    deferred->state.fired = true;
    deferred->result.type = result.type;
    deferred->result.as.pointer = result.as.pointer;
    torc__deferred_run(deferred);
}

/* A result for one that has a result or has ended: fine only where it could not be known. */
static TORC_COLD void fire_late(torc_deferred *deferred, torc_result result)
{
    if (deferred->state.late) {
        deferred->state.late = false;
        torc__deferred_queue(deferred);
    } else if (!deferred->state.asking || !deferred->state.ended) {
        char trace[TORC__TRACE_TEXT_MAX];

        torc__trace_describe(deferred, trace, sizeof trace);
        torc__abort("%s%s", deferred->state.cancelled
                ? "torc_fire: this deferred was cancelled before; once its canceller has returned, "
                  "or a late result has been swallowed, it must not be fired: let the canceller "
                  "stop what would fire it"
                : "torc_fire: this deferred has been fired before; a promise has one result: make "
                  "a new deferred for each, or ask torc_deferred_has_fired", trace);
    }
    torc_result_release(result);
}

void torc_fire(torc_deferred *deferred, torc_result result)
{
    torc__deferred_check(deferred, "torc_fire");
    if (TORC_UNLIKELY(result.type == &torc_type_deferred))
        torc__abort("torc_fire: the result is a deferred; only a callback may return one, by "
                    "torc_wait_for: add a callback to that deferred which fires this one");
    if (TORC_UNLIKELY(deferred->state.fired || deferred->state.ended)) {
        fire_late(deferred, result);
        return;
    }
    if (TORC_UNLIKELY(deferred->state.traced))
        torc__trace_fired(deferred, TORC_CALLER);
    torc__deferred_give(deferred, result);
}

void torc_chain(torc_deferred *inner, torc_deferred *outer)
{
    torc__deferred_check(inner, "torc_chain");
    torc__deferred_check(outer, "torc_chain");
    if (TORC_UNLIKELY(outer->state.fired || outer->state.ended)) {
        fire_late(outer, torc_nothing());
        inner->state.cancel_due = !torc__deferred_is_taken(inner);
        torc__deferred_queue_due(inner);
        return;
    }
    if (TORC_UNLIKELY(outer->state.traced))
        torc__trace_fired(outer, TORC_CALLER);
    outer->state.fired = true;
    torc__deferred_wait_for(outer, inner, "torc_chain");
    torc__deferred_run(outer);
}

/* -- adding to the chain ------------------------------------------------------------------- */

/* Room for one more link: at the front where links have run, else in a larger block. */
static void make_room(torc_deferred *deferred)
{
    uint32_t waiting = deferred->link_count - deferred->first_link;
    bool on_heap = deferred->links != deferred->inline_links;
    torc__link *links = deferred->links;
    uint32_t capacity = deferred->link_capacity;

    if (waiting > capacity / 2) {
        capacity *= 2;
        links = capacity > deferred->link_capacity
            ? torc__allocate_vital(capacity * sizeof(torc__link)) : NULL;
        if (links == NULL)
            torc__abort_out_of_memory("a link of a deferred's chain");
    }
    memmove(links, deferred->links + deferred->first_link, waiting * sizeof(torc__link));
    if (on_heap && links != deferred->links)
        torc__free(deferred->links);
    deferred->links = links;
    deferred->link_capacity = capacity;
    deferred->first_link = 0;
    deferred->link_count = waiting;
}

static inline void add_link(torc_deferred *deferred, torc_callback *callback,
    torc_callback *errback, void *self, const torc_failure_type *type, const char *call)
{
    torc__link *link;

    torc__deferred_check(deferred, call);
    if (TORC_UNLIKELY(deferred->state.ended))
        return;
    if (TORC_UNLIKELY(deferred->link_count == deferred->link_capacity))
        make_room(deferred);
    link = &deferred->links[deferred->link_count++];
    link->callback = callback;
    link->errback = errback;
    link->self = self;
    link->type = type;
    if (deferred->state.fired)
        torc__deferred_run(deferred);
}

void torc_add_callback(torc_deferred *deferred, torc_callback *callback, void *self)
{
    add_link(deferred, callback, NULL, self, NULL, "torc_add_callback");
}

void torc_add_errback(torc_deferred *deferred, torc_callback *errback, void *self)
{
    add_link(deferred, NULL, errback, self, NULL, "torc_add_errback");
}

void torc_add_errback_for(
    torc_deferred *deferred, const torc_failure_type *type, torc_callback *errback, void *self)
{
    add_link(deferred, NULL, errback, self, type, "torc_add_errback_for");
}

void torc_add_callbacks(
    torc_deferred *deferred, torc_callback *callback, torc_callback *errback, void *self)
{
    add_link(deferred, callback, errback, self, NULL, "torc_add_callbacks");
}

void torc_add_both(torc_deferred *deferred, torc_callback *both, void *self)
{
    add_link(deferred, both, both, self, NULL, "torc_add_both");
}

/* -- pausing, holding, asking -------------------------------------------------------------- */

void torc_deferred_pause(torc_deferred *deferred)
{
    torc__deferred_check(deferred, "torc_deferred_pause");
    if (deferred->pauses == UINT16_MAX)
        torc__abort("torc_deferred_pause: paused 65535 times without torc_deferred_unpause");
    deferred->pauses++;
}

void torc_deferred_unpause(torc_deferred *deferred)
{
    torc__deferred_check(deferred, "torc_deferred_unpause");
    if (deferred->pauses == 0)
        torc__abort("torc_deferred_unpause: this deferred is not paused; call it once for each "
                    "torc_deferred_pause");
    deferred->pauses--;
    if (deferred->pauses == 0)
        torc__deferred_run(deferred);
}

torc_deferred *torc_deferred_hold(torc_deferred *deferred)
{
    torc__deferred_check(deferred, "torc_deferred_hold");
    if (deferred->holds == UINT16_MAX)
        torc__abort("torc_deferred_hold: held 65535 times without torc_deferred_release");
    deferred->holds++;
    return deferred;
}

void torc_deferred_release(torc_deferred *deferred)
{
    torc__deferred_check(deferred, "torc_deferred_release");
    if (deferred->holds == 0)
        torc__abort("torc_deferred_release: this deferred is not held; call it once for each "
                    "torc_deferred_hold");
    deferred->holds--;
    if (deferred->holds == 0)
        torc__deferred_queue(deferred);
}

bool torc_deferred_has_fired(const torc_deferred *deferred)
{
    torc__deferred_check(deferred, "torc_deferred_has_fired");
    return deferred->state.fired && !deferred->state.coroutine;
}

bool torc_deferred_result(const torc_deferred *deferred, torc_result *ret_result)
{
    torc__deferred_check(deferred, "torc_deferred_result");
    if (!deferred->state.fired || deferred->state.running || deferred->state.bereft ||
        deferred->waiting != NULL || deferred->first_link != deferred->link_count)
        return false;
    *ret_result = deferred->result;
    return true;
}
