/*
 * One deferred for many: who decides, who is cancelled, and what ends in which order.
 */
#include "deferred/support.h"

#include "deferred/deferred.h"
#include "support/expect_abort.h"
#include "support/failing_allocation.h"

#include <torc/gather.h>

typedef torc_deferred *gathering(torc_scope *scope, torc_deferred *const *parts, size_t count);

static gathering *const gatherings[] = {
    torc_gather, torc_gather_outcomes, torc_first_success, torc_race
};

enum { PARTS = 3, KINDS = sizeof gatherings / sizeof gatherings[0] };

static const char *const names[PARTS] = { "a", "b", "c" };
static torc_deferred *parts[PARTS];
static char text[2048]; /* of the last failure */

static void note_cancel(torc_deferred *deferred, void *argument)
{
    (void)deferred;
    note("stop-%s ", (const char *)argument);
}

static void make_parts(torc_scope *scope)
{
    for (size_t i = 0; i < PARTS; i++)
        parts[i] = torc_deferred_new(scope, note_cancel, (void *)(uintptr_t)names[i]);
}

static torc_result see_items(void *name, torc_result result)
{
    if (torc_is_failure(result)) {
        note_result(name, result);
        torc_failure_describe(torc_result_failure(result), text, sizeof text);
        return torc_nothing();
    }
    note("%s[ ", (const char *)name);
    for (size_t i = 0; i < torc_list_length(result); i++)
        note_result("", torc_list_at(result, i));
    note("] ");
    return torc_nothing();
}

static torc_result refused(const char *whom)
{
    return torc_fail_with(&torc_error_refused, "%s refuses", whom);
}

/* -- all ----------------------------------------------------------------------------------- */

static void all_give_a_list_in_the_order_of_the_array(void **state)
{
    (void)state;
    make_parts(root);
    torc_add_both(torc_gather(root, parts, PARTS), see_items, "all");
    torc_fire(parts[2], torc_integer(3));
    torc_fire(parts[0], torc_integer(1));
    assert_ran("");
    torc_fire(parts[1], torc_integer(2));
    assert_ran("all[ =1 =2 =3 ] ");
}

static void what_has_fired_before_counts(void **state)
{
    (void)state;
    for (int i = 0; i < PARTS; i++)
        parts[i] = torc_deferred_fired(root, torc_integer(i));
    torc_add_both(torc_gather(root, parts, PARTS), see_items, "all");
    assert_ran("all[ =0 =1 =2 ] ");
}

static void callbacks_of_a_part_run_before_it_counts(void **state)
{
    (void)state;
    make_parts(root);
    torc_add_callback(parts[0], add_one, "inner");
    torc_add_both(torc_gather(root, parts, 1), see_items, "all");
    torc_fire(parts[0], torc_integer(1));
    assert_ran("inner=1 all[ =2 ] ");
}

static void a_part_that_waits_for_another_is_waited_for(void **state)
{
    torc_deferred *inner = torc_deferred_new(root, NULL, NULL);

    (void)state;
    parts[0] = torc_deferred_fired(root, torc_nothing());
    torc_add_callback(parts[0], wait_for_it, inner);
    torc_add_both(torc_gather(root, parts, 1), see_items, "all");
    assert_ran("wait- ");
    torc_fire(inner, torc_integer(5));
    assert_ran("all[ =5 ] ");
}

static void the_first_failure_cancels_the_rest_and_says_which_it_was(void **state)
{
    (void)state;
    make_parts(root);
    torc_add_both(torc_gather(root, parts, PARTS), see_items, "all");
    torc_fire(parts[0], torc_integer(1));
    torc_fire(parts[1], refused("the mirror"));
    assert_ran("stop-c all!ConnectionRefused ");
    assert_non_null(strstr(text, "number 2 of 3: the mirror refuses"));
    assert_non_null(strstr(text, "caused by: ConnectionRefused: the mirror refuses"));
    turn();
    assert_int_equal(logged, 0);
}

static void a_failure_from_before_cancels_the_rest_at_once(void **state)
{
    (void)state;
    make_parts(root);
    torc_fire(parts[1], refused("it"));
    torc_add_both(torc_gather(root, parts, PARTS), see_items, "all");
    assert_ran("stop-a stop-c all!ConnectionRefused ");
    turn();
    assert_int_equal(logged, 0);
}

static void fire_refused(torc_deferred *deferred, void *argument)
{
    note("stop-%s ", (const char *)argument);
    torc_fire(deferred, refused(argument));
}

