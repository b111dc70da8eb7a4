/*
 * Scopes: what ends with them, in which order, and what may be done with one that has ended.
 */
#include "reactor/support.h"

#include "support/expect_abort.h"
#include "support/failing_allocation.h"

typedef struct member {
    torc_scoped scoped;
    const char *name;
    torc_scoped *drags; /* taken out of its scope when this one ends */
} member;

static void member_ended(torc_scoped *scoped)
{
    member *self = TORC_CONTAINER_OF(scoped, member, scoped);

    note("%s ", self->name);
    if (self->drags != NULL)
        torc_scope_remove(self->drags);
}

static void end_it(void *scope)
{
    note("end ");
    torc_scope_end(scope);
    note("ended ");
}

/* -- order --------------------------------------------------------------------------------- */

static void members_end_newest_first(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    member members[3] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };

    (void)state;
    for (int i = 0; i < 3; i++)
        torc_scope_add(scope, &members[i].scoped, member_ended);
    torc_scope_end(scope);
    assert_ran("c b a ");
}

static void a_member_that_was_taken_out_does_not_end(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    member members[3] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };

    (void)state;
    for (int i = 0; i < 3; i++)
        torc_scope_add(scope, &members[i].scoped, member_ended);
    torc_scope_remove(&members[1].scoped);
    torc_scope_remove(&members[1].scoped);
    torc_scope_end(scope);
    assert_ran("c a ");
}

static void a_member_that_ends_may_take_out_another(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    member members[3] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };

    (void)state;
    members[2].drags = &members[1].scoped;
    for (int i = 0; i < 3; i++)
        torc_scope_add(scope, &members[i].scoped, member_ended);
    torc_scope_end(scope);
    assert_ran("c a ");
}

static void calls_at_the_end_run_in_their_place_newest_first(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    member between = { .name = "between" };
    torc_scope *inner;

    (void)state;
    assert_true(torc_scope_on_end(scope, say, "first"));
    torc_scope_add(scope, &between.scoped, member_ended);
    inner = torc_scope_new(scope);
    assert_true(torc_scope_on_end(scope, say, "last"));
    assert_true(torc_scope_on_end(inner, say, "inner"));
    torc_scope_end(scope);
    assert_ran("last inner between first ");
}

static void inner_scopes_end_with_the_outer(void **state)
{
    torc_scope *outer = torc_scope_new(root);
    torc_scope *middle = torc_scope_new(outer);
    torc_scope *inner = torc_scope_new(middle);

    (void)state;
    torc_call_soon(inner, say, "never");
    torc_scope_on_end(inner, say, "inner");
    torc_scope_on_end(middle, say, "middle");
    torc_scope_on_end(outer, say, "outer");
    torc_scope_end(outer);
    assert_true(torc_scope_has_ended(inner));
    assert_true(torc_scope_has_ended(middle));
    assert_ran("outer middle inner ");
    turn();
    assert_ran("");
}

static void the_outer_scope_goes_on_when_an_inner_one_ends(void **state)
{
    torc_scope *outer = torc_scope_new(root);
    torc_scope *inner = torc_scope_new(outer);

    (void)state;
    torc_call_soon(outer, say, "outer");
    torc_call_soon(inner, say, "inner");
    torc_scope_end(inner);
    assert_false(torc_scope_has_ended(outer));
    turn();
    assert_ran("outer ");
    torc_scope_end(outer);
}

static void the_root_scope_ends_with_the_reactor(void **state)
{
    torc_reactor *other = torc_reactor_new();
    torc_scope *scope = torc_scope_new(torc_root(other));

    (void)state;
    assert_ptr_equal(torc_scope_reactor(scope), other);
    torc_scope_on_end(torc_root(other), say, "root");
    torc_scope_on_end(scope, say, "scope");
    torc_call_soon(scope, say, "never");
    torc_reactor_free(other);
    assert_ran("root scope ");
}

