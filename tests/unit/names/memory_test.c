/*
 * The resolver with one allocation failing after the other, and one system call: each look-up comes
 * to an end, with a result or a failure, and nothing is left behind.
 */
#include <torc/names.h>
#include <torc/reactor.h>

#include "name_server.h"

#include "support/failing_allocation.h"
#include "support/failing_system_call.h"

#define PATIENCE (10 * TORC_SECOND)

static name_server server;
static int ended;

static torc_result count_end(void *unused, torc_result result)
{
    (void)unused;
    (void)result;
    ended++;
    return torc_nothing();
}

static void answer_cut(const query *asked)
{
    static uint8_t bytes[512];
    torc__dns_header header = { .truncated = asked->stream < 0 };

    send_bytes(asked, answer_of(asked, &header, 8, bytes, sizeof bytes));
}

static void run_until_ended(torc_reactor *reactor, int count)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);

    while (ended < count) {
        if (torc_monotonic_now() > deadline)
            fail_msg("a look-up does not come to an end");
        torc_iterate(reactor, TORC_MILLISECOND);
        pause_allocation_failures();
        serve(&server);
        resume_allocation_failures();
    }
}

static void look_three_up(torc_reactor *reactor, torc_resolver *resolver)
{
    torc_scope *scope = torc_root(reactor);

    ended = 0;
    torc_add_both(torc_resolve_by(resolver, scope, "www.test"), count_end, NULL);
    torc_add_both(torc_look_up_by(resolver, scope, "www.test", TORC_RECORD_A), count_end, NULL);
    torc_add_both(torc_resolve_by(resolver, scope, "localhost"), count_end, NULL);
    run_until_ended(reactor, 3);
}

static torc_reactor *new_reactor(void)
{
    torc_reactor *reactor = torc_reactor_new_named("epoll", NULL);

    return reactor != NULL ? reactor : torc_reactor_new();
}

static torc_resolver *new_resolver(torc_reactor *reactor)
{
    torc_address address = name_server_address(&server);
    torc_resolver_options options = { .configuration_file = "", .servers = &address,
        .server_count = 1, .timeout = 50 * TORC_MILLISECOND, .attempts = 2 };

    return torc_resolver_new(torc_root(reactor), &options);
}

static void each_allocation_may_fail(void **state)
{
    unsigned int passed = 0;
    bool failed = true;

    (void)state;
    for (; failed && passed < 400; passed++) {
        torc_reactor *reactor = new_reactor();
        torc_resolver *resolver;

        fail_allocation_after(passed);
        spare_vital_allocations();
        resolver = new_resolver(reactor);
        if (resolver != NULL)
            look_three_up(reactor, resolver);
        failed = an_allocation_failed();
        allow_allocations();
        torc_reactor_free(reactor);
    }
    assert_true(passed > 10 && passed < 400);
}

static void the_system_may_refuse(void **state)
{
    static const char *const calls[] = { "socket", "connect", "sendmsg", "sendmmsg", "recvmmsg",
        "recvmsg", "getsockname", "open", "read", "stat", "epoll_ctl" };

    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        torc_reactor *reactor = new_reactor();
        torc_resolver *resolver = new_resolver(reactor);

        fail_system_calls_named(calls[i], ENOMEM);
        look_three_up(reactor, resolver);
        allow_system_calls();
        torc_reactor_free(reactor);
    }
}

static int set_up(void **state)
{
    (void)state;
    name_server_open(&server);
    server.zone = "www.test. 60 A 192.0.2.1\nwww.test. 60 AAAA 2001:db8::1\n";
    server.behave = answer_cut;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    name_server_close(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_allocation_may_fail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_system_may_refuse, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