static void what_the_cancelled_fail_with_is_neither_told_nor_logged(void **state)
{
    (void)state;
    make_parts(root);
    parts[2] = torc_deferred_new(root, fire_refused, "late");
    torc_add_both(torc_gather(root, parts, PARTS), see_items, "all");
    torc_fire(parts[0], torc_fail_with(&torc_error_limit, "first"));
    assert_ran("stop-b stop-late all!LimitReached ");
    turn();
    assert_int_equal(logged, 0);
}

static void values_of_a_gather_that_fails_are_released(void **state)
{
    (void)state;
    make_parts(root);
    torc_add_both(torc_gather(root, parts, PARTS), see_items, "all");
    torc_fire(parts[0], new_counted());
    assert_int_equal(holders, 1);
    torc_fire(parts[1], refused("it"));
    assert_int_equal(holders, 0);
}

static void a_list_that_nobody_took_is_released_with_what_is_in_it(void **state)
{
    (void)state;
    make_parts(root);
    torc_gather(root, parts, PARTS);
    for (size_t i = 0; i < PARTS; i++)
        torc_fire(parts[i], new_counted());
    assert_int_equal(holders, PARTS);
    turn();
    assert_int_equal(holders, 0);
}

/* -- outcomes, and the first --------------------------------------------------------------- */

static void outcomes_tell_values_and_failures_and_log_none(void **state)
{
    (void)state;
    make_parts(root);
    torc_add_both(torc_gather_outcomes(root, parts, PARTS), see_items, "all");
    torc_fire(parts[1], refused("it"));
    torc_fire(parts[2], torc_integer(3));
    torc_fire(parts[0], torc_nothing());
    assert_ran("all[ - !ConnectionRefused =3 ] ");
    turn();
    assert_int_equal(logged, 0);
}

static void the_first_success_cancels_the_rest_and_forgets_failures(void **state)
{
    (void)state;
    make_parts(root);
    torc_add_both(torc_first_success(root, parts, PARTS), see, "first");
    torc_fire(parts[0], refused("it"));
    assert_ran("");
    torc_fire(parts[1], torc_integer(2));
    assert_ran("stop-c first=2 ");
    turn();
    assert_int_equal(logged, 0);
}

static void when_all_fail_one_failure_lists_them(void **state)
{
    (void)state;
    make_parts(root);
    torc_add_both(torc_first_success(root, parts, PARTS), see_items, "first");
    torc_fire(parts[2], torc_fail_with(&torc_error_limit, "too much"));
    torc_fire(parts[0], refused("x"));
    torc_fire(parts[1], refused("y"));
    assert_ran("first!AllFailed ");
    assert_non_null(strstr(text, "none of 3 succeeded: 1: ConnectionRefused: x refuses; "
                                 "2: ConnectionRefused: y refuses; 3: LimitReached: too much"));
    assert_non_null(strstr(text, "caused by: ConnectionRefused: x refuses"));
}

static torc_result see_winner(void *name, torc_result result)
{
    note("%s %zu", (const char *)name, torc_race_index(result));
    note_result("", torc_race_value(result));
    return torc_nothing();
}

static void a_race_tells_who_won_and_cancels_the_losers(void **state)
{
    (void)state;
    make_parts(root);
    torc_add_callback(torc_race(root, parts, PARTS), see_winner, "won");
    torc_fire(parts[2], torc_integer(9));
    assert_ran("stop-a stop-b won 2=9 ");
    turn();
    assert_int_equal(logged, 0);
}

static void a_race_of_one_has_room_for_its_result(void **state)
{
    (void)state;
    make_parts(root);
    torc_add_callback(torc_race(root, parts, 1), see_winner, "won");
    torc_fire(parts[0], new_counted());
    assert_ran("won 0:counted ");
    turn();
    assert_int_equal(holders, 0);
}

static void a_failure_may_win_a_race(void **state)
{
    (void)state;
    make_parts(root);
    torc_add_both(torc_race(root, parts, PARTS), see_items, "won");
    torc_fire(parts[0], refused("it"));
    assert_ran("stop-b stop-c won!ConnectionRefused ");
    assert_non_null(strstr(text, "number 1 of 3"));
}

static void of_none_there_is_a_result_at_once(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++)
        torc_add_both(gatherings[kind](root, NULL, 0), see_items, "none");
    assert_ran("none[ ] none[ ] none!AllFailed none!AllFailed ");
}

