/*
 * The pool: blocks are used again, and no more are kept than asked.
 */
#include "base/pool.h"
#include "support/failing_allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_block_given_back_is_taken_next(void **state)
{
    torc__pool pool;
    void *block;

    (void)state;
    torc__pool_init(&pool, 40, 4);
    block = torc__pool_take(&pool);
    assert_non_null(block);
    memset(block, 0xAA, 40);
    torc__pool_give(&pool, block);
#ifndef TORC_NO_POOLS
    count_allocations();
    assert_ptr_equal(torc__pool_take(&pool), block);
    assert_int_equal(allocations_counted(), 0);
    allow_allocations();
    torc__pool_give(&pool, block);
#endif
    torc__pool_drain(&pool);
}

static void no_more_free_blocks_are_kept_than_asked(void **state)
{
    void *blocks[4];
    torc__pool pool;

    (void)state;
    torc__pool_init(&pool, 1, 2);
    for (int i = 0; i < 4; i++)
        blocks[i] = torc__pool_take(&pool);
    for (int i = 0; i < 4; i++)
        torc__pool_give(&pool, blocks[i]);
    assert_true(pool.free_count <= 2);
    torc__pool_drain(&pool);
    assert_int_equal(pool.free_count, 0);
    assert_null(pool.free_blocks);
}

static void taking_gives_null_when_memory_is_out(void **state)
{
    torc__pool pool;
    void *block;

    (void)state;
    torc__pool_init(&pool, 40, 2);
    fail_all_allocations();
    assert_null(torc__pool_take(&pool));
    allow_allocations();
    block = torc__pool_take(&pool);
    assert_non_null(block);
    torc__pool_give(&pool, block);
    torc__pool_drain(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_given_back_is_taken_next),
        cmocka_unit_test(no_more_free_blocks_are_kept_than_asked),
        cmocka_unit_test(taking_gives_null_when_memory_is_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
