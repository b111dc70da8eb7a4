/*
 * Queues: a ring of items between two lines, of those who get and of those who put.
 *
 * There is one place where anybody gets his turn, hand_over; calls from inside it change the state
 * and leave the rest to the loop that is running. So nothing recurses, and nobody is overtaken.
 *
 * Invariants, whenever the loop is not running: items and getters are never both there; nor putters
 * and room; a closed queue has no putters, and no getters unless there are items.
 */
#include <torc/queue.h>

#include "deferred/queue.h"

#include "base/memory.h"

#include <stdint.h>
#include <string.h>

const torc_failure_type torc_error_queue_overflow = { "QueueOverflow", &torc_error_limit };
const torc_failure_type torc_error_queue_underflow = { "QueueUnderflow", &torc_error_limit };
const torc_failure_type torc_error_queue_closed = { "QueueClosed", &torc_error };

struct torc_queue {
    torc__grave grave; /* first */
    torc_scoped scoped;
    torc_reactor *reactor;
    torc__waiting_line getters;
    torc__waiting_line putters;
    torc_result *ring;
    size_t capacity; /* of the ring: 0, or a power of two */
    size_t first;
    size_t count;
    size_t size;
    size_t backlog;
    bool handing_over;
    bool closed;
    bool ended;
};

/* -- the ring ------------------------------------------------------------------------------ */

static bool grow(torc_queue *self)
{
    size_t capacity = self->capacity > 0 ? 2 * self->capacity : 8;
    torc_result *ring = NULL;

    if (capacity <= SIZE_MAX / 2 / sizeof(torc_result))
        ring = torc__allocate(capacity * sizeof(torc_result));
    if (ring == NULL)
        return false;
    for (size_t i = 0; i < self->count; i++)
        ring[i] = self->ring[(self->first + i) % self->capacity];
    torc__free(self->ring);
    self->ring = ring;
    self->capacity = capacity;
    self->first = 0;
    return true;
}

/* Takes `item` over; false, and released, when memory is out. */
static bool push(torc_queue *self, torc_result item)
{
    if (self->count == self->capacity && !grow(self)) {
        torc_result_release(item);
        return false;
    }
    self->ring[(self->first + self->count++) % self->capacity] = item;
    return true;
}

static torc_result pop(torc_queue *self)
{
    torc_result item = self->ring[self->first];

    self->first = (self->first + 1) % self->capacity;
    self->count--;
    return item;
}

/* For each getter that waits, one more fits: it will not stay. */
static bool has_room(const torc_queue *self)
{
    return self->count < self->size || self->count - self->size < self->getters.length;
}

/* -- life ---------------------------------------------------------------------------------- */

static void free_queue(torc__grave *grave)
{
    torc__free(grave);
}

static void end_queue(torc_scoped *scoped)
{
    torc_queue *self = TORC_CONTAINER_OF(scoped, torc_queue, scoped);

    self->ended = true;
    self->closed = true;
    torc__line_end(&self->getters);
    torc__line_end(&self->putters);
    while (self->count > 0)
        torc_result_release(pop(self));
    torc__free(self->ring);
    self->ring = NULL;
    self->capacity = 0;
    torc__bury(self->reactor, &self->grave, free_queue);
}

/* A queue by itself is nothing under way; who waits is a deferred. */
const torc__member_kind torc__members_queue = { .end = end_queue };

torc_queue *torc_queue_new(torc_scope *scope, size_t size, size_t backlog)
{
    torc_queue *self;

    torc__check_thread(scope->reactor, "torc_queue_new");
    self = scope->ended ? NULL : torc__allocate_zeroed(sizeof *self);
    if (self == NULL)
        return NULL;
    self->reactor = scope->reactor;
    self->size = size;
    self->backlog = backlog;
    torc__line_init(&self->getters);
    torc__line_init(&self->putters);
    torc_scope_add(scope, &self->scoped, end_queue);
    return self;
}

/* -- handing over -------------------------------------------------------------------------- */

static torc_result closed(void)
{
    return torc_fail_with(&torc_error_queue_closed, "the queue has been closed");
}

static torc_result no_memory(const char *call)
{
    return torc_fail_with(&torc_error_out_of_memory, "%s: no memory for an item or a wait", call);
}

static bool fail_next(torc__waiting_line *line)
{
    torc_result item;
    torc_deferred *next = torc__line_next(line, &item);

    if (next == NULL)
        return false;
    torc_result_release(item);
    torc_fire(next, closed());
    return true;
}

static bool move_up(torc_queue *self)
{
    torc_result item;
    torc_deferred *putter = torc__line_next(&self->putters, &item);

    if (putter == NULL)
        return false;
    torc_fire(putter, push(self, item) ? torc_nothing() : no_memory("torc_queue_put"));
    return true;
}

