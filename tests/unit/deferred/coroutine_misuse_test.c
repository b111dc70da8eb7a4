/*
 * Programming errors with coroutines: each ends the program with a message that says what to do.
 */
#include "deferred/coroutine_support.h"

#include "support/expect_abort.h"

static void await_outside(void)
{
    torc_await(torc_deferred_new(root, NULL, NULL));
}

static torc_result await_in_callback(void *unused, torc_result result)
{
    (void)unused;
    torc_await(torc_deferred_new(root, NULL, NULL));
    return result;
}

static torc_result fire_with_callback(torc_scope *scope, void *argument)
{
    torc_deferred *promise = torc_deferred_new(scope, NULL, NULL);

    (void)argument;
    torc_add_callback(promise, await_in_callback, NULL);
    torc_fire(promise, torc_nothing());
    return torc_nothing();
}

static void await_inside_a_callback(void)
{
    torc_spawn(root, fire_with_callback, NULL);
    turn();
}

static void await_in_hook(void *unused)
{
    (void)unused;
    torc_await(torc_deferred_new(root, NULL, NULL));
}

static torc_result end_with_hook(torc_scope *scope, void *argument)
{
    torc_scope *inner = torc_scope_new(scope);

    (void)argument;
    torc_scope_on_end(inner, await_in_hook, NULL);
    torc_scope_end(inner);
    return torc_nothing();
}

static void await_inside_the_end_of_a_scope(void)
{
    torc_spawn(root, end_with_hook, NULL);
    turn();
}

static void cancel_and_await(torc_deferred *deferred, void *argument)
{
    (void)deferred;
    (void)argument;
    torc_await(torc_deferred_new(root, NULL, NULL));
}

static torc_result cancel_with_canceller(torc_scope *scope, void *argument)
{
    (void)argument;
    torc_cancel(torc_deferred_new(scope, cancel_and_await, NULL));
    return torc_nothing();
}

static void await_inside_a_canceller(void)
{
    torc_spawn(root, cancel_with_canceller, NULL);
    turn();
}

static torc_result await_twice(torc_scope *scope, void *argument)
{
    torc_deferred *ready = torc_deferred_fired(scope, torc_integer(1));

    (void)argument;
    torc_await(ready);
    return torc_await(ready);
}

static void await_one_twice(void)
{
    torc_spawn(root, await_twice, NULL);
    turn();
}

static void await_one_in_two_coroutines(void)
{
    torc_deferred *promise = torc_deferred_new(root, NULL, NULL);

    torc_spawn(root, await_it, promise);
    torc_spawn(root, await_it, promise);
    turn();
}

static torc_result await_self(torc_scope *scope, void *job)
{
    (void)scope;
    return torc_await(*(torc_deferred **)job);
}

static void await_itself(void)
{
    torc_deferred *job = torc_spawn(root, await_self, &job);

    turn();
}

static void await_across_reactors(void)
{
    torc_reactor *other = torc_reactor_new();

    torc_spawn(root, await_it, torc_deferred_new(torc_root(other), NULL, NULL));
    turn();
}

static torc_result run_other(torc_scope *scope, void *other)
{
    torc_spawn(torc_root(other), await_it, torc_deferred_new(scope, NULL, NULL));
    torc_iterate(other, 0);
    return torc_nothing();
}

/* The other reactor's coroutine runs on top of this one's. */
static void await_across_nested_reactors(void)
{
    torc_spawn(root, run_other, torc_reactor_new());
    turn();
}

static void fire_a_coroutines_deferred(void)
{
    torc_fire(torc_spawn(root, await_it, torc_deferred_new(root, NULL, NULL)), torc_nothing());
}

static torc_result return_ready(torc_scope *scope, torc_generator *self, void *argument)
{
    (void)scope;
    (void)argument;
    return torc_give(self, torc_integer(1));
}

static void give_outside(void)
{
    torc_give(torc_generate(root, return_ready, NULL), torc_nothing());
}

static void ask_twice(void)
{
    torc_generator *generator = torc_generate(root, return_ready, NULL);

    torc_next_later(generator);
    torc_next_later(generator);
}

static const struct {
    void (*call)(void);
    const char *words;
} misuses[] = {
    { await_outside, "torc_await: only a coroutine can wait; start one by torc_spawn" },
    { await_inside_a_callback, "a callback cannot wait, also where the coroutine "
                               "'fire_with_callback' made it run" },
    { await_inside_the_end_of_a_scope, "a callback cannot wait" },
    { await_inside_a_canceller, "a callback cannot wait" },
    { await_one_twice, "torc_await: this deferred has been awaited before" },
    { await_one_in_two_coroutines, "torc_await: this deferred has been awaited before" },
    { await_itself, "torc_await: a deferred would wait for itself" },
    { await_across_reactors, "torc_await: a coroutine of another reactor cannot wait for this" },
    { await_across_nested_reactors, "torc_await: a coroutine of another reactor cannot wait" },
    { fire_a_coroutines_deferred, "torc_fire: this deferred has been fired before" },
    { give_outside, "torc_give: only a coroutine can wait" },
    { ask_twice, "torc_next_later: the generator has been asked, and has not answered yet" },
};

static void each_misuse_aborts_with_the_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof misuses / sizeof misuses[0]; i++)
        expect_abort(misuses[i].call, misuses[i].words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEFERRED_TEST(each_misuse_aborts_with_the_remedy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