/* -- cancelling, and scopes ---------------------------------------------------------------- */

static void cancelling_any_kind_cancels_all_and_fails_as_cancelled(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        torc_deferred *all;

        make_parts(root);
        all = gatherings[kind](root, parts, PARTS);
        torc_add_both(all, see_items, "all");
        torc_cancel(all);
        assert_ran("stop-a stop-b stop-c all!Cancelled ");
        torc_cancel(all);
        turn();
        assert_int_equal(logged, 0);
    }
}

static void a_timeout_of_a_gather_is_told_as_one(void **state)
{
    torc_deferred *all;

    (void)state;
    make_parts(root);
    all = torc_gather(root, parts, PARTS);
    torc_set_timeout(all, 0);
    torc_add_both(all, see_items, "all");
    turn();
    turn();
    assert_ran("stop-a stop-b stop-c all!TimedOut ");
}

static void the_end_of_its_scope_cancels_the_parts_by_the_end_of_the_turn(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    make_parts(root);
    torc_add_both(torc_gather(scope, parts, PARTS), see, "never");
    torc_fire(parts[0], new_counted());
    torc_scope_end(scope);
    assert_ran("");
    assert_int_equal(holders, 0);
    turn();
    assert_ran("stop-c stop-b ");
    assert_int_equal(logged, 0);
}

static void the_end_of_a_parts_scope_is_its_failure(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *all;

    (void)state;
    make_parts(root);
    parts[1] = torc_deferred_new(scope, note_cancel, "inner");
    all = torc_gather(root, parts, PARTS);
    torc_add_both(all, see_items, "all");
    torc_scope_end(scope);
    assert_ran("stop-inner ");
    turn();
    assert_ran("stop-a stop-c all!Cancelled ");
    assert_non_null(strstr(text, "number 2 of 3: its scope ended"));
}

static void outcomes_wait_on_when_a_parts_scope_ends(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    make_parts(root);
    parts[1] = torc_deferred_new(scope, NULL, NULL);
    torc_add_both(torc_gather_outcomes(root, parts, PARTS), see_items, "all");
    torc_scope_end(scope);
    turn();
    assert_ran("");
    torc_fire(parts[0], torc_integer(1));
    torc_fire(parts[2], torc_integer(3));
    assert_ran("all[ =1 !Cancelled =3 ] ");
}

static void scopes_may_end_in_any_order(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        for (int order = 0; order < 4; order++) {
            torc_scope *first = torc_scope_new(root);
            torc_scope *second = torc_scope_new(root);

            make_parts(first);
            torc_add_both(gatherings[kind](second, parts, PARTS), see, "never");
            torc_fire(parts[kind == 0 || kind == 1 ? 0 : 1],
                kind == 2 ? refused("x") : kind == 3 ? torc_nothing() : new_counted());
            torc_scope_end(order % 2 == 0 ? first : second);
            if (order >= 2)
                turn();
            torc_scope_end(order % 2 == 0 ? second : first);
            turn();
            assert_int_equal(holders, 0);
        }
    }
    record[0] = '\0';
}

static void the_reactor_may_be_freed_with_a_gather_open(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        make_parts(kind % 2 == 0 ? scope : root);
        torc_add_both(gatherings[kind](kind % 2 == 0 ? root : scope, parts, PARTS), see, "never");
    }
}

static void a_part_whose_scope_has_ended_has_failed(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    make_parts(root);
    parts[1] = torc_deferred_new(scope, NULL, NULL);
    torc_scope_end(scope);
    parts[2] = torc_deferred_new(scope, NULL, NULL);
    torc_add_both(torc_gather_outcomes(root, parts, PARTS), see_items, "all");
    torc_fire(parts[0], torc_nothing());
    assert_ran("all[ - !Cancelled !Cancelled ] ");
}

static void in_a_scope_that_has_ended_all_are_cancelled(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    make_parts(root);
    torc_scope_end(scope);
    torc_add_both(torc_gather(scope, parts, PARTS), see_items, "all");
    assert_ran("stop-a stop-b stop-c all!Cancelled ");
    turn();
    assert_int_equal(logged, 0);
}

static void what_was_to_be_cancelled_for_want_of_a_waiter_has_one_again(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    make_parts(root);
    torc_add_callback(torc_deferred_fired(scope, torc_nothing()), wait_for_it, parts[0]);
    torc_scope_end(scope);
    torc_add_both(torc_gather(root, parts, 1), see_items, "all");
    turn();
    assert_ran("wait- ");
    torc_fire(parts[0], torc_integer(1));
    assert_ran("all[ =1 ] ");
}

