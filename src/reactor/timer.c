/*
 * Delayed calls: embedded timers on the wheel, and the engine's own slots with a timer inside.
 *
 * A slot is never given back to the heap before the reactor goes, so a handle may always look at
 * its slot; the generation tells whether the slot is still about the handle's call.
 */
#include "reactor/reactor.h"

#include "base/memory.h"
#include "reactor/members.h"

#include <stdio.h>

enum { SLOTS_PER_BLOCK = 32 };

typedef struct torc_delayed_slot {
    torc_timer timer; /* first */
    uint64_t generation;           /* goes up when the call has run or was cancelled */
    uint64_t cancelled_generation; /* the last one that was cancelled */
    torc_call *call;
    void *argument;
    struct torc_delayed_slot *next_free;
} delayed_slot;

typedef struct torc__delayed_block {
    struct torc__delayed_block *next;
    delayed_slot slots[SLOTS_PER_BLOCK];
} delayed_block;

/* -- embedded timers ----------------------------------------------------------------------- */

static void timer_scope_ended(torc_scoped *scoped)
{
    torc_timer *timer = TORC_CONTAINER_OF(scoped, torc_timer, scoped);

    if (timer->link != NULL)
        torc__wheel_remove(&timer->scope->reactor->wheel, timer);
}

static void disarm(torc_timer *timer)
{
    torc__wheel_remove(&timer->scope->reactor->wheel, timer);
    torc_scope_remove(&timer->scoped);
}

/* Between turns, as in a loop of another's, the clock of the last turn may be long past. */
static torc_time deadline_after(torc_reactor *reactor, torc_time delay)
{
    if (!reactor->in_turn)
        reactor->now = reactor->driver->kind->now(reactor->driver);
    return torc_time_add(reactor->now, delay > 0 ? delay : 0);
}

static void arm(torc_timer *timer, torc_scope *scope, torc_time deadline,
    void (*scope_ended)(torc_scoped *scoped))
{
    timer->deadline = deadline;
    timer->scope = scope;
    torc__wheel_insert(&scope->reactor->wheel, timer);
    torc_scope_add(scope, &timer->scoped, scope_ended);
}

/*
 * The common case of a timeout that is put off again and again: it stays where it is filed. One
 * whose time has come must be filed anew: it may be among those that this turn is about to run.
 */
static bool can_stay_filed(const torc_timer *timer, torc_time deadline)
{
    return deadline >= timer->deadline && timer->deadline > timer->scope->reactor->now;
}

static void move_in_place(torc_timer *timer, torc_time deadline)
{
    timer->deadline = deadline;
    timer->sequence = timer->scope->reactor->wheel.sequence++;
}

void torc_timer_set(
    torc_timer *timer, torc_scope *scope, torc_time delay, torc_call *call, void *argument)
{
    torc_reactor *reactor = scope->reactor;
    torc_time deadline = deadline_after(reactor, delay);

    torc__check_thread(reactor, "torc_timer_set");
    timer->call = call;
    timer->argument = argument;
    if (timer->link != NULL) {
        if (timer->scope == scope && can_stay_filed(timer, deadline)) {
            move_in_place(timer, deadline);
            return;
        }
        disarm(timer);
    }
    if (!scope->ended)
        arm(timer, scope, deadline, timer_scope_ended);
}

void torc_timer_cancel(torc_timer *timer)
{
    if (timer->link == NULL)
        return;
    torc__check_thread(timer->scope->reactor, "torc_timer_cancel");
    disarm(timer);
}

bool torc_timer_is_set(const torc_timer *timer)
{
    return timer->link != NULL;
}

/* -- slots of delayed calls ---------------------------------------------------------------- */

static bool add_block(torc_reactor *reactor)
{
    delayed_block *block = torc__allocate_zeroed(sizeof *block);

    if (block == NULL)
        return false;
    block->next = reactor->delayed_blocks;
    reactor->delayed_blocks = block;
    for (size_t i = 0; i < SLOTS_PER_BLOCK; i++) {
        block->slots[i].generation = 1;
        block->slots[i].next_free = reactor->free_delayed;
        reactor->free_delayed = &block->slots[i];
    }
    return true;
}

static void free_slot(torc_reactor *reactor, delayed_slot *slot)
{
    slot->generation++;
    slot->next_free = reactor->free_delayed;
    reactor->free_delayed = slot;
}

static void slot_scope_ended(torc_scoped *scoped)
{
    torc_timer *timer = TORC_CONTAINER_OF(scoped, torc_timer, scoped);
    delayed_slot *slot = TORC_CONTAINER_OF(timer, delayed_slot, timer);
    torc_reactor *reactor = timer->scope->reactor;

    torc__wheel_remove(&reactor->wheel, timer);
    slot->cancelled_generation = slot->generation;
    free_slot(reactor, slot);
}

/* The slot goes first, so that inside its call the handle says "already called". */
static void run_slot(void *argument)
{
    delayed_slot *slot = argument;
    torc_call *call = slot->call;
    void *call_argument = slot->argument;

    free_slot(slot->timer.scope->reactor, slot);
    call(call_argument);
}

