/*
 * Who is at the entrance of a port, until let in, turned away or timed out.
 */
#include "endpoint/entrance.h"

#include "base/memory.h"

#include <torc/log.h>
#include <torc/timer.h>

#include <errno.h>

typedef struct entrant {
    torc__grave grave;
    torc__list link;
    torc__entry entry;
    torc_timer timeout;
    torc__entrance *entrance;
    torc_transport *transport;
} entrant;

static void free_entrant(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, entrant, grave));
}

/* Gives the transport back, which is the caller's again. */
static torc_transport *leave(entrant *self)
{
    torc__entrance *entrance = self->entrance;
    bool was_full = torc__entrance_is_full(entrance);
    torc_transport *transport = self->transport;

    torc_timer_cancel(&self->timeout);
    torc__list_remove(&self->link);
    entrance->count--;
    torc__bury(entrance->scope->reactor, &self->grave, free_entrant);
    if (was_full)
        entrance->room(entrance);
    return transport;
}

static void turn_away(entrant *self, torc_failure *reason)
{
    char text[TORC_ADDRESS_TEXT_MAX];
    torc_address peer;

    torc__entry_peer(&self->entry, &peer);
    torc_log_info("%s: a connection from %s was not taken: %s", self->entrance->text,
        torc_address_text(&peer, text), torc_failure_text(reason));
    torc_failure_release(reason);
    torc__transport_drop(leave(self));
}

static void entered(torc__entry *entry, int error)
{
    entrant *self = TORC_CONTAINER_OF(entry, entrant, entry);
    torc__entrance *entrance = self->entrance;
    torc_address peer;

    if (error != 0) {
        turn_away(self, torc__transport_take_reason(self->transport, error));
        return;
    }
    torc__entry_peer(entry, &peer);
    entrance->entered(entrance, leave(self), &peer);
}

static void timed_out(void *argument)
{
    entrant *self = argument;

    turn_away(self, torc_failure_new(&torc_error_timeout, "nothing was agreed upon within %g s",
        (double)self->entrance->timeout / (double)TORC_SECOND));
}

void torc__entrance_init(torc__entrance *entrance)
{
    torc__list_init(&entrance->entrants);
}

int torc__entrance_admit(torc__entrance *entrance, torc_transport *transport)
{
    entrant *self = torc__allocate_zeroed(sizeof *self);

    if (self == NULL) {
        torc__transport_drop(transport);
        return ENOMEM;
    }
    self->entrance = entrance;
    self->transport = transport;
    self->entry.entered = entered;
    torc__list_append(&entrance->entrants, &self->link);
    entrance->count++;
    torc_timer_set(&self->timeout, entrance->scope, entrance->timeout, timed_out, self);
    torc__entry_start(&self->entry, transport, entrance->layers);
    return 0;
}

void torc__entrance_close(torc__entrance *entrance)
{
    torc__list *link;

    while ((link = torc__list_take_first(&entrance->entrants)) != NULL) {
        entrant *self = TORC_CONTAINER_OF(link, entrant, link);

        torc_timer_cancel(&self->timeout);
        torc__transport_drop(self->transport);
        torc__bury(entrance->scope->reactor, &self->grave, free_entrant);
    }
    entrance->count = 0;
    torc__layer_release(entrance->layers);
    entrance->layers = NULL;
}
