/*
 * names: the addresses of host names, and whatever else the DNS holds, without blocking.
 *
 *     torc_deferred *host = torc_resolve(torc_scope_of(self), "www.example.org");
 *
 *     torc_add_callbacks(host, try_addresses, give_up, self);
 *     ...
 *     static torc_result try_addresses(void *self, torc_result found)
 *     {
 *         const torc_host *host = torc_result_host(found);
 *
 *         for (size_t i = 0; i < host->count; i++)
 *             try(self, &host->addresses[i]);
 *         return torc_nothing();
 *     }
 *
 * Records of any type:
 *
 *     torc_deferred *mail = torc_look_up(scope, "example.org", TORC_RECORD_MX);
 *
 * Each reactor has a resolver of its own, made when it is first needed, which does what the
 * system's does: it reads /etc/hosts and /etc/resolv.conf, and looks at most every five seconds
 * whether they have changed. It keeps what it was told for as long as it was told that it may, also
 * that there is nothing. One that is to behave otherwise is made by torc_resolver_new. It is also
 * the one that endpoints ask ("tcp:www.example.org:80"); only a simulated network has names of its
 * own.
 *
 * Where the line "hosts:" of /etc/nsswitch.conf has other sources than files and the DNS, in this
 * order, the names that only those know are asked of the system (getaddrinfo, in at most 16 helper
 * threads, nothing kept): with "mdns…" those that end in ".local", with "myhostname" the machine's
 * own, "_gateway" and the like, with "mymachines" those without a dot, with anything else (LDAP,
 * NIS, or no DNS at all) every name. "resolve" is no other source: resolv.conf names it. The
 * environment variable TORC_RESOLVER says otherwise for the reactors' own resolvers: "nss" asks the
 * system for every name, "dns" for none. Records (torc_look_up) are always asked of the DNS, and
 * "localhost" of nobody.
 *
 * Answers come from the loop's turn, or are there at once where they are known. What fails, fails
 * with torc_error_unknown_host (there is no such name, or nothing of that type: ask again and the
 * answer is the same) or torc_error_timeout, torc_error_name_server (nobody could say).
 *
 * A resolver's end fails what it was asked with torc_error_cancelled; when it is the scope of a
 * look-up that ends, that one is cancelled. A question that several wait for is asked once.
 */
#ifndef TORC_NAMES_H
#define TORC_NAMES_H

#include <torc/address.h>
#include <torc/deferred.h>
#include <torc/protocol.h>

TORC_BEGIN_DECLS

/* No server that was asked has answered in a way that can be used. A torc_error_connect. */
extern TORC_API const torc_failure_type torc_error_name_server;

/* -- addresses ----------------------------------------------------------------------------- */

/* Of a host, best first (RFC 6724). At least one; their ports are 0. */
typedef struct torc_host {
    const char *name; /* the one that the addresses belong to, after all aliases */
    torc_time expires; /* on the reactor's clock; until then the resolver says the same again */
    size_t count;
    const torc_address *addresses;
} torc_host;

/* So many at most are given of one host. */
enum { TORC_HOST_ADDRESSES_MAX = 32 };

/*
 * The addresses of `name`: of a numeric address itself, of "localhost" and what ends in
 * ".localhost" the loopback's, of what stands in the hosts file those; else the DNS is asked, for
 * IPv6 and IPv4 at once. A name with fewer dots than the configuration says is tried in the search
 * domains; one that ends in a dot is not.
 */
TORC_API torc_deferred *torc_resolve(torc_scope *scope, const char *name);

/* Borrowed from the result. */
TORC_API const torc_host *torc_result_host(torc_result result);

/* -- records ------------------------------------------------------------------------------- */

