/*
 * The memory of coroutines: pooled, of a size to choose, guarded, and what it does when the system
 * has none.
 */
#include "deferred/coroutine_support.h"

#include "support/expect_abort.h"
#include "support/failing_allocation.h"
#include "support/failing_system_call.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static torc_coroutine_report look(void)
{
    torc_coroutine_report report;

    torc_coroutine_look(reactor, &report);
    return report;
}

static torc_result do_nothing(torc_scope *scope, void *argument)
{
    (void)scope;
    (void)argument;
    return torc_nothing();
}

/* -- the pool ------------------------------------------------------------------------------- */

static void spawn_many(int count)
{
    for (int i = 0; i < count; i++)
        torc_spawn(root, do_nothing, NULL);
    assert_int_equal(look().running, count);
    turns(2);
    assert_int_equal(look().running, 0);
}

static void stacks_are_kept_for_the_next_up_to_a_bound(void **state)
{
    (void)state;
    spawn_many(100);
    assert_int_equal(look().pooled, 64);
    torc_coroutine_set_pool(reactor, 10);
    assert_int_equal(look().pooled, 10);
    spawn_many(20);
    assert_int_equal(look().pooled, 10);
    torc_coroutine_set_pool(reactor, 0);
    assert_int_equal(look().pooled, 0);
    assert_int_equal(look().reserved, 0);
}

static void a_warm_reactor_maps_nothing_for_a_coroutine(void **state)
{
    (void)state;
    spawn_many(1);
    fail_system_calls_named("mmap", ENOMEM);
    spawn_many(1);
    allow_system_calls();
    assert_int_equal(logged, 0);
}

static void one_of_another_size_is_not_pooled(void **state)
{
    torc_coroutine_options options = { .name = "large", .stack_size = 1 << 20 };

    (void)state;
    torc_spawn_with(root, &options, do_nothing, NULL);
    assert_true(look().reserved >= 1 << 20);
    turns(2);
    assert_int_equal(look().pooled, 0);
    assert_int_equal(look().reserved, 0);
}

/* -- how much is used ----------------------------------------------------------------------- */

static torc_result use_much(torc_scope *scope, void *size)
{
    volatile char used[200 << 10];

    (void)scope;
    for (size_t i = 0; i < *(size_t *)size; i += 1024)
        used[sizeof used - 1 - i] = 1;
    return torc_integer(used[sizeof used - 1]);
}

static torc_result use_and_stay(torc_scope *scope, void *size)
{
    use_much(scope, size);
    return torc_sleep(scope, TORC_HOUR);
}

static void what_a_coroutine_has_used_is_seen_while_it_waits(void **state)
{
    torc_coroutine_options options = { .name = "deep", .stack_size = 512 << 10 };
    size_t size = 200 << 10;
    torc_coroutine_report report;

    (void)state;
    spawn_many(3);
    torc_spawn_with(root, &options, use_and_stay, &size);
    turn();
    report = look();
    assert_int_equal(report.running, 1);
    assert_true(report.deepest >= size && report.deepest <= size + (64 << 10));
    assert_true(report.resident >= report.deepest);
    assert_string_equal(report.deepest_name, "deep");
}

/* -- running over --------------------------------------------------------------------------- */

static volatile int depth_max = 10000000;

static int recurse(int depth)
{
    volatile char frame[512];

    frame[depth % 512] = (char)depth;
    return depth < depth_max ? recurse(depth + 1) + frame[0] : 0;
}

static torc_result run_over(torc_scope *scope, void *argument)
{
    (void)scope;
    (void)argument;
    return torc_integer(recurse(0));
}

static void overflow(void)
{
    torc_spawn(root, run_over, NULL);
    turn();
}

static void an_overflow_names_the_coroutine(void **state)
{
    (void)state;
    expect_abort(overflow, "torc: coroutine stack overflow in run_over; give it more by");
}

/* As a system without MADV_GUARD_INSTALL does it. */
static void overflow_a_protected_page(void)
{
    fail_system_calls_named("madvise", EINVAL);
    overflow();
}

static void an_overflow_is_seen_too_where_the_guard_is_a_protected_page(void **state)
{
    (void)state;
    expect_abort(overflow_a_protected_page, "torc: coroutine stack overflow in run_over");
}

static torc_result run_over_in_callback(void *unused, torc_result result)
{
    (void)unused;
    (void)result;
    return torc_integer(recurse(0));
}

static torc_result overflow_in_callback(torc_scope *scope, void *argument)
{
    torc_deferred *promise = torc_deferred_new(scope, NULL, NULL);

    (void)argument;
    torc_add_callback(promise, run_over_in_callback, NULL);
    torc_fire(promise, torc_nothing());
    return torc_nothing();
}

static void overflow_inside_a_callback(void)
{
    torc_spawn(root, overflow_in_callback, NULL);
    turn();
}

static void an_overflow_inside_a_callback_names_the_coroutine_that_made_it_run(void **state)
{
    (void)state;
    expect_abort(overflow_inside_a_callback, "coroutine stack overflow in overflow_in_callback");
}

static void last_words(int number)
{
    static const char words[] = "the program's own handler\n";
    ssize_t ignored = write(STDERR_FILENO, words, sizeof words - 1);

    (void)ignored;
    (void)number;
    abort();
}

/* Nothing of a coroutine's: the program's handler was there first, and gets it. */
static void fault_elsewhere(void)
{
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    signal(SIGSEGV, last_words);
    torc_spawn(root, do_nothing, NULL);
    turn();
    *(volatile char *)page = 1;
}

static void a_fault_that_is_not_about_a_guard_goes_to_the_former_handler(void **state)
{
    (void)state;
    expect_abort(fault_elsewhere, "the program's own handler");
}

/* -- nothing to be had ---------------------------------------------------------------------- */

static void without_memory_for_a_stack_the_spawn_fails_and_all_else_goes_on(void **state)
{
    (void)state;
    fail_all_allocations();
    spare_allocations_of(torc__deferred_size);
    torc_add_errback(torc_spawn(root, do_nothing, NULL), swallow, "allocation");
    allow_allocations();
    spare_allocations_of(0);
    turns(2);
    assert_ran("allocation!OutOfMemory ");
    fail_system_calls_named("mmap", ENOMEM);
    torc_add_errback(torc_spawn(root, do_nothing, NULL), swallow, "mmap");
    allow_system_calls();
    turns(2);
    assert_ran("mmap!OutOfMemory ");
    assert_int_equal(logged, 0);
    spawn_many(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: cmocka sets its own handlers before each test, and the children need ours. */
        DEFERRED_TEST(an_overflow_names_the_coroutine),
        DEFERRED_TEST(an_overflow_is_seen_too_where_the_guard_is_a_protected_page),
        DEFERRED_TEST(an_overflow_inside_a_callback_names_the_coroutine_that_made_it_run),
        DEFERRED_TEST(a_fault_that_is_not_about_a_guard_goes_to_the_former_handler),
        DEFERRED_TEST(stacks_are_kept_for_the_next_up_to_a_bound),
        DEFERRED_TEST(a_warm_reactor_maps_nothing_for_a_coroutine),
        DEFERRED_TEST(one_of_another_size_is_not_pooled),
        DEFERRED_TEST(what_a_coroutine_has_used_is_seen_while_it_waits),
        DEFERRED_TEST(without_memory_for_a_stack_the_spawn_fails_and_all_else_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
