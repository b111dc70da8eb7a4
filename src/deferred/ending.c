/*
 * How deferreds end: by torc_cancel, with their scope, or because their chain has run dry; and the
 * end of the turn, which reports what nobody took and gives memory back.
 *
 * When a scope ends, no callback runs inside torc_scope_end: a deferred elsewhere that waited for
 * one that ended, or that was waited for by one, is told at the turn's end. By then whatever else
 * was to end in the same stroke (parents, children, neighbours) has ended, and needs no telling.
 */
#include "deferred/deferred.h"

#include "base/memory.h"

#include <torc/log.h>

#include <stdio.h>
#include <string.h>

/* -- cancelling ---------------------------------------------------------------------------- */

/* Tells the work behind a deferred to stop; the canceller may fire it before it returns. */
static void stop_work(torc_deferred *deferred, const void *caller)
{
    torc_reactor *reactor = deferred->reactor;
    bool outer_callback = reactor->in_callback;

    deferred->state.cancelled = true;
    if (TORC_UNLIKELY(deferred->state.traced))
        torc__trace_cancelled(deferred, caller);
    if (deferred->canceller == NULL) {
        deferred->state.late = true;
        return;
    }
    deferred->state.asking = true;
    reactor->in_callback = true;
    deferred->canceller(deferred, deferred->argument);
    reactor->in_callback = outer_callback;
    deferred->state.asking = false;
    if (deferred->state.ended)
        torc__deferred_queue(deferred);
}

void torc_cancel(torc_deferred *deferred)
{
    torc__deferred_check(deferred, "torc_cancel");
    while (deferred->waiting != NULL)
        deferred = deferred->waiting;
    if (deferred->state.fired || deferred->state.cancelled || deferred->state.ended) {
        if (deferred->state.coroutine)
            torc__coroutine_cancel(deferred);
        return;
    }
    stop_work(deferred, TORC_CALLER);
    if (!deferred->state.fired && !deferred->state.ended)
        torc__deferred_give(deferred, torc__cancelled("cancelled before there was a result"));
}

/* -- the end of a scope -------------------------------------------------------------------- */

void torc__deferred_queue_due(torc_deferred *deferred)
{
    torc_driver *driver = deferred->reactor->driver;

    torc__deferred_queue(deferred);
    /* Between turns, the next one must not sleep over it. */
    if (!deferred->reactor->in_turn && driver != NULL)
        driver->kind->wake(driver);
}

static void drop_links(torc_deferred *deferred)
{
    while (deferred->first_link != deferred->link_count) {
        const torc__link *link = &deferred->links[deferred->first_link++];

        if (link->callback == torc__timeout_passed)
            torc__timeout_drop(link->self);
        else if (link->callback == torc__gather_take)
            torc__gather_lose(link->self);
    }
    deferred->first_link = 0;
    deferred->link_count = 0;
}

void torc__deferred_bereave(torc_deferred *deferred)
{
    deferred->state.fired = true;
    deferred->state.bereft = true;
    torc__deferred_queue_due(deferred);
}

/* Lets go of what waits for it and of what it waits for; both hear of it when the turn is over. */
static void detach(torc_deferred *deferred)
{
    torc_deferred *waiter = deferred->waiter;
    torc_deferred *waiting = deferred->waiting;

    deferred->waiter = NULL;
    deferred->waiting = NULL;
    deferred->state.bereft = false;
    if (waiter != NULL) {
        waiter->waiting = NULL;
        torc__deferred_bereave(waiter);
    }
    if (waiting != NULL) {
        waiting->waiter = NULL;
        waiting->state.cancel_due = true;
        torc__deferred_queue_due(waiting);
    }
}

