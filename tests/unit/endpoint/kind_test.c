/*
 * The table of kinds: what joins it, what it refuses, and kinds that stand around others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "endpoint/kind.h"
#include "support/failing_allocation.h"
#include "support/toy_filter.h"

static void assert_refused(torc_failure *failure, const char *part)
{
    assert_non_null(failure);
    if (strstr(torc_failure_text(failure), part) == NULL)
        fail_msg("is: %s", torc_failure_text(failure));
    torc_failure_release(failure);
}

static void the_core_s_kinds_are_found_by_name(void **state)
{
    (void)state;
    assert_non_null(torc__kind_named(TORC_SLICE("tcp")));
    assert_non_null(torc__kind_named(TORC_SLICE("unix")));
    assert_null(torc__kind_named(TORC_SLICE("carrier-pigeon")));
    assert_null(torc__kind_named(TORC_SLICE("")));
}

static void a_kind_joins_once_and_its_name_is_its_own(void **state)
{
    static const torc__kind mine = { .name = "mine" };
    static const torc__kind other = { .name = "mine" };
    static const torc__kind thief = { .name = "tcp" };

    (void)state;
    assert_true(torc__kind_register(&mine));
    assert_true(torc__kind_register(&mine));
    assert_false(torc__kind_register(&other));
    assert_false(torc__kind_register(&thief));
    assert_ptr_equal(torc__kind_named(TORC_SLICE("mine")), &mine);
}

static void a_kind_for_neither_side_says_so(void **state)
{
    torc__endpoint endpoint;

    (void)state;
    assert_refused(torc__endpoint_to_listen("mine:1", &endpoint), "mine is not for listening");
    assert_refused(torc__endpoint_to_connect("mine:1", &endpoint), "mine is not for connecting");
}

static void a_wrapper_adds_its_layer_to_what_it_stands_around(void **state)
{
    torc__endpoint endpoint;

    (void)state;
    register_toy_kind();
    toy_layers_freed = 0;
    assert_null(torc__endpoint_to_listen("toy:toy:tcp:80", &endpoint));
    assert_int_equal(endpoint.address.port, 80);
    assert_non_null(endpoint.layers);
    assert_non_null(endpoint.layers->next);
    assert_null(endpoint.layers->next->next);
    torc__layer_release(endpoint.layers);
    assert_int_equal(toy_layers_freed, 2);
}

static void what_a_wrapper_stands_around_must_be_right(void **state)
{
    torc__endpoint endpoint;

    (void)state;
    toy_layers_freed = 0;
    assert_refused(torc__endpoint_to_listen("toy", &endpoint), "empty");
    assert_refused(torc__endpoint_to_listen("toy:", &endpoint), "empty");
    assert_refused(torc__endpoint_to_listen("toy:tcp:x", &endpoint), "port must be");
    assert_refused(
        torc__endpoint_to_listen("toy:toy:toy:toy:toy:tcp:80", &endpoint), "too deep");
    assert_null(endpoint.layers);
    assert_int_equal(toy_layers_freed, 0);
}

static void a_layer_is_held_by_all_who_need_it(void **state)
{
    torc__layer *chain = toy_layer();

    (void)state;
    toy_layers_freed = 0;
    chain->next = toy_layer();
    assert_ptr_equal(torc__layer_hold(chain), chain);
    torc__layer_release(chain);
    assert_int_equal(toy_layers_freed, 0);
    torc__layer_release(chain);
    assert_int_equal(toy_layers_freed, 2);
    assert_null(torc__layer_hold(NULL));
    torc__layer_release(NULL);
}

static void without_memory_nothing_is_left_of_a_wrapped_endpoint(void **state)
{
    unsigned int number = 0;
    bool failed = true;

    (void)state;
    while (failed) {
        torc__endpoint endpoint;
        torc_failure *failure;

        fail_allocation_after(number++);
        failure = torc__endpoint_to_listen("toy:toy:tcp:80", &endpoint);
        failed = an_allocation_failed();
        allow_allocations();
        assert_int_equal(failure != NULL, failed);
        torc_failure_release(failure);
        torc__layer_release(endpoint.layers);
    }
    assert_true(number > 2);
}

/* The last: the table stays full. */
static void the_table_is_bounded(void **state)
{
    static torc__kind many[TORC__FURTHER_KINDS_MAX];
    static char names[TORC__FURTHER_KINDS_MAX][16];
    size_t taken = 0;

    (void)state;
    for (size_t i = 0; i < TORC__FURTHER_KINDS_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "kind%zu", i);
        many[i].name = names[i];
        taken += torc__kind_register(&many[i]);
    }
    assert_true(taken < TORC__FURTHER_KINDS_MAX);
    assert_false(torc__kind_register(&(torc__kind){ .name = "one more" }));
    assert_true(torc__kind_register(&many[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_core_s_kinds_are_found_by_name),
        cmocka_unit_test(a_kind_joins_once_and_its_name_is_its_own),
        cmocka_unit_test(a_kind_for_neither_side_says_so),
        cmocka_unit_test(a_wrapper_adds_its_layer_to_what_it_stands_around),
        cmocka_unit_test(what_a_wrapper_stands_around_must_be_right),
        cmocka_unit_test(a_layer_is_held_by_all_who_need_it),
        cmocka_unit_test(without_memory_nothing_is_left_of_a_wrapped_endpoint),
        cmocka_unit_test(the_table_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