static void gathers_may_be_parts_of_gathers(void **state)
{
    torc_deferred *pair[2];

    (void)state;
    make_parts(root);
    pair[0] = torc_gather(root, parts, 2);
    pair[1] = torc_first_success(root, &parts[2], 1);
    torc_add_both(torc_gather(root, pair, 2), see_items, "all");
    for (size_t i = 0; i < PARTS; i++)
        torc_fire(parts[i], torc_integer(7));
    assert_ran("all[ :list =7 ] ");
    make_parts(root);
    pair[0] = torc_gather(root, parts, 2);
    pair[1] = torc_first_success(root, &parts[2], 1);
    torc_add_both(torc_gather(root, pair, 2), see_items, "all");
    torc_fire(parts[1], refused("it"));
    assert_ran("stop-a stop-c all!ConnectionRefused ");
    assert_non_null(strstr(text, "number 1 of 2: number 2 of 2: it refuses"));
    turn();
    assert_int_equal(logged, 0);
}

static torc_result end_scope(void *scope, torc_result result)
{
    note_result("end", result);
    torc_scope_end(scope);
    return result;
}

static void a_callback_of_a_gather_may_end_its_scope(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_deferred *all;

    (void)state;
    make_parts(scope);
    all = torc_gather(scope, parts, PARTS);
    torc_add_both(all, end_scope, scope);
    torc_add_both(all, see, "never");
    for (size_t i = 0; i < PARTS; i++)
        torc_fire(parts[i], new_counted());
    assert_ran("end:list ");
    turn();
    assert_int_equal(holders, 0);
}

static void end_on_cancel(torc_deferred *deferred, void *scope)
{
    (void)deferred;
    note("end ");
    torc_scope_end(scope);
}

static void a_canceller_of_a_part_may_end_the_gathers_scope(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    make_parts(root);
    parts[1] = torc_deferred_new(root, end_on_cancel, scope);
    torc_add_both(torc_gather(scope, parts, PARTS), see, "never");
    torc_fire(parts[0], refused("it"));
    assert_ran("end stop-c ");
    turn();
    assert_int_equal(logged, 0);
}

static torc_result cancel_it(void *deferred, torc_result result)
{
    note_result("cancel", result);
    torc_cancel(deferred);
    return result;
}

static void cancelling_oneself_from_inside_the_chain_does_nothing(void **state)
{
    torc_deferred *all;

    (void)state;
    make_parts(root);
    all = torc_gather(root, parts, 1);
    torc_add_both(all, cancel_it, all);
    torc_add_both(all, see_items, "all");
    torc_fire(parts[0], torc_integer(1));
    assert_ran("cancel:list all[ =1 ] ");
}

static void a_part_may_cancel_its_gather(void **state)
{
    torc_deferred *all;

    (void)state;
    make_parts(root);
    torc_add_both(parts[0], wait_for_it, torc_deferred_new(root, NULL, NULL));
    all = torc_gather(root, parts, PARTS);
    torc_add_both(all, see_items, "all");
    torc_add_both(parts[2], see, "after");
    torc_cancel(all);
    assert_ran("stop-a wait!Cancelled stop-b stop-c after- all!Cancelled ");
    turn();
}

/* -- memory -------------------------------------------------------------------------------- */

static void without_memory_all_are_cancelled_and_the_result_says_so(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        torc_deferred *all;

        make_parts(root);
        spare_allocations_of(torc__deferred_size);
        fail_allocation_after(0);
        all = gatherings[kind](root, parts, PARTS);
        allow_allocations();
        torc_add_both(all, see_items, "all");
        assert_ran("stop-a stop-b stop-c all!OutOfMemory ");
        turn();
        assert_int_equal(logged, 0);
    }
    spare_allocations_of(0);
}

static void a_gather_is_one_block(void **state)
{
    (void)state;
    make_parts(root);
    spare_allocations_of(torc__deferred_size);
    count_allocations();
    torc_add_both(torc_gather(root, parts, PARTS), see_items, "all");
    for (size_t i = 0; i < PARTS; i++)
        torc_fire(parts[i], torc_integer(1));
    assert_int_equal(allocations_counted(), 1);
    allow_allocations();
    spare_allocations_of(0);
}

/* -- misuse -------------------------------------------------------------------------------- */

