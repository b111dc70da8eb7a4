/*
 * A resolver's life: options, files, servers, and its end.
 *
 * The reactor's own stands in the reactor and lives in its root; it is made when first needed.
 */
#include "names/resolver.h"

#include "base/abort.h"
#include "base/memory.h"
#include "base/random.h"
#include "names/dns_record.h"

#include <stdlib.h>
#include <unistd.h>

#define CACHE_ANSWERS ((size_t)4096)
#define CACHE_BYTES   ((size_t)4 * 1024 * 1024)

enum { DNS_PORT = 53, ATTEMPTS_MAX = 100 };

/* So many look-ups, searches and questions come and go without the heap. */
enum { BLOCKS_KEPT = 64 };

void torc__resolver_random(torc_resolver *resolver, void *bytes, size_t length)
{
    if (resolver->random_left < length) {
        torc__random_bytes(resolver->random, sizeof resolver->random);
        resolver->random_left = sizeof resolver->random;
    }
    resolver->random_left -= length;
    memcpy(bytes, resolver->random + resolver->random_left, length);
}

/* -- files --------------------------------------------------------------------------------- */

static void retire_sockets(torc_resolver *self)
{
    for (size_t i = 0; i < self->server_count; i++)
        torc__dns_sockets_retire(&self->servers[i].sockets);
}

static void use_servers(torc_resolver *self)
{
    bool own = self->own_server_count > 0;
    const torc_address *addresses = own ? self->own_servers : self->conf.servers;

    retire_sockets(self);
    memset(self->servers, 0, sizeof self->servers);
    if (self->link_count > 0) {
        self->server_count = self->link_count;
        for (size_t i = 0; i < self->link_count; i++)
            self->servers[i].link = self->links[i];
        return;
    }
    self->server_count = own ? self->own_server_count : self->conf.server_count;
    for (size_t i = 0; i < self->server_count; i++)
        self->servers[i].address = addresses[i];
}

void torc__resolver_refresh(torc_resolver *self)
{
    torc_time now = torc_now(self->reactor);
    torc_slice text;
    bool has_changed = false;

    if (self->has_looked && now - self->looked_at < TORC__FILES_PAUSE)
        return;
    self->has_looked = true;
    self->looked_at = now;
    if (torc__text_file_changed(&self->hosts_file, TORC__HOSTS_FILE_MAX, &text)) {
        torc__hosts_parse(&self->hosts, text);
        torc__free((void *)(uintptr_t)text.data);
        has_changed = true;
    }
    if (torc__text_file_changed(&self->conf_file, TORC__RESOLV_CONF_MAX, &text)) {
        torc__resolv_conf_parse(&self->conf, text);
        torc__free((void *)(uintptr_t)text.data);
        use_servers(self);
        has_changed = true;
    }
    if (torc__text_file_changed(&self->switch_file, TORC__NAME_SWITCH_MAX, &text)) {
        torc__name_switch_parse(&self->name_switch, text);
        torc__free((void *)(uintptr_t)text.data);
        has_changed = true;
    }
    /* The last byte stays 0 whatever the name's length. */
    (void)gethostname(self->own_name, sizeof self->own_name - 1);
    if (has_changed)
        torc__cache_clear(&self->cache);
}

void torc_resolver_forget(torc_resolver *self)
{
    torc__check_thread(self->reactor, "torc_resolver_forget");
    torc__cache_clear(&self->cache);
    self->hosts_file.seen = false;
    self->conf_file.seen = false;
    self->switch_file.seen = false;
    self->has_looked = false;
}

/* -- life ---------------------------------------------------------------------------------- */

static void release(torc_resolver *self)
{
    if (--self->holders > 0)
        return;
    for (size_t i = 0; i < self->link_count; i++)
        torc__dns_link_free(self->links[i]);
    torc__pool_drain(&self->question_blocks);
    torc__pool_drain(&self->search_blocks);
    torc__pool_drain(&self->look_up_blocks);
    torc__free(self->scratch.bytes);
    torc__free(self);
}

void *torc__resolver_take(torc_resolver *resolver, torc__pool *pool)
{
    void *block = torc__pool_take(pool);

    resolver->holders += block != NULL;
    return block;
}

void torc__resolver_give(torc_resolver *resolver, torc__pool *pool, void *block)
{
    torc__pool_give(pool, block);
    release(resolver);
}

static void bury(torc__grave *grave)
{
    release(TORC_CONTAINER_OF(grave, torc_resolver, grave));
}

static void end(torc_scoped *scoped)
{
    torc_scope *own = TORC_CONTAINER_OF(scoped, torc_scope, scoped);
    torc_resolver *self = TORC_CONTAINER_OF(own, torc_resolver, own);

    self->ended = true;
    if (self->reactor->resolver == self)
        self->reactor->resolver = NULL;
    torc__searches_end(self);
    torc__questions_end(self);
    for (size_t i = 0; i < self->link_count; i++)
        torc__dns_link_end(self->links[i]);
    retire_sockets(self);
    torc__scope_finish(own);
    torc__cache_clear(&self->cache);
    torc__hosts_clear(&self->hosts);
    torc__hash_table_clear(&self->questions);
    torc__hash_table_clear(&self->searches);
    torc__bury(self->reactor, &self->grave, bury);
}

const torc__member_kind torc__members_resolver = { .end = end };

