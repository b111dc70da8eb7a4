/*
 * From a host's name to its addresses.
 *
 * What needs nobody is answered at once: what is known, numeric addresses, "localhost" (RFC 6761
 * 6.3), the hosts file. Else there is a search: the name is tried as it stands and in the search
 * domains, one candidate after the other, each with a question for IPv6 and one for IPv4 at the
 * same time; or, for names that only another source could know, the system is asked, in a thread.
 *
 * Invariants: a search is in the resolver's table until it is over, and is then buried, once. What
 * it waits for it cancels when it ends.
 */
#include "names/resolver.h"

#include "names/system_lookup.h"

#include <errno.h>
#include <stdio.h>

/*
 * With addresses of one kind at hand, the other kind is waited for so long: there are servers that
 * never answer the question for IPv6. What was found so is not kept for long.
 */
#define OTHER_KIND_PATIENCE  (1 * TORC_SECOND)
#define INCOMPLETE_KEPT      (30 * TORC_SECOND)
#define HOSTS_KEPT           TORC_MINUTE

/* RFC 8305 3: who can begin with addresses for IPv4 alone gives those for IPv6 so much time. */
#define RESOLUTION_DELAY     (50 * TORC_MILLISECOND)

enum { IPV6, IPV4, KINDS };

typedef struct kind_asker {
    torc__asker asker;
    torc__search *search;
    torc__known *found;     /* where there are addresses; or NULL */
    bool waits;
} kind_asker;

struct torc__search {
    torc__grave grave;
    torc__hash_entry hashed;
    torc_resolver *resolver;
    torc__list askers;
    torc__task task;        /* goes on in a turn of its own */
    torc_timer timer;
    kind_asker kinds[KINDS];
    torc__system_lookup system;
    bool over;
    bool is_asking;         /* the two questions are being put: neither ends the candidate yet */
    bool exists;            /* a candidate was there, without an address */
    bool was_cut;           /* not all kinds of addresses were waited for */
    bool gives_some;        /* to who does not want to wait for the other kind */
    size_t candidate;       /* the next one */
    torc_time expires;      /* the earliest of all answers */
    torc_failure *failure;
    size_t key_length;
    uint8_t key[TORC__KNOWN_KEY_MAX + 1]; /* not zeroed, but with a NUL behind it */
};

const size_t torc__search_size = sizeof(torc__search);

torc_slice torc__search_key(const torc__hash_entry *hashed)
{
    const torc__search *self = TORC_CONTAINER_OF(hashed, torc__search, hashed);

    return torc_slice_make(self->key, self->key_length);
}

/* The name as it was asked for. */
static const char *name_of(const torc__search *self)
{
    return (const char *)self->key + 1;
}

static torc_slice host_of(const torc__search *self)
{
    return torc_slice_make(name_of(self), self->key_length - 1);
}

/* -- ending -------------------------------------------------------------------------------- */

static void bury(torc__grave *grave)
{
    torc__search *self = TORC_CONTAINER_OF(grave, torc__search, grave);

    torc__resolver_give(self->resolver, &self->resolver->search_blocks, self);
}

static void stop_asking(torc__search *self)
{
    torc_timer_cancel(&self->timer);
    for (size_t i = 0; i < KINDS; i++) {
        torc__asker_cancel(&self->kinds[i].asker);
        self->kinds[i].waits = false;
    }
}

static void close_search(torc__search *self)
{
    stop_asking(self);
    torc__system_lookup_cancel(&self->system);
    torc__cancel_task(&self->task);
    self->over = true;
    for (size_t i = 0; i < KINDS; i++)
        torc__known_release(self->kinds[i].found);
    torc__hash_table_remove(&self->resolver->searches, &self->hashed);
    torc_failure_release(self->failure);
    self->failure = NULL;
    torc__bury(self->resolver->reactor, &self->grave, bury);
}

void torc__search_drop(torc__search *search)
{
    if (!search->over && torc__list_is_empty(&search->askers))
        close_search(search);
}

/* Takes over what it is given. */
static void finish(torc__search *self, torc__known *entry, torc_failure *failure)
{
    close_search(self);
    torc__tell_askers(&self->askers, entry, failure);
    torc__known_release(entry);
    torc_failure_release(failure);
}

