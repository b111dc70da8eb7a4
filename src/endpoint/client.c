/*
 * A client's life:
 *
 *     CONNECTING -> PREPARING -> CONNECTED -> WAITING -> CONNECTING ...
 *          '------------'--failed-------------^  '-> GIVEN_UP
 *     any of them --torc_client_stop--> STOPPING -> freed
 *
 * The connection lives in the client's scope. That it has ended is heard by a member in the
 * connection's own scope, which ends right after connection_lost. One deferred chain is under way
 * in CONNECTING and PREPARING, `attempt`; cancelling it stops either.
 */
#include <torc/client.h>
#include <torc/log.h>

#include "base/abort.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/random.h"
#include "endpoint/endpoint.h"
#include "reactor/reactor.h"

#include <stdio.h>

#define FIRST_DELAY   TORC_SECOND
#define LONGEST_DELAY (60 * TORC_SECOND)

enum { GROWTH_PERCENT = 50, DESCRIPTION_MAX = 1026 };

typedef enum client_state {
    CONNECTING,
    PREPARING,
    CONNECTED,
    WAITING,
    GIVEN_UP,
    STOPPING,
    STOPPED,
} client_state;

typedef struct waiter {
    torc__list link;
    torc_client *client;
    torc_deferred *deferred;
    size_t failures_left; /* 0: any number */
} waiter;

struct torc_client {
    torc__grave grave;
    torc_scoped scoped;
    torc_scoped watch;       /* in the connection's scope */
    torc__task task;         /* stopping, once nothing is under way */
    torc_timer timer;
    torc_reactor *reactor;
    torc_scope *scope;
    torc_factory *factory;
    torc_client_options options;
    torc__random random;
    torc_deferred *attempt;  /* under way; or NULL */
    torc_deferred *stopped;  /* asked for; or NULL */
    torc_protocol *protocol; /* from its connection_made on until its connection is lost */
    torc_failure *failure;   /* the last */
    torc__list waiters;
    torc_time delay;         /* the next, before chance has its part */
    size_t failures;
    client_state state;
    char description[DESCRIPTION_MAX];
};

/* -- who waits ----------------------------------------------------------------------------- */

static torc_deferred *take_waiter(waiter *self)
{
    torc_deferred *deferred = self->deferred;

    torc__list_remove(&self->link);
    torc__free(self);
    return deferred;
}

static void cancel_waiter(torc_deferred *deferred, void *argument)
{
    (void)deferred;
    (void)take_waiter(argument);
}

/* Each callback may have others wait, or stop the client: those who come later are not told. */
static void tell_connected(torc_client *self)
{
    torc__list waiters;
    torc__list *link;

    torc__list_move(&self->waiters, &waiters);
    while ((link = torc__list_take_first(&waiters)) != NULL) {
        torc_protocol *protocol = self->state == CONNECTED ? self->protocol : NULL;
        torc_deferred *deferred = take_waiter(TORC_CONTAINER_OF(link, waiter, link));

        if (protocol != NULL)
            torc_fire(deferred, torc_pointer(protocol));
        else
            torc_fire(deferred, torc_fail_with(&torc_error_cancelled,
                "the connection to %s was lost again", self->description));
    }
}

/* All, or those whose patience is at its end. */
static void tell_failed(torc_client *self, bool all)
{
    torc_failure *failure = torc_failure_hold(self->failure);
    torc__list waiters;
    torc__list *link;

    torc__list_move(&self->waiters, &waiters);
    while ((link = torc__list_take_first(&waiters)) != NULL) {
        waiter *each = TORC_CONTAINER_OF(link, waiter, link);

        if (all || (each->failures_left > 0 && --each->failures_left == 0))
            torc_fire(take_waiter(each), torc_fail(torc_failure_hold(failure)));
        else
            torc__list_append(&self->waiters, link);
    }
    torc_failure_release(failure);
}

/* -- ending -------------------------------------------------------------------------------- */

static void free_client(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, torc_client, grave));
}

static void bury(torc_client *self)
{
    torc_factory_release(self->factory);
    torc_failure_release(self->failure);
    self->failure = NULL;
    torc__bury(self->reactor, &self->grave, free_client);
}

/* The deferreds end with the scope by themselves, that of what is under way too. */
static void end_client(torc_scoped *scoped)
{
    torc_client *self = TORC_CONTAINER_OF(scoped, torc_client, scoped);
    torc__list *link;

    self->attempt = NULL;
    self->state = STOPPED;
    torc_timer_cancel(&self->timer);
    torc__cancel_task(&self->task);
    torc_scope_remove(&self->watch);
    while ((link = torc__list_take_first(&self->waiters)) != NULL)
        torc__free(TORC_CONTAINER_OF(link, waiter, link));
    bury(self);
}

