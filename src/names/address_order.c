/*
 * The rules of RFC 6724 that can be told from addresses alone: a route at all, matching scopes and
 * labels, precedence, smaller scopes, and of IPv6 addresses the longest common prefix. (Of IPv4
 * addresses it would undo the order in which servers spread their load.) What remains keeps its
 * order. The table is that of section 2.1; IPv4 counts as ::ffff:0:0/96.
 */
#include "names/address_order.h"

#include "base/socket_address.h"
#include "base/system_call.h"

#include <torc/names.h>

#include <netinet/in.h>
#include <unistd.h>

typedef struct policy {
    uint8_t prefix[16];
    uint8_t bits;
    uint8_t precedence;
    uint8_t label;
} policy;

static const policy policies[] = {
    { { [15] = 1 }, 128, 50, 0 },               /* ::1 */
    { { [10] = 0xff, [11] = 0xff }, 96, 35, 4 }, /* ::ffff:0:0/96, IPv4 */
    { { 0 }, 96, 1, 3 },                        /* ::/96 */
    { { 0x20, 0x01, 0, 0 }, 32, 5, 5 },         /* 2001::/32, Teredo */
    { { 0x20, 0x02 }, 16, 30, 2 },              /* 2002::/16, 6to4 */
    { { 0x3f, 0xfe }, 16, 1, 12 },              /* 3ffe::/16 */
    { { 0xfe, 0xc0 }, 10, 1, 11 },              /* fec0::/10 */
    { { 0xfc }, 7, 3, 13 },                     /* fc00::/7 */
    { { 0 }, 0, 40, 1 },                        /* all others */
};

#define ROUTES_KEPT (5 * TORC_SECOND)

enum { LINK_LOCAL = 2, SITE_LOCAL = 5, GLOBAL = 14 };

static void as_ipv6(const torc_address *address, uint8_t ip[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    if (address->kind == TORC_ADDRESS_IPV6) {
        memcpy(ip, address->ip, 16);
        return;
    }
    memcpy(ip, mapped, sizeof mapped);
    memcpy(ip + sizeof mapped, address->ip, 4);
}

static unsigned int common_bits(const uint8_t *a, const uint8_t *b, unsigned int most)
{
    unsigned int bits = 0;

    while (bits + 8 <= most && a[bits / 8] == b[bits / 8])
        bits += 8;
    while (bits < most && ((a[bits / 8] ^ b[bits / 8]) & 0x80 >> bits % 8) == 0)
        bits++;
    return bits;
}

static bool is_of(const policy *entry, const uint8_t ip[16])
{
    size_t whole = entry->bits / 8;
    unsigned int mask = 0xff00U >> entry->bits % 8;

    return memcmp(entry->prefix, ip, whole) == 0
        && (entry->bits % 8 == 0 || ((entry->prefix[whole] ^ ip[whole]) & mask) == 0);
}

static const policy *policy_of(const uint8_t ip[16])
{
    const policy *entry = policies;

    while (!is_of(entry, ip))
        entry++;
    return entry;
}

static int scope_of(const torc_address *address, const uint8_t ip[16], const policy *of_ip)
{
    if (address->kind == TORC_ADDRESS_IPV4) {
        const uint8_t *v4 = address->ip;

        return v4[0] == 127 || (v4[0] == 169 && v4[1] == 254) ? LINK_LOCAL : GLOBAL;
    }
    if (ip[0] == 0xff)
        return ip[1] & 15;
    if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80)
        return LINK_LOCAL;
    if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0xc0)
        return SITE_LOCAL;
    return of_ip->label == 0 ? LINK_LOCAL : GLOBAL;
}

/* What the comparison needs of an address, found out once. */
typedef struct candidate {
    torc_address address;
    torc_address source;
    bool has_route;
    bool same_scope;
    bool same_label;
    int precedence;
    int scope;
    unsigned int prefix;
} candidate;

