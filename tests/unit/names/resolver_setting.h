/*
 * resolver_setting: what tests of the resolver stand in: a reactor, two name servers of their own,
 * and what look-ups came to. The servers are served between the reactor's turns.
 */
#ifndef TORC_TESTS_NAMES_RESOLVER_SETTING_H
#define TORC_TESTS_NAMES_RESOLVER_SETTING_H

#include <torc/names.h>
#include <torc/reactor.h>

#include "name_server.h"

#include <sys/stat.h>

/* Longer than anything that works takes, on the slowest machine. */
#define PATIENCE (10 * TORC_SECOND)

static torc_reactor *reactor;
static torc_scope *scope;
static name_server server;
static name_server second;
static char folder[64];

/* What a look-up came to. */
typedef struct outcome {
    int fired;
    const torc_failure_type *failure;
    char text[1024];  /* addresses or records, or the failure's message */
    char name[256];
    size_t count;
} outcome;

static inline torc_result host_found(void *self, torc_result result)
{
    outcome *seen = self;
    const torc_host *host = torc_result_host(result);

    seen->fired++;
    seen->count = host->count;
    snprintf(seen->name, sizeof seen->name, "%s", host->name);
    for (size_t i = 0; i < host->count; i++) {
        char text[TORC_ADDRESS_TEXT_MAX];
        size_t used = strlen(seen->text);

        snprintf(seen->text + used, sizeof seen->text - used, "%s%s", i > 0 ? " " : "",
            torc_address_host(&host->addresses[i], text));
    }
    return torc_nothing();
}

static inline torc_result records_found(void *self, torc_result result)
{
    outcome *seen = self;
    const torc_records *records = torc_result_records(result);

    seen->fired++;
    seen->count = records->count;
    snprintf(seen->name, sizeof seen->name, "%s", records->name);
    for (size_t i = 0; i < records->count; i++) {
        size_t used = strlen(seen->text);

        if (i > 0)
            used += (size_t)snprintf(seen->text + used, sizeof seen->text - used, "\n");
        torc_record_text(&records->list[i], seen->text + used, sizeof seen->text - used);
    }
    return torc_nothing();
}

static inline torc_result look_up_failed(void *self, torc_result result)
{
    outcome *seen = self;
    const torc_failure *failure = torc_result_failure(result);

    seen->fired++;
    seen->failure = torc_failure_type_of(failure);
    snprintf(seen->text, sizeof seen->text, "%s", torc_failure_text(failure));
    return torc_nothing();
}

static inline torc_resolver *resolver_with(const torc_resolver_options *changes)
{
    torc_resolver_options options = *changes;
    torc_address addresses[2] = { name_server_address(&server), name_server_address(&second) };
    torc_resolver *resolver;

    if (options.hosts_file == NULL)
        options.hosts_file = "";
    if (options.configuration_file == NULL)
        options.configuration_file = "";
    options.servers = addresses;
    if (options.server_count == 0)
        options.server_count = 1;
    resolver = torc_resolver_new(scope, &options);
    assert_non_null(resolver);
    return resolver;
}

static inline torc_resolver *plain_resolver(void)
{
    return resolver_with(&(torc_resolver_options){ .hosts_file = "" });
}

static inline void start_host(torc_resolver *resolver, const char *name, outcome *seen)
{
    torc_deferred *deferred = torc_resolve_by(resolver, scope, name);

    memset(seen, 0, sizeof *seen);
    torc_add_callbacks(deferred, host_found, look_up_failed, seen);
}

static inline void start_records(
    torc_resolver *resolver, const char *name, torc_record_type type, outcome *seen)
{
    torc_deferred *deferred = torc_look_up_by(resolver, scope, name, type);

    memset(seen, 0, sizeof *seen);
    torc_add_callbacks(deferred, records_found, look_up_failed, seen);
}

static inline void run_until(const outcome *seen)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);

    while (seen->fired == 0) {
        if (torc_monotonic_now() > deadline)
            fail_msg("waited in vain");
        torc_iterate(reactor, TORC_MILLISECOND);
        serve(&server);
        serve(&second);
    }
}

static inline void run_turns(int count)
{
    for (int i = 0; i < count; i++) {
        torc_iterate(reactor, TORC_MILLISECOND);
        serve(&server);
        serve(&second);
    }
}

static inline void resolve(torc_resolver *resolver, const char *name, outcome *seen)
{
    start_host(resolver, name, seen);
    run_until(seen);
    assert_int_equal(seen->fired, 1);
}

static inline void look_up(
    torc_resolver *resolver, const char *name, torc_record_type type, outcome *seen)
{
    start_records(resolver, name, type, seen);
    run_until(seen);
    assert_int_equal(seen->fired, 1);
}

static inline void write_file(const char *name, const char *text, char path[128])
{
    char temporary[128];
    FILE *file;

    snprintf(path, 128, "%s/%s", folder, name);
    snprintf(temporary, sizeof temporary, "%s/new", folder);
    file = fopen(temporary, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(temporary, path), 0);
}

static inline int set_up(void **state)
{
    (void)state;
    reactor = torc_reactor_new_named("epoll", NULL);
    if (reactor == NULL)
        reactor = torc_reactor_new();
    scope = torc_scope_new(torc_root(reactor));
    name_server_open(&server);
    name_server_open(&second);
    snprintf(folder, sizeof folder, "/tmp/torc-names-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static inline int tear_down(void **state)
{
    static const char *const files[] = { "hosts", "resolv.conf", "nsswitch.conf" };
    char path[128];

    (void)state;
    torc_reactor_free(reactor);
    name_server_close(&server);
    name_server_close(&second);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static const char *const zone =
    "www.test. 60 A 192.0.2.1\n"
    "www.test. 60 A 192.0.2.2\n"
    "alias.test. 60 CNAME second.test.\n"
    "second.test. 60 CNAME www.test.\n"
    "mail.test. 60 MX 10 mx1.test.\n"
    "mail.test. 60 MX 20 mx2.test.\n"
    "_sip._udp.test. 60 SRV 1 2 5060 sip.test.\n"
    "text.test. 60 TXT \"a\" \"b c\"\n"
    "7.2.0.192.in-addr.arpa. 60 PTR www.test.\n"
    "a.b.search.test. 60 A 192.0.2.9\n"
    "host.search.test. 60 A 192.0.2.8\n";

#define WITH_SERVERS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif /* TORC_TESTS_NAMES_RESOLVER_SETTING_H */
