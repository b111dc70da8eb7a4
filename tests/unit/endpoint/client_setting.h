/*
 * What the tests of clients that stay connected share: a simulated network in which one host is
 * where the client runs, and what came of a deferred.
 */
#ifndef TORC_TESTS_ENDPOINT_CLIENT_SETTING_H
#define TORC_TESTS_ENDPOINT_CLIENT_SETTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <torc/client.h>
#include <torc/log.h>
#include <torc/testing.h>

static torc_sim *net;
static torc_sim_host *here;
static torc_scope *scope;

typedef struct outcome {
    int fired;
    void *protocol;
    const torc_failure_type *type;
} outcome;

static inline torc_result note(void *self, torc_result result)
{
    outcome *told = self;

    told->fired++;
    if (torc_is_failure(result))
        told->type = torc_failure_type_of(torc_result_failure(result));
    else if (!torc_is_nothing(result))
        told->protocol = torc_result_pointer(result);
    return torc_nothing();
}

static inline torc_deferred *watch(torc_deferred *deferred, outcome *ret_outcome)
{
    memset(ret_outcome, 0, sizeof(*ret_outcome));
    torc_add_both(deferred, note, ret_outcome);
    return deferred;
}

static inline void open_net(void)
{
    net = torc_sim_new();
    here = torc_sim_add_host(net, "here", "10.0.0.1");
    scope = torc_scope_new(torc_sim_scope(here));
}

static inline int tear_down(void **state)
{
    (void)state;
    torc_sim_free(net);
    return 0;
}

#endif /* TORC_TESTS_ENDPOINT_CLIENT_SETTING_H */