/* The types with a name here are the more common ones; any number may be asked for. */
typedef enum torc_record_type {
    TORC_RECORD_A = 1,
    TORC_RECORD_NS = 2,
    TORC_RECORD_CNAME = 5,
    TORC_RECORD_SOA = 6,
    TORC_RECORD_PTR = 12,
    TORC_RECORD_MX = 15,
    TORC_RECORD_TXT = 16,
    TORC_RECORD_AAAA = 28,
    TORC_RECORD_SRV = 33,
    TORC_RECORD_NAPTR = 35,
    TORC_RECORD_DNAME = 39,
    TORC_RECORD_DS = 43,
    TORC_RECORD_SSHFP = 44,
    TORC_RECORD_DNSKEY = 48,
    TORC_RECORD_TLSA = 52,
    TORC_RECORD_SVCB = 64,
    TORC_RECORD_HTTPS = 65,
    TORC_RECORD_ANY = 255,
    TORC_RECORD_CAA = 257,
} torc_record_type;

typedef struct torc_record {
    const char *name;      /* whose it is; no dot at the end, special bytes as "\." and "\007" */
    uint16_t type;         /* a torc_record_type, or another */
    uint16_t record_class; /* 1: the Internet's */
    uint32_t ttl;          /* in seconds, when it came */
    torc_slice data;       /* as RFC 1035 lays it out, names in it written out */
} torc_record;

/* The records of a name and type, in the order in which the server gave them. At least one. */
typedef struct torc_records {
    const char *name;  /* whose they are, after all aliases */
    torc_time expires; /* as of torc_host */
    size_t count;
    const torc_record *list;
} torc_records;

/*
 * The records of `type` that `name` has, aliases followed. The name is taken as it stands, whether
 * it ends in a dot or not; the hosts file has no say. Class IN.
 */
TORC_API torc_deferred *torc_look_up(
    torc_scope *scope, const char *name, torc_record_type type);

/* Borrowed from the result. */
TORC_API const torc_records *torc_result_records(torc_result result);

/*
 * The name under which `address` is looked up backwards, with TORC_RECORD_PTR: of 192.0.2.7
 * "7.2.0.192.in-addr.arpa". False for what is no IP address.
 */
#define TORC_REVERSE_NAME_MAX 80
TORC_API bool torc_reverse_name(const torc_address *address, char text[TORC_REVERSE_NAME_MAX]);

/*
 * Writes the record as a line of a zone file (RFC 1035 5; RFC 3597 where the type is unknown), as
 * snprintf does: cut at `size` with its NUL, and gives the length of the whole.
 */
TORC_API size_t torc_record_text(const torc_record *record, char *text, size_t size);

/* What a record's data is made of, in the order of its type's standard. */
typedef enum torc_field_kind {
    TORC_FIELD_NUMBER,
    TORC_FIELD_NAME,    /* `bytes` is its text, as in torc_record.name */
    TORC_FIELD_ADDRESS,
    TORC_FIELD_BYTES,   /* a string, a key, a list: without its length */
} torc_field_kind;

#define TORC_NAME_TEXT_MAX 1025

typedef struct torc_field {
    torc_field_kind kind;
    uint64_t number;
    torc_address address;
    torc_slice bytes;
    char name[TORC_NAME_TEXT_MAX]; /* where a name's bytes are */
} torc_field;

/*
 * Field `index` of the record: of an SRV record 0 is the priority, 1 the weight, 2 the port, 3 the
 * host; of a TXT record each string is one. False beyond the last.
 */
TORC_API bool torc_record_field(const torc_record *record, size_t index, torc_field *ret_field);

/* "MX", or "TYPE1234" for one that has no name here. */
#define TORC_RECORD_TYPE_TEXT_MAX 16
TORC_API const char *torc_record_type_text(uint16_t type, char text[TORC_RECORD_TYPE_TEXT_MAX]);

/* Reads what torc_record_type_text writes, in any case. */
TORC_API bool torc_record_type_parse(torc_slice text, uint16_t *ret_type);

/* -- resolvers ----------------------------------------------------------------------------- */

typedef struct torc_resolver torc_resolver;

