/*
 * Locks and semaphores: whose turn it is, and that a turn ends whatever comes of it.
 */
#include "deferred/support.h"

#include "deferred/deferred.h"
#include "support/expect_abort.h"
#include "support/failing_allocation.h"
#include "testing/pending.h"

#include <torc/lock.h>

static torc_lock *lock;
static torc_semaphore *two;

static int set_up_locks(void **state)
{
    int result = set_up(state);

    lock = torc_lock_new(root);
    two = torc_semaphore_new(root, 2);
    return lock != NULL && two != NULL ? result : -1;
}

#define LOCK_TEST(function) cmocka_unit_test_setup_teardown(function, set_up_locks, tear_down)

static torc_deferred *acquire(torc_scope *scope, const char *name)
{
    torc_deferred *deferred = torc_lock_acquire(lock, scope);

    torc_add_both(deferred, swallow, (void *)(uintptr_t)name);
    return deferred;
}

/* -- by hand ------------------------------------------------------------------------------- */

static void a_free_lock_is_had_at_once(void **state)
{
    (void)state;
    assert_false(torc_lock_is_held(lock));
    acquire(root, "a");
    assert_ran("a- ");
    assert_true(torc_lock_is_held(lock));
    torc_lock_release(lock);
    assert_false(torc_lock_is_held(lock));
}

static void waiters_get_their_turn_in_order(void **state)
{
    (void)state;
    acquire(root, "a");
    acquire(root, "b");
    acquire(root, "c");
    assert_ran("a- ");
    torc_lock_release(lock);
    assert_ran("b- ");
    torc_lock_release(lock);
    assert_ran("c- ");
    torc_lock_release(lock);
    assert_false(torc_lock_is_held(lock));
}

static void trying_neither_waits_nor_overtakes(void **state)
{
    (void)state;
    assert_true(torc_lock_try(lock));
    assert_false(torc_lock_try(lock));
    torc_lock_release(lock);
    assert_true(torc_semaphore_try(two));
    assert_true(torc_semaphore_try(two));
    assert_false(torc_semaphore_try(two));
}

static void a_waiter_that_is_cancelled_leaves_the_line(void **state)
{
    torc_deferred *waiting;

    (void)state;
    acquire(root, "a");
    waiting = acquire(root, "b");
    acquire(root, "c");
    torc_cancel(waiting);
    assert_ran("a- b!Cancelled ");
    torc_lock_release(lock);
    assert_ran("c- ");
}

static void cancelling_what_was_acquired_does_nothing(void **state)
{
    torc_deferred *held = torc_deferred_hold(acquire(root, "a"));

    (void)state;
    torc_cancel(held);
    assert_true(torc_lock_is_held(lock));
    torc_deferred_release(held);
}

static void a_waiter_whose_scope_ends_leaves_the_line(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    acquire(root, "a");
    acquire(scope, "never");
    acquire(root, "c");
    torc_scope_end(scope);
    assert_ran("a- ");
    torc_lock_release(lock);
    assert_ran("c- ");
}

static void asking_from_a_scope_that_has_ended_takes_nothing(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_scope_end(scope);
    acquire(scope, "a");
    assert_ran("a!Cancelled ");
    assert_false(torc_lock_is_held(lock));
    assert_null(torc_lock_new(scope));
    assert_null(torc_semaphore_new(scope, 1));
}

static void a_semaphore_has_so_many_tokens(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        torc_add_both(torc_semaphore_acquire(two, root), swallow, "a");
    assert_ran("a- a- ");
    assert_int_equal(torc_semaphore_available(two), 0);
    torc_semaphore_release(two);
    assert_ran("a- ");
    torc_semaphore_release(two);
    torc_semaphore_release(two);
    assert_int_equal(torc_semaphore_available(two), 2);
}

static torc_result release_lock(void *name, torc_result result)
{
    if (name != NULL)
        note_result(name, result);
    torc_lock_release(lock);
    return result;
}

