/*
 * Values that endpoints refuse, kind by kind: the failure names the argument and says the rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "endpoint/endpoint.h"
#include "support/failing_allocation.h"

static torc__endpoint endpoint;

typedef torc_failure *reading(const char *description, torc__endpoint *ret_endpoint);

static void assert_refused(reading *read, const char *description, const char *rule)
{
    torc_failure *failure = read(description, &endpoint);

    if (failure == NULL)
        fail_msg("it was taken: %s", description);
    if (!torc_failure_is(failure, &torc_error_invalid_argument) ||
        strstr(torc_failure_text(failure), rule) == NULL)
        fail_msg("'%s' is not in: %s", rule, torc_failure_text(failure));
    torc_failure_release(failure);
}

static void each_bad_value_of_listening_is_refused_by_its_rule(void **state)
{
    static const char *const bad[][2] = {
        { "systemd:x", "index must be a number from 0 on" },
        { "systemd:1024", "index must be a number from 0 on" },
        { "systemd:name=", "name must not be empty" },
        { "systemd:0:domain=INET9", "domain must be INET, INET6 or UNIX" },
        { "systemd:0:domain=UNIX:name=a", "either the index or the name" },
        { "tcp:80:backlog=0", "backlog must be a number from 1 to 65535" },
        { "tcp:80:backlog=many", "backlog must be a number from 1 to 65535" },
        { "unix:@", "path" },
        { "unix:a:mode=", "mode" },
        { "unix:a:mode=7777", "mode" },
        { "unix:a:mode=6/0", "mode" },
        { "tcp:80:wait=yes", "wait" },
        { "memory:", "must be a name of 1 to 107 bytes" },
        { "tls:443:certificate=a", "the program does not know 'tls' yet" },
        { "ssl:443:certificate=a", "the program does not know 'ssl' yet" },
        { "haproxy:", "haproxy" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(torc__endpoint_to_listen, bad[i][0], bad[i][1]);
}

static void each_bad_value_of_connecting_is_refused_by_its_rule(void **state)
{
    static const char *const bad[][2] = {
        { "tcp:a.test:80:bindAddress=b.test", "bindAddress must be a numeric address" },
        { "tcp:a.test:port", "port" },
        { "tcp:a.test:0", "port" },
        { "tcp:a b:80", "host" },
        { "tcp:a/b:80", "host" },
        { "tcp:a%b:80", "host" },
        { "tcp:a\x7f:80", "host" },
        { "tcp:a.test:80:timeout=1.0000000001", "timeout" },
        { "tcp:a.test:80:timeout=1.x", "timeout" },
        { "tcp:a.test:80:timeout=1.", "timeout" },
        { "socks:a.test:80:endpoint=nonsense", "nonsense" },
        { "socks:a.test:80:endpoint=tcp\\:b\\:1:user=:password=x", "user must be of 1 to 255" },
        { "socks:a.test:80:endpoint=tcp\\:b\\:1:user=x", "give both" },
        { "socks:a.test:80:endpoint=tcp\\:b\\:1:password=x", "give both" },
        { "http-proxy:a.test:80:endpoint=tcp\\:b\\:1:user=a\\:b:password=x", "RFC 7617" },
        { "http-proxy:a.test:80", "endpoint" },
        { "memory:", "must be a name of 1 to 107 bytes" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(torc__endpoint_to_connect, bad[i][0], bad[i][1]);
}

static void a_secret_of_more_than_255_bytes_is_refused(void **state)
{
    char text[400] = "socks:a.test:80:endpoint=tcp\\:b\\:1:user=x:password=";

    (void)state;
    memset(text + strlen(text), 'p', 256);
    assert_refused(torc__endpoint_to_connect, text, "password must be of 1 to 255 bytes");
}

/* However little memory there is, a description is read whole or refused for want of memory. */
static void assert_survives(reading *read, const char *description)
{
    torc_failure *failure;
    unsigned number = 0;
    bool failed;

    do {
        fail_allocation_after(number++);
        failure = read(description, &endpoint);
        failed = an_allocation_failed();
        allow_allocations();
        if (failure != NULL && !failed)
            fail_msg("%s", torc_failure_text(failure));
        if (failure == NULL)
            torc__layer_release(endpoint.layers);
        else
            assert_true(torc_failure_is(failure, &torc_error_out_of_memory));
        torc_failure_release(failure);
    } while (failed);
    assert_true(number > 1);
}

static void without_memory_a_description_is_refused_and_nothing_is_leaked(void **state)
{
    (void)state;
    assert_survives(torc__endpoint_to_listen, "haproxy:tcp:80");
    assert_survives(torc__endpoint_to_connect, "haproxy-v2:haproxy:tcp:192.0.2.1:80");
    assert_survives(torc__endpoint_to_connect,
        "socks:a.test:80:endpoint=http-proxy\\:b.test\\:1\\:endpoint\\=tcp\\\\\\:192.0.2.1"
        "\\\\\\:2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bad_value_of_listening_is_refused_by_its_rule),
        cmocka_unit_test(each_bad_value_of_connecting_is_refused_by_its_rule),
        cmocka_unit_test(a_secret_of_more_than_255_bytes_is_refused),
        cmocka_unit_test(without_memory_a_description_is_refused_and_nothing_is_leaked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