static void a_thousand_nested_scopes_end(void **state)
{
    torc_scope *outermost = torc_scope_new(root);
    torc_scope *innermost = outermost;

    (void)state;
    for (int i = 0; i < 1000; i++)
        innermost = torc_scope_new(innermost);
    torc_scope_on_end(innermost, say, "innermost");
    torc_scope_end(outermost);
    assert_ran("innermost ");
}

/* -- from inside --------------------------------------------------------------------------- */

static void a_scope_may_be_ended_inside_a_call_that_it_owns(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_call_soon(scope, end_it, scope);
    torc_call_soon(scope, say, "never");
    torc_scope_on_end(scope, say, "hook");
    turn();
    assert_ran("end hook ended ");
}

static void end_it_and_look(void *scope)
{
    torc_scope_end(scope);
    torc_scope_end(scope);
    note(torc_scope_has_ended(scope) ? "ended " : "alive ");
}

static void a_scope_that_has_ended_may_be_asked_and_ended_again_until_the_turn_is_over(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_call_soon(root, end_it_and_look, scope);
    turn();
    assert_ran("ended ");
}

static void a_call_at_its_end_may_end_the_scope_and_its_outer_one(void **state)
{
    torc_scope *outer = torc_scope_new(root);
    torc_scope *inner = torc_scope_new(outer);

    (void)state;
    torc_scope_on_end(outer, say, "outer");
    torc_scope_on_end(inner, end_it, outer);
    torc_scope_on_end(inner, end_it, inner);
    torc_scope_end(inner);
    assert_ran("end ended end outer ended ");
    turn();
}

static void start_more(void *scope)
{
    torc_delayed_call call = torc_call_soon(scope, say, "never");
    bool hooked = torc_scope_on_end(scope, say, "never");
    torc_scope *inner = torc_scope_new(scope);

    note(torc_delayed_is_active(&call) ? "active " : "cancelled ");
    note(hooked ? "hooked " : "unhooked ");
    note(torc_scope_has_ended(inner) ? "ended " : "alive ");
}

static void what_is_started_while_a_scope_ends_has_ended(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_scope_on_end(scope, start_more, scope);
    torc_scope_end(scope);
    assert_ran("cancelled unhooked ended ");
    turn();
    assert_ran("");
}

/* -- what has ended ------------------------------------------------------------------------ */

static void what_is_started_in_a_scope_that_has_ended_has_ended(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_scope_end(scope);
    start_more(scope);
    assert_ran("cancelled unhooked ended ");
    turn();
    assert_ran("");
}

static torc_result note_failure(void *name, torc_result result)
{
    const char *type = "value";

    if (torc_is_failure(result))
        type = torc_failure_type_of(torc_result_failure(result))->name;
    note("%s:%s ", (const char *)name, type);
    return torc_nothing();
}

static void a_deferred_made_in_a_scope_that_has_ended_fails_as_cancelled(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    torc_scope_end(scope);
    torc_add_both(torc_deferred_new(scope, NULL, NULL), note_failure, "a");
    assert_ran("a:Cancelled ");
    turn();
    assert_int_equal(logged, 0);
}

static void a_signal_watched_in_a_scope_that_has_ended_is_a_failure(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_failure *failure;

    (void)state;
    torc_scope_end(scope);
    failure = torc_on_signal(scope, 10, say, "never");
    assert_true(torc_failure_is(failure, &torc_error_cancelled));
    torc_failure_release(failure);
}

static void ending_no_scope_is_harmless(void **state)
{
    (void)state;
    torc_scope_end(NULL);
}

/* -- misuse -------------------------------------------------------------------------------- */

static void end_root(void)
{
    torc_scope_end(root);
}

static void ending_the_root_scope_by_hand_aborts(void **state)
{
    (void)state;
    expect_abort(end_root, "torc_scope_end: the scope of a protocol or a reactor ends by itself");
}

