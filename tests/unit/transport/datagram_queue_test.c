/*
 * The queue of datagrams that wait to be sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/failing_allocation.h"
#include "transport/datagram_queue.h"

#include <string.h>

static const torc_address nobody;

static char room[4096];

static void add(torc__datagram_queue *queue, size_t length, unsigned number)
{
    memset(room, (int)(number % 251), sizeof room);
    assert_true(torc__datagram_queue_add(queue, torc_slice_make(room, length), &nobody));
}

static void check_first(const torc__datagram_queue *queue, size_t length, unsigned number)
{
    const torc_datagram *first = torc__datagram_queue_first(queue);

    assert_int_equal(first->bytes.length, length);
    for (size_t i = 0; i < length; i++)
        assert_int_equal((unsigned char)first->bytes.data[i], number % 251);
}

/* Fills and empties it at different paces, so that it wraps, moves and grows. */
static void keeps_order_and_bytes_however_it_is_used(void **state)
{
    torc__datagram_queue queue = { 0 };
    unsigned added = 0;
    unsigned taken = 0;

    (void)state;
    for (unsigned round = 0; round < 500; round++) {
        for (unsigned i = 0; i < (round * 7) % 23; i++, added++)
            add(&queue, (added * 131) % 1500, added);
        for (unsigned i = 0; i < (round * 5) % 19 && taken < added; i++, taken++) {
            check_first(&queue, (taken * 131) % 1500, taken);
            torc__datagram_queue_consume(&queue, 1);
        }
        assert_int_equal(queue.count, added - taken);
    }
    for (; taken < added; taken++) {
        check_first(&queue, (taken * 131) % 1500, taken);
        torc__datagram_queue_consume(&queue, 1);
    }
    assert_int_equal(queue.cost, 0);
    torc__datagram_queue_free(&queue);
}

static void counts_what_each_costs(void **state)
{
    torc__datagram_queue queue = { 0 };

    (void)state;
    add(&queue, 0, 0);
    add(&queue, 100, 1);
    assert_int_equal(queue.cost, 2 * TORC__DATAGRAM_COST + 100);
    torc__datagram_queue_consume(&queue, 1);
    assert_int_equal(queue.cost, TORC__DATAGRAM_COST + 100);
    torc__datagram_queue_free(&queue);
}

static void once_warm_it_allocates_nothing(void **state)
{
    torc__datagram_queue queue = { 0 };

    (void)state;
    for (unsigned i = 0; i < 64; i++)
        add(&queue, 1000, i);
    torc__datagram_queue_consume(&queue, 64);
    count_allocations();
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned i = 0; i < 60; i++)
            add(&queue, 1000, i);
        torc__datagram_queue_consume(&queue, 60);
    }
    assert_int_equal(allocations_counted(), 0);
    allow_allocations();
    torc__datagram_queue_free(&queue);
}

static void gives_back_what_a_flood_took(void **state)
{
    torc__datagram_queue queue = { 0 };

    (void)state;
    for (unsigned i = 0; i < 2000; i++)
        add(&queue, 1000, i);
    torc__datagram_queue_consume(&queue, 2000);
    assert_null(queue.bytes);
    assert_null(queue.entries);
    torc__datagram_queue_free(&queue);
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    for (unsigned passed = 0; passed < 2; passed++) {
        torc__datagram_queue queue = { 0 };

        fail_allocation_after(passed);
        assert_false(torc__datagram_queue_add(&queue, torc_slice_make(room, 100), &nobody));
        allow_allocations();
        assert_int_equal(queue.count, 0);
        add(&queue, 100, 7);
        check_first(&queue, 100, 7);
        torc__datagram_queue_free(&queue);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_and_bytes_however_it_is_used),
        cmocka_unit_test(counts_what_each_costs),
        cmocka_unit_test(once_warm_it_allocates_nothing),
        cmocka_unit_test(gives_back_what_a_flood_took),
        cmocka_unit_test(without_memory_nothing_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