/* What a holder finds in a deferred that has ended: the result, or that there will be none. */
static void end_result(torc_deferred *deferred, bool unhandled)
{
    if (deferred->holds != 0) {
        if (!deferred->state.fired && !deferred->state.asking)
            deferred->result = torc__cancelled("its scope ended before there was a result");
        deferred->state.fired = true;
        return;
    }
    if (unhandled)
        torc__deferred_report(deferred, deferred->result);
    torc_result_release(torc__deferred_take_result(deferred));
}

void torc__deferred_end(torc_scoped *scoped)
{
    torc_deferred *deferred = TORC_CONTAINER_OF(scoped, torc_deferred, place.scoped);
    bool unhandled = torc__deferred_is_dry(deferred);

    deferred->state.ended = true;
    deferred->scope = NULL;
    drop_links(deferred);
    detach(deferred);
    if (!deferred->state.fired && !deferred->state.cancelled)
        stop_work(deferred, TORC_CALLER);
    /* A callback on the stack borrows the result: the loop that called it lets go of it. */
    if (!deferred->state.running)
        end_result(deferred, unhandled);
    torc__deferred_queue(deferred);
}

static void describe(const torc_scoped *scoped, char *text, size_t size)
{
    const torc_deferred *deferred = TORC_CONTAINER_OF(scoped, torc_deferred, place.scoped);

    if (!deferred->state.fired)
        snprintf(text, size, "not fired");
    else if (deferred->waiting != NULL)
        snprintf(text, size, "waits for another");
    else
        snprintf(text, size, deferred->pauses != 0 ? "paused" : "fired, and held");
    torc__trace_describe_making(deferred, text + strlen(text), size - strlen(text));
}

const torc__member_kind torc__members_deferred = {
    .end = torc__deferred_end,
    .name = "deferred",
    .describe = describe,
};

static bool is_same(torc_result a, torc_result b)
{
    return a.type == b.type && a.as.pointer == b.as.pointer;
}

void torc__deferred_discard(torc_deferred *deferred, torc_result returned)
{
    torc_result borrowed = torc__deferred_take_result(deferred);

    if (returned.type == &torc_type_deferred) {
        torc_deferred *inner = returned.as.pointer;

        torc__deferred_check(inner, "torc_wait_for");
        inner->state.cancel_due = !torc__deferred_is_taken(inner);
        torc__deferred_queue_due(inner);
    } else {
        torc__deferred_report(deferred, returned);
        if (!is_same(borrowed, returned))
            torc_result_release(returned);
    }
    torc_result_release(borrowed);
}

/* -- the end of a turn --------------------------------------------------------------------- */

static TORC_COLD void report_unhandled(const torc_deferred *deferred, const torc_failure *failure)
{
    char what[64 + TORC__TRACE_TEXT_MAX] = "Unhandled failure in a deferred";

    torc__trace_describe(deferred, what + strlen(what), sizeof what - strlen(what));
    torc_log_describe(TORC_LOG_ERROR, what, failure);
}

void torc__deferred_report(const torc_deferred *deferred, torc_result result)
{
    if (TORC_LIKELY(!torc_is_failure(result)))
        return;
    if ((deferred->state.quiet || deferred->state.ended) &&
        torc_failure_is(result.as.pointer, &torc_error_cancelled))
        return;
    report_unhandled(deferred, result.as.pointer);
}

static void free_deferred(torc_deferred *deferred)
{
    torc_reactor *reactor = deferred->reactor;

    torc_result_release(torc__deferred_take_result(deferred));
    if (deferred->links != deferred->inline_links)
        torc__free(deferred->links);
    if (TORC_UNLIKELY(deferred->state.traced))
        torc__free(deferred->trace);
    deferred->magic = 0;
    torc__pool_give(&reactor->deferreds, deferred);
}

/* Keeps one that has ended until its late result has come. */
static void park(torc_deferred *deferred)
{
    if (deferred->state.parked)
        return;
    deferred->state.parked = true;
    memset(&deferred->place, 0, sizeof(deferred->place));
    torc__list_append(&deferred->reactor->late_deferreds, &deferred->place.late);
}

