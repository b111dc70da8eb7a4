/*
 * Deferreds that wait for deferreds: pausing, take-over of results, depth.
 */
#include "deferred/support.h"

static void a_chain_waits_for_the_deferred_that_a_callback_returned(void **state)
{
    torc_deferred *outer = torc_deferred_new(root, NULL, NULL);
    torc_deferred *inner = torc_deferred_new(root, NULL, NULL);
    torc_result result;

    (void)state;
    torc_add_callback(outer, wait_for_it, inner);
    torc_add_callback(outer, see, "outer");
    torc_add_callback(inner, add_one, "inner");
    torc_fire(outer, torc_integer(1));
    assert_ran("wait=1 ");
    assert_false(torc_deferred_result(outer, &result));
    turn();
    torc_fire(inner, torc_integer(5));
    assert_ran("inner=5 outer=6 ");
}

static void a_deferred_that_has_its_result_is_not_waited_for(void **state)
{
    torc_deferred *outer = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_callback(outer, wait_for_it, torc_deferred_fired(root, torc_integer(7)));
    torc_add_callback(outer, see, "outer");
    torc_fire(outer, torc_nothing());
    assert_ran("wait- outer=7 ");
}

static void the_waiter_takes_the_result_over(void **state)
{
    torc_deferred *outer = torc_deferred_new(root, NULL, NULL);
    torc_deferred *inner = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_callback(outer, wait_for_it, inner);
    torc_add_errback(outer, swallow, "outer");
    torc_fire(outer, torc_nothing());
    torc_fire(inner, torc_fail_with(&torc_error, "inner failed"));
    torc_add_both(inner, see, "inner");
    assert_ran("wait- outer!Error inner- ");
    turn();
    assert_int_equal(logged, 0);
}

static void a_paused_inner_keeps_the_outer_waiting(void **state)
{
    torc_deferred *outer = torc_deferred_new(root, NULL, NULL);
    torc_deferred *inner = torc_deferred_fired(root, torc_integer(1));

    (void)state;
    torc_deferred_pause(inner);
    torc_add_callback(outer, wait_for_it, inner);
    torc_add_callback(outer, see, "outer");
    torc_fire(outer, torc_nothing());
    turn();
    assert_ran("wait- ");
    torc_deferred_unpause(inner);
    assert_ran("outer=1 ");
}

static void a_paused_outer_gets_the_result_and_waits(void **state)
{
    torc_deferred *outer = torc_deferred_new(root, NULL, NULL);
    torc_deferred *inner = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_callback(outer, wait_for_it, inner);
    torc_add_callback(outer, see, "outer");
    torc_fire(outer, torc_nothing());
    torc_deferred_pause(outer);
    torc_fire(inner, torc_integer(3));
    turn();
    assert_ran("wait- ");
    torc_deferred_unpause(outer);
    assert_ran("outer=3 ");
}

static torc_result wait_in_the_middle(void *inner, torc_result result)
{
    torc_add_callback(inner, see, "inner-late");
    return torc_is_nothing(result) ? torc_wait_for(inner) : result;
}

static void an_inner_goes_through_its_whole_chain_first(void **state)
{
    torc_deferred *outer = torc_deferred_new(root, NULL, NULL);
    torc_deferred *inner = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_callback(inner, add_one, "inner");
    torc_add_callback(outer, wait_in_the_middle, inner);
    torc_add_callback(outer, see, "outer");
    torc_fire(outer, torc_nothing());
    torc_fire(inner, torc_integer(1));
    assert_ran("inner=1 inner-late=2 outer=2 ");
}

static torc_result fire_the_outer(void *outer, torc_result result)
{
    torc_fire(outer, torc_nothing());
    return torc_integer(torc_result_integer(result) + 1);
}

static void an_inner_that_is_running_is_waited_for(void **state)
{
    torc_deferred *outer = torc_deferred_new(root, NULL, NULL);
    torc_deferred *inner = torc_deferred_new(root, NULL, NULL);

    (void)state;
    torc_add_callback(outer, wait_for_it, inner);
    torc_add_callback(outer, see, "outer");
    torc_add_callback(inner, fire_the_outer, outer);
    torc_add_callback(inner, see, "inner");
    torc_fire(inner, torc_integer(1));
    assert_ran("wait- inner=2 outer=2 ");
}

/* -- a hundred thousand deep --------------------------------------------------------------- */

enum { DEEP = 100000 };

static torc_deferred *line[DEEP];

static torc_result quietly_wait(void *inner, torc_result result)
{
    (void)result;
    return torc_wait_for(inner);
}

/* line[0] waits for line[1], which waits for line[2], and so on; the last has not fired. */
static void make_line(torc_canceller *cancel, bool inside_out)
{
    for (size_t i = 0; i < DEEP; i++)
        line[i] = torc_deferred_new(root, i == DEEP - 1 ? cancel : NULL, NULL);
    for (size_t i = 0; i < DEEP - 1; i++)
        torc_add_callback(line[i], quietly_wait, line[i + 1]);
    for (size_t i = 0; i < DEEP - 1; i++)
        torc_fire(line[inside_out ? DEEP - 2 - i : i], torc_nothing());
}

static void a_result_comes_up_from_a_hundred_thousand_deep(void **state)
{
    (void)state;
    for (int inside_out = 0; inside_out < 2; inside_out++) {
        make_line(NULL, inside_out != 0);
        torc_add_callback(line[0], see, "outermost");
        assert_ran("");
        torc_fire(line[DEEP - 1], torc_integer(42));
        assert_ran("outermost=42 ");
        turn();
    }
}

static void note_cancel(torc_deferred *deferred, void *argument)
{
    (void)argument;
    note("cancel%d ", deferred == line[DEEP - 1]);
}

static void cancelling_reaches_a_hundred_thousand_deep(void **state)
{
    (void)state;
    make_line(note_cancel, false);
    torc_add_errback(line[0], swallow, "outermost");
    torc_cancel(line[0]);
    assert_ran("cancel1 outermost!Cancelled ");
}

static void a_scope_ends_with_a_line_of_a_hundred_thousand_in_it(void **state)
{
    torc_scope *outside = root;

    (void)state;
    root = torc_scope_new(outside);
    make_line(note_cancel, false);
    torc_add_both(line[0], see, "never");
    torc_scope_end(root);
    root = outside;
    turn();
    assert_ran("cancel1 ");
    assert_int_equal(logged, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEFERRED_TEST(a_chain_waits_for_the_deferred_that_a_callback_returned),
        DEFERRED_TEST(a_deferred_that_has_its_result_is_not_waited_for),
        DEFERRED_TEST(the_waiter_takes_the_result_over),
        DEFERRED_TEST(a_paused_inner_keeps_the_outer_waiting),
        DEFERRED_TEST(a_paused_outer_gets_the_result_and_waits),
        DEFERRED_TEST(an_inner_goes_through_its_whole_chain_first),
        DEFERRED_TEST(an_inner_that_is_running_is_waited_for),
        DEFERRED_TEST(a_result_comes_up_from_a_hundred_thousand_deep),
        DEFERRED_TEST(cancelling_reaches_a_hundred_thousand_deep),
        DEFERRED_TEST(a_scope_ends_with_a_line_of_a_hundred_thousand_in_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