static void set_servers(torc_resolver *self, const torc_resolver_options *options)
{
    for (size_t i = 0; i < options->server_count && i < TORC__SERVERS_MAX; i++) {
        torc_address *server = &self->own_servers[self->own_server_count++];

        *server = options->servers[i];
        if (server->port == 0)
            server->port = DNS_PORT;
    }
}

/* False: memory is out. */
static bool set_links(torc_resolver *self, const torc_resolver_options *options)
{
    if (options->endpoint_count > 0 && options->connect == NULL)
        torc__abort("torc_resolver_new: endpoints are given without what connects to them; set "
                    ".connect = torc_connect");
    for (size_t i = 0; i < options->endpoint_count && i < TORC__SERVERS_MAX; i++) {
        torc__dns_link *link =
            torc__dns_link_new(self, options->connect, options->endpoints[i]);

        if (link == NULL)
            return false;
        self->links[self->link_count++] = link;
    }
    return true;
}

static void set_options(torc_resolver *self, const torc_resolver_options *options)
{
    torc__cache_init(&self->cache,
        options->cache_answers != 0 ? options->cache_answers : CACHE_ANSWERS,
        options->cache_bytes != 0 ? options->cache_bytes : CACHE_BYTES);
    if (options->no_cache)
        self->cache.count_max = 0;
    self->timeout = options->timeout;
    self->attempts = options->attempts < ATTEMPTS_MAX ? options->attempts : ATTEMPTS_MAX;
    self->nss = options->nss;
    self->fresh_ports = options->fresh_ports;
    set_servers(self, options);
}

static const char *path_of(const char *given, const char *standard)
{
    return given != NULL ? given : standard;
}

/* Who says which servers or which configuration means these, whatever the system would do. */
static const char *switch_path_of(const torc_resolver_options *options)
{
    bool is_told = options->server_count > 0 || options->endpoint_count > 0
        || options->configuration_file != NULL;

    return path_of(options->name_switch_file, is_told ? "" : "/etc/nsswitch.conf");
}

static const char *put_path(char **place, const char *path)
{
    size_t size = strlen(path) + 1;

    *place += size;
    return memcpy(*place - size, path, size);
}

/* The paths stand behind the resolver, in the same block. */
static torc_resolver *allocate(const torc_resolver_options *options)
{
    const char *hosts = path_of(options->hosts_file, "/etc/hosts");
    const char *configuration = path_of(options->configuration_file, "/etc/resolv.conf");
    const char *name_switch = switch_path_of(options);
    torc_resolver *self = torc__allocate_zeroed(
        sizeof *self + strlen(hosts) + strlen(configuration) + strlen(name_switch) + 3);
    char *place;

    if (self == NULL)
        return NULL;
    place = (char *)(self + 1);
    self->scratch.size = TORC__DNS_DATA_MAX + 1;
    self->scratch.bytes = torc__allocate(self->scratch.size);
    if (self->scratch.bytes == NULL) {
        torc__free(self);
        return NULL;
    }
    self->hosts_file.path = put_path(&place, hosts);
    self->conf_file.path = put_path(&place, configuration);
    self->switch_file.path = put_path(&place, name_switch);
    return self;
}

torc_resolver *torc_resolver_new(torc_scope *scope, const torc_resolver_options *options)
{
    static const torc_resolver_options defaults = { .hosts_file = NULL };
    torc_resolver *self;

    torc__check_thread(torc_scope_reactor(scope), "torc_resolver_new");
    if (options == NULL)
        options = &defaults;
    self = allocate(options);
    if (self == NULL)
        return NULL;
    self->reactor = torc_scope_reactor(scope);
    self->scope = scope;
    self->open_stream = torc__dns_stream_open_tcp;
    self->holders = 1;
    torc__pool_init(&self->question_blocks, torc__question_size, BLOCKS_KEPT);
    torc__pool_init(&self->search_blocks, torc__search_size, BLOCKS_KEPT);
    torc__pool_init(&self->look_up_blocks, torc__look_up_size, BLOCKS_KEPT);
    torc__hosts_init(&self->hosts);
    torc__hash_table_init(&self->questions, torc__question_key);
    torc__hash_table_init(&self->searches, torc__search_key);
    if (!set_links(self, options)) {
        release(self);
        return NULL;
    }
    set_options(self, options);
    torc__scope_init(&self->own, scope, self->reactor, end);
    return self;
}

static torc_resolver *new_own_resolver(torc_reactor *reactor)
{
    torc_slice way = torc_slice_of(getenv("TORC_RESOLVER"));
    const torc_resolver_options options = {
        .name_switch_file = torc_slice_is(way, "dns") ? "" : NULL,
        .nss = torc_slice_is(way, "nss"),
    };

    return torc_resolver_new(&reactor->root, &options);
}

torc_resolver *torc_resolver_of(torc_reactor *reactor)
{
    torc__check_thread(reactor, "torc_resolver_of");
    if (reactor->resolver == NULL && !torc_scope_has_ended(&reactor->root))
        reactor->resolver = new_own_resolver(reactor);
    return reactor->resolver;
}

void torc_use_resolver(torc_reactor *reactor, torc_resolver *resolver)
{
    torc__check_thread(reactor, "torc_use_resolver");
    reactor->resolver = resolver;
}

torc_resolver_counts torc_resolver_count(const torc_resolver *resolver)
{
    torc_resolver_counts counts = resolver->counts;

    counts.cached = resolver->cache.table.count;
    counts.cached_bytes = resolver->cache.bytes;
    return counts;
}