/* One gets his turn. False when there is nobody whose turn it is. */
static bool hand_over_one(torc_queue *self)
{
    torc_result unused;

    if (self->closed && fail_next(&self->putters))
        return true;
    if (self->count > 0 && self->getters.length > 0) {
        torc_deferred *getter = torc__line_next(&self->getters, &unused);

        torc_fire(getter, pop(self));
        return true;
    }
    if (has_room(self) && move_up(self))
        return true;
    return self->closed && self->count == 0 && fail_next(&self->getters);
}

static void hand_over(torc_queue *self)
{
    if (self->handing_over)
        return;
    self->handing_over = true;
    while (hand_over_one(self))
        continue;
    self->handing_over = false;
}

/* -- putting ------------------------------------------------------------------------------- */

bool torc_queue_offer(torc_queue *queue, torc_result item)
{
    torc__check_thread(queue->reactor, "torc_queue_offer");
    if (queue->closed || queue->putters.length > 0 || !has_room(queue)) {
        torc_result_release(item);
        return false;
    }
    if (!push(queue, item))
        return false;
    hand_over(queue);
    return true;
}

/* Why nobody can put; nothing where one can, perhaps after a wait. */
static torc_result put_refused(const torc_queue *self)
{
    if (self->ended)
        return torc__cancelled("the scope of the queue has ended");
    if (self->closed)
        return closed();
    if (self->putters.length >= self->backlog && (self->putters.length > 0 || !has_room(self)))
        return torc_fail_with(&torc_error_queue_overflow,
            "the queue is full, with %zu items and %zu who wait to put", self->count,
            self->putters.length);
    return torc_nothing();
}

torc_deferred *torc_queue_put(torc_queue *queue, torc_scope *scope, torc_result item)
{
    torc_deferred *deferred;
    torc_result refused;

    torc__line_check(queue->reactor, scope, "torc_queue_put");
    refused = put_refused(queue);
    if (scope->ended || torc_is_failure(refused)) {
        torc_result_release(item);
        return torc_deferred_fired(scope, refused);
    }
    if (queue->putters.length > 0 || !has_room(queue)) {
        deferred = torc__line_join(&queue->putters, scope, item);
        return deferred != NULL ? deferred
                                : torc_deferred_fired(scope, no_memory("torc_queue_put"));
    }
    if (!push(queue, item))
        return torc_deferred_fired(scope, no_memory("torc_queue_put"));
    deferred = torc_deferred_fired(scope, torc_nothing());
    hand_over(queue);
    return deferred;
}

/* -- getting ------------------------------------------------------------------------------- */

bool torc_queue_take(torc_queue *queue, torc_result *ret_item)
{
    torc__check_thread(queue->reactor, "torc_queue_take");
    if (queue->count == 0 || queue->getters.length > 0)
        return false;
    *ret_item = pop(queue);
    hand_over(queue);
    return true;
}

/* Why nobody can get; nothing where one can, perhaps after a wait. */
static torc_result get_refused(const torc_queue *self)
{
    if (self->ended)
        return torc__cancelled("the scope of the queue has ended");
    if (self->count > self->getters.length)
        return torc_nothing();
    if (self->closed)
        return closed();
    if (self->getters.length >= self->backlog && self->putters.length == 0)
        return torc_fail_with(&torc_error_queue_underflow,
            "the queue is empty, with %zu who wait to get", self->getters.length);
    return torc_nothing();
}

torc_deferred *torc_queue_get(torc_queue *queue, torc_scope *scope)
{
    torc_deferred *deferred;
    torc_result result;

    torc__line_check(queue->reactor, scope, "torc_queue_get");
    if (scope->ended)
        return torc_deferred_fired(scope, torc_nothing());
    if (queue->count > 0 && queue->getters.length == 0) {
        deferred = torc_deferred_fired(scope, pop(queue));
        hand_over(queue);
        return deferred;
    }
    result = get_refused(queue);
    if (torc_is_failure(result))
        return torc_deferred_fired(scope, result);
    deferred = torc__line_join(&queue->getters, scope, torc_nothing());
    if (deferred == NULL)
        return torc_deferred_fired(scope, no_memory("torc_queue_get"));
    hand_over(queue);
    return deferred;
}

/* -- closing and asking -------------------------------------------------------------------- */

void torc_queue_close(torc_queue *queue)
{
    torc__check_thread(queue->reactor, "torc_queue_close");
    queue->closed = true;
    hand_over(queue);
}

size_t torc_queue_length(const torc_queue *queue)
{
    torc__check_thread(queue->reactor, "torc_queue_length");
    return queue->count;
}
