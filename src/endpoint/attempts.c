/*
 * Attempts side by side. The list is an array that is freed when all is over, at the turn's end,
 * because a driver's events may still be on their way up the stack.
 */
#include "endpoint/attempts.h"

#include "base/memory.h"
#include "transport/transport.h"

#include <errno.h>
#include <stdio.h>

/* A UNIX socket whose queue is full does not let us wait in line: so often we ask again. */
#define FULL_QUEUE_PAUSE (20 * TORC_MILLISECOND)

struct torc__attempt {
    torc__connector connector;
    torc__attempts *owner;
    torc_transport *transport; /* NULL: not under way */
    torc_address address;
};

typedef struct list_block {
    torc__grave grave;
    torc__attempt attempts[];
} list_block;

/* -- order --------------------------------------------------------------------------------- */

static void move_to(torc_address *addresses, size_t from, size_t to)
{
    torc_address moved = addresses[from];

    memmove(&addresses[to + 1], &addresses[to], (from - to) * sizeof(moved));
    addresses[to] = moved;
}

void torc__attempts_order(torc_address *addresses, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        size_t other = i;

        while (other < count && addresses[other].kind == addresses[i - 1].kind)
            other++;
        if (other == count)
            return;
        if (other > i)
            move_to(addresses, other, i);
    }
}

/* -- what failed --------------------------------------------------------------------------- */

/* How far it came: that a host refused says more than that another could not be reached. */
static int distance_of(const torc_failure_type *type)
{
    const torc_failure_type *const near_to_far[] = { &torc_error_connect, &torc_error_bind,
        &torc_error_no_route, &torc_error_connect_timed_out, &torc_error_refused };
    int distance = (int)(sizeof(near_to_far) / sizeof(near_to_far[0]));

    while (distance > 0 && near_to_far[distance - 1] != type)
        distance--;
    return distance;
}

static void tell(torc__attempts *self, const torc_address *address, int error)
{
    size_t used = strlen(self->told);
    char text[TORC_ADDRESS_TEXT_MAX];

    if (self->failed < TORC__FAILURES_TOLD)
        snprintf(self->told + used, sizeof(self->told) - used, "%s at %s: %s",
            self->failed == 0 ? "" : ";", torc_address_text(address, text), strerror(error));
    self->failed++;
}

static void note_failure(torc__attempts *self, const torc_address *address, int error)
{
    torc_failure *failure = torc__connect_failure(self->endpoint, address, error);
    const torc_failure_type *type = torc_failure_type_of(failure);

    if (self->type == NULL || distance_of(type) > distance_of(self->type)) {
        self->type = type;
        self->code = error;
    }
    tell(self, address, error);
    if (self->first == NULL)
        self->first = failure;
    else
        torc_failure_release(failure);
}

/* "… and 3 more": at the end, once. */
static void tell_rest(torc__attempts *self)
{
    size_t used = strlen(self->told);

    if (self->failed > TORC__FAILURES_TOLD)
        snprintf(self->told + used, sizeof(self->told) - used, "; and %zu more",
            self->failed - TORC__FAILURES_TOLD);
}

const char *torc__attempts_told(torc__attempts *self)
{
    tell_rest(self);
    return self->told;
}

static void fail_all(torc__attempts *self)
{
    torc_failure *failure = self->first;

    self->first = NULL;
    if (self->failed > 1) {
        tell_rest(self);
        failure = torc_failure_because(torc_failure_new(self->type, "cannot connect to %s%s",
            self->endpoint->text, self->told), failure);
    }
    torc__attempts_stop(self);
    self->failed_all(self, failure);
}

/* -- trying -------------------------------------------------------------------------------- */

static torc_transport *take_transport(torc__attempt *attempt)
{
    torc_transport *transport = attempt->transport;

    attempt->transport = NULL;
    if (transport != NULL)
        attempt->owner->under_way--;
    return transport;
}

static void drop(torc__attempt *attempt)
{
    torc_transport *transport = take_transport(attempt);

    if (transport != NULL)
        torc__transport_drop(transport);
}

/* 0: `connected` will tell. */
static int begin(torc__attempts *self, torc__attempt *attempt)
{
    torc_driver *driver = torc_scope_reactor(self->scope)->driver;
    const torc_address *local = &self->endpoint->local;
    int error;

    if (local->kind != TORC_ADDRESS_NONE && local->kind != attempt->address.kind)
        return EAFNOSUPPORT;
    attempt->transport = torc__transport_new(self->scope, self->factory);
    if (attempt->transport == NULL)
        return ENOMEM;
    self->under_way++;
    attempt->transport->attached.connector = &attempt->connector;
    error = -driver->kind->connect(driver, &attempt->transport->io, &attempt->address,
        local->kind != TORC_ADDRESS_NONE ? local : NULL);
    if (error != 0)
        drop(attempt);
    return error;
}

