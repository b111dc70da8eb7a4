/*
 * The one door to the heap, and the hook that closes it.
 */
#include "base/memory.h"

#include "support/failing_allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_zeroed_block_is_zeroed(void **state)
{
    static const char zeros[64];
    char *block = torc__allocate_zeroed(sizeof zeros);

    (void)state;
    assert_memory_equal(block, zeros, sizeof zeros);
    torc__free(block);
}

static void a_block_of_no_size_can_be_freed(void **state)
{
    void *block = torc__allocate(0);
    void *zeroed = torc__allocate_zeroed(0);

    (void)state;
    assert_non_null(block);
    assert_non_null(zeroed);
    block = torc__reallocate(block, 0);
    assert_non_null(block);
    torc__free(block);
    torc__free(zeroed);
    torc__free(NULL);
}

static void a_refused_allocation_is_null_and_the_old_block_stays(void **state)
{
    char *block = torc__allocate(4);
    char *larger;

    (void)state;
    memcpy(block, "abc", 4);
    fail_all_allocations();
    assert_null(torc__allocate(1));
    assert_null(torc__allocate_zeroed(1));
    assert_null(torc__reallocate(block, 4096));
    assert_int_equal(allocations_counted(), 3);
    allow_allocations();
    assert_string_equal(block, "abc");
    larger = torc__reallocate(block, 4096);
    assert_string_equal(larger, "abc");
    torc__free(larger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zeroed_block_is_zeroed),
        cmocka_unit_test(a_block_of_no_size_can_be_freed),
        cmocka_unit_test(a_refused_allocation_is_null_and_the_old_block_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