static void assess(candidate *one, const torc_address *address, const torc_address *source)
{
    uint8_t to[16];
    uint8_t from[16];
    const policy *to_policy;
    const policy *from_policy;

    as_ipv6(address, to);
    to_policy = policy_of(to);
    one->address = *address;
    one->source = *source;
    one->has_route = source->kind != TORC_ADDRESS_NONE;
    one->precedence = to_policy->precedence;
    one->scope = scope_of(address, to, to_policy);
    one->same_scope = false;
    one->same_label = false;
    one->prefix = 0;
    if (!one->has_route)
        return;
    as_ipv6(source, from);
    from_policy = policy_of(from);
    one->same_scope = scope_of(source, from, from_policy) == one->scope;
    one->same_label = from_policy->label == to_policy->label;
    if (address->kind == TORC_ADDRESS_IPV6)
        one->prefix = common_bits(to, from, 64);
}

/* Whether `a` is to be tried before `b` for a better reason than that it stood there before. */
static bool is_better(const candidate *a, const candidate *b)
{
    if (a->has_route != b->has_route)
        return a->has_route;
    if (a->same_scope != b->same_scope)
        return a->same_scope;
    if (a->same_label != b->same_label)
        return a->same_label;
    if (a->precedence != b->precedence)
        return a->precedence > b->precedence;
    if (a->scope != b->scope)
        return a->scope < b->scope;
    return a->address.kind == b->address.kind && a->prefix > b->prefix;
}

void torc__order_addresses_by(torc_address *addresses, torc_address *sources, size_t count)
{
    candidate sorted[TORC_HOST_ADDRESSES_MAX];

    if (count > TORC_HOST_ADDRESSES_MAX)
        count = TORC_HOST_ADDRESSES_MAX;
    for (size_t i = 0; i < count; i++) {
        candidate one;
        size_t place = i;

        assess(&one, &addresses[i], &sources[i]);
        for (; place > 0 && is_better(&one, &sorted[place - 1]); place--)
            sorted[place] = sorted[place - 1];
        sorted[place] = one;
    }
    for (size_t i = 0; i < count; i++) {
        addresses[i] = sorted[i].address;
        sources[i] = sorted[i].source;
    }
}

/* -- what the system would send from ------------------------------------------------------- */

/* Connecting a datagram socket sends nothing, but chooses a route. */
static void find_source(const torc_address *address, torc_address *ret_source)
{
    torc_address target = *address;
    struct sockaddr_storage socket_address;
    socklen_t length;
    int descriptor;

    ret_source->kind = TORC_ADDRESS_NONE;
    target.port = 53;
    if (torc__address_to_sockaddr(&target, &socket_address, &length) != 0)
        return;
    descriptor = TORC__CALL(
        socket, socket_address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0)
        return;
    if (TORC__CALL(connect, descriptor, (struct sockaddr *)&socket_address, length) == 0) {
        length = sizeof socket_address;
        if (TORC__CALL(getsockname, descriptor, (struct sockaddr *)&socket_address, &length) == 0)
            torc__address_from_sockaddr(ret_source, (struct sockaddr *)&socket_address, length);
    }
    close(descriptor);
}

static bool is_same(const torc_address *a, const torc_address *b)
{
    return a->kind == b->kind && a->scope_id == b->scope_id
        && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static const torc_address *source_of(torc__routes *routes, const torc_address *address)
{
    size_t place = routes->next;

    for (size_t i = 0; i < routes->count; i++)
        if (is_same(&routes->addresses[i], address))
            return &routes->sources[i];
    routes->next = (place + 1) % TORC__ROUTES_MAX;
    if (routes->count < TORC__ROUTES_MAX)
        routes->count++;
    routes->addresses[place] = *address;
    find_source(address, &routes->sources[place]);
    return &routes->sources[place];
}

void torc__order_addresses(
    torc__routes *routes, torc_time now, torc_address *addresses, size_t count)
{
    torc_address sources[TORC_HOST_ADDRESSES_MAX];
    bool is_mixed = false;

    if (count > TORC_HOST_ADDRESSES_MAX)
        count = TORC_HOST_ADDRESSES_MAX;
    /* Where all are of IPv4 no rule but the first can tell, and trying them does that as well. */
    for (size_t i = 0; i < count; i++)
        is_mixed |= addresses[i].kind != TORC_ADDRESS_IPV4;
    if (count < 2 || !is_mixed)
        return;
    if (now >= routes->until) {
        routes->count = routes->next = 0;
        routes->until = now + ROUTES_KEPT;
    }
    for (size_t i = 0; i < count; i++)
        sources[i] = *source_of(routes, &addresses[i]);
    torc__order_addresses_by(addresses, sources, count);
}
