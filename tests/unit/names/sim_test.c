/*
 * Hosts of a simulated network are found by their names there, and nobody else is asked.
 */
#include <torc/names.h>
#include <torc/testing.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

typedef struct outcome {
    int fired;
    const torc_failure_type *failure;
    char text[TORC_ADDRESS_TEXT_MAX];
} outcome;

static torc_result found(void *self, torc_result result)
{
    outcome *seen = self;

    seen->fired++;
    torc_address_host(&torc_result_host(result)->addresses[0], seen->text);
    return torc_nothing();
}

static torc_result not_found(void *self, torc_result result)
{
    outcome *seen = self;

    seen->fired++;
    seen->failure = torc_failure_type_of(torc_result_failure(result));
    return torc_nothing();
}

static void the_networks_own_names_are_found(void **state)
{
    torc_sim *net = torc_sim_new(.seed = 7);
    torc_sim_host *host = torc_sim_add_host(net, "db.example", "192.0.2.9");
    torc_scope *scope = torc_sim_scope(torc_sim_server(net));
    outcome known = { .fired = 0 };
    outcome unknown = { .fired = 0 };
    outcome numeric = { .fired = 0 };

    (void)state;
    (void)host;
    torc_add_callbacks(torc_resolve(scope, "db.example"), found, not_found, &known);
    torc_add_callbacks(torc_resolve(scope, "nobody.example"), found, not_found, &unknown);
    torc_add_callbacks(torc_resolve(scope, "192.0.2.77"), found, not_found, &numeric);
    assert_int_equal(known.fired, 0);
    torc_sim_run(net);
    assert_string_equal(known.text, "192.0.2.9");
    assert_ptr_equal(unknown.failure, &torc_error_unknown_host);
    assert_string_equal(numeric.text, "192.0.2.77");
    assert_int_equal(known.fired + unknown.fired + numeric.fired, 3);
    torc_sim_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_networks_own_names_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