/* Keeps the entry, too. */
static void finish_with(torc__search *self, torc__known *entry)
{
    torc_resolver *resolver = self->resolver;

    if (entry == NULL) {
        finish(self, NULL, torc_failure_new(&torc_error_out_of_memory, "no memory for addresses"));
        return;
    }
    torc__cache_add(&resolver->cache, entry, torc_now(resolver->reactor));
    finish(self, entry, NULL);
}

/* Neither kind may take the place of the other. How many there are now. */
static size_t add_addresses(
    const kind_asker *kind, torc_address_kind address_kind, torc_address *addresses, size_t count)
{
    size_t most = count + TORC_HOST_ADDRESSES_MAX / 2;
    const torc_records *records = &kind->found->records;

    for (size_t i = 0; i < records->count && count < most; i++) {
        torc_address *address = &addresses[count++];

        memset(address, 0, sizeof *address);
        address->kind = address_kind;
        memcpy(address->ip, records->list[i].data.data, records->list[i].data.length);
    }
    return count;
}

/* Best first; how many. *ret_name is whose they are. */
static size_t all_addresses(const torc__search *self,
    torc_address addresses[TORC_HOST_ADDRESSES_MAX], const char **ret_name)
{
    static const torc_address_kind address_kinds[KINDS] = {
        [IPV6] = TORC_ADDRESS_IPV6, [IPV4] = TORC_ADDRESS_IPV4 };
    torc_resolver *resolver = self->resolver;
    size_t count = 0;

    for (size_t i = 0; i < KINDS; i++) {
        if (self->kinds[i].found == NULL)
            continue;
        *ret_name = self->kinds[i].found->records.name;
        count = add_addresses(&self->kinds[i], address_kinds[i], addresses, count);
    }
    torc__order_addresses(&resolver->routes, torc_now(resolver->reactor), addresses, count);
    return count;
}

static void finish_with_addresses(torc__search *self)
{
    torc_address addresses[TORC_HOST_ADDRESSES_MAX];
    const char *name = NULL;
    size_t count = all_addresses(self, addresses, &name);

    finish_with(self, torc__known_of_host(
        torc__search_key(&self->hashed), self->expires, name, addresses, count));
}

static void finish_with_nothing(torc__search *self)
{
    finish_with(self, torc__known_new(self->exists ? TORC__KNOWN_NO_DATA : TORC__KNOWN_NO_NAME,
        torc__search_key(&self->hashed), self->expires, 0, NULL));
}

void torc__searches_end(torc_resolver *resolver)
{
    torc__hash_entry *hashed;

    while ((hashed = torc__hash_table_next(&resolver->searches, NULL)) != NULL) {
        torc__search *self = TORC_CONTAINER_OF(hashed, torc__search, hashed);

        if (torc_scope_has_ended(torc_root(resolver->reactor)))
            torc__forget_askers(&self->askers);
        finish(self, NULL, torc_failure_new(&torc_error_cancelled, "the resolver has ended"));
    }
}

/* -- candidates ---------------------------------------------------------------------------- */

static size_t dots_of(torc_slice text)
{
    size_t dots = 0;

    for (size_t i = 0; i < text.length; i++)
        dots += text.data[i] == '.';
    return dots;
}

/*
 * Candidate `index`: the name as it stands is the first where it has dots enough, and else the
 * last. False beyond that. *ret_usable: whether it is a name at all.
 */
static bool candidate_at(
    const torc__search *self, size_t index, torc__dns_name *ret_name, bool *ret_usable)
{
    const torc__resolv_conf *conf = &self->resolver->conf;
    torc_slice text = host_of(self);
    bool is_absolute = text.data[text.length - 1] == '.';
    size_t searches = is_absolute ? 0 : conf->search_count;
    size_t bare = dots_of(text) >= conf->ndots ? 0 : searches;
    torc_slice domain = torc_slice_make(NULL, 0);

    if (index > searches)
        return false;
    if (index != bare)
        domain = torc__dns_name_slice(&conf->searches[index < bare ? index : index - 1]);
    *ret_usable = torc__dns_name_parse(text, domain, ret_name);
    return true;
}

static void try_candidate(torc__search *self);

