/*
 * The public calls: deferreds that wait as askers, or have their result at once.
 *
 * A look-up lives from the call until its deferred fires or is cancelled, which the end of its
 * scope does too.
 */
#include "names/resolver.h"

#include "base/memory.h"
#include "names/host_lookup.h"

#include <torc/driver.h>

#include <errno.h>

/* Names up to here fit into a block of the pool; longer ones take it from the heap. */
enum { POOLED_NAME_SIZE = 256 };

typedef struct look_up {
    torc__asker asker;
    torc_resolver *pooled;  /* whose block it is; NULL: it is of the heap */
    torc_deferred *deferred;
    torc_timer timer;       /* of an answer that the driver gives late */
    torc__known *entry;     /* that answer */
    char name[];
} look_up;

const size_t torc__look_up_size = sizeof(look_up) + POOLED_NAME_SIZE;

/* -- results ------------------------------------------------------------------------------- */

static torc_result result_of(torc__known *entry, const char *name)
{
    switch (entry->kind) {
    case TORC__KNOWN_NO_NAME:
        return torc_fail_with(&torc_error_unknown_host, "there is no such name: %s", name);
    case TORC__KNOWN_NO_DATA:
        return torc_fail_with(
            &torc_error_unknown_host, "%s has nothing of the kind asked for", name);
    default:
        return torc_value(&torc__type_known, torc__known_hold(entry));
    }
}

static torc__known *entry_of(torc_result result, torc__known_kind kind)
{
    torc__known *entry = torc_result_value(result, &torc__type_known);

    return entry->kind == kind ? entry : NULL;
}

const torc_host *torc_result_host(torc_result result)
{
    torc__known *entry = entry_of(result, TORC__KNOWN_HOST);

    return entry != NULL ? &entry->host : NULL;
}

const torc_records *torc_result_records(torc_result result)
{
    torc__known *entry = entry_of(result, TORC__KNOWN_RECORDS);

    return entry != NULL ? &entry->records : NULL;
}

static torc_deferred *no_memory(torc_scope *scope, const char *name)
{
    return torc_deferred_fired(
        scope, torc_fail_with(&torc_error_out_of_memory, "no memory to look %s up", name));
}

/* What was found at once. Takes over `entry`. */
static torc_deferred *known(torc_scope *scope, torc__known *entry, const char *name)
{
    torc_deferred *deferred = torc_deferred_fired(scope, result_of(entry, name));

    torc__known_release(entry);
    return deferred;
}

/* -- waiting ------------------------------------------------------------------------------- */

static void give_back(look_up *self)
{
    if (self->pooled != NULL)
        torc__resolver_give(self->pooled, &self->pooled->look_up_blocks, self);
    else
        torc__free(self);
}

static void free_look_up(look_up *self)
{
    torc__asker_cancel(&self->asker);
    torc_timer_cancel(&self->timer);
    torc__known_release(self->entry);
    give_back(self);
}

static void cancel(torc_deferred *deferred, void *argument)
{
    (void)deferred;
    free_look_up(argument);
}

static void answered(torc__asker *asker, torc__known *entry, const torc_failure *failure)
{
    look_up *self = TORC_CONTAINER_OF(asker, look_up, asker);
    torc_deferred *deferred = self->deferred;
    torc_result result;

    if (entry != NULL)
        result = result_of(entry, self->name);
    else
        result = torc_fail(torc_failure_hold(failure));
    free_look_up(self);
    torc_fire(deferred, result);
}

/* `resolver` may be NULL. */
static look_up *new_look_up(torc_resolver *resolver, const char *name)
{
    size_t size = strlen(name) + 1;
    bool pooled = resolver != NULL && size <= POOLED_NAME_SIZE;
    look_up *self = pooled ? torc__resolver_take(resolver, &resolver->look_up_blocks)
                           : torc__allocate(sizeof *self + size);

    if (self == NULL)
        return NULL;
    memset(self, 0, sizeof *self);
    memcpy(self->name, name, size);
    self->pooled = pooled ? resolver : NULL;
    self->asker.answered = answered;
    return self;
}