static void end_own_scope(torc_protocol *self)
{
    torc_scope_end(torc_scope_of(self));
}

static void run_protocol_that_ends_its_scope(void)
{
    static const torc_protocol_class broken = {
        .name = "Broken",
        .connection_made = end_own_scope,
    };
    static const torc_protocol_class silent = { .name = "Silent" };

    torc_connect_in_memory(root, torc_factory_of(&broken), torc_factory_of(&silent));
    turn();
    turn();
}

static void ending_a_protocols_scope_by_hand_aborts(void **state)
{
    (void)state;
    expect_abort(run_protocol_that_ends_its_scope,
        "torc_scope_end: the scope of a protocol or a reactor ends by itself");
}

/* -- protocols ----------------------------------------------------------------------------- */

static void lost_start(torc_protocol *self)
{
    torc_call_later(torc_scope_of(self), TORC_SECOND, say, "never");
    torc_scope_on_end(torc_scope_of(self), say, "scope-ended");
    torc_abort_connection(self->transport);
    note("made ");
}

static void lost_end(torc_protocol *self, const torc_failure *reason)
{
    (void)reason;
    note(torc_scope_has_ended(torc_scope_of(self)) ? "lost-in-ended-scope " : "lost ");
}

static void a_protocols_scope_ends_right_after_connection_lost(void **state)
{
    static const torc_protocol_class brief = {
        .name = "Brief",
        .connection_made = lost_start,
        .connection_lost = lost_end,
    };
    static const torc_protocol_class silent = { .name = "Silent" };

    (void)state;
    torc_connect_in_memory(root, torc_factory_of(&brief), torc_factory_of(&silent));
    for (int i = 0; i < 4; i++)
        turn();
    assert_ran("made lost scope-ended ");
    pass(2 * TORC_SECOND);
    assert_ran("");
}

/* -- memory -------------------------------------------------------------------------------- */

static void without_memory_there_is_no_scope_and_no_call_at_the_end(void **state)
{
    torc_scope *scope = torc_scope_new(root);

    (void)state;
    fail_all_allocations();
    assert_null(torc_scope_new(root));
    assert_false(torc_scope_on_end(scope, say, "never"));
    allow_allocations();
    torc_scope_end(scope);
    assert_ran("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REACTOR_TEST(members_end_newest_first),
        REACTOR_TEST(a_member_that_was_taken_out_does_not_end),
        REACTOR_TEST(a_member_that_ends_may_take_out_another),
        REACTOR_TEST(calls_at_the_end_run_in_their_place_newest_first),
        REACTOR_TEST(inner_scopes_end_with_the_outer),
        REACTOR_TEST(the_outer_scope_goes_on_when_an_inner_one_ends),
        REACTOR_TEST(the_root_scope_ends_with_the_reactor),
        REACTOR_TEST(a_thousand_nested_scopes_end),
        REACTOR_TEST(a_scope_may_be_ended_inside_a_call_that_it_owns),
        REACTOR_TEST(a_scope_that_has_ended_may_be_asked_and_ended_again_until_the_turn_is_over),
        REACTOR_TEST(a_call_at_its_end_may_end_the_scope_and_its_outer_one),
        REACTOR_TEST(what_is_started_while_a_scope_ends_has_ended),
        REACTOR_TEST(what_is_started_in_a_scope_that_has_ended_has_ended),
        REACTOR_TEST(a_deferred_made_in_a_scope_that_has_ended_fails_as_cancelled),
        REACTOR_TEST(a_signal_watched_in_a_scope_that_has_ended_is_a_failure),
        REACTOR_TEST(ending_no_scope_is_harmless),
        REACTOR_TEST(ending_the_root_scope_by_hand_aborts),
        REACTOR_TEST(ending_a_protocols_scope_by_hand_aborts),
        REACTOR_TEST(a_protocols_scope_ends_right_after_connection_lost),
        REACTOR_TEST(without_memory_there_is_no_scope_and_no_call_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
