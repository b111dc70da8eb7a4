/*
 * Delayed deferreds: when they fire, and that cancelling takes their calls back.
 */
#include "task/support.h"

static void fires_with_nothing_when_its_time_has_come(void **state)
{
    (void)state;
    watch(torc_after(root, 2 * S), "a");
    advance(2 * S - 1);
    assert_ran("");
    advance(1);
    assert_ran("a- ");
}

static void fires_never_inside_the_call(void **state)
{
    (void)state;
    watch(torc_after(root, -S), "a");
    watch(torc_after(root, 0), "b");
    assert_ran("");
    run_idle();
    assert_ran("a- b- ");
}

static torc_result answer(void *self, torc_result nothing)
{
    assert_true(torc_is_nothing(nothing));
    note("%s ", (const char *)self);
    return torc_integer(42);
}

static torc_result refuse(void *self, torc_result nothing)
{
    (void)nothing;
    return torc_fail_with(&torc_error_refused, "%s", (const char *)self);
}

static torc_result wait_again(void *self, torc_result nothing)
{
    (void)self;
    (void)nothing;
    return torc_wait_for(torc_after(root, S));
}

static void its_call_has_its_result(void **state)
{
    (void)state;
    watch(torc_call_after(root, S, answer, "asked"), "a");
    watch(torc_call_after(root, S, refuse, "refused"), "b");
    watch(torc_call_after(root, S, wait_again, NULL), "c");
    advance(S);
    assert_ran("asked a=42 b!ConnectionRefused ");
    advance(S);
    assert_ran("c- ");
}

static void cancelled_it_fails_and_nothing_is_called(void **state)
{
    torc_deferred *deferred = torc_call_after(root, S, answer, "asked");

    (void)state;
    watch(deferred, "a");
    torc_cancel(deferred);
    assert_ran("a!Cancelled ");
    torc_testing_check_clean(reactor);
    advance(2 * S);
    assert_ran("");
}

/* The slots of delayed calls are used again: a deferred must not take back another's call. */
static void cancelling_takes_back_no_other_call(void **state)
{
    torc_deferred *first = torc_after(root, S);
    torc_deferred *fired = torc_deferred_hold(torc_after(root, 0));

    (void)state;
    watch(first, "a");
    run_idle();
    watch(torc_after(root, S), "b");
    torc_cancel(fired);
    torc_deferred_release(fired);
    torc_cancel(first);
    watch(torc_after(root, S), "c");
    torc_cancel(first);
    advance(S);
    assert_ran("a!Cancelled b- c- ");
}

static void ends_with_its_scope(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    watch(torc_after(scope, S), "a");
    watch(torc_call_after(scope, 2 * S, answer, "asked"), "b");
    torc_scope_end(scope);
    watch(torc_after(root, S), "c");
    advance(3 * S);
    assert_ran("c- ");
}

static void may_be_given_a_timeout(void **state)
{
    torc_deferred *deferred = torc_after(root, 2 * S);

    (void)state;
    torc_set_timeout(deferred, S);
    watch(deferred, "a");
    advance(3 * S);
    assert_ran("a!TimedOut ");
}

static void without_memory_it_fails(void **state)
{
    torc_deferred *deferred;

    (void)state;
    spare_allocations_of(torc__deferred_size);
    fail_all_allocations();
    deferred = torc_after(root, S);
    allow_allocations();
    spare_allocations_of(0);
    watch(deferred, "a");
    assert_ran("a!OutOfMemory ");
}

static void allocates_nothing_once_warm(void **state)
{
    (void)state;
#if defined(TORC_NO_POOLS)
    skip();
#endif
    for (int i = 0; i < 100; i++) {
        torc_after(root, S);
        torc_after(root, 2 * S);
        if (i == 3)
            count_allocations();
        advance(S);
    }
    assert_int_equal(allocations_counted(), 0);
    allow_allocations();
    advance(S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TASK_TEST(fires_with_nothing_when_its_time_has_come),
        TASK_TEST(fires_never_inside_the_call),
        TASK_TEST(its_call_has_its_result),
        TASK_TEST(cancelled_it_fails_and_nothing_is_called),
        TASK_TEST(cancelling_takes_back_no_other_call),
        TASK_TEST(ends_with_its_scope),
        TASK_TEST(may_be_given_a_timeout),
        TASK_TEST(without_memory_it_fails),
        TASK_TEST(allocates_nothing_once_warm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