static void a_line_of_any_length_needs_no_stack(void **state)
{
    (void)state;
    assert_true(torc_lock_try(lock));
    for (int i = 0; i < 200000; i++)
        torc_add_callback(torc_lock_acquire(lock, root), release_lock, NULL);
    torc_lock_release(lock);
    assert_false(torc_lock_is_held(lock));
}

static torc_result release_and_ask_again(void *name, torc_result result)
{
    note_result(name, result);
    torc_lock_release(lock);
    acquire(root, "again");
    return result;
}

static void who_asks_again_stands_behind_those_who_wait(void **state)
{
    (void)state;
    assert_true(torc_lock_try(lock));
    torc_add_callback(torc_lock_acquire(lock, root), release_and_ask_again, "a");
    torc_add_callback(torc_lock_acquire(lock, root), release_lock, "b");
    torc_lock_release(lock);
    assert_ran("a- b- again- ");
}

/* -- running ------------------------------------------------------------------------------- */

static torc_deferred *work[3];
static int begun;

static void note_cancel(torc_deferred *deferred, void *argument)
{
    (void)deferred;
    note("stop-%s ", (const char *)argument);
}

static torc_result begin(torc_scope *scope, void *argument)
{
    note("begin-%s ", (const char *)argument);
    work[begun] = torc_deferred_new(scope, note_cancel, argument);
    return torc_wait_for(work[begun++]);
}

static torc_result at_once(torc_scope *scope, void *argument)
{
    (void)scope;
    note("begin-%s ", (const char *)argument);
    return torc_integer(7);
}

static torc_result refuse_at_once(torc_scope *scope, void *argument)
{
    (void)scope;
    note("begin-%s ", (const char *)argument);
    return torc_fail_with(&torc_error_refused, "no");
}

static void one_runs_after_the_other_and_its_result_comes_through(void **state)
{
    (void)state;
    begun = 0;
    torc_add_both(torc_lock_run(lock, root, begin, "a"), swallow, "a");
    torc_add_both(torc_lock_run(lock, root, at_once, "b"), swallow, "b");
    torc_add_both(torc_lock_run(lock, root, refuse_at_once, "c"), swallow, "c");
    assert_ran("begin-a ");
    torc_fire(work[0], torc_integer(5));
    assert_ran("begin-b b=7 begin-c c!ConnectionRefused a=5 ");
    assert_false(torc_lock_is_held(lock));
}

static void cancelling_a_run_stops_the_work_and_releases(void **state)
{
    torc_deferred *first;
    torc_deferred *second;

    (void)state;
    begun = 0;
    first = torc_lock_run(lock, root, begin, "a");
    second = torc_lock_run(lock, root, begin, "b");
    torc_add_both(first, swallow, "a");
    torc_add_both(second, swallow, "b");
    torc_cancel(second);
    assert_ran("begin-a b!Cancelled ");
    torc_cancel(first);
    assert_ran("stop-a a!Cancelled ");
    assert_false(torc_lock_is_held(lock));
}

static void the_end_of_a_runs_scope_releases_when_the_turn_is_over(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    begun = 0;
    torc_add_both(torc_lock_run(lock, scope, begin, "a"), see, "never");
    torc_add_both(torc_lock_run(lock, scope, begin, "never"), see, "never");
    acquire(root, "b");
    torc_scope_end(scope);
    assert_ran("begin-a stop-a ");
    turn();
    assert_ran("b- ");
}

static torc_result end_own_scope(torc_scope *scope, void *argument)
{
    (void)argument;
    torc_scope_end(scope);
    return torc_nothing();
}

static void an_action_may_end_its_own_scope(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_add_both(torc_lock_run(lock, scope, end_own_scope, NULL), see, "never");
    turn();
    assert_ran("");
    assert_false(torc_lock_is_held(lock));
}

