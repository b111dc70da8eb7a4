/*
 * Gathers: a link at the end of the chain of each part, and one deferred that they decide.
 *
 * A gather is one block: what it knows, its parts, and the list that becomes its result. The list
 * counts who needs the block: each part that is open, the deferred until it has its outcome, and
 * whoever holds the list. Once it is settled the parts that are still open only let go.
 *
 * A part that is lost, because its scope ended, runs nothing there and then: the gather is due, and
 * looks at its parts when the turn is over (ending.c).
 */
#include <torc/gather.h>

#include "deferred/deferred.h"

#include "base/memory.h"
#include "base/result_list.h"
#include "base/text_writer.h"

#include <stdint.h>

const torc_failure_type torc_error_all_failed = { "AllFailed", &torc_error };

typedef enum gather_kind {
    ALL,
    OUTCOMES,
    FIRST_SUCCESS,
    RACE,
} gather_kind;

typedef struct part {
    struct gather *owner;
    torc_deferred *deferred; /* NULL: it has its outcome */
} part;

typedef struct gather {
    torc__list_value list; /* first: the block is the list's */
    torc_deferred *result; /* NULL: it has been given its outcome, or needs none */
    part *parts;
    size_t count;
    size_t open;    /* parts that have no outcome yet */
    size_t decider; /* the part that decides; `count` while none does */
    gather_kind kind;
    bool settled;
    torc_result items[]; /* and behind them the parts */
} gather;

/* A race's result needs two items, however many run. */
enum { ITEMS_MIN = 2 };

/* -- the outcome --------------------------------------------------------------------------- */

static torc_result list_of(gather *self)
{
    self->list.holders++;
    return torc_value(&torc_type_list, &self->list);
}

static torc_result part_failed(gather *self)
{
    torc_failure *failure = torc_failure_hold(torc_result_failure(self->items[self->decider]));

    return torc_fail(torc_failure_wrap(failure, "number %zu of %zu: %s", self->decider + 1,
        self->count, torc_failure_text(failure)));
}

static torc_result all_failed(const gather *self)
{
    char text[1024];
    torc__text_writer writer;
    torc_failure *failure;

    if (self->count == 0)
        return torc_fail_with(&torc_error_all_failed, "there was none that could succeed");
    torc__text_writer_init(&writer, text, sizeof text);
    for (size_t i = 0; i < self->count; i++) {
        failure = torc_result_failure(self->items[i]);
        torc__text_printf(&writer, "%s%zu: %s: %s", i > 0 ? "; " : "", i + 1,
            torc_failure_type_of(failure)->name, torc_failure_text(failure));
    }
    (void)torc__text_finish(&writer);
    failure = torc_failure_new(
        &torc_error_all_failed, "none of %zu succeeded: %s", self->count, text);
    return torc_fail(torc_failure_because(
        failure, torc_failure_hold(torc_result_failure(self->items[0]))));
}

static torc_result take_item(gather *self, size_t index)
{
    torc_result item = self->items[index];

    self->items[index] = torc_nothing();
    return item;
}

static torc_result won(gather *self)
{
    torc_result value = take_item(self, self->decider);

    torc__list_value_clear(&self->list);
    self->items[0] = torc_integer((int64_t)self->decider);
    self->items[1] = value;
    self->list.length = 2;
    return list_of(self);
}

static torc_result outcome(gather *self)
{
    bool decided = self->decider < self->count;

    if (self->kind == OUTCOMES || (self->kind == ALL && !decided))
        return list_of(self);
    if (!decided)
        return all_failed(self);
    if (torc_is_failure(self->items[self->decider]))
        return part_failed(self);
    return self->kind == RACE ? won(self) : take_item(self, self->decider);
}

/* -- settling ------------------------------------------------------------------------------ */

static void cancel_open(gather *self)
{
    for (size_t i = 0; i < self->count && self->open > 0; i++)
        if (self->parts[i].deferred != NULL)
            torc_cancel(self->parts[i].deferred);
}

/* Cancelling may run the program's code, which may end the gather: then there is nobody to tell. */
static void settle(gather *self)
{
    torc_deferred *result;
    torc_result given;

    self->settled = true;
    self->list.holders++;
    cancel_open(self);
    result = self->result;
    if (result != NULL) {
        self->result = NULL;
        given = outcome(self);
        /* What is not part of the result is released now, and not when the last part lets go. */
        if (given.type != &torc_type_list || given.as.pointer != &self->list)
            torc__list_value_clear(&self->list);
        torc__list_value_release(&self->list);
        torc_fire(result, given);
    }
    torc__list_value_release(&self->list);
}

static void settle_if_decided(gather *self)
{
    if (!self->settled && (self->decider < self->count || self->open == 0))
        settle(self);
}

static void cancel_gather(torc_deferred *deferred, void *argument)
{
    gather *self = argument;

    self->settled = true;
    self->result = NULL;
    torc__list_value_clear(&self->list);
    if (!deferred->state.ended)
        cancel_open(self);
    /* At the end of a scope nothing runs: what is left hears of it when the turn is over. */
    for (size_t i = 0; i < self->count; i++) {
        torc_deferred *open = self->parts[i].deferred;

        if (open != NULL && deferred->state.ended) {
            open->state.cancel_due = true;
            torc__deferred_queue_due(open);
        }
    }
    torc__list_value_release(&self->list);
}

/* -- the parts ----------------------------------------------------------------------------- */