/* -- answers ------------------------------------------------------------------------------- */

static void see_entry(torc__search *self, size_t kind, torc__known *entry)
{
    if (entry->expires < self->expires)
        self->expires = entry->expires;
    self->exists |= entry->kind != TORC__KNOWN_NO_NAME;
    if (entry->kind == TORC__KNOWN_RECORDS)
        self->kinds[kind].found = torc__known_hold(entry);
}

static bool has_addresses(const torc__search *self)
{
    return self->kinds[IPV6].found != NULL || self->kinds[IPV4].found != NULL;
}

static void see_failure(torc__search *self, const torc_failure *failure)
{
    if (self->failure == NULL)
        self->failure = torc_failure_hold(failure);
}

/* Both kinds have been answered, or one and the other has had its time. */
static void candidate_done(torc__search *self)
{
    torc_time soon = torc_now(self->resolver->reactor) + INCOMPLETE_KEPT;

    stop_asking(self);
    if (has_addresses(self)) {
        if ((self->failure != NULL || self->was_cut) && self->expires > soon)
            self->expires = soon;
        finish_with_addresses(self);
        return;
    }
    if (self->failure != NULL) {
        /* Another candidate might be another host: nobody knows that this one is not there. */
        finish(self, NULL, torc_failure_hold(self->failure));
        return;
    }
    try_candidate(self);
}

static void waited_enough(void *argument)
{
    torc__search *self = argument;

    self->was_cut = true;
    candidate_done(self);
}

static size_t count_askers(const torc__search *self)
{
    size_t count = 0;

    for (const torc__list *node = self->askers.next; node != &self->askers; node = node->next)
        count++;
    return count;
}

/* Who is told may cancel others, and with the last of them the search is over. */
static void give_some(torc__search *self)
{
    torc_address addresses[TORC_HOST_ADDRESSES_MAX];
    const char *name = NULL;
    size_t count = all_addresses(self, addresses, &name);
    size_t left = count_askers(self);

    while (left-- > 0 && !self->over) {
        torc__list *node = torc__list_take_first(&self->askers);
        torc__asker *asker = TORC_CONTAINER_OF(node, torc__asker, link);

        torc__list_append(&self->askers, node);
        if (asker->found_some == NULL || asker->has_some)
            continue;
        asker->has_some = true;
        asker->found_some(asker, addresses, count);
    }
}

static void begin_giving_some(void *argument)
{
    torc__search *self = argument;

    self->gives_some = true;
    torc_timer_set(
        &self->timer, self->resolver->scope, OTHER_KIND_PATIENCE, waited_enough, self);
    give_some(self);
}

static void look_whether_done(torc__search *self)
{
    if (self->is_asking)
        return;
    if (!self->kinds[IPV6].waits && !self->kinds[IPV4].waits)
        candidate_done(self);
    else if (self->gives_some)
        give_some(self);
    else if (self->kinds[IPV6].found != NULL)
        begin_giving_some(self);
    else if (self->kinds[IPV4].found != NULL)
        torc_timer_set(
            &self->timer, self->resolver->scope, RESOLUTION_DELAY, begin_giving_some, self);
}

static void kind_answered(
    torc__asker *asker, torc__known *entry, const torc_failure *failure)
{
    kind_asker *kind = TORC_CONTAINER_OF(asker, kind_asker, asker);
    torc__search *self = kind->search;

    kind->waits = false;
    if (entry != NULL)
        see_entry(self, (size_t)(kind - self->kinds), entry);
    else
        see_failure(self, failure);
    look_whether_done(self);
}

static void ask_kind(torc__search *self, const torc__dns_name *name, size_t kind)
{
    static const uint16_t types[KINDS] = { [IPV6] = TORC_RECORD_AAAA, [IPV4] = TORC_RECORD_A };
    kind_asker *asker = &self->kinds[kind];
    torc__known *entry = torc__ask(
        self->resolver, torc__dns_name_slice(name), types[kind], &asker->asker);

    if (entry != NULL) {
        see_entry(self, kind, entry);
        torc__known_release(entry);
        return;
    }
    asker->waits = torc__list_is_linked(&asker->asker.link);
    if (!asker->waits && self->failure == NULL)
        self->failure = torc_failure_new(&torc_error_out_of_memory, "no memory for a question");
}