static torc_deferred *wait_for(torc_scope *scope, look_up *self)
{
    self->deferred = torc_deferred_new(scope, cancel, self);
    return self->deferred;
}

/* -- hosts --------------------------------------------------------------------------------- */

torc_deferred *torc_resolve_by(torc_resolver *resolver, torc_scope *scope, const char *name)
{
    torc_failure *failure = NULL;
    torc__known *entry;
    look_up *self;

    torc__check_thread(resolver->reactor, "torc_resolve_by");
    if (torc_scope_has_ended(scope) || resolver->ended)
        return torc_deferred_fired(scope,
            torc_fail_with(&torc_error_cancelled, "looking %s up: its scope has ended", name));
    resolver->counts.look_ups++;
    torc__resolver_refresh(resolver);
    entry = torc__host_at_hand(resolver, torc_slice_of(name), &failure);
    if (entry != NULL)
        return known(scope, entry, name);
    if (failure != NULL)
        return torc_deferred_fired(scope, torc_fail(failure));
    self = new_look_up(resolver, name);
    if (self == NULL)
        return no_memory(scope, name);
    if (torc__search_host(resolver, torc_slice_of(name), &self->asker))
        return wait_for(scope, self);
    give_back(self);
    return no_memory(scope, name);
}

static void driver_answered(void *argument)
{
    look_up *self = argument;
    torc_deferred *deferred = self->deferred;
    torc_result result = result_of(self->entry, self->name);

    free_look_up(self);
    torc_fire(deferred, result);
}

/* A simulated network has names of its own. */
static torc_deferred *ask_driver(torc_scope *scope, const char *name)
{
    torc_driver *driver = torc_scope_reactor(scope)->driver;
    torc_address addresses[TORC_HOST_ADDRESSES_MAX];
    torc_time delay = 0;
    look_up *self = new_look_up(NULL, name);
    size_t count;

    if (self == NULL)
        return no_memory(scope, name);
    count = 1;
    if (!torc_address_parse(torc_slice_of(name), 0, &addresses[0]))
        count = driver->kind->look_up(
            driver, name, 0, false, addresses, TORC_HOST_ADDRESSES_MAX, &delay);
    if (count > 0)
        self->entry = torc__known_of_host(torc_slice_make(NULL, 0), 0, name, addresses, count);
    else
        self->entry = torc__known_new(
            TORC__KNOWN_NO_NAME, torc_slice_make(NULL, 0), 0, 0, NULL);
    if (self->entry == NULL) {
        free_look_up(self);
        return no_memory(scope, name);
    }
    torc_timer_set(&self->timer, scope, delay, driver_answered, self);
    return wait_for(scope, self);
}

torc_deferred *torc_resolve(torc_scope *scope, const char *name)
{
    torc_reactor *reactor = torc_scope_reactor(scope);
    torc_resolver *resolver;

    torc__check_thread(reactor, "torc_resolve");
    if (reactor->driver->kind->look_up != NULL && !torc_scope_has_ended(scope))
        return ask_driver(scope, name);
    resolver = torc_resolver_of(reactor);
    return resolver != NULL ? torc_resolve_by(resolver, scope, name) : no_memory(scope, name);
}

/* -- records ------------------------------------------------------------------------------- */

torc_deferred *torc_look_up_by(
    torc_resolver *resolver, torc_scope *scope, const char *name, torc_record_type type)
{
    torc__dns_name wire;
    torc__known *entry;
    look_up *self;

    torc__check_thread(resolver->reactor, "torc_look_up_by");
    if (torc_scope_has_ended(scope) || resolver->ended)
        return torc_deferred_fired(scope,
            torc_fail_with(&torc_error_cancelled, "looking %s up: its scope has ended", name));
    if (!torc__dns_name_parse(torc_slice_of(name), torc_slice_make(NULL, 0), &wire))
        return torc_deferred_fired(scope,
            torc_fail_with(&torc_error_unknown_host, "that is no name of the DNS: %s", name));
    resolver->counts.look_ups++;
    torc__resolver_refresh(resolver);
    entry = torc__records_at_hand(resolver, torc__dns_name_slice(&wire), (uint16_t)type);
    if (entry != NULL) {
        resolver->counts.from_cache++;
        return known(scope, entry, name);
    }
    self = new_look_up(resolver, name);
    if (self == NULL)
        return no_memory(scope, name);
    if (torc__ask_servers(
            resolver, torc__dns_name_slice(&wire), (uint16_t)type, &self->asker))
        return wait_for(scope, self);
    give_back(self);
    return no_memory(scope, name);
}