static void unpark(torc_deferred *deferred)
{
    if (!deferred->state.parked)
        return;
    deferred->state.parked = false;
    torc__list_remove(&deferred->place.late);
}

/* Whether something was put off to the turn's end. */
static bool is_due(const torc_deferred *deferred)
{
    return !deferred->state.ended &&
        (deferred->scope == NULL || deferred->state.bereft || deferred->state.cancel_due ||
            deferred->state.gather_due);
}

/* Does it; may run callbacks. */
static void do_due(torc_reactor *reactor, torc_deferred *deferred)
{
    const torc__context *outer;

    if (deferred->scope == NULL) {
        torc__deferred_end(&deferred->place.scoped);
        return;
    }
    outer = torc__enter(reactor, deferred->scope->context);
    if (deferred->state.bereft) {
        deferred->state.bereft = false;
        deferred->result = torc__cancelled("the scope of what was waited for has ended");
        if (deferred->state.coroutine)
            torc__coroutine_resume(deferred);
        torc__deferred_run(deferred);
    }
    if (deferred->state.cancel_due && !deferred->state.ended) {
        deferred->state.cancel_due = false;
        deferred->state.quiet = true;
        torc_cancel(deferred);
    }
    if (deferred->state.gather_due) {
        deferred->state.gather_due = false;
        if (!deferred->state.fired && !deferred->state.ended)
            torc__gather_look(deferred->argument);
    }
    torc__leave(reactor, outer);
}

/* Frees one that is of no use to anybody any more. */
static void settle(torc_deferred *deferred)
{
    if (deferred->state.running || deferred->holds != 0 || deferred->state.asking)
        return;
    if (!deferred->state.ended) {
        if (!torc__deferred_is_dry(deferred) || deferred->waiter != NULL ||
            deferred->state.keeps_result)
            return;
        torc__deferred_report(deferred, deferred->result);
        torc_scope_remove(&deferred->place.scoped);
        deferred->state.ended = true;
    }
    if (TORC_UNLIKELY(deferred->state.late)) {
        torc_result_release(torc__deferred_take_result(deferred));
        park(deferred);
        return;
    }
    unpark(deferred);
    free_deferred(deferred);
}

/* Leaves them to be looked at again. */
static void put_back(torc_reactor *reactor, torc_deferred *dry)
{
    torc_deferred *last = dry;

    while (last->next_dry != NULL)
        last = last->next_dry;
    last->next_dry = reactor->dry;
    reactor->dry = dry;
}

void torc__settle_deferreds(torc_reactor *reactor)
{
    torc_deferred *dry = reactor->dry;

    if (dry == NULL)
        return;
    reactor->dry = NULL;
    /* All of what may run callbacks comes before the first freeing: they may know the others. */
    for (torc_deferred *deferred = dry; deferred != NULL; deferred = deferred->next_dry)
        if (TORC_UNLIKELY(is_due(deferred)))
            do_due(reactor, deferred);
    /* A coroutine that has yet to hear that its scope has ended may know them too. */
    if (TORC_UNLIKELY(!torc__list_is_empty(&reactor->after))) {
        put_back(reactor, dry);
        return;
    }
    while (dry != NULL) {
        torc_deferred *deferred = dry;

        dry = deferred->next_dry;
        deferred->state.queued = false;
        if (TORC_UNLIKELY(is_due(deferred)))
            torc__deferred_queue(deferred);
        else
            settle(deferred);
    }
    if (TORC_UNLIKELY(reactor->dry != NULL) && reactor->driver != NULL)
        reactor->driver->kind->wake(reactor->driver);
}

void torc__drop_late_deferreds(torc_reactor *reactor)
{
    torc__list *node;

    while (reactor->dry != NULL)
        torc__settle_deferreds(reactor);
    while ((node = torc__list_take_first(&reactor->late_deferreds)) != NULL)
        free_deferred(TORC_CONTAINER_OF(node, torc_deferred, place.late));
}
