/*
 * The watch table: found by descriptor, dense, and right after any order of removing.
 */
#include "reactor/driver/watch_table.h"

#include "support/failing_allocation.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { IOS = 300 };

static torc_io ios[IOS];
static torc__watch_table table;

static int set_up(void **state)
{
    (void)state;
    memset(&table, 0, sizeof table);
    for (int i = 0; i < IOS; i++)
        ios[i].descriptor = 3 + i * 2;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    allow_allocations();
    torc__watch_table_free(&table);
    return 0;
}

static unsigned wanted_of(const torc_io *io)
{
    unsigned found = 0;
    unsigned wanted = 0;

    for (size_t i = 0; i < table.count; i++)
        if (table.watched[i].io == io) {
            assert_int_equal(table.watched[i].descriptor, io->descriptor);
            wanted = table.watched[i].wanted;
            found++;
        }
    assert_true(found <= 1);
    return wanted;
}

static void what_is_set_is_found_and_changed(void **state)
{
    (void)state;
    for (int i = 0; i < IOS; i++)
        assert_int_equal(torc__watch_table_set(&table, &ios[i], 1), 0);
    assert_int_equal(table.count, IOS);
    assert_int_equal(torc__watch_table_set(&table, &ios[7], 3), 0);
    assert_int_equal(table.count, IOS);
    assert_int_equal(wanted_of(&ios[7]), 3);
    assert_int_equal(wanted_of(&ios[8]), 1);
}

/* What took the place of a removed one is still found by its descriptor. */
static void removing_in_any_order_leaves_the_rest(void **state)
{
    (void)state;
    for (int i = 0; i < IOS; i++)
        assert_int_equal(torc__watch_table_set(&table, &ios[i], 1), 0);
    for (int i = 0; i < IOS; i++) {
        int removed = i * 7 % IOS;
        int left = (i + 1) * 7 % IOS;

        torc__watch_table_remove(&table, &ios[removed]);
        torc__watch_table_remove(&table, &ios[removed]);
        assert_int_equal(table.count, IOS - 1 - i);
        assert_int_equal(wanted_of(&ios[removed]), 0);
        if (table.count == 0)
            break;
        assert_int_equal(torc__watch_table_set(&table, &ios[left], 2), 0);
        assert_int_equal(table.count, IOS - 1 - i);
        assert_int_equal(wanted_of(&ios[left]), 2);
    }
}

/* The sanitizer sees what is read beyond the table. */
static void removing_what_is_beyond_the_table_is_nothing(void **state)
{
    torc_io beyond = { 0 };

    (void)state;
    assert_int_equal(torc__watch_table_set(&table, &ios[0], 1), 0);
    beyond.descriptor = (int)table.descriptors;
    torc__watch_table_remove(&table, &beyond);
    assert_int_equal(wanted_of(&ios[0]), 1);
}

static void a_descriptor_used_again_is_new(void **state)
{
    torc_io other = { .descriptor = ios[0].descriptor };

    (void)state;
    assert_int_equal(torc__watch_table_set(&table, &ios[0], 1), 0);
    torc__watch_table_remove(&table, &ios[0]);
    assert_int_equal(torc__watch_table_set(&table, &other, 2), 0);
    assert_int_equal(wanted_of(&ios[0]), 0);
    assert_int_equal(wanted_of(&other), 2);
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    for (unsigned passed = 0; passed < 2; passed++) {
        fail_allocation_after(passed);
        assert_int_equal(torc__watch_table_set(&table, &ios[0], 1), -ENOMEM);
        assert_int_equal(table.count, 0);
        torc__watch_table_remove(&table, &ios[0]);
        allow_allocations();
    }
    assert_int_equal(torc__watch_table_set(&table, &ios[0], 1), 0);
    assert_int_equal(wanted_of(&ios[0]), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_set_is_found_and_changed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(removing_in_any_order_leaves_the_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            removing_what_is_beyond_the_table_is_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_descriptor_used_again_is_new, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_nothing_changes, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
