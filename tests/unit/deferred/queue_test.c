/*
 * Queues: order, bounds, and who is told when they close or end.
 */
#include "deferred/support.h"

#include "deferred/deferred.h"
#include "support/expect_abort.h"
#include "support/failing_allocation.h"
#include "testing/pending.h"

#include <torc/queue.h>

static torc_queue *queue; /* of two, with a backlog of two */

static int set_up_queue(void **state)
{
    int result = set_up(state);

    holders = 0;
    queue = torc_queue_new(root, 2, 2);
    return queue != NULL ? result : -1;
}

#define QUEUE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up_queue, tear_down)

static torc_deferred *get(torc_scope *scope, const char *name)
{
    torc_deferred *deferred = torc_queue_get(queue, scope);

    torc_add_both(deferred, swallow, (void *)(uintptr_t)name);
    return deferred;
}

static torc_deferred *put(torc_scope *scope, const char *name, torc_result item)
{
    torc_deferred *deferred = torc_queue_put(queue, scope, item);

    torc_add_both(deferred, swallow, (void *)(uintptr_t)name);
    return deferred;
}

/* -- order and bounds ---------------------------------------------------------------------- */

static void items_come_out_in_the_order_in_which_they_went_in(void **state)
{
    (void)state;
    assert_true(torc_queue_offer(queue, torc_integer(1)));
    assert_true(torc_queue_offer(queue, torc_integer(2)));
    assert_int_equal(torc_queue_length(queue), 2);
    get(root, "a");
    get(root, "b");
    assert_ran("a=1 b=2 ");
    assert_int_equal(torc_queue_length(queue), 0);
}

static void getters_get_their_items_in_the_order_of_their_asking(void **state)
{
    (void)state;
    get(root, "a");
    get(root, "b");
    assert_true(torc_queue_offer(queue, torc_integer(1)));
    assert_ran("a=1 ");
    put(root, "put", torc_integer(2));
    assert_ran("b=2 put- ");
}

static void what_is_offered_beyond_the_size_is_refused_and_released(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        assert_true(torc_queue_offer(queue, new_counted()));
    assert_false(torc_queue_offer(queue, new_counted()));
    assert_int_equal(holders, 2);
}

static void putters_wait_for_room_up_to_the_backlog(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        put(root, "put", torc_integer(i));
    assert_ran("put- put- put!QueueOverflow ");
    assert_false(torc_queue_offer(queue, torc_nothing()));
    get(root, "a");
    assert_ran("put- a=0 ");
    for (int i = 0; i < 3; i++)
        get(root, "a");
    assert_ran("put- a=1 a=2 a=3 ");
}

static void getters_wait_up_to_the_backlog(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        get(root, "a");
    assert_ran("a!QueueUnderflow ");
}

static void overflow_and_underflow_are_limits(void **state)
{
    torc_deferred *refused;
    torc_result result;

    (void)state;
    queue = torc_queue_new(root, 0, 0);
    refused = torc_queue_get(queue, root);
    assert_true(torc_deferred_result(refused, &result));
    assert_true(torc_failure_is(torc_result_failure(result), &torc_error_limit));
    torc_add_errback(refused, torc_forget, NULL);
    refused = torc_queue_put(queue, root, torc_nothing());
    assert_true(torc_deferred_result(refused, &result));
    assert_true(torc_failure_is(torc_result_failure(result), &torc_error_limit));
    torc_add_errback(refused, torc_forget, NULL);
}

static void without_a_size_items_go_from_hand_to_hand(void **state)
{
    (void)state;
    queue = torc_queue_new(root, 0, 2);
    assert_false(torc_queue_offer(queue, torc_nothing()));
    put(root, "put", torc_integer(1));
    assert_ran("");
    get(root, "a");
    assert_ran("put- a=1 ");
    get(root, "b");
    assert_true(torc_queue_offer(queue, torc_integer(2)));
    assert_ran("b=2 ");
}

static void taking_gives_what_is_there_and_lets_putters_move_up(void **state)
{
    torc_result item;

    (void)state;
    assert_false(torc_queue_take(queue, &item));
    for (int i = 0; i < 3; i++)
        put(root, "put", torc_integer(i));
    assert_ran("put- put- ");
    assert_true(torc_queue_take(queue, &item));
    assert_int_equal(torc_result_integer(item), 0);
    assert_ran("put- ");
    assert_int_equal(torc_queue_length(queue), 2);
}

