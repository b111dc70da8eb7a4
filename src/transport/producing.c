/*
 * Flow control: who is paused when too much waits to be sent, and who goes on when it has left. A
 * registered producer; where there is none, reading from the connection itself, when the protocol
 * answers more than the peer takes.
 */
#include "transport/state.h"

#include "base/abort.h"
#include "base/memory.h"

static size_t low_water(const torc_transport *self)
{
    return self->marks != NULL ? self->marks->low : TORC_LOW_WATER;
}

static size_t high_water(const torc_transport *self)
{
    return self->marks != NULL ? self->marks->high : TORC_HIGH_WATER;
}

size_t torc__transport_cap(const torc_transport *self)
{
    return self->marks != NULL ? self->marks->cap : TORC_WRITE_CAP;
}

void torc_set_water_marks(torc_transport *self, size_t low, size_t high, size_t cap)
{
    torc__check_thread(self->scope.reactor, "torc_set_water_marks");
    if (low > high || high > cap)
        torc__abort("torc_set_water_marks: low <= high <= cap does not hold");
    if (self->marks == NULL)
        self->marks = torc__allocate(sizeof *self->marks);
    if (self->marks == NULL)
        return;
    self->marks->low = low;
    self->marks->high = high;
    self->marks->cap = cap;
}

/* -- too much ------------------------------------------------------------------------------ */

/*
 * Only where sending at once does not help is anybody paused. Reading is paused for answers alone:
 * if it were for all that is written, two ends that both have much to say would wait for each
 * other for ever.
 */
void torc__transport_check_high_water(torc_transport *self)
{
    if (TORC_LIKELY(self->output.size <= high_water(self)) || !(self->flags & TORC__STARTED))
        return;
    torc__transport_flush(self);
    if (self->output.size <= high_water(self))
        return;
    if (self->attached.producer == NULL) {
        if (!(self->flags & TORC__DELIVERING))
            return;
        self->flags |= TORC__AUTO_PAUSED;
        torc__transport_update_receiving(self);
    } else if (!(self->flags & (TORC__PULLS | TORC__PRODUCER_PAUSED))) {
        self->flags |= TORC__PRODUCER_PAUSED | TORC__PAUSE_WAITS;
    }
}

bool torc__transport_tell_pause(torc_transport *self)
{
    torc_producer *producer = self->attached.producer;
    const torc__context *outer;

    if (!(self->flags & TORC__PAUSE_WAITS))
        return false;
    self->flags &= ~(uint32_t)TORC__PAUSE_WAITS;
    if (self->output.size <= high_water(self)) {
        self->flags &= ~(uint32_t)TORC__PRODUCER_PAUSED;
        return false;
    }
    outer = torc__transport_enter(self);
    producer->kind->pause(producer);
    torc__transport_leave(self, outer);
    return true;
}

/* -- room again ---------------------------------------------------------------------------- */

static bool producer_may_go_on(const torc_transport *self)
{
    return torc__transport_has_producer(self) && self->output.size <= low_water(self)
        && (self->flags & (TORC__PULLS | TORC__PRODUCER_PAUSED)) != 0
        && !(self->flags & (TORC__ABORTING | TORC__LOST));
}

void torc__transport_check_low_water(torc_transport *self)
{
    if (TORC_LIKELY(self->attached.producer == NULL && !(self->flags & TORC__AUTO_PAUSED)))
        return;
    if ((self->flags & TORC__AUTO_PAUSED) && self->output.size <= low_water(self)) {
        self->flags &= ~(uint32_t)TORC__AUTO_PAUSED;
        if (!(self->flags & TORC__PAUSED))
            torc__transport_reading_resumed(self);
    }
    if (producer_may_go_on(self))
        torc__transport_queue_next(self);
}

void torc__transport_resume_producer(torc_transport *self)
{
    torc_producer *producer = self->attached.producer;
    const torc__context *outer;

    if (!producer_may_go_on(self))
        return;
    self->flags &= ~(uint32_t)(TORC__PRODUCER_PAUSED | TORC__PAUSE_WAITS);
    outer = torc__transport_enter(self);
    producer->kind->resume(producer);
    torc__transport_leave(self, outer);
}

/* -- registration -------------------------------------------------------------------------- */

static void attach(torc_transport *self, torc_producer *producer, uint32_t flags)
{
    const uint32_t of_producers =
        TORC__PULLS | TORC__PRODUCER_PAUSED | TORC__PAUSE_WAITS | TORC__ENDLESS;

    self->attached.producer = producer;
    self->flags = (self->flags & ~of_producers) | flags;
}

static void register_producer(torc_transport *self, torc_producer *producer, uint32_t flags)
{
    torc__check_thread(self->scope.reactor, "torc_register_push_producer");
    if (self->attached.producer != NULL)
        torc__abort("a transport has at most one producer: unregister the first one before "
                    "registering another");
    attach(self, producer, flags);
    torc__transport_give_up_if_broken(self);
    torc__transport_settle_later(self);
}

void torc_register_push_producer(torc_transport *self, torc_producer *producer)
{
    register_producer(self, producer, 0);
    torc__transport_check_high_water(self);
}

void torc_register_pull_producer(torc_transport *self, torc_producer *producer)
{
    register_producer(self, producer, TORC__PULLS);
}

void torc_unregister_producer(torc_transport *self)
{
    torc__check_thread(self->scope.reactor, "torc_unregister_producer");
    attach(self, NULL, 0);
    torc__transport_settle_later(self);
}

void torc__transport_stop_producer(torc_transport *self)
{
    torc_producer *producer = self->attached.producer;

    if (producer == NULL)
        return;
    attach(self, NULL, 0);
    producer->kind->stop(producer);
}
