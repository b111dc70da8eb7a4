/*
 * harness: what the tests of listening and connecting share: a reactor on the driver under test,
 * bounded waiting, a protocol that counts, plain sockets as the other side, and the log's lines.
 */
#ifndef TORC_TESTS_ENDPOINT_HARNESS_H
#define TORC_TESTS_ENDPOINT_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/driver_works.h"

#include <torc/deferred.h>
#include <torc/endpoint.h>
#include <torc/log.h>
#include <torc/reactor.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Longer than anything that works takes, on the slowest machine. */
#define PATIENCE (10 * TORC_SECOND)

static const char *driver_name;
static torc_reactor *reactor;
static torc_scope *scope;
static char folder[64];

/* -- waiting ------------------------------------------------------------------------------- */

/* Lets the loop turn until *flag is at least `value`. */
static inline void run_until(const int *flag, int value)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);

    while (*flag < value) {
        if (torc_monotonic_now() > deadline)
            fail_msg("waited in vain: is %d, was to become %d", *flag, value);
        torc_iterate(reactor, 20 * TORC_MILLISECOND);
    }
}

static inline void run_turns(int count)
{
    for (int i = 0; i < count; i++)
        torc_iterate(reactor, TORC_MILLISECOND);
}

/* -- a protocol that counts ---------------------------------------------------------------- */

typedef struct counts {
    int made;
    int lost;
    int released;
    int started;
    int stopped;
} counts;

static counts count;
static void (*when_made)(torc_protocol *self);

static inline void counter_made(torc_protocol *self)
{
    count.made++;
    if (when_made != NULL)
        when_made(self);
}

static inline void counter_lost(torc_protocol *self, const torc_failure *reason)
{
    (void)self;
    (void)reason;
    count.lost++;
}

static const torc_protocol_class counter_class = {
    .name = "Counter",
    .connection_made = counter_made,
    .connection_lost = counter_lost,
};

static inline void note_release(void *context)
{
    ((counts *)context)->released++;
}

static inline void note_start(void *context)
{
    ((counts *)context)->started++;
}

static inline void note_stop(void *context)
{
    ((counts *)context)->stopped++;
}

static inline torc_factory *counters(void)
{
    static const torc_factory_options options = {
        .kind = &counter_class,
        .context = &count,
        .release = note_release,
        .started = note_start,
        .stopped = note_stop,
    };

    return torc_factory_new(&options);
}

/* -- what a deferred gave ------------------------------------------------------------------ */

typedef struct outcome {
    int fired;
    torc_failure *failure;
    void *pointer;
} outcome;

static inline torc_result note_outcome(void *self, torc_result result)
{
    outcome *noted = self;

    noted->fired++;
    if (torc_is_failure(result))
        noted->failure = torc_failure_hold(torc_result_failure(result));
    else if (!torc_is_nothing(result))
        noted->pointer = torc_result_pointer(result);
    return torc_nothing();
}

static inline void watch_outcome(torc_deferred *deferred, outcome *ret_outcome)
{
    memset(ret_outcome, 0, sizeof(*ret_outcome));
    torc_add_both(deferred, note_outcome, ret_outcome);
}

static inline void assert_failed(outcome *noted, const torc_failure_type *type, const char *text)
{
    run_until(&noted->fired, 1);
    assert_int_equal(noted->fired, 1);
    if (noted->failure == NULL)
        fail_msg("it went well, but was to fail: %s", text);
    if (!torc_failure_is(noted->failure, type) ||
        strstr(torc_failure_text(noted->failure), text) == NULL)
        fail_msg("is %s: %s", torc_failure_type_of(noted->failure)->name,
            torc_failure_text(noted->failure));
    torc_failure_release(noted->failure);
}

static inline void assert_succeeded(outcome *noted)
{
    run_until(&noted->fired, 1);
    if (noted->failure != NULL)
        fail_msg("%s", torc_failure_text(noted->failure));
    assert_int_equal(noted->fired, 1);
}

/* -- the other side ------------------------------------------------------------------------ */

static inline int plain_connect(const char *host, uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(inet_pton(AF_INET, host, &address.sin_addr), 1);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0)
        return descriptor;
    close(descriptor);
    return -1;
}

/* A socket that listens on 127.0.0.1 and whose queue takes `backlog` + 1. */
static inline int plain_listen(int backlog, uint16_t *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof(address);
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(descriptor, backlog), 0);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return descriptor;
}

static inline int plain_unix(const char *path, bool listens)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error;

    memcpy(address.sun_path, path, strnlen(path, sizeof(address.sun_path) - 1));
    if (listens)
        error = bind(descriptor, (struct sockaddr *)&address, sizeof(address)) ||
            listen(descriptor, 5);
    else
        error = connect(descriptor, (struct sockaddr *)&address, sizeof(address));
    if (error == 0)
        return descriptor;
    close(descriptor);
    return -1;
}

/* Lets the loop turn until the peer has closed, then closes too. */
static inline void assert_closed_by_peer(int descriptor)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);
    char byte;
    ssize_t got;

    do {
        torc_iterate(reactor, TORC_MILLISECOND);
        got = recv(descriptor, &byte, 1, MSG_DONTWAIT);
        assert_true(torc_monotonic_now() < deadline);
    } while (got < 0 && errno == EAGAIN);
    assert_true(got <= 0);
    close(descriptor);
}

/* Good until the next call but one. */
static inline const char *path_of(const char *name)
{
    static char paths[2][100];
    static size_t next;
    char *path = paths[next++ % 2];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

/* -- the log ------------------------------------------------------------------------------- */

static char logged[16384];

static inline void keep_log(void *argument, const torc_log_event *event)
{
    size_t used = strlen(logged);

    (void)argument;
    snprintf(logged + used, sizeof(logged) - used, "%s %.*s\n", torc_log_level_name(event->level),
        TORC_FMT(event->message));
}

static inline int times_logged(const char *text)
{
    int times = 0;

    for (const char *at = strstr(logged, text); at != NULL; at = strstr(at + 1, text))
        times++;
    return times;
}

/* -- before and after each test ------------------------------------------------------------ */

static inline int set_up(void **state)
{
    (void)state;
    memset(&count, 0, sizeof(count));
    when_made = NULL;
    logged[0] = '\0';
    strcpy(folder, "/tmp/torc-endpoint-XXXXXX");
    torc_log_add_observer(TORC_LOG_INFO, keep_log, NULL);
    reactor = torc_reactor_new_named(driver_name, NULL);
    scope = torc_scope_new(torc_root(reactor));
    return mkdtemp(folder) == NULL || reactor == NULL || scope == NULL;
}

static inline int tear_down(void **state)
{
    (void)state;
    torc_reactor_free(reactor);
    torc_log_remove_observer(keep_log, NULL);
    /* Whatever listened on a path is gone now, and must have taken it along. */
    return rmdir(folder);
}

/* Runs the tests on each driver; gives the number of failures. */
static inline int run_on_all_drivers(const struct CMUnitTest *tests, size_t test_count)
{
    int failures = 0;

    torc_log_set_level(TORC_LOG_CRITICAL);
    for (size_t i = 0; (driver_name = torc_driver_name(i)) != NULL; i++) {
        if (!driver_works(driver_name))
            continue;
        failures += _cmocka_run_group_tests(driver_name, tests, test_count, NULL, NULL);
    }
    return failures;
}

#define run_endpoint_tests(tests) \
    run_on_all_drivers((tests), sizeof(tests) / sizeof((tests)[0]))

#endif /* TORC_TESTS_ENDPOINT_HARNESS_H */
