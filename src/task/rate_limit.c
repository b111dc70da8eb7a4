/*
 * Rate limits: a token bucket, and those who wait for it in line.
 *
 * Whole numbers only, so that nothing is lost however long it runs. With a rate of `amount` in
 * `per` nanoseconds, reduced to lowest terms, the bucket counts in parts of a token: each token is
 * `per` parts, and each nanosecond brings `amount` parts.
 *
 * The timer runs for the first in line alone, and is set whenever who is first changes. Places in
 * the line are kept for reuse until the limit goes. Who waits may live in another scope than the
 * limit: whichever ends first takes the place out.
 */
#include <torc/jobs.h>
#include <torc/timer.h>

#include "base/memory.h"
#include "reactor/reactor.h"
#include "task/members.h"
#include "task/waiting.h"

enum { WAITERS_MAX = 1024 };

/* A timer that is later than this has been held up: then the rate is not made up for. */
#define LATENESS_MAX (100 * TORC_MILLISECOND)

typedef struct place {
    torc__list link; /* in the line, or among the free ones */
    torc_rate_limit *limit;
    torc_deferred *deferred;
    uint64_t amount;
} place;

struct torc_rate_limit {
    torc__grave grave; /* first */
    torc_scoped scoped;
    torc_timer timer;
    torc_reactor *reactor;
    torc_scope *scope;
    torc__list line;
    torc__list free_places;
    size_t waiters;
    size_t waiters_max;
    uint64_t amount;   /* parts that a nanosecond brings */
    uint64_t per;      /* parts of a token */
    uint64_t burst;    /* tokens that the bucket holds */
    uint64_t parts;    /* that are there, as of `counted` */
    torc_time counted;
    bool ended;        /* its memory stays until the turn is over */
};

/* -- the bucket ---------------------------------------------------------------------------- */

/* While somebody waits, what comes before a late timer does is not lost. */
static uint64_t capacity(const torc_rate_limit *self)
{
    uint64_t full = self->burst * self->per;

    return torc__list_is_empty(&self->line) ? full : full + self->amount * (uint64_t)LATENESS_MAX;
}

/* What came since it was counted last. Once it is full the rest runs over. */
static void count(torc_rate_limit *self)
{
    uint64_t full = capacity(self);
    torc_time now = torc_now(self->reactor);
    uint64_t elapsed = now > self->counted ? (uint64_t)(now - self->counted) : 0;

    self->counted = now;
    if (self->parts >= full || elapsed > (full - self->parts) / self->amount)
        self->parts = full;
    else
        self->parts += elapsed * self->amount;
}

static bool take(torc_rate_limit *self, uint64_t amount)
{
    uint64_t cost = amount * self->per;

    count(self);
    if (cost > self->parts)
        return false;
    self->parts -= cost;
    return true;
}

/* Rounded up: a timer must not come before the tokens are there. */
static torc_time time_to_have(const torc_rate_limit *self, uint64_t amount)
{
    uint64_t cost = amount * self->per;
    uint64_t missing = cost > self->parts ? cost - self->parts : 0;

    return (torc_time)(missing / self->amount + (missing % self->amount != 0));
}

/* -- the line ------------------------------------------------------------------------------ */

static place *first_in(const torc__list *list)
{
    return TORC_CONTAINER_OF(list->next, place, link);
}

static void free_place(place *freed)
{
    torc_rate_limit *self = freed->limit;

    torc__list_remove(&freed->link);
    torc__list_append(&self->free_places, &freed->link);
    freed->deferred = NULL;
    self->waiters--;
}

static void serve(void *argument);

static void wait_for_first(torc_rate_limit *self)
{
    if (torc__list_is_empty(&self->line))
        torc_timer_cancel(&self->timer);
    else
        torc_timer_set(&self->timer, self->scope,
            time_to_have(self, first_in(&self->line)->amount), serve, self);
}

/* Those who are served may end any place in the line, or the limit, which empties it. */
static void serve(void *argument)
{
    torc_rate_limit *self = argument;

    while (!torc__list_is_empty(&self->line)) {
        place *first = first_in(&self->line);
        torc_deferred *deferred = first->deferred;

        if (!take(self, first->amount))
            break;
        free_place(first);
        torc_fire(deferred, torc_nothing());
    }
    wait_for_first(self);
}

/* Those behind may want less than who has gone. */
static void left_the_line(torc_deferred *deferred, void *argument)
{
    place *left = argument;
    torc_rate_limit *self = left->limit;
    bool was_first = first_in(&self->line) == left;

    (void)deferred;
    free_place(left);
    if (!was_first)
        return;
    count(self);
    wait_for_first(self);
}