static void a_run_in_a_scope_that_has_ended_does_not_run(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_scope_end(scope);
    torc_add_both(torc_semaphore_run(two, scope, at_once, "never"), swallow, "a");
    assert_ran("a!Cancelled ");
    assert_int_equal(torc_semaphore_available(two), 2);
}

static void a_semaphore_runs_so_many_at_a_time(void **state)
{
    (void)state;
    begun = 0;
    for (int i = 0; i < 3; i++)
        torc_semaphore_run(two, root, begin, "a");
    assert_ran("begin-a begin-a ");
    torc_fire(work[1], torc_nothing());
    assert_ran("begin-a ");
}

/* -- the end of a lock --------------------------------------------------------------------- */

static void those_who_wait_when_a_lock_ends_are_told_when_the_turn_is_over(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    lock = torc_lock_new(scope);
    acquire(root, "a");
    acquire(root, "b");
    torc_scope_end(scope);
    acquire(root, "c");
    assert_ran("a- c!Cancelled ");
    turn();
    assert_ran("b!Cancelled ");
    torc_lock_release(lock);
    turn();
    assert_int_equal(logged, 0);
}

static void a_lock_that_is_held_when_it_ends_goes_with_the_reactor(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    assert_true(torc_lock_try(torc_lock_new(scope)));
    torc_scope_end(scope);
    turn();
}

static void a_run_may_outlive_its_lock(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    begun = 0;
    lock = torc_lock_new(scope);
    torc_add_both(torc_lock_run(lock, root, begin, "a"), swallow, "a");
    torc_scope_end(scope);
    turn();
    torc_fire(work[0], torc_integer(1));
    assert_ran("begin-a a=1 ");
    turn();
}

static void scopes_of_lock_and_run_may_end_in_any_order(void **state)
{
    (void)state;
    for (int order = 0; order < 4; order++) {
        torc_scope *first = torc_scope_new(root);
        torc_scope *second = torc_scope_new(root);

        begun = 0;
        lock = torc_lock_new(first);
        torc_lock_run(lock, second, begin, "a");
        torc_add_errback(torc_lock_run(lock, second, begin, "b"), torc_forget, NULL);
        torc_scope_end(order % 2 == 0 ? first : second);
        if (order >= 2)
            turn();
        torc_scope_end(order % 2 == 0 ? second : first);
        turn();
        assert_ran("begin-a stop-a ");
    }
    assert_int_equal(logged, 0);
}

static torc_result end_scope(void *scope, torc_result result)
{
    torc_scope_end(scope);
    return result;
}

static void a_waiter_may_end_the_lock_when_it_gets_its_turn(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    lock = torc_lock_new(scope);
    assert_true(torc_lock_try(lock));
    torc_add_both(torc_lock_acquire(lock, root), end_scope, scope);
    acquire(root, "b");
    torc_lock_release(lock);
    assert_ran("");
    turn();
    assert_ran("b!Cancelled ");
    torc_lock_release(lock);
}

static void a_lock_is_not_pending_and_who_waits_is(void **state)
{
    torc__report report = { 0 };

    (void)state;
    assert_true(torc_lock_try(lock));
    torc__pending_report(reactor, NULL, &report);
    assert_string_equal(report.text, "");
    torc_lock_run(lock, root, at_once, "never");
    torc__pending_report(reactor, NULL, &report);
    assert_non_null(strstr(report.text, "1 deferred (not fired) is pending"));
}

/* -- memory, misuse ------------------------------------------------------------------------ */

static void without_memory_there_is_a_failure_and_nothing_is_taken(void **state)
{
    (void)state;
    spare_allocations_of(torc__deferred_size);
    fail_all_allocations();
    assert_null(torc_lock_new(root));
    torc_add_both(torc_lock_run(lock, root, at_once, "never"), swallow, "a");
    assert_false(torc_lock_is_held(lock));
    assert_true(torc_lock_try(lock));
    acquire(root, "b");
    allow_allocations();
    spare_allocations_of(0);
    assert_ran("a!OutOfMemory b!OutOfMemory ");
    torc_lock_release(lock);
    assert_false(torc_lock_is_held(lock));
}