static void the_ring_keeps_its_order_when_it_grows(void **state)
{
    torc_result item;

    (void)state;
    queue = torc_queue_new(root, 1000, 0);
    for (int i = 0; i < 5; i++)
        assert_true(torc_queue_offer(queue, torc_integer(i)));
    for (int i = 0; i < 3; i++)
        assert_true(torc_queue_take(queue, &item));
    for (int i = 5; i < 100; i++)
        assert_true(torc_queue_offer(queue, torc_integer(i)));
    for (int i = 3; i < 100; i++) {
        assert_true(torc_queue_take(queue, &item));
        assert_int_equal(torc_result_integer(item), i);
    }
    assert_false(torc_queue_take(queue, &item));
}

static torc_result get_again(void *name, torc_result result)
{
    if (result.as.integer < 100000) {
        torc_queue_offer(queue, torc_integer(result.as.integer + 1));
        torc_add_callback(torc_queue_get(queue, root), get_again, name);
    } else {
        note_result(name, result);
    }
    return torc_nothing();
}

static void who_puts_and_gets_from_inside_needs_no_stack(void **state)
{
    (void)state;
    queue = torc_queue_new(root, 0, 100000);
    for (int i = 0; i < 2; i++)
        torc_add_callback(torc_queue_get(queue, root), get_again, "last");
    assert_true(torc_queue_offer(queue, torc_integer(0)));
    assert_ran("last=100000 ");
}

/* -- leaving, closing, ending -------------------------------------------------------------- */

static void who_is_cancelled_waits_no_longer(void **state)
{
    torc_deferred *getter = get(root, "a");
    torc_deferred *putter;

    (void)state;
    get(root, "b");
    torc_cancel(getter);
    assert_ran("a!Cancelled ");
    for (int i = 0; i < 3; i++)
        assert_true(torc_queue_offer(queue, torc_integer(i)));
    assert_ran("b=0 ");
    putter = put(root, "put", new_counted());
    torc_cancel(putter);
    assert_ran("put!Cancelled ");
    assert_int_equal(holders, 0);
}

static void who_waits_in_a_scope_that_ends_leaves(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    get(scope, "never");
    torc_scope_end(scope);
    for (int i = 0; i < 2; i++)
        assert_true(torc_queue_offer(queue, torc_integer(i)));
    scope = torc_scope_new(root);
    put(scope, "never", new_counted());
    torc_scope_end(scope);
    assert_int_equal(holders, 0);
    get(scope, "ended");
    put(scope, "ended", new_counted());
    assert_ran("ended!Cancelled ended!Cancelled ");
    assert_int_equal(holders, 0);
    assert_int_equal(torc_queue_length(queue), 2);
    assert_null(torc_queue_new(scope, 1, 1));
}

static void a_closed_queue_may_be_emptied(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        put(root, "put", torc_integer(i));
    assert_ran("put- put- ");
    torc_queue_close(queue);
    torc_queue_close(queue);
    assert_ran("put!QueueClosed ");
    assert_false(torc_queue_offer(queue, new_counted()));
    put(root, "put", new_counted());
    assert_int_equal(holders, 0);
    for (int i = 0; i < 3; i++)
        get(root, "a");
    assert_ran("put!QueueClosed a=0 a=1 a!QueueClosed ");
}

static void closing_tells_those_who_wait_to_get(void **state)
{
    (void)state;
    get(root, "a");
    get(root, "b");
    torc_queue_close(queue);
    assert_ran("a!QueueClosed b!QueueClosed ");
}

static torc_result close_it(void *name, torc_result result)
{
    note_result(name, result);
    torc_queue_close(queue);
    return torc_nothing();
}

static void closing_from_inside_a_callback_is_fine(void **state)
{
    (void)state;
    torc_add_callback(torc_queue_get(queue, root), close_it, "a");
    get(root, "b");
    assert_true(torc_queue_offer(queue, torc_integer(1)));
    assert_ran("a=1 b!QueueClosed ");
}

static void the_end_of_a_queue_releases_items_and_tells_when_the_turn_is_over(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    queue = torc_queue_new(scope, 1, 1);
    put(root, "in", new_counted());
    put(root, "waits", new_counted());
    assert_int_equal(holders, 2);
    torc_scope_end(scope);
    assert_int_equal(holders, 0);
    assert_ran("in- ");
    get(root, "late");
    put(root, "late", new_counted());
    assert_false(torc_queue_offer(queue, new_counted()));
    assert_int_equal(holders, 0);
    assert_ran("late!Cancelled late!Cancelled ");
    turn();
    assert_ran("waits!Cancelled ");
    assert_int_equal(logged, 0);
}