static void try_next(torc__attempts *self);

static void next_is_due(void *argument)
{
    try_next(argument);
}

static void try_again_later(torc__attempts *self)
{
    self->begun--;
    torc_timer_set(&self->again_timer, self->scope, FULL_QUEUE_PAUSE, next_is_due, self);
}

static void try_next(torc__attempts *self)
{
    torc_timer_cancel(&self->next_timer);
    while (self->begun < self->count) {
        torc__attempt *attempt = &self->list[self->begun++];
        int error = begin(self, attempt);

        if (error == EAGAIN && attempt->address.kind == TORC_ADDRESS_UNIX) {
            try_again_later(self);
            return;
        }
        if (error != 0) {
            note_failure(self, &attempt->address, error);
            continue;
        }
        if (self->begun < self->count || self->more_may_come)
            torc_timer_set(
                &self->next_timer, self->scope, TORC__ATTEMPT_DELAY, next_is_due, self);
        return;
    }
    if (self->under_way == 0 && !self->more_may_come)
        fail_all(self);
}

static void attempt_connected(torc__connector *connector, int error)
{
    torc__attempt *attempt = TORC_CONTAINER_OF(connector, torc__attempt, connector);
    torc__attempts *self = attempt->owner;
    torc_transport *transport;
    torc_address address = attempt->address;

    if (error != 0) {
        drop(attempt);
        note_failure(self, &address, error);
        try_next(self);
        return;
    }
    transport = take_transport(attempt);
    torc__attempts_stop(self);
    self->opened(self, transport, &address);
}

/* -- beginning and ending ------------------------------------------------------------------ */

/* Addresses of one name: they have the same port. */
static bool has_address(const torc__attempts *self, const torc_address *address)
{
    for (size_t i = 0; i < self->count; i++) {
        const torc_address *known = &self->list[i].address;

        if (known->kind == address->kind && known->scope_id == address->scope_id
            && memcmp(known->ip, address->ip, sizeof known->ip) == 0)
            return true;
    }
    return false;
}

static void add_new(torc__attempts *self, const torc_address *addresses, size_t count)
{
    for (size_t i = 0; i < count && self->count < self->size; i++) {
        torc__attempt *attempt = &self->list[self->count];

        if (has_address(self, &addresses[i]))
            continue;
        attempt->connector.connected = attempt_connected;
        attempt->owner = self;
        attempt->address = addresses[i];
        self->count++;
    }
}

/* The families go on in turns from the address that was begun with last. */
static void order_rest(torc__attempts *self)
{
    torc_address addresses[TORC__ATTEMPTS_MAX];
    torc__attempt *rest = &self->list[self->begun > 0 ? self->begun - 1 : 0];
    size_t count = (size_t)(&self->list[self->count] - rest);

    for (size_t i = 0; i < count; i++)
        addresses[i] = rest[i].address;
    torc__attempts_order(addresses, count);
    for (size_t i = 0; i < count; i++)
        rest[i].address = addresses[i];
}

bool torc__attempts_start(torc__attempts *self, const torc_address *addresses, size_t count,
    bool more_may_come)
{
    size_t size = count < TORC__ATTEMPTS_MAX && !more_may_come ? count : TORC__ATTEMPTS_MAX;
    list_block *block = torc__allocate_zeroed(sizeof(*block) + size * sizeof(block->attempts[0]));

    if (block == NULL)
        return false;
    self->list = block->attempts;
    self->size = size;
    self->more_may_come = more_may_come;
    add_new(self, addresses, count);
    order_rest(self);
    try_next(self);
    return true;
}

void torc__attempts_more(torc__attempts *self, const torc_address *addresses, size_t count)
{
    self->more_may_come = false;
    add_new(self, addresses, count);
    order_rest(self);
    if (!torc_timer_is_set(&self->next_timer) && !torc_timer_is_set(&self->again_timer))
        try_next(self);
}

static void free_block(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, list_block, grave));
}

void torc__attempts_stop(torc__attempts *self)
{
    torc_timer_cancel(&self->next_timer);
    torc_timer_cancel(&self->again_timer);
    torc_failure_release(self->first);
    self->first = NULL;
    for (size_t i = 0; i < self->begun; i++)
        drop(&self->list[i]);
    if (self->list != NULL)
        torc__bury(torc_scope_reactor(self->scope),
            &TORC_CONTAINER_OF(self->list, list_block, attempts)->grave, free_block);
    self->list = NULL;
    self->count = 0;
    self->begun = 0;
}