static void a_line_as_long_as_before_allocates_nothing(void **state)
{
    (void)state;
    spare_allocations_of(torc__deferred_size);
    for (int round = 0; round < 2; round++) {
        count_allocations();
        assert_true(torc_lock_try(lock));
        for (int i = 0; i < 10; i++)
            torc_add_callback(torc_lock_acquire(lock, root), release_lock, NULL);
        torc_lock_release(lock);
        if (round > 0)
            assert_int_equal(allocations_counted(), 0);
        allow_allocations();
    }
    spare_allocations_of(0);
}

static void release_what_is_free(void)
{
    torc_lock_release(lock);
}

static void release_too_often(void)
{
    assert_true(torc_semaphore_try(two));
    torc_semaphore_release(two);
    torc_semaphore_release(two);
}

static void make_one_of_nothing(void)
{
    torc_semaphore_new(root, 0);
}

static void wait_from_another_reactor(void)
{
    torc_lock_acquire(lock, torc_root(torc_reactor_new()));
}

static void run_in_another_reactor(void)
{
    torc_semaphore_run(two, torc_root(torc_reactor_new()), at_once, NULL);
}

static void misuse_aborts(void **state)
{
    (void)state;
    expect_abort(release_what_is_free, "torc_lock_release: it is not held");
    expect_abort(release_too_often, "torc_semaphore_release: it is not held");
    expect_abort(make_one_of_nothing, "torc_semaphore_new: nobody could ever acquire");
    expect_abort(wait_from_another_reactor, "torc_lock_acquire: the scope belongs to another");
    expect_abort(run_in_another_reactor, "torc_semaphore_run: the scope belongs to another");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCK_TEST(a_free_lock_is_had_at_once),
        LOCK_TEST(waiters_get_their_turn_in_order),
        LOCK_TEST(trying_neither_waits_nor_overtakes),
        LOCK_TEST(a_waiter_that_is_cancelled_leaves_the_line),
        LOCK_TEST(cancelling_what_was_acquired_does_nothing),
        LOCK_TEST(a_waiter_whose_scope_ends_leaves_the_line),
        LOCK_TEST(asking_from_a_scope_that_has_ended_takes_nothing),
        LOCK_TEST(a_semaphore_has_so_many_tokens),
        LOCK_TEST(a_line_of_any_length_needs_no_stack),
        LOCK_TEST(who_asks_again_stands_behind_those_who_wait),
        LOCK_TEST(one_runs_after_the_other_and_its_result_comes_through),
        LOCK_TEST(cancelling_a_run_stops_the_work_and_releases),
        LOCK_TEST(the_end_of_a_runs_scope_releases_when_the_turn_is_over),
        LOCK_TEST(an_action_may_end_its_own_scope),
        LOCK_TEST(a_run_in_a_scope_that_has_ended_does_not_run),
        LOCK_TEST(a_semaphore_runs_so_many_at_a_time),
        LOCK_TEST(those_who_wait_when_a_lock_ends_are_told_when_the_turn_is_over),
        LOCK_TEST(a_lock_that_is_held_when_it_ends_goes_with_the_reactor),
        LOCK_TEST(a_run_may_outlive_its_lock),
        LOCK_TEST(scopes_of_lock_and_run_may_end_in_any_order),
        LOCK_TEST(a_waiter_may_end_the_lock_when_it_gets_its_turn),
        LOCK_TEST(a_lock_is_not_pending_and_who_waits_is),
        LOCK_TEST(without_memory_there_is_a_failure_and_nothing_is_taken),
        LOCK_TEST(a_line_as_long_as_before_allocates_nothing),
        LOCK_TEST(misuse_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