torc_deferred *torc_look_up(torc_scope *scope, const char *name, torc_record_type type)
{
    torc_resolver *resolver = torc_resolver_of(torc_scope_reactor(scope));

    return resolver != NULL ? torc_look_up_by(resolver, scope, name, type)
                            : no_memory(scope, name);
}

/* -- for endpoints ------------------------------------------------------------------------- */

static void add_addresses(torc__host_addresses *list, const torc__host_lookup *lookup,
    const torc_address *addresses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        torc_address *address = &list->list[list->count];

        *address = addresses[i];
        address->port = lookup->port;
        list->count += !lookup->only_ipv6 || address->kind == TORC_ADDRESS_IPV6;
    }
}

static void tell(torc__host_lookup *lookup, torc__known *entry, const char *problem)
{
    torc__host_addresses addresses = { .problem = problem };

    if (entry != NULL && entry->kind != TORC__KNOWN_HOST)
        addresses.problem = "there is no such name, or it has no address of the kind asked for";
    if (entry != NULL)
        add_addresses(&addresses, lookup, entry->host.addresses, entry->host.count);
    if (addresses.count == 0 && addresses.problem == NULL)
        addresses.problem = "it has no address of the kind asked for";
    lookup->found(lookup, &addresses);
}

static void host_found_some(torc__asker *asker, const torc_address *found, size_t count)
{
    torc__host_lookup *lookup = TORC_CONTAINER_OF(asker, torc__host_lookup, asker);
    torc__host_addresses addresses = { .more_may_come = true };

    add_addresses(&addresses, lookup, found, count);
    if (addresses.count > 0)
        lookup->found(lookup, &addresses);
}

static void host_answered(torc__asker *asker, torc__known *entry, const torc_failure *failure)
{
    torc__host_lookup *lookup = TORC_CONTAINER_OF(asker, torc__host_lookup, asker);

    tell(lookup, entry, failure != NULL ? torc_failure_text(failure) : NULL);
}

static void host_known(torc__task *task)
{
    torc__host_lookup *lookup = TORC_CONTAINER_OF(task, torc__host_lookup, task);
    torc__known *entry = lookup->entry;

    lookup->entry = NULL;
    tell(lookup, entry, entry == NULL ? "that is no host name" : NULL);
    torc__known_release(entry);
}

int torc__host_lookup_start(torc__host_lookup *lookup, torc_reactor *reactor, const char *host,
    uint16_t port, bool only_ipv6)
{
    torc_resolver *resolver = torc_resolver_of(reactor);
    torc_failure *failure = NULL;
    bool no_memory_left;

    if (resolver == NULL)
        return ENOMEM;
    lookup->port = port;
    lookup->only_ipv6 = only_ipv6;
    lookup->asker.answered = host_answered;
    lookup->asker.found_some = lookup->wants_some ? host_found_some : NULL;
    lookup->task.run = host_known;
    resolver->counts.look_ups++;
    torc__resolver_refresh(resolver);
    lookup->entry = torc__find_host(resolver, torc_slice_of(host), &lookup->asker, &failure);
    no_memory_left = failure != NULL && torc_failure_is(failure, &torc_error_out_of_memory);
    if (lookup->entry != NULL || (failure != NULL && !no_memory_left))
        torc__queue_task(reactor, &lookup->task);
    torc_failure_release(failure);
    return no_memory_left ? ENOMEM : 0;
}

void torc__host_lookup_cancel(torc__host_lookup *lookup)
{
    torc__asker_cancel(&lookup->asker);
    torc__cancel_task(&lookup->task);
    torc__known_release(lookup->entry);
    lookup->entry = NULL;
}
