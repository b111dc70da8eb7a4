/*
 * A line of deferreds. Each has a place, which its canceller is handed: so leaving costs the same
 * at the line's head, end and middle.
 */
#include "deferred/waiting_line.h"

#include "base/memory.h"

enum { SPARE_MAX = 64 };

typedef struct place {
    torc__list link; /* among the waiters, or among the spare */
    torc__waiting_line *line;
    torc_deferred *deferred;
    torc_result item;
} place;

void torc__line_init(torc__waiting_line *line)
{
    torc__list_init(&line->waiters);
    torc__list_init(&line->spare);
    line->length = 0;
    line->spare_count = 0;
}

static place *new_place(torc__waiting_line *line)
{
    torc__list *spare = torc__list_take_first(&line->spare);

    if (spare == NULL)
        return torc__allocate_zeroed(sizeof(place));
    line->spare_count--;
    return TORC_CONTAINER_OF(spare, place, link);
}

static void give_back(place *self)
{
    torc__waiting_line *line = self->line;

    if (line->spare_count >= SPARE_MAX) {
        torc__free(self);
        return;
    }
    torc__list_append(&line->spare, &self->link);
    line->spare_count++;
}

/* The canceller: who leaves has not had his turn. */
static void leave(torc_deferred *deferred, void *argument)
{
    place *self = argument;
    torc_result item = self->item;

    (void)deferred;
    torc__list_remove(&self->link);
    self->line->length--;
    give_back(self);
    torc_result_release(item);
}

torc_deferred *torc__line_join(torc__waiting_line *line, torc_scope *scope, torc_result item)
{
    place *self = new_place(line);

    if (self == NULL) {
        torc_result_release(item);
        return NULL;
    }
    self->line = line;
    self->item = item;
    self->deferred = torc_deferred_new(scope, leave, self);
    torc__list_append(&line->waiters, &self->link);
    line->length++;
    return self->deferred;
}

torc_deferred *torc__line_next(torc__waiting_line *line, torc_result *ret_item)
{
    torc__list *first = torc__list_take_first(&line->waiters);
    torc_deferred *deferred;
    place *self;

    if (first == NULL)
        return NULL;
    self = TORC_CONTAINER_OF(first, place, link);
    deferred = self->deferred;
    *ret_item = self->item;
    line->length--;
    give_back(self);
    return deferred;
}

void torc__line_end(torc__waiting_line *line)
{
    torc_deferred *deferred;
    torc__list *spare;
    torc_result item;

    while ((deferred = torc__line_next(line, &item)) != NULL) {
        torc__deferred_bereave(deferred);
        torc_result_release(item);
    }
    while ((spare = torc__list_take_first(&line->spare)) != NULL)
        torc__free(TORC_CONTAINER_OF(spare, place, link));
    line->spare_count = 0;
}

void torc__line_check(const torc_reactor *reactor, const torc_scope *scope, const char *call)
{
    torc__check_thread(reactor, call);
    if (TORC_UNLIKELY(scope->reactor != reactor))
        torc__abort("%s: the scope belongs to another reactor; what waits for one another lives in "
                    "one reactor: use torc_call_from_thread", call);
}
