/*
 * Factories: counted, with limits on how many connections there are, in all and from one host.
 */
#include "transport/factory.h"

#include "base/abort.h"
#include "base/memory.h"

/* The connections of one host; in factory->hosts while there are any. */
typedef struct host {
    torc__hash_entry entry; /* first */
    size_t connections;
    char key[20];           /* kind, scope and IP address */
    size_t key_length;
} host;

static torc_slice key_of_host(const torc__hash_entry *entry)
{
    const host *self = TORC_CONTAINER_OF(entry, host, entry);

    return torc_slice_make(self->key, self->key_length);
}

static torc_factory *set_up(torc_factory *factory, const torc_factory_options *options)
{
    if (factory == NULL)
        return NULL;
    factory->options = *options;
    factory->holders = 1;
    torc__hash_table_init(&factory->hosts, key_of_host);
    return factory;
}

torc_factory *torc__factory_try_new(const torc_factory_options *options)
{
    return set_up(torc__allocate_zeroed(sizeof(torc_factory)), options);
}

torc_factory *torc_factory_new(const torc_factory_options *options)
{
    torc_factory *factory = set_up(torc__allocate_vital(sizeof(torc_factory)), options);

    if (factory == NULL)
        torc__abort_out_of_memory("a factory");
    return factory;
}

torc_factory *torc_factory_of(const torc_protocol_class *kind)
{
    torc_factory_options options = { 0 };

    options.kind = kind;
    return torc_factory_new(&options);
}

torc_factory *torc__factory_new_from(const torc_protocol_class *kind, size_t kind_size,
    const torc_factory_options *options, torc_protocol_class **ret_copy)
{
    torc_factory_options own = { 0 };
    torc_protocol_class *copy = torc__allocate_vital(kind_size);
    torc_factory *factory;

    if (copy == NULL)
        torc__abort_out_of_memory("a factory");
    memcpy(copy, kind, kind_size);
    if (options != NULL)
        own = *options;
    own.kind = copy;
    factory = torc_factory_new(&own);
    factory->copied_kind = copy;
    *ret_copy = copy;
    return factory;
}

torc_factory *torc_factory_limit(torc_factory *factory, size_t connections_max)
{
    factory->options.connections_max = connections_max;
    return factory;
}

torc_factory *torc_factory_hold(torc_factory *factory)
{
    factory->holders++;
    return factory;
}

void torc_factory_release(torc_factory *factory)
{
    if (--factory->holders > 0)
        return;
    if (factory->options.release != NULL)
        factory->options.release(factory->options.context);
    torc__hash_table_clear(&factory->hosts);
    torc__free(factory->copied_kind);
    torc__free(factory);
}

void *torc_factory_context(const torc_factory *factory)
{
    return factory->options.context;
}

void *torc_context_of(const void *protocol)
{
    return ((const torc_protocol *)protocol)->factory->options.context;
}

size_t torc_factory_connections(const torc_factory *factory)
{
    return factory->connections;
}

void torc__factory_forget_input(torc_protocol *protocol)
{
    if (protocol->factory->forget_input != NULL)
        protocol->factory->forget_input(protocol);
}

/* -- limits per host ----------------------------------------------------------------------- */

/* An IPv6 host may have any address of its /64, so that is what counts as one host. */
static size_t write_host_key(const torc_address *peer, char key[20])
{
    size_t length = peer->kind == TORC_ADDRESS_IPV4 ? 4 : 8;

    key[0] = (char)peer->kind;
    memcpy(key + 1, peer->ip, length);
    return length + 1;
}

static bool counts_hosts(const torc_factory *factory, const torc_address *peer)
{
    return factory->options.connections_per_host_max > 0 && peer != NULL
        && (peer->kind == TORC_ADDRESS_IPV4 || peer->kind == TORC_ADDRESS_IPV6);
}

static host *find_host(const torc_factory *factory, const torc_address *peer)
{
    char key[20];
    size_t length = write_host_key(peer, key);
    torc__hash_entry *entry = torc__hash_table_find(&factory->hosts, torc_slice_make(key, length));

    return entry != NULL ? TORC_CONTAINER_OF(entry, host, entry) : NULL;
}

/* Out of memory, a host goes uncounted: better than to turn it away. */
static void count_host(torc_factory *factory, const torc_address *peer)
{
    host *found = find_host(factory, peer);

    if (found == NULL) {
        found = torc__allocate_zeroed(sizeof *found);
        if (found == NULL)
            return;
        found->key_length = write_host_key(peer, found->key);
        if (!torc__hash_table_insert(&factory->hosts, &found->entry)) {
            torc__free(found);
            return;
        }
    }
    found->connections++;
}

static void uncount_host(torc_factory *factory, const torc_address *peer)
{
    host *found = find_host(factory, peer);

    if (found == NULL || --found->connections > 0)
        return;
    torc__hash_table_remove(&factory->hosts, &found->entry);
    torc__free(found);
}

/* -- connections and ports ----------------------------------------------------------------- */

bool torc__factory_has_room(const torc_factory *factory, const torc_address *peer)
{
    const torc_factory_options *options = &factory->options;

    if (options->connections_max > 0 && factory->connections >= options->connections_max)
        return false;
    if (counts_hosts(factory, peer)) {
        const host *found = find_host(factory, peer);

        if (found != NULL && found->connections >= options->connections_per_host_max)
            return false;
    }
    return true;
}

bool torc__factory_admits(torc_factory *factory, const torc_address *peer)
{
    const torc_factory_options *options = &factory->options;

    return torc__factory_has_room(factory, peer)
        && (options->admits == NULL || options->admits(options->context, peer));
}

void torc__factory_opened(torc_factory *factory, const torc_address *peer)
{
    factory->connections++;
    if (counts_hosts(factory, peer))
        count_host(factory, peer);
}

void torc__factory_closed(torc_factory *factory, const torc_address *peer)
{
    factory->connections--;
    if (counts_hosts(factory, peer))
        uncount_host(factory, peer);
}

void torc__factory_port_opened(torc_factory *factory)
{
    if (factory->ports++ == 0 && factory->options.started != NULL)
        factory->options.started(factory->options.context);
}

void torc__factory_port_closed(torc_factory *factory)
{
    if (--factory->ports == 0 && factory->options.stopped != NULL)
        factory->options.stopped(factory->options.context);
}