static bool decides(gather_kind kind, torc_result result)
{
    switch (kind) {
    case ALL:
        return torc_is_failure(result);
    case FIRST_SUCCESS:
        return !torc_is_failure(result);
    case RACE:
        return true;
    case OUTCOMES:
        break;
    }
    return false;
}

/* Takes `result` over. */
static void note_outcome(part *self, torc_result result)
{
    gather *owner = self->owner;
    size_t index = (size_t)(self - owner->parts);

    self->deferred = NULL;
    owner->open--;
    if (owner->settled) {
        torc_result_release(result);
        return;
    }
    owner->items[index] = result;
    if (owner->decider == owner->count && decides(owner->kind, result))
        owner->decider = index;
}

torc_result torc__gather_take(void *taken, torc_result result)
{
    part *self = taken;
    gather *owner = self->owner;

    note_outcome(self, torc_result_hold(result));
    /* While the parts are still being linked, nothing is settled: torc_gather does it then. */
    if (owner->result != NULL)
        settle_if_decided(owner);
    torc__list_value_release(&owner->list);
    return torc_nothing();
}

void torc__gather_lose(void *lost)
{
    part *self = lost;
    gather *owner = self->owner;

    note_outcome(self, torc__cancelled("its scope ended before there was a result"));
    if (!owner->settled) {
        owner->result->state.gather_due = true;
        torc__deferred_queue_due(owner->result);
    }
    torc__list_value_release(&owner->list);
}

void torc__gather_look(void *argument)
{
    settle_if_decided(argument);
}

/* -- making -------------------------------------------------------------------------------- */

static void take_over(
    const torc_scope *scope, torc_deferred *const *deferreds, size_t count, const char *call)
{
    torc__check_thread(scope->reactor, call);
    for (size_t i = 0; i < count; i++) {
        torc__deferred_check(deferreds[i], call);
        if (TORC_UNLIKELY(deferreds[i]->reactor != scope->reactor))
            torc__abort("%s: number %zu of the deferreds belongs to another reactor; pass results "
                        "between reactors by torc_call_from_thread", call, i + 1);
        if (TORC_UNLIKELY(torc__deferred_is_taken(deferreds[i])))
            torc__abort("%s: number %zu of the deferreds is waited for or gathered already; let "
                        "the first one's callback fire a deferred for each who wants the result",
                call, i + 1);
        deferreds[i]->state.gathered = true;
        torc__deferred_let_go(deferreds[i]);
        deferreds[i]->state.cancel_due = false;
    }
}

static torc_result drop(void *unused, torc_result result)
{
    (void)unused;
    (void)result;
    return torc_nothing();
}

/* Without a gather the parts have nobody left who would take what comes of them. */
static void abandon(torc_deferred *const *deferreds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        torc_add_both(deferreds[i], drop, NULL);
        torc_cancel(deferreds[i]);
    }
}

static gather *allocate(gather_kind kind, size_t count)
{
    size_t items = count > ITEMS_MIN ? count : ITEMS_MIN;
    gather *self;

    if (count > SIZE_MAX / 2 / (sizeof(torc_result) + sizeof(part)))
        return NULL;
    self = torc__allocate_zeroed(
        sizeof *self + items * sizeof(torc_result) + count * sizeof(part));
    if (self == NULL)
        return NULL;
    self->list.holders = 1 + count;
    self->list.length = count;
    self->list.capacity = items;
    self->list.items = self->items;
    self->list.items_inside = true;
    self->parts = (part *)(void *)&self->items[items];
    self->count = self->open = self->decider = count;
    self->kind = kind;
    return self;
}

static void link_parts(gather *self, torc_deferred *const *deferreds)
{
    for (size_t i = 0; i < self->count; i++) {
        self->parts[i].owner = self;
        self->parts[i].deferred = deferreds[i];
        if (!deferreds[i]->state.ended) {
            torc_add_both(deferreds[i], torc__gather_take, &self->parts[i]);
            continue;
        }
        note_outcome(&self->parts[i], torc__cancelled("its scope has ended"));
        torc__list_value_release(&self->list);
    }
}

static torc_deferred *gather_all(gather_kind kind, torc_scope *scope,
    torc_deferred *const *deferreds, size_t count, const char *call)
{
    torc_deferred *result;
    gather *self;

    take_over(scope, deferreds, count, call);
    self = scope->ended ? NULL : allocate(kind, count);
    if (self == NULL) {
        result = torc_deferred_fired(scope, torc_fail_with(&torc_error_out_of_memory,
            "%s: no memory to wait for %zu deferreds", call, count));
        abandon(deferreds, count);
        return result;
    }
    link_parts(self, deferreds);
    result = self->result = torc_deferred_new(scope, cancel_gather, self);
    settle_if_decided(self);
    return result;
}

torc_deferred *torc_gather(torc_scope *scope, torc_deferred *const *deferreds, size_t count)
{
    return gather_all(ALL, scope, deferreds, count, "torc_gather");
}

torc_deferred *torc_gather_outcomes(
    torc_scope *scope, torc_deferred *const *deferreds, size_t count)
{
    return gather_all(OUTCOMES, scope, deferreds, count, "torc_gather_outcomes");
}

torc_deferred *torc_first_success(
    torc_scope *scope, torc_deferred *const *deferreds, size_t count)
{
    return gather_all(FIRST_SUCCESS, scope, deferreds, count, "torc_first_success");
}

torc_deferred *torc_race(torc_scope *scope, torc_deferred *const *deferreds, size_t count)
{
    return gather_all(RACE, scope, deferreds, count, "torc_race");
}