static void go_on(torc__task *task)
{
    look_whether_done(TORC_CONTAINER_OF(task, torc__search, task));
}

static void try_candidate(torc__search *self)
{
    torc__dns_name name;
    bool usable = false;

    while (!usable && candidate_at(self, self->candidate, &name, &usable))
        self->candidate++;
    if (!usable) {
        /* What is no name at all nobody was asked about, and it is not worth keeping. */
        if (self->expires == TORC_NEVER)
            self->expires = 0;
        finish_with_nothing(self);
        return;
    }
    self->is_asking = true;
    if (!self->resolver->conf.no_ipv6)
        ask_kind(self, &name, IPV6);
    ask_kind(self, &name, IPV4);
    self->is_asking = false;
    /* What was known already may end the candidate, but not from within the caller's call. */
    if (!self->kinds[IPV6].waits || !self->kinds[IPV4].waits)
        torc__queue_task(self->resolver->reactor, &self->task);
}

/* -- the system's own way ------------------------------------------------------------------ */

static void system_found(torc__system_lookup *lookup, const torc__system_addresses *found)
{
    torc__search *self = TORC_CONTAINER_OF(lookup, torc__search, system);

    size_t count =
        found->count < TORC_HOST_ADDRESSES_MAX ? found->count : TORC_HOST_ADDRESSES_MAX;

    /* How long it may be kept the system does not say; in what order it is tried, it does. */
    self->expires = 0;
    if (count > 0)
        finish_with(self, torc__known_of_host(torc__search_key(&self->hashed), self->expires,
            name_of(self), found->list, count));
    else if (found->is_missing)
        finish_with_nothing(self);
    else
        finish(self, NULL, torc_failure_new(&torc_error_name_server,
            "cannot look %s up: %s", name_of(self), found->problem));
}

static int ask_system(torc__search *self)
{
    self->system.found = system_found;
    return torc__system_lookup_start(
        &self->system, self->resolver->reactor, name_of(self), 0, false);
}

/* -- beginning ----------------------------------------------------------------------------- */

static void begin(torc__task *task)
{
    torc__search *self = TORC_CONTAINER_OF(task, torc__search, task);

    self->task.run = go_on;
    try_candidate(self);
}

static torc__search *new_search(torc_resolver *resolver, torc_slice key)
{
    torc__search *self = torc__resolver_take(resolver, &resolver->search_blocks);

    if (self == NULL)
        return NULL;
    memset(self, 0, offsetof(torc__search, key));
    self->resolver = resolver;
    self->task.run = begin;
    self->expires = TORC_NEVER;
    torc__list_init(&self->askers);
    for (size_t i = 0; i < KINDS; i++) {
        self->kinds[i].search = self;
        self->kinds[i].asker.answered = kind_answered;
    }
    memcpy(self->key, key.data, key.length);
    self->key[key.length] = '\0';
    self->key_length = key.length;
    if (torc__hash_table_insert(&resolver->searches, &self->hashed))
        return self;
    torc__resolver_give(resolver, &resolver->search_blocks, self);
    return NULL;
}

/* -- without asking anybody ---------------------------------------------------------------- */

static bool is_localhost(torc_slice name)
{
    torc_slice localhost = TORC_SLICE("localhost");
    size_t before;

    if (name.length > 0 && name.data[name.length - 1] == '.')
        name.length--;
    if (name.length < localhost.length)
        return false;
    before = name.length - localhost.length;
    return torc_slice_equal_ignoring_case(torc_slice_skip(name, before), localhost)
        && (before == 0 || name.data[before - 1] == '.');
}

static size_t loopbacks(torc_address *addresses)
{
    (void)torc_address_parse(TORC_SLICE("::1"), 0, &addresses[0]);
    (void)torc_address_parse(TORC_SLICE("127.0.0.1"), 0, &addresses[1]);
    return 2;
}

/* The system reads the hosts file too, in its own turn. */
static bool is_for_system(const torc_resolver *resolver, torc_slice name)
{
    return resolver->nss
        || torc__name_switch_is_for_system(
            &resolver->name_switch, name, torc_slice_of(resolver->own_name));
}