static place *new_place(torc_rate_limit *self)
{
    torc__list *link = torc__list_take_first(&self->free_places);

    if (link != NULL)
        return TORC_CONTAINER_OF(link, place, link);
    return torc__allocate_zeroed(sizeof(place));
}

static torc_deferred *get_in_line(torc_rate_limit *self, torc_scope *scope, uint64_t amount)
{
    place *last;

    if (self->waiters >= self->waiters_max)
        return torc_deferred_fired(scope, torc_fail_with(&torc_error_limit,
            "%zu wait for the rate limit already", self->waiters));
    last = new_place(self);
    if (last == NULL)
        return torc_deferred_fired(scope,
            torc_fail_with(&torc_error_out_of_memory, "cannot wait for the rate limit"));
    last->limit = self;
    last->amount = amount;
    last->deferred = torc_deferred_new(scope, left_the_line, last);
    torc__list_append(&self->line, &last->link);
    self->waiters++;
    if (self->waiters == 1)
        wait_for_first(self);
    return last->deferred;
}

/* -- taking -------------------------------------------------------------------------------- */

bool torc_rate_limit_try(torc_rate_limit *limit, uint64_t amount)
{
    torc__check_thread(limit->reactor, "torc_rate_limit_try");
    return amount <= limit->burst && !limit->ended && torc__list_is_empty(&limit->line) &&
        take(limit, amount);
}

torc_deferred *torc_rate_limit_take(torc_rate_limit *limit, torc_scope *scope, uint64_t amount)
{
    torc__check_thread(scope->reactor, "torc_rate_limit_take");
    if (scope->ended)
        return torc_deferred_new(scope, NULL, NULL);
    if (amount > limit->burst)
        return torc_deferred_fired(scope, torc_fail_with(&torc_error_invalid_argument,
            "%llu is more than the rate limit ever has at once, which is %llu",
            (unsigned long long)amount, (unsigned long long)limit->burst));
    if (torc_rate_limit_try(limit, amount))
        return torc_deferred_fired(scope, torc_nothing());
    if (limit->ended)
        return torc_deferred_fired(scope,
            torc_fail_with(&torc_error_cancelled, "the scope of the rate limit has ended"));
    return get_in_line(limit, scope, amount);
}

/* -- making and ending --------------------------------------------------------------------- */

static void free_limit(torc__grave *grave)
{
    torc_rate_limit *self = TORC_CONTAINER_OF(grave, torc_rate_limit, grave);
    torc__list *link;

    while ((link = torc__list_take_first(&self->free_places)) != NULL)
        torc__free(TORC_CONTAINER_OF(link, place, link));
    torc__free(self);
}

static void scope_ended(torc_scoped *scoped)
{
    torc_rate_limit *self = TORC_CONTAINER_OF(scoped, torc_rate_limit, scoped);

    self->ended = true;
    torc_timer_cancel(&self->timer);
    while (!torc__list_is_empty(&self->line)) {
        place *first = first_in(&self->line);

        torc__bereave(first->deferred);
        free_place(first);
    }
    torc__bury(self->reactor, &self->grave, free_limit);
}

const torc__member_kind torc__members_rate_limit = { .end = scope_ended };

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* False where the parts of a full bucket are too many to be counted. */
static bool set_rate(torc_rate_limit *self, const torc_rate_limit_options *options)
{
    uint64_t amount = options->amount != 0 ? options->amount : 1;
    uint64_t per = options->per > 0 ? (uint64_t)options->per : (uint64_t)TORC_SECOND;
    uint64_t divisor = common_divisor(amount, per);

    self->burst = options->burst != 0 ? options->burst : amount;
    self->amount = amount / divisor;
    self->per = per / divisor;
    if (self->burst > INT64_MAX / self->per || self->amount > INT64_MAX / LATENESS_MAX)
        return false;
    self->parts = self->burst * self->per;
    return true;
}

torc_rate_limit *torc_rate_limit_new(torc_scope *scope, const torc_rate_limit_options *options)
{
    static const torc_rate_limit_options usual;
    torc_rate_limit *self;

    torc__check_thread(scope->reactor, "torc_rate_limit_new");
    if (options == NULL)
        options = &usual;
    self = scope->ended ? NULL : torc__allocate_zeroed(sizeof(*self));
    if (self == NULL || !set_rate(self, options)) {
        torc__free(self);
        return NULL;
    }
    self->reactor = scope->reactor;
    self->scope = scope;
    self->counted = torc_now(scope->reactor);
    self->waiters_max = options->waiters_max != 0 ? options->waiters_max : WAITERS_MAX;
    torc__list_init(&self->line);
    torc__list_init(&self->free_places);
    torc_scope_add(scope, &self->scoped, scope_ended);
    return self;
}