static void gather_one_twice(void)
{
    make_parts(root);
    torc_gather(root, parts, PARTS);
    torc_race(root, &parts[1], 1);
}

static void gather_the_same_in_one(void)
{
    make_parts(root);
    parts[2] = parts[0];
    torc_gather(root, parts, PARTS);
}

static void gather_what_is_waited_for(void)
{
    make_parts(root);
    torc_add_callback(torc_deferred_fired(root, torc_nothing()), wait_for_it, parts[0]);
    torc_gather(root, parts, 1);
}

static void wait_for_what_is_gathered(void)
{
    make_parts(root);
    torc_gather(root, parts, 1);
    torc_add_callback(torc_deferred_fired(root, torc_nothing()), wait_for_it, parts[0]);
}

static void gather_across_reactors(void)
{
    make_parts(root);
    torc_gather(torc_root(torc_reactor_new()), parts, 1);
}

static void gather_nothing(void)
{
    parts[0] = NULL;
    torc_gather_outcomes(root, parts, 1);
}

static void misuse_aborts(void **state)
{
    (void)state;
    expect_abort(gather_one_twice, "torc_race: number 1 of the deferreds is waited for or gathered");
    expect_abort(gather_the_same_in_one, "torc_gather: number 3 of the deferreds is waited for");
    expect_abort(gather_what_is_waited_for, "torc_gather: number 1 of the deferreds is waited for");
    expect_abort(wait_for_what_is_gathered, "torc_wait_for: another deferred waits for this one");
    expect_abort(gather_across_reactors, "belongs to another reactor");
    expect_abort(gather_nothing, "torc_gather_outcomes: this deferred is gone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEFERRED_TEST(all_give_a_list_in_the_order_of_the_array),
        DEFERRED_TEST(what_has_fired_before_counts),
        DEFERRED_TEST(callbacks_of_a_part_run_before_it_counts),
        DEFERRED_TEST(a_part_that_waits_for_another_is_waited_for),
        DEFERRED_TEST(the_first_failure_cancels_the_rest_and_says_which_it_was),
        DEFERRED_TEST(a_failure_from_before_cancels_the_rest_at_once),
        DEFERRED_TEST(what_the_cancelled_fail_with_is_neither_told_nor_logged),
        DEFERRED_TEST(values_of_a_gather_that_fails_are_released),
        DEFERRED_TEST(a_list_that_nobody_took_is_released_with_what_is_in_it),
        DEFERRED_TEST(outcomes_tell_values_and_failures_and_log_none),
        DEFERRED_TEST(the_first_success_cancels_the_rest_and_forgets_failures),
        DEFERRED_TEST(when_all_fail_one_failure_lists_them),
        DEFERRED_TEST(a_race_tells_who_won_and_cancels_the_losers),
        DEFERRED_TEST(a_race_of_one_has_room_for_its_result),
        DEFERRED_TEST(a_failure_may_win_a_race),
        DEFERRED_TEST(of_none_there_is_a_result_at_once),
        DEFERRED_TEST(cancelling_any_kind_cancels_all_and_fails_as_cancelled),
        DEFERRED_TEST(a_timeout_of_a_gather_is_told_as_one),
        DEFERRED_TEST(the_end_of_its_scope_cancels_the_parts_by_the_end_of_the_turn),
        DEFERRED_TEST(the_end_of_a_parts_scope_is_its_failure),
        DEFERRED_TEST(outcomes_wait_on_when_a_parts_scope_ends),
        DEFERRED_TEST(scopes_may_end_in_any_order),
        DEFERRED_TEST(the_reactor_may_be_freed_with_a_gather_open),
        DEFERRED_TEST(a_part_whose_scope_has_ended_has_failed),
        DEFERRED_TEST(in_a_scope_that_has_ended_all_are_cancelled),
        DEFERRED_TEST(what_was_to_be_cancelled_for_want_of_a_waiter_has_one_again),
        DEFERRED_TEST(gathers_may_be_parts_of_gathers),
        DEFERRED_TEST(a_callback_of_a_gather_may_end_its_scope),
        DEFERRED_TEST(a_canceller_of_a_part_may_end_the_gathers_scope),
        DEFERRED_TEST(cancelling_oneself_from_inside_the_chain_does_nothing),
        DEFERRED_TEST(a_part_may_cancel_its_gather),
        DEFERRED_TEST(without_memory_all_are_cancelled_and_the_result_says_so),
        DEFERRED_TEST(a_gather_is_one_block),
        DEFERRED_TEST(misuse_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