static void describe(const torc_scoped *scoped, char *text, size_t size)
{
    snprintf(text, size, "%s", TORC_CONTAINER_OF(scoped, torc_client, scoped)->description);
}

const torc__member_kind torc__members_client = {
    .end = end_client,
    .name = "client",
    .describe = describe,
};

static void set_failure(torc_client *self, torc_failure *failure)
{
    torc_failure_release(self->failure);
    self->failure = failure;
}

/* From a task: nothing is under way any more. */
static void finish(torc__task *task)
{
    torc_client *self = TORC_CONTAINER_OF(task, torc_client, task);
    torc_deferred *stopped;

    set_failure(self, torc_failure_new(
        &torc_error_cancelled, "the client of %s was stopped", self->description));
    tell_failed(self, true);
    /* A callback may have ended the scope, and with it all of this. */
    if (self->state == STOPPED)
        return;
    self->state = STOPPED;
    stopped = self->stopped;
    self->stopped = NULL;
    torc_scope_remove(&self->scoped);
    bury(self);
    if (stopped != NULL)
        torc_fire(stopped, torc_nothing());
}

/* -- trying again -------------------------------------------------------------------------- */

static void connect_now(torc_client *self);

static void delay_is_over(void *argument)
{
    connect_now(argument);
}

/* Between a half and the whole of the delay. */
static void wait_a_while(torc_client *self)
{
    uint64_t half = (uint64_t)self->delay / 2;
    torc_time delay = self->delay - (torc_time)torc__random_below(&self->random, half + 1);
    torc_time longer = self->delay + self->delay / 100 * (torc_time)self->options.growth_percent;

    self->state = WAITING;
    self->delay = longer < self->options.longest_delay ? longer : self->options.longest_delay;
    torc_timer_set(&self->timer, self->scope, delay, delay_is_over, self);
}

static void give_up(torc_client *self)
{
    self->state = GIVEN_UP;
    torc_log_warn("gave up connecting to %s after %zu failures; the last: %s", self->description,
        self->failures, torc_failure_text(self->failure));
    tell_failed(self, true);
}

/* Takes over `failure`. */
static void note_failure(torc_client *self, torc_failure *failure)
{
    set_failure(self, failure);
    self->failures++;
    if (self->options.failures_max != 0 && self->failures >= self->options.failures_max) {
        give_up(self);
        return;
    }
    torc_log_info("%s; trying again", torc_failure_text(failure));
    wait_a_while(self);
    tell_failed(self, false);
}

/* -- a connection -------------------------------------------------------------------------- */

static void connection_ended(torc_scoped *scoped)
{
    torc_client *self = TORC_CONTAINER_OF(scoped, torc_client, watch);
    torc_deferred *attempt = self->attempt;
    client_state before = self->state;

    self->protocol = NULL;
    self->attempt = NULL;
    if (before == STOPPING)
        torc__queue_task(self->reactor, &self->task);
    else if (before == CONNECTED)
        wait_a_while(self);
    else
        self->state = WAITING;
    if (before != PREPARING)
        return;
    /* Its failure is not told by the chain, which is not the attempt's any more. */
    if (attempt != NULL)
        torc_cancel(attempt);
    note_failure(self, torc_failure_new(&torc_error_connection_lost,
        "the connection to %s was lost while it was prepared", self->description));
}

static torc_result connection_made(void *argument, torc_result result)
{
    torc_client *self = argument;

    self->protocol = torc_result_pointer(result);
    self->state = PREPARING;
    torc_scope_add(torc_scope_of(self->protocol), &self->watch, connection_ended);
    if (self->options.prepare == NULL)
        return torc_nothing();
    return self->options.prepare(self->options.context, self->protocol);
}

static torc_result has_prepared(void *argument, torc_result result)
{
    torc_client *self = argument;

    (void)result;
    if (self->attempt == NULL)
        return torc_nothing();
    self->attempt = NULL;
    self->state = CONNECTED;
    self->failures = 0;
    self->delay = self->options.first_delay;
    tell_connected(self);
    return torc_nothing();
}

static torc_result has_failed(void *argument, torc_result failed)
{
    torc_client *self = argument;
    torc_protocol *protocol = self->protocol;

    if (self->attempt == NULL)
        return torc_nothing();
    self->attempt = NULL;
    self->protocol = NULL;
    torc_scope_remove(&self->watch);
    if (protocol != NULL)
        torc_abort_connection(protocol->transport);
    note_failure(self, torc_failure_hold(torc_result_failure(failed)));
    return torc_nothing();
}