/* How many addresses are known without the DNS; 0 where it has to be asked. */
static size_t find_at_hand(torc_resolver *resolver, torc_slice name, torc_address *addresses)
{
    size_t count;

    if (torc_address_parse(name, 0, &addresses[0]))
        return 1;
    if (is_localhost(name))
        return loopbacks(addresses);
    if (is_for_system(resolver, name))
        return 0;
    count = torc__hosts_find(&resolver->hosts, name, addresses, TORC_HOST_ADDRESSES_MAX);
    torc__order_addresses(&resolver->routes, torc_now(resolver->reactor), addresses, count);
    return count;
}

/* Kept for a while, so that the order is not found out each time. */
static torc__known *entry_at_hand(
    torc_resolver *resolver, torc_slice key, const torc_address *addresses, size_t count)
{
    torc_time now = torc_now(resolver->reactor);
    char name[TORC__KNOWN_KEY_MAX];
    torc__known *entry;

    memcpy(name, key.data + 1, key.length - 1);
    name[key.length - 1] = '\0';
    entry = torc__known_of_host(key, now + HOSTS_KEPT, name, addresses, count);
    if (entry != NULL)
        torc__cache_add(&resolver->cache, entry, now);
    return entry;
}

/* What the search for it leads to, where there is none yet. NULL: memory or threads are out. */
static torc__search *search_for(torc_resolver *resolver, torc_slice key)
{
    torc__hash_entry *hashed = torc__hash_table_find(&resolver->searches, key);
    torc__search *search;

    if (hashed != NULL) {
        resolver->counts.shared++;
        return TORC_CONTAINER_OF(hashed, torc__search, hashed);
    }
    search = new_search(resolver, key);
    if (search == NULL)
        return NULL;
    if (!is_for_system(resolver, host_of(search))) {
        torc__queue_task(resolver->reactor, &search->task);
        return search;
    }
    if (ask_system(search) == 0)
        return search;
    close_search(search);
    return NULL;
}

static torc_failure *no_memory(torc_slice name)
{
    return torc_failure_new(
        &torc_error_out_of_memory, "no memory to look %.*s up", TORC_FMT(name));
}

torc__known *torc__host_at_hand(
    torc_resolver *resolver, torc_slice name, torc_failure **ret_failure)
{
    torc_address addresses[TORC_HOST_ADDRESSES_MAX];
    uint8_t bytes[TORC__KNOWN_KEY_MAX];
    torc_slice key = torc_slice_make(bytes, torc__known_host_key(name, bytes));
    torc__known *entry;
    size_t count;

    if (key.length < 2) {
        *ret_failure = torc_failure_new(&torc_error_unknown_host, "%s host name",
            name.length == 0 ? "an empty" : "too long a");
        return NULL;
    }
    entry = torc__cache_find(&resolver->cache, key, torc_now(resolver->reactor));
    if (entry != NULL) {
        resolver->counts.from_cache++;
        return torc__known_hold(entry);
    }
    count = find_at_hand(resolver, name, addresses);
    if (count == 0)
        return NULL;
    resolver->counts.from_hosts++;
    entry = entry_at_hand(resolver, key, addresses, count);
    if (entry == NULL)
        *ret_failure = no_memory(name);
    return entry;
}

bool torc__search_host(torc_resolver *resolver, torc_slice name, torc__asker *asker)
{
    uint8_t bytes[TORC__KNOWN_KEY_MAX];
    torc_slice key = torc_slice_make(bytes, torc__known_host_key(name, bytes));
    torc__search *search = search_for(resolver, key);

    if (search == NULL)
        return false;
    asker->search = search;
    asker->has_some = false;
    torc__list_append(&search->askers, &asker->link);
    if (search->gives_some)
        torc__queue_task(resolver->reactor, &search->task);
    return true;
}

torc__known *torc__find_host(torc_resolver *resolver, torc_slice name, torc__asker *asker,
    torc_failure **ret_failure)
{
    torc__known *entry = torc__host_at_hand(resolver, name, ret_failure);

    if (entry == NULL && *ret_failure == NULL && !torc__search_host(resolver, name, asker))
        *ret_failure = no_memory(name);
    return entry;
}