typedef struct torc_resolver_options {
    const char *hosts_file;         /* NULL: /etc/hosts; "": none */
    const char *configuration_file; /* NULL: /etc/resolv.conf; "": none */

    /* "": none. NULL: /etc/nsswitch.conf, unless servers or a configuration are named here. */
    const char *name_switch_file;

    /* These are asked instead of those that the configuration names. A port of 0 is 53. */
    const torc_address *servers;
    size_t server_count;

    /*
     * These are asked over connections, in the place of all others: that is how the DNS is asked
     * over TLS (RFC 7858).
     *
     *     static const char *const servers[] = { "tls:9.9.9.9:853:name=dns.quad9.net",
     *         "tls:149.112.112.112:853:name=dns.quad9.net" };
     *     torc_resolver_options options = {
     *         .connect = torc_connect, .endpoints = servers, .endpoint_count = 2 };
     *
     *     torc_tls_use();
     *     torc_use_resolver(reactor, torc_resolver_new(torc_root(reactor), &options));
     *
     * The certificate must be for that name (the strict profile of RFC 8310): what cannot be asked
     * in private is not asked. Write addresses: a name would be looked up by the resolver that is
     * to be asked. A connection to each is kept until nothing was asked for ten seconds; questions
     * on it do not wait for each other's answers, and do not tell what they are about by their
     * length (RFC 8467). What connects is a field because it is above names; it is torc_connect.
     */
    torc_deferred *(*connect)(torc_scope *scope, const char *description, torc_factory *factory);
    const char *const *endpoints;
    size_t endpoint_count;

    torc_time timeout;     /* of one attempt; 0: the configuration's, or 5 s */
    unsigned int attempts; /* with each server; 0: the configuration's, or 2 */

    /* What is kept at most; 0: 4096 answers of 4 MiB together. */
    size_t cache_answers;
    size_t cache_bytes;
    bool no_cache;

    bool nss; /* the system is asked for every host, whatever the name switch file says */

    /*
     * Each question leaves from a port of its own. Else questions share ports, a few at a time,
     * each for a second at most: cheaper by far, and as hard to forge answers to unless somebody
     * finds out within that second which port it is.
     */
    bool fresh_ports;
} torc_resolver_options;

/*
 * A resolver, which ends with `scope` and must not be used after it. Copies what `options` (which
 * may be NULL) points to. NULL when memory is out.
 */
TORC_API torc_resolver *torc_resolver_new(torc_scope *scope, const torc_resolver_options *options);

/* The reactor's own; NULL when memory is out. */
TORC_API torc_resolver *torc_resolver_of(torc_reactor *reactor);

/*
 * From now on `resolver` is the reactor's own, until it ends; NULL: a new one is made when needed.
 */
TORC_API void torc_use_resolver(torc_reactor *reactor, torc_resolver *resolver);

/* As torc_resolve and torc_look_up, by this resolver. */
TORC_API torc_deferred *torc_resolve_by(
    torc_resolver *resolver, torc_scope *scope, const char *name);
TORC_API torc_deferred *torc_look_up_by(
    torc_resolver *resolver, torc_scope *scope, const char *name, torc_record_type type);

/* Forgets all answers, and reads the files anew at the next look-up. */
TORC_API void torc_resolver_forget(torc_resolver *resolver);

typedef struct torc_resolver_counts {
    uint64_t look_ups;    /* that were asked for */
    uint64_t from_cache;  /* answered by what was known */
    uint64_t from_hosts;  /* by the hosts file, or without any file or server */
    uint64_t shared;      /* waited for a question that was under way already */
    uint64_t questions;   /* that were asked, of any number of servers */
    uint64_t datagrams;   /* that were sent */
    uint64_t streams;     /* connections that were begun: for long answers, or to endpoints */
    uint64_t timeouts;    /* of single attempts */
    uint64_t ignored;     /* what came and was no answer to the question: wrong id, name, form */
    uint64_t failures;    /* questions to which nobody had an answer */
    size_t cached;        /* answers that are kept now */
    size_t cached_bytes;
    size_t under_way;     /* questions */
} torc_resolver_counts;

TORC_API torc_resolver_counts torc_resolver_count(const torc_resolver *resolver);

TORC_END_DECLS

#endif /* TORC_NAMES_H */