static void connect_now(torc_client *self)
{
    torc_deferred *attempt =
        torc_connect(self->scope, self->description, torc_factory_hold(self->factory));

    self->state = CONNECTING;
    self->attempt = attempt;
    torc_add_callback(attempt, connection_made, self);
    torc_add_callbacks(attempt, has_prepared, has_failed, self);
}

/* -- what a program asks for --------------------------------------------------------------- */

static void set_options(torc_client *self, const torc_client_options *options)
{
    if (options != NULL)
        self->options = *options;
    if (self->options.first_delay <= 0)
        self->options.first_delay = FIRST_DELAY;
    if (self->options.longest_delay <= 0)
        self->options.longest_delay = LONGEST_DELAY;
    if (self->options.longest_delay < self->options.first_delay)
        self->options.longest_delay = self->options.first_delay;
    if (self->options.growth_percent == 0)
        self->options.growth_percent = GROWTH_PERCENT;
    self->delay = self->options.first_delay;
}

torc_client *torc_client_start(torc_scope *scope, const char *description, torc_factory *factory,
    const torc_client_options *options)
{
    torc_client *self = torc__allocate_vital(sizeof(*self));

    torc__check_thread(torc_scope_reactor(scope), "torc_client_start");
    if (self == NULL)
        torc__abort_out_of_memory("a client (torc_client_start)");
    self->reactor = torc_scope_reactor(scope);
    self->scope = scope;
    self->factory = factory;
    self->task.run = finish;
    torc__list_init(&self->waiters);
    torc__random_init(&self->random);
    snprintf(self->description, sizeof(self->description), "%s", description);
    set_options(self, options);
    if (torc_scope_has_ended(scope)) {
        self->state = STOPPED;
        bury(self);
        return self;
    }
    torc_scope_add(scope, &self->scoped, end_client);
    connect_now(self);
    return self;
}

torc_client *torc_client_start_at(torc_scope *scope, const torc_endpoint *endpoint,
    torc_factory *factory, const torc_client_options *options)
{
    char text[DESCRIPTION_MAX];

    torc_endpoint_describe(endpoint, false, text, sizeof(text));
    return torc_client_start(scope, text, factory, options);
}

static torc_deferred *new_waiter(torc_client *self, size_t failures_max)
{
    waiter *each = torc__allocate_zeroed(sizeof(*each));

    if (each == NULL)
        return torc_deferred_fired(self->scope, torc_fail_with(&torc_error_out_of_memory,
            "cannot wait for the connection to %s", self->description));
    each->client = self;
    each->failures_left = failures_max;
    each->deferred = torc_deferred_new(self->scope, cancel_waiter, each);
    torc__list_append(&self->waiters, &each->link);
    return each->deferred;
}

torc_deferred *torc_client_when_connected(torc_client *self, size_t failures_max)
{
    torc__check_thread(self->reactor, "torc_client_when_connected");
    switch (self->state) {
    case CONNECTED:
        return torc_deferred_fired(self->scope, torc_pointer(self->protocol));
    case GIVEN_UP:
        return torc_deferred_fired(self->scope, torc_fail(torc_failure_hold(self->failure)));
    case STOPPING:
    case STOPPED:
        return torc_deferred_fired(self->scope, torc_fail_with(&torc_error_cancelled,
            "the client of %s was stopped", self->description));
    default:
        return new_waiter(self, failures_max);
    }
}

torc_protocol *torc_client_protocol(const torc_client *self)
{
    return self->state == CONNECTED ? self->protocol : NULL;
}

size_t torc_client_failures(const torc_client *self)
{
    return self->failures;
}

/* It stops all the same: only nobody is told. */
static void cancel_stopping(torc_deferred *deferred, void *argument)
{
    torc_client *self = argument;

    (void)deferred;
    self->stopped = NULL;
}

static void stop(torc_client *self)
{
    torc_protocol *protocol = self->protocol;
    torc_deferred *attempt = self->attempt;

    self->state = STOPPING;
    self->attempt = NULL;
    torc_timer_cancel(&self->timer);
    if (attempt != NULL)
        torc_cancel(attempt);
    if (protocol != NULL)
        torc_lose_connection(protocol->transport);
    else
        torc__queue_task(self->reactor, &self->task);
}

torc_deferred *torc_client_stop(torc_client *self)
{
    torc_deferred *deferred;

    torc__check_thread(self->reactor, "torc_client_stop");
    if (self->state == STOPPED || self->stopped != NULL)
        return torc_deferred_fired(self->scope, torc_nothing());
    deferred = torc_deferred_new(self->scope, cancel_stopping, self);
    self->stopped = deferred;
    if (self->state != STOPPING)
        stop(self);
    return deferred;
}
