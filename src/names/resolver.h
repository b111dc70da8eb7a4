/*
 * The inside of a resolver: what its files share.
 *
 *     resolver.c   the resolver's life, its files and servers, the public calls
 *     search.c     from a host's name to its addresses: what is known, the hosts file, search
 *                  domains, and a question for each kind of address
 *     question.c   one question for records of a name: servers, attempts, answers, aliases
 *     exchange.c, dns_stream.c   one question on its way to one server
 *     dns_link.c   a server that is asked over a kept connection, and the questions on it
 *
 * Whoever wants to know is an asker: a link in the list of the question or search that it waits
 * for. When there is no asker left, the question is dropped.
 */
#ifndef TORC_NAMES_RESOLVER_H
#define TORC_NAMES_RESOLVER_H

#include <torc/names.h>

#include "names/address_order.h"
#include "names/dns_bytes.h"
#include "names/known.h"
#include "names/hosts_file.h"
#include "names/name_switch.h"
#include "names/resolv_conf.h"
#include "names/dns_link.h"
#include "names/dns_stream.h"
#include "names/exchange.h"
#include "names/text_file.h"
#include "reactor/members.h"
#include "reactor/reactor.h"
#include "reactor/scope.h"

typedef struct torc__question torc__question;
typedef struct torc__search torc__search;

/* Embed it, zeroed. */
typedef struct torc__asker {
    torc__list link; /* linked while it waits */
    torc__question *question;
    torc__search *search;

    /*
     * Told once, from the loop's turn: an entry of any kind, or NULL and why nobody could say. Both
     * are borrowed. May cancel any asker.
     */
    void (*answered)(struct torc__asker *asker, torc__known *entry, const torc_failure *failure);

    /*
     * For who can begin with some of a host's addresses while others are waited for: told of them
     * at most once, before `answered`, which tells of all. May be NULL. May cancel any asker.
     */
    void (*found_some)(struct torc__asker *asker, const torc_address *addresses, size_t count);
    bool has_some; /* it was told */
} torc__asker;

typedef struct torc__server {
    torc_address address;
    torc__dns_link *link; /* by which alone it is asked; the resolver's. NULL: by its address */
    bool no_edns;         /* it did not understand */
    torc__dns_sockets sockets;
} torc__server;

struct torc_resolver {
    torc__grave grave;
    torc_scope own;          /* of what is no look-up, so that it does not count as under way */
    torc_scope *scope;
    torc_reactor *reactor;
    torc__cache cache;
    torc__hash_table questions; /* under way, by key */
    torc__hash_table searches;
    torc__text_file hosts_file;
    torc__text_file conf_file;
    torc__text_file switch_file;
    torc__hosts hosts;
    torc__resolv_conf conf;
    torc__name_switch name_switch;
    char own_name[256];      /* this machine's */
    torc__routes routes;
    torc__server servers[TORC__SERVERS_MAX];
    size_t server_count;
    size_t first_server;     /* asked first: another one after a time-out, or by turns */
    torc_time looked_at;     /* the files */
    torc_time timeout;       /* 0: the configuration's */
    unsigned int attempts;   /* as well */
    size_t own_server_count; /* servers that the options name; 0: the configuration's */
    torc_address own_servers[TORC__SERVERS_MAX];
    size_t link_count;       /* servers that the options name as endpoints, in the place of all */
    torc__dns_link *links[TORC__SERVERS_MAX];
    torc__dns_stream_opener *open_stream;
    torc_resolver_counts counts;
    size_t holders;          /* itself until its end, and what came from the pools */
    torc__pool question_blocks;
    torc__pool search_blocks;
    torc__pool look_up_blocks;
    bool nss;
    bool fresh_ports;
    bool has_looked;
    bool ended;
    torc__dns_bytes scratch; /* for reading messages */
    uint8_t message[4096];   /* the one that is read */
    size_t random_left;
    uint8_t random[256];     /* of the system's; fetched many at a time */
};

/* Files are looked at again after so long, whatever is asked. */
#define TORC__FILES_PAUSE (5 * TORC_SECOND)

/* Looks at the files, where it is time to. */
void torc__resolver_refresh(torc_resolver *resolver);

/* Bytes that nobody can guess. */
void torc__resolver_random(torc_resolver *resolver, void *bytes, size_t length);

/*
 * A block of one of the resolver's pools, not zeroed, and back; while it is out, the resolver's
 * memory stays, also beyond its end. NULL when memory is out.
 */
void *torc__resolver_take(torc_resolver *resolver, torc__pool *pool);
void torc__resolver_give(torc_resolver *resolver, torc__pool *pool, void *block);

/* The sizes of blocks. question.c, search.c, look_up.c */
extern const size_t torc__question_size;
extern const size_t torc__search_size;
extern const size_t torc__look_up_size;

/* -- askers -------------------------------------------------------------------------------- */

/*
 * The entry for records of `type` that `name`, a name, has, where it is known; the caller's to
 * release. NULL: `asker` is linked and will be told; or it is not linked, and memory is out.
 */
torc__known *torc__ask(
    torc_resolver *resolver, torc_slice name, uint16_t type, torc__asker *asker);

/* The two halves of it: the entry where it is known, and asking where it is not. */
torc__known *torc__records_at_hand(torc_resolver *resolver, torc_slice name, uint16_t type);
bool torc__ask_servers(
    torc_resolver *resolver, torc_slice name, uint16_t type, torc__asker *asker);

/*
 * The entry of a host. As torc__ask, but where `asker` is not linked *ret_failure says why not, and
 * is the caller's to release.
 */
torc__known *torc__find_host(torc_resolver *resolver, torc_slice name, torc__asker *asker,
    torc_failure **ret_failure);

/*
 * The two halves of it: what needs nobody, where NULL without a failure is that somebody has to be
 * asked; and asking. False: `asker` is not linked, memory or threads are out.
 */
torc__known *torc__host_at_hand(
    torc_resolver *resolver, torc_slice name, torc_failure **ret_failure);
bool torc__search_host(torc_resolver *resolver, torc_slice name, torc__asker *asker);

/* It will not be told any more. A no-op on one that does not wait. */
void torc__asker_cancel(torc__asker *asker);

/* Tells all in `askers`, a list that is not reached from elsewhere any more. */
void torc__tell_askers(torc__list *askers, torc__known *entry, const torc_failure *failure);

/* Lets them go without a word: the reactor ends, and they with it. */
void torc__forget_askers(torc__list *askers);

/* Drops the question, which nobody waits for, or the search. */
void torc__question_drop(torc__question *question);
void torc__search_drop(torc__search *search);

/* Tells all who wait that the resolver has ended; where it ends with the reactor, nobody. */
void torc__questions_end(torc_resolver *resolver);
void torc__searches_end(torc_resolver *resolver);

torc__hash_key_of torc__question_key;
torc__hash_key_of torc__search_key;

/* -- members ------------------------------------------------------------------------------- */

extern TORC_API const torc__member_kind torc__members_resolver;

#endif /* TORC_NAMES_RESOLVER_H */