static torc_result end_scope(void *scope, torc_result result)
{
    note_result("end", result);
    torc_scope_end(scope);
    return torc_nothing();
}

static void a_getter_may_end_the_queue(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    queue = torc_queue_new(scope, 0, 5);
    torc_add_callback(torc_queue_get(queue, root), end_scope, scope);
    get(root, "b");
    assert_true(torc_queue_offer(queue, torc_integer(1)));
    assert_ran("end=1 ");
    turn();
    assert_ran("b!Cancelled ");
}

static void the_reactor_may_be_freed_with_items_and_waiters(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        put(root, "put", new_counted());
    queue = torc_queue_new(root, 1, 1);
    get(root, "never");
}

static void a_queue_is_not_pending(void **state)
{
    torc__report report = { 0 };

    (void)state;
    assert_true(torc_queue_offer(queue, torc_integer(1)));
    torc__pending_report(reactor, NULL, &report);
    assert_string_equal(report.text, "");
}

/* -- memory, misuse ------------------------------------------------------------------------ */

static void without_memory_the_call_fails_and_the_item_is_released(void **state)
{
    (void)state;
    spare_allocations_of(torc__deferred_size);
    fail_all_allocations();
    assert_null(torc_queue_new(root, 1, 1));
    assert_false(torc_queue_offer(queue, new_counted()));
    put(root, "put", new_counted());
    get(root, "get");
    allow_allocations();
    assert_ran("put!OutOfMemory get!OutOfMemory ");
    for (int i = 0; i < 2; i++)
        assert_true(torc_queue_offer(queue, torc_integer(i)));
    fail_all_allocations();
    put(root, "put", new_counted());
    allow_allocations();
    assert_ran("put!OutOfMemory ");
    assert_int_equal(holders, 0);
    spare_allocations_of(0);
}

static void once_warm_nothing_is_allocated(void **state)
{
    (void)state;
    spare_allocations_of(torc__deferred_size);
    for (int round = 0; round < 3; round++) {
        count_allocations();
        get(root, "a");
        for (int i = 0; i < 4; i++)
            put(root, "put", torc_nothing());
        for (int i = 0; i < 3; i++)
            get(root, "a");
        if (round > 0)
            assert_int_equal(allocations_counted(), 0);
        allow_allocations();
        turn();
    }
    spare_allocations_of(0);
    record[0] = '\0';
}

static void get_from_another_reactor(void)
{
    torc_queue_get(queue, torc_root(torc_reactor_new()));
}

static void put_from_another_reactor(void)
{
    torc_queue_put(queue, torc_root(torc_reactor_new()), torc_nothing());
}

static void misuse_aborts(void **state)
{
    (void)state;
    expect_abort(get_from_another_reactor, "torc_queue_get: the scope belongs to another reactor");
    expect_abort(put_from_another_reactor, "torc_queue_put: the scope belongs to another reactor");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUEUE_TEST(items_come_out_in_the_order_in_which_they_went_in),
        QUEUE_TEST(getters_get_their_items_in_the_order_of_their_asking),
        QUEUE_TEST(what_is_offered_beyond_the_size_is_refused_and_released),
        QUEUE_TEST(putters_wait_for_room_up_to_the_backlog),
        QUEUE_TEST(getters_wait_up_to_the_backlog),
        QUEUE_TEST(overflow_and_underflow_are_limits),
        QUEUE_TEST(without_a_size_items_go_from_hand_to_hand),
        QUEUE_TEST(taking_gives_what_is_there_and_lets_putters_move_up),
        QUEUE_TEST(the_ring_keeps_its_order_when_it_grows),
        QUEUE_TEST(who_puts_and_gets_from_inside_needs_no_stack),
        QUEUE_TEST(who_is_cancelled_waits_no_longer),
        QUEUE_TEST(who_waits_in_a_scope_that_ends_leaves),
        QUEUE_TEST(a_closed_queue_may_be_emptied),
        QUEUE_TEST(closing_tells_those_who_wait_to_get),
        QUEUE_TEST(closing_from_inside_a_callback_is_fine),
        QUEUE_TEST(the_end_of_a_queue_releases_items_and_tells_when_the_turn_is_over),
        QUEUE_TEST(a_getter_may_end_the_queue),
        QUEUE_TEST(the_reactor_may_be_freed_with_items_and_waiters),
        QUEUE_TEST(a_queue_is_not_pending),
        QUEUE_TEST(without_memory_the_call_fails_and_the_item_is_released),
        QUEUE_TEST(once_warm_nothing_is_allocated),
        QUEUE_TEST(misuse_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