torc_delayed_call torc_call_later(
    torc_scope *scope, torc_time delay, torc_call *call, void *argument)
{
    torc_reactor *reactor = scope->reactor;
    torc_delayed_call handle = { NULL, 0 };
    delayed_slot *slot;

    torc__check_thread(reactor, "torc_call_later");
    if (scope->ended || (reactor->free_delayed == NULL && !add_block(reactor)))
        return handle;
    slot = reactor->free_delayed;
    reactor->free_delayed = slot->next_free;
    slot->call = call;
    slot->argument = argument;
    slot->timer.call = run_slot;
    slot->timer.argument = slot;
    arm(&slot->timer, scope, deadline_after(reactor, delay), slot_scope_ended);
    handle.slot = slot;
    handle.generation = slot->generation;
    return handle;
}

torc_delayed_call torc_call_soon(torc_scope *scope, torc_call *call, void *argument)
{
    torc__check_thread(scope->reactor, "torc_call_soon");
    return torc_call_later(scope, 0, call, argument);
}

static torc_delayed_status status_of(const torc_delayed_call *delayed)
{
    const delayed_slot *slot = delayed->slot;

    if (slot == NULL)
        return TORC_DELAYED_ALREADY_CANCELLED;
    if (slot->generation == delayed->generation)
        return TORC_DELAYED_OK;
    return slot->cancelled_generation == delayed->generation ? TORC_DELAYED_ALREADY_CANCELLED
                                                             : TORC_DELAYED_ALREADY_CALLED;
}

torc_delayed_status torc_delayed_cancel(torc_delayed_call *delayed)
{
    torc_delayed_status status = status_of(delayed);
    delayed_slot *slot = delayed->slot;
    torc_reactor *reactor;

    if (status != TORC_DELAYED_OK)
        return status;
    reactor = slot->timer.scope->reactor;
    torc__check_thread(reactor, "torc_delayed_cancel");
    disarm(&slot->timer);
    slot->cancelled_generation = slot->generation;
    free_slot(reactor, slot);
    delayed->slot = NULL;
    return TORC_DELAYED_OK;
}

void torc__delayed_drop(struct torc_delayed_slot *slot, torc_call *call, const void *argument)
{
    if (slot->timer.link == NULL || slot->call != call || slot->argument != argument)
        return;
    disarm(&slot->timer);
    slot->cancelled_generation = slot->generation;
    free_slot(slot->timer.scope->reactor, slot);
}

static torc_delayed_status move_to(torc_delayed_call *delayed, torc_time deadline)
{
    torc_timer *timer = &delayed->slot->timer;
    torc__wheel *wheel = &timer->scope->reactor->wheel;

    if (can_stay_filed(timer, deadline)) {
        move_in_place(timer, deadline);
        return TORC_DELAYED_OK;
    }
    torc__wheel_remove(wheel, timer);
    timer->deadline = deadline;
    torc__wheel_insert(wheel, timer);
    return TORC_DELAYED_OK;
}

torc_delayed_status torc_delayed_reset(torc_delayed_call *delayed, torc_time delay)
{
    torc_delayed_status status = status_of(delayed);
    torc_reactor *reactor;

    if (status != TORC_DELAYED_OK)
        return status;
    reactor = delayed->slot->timer.scope->reactor;
    torc__check_thread(reactor, "torc_delayed_reset");
    return move_to(delayed, deadline_after(reactor, delay));
}

torc_delayed_status torc_delayed_delay(torc_delayed_call *delayed, torc_time extra)
{
    torc_delayed_status status = status_of(delayed);
    const torc_timer *timer;

    if (status != TORC_DELAYED_OK)
        return status;
    timer = &delayed->slot->timer;
    torc__check_thread(timer->scope->reactor, "torc_delayed_delay");
    return move_to(delayed, torc_time_add(timer->deadline, extra));
}

bool torc_delayed_is_active(const torc_delayed_call *delayed)
{
    return status_of(delayed) == TORC_DELAYED_OK;
}

torc_time torc_delayed_time(const torc_delayed_call *delayed)
{
    return torc_delayed_is_active(delayed) ? delayed->slot->timer.deadline : TORC_NEVER;
}

/* -- for whoever lists what is under way --------------------------------------------------- */

static void describe_timer(const torc_scoped *scoped, char *text, size_t size)
{
    const torc_timer *timer = TORC_CONTAINER_OF(scoped, torc_timer, scoped);
    torc_time left = timer->deadline - timer->scope->reactor->now;

    snprintf(text, size, "in %.9g s", (double)left / (double)TORC_SECOND);
}

const torc__member_kind torc__members_timer = {
    .end = timer_scope_ended,
    .name = "timer",
    .describe = describe_timer,
};

const torc__member_kind torc__members_delayed_call = {
    .end = slot_scope_ended,
    .name = "delayed call",
    .describe = describe_timer,
};

/* -- the turn's part ----------------------------------------------------------------------- */

/* Takes out what is due before any of it runs, so that what is set meanwhile waits for a turn. */
void torc__run_timers(torc_reactor *reactor)
{
    torc__wheel *wheel = &reactor->wheel;

    torc__wheel_advance(wheel, reactor->now);
    while (wheel->due != NULL) {
        torc_timer *timer = wheel->due;
        const torc__context *outer = torc__enter(reactor, timer->scope->context);

        disarm(timer);
        timer->call(timer->argument);
        torc__leave(reactor, outer);
    }
}

void torc__timers_drop(torc_reactor *reactor)
{
    while (reactor->delayed_blocks != NULL) {
        delayed_block *block = reactor->delayed_blocks;

        reactor->delayed_blocks = block->next;
        torc__free(block);
    }
}
